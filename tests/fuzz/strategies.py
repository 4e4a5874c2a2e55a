"""What hostile input is made of, shared by the tests beside it, and how many examples they run.

Quick by default and the same in every run, so that the folder is a test like any other. For a search of hours
set FERROGATE_FUZZ_EXAMPLES to the number of examples per test, and the examples are drawn anew each time:

    FERROGATE_FUZZ_EXAMPLES=20000 .venv/bin/python -m pytest tests/fuzz --timeout 0
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from vision.errors import FerrogateError

AnswerT = TypeVar("AnswerT")
#: examples of each test in a long search; 0: the quick, fixed ones
LONG = int(os.environ.get("FERROGATE_FUZZ_EXAMPLES", "0"))
#: an error is read by a person
TEXT_MAX = 20_000


def fuzzed(quick: int) -> settings:
    """Settings of one test: `quick` examples, or those of a long search."""
    return settings(
        max_examples=LONG or quick,
        derandomize=not LONG,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def one_answer(call: Callable[[], AnswerT]) -> AnswerT | FerrogateError:
    """What a call gives: its value, or its one typed error, whole and readable.

    Anything else that it raises goes through and fails the test.
    """
    try:
        return call()
    except FerrogateError as caught:
        error = caught
    assert error.what.strip(), error
    assert error.where, error
    assert error.todo.strip(), error
    assert len(str(error)) < TEXT_MAX, str(error)[:500]
    return error


TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "\0",
            "a\0b",
            "../../etc/passwd",
            "/etc/passwd",
            "\ud800",  # half of a pair: no UTF-8 has it
            "\u202egpj.exe",  # turns the reading direction
            "ﬁ",
            "A" * 5000,
            "NaN",
            "1e999",
            "{{7*7}}",
            "<script>alert(1)</script>",
            "'; DROP TABLE parts; --",
            "%s%n%x",
            "~",
            "-0",
        ]
    ),
)
NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.integers(),
    st.sampled_from([1 << 31, 1 << 63, (1 << 63) - 1, -(1 << 63) - 1, 1 << 64, 10**400, -(10**400)]),
    st.floats(),
    st.sampled_from([float("nan"), float("inf"), -float("inf"), -0.0, 5e-324, 1.8e308, 0.1]),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
#: anything that JSON, or YAML, can say
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)
#: as deep as no program that calls itself can follow
DEEP_JSON = ["[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000]
#: a number that Python refuses to make of text, and says so with a ValueError
LONG_NUMBER = "9" * 5000


def _places(tree: object, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a tree of dicts and lists."""
    found = [above]
    if isinstance(tree, dict):
        for key, value in tree.items():
            found += _places(value, (*above, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            found += _places(value, (*above, index))
    return found


@st.composite
def mutants(draw: st.DrawFn, tree: Any) -> Any:
    """A tree that was whole, with one to three places replaced, taken out, doubled or renamed."""
    grown = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(_places(grown)))
        if not place:
            if draw(st.integers(0, 20)) == 0:
                return draw(VALUES)
            continue
        holder = grown
        for step in place[:-1]:
            holder = holder[step]
        last: Any = place[-1]
        how = draw(st.sampled_from(["replace", "replace", "replace", "near", "drop", "double", "rename"]))
        value = holder[last]
        if how == "drop":
            del holder[last]
        elif how == "double":
            if isinstance(holder, list):
                holder.append(copy.deepcopy(value))
            else:
                holder[f"{last}2"] = copy.deepcopy(value)
        elif how == "rename" and isinstance(holder, dict):
            holder[draw(TEXTS)] = holder.pop(last)
        elif how == "near" and isinstance(value, int | float) and not isinstance(value, bool):
            factor = draw(st.sampled_from([-1, 0, 10, 0.001, 1e6]))
            holder[last] = type(value)(float(value) * factor) if abs(value) < 1e300 else -value
        else:
            holder[last] = draw(VALUES)
    return grown


@st.composite
def torn(draw: st.DrawFn, data: bytes) -> bytes:
    """Bytes that were whole: cut, with bits turned over, with a piece put in or doubled."""
    how = draw(st.sampled_from(["cut", "bits", "bits", "insert", "double", "zero"]))
    at = draw(st.integers(0, max(0, len(data) - 1)))
    if how == "cut":
        return data[:at]
    if how == "insert":
        return data[:at] + draw(st.binary(min_size=1, max_size=64)) + data[at:]
    to = min(len(data), at + draw(st.integers(1, 64)))
    if how == "double":
        return data[:to] + data[at:]
    if how == "zero":
        return data[:at] + bytes(to - at) + data[to:]
    changed = bytearray(data)
    for place in draw(st.lists(st.integers(0, max(0, len(data) - 1)), min_size=1, max_size=6)):
        changed[place] ^= 1 << draw(st.integers(0, 7))
    return bytes(changed)
