"""What a person can ask of a rail: the changes, as the page sends them.

A change that was written down is a `store_types.Correction`. Neighbours: `corrections` works them out.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from edge_runtime.yard.store_text import Box, Line, Text, bad_value
from vision.rail_map.types import Element, Frozen
from vision.yard.types import GradeWord, TypedFacts


class FindingValues(Frozen):
    """What an inspector says of a finding; of a correction only what changes.

    `xyxy_px`: pixels of that camera's strip, y the map's row.
    """

    kind: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    element: Element | None = None
    camera: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    xyxy_px: Box | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _box_with_camera(self) -> Self:
        if (self.camera is None) != (self.xyxy_px is None):
            raise ValueError("a box needs its camera, and a camera its box")
        return self


class _Change(Frozen):
    reason: Text = ""


class Confirm(_Change):
    """The finding is what the model said; one that was dismissed stands again."""

    kind: Literal["confirm"] = "confirm"
    finding: Line


class Dismiss(_Change):
    """There is nothing of the kind."""

    kind: Literal["dismiss"] = "dismiss"
    finding: Line


class Correct(_Change):
    """It is something else, or elsewhere."""

    kind: Literal["correct"] = "correct"
    finding: Line
    values: FindingValues


class Add(_Change):
    """The model missed something."""

    kind: Literal["add"] = "add"
    values: FindingValues


class SetFacts(_Change):
    """What the inspector types of the rail; takes the place of what was typed before."""

    kind: Literal["facts"] = "facts"
    facts: TypedFacts


class ConfirmGrade(_Change):
    """The grade holds as it was computed."""

    kind: Literal["confirm_grade"] = "confirm_grade"


class OverrideGrade(_Change):
    """Another grade holds, for a reason."""

    kind: Literal["override_grade"] = "override_grade"
    grade: GradeWord


class Reviewed(_Change):
    """A person has gone through a stretch and what is there is labelled; None: all cameras, to the end."""

    kind: Literal["reviewed"] = "reviewed"
    camera: Line | None = None
    first_row: Annotated[float, Field(ge=0.0)] | None = None
    last_row: Annotated[float, Field(ge=0.0)] | None = None


class Assign(_Change):
    """The rail came with this wagon; None: with none that is known."""

    kind: Literal["assign"] = "assign"
    wagon_id: Annotated[int, Field(ge=1)] | None


class Undo(_Change):
    """Takes back a correction of this rail, by its number."""

    kind: Literal["undo"] = "undo"
    correction: Annotated[int, Field(ge=1)]


Change = (
    Confirm | Dismiss | Correct | Add | SetFacts | ConfirmGrade | OverrideGrade | Reviewed | Assign | Undo
)
_CHANGE: TypeAdapter[Change] = TypeAdapter(Annotated[Change, Field(discriminator="kind")])


def parse_change(value: object) -> Change:
    """A change from plain values, such as the page's JSON.

    Raises:
        YardRefused: 'bad_value'.
    """
    try:
        return _CHANGE.validate_python(value)
    except ValidationError as error:
        raise bad_value(error) from error
