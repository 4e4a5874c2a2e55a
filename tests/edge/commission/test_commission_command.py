"""`ferrogate commission` as it is called, and once in full on the running twin."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pypdf import PdfReader

from edge_runtime.cli import main
from edge_runtime.commission.attendant import load_answers
from edge_runtime.config import load_station
from edge_runtime.station.supervisor import storage_lock
from tests.edge.commission.sim_rig import draft_data, write_draft
from vision.errors import ConfigError


def _call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["commission", *words, "--json"])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_wrong_words_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_draft(tmp_path, draft_data())
    draft, out = str(tmp_path / "draft.yaml"), str(tmp_path / "station.yaml")
    for words, message in [
        ((), "a draft and a file to write"),
        ((draft,), "a draft and a file to write"),
        ((draft, "--twin", "--yes"), "brings its own draft"),
        ((draft, "--out", out), "no terminal"),  # a test's standard input
        ((str(tmp_path / "none.yaml"), "--out", out, "--yes"), "cannot be read"),
        ((draft, "--out", out, "--yes", "--answers", str(tmp_path / "none")), "answers cannot be used"),
    ]:
        code, told = _call(capsys, *words)
        assert code == 2
        assert message in told["error"]


def test_a_station_file_in_the_way_is_told_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_draft(tmp_path, draft_data())
    out = tmp_path / "station.yaml"
    out.write_text("old: true\n", encoding="utf-8")
    code, told = _call(capsys, str(tmp_path / "draft.yaml"), "--out", str(out), "--yes")
    assert code == 2
    assert "already" in told["error"]
    assert out.read_text(encoding="utf-8") == "old: true\n"


def test_a_running_station_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draft = write_draft(tmp_path, draft_data())
    with storage_lock(draft.storage):
        code, told = _call(capsys, str(draft.path), "--out", str(tmp_path / "station.yaml"), "--yes")
    assert code == 8
    assert "another 'ferrogate run'" in told["error"]


def test_answers(tmp_path: Path) -> None:
    path = tmp_path / "answers.yaml"
    path.write_text("by: A. Serik\nskip: {first_run: no balls today}\n", encoding="utf-8")
    answers = load_answers(path)
    assert (answers.by, answers.skip) == ("A. Serik", {"first_run": "no balls today"})
    path.write_text("sikp: {}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="answers"):
        load_answers(path)


@pytest.mark.line
@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_twin_line_is_commissioned_and_runs(tmp_path: Path) -> None:
    # The gate's figures have a test on injected time; here the processes, the wires and the first run count.
    answers = tmp_path / "answers.yaml"
    answers.write_text("by: A. Serik\nskip: {gate: measured elsewhere}\n", encoding="utf-8")
    out = tmp_path / "line"
    command = [sys.executable, "-m", "edge_runtime", "commission", "--twin", "--yes", "--json", "--seed", "5"]
    command += ["--out", str(out), "--answers", str(answers), "--language", "ru"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    steps = {event["step"]: event for event in events if event["event"] == "step"}
    assert done.returncode == 0, done.stderr + json.dumps(steps, ensure_ascii=False, indent=1)
    assert {name: step["status"] for name, step in steps.items()} == {
        "plc": "passed",
        "eye": "passed",
        "gate": "skipped",
        "camera:left": "passed",
        "camera:right": "passed",
        "timing": "passed",
        "first_run": "passed",
        "write": "passed",
    }
    challenge = [fact["value"] for fact in steps["first_run"]["facts"] if "Контрольные" in fact["label"]]
    assert challenge == ["все отбракованы"]
    config = load_station(out / "station.yaml")
    assert config.line is not None
    truth = yaml.safe_load((out / "line.json").read_text(encoding="utf-8"))
    assert config.line.lanes[0].eye_to_gate_counts == round(truth["gate_d"] * 320)
    for camera in config.cameras:
        assert camera.geometry.fov_start_counts == pytest.approx(truth["fov_start_d"] * 320, abs=6)
        assert camera.geometry.px_per_count == pytest.approx(0.5, rel=0.004)
    (paper,) = (out / "station" / "commissioning").glob("report-*-ru.pdf")
    assert len(PdfReader(paper).pages) == 1
