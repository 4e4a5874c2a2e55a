"""Bypass in the books: parts that passed by key are counted, never as accepted, and must be by key."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from edge_runtime.entries import CountersEntry, Entry, GapEntry
from edge_runtime.ledger.books import Books, balance
from edge_runtime.ledger.live_books import quick_balance
from edge_runtime.ledger.store import reading
from tests.edge.ledger.day_samples import apply_all, bypassed, through
from tests.edge.ledger_samples import BOOT, UTC_NS, counters, epoch, outcome, part

BYPASSED = "PLC's bypassed_total = rows"


def _totals(accepted: int, rejected: int, bypassed: int, **other: int) -> CountersEntry:
    parts = accepted + rejected + bypassed
    totals = {"triggers_total": parts, "confirmed_total": parts, "bypassed_total": bypassed}
    return counters(accepted, rejected, **(totals | other))


def _books(engine: sa.Engine, entries: list[Entry]) -> tuple[Books, Books]:
    """Full and quick."""
    apply_all(engine, [epoch(), *entries])
    with reading(engine) as connection:
        return balance(connection), quick_balance(connection)


def _gap(first: int, last: int, cause: str = "no_vision") -> GapEntry:
    return GapEntry(1, 0, first, last, cause, "totals", UTC_NS, BOOT)


BALANCED: dict[str, list[Entry]] = {
    "judged good or bad, both pass": [
        *through(1),
        *through(2, decision="reject"),
        *bypassed(3),
        *bypassed(4, decision="reject"),
        _totals(1, 1, 2),
    ],
    "never judged": [
        *bypassed(1, decision=None, null_cause="stale_epoch"),
        _totals(0, 0, 1),
    ],
    "its entry died with the station": [
        outcome(1, verdict=None, side="bypass", cause="bypass", confirm="accept_eye"),
        _totals(0, 0, 1),
    ],
    "a trial of the gate": [
        *bypassed(1, cause="service"),
        part(2),
        outcome(2, side="reject", cause="service", confirm="reject_eye"),
        _totals(0, 1, 1),
    ],
    "seen by no eye, or by the wrong one: named": [
        part(1),
        outcome(1, side="bypass", cause="bypass", confirm="none"),
        part(2),
        outcome(2, side="bypass", cause="bypass", confirm="reject_eye"),
        _totals(0, 0, 2, confirmed_total=0),
    ],
    "one is in flight when the PLC tells its totals": [
        *bypassed(1),
        part(2),
        _totals(0, 0, 2, confirmed_total=1),
    ],
    "rejected all the same, by E-stop under the key": [
        part(1),
        outcome(1, side="reject", cause="stop", confirm="reject_eye"),
        _totals(0, 1, 0),
    ],
    "nobody was there, and the key was on bypass for some": [
        *through(1),
        _gap(2, 6),
        _totals(1, 2, 3, confirmed_total=6),
    ],
    "nobody was there, and all of them passed by key": [
        *through(1),
        _gap(2, 4, "bypass"),
        _totals(1, 0, 3, confirmed_total=4),
    ],
}


@pytest.mark.parametrize("name", BALANCED)
def test_balanced(engine: sa.Engine, name: str) -> None:
    full, quick = _books(engine, BALANCED[name])
    assert full.balanced, full.text()
    assert quick.balanced, quick.text()
    assert BYPASSED in [line.formula for line in full.lines]


@pytest.mark.parametrize(
    ("name", "count"),
    [("judged good or bad, both pass", 2), ("never judged", 1), ("a trial of the gate", 1)],
)
def test_parts_that_passed_by_key_have_a_term_of_their_own(engine: sa.Engine, name: str, count: int) -> None:
    full, _ = _books(engine, BALANCED[name])
    lines = {line.formula: line for line in full.lines}
    assert lines["parts = accepted + rejected + bypassed"].terms["bypassed"] == count
    assert lines[BYPASSED].left == lines[BYPASSED].terms["rows"] == count


def test_passed_by_key_while_nobody_was_there_is_a_named_fault(engine: sa.Engine) -> None:
    full, _ = _books(engine, BALANCED["nobody was there, and the key was on bypass for some"])
    assert full.faults == {"bypassed_no_station": 3}
    terms = {line.formula: line.terms for line in full.lines}["PLC's rejected_total = rows"]
    assert {name: count for name, count in terms.items() if count} == {"rows": 5, "bypassed, no_station": -3}


def test_a_plc_of_an_older_map_has_no_line_of_its_own(engine: sa.Engine) -> None:
    full, _ = _books(engine, [*through(1), counters(1, 0)])
    assert BYPASSED not in [line.formula for line in full.lines]
    assert full.balanced


@pytest.mark.parametrize(
    ("entries", "formulas", "words"),
    [
        # the PLC let more through than the rows say: a ball without a row
        ([*bypassed(1), _totals(0, 0, 2, triggers_total=1, confirmed_total=1)], {BYPASSED}, ""),
        # a row says bypass, the PLC rejected it
        ([*bypassed(1), _totals(0, 1, 0)], {BYPASSED, "PLC's rejected_total = rows"}, ""),
        # a row says bypass and the PLC has never heard of a key
        ([*bypassed(1), counters(0, 0, triggers_total=1, confirmed_total=1)], {BYPASSED}, ""),
        # a row says accepted, the PLC says it went by key: never counted as accepted
        (
            [*through(1), _totals(0, 0, 1)],
            {BYPASSED, "PLC's accepted_total = rows"},
            "",
        ),
        # no verdict lets a part through under the name of bypass
        ([*bypassed(1, cause="proven"), _totals(0, 0, 1)], set(), "let through without the key: "),
        # and no key makes an accept
        (
            [part(1), outcome(1, side="accept", cause="bypass"), _totals(1, 0, 0)],
            set(),
            "sent to accept without a fresh proof: ",
        ),
        # neither a verdict nor a cause, key or not
        (
            [*bypassed(1, decision=None), _totals(0, 0, 1)],
            {"parts = accepted + rejected + bypassed"},
            "neither a verdict nor a cause",
        ),
        # more went by key unseen than there were parts that nobody saw
        ([*through(1), _gap(2, 3), _totals(1, 0, 3, triggers_total=3, confirmed_total=3)], {BYPASSED}, ""),
    ],
)
def test_imbalance_is_found(engine: sa.Engine, entries: list[Entry], formulas: set[str], words: str) -> None:
    full, quick = _books(engine, entries)
    for books in (full, quick):
        assert not books.balanced
        assert {line.formula for line in books.lines if line.difference} == formulas, books.text()
        assert words in "; ".join(books.problems)
