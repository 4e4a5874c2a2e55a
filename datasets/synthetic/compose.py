"""From a rendered view to the crop the edge box would cut: background, camera, crop, labels' mask.

numpy and OpenCV only. Before a backlight the ball is laid onto a drawn panel; on a stage the
renderer has made the whole picture. The crop is square, `vision.contract`'s `crop_margin` times
the larger side of the ball's box, with the jitter of a real box finder. Of a piece longer than
the frame is high, top and bottom are missing and the last rows repeat instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from datasets.synthetic.camera import CameraState, shoot
from datasets.synthetic.sphere import BoolArray, FloatArray

UInt8Array = npt.NDArray[np.uint8]
CROP_MARGIN = 1.15
FRAME_HEIGHT_SHARE = 1.5
"""Height of the camera's frame over the ball's diameter."""
_BORDER = 10
"""Pixels around the crop that exist only for the blur to look at."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A rendered view: `grey` linear grey levels, `alpha` and `defect` 0..1, all (T, T) float32.

    `whole`: `grey` is the whole picture; otherwise only the ball's, to lay onto a panel.
    """

    grey: FloatArray
    alpha: FloatArray
    defect: FloatArray
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Crop:
    """A crop: mono8 picture; the same before the noise; shares of defect and of ball per pixel."""

    grey: UInt8Array
    clean: FloatArray
    defect: FloatArray
    alpha: FloatArray


def _background(height: int, width: int, level: float, rng: np.random.Generator) -> FloatArray:
    """A backlight panel: bright, uneven, sometimes with a darker bar of the machine."""
    coarse = rng.standard_normal((4, 4)).astype(np.float32)
    uneven = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    slope = rng.normal(0.0, 0.04, 2)
    panel = (
        1.0 + rng.uniform(0.0, 0.04) * uneven + slope[0] * (x / width - 0.5) + slope[1] * (y / height - 0.5)
    )
    picture = (level * panel).astype(np.float32)
    if rng.random() < 0.2:
        row, thick = int(rng.integers(height)), int(rng.integers(2, 12))
        picture[max(0, row - thick) : row] *= np.float32(rng.uniform(0.5, 0.9))
    return np.asarray(picture, np.float32)


def _specks(picture: FloatArray, count: int, strength: float, rng: np.random.Generator) -> None:
    """Soft dark or bright specks (dirt on the panel, dust on the glass), in place."""
    height, width = picture.shape
    for _ in range(count):
        radius = rng.uniform(0.7, 2.6)
        cy, cx = rng.uniform(0, height), rng.uniform(0, width)
        y0, x0 = max(0, int(cy - 8)), max(0, int(cx - 8))
        y, x = np.mgrid[y0 : min(height, y0 + 17), x0 : min(width, x0 + 17)]
        spot = np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2.0 * radius**2))
        sign = -1.0 if rng.random() < 0.8 else 0.6
        picture[y0 : y0 + 17, x0 : x0 + 17] *= (1.0 + sign * strength * rng.uniform(0.3, 1.0) * spot).astype(
            np.float32
        )


def _paste(picture: FloatArray, tile: Tile, left: int, top: int) -> None:
    """Blend a tile into the picture, in place; what sticks out is cut off."""
    height, width = picture.shape
    side = tile.grey.shape[0]
    y0, y1 = max(0, top), min(height, top + side)
    x0, x1 = max(0, left), min(width, left + side)
    if y0 >= y1 or x0 >= x1:
        return
    cut = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    alpha = tile.alpha[cut]
    picture[y0:y1, x0:x1] = tile.grey[cut] * alpha + picture[y0:y1, x0:x1] * (1.0 - alpha)


def _dimmed_rim(tile: Tile, panel_grey: float) -> Tile:
    """The tile with a rim no brighter than the panel: that is all it can mirror at grazing angles."""
    inside = cv2.erode((tile.alpha >= 0.999).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    grey = np.where(inside, tile.grey, np.minimum(tile.grey, np.float32(0.97 * panel_grey)))
    return Tile(grey.astype(np.float32), tile.alpha, tile.defect)


def _cut(values: FloatArray, left: int, top: int, side: int, mode: int) -> FloatArray:
    """A square of a picture; what lies outside repeats the border or is 0, as `mode` says."""
    height, width = values.shape
    pads = (max(0, -top), max(0, top + side - height), max(0, -left), max(0, left + side - width))
    if any(pads):
        values = np.asarray(cv2.copyMakeBorder(values, *pads, mode, value=0), np.float32)
    top, left = top + pads[0], left + pads[2]
    return np.ascontiguousarray(values[top : top + side, left : left + side])


def compose(
    tile: Tile,
    diameter_px: float,
    camera: CameraState,
    neighbour: Tile | None,
    jitter: float,
    rng: np.random.Generator,
) -> Crop:
    """Compose one crop.

    Args:
        tile: the ball; its silhouette must lie inside.
        diameter_px: diameter of a sound ball in the tile, pixels.
        camera: takes the picture.
        neighbour: another ball to put beside it before a backlight, touching or nearly so, or None.
        jitter: error of the box finder, share of the box's side.
        rng: source of every random choice.
    """
    rows, columns = np.flatnonzero(tile.alpha.max(axis=1) > 0.5), np.flatnonzero(tile.alpha.max(axis=0) > 0.5)
    x0, x1, y0, y1 = int(columns[0]), int(columns[-1]) + 1, int(rows[0]), int(rows[-1]) + 1
    box_side = max(x1 - x0, y1 - y0)
    side = round(CROP_MARGIN * box_side * rng.uniform(1.0 - jitter, 1.0 + jitter))
    shift = rng.uniform(-jitter, jitter, 2) * box_side
    left, top = round((x0 + x1) / 2 - side / 2 + shift[0]), round((y0 + y1) / 2 - side / 2 + shift[1])
    if tile.whole:
        return _finished(tile.grey.copy(), tile, left, top, side, camera, rng)
    margin = _BORDER
    height, frame_px = side + 2 * margin, round(FRAME_HEIGHT_SHARE * diameter_px)
    if side > frame_px and rng.random() < 0.7:
        height = frame_px
    cut_rows = (side - height) // 2
    picture = _background(height, side + 2 * margin, camera.panel_grey, rng)
    _specks(picture, int(rng.integers(0, 12)), 0.35, rng)
    # Where the tile's corner lies in this picture.
    dx, dy = margin - left, -top - cut_rows
    if neighbour is not None:
        gap = (x1 - x0) / 2 + diameter_px * rng.uniform(0.5, 0.58)
        way = 1 if rng.random() < 0.5 else -1
        half = neighbour.grey.shape[0] / 2
        _paste(
            picture, neighbour, round((x0 + x1) / 2 + dx + way * gap - half), round((y0 + y1) / 2 + dy - half)
        )
    _paste(picture, _dimmed_rim(tile, camera.panel_grey), dx, dy)
    masks = []
    for values in (tile.alpha, tile.defect):
        canvas = np.zeros_like(picture)
        _paste(canvas, Tile(values, (tile.alpha > 0).astype(np.float32), values), dx, dy)
        masks.append(canvas)
    laid = Tile(picture, masks[0], masks[1], whole=True)
    return _finished(picture, laid, margin, -cut_rows, side, camera, rng)


def _finished(
    picture: FloatArray,
    tile: Tile,
    left: int,
    top: int,
    side: int,
    camera: CameraState,
    rng: np.random.Generator,
) -> Crop:
    """Dust on the glass, the camera, and the square cut out; `left`, `top` in the picture."""
    if rng.random() < 0.35:
        _specks(picture, int(rng.integers(1, 6)), 0.22, rng)
    clean, grey = shoot(picture, camera, rng)
    square = _cut(grey.astype(np.float32), left, top, side, cv2.BORDER_REPLICATE)
    return Crop(
        grey=square.astype(np.uint8),
        clean=_cut(clean, left, top, side, cv2.BORDER_REPLICATE),
        defect=_cut(tile.defect, left, top, side, cv2.BORDER_CONSTANT),
        alpha=_cut(tile.alpha, left, top, side, cv2.BORDER_CONSTANT),
    )


def component_masks(mask: BoolArray, join_px: int, least_px: int) -> list[BoolArray]:
    """A mask's separate parts, each as a mask.

    Parts closer than about `join_px` count as one (a crack broken by a highlight, a
    cluster of pits); parts of fewer than `least_px` pixels are left out.
    """
    kernel = np.ones((join_px, join_px), np.uint8)
    joined = cv2.dilate(mask.astype(np.uint8), kernel)
    count, labels = cv2.connectedComponents(joined, connectivity=8)
    parts = [(labels == number) & mask for number in range(1, count)]
    return [part for part in parts if int(part.sum()) >= least_px]


def component_boxes(
    mask: BoolArray, join_px: int, least_px: int
) -> list[tuple[tuple[float, float, float, float], int]]:
    """Boxes of a mask's separate parts (see `component_masks`) and their pixel counts."""
    boxes = []
    for part in component_masks(mask, join_px, least_px):
        ys, xs = np.nonzero(part)
        boxes.append(((float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)), len(xs)))
    return boxes
