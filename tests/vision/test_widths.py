"""Caliper widths against shapes worked out on paper and against all pairs of many points."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.bench.silhouettes import Shape
from vision.metrology.types import Float64Array
from vision.metrology.widths import caliper_widths

N = 1024


def angles(number: int = N) -> Float64Array:
    return np.asarray(np.arange(number) * (2.0 * pi / number), np.float64)


def shape(diameter_px: float, **form: float) -> Shape:
    return Shape((0.0, 0.0), diameter_px, **form)


def extents(profile: Float64Array, directions: int) -> Float64Array:
    """Width along each direction from the reach of every single point."""
    turn = angles(len(profile))
    points = profile[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    phi = np.arange(directions) * (pi / directions)
    return np.asarray(np.ptp(points @ np.stack([np.cos(phi), np.sin(phi)]), axis=0), np.float64)


@pytest.mark.parametrize("diameter_px", [40.0, 160.0, 480.0, 3000.0])
def test_sampling_costs_less_than_two_thousandths_of_a_pixel(diameter_px: float) -> None:
    """1024 points against 20,000 points and all of them in every direction."""
    known = shape(
        diameter_px,
        oval_px=diameter_px / 60,
        lobe3_px=diameter_px / 200,
        oval_phase_rad=1.234,
        lobe3_phase_rad=0.3,
    )
    exact = extents(known.radius_px(angles(20_000)), 720)
    widths = caliper_widths(known.radius_px(angles()))
    assert widths.width == pytest.approx(exact[::4], abs=5e-4)
    assert widths.maximum == pytest.approx(exact.max(), abs=2e-3)
    assert widths.minimum == pytest.approx(exact.min(), abs=2e-3)
    assert widths.mean == pytest.approx(exact.mean(), abs=1e-4)
    assert widths.seen_share == 1.0


def test_ellipse_is_known_in_closed_form() -> None:
    """Width along phi: 2 sqrt(a^2 cos^2 + b^2 sin^2); mean by Cauchy: perimeter / pi."""
    a, b, turned = 103.0, 98.0, 0.4
    at = angles() - turned
    widths = caliper_widths(a * b / np.sqrt((b * np.cos(at)) ** 2 + (a * np.sin(at)) ** 2))
    phi = np.arange(180) * (pi / 180) - turned
    expected = 2.0 * np.sqrt((a * np.cos(phi)) ** 2 + (b * np.sin(phi)) ** 2)
    assert widths.width == pytest.approx(expected, abs=1e-4)
    assert (widths.maximum, widths.minimum) == pytest.approx((2 * a, 2 * b), abs=5e-4)
    ratio = ((a - b) / (a + b)) ** 2
    perimeter = pi * (a + b) * (1.0 + 3.0 * ratio / (10.0 + sqrt(4.0 - 3.0 * ratio)))  # Ramanujan
    assert widths.mean == pytest.approx(perimeter / pi, abs=1e-4)


def test_no_caliper_sees_three_lobes_of_constant_width() -> None:
    """Support function h = R + e cos 3t: the curve's widths are h(t) + h(t + pi) = 2 R exactly."""
    radius, lobe = 100.0, 1.0
    normal = angles(200_000)
    h, slope = radius + lobe * np.cos(3 * normal), -3 * lobe * np.sin(3 * normal)
    x = h * np.cos(normal) - slope * np.sin(normal)
    y = h * np.sin(normal) + slope * np.cos(normal)
    profile = np.interp(angles(), np.unwrap(np.arctan2(y, x)), np.hypot(x, y), period=2 * pi)
    assert np.ptp(profile) > 1.99  # it is far from round
    widths = caliper_widths(np.asarray(profile, np.float64))
    assert widths.width == pytest.approx(2.0 * radius, abs=2e-3)
    assert widths.maximum - widths.minimum < 2e-3


@pytest.mark.parametrize("diameter_px", [160.0, 480.0])
@pytest.mark.parametrize("phase_rad", [0.0, 0.7123, 2.5, -1.1])
def test_a_flat_is_narrowest_exactly_across_itself(diameter_px: float, phase_rad: float) -> None:
    """Even directions of one degree alone would miss it by up to half a pixel."""
    depth = 0.02 * diameter_px
    flat = shape(diameter_px, flat_depth_px=depth, flat_phase_rad=phase_rad)
    widths = caliper_widths(flat.radius_px(angles()))
    assert widths.minimum == pytest.approx(diameter_px - depth, abs=1e-6)
    assert widths.maximum == pytest.approx(diameter_px, abs=1e-6)


