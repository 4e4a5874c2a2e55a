"""YAML without surprises: keys that stand twice, lines of keys, texts that break the parser."""

from __future__ import annotations

import pytest
import yaml

from edge_runtime import strict_yaml
from edge_runtime.strict_yaml import DuplicateKeyError

TEXT = """\
# a comment
size:
  es_mm: {value: 2.0, source: abc}
  names:
    - one
    - two: 2

empty:
"""


def test_data_is_what_a_plain_loader_gives() -> None:
    assert strict_yaml.load(TEXT) == yaml.safe_load(TEXT)
    assert strict_yaml.load("a: &x {b: 1}\nc: *x\nd: {<<: *x, b: 2}") == {
        "a": {"b": 1},
        "c": {"b": 1},
        "d": {"b": 2},
    }
    assert strict_yaml.load("") is None
    assert strict_yaml.load("# nothing\n") is None


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("size",), 2),
        (("size", "es_mm", "value"), 3),
        (("size", "names", 0), 5),
        (("size", "names", 1, "two"), 6),
        (("empty",), 8),
        # not there: the nearest key above it
        (("size", "es_mm", "verified"), 3),
        (("size", "ei_mm"), 2),
        (("views",), None),
        ((), None),
    ],
)
def test_lines(place: tuple[str | int, ...], line: int | None) -> None:
    assert strict_yaml.read(TEXT).line(place) == line


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("a: 1\nb: 2\na: 3\n", ((3, "a"),)),
        ("x:\n  a: 1\n  a: 1\n", ((3, "x.a"),)),
        ("x: {a: 1, a: 2}\n", ((1, "x.a"),)),
        ("x:\n  - {a: 1}\n  - {a: 1, a: 2}\n", ((3, "x.1.a"),)),
        # all of them, not the first
        ("a: 1\na: 1\nb: 1\nb: 1\n", ((2, "a"), (4, "b"))),
        # the same key by another spelling
        ('a: 1\n"a": 2\n', ((2, "a"),)),
    ],
)
def test_a_key_that_stands_twice(text: str, places: tuple[tuple[int, str], ...]) -> None:
    with pytest.raises(DuplicateKeyError) as caught:
        strict_yaml.load(text)
    assert caught.value.places == places
    assert strict_yaml.read(text).duplicates == places


@pytest.mark.parametrize(
    "text",
    [
        "a: [1, 2",  # not closed
        "a: 1\n---\nb: 2\n",  # two documents
        "a: !!python/object/apply:os.getcwd []",  # no objects
        "a: 2026-13-45",  # no such day
        f"a: {'9' * 5000}",  # a number longer than Python reads
        "a: &x [*x]",  # holds itself
        "[" * 5000,  # deeper than the stack
        "a: \x00",  # no text
        "? [1, 2]\n: 3",  # a list for a key
    ],
)
def test_what_cannot_be_read_is_a_yaml_error(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        strict_yaml.load(text)
