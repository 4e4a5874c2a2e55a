"""How near the station's sizes come to the truth: every ball of a run, ledger beside twin.

The truth of a ball is that of the views which the twin showed of it: smallest, largest and mean
width and roundness, from the bank's mesh and the ball's size at 20 degC. Neighbours: `figures`
puts the result beside the run's other figures.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from edge_runtime.ledger.models import PartRow
from edge_runtime.twin.auditor_report import BallAudit

#: Labels of balls that are round enough for a diameter to mean something.
MEASURABLE = frozenset({"good", "undersize", "oversize", "oval"})
_FIGURES = ("feret_min_mm", "feret_max_mm", "feret_mean_mm", "roundness_mm")


@dataclass(frozen=True, slots=True)
class BallSizes:
    """One ball: measured and true, mm at 20 degC."""

    ball: int
    label: str
    d_min_mm: tuple[float, float]
    d_max_mm: tuple[float, float]
    d_mean_mm: tuple[float, float]
    roundness_mm: tuple[float, float]
    u_mean_mm: float


@dataclass(frozen=True, slots=True)
class Errors:
    """Measured minus true over many balls, mm."""

    median: float
    sd: float
    p95_abs: float
    max_abs: float

    @classmethod
    def of(cls, pairs: Iterable[tuple[float, float]]) -> Errors:
        """From pairs of measured and true; at least one."""
        both: npt.NDArray[np.float64] = np.array(list(pairs), np.float64)
        error = both[:, 0] - both[:, 1]
        size = np.abs(error)
        return cls(
            float(np.median(error)), float(error.std()), float(np.quantile(size, 0.95)), float(size.max())
        )

    def to_json(self) -> dict[str, float]:
        """Rounded to the micrometre."""
        return {name: round(getattr(self, name), 3) for name in ("median", "sd", "p95_abs", "max_abs")}


@dataclass(frozen=True, slots=True)
class SizeCheck:
    """All balls that were measured; `unmeasured` of the measurable ones were not."""

    balls: tuple[BallSizes, ...]
    unmeasured: int

    def to_json(self) -> dict[str, Any]:
        """Errors of each figure; None of them without a measured ball."""
        facts: dict[str, Any] = {"measured": len(self.balls), "unmeasured": self.unmeasured}
        if not self.balls:
            return facts
        for name in ("d_mean_mm", "d_min_mm", "d_max_mm", "roundness_mm"):
            facts[f"{name}_error"] = Errors.of(getattr(ball, name) for ball in self.balls).to_json()
        within = [abs(ball.d_mean_mm[0] - ball.d_mean_mm[1]) <= 2.0 * ball.u_mean_mm for ball in self.balls]
        facts["u_mean_mm"] = round(float(np.median([ball.u_mean_mm for ball in self.balls])), 4)
        facts["within_2u_share"] = round(float(np.mean(within)), 4)
        return facts


def true_sizes(truth_path: Path) -> dict[int, dict[str, float]]:
    """Truth of every ball from the last rows of truth.jsonl: ball number -> figures over its delivered views.

    Balls of which no view with a known form was delivered are left out.
    """
    found: dict[int, dict[str, float]] = {}
    for line in truth_path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["event"] != "ball":
            continue
        views = [
            view for view in row["exposures"] if "feret_min_mm" in view and view["delivered_ns"] is not None
        ]
        if views:
            found[int(row["ball"])] = _over(views)
    return found


def _over(views: list[Mapping[str, Any]]) -> dict[str, float]:
    smallest, largest, mean, roundness = (np.array([view[name] for view in views]) for name in _FIGURES)
    return {
        "d_min_mm": float(smallest.min()),
        "d_max_mm": float(largest.max()),
        "d_mean_mm": float(mean.mean()),
        "roundness_mm": float(roundness.max()),
    }


def check_sizes(
    balls: Iterable[BallAudit], truth: Mapping[int, Mapping[str, float]], connection: Connection
) -> SizeCheck:
    """Put each measurable ball's row in the ledger beside its truth.

    Args:
        balls: as the auditor joined them to their parts.
        truth: from `true_sizes`.
        connection: to the station's ledger.
    """
    columns = (
        PartRow.diameter_min_mm,
        PartRow.diameter_max_mm,
        PartRow.diameter_mean_mm,
        PartRow.roundness_mm,
        PartRow.u_diameter_mean_mm,
    )
    rows = connection.execute(sa.select(PartRow.epoch, PartRow.lane, PartRow.trigger_seq, *columns))
    measured = {(row[0], row[1], row[2]): [value for value in row[3:] if value is not None] for row in rows}
    found, unmeasured = [], 0
    for ball in balls:
        if ball.label not in MEASURABLE or ball.ball not in truth:
            continue
        values: list[float] = []
        if ball.epoch is not None and ball.trigger_seq is not None:
            values = measured.get((ball.epoch, ball.lane, ball.trigger_seq), [])
        if len(values) < len(columns):
            unmeasured += 1
            continue
        true = truth[ball.ball]
        found.append(
            BallSizes(
                ball=ball.ball,
                label=ball.label,
                d_min_mm=(values[0], true["d_min_mm"]),
                d_max_mm=(values[1], true["d_max_mm"]),
                d_mean_mm=(values[2], true["d_mean_mm"]),
                roundness_mm=(values[3], true["roundness_mm"]),
                u_mean_mm=values[4],
            )
        )
    return SizeCheck(tuple(found), unmeasured)
