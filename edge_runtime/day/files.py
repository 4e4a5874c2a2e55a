"""The day's file, which survives a restart, and how it is brought up to date from the journal.

`<storage>/day.json` holds the state after some act that is on disk in the journal; the acts after it are
taken from there. Neighbours: the station's desk writes it once an act is durable, a starting station reads.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from edge_runtime.day.follow import replayed
from edge_runtime.day.state import DayState
from edge_runtime.entries import ActEntry
from edge_runtime.whole_file import whole_file
from vision.errors import LedgerError

DAY_FILE = "day.json"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Recovered:
    """The state that a starting station finds.

    Attributes:
        state: of file and journal together.
        by, act: the last change and who made it; '' where the journal does not know.
        gap: which changes are neither in the file nor in the journal, in words; '' for none.
    """

    state: DayState
    by: str = ""
    act: str = ""
    gap: str = ""


def day_file(storage: Path) -> Path:
    """Where a station keeps its day."""
    return storage / DAY_FILE


def write_day(path: Path, state: DayState) -> None:
    """Write the file; the old one stands until the new one is whole on disk.

    Raises:
        OSError: it cannot be written.
    """
    with whole_file(path) as part:
        part.write_text(
            json.dumps(
                {"schema_version": _VERSION, "day": state.model_dump(mode="json")}, ensure_ascii=False
            ),
            encoding="utf-8",
        )


def read_day(path: Path) -> DayState:
    """The state in the file; an empty day where there is no file yet.

    Raises:
        LedgerError: it cannot be read or understood.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or data.get("schema_version") != _VERSION:
            raise ValueError(f"schema_version is not {_VERSION}")
        return DayState.model_validate(data.get("day"))
    except FileNotFoundError:
        return DayState()
    except (OSError, ValueError) as error:
        raise _not_understood(path, str(error)) from error


def _not_understood(path: Path, why: str) -> LedgerError:
    return LedgerError(
        f"the day's state (shift, lot, recipe) cannot be read: {why}",
        where=str(path),
        todo="put the file back from a copy; or move it away: the acts are then taken from the journal as "
        "far as it reaches back, and shift and lot must be looked at",
    )


def recover(path: Path, acts: Sequence[ActEntry]) -> Recovered:
    """The day as it was last written down.

    Args:
        path: the day's file.
        acts: all acts that the journal still holds, in its order.

    Raises:
        LedgerError: file or journal hold what no state can be.
    """
    state = read_day(path)
    gap = ""
    for entry in acts:
        if entry.revision > state.revision + 1:
            gap = f"changes {state.revision + 1} to {entry.revision - 1} are missing"
        try:
            state = replayed(state, entry)
        except ValidationError as error:
            raise _not_understood(path, f"act {entry.revision} of the journal: {error}") from error
    last = acts[-1] if acts else None
    return Recovered(state, last.by if last else "", last.act if last else "", gap)
