"""All views of one ball put together: extremes, mean, what averages out and what does not."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from vision.fusion import fuse, mean_diameter_mm
from vision.types import Coverage, Detections, LostView, PartId, ViewFault, ViewFindings

PART = PartId(1, 0, 7)


def seen(index: int = 0, mean_mm: float = 40.0, **changes: Any) -> ViewFindings:
    """A healthy view whose widths lie 0.1 mm around their mean."""
    view = ViewFindings(
        part_id=PART,
        camera="left",
        index=index,
        frame_number=1,
        encoder_count=2,
        arrived_ns=3,
        fault=ViewFault.OK,
        detail="",
        outline=None,
        diameter_min_mm=mean_mm - 0.1,
        diameter_max_mm=mean_mm + 0.1,
        diameter_mean_mm=mean_mm,
        detections=Detections.empty(("crack",)),
        u_diameter_mm=0.05,
        u_random_mm=0.03,
        roundness_mm=0.04,
        u_roundness_mm=0.01,
        speck_mm=0.0,
    )
    return replace(view, **changes)


def seen_without(name: str) -> ViewFindings:
    """A healthy second view that lacks one figure."""
    missing: dict[str, Any] = {name: None}
    return replace(seen(1), **missing)


def test_extremes_over_healthy_views_and_their_mean() -> None:
    views = (
        seen(1, 41.0, roundness_mm=0.09, u_roundness_mm=0.02),
        seen(0, 39.0, speck_mm=0.7),
        seen(2, 45.0, fault=ViewFault.FOCUS, roundness_mm=9.0, speck_mm=9.0),  # proves nothing
    )
    fused = fuse(PART, 3, views)
    assert [view.index for view in fused.views] == [0, 1, 2]
    assert (fused.diameter_min_mm, fused.diameter_max_mm) == pytest.approx((38.9, 41.1))
    assert fused.diameter_mean_mm == pytest.approx(40.0)
    assert (fused.roundness_mm, fused.u_roundness_mm, fused.speck_mm) == (0.09, 0.02, 0.7)
    assert fused.unsized == ""


def test_noise_averages_out_and_the_scale_does_not() -> None:
    common, random = 0.04, 0.03
    views = tuple(seen(index, u_diameter_mm=math.hypot(common, random)) for index in range(9))
    fused = fuse(PART, 9, views)
    assert fused.u_diameter_mm == pytest.approx(0.05), "the extremes are single widths"
    assert fused.u_diameter_mean_mm == pytest.approx(math.hypot(common, random / 3.0))
    assert fuse(PART, 1, views[:1]).u_diameter_mean_mm == pytest.approx(0.05)


def test_the_least_certain_view_is_not_hidden_behind_the_extremes() -> None:
    # View 2 shows neither extreme, and 39.9 mm +- 0.5 mm may be less than the smallest of the others.
    views = (seen(0, 39.0, u_diameter_mm=0.08), seen(1, 41.0), seen(2, 40.0, u_diameter_mm=0.5))
    assert fuse(PART, 3, views).u_diameter_mm == 0.5
    # Likewise a roundness that is smaller than the largest, and less sure.
    form = (seen(0, roundness_mm=0.09, u_roundness_mm=0.01), seen(1, u_roundness_mm=0.3))
    assert fuse(PART, 2, form).u_roundness_mm == 0.3


@pytest.mark.parametrize("bad", [0, 1])  # first or last of the views: the order must not matter
@pytest.mark.parametrize(
    "name",
    ["diameter_min_mm", "diameter_max_mm", "u_diameter_mm", "roundness_mm", "u_roundness_mm", "speck_mm"],
)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_no_number_is_not_passed_over(name: str, bad: int, value: float) -> None:
    no_number: dict[str, Any] = {name: value}
    views = tuple(replace(seen(index), **(no_number if index == bad else {})) for index in range(2))
    assert math.isnan(getattr(fuse(PART, 2, views), name))


@pytest.mark.parametrize("name", ["u_diameter_mm", "u_roundness_mm"])
@pytest.mark.parametrize("value", [0.0, -0.1])
def test_an_uncertainty_of_nothing_is_not_covered_by_a_larger_one(name: str, value: float) -> None:
    without: dict[str, Any] = {name: value}
    assert math.isnan(getattr(fuse(PART, 2, (seen(), replace(seen(1), **without))), name))


def test_infinite_means_do_not_stop_the_station() -> None:
    views = (seen(0, diameter_mean_mm=math.inf), seen(1, diameter_mean_mm=-math.inf))
    mean = fuse(PART, 2, views).diameter_mean_mm
    assert mean is not None
    assert math.isnan(mean)


NOT_SIZED: list[tuple[ViewFindings, ...]] = [
    (),  # nothing came
    (seen(fault=ViewFault.OUTLINE),),  # nothing healthy
    # one healthy view without sizes: what it would have shown is not proven
    *[
        (seen(), seen_without(name))
        for name in ("diameter_min_mm", "diameter_max_mm", "diameter_mean_mm", "u_diameter_mm", "u_random_mm")
    ],
    *[(seen(), seen_without(name)) for name in ("roundness_mm", "u_roundness_mm", "speck_mm")],
]


@pytest.mark.parametrize("views", NOT_SIZED)
def test_without_sizes(views: tuple[ViewFindings, ...]) -> None:
    lost = (LostView("right", 5, "frame_late"),)
    covered = Coverage(1, 0.4)
    fused = fuse(PART, len(views) + 1, views, lost, ("late",), unsized="no_temperature", coverage=covered)
    assert fused.diameter_min_mm is fused.diameter_max_mm is fused.u_diameter_mm is None
    assert fused.diameter_mean_mm is fused.u_diameter_mean_mm is fused.roundness_mm is fused.speck_mm is None
    assert fused.unsized == "no_temperature"
    assert (fused.lost, fused.marks, fused.views_due) == (lost, ("late",), len(views) + 1)
    assert fused.coverage == covered


def test_mean_diameter() -> None:
    assert mean_diameter_mm([]) is None
    assert mean_diameter_mm([seen(diameter_mean_mm=math.nan), seen(1, 42.0)]) == 42.0
    assert mean_diameter_mm([seen(diameter_mean_mm=None), seen(fault=ViewFault.FRAME)]) is None
    assert mean_diameter_mm([seen(0, 39.0), seen(1, 42.0), seen(2, 50.0, fault=ViewFault.FOCUS)]) == 40.5
