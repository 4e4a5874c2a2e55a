"""Parity and thresholds: what export refuses, and how it chooses (no training extra needed)."""

from __future__ import annotations

import numpy as np
import pytest

from export.parity import compare
from export.thresholds import CEILING, FLOOR, ViewScores, choose_thresholds, report_views
from vision.errors import FerrogateError
from vision.types import Float32Array


def _output(*rows: tuple[float, float, float, float, float, float]) -> Float32Array:
    return np.array([rows], np.float32)


_ROW = (10.0, 10.0, 50.0, 40.0, 0.8, 2.0)
_OTHER = (60.0, 60.0, 90.0, 95.0, 0.4, 1.0)


@pytest.mark.parametrize(
    ("file", "agrees"),
    [
        (_output(_ROW, _OTHER), True),  # the same
        (_output(_OTHER, _ROW), True),  # the same in another order
        (_output((10.0, 10.01, 50.0, 40.0, 0.80005, 2.0), _OTHER), True),  # within tolerance
        (_output((10.0, 10.03, 50.0, 40.0, 0.8, 2.0), _OTHER), False),  # a box too far off
        (_output((10.0, 10.0, 50.0, 40.0, 0.8002, 2.0), _OTHER), False),  # a score too far off
        (_output((10.0, 10.0, 50.0, 40.0, 0.8, 3.0), _OTHER), False),  # another class
        (_output(_ROW, (60.0, 60.0, 90.0, 95.0, 0.9, 1.0)), False),  # another score of the second box
    ],
)
def test_parity(file: Float32Array, agrees: bool) -> None:
    parity = compare([(_output(_ROW, _OTHER), file)])
    assert parity.pictures == 1
    if agrees:
        parity.check("here")
    else:
        with pytest.raises(FerrogateError, match="differs from the network"):
            parity.check("here")


_LABELS = ("crack", "lap")


@pytest.mark.parametrize(
    ("clean_score", "expected"),
    [
        (0.0, FLOOR),  # never an alarm: the floor
        (0.06, FLOOR),  # an alarm well below the floor does not count
        (0.5, 0.55),  # above the highest alarm by the margin
        (0.94, CEILING),  # never above the ceiling
    ],
)
def test_threshold_lies_above_every_clean_view(clean_score: float, expected: float) -> None:
    views = [
        ViewScores(frozenset(), {"crack": clean_score}),
        ViewScores(frozenset({"crack"}), {"crack": 0.99}),
    ]
    chosen = choose_thresholds(_LABELS, views)
    assert chosen["crack"] == pytest.approx(expected, abs=0.0051)
    assert chosen["lap"] == FLOOR
    assert clean_score < chosen["crack"]


def test_report_counts_a_find_under_any_name() -> None:
    views = [
        ViewScores(frozenset({"crack"}), {"lap": 0.9}),
        ViewScores(frozenset({"crack"}), {"crack": 0.1}),
        ViewScores(frozenset(), {"crack": 0.6}),
        ViewScores(frozenset(), {}),
    ]
    report = report_views(_LABELS, views, {"crack": 0.5, "lap": 0.5})
    assert report.view_recall == {"crack": 0.5}
    assert (report.clean_views, report.false_alarms) == (2, 1)
