"""Filter, reference circles and roundness against shapes worked out on paper and independent solvers."""

from __future__ import annotations

from math import cos, exp, log, pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares, linprog, minimize

from vision.metrology.circles import (
    NotRoundError,
    Points,
    circumscribed_circle,
    inscribed_circle,
    largest_gap_share,
    least_squares_circle,
    minimum_zone,
)
from vision.metrology.form import (
    Form,
    analyse_form,
    bridged,
    gaussian_filter,
    least_squares_diameter,
    unit_vectors,
)
from vision.metrology.types import Float64Array

N = 1024
ANGLE: Float64Array = np.arange(N, dtype=np.float64) * (2.0 * pi / N)


def waves(radius: float, *parts: tuple[int, float, float]) -> Float64Array:
    """Mean radius and (order, amplitude, phase) of each wave."""
    profile = np.full(N, radius)
    for order, amplitude, phase in parts:
        profile = profile + amplitude * np.cos(order * (ANGLE - phase))
    return profile


def eccentric(radius: float, off: float, phase: float = 0.7) -> Float64Array:
    """A true circle seen from a point beside its centre."""
    turned = ANGLE - phase
    return off * np.cos(turned) + np.sqrt(radius**2 - (off * np.sin(turned)) ** 2)


def chord(radius: float, depth: float, phase: float = 0.0) -> Float64Array:
    across = np.cos(ANGLE - phase)
    return np.minimum(radius, (radius - depth) / np.maximum(across, 1e-6))


def points_of(profile: Float64Array) -> Points:
    return Points.of(profile * unit_vectors(len(profile)))


profiles = st.builds(
    waves,
    st.floats(20.0, 1500.0),
    st.tuples(st.just(1), st.floats(0.0, 1.0), st.floats(0.0, 6.3)),
    st.tuples(st.just(2), st.floats(0.0, 1.5), st.floats(0.0, 6.3)),
    st.tuples(st.just(3), st.floats(0.0, 1.0), st.floats(0.0, 6.3)),
    st.tuples(st.integers(4, 40), st.floats(0.0, 0.3), st.floats(0.0, 6.3)),
    st.tuples(st.integers(41, 300), st.floats(0.0, 0.1), st.floats(0.0, 6.3)),
)


# --- the filter ---


@pytest.mark.parametrize("upr_max", [15, 50])
@pytest.mark.parametrize("share", [0.2, 1.0, 2.0])
def test_transmission_is_gaussian_and_half_at_the_cut_off(upr_max: int, share: float) -> None:
    order = round(share * upr_max)
    filtered = gaussian_filter(waves(100.0, (order, 1.0, 0.0)), upr_max)
    expected = exp(-pi * (sqrt(log(2.0) / pi) * order / upr_max) ** 2)  # ISO 16610-21
    assert np.ptp(filtered) / 2.0 == pytest.approx(expected, abs=1e-9)
    assert share != 1.0 or expected == pytest.approx(0.5)


