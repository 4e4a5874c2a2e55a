"""A missed challenge contains every accepted part that nothing has vouched for since the last passed one."""

from __future__ import annotations

import random

import pytest
import sqlalchemy as sa

from edge_runtime.entries import Entry, GapEntry
from edge_runtime.ledger.books import balance
from edge_runtime.ledger.day_counts import count_lot
from edge_runtime.ledger.day_models import ChallengeRow
from edge_runtime.ledger.day_queries import list_challenges
from edge_runtime.ledger.models import PartRow
from edge_runtime.ledger.queries import fault_totals
from edge_runtime.ledger.store import reading
from edge_runtime.ledger.tallies import count_rows, unlike_counts
from tests.edge.ledger.day_samples import apply_all, bypassed, challenge, through
from tests.edge.ledger_samples import BOOT, UTC_NS, counters, epoch, outcome, part


def _contained(engine: sa.Engine) -> dict[str, str]:
    """Part number (with its lane, where it is not lane 0) to the challenge that contains it."""
    query = sa.select(PartRow.lane, PartRow.trigger_seq, PartRow.contained_by)
    with reading(engine) as connection:
        rows = connection.execute(query.where(PartRow.contained_by.is_not(None)).order_by(PartRow.id)).all()
        assert unlike_counts(connection, count_rows(connection)) == []
    return {f"{lane}-{seq}" if lane else str(seq): str(by) for lane, seq, by in rows}


def _ball(seq: int, name: str, *, decision: str = "reject", lane: int = 0) -> list[Entry]:
    return through(seq, decision=decision, lane=lane, challenge=name)


PASS = [*_ball(10, "C-1"), challenge("C-1", "passed")]
MISS = [*_ball(20, "C-2", decision="accept"), challenge("C-2", "missed")]

CASES: dict[str, tuple[list[Entry], dict[str, str]]] = {
    "nothing before the pass, all accepted between": (
        [*through(1), *PASS, *through(11, 12), *through(13, decision="reject"), *MISS],
        {"11": "C-2", "12": "C-2"},
    ),
    "no challenge ever passed: nothing is vouched for": ([*through(1, 2), *MISS], {"1": "C-2", "2": "C-2"}),
    "neither given up nor inconclusive vouches for anything": (
        [
            *PASS,
            *through(11),
            challenge("C-8", "cancelled"),
            *_ball(12, "C-9"),
            challenge("C-9", "inconclusive"),
            *MISS,
        ],
        {"11": "C-2"},
    ),
    "a pass contains nothing": ([*through(1), *PASS, *through(11)], {}),
    "in flight while it was missed: the outcome comes later": (
        [*PASS, part(11), part(12), *MISS, outcome(11), outcome(12, verdict="reject")],
        {"11": "C-2"},
    ),
    "in flight, and its own entry died with the station": ([*PASS, *MISS, outcome(11)], {"11": "C-2"}),
    "the outcome is there first, the part's entry later": (
        [*PASS, outcome(11), *MISS, part(11)],
        {"11": "C-2"},
    ),
    "called a challenge ball only later": (
        [*PASS, outcome(19), outcome(11), *MISS, part(19, challenge="C-2"), part(11)],
        {"11": "C-2"},
    ),
    "accepted though the miss is not answered: contained too": (
        [*PASS, *MISS, *through(21)],
        {"21": "C-2"},
    ),
    "answered by a pass: what comes after is sound": (
        [*PASS, *through(11), *MISS, *_ball(30, "C-3"), challenge("C-3", "passed"), *through(31)],
        {"11": "C-2"},
    ),
    "an outcome that came after the answer, of a part before it": (
        [
            *PASS,
            part(11),
            *MISS,
            *_ball(30, "C-3"),
            challenge("C-3", "passed"),
            outcome(11),
            *through(31),
        ],
        {"11": "C-2"},
    ),
    "a second miss: the first one stays named": (
        [*PASS, *through(11), *MISS, *_ball(30, "C-3", decision="accept"), challenge("C-3", "missed")],
        {"11": "C-2"},
    ),
    "since the answer, and not what was before it": (
        [
            *PASS,
            *through(11),
            *MISS,
            *_ball(30, "C-3"),
            challenge("C-3", "passed"),
            *through(31),
            *_ball(40, "C-4", decision="accept"),
            challenge("C-4", "missed"),
        ],
        {"11": "C-2", "31": "C-4"},
    ),
    "judged between two challenge balls, behind them on the belt": (
        [
            *_ball(10, "C-1"),
            *through(12),
            *_ball(11, "C-1"),
            challenge("C-1", "passed", balls=2),
            *through(13),
            *MISS,
        ],
        {"12": "C-2", "13": "C-2"},
    ),
    "passed by key: it was never accepted": ([*PASS, *bypassed(11), *MISS], {}),
    "a pass on another lane vouches for nothing here, and answers nothing": (
        [
            *PASS,
            *through(11),
            *_ball(1, "C-5", lane=1),
            challenge("C-5", "passed", lane=1),
            *through(12),
            *through(2, lane=1),
            *MISS,
            *_ball(3, "C-6", lane=1),
            challenge("C-6", "passed", lane=1),
            *through(21),
        ],
        {"11": "C-2", "12": "C-2", "1-2": "C-2", "21": "C-2"},
    ),
}


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
@pytest.mark.parametrize("name", CASES)
def test_what_is_contained(engine: sa.Engine, name: str, batch_size: int) -> None:
    entries, expected = CASES[name]
    apply_all(engine, [epoch(), *entries], batch_size)
    assert _contained(engine) == expected


