"""The ball inspector: one view in, what it shows out.

In steps, so that the detector can look at several views at once while they are measured: `place_view` finds
the ball and cuts it out, `measure_view` measures its outline, `size_view` gives that in mm, `with_boxes` adds
the detector's boxes; `inspect_view` is all of them for one view.

Neighbours: the part tracker cuts `View`s, `vision.ball_outline` finds and measures the ball,
`vision.detector` finds defects on the crop, `vision.fusion` puts all views of a ball together.
A view whose outline cannot be trusted carries a `ViewFault` and proves nothing, but what
was found in it is kept: an odd shape goes to the detector all the same.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from vision.ball_outline import (
    Found,
    Gauge,
    Sized,
    in_mm,
    measure_placed,
    measure_region,
    not_round,
    outline_of,
    place_ball,
)
from vision.contract import ModelContract
from vision.errors import CalibrationError
from vision.preprocess import check_image, square_crop
from vision.recipe import BallRecipe
from vision.silhouette import Region, as_grey, find_regions
from vision.types import BallOutline, Detections, PartId, UInt8Array, View, ViewFault, ViewFindings

#: A picture without a tracker: regions of less than this share of the picture's shorter side are no ball.
_ALONE_MIN_SHARE = 0.15

#: Part id of pictures that belong to no part.
NO_PART = PartId(0, 0, 0)


class BallDetector(Protocol):
    """What the inspector needs of a detector (`vision.detector.Detector` is one)."""

    contract: ModelContract

    def detect(self, image: UInt8Array, min_score: float = ...) -> Detections:
        """Boxes in one picture, in its pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class PlacedView:
    """A view in which the ball was looked for.

    Attributes:
        view: as it was cut.
        grey: (h, w) its picture.
        level: grey level of its background.
        found: where the ball is, not measured yet.
        crop: (s, s[, 3]) what the detector is to look at; None: there is nothing to look at.
        crop_at_px: the crop's corner in the frame.
    """

    view: View
    grey: UInt8Array
    level: float
    found: Found
    crop: UInt8Array | None
    crop_at_px: tuple[int, int]


def place_view(view: View, recipe: BallRecipe, contract: ModelContract) -> PlacedView:
    """Find the ball by a cheap silhouette and cut it out for the detector.

    Args:
        view: cut by the part tracker; all its coordinates are frame pixels.
        recipe: limits that a view must keep to count as proof.
        contract: of the detector's model.

    Raises:
        ImageError: the view's picture is no picture.
    """
    check_image(view.image)
    grey = as_grey(view.image)
    left, top = view.roi_xyxy_px[0], view.roi_xyxy_px[1]
    level = view.background_level if view.background_level is not None else _border_level(grey)
    expected = (view.centre_xy_px[0] - left, view.centre_xy_px[1] - top)
    found = place_ball(grey, expected, view.diameter_px, level, recipe.views)
    if found.region is None:
        return PlacedView(view, grey, level, found, None, (left, top))
    crop, (x, y) = square_crop(view.image, found.region.xyxy_px, contract.crop_margin)
    return PlacedView(view, grey, level, found, crop, (x + left, y + top))


def measure_view(placed: PlacedView, recipe: BallRecipe) -> Found:
    """Measure the outline of a placed ball; whatever is wrong with it becomes the view's fault."""
    return measure_placed(placed.grey, placed.found, placed.level, recipe.views)


def size_view(
    placed: PlacedView, measured: Found, labels: tuple[str, ...], gauge: Gauge | None
) -> ViewFindings:
    """What one view shows but for the detector's boxes; these need not be there yet.

    Args:
        placed: from `place_view`.
        measured: from `measure_view`.
        labels: of the detector's model.
        gauge: scale and temperature; None: one of them is not known, and nothing is turned into mm.

    Returns:
        Findings in frame pixels; sizes in mm at 20 degC when there is a gauge and the outline was measured.

    Raises:
        TemperatureError, CalibrationError: the gauge does not fit what is in the picture.
    """
    return _with_sizes(placed.view, measured, Detections.empty(labels), gauge)


def with_boxes(placed: PlacedView, sized: ViewFindings, boxes: Detections) -> ViewFindings:
    """Put what the detector found in the crop, in its pixels, to what `size_view` says."""
    if not len(boxes):
        return sized
    return dataclasses.replace(sized, detections=boxes.shifted(*placed.crop_at_px))


def inspect_view(
    view: View,
    recipe: BallRecipe,
    detector: BallDetector,
    gauge: Gauge | None = None,
    *,
    min_score: float = 0.05,
) -> ViewFindings:
    """Inspect one view.

    Args:
        view: cut by the part tracker; all its coordinates are frame pixels.
        recipe: limits that a view must keep to count as proof.
        detector: of the ball station.
        gauge: scale and temperature; None: one of them is not known, and nothing is turned into mm.
        min_score: detections below are left out.

    Returns:
        Findings in frame pixels; sizes in mm at 20 degC when there is a gauge and the outline was measured.

    Raises:
        ImageError: the view's picture is no picture.
        ContractError: the model failed or gave rubbish.
        TemperatureError, CalibrationError: the gauge does not fit what is in the picture.
    """
    placed = place_view(view, recipe, detector.contract)
    boxes = None if placed.crop is None else detector.detect(placed.crop, min_score)
    sized = size_view(placed, measure_view(placed, recipe), detector.contract.labels, gauge)
    return sized if boxes is None else with_boxes(placed, sized, boxes)


