"""`ferrogate bench metrology`: drawn shapes, rivals, targets, and what is said when something is missing."""

from __future__ import annotations

import argparse
import io
import json
import sys

import numpy as np
import pytest
from rich.console import Console

from edge_runtime.bench.machine import this_machine
from edge_runtime.bench.metrology import NAMES, methods, run_set, run_times, truth_of
from edge_runtime.bench.metrology_print import print_result
from edge_runtime.bench.metrology_table import (
    LIMITS,
    METHODS,
    Limit,
    MetrologyResult,
    Row,
    SetResult,
    Spread,
    Times,
    TwinGaugeResult,
    UncertaintyResult,
)
from edge_runtime.bench.metrology_twin import check_uncertainty, gauge_of
from edge_runtime.bench.rivals import calipers_of, circle_of, figures_of, opencv_contour
from edge_runtime.bench.silhouettes import Exposure, Shape, draw
from edge_runtime.commands import bench as command
from edge_runtime.twin.gauge import StudyRow
from edge_runtime.twin.reference_scale import calibrate_twin
from edge_runtime.twin.settings import CAMERAS
from edge_runtime.twin.study_parts import StudySettings
from vision.errors import ConfigError
from vision.metrology.types import Float64Array


def nothing() -> None:
    """A progress step nobody watches."""


@pytest.fixture(scope="module")
def clean() -> SetResult:
    by_name, missing = methods()
    assert missing == ()
    return run_set("clean", 6, 4, by_name, nothing)


def spread(result: SetResult, figure: str, method: str) -> Spread:
    row = next(row for row in result.rows if row.figure == figure)
    found = row.spread[method]
    assert found is not None
    return found


def test_rivals_show_their_known_faults(clean: SetResult) -> None:
    """Otsu's mask loses half a pixel on each side; a contour half-way up has noisy ends."""
    assert [row.figure for row in clean.rows] == list(NAMES)
    assert spread(clean, "ls_diameter", "opencv").bias_px == pytest.approx(-0.90, abs=0.06)
    assert spread(clean, "ls_diameter", "skimage").bias_px == pytest.approx(0.005, abs=0.02)
    assert spread(clean, "feret_max", "skimage").bias_px == pytest.approx(0.07, abs=0.04)
    assert spread(clean, "roundness_unfiltered", "opencv").bias_px == pytest.approx(0.89, abs=0.15)
    assert spread(clean, "roundness_unfiltered", "skimage").bias_px == pytest.approx(0.109, abs=0.06)


def test_ours_keeps_every_limit_on_clean_pictures(clean: SetResult) -> None:
    assert [row.figure for row in clean.rows if row.met is False] == []
    assert clean.refused == {method: {} for method in METHODS}
    assert clean.met


def test_hard_pictures_have_three_times_the_limits() -> None:
    by_name, _ = methods()
    hard = run_set("hard", 2, 4, {"opencv": None, "skimage": None, "ours": by_name["ours"]}, nothing)
    for row in hard.rows:
        assert row.spread["opencv"] is None
        assert row.spread["ours"] is not None
        limit = LIMITS.get(row.figure)
        assert (row.limit is None) == (limit is None)
        if row.limit is not None and limit is not None:
            assert row.limit.bias_px == pytest.approx(3.0 * limit.bias_px)


def test_truth_of_a_shape_is_known_on_paper() -> None:
    truth = truth_of(Shape((0.0, 0.0), 300.0, oval_px=4.0, oval_phase_rad=0.4))
    assert truth.feret_max == pytest.approx(302.0, abs=1e-3)
    assert truth.feret_min == pytest.approx(298.0, abs=1e-3)
    assert truth.roundness_unfiltered == pytest.approx(2.0, abs=2e-3)


def test_rivals_measure_points_exactly() -> None:
    angle: Float64Array = np.arange(2000, dtype=np.float64) * (2 * np.pi / 2000)
    points = np.stack([70.0 + 50.0 * np.cos(angle), 60.0 + 50.0 * np.sin(angle)], axis=1)
    assert circle_of(points) == pytest.approx((70.0, 60.0, 100.0), abs=1e-9)
    assert calipers_of(points) == pytest.approx((100.0, 100.0), abs=1e-3)
    figures = figures_of(points)
    assert figures.roundness_unfiltered == pytest.approx(0.0, abs=1e-9)
    assert figures.roundness_mzci == pytest.approx(0.0, abs=1e-4)


def test_a_picture_without_a_ball_is_counted_not_hidden() -> None:
    assert opencv_contour(np.full((50, 50), 200, np.uint8)) is None


def test_times_come_from_the_same_pictures_and_threads_are_given_back() -> None:
    import cv2

    threads = cv2.getNumThreads()
    by_name, _ = methods()
    times = run_times(by_name, 1, 1)
    assert cv2.getNumThreads() == threads
    assert all(value is not None and value > 0.0 for value in times.all_ms.values())
    assert set(times.circle_ms) == {"opencv", "skimage"}


def test_missing_scikit_image_is_said_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.measure", None)
    by_name, missing = methods()
    assert by_name["skimage"] is None
    assert len(missing) == 1
    assert "scikit-image is not installed" in missing[0]
    times = run_times({**by_name, "ours": None}, 1, 1)
    assert times.all_ms["skimage"] is None
    assert times.circle_ms["skimage"] is None


# --- the table's own logic ---

LIMIT = Limit(0.01, 0.02)


