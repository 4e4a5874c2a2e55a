"""The day's entries into rows: acts with their shifts and lots, how the line stood.

Each function works within its caller's transaction and takes what the journal says as it is: an act that
does not fit what the ledger knows (a day file that was lost, a ledger that began later) is written down
and named as a fault, it never stops the recorder. Neighbours: `apply` calls, `containment` does challenges.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from edge_runtime.day.state import Lot, Shift
from edge_runtime.entries import ActEntry, FaultEntry, LineStateEntry
from edge_runtime.ledger.day_models import ActRow, LineStateRow, LotRow, ShiftRow

#: between the words of a list in one column; no name of a hold or input has it
SEPARATOR = ","


def take_act(connection: sa.Connection, entry: ActEntry) -> list[FaultEntry]:
    """Write an act down, and what it changed of shift and lot.

    Returns:
        Faults: `act_incomplete` where a shift or lot in it cannot be understood, `lot_name_again` where a lot
        was opened whose name the ledger has already.
    """
    connection.execute(
        sa.insert(ActRow),
        {
            "revision": entry.revision,
            "act": entry.act,
            "by_name": entry.by,
            "role": entry.role,
            "asked": entry.asked,
            "before": entry.before,
            "after": entry.after,
            "utc_ns": entry.utc_ns,
        },
    )
    faults: list[FaultEntry] = []
    try:
        if "shift" in entry.after:
            _change_shift(connection, entry, _shift(entry.before), _shift(entry.after))
        if "lot" in entry.after and _change_lot(connection, entry, _lot(entry.before), _lot(entry.after)):
            faults.append(_fault(entry, "lot_name_again", str(entry.after["lot"]["name"])))
    except ValidationError as error:
        faults.append(_fault(entry, "act_incomplete", f"{entry.act}: {error.errors()[0]['msg']}"))
    return faults


def take_line_state(connection: sa.Connection, entry: LineStateEntry) -> None:
    """Write down how the line stands from now on."""
    plain = ("connected", "running", "latched", "stop_cause", "ready", "key_switch", "lot", "shift", "utc_ns")
    values: dict[str, Any] = {name: getattr(entry, name) for name in plain}
    values |= {"holds": SEPARATOR.join(entry.holds), "inputs": SEPARATOR.join(entry.inputs)}
    connection.execute(sa.insert(LineStateRow), values)


def newest_shift_id(connection: sa.Connection, name: str) -> int | None:
    """Row number of the shift that was opened last by this name; None when none ever was."""
    query = sa.select(sa.func.max(ShiftRow.id)).where(ShiftRow.name == name)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else int(found)


def _shift(changed: dict[str, Any]) -> Shift | None:
    value = changed.get("shift")
    return None if value is None else Shift.model_validate(value)


def _lot(changed: dict[str, Any]) -> Lot | None:
    value = changed.get("lot")
    return None if value is None else Lot.model_validate(value)


def _change_shift(
    connection: sa.Connection, entry: ActEntry, before: Shift | None, after: Shift | None
) -> None:
    if before is not None:
        here = sa.and_(ShiftRow.name == before.name, ShiftRow.closed_utc_ns.is_(None))
        if connection.execute(sa.select(ShiftRow.id).where(here)).first() is None:
            connection.execute(sa.insert(ShiftRow), before.model_dump() | _closed(None, None))
    # One shift is open at a time: one whose end was never told ends here at the latest.
    still_open = sa.update(ShiftRow).where(ShiftRow.closed_utc_ns.is_(None))
    connection.execute(still_open.values(_closed("" if before is None else entry.by, entry.utc_ns)))
    if after is not None:
        connection.execute(sa.insert(ShiftRow), after.model_dump() | _closed(None, None))


def _change_lot(connection: sa.Connection, entry: ActEntry, before: Lot | None, after: Lot | None) -> bool:
    """Close and open; True when the name of the opened one was there already."""
    known = sa.select(LotRow.id).where(LotRow.name == sa.bindparam("its_name"))
    if before is not None and connection.execute(known, {"its_name": before.name}).first() is None:
        connection.execute(sa.insert(LotRow), before.model_dump() | _closed(None, None))
    still_open = sa.update(LotRow).where(LotRow.closed_utc_ns.is_(None))
    connection.execute(still_open.values(_closed("" if before is None else entry.by, entry.utc_ns)))
    if after is None:
        return False
    if connection.execute(known, {"its_name": after.name}).first() is None:
        connection.execute(sa.insert(LotRow), after.model_dump() | _closed(None, None))
        return False
    again = sa.update(LotRow).where(LotRow.name == after.name)
    connection.execute(again.values(after.model_dump() | _closed(None, None)))
    return True


def _closed(by: str | None, utc_ns: int | None) -> dict[str, Any]:
    return {"closed_by": by, "closed_utc_ns": utc_ns}


def _fault(entry: ActEntry, code: str, detail: str) -> FaultEntry:
    return FaultEntry(code, detail, 1, entry.utc_ns, entry.boot_id)
