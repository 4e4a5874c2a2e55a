"""From a folder or station file to its ledger, with what is left in the journal applied.

For commands that a person calls. Neighbours: `store` opens, `edge_runtime.recorder_main` applies the journal.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from edge_runtime.ledger.store import ledger_url, open_ledger, open_to_read
from edge_runtime.recorder_main import apply_rest, recorder_lock
from edge_runtime.yard.yard_config import storage_of
from vision.errors import LedgerError

_AT_WORK = "another recorder is at work here"


@dataclass(frozen=True, slots=True)
class LedgerPlace:
    """A station's storage folder and the address of its ledger."""

    storage: Path
    url: str


def find_ledger(place: Path) -> LedgerPlace:
    """The ledger of a storage folder, run folder (known by the station file in it) or station file.

    Raises:
        ConfigError: the station file cannot be read.
    """
    is_storage = (place / "journal").is_dir() or (place / "ledger.sqlite").is_file()
    if place.is_dir() and not is_storage and (place / "station.yaml").is_file():
        place = place / "station.yaml"
    if place.is_dir():
        return LedgerPlace(place, ledger_url(place))
    folder, database_url = storage_of(place)
    return LedgerPlace(folder, ledger_url(folder, database_url))


def open_caught_up(place: LedgerPlace, *, insist: bool = False) -> tuple[sa.Engine, str]:
    """The ledger, with the rest of the journal applied where no recorder does it.

    Args:
        place: where it is.
        insist: fail where the rest cannot be applied.

    Returns:
        The engine, and a note for the user ('' for none) why the newest entries are missing.

    Raises:
        LedgerError: there is no ledger, it is not ours, or the database refuses; with `insist` also
            while another recorder is at work.
    """
    if not (place.storage / "journal").is_dir():
        return open_to_read(place.url), ""
    try:
        with recorder_lock(place.storage, wait_s=0.0):
            engine = open_ledger(place.url)
            try:
                apply_rest(engine, place.storage)
            except LedgerError:
                engine.dispose()
                raise
            return engine, ""
    except LedgerError as error:
        if insist:
            raise
        engine = open_to_read(place.url)
        return engine, "" if error.what == _AT_WORK else f"the newest entries are not applied: {error.what}"


def open_to_write(place: LedgerPlace) -> sa.Engine:
    """The ledger for entries of a person, such as the lab's; made or migrated where that is needed.

    Raises:
        LedgerError: there is neither ledger nor journal, or the database refuses.
    """
    engine, _ = open_caught_up(place)
    engine.dispose()
    return open_ledger(place.url)
