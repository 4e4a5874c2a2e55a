"""The diameter's trend: bins of equal time, production balls only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from edge_runtime.entries import Entry, ReasonRow
from edge_runtime.ledger.store import reading
from edge_runtime.ledger.trend import BINS_MAX, EWMA_WEIGHT, diameter_trend
from tests.edge.ledger.day_samples import SECOND_NS, Day, apply_all, bypassed, through
from tests.edge.ledger_samples import UTC_NS, part


def _at(seq: int, at_s: float, mean_mm: float | None = 40.0, **other: Any) -> dict[str, Any]:
    values = {"utc_ns": UTC_NS + round(at_s * SECOND_NS), "diameter_mean_mm": mean_mm}
    return values | other


def _entries() -> list[Entry]:
    """Two balls a second for 20 s, growing by 0.01 mm a ball; in the third bin of 5 s none."""
    entries: list[Entry] = []
    for seq in range(1, 41):
        at_s = (seq - 1) / 2
        if not 10 <= at_s < 15:
            decision = "reject" if seq % 10 == 0 else "accept"
            reasons = () if decision == "accept" else (ReasonRow("oval"),)
            more = _at(seq, at_s, 40.0 + 0.01 * seq, reasons=reasons)
            entries += through(seq, decision=decision, **more)
    return entries


def test_bins_of_a_span(engine: sa.Engine) -> None:
    apply_all(engine, _entries())
    with reading(engine) as connection:
        trend = diameter_trend(connection, since_utc_ns=UTC_NS, until_utc_ns=UTC_NS + 20 * SECOND_NS, bins=4)
    assert trend.bin_ns == 5 * SECOND_NS
    assert [item.start_utc_ns - UTC_NS for item in trend.bins] == [0, 5 * SECOND_NS, 15 * SECOND_NS]
    values = [40.0 + 0.01 * np.arange(first, first + 10) for first in (1, 11, 31)]
    for item, expected in zip(trend.bins, values, strict=True):
        assert (item.parts, item.measured, item.rejected, item.reject_share) == (10, 10, 1, 0.1)
        assert (item.min_mm, item.max_mm) == pytest.approx((expected[0], expected[-1]))
        assert item.mean_mm == pytest.approx(expected.mean())
        assert item.s_mm == pytest.approx(expected.std(ddof=1), rel=1e-6)
    smoothed = values[0].mean()
    for item, expected in zip(trend.bins[1:], values[1:], strict=True):
        smoothed += EWMA_WEIGHT * (expected.mean() - smoothed)
        assert item.ewma_mm == pytest.approx(smoothed)


def test_what_is_left_out_of_it(engine: sa.Engine) -> None:
    """Challenge balls altogether; half balls and those without a diameter from the figures."""
    entries = [
        Day().open_shift("day"),
        *through(1, **_at(1, 0, 40.0, shift="day")),
        *through(2, decision="reject", **_at(2, 1, 22.0)),  # a crack: its size says nothing
        *through(3, **_at(3, 2, None)),
        *through(4, decision="reject", **_at(4, 3, 44.0, challenge="C-1")),
        *bypassed(5, **_at(5, 4, 40.2, lot="other")),
        part(6, **_at(6, 5, 40.4)),  # in flight
        *through(7, **_at(7, 60, 99.0)),  # after the span
    ]
    apply_all(engine, entries)
    with reading(engine) as connection:
        span: dict[str, Any] = {"since_utc_ns": UTC_NS, "until_utc_ns": UTC_NS + 60 * SECOND_NS, "bins": 1}
        (everything,) = diameter_trend(connection, **span).bins
        (of_lot,) = diameter_trend(connection, **span, lot="other").bins
        (of_shift,) = diameter_trend(connection, **span, shift_id=1).bins
        nothing = diameter_trend(connection, **span, lot="none").bins
    assert (everything.parts, everything.measured, everything.rejected) == (5, 3, 1)
    assert everything.reject_share == pytest.approx(1 / 3)  # of those that the gate sorted
    assert (everything.min_mm, everything.max_mm) == (40.0, 40.4)
    assert (of_lot.parts, of_lot.mean_mm, of_lot.s_mm, of_lot.reject_share) == (1, 40.2, None, None)
    assert (of_shift.parts, of_shift.reject_share) == (1, 0.0)
    assert nothing == ()


@pytest.mark.parametrize(("length_s", "bins"), [(0, 4), (-1, 4), (10, 0), (10, BINS_MAX + 1)])
def test_spans_that_cannot_be(engine: sa.Engine, length_s: int, bins: int) -> None:
    with reading(engine) as connection, pytest.raises(ValueError, match="bins from"):
        diameter_trend(connection, since_utc_ns=UTC_NS, until_utc_ns=UTC_NS + length_s * SECOND_NS, bins=bins)
