"""`ferrogate run` as a user starts it: supervisor, station and recorder, on a recording without PLC."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import cv2
import pytest
import sqlalchemy as sa
import yaml

from edge_runtime.calibrations import save_calibration
from edge_runtime.ledger.models import PartRow
from edge_runtime.ledger.store import ledger_url, open_to_read, reading
from edge_runtime.station.child import PROCESSES_FILE
from tests.edge.core_rig import calibration
from tests.edge.test_station_bench import write_bench_station
from tests.strips import draw_strip
from tests.vision.small_models import darkest_model

COMMAND = [sys.executable, "-m", "edge_runtime", "run"]
WAIT_S = 60.0


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "strip"
    folder.mkdir()
    for number, x in enumerate([100, 300, 500, 300, 100]):
        cv2.imwrite(str(folder / f"f{number:06d}.png"), draw_strip([x], seed=number))
    return folder


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=WAIT_S, check=False)


def test_a_recording_runs_to_its_end(tmp_path: Path, pictures: Path) -> None:
    station = write_bench_station(tmp_path, pictures, 640, 60)
    done = _run(str(station), "--json")
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    assert (counts["parts"], counts["accept"]) == (2, 0)
    assert "NOT VERIFIED" in done.stderr
    engine = open_to_read(ledger_url(tmp_path / "books"))
    with reading(engine) as connection:
        rows = connection.execute(sa.select(PartRow.has_part, PartRow.has_outcome, PartRow.side)).all()
    engine.dispose()
    assert [tuple(row) for row in rows] == [(True, True, "reject")] * 2
    assert list((tmp_path / "books" / "pictures").rglob("*.jpg"))


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"detector": {"model": "nowhere.onnx"}}, 2, "nowhere.onnx"),  # no such model
        ({"detector": {"model": "recipe.yaml"}}, 4, "model"),  # not a model at all
        # a model without contract; a provider that is not here
        pytest.param({"detector": {"model": "bare.onnx"}}, 4, "ferrogate_contract", marks=pytest.mark.long),
        pytest.param(
            {"detector": {"model": "small.onnx", "provider": "cuda"}}, 5, "CUDA", marks=pytest.mark.long
        ),
        ({"recipe": "none.yaml"}, 2, "none.yaml"),  # no recipe
    ],
)
def test_what_a_restart_cannot_mend_ends_at_once(
    tmp_path: Path, pictures: Path, change: dict[str, object], code: int, message: str
) -> None:
    path = write_bench_station(tmp_path, pictures, 640, 60)
    (tmp_path / "bare.onnx").write_bytes(darkest_model(metadata={}))
    data = yaml.safe_load(path.read_text(encoding="utf-8")) | change
    if "detector" in change:
        data["detector"]["model"] = str(tmp_path / data["detector"]["model"])
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    done = _run(str(path))
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    # The supervisor says it itself, or the station's log does.
    assert "what to do" in done.stderr or '"todo"' in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("changes", "arguments", "message", "code"),
    [
        ({"camera": "other"}, (), "'other'", 2),  # of another camera
        ({"camera": "other"}, ("--check",), "'other'", 2),
        ({"width_px": 320}, ("--check",), "320x60", 2),  # of another picture size
        ({"date": "2020-01-01"}, ("--check",), "stale", 9),  # another day, or a clock set right, mends it
        (None, ("--check",), "cannot be", 2),  # no such file
    ],
)
def test_a_calibration_that_does_not_count_is_told_at_once(
    tmp_path: Path,
    pictures: Path,
    changes: dict[str, object] | None,
    arguments: tuple[str, ...],
    message: str,
    code: int,
) -> None:
    path = _calibrated(tmp_path, pictures, changes)
    done = _run(str(path), *arguments)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert done.stderr.count("what to do") == 1
    assert not (tmp_path / "books").exists(), "nothing was started"


def _calibrated(folder: Path, pictures: Path, changes: dict[str, object] | None) -> Path:
    path = write_bench_station(folder, pictures, 640, 60)
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    data["cameras"][0]["geometry"]["calibration"] = "channel.yaml"
    data["temperature"] = {"source": "constant", "celsius": 22.0, "u_celsius": 2.0}
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    if changes is not None:
        today = datetime.now(UTC).date().isoformat()
        usual: dict[str, object] = {"camera": "channel", "height_px": 60, "date": today}
        save_calibration(calibration(**(usual | changes)), folder / "channel.yaml")
    return path


def test_check_says_what_is_in_force(tmp_path: Path, pictures: Path) -> None:
    path = _calibrated(tmp_path, pictures, {})
    (scale,) = json.loads(_run(str(path), "--check", "--json").stdout)["scales"]
    assert (scale["camera"], scale["days_left"], scale["certificates"]) == ("channel", 30, ["K-17"])
    assert len(scale["calibration_sha256"]) == 64
    told = _run(str(path), "--check").stderr
    assert "camera channel: calibration of" in told
    assert "NOT VERIFIED: " in told  # limits of the recipe


def test_check_and_schema_start_nothing(tmp_path: Path, pictures: Path) -> None:
    path = write_bench_station(tmp_path, pictures, 640, 60)
    done = _run(str(path), "--check", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["unverified_limits"]
    assert not (tmp_path / "books").exists()
    schema = _run("--schema", "station")
    assert json.loads(schema.stdout)["title"] == "StationConfig"


def test_a_killed_station_is_started_again_and_a_stopped_one_ends_clean(
    tmp_path: Path, pictures: Path
) -> None:
    path = write_bench_station(tmp_path, pictures, 640, 60)
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    # Slow enough that it still plays when it is killed.
    data["cameras"][0]["source"] |= {"realtime": True, "frames_per_s": 0.05}
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    with subprocess.Popen([*COMMAND, str(path)], stderr=subprocess.PIPE, text=True) as supervisor:
        first = _station_pid(tmp_path, 0)
        os.kill(first, signal.SIGKILL)
        second = _station_pid(tmp_path, first)
        supervisor.send_signal(signal.SIGTERM)
        _, messages = supervisor.communicate(timeout=WAIT_S)
    assert supervisor.returncode == 0
    assert "starting it again" in messages
    assert not Path(f"/proc/{second}").exists()


def _station_pid(folder: Path, other_than: int) -> int:
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        try:
            pid = int(json.loads((folder / "books" / PROCESSES_FILE).read_text(encoding="utf-8"))["station"])
        except (OSError, ValueError):
            pid = other_than
        # Its journal is open: it has come up, and can be killed in earnest.
        if pid != other_than and list((folder / "books").glob("journal/*")):
            return pid
        time.sleep(0.05)
    raise AssertionError("the station did not come up")