def test_a_challenge_is_listed_with_what_it_contains(engine: sa.Engine) -> None:
    apply_all(engine, [*CASES["since the answer, and not what was before it"][0], *through(41)])
    with reading(engine) as connection:
        found = {item.challenge: item for item in list_challenges(connection)}
        lot = count_lot(connection, "lot 7")
    assert {name: (item.result, item.contained, item.answered) for name, item in found.items()} == {
        "C-1": ("passed", 0, False),
        "C-2": ("missed", 1, True),
        "C-3": ("passed", 0, False),
        "C-4": ("missed", 2, False),
    }
    # Four balls of challenges; 11, 31 and 41 are accepted and in doubt.
    assert (lot.parts, lot.challenge, lot.accepted, lot.contained) == (7, 4, 3, 3)
    assert (found["C-2"].by, found["C-2"].expected, found["C-2"].lane) == ("Aigul", "crack", 0)


def test_an_id_that_comes_again_keeps_both_and_is_named(engine: sa.Engine) -> None:
    """The day's file was lost, so that the station counts from the beginning."""
    again = [*_ball(20, "C-1", decision="accept"), challenge("C-1", "missed"), *through(21)]
    apply_all(engine, [*PASS, *through(11), *again])
    assert _contained(engine) == {"11": "C-1~2", "21": "C-1~2"}
    with reading(engine) as connection:
        results = connection.execute(sa.select(ChallengeRow.challenge, ChallengeRow.result)).all()
        assert fault_totals(connection) == {"challenge_id_again": 1}
    assert sorted(tuple(row) for row in results) == [("C-1", "passed"), ("C-1~2", "missed")]


def test_a_pass_whose_balls_nobody_has_seen_answers_nothing(engine: sa.Engine) -> None:
    apply_all(engine, [*PASS, *MISS, challenge("C-3", "passed"), *through(31)])
    assert _contained(engine) == {"31": "C-2"}
    with reading(engine) as connection:
        assert fault_totals(connection) == {"challenge_without_balls": 1}


def test_challenge_balls_are_parts_in_the_books(engine: sa.Engine) -> None:
    entries = [*_ball(1, "C-1"), challenge("C-1", "passed"), *through(2), *_ball(3, "C-2", decision="accept")]
    apply_all(engine, [epoch(), *entries, challenge("C-2", "missed"), counters(2, 1)])
    with reading(engine) as connection:
        books = balance(connection)
    assert books.balanced, books.text()
    assert [line.left for line in books.lines] == [3, 9, 3, 3, 3, 2, 1, 3]


@pytest.mark.parametrize("seed", range(12))
def test_running_counts_follow_whatever_the_journal_holds(engine: sa.Engine, seed: int) -> None:
    """Entries of all kinds in an order that no line would make, in batches of any size."""
    choose = random.Random(seed)
    entries: list[Entry] = [epoch(1), epoch(2)]
    for seq in range(1, 60):
        number = choose.choice((1, 1, 1, 2))
        decision = choose.choice(("accept", "accept", "accept", "reject", "review", None))
        ball = choose.choice(("", "", "", "", "C-1", "C-2", "C-3"))
        lot = choose.choice(("lot 7", "lot 8", ""))
        cause = "" if decision else choose.choice(("crash", "stale_epoch"))
        entries.append(part(seq, epoch=number, decision=decision, null_cause=cause, challenge=ball, lot=lot))
        side = choose.choice(("accept", "reject", "bypass"))
        entries.append(outcome(seq, epoch=number, verdict=decision, side=side))
    entries += [challenge(f"C-{number}", choose.choice(("passed", "missed"))) for number in (1, 2, 3)]
    entries += [GapEntry(1, 0, low, low + 4, "no_vision", "", UTC_NS, BOOT) for low in (3, 30, 61)]
    choose.shuffle(entries)
    apply_all(engine, entries, choose.choice((1, 4, 17, 200)))
    with reading(engine) as connection:
        assert unlike_counts(connection, count_rows(connection)) == []
        doubtful = sa.select(sa.func.count()).where(
            PartRow.contained_by.is_not(None),
            sa.or_(PartRow.side != "accept", PartRow.challenge.is_not(None)),
        )
        assert connection.execute(doubtful).scalar_one() == 0
