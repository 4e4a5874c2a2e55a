"""The backup that docs/operation.md describes, made while the line writes, gives whole books again."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from edge_runtime.journal import JournalWriter
from edge_runtime.ledger.books import balance
from edge_runtime.ledger.place import find_ledger, open_caught_up
from edge_runtime.ledger.store import ledger_url, open_ledger, reading
from edge_runtime.people.accounts import Accounts
from edge_runtime.recorder_main import Recorder
from tests.edge.ledger_samples import BOOT, counters, epoch, outcome, part
from vision.errors import LedgerError


def _backup(repository: Path, source: Path, target: Path) -> None:
    """Run the manual's own lines, with its two folders replaced."""
    manual = (repository / "docs" / "operation.md").read_text(encoding="utf-8")
    found = re.search(r"## Backup.*?```sh\n(.*?)```", manual, re.S)
    assert found is not None
    script, changed = re.subn(
        r"^from=.*$", f"from='{source}'; to='{target}'; mkdir \"$to\"", found.group(1), flags=re.M
    )
    assert changed == 1
    # A large ledger takes long to copy: the line goes on by more segments than the journal keeps.
    script, changed = re.subn(r"^(cp -a \"\$from/journal)", r"sleep 1.5\n\1", script, flags=re.M)
    assert changed == 1
    subprocess.run(["bash", "-eu", "-c", script], check=True, timeout=60)


def _line(storage: Path, stop: threading.Event, going: threading.Event, last_seq: int = 0) -> None:
    """A station that journals parts and a recorder that applies them, until told to stop, or `last_seq`."""
    writer = JournalWriter(storage / "journal", 0.02, boot_id=BOOT)
    engine = open_ledger(ledger_url(storage))
    recorder = Recorder(engine, storage, None, BOOT)
    writer.append(epoch())
    seq = 0
    while not stop.is_set():
        for _ in range(20):
            seq += 1
            writer.append(part(seq))
            writer.append(outcome(seq))
        assert writer.wait_durable(2 * seq + 1, 10.0)
        if seq % 60 == 0:  # always a little behind
            recorder.step()
        if seq > 200:
            going.set()
        if last_seq and seq >= last_seq:
            break
    writer.append(counters(seq, 0))
    assert writer.close()
    engine.dispose()


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the manual's lines need the sqlite3 command")
def test_a_copy_of_a_running_line_has_whole_books(tmp_path: Path, repository: Path) -> None:
    storage, copy = tmp_path / "books", tmp_path / "copy"
    (storage / "pictures").mkdir(parents=True)
    (storage / "day.json").write_text("{}")
    accounts = Accounts.open(storage)
    accounts.create("A", "admin", "correct horse 42", by="test")
    stop, going = threading.Event(), threading.Event()
    line = threading.Thread(target=_line, args=(storage, stop, going))
    line.start()
    try:
        assert going.wait(60)
        _backup(repository, storage, copy)
    finally:
        stop.set()
        line.join()
        accounts.close()
    engine, note = open_caught_up(find_ledger(copy), insist=True)
    assert note == ""
    with reading(engine) as connection:
        books = balance(connection)
        # Without the last counters nothing is known of triggers; every part that is there is whole.
        parts = books.lines[2].left
        assert parts >= 200
        assert not [problem for problem in books.problems if "no row" in problem or "no outcome" in problem]
    engine.dispose()
    restored = Accounts.open(copy)
    assert [person.name for person in restored.people()] == ["A"]
    restored.close()
    assert all((path.stat().st_mode & 0o077) == 0 for path in copy.glob("*.sqlite"))


def test_a_ledger_without_its_journal_is_refused(tmp_path: Path) -> None:
    storage = tmp_path / "books"
    _line(storage, threading.Event(), threading.Event(), last_seq=900)
    engine, _ = open_caught_up(find_ledger(storage), insist=True)
    engine.dispose()
    shutil.rmtree(storage / "journal")
    writer = JournalWriter(storage / "journal", 1, boot_id=BOOT)
    writer.append(part(5000))
    assert writer.close()
    with pytest.raises(LedgerError, match="the ledger is at"):
        open_caught_up(find_ledger(storage), insist=True)
