"""The rail inspector: one picture of a rail in, its marks out, in the picture's own pixels.

Picture -> direction of the rail and its head (`vision.rail_head`) -> straightened, levelled strip
(`vision.rail_strip`) -> tiles -> detector -> one box per mark (`vision.rail_merge`) -> back.
Training cuts its tiles by the same functions, so the detector sees here what it has learnt.
Neighbours: `vision.judge_rail` judges what is found; evaluation and the edge both come through here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vision.contract import ModelContract, RailSpec
from vision.errors import ContractError
from vision.preprocess import check_image
from vision.rail_head import RailHead, find_rail
from vision.rail_merge import merge_tiles
from vision.rail_strip import cut_tile, make_strip, tile_tops
from vision.rail_views import detect_views
from vision.silhouette import as_grey
from vision.types import Detections, Float32Array, UInt8Array

#: A box that the picture's border cuts to a shorter side than this, or to a smaller share, is left out.
_LEAST_SIDE_PX = 1.0
_LEAST_INSIDE = 0.25


class RailDetector(Protocol):
    """What the inspector needs of a detector (`vision.detector.Detector` is one)."""

    contract: ModelContract

    def detect(self, image: UInt8Array, min_score: float = ...) -> Detections:
        """Boxes in one tile, in its pixels."""


@dataclass(frozen=True, slots=True)
class RailFindings:
    """What one picture of a rail showed.

    Attributes:
        detections: one box per mark, in pixels of the picture as given, scores falling.
        head: where the head lies, in the picture with the rail upright (see `turned`).
        head_xyxy_px: box round the head, in pixels of the picture as given.
        turned: the rail runs from left to right, and `head` speaks of the transposed picture.
        zoom: strip pixels per picture pixel.
        tiles: how many the detector looked at.
    """

    detections: Detections
    head: RailHead
    head_xyxy_px: tuple[float, float, float, float]
    turned: bool
    zoom: float
    tiles: int

    @property
    def found(self) -> bool:
        """A head stands out in the picture; else the whole picture was searched as it is."""
        return self.head.found


def inspect_rail_image(
    image: UInt8Array,
    detector: RailDetector,
    *,
    min_score: float = 0.05,
    head: RailHead | None = None,
) -> RailFindings:
    """Look for marks on the rail in one picture.

    Args:
        image: (H, W) mono8 or (H, W, 3) bgr8; the rail may run from top to bottom or from left to right.
        detector: of the rail station.
        min_score: detections below are left out, 0..1.
        head: where the head lies when that is known; the rail then runs from top to bottom. None: found here.

    Returns:
        Findings in pixels of `image`, cut at its border.

    Raises:
        ImageError: `image` is no picture.
        ContractError: the model is for no rail, failed, or gave rubbish.
    """
    check_image(image)
    spec, tile_px = rail_spec(detector.contract)
    grey = as_grey(image)
    turned = False
    if head is None:
        head, turned = find_rail(grey)
    upright = np.ascontiguousarray(grey.T) if turned else grey
    strip = make_strip(upright, spec, tile_px, head)
    height_px = strip.pixels.shape[0]
    tops = tile_tops(height_px, tile_px, spec.overlap_px)
    found = [
        detect_views(detector, cut_tile(strip.pixels, top, tile_px), spec.views, min_score) for top in tops
    ]
    merged = merge_tiles(found, tops, tile_px, height_px)
    boxes = strip.to_image(merged.xyxy_px)
    return RailFindings(
        _in_picture(_turned(boxes) if turned else boxes, merged, image),
        head,
        _head_box(head, upright, turned=turned),
        turned,
        strip.zoom,
        len(tops),
    )


def rail_spec(contract: ModelContract) -> tuple[RailSpec, int]:
    """(how pictures become tiles, side of a tile in pixels) of a rail model.

    Raises:
        ContractError: the model is for another station, or its tiles are not square.
    """
    spec, size = contract.rail, contract.input
    if spec is None:
        raise ContractError(
            f"the model is for the {contract.station} station: it does not say how a rail becomes tiles",
            where="contract.rail",
            todo="give the rail station its own model",
        )
    if size.width_px != size.height_px or not spec.overlap_px < size.height_px:
        raise ContractError(
            f"tiles are square and overlap by less than their rows, but the contract says "
            f"{size.width_px}x{size.height_px} px and {spec.overlap_px} px",
            where="contract.input",
            todo="export it again with square tiles",
        )
    return spec, size.height_px


def _turned(boxes: Float32Array) -> Float32Array:
    """Boxes (N, 4) of the transposed picture."""
    return boxes[:, [1, 0, 3, 2]]


def _head_box(head: RailHead, upright: UInt8Array, *, turned: bool) -> tuple[float, float, float, float]:
    """The box round the head, cut at the picture's border, in pixels of the picture as given."""
    height, width = upright.shape
    start = head.start_px(np.linspace(0.0, height, 33))
    left = float(np.clip(start.min(), 0.0, width))
    right = float(np.clip(start.max() + head.width_px, 0.0, width))
    return (0.0, left, float(height), right) if turned else (left, 0.0, right, float(height))


def _in_picture(boxes: Float32Array, merged: Detections, image: UInt8Array) -> Detections:
    """Boxes cut at the picture's border; what lies outside, in the black beside a strip, goes.

    So does what is left of less than a pixel, or of little of a box: nothing can be seen of such a mark.
    """
    height, width = image.shape[:2]
    cut = np.clip(boxes, 0.0, np.array([width, height, width, height], np.float32)).astype(np.float32)
    sides, whole = cut[:, 2:] - cut[:, :2], boxes[:, 2:] - boxes[:, :2]
    keep = (sides >= _LEAST_SIDE_PX).all(axis=1) & (sides.prod(axis=1) >= _LEAST_INSIDE * whole.prod(axis=1))
    return Detections(cut[keep], merged.score[keep], merged.class_id[keep], merged.labels)
