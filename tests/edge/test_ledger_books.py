"""The books: balanced when they should be, and each kind of imbalance named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from edge_runtime.entries import Entry, FaultEntry, GapEntry, PartEntry
from edge_runtime.ledger.apply import Applier
from edge_runtime.ledger.books import Books, balance
from edge_runtime.ledger.store import ledger_url, open_ledger, reading
from edge_runtime.ledger.tally import IN_FLIGHT_MAX, ranges_text
from tests.edge.ledger_samples import BOOT, UTC_NS, counters, epoch, outcome, part, placed

TRIGGERS = "triggers = parts + named trigger faults"
VIEWS = "views due = views got + named losses"
VERDICTS = "parts = accepted + rejected + bypassed"
OUTCOMES = "parts = PLC outcomes (by verdict or by default)"
CONFIRMS = "outcomes = confirmations + named faults"
ACCEPTED, REJECTED, CONFIRMED = (
    f"PLC's {name} = rows" for name in ("accepted_total", "rejected_total", "confirmed_total")
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_ledger(ledger_url(tmp_path))
    yield engine
    engine.dispose()


def _books(engine: sa.Engine, entries: Sequence[Entry]) -> Books:
    Applier(engine).apply(placed(list(entries)))
    with reading(engine) as connection:
        return balance(connection)


def _through(*seqs: int, epoch: int = 1, lane: int = 0, decision: str = "accept") -> list[Entry]:
    entries: list[Entry] = []
    for seq in seqs:
        entries.append(part(seq, epoch=epoch, lane=lane, decision=decision))
        entries.append(outcome(seq, epoch=epoch, lane=lane, verdict=decision))
    return entries


def _gap(first: int, last: int) -> GapEntry:
    return GapEntry(1, 0, first, last, "no_vision", "accepted_total stood still", UTC_NS, BOOT)


def _trigger_fault(count: int) -> FaultEntry:
    return FaultEntry("trigger_lost", "overwritten", count, UTC_NS, BOOT)


BALANCED: dict[str, list[Entry]] = {
    "an empty ledger": [],
    "all through": [epoch(), *_through(1, 2, 3), *_through(4, decision="reject"), counters(3, 1)],
    "two lanes": [epoch(), *_through(1, 2), *_through(1, 2, 3, lane=1), counters(5, 0)],
    "review goes to the reject chute": [epoch(), *_through(1, decision="review"), counters(0, 1)],
    "lost views with a cause": [epoch(), part(1, views_lost=2), outcome(1), counters(1, 0)],
    "rejected by default": [
        epoch(),
        part(1),
        outcome(1, side="reject", cause="late", confirm="reject_eye"),
        counters(0, 1),
    ],
    "a wrong chute is a named fault": [
        epoch(),
        part(1),
        outcome(1, confirm="reject_eye"),
        counters(1, 0, confirmed_total=0),
    ],
    "seen by no eye is a named fault": [
        epoch(),
        part(1),
        outcome(1, confirm="none"),
        counters(1, 0, confirmed_total=0),
    ],
    "crash: the row is completed from the outcome": [epoch(), *_through(1), outcome(2), counters(2, 0)],
    "nobody there: the gap's rows": [epoch(), *_through(1, 5), _gap(2, 4), counters(2, 3)],
    "the gap's parts were not all confirmed": [
        epoch(),
        *_through(1),
        _gap(2, 3),
        counters(1, 2, confirmed_total=2),
    ],
    "numbers run on through epochs": [
        epoch(1),
        *_through(1, 2),
        epoch(2),
        *_through(3, epoch=2),
        counters(3, 0),
    ],
    "epochs that the PLC opened while the station was away": [
        epoch(1, 77),
        *_through(1, 2),
        *_through(3, epoch=2),
        *_through(4, epoch=3),
        epoch(4, 77),
        *_through(5, epoch=4),
        *_through(6, epoch=5),
        counters(6, 0),
    ],
    "such epochs just before and after the PLC began anew": [
        epoch(1, 77),
        *_through(1, 2),
        *_through(3, epoch=2),
        counters(3, 0),
        *_through(1, epoch=3),
        epoch(4, 78),
        *_through(2, epoch=4),
        counters(2, 0, plc_boot_id=78),
    ],
    "a proven part under a gate that began to move": [
        epoch(),
        part(1),
        outcome(1, cause="heartbeat"),
        counters(1, 0),
    ],
    "numbers begin anew with the PLC": [
        epoch(1, 77),
        *_through(1, 2),
        counters(2, 0),
        epoch(2, 78),
        *_through(1, 2, 3, epoch=2),
        counters(3, 0, plc_boot_id=78),
    ],
    "a PLC that had run before this ledger began": [
        epoch(),
        counters(40, 60),
        *_through(101, 102),
        counters(42, 60),
    ],
    "a trigger fault that is named": [
        epoch(),
        *_through(1, 3),
        _trigger_fault(1),
        counters(2, 0, triggers_total=3),
    ],
    "totals older than the newest rows": [epoch(), *_through(1), counters(1, 0), *_through(2, 3)],
    "an outcome ring that was full, as the PLC says": [
        epoch(),
        part(1),
        *_through(*range(2, 9)),
        counters(8, 0, outcome_overflow=1),
    ],
}


@pytest.mark.parametrize("name", BALANCED)
def test_balanced(engine: sa.Engine, name: str) -> None:
    books = _books(engine, BALANCED[name])
    assert books.balanced, books.text()
    assert books.settled
    assert "the books balance" in books.text()


@pytest.mark.parametrize(
    ("entries", "formulas", "words"),
    [
        # a part without any row in the middle
        (
            [epoch(), *_through(1, 2, 4), counters(4, 0)],
            {TRIGGERS, ACCEPTED, CONFIRMED},
            "no row for part number 3",
        ),
        # the first ones are missing, and the PLC's first totals do not excuse them
        (
            [epoch(), counters(0, 0), *_through(3), counters(1, 0)],
            {TRIGGERS},
            "no row for part number 1-2, lane 0",
        ),
        # named trigger faults, but too few
        ([epoch(), *_through(1, 4), _trigger_fault(1)], {TRIGGERS}, "no row for part number 2-3"),
        # one number in two epochs of one PLC start
        ([epoch(1), epoch(2), *_through(1), *_through(1, epoch=2)], {TRIGGERS}, "two rows for part number 1"),
        # far more triggers than can be in flight
        (
            [epoch(), *_through(1), counters(1, 0, triggers_total=IN_FLIGHT_MAX + 2)],
            {TRIGGERS},
            f"{IN_FLIGHT_MAX + 1} triggers of PLC start 77 have no row",
        ),
        # a view that is neither there nor lost
        ([epoch(), part(1, views_got=2), outcome(1)], set(), "views got + views lost: part 1-0-1"),
        ([epoch(), part(1, views=()), outcome(1)], {VIEWS}, ""),
        # neither verdict nor cause
        (
            [epoch(), part(1, decision=None), outcome(1, verdict=None)],
            {VERDICTS},
            "neither a verdict nor a cause",
        ),
        # judged as nobody judges
        (
            [epoch(), part(1, decision="maybe"), outcome(1, verdict=None)],
            {VERDICTS},
            "unknown verdict 'maybe'",
        ),
        # an outcome that never came although later ones did
        ([epoch(), part(1), *_through(*range(2, 9))], {OUTCOMES}, "no outcome for part number 1, lane 0"),
        # a confirm eye of an unknown name
        ([epoch(), part(1), outcome(1, confirm="third_eye")], {CONFIRMS}, ""),
        # the PLC counted an accept that has no row
        ([epoch(), *_through(1), counters(2, 0, triggers_total=1, confirmed_total=1)], {ACCEPTED}, ""),
        # a row says accept, the PLC says it was none
        ([epoch(), *_through(1), counters(0, 1)], {ACCEPTED, REJECTED}, ""),
        # the PLC confirmed fewer than the rows say
        ([epoch(), *_through(1), counters(1, 0, confirmed_total=0)], {CONFIRMED}, ""),
        # accepted without a fresh proof
        (
            [
                epoch(),
                part(1, decision="reject"),
                outcome(1, verdict="reject", side="accept", confirm="accept_eye"),
            ],
            set(),
            "sent to accept without a fresh proof: part 1-0-1",
        ),
        (
            [epoch(), part(1), outcome(1, cause="late")],
            set(),
            "sent to accept without a fresh proof: part 1-0-1",
        ),
    ],
)
def test_each_imbalance_is_named(
    engine: sa.Engine, entries: list[Entry], formulas: set[str], words: str
) -> None:
    books = _books(engine, entries)
    assert not books.balanced
    assert {line.formula for line in books.lines if line.difference} == formulas, books.text()
    assert words in "; ".join(books.problems)
    assert "do NOT balance" in books.text()
    assert books.as_json()["balanced"] is False


def test_parts_in_flight_are_named_and_do_not_unbalance(engine: sa.Engine) -> None:
    entries = [
        epoch(),
        *_through(1, 2),
        part(3),
        part(4),
        counters(3, 0, triggers_total=5, confirmed_total=2),
    ]
    books = _books(engine, entries)
    assert books.balanced, books.text()
    assert not books.settled
    assert books.in_flight == ("newest trigger 1", "1-0-3", "1-0-4")
    assert "1-0-3" in books.text()


def test_parts_in_flight_when_the_plc_died_are_named_so(engine: sa.Engine) -> None:
    entries: list[Entry] = [epoch(1, 77), *_through(1), part(2), counters(1, 0, triggers_total=3)]
    entries += [epoch(2, 78), *_through(1, epoch=2), counters(1, 0, plc_boot_id=78)]
    books = _books(engine, entries)
    assert books.balanced, books.text()
    assert books.settled
    assert [line.terms.get("plc_restart") for line in books.lines[:4]] == [1, None, None, 1]


def test_faults_that_only_the_plc_saw_are_named(engine: sa.Engine) -> None:
    books = _books(engine, [epoch(), *_through(1), counters(1, 0, unproven_accepts=2, stray_rejects=1)])
    assert books.faults == {"unproven_accepts": 2, "stray_rejects": 1}


def test_many_parts_in_several_batches(engine: sa.Engine) -> None:
    applier = Applier(engine)
    entries: list[Entry] = [epoch(), *_through(*range(1, 1200))]
    items = placed([*entries, counters(1199, 0)])
    for start in range(0, len(items), 500):
        applier.apply(items[start : start + 500])
    with reading(engine) as connection:
        books = balance(connection)
    assert books.balanced, books.text()
    assert [line.left for line in books.lines] == [1199, 3 * 1199, 1199, 1199, 1199, 1199, 0, 1199]


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([], ""),
        ([5], "5"),
        ([1, 2, 3, 7], "1-3, 7"),
        (list(range(1, 101, 2)), ", ".join(str(n) for n in range(1, 41, 2)) + " and more, 50 in all"),
    ],
)
def test_ranges_text(numbers: list[int], text: str) -> None:
    assert ranges_text(numbers) == text


def test_part_entry_helper_is_consistent() -> None:
    """The sample part obeys the rule the books check, so that a failure above means the books."""
    sample = part(1, views_lost=1)
    assert isinstance(sample, PartEntry)
    assert sample.views_due == sample.views_got + sample.views_lost == len(sample.views)
