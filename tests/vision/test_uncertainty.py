"""The budget of one diameter: its sensitivities, its refusals, and the draws that check it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from vision.errors import ConfigError
from vision.metrology.budget import BudgetInputs, combine
from vision.metrology.montecarlo import Drawn, compare, draw, shortest_interval

#: A 60 mm ball seen by a calibrated camera, hot, with scale on it.
USUAL = BudgetInputs(
    diameter_mm=60.0, mm_per_px=0.06, u_scale_share=2e-4, u_edge_noise_px=0.02, u_edge_bias_px=0.1,
    u_distance_share=5e-4, celsius=100.0, u_celsius=10.0, expansion_per_k=1.2e-5, u_expansion_per_k=1e-6,
    scale_flake_mm=0.05, u_repeat_mm=0.02,
)  # fmt: skip
#: Nothing is uncertain.
CERTAIN = BudgetInputs(60.0, 0.06, 0.0, 0.0, 0.0, 0.0, 100.0, 0.0, 1.2e-5, 0.0)


def _diameter_mm(
    diameter_px: float, mm_per_px: float, share: float, celsius: float, expansion: float, distance_mm: float
) -> float:
    """The measurement written down once more, by angles: the cone of sight touches the ball."""
    focal_px = distance_mm / mm_per_px
    half_angle = math.atan(diameter_px / 2.0 / focal_px)
    return 2.0 * distance_mm * share * math.sin(half_angle) / (1.0 + expansion * (celsius - 20.0))


@pytest.mark.parametrize(
    ("changes", "expected_mm"),
    [
        # nothing uncertain: nothing told
        ({}, 0.0),
        # the scale: share of the diameter
        ({"u_scale_share": 2e-4}, 0.012),
        # pixels turn into mm by the scale, and shrink with the ball to 20 degC
        ({"u_edge_noise_px": 0.1}, 0.006 / 1.00096),
        ({"u_edge_bias_px": 0.1}, 0.006 / 1.00096),
        # the distance: share of the diameter
        ({"u_distance_share": 1e-3}, 0.06),
        # 10 K on 60 mm of steel
        ({"u_celsius": 10.0}, 60.0 * 1.2e-5 * 10.0 / 1.00096),
        # 80 K from 20 degC
        ({"u_expansion_per_k": 1e-6}, 60.0 * 80.0 * 1e-6 / 1.00096),
        # colder than 20 degC: the sign of the sensitivity does not matter
        ({"celsius": -60.0, "u_expansion_per_k": 1e-6}, 60.0 * 80.0 * 1e-6 / 0.99904),
        # at 20 degC the coefficient adds nothing
        ({"celsius": 20.0, "u_expansion_per_k": 1e-6}, 0.0),
        # rectangular: half width over root three
        ({"scale_flake_mm": 0.3}, 0.3 / math.sqrt(3.0)),
        # repeatability alone
        ({"u_repeat_mm": 0.02}, 0.02),
        # repeatability of the whole gauge holds the noise: not counted twice
        ({"u_repeat_mm": 0.02, "u_edge_noise_px": 0.1}, 0.02),
        # less repeatability than noise: the noise stays
        ({"u_repeat_mm": 0.001, "u_edge_noise_px": 0.1}, 0.006 / 1.00096),
        # two causes add in quadrature
        ({"u_scale_share": 1e-3, "scale_flake_mm": 0.08 * math.sqrt(3.0)}, 0.1),
    ],
)
def test_each_cause_adds_what_its_sensitivity_says(changes: dict[str, float], expected_mm: float) -> None:
    budget = combine(replace(CERTAIN, **changes))
    assert budget.u_mm == pytest.approx(expected_mm, abs=1e-12)
    assert budget.expanded_mm == pytest.approx(2.0 * expected_mm, abs=1e-12)
    assert len(budget.rows) == 8
    assert budget.u_mm == pytest.approx(math.hypot(*(row.u_mm for row in budget.rows)), abs=1e-15)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("mm_per_px", 1e-6),
        ("diameter_px", 1e-3),
        ("share", 1e-6),
        ("celsius", 1e-3),
        ("expansion", 1e-9),
    ],
)
def test_sensitivities_are_the_slopes_of_the_measurement(name: str, step: float) -> None:
    """The measurement written by angles, at 800 mm: the budget is no smaller, and 1 % larger at most."""
    at = {
        "diameter_px": 1000.0, "mm_per_px": 0.06, "share": 1.0, "celsius": 100.0, "expansion": 1.2e-5,
        "distance_mm": 800.0,
    }  # fmt: skip
    above, below = ({**at, name: at[name] + sign * step} for sign in (1.0, -1.0))
    slope = abs(_diameter_mm(**above) - _diameter_mm(**below)) / (2.0 * step)
    inputs = replace(CERTAIN, diameter_mm=_diameter_mm(**at))
    told = {
        "mm_per_px": replace(inputs, u_scale_share=1.0 / 0.06),
        "diameter_px": replace(inputs, u_edge_bias_px=1.0),
        "share": replace(inputs, u_distance_share=1.0),
        "celsius": replace(inputs, u_celsius=1.0),
        "expansion": replace(inputs, u_expansion_per_k=1.0),
    }[name]
    assert slope * 0.9999 <= combine(told).u_mm <= slope * 1.01


@pytest.mark.parametrize(
    "changes",
    [
        {"u_scale_share": -1e-4},  # negative
        {"u_celsius": math.nan},  # not a number
        {"u_distance_share": math.inf},  # endless
        {"celsius": math.nan},
        {"diameter_mm": 0.0},  # no ball
        {"mm_per_px": -0.06},  # no scale
        {"celsius": -1e6},  # the ball would have shrunk to nothing
        {"scale_flake_mm": -0.1},
        {"u_repeat_mm": -0.1},
    ],
)
def test_impossible_inputs_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="negative or not a number"):
        combine(replace(USUAL, **changes))
    with pytest.raises(ConfigError, match="negative or not a number"):
        draw(replace(USUAL, **changes), seed=1, draws=1000)


@pytest.mark.parametrize(
    ("changes", "distance_mm"),
    [
        ({}, math.inf),  # telecentric
        ({}, 800.0),  # pinhole
        ({"diameter_mm": 120.0}, 1000.0),  # the largest ball, perspective +0.22 mm
        ({"diameter_mm": 15.0, "mm_per_px": 0.03}, 400.0),  # the smallest
        ({"u_distance_share": 0.02}, 600.0),  # position along the axis unknown to 12 mm
        ({"celsius": 160.0, "u_celsius": 40.0}, 800.0),  # temperature hardly known
        ({"celsius": 20.0, "u_celsius": 10.0}, 800.0),  # at the reference: slope zero in the coefficient
        ({"celsius": 700.0, "u_celsius": 30.0, "u_expansion_per_k": 2e-6}, 800.0),  # straight from the mill
        ({"scale_flake_mm": 0.3, "u_scale_share": 0.0}, 800.0),  # a rectangle dominates
        ({"u_scale_share": 0.05}, 800.0),  # a typed scale
        ({"u_edge_noise_px": 2.0, "u_edge_bias_px": 3.0}, 800.0),  # a bad picture
        ({"u_repeat_mm": 0.3}, 800.0),  # a bad gauge
        ({"diameter_mm": 120.0}, 140.0),  # far too near: perspective bends the scale itself
    ],
)
def test_budget_agrees_with_the_draws(changes: dict[str, float], distance_mm: float) -> None:
    inputs = replace(USUAL, **changes)
    found = compare(inputs, seed=7, distance_mm=distance_mm)
    assert 0.8 < found.ratio < 1.25
    low, high = found.drawn.interval_mm
    assert low < inputs.diameter_mm < high
    assert found.drawn.mean_mm == pytest.approx(inputs.diameter_mm, abs=0.1 * found.drawn.u_mm)


def test_the_draws_go_through_the_measurement_and_not_through_its_slopes() -> None:
    """Three things that no first-order sum knows of."""
    # Temperature and coefficient both uncertain, coefficient about zero: only their product moves the size.
    product = replace(CERTAIN, celsius=20.0, u_celsius=100.0, expansion_per_k=0.0, u_expansion_per_k=1e-5)
    assert combine(product).u_mm == 0.0
    assert draw(product, seed=3).u_mm == pytest.approx(60.0 * 100.0 * 1e-5, rel=0.02)
    # Near a pinhole the size answers an edge less than the scale says: by 1 - (R / L)^2.
    near = replace(CERTAIN, diameter_mm=120.0, celsius=20.0, u_edge_bias_px=1.0)
    shrunk = combine(near).u_mm * (1.0 - (60.0 / 120.0) ** 2)
    solid = draw(near, seed=3, distance_mm=120.0).u_mm
    # d(D)/d(px) = m cos^3 of the half angle, here sin = 1/2.
    assert solid == pytest.approx(combine(near).u_mm * 0.75**1.5, rel=0.01)
    assert solid < shrunk
    # Perspective bends: the mean of the draws moves away from the diameter at a distance hardly known.
    bent = draw(replace(CERTAIN, celsius=20.0, u_scale_share=0.1), seed=3, distance_mm=60.0)
    assert bent.mean_mm < 60.0 - 0.1


def test_the_draws_match_the_measurement_written_by_angles() -> None:
    rng = np.random.default_rng(11)
    inputs = replace(USUAL, u_repeat_mm=0.0, scale_flake_mm=0.0)
    diameter_px = 2.0 * (800.0 / 0.06) * math.tan(math.asin(60.0 * 1.00096 / 2.0 / 800.0))
    sizes = [
        _diameter_mm(
            diameter_px + 0.02 * a + 0.1 * b, 0.06 * (1.0 + 2e-4 * c), 1.0 + 5e-4 * d, 100.0 + 10.0 * e,
            1.2e-5 + 1e-6 * f, 800.0,
        )
        for a, b, c, d, e, f in rng.standard_normal((20_000, 6))
    ]  # fmt: skip
    drawn = draw(inputs, seed=5, distance_mm=800.0)
    assert drawn.mean_mm == pytest.approx(float(np.mean(sizes)), abs=0.002)
    assert drawn.u_mm == pytest.approx(float(np.std(sizes)), rel=0.02)


@pytest.mark.parametrize(
    ("changes", "half_width_mm", "mean_mm"),
    [
        # a rectangle: 95 % of its width
        ({"scale_flake_mm": 0.3}, 0.95 * 0.3, 60.0),
        # a normal one: 1.96 standard uncertainties
        ({"u_scale_share": 1e-3}, 1.96 * 0.06, 60.0),
    ],
)
def test_the_interval_is_the_shortest(
    changes: dict[str, float], half_width_mm: float, mean_mm: float
) -> None:
    drawn = draw(replace(CERTAIN, **changes), seed=2)
    low, high = drawn.interval_mm
    assert (high - low) / 2.0 == pytest.approx(half_width_mm, rel=0.01)
    # The shortest interval's place is flat in the draws (any part of a rectangle serves).
    assert low < mean_mm < high


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # one far value: left out
        ([0.0] * 19 + [100.0], (0.0, 0.0)),
        # skewed: the interval hugs the dense side
        ([*np.linspace(0.0, 1.0, 20), 5.0], (0.0, 1.0)),
    ],
)
def test_shortest_interval(values: list[float], expected: tuple[float, float]) -> None:
    assert shortest_interval(np.array(values), 0.9) == pytest.approx(expected, abs=0.06)


def test_draws_repeat_with_their_seed() -> None:
    first, again, other = (draw(USUAL, seed=seed, draws=5000) for seed in (1, 1, 2))
    assert isinstance(first, Drawn)
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({}, {"draws": 10}, "too few"),
        ({}, {"distance_mm": 29.0}, "cannot lie"),  # the camera inside the ball
        ({}, {"distance_mm": math.nan}, "cannot lie"),
        ({"u_scale_share": 0.9}, {}, "at or below zero"),
    ],
)
def test_draws_refuse(changes: dict[str, float], options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        draw(replace(USUAL, **changes), seed=1, **options)  # type: ignore[arg-type]  # a table of floats


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(ConfigError, match="nothing to compare"):
        compare(CERTAIN, seed=1)