@pytest.mark.parametrize(
    ("ours", "limit", "met"),
    [
        (Spread(0.01, 0.02), LIMIT, True),  # on the limit
        (Spread(-0.011, 0.0), LIMIT, False),  # bias below
        (Spread(0.0, 0.021), LIMIT, False),  # spread
        (Spread(0.0, 9.0), Limit(0.01, None), True),  # no limit to the spread
        (None, LIMIT, False),  # nothing measured
        (Spread(9.0, 9.0), None, None),  # nothing demanded
    ],
)
def test_row_against_its_limit(ours: Spread | None, limit: Limit | None, met: bool | None) -> None:
    assert Row("x", {"opencv": None, "skimage": None, "ours": ours}, limit).met is met


@pytest.mark.parametrize(
    ("ours", "skimage", "met"),
    [
        (1.9, 2.5, True),
        (2.1, 2.5, False),  # above 2 ms
        (1.9, 1.8, False),  # slower than scikit-image
        (1.9, None, True),  # nobody to compare with
        (None, 2.5, False),
    ],
)
def test_times_against_their_target(ours: float | None, skimage: float | None, met: bool) -> None:
    times = Times({"opencv": 1.0, "skimage": 5.0, "ours": ours}, {"opencv": 0.5, "skimage": skimage})
    assert times.met is met


def result(rows: tuple[Row, ...], refused: dict[str, int]) -> MetrologyResult:
    one = SetResult("clean", 3, rows, {"opencv": {"no_contour": 1}, "skimage": {}, "ours": refused})
    return MetrologyResult(
        seed=1,
        machine=this_machine(),
        missing=(),
        sets=(one,),
        times=Times({"opencv": 1.0, "skimage": None, "ours": 1.5}, {"opencv": 0.5, "skimage": None}),
        twin_gauge=TwinGaugeResult(90, 658, 2, 4.6, 6.4, 55, -0.003, 0.015, 0.001, 0.003, 0.015),
        uncertainty=UncertaintyResult(0.0149, 0.0148, 2000, 1.003),
    )


def test_a_refused_ball_misses_the_target() -> None:
    good = Row("x", {"opencv": None, "skimage": None, "ours": Spread(0.0, 0.0)}, LIMIT)
    assert result((good,), {}).met
    assert not result((good,), {"blurred": 1}).met


def test_result_is_one_strict_json_object_and_a_table() -> None:
    row = Row(
        "ls_diameter", {"opencv": Spread(-0.9, 0.02), "skimage": None, "ours": Spread(0.0, 0.001)}, LIMIT
    )
    found = result((row,), {})
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told["sets"]["clean"]["figures"]["ls_diameter"]["skimage"] is None
    assert told["sets"]["clean"]["figures"]["ls_diameter"]["opencv"] == {"bias_px": -0.9, "sd_px": 0.02}
    assert told["twin_gauge"]["grr_percent"] == 4.6
    assert told["uncertainty"]["ratio"] == 1.003
    assert told["machine"]["cores"] >= 1
    assert told["met"] is True
    out = io.StringIO()
    print_result(found, Console(file=out, width=100))
    text = out.getvalue()
    for words in (
        "-0.900 / 0.020",
        "OpenCV: 1 of 3 not measured: no_contour",
        "%GRR 4.6",
        "every target met",
    ):
        assert words in text


@pytest.mark.parametrize("arguments", [("--shapes", "1"), ("--shapes", "-3"), ("--seed", "-1")])
def test_arguments_that_cannot_be_used(arguments: tuple[str, ...]) -> None:
    parser = argparse.ArgumentParser()
    command.register(parser)
    args = parser.parse_args(["metrology", *arguments])
    with pytest.raises(ConfigError):
        args.run(args)


# --- the twin's parts ---


def rows(noise_mm: float) -> list[StudyRow]:
    rng = np.random.default_rng(2)
    return [
        StudyRow(
            part=part,
            orientation=orientation,
            trial=trial,
            value_mm=39.0 + 0.2 * part + 0.004 + float(rng.normal(0.0, noise_mm)),
            reference_mm=39.0 + 0.2 * part,
            u_mm=0.02,
            roundness_mm=0.11,
            roundness_reference_mm=0.1,
            views=7,
            refused=("blurred",) if trial == 0 else (),
            celsius=100.0,
            lateral_mm=0.0,
        )
        for part in range(10)
        for orientation in range(3)
        for trial in range(3)
    ]


def test_gauge_figures_are_those_of_the_readings() -> None:
    study = gauge_of(rows(0.015))
    assert (study.passages, study.views, study.refused_views) == (90, 630, 30)
    assert study.bias_mm == pytest.approx(0.004, abs=0.005)
    assert study.sd_mm == pytest.approx(0.015, rel=0.25)
    assert study.grr_percent == pytest.approx(100 * 6 * 0.015 / 2.0, rel=0.25)
    assert study.roundness_bias_mm == pytest.approx(0.01)
    assert study.stated_u_mm == pytest.approx(0.02)
    assert study.met
    assert not gauge_of(rows(0.06)).met


def test_stated_uncertainty_of_a_twin_view_agrees_with_drawing() -> None:
    settings = StudySettings()
    camera = CAMERAS[0]
    calibration = calibrate_twin(
        settings.lens(camera), camera, seed=3, date="2026-01-01", software_version="test"
    )
    check = check_uncertainty(settings, {camera: calibration}, 3)
    assert check.ratio == pytest.approx(1.0, abs=0.1)
    assert check.gum_u_mm < 0.05


def test_draw_is_the_generator_of_the_bench() -> None:
    """Area coverage: the sum of what is covered is the shape's area."""
    rng = np.random.default_rng(1)
    image = draw(Shape((60.2, 59.7), 80.0), 120, 120, Exposure(blur_sigma_px=0.0, noise_sd=0.0), rng)
    covered = (230.0 - image.astype(np.float64)).sum() / 207.0
    assert covered == pytest.approx(np.pi * 40.0**2, rel=2e-4)
