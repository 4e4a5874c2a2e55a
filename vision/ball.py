"""The ball inspector: one view in, what it shows out; all views of a ball fused.

Neighbours: the part tracker cuts `View`s, `vision.silhouette` measures the outline,
`vision.detector` finds defects on the crop, `vision.judge` takes the `Inspection`.
A view whose outline cannot be trusted carries a `ViewFault` and proves nothing, but what
was found in it is kept: an odd shape goes to the detector all the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from vision.contract import ModelContract
from vision.preprocess import check_image, square_crop
from vision.recipe import BallRecipe, ViewLimits
from vision.silhouette import Region, as_grey, find_regions, measure_outline
from vision.types import (
    BallOutline,
    Detections,
    Inspection,
    LostView,
    PartId,
    UInt8Array,
    View,
    ViewFault,
    ViewFindings,
)

#: Standard uncertainty of one caliper width, px: bias and noise of the largest width on drawn discs.
U_EDGE_PX = 0.15
#: Width of a region over the nominal diameter from which it is not one ball: no single ball that
#: is anywhere near its size band gets there, two that touch are at 2.
_TWO_BALLS_SHARE = 1.45
#: A picture without a tracker: regions of less than this share of the picture's shorter side are no ball.
_ALONE_MIN_SHARE = 0.15

#: Part id of pictures that belong to no part.
NO_PART = PartId(0, 0, 0)


class BallDetector(Protocol):
    """What the inspector needs of a detector (`vision.detector.Detector` is one)."""

    contract: ModelContract

    def detect(self, image: UInt8Array, min_score: float = ...) -> Detections:
        """Boxes in one picture, in its pixels."""


@dataclass(frozen=True, slots=True)
class _Found:
    """Outcome of looking for the ball in one view; coordinates of the view's own picture."""

    region: Region | None
    outline: BallOutline | None
    fault: ViewFault
    detail: str


def inspect_view(
    view: View, recipe: BallRecipe, detector: BallDetector, *, min_score: float = 0.05
) -> ViewFindings:
    """Inspect one view.

    Args:
        view: cut by the part tracker; all its coordinates are frame pixels.
        recipe: limits that a view must keep to count as proof.
        detector: of the ball station.
        min_score: detections below are left out.

    Returns:
        Findings in frame pixels; sizes in mm when the view has a scale and its outline was measured.

    Raises:
        ImageError: the view's picture is no picture.
        ContractError: the model failed or gave rubbish.
    """
    check_image(view.image)
    grey = as_grey(view.image)
    left, top = view.roi_xyxy_px[0], view.roi_xyxy_px[1]
    level = view.background_level if view.background_level is not None else _border_level(grey)
    expected = (view.centre_xy_px[0] - left, view.centre_xy_px[1] - top)
    found = _find_ball(grey, expected, view.diameter_px, level, recipe.views)
    detections = Detections.empty(detector.contract.labels)
    if found.region is not None:
        box = found.region.xyxy_px if found.outline is None else found.outline.box_xyxy_px
        crop, (x, y) = square_crop(view.image, box, detector.contract.crop_margin)
        detections = detector.detect(crop, min_score).shifted(x + left, y + top)
    outline = None if found.outline is None else _shifted(found.outline, left, top)
    return _findings(view, found, outline, detections)


def frame_fault_view(view: View, detail: str, labels: tuple[str, ...]) -> ViewFindings:
    """The findings of a view whose whole frame was unhealthy: none, and it proves nothing."""
    found = _Found(None, None, ViewFault.FRAME, detail)
    return _findings(view, found, None, Detections.empty(labels))


def fuse(
    part_id: PartId,
    views_due: int,
    views: tuple[ViewFindings, ...],
    lost: tuple[LostView, ...] = (),
    marks: tuple[str, ...] = (),
    *,
    u_scale_share: float,
) -> Inspection:
    """Put all views of one part together.

    The standard asks every diameter to lie in the band, so the smallest and the largest width over
    all healthy views are kept, not a mean of them. A healthy view without a scale leaves the part
    without sizes: what one camera cannot measure the other has not proven.

    Args:
        part_id: the part.
        views_due: views that geometry promised.
        views: those that came.
        lost: those that did not.
        marks: reasons from outside the pictures.
        u_scale_share: relative standard uncertainty of the scale, 0..0.5 (largest of the cameras).
    """
    healthy = [view for view in views if view.fault is ViewFault.OK]
    smallest = [view.diameter_min_mm for view in healthy if view.diameter_min_mm is not None]
    largest = [view.diameter_max_mm for view in healthy if view.diameter_max_mm is not None]
    means = [view.diameter_mean_mm for view in healthy if view.diameter_mean_mm is not None]
    ordered = tuple(sorted(views, key=lambda view: view.index))
    if not healthy or min(len(smallest), len(largest), len(means)) < len(healthy):
        return Inspection(part_id, views_due, ordered, lost, marks)
    mean_mm = math.fsum(means) / len(means)
    scales = [
        view.diameter_mean_mm / view.outline.diameter_mean_px
        for view in healthy
        if view.outline is not None and view.diameter_mean_mm is not None
    ]
    u_mm = math.hypot(u_scale_share * mean_mm, U_EDGE_PX * max(scales))
    return Inspection(
        part_id,
        views_due,
        ordered,
        lost,
        marks,
        diameter_min_mm=min(smallest),
        diameter_max_mm=max(largest),
        diameter_mean_mm=mean_mm,
        u_diameter_mm=u_mm,
    )


