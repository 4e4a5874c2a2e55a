"""What the journal lets go of, and when not. Neighbour: `test_journal`."""

from __future__ import annotations

import os
import time
from pathlib import Path

from edge_runtime.journal import JournalPosition, Retention, last_known
from edge_runtime.journal.framing import segment_numbers
from edge_runtime.journal.retention import HOLD_FILE, HOLD_S
from tests.edge.ledger_samples import epoch, outcome, part, session, write_journal


def test_retention_waits_for_a_backup_but_not_for_ever(tmp_path: Path) -> None:
    write_journal(tmp_path, [part(seq) for seq in range(1, 60)], segment_mb=0.005)
    numbers = segment_numbers(tmp_path)
    hold = tmp_path / HOLD_FILE
    hold.touch()
    assert Retention(tmp_path).delete_applied(JournalPosition(numbers[-1], 8)) == 0
    assert Retention(tmp_path, keep_mb=0.0).delete_applied(JournalPosition(3, 8)) == 2
    old_s = time.time() - HOLD_S
    os.utime(hold, (old_s, old_s))
    Retention(tmp_path).delete_applied(JournalPosition(numbers[-1], 8))
    assert segment_numbers(tmp_path) == numbers[-4:]


def test_retention_leaves_the_newest_and_what_is_not_applied(tmp_path: Path) -> None:
    write_journal(tmp_path, [part(seq) for seq in range(1, 60)], segment_mb=0.005)
    numbers = segment_numbers(tmp_path)
    assert len(numbers) > 8
    assert Retention(tmp_path).delete_applied(JournalPosition(3, 8)) == 2
    assert segment_numbers(tmp_path) == numbers[2:]
    Retention(tmp_path).delete_applied(JournalPosition(numbers[-1], 8))
    assert segment_numbers(tmp_path) == numbers[-4:]


def test_starts_that_came_to_nothing_push_out_no_numbers(tmp_path: Path) -> None:
    write_journal(tmp_path, [session(), epoch(3, 77), part(1, epoch=3), outcome(1, epoch=3)])
    for _ in range(9):  # nine stations that died before they had agreed with the PLC
        write_journal(tmp_path, [session()])
    newest = segment_numbers(tmp_path)[-1]
    Retention(tmp_path).delete_applied(JournalPosition(newest, 8))
    known = last_known(tmp_path)
    assert (known.highest_epoch, known.last_seqs) == (3, {(77, 0): 1})
    for seq in range(2, 6):
        write_journal(tmp_path, [epoch(seq + 2, 77), part(seq, epoch=seq + 2)])
    retention = Retention(tmp_path)
    assert retention.delete_applied(JournalPosition(newest + 4, 8)) == newest
    assert retention.delete_applied(JournalPosition(newest + 4, 8)) == 0
    assert last_known(tmp_path).last_seqs == {(77, 0): 5}


def test_a_line_that_stands_for_weeks_fills_no_disk(tmp_path: Path) -> None:
    for _ in range(8):
        write_journal(tmp_path, [session()])
    numbers = segment_numbers(tmp_path)
    assert Retention(tmp_path).delete_applied(JournalPosition(numbers[-1], 8)) == 0
    assert Retention(tmp_path, keep_mb=0.0).delete_applied(JournalPosition(numbers[-1], 8)) == 4
    assert segment_numbers(tmp_path) == numbers[-4:]
