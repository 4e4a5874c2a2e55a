"""The journal on a real disk: framing, crashes at any instant, a disk that refuses, following, retention."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.entries import Entry, FaultEntry, PartEntry, to_json
from edge_runtime.journal import (
    JournalPosition,
    JournalReader,
    JournalWriter,
    last_known,
    read_journal,
)
from edge_runtime.journal.framing import MAGIC, frame, good_end, segment_numbers, segment_path, unframe
from tests.edge.ledger_samples import BOOT, counters, epoch, fault, outcome, part, session, write_journal
from vision.errors import LedgerError
from vision.types import PartId

PAYLOADS = st.lists(st.binary(min_size=1, max_size=300), max_size=8)


def _part_numbers(folder: Path) -> list[int]:
    return [entry.trigger_seq for entry in _entries(folder) if isinstance(entry, PartEntry)]


def _entries(folder: Path) -> list[Entry]:
    return [entry for _, entry in read_journal(folder)]


@given(payloads=PAYLOADS, tail=st.binary(max_size=40))
def test_framing_gives_back_what_it_took_and_stops_at_the_end(payloads: list[bytes], tail: bytes) -> None:
    data = MAGIC + b"".join(frame(payload) for payload in payloads)
    at = len(MAGIC)
    for payload in payloads:
        assert unframe(data, at) == payload
        at += len(frame(payload))
    assert good_end(data) == len(data)
    assert good_end(data + b"\0" * 64) == len(data)
    assert good_end(data + tail) >= len(data)


@given(payloads=PAYLOADS.filter(bool), data=st.data())
def test_a_torn_or_changed_record_never_passes(payloads: list[bytes], data: st.DataObject) -> None:
    whole = MAGIC + b"".join(frame(payload) for payload in payloads[:-1])
    last = frame(payloads[-1])
    cut = data.draw(st.integers(0, len(last) - 1), label="bytes left of the last record")
    assert good_end(whole + last[:cut]) == len(whole)
    place = data.draw(st.integers(0, len(last) * 8 - 1), label="bit turned")
    bad = bytearray(last)
    bad[place // 8] ^= 1 << place % 8
    assert good_end(whole + bytes(bad)) == len(whole)


def test_everything_comes_back_in_order_over_several_segments(tmp_path: Path) -> None:
    written: list[Entry] = [session(), epoch()]
    for seq in range(1, 60):
        written += [part(seq), outcome(seq)]
    write_journal(tmp_path, written, segment_mb=0.02)
    assert _entries(tmp_path) == written
    assert len(segment_numbers(tmp_path)) > 3
    sizes = [segment_path(tmp_path, number).stat().st_size for number in segment_numbers(tmp_path)]
    assert max(sizes) <= 0.02 * (1 << 20)


def test_durable_count_follows_what_is_on_disk(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    numbers = [writer.append(part(seq)) for seq in (1, 2, 3)]
    assert numbers == [1, 2, 3]
    assert writer.wait_durable(3, 10.0)
    assert (writer.durable_count, writer.pending_count, writer.error) == (3, 0, "")
    assert len(_entries(tmp_path)) == 3, "durable before the journal is closed"
    assert not writer.wait_durable(4, 0.01)
    assert writer.close()


def test_preallocated_segment_is_given_back_at_the_end(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, segment_mb=1)
    assert writer.wait_durable(writer.append(fault()) or 0, 10.0)
    assert segment_path(tmp_path, 1).stat().st_size == 1 << 20
    writer.close()
    assert segment_path(tmp_path, 1).stat().st_size < 1000


def test_reader_follows_a_growing_journal_and_can_go_on_from_any_position(tmp_path: Path) -> None:
    reader = JournalReader(tmp_path)
    assert reader.read() == []
    writer = JournalWriter(tmp_path, segment_mb=0.005)
    seen: list[tuple[JournalPosition, Entry]] = []
    for seq in range(1, 30):
        assert writer.wait_durable(writer.append(part(seq)) or 0, 10.0)
        seen += reader.read()
        assert len(seen) == seq
    writer.close()
    for index in (0, 7, 28):
        assert list(read_journal(tmp_path, seen[index][0])) == seen[index + 1 :]
    assert [len(JournalReader(tmp_path).read(limit)) for limit in (1, 10, 100)] == [1, 10, 29]


def test_second_writer_is_refused(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    with pytest.raises(LedgerError, match="another process writes"):
        JournalWriter(tmp_path)
    writer.close()
    write_journal(tmp_path, [fault()])


def test_folder_that_cannot_be_made_is_an_error_with_a_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LedgerError) as caught:
        JournalWriter(tmp_path / "file" / "journal")
    assert str(tmp_path) in caught.value.where


@pytest.mark.parametrize(
    "tail",
    [
        frame(to_json(part(9)))[:20],  # the beginning of a record
        frame(to_json(part(9)))[:-1] + b"\x00",  # its last byte not written
        b"\xff" * 64,  # an impossible length
        frame(to_json(part(9)))[:-4] + b"\x00" * 500,  # torn in preallocated space
    ],
)
def test_torn_tail_is_cut_off_and_said(tmp_path: Path, tail: bytes) -> None:
    write_journal(tmp_path, [part(1), part(2)])
    path = segment_path(tmp_path, 1)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + tail)
    assert len(_entries(tmp_path)) == 2
    writer = JournalWriter(tmp_path, boot_id=BOOT)
    assert writer.recovered_bytes == len(tail.rstrip(b"\0"))
    writer.append(part(3))
    assert writer.close()
    assert path.stat().st_size == size
    entries = _entries(tmp_path)
    assert [entry.KIND for entry in entries] == ["part", "part", "fault", "part"]
    assert isinstance(entries[2], FaultEntry)
    assert entries[2].code == "journal_torn_tail"


def test_reader_passes_a_segment_that_ends_torn(tmp_path: Path) -> None:
    write_journal(tmp_path, [part(1)])
    path = segment_path(tmp_path, 1)
    path.write_bytes(path.read_bytes() + b"torn")
    reader = JournalReader(tmp_path)
    assert len(reader.read()) == 1
    assert reader.read() == []
    segment_path(tmp_path, 2).write_bytes(MAGIC + frame(to_json(part(2))))
    assert [entry for _, entry in reader.read()] == [part(2)]
    assert reader.bad_bytes == 4


def test_entry_of_another_version_is_refused_with_its_place(tmp_path: Path) -> None:
    segment_path(tmp_path, 1).write_bytes(MAGIC + frame(b'{"kind":"hologram"}'))
    with pytest.raises(LedgerError, match="cannot be understood") as caught:
        list(read_journal(tmp_path))
    assert "00000001.journal at byte 8" in caught.value.where


def test_emptied_journal_under_a_ledger_is_an_error(tmp_path: Path) -> None:
    write_journal(tmp_path, [part(1)])
    with pytest.raises(LedgerError, match="ends with segment 1"):
        JournalReader(tmp_path, JournalPosition(5, 100)).read()


def test_a_journal_without_the_segment_in_force_is_an_error(tmp_path: Path) -> None:
    write_journal(tmp_path, [part(seq) for seq in range(1, 30)], segment_mb=0.005)
    place = JournalReader(tmp_path).read(limit=7)[-1][0]
    assert 1 < place.segment < segment_numbers(tmp_path)[-1]
    for number in range(1, place.segment + 1):
        segment_path(tmp_path, number).unlink()
    with pytest.raises(LedgerError, match=f"segment {place.segment} of the journal, which is not there"):
        JournalReader(tmp_path, place).read()
    # New books begin with what is left, as they do where old segments were let go.
    assert JournalReader(tmp_path).read()[0][0].segment == place.segment + 1


def test_counters_tell_the_plc_start_of_a_session_whose_beginning_was_let_go(tmp_path: Path) -> None:
    totals = {"plc_boot_id": 77, "epoch": 5}
    write_journal(tmp_path, [replace(counters(1, 0), plc_boot_id=77, totals=totals), part(812, epoch=5)])
    known = last_known(tmp_path)
    assert known.plc_boot_ids == {5: 77}
    assert known.last_seqs == {(77, 0): 812}


def test_last_known_names_epoch_numbers_and_open_parts(tmp_path: Path) -> None:
    entries: list[Entry] = [
        epoch(3, 77),
        part(1, epoch=3),
        outcome(1, epoch=3),
        epoch(4, 77),
        part(2, epoch=4),
    ]
    entries += [outcome(5, epoch=4, lane=1), part(5, epoch=4, lane=1), part(3, epoch=4)]
    entries += [outcome(4, epoch=6), outcome(9, epoch=2)]  # of epochs that the station never agreed
    write_journal(tmp_path, entries)
    known = last_known(tmp_path)
    assert known.highest_epoch == 6
    assert known.plc_boot_ids == {3: 77, 4: 77}
    assert known.last_seqs == {(77, 0): 4, (77, 1): 5}
    assert known.without_outcome == (PartId(4, 0, 2), PartId(4, 0, 3))
    assert last_known(tmp_path / "none").highest_epoch == 0


def test_entry_that_cannot_be_written_leaves_a_fault_and_its_number(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    assert writer.append(part(1, diameter_mean_mm=object())) == 1
    assert writer.append(part(2)) == 2
    assert writer.wait_durable(2, 10.0)
    writer.close()
    bad, good = _entries(tmp_path)
    assert isinstance(bad, FaultEntry)
    assert bad.code == "journal_bad_entry"
    assert good == part(2)


def test_failed_sync_writes_the_same_bytes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failed fdatasync nobody knows what is on the disk; a reader must not see anything twice."""
    real, failures = os.fdatasync, [2]

    def sync(fd: int) -> None:
        if failures[0]:
            failures[0] -= 1
            raise OSError(errno.EIO, "Input/output error")
        real(fd)

    monkeypatch.setattr(os, "fdatasync", sync)
    writer = JournalWriter(tmp_path)
    reader = JournalReader(tmp_path)
    seen: list[Entry] = []
    number = max(writer.append(part(seq)) or 0 for seq in range(1, 6))
    while not writer.wait_durable(number, 0.01):
        seen += [entry for _, entry in reader.read()]
    writer.close()
    seen += [entry for _, entry in reader.read()]
    assert [entry for entry in seen if isinstance(entry, PartEntry)] == [part(seq) for seq in range(1, 6)]


