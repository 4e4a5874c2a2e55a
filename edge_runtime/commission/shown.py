"""What a step says while it works, and what it leaves: plain values for terminal, page, report and file.

Texts are keys of the commissioning's message catalogue (`words`); numbers stay numbers, with unit and
digits, so that every reader gets them in his own form.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Answer = dict[str, Any]
Value = str | int | float | None


@dataclass(frozen=True, slots=True)
class Figure:
    """A live figure with its limits; `best` so far where the technician turns something.

    `share` 0..1 fills the bar (1 is as good as it gets); None: no bar. `settling`: it comes into its limits
    by itself as balls pass, so that it is nobody's fault while it is outside.
    """

    key: str
    value: float | None
    digits: int = 1
    unit: str = ""
    low: float | None = None
    high: float | None = None
    best: float | None = None
    share: float | None = None
    settling: bool = False

    @property
    def ok(self) -> bool | None:
        """Within its limits; None where there is no figure or no limit."""
        if self.value is None or (self.low is None and self.high is None):
            return None
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        inside = low <= self.value <= high
        return None if self.settling and not inside else inside


@dataclass(frozen=True, slots=True)
class Show:
    """What the technician sees now.

    Attributes:
        text: key of what to do now; `values` fill its places.
        figures: live figures.
        progress: done and in all, None without a count.
        asks: names of the answers that are taken now: 'done', 'again' as buttons, others as fields.
        camera: whose live picture matters, '' for none.
        waiting: True while nothing happens until the technician does something.
    """

    text: str
    values: dict[str, Value] = field(default_factory=dict)
    figures: tuple[Figure, ...] = ()
    progress: tuple[int, int] | None = None
    asks: tuple[str, ...] = ()
    camera: str = ""
    waiting: bool = False


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fact(_Model):
    """One line of a step's result.

    Attributes:
        key: of the catalogue; `subject` (camera, lane, register) stands beside it.
        value, u: with the uncertainty (k = 1) where there is one.
        plc: what the PLC's register or the draft says of the same.
        ok: None: only told. False: the step is red.
        todo: key of what to do, with its values.
    """

    key: str
    value: Value = None
    u: float | None = None
    unit: str = ""
    digits: int | None = None
    plc: float | int | str | None = None
    ok: bool | None = None
    subject: str = ""
    todo: str = ""
    todo_values: dict[str, Value] = Field(default_factory=dict)


StepStatus = Literal["open", "running", "passed", "failed", "skipped"]


class StepResult(_Model):
    """What a step leaves.

    Attributes:
        status: passed, failed (red: repeat it or skip it with a reason), skipped.
        facts: for people. values: for the station file and later steps. raw: every single measurement.
        reason: why it was skipped. by: who did it.
    """

    step: str
    status: StepStatus
    facts: tuple[Fact, ...] = ()
    values: dict[str, Any] = Field(default_factory=dict)
    raw: dict[str, Any] = Field(default_factory=dict)
    reason: str = ""
    by: str = ""
    begun_utc_ns: int = 0
    ended_utc_ns: int = 0


@dataclass(slots=True)
class Found:
    """What a step has gathered when it ends."""

    facts: list[Fact] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """No fact speaks against it."""
        return all(fact.ok is not False for fact in self.facts)


#: a step under way: yields what to show, is resumed once per tick, returns what it found
StepRun = Generator[Show, None, Found]


class StepFailed(Exception):  # noqa: N818  # not an error of the program: the step ends red
    """A step cannot go on: a key of the catalogue says why and what to do.

    Args:
        key: of the catalogue. values: fill its places. raw: measurements so far.
    """

    def __init__(self, key: str, raw: dict[str, Any] | None = None, **values: Value) -> None:
        super().__init__(key)
        self.key = key
        self.values = values
        self.raw = raw or {}
