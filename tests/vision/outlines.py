"""Outlines with a known truth, made without a picture: closed curves, and spheres by ray tracing."""

from __future__ import annotations

import numpy as np

from vision.metrology.calibration import CameraCalibration, CertifiedSphere, Lens, Pinhole, Telecentric
from vision.metrology.circles import Points, least_squares_circle
from vision.metrology.measure import measure_outline
from vision.metrology.sized import Silhouette
from vision.metrology.types import Float64Array, Outline

RAYS = 720
#: Points of a curve: straight lines between them miss a circle of 1,000 px by 0.0001 px.
_DENSE = 6_000


def circle_points(
    centre_xy_px: tuple[float, float], diameter_px: float, oval_px: float = 0.0
) -> Float64Array:
    """(N, 2) dense closed curve; `oval_px` is largest minus smallest width."""
    angle = np.arange(_DENSE) * (2.0 * np.pi / _DENSE)
    radius = diameter_px / 2.0 + oval_px / 4.0 * np.cos(2.0 * angle)
    unit = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.asarray(np.asarray(centre_xy_px) + radius[:, None] * unit, np.float64)


def sphere_points(
    model: Pinhole, centre_mm: tuple[float, float, float], radius_mm: float, count: int = _DENSE
) -> Float64Array:
    """(N, 2) edge of a sphere's picture by brute force: rays that just hit it, found by bisection."""
    centre = np.asarray(centre_mm)
    principal = np.asarray(model.principal_point_xy_px)
    middle = centre[:2] / centre[2] * model.focal_px + principal
    angle = np.arange(count) * (2.0 * np.pi / count)
    unit = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    inside, outside = np.zeros(count), np.full(count, 4.0 * radius_mm / centre[2] * model.focal_px)
    for _ in range(60):
        half = (inside + outside) / 2.0
        ray = np.ones((count, 3))
        ray[:, :2] = (middle + half[:, None] * unit - principal) / model.focal_px
        ray /= np.linalg.norm(ray, axis=1)[:, None]
        # A line through the origin meets the sphere when its distance from the centre is below R.
        hits = np.linalg.norm(np.cross(ray, centre), axis=1) < radius_mm
        inside, outside = np.where(hits, half, inside), np.where(hits, outside, half)
    return np.asarray(middle + inside[:, None] * unit, np.float64)


def lens_moves(points_xy_px: Float64Array, lens: Lens) -> Float64Array:
    """Where a lens draws points that an ideal one would draw there (the forward model, written out)."""
    x = (points_xy_px[:, 0] - lens.cx_px) / lens.fx_px
    y = (points_xy_px[:, 1] - lens.cy_px) / lens.fy_px
    r2 = x * x + y * y
    radial = 1 + lens.k1 * r2 + lens.k2 * r2**2 + lens.k3 * r2**3
    xd = x * radial + 2 * lens.p1 * x * y + lens.p2 * (r2 + 2 * x * x)
    yd = y * radial + lens.p1 * (r2 + 2 * y * y) + 2 * lens.p2 * x * y
    return np.stack([xd * lens.fx_px + lens.cx_px, yd * lens.fy_px + lens.cy_px], axis=1)


def outline_of(
    curve_xy_px: Float64Array, *, noise_px: float = 0.0, seed: int = 0, dark_on_bright: bool = True
) -> Outline:
    """The outline that a perfect tracer (but for noise) finds on a dense closed curve."""
    about = curve_xy_px.mean(axis=0)
    x, y, _ = least_squares_circle(Points.of((curve_xy_px - about).T))
    centre = about + np.array([x, y])
    arm = curve_xy_px - centre
    angle, length = np.arctan2(arm[:, 1], arm[:, 0]), np.hypot(arm[:, 0], arm[:, 1])
    grid = np.arange(RAYS) * (2.0 * np.pi / RAYS)
    radius = np.interp(grid, angle, length, period=2.0 * np.pi)
    radius = radius + np.random.default_rng(seed).normal(0.0, noise_px, RAYS)
    return Outline(
        centre_xy_px=(float(centre[0]), float(centre[1])),
        radius_px=np.asarray(radius, np.float64),
        seen=np.ones(RAYS, np.bool_),
        u_radius_px=noise_px,
        blur_sigma_px=1.0,
        contrast=200.0,
        background_level=230.0,
        dark_on_bright=dark_on_bright,
        saturated_share=0.0,
        speck_px=0.0,
    )


def silhouette_of(outline: Outline) -> Silhouette:
    """Measured in px as a picture's outline is."""
    silhouette = measure_outline(outline)
    assert isinstance(silhouette, Silhouette)
    return silhouette


def lens(k1: float = -0.05, *, width_px: int = 1600, height_px: int = 1200) -> Lens:
    """A lens that moves the corners by tens of pixels."""
    return Lens(
        model="pinhole",
        width_px=width_px,
        height_px=height_px,
        fx_px=2000.0,
        fy_px=2000.0,
        cx_px=width_px / 2.0 + 7.0,
        cy_px=height_px / 2.0 - 4.0,
        k1=k1,
        k2=0.02,
        p1=5e-4,
        p2=-3e-4,
        rms_px=0.05,
        pictures=10,
        points=500,
        board="drawn",
        date="2026-03-01",
    )


def calibration(
    model: Telecentric | Pinhole | None = None,
    *,
    with_lens: Lens | None = None,
    edge_offset_px: float = 0.0,
    **more: object,
) -> CameraCalibration:
    """A calibration of camera 'left' without uncertainty of its own, unless `more` says so."""
    sphere = CertifiedSphere(
        certificate="CERT-1", diameter_mm=40.0, u_mm=0.0005, pictures=3, measured_px=320.0,
        u_measured_px=0.01, residual_mm=0.0,
    )  # fmt: skip
    fields: dict[str, object] = {
        "camera": "left",
        "width_px": 1600,
        "height_px": 1200,
        "model": model or Telecentric(mm_per_px=0.125),
        "lens": with_lens,
        "edge_offset_px": edge_offset_px,
        "covariance": ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
        "u_scale_share": 0.0,
        "u_edge_px": 0.0,
        "spheres": (sphere, sphere, sphere),
        "residual_rms_mm": 0.0,
        "degrees_of_freedom": 1,
        "date": "2026-03-01",
        "valid_days": 180,
        "operator": "tester",
        "celsius": 20.0,
        "software_version": "0",
        **more,
    }
    return CameraCalibration.model_validate(fields)
