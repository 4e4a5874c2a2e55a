"""Uncertainty of a diameter by the GUM: one row per cause, combined in quadrature.

Neighbours: `vision.metrology.size` fills the inputs from calibration, silhouette and
temperature; `vision.metrology.montecarlo` checks the sum by drawing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from vision.errors import ConfigError

#: A ball's size is told at this temperature (ISO 1).
REFERENCE_CELSIUS = 20.0
_SQRT3 = math.sqrt(3.0)


@dataclass(frozen=True, slots=True)
class BudgetInputs:
    """What the uncertainty of one diameter is made of; all standard uncertainties (k = 1).

    Attributes:
        diameter_mm: the measured diameter at 20 degC.
        mm_per_px: scale at the ball's place.
        u_scale_share: relative, of the scale: certified spheres, fit, age of the calibration.
        u_edge_noise_px: random, of a diameter, from the picture's noise.
        u_edge_bias_px: systematic, of a diameter: threshold, light, lens, what curvature correction leaves.
        u_distance_share: relative, of the ball's distance along the optical axis (0 for telecentric).
        celsius, u_celsius: ball temperature and its uncertainty.
        expansion_per_k, u_expansion_per_k: coefficient of thermal expansion, 1/K.
        scale_flake_mm: half width of a rectangular distribution: oxide scale that adds to the diameter.
        u_repeat_mm: repeatability of the whole gauge, from a gauge study; 0 when none was made.
    """

    diameter_mm: float
    mm_per_px: float
    u_scale_share: float
    u_edge_noise_px: float
    u_edge_bias_px: float
    u_distance_share: float
    celsius: float
    u_celsius: float
    expansion_per_k: float
    u_expansion_per_k: float
    scale_flake_mm: float = 0.0
    u_repeat_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class Contribution:
    """One row: the cause, how it was evaluated (GUM type A or B), its distribution and what it adds (mm)."""

    cause: str
    kind: Literal["A", "B"]
    distribution: Literal["normal", "rectangular"]
    u_mm: float


@dataclass(frozen=True, slots=True)
class Budget:
    """All rows and their combination; `expanded_mm` is for k = 2."""

    rows: tuple[Contribution, ...]
    u_mm: float

    @property
    def expanded_mm(self) -> float:
        """Expanded uncertainty U, k = 2 (about 95 %)."""
        return 2.0 * self.u_mm


def combine(inputs: BudgetInputs) -> Budget:
    """Uncertainty of one diameter by the law of propagation (JCGM 100:2008, 5.1.2), inputs uncorrelated.

    The model is D = d_px m / (1 + a (t - 20)) + s + r with d_px the diameter in the picture, m the scale
    at the ball's place, a the coefficient of expansion, t the ball's temperature, s oxide scale and r
    repeatability. Its sensitivities, with q = 1 + a (t - 20):

    | input                          | sensitivity                                          |
    |--------------------------------|------------------------------------------------------|
    | scale, relative                | D                                                    |
    | diameter in the picture, px    | m / q                                                |
    | distance, relative             | D, as D = 2 L sin(atan(r / f)) for a pinhole at L    |
    | temperature, K                 | D a / q                                              |
    | coefficient of expansion, 1/K  | D abs(t - 20) / q                                    |
    | oxide scale, mm                | 1; rectangular, so its half width / sqrt(3)          |
    | repeatability, mm              | 1                                                    |

    For a pinhole the first two are larger than the truth by the share (R / L)^2, below 1 % for every
    ball that a plant would look at. Repeatability of the whole gauge holds the picture's noise already:
    its row is only what it has beyond the noise, so that nothing counts twice and nothing is lost.

    Args:
        inputs: standard uncertainties (k = 1) and the point at which they are taken.

    Returns:
        One row for each cause, also for those that add nothing, and their sum in quadrature (mm).

    Raises:
        ConfigError: an uncertainty is negative or not a number, or there is no diameter, scale or
            temperature at which the sum can be taken.
    """
    diameter_mm, stretch = inputs.diameter_mm, _checked(inputs)
    away_k = inputs.celsius - REFERENCE_CELSIUS
    noise_mm = inputs.u_edge_noise_px * inputs.mm_per_px / stretch
    excess_mm = math.sqrt(max(0.0, inputs.u_repeat_mm**2 - noise_mm**2))
    rows = (
        Contribution("calibration of the scale", "B", "normal", diameter_mm * inputs.u_scale_share),
        Contribution("edge noise", "A", "normal", noise_mm),
        Contribution("edge bias", "B", "normal", inputs.u_edge_bias_px * inputs.mm_per_px / stretch),
        Contribution("distance (perspective)", "B", "normal", diameter_mm * inputs.u_distance_share),
        Contribution(
            "temperature", "B", "normal", diameter_mm * inputs.expansion_per_k / stretch * inputs.u_celsius
        ),
        Contribution(
            "coefficient of expansion",
            "B",
            "normal",
            diameter_mm * abs(away_k) / stretch * inputs.u_expansion_per_k,
        ),
        Contribution("oxide scale", "B", "rectangular", inputs.scale_flake_mm / _SQRT3),
        Contribution("repeatability beyond edge noise", "A", "normal", excess_mm),
    )
    return Budget(rows, math.sqrt(sum(row.u_mm * row.u_mm for row in rows)))


def _checked(inputs: BudgetInputs) -> float:
    """Stretch of the ball from 20 degC to its temperature, once every input was found usable."""
    uncertainties = (
        inputs.u_scale_share,
        inputs.u_edge_noise_px,
        inputs.u_edge_bias_px,
        inputs.u_distance_share,
        inputs.u_celsius,
        inputs.expansion_per_k,
        inputs.u_expansion_per_k,
        inputs.scale_flake_mm,
        inputs.u_repeat_mm,
    )
    # min() and comparisons lie about NaN; the sum does not.
    total = sum(uncertainties) + inputs.diameter_mm + inputs.mm_per_px + inputs.celsius
    stretch = 1.0 + inputs.expansion_per_k * (inputs.celsius - REFERENCE_CELSIUS)
    if (
        not math.isfinite(total)
        or min(uncertainties) < 0.0
        or not (inputs.diameter_mm > 0.0 and inputs.mm_per_px > 0.0 and stretch > 0.0)
    ):
        raise ConfigError(
            "no uncertainty can be told from these inputs: one of them is negative or not a number",
            where=str(inputs),
            todo="check the calibration file, the temperature and the study they come from",
        )
    return stretch
