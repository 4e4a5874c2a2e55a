"""Does the size of the balls drift? An EWMA of the mean diameter per minute, as the lot's report has it.

The first minutes of a lot (or of the last hours, where none is open) say where the process was; the alarm is
that of the newest minute, so that it goes when the rolls are put right. Neighbours:
`vision.statistics.control_charts` has the formulas, `ledger_facts` reads the minutes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from edge_runtime.alarms.facts import SizeDrift
from edge_runtime.ledger.models import PartRow
from edge_runtime.lots.statistics import BALLS_MIN, EWMA_WEIGHT, EWMA_WIDTH
from vision.contract import BALL_LABELS
from vision.statistics.control_charts import baseline, ewma_chart

MINUTE_NS = 60 * 1_000_000_000
#: minutes that are looked back at most, and that are learned from
MINUTES_MAX, LEARNED_MAX = 480, 20
#: fewer minutes with balls say nothing of drift
MINUTES_MIN = 12
#: a drift below this share of the band's width is no matter for an alarm, however sure it is
EFFECT_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Minute:
    """Sound balls of one minute since 1970: their number, mean and standard deviation, mm."""

    minute: int
    balls: int
    mean_mm: float
    s_mm: float


def size_drift(minutes: Sequence[Minute], band_width_mm: float) -> SizeDrift | None:
    """The newest point of the chart.

    Args:
        minutes: in the order of time; those with fewer than `BALLS_MIN` balls are left out.
        band_width_mm: of the mean diameter, > 0.

    Returns:
        None where there are too few minutes, or where they do not differ at all.
    """
    used = [minute for minute in minutes if minute.balls >= BALLS_MIN]
    if len(used) < MINUTES_MIN:
        return None
    means = [minute.mean_mm for minute in used]
    within = [minute.s_mm / math.sqrt(minute.balls) for minute in used]
    first = min(LEARNED_MAX, len(used) // 2)
    try:
        base = baseline(means[:first], within[:first])
        chart = ewma_chart(
            means[first:],
            target=base.target,
            sigma=base.sigma,
            weight=EWMA_WEIGHT,
            width=EWMA_WIDTH,
            target_groups=first,
        )
    except ValueError:
        return None  # no spread at all, or figures that are none
    last = chart.points[-1]
    far = abs(last.ewma - base.target) >= EFFECT_SHARE * band_width_mm
    return SizeDrift(last.ewma, base.target, last.alarm if far else "")


class MinuteMeans:
    """Means per minute out of the ledger; whole minutes are read once."""

    def __init__(self) -> None:
        self._of: tuple[str, int] | None = None
        self._minutes: list[Minute] = []
        self._next = 0

    def read(
        self, connection: sa.Connection, recipe_sha256: str, since_utc_ns: int, now_utc_ns: int
    ) -> list[Minute]:
        """Whole minutes of this recipe, oldest first.

        Args:
            connection: of the ledger.
            recipe_sha256: recipe in force.
            since_utc_ns: no earlier than this, nor than `MINUTES_MAX` ago.
            now_utc_ns: minutes count as whole once they are a minute old: the recorder is a little behind.
        """
        end = now_utc_ns // MINUTE_NS - 1
        if self._of != (recipe_sha256, since_utc_ns) or self._next > end + 1:
            # Another lot, or a clock that was set back.
            self._of = (recipe_sha256, since_utc_ns)
            self._minutes, self._next = [], since_utc_ns // MINUTE_NS
        first = max(self._next, end - MINUTES_MAX)
        if first < end:
            self._minutes += _read(connection, recipe_sha256, first, end)
            self._next = end
        self._minutes = self._minutes[-MINUTES_MAX:]
        return self._minutes


def _read(connection: sa.Connection, recipe_sha256: str, first: int, end: int) -> list[Minute]:
    minute = (PartRow.utc_ns // sa.literal(MINUTE_NS)).label("minute")
    size = PartRow.diameter_mean_mm
    query = (
        sa.select(minute, sa.func.count(), sa.func.avg(size), sa.func.avg(size * size))
        .where(
            PartRow.utc_ns >= first * MINUTE_NS,
            PartRow.utc_ns < end * MINUTE_NS,
            PartRow.recipe_sha256 == recipe_sha256,
            PartRow.challenge.is_(None),
            size.is_not(None),
            PartRow.reason.not_in(BALL_LABELS),
        )
        .group_by(minute)
        .order_by(minute)
    )
    found = []
    for number, balls, mean_mm, mean_square in connection.execute(query):
        variance = max(0.0, mean_square - mean_mm * mean_mm) * balls / max(1, balls - 1)
        found.append(Minute(int(number), int(balls), float(mean_mm), math.sqrt(variance)))
    return found