def frame_fault_view(view: View, detail: str, labels: tuple[str, ...]) -> ViewFindings:
    """The findings of a view whose whole frame was unhealthy: none, and it proves nothing."""
    return _findings(view, Found(None, None, ViewFault.FRAME, detail), Detections.empty(labels))


def inspect_image(
    image: UInt8Array,
    detector: BallDetector,
    recipe: BallRecipe,
    gauge: Gauge | None = None,
    *,
    min_score: float = 0.05,
) -> ViewFindings:
    """Inspect one picture that no tracker cut: one ball somewhere in it, dark on bright or bright on dark.

    Where no ball stands out from its background the whole picture goes to the detector, and the
    view carries `no_ball`: it can show a defect, but proves nothing.

    Args:
        image: (H, W) mono8 or (H, W, 3) bgr8.
        detector: of the ball station.
        recipe: limits of a view.
        gauge: scale and temperature, None when the scale is unknown.
        min_score: detections below are left out.

    Raises:
        ImageError, ContractError, TemperatureError, CalibrationError: as `inspect_view`.
    """
    check_image(image)
    grey = as_grey(image)
    located = _find_alone(grey)
    if located is None:
        view = _whole_view(image)
        found = Found(None, None, ViewFault.NO_BALL, "no ball stands out from its background")
        return _findings(view, found, detector.detect(image, min_score))
    region, dark_on_bright, level = located
    view = _whole_view(image, region)
    # A dark background is no backlight: its level says nothing about the lamp, so it is not judged.
    found = measure_region(grey, region, level, recipe.views, dark_on_bright=dark_on_bright)
    box = region.xyxy_px
    if found.silhouette is not None:
        box = outline_of(found.silhouette).box_xyxy_px
    crop, (x, y) = square_crop(image, box, detector.contract.crop_margin)
    return _with_sizes(view, found, detector.detect(crop, min_score).shifted(x, y), gauge)


def _with_sizes(view: View, found: Found, detections: Detections, gauge: Gauge | None) -> ViewFindings:
    """The findings of a view in which somebody has looked for the ball."""
    left, top = view.roi_xyxy_px[:2]
    sized = None
    if gauge is None:
        found = not_round(found)
    elif found.silhouette is not None:
        try:
            sized = in_mm(found.silhouette, gauge, (left, top))
        except CalibrationError:
            # No ball in the picture either: then it is the outline that is wrong, not the calibration.
            found = not_round(found)
            if found.silhouette is not None:
                raise
    if found.silhouette is None:
        return _findings(view, found, detections)
    return _findings(view, found, detections, outline_of(found.silhouette, left, top), sized)


def _border_level(grey: UInt8Array) -> float:
    """Background level of a picture from its border alone."""
    border = np.concatenate([grey[:2].ravel(), grey[-2:].ravel(), grey[:, :2].ravel(), grey[:, -2:].ravel()])
    return float(np.median(border))


def _find_alone(grey: UInt8Array) -> tuple[Region, bool, float] | None:
    """The one ball of a picture: region, whether it is darker than its background, background level."""
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
                best = (region, dark_on_bright, level if dark_on_bright else 255.0 - level)
    return best


def _whole_view(image: UInt8Array, region: Region | None = None) -> View:
    """A whole picture as a view of no part; without a region the ball may be anywhere in it."""
    height, width = image.shape[:2]
    centre, diameter_px = (width / 2.0, height / 2.0), float(min(width, height))
    if region is not None:
        centre, diameter_px = region.box_centre_xy_px, max(region.width_px, region.height_px)
    return View(
        part_id=NO_PART,
        camera="",
        index=0,
        frame_number=0,
        encoder_count=0,
        arrived_ns=0,
        roi_xyxy_px=(0, 0, width, height),
        centre_xy_px=centre,
        diameter_px=diameter_px,
        image=image,
    )


def _findings(
    view: View,
    found: Found,
    detections: Detections,
    outline: BallOutline | None = None,
    sized: Sized | None = None,
) -> ViewFindings:
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
        diameter_min_mm=sized.ball.feret_min_mm if sized else None,
        diameter_max_mm=sized.ball.feret_max_mm if sized else None,
        diameter_mean_mm=sized.ball.feret_mean_mm if sized else None,
        detections=detections,
        u_diameter_mm=sized.ball.u_diameter_mm if sized else None,
        u_random_mm=sized.u_random_mm if sized else None,
        roundness_mm=sized.ball.minimum_zone_mm if sized else None,
        u_roundness_mm=sized.ball.u_roundness_mm if sized else None,
        speck_mm=sized.ball.speck_mm if sized else None,
    )