def test_filter_equals_the_weighting_function_of_the_standard() -> None:
    """The same filter as a weighted mean along the profile: s(x) = exp(-pi (x / a lc)^2) / (a lc)."""
    profile = np.random.default_rng(3).normal(100.0, 0.1, N)
    cut_off_rad, alpha = 2.0 * pi / 15, sqrt(log(2.0) / pi)
    away = (np.arange(N) + N // 2) % N - N // 2
    weight = np.exp(-pi * (away * (2.0 * pi / N) / (alpha * cut_off_rad)) ** 2)
    weight /= weight.sum()
    by_hand = np.array([(np.roll(weight, shift) * profile).sum() for shift in range(N)])
    assert gaussian_filter(profile, 15) == pytest.approx(by_hand, abs=1e-9)


def test_too_few_points_for_the_filter_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        gaussian_filter(np.full(360, 10.0), 150)


def test_harmonics_are_the_unfiltered_amplitudes() -> None:
    form = analyse_form(waves(100.0, (2, 0.7, 0.4), (3, 0.2, 1.0), (50, 0.1, 0.0)))
    assert len(form.harmonics) == 51
    assert form.harmonics[[0, 2, 3, 50]] == pytest.approx([100.0, 0.7, 0.2, 0.1], abs=1e-9)
    assert np.delete(form.harmonics, [0, 2, 3, 50]) == pytest.approx(0.0, abs=1e-9)


# --- shapes worked out on paper ---


def test_a_perfect_circle_has_no_deviation() -> None:
    form = analyse_form(np.full(N, 150.0))
    for deviation in (form.lsci, form.mzci, form.mcci, form.mici):
        assert deviation.ront == pytest.approx(0.0, abs=1e-9)
        assert deviation.radius == pytest.approx(150.0, abs=1e-9)


@pytest.mark.parametrize("off", [0.5, 5.0])
def test_an_eccentric_circle_is_still_a_circle(off: float) -> None:
    """The limacon r = R + e cos t errs by e^2 / 2R; true distances do not."""
    points = points_of(eccentric(100.0, off))
    expected = (off * cos(0.7), off * float(np.sin(0.7)))
    cx, cy, radius = least_squares_circle(points)
    (_, _, inner), outer = minimum_zone(points, (cx, cy))
    for circle in ((cx, cy, radius), circumscribed_circle(points), inscribed_circle(points)):
        assert circle[:2] == pytest.approx(expected, abs=1e-8)
        assert circle[2] == pytest.approx(100.0, abs=1e-8)
    assert outer - inner == pytest.approx(0.0, abs=1e-8)
    assert outer == pytest.approx(100.0, abs=1e-8)
    # What is left when the filter turns the eccentric profile first is far below the limacon's share.
    assert analyse_form(eccentric(100.0, off)).lsci.ront < 0.002 * off * off / 200.0


def test_ellipse_is_known_in_closed_form() -> None:
    """Circumscribed and inscribed circle are its axes; every zone is a - b wide, by symmetry."""
    a, b = 101.0, 99.0
    profile = a * b / np.sqrt((b * np.cos(ANGLE - 0.3)) ** 2 + (a * np.sin(ANGLE - 0.3)) ** 2)
    points = points_of(profile)
    assert circumscribed_circle(points)[2] == pytest.approx(a, abs=1e-3)
    assert inscribed_circle(points)[2] == pytest.approx(b, abs=1e-3)
    (_, _, inner), outer = minimum_zone(points)
    assert outer - inner == pytest.approx(a - b, abs=1e-3)
    form = analyse_form(profile)
    # An ellipse is not a cosine alone: its wave of order 2 is a - b wide to first order in (a - b) / a.
    for deviation in (form.lsci, form.mzci, form.mcci, form.mici):
        assert deviation.ront == pytest.approx(a - b, abs=0.012)
        assert deviation.centre_xy == pytest.approx((0.0, 0.0), abs=0.02)


def test_three_lobes_of_constant_width_have_their_peak_to_valley() -> None:
    """r = R + a cos 3t to first order: no caliper sees it, every reference circle does: 2 a."""
    form = analyse_form(waves(100.0, (3, 0.15, 0.4)))
    kept = exp(-log(2.0) * (3.0 / 50.0) ** 2)
    for deviation in (form.lsci, form.mzci):
        assert deviation.ront == pytest.approx(0.3 * kept, abs=1e-5)
    assert form.mcci.radius == pytest.approx(100.0 + 0.15 * kept, abs=1e-3)
    assert form.mici.radius == pytest.approx(100.0 - 0.15 * kept, abs=1e-3)


def test_a_chord_flat_on_a_circle() -> None:
    """Circumscribed: the circle itself. Inscribed: touches the flat's middle and the far side: R - h/2."""
    radius, depth = 100.0, 2.0
    points = points_of(chord(radius, depth))
    cx, cy, circumscribed = circumscribed_circle(points)
    assert (cx, cy, circumscribed) == pytest.approx((0.0, 0.0, radius), abs=1e-3)
    assert np.ptp(points.distances(cx, cy)) == pytest.approx(depth, abs=1e-3)
    nx, ny, inscribed = inscribed_circle(points)
    assert inscribed == pytest.approx(radius - depth / 2.0, abs=1e-3)
    # Nothing but the sampling holds it across the flat's normal.
    assert (nx, ny) == pytest.approx((-depth / 2.0, 0.0), abs=0.01)


def test_deviations_belong_to_their_circles() -> None:
    form = analyse_form(waves(100.0, (2, 0.5, 0.1), (5, 0.2, 1.0)))
    assert form.mcci.ronp == pytest.approx(0.0, abs=1e-9)  # nothing outside
    assert form.mici.ronv == pytest.approx(0.0, abs=1e-9)  # nothing inside
    assert form.mzci.ronp == pytest.approx(form.mzci.ronv, abs=1e-9)  # half-way between the two
    two_waves = sqrt(0.5**2 / 2.0 + 0.2**2 / 2.0)
    assert form.lsci.ronq == pytest.approx(two_waves, rel=0.01)


# --- properties ---


def ronts(form: Form) -> list[float]:
    return [form.lsci.ront, form.mcci.ront, form.mici.ront]


@settings(max_examples=60, deadline=None)
@given(profiles)
def test_zone_is_the_least_of_all_and_parts_add_up(profile: Float64Array) -> None:
    form = analyse_form(profile)
    # The search for the zone ends within a ten-millionth of a pixel, as scaling below allows it.
    assert form.mzci.ront <= min(ronts(form)) + 1e-7
    for deviation in (form.lsci, form.mzci, form.mcci, form.mici):
        assert deviation.ront == pytest.approx(deviation.ronp + deviation.ronv, abs=1e-9)
        assert 0.0 <= deviation.ronq <= max(deviation.ronp, deviation.ronv) + 1e-9
    assert form.mici.radius - 1e-9 <= form.lsci.radius <= form.mcci.radius + 1e-9
    # Rounding grows with the radius.
    assert form.mcci.radius - form.mici.radius <= form.mzci.ront + 1e-9 + 2e-12 * form.lsci.radius


@settings(max_examples=40, deadline=None)
@given(profiles, st.floats(0.3, 3.0), st.integers(1, N - 1))
def test_scale_and_turn_change_nothing_else(profile: Float64Array, factor: float, turn: int) -> None:
    first, second = analyse_form(profile), analyse_form(np.roll(profile, turn) * factor)
    for name in ("lsci", "mzci", "mcci"):
        one, two = getattr(first, name), getattr(second, name)
        assert two.ront == pytest.approx(one.ront * factor, abs=1e-7)
    # An oval holds two inscribed circles, one on either side of its waist: which is found may change with a
    # turn, and their values differ by an order of ront over radius less.
    alike = first.lsci.ront**2 / first.lsci.radius
    assert second.mici.ront == pytest.approx(first.mici.ront * factor, abs=(0.5 * alike + 1e-7) * factor)


# --- independent solvers ---


def random_profile(seed: int, noise: float) -> Float64Array:
    rng = np.random.default_rng(seed)
    phases = rng.uniform(0.0, 6.3, 4)
    profile = waves(
        float(rng.uniform(80.0, 1500.0)),
        (1, 0.3, phases[0]),
        (2, float(rng.uniform(0.0, 2.0)), phases[1]),
        (3, float(rng.uniform(0.0, 1.2)), phases[2]),
        (7, 0.1, phases[3]),
    )
    return profile + rng.normal(0.0, noise, N)


def linear_program(points: Points, kind: str) -> float:
    """The three minimax circles by linear programming about the last centre, until it stands still."""
    centre, goal = np.array(least_squares_circle(points)[:2]), 0.0
    for _ in range(12):
        ray = points.xy - centre[:, None]
        distance = np.hypot(*ray)
        unit = (ray / distance).T
        one, none = np.ones((N, 1)), np.zeros((N, 1))
        inside, outside = np.hstack([-unit, none, -one]), np.hstack([unit, one, none])
        cost, rows, limits = {
            "zone": ([0, 0, -1, 1], np.vstack([inside, outside]), np.r_[-distance, distance]),
            "around": ([0, 0, 0, 1], inside, -distance),
            "within": ([0, 0, -1, 0], outside, distance),
        }[kind]
        found = linprog(cost, A_ub=rows, b_ub=limits, bounds=[(None, None)] * 2 + [(0.0, None)] * 2)
        centre, goal = centre + found.x[:2], float(found.fun)
        if np.abs(found.x[:2]).max() < 1e-12:
            break
    return abs(goal)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_exchange_agrees_with_linear_programming(seed: int, noise: float) -> None:
    points = points_of(random_profile(seed, noise))
    start = least_squares_circle(points)[:2]
    (_, _, inner), outer = minimum_zone(points, start)
    assert outer - inner == pytest.approx(linear_program(points, "zone"), abs=2e-6)
    assert circumscribed_circle(points, start)[2] == pytest.approx(linear_program(points, "around"), abs=2e-6)
    assert inscribed_circle(points, start)[2] == pytest.approx(linear_program(points, "within"), abs=2e-6)


@pytest.mark.parametrize("seed", range(3))
def test_no_direct_search_finds_a_narrower_zone(seed: int) -> None:
    points = points_of(random_profile(seed, 0.1))
    (cx, cy, inner), outer = minimum_zone(points, least_squares_circle(points)[:2])

    def zone(centre: Float64Array) -> float:
        return float(np.ptp(points.distances(float(centre[0]), float(centre[1]))))

    start = np.array([cx, cy]) + np.random.default_rng(seed).normal(0.0, 0.2, 2)
    found = minimize(zone, start, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-10})
    assert outer - inner <= float(found.fun) + 1e-9
    assert zone(np.array([cx, cy])) == pytest.approx(outer - inner, abs=1e-9)


