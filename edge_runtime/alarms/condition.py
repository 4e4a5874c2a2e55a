"""One thing that is wrong now, and how limits with a dead band are asked.

Neighbours: the modules that find conditions, `steady` and `desk`, which keep them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from edge_runtime.alarms.codes import Level, rule_of


class Key(NamedTuple):
    """What tells alarms apart: the code, and which camera it is about ('' for the whole station)."""

    code: str
    subject: str


@dataclass(frozen=True, slots=True)
class Condition:
    """Something wrong.

    Attributes:
        code: of `codes.CODES`.
        subject: which camera; '' for the whole station.
        values: fill the places of the text; plain numbers and words. `detail`, where there is one, is
            English for the service engineer and stands in no text.
    """

    code: str
    subject: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """What tells it apart."""
        return Key(self.code, self.subject)

    @property
    def level(self) -> Level:
        """How grave."""
        return rule_of(self.code).level


Standing = frozenset[Key]


def above(value: float | None, raise_at: float, clear_at: float, *, stands: bool) -> bool:
    """Whether a figure is too high: reached `raise_at`, or stands and is still above `clear_at` (lower).

    None and what is no number are not judged.
    """
    if value is None or not math.isfinite(value):
        return False
    return value >= raise_at or (stands and value > clear_at)


def below(value: float | None, raise_at: float, clear_at: float, *, stands: bool) -> bool:
    """Whether a figure is too low: fell to `raise_at`, or stands and is still below `clear_at` (higher).

    None and what is no number are not judged.
    """
    if value is None or not math.isfinite(value):
        return False
    return value <= raise_at or (stands and value < clear_at)


def figure(value: float | None, digits: int = 0) -> float | int | None:
    """A figure for people; whole without digits, None for what is no number."""
    if value is None or not math.isfinite(value):
        return None
    return round(value, digits) if digits else round(value)
