"""The figures of 'ferrogate bench page': percentiles that hide nothing, targets that can be missed."""

from __future__ import annotations

import json
import math

import pytest

from edge_runtime.bench.machine import this_machine
from edge_runtime.bench.page import _order
from edge_runtime.bench.page_result import PageResult, Seen, percentile


def result(without: tuple[float, ...], with_page: tuple[float, ...], *browsers: Seen) -> PageResult:
    return PageResult(1, this_machine(), len(without) + len(with_page), without, with_page, browsers, {})


GOOD = Seen(first_view_ms=[400.0], delays_ms=[20.0, 30.0, 40.0])


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ((), 50.0, None),
        ((3.0,), 99.0, 3.0),
        ((1.0, 2.0, 3.0, 4.0), 50.0, 2.0),
        ((1.0, math.inf), 99.0, None),  # a ball without a verdict is never averaged away
    ],
)
def test_nearest_rank(values: tuple[float, ...], share: float, expected: float | None) -> None:
    assert percentile(values, share) == expected


def test_all_targets_met() -> None:
    assert result((10.0,) * 100, (10.9,) * 100, GOOD).met


@pytest.mark.parametrize(
    ("with_page", "seen"),
    [
        ((11.1,) * 100, GOOD),  # the gate waits longer
        ((math.inf,) * 100, GOOD),  # no verdict at all
        ((10.0,) * 100, Seen(first_view_ms=[1001.0], delays_ms=[20.0])),
        ((10.0,) * 100, Seen(first_view_ms=[400.0], delays_ms=[51.0])),
        ((10.0,) * 100, Seen(first_view_ms=[400.0], delays_ms=[20.0], console_errors=["oh"])),
        ((10.0,) * 100, Seen()),  # nothing was ever drawn
    ],
)
def test_each_target_can_be_missed(with_page: tuple[float, ...], seen: Seen) -> None:
    assert not result((10.0,) * 100, with_page, seen).met


def test_json_has_no_infinite_number() -> None:
    text = json.dumps(result((math.inf,), (1.0,), GOOD).to_json(), allow_nan=False)
    assert json.loads(text)["trigger_to_plc_ms"]["without_page"]["p99"] is None


def test_phases_alternate_so_that_a_drift_meets_both_alike() -> None:
    assert _order(2) == [False, True, True, False]
    assert sum(_order(5)) == 5
