"""The day's state as everybody sees it: page, terminal, journal, and the file that survives a restart."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ChallengeResult = Literal["", "passed", "missed", "inconclusive", "cancelled"]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Shift(_Frozen):
    """An open shift; wall-clock times are for people."""

    name: str
    opened_by: str
    opened_utc_ns: int


class Lot(_Frozen):
    """An open lot."""

    name: str
    product: str
    opened_by: str
    opened_utc_ns: int
    recipe_sha256: str


class Changeover(_Frozen):
    """A recipe that waits for the zone to be empty."""

    recipe: str
    old_sha256: str
    new_sha256: str
    product: str
    asked_by: str
    asked_utc_ns: int


class Challenge(_Frozen):
    """Challenge balls announced or under way.

    Attributes:
        challenge: its id, 'C-<revision>'.
        waiting: the zone is not empty yet: the next trigger is still production.
        triggered, rejected, accepted, unproven: balls so far; `rejected` for what was expected, seen by
            the reject eye; `unproven` rejected for another cause.
    """

    challenge: str
    balls: int
    expected: str
    lane: int
    announced_by: str
    announced_utc_ns: int
    waiting: bool = True
    triggered: int = 0
    rejected: int = 0
    accepted: int = 0
    unproven: int = 0


class DayState(_Frozen):
    """All of it. `revision` goes up by one with every act or change that the station journals.

    Attributes:
        recipe: name or path of the recipe in force where a changeover has replaced the station file's;
            '' for the station file's.
        closed_lots: names that cannot be opened again (the newest 1000; the ledger knows them all).
        last_challenge_utc_ns, last_challenge_result: of the last finished one; 0 and '' before the first.
        challenge_due_utc_ns: when the next one is due; 0: none is demanded.
        containment: id of a missed challenge that nobody has answered with a passed one yet, '' for none.
        containment_lane: its lane; only a challenge passed there answers it.
    """

    revision: int = 0
    shift: Shift | None = None
    lot: Lot | None = None
    changeover: Changeover | None = None
    challenge: Challenge | None = None
    recipe: str = ""
    closed_lots: tuple[str, ...] = Field(default=())
    last_challenge_utc_ns: int = 0
    last_challenge_result: ChallengeResult = ""
    challenge_due_utc_ns: int = 0
    containment: str = ""
    containment_lane: int = 0
