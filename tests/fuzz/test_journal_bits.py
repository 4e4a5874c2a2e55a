"""Journals on a disk that turns bits over: what is read was written, and what was lost is counted.

Neighbour: `tests/edge/test_journal.py` has crashes and full disks.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.entries import Entry, from_json, to_json
from edge_runtime.journal import JournalReader, last_known
from edge_runtime.journal.framing import MAGIC, frame, segment_path
from tests.edge.ledger_samples import counters, epoch, fault, outcome, part, session
from tests.fuzz.strategies import DEEP_JSON, LONG_NUMBER, VALUES, fuzzed, mutants, one_answer, torn
from vision.errors import FerrogateError, LedgerError

ENTRIES: list[Entry] = [
    session(),
    epoch(1),
    part(1),
    outcome(1),
    part(2),
    outcome(2),
    fault("x"),
    counters(1, 1),
]


def segment(entries: list[Entry]) -> bytes:
    return MAGIC + b"".join(frame(to_json(entry)) for entry in entries)


def read(folder: Path) -> list[Entry] | FerrogateError:
    return one_answer(lambda: [entry for _, entry in JournalReader(folder).read(10_000)])


@fuzzed(120)
@given(data=torn(segment(ENTRIES)), empty=st.integers(0, 5000))
def test_a_torn_segment_gives_what_was_written_and_no_more(data: bytes, empty: int) -> None:
    """Records from the beginning on; nothing changed is among them, and the next segment is read as well."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        segment_path(folder, 1).write_bytes(data + bytes(empty))
        segment_path(folder, 2).write_bytes(segment([part(9)]))
        found = read(folder)
        assert isinstance(found, list)
        assert found[-1:] == [part(9)]
        # A doubled stretch may hold whole records twice: each is still one that was written.
        assert all(entry in [*ENTRIES, part(9)] for entry in found)
        one_answer(lambda: last_known(folder))


@fuzzed(60)
@given(data=st.binary(max_size=300))
def test_any_file_in_the_journals_place(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        segment_path(Path(name), 1).write_bytes(data)
        found = read(Path(name))
        assert found == [] or isinstance(found, LedgerError)


def entry_or_error(line: bytes) -> Entry | None:
    try:
        return from_json(line)
    except ValueError:
        return None


@fuzzed(200)
@given(tree=st.sampled_from(ENTRIES).map(lambda entry: json.loads(to_json(entry))).flatmap(mutants) | VALUES)
def test_any_json_is_an_entry_or_a_value_error(tree: Any) -> None:
    entry_or_error(json.dumps(tree).encode())


@pytest.mark.parametrize(
    "text", [*DEEP_JSON, LONG_NUMBER, "null", "{}", '{"kind": []}', '{"kind": {}}', "\ud800"]
)
def test_lines_that_break_a_parser(text: str) -> None:
    assert entry_or_error(text.encode("utf-8", "surrogatepass")) is None


def test_a_whole_record_that_is_no_entry_is_one_error(tmp_path: Path) -> None:
    segment_path(tmp_path, 1).write_bytes(MAGIC + frame(b'{"kind": "part"}'))
    assert isinstance(read(tmp_path), LedgerError)
    assert isinstance(one_answer(lambda: last_known(tmp_path)), LedgerError)