_CRASH = """
    import sys
    from pathlib import Path
    from edge_runtime.journal import JournalWriter
    from tests.edge.ledger_samples import part
    writer = JournalWriter(Path(sys.argv[1]), 0.02, commit_interval_s=0.0)
    seq = int(sys.argv[2])
    while True:
        for _ in range(7):
            seq += 1
            number = writer.append(part(seq))
        if writer.wait_durable(number - 3, 5.0):
            print(seq - 3, flush=True)
"""


def _python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )


def test_killed_at_random_instants_nothing_durable_is_lost(tmp_path: Path) -> None:
    """Each life goes on with numbers far above the last; all that was said to be durable is there, once."""
    dice = random.Random(20260301)
    durable: dict[int, int] = {}
    for life in range(5):
        process = _python(_CRASH, str(tmp_path), str(life * 1_000_000))
        assert process.stdout is not None
        last = 0
        for _ in range(dice.randint(1, 60)):
            last = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        durable[life] = max([last, *(int(line) for line in rest.split("\n")[:-1])])
    numbers = _part_numbers(tmp_path)
    assert len(set(numbers)) == len(numbers)
    for life, last in durable.items():
        first = life * 1_000_000 + 1
        assert set(range(first, last + 1)) <= set(numbers)


_FULL = """
    import resource, sys
    from pathlib import Path
    from edge_runtime.journal import JournalWriter
    from tests.edge.ledger_samples import part
    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, resource.RLIM_INFINITY))
    writer = JournalWriter(Path(sys.argv[1]), 0.05, commit_interval_s=0.0)
    for seq in range(1, 41):
        number = writer.append(part(seq))
    assert writer.wait_durable(number, 60.0), writer.error
    print(writer.durable_count, writer.lost_count, flush=True)
    assert writer.close()
"""


