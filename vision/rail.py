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
from vision.rail_merge import merge_tiles
from vision.rail_strip import RailHead, RailStrip, cut_tile, make_strip, tile_tops
from vision.types import Detections, Float32Array, UInt8Array


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
        turned: the rail runs from left to right; `head` speaks of the transposed picture.
        zoom: strip pixels per picture pixel.
        tiles: how many the detector looked at.
    """

    detections: Detections
    head: RailHead
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
        ImageError: `image` is no picture, or of one grey throughout.
        ContractError: the model is for no rail, failed, or gave rubbish.
    """
    check_image(image)
    spec, tile_px = rail_spec(detector.contract)
    strip = make_strip(image, spec, tile_px, head)
    tops = tile_tops(strip.pixels.shape[0], tile_px, spec.overlap_px)
    found = [detector.detect(cut_tile(strip.pixels, top, tile_px), min_score) for top in tops]
    merged = merge_tiles(found, tops, tile_px, strip.pixels.shape[0])
    detections = _in_picture(merged, strip, (image.shape[0], image.shape[1]))
    return RailFindings(detections, strip.head, False, strip.zoom, len(tops))


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


def _in_picture(merged: Detections, strip: RailStrip, shape: tuple[int, int]) -> Detections:
    """Boxes of the strip in pixels of the picture (h, w), cut at its border; what lies outside goes."""
    height, width = shape
    boxes = strip.to_image(merged.xyxy_px)
    boxes = np.clip(boxes, 0.0, np.array([width, height, width, height], np.float32)).astype(np.float32)
    keep = _has_area(boxes)
    return Detections(boxes[keep], merged.score[keep], merged.class_id[keep], merged.labels)


def _has_area(boxes: Float32Array) -> np.ndarray:
    return np.asarray((boxes[:, 2] - boxes[:, 0] > 0.0) & (boxes[:, 3] - boxes[:, 1] > 0.0))
