"""`ferrogate measure` from picture files to lines, tables, overlays and exit codes."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_runtime.bench.silhouettes import Exposure, Shape, draw
from edge_runtime.calibrations import save_calibration
from edge_runtime.commands import measure as command
from vision.errors import CalibrationError, ConfigError, FerrogateError, TemperatureError
from vision.metrology.calibration import CameraCalibration, CertifiedSphere, Telecentric

MM_PER_PX = 0.25
SIDE = 240
KEYS = [
    "image",
    "ls_diameter_mm",
    "feret_min_mm",
    "feret_max_mm",
    "feret_mean_mm",
    "roundness_mm",
    "u_diameter_mm",
    "centre_px",
    "outline_share",
    "reason",
    "detail",
]


def ball(diameter_px: float = 160.0, **exposure: float) -> np.ndarray:
    shape = Shape((120.3, 119.8), diameter_px, oval_px=4.0, lobe3_px=1.0)
    return draw(shape, SIDE, SIDE, Exposure(**exposure), np.random.default_rng(1))


def save(path: Path, image: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), image)
    return path


def call(*arguments: object) -> int:
    parser = argparse.ArgumentParser(exit_on_error=False)
    command.register(parser)
    args = parser.parse_args([str(argument) for argument in arguments])
    code: int = args.run(args)
    return code


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def calibration(date: str, width_px: int = SIDE) -> CameraCalibration:
    sphere = CertifiedSphere(
        certificate="c1",
        diameter_mm=40.0,
        u_mm=0.0005,
        pictures=3,
        measured_px=160.0,
        u_measured_px=0.01,
        residual_mm=0.0,
    )
    return CameraCalibration(
        camera="left",
        width_px=width_px,
        height_px=SIDE,
        model=Telecentric(mm_per_px=MM_PER_PX),
        covariance=((1e-10, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
        spheres=(sphere, sphere, sphere),
        residual_rms_mm=0.001,
        degrees_of_freedom=2,
        date=date,
        valid_days=3650,
        operator="test",
        celsius=20.0,
        software_version="test",
    )


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return save(tmp_path / "ball.png", ball())


def test_one_line_per_picture_with_all_figures(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(picture, "--mm-per-px", MM_PER_PX, "--json") == 0
    (found,) = lines(capsys)
    assert list(found) == KEYS
    assert found["image"] == str(picture)
    assert found["ls_diameter_mm"] == pytest.approx(40.0, abs=0.01)
    assert found["feret_max_mm"] == pytest.approx(40.5, abs=0.01)
    assert found["feret_min_mm"] == pytest.approx(39.5, abs=0.01)
    assert found["feret_min_mm"] < found["feret_mean_mm"] < found["feret_max_mm"]
    assert list(found["roundness_mm"]) == ["lsci", "mzci", "mcci", "mici"]
    assert found["roundness_mm"]["mzci"] == min(found["roundness_mm"].values())
    assert 0.4 < found["roundness_mm"]["mzci"] < 0.8
    assert found["u_diameter_mm"] == pytest.approx(0.005 * 40.0, rel=0.05)  # the typed scale's own
    assert found["centre_px"] == pytest.approx([120.3, 119.8], abs=0.03)
    assert found["outline_share"] == 1.0
    assert (found["reason"], found["detail"]) == (None, None)


def test_a_folder_means_all_its_pictures_and_refusals_are_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "a_ball.png", ball())
    save(tmp_path / "b_empty.png", np.full((SIDE, SIDE), 230, np.uint8))
    save(tmp_path / "c_deep.png", ball().astype(np.uint16) * 257)
    save(tmp_path / "d_colour.png", cv2.cvtColor(ball(), cv2.COLOR_GRAY2BGR))
    assert call(tmp_path, "--mm-per-px", MM_PER_PX, "--json") == 0
    found = lines(capsys)
    assert [item["reason"] for item in found] == [None, "no_ball", "bit_depth", "colour"]
    for item in found[1:]:
        assert list(item) == KEYS
        numbers = [item[key] for key in KEYS[1:9] if key != "roundness_mm"]
        assert numbers == [None] * 7
        assert set(item["roundness_mm"].values()) == {None}
        assert item["detail"]


def test_an_unreadable_file_is_told_and_the_rest_is_done(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG and nothing more")
    assert call(broken, tmp_path / "gone.png", picture, "--mm-per-px", MM_PER_PX, "--json") == 3
    found = lines(capsys)
    assert [item["reason"] for item in found] == ["unreadable", "unreadable", None]
    assert "cannot be decoded" in found[0]["detail"]
    assert "cannot be read" in found[1]["detail"]


def test_table_for_people(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    empty = save(tmp_path / "an [empty] one.png", np.full((SIDE, SIDE), 230, np.uint8))
    assert call(picture, empty, "--mm-per-px", MM_PER_PX, "--filter", 15) == 0
    out = capsys.readouterr().out
    assert "ball.png" in out
    assert "40.00" in out
    assert "mm at 20 degC" in out
    assert "1-15 UPR" in out
    assert "[empty]" in out
    assert "no_ball" in out
    assert max(len(line) for line in out.splitlines()) <= 80


def test_temperature_shrinks_to_20_degrees(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(picture, "--mm-per-px", MM_PER_PX, "--json") == 0
    assert call(picture, "--mm-per-px", MM_PER_PX, "--json", "--temperature", 120, "--u-temperature", 3) == 0
    cold, hot = lines(capsys)
    assert cold["ls_diameter_mm"] / hot["ls_diameter_mm"] == pytest.approx(1.0 + 100 * 12e-6, abs=5e-5)


def test_known_motion_is_taken_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    moved = save(tmp_path / "moved.png", ball(motion_px=4.0))
    assert call(moved, "--mm-per-px", MM_PER_PX, "--json", "--motion-blur-px", 4) == 0
    (found,) = lines(capsys)
    assert found["ls_diameter_mm"] == pytest.approx(40.0, abs=0.02)


def test_overlays_show_measured_and_refused(tmp_path: Path, picture: Path) -> None:
    deep = save(tmp_path / "deep.png", ball().astype(np.uint16) * 257)
    drawn = tmp_path / "drawn"
    assert call(picture, deep, "--mm-per-px", MM_PER_PX, "--overlays", drawn) == 0
    names = sorted(path.name for path in drawn.iterdir())
    assert names == ["00000_ball.png", "00001_deep.png"]
    good = cv2.imread(str(drawn / names[0]))
    assert good is not None
    height, width = good.shape[:2]
    assert width >= 760
    assert height > width  # text below the picture
    # The outline is drawn in green, four pixels of the overlay for one of the picture.
    blue, green, red = (good[:960, :, channel].astype(int) for channel in range(3))
    y, x = np.nonzero((green - blue > 60) & (green - red > 60))
    reach = np.hypot((x + 0.5) / 4.0 - 120.3, (y + 0.5) / 4.0 - 119.8)
    assert len(reach) > 500
    assert np.abs(reach - 80.0).max() < 2.5


def test_calibration_of_this_camera_is_used(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "left.json"
    save_calibration(calibration("2026-01-01"), path)
    assert call(picture, "--calibration", path, "--json") == 0
    (found,) = lines(capsys)
    assert found["ls_diameter_mm"] == pytest.approx(40.0, abs=0.01)
    assert 0.0 < found["u_diameter_mm"] < 0.05


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (calibration("2026-01-01", width_px=SIDE + 10), "px"),  # of another picture size
        (calibration("2012-01-01"), "2012"),  # stale
    ],
)
def test_a_calibration_that_does_not_fit_is_refused(
    tmp_path: Path, picture: Path, made: CameraCalibration, words: str
) -> None:
    path = tmp_path / "left.json"
    save_calibration(made, path)
    with pytest.raises(CalibrationError, match=words):
        call(picture, "--calibration", path, "--json")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--mm-per-px", 0), ConfigError),
        (("--mm-per-px", "nan"), ConfigError),
        (("--mm-per-px", -0.1), ConfigError),
        (("--mm-per-px", 0.1, "--u-scale-share", -1), ConfigError),
        (("--mm-per-px", 0.1, "--temperature", -300), TemperatureError),
        (("--mm-per-px", 0.1, "--temperature", "nan"), TemperatureError),
        (("--mm-per-px", 0.1, "--temperature", 20, "--u-temperature", -1), TemperatureError),
        (("--mm-per-px", 0.1, "--u-temperature", 5), ConfigError),  # of nothing
        (("--mm-per-px", 0.1, "--motion-blur-px", -1), ConfigError),
        (("--mm-per-px", 0.1, "--motion-blur-px", math.inf), ConfigError),
        (("--calibration", "no_such.json"), FerrogateError),
        (("--calibration", "no_such.json", "--u-scale-share", 0.1), ConfigError),  # it brings its own
    ],
)
def test_arguments_that_cannot_be_used_are_refused(
    picture: Path, arguments: tuple[object, ...], error: type[FerrogateError]
) -> None:
    with pytest.raises(error):
        call(picture, *arguments)


def test_a_scale_is_needed(picture: Path) -> None:
    with pytest.raises((argparse.ArgumentError, SystemExit)):
        call(picture)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no picture"):
        call(tmp_path, "--mm-per-px", MM_PER_PX)
