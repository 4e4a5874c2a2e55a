"""`ferrogate shift` through the command line's own entry."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from pypdf import PdfReader

from edge_runtime.cli import main
from tests.edge.shifts.shift_samples import SHIFT, make_shift
from tests.edge.test_station_bench import write_bench_station


def _run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["shift", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def _json(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    code, out, err = _run(capsys, *arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_list_and_show(night_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = _json(capsys, night_folder, "list")["shifts"]
    assert [(row["id"], row["name"], row["counts"]["parts"]) for row in rows] == [(1, SHIFT, 1280)]
    assert _run(capsys, night_folder, "list")[1].count(SHIFT) == 1
    data = _json(capsys, night_folder, "show", SHIFT)
    assert data["line"]["availability"] == pytest.approx(0.857, abs=0.001)
    assert [item["result"] for item in data["line"]["challenges"]] == ["passed", "missed", "passed"]
    assert len(data["line"]["recipe_changes"]) == 1
    assert data["line"]["books"]["balanced"] is True
    assert data["owed_challenges"] is None  # a bare folder does not tell when they are due
    assert data["rejects"] == 105
    text = _run(capsys, night_folder, "show", "1")[1]
    for said in ("accepted 1155", "bypassed 9", "MISSED", "e_stop", "NOT acknowledged", "the books balance"):
        assert said in text, said


@pytest.mark.parametrize(
    ("language", "word"),
    [
        ("ru", "Смена"),
        pytest.param("kk", "ауысымы", marks=pytest.mark.long),
        pytest.param("en", "Shift", marks=pytest.mark.long),
    ],
)
def test_report(
    night_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], language: str, word: str
) -> None:
    out = tmp_path / "shift.pdf"
    data = _json(capsys, night_folder, "report", "1", "--out", out, "--language", language)
    assert data == {"file": str(out), "shift": 1, "watermark": None, "rejects": 105}
    assert word in PdfReader(out).pages[0].extract_text()


def test_station_file_tells_clock_and_challenges(
    night_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "strip").mkdir()
    station = write_bench_station(tmp_path, tmp_path / "strip", 640, 60)
    data = yaml.safe_load(station.read_text("utf-8"))
    data |= {"page": {"utc_offset_hours": -3.0}, "challenge": {"every_minutes": 20.0, "grace_minutes": 5.0}}
    station.write_text(yaml.safe_dump(data), "utf-8")
    storage = tmp_path / data["storage"]["folder"]
    storage.mkdir(exist_ok=True)
    shutil.copytree(night_folder, storage, dirs_exist_ok=True)
    shown = _json(capsys, station, "show", "1")
    assert [item["due_utc"][11:16] for item in shown["owed_challenges"]] == ["14:33"]
    out = tmp_path / "shift.html"
    _json(capsys, station, "report", "1", "--out", out)
    assert "2026-09-21 11:13 UTC-03:00" in out.read_text("utf-8")
    _json(capsys, station, "report", "1", "--out", out, "--utc-offset", "6")
    assert "2026-09-21 20:13 UTC+06:00" in out.read_text("utf-8")


def test_excel_form(night_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "shift.csv"
    _json(capsys, night_folder, "report", "1", "--out", out, "--language", "ru", "--excel")
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")
    with out.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.reader(stream, delimiter=";"))
    lot = next(row for row in rows if row and row[0] == "'=ҚАЗ-1 & Ко")
    assert lot[3:6] == ["909", "825", "75"]
    assert any("0,75" in row for row in rows)


def test_unsigned_paper_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_shift(tmp_path, verified=False, balls=40, close=False, pictures=False)
    code, out, _ = _run(capsys, tmp_path, "report", "1", "--out", tmp_path / "s.html")
    assert code == 0
    assert "not to be signed: INTERIM · NOT VERIFIED" in out
    assert "still open" in _run(capsys, tmp_path, "list")[1]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("show", "no such shift"), 8, "no shift 'no such shift'"),
        (("show", "99"), 8, "no shift '99'"),
        (("show", str(1 << 63)), 8, f"no shift '{1 << 63}'"),
        (("report", "9" * 5000, "--out", "s.pdf"), 8, "no shift '99"),
        (("report", "1", "--out", "s.docx"), 13, "no form"),
        (("report", "1", "--out", "no/such/folder/s.csv"), 13, "cannot be written"),
        (("report", "1", "--out", "s.pdf", "--language", "de"), 2, "no language"),
        (("report", "1", "--out", "s.pdf", "--utc-offset", "15"), 2, "between -12 and +14"),
        (("report", "1"), 2, "--out"),
        (("list", "--limit", "0"), 2, "between 1 and 10000"),
        ((), 2, "ACTION"),
    ],
)
def test_wrong_calls_are_told(
    night_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    found, _, err = _run(capsys, night_folder, *arguments)
    assert (found, message in err) == (code, True), err
    assert "Traceback" not in err


def test_no_ledger_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = _run(capsys, tmp_path, "list")
    assert code == 8
    assert "there is no ledger yet" in err
