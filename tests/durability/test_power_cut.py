"""After a power cut at any instant: what was said to be on the disk is there, and the next run goes on."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_runtime.journal import JournalWriter, last_known
from edge_runtime.ledger.models import EpochRow, PartRow
from edge_runtime.ledger.place import LedgerPlace, open_caught_up
from edge_runtime.ledger.queries import fault_totals
from edge_runtime.ledger.store import ledger_url, reading
from tests.durability.disk_work import SEGMENT_MB
from tests.durability.power_cut import Disk, Op, Trace, read_trace, record
from tests.edge.ledger_samples import BOOT, PLC_BOOT, epoch, outcome, part, session
from vision.errors import LedgerError

ROOT = Path(__file__).resolve().parents[2]
PARTS = 60


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """The system calls of one run of journal and recorder."""
    if shutil.which("strace") is None:
        pytest.skip("there is no strace: install it to see what a power cut leaves")
    folder = tmp_path_factory.mktemp("work")
    record(
        [sys.executable, "-m", "tests.durability.disk_work", str(folder), str(PARTS)], folder / "trace", ROOT
    )
    found = read_trace(folder / "trace", folder)
    assert len(found.told) > 2 * PARTS
    assert {"write", "size", "sync", "name", "folder"} == {op.kind for op in found.ops}
    return found


def _cut(trace: Trace, share: float) -> int:
    """A place in the run, from its first change of the disk to its end."""
    first = trace.ops[0].began
    return first + round(share * (trace.calls - first))


def _told(trace: Trace, cut: int) -> tuple[set[int], set[int], set[int]]:
    """Parts, outcomes and epochs that were said to be on the disk before the cut."""
    told: dict[str, set[int]] = {"part": set(), "outcome": set(), "epoch": set()}
    for place, words in trace.told:
        if place <= cut:
            kind, number = words.split()
            told[kind].add(int(number))
    return told["part"], told["outcome"], told["epoch"]


def _check(trace: Trace, books: Path, cut: int) -> None:
    """Start again on what is left: as the station does, then as the recorder does."""
    parts, outcomes, epochs = _told(trace, cut)
    known = last_known(books / "journal")
    assert known.highest_epoch >= max(epochs, default=0)
    assert known.last_seqs.get((PLC_BOOT, 0), 0) >= max(outcomes, default=0)
    writer = JournalWriter(
        books / "journal", SEGMENT_MB, boot_id=BOOT, reserve_segments=1, reserve_margin_mb=0.0
    )
    new_epoch, new_part = known.highest_epoch + 1, PARTS + 1
    for entry in (
        session(),
        epoch(new_epoch),
        part(new_part, epoch=new_epoch),
        outcome(new_part, epoch=new_epoch),
    ):
        writer.append(entry)
    assert writer.close()
    engine, note = open_caught_up(LedgerPlace(books, ledger_url(books)), insist=True)
    try:
        with reading(engine) as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
            rows = connection.execute(
                sa.select(PartRow.trigger_seq, PartRow.epoch, PartRow.has_part, PartRow.has_outcome)
            ).all()
            agreed = set(connection.execute(sa.select(EpochRow.epoch)).scalars())
            faults = fault_totals(connection)
    finally:
        engine.dispose()
    numbers = [row.trigger_seq for row in rows]
    assert len(numbers) == len(set(numbers)), "a part has two rows"
    assert {row.trigger_seq for row in rows if row.has_part} >= parts | {new_part}
    assert {row.trigger_seq for row in rows if row.has_outcome} >= outcomes | {new_part}
    assert agreed >= epochs | {new_epoch}
    assert (note, set(faults) - {"journal_torn_tail", "journal_reserve_used", "journal_reserve_spent"}) == (
        "",
        set(),
    )


@pytest.mark.long
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    share=st.floats(0.0, 1.0), kept=st.sampled_from((0.0, 0.1, 0.5, 0.9, 1.0)), seed=st.integers(0, 1 << 30)
)
def test_what_was_said_to_be_on_the_disk_is_there(
    trace: Trace, tmp_path: Path, share: float, kept: float, seed: int
) -> None:
    cut = _cut(trace, share)
    Disk(trace).after_cut(cut, Random(seed), kept, tmp_path / "after")
    (tmp_path / "after" / "books").mkdir(exist_ok=True)
    _check(trace, tmp_path / "after" / "books", cut)


@pytest.mark.long
@pytest.mark.parametrize("forgotten", ["journal", "wal"])
def test_a_disk_that_forgets_what_was_synced_is_found_out(
    trace: Trace, tmp_path: Path, forgotten: str
) -> None:
    """The check can fail: without the syncs of these files, something that was told of is missing.

    The journal lets segments go once the ledger has them, so the ledger's own syncs are needed as well.
    """
    of_file = {op.inode for op in trace.ops if op.put is not None and op.put[1].endswith(forgotten)}
    without = [op for op in trace.ops if op.kind != "sync" or op.inode not in of_file]
    assert len(without) < len(trace.ops)
    broken = replace(trace, ops=without)
    # Behind the last segment that was let go: its name may be gone, and the rows are in the ledger alone.
    let_go = [
        op.ended for op in trace.ops if op.put is None and (op.taken or (0, ""))[1].endswith(".journal")
    ]
    failed = 0
    for seed in range(4):
        Disk(broken).after_cut(let_go[-1], Random(seed), 0.5, tmp_path / "after")
        try:
            _check(broken, tmp_path / "after" / "books", let_go[-1])
        except (AssertionError, LedgerError):
            failed += 1
    assert failed > 0


def test_the_disk_keeps_what_is_synced_and_forgets_the_rest(tmp_path: Path) -> None:
    ops = [
        Op("name", 1, 1, 1, put=(0, "a")),
        Op("write", 2, 2, 1, 0, b"x" * 600),
        Op("sync", 3, 3, 1),
        Op("sync", 4, 4, 0),
        Op("write", 5, 5, 1, 600, b"y" * 100),
        Op("name", 6, 6, 1, put=(0, "b"), taken=(0, "a")),
    ]
    disk = Disk(Trace(ops, [], 0, 6))
    disk.after_cut(6, Random(1), 0.0, tmp_path / "now")
    assert {path.name: path.read_bytes() for path in (tmp_path / "now").iterdir()} == {"a": b"x" * 600}
    disk.after_cut(6, Random(1), 1.0, tmp_path / "now")
    assert {path.name: len(path.read_bytes()) for path in (tmp_path / "now").iterdir()} == {"b": 700}
    disk.after_cut(3, Random(1), 0.0, tmp_path / "now")
    assert list((tmp_path / "now").iterdir()) == [], "its name was never synced"
