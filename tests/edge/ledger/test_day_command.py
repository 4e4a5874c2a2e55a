"""`ferrogate ledger`: acts, challenges and alarms through the command line's own entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.cli import main
from edge_runtime.entries import Entry
from edge_runtime.journal import JournalWriter
from edge_runtime.ledger.alarms import acknowledge_alarm, clear_alarm, raise_alarm
from edge_runtime.ledger.store import ledger_url, open_ledger, writing
from tests.edge.ledger.day_samples import Day, challenge, through
from tests.edge.ledger_samples import UTC_NS


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """A shift with a lot and two challenges in the journal, and two alarms in the ledger."""
    engine = open_ledger(ledger_url(tmp_path))
    with writing(engine) as connection:
        first = raise_alarm(connection, "latched", "", "stop", {"cause": "e_stop"}, UTC_NS)
        raise_alarm(connection, "camera_silent", "left", "error", {}, UTC_NS + 1)
        clear_alarm(connection, first, UTC_NS + 2)
        acknowledge_alarm(connection, first, "Marat", UTC_NS + 3, "door was open")
    engine.dispose()
    day = Day()
    entries: list[Entry] = [
        day.open_shift("day"),
        day.open_lot("L-1"),
        *through(1, decision="reject", challenge="C-1"),
        challenge("C-1", "passed"),
        *through(2),
        *through(3, challenge="C-2"),
        challenge("C-2", "missed", utc_ns=UTC_NS + 9),
        day.close_lot("Marat"),
    ]
    writer = JournalWriter(tmp_path / "journal", 1)
    for entry in entries:
        writer.append(entry)
    assert writer.close()
    return tmp_path


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["ledger", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out.splitlines()


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads("".join(_run(capsys, *arguments, "--json")))


def test_acts(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = _run(capsys, str(storage), "acts")
    assert [line.split()[2] for line in lines] == ["close_lot", "open_lot", "open_shift"]
    assert "Marat (foreman)" in lines[0]
    assert lines[0].endswith("[lot: L-1 -> -]")
    assert "name: L-1, product: ball 40  [lot: - -> L-1]" in lines[1]
    found = _json(capsys, str(storage), "acts", "--limit", "1")["acts"]
    assert [(act["act"], act["by"], act["utc"][:10]) for act in found] == [
        ("close_lot", "Marat", "2026-09-21")
    ]
    assert _run(capsys, str(storage), "acts", "--since", "2030-01-01") == ["no acts"]


def test_challenges(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missed, passed = _run(capsys, str(storage), "challenges")
    assert "C-2" in missed
    assert missed.endswith("1 accepted parts in doubt, NOT ANSWERED")
    assert "passed" in passed
    assert "doubt" not in passed
    found = _json(capsys, str(storage), "challenges")["challenges"]
    assert [(item["challenge"], item["result"], item["contained"]) for item in found] == [
        ("C-2", "missed", 1),
        ("C-1", "passed", 0),
    ]


def test_the_list_of_parts_marks_challenge_balls_and_parts_in_doubt(
    storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = _run(capsys, str(storage), "list")
    assert [line.partition("_eye")[2] for line in lines[1:4]] == [
        ", ball of challenge C-2",
        ", IN DOUBT by challenge C-2",
        ", ball of challenge C-1",
    ]


def test_alarms(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    camera, latched = _run(capsys, str(storage), "alarms")
    assert camera.endswith("camera_silent left             stands, not acknowledged")
    assert "seen by Marat  cause=e_stop  door was open" in latched
    assert _run(capsys, str(storage), "alarms", "--open") == [camera]
    found = _json(capsys, str(storage), "alarms")["alarms"]
    assert [(item["code"], item["cleared_utc"]) for item in found] == [
        ("camera_silent", None),
        ("latched", "2026-09-21T14:13:20.000Z"),
    ]
    assert main(["ledger", str(storage), "acts", "--open"]) == 2
    assert "--open is for alarms only" in capsys.readouterr().err
