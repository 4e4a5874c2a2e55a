"""The table of `ferrogate bench metrology`: errors of every method, limits, times, and whether they are met.

Neighbour: `edge_runtime.bench.metrology` fills it, `edge_runtime.commands.bench` prints it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge_runtime.bench.machine import Machine

METHODS = ("opencv", "skimage", "ours")
#: A ball of this size must be measured within this time, on one core.
BALL_PX, TARGET_MS = 300.0, 2.0
#: With bad light, blur, noise and dust the limits are this many times those of clean pictures.
HARD_FACTOR = 3.0
#: The gauge study's tolerance (+/- 1 mm), what a good gauge may take of it, and how far the stated
#: uncertainty may lie from the drawn one.
GRR_BAND_MM, GRR_MAX_PERCENT, RATIO_MAX_OFF = 2.0, 10.0, 0.2


@dataclass(frozen=True, slots=True)
class Limit:
    """Largest |bias| and sd (None: no limit) over a set of clean pictures, px."""

    bias_px: float
    sd_px: float | None


#: What our figures must keep on clean pictures; nothing is demanded of the unfiltered roundness.
LIMITS: dict[str, Limit] = {
    "ls_diameter": Limit(0.003, 0.004),
    "feret_max": Limit(0.02, None),
    "feret_min": Limit(0.02, None),
    "roundness_lsci": Limit(0.02, 0.02),
    "roundness_mzci": Limit(0.02, 0.02),
    "roundness_mcci": Limit(0.02, 0.02),
    "roundness_mici": Limit(0.02, 0.02),
}


@dataclass(frozen=True, slots=True)
class Spread:
    """Bias and standard deviation of one figure's errors, px."""

    bias_px: float
    sd_px: float


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one set: every method's errors (None: method missing, or nothing measured)."""

    figure: str
    spread: dict[str, Spread | None]
    limit: Limit | None

    @property
    def met(self) -> bool | None:
        """Whether ours keeps the limit; None where there is none."""
        if self.limit is None:
            return None
        ours = self.spread["ours"]
        if ours is None:
            return False
        sd_max = np.inf if self.limit.sd_px is None else self.limit.sd_px
        return abs(ours.bias_px) <= self.limit.bias_px and ours.sd_px <= sd_max


@dataclass(frozen=True, slots=True)
class SetResult:
    """One set of shapes: its rows, and how often each method gave no figure, by reason."""

    name: str
    shapes: int
    rows: tuple[Row, ...]
    refused: dict[str, dict[str, int]]

    @property
    def met(self) -> bool:
        """Every limit is kept and nothing was refused."""
        return all(row.met is not False for row in self.rows) and not self.refused["ours"]


@dataclass(frozen=True, slots=True)
class Times:
    """Median times for one ball, ms: all figures, and for the rivals contour and circle alone."""

    all_ms: dict[str, float | None]
    circle_ms: dict[str, float | None]

    @property
    def met(self) -> bool:
        """Within the limit, and all of ours faster than scikit-image's contour and circle alone."""
        ours, rival = self.all_ms["ours"], self.circle_ms["skimage"]
        return ours is not None and ours <= TARGET_MS and (rival is None or ours < rival)


@dataclass(frozen=True, slots=True)
class TwinGaugeResult:
    """The gauge study on the twin.

    Attributes:
        passages, views, refused_views: how many balls passed, views were measured, views were not.
        grr_percent, grr_upper_percent: six sd of the gauge in % of the band; its upper 95 % bound.
        ndc: distinct categories; None for a gauge without spread.
        bias_mm, sd_mm: of the fused mean diameter's errors against the truth.
        roundness_bias_mm, roundness_sd_mm: of the largest roundness' errors.
        stated_u_mm: root mean square of the stated standard uncertainties.
    """

    passages: int
    views: int
    refused_views: int
    grr_percent: float
    grr_upper_percent: float
    ndc: int | None
    bias_mm: float
    sd_mm: float
    roundness_bias_mm: float
    roundness_sd_mm: float
    stated_u_mm: float

    @property
    def met(self) -> bool:
        """%GRR is below 10."""
        return self.grr_percent < GRR_MAX_PERCENT


@dataclass(frozen=True, slots=True)
class UncertaintyResult:
    """The stated standard uncertainty of one diameter beside the one that draws give."""

    gum_u_mm: float
    monte_carlo_u_mm: float
    draws: int
    ratio: float

    @property
    def met(self) -> bool:
        """They agree within 20 %."""
        return abs(self.ratio - 1.0) <= RATIO_MAX_OFF


@dataclass(frozen=True, slots=True)
class MetrologyResult:
    """The whole table."""

    seed: int
    machine: Machine
    missing: tuple[str, ...]
    sets: tuple[SetResult, ...]
    times: Times
    twin_gauge: TwinGaugeResult
    uncertainty: UncertaintyResult

    @property
    def met(self) -> bool:
        """All targets."""
        return (
            all(result.met for result in self.sets)
            and self.times.met
            and self.twin_gauge.met
            and self.uncertainty.met
        )

    def to_json(self) -> dict[str, Any]:
        """One object; lengths in px, times in ms."""
        return {
            "benchmark": "metrology",
            "seed": self.seed,
            "machine": self.machine.to_json(),
            "missing": list(self.missing),
            "sets": {result.name: _set_json(result) for result in self.sets},
            "time": {
                "ball_px": BALL_PX,
                "all_figures_ms": self.times.all_ms,
                "contour_and_circle_ms": self.times.circle_ms,
                "target_ms": TARGET_MS,
                "met": self.times.met,
            },
            "twin_gauge": {
                **asdict(self.twin_gauge),
                "band_mm": GRR_BAND_MM,
                "target_percent": GRR_MAX_PERCENT,
                "met": self.twin_gauge.met,
            },
            "uncertainty": {
                **asdict(self.uncertainty),
                "target_off": RATIO_MAX_OFF,
                "met": self.uncertainty.met,
            },
            "met": self.met,
        }


def _set_json(result: SetResult) -> dict[str, Any]:
    rows = {}
    for row in result.rows:
        entry: dict[str, Any] = {
            method: None if spread is None else {"bias_px": spread.bias_px, "sd_px": spread.sd_px}
            for method, spread in row.spread.items()
        }
        limit = row.limit
        entry["target"] = None if limit is None else {"bias_px": limit.bias_px, "sd_px": limit.sd_px}
        entry["met"] = row.met
        rows[row.figure] = entry
    return {"shapes": result.shapes, "figures": rows, "refused": result.refused, "met": result.met}
