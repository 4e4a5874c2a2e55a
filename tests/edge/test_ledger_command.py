"""`ferrogate ledger` through the command line's own entry, over a journal that nothing has applied yet."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_runtime.cli import main
from edge_runtime.entries import Entry
from edge_runtime.journal import JournalWriter
from edge_runtime.ledger.store import ledger_url, open_ledger
from edge_runtime.recorder_main import recorder_lock
from tests.edge.ledger_samples import counters, epoch, fault, outcome, part


def _journal(folder: Path, entries: list[Entry]) -> None:
    writer = JournalWriter(folder / "journal", 1)
    for entry in entries:
        writer.append(entry)
    assert writer.close()


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """Three parts, one of them rejected, all through, in the journal only."""
    entries: list[Entry] = [epoch(), part(1), part(2, decision="reject", views_lost=1), part(3), fault()]
    entries += [outcome(1), outcome(2, verdict="reject"), outcome(3), counters(2, 1)]
    _journal(tmp_path, entries)
    return tmp_path


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["ledger", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    code, out, err = _run(capsys, *arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_list_shows_the_newest_parts(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, str(storage))
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["part", "1-0-3", "1-0-2", "1-0-1", "3"]


def test_run_folder_is_known_by_its_station_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _journal(tmp_path / "books", [part(1)])
    storage = {"folder": "books"}
    camera = {
        "name": "left",
        "source": {"type": "folder", "path": "pictures"},
        "geometry": {
            "width_px": 640,
            "height_px": 60,
            "fov_start_counts": 0,
            "px_per_count": 1.0,
            "lane_y_px": {0: 30.0},
        },
        "exposure": {"every_counts": 1},
    }
    eye = {"type": "virtual_eye", "camera": "left"}
    station = {"name": "s", "recipe": "ball.yaml", "cameras": [camera], "plc": eye, "storage": storage}
    (tmp_path / "station.yaml").write_text(yaml.safe_dump(station))
    for place in (tmp_path, tmp_path / "station.yaml", tmp_path / "books"):
        assert _json(capsys, str(place))["total"] == 1


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        (("--verdict", "reject"), [2]),
        (("--reason", "crack"), [2]),
        (("--limit", "1"), [3]),
        (("--limit", "0"), []),
        (("--epoch", "9"), []),
        (("--since", "2026-09-21"), [3, 2, 1]),  # the samples are of that day, 14:13 UTC
        (("--since", "2026-09-21T16:13:00+02:00"), [3, 2, 1]),
        (("--since", "2026-09-22"), []),
    ],
)
def test_list_chooses(
    storage: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], numbers: list[int]
) -> None:
    found = _json(capsys, str(storage), "list", *arguments)
    assert [row["trigger_seq"] for row in found["parts"]] == numbers


def test_csv_is_a_whole_file_with_units(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = storage / "parts.csv"
    assert _json(capsys, str(storage), "csv", "--out", str(table)) == {"rows": 3, "file": str(table)}
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["part"], row["verdict"], row["side"]) for row in rows] == [
        ("1-0-1", "accept", "accept"),
        ("1-0-2", "reject", "reject"),
        ("1-0-3", "accept", "accept"),
    ]
    assert float(rows[0]["diameter_mean_mm"]) == 40.0
    assert (rows[0]["roundness_mm"], rows[0]["coverage_surface_share"]) == ("0.04", "0.93")
    assert (rows[0]["coverage_p_crack"], rows[0]["calibration_sha256"]) == ("", "c" * 64)
    assert rows[0]["utc"].startswith("2026-09-21T14:13:20")
    assert rows[0]["plc_reason"] == ""
    assert not list(storage.glob(".parts*"))
    code, out, _ = _run(capsys, str(storage), "csv")
    assert code == 0
    assert out.splitlines() == table.read_text(encoding="utf-8").splitlines()


def test_csv_that_cannot_be_written_leaves_the_old_one(
    storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = _run(capsys, str(storage), "csv", "--out", str(storage / "none" / "parts.csv"))
    assert code == 8
    assert "the table cannot be written" in err


def test_balance_says_so_and_leaves_with_its_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _journal(tmp_path, [epoch(), part(1), outcome(1), counters(1, 0)])
    code, out, _ = _run(capsys, str(tmp_path), "balance")
    assert (code, out.splitlines()[-1]) == (0, "the books balance")
    _journal(tmp_path, [part(3), outcome(3)])
    code, out, _ = _run(capsys, str(tmp_path), "balance", "--json")
    assert code == 9
    found = json.loads(out)
    assert found["balanced"] is False
    assert found["problems"] == ["no row for part number 2, lane 0 of PLC start 77"]


def test_show_tells_all_of_one_part(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = _json(capsys, str(storage), "show", "1-0-2")
    assert [view["fault"] for view in row["views"]] == ["ok", "ok", "lost_frame"]
    code, out, _ = _run(capsys, str(storage), "show", "1-0-2")
    assert code == 0
    assert "crack 0.75 at [10.0, 11.0, 20.0, 21.0] px" in out
    measured = "39.900 to 40.100 mm (u 0.021 mm), roundness 0.030 mm, 98% of the outline seen"
    assert [line.strip() for line in out.splitlines()].count(measured) == 2  # the third view was lost
    assert "temperature_celsius:   104.5" in out


def test_faults_are_listed_and_counted(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, str(storage), "faults")
    assert found["totals"] == {"camera_lost": 1}
    assert found["faults"][0]["camera"] == "left"
    _, out, _ = _run(capsys, str(storage), "faults", "--reason", "other")
    assert out == "in all: camera_lost 1\n"


def test_reading_works_while_a_recorder_is_at_work(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_ledger(ledger_url(storage)).dispose()
    with recorder_lock(storage, wait_s=0.0):
        assert _json(capsys, str(storage))["parts"] == [], "applying is the recorder's"
        code, _, err = _run(capsys, str(storage), "--apply")
    assert code == 8
    assert "another recorder is at work" in err
    assert len(_json(capsys, str(storage), "--apply")["parts"]) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("{}/none",), 2, "cannot be read"),  # neither a folder nor a station file
        (("{}",), 8, "no ledger yet"),  # a folder without books
        (("{}", "show"), 2, "name of one part"),
        (("{}", "list", "1-0-1"), 2, "name of one part"),
        (("{}", "list", "--limit", "-1"), 2, "below 0"),
        (("{}", "list", "--out", "x.csv"), 2, "csv and bundle only"),
        (("{}", "csv", "--json"), 2, "not JSON"),
        (("{}", "burn"), 2, "invalid choice"),
    ],
)
def test_wrong_use_is_one_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, words: str
) -> None:
    found, out, err = _run(capsys, *(word.format(tmp_path) for word in arguments))
    assert found == code
    assert words in (out + err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "1-0-99"), "there is no part 1-0-99"),
        (("show", f"1-0-{1 << 63}"), "there is no part 1-0-9223372036854775808"),
        (("--epoch", str(1 << 63)), "not the number of a row"),
        (("show", "one"), "no part's name"),
        (("list", "--since", "yesterday"), "is no time"),
    ],
)
def test_wrong_names_and_times(
    storage: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    code, _, err = _run(capsys, str(storage), *arguments)
    assert code in (2, 8)
    assert words in err
