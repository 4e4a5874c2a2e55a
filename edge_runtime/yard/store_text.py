"""Text and numbers as people type them: what the yard's books keep, and what they refuse.

Markup is text like any other: who shows it must escape it. Neighbours: `store_types`, `store_changes`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from edge_runtime.yard.store_errors import YardRefused

LINE_MAX, TEXT_MAX = 400, 4000
#: letters that change how others read: marks of direction, and what no paper can print
_TURNING = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0xFEFF}


def plain_line(text: str) -> str:
    """A line as it is kept: no blanks around it; markup is text like any other.

    Raises:
        ValueError: it holds control characters, marks of direction or half characters.
    """
    if any(_unseen(letter) for letter in text):
        raise ValueError("control characters and marks of direction cannot be printed")
    return text.strip()


def plain_text(text: str) -> str:
    """As `plain_line`, line breaks and tabs allowed."""
    plain_line(text.replace("\r\n", " ").replace("\n", " ").replace("\t", " "))
    return text.replace("\r\n", "\n").strip()


def _unseen(letter: str) -> bool:
    return unicodedata.category(letter) in {"Cc", "Cs", "Cn", "Co"} or ord(letter) in _TURNING


Line = Annotated[str, Field(max_length=LINE_MAX), AfterValidator(plain_line)]
Text = Annotated[str, Field(max_length=TEXT_MAX), AfterValidator(plain_text)]
Box = tuple[float, float, float, float]


def bad_value(error: ValidationError) -> YardRefused:
    """The first fault of a validation, as the page can say it; never the value itself, which may be huge."""
    first = error.errors()[0]
    field_name = ".".join(str(part) for part in first["loc"]) or "value"
    return bad_field(field_name, first["msg"].removeprefix("Value error, "))


def bad_field(name: str, why: str) -> YardRefused:
    """Refusal of one field."""
    return YardRefused(
        "bad_value", f"{name}: {why}", values={"field": name, "why": why}, where=name, todo="correct it"
    )


def clean_text(name: str, text: str, longest: int, rule: Callable[[str], str]) -> str:
    """A text of a field by one of the rules above.

    Raises:
        YardRefused: 'bad_value', also where it is longer than `longest` letters.
    """
    try:
        clean = rule(text)
    except ValueError as error:
        raise bad_field(name, str(error)) from error
    if len(clean) > longest:
        raise bad_field(name, f"at most {longest} letters")
    return clean