def test_file_size_limit_is_met_with_fresh_segments(tmp_path: Path) -> None:
    """EFBIG half-way through a record: it is cut off, and written again where there is room."""
    process = _python(_FULL, str(tmp_path))
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert out.split()[1] == "0"
    entries = _entries(tmp_path)
    assert [e.trigger_seq for e in entries if e.KIND == "part" and hasattr(e, "trigger_seq")] == list(
        range(1, 41)
    )
    assert {e.code for e in entries if isinstance(e, FaultEntry)} == {"journal_write_error"}


def test_full_disk_keeps_entries_until_there_is_room(tiny_disk: Path) -> None:
    """ENOSPC on a real, tiny file system; what waited is written once there is room, the rest was counted."""
    ballast = tiny_disk / "ballast"
    ballast.write_bytes(b"\1" * 900_000)
    writer = JournalWriter(tiny_disk / "journal", 1, pending_max=300, boot_id=BOOT)
    appended = [writer.append(part(seq)) for seq in range(1, 401)]
    assert not writer.wait_durable(300, 1.5)
    assert "No space left" in writer.error
    assert writer.lost_count == appended.count(None) > 0
    ballast.unlink()
    assert writer.wait_durable(max(number for number in appended if number), 30.0)
    assert writer.close() is False, "a writer that dropped entries says so"
    entries = _entries(tiny_disk / "journal")
    kept = [seq for seq, number in zip(range(1, 401), appended, strict=True) if number]
    assert _part_numbers(tiny_disk / "journal") == kept
    said = {entry.code: entry.count for entry in entries if isinstance(entry, FaultEntry)}
    assert said["journal_overflow"] == writer.lost_count
    assert said["journal_write_error"] >= 1


@pytest.fixture
def tiny_disk() -> Iterator[Path]:
    """A file system of one megabyte, where this user may mount one."""
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
        try:
            done = subprocess.run(mount, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("no mount command here")
        if done.returncode or os.geteuid() != 0:
            pytest.skip(f"a small file system cannot be mounted: {done.stderr.strip()}")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)
