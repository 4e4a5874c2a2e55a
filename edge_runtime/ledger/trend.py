"""The diameter's trend for a chart: production balls in bins of equal time, with the share of rejects.

One query over the index by time, at most `BINS_MAX` bins come back. Whether the rolls wear is decided by
the lot's control charts (`edge_runtime.lots.statistics`), the smoothed line here is for the eye.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from edge_runtime.ledger.models import PartRow
from vision.contract import BALL_LABELS

BINS_MAX = 400
#: weight of the newest bin in the smoothed line
EWMA_WEIGHT = 0.2


@dataclass(frozen=True, slots=True)
class TrendBin:
    """Balls of one bin of time; diameters are the balls' mean ones, mm at 20 degC.

    Attributes:
        start_utc_ns: its begin; it lasts `Trend.bin_ns`.
        parts: production balls, whatever became of them.
        measured: of these, with a diameter and without a defect (half balls say nothing of the rolls).
        mean_mm, s_mm, min_mm, max_mm: of the measured ones; None without any, `s_mm` without two.
        ewma_mm: the means up to this bin, smoothed; None before the first mean.
        rejected: that the gate rejected. reject_share: of those that it sorted, 0..1; None without any.
    """

    start_utc_ns: int
    parts: int
    measured: int
    mean_mm: float | None
    s_mm: float | None
    min_mm: float | None
    max_mm: float | None
    ewma_mm: float | None
    rejected: int
    reject_share: float | None


@dataclass(frozen=True, slots=True)
class Trend:
    """Bins in the order of time, empty ones left out."""

    since_utc_ns: int
    until_utc_ns: int
    bin_ns: int
    bins: tuple[TrendBin, ...]


def diameter_trend(
    connection: sa.Connection,
    *,
    since_utc_ns: int,
    until_utc_ns: int,
    bins: int = 240,
    lot: str | None = None,
    shift_id: int | None = None,
) -> Trend:
    """Trend of a span of wall-clock time.

    Args:
        connection: of the ledger.
        since_utc_ns, until_utc_ns: the span; its end does not belong to it.
        bins: in how many bins the span is divided, 1 to `BINS_MAX`.
        lot, shift_id: only balls of these; slower than all balls of the span.

    Raises:
        ValueError: the span is empty, or there are too few or too many bins.
    """
    if not 1 <= bins <= BINS_MAX or until_utc_ns <= since_utc_ns:
        raise ValueError(f"{bins} bins from {since_utc_ns} to {until_utc_ns}")
    bin_ns = math.ceil((until_utc_ns - since_utc_ns) / bins)
    chosen = [
        PartRow.utc_ns >= since_utc_ns,
        PartRow.utc_ns < until_utc_ns,
        PartRow.challenge.is_(None),
        *(() if lot is None else (PartRow.lot == lot,)),
        *(() if shift_id is None else (PartRow.shift_id == shift_id,)),
    ]
    place = (PartRow.utc_ns - since_utc_ns) // bin_ns
    query = _query(place, sa.and_(*chosen))
    found: list[TrendBin] = []
    smoothed: float | None = None
    for row in connection.execute(query).mappings():
        one = _bin(row, since_utc_ns + row["place"] * bin_ns, smoothed)
        smoothed = one.ewma_mm
        found.append(one)
    return Trend(since_utc_ns, until_utc_ns, bin_ns, tuple(found))


def _query(place: sa.ColumnElement[int], chosen: sa.ColumnElement[bool]) -> sa.Select[tuple[Any, ...]]:
    """Figures of the chosen parts, grouped by `place`."""
    sound = sa.case((PartRow.reason.not_in(BALL_LABELS), PartRow.diameter_mean_mm))
    balls = sa.select(place.label("place"), sound.label("mm"), PartRow.side).where(chosen).subquery()
    mm, side = balls.c.mm, balls.c.side
    return (
        sa.select(
            balls.c.place,
            sa.func.count().label("parts"),
            sa.func.count(mm).label("measured"),
            sa.func.avg(mm).label("mean"),
            sa.func.avg(mm * mm).label("square"),
            sa.func.min(mm).label("least"),
            sa.func.max(mm).label("most"),
            sa.func.sum(sa.case((side == "accept", 1), else_=0)).label("accepted"),
            sa.func.sum(sa.case((side == "reject", 1), else_=0)).label("rejected"),
        )
        .group_by(balls.c.place)
        .order_by(balls.c.place)
    )


def _bin(row: sa.RowMapping, start_utc_ns: int, smoothed: float | None) -> TrendBin:
    count, mean = int(row["measured"]), row["mean"]
    spread = None
    if count > 1:
        spread = math.sqrt(max(0.0, row["square"] - mean * mean) * count / (count - 1))
    if mean is not None:
        smoothed = mean if smoothed is None else smoothed + EWMA_WEIGHT * (mean - smoothed)
    rejected, sorted_balls = int(row["rejected"]), int(row["accepted"]) + int(row["rejected"])
    return TrendBin(
        start_utc_ns=int(start_utc_ns),
        parts=int(row["parts"]),
        measured=count,
        mean_mm=mean,
        s_mm=spread,
        min_mm=row["least"],
        max_mm=row["most"],
        ewma_mm=smoothed,
        rejected=rejected,
        reject_share=rejected / sorted_balls if sorted_balls else None,
    )
