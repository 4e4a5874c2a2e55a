"""The loop as a gauge: calibration files, temperature, coverage, and what the books hold of them."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_runtime.calibrations import CheckRecord, append_check, checks_path, save_calibration
from edge_runtime.config import CameraConfig
from edge_runtime.plc.records import temperature_word
from edge_runtime.plc.registers import NO_TEMPERATURE
from edge_runtime.station.gauges import Gauges
from tests.edge.core_rig import (
    CAMERA,
    EXPANSION,
    PYROMETER,
    RECIPE,
    TODAY,
    Rig,
    calibration,
    pass_ball,
    ready,
    station,
)
from vision.errors import CalibrationError
from vision.metrology.calibration import CameraCalibration
from vision.recipe import BallRecipe, CoverageDemand


def _camera(**geometry: Any) -> CameraConfig:
    data = CAMERA.model_dump(mode="json")
    data["geometry"] |= geometry
    return CameraConfig.model_validate(data)


def _calibrated(folder: Path, found: CameraCalibration) -> CameraConfig:
    path = folder / "left.calibration.yaml"
    save_calibration(found, path)
    return _camera(mm_per_px=None, calibration=str(path))


def _pass_one(rig: Rig) -> Any:
    pass_ball(rig)
    rig.run_to(2816)
    (part,) = rig.out.parts()
    return part


# --- calibration -------------------------------------------------------------------------------


def test_a_calibrated_camera_measures_by_its_file(tmp_path: Path) -> None:
    found = calibration()
    rig = ready(Rig(config=station(_calibrated(tmp_path, found))))
    part = _pass_one(rig)
    assert part.decision == "accept"
    # 160 px and 0.4 px of bloom.
    assert part.diameter_mean_mm == pytest.approx(160.4 * 0.25, abs=0.01)
    # Scale (1e-4 of 0.25) and offset (0.01 px) by the fit, drift, edge, and 2 K: all small.
    assert 0.01 < part.u_diameter_mm < 0.04
    assert part.u_diameter_mean_mm < part.u_diameter_mm
    gauges = Gauges(station(_calibrated(tmp_path, found)), RECIPE, TODAY)
    assert part.calibration_sha256 == gauges.content_sha256() != ""
    assert {name: each.content_sha256() for name, each in gauges.calibrations.items()} == {
        "left": found.content_sha256()
    }


def test_every_figure_of_a_calibration_is_in_the_hash(tmp_path: Path) -> None:
    one = Gauges(station(_calibrated(tmp_path, calibration())), RECIPE, TODAY).content_sha256()
    again = Gauges(station(_calibrated(tmp_path, calibration())), RECIPE, TODAY).content_sha256()
    other = Gauges(station(_calibrated(tmp_path, calibration(edge_offset_px=0.5))), RECIPE, TODAY)
    assert one == again != other.content_sha256()
    assert Gauges(station(), RECIPE, TODAY).content_sha256() == ""


REFUSED = [
    # of another camera
    ({"camera": "right"}, "right", 2),
    # of another picture size
    ({"width_px": 1280}, "1280x240", 2),
    # stale since yesterday
    ({"date": (TODAY - timedelta(days=31)).isoformat()}, "stale", 9),
    # of the future: somebody's clock is wrong
    ({"date": (TODAY + timedelta(days=9)).isoformat()}, "today is", 9),
]


@pytest.mark.parametrize(("changes", "message", "code"), REFUSED)
def test_a_calibration_that_does_not_count_keeps_the_station_from_starting(
    tmp_path: Path, changes: dict[str, Any], message: str, code: int
) -> None:
    config = station(_calibrated(tmp_path, calibration(**changes)))
    with pytest.raises(CalibrationError, match=message) as caught:
        Gauges(config, RECIPE, TODAY)
    assert caught.value.exit_code == code
    assert caught.value.todo


def test_a_changed_or_missing_file_is_refused(tmp_path: Path) -> None:
    config = station(_calibrated(tmp_path, calibration()))
    path = tmp_path / "left.calibration.yaml"
    text = path.read_text(encoding="utf-8")
    assert "0.4" in text
    path.write_text(text.replace("0.4", "0.7"), encoding="utf-8")
    with pytest.raises(CalibrationError, match="changed"):
        Gauges(config, RECIPE, TODAY)
    path.unlink()
    with pytest.raises(CalibrationError, match="cannot be"):
        Gauges(config, RECIPE, TODAY)


def _check(found: CameraCalibration, *, passed: bool) -> CheckRecord:
    return CheckRecord(
        utc="2026-03-01T06:00:00+00:00",
        camera="left",
        calibration_sha256=found.content_sha256(),
        certificate="K-17",
        certified_mm=40.0,
        u_certified_mm=0.001,
        celsius=20.0,
        pictures=3,
        measured_mm=40.2,
        spread_mm=0.01,
        u_mm=0.02,
        worst_error_mm=0.2,
        en=5.0,
        limit_mm=None,
        passed=passed,
        operator="A. Tester",
    )


@pytest.mark.parametrize("passed", [True, False])
def test_a_failed_check_with_a_certified_ball_keeps_the_station_from_starting(
    tmp_path: Path, passed: bool
) -> None:
    found = calibration()
    config = station(_calibrated(tmp_path, found))
    append_check(tmp_path / "left.calibration.yaml", _check(found, passed=passed))
    if passed:
        (fact,) = Gauges(config, RECIPE, TODAY).facts()
        assert "last check with a ball 2026-03-01T06:00:00+00:00" in fact.text()
        return
    with pytest.raises(CalibrationError, match=r"failed.*\+0.200 mm on 40 mm"):
        Gauges(config, RECIPE, TODAY)


def test_a_calibration_that_ends_while_the_station_runs_is_noticed(tmp_path: Path) -> None:
    gauges = Gauges(station(_calibrated(tmp_path, calibration())), RECIPE, TODAY)
    assert gauges.stale(TODAY + timedelta(days=30)) == ""
    assert "stale" in gauges.stale(TODAY + timedelta(days=31))
    assert Gauges(station(), RECIPE, TODAY).stale(date(2099, 1, 1)) == "", "nothing there that could be"


def test_a_check_that_fails_while_the_station_runs_is_noticed(tmp_path: Path) -> None:
    found = calibration()
    path = tmp_path / "left.calibration.yaml"
    gauges = Gauges(station(_calibrated(tmp_path, found)), RECIPE, TODAY)
    assert gauges.stale(TODAY) == ""
    append_check(path, _check(found, passed=True))
    assert gauges.stale(TODAY) == ""
    append_check(path, _check(found, passed=False))
    for _ in range(2):  # told as long as it holds, not once
        assert "certified ball failed" in gauges.stale(TODAY)
    with checks_path(path).open("a", encoding="utf-8") as out:
        out.write("half a li")
    assert "line 3 is no check" in gauges.stale(TODAY)
    checks_path(path).write_text("", encoding="utf-8")
    append_check(path, _check(found, passed=True))
    assert gauges.stale(TODAY) == "", "the camera was cleaned, and checked again"


def test_what_is_said_of_scales_at_start(tmp_path: Path) -> None:
    (typed,) = Gauges(station(), RECIPE, TODAY).facts()
    assert typed.text() == (
        "camera left: scale 0.25 mm/px typed into the station file, traceable to no certificate"
    )
    (none,) = Gauges(station(_camera(mm_per_px=None)), RECIPE, TODAY).facts()
    assert "no ball accepted" in none.text()
    unverified = calibration(ball_expansion=EXPANSION | {"verified": False})
    (file,) = Gauges(station(_calibrated(tmp_path, unverified)), RECIPE, TODAY).facts()
    assert (file.date, file.valid_to, file.days_left) == ("2026-03-01", "2026-03-31", 30)
    assert file.calibration_sha256 == unverified.content_sha256()
    for words in ("valid to 2026-03-31 (30 days left)", "certificates K-17", "last check with a ball never"):
        assert words in file.text()
    assert file.text().endswith("NOT VERIFIED: ball_expansion")


def test_a_camera_without_a_scale_gives_review_and_never_accept() -> None:
    part = _pass_one(ready(Rig(config=station(_camera(mm_per_px=None)))))
    assert (part.decision, [reason.code for reason in part.reasons]) == ("review", ["no_scale"])
    assert part.diameter_mean_mm is part.u_diameter_mm is part.roundness_mm is None


# --- temperature -------------------------------------------------------------------------------


def _hot(word: int) -> Rig:
    rig = ready(Rig(config=station(temperature=PYROMETER)))
    rig.pyrometer = word
    return rig


def test_the_pyrometer_s_reading_counts() -> None:
    part = _pass_one(_hot(temperature_word(120.0)))
    assert (part.decision, part.temperature_celsius, part.u_temperature_celsius) == ("accept", 120.0, 10.0)
    # The ball fills 40 mm while it is hot: at 20 degC it is 0.048 mm smaller.
    assert part.diameter_mean_mm == pytest.approx(40.0 - 40.0 * 12e-6 * 100.0, abs=0.012)
    cold = _pass_one(ready(Rig()))
    assert part.diameter_mean_mm < cold.diameter_mean_mm - 0.04


def test_the_reading_of_a_part_is_that_of_its_own_trigger() -> None:
    rig = _hot(temperature_word(120.0))
    pass_ball(rig)
    rig.pyrometer = temperature_word(60.0)  # the next ball, seen before the first one is judged
    rig.run_to(2816)
    (part,) = rig.out.parts()
    assert part.temperature_celsius == 120.0


NO_READING = [
    NO_TEMPERATURE,  # the PLC says that there is none
    temperature_word(39.9),  # the belt, not a ball
    temperature_word(200.1),  # a flame
    temperature_word(0.0),  # a PLC that never wrote the register
    temperature_word(-273.0),  # below anything
]


@pytest.mark.parametrize("word", NO_READING)
def test_without_a_reading_nothing_is_measured_and_nothing_accepted(word: int) -> None:
    rig = _hot(word)
    part = _pass_one(rig)
    assert (part.decision, [reason.code for reason in part.reasons]) == ("review", ["no_temperature"])
    assert part.diameter_min_mm is part.u_diameter_mm is part.temperature_celsius is None
    assert all(view.diameter_mean_mm is None for view in part.views)
    assert "no_temperature" in rig.out.faults()


def test_a_lost_pyrometer_is_told_once_and_again_after_it_came_back() -> None:
    rig = _hot(NO_TEMPERATURE)
    seqs = iter(range(1, 9))

    def trigger(word: int) -> None:
        rig.pyrometer = word
        rig.run_to(rig.now + 1600)
        rig.trigger(rig.now - 100, next(seqs))

    for word in (NO_TEMPERATURE, NO_TEMPERATURE, 1200, NO_TEMPERATURE):
        trigger(word)
    assert rig.core.counts["fault_no_temperature"] == 2


# --- coverage ----------------------------------------------------------------------------------


def _asking(share: float) -> BallRecipe:
    limit = {"value": share, "source": "order of the test", "verified": True}
    crack = {"length_mm": 5.0, "probability_min": {**limit, "value": 0.4}}
    demand = CoverageDemand.model_validate({"surface_share_min": limit, "crack": crack})
    return RECIPE.model_copy(update={"coverage": demand})


def test_a_recipe_s_coverage_is_reached_or_rejects() -> None:
    """One camera at 45 degrees sees 0.59 of a ball that rolls past it, and less of one that does not."""
    part = _pass_one(ready(Rig(recipe=_asking(0.5))))
    assert part.decision == "accept"
    assert 0.4 < part.coverage_p_crack < part.coverage_surface_share < 0.7
    assert part.coverage_p_flat is part.coverage_p_neck is None  # not asked for
    part = _pass_one(ready(Rig(recipe=_asking(0.8))))
    assert (part.decision, part.reasons[0].code) == ("reject", "coverage")
    assert part.reasons[0].value == pytest.approx(part.coverage_surface_share)


def test_a_ball_that_does_not_roll_shows_one_side() -> None:
    part = _pass_one(ready(Rig(config=station(_camera(rolling=False)), recipe=_asking(0.5))))
    assert (part.decision, part.reasons[0].code) == ("reject", "coverage")
    assert part.coverage_surface_share == pytest.approx(0.25, abs=0.01)  # a cap of 60 degrees


def test_views_that_prove_nothing_cover_nothing() -> None:
    rig = ready(Rig())
    pass_ball(rig)
    rig.run_to(2816, blind=[2304, 2560])
    (part,) = rig.out.parts()
    whole = _pass_one(ready(Rig()))
    assert part.coverage_surface_share < whole.coverage_surface_share


def test_where_the_camera_stands_must_be_known_to_prove_a_coverage() -> None:
    rig = ready(Rig(config=station(_camera(view_tilt_deg=None)), recipe=_asking(0.01)))
    part = _pass_one(rig)
    assert (part.decision, part.reasons[0].code) == ("reject", "coverage")
    assert part.coverage_surface_share is None


def test_the_station_file_of_the_rig_is_one_that_can_be_written(tmp_path: Path) -> None:
    """Guards the rig itself: what it tests with is what a plant could write."""
    data = station().model_dump(mode="json")
    path = tmp_path / "station.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    assert type(station()).model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))) == station()
