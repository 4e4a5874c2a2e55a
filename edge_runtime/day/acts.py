"""What a person can tell the line to do: one type per act, told apart by `kind`.

Every act is carried out by the station between two events of its decision loop and journaled with who
asked for it. Names are text of people: any letters, shown escaped, never used as a path or a query.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

#: control, direction, private and unassigned characters, line and paragraph ends
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def _can_be_seen(name: str) -> str:
    """Two lots must not look the same on paper."""
    if any(unicodedata.category(letter) in _HIDDEN for letter in name):
        raise ValueError("a name holds no characters that cannot be seen")
    return name


#: what a lot, shift or product may be called: no line breaks or characters that cannot be seen, not blank
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$"),
    AfterValidator(_can_be_seen),
]


class _Act(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OpenShift(_Act):
    """Begin a shift."""

    kind: Literal["open_shift"] = "open_shift"
    name: Name


class CloseShift(_Act):
    """End the shift; an open lot goes on into the next one."""

    kind: Literal["close_shift"] = "close_shift"


class OpenLot(_Act):
    """Begin a lot. Its product must be the one of the recipe in force."""

    kind: Literal["open_lot"] = "open_lot"
    name: Name
    product: Name


class CloseLot(_Act):
    """End the lot. Balls in flight belong to it by their trigger."""

    kind: Literal["close_lot"] = "close_lot"


class ChangeRecipe(_Act):
    """Change over to another recipe: not Ready at once, in force once the zone is empty.

    `recipe` is a name of the catalogue or of a file in the station's recipe folder.
    """

    kind: Literal["change_recipe"] = "change_recipe"
    recipe: str = Field(min_length=1, max_length=200)


class CancelChangeover(_Act):
    """Keep the old recipe."""

    kind: Literal["cancel_changeover"] = "cancel_changeover"


class BeginChallenge(_Act):
    """Announce challenge balls: once the zone is empty, the next `balls` triggers of the lane are they.

    `expected` is a defect label, 'size', or 'any': what they must be rejected for.
    """

    kind: Literal["begin_challenge"] = "begin_challenge"
    balls: int = Field(default=1, ge=1, le=50)
    expected: str = Field(default="any", max_length=40)
    lane: int = Field(default=0, ge=0, le=7)


class CancelChallenge(_Act):
    """Give the challenge up; it counts as not done."""

    kind: Literal["cancel_challenge"] = "cancel_challenge"


class StopLine(_Act):
    """Latch the belt. Only a person at the PLC can reset it."""

    kind: Literal["stop_line"] = "stop_line"
    reason: Name


Act = Annotated[
    OpenShift
    | CloseShift
    | OpenLot
    | CloseLot
    | ChangeRecipe
    | CancelChangeover
    | BeginChallenge
    | CancelChallenge
    | StopLine,
    Field(discriminator="kind"),
]