def test_least_squares_agrees_with_a_general_solver() -> None:
    points = points_of(random_profile(4, 0.3) + 8.0 * np.cos(ANGLE))

    def residuals(circle: Float64Array) -> Float64Array:
        return np.asarray(np.hypot(*(points.xy - circle[:2, None])) - circle[2], np.float64)

    by_scipy = least_squares(residuals, [0.0, 0.0, 100.0], xtol=1e-14, ftol=1e-14, gtol=1e-14).x
    assert least_squares_circle(points) == pytest.approx(tuple(by_scipy), abs=1e-6)


def test_smallest_circle_may_rest_on_two_points() -> None:
    """A long oval: the two ends alone hold the circle, whatever the start."""
    points = points_of(waves(100.0, (2, 10.0, 0.0)))
    for start in ((0.0, 0.0), (40.0, -30.0)):
        assert circumscribed_circle(points, start) == pytest.approx((0.0, 0.0, 110.0), abs=1e-9)


# --- parts that were not seen ---


def test_peaks_count_only_where_the_outline_was_seen() -> None:
    profile = waves(100.0)
    bump = np.exp(-(((ANGLE - 2.0) / 0.05) ** 2))
    seen = np.abs(ANGLE - 2.0) > 0.2
    assert analyse_form(profile + bump).lsci.ront > 0.7
    hidden = analyse_form(profile + bump, seen=seen)
    for deviation in (hidden.mzci, hidden.mcci, hidden.mici):
        assert deviation.ront < 0.01


