"""Acts, shifts, lots and line states: from the journal into rows, and parts to the shift they belong to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from edge_runtime.entries import ActEntry, Entry
from edge_runtime.ledger.apply import Applier
from edge_runtime.ledger.day_models import ActRow, LineStateRow, LotRow, ShiftRow
from edge_runtime.ledger.models import Base, PartRow
from edge_runtime.ledger.queries import fault_totals
from edge_runtime.ledger.store import reading
from edge_runtime.ledger.tallies import count_rows, unlike_counts
from tests.edge.ledger.day_samples import Day, apply_all, line_state, through
from tests.edge.ledger_samples import BOOT, UTC_NS, outcome, part, placed
from vision.errors import LedgerError


def _rows(engine: sa.Engine, model: type[Base], *names: str) -> list[tuple[Any, ...]]:
    columns = [model.__table__.c[name] for name in names]
    with reading(engine) as connection:
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(sa.column("id")))]


def _faults(engine: sa.Engine) -> dict[str, int]:
    with reading(engine) as connection:
        return fault_totals(connection)


SHIFT = ("name", "opened_by", "closed_by")
LOT = ("name", "product", "opened_by", "closed_by")


@pytest.mark.parametrize("batch_size", [1, 100])
def test_shifts_and_lots_open_and_close(engine: sa.Engine, batch_size: int) -> None:
    day = Day()
    entries = [
        day.open_shift("day"),
        day.open_lot("<b>L-1</b>"),
        day.close_shift("Marat"),
        day.open_shift("night", "Marat"),
        day.close_lot("Marat"),
        day.open_lot("L-2", "Marat"),
    ]
    apply_all(engine, entries, batch_size)
    assert _rows(engine, ShiftRow, *SHIFT) == [("day", "Aigul", "Marat"), ("night", "Marat", None)]
    assert _rows(engine, LotRow, *LOT) == [
        ("<b>L-1</b>", "ball 40", "Aigul", "Marat"),
        ("L-2", "ball 40", "Marat", None),
    ]
    times = _rows(engine, ShiftRow, "opened_utc_ns", "closed_utc_ns")
    assert times == [(entries[0].utc_ns, entries[2].utc_ns), (entries[3].utc_ns, None)]
    acts = _rows(engine, ActRow, "revision", "act", "by_name", "role")
    assert acts[0] == (1, "open_shift", "Aigul", "foreman")
    assert [act for _, act, _, _ in acts] == [entry.act for entry in entries]
    assert _rows(engine, ActRow, "asked")[1] == (
        {"kind": "open_lot", "name": "<b>L-1</b>", "product": "ball 40"},
    )
    assert _faults(engine) == {}


def test_parts_belong_to_the_shift_of_their_trigger_not_of_their_time(engine: sa.Engine) -> None:
    """In flight while the shift changed: judged later, with the old name. The same name may come again."""
    day = Day()
    entries: list[Entry] = [
        part(1, shift="none yet"),
        day.open_shift("day"),
        *through(2, shift="day"),
        day.close_shift(),
        day.open_shift("night"),
        part(3, shift="day"),
        part(4, shift="night"),
        outcome(3),
        day.close_shift(),
        day.open_shift("day"),
        part(5, shift="day"),
        outcome(9, verdict=None),  # its part's entry died with the station: nobody knows its shift
    ]
    apply_all(engine, entries)
    found = _rows(engine, PartRow, "trigger_seq", "shift_id")
    assert found == [(1, None), (2, 1), (3, 1), (4, 2), (5, 3), (9, None)]


@pytest.mark.parametrize(
    ("entries", "shifts", "lots", "faults"),
    [
        # the ledger began while both were open: their rows are made from what closing says of them
        (
            lambda day: [day.open_shift("day"), day.open_lot("L-1"), day.close_lot(), day.close_shift()][2:],
            [("day", "Aigul", "Aigul")],
            [("L-1", "ball 40", "Aigul", "Aigul")],
            {},
        ),
        # the day's file was lost: nobody closed the shift and the lot of before
        (
            lambda day: [day.open_shift("day"), day.open_lot("L-1"), *_again("night", "L-2")],
            [("day", "Aigul", ""), ("night", "Aigul", None)],
            [("L-1", "ball 40", "Aigul", ""), ("L-2", "ball 40", "Aigul", None)],
            {},
        ),
        # and then somebody gave a lot's name once more
        (
            lambda day: [day.open_lot("L-1"), day.close_lot(), *_again("day", "L-1")],
            [("day", "Aigul", None)],
            [("L-1", "ball 40", "Aigul", None)],
            {"lot_name_again": 1},
        ),
        # what cannot be understood is written down and named; the recorder goes on
        (
            lambda day: [replace(day.open_shift("day"), after={"shift": {"name": "day"}})],
            [],
            [],
            {"act_incomplete": 1},
        ),
    ],
)
def test_acts_that_do_not_fit_what_the_ledger_knows(
    engine: sa.Engine, entries: Any, shifts: list[Any], lots: list[Any], faults: dict[str, int]
) -> None:
    acts = entries(Day())
    apply_all(engine, [*acts, part(1)])
    assert _rows(engine, ShiftRow, *SHIFT) == shifts
    assert _rows(engine, LotRow, *LOT) == lots
    assert _faults(engine) == faults
    assert len(_rows(engine, ActRow, "id")) == len(acts)
    assert len(_rows(engine, PartRow, "id")) == 1


def _again(shift: str, lot: str) -> list[ActEntry]:
    """Acts of a station that has forgotten the day."""
    day = Day()
    day.utc_ns += 1000
    return [day.open_shift(shift), day.open_lot(lot)]


def test_an_act_that_changes_neither_shift_nor_lot(engine: sa.Engine) -> None:
    stop = ActEntry(
        7, "stop_line", "Marat", "operator", {"kind": "stop_line", "reason": "?"}, {}, {}, UTC_NS, BOOT
    )
    apply_all(engine, [stop])
    assert _rows(engine, ActRow, "revision", "act", "before", "after") == [(7, "stop_line", {}, {})]


def test_line_states_come_back_whole(engine: sa.Engine) -> None:
    odd = line_state(
        1.0, ready=False, holds=("key", "challenge_due"), inputs=("air_low",), key_switch="bypass"
    )
    apply_all(engine, [line_state(0.0), odd])
    names = ("connected", "running", "latched", "stop_cause", "ready", "holds", "key_switch", "inputs", "lot")
    assert _rows(engine, LineStateRow, *names) == [
        (True, True, False, "none", True, "", "auto", "", "lot 7"),
        (True, True, False, "none", False, "key,challenge_due", "bypass", "air_low", "lot 7"),
    ]


def test_acts_are_applied_exactly_once(engine: sa.Engine) -> None:
    """Two recorders with the same entries: the second one's are not taken."""
    day = Day()
    first, second = Applier(engine), Applier(engine)
    items = placed([day.open_shift("day"), *through(1, shift="day"), line_state(0.0)])
    first.apply(items)
    with pytest.raises(LedgerError, match="another process"):
        second.apply(items)
    counts = [len(_rows(engine, model, "id")) for model in (ActRow, ShiftRow, PartRow, LineStateRow)]
    assert counts == [1, 1, 1, 1]
    with reading(engine) as connection:
        assert unlike_counts(connection, count_rows(connection)) == []


def test_columns_of_part_and_outcome(engine: sa.Engine) -> None:
    entries: list[Entry] = [
        part(1, challenge="C-4"),
        outcome(1, confirm_encoder_count=4711),
        part(2),
        outcome(2),
    ]
    apply_all(engine, entries)
    found = _rows(engine, PartRow, "challenge", "confirm_encoder_count")
    assert found == [("C-4", 4711), (None, None)]
