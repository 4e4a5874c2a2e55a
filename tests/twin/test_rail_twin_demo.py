"""`ferrogate demo --station rail`: what it refuses, and a run from end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge_runtime.cli import main
from edge_runtime.twin.rail_demo_command import rail_settings_of
from edge_runtime.twin.rail_figures import overclaims, read_truths
from edge_runtime.twin.rail_settings import RailFault
from edge_runtime.yard.map_folder import read_map


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--station", "rail", "--balls", "5"], "not of the rail station"),
        (["--station", "rail", "--ideal"], "not of the rail station"),
        (["--rails", "5"], "not of the ball station"),
        (["--side-camera"], "not of the ball station"),
        (["--station", "rail", "--rails", "0"], "count"),
        (["--station", "rail", "--length-m", "400"], "length_m"),
        (["--station", "rail", "--faults", "gate_stick"], "no fault of the rail twin"),
        (["--station", "rail", "--forever", "--rails", "3"], "--forever"),
        (["--station", "rail", "--model", "none.onnx"], "the model cannot be read"),
    ],
)
def test_what_cannot_be_is_refused(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["demo", *words, "--out", str(out), "--json"]) == 2
    assert said in capsys.readouterr().out
    assert not out.exists()


def test_faults_are_spread_and_the_first_rail_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    import argparse

    args = argparse.Namespace(
        faults="all", rails=2, length_m=None, rails_per_hour=None, speed_up=None, forever=False,
        side_camera=False,
    )  # fmt: skip
    settings = rail_settings_of(args, Path("run"), 1)
    assert "need 5 rails" in capsys.readouterr().err
    assert settings.count == 5
    assert settings.faults_of(0) == ()
    assert sorted(fault for number in range(5) for fault in settings.faults_of(number)) == sorted(RailFault)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_yard_runs_from_end_to_end(tmp_path: Path) -> None:
    out = tmp_path / "run"
    faults = "black_frame,frames_lost"
    words = ["--rails", "2", "--length-m", "2.5", "--seed", "5", "--faults", faults, "--no-page", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "edge_runtime", "demo", "--station", "rail", *words, "--out", str(out)],
        capture_output=True, text=True, timeout=800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    assert (facts["rails"], facts["booked"], facts["aside"], facts["sound"]) == (2, 2, [], True)
    assert facts["metres"] == pytest.approx(5.0)
    assert facts["faults"] == faults.split(",")
    # Two whole frames of 1,000 rows at half a millimetre.
    assert facts["unseen_true_m"] == pytest.approx(1.0, abs=0.01)
    assert facts["unseen_m"] == pytest.approx(1.0, abs=0.1)
    assert facts["found"] > 0
    assert facts["position_error_mm"]["p95"] < 25.0
    assert facts["cleared"] == []
    # The check can fail: a map that forgets what it did not see is caught.
    truths = read_truths(out / "truth")
    maps = [read_map(folder) for folder in sorted((out / "station" / "rails").iterdir())]
    (faulty,) = [one for one in maps if truths[one.map.rail].faults]
    assert not overclaims(faulty, truths[faulty.map.rail])
    whole = truths[faulty.map.rail].rail.length_mm / 1000.0
    boasting = faulty.grade.model_copy(update={"unseen_m": 0.0})
    object.__setattr__(faulty, "grade", boasting)
    object.__setattr__(faulty, "map", faulty.map.model_copy(update={"length_m": whole}))
    assert overclaims(faulty, truths[faulty.map.rail])