def inspect_image(
    image: UInt8Array,
    detector: BallDetector,
    recipe: BallRecipe,
    *,
    mm_per_px: float | None = None,
    min_score: float = 0.05,
) -> ViewFindings:
    """Inspect one picture that no tracker cut: one ball somewhere in it, dark on bright or bright on dark.

    Where no ball stands out from its background the whole picture goes to the detector, and the
    view carries `no_ball`: it can show a defect, but proves nothing.

    Args:
        image: (H, W) mono8 or (H, W, 3) bgr8.
        detector: of the ball station.
        recipe: limits of a view.
        mm_per_px: scale, None when unknown.
        min_score: detections below are left out.

    Raises:
        ImageError, ContractError: as `inspect_view`.
    """
    check_image(image)
    grey = as_grey(image)
    located = _find_alone(grey)
    height, width = grey.shape
    if located is None:
        detections = detector.detect(image, min_score)
        view = _whole_view(image, (width / 2.0, height / 2.0), float(min(width, height)), mm_per_px)
        detail = "no ball stands out from its background"
        return _findings(view, _Found(None, None, ViewFault.NO_BALL, detail), None, detections)
    region, dark_on_bright, level = located
    diameter = max(region.width_px, region.height_px)
    view = _whole_view(image, region.box_centre_xy_px, diameter, mm_per_px)
    upright = grey if dark_on_bright else np.asarray(cv2.bitwise_not(grey), np.uint8)
    outline = measure_outline(upright, region, level)
    box = region.xyxy_px if outline is None else outline.box_xyxy_px
    crop, (x, y) = square_crop(image, box, detector.contract.crop_margin)
    detections = detector.detect(crop, min_score).shifted(x, y)
    if outline is None:
        found = _Found(region, None, ViewFault.OUTLINE, "no clean outline")
    else:
        # A dark background is no backlight: its level says nothing about the lamp.
        fault, detail = _outline_fault(outline, recipe.views)
        found = _Found(region, outline, fault, detail)
    return _findings(view, found, outline, detections)


def _find_ball(
    grey: UInt8Array,
    expected_xy_px: tuple[float, float],
    diameter_px: float,
    level: float,
    limits: ViewLimits,
) -> _Found:
    regions = find_regions(grey, diameter_px, level, shrink=2)
    if not regions:
        return _Found(None, None, ViewFault.NO_BALL, "no ball where one was predicted")
    region = min(regions, key=lambda item: _distance(item, expected_xy_px))
    outline = measure_outline(grey, region, level)
    fault, detail = _place_fault(region, regions, expected_xy_px, diameter_px, limits)
    if fault is ViewFault.OK:
        if outline is None:
            fault, detail = ViewFault.OUTLINE, "no clean outline"
        else:
            fault, detail = _outline_fault(outline, limits)
    if fault is ViewFault.OK and not limits.background_min.value <= level <= limits.background_max.value:
        fault = ViewFault.BACKGROUND
        detail = (
            f"background {level:.0f} is outside "
            f"{limits.background_min.value:.0f}..{limits.background_max.value:.0f}"
        )
    return _Found(region, outline, fault, detail)


def _distance(region: Region, expected_xy_px: tuple[float, float]) -> float:
    """Distance from the predicted place, px: of the box's middle or of the area's, whichever is nearer.

    A half ball's box and area have different middles; either may be the one that was predicted.
    """
    x, y = expected_xy_px
    box_x, box_y = region.box_centre_xy_px
    area_x, area_y = region.centre_xy_px
    return min(math.hypot(box_x - x, box_y - y), math.hypot(area_x - x, area_y - y))


def _place_fault(
    region: Region,
    regions: tuple[Region, ...],
    expected_xy_px: tuple[float, float],
    diameter_px: float,
    limits: ViewLimits,
) -> tuple[ViewFault, str]:
    wide = max(region.width_px, region.height_px) / diameter_px
    if wide >= _TWO_BALLS_SHARE:
        return (
            ViewFault.OVERLAPPING,
            f"the dark region is {wide:.2f} nominal diameters long: more than one ball",
        )
    share = _distance(region, expected_xy_px) / diameter_px
    if share > limits.misplaced_max_share.value:
        return ViewFault.MISPLACED, (
            f"{share:.2f} diameters from the predicted place, limit {limits.misplaced_max_share.value:.2f}"
        )
    others = [other for other in regions if other is not region]
    if any(_gap_px(region, other) < 0.1 * diameter_px for other in others):
        return ViewFault.OVERLAPPING, "another ball lies too close"
    return ViewFault.OK, ""


