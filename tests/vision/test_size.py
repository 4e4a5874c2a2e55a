"""Pixels to mm at 20 degC: scale, lens, perspective, temperature, uncertainty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from tests.vision.outlines import (
    calibration,
    circle_points,
    lens,
    lens_moves,
    outline_of,
    silhouette_of,
    sphere_points,
)
from vision.errors import CalibrationError, ConfigError, TemperatureError
from vision.metrology.calibration import (
    STEEL,
    CameraCalibration,
    Expansion,
    ExpansionRow,
    Pinhole,
    Telecentric,
    TypedScale,
)
from vision.metrology.perspective import sphere_centre_mm
from vision.metrology.size import ROOM, size_ball, size_with_budget
from vision.metrology.sized import Silhouette
from vision.metrology.types import Temperature

COLD = Temperature(20.0, 0.0)


def _round(diameter_px: float = 320.0, oval_px: float = 0.0, noise_px: float = 0.0) -> Silhouette:
    return silhouette_of(outline_of(circle_points((803.2, 597.7), diameter_px, oval_px), noise_px=noise_px))


def _pinhole(**more: object) -> Pinhole:
    fields = {
        "mm_per_px": 0.125, "distance_mm": 800.0, "reference_diameter_mm": 40.0,
        "principal_point_xy_px": (810.0, 590.0), **more,
    }  # fmt: skip
    return Pinhole.model_validate(fields)


@pytest.mark.parametrize(
    ("scale", "diameter_mm"),
    [
        (TypedScale(0.125, 0.005), 40.0),
        (calibration(), 40.0),
        (calibration(edge_offset_px=0.8), 40.1),  # a dark ball is measured too small: light blooms
        (calibration(edge_offset_px=-0.8), 39.9),
    ],
)
def test_every_length_is_multiplied(scale: CameraCalibration | TypedScale, diameter_mm: float) -> None:
    sized = size_ball(_round(oval_px=4.0), scale, COLD)
    assert sized.diameter_ls_mm == pytest.approx(diameter_mm, abs=2e-3)  # an oval's circle is a hair larger
    assert sized.feret_mean_mm == pytest.approx(diameter_mm, abs=2e-3)
    assert sized.feret_max_mm - sized.feret_min_mm == pytest.approx(0.5, abs=1e-3)
    # A wave of 2 per turn passes the Gaussian filter 1-50 but for exp(-ln 2 (2/50)^2).
    assert sized.roundness_mm.mzci == pytest.approx(0.25, abs=1e-3)
    assert sized.mm_per_px == pytest.approx(0.125)
    assert sized.centre_xy_px == pytest.approx((803.2, 597.7))
    assert sized.outline_share == 1.0


def test_a_bright_body_shrinks_by_the_edge_offset() -> None:
    bright = silhouette_of(outline_of(circle_points((803.2, 597.7), 320.0), dark_on_bright=False))
    assert size_ball(bright, calibration(edge_offset_px=0.8), COLD).diameter_ls_mm == pytest.approx(39.9)


@pytest.mark.parametrize(
    ("celsius", "expected_mm"),
    [
        (20.0, 80.0),
        (100.0, 80.0 - 0.0768),  # 12e-6 x 80 mm x 80 K
        (-30.0, 80.0 + 0.0480),
        (950.0, 80.0 - 1.0645),  # 14.5e-6 x 930 K = 1.35 %
    ],
)
def test_temperature(celsius: float, expected_mm: float) -> None:
    sized = size_ball(_round(640.0), TypedScale(0.125, 0.0), Temperature(celsius, 1.0))
    assert sized.diameter_ls_mm == pytest.approx(expected_mm, abs=2e-4)
    assert sized.feret_max_mm == pytest.approx(expected_mm, abs=2e-4)


def test_nobody_measured_the_temperature() -> None:
    silhouette, scale = _round(), TypedScale(0.125, 0.001)
    nobody, room = size_ball(silhouette, scale), size_ball(silhouette, scale, ROOM)
    assert replace(nobody, form=room.form) == room
    assert nobody.roundness_mm == room.roundness_mm
    assert ROOM.celsius == 20.0
    assert ROOM.u_celsius > 0.0


@pytest.mark.parametrize(
    ("celsius", "u_celsius"),
    [
        (float("nan"), 1.0),  # a pyrometer that fell out
        (float("inf"), 1.0),
        (-60.1, 1.0),  # colder than any plant
        (-273.2, 1.0),  # colder than there is
        (1300.1, 1.0),  # no ball any more
        (20.0, -0.1),
        (20.0, float("nan")),
        (20.0, float("inf")),
    ],
)
@pytest.mark.parametrize("scale", [TypedScale(0.125, 0.005), calibration()])
def test_impossible_temperature(
    celsius: float, u_celsius: float, scale: CameraCalibration | TypedScale
) -> None:
    with pytest.raises(TemperatureError) as caught:
        size_ball(_round(), scale, Temperature(celsius, u_celsius))
    assert caught.value.exit_code == 2
    assert caught.value.todo


@pytest.mark.parametrize(
    ("mm_per_px", "share"),
    [
        (0.0, 0.01), (-0.1, 0.01), (float("nan"), 0.01), (float("inf"), 0.01),  # no scale
        (0.1, -0.01), (0.1, 1.0), (0.1, float("nan")),  # no uncertainty
    ],
)  # fmt: skip
def test_impossible_scale(mm_per_px: float, share: float) -> None:
    with pytest.raises(ConfigError):
        TypedScale(mm_per_px, share)


@pytest.mark.parametrize(
    ("centre_xy_px", "oval_px"),
    [
        ((800.0, 600.0), 0.0),  # in the middle, where little moves
        ((250.0, 250.0), 0.0),  # in a corner
        ((1350.0, 950.0), 6.0),  # an oval in another
    ],
)
def test_lens_is_undone(centre_xy_px: tuple[float, float], oval_px: float) -> None:
    bent = lens()
    ideal = circle_points(centre_xy_px, 320.0, oval_px)
    drawn = silhouette_of(outline_of(lens_moves(ideal, bent)))
    truth = size_ball(silhouette_of(outline_of(ideal)), calibration(), COLD)
    sized = size_ball(drawn, calibration(with_lens=bent), COLD)
    assert sized.diameter_ls_mm == pytest.approx(truth.diameter_ls_mm, abs=1e-4)
    assert sized.feret_min_mm == pytest.approx(truth.feret_min_mm, abs=3e-4)
    assert sized.feret_max_mm == pytest.approx(truth.feret_max_mm, abs=3e-4)
    assert sized.roundness_mm.mzci == pytest.approx(truth.roundness_mm.mzci, abs=3e-4)


def test_the_lens_of_the_test_matters() -> None:
    drawn = silhouette_of(outline_of(lens_moves(circle_points((250.0, 250.0), 320.0), lens())))
    naive = size_ball(drawn, calibration(), COLD)
    assert abs(naive.diameter_ls_mm - 40.0) > 0.1
    assert naive.roundness_mm.mzci > 0.05


@pytest.mark.parametrize("seen_from", [0, 100, 700])
def test_what_was_not_seen_stays_so_under_a_lens(seen_from: int) -> None:
    outline = outline_of(lens_moves(circle_points((250.0, 250.0), 320.0), lens()))
    seen, radius = outline.seen.copy(), outline.radius_px.copy()
    hidden = np.arange(seen_from, seen_from + 30) % len(seen)
    seen[hidden] = False
    radius[hidden] += 0.5  # a filling-in that is a little off must not become form
    hurt = silhouette_of(replace(outline, seen=seen, radius_px=radius))
    sized = size_ball(hurt, calibration(with_lens=lens()), COLD)
    assert sized.outline_share == pytest.approx(690 / 720)
    assert sized.feret_max_mm == pytest.approx(40.0, abs=0.01)
    assert sized.diameter_ls_mm == pytest.approx(40.0, abs=0.01)


@pytest.mark.parametrize(
    ("x_mm", "y_mm", "diameter_mm"),
    [(0.0, 0.0, 20.0), (60.0, -40.0, 20.0), (0.0, 0.0, 40.0), (-70.0, 50.0, 40.0), (50.0, 50.0, 60.0)],
)
@pytest.mark.parametrize("with_lens", [False, True])
def test_pinhole_sizes_every_ball_everywhere(
    x_mm: float, y_mm: float, diameter_mm: float, with_lens: bool
) -> None:
    model = _pinhole()
    points = sphere_points(model, sphere_centre_mm(model, x_mm, y_mm, diameter_mm / 2.0), diameter_mm / 2.0)
    bent = lens() if with_lens else None
    if bent is not None:
        points = lens_moves(points, bent)
    sized = size_ball(silhouette_of(outline_of(points)), calibration(model, with_lens=bent), COLD)
    for value in (sized.diameter_ls_mm, sized.feret_min_mm, sized.feret_max_mm, sized.feret_mean_mm):
        assert value == pytest.approx(diameter_mm, abs=5e-4)
    assert sized.roundness_mm.mzci < 1e-3


def test_a_view_is_placed_in_the_whole_picture() -> None:
    model = _pinhole()
    points = sphere_points(model, sphere_centre_mm(model, 60.0, -40.0, 20.0), 20.0)
    cut = silhouette_of(outline_of(points - [1000.0, 100.0]))
    placed = size_ball(cut, calibration(model), COLD, origin_xy_px=(1000.0, 100.0))
    assert placed.diameter_ls_mm == pytest.approx(40.0, abs=1e-4)
    assert placed.centre_xy_px == pytest.approx(cut.outline.centre_xy_px)
    astray = size_ball(cut, calibration(model), COLD)
    assert astray.feret_max_mm - astray.feret_min_mm > 0.05


def test_a_place_where_no_ball_can_be() -> None:
    # The belt is tilted so much that the ray to the right side of the picture never meets it.
    steep = _pinhole(distance_mm=41.0, tilt_x_rad=1.0)
    aside = silhouette_of(outline_of(circle_points((1300.0, 590.0), 60.0)))
    with pytest.raises(CalibrationError, match="no ball"):
        size_ball(aside, calibration(steep), COLD)


def test_budget_counts_every_cause_once() -> None:
    model = _pinhole(u_place_mm=0.8)
    one = calibration(
        model,
        covariance=((1e-10, 0.0, 0.0), (0.0, 1e-4, 0.0), (0.0, 0.0, 0.0)),
        u_scale_share=2e-4,
        u_edge_px=0.05,
    )
    points = sphere_points(model, sphere_centre_mm(model, 0.0, 0.0, 20.0), 20.0)
    silhouette = silhouette_of(outline_of(points, noise_px=0.02))
    sized, budget = size_with_budget(silhouette, one, Temperature(100.0, 10.0), scale_flake_mm=0.05)
    rows = {row.cause: row.u_mm for row in budget.rows}
    gain = 1.0 - 20.0 / 800.0  # a ball that looks larger is nearer: rise 1
    scale_mm = 40.0 * np.sqrt((gain * 1e-5 / 0.125) ** 2 + (gain * 0.01 / 320.0) ** 2 + 2e-4**2)
    assert rows["calibration of the scale"] == pytest.approx(scale_mm, rel=0.02)
    assert rows["distance (perspective)"] == pytest.approx(40.0 * 0.8 / 800.0, rel=0.01)
    assert rows["edge bias"] == pytest.approx(0.05 * 0.125, rel=0.05)
    assert rows["edge noise"] == pytest.approx(0.02 * np.sqrt(2.0) * 0.125, rel=0.05)
    assert rows["temperature"] == pytest.approx(40.0 * 12e-6 * 10.0, rel=0.01)
    assert rows["oxide scale"] == pytest.approx(0.05 / np.sqrt(3.0))
    assert sized.u_diameter_mm == budget.u_mm == pytest.approx(np.sqrt(sum(u * u for u in rows.values())))
    assert sized.u_roundness_mm > 0.0


def test_scale_and_offset_that_hang_together_cancel() -> None:
    # In the middle of the spheres a larger scale with a smaller offset says the same diameter.
    u_scale, u_offset = 1e-4, 0.256
    covariance = (
        (u_scale**2, -u_scale * u_offset, 0.0),
        (-u_scale * u_offset, u_offset**2, 0.0),
        (0.0, 0.0, 0.0),
    )
    tied = size_ball(_round(320.0), calibration(covariance=covariance), COLD)
    loose_covariance = ((u_scale**2, 0.0, 0.0), (0.0, u_offset**2, 0.0), (0.0, 0.0, 0.0))
    loose = size_ball(_round(320.0), calibration(covariance=loose_covariance), COLD)
    assert tied.u_diameter_mm < 1e-4
    assert loose.u_diameter_mm == pytest.approx(np.hypot(320.0 * u_scale, 0.125 * u_offset), rel=1e-3)
    # From a bright ball the offset is taken away: both errors then point the same way.
    bright = silhouette_of(outline_of(circle_points((803.2, 597.7), 320.0), dark_on_bright=False))
    added = size_ball(bright, calibration(covariance=covariance), COLD)
    assert added.u_diameter_mm == pytest.approx(320.0 * u_scale + 0.125 * u_offset, rel=1e-3)


@pytest.mark.parametrize(
    ("celsius", "per_k"),
    [(-20.0, 12e-6), (60.0, 12e-6), (100.0, 12e-6), (525.0, 13.25e-6), (950.0, 14.5e-6), (1200.0, 14.5e-6)],
)
def test_expansion_between_its_rows(celsius: float, per_k: float) -> None:
    assert STEEL.per_k(celsius) == pytest.approx(per_k)
    assert not STEEL.verified


@pytest.mark.parametrize(
    "change",
    [
        {"width_px": 1200},  # the lens was taken at another size
        {"covariance": ((1.0, 0.5, 0.0), (0.4, 1.0, 0.0), (0.0, 0.0, 0.0))},  # not symmetric
        {"covariance": ((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 0.0))},
        {"spheres": ()},  # fewer than three
        {"date": "2026-13-01"},
        {"valid_days": 0},
        {"celsius": float("nan")},
        {"made_up": 1},
        {"model": {"type": "pinhole", "mm_per_px": 0.1, "distance_mm": 30.0, "reference_diameter_mm": 40.0,
                   "principal_point_xy_px": (800.0, 600.0)}},  # the reference ball touches the camera
        {"model": {"type": "fisheye", "mm_per_px": 0.1}},
    ],
)  # fmt: skip
def test_impossible_calibration(change: dict[str, object]) -> None:
    good = calibration(with_lens=lens())
    with pytest.raises(ValidationError):
        CameraCalibration.model_validate({**good.model_dump(), **change})


def test_expansion_rows_must_rise() -> None:
    rows = (
        ExpansionRow(to_celsius=500.0, mean_per_k=13e-6),
        ExpansionRow(to_celsius=100.0, mean_per_k=12e-6),
    )
    with pytest.raises(ValidationError):
        Expansion(rows=rows, u_per_k=0.0, source="none", verified=False)


def test_hash_tells_figures_apart() -> None:
    one = calibration()
    assert one.content_sha256() == calibration().content_sha256()
    assert one.content_sha256() != calibration(Telecentric(mm_per_px=0.12500001)).content_sha256()
    assert one.unverified() == ("sphere_expansion", "ball_expansion")
