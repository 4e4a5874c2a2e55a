"""Texts of commissioning: one catalogue per language, in the form of `edge_runtime.reports.words`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from edge_runtime import strict_yaml
from edge_runtime.commission.shown import Value
from edge_runtime.reports.words import Words
from edge_runtime.reports.words import load_words as load_report_words

_FOLDER = Path(__file__).parent / "messages"


@cache
def commission_texts(language: str) -> dict[str, str]:
    """All texts in a language, dotted key to text. Not to be changed by the caller.

    Raises:
        ConfigError: there is no such language.
    """
    language = load_report_words(language).language
    tree = strict_yaml.load((_FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    assert isinstance(tree, Mapping)
    return dict(_flat(tree, ""))


@cache
def load_words(language: str, utc_offset_hours: float | None = None) -> Words:
    """The texts with the forms of their language, on the plant's clock where it is known.

    Raises:
        ConfigError: there is no such language.
    """
    return replace(load_report_words(language, utc_offset_hours), texts=commission_texts(language))


def filled(words: Words, key: str, values: Mapping[str, Value]) -> str:
    """A text with its places filled: numbers in the reader's form, words of the catalogue by their key."""
    shown = {name: _shown(words, name, value) for name, value in values.items()}
    return words(key, **shown)


def _shown(words: Words, name: str, value: Value) -> str:
    if name == "cause":
        return words.known(f"cause.{value}", str(value))
    if isinstance(value, float):
        return words.number(value, 0 if value.is_integer() else 1)
    if isinstance(value, int) and name not in ("value", "version", "wanted", "lane"):
        return words.number(value)
    return "" if value is None else str(value)


def _flat(tree: Mapping[str, object], before: str) -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        else:
            yield name, str(value)