def _gap_px(one: Region, other: Region) -> float:
    """Clear distance between two boxes, 0 when they overlap."""
    dx = max(one.xyxy_px[0] - other.xyxy_px[2], other.xyxy_px[0] - one.xyxy_px[2], 0.0)
    dy = max(one.xyxy_px[1] - other.xyxy_px[3], other.xyxy_px[1] - one.xyxy_px[3], 0.0)
    return math.hypot(dx, dy)


def _outline_fault(outline: BallOutline, limits: ViewLimits) -> tuple[ViewFault, str]:
    """Outline share, contrast and focus against the recipe; comparisons that a NaN cannot pass."""
    if not outline.outline_share >= limits.outline_share_min.value:
        return ViewFault.OUTLINE, (
            f"{outline.outline_share:.0%} of the outline seen, {limits.outline_share_min.value:.0%} needed"
        )
    if not outline.contrast >= limits.contrast_min.value:
        return ViewFault.CONTRAST, f"contrast {outline.contrast:.0f} is below {limits.contrast_min.value:.0f}"
    if not outline.focus <= limits.focus_max_px.value:
        return ViewFault.FOCUS, (
            f"the outline's edge is {outline.focus:.1f} px wide, limit {limits.focus_max_px.value:.1f} px"
        )
    return ViewFault.OK, ""


def _border_level(grey: UInt8Array) -> float:
    """Background level of a picture from its border alone."""
    border = np.concatenate([grey[:2].ravel(), grey[-2:].ravel(), grey[:, :2].ravel(), grey[:, -2:].ravel()])
    return float(np.median(border))


def _find_alone(grey: UInt8Array) -> tuple[Region, bool, float] | None:
    """The one ball of a picture: region, whether it is darker than its background, background level.

    With a ball that is brighter than its background the level is that of the inverted picture.
    """
    best: tuple[Region, bool, float] | None = None
    for dark_on_bright in (True, False):
        upright = grey if dark_on_bright else np.asarray(cv2.bitwise_not(grey), np.uint8)
        level = _border_level(upright)
        # The segmentation's level is a share of the background's: too dark a background has no room below.
        if level < 60.0:
            continue
        smallest_px = _ALONE_MIN_SHARE * min(grey.shape)
        for region in find_regions(upright, max(16.0, smallest_px), level, shrink=2):
            if region.touches_border or min(region.width_px, region.height_px) < smallest_px:
                continue
            if best is None or region.area_px > best[0].area_px:
                best = (region, dark_on_bright, level)
    return best


def _whole_view(
    image: UInt8Array, centre_xy_px: tuple[float, float], diameter_px: float, mm_per_px: float | None
) -> View:
    height, width = image.shape[:2]
    return View(
        part_id=NO_PART,
        camera="",
        index=0,
        frame_number=0,
        encoder_count=0,
        arrived_ns=0,
        roi_xyxy_px=(0, 0, width, height),
        centre_xy_px=centre_xy_px,
        diameter_px=diameter_px,
        mm_per_px=mm_per_px,
        image=image,
    )


def _shifted(outline: BallOutline, dx_px: int, dy_px: int) -> BallOutline:
    x0, y0, x1, y1 = outline.box_xyxy_px
    return BallOutline(
        centre_xy_px=(outline.centre_xy_px[0] + dx_px, outline.centre_xy_px[1] + dy_px),
        diameter_mean_px=outline.diameter_mean_px,
        diameter_min_px=outline.diameter_min_px,
        diameter_max_px=outline.diameter_max_px,
        outline_share=outline.outline_share,
        contrast=outline.contrast,
        focus=outline.focus,
        box_xyxy_px=(x0 + dx_px, y0 + dy_px, x1 + dx_px, y1 + dy_px),
    )


def _findings(view: View, found: _Found, outline: BallOutline | None, detections: Detections) -> ViewFindings:
    scale = view.mm_per_px
    sized = outline is not None and scale is not None
    return ViewFindings(
        part_id=view.part_id,
        camera=view.camera,
        index=view.index,
        frame_number=view.frame_number,
        encoder_count=view.encoder_count,
        arrived_ns=view.arrived_ns,
        fault=found.fault,
        detail=found.detail,
        outline=outline,
        diameter_min_mm=outline.diameter_min_px * scale if sized and outline and scale else None,
        diameter_max_mm=outline.diameter_max_px * scale if sized and outline and scale else None,
        diameter_mean_mm=outline.diameter_mean_px * scale if sized and outline and scale else None,
        detections=detections,
    )
