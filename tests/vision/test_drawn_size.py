"""The stated uncertainty of a measured silhouette against drawing through the whole measurement."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from edge_runtime.bench.silhouettes import Exposure, Shape, draw
from vision.errors import ConfigError
from vision.metrology.calibration import (
    CameraCalibration,
    CertifiedSphere,
    Expansion,
    ExpansionRow,
    Lens,
    Pinhole,
    Telecentric,
)
from vision.metrology.drawn_size import compare_size
from vision.metrology.measure import measure_picture
from vision.metrology.sized import Silhouette
from vision.metrology.types import Temperature

SIDE_PX = 400
NOTHING = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
STIFF = Expansion(
    rows=(ExpansionRow(to_celsius=100.0, mean_per_k=12e-6),),
    u_per_k=0.0,
    source="for this test",
    verified=True,
)
TELECENTRIC = Telecentric(mm_per_px=0.2)
NEAR = Pinhole(
    mm_per_px=0.2, distance_mm=250.0, reference_diameter_mm=60.0, principal_point_xy_px=(200.0, 200.0)
)
TILTED = NEAR.model_copy(update={"tilt_y_rad": 0.7, "distance_mm": 400.0})
GUIDED = NEAR.model_copy(update={"rise_per_radius": 0.0})
LENS = Lens(
    model="pinhole", width_px=SIDE_PX, height_px=SIDE_PX, fx_px=1250.0, fy_px=1250.0, cx_px=200.0,
    cy_px=200.0, k1=-0.2, k2=0.05, p1=0.0, p2=0.0, rms_px=0.1, pictures=10, points=500, board="a board",
    date="2026-01-01",
)  # fmt: skip


@cache
def _silhouette() -> Silhouette:
    """A ball of 250 px a little off the middle."""
    picture = draw(
        Shape((230.3, 190.7), 250.0, oval_px=1.0), SIDE_PX, SIDE_PX, Exposure(), np.random.default_rng(1)
    )
    found = measure_picture(picture)
    assert isinstance(found, Silhouette)
    return found


def _calibration(**changes: Any) -> CameraCalibration:
    sphere = CertifiedSphere(
        certificate="1", diameter_mm=50.0, u_mm=0.001, pictures=5, measured_px=250.0, u_measured_px=0.01,
        residual_mm=0.0,
    )  # fmt: skip
    plain: dict[str, Any] = {
        "camera": "left", "width_px": SIDE_PX, "height_px": SIDE_PX, "model": TELECENTRIC,
        "covariance": NOTHING, "u_scale_share": 0.0, "u_edge_px": 0.0, "spheres": (sphere,) * 3,
        "residual_rms_mm": 0.0,
        "degrees_of_freedom": 2, "date": "2026-01-01", "valid_days": 30, "operator": "a person",
        "celsius": 20.0, "ball_expansion": STIFF, "software_version": "0",
    }  # fmt: skip
    return CameraCalibration(**{**plain, **changes})


def _only(index: int, sd: float) -> tuple[tuple[float, float, float], ...]:
    zero = (0.0, 0.0, 0.0)
    row = (sd * sd * (index == 0), sd * sd * (index == 1), sd * sd * (index == 2))
    return tuple(row if number == index else zero for number in range(3))


#: Scale, offset and distance as a fit leaves them: two of them make up for each other.
TOGETHER = (
    (1.6e-9, -0.9e-6, -2.0e-5),
    (-0.9e-6, 7.0e-4, 1.3e-2),
    (-2.0e-5, 1.3e-2, 1.0),
)


@pytest.mark.parametrize(
    ("changes", "celsius", "u_celsius", "flake_mm"),
    [
        # each cause alone (the picture's own noise is always there), telecentric
        ({"u_scale_share": 1e-3}, 20.0, 0.0, 0.0),
        ({"u_edge_px": 0.2}, 20.0, 0.0, 0.0),
        ({}, 120.0, 20.0, 0.0),
        ({"ball_expansion": STIFF.model_copy(update={"u_per_k": 3e-6})}, 160.0, 0.0, 0.0),
        ({}, 20.0, 0.0, 0.1),
        ({"covariance": _only(0, 2e-4)}, 20.0, 0.0, 0.0),
        ({"covariance": _only(1, 0.2)}, 20.0, 0.0, 0.0),
        # near pinhole: the cone's own sensitivities, each alone
        ({"model": NEAR, "u_scale_share": 1e-3}, 20.0, 0.0, 0.0),
        ({"model": NEAR, "u_edge_px": 0.2}, 20.0, 0.0, 0.0),
        ({"model": NEAR, "covariance": _only(0, 2e-4)}, 20.0, 0.0, 0.0),
        ({"model": NEAR, "covariance": _only(1, 0.2)}, 20.0, 0.0, 0.0),
        ({"model": NEAR, "covariance": _only(2, 2.0)}, 20.0, 0.0, 0.0),
        ({"model": NEAR.model_copy(update={"u_place_mm": 1.0})}, 20.0, 0.0, 0.0),
        ({"model": GUIDED, "covariance": _only(2, 2.0)}, 20.0, 0.0, 0.0),
        ({"model": GUIDED.model_copy(update={"u_place_mm": 1.0})}, 20.0, 0.0, 0.0),
        # tilted, with errors that hang together
        ({"model": TILTED, "covariance": TOGETHER}, 20.0, 0.0, 0.0),
        ({"model": TILTED, "u_scale_share": 1e-3}, 20.0, 0.0, 0.0),
        # all at once, with a lens
        (
            {"model": TILTED, "covariance": TOGETHER, "u_edge_px": 0.05, "u_scale_share": 2e-4, "lens": LENS},
            110.0,
            6.0,
            0.02,
        ),
    ],
)
def test_the_stated_uncertainty_agrees_with_the_draws(
    changes: dict[str, Any], celsius: float, u_celsius: float, flake_mm: float
) -> None:
    found = compare_size(
        _silhouette(),
        _calibration(**changes),
        Temperature(celsius, u_celsius),
        seed=5,
        draws=400,
        scale_flake_mm=flake_mm,
    )
    # 400 draws know a standard deviation to 3.5 %.
    assert 0.85 < found.ratio < 1.18
    low, high = found.drawn.interval_mm
    assert low < found.drawn.mean_mm < high


def test_repeatability_of_a_study_counts() -> None:
    found = compare_size(
        _silhouette(), _calibration(), Temperature(20.0, 0.0), seed=5, draws=400, u_repeat_mm=0.05
    )
    assert found.budget_u_mm == pytest.approx(0.05, rel=1e-6)
    assert found.drawn.u_mm == pytest.approx(0.05, rel=0.1)


def test_draws_repeat_with_their_seed() -> None:
    one, again, other = (
        compare_size(_silhouette(), _calibration(u_edge_px=0.1), seed=seed, draws=100) for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other


def test_too_few_draws_are_refused() -> None:
    with pytest.raises(ConfigError, match="too few"):
        compare_size(_silhouette(), _calibration(), seed=1, draws=10)
