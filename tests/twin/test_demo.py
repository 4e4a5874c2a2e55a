"""`ferrogate demo` as a user starts it: a short run without faults, and what it prints."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge_runtime.twin.figures import percentile_ms

pytestmark = pytest.mark.timeout(300)
COMMAND = [sys.executable, "-m", "edge_runtime", "demo"]
KEYS = {
    "balls", "judged", "accepted", "rejected", "unaccounted", "unproven_accepts", "wrong_chute", "late",
    "lost_frames", "escapes", "escapes_hidden", "false_rejects", "neighbour_rejects", "trigger_to_plc_ms",
    "faults", "line", "seed",
}  # fmt: skip


def _demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.line
def test_a_short_run_is_sound_and_says_so(tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = _demo("--balls", "60", "--seed", "5", "--defect-share", "0.1", "--out", str(out), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    assert set(facts) >= KEYS
    assert (facts["balls"], facts["unaccounted"], facts["unproven_accepts"]) == (60, 0, 0)
    # On a machine that is busy with other things a heartbeat may be lost, and parts with it.
    assert 0 < facts["judged"] <= 60
    assert facts["accepted"] + facts["rejected"] == 60
    assert facts["accepted"] > 0
    assert facts["books_balance"]
    assert facts["invariant_kept"]
    assert set(facts["trigger_to_plc_ms"]) == {"p50", "p99", "max"}
    # The defaults of the twin's physics are printed, not hidden.
    assert (
        facts["line"] | {"valve_ms": 12.0, "flap_ms": 35.0, "pitch_d": 3.0, "plc_scan_ms": 5.0}
        == facts["line"]
    )
    ledger = subprocess.run(
        [sys.executable, "-m", "edge_runtime", "ledger", str(out / "station"), "balance"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ledger.returncode == 0, ledger.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--faults", "sunspots"], "sunspots"),  # no such fault
        (["--balls", "-5"], "--balls"),  # cannot be
        (["--rate", "0"], "balls_per_s"),  # cannot be
        (["--diameter-mm", "500"], "diameter_mm"),  # no such ball
        (["--model", "nowhere.onnx", "--balls", "1"], "nowhere.onnx"),  # no such model
    ],
)
def test_what_cannot_be_run_is_refused(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = _demo(*arguments, "--out", str(tmp_path / "run"))
    assert done.returncode not in (0, 70), done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_in_use_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = _demo("--balls", "1", "--out", str(tmp_path))
    assert done.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([5.0, 1.0, 3.0], 50.0, 3.0),  # the middle one
        ([1.0] * 99 + [9.0], 99.0, 1.0),  # one in a hundred does not count yet
        ([1.0] * 98 + [9.0, 9.0], 99.0, 9.0),  # two do
        ([1.0, float("inf")], 50.0, 1.0),  # a missing verdict is not averaged in
        ([1.0, float("inf")], 99.0, None),  # and is never hidden
        ([], 99.0, None),  # nothing measured
    ],
)
def test_percentiles_keep_missing_verdicts(values: list[float], share: float, expected: float | None) -> None:
    assert percentile_ms(values, share) == expected
