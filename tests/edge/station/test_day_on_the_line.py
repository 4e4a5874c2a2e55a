"""A day on the twin line: shift and lot, challenge balls found and missed, changeover; station as shipped."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

from edge_runtime.day.acts import (
    Act,
    BeginChallenge,
    ChangeRecipe,
    CloseLot,
    CloseShift,
    OpenLot,
    OpenShift,
)
from edge_runtime.day.client import ActRefused, send_act
from edge_runtime.day.state import DayState
from edge_runtime.entries import ActEntry, ChallengeEntry, Entry, LineStateEntry, OutcomeEntry, PartEntry
from edge_runtime.journal import read_journal
from edge_runtime.ledger.models import PartRow
from edge_runtime.ledger.store import ledger_url, open_to_read, reading
from edge_runtime.live.mailbox import MailboxReader, status_box_name
from edge_runtime.live.status import StationStatus
from edge_runtime.shm_ring import RingError
from edge_runtime.twin.challenge_balls import challenge_word
from edge_runtime.twin.demo import DemoRun, Line, free_port, running_line, write_files
from edge_runtime.twin.field import Word
from edge_runtime.twin.settings import LineSettings

pytestmark = [pytest.mark.line, pytest.mark.long, pytest.mark.timeout(300)]
WAIT_S = 60.0


class Day:
    """The line with its people: they look at the status and act at the desk."""

    def __init__(self, run: DemoRun, line: Line) -> None:
        self.run, self.line = run, line
        self.name = run.settings.ring_prefix

    def status(self) -> StationStatus | None:
        try:
            box = MailboxReader(status_box_name(self.name))
        except RingError:
            return None
        try:
            data = box.read()
            return None if data is None else StationStatus.model_validate_json(data)
        finally:
            box.close()

    def until(self, true: Callable[[StationStatus], bool]) -> StationStatus:
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            status = self.status()
            if status is not None and true(status):
                return status
            self.line.check_alive()
            time.sleep(0.05)
        raise AssertionError(f"it did not happen: {self.status()}")

    def act(self, act: Act, role: str = "foreman") -> DayState:
        return send_act(self.name, act, "Aigul", role, timeout_s=WAIT_S)

    def balls(self, count: int) -> StationStatus:
        """Let so many more balls be judged."""
        status = self.status()
        assert status is not None
        judged = status.counts.get("judged", 0) + count
        return self.until(lambda now: now.counts.get("judged", 0) >= judged)

    def challenge(self, kind: str, balls: int) -> None:
        """Announce, hold the feed, wait for the empty zone, drop the balls onto the belt."""
        self.act(BeginChallenge(balls=balls, expected="any"), role="operator")
        self.line.field.set(Word.FEED_HOLD, 1)
        self.until(lambda now: now.day.challenge is not None and not now.day.challenge.waiting)
        for _ in range(balls):
            self.line.field.add(challenge_word(kind))

    def entries(self) -> list[Entry]:
        return [entry for _, entry in read_journal(self.run.storage / "journal")]


@contextmanager
def _day(folder: Path, model: Path) -> Iterator[Day]:
    name = f"fg-day-{os.getpid()}"
    settings = LineSettings(
        run_dir=folder,
        n_balls=100_000,
        # Slow and patient: a loaded machine must not look like a fault.
        balls_per_s=5.0,
        heartbeat_timeout_ms=4000,
        output_watchdog_ms=4000.0,
        defect_share=0.0,
        settle_d=8.0,
        seed=12,
        operator_comes=False,
        field_name=f"{name}-field",
        ring_prefix=name,
        plc_port=free_port(),
    )
    run = write_files(settings, model=str(model))
    station = yaml.safe_load(run.station_file.read_text(encoding="utf-8"))
    station |= {"page": None, "challenge": {"every_minutes": 60}}
    run.station_file.write_text(yaml.safe_dump(station), encoding="utf-8")
    with running_line(run) as line:
        line.wait_trusted()
        line.field.set(Word.START_REQUEST, 1)
        yield Day(run, line)


def test_a_day_on_the_line(tmp_path: Path, repository: Path) -> None:
    with _day(tmp_path, repository / "models" / "ferrogate_models" / "ball.onnx") as day:
        product = day.until(lambda now: now.ready).recipe.product
        _shift_and_lot(day, product)
        _found(day)
        missed = _missed(day)
        _answered(day)
        _changed_over(day)
        day.act(CloseShift())
        day.line.field.set(Word.FEED_HOLD, 1)
        day.until(lambda now: now.in_zone == 0)
        day.line.drain()
    _check_lots(day.entries())
    _check_books(day.entries(), missed)
    _check_marks(day, missed)


def _shift_and_lot(day: Day, product: str) -> None:
    day.balls(3)
    due = day.act(OpenShift(name="1")).challenge_due_utc_ns
    assert due > 0
    day.act(OpenLot(name="L-1", product=product), role="operator")
    with pytest.raises(ActRefused, match="L-1"):
        day.act(OpenLot(name="L-2", product=product))
    day.balls(6)
    day.until(lambda now: now.in_zone > 1)
    day.act(CloseLot())  # with balls on their way to the gate
    day.balls(6)


def _found(day: Day) -> None:
    day.challenge("half", 2)
    status = day.until(lambda now: now.day.last_challenge_result != "")
    assert status.day.last_challenge_result == "passed", status
    assert status.ready
    day.line.field.set(Word.FEED_HOLD, 0)
    day.balls(6)


def _missed(day: Day) -> str:
    day.challenge("good", 1)
    status = day.until(lambda now: bool(now.day.containment) and now.plc.latched)
    assert status.plc.stop_cause == "station_request"
    assert list(status.holds) == ["challenge"]
    assert status.day.last_challenge_result == "missed"
    # A person at the PLC: the belt runs again, and goes on running.
    day.line.field.add(Word.BUTTON_RESET)
    day.line.field.set(Word.FEED_HOLD, 0)
    day.until(lambda now: now.plc.belt_running and not now.plc.latched)
    status = day.balls(5)
    assert status.plc.belt_running
    assert not status.ready
    return status.day.containment


def _answered(day: Day) -> None:
    day.challenge("half", 1)
    status = day.until(lambda now: now.day.challenge is None and now.ready)
    assert (status.day.last_challenge_result, status.day.containment) == ("passed", "")
    day.line.field.set(Word.FEED_HOLD, 0)
    day.balls(4)


def _changed_over(day: Day) -> None:
    before = day.status()
    assert before is not None
    day.act(ChangeRecipe(recipe="gost:40"))
    assert list(day.until(lambda now: not now.ready).holds) == ["changeover"]
    day.line.field.set(Word.FEED_HOLD, 1)
    after = day.until(lambda now: now.session != before.session and now.ready)
    assert (after.recipe.name, after.day.recipe) == ("gost:40", "gost:40")
    assert after.recipe.sha256 != before.recipe.sha256
    assert after.day.shift is not None
    day.line.field.set(Word.FEED_HOLD, 0)
    day.balls(3)


def _check_lots(entries: list[Entry]) -> None:
    """Trigger by trigger: before the lot, in it, after it; judged after its end some of them were."""
    parts = [entry for entry in entries if isinstance(entry, PartEntry)]
    in_order = sorted(parts, key=lambda part: part.trigger_seq)
    assert [part.trigger_seq for part in in_order] == list(range(1, len(parts) + 1))
    runs = [(lot, len(list(group))) for lot, group in groupby(part.lot for part in in_order)]
    assert [lot for lot, _ in runs] == ["demo", "L-1", "demo"]
    assert runs[1][1] >= 6
    closed = next(n for n, e in enumerate(entries) if isinstance(e, ActEntry) and e.act == "close_lot")
    assert any(isinstance(entry, PartEntry) and entry.lot == "L-1" for entry in entries[closed:])
    shifts = [shift for shift, _ in groupby(part.shift for part in in_order)]
    assert shifts[:2] == ["demo", "1"]


def _check_books(entries: list[Entry], missed: str) -> None:
    challenges = [entry for entry in entries if isinstance(entry, ChallengeEntry)]
    assert [(entry.result, entry.rejected) for entry in challenges] == [
        ("passed", 2),
        ("missed", 0),
        ("passed", 1),
    ]
    assert challenges[1].challenge == missed
    balls = [e.challenge for e in entries if isinstance(e, PartEntry) and e.challenge]
    assert balls == [challenges[0].challenge] * 2 + [missed, challenges[2].challenge]
    (done,) = [e for e in entries if isinstance(e, ActEntry) and e.act == "changeover_done"]
    hashes = [e.recipe_sha256 for e in entries if isinstance(e, PartEntry) and e.recipe_sha256]
    assert list(dict.fromkeys(hashes)) == [done.asked["old_sha256"], done.asked["new_sha256"]]
    revisions = [entry.revision for entry in entries if isinstance(entry, ActEntry)]
    assert revisions == list(range(1, len(revisions) + 1))
    states = [entry for entry in entries if isinstance(entry, LineStateEntry)]
    assert any(state.stop_cause == "station_request" and state.latched for state in states)
    # Behind the ball that was missed nothing was accepted until the pass.
    ball = next(e for e in entries if isinstance(e, PartEntry) and e.challenge == missed)
    until = entries.index(challenges[2])
    behind = [
        e.side for e in entries[:until] if isinstance(e, OutcomeEntry) and e.trigger_seq > ball.trigger_seq
    ]
    assert len(behind) > 3
    assert set(behind) == {"reject"}


def _check_marks(day: Day, missed: str) -> None:
    """What was accepted between the pass and the miss is marked in the ledger, and nothing else."""
    engine = open_to_read(ledger_url(day.run.storage))
    with reading(engine) as connection:
        query = sa.select(PartRow.trigger_seq, PartRow.side, PartRow.contained_by, PartRow.challenge)
        rows = connection.execute(query.order_by(PartRow.trigger_seq)).all()
    engine.dispose()
    balls = [row.trigger_seq for row in rows if row.challenge]
    for row in rows:
        between = balls[1] < row.trigger_seq < balls[2]
        contained = missed if between and row.side == "accept" else None
        assert (row.contained_by or None) == contained, row
    assert any(row.contained_by for row in rows)