def test_a_short_gap_in_an_oval_hardly_moves_the_diameter() -> None:
    profile = waves(100.0, (2, 2.0, 0.0))
    seen = np.ones(N, np.bool_)
    seen[1000:] = seen[:20] = False
    assert least_squares_diameter(profile, seen) == pytest.approx(least_squares_diameter(profile), abs=1e-9)
    long_gap = seen.copy()
    long_gap[:120] = False
    assert not bridged(long_gap)[60]
    assert bridged(seen).all()


@pytest.mark.parametrize(
    ("hidden", "share"),
    [
        ([], 0.0),
        ([3], 0.1),
        ([0, 1, 9], 0.3),  # over the end of the array
        (list(range(10)), 1.0),
    ],
)
def test_largest_gap(hidden: list[int], share: float) -> None:
    seen = np.ones(10, np.bool_)
    seen[hidden] = False
    assert largest_gap_share(seen) == pytest.approx(share)


def test_half_an_outline_gives_no_circle() -> None:
    with pytest.raises(NotRoundError, match="nearly half"):
        analyse_form(np.full(N, 100.0), seen=ANGLE < pi)


def test_points_on_one_side_determine_no_circle() -> None:
    few = Points.of(100.0 * unit_vectors(N)[:, :10] * np.array([[1.0], [0.0]]) + np.array([[0.0], [1e-3]]))
    with pytest.raises(NotRoundError):
        least_squares_circle(few)
    with pytest.raises(NotRoundError):
        inscribed_circle(Points.of(100.0 * unit_vectors(N)[:, : N // 4]))
