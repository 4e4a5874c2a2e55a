"""`ferrogate bench detector`: which files are measured, rows of a real model, targets, table and JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.bench.detector import BOXES, DetectorPlan, drawn_pictures, run_detector
from edge_runtime.bench.detector_files import SHIPPED, SIZES_PX, find_files
from edge_runtime.bench.detector_result import DetectorResult, DetectorRow
from edge_runtime.bench.machine import this_machine
from edge_runtime.cli import main
from vision.detector import Detector, session_options
from vision.errors import ConfigError

ROW = DetectorRow(
    "m", "0", "cpu", "fp32", 640, False, "mono8", 1, 1, 5.0, 20.0, 20.8, 1.04, 0.8, 20.0, 20.8, 1.04, 0.8
)
BALL, INT8 = "ferrogate-models:ball_fp32", "ferrogate-models:ball_int8"


def test_all_shipped_files_are_measured_when_none_is_named() -> None:
    files, notes = find_files([], ())
    assert tuple(one.name for one in files) == SHIPPED
    assert notes == []
    assert len({one.sha256 for one in files}) == len(SHIPPED)
    assert set(SIZES_PX.values()) <= set(SHIPPED)


def test_rows_of_a_real_model() -> None:
    files, _ = find_files([INT8, BALL], ())
    steps: list[int] = []
    plan = DetectorPlan(files, ("cpu",), (1,), (1, 2), ("mono8",), 1, 1)
    rows = run_detector(plan, lambda: steps.append(1))
    assert len(steps) == len(rows) == 4
    assert [(row.precision, row.batch) for row in rows] == [
        ("int8", 1),
        ("int8", 2),
        ("fp32", 1),
        ("fp32", 2),
    ]
    for row in rows:
        assert (row.provider, row.side_px, row.threads, row.levelled) == ("cpu", 128, 1, True)
        assert row.boxes >= BOXES
        assert min(row.raw_ms, row.ours_ms, row.raw_cpu_ms, row.ours_cpu_ms) > 0
        # Of 128 px nothing is demanded.
        assert row.met is None
        assert (row.over_fp32_ratio is not None) == (row.precision == "int8")


def test_threads_that_may_spin_find_the_same() -> None:
    content = Path(find_files([BALL], ())[0][0].path).read_bytes()
    picture = drawn_pictures(150, 140, "bgr8", 3)[0]
    still = Detector(content, "still", threads=2)
    spun = Detector(content, "spun", threads=2, spinning=True)
    a, b = still.detect(picture, 0.001), spun.detect(picture, 0.001)
    assert np.array_equal(a.xyxy_px, b.xyxy_px)
    assert np.array_equal(a.score, b.score)
    key = "session.intra_op.allow_spinning"
    said = [session_options(2, spinning=on).get_session_config_entry(key) for on in (False, True)]
    assert said == ["0", "1"]


@pytest.mark.parametrize(
    ("row", "target", "met"),
    [
        (ROW, "<= 1.05", True),
        (replace(ROW, overhead_ratio=1.06), "<= 1.05", False),
        (replace(ROW, side_px=320, overhead_ratio=1.09), "<= 1.10", True),
        (replace(ROW, side_px=160, overhead_ms=0.31), "<= 0.3 ms", False),
        (replace(ROW, side_px=128), "", None),
        (replace(ROW, precision="int8", overhead_ratio=2.0), "", None),
    ],
)
def test_targets(row: DetectorRow, target: str, met: bool | None) -> None:
    assert (row.target, row.met) == (target, met)
    assert row.to_json()["met"] is met


def test_a_size_that_was_not_measured_meets_nothing() -> None:
    machine = this_machine()
    rows = (ROW, replace(ROW, side_px=320), replace(ROW, side_px=160, overhead_ms=0.2))
    assert DetectorResult(machine, "1", 1, rows, ()).met
    assert not DetectorResult(machine, "1", 1, rows[:2], ()).met
    assert not DetectorResult(machine, "1", 1, (*rows, replace(ROW, overhead_ratio=2.0)), ()).met


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "detector", "--model", INT8, "--size", "0", "--threads", "1", "--rounds", "1"]
    more = ["--provider", "cpu", "--pixels", "mono8", "--json"]
    assert main([*words, *more]) == 9
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    (row,) = said["rows"]
    assert (row["precision"], row["pixels"], row["target"], row["met"]) == ("int8", "mono8", None, None)
    assert said["met"] is False
    assert said["machine"]["cores"] >= 1
    assert main([*words, *more[:-1]]) == 9
    assert "int8 128 lev." in capsys.readouterr().out


def test_options_that_cannot_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "detector", "--rounds", "0"]) == ConfigError.exit_code
    assert "at least 1" in capsys.readouterr().err
