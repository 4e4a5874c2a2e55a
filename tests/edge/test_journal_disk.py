"""The journal on a disk that hangs, or was full: when it says so, and when it is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edge_runtime.journal import JournalWriter, writer
from edge_runtime.journal.reserve import Reserve
from edge_runtime.journal.segments import Segment
from tests.edge.ledger_samples import part


def test_a_disk_that_does_not_answer_is_told_from_one_that_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()
    sync = Segment.sync

    def slow(segment: Segment) -> None:
        assert answers.wait(30.0)
        sync(segment)

    monkeypatch.setattr(Segment, "sync", slow)
    monkeypatch.setattr(writer, "SLOW_S", 0.1)
    with closing(JournalWriter(tmp_path / "journal")) as journal:
        number = journal.append(part(1))
        assert number is not None
        assert _until(lambda: "has not answered" in journal.error)
        answers.set()
        assert journal.wait_durable(number, 30.0)
        assert _until(lambda: journal.error == "")


def _until(seen: Callable[[], bool]) -> bool:
    end_s = time.monotonic() + 30.0
    while not seen() and time.monotonic() < end_s:
        time.sleep(0.01)
    return seen()


def test_without_a_reserve_a_full_disk_is_over_with_the_next_write(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path, 0, 1 << 16)
    reserve.note_full()
    assert reserve.state.spent
    reserve.refill()
    assert not reserve.state.spent
