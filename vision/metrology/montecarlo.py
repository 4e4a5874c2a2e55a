"""Uncertainty of a diameter by drawing (JCGM 101): the check on the budget's sum in quadrature.

Every input is drawn from its distribution and goes through the whole measurement, from pixels
over the pinhole's perspective to millimetres at 20 degC. Nothing here is linearised, so that
curvature and products of errors show. Neighbours: `vision.metrology.budget` is what it checks,
`edge_runtime.commands.msa` prints both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vision.errors import ConfigError
from vision.metrology.budget import REFERENCE_CELSIUS, BudgetInputs, combine
from vision.metrology.types import Float64Array

#: Share of the draws in the interval that is told.
COVERAGE = 0.95
#: JCGM 101, 7.2.1: ten thousand times 1 / (1 - coverage).
DRAWS = 200_000
_DRAWS_MIN = 1_000


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the draws say of one diameter at 20 degC, mm.

    Attributes:
        mean_mm: mean of the draws.
        u_mm: their standard deviation.
        interval_mm: the shortest interval that holds 95 % of them.
        draws: how many.
    """

    mean_mm: float
    u_mm: float
    interval_mm: tuple[float, float]
    draws: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """The budget's sum beside the draws: `ratio` is the budget's u over the drawn u."""

    budget_u_mm: float
    drawn: Drawn
    ratio: float


def draw(inputs: BudgetInputs, *, seed: int, distance_mm: float = math.inf, draws: int = DRAWS) -> Drawn:
    """Draw every input `draws` times and measure with each set of them.

    Distributions: rectangular for oxide scale, normal for the rest.

    Args:
        inputs: the same as the budget's.
        seed: the same seed gives the same figures.
        distance_mm: from the entrance pupil of a pinhole to the ball's centre; infinite: telecentric.
            `inputs.mm_per_px` is the scale in the plane at this distance.
        draws: at least 1,000.

    Raises:
        ConfigError: the inputs are not usable, the ball does not lie in front of the camera, or the
            uncertainties are so large that scale, distance or stretch comes out at or below zero.
    """
    combine(inputs)  # refuses inputs that cannot be
    if draws < _DRAWS_MIN:
        raise _refusal(f"{draws} draws are too few to tell an interval", f"take {DRAWS}")
    rng = np.random.default_rng(seed)

    def normal(u: float) -> Float64Array:
        return u * rng.standard_normal(draws)

    diameter_px = _diameter_px(inputs, distance_mm)
    seen_px = diameter_px + normal(inputs.u_edge_noise_px) + normal(inputs.u_edge_bias_px)
    nearer = 1.0 + normal(inputs.u_distance_share)
    scale = inputs.mm_per_px * (1.0 + normal(inputs.u_scale_share)) * nearer
    celsius = inputs.celsius + normal(inputs.u_celsius)
    expansion = inputs.expansion_per_k + normal(inputs.u_expansion_per_k)
    stretch = 1.0 + expansion * (celsius - REFERENCE_CELSIUS)
    if min(seen_px.min(), nearer.min(), scale.min(), stretch.min()) <= 0.0:
        raise _refusal(
            "the uncertainties are as large as the quantities: draws come out at or below zero",
            "check the calibration and the temperature that they come from",
        )
    diameter_mm = _solid_mm(seen_px * scale, distance_mm * nearer) / stretch
    diameter_mm += rng.uniform(-1.0, 1.0, draws) * inputs.scale_flake_mm
    noise_mm = inputs.u_edge_noise_px * inputs.mm_per_px / _stretch(inputs)
    diameter_mm += normal(math.sqrt(max(0.0, inputs.u_repeat_mm**2 - noise_mm**2)))
    return Drawn(
        float(diameter_mm.mean()), float(diameter_mm.std(ddof=1)), shortest_interval(diameter_mm), draws
    )


def compare(
    inputs: BudgetInputs, *, seed: int, distance_mm: float = math.inf, draws: int = DRAWS
) -> Comparison:
    """Budget and draws side by side.

    Raises:
        ConfigError: as `draw`, or there is no uncertainty at all to compare.
    """
    budget_u_mm = combine(inputs).u_mm
    if budget_u_mm == 0.0:
        raise _refusal("no input has an uncertainty: there is nothing to compare", "fill in the budget")
    drawn = draw(inputs, seed=seed, distance_mm=distance_mm, draws=draws)
    if drawn.u_mm == 0.0:
        raise _refusal("the draws do not differ: there is nothing to compare", "fill in the budget")
    return Comparison(budget_u_mm, drawn, budget_u_mm / drawn.u_mm)


def shortest_interval(values: Float64Array, coverage: float = COVERAGE) -> tuple[float, float]:
    """Ends of the shortest interval that holds `coverage` of `values` (N,) (JCGM 101, 7.7.4)."""
    ordered = np.sort(values)
    inside = min(len(ordered) - 1, round(coverage * len(ordered)))
    width = ordered[inside:] - ordered[: len(ordered) - inside]
    first = int(np.argmin(width))
    return float(ordered[first]), float(ordered[first + inside])


def _diameter_px(inputs: BudgetInputs, distance_mm: float) -> float:
    """Diameter in the picture of the ball that `inputs` tell of, px: the measurement run backwards."""
    hot_mm = inputs.diameter_mm * _stretch(inputs)
    if not distance_mm > hot_mm / 2.0:
        raise _refusal(
            f"a ball of {inputs.diameter_mm:.1f} mm cannot lie {distance_mm:.1f} mm from the camera",
            "give the distance from the entrance pupil to the ball's centre",
        )
    # The cone of sight touches the ball: r_app = R / sqrt(1 - (R / L)^2) in the plane of its centre.
    return hot_mm / math.sqrt(1.0 - (hot_mm / 2.0 / distance_mm) ** 2) / inputs.mm_per_px


def _stretch(inputs: BudgetInputs) -> float:
    return 1.0 + inputs.expansion_per_k * (inputs.celsius - REFERENCE_CELSIUS)


def _solid_mm(apparent_mm: Float64Array, distance_mm: Float64Array | float) -> Float64Array:
    """Diameter of the ball behind an apparent one: R = r_app / sqrt(1 + (r_app / L)^2)."""
    solid: Float64Array = apparent_mm / np.sqrt(1.0 + (apparent_mm / 2.0 / distance_mm) ** 2)
    return solid


def _refusal(what: str, todo: str) -> ConfigError:
    return ConfigError(what, where="uncertainty by drawing", todo=todo)
