"""The command on the whole line: real PLC server, real station, real pictures, faults, an end by Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edge_runtime.cli import main
from edge_runtime.shm_ring import picture_ring_name, remove_ring
from edge_runtime.soak.plan import SoakPlan
from edge_runtime.soak.run import run_soak
from tests.soak.test_report import KEYS
from tests.twin.sabotage import Sabotage

SOAK = [sys.executable, "-m", "edge_runtime", "soak", "--seed", "3", "--json"]
#: of a soak that runs in this process
STATION = f"ferrogate-soak-{os.getpid()}"
#: what a machine that others use too may bring; everything else is the line's own
OF_THE_MACHINE = {"late", "false_rejects", "disturbances", "latency"}


def test_wrong_words_are_told_before_anything_starts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    for words in (["--hours", "0"], ["--speed", "0.1"], ["--faults", "rust"], ["--peak", "1"]):
        assert main(["soak", "--out", str(out), *words]) == 2
        assert words[0] in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.line
@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_short_soak_with_faults_of_many_kinds(tmp_path: Path) -> None:
    out = tmp_path / "run"
    faults = "lost_frame,station_kill,plc_restart,e_stop,duplicate_trigger,plc_link_cut"
    words = ["--hours", "0.026", "--faults", faults, "--fault-every", "20", "--out", str(out)]
    done = subprocess.run([*SOAK, *words], capture_output=True, text=True, timeout=500, check=False)
    facts = json.loads(done.stdout.splitlines()[-1])
    assert tuple(facts)[: len(KEYS)] == KEYS
    assert facts["balls"] == 281, done.stderr
    assert facts["faults_injected"] >= 5
    assert (facts["violations"], facts["violations_told"]) == (0, [])
    assert facts["books_balance"]
    assert facts["unaccounted"] == facts["on_belt"] == 0
    assert facts["accepted"] > 100
    assert set(facts["unclean"]) <= OF_THE_MACHINE
    assert done.returncode == (1 if facts["unclean"] else 0)
    assert facts["memory"] == "unproven", "two minutes prove nothing"
    assert {item["process"] for item in facts["processes"]} == {
        "supervisor",
        "station",
        "recorder",
        "page",
        "twin",
        "plc",
    }
    assert all(fault["recovery_s_median"] is not None for fault in facts["faults"].values())
    assert facts["page_pictures"] > 0
    assert json.loads((out / "soak.json").read_text(encoding="utf-8")) == facts
    assert "<svg" in (out / "report.html").read_text(encoding="utf-8")
    assert (out / "samples.csv").read_text(encoding="utf-8").count("\n") > 20


@pytest.mark.line
@pytest.mark.long
@pytest.mark.timeout(300)
def test_ctrl_c_reports_what_ran(tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["--hours", "1", "--no-page", "--out", str(out)]
    with subprocess.Popen([*SOAK, *words], stdout=subprocess.PIPE, text=True) as process:
        truth = out / "truth.jsonl"
        end_s = time.monotonic() + 120.0
        while time.monotonic() < end_s and not (truth.exists() and '"place"' in truth.read_text()):
            time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=150.0)
    facts = json.loads(printed.splitlines()[-1])
    assert facts["stopped_early"]
    assert 0 < facts["balls"] < 1000
    assert facts["violations"] == 0
    assert set(facts["unclean"]) <= OF_THE_MACHINE
    assert (out / "report.html").exists()


@pytest.mark.line
@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_station_that_accepts_without_proof_is_found_out(tmp_path: Path) -> None:
    plan = SoakPlan(
        hours=0.005,
        balls_per_s=5.0,
        peak_per_s=5.0,
        train_balls=60,
        speed=1.0,
        names=(),
        every_balls=120.0,
        seed=3,
        diameter_mm=40.0,
        defect_share=0.1,
        views=4,
        model="ferrogate-models:ball",
        run_dir=tmp_path / "run",
    )
    command = [sys.executable, "-m", "tests.twin.sabotaged_station", Sabotage.ACCEPT_WITHOUT_PROOF.value]
    try:
        result = run_soak(
            plan, lambda placed, watch: None, threading.Event(), page=False, station_command=command
        )
    finally:
        # Without its supervisor nobody removes the picture ring of a station.
        remove_ring(picture_ring_name(STATION))
    assert result.tally.violations > 10
    assert result.exit_code == 10
    assert "violations" in result.unclean