def test_a_corner_is_measured_corner_to_corner() -> None:
    """A square: widths between side and diagonal, and the diagonal lies between two even directions."""
    turn = angles() - 0.123
    square = 50.0 / np.maximum(np.abs(np.cos(turn)), np.abs(np.sin(turn)))
    widths = caliper_widths(square, directions=181)
    assert widths.minimum == pytest.approx(100.0, abs=1e-6)
    # A corner between two rays is cut off by up to half a step: 0.15 px at most.
    assert widths.maximum == pytest.approx(100.0 * sqrt(2.0), abs=0.4)
    assert widths.mean == pytest.approx(4 * 100.0 / pi, abs=0.3)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(20.0, 1500.0),
    st.floats(0.0, 0.02),
    st.floats(0.0, 0.01),
    st.integers(4, 30),
    st.floats(0.0, 6.3),
    st.integers(0, 2**32 - 1),
)
def test_widths_hold_together(
    radius: float, oval: float, lobe: float, order: int, phase: float, seed: int
) -> None:
    at = angles()
    rng = np.random.default_rng(seed)
    profile = radius * (1 + oval * np.cos(2 * (at - phase)) + lobe / order * np.cos(order * at))
    profile = profile + rng.normal(0.0, 0.02, N)
    widths, points_only = caliper_widths(profile), extents(profile, 180)
    assert widths.minimum <= widths.width.min()
    assert widths.minimum <= widths.mean <= widths.maximum
    assert widths.maximum >= widths.width.max()
    # The curve reaches at least as far as its points, and hardly farther.
    assert (widths.width >= points_only - 1e-9).all()
    assert (widths.width <= points_only + 2 * radius * (2 * pi / N) ** 2).all()
    # No width is larger than the largest distance of two points, and the smallest is no smaller
    # than twice the smallest reach.
    assert widths.maximum <= 2.0 * profile.max() * (1.0 + (2 * pi / N) ** 2)
    assert widths.minimum >= 2.0 * profile.min() * np.cos(pi / N)


def test_directions_whose_end_was_not_seen_are_left_out() -> None:
    at = angles()
    seen = np.ones(N, np.bool_)
    seen[:57] = False  # the first 20 degrees
    bulge = 100.0 + 5.0 * np.exp(-(((at - np.radians(10.0)) / 0.05) ** 2))
    widths = caliper_widths(bulge, seen)
    hidden = np.isnan(widths.width)
    assert hidden[2:18].all()
    assert not hidden[40:170].any()
    assert widths.seen_share == pytest.approx(1.0 - hidden.mean())
    # 5 px of bulge reach over the edge of the gap, but never into a width.
    assert widths.maximum == pytest.approx(200.0, abs=0.01)
    assert widths.minimum == pytest.approx(200.0, abs=0.01)


def test_a_gap_filled_in_straight_is_no_flat() -> None:
    at = angles()
    seen = np.abs(at - 2.0) > 0.3
    profile = np.where(seen, 100.0, 100.0 * np.cos(0.3) / np.cos(at - 2.0))
    assert caliper_widths(profile).minimum < 196.0
    assert caliper_widths(profile, seen).minimum == pytest.approx(200.0, abs=0.05)


def test_hidden_directions_do_not_pull_the_mean() -> None:
    """A quarter of an oval's directions are hidden around its largest width; the mean stays."""
    oval = 100.0 + 2.0 * np.cos(2 * angles())
    seen = np.minimum(angles(), 2 * pi - angles()) > 0.15
    widths = caliper_widths(oval, seen)
    assert widths.seen_share < 0.92
    assert np.nanmean(widths.width) < 199.7
    assert widths.mean == pytest.approx(caliper_widths(oval).mean, abs=0.05)


def test_nothing_seen_gives_no_width() -> None:
    widths = caliper_widths(np.full(N, 100.0), np.zeros(N, np.bool_))
    assert widths.seen_share == 0.0
    assert np.isnan([widths.minimum, widths.maximum, widths.mean]).all()


def test_too_few_directions_are_refused() -> None:
    with pytest.raises(ValueError, match="180"):
        caliper_widths(np.full(N, 100.0), directions=179)
