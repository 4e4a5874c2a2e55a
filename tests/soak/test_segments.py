"""Logs in files of bounded size: nothing lost or read twice, whoever starts anew."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from edge_runtime.twin.segments import SegmentedLog, SegmentReader, TornLogError, newest_segment, segment_path


def _line(number: int) -> str:
    return json.dumps({"event": "row", "number": number}, separators=(",", ":")) + "\n"


def _numbers(reader: SegmentReader) -> list[int]:
    return [int(row["number"]) for row in reader.rows()]


def test_rows_go_from_file_to_file(tmp_path: Path) -> None:
    first = tmp_path / "plc.jsonl"
    reader = SegmentReader(first)
    assert _numbers(reader) == []
    found = []
    with closing(SegmentedLog(first, 0.0001)) as log:
        for number in range(50):
            log.write(_line(number))
            if number % 7 == 0:
                log.flush()
                found += _numbers(reader)
    found += _numbers(reader)
    assert found == list(range(50))
    assert reader.number == newest_segment(first) > 5
    assert all(segment_path(first, number).stat().st_size < 200 for number in range(reader.number + 1))


def test_a_new_writer_goes_on_in_the_newest_file(tmp_path: Path) -> None:
    first = tmp_path / "plc.jsonl"
    for start in (0, 10):
        with closing(SegmentedLog(first, 0.0001)) as log:
            for number in range(start, start + 10):
                log.write(_line(number))
    assert _numbers(SegmentReader(first)) == list(range(20))


def test_read_files_may_go(tmp_path: Path) -> None:
    first = tmp_path / "plc.jsonl"
    reader = SegmentReader(first)
    with closing(SegmentedLog(first, 0.0001)) as log:
        for number in range(20):
            log.write(_line(number))
        log.flush()
        assert _numbers(reader) == list(range(20))
        for number in range(reader.number):
            segment_path(first, number).unlink()
        log.write(_line(20))
    assert _numbers(reader) == [20]


def test_without_a_size_there_is_one_file(tmp_path: Path) -> None:
    first = tmp_path / "truth.jsonl"
    with closing(SegmentedLog(first)) as log:
        for number in range(1000):
            log.write(_line(number))
    assert [path.name for path in tmp_path.iterdir()] == ["truth.jsonl"]


def test_a_line_that_is_not_whole_waits_and_a_torn_one_is_stepped_over(tmp_path: Path) -> None:
    first = tmp_path / "plc.jsonl"
    reader = SegmentReader(first)
    first.write_text(_line(1) + '{"event":"row","numb')
    assert _numbers(reader) == [1]
    # A killed writer's half line, with the next writer's row behind it.
    with first.open("a") as file:
        file.write(_line(2))
    assert _numbers(reader) == [2]
    with first.open("a") as file:
        file.write("nonsense\n")
    with pytest.raises(TornLogError):
        _numbers(reader)
