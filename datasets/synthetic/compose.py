"""Puts a rendered ball before the bright backlight and cuts the crop the edge box would cut.

numpy and OpenCV only. The crop is square, `vision.contract`'s `crop_margin` times the
larger side of the ball's box, with the jitter of a real box finder. Of a piece longer
than the frame is high, top and bottom are missing and the last rows repeat instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from datasets.synthetic.sphere import FloatArray

UInt8Array = npt.NDArray[np.uint8]
CROP_MARGIN = 1.15
FRAME_HEIGHT_SHARE = 1.5
"""Height of the camera's frame over the ball's diameter."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A rendered view to compose: `grey` 0..255, `alpha` and `defect` 0..1, all (T, T) float32."""

    grey: FloatArray
    alpha: FloatArray
    defect: FloatArray

    def scaled(self, factor: float) -> Tile:
        """The same tile, `factor` times as large."""
        side = max(8, round(self.grey.shape[0] * factor))
        way = cv2.INTER_AREA if factor < 1.0 else cv2.INTER_LINEAR
        parts = [
            cv2.resize(part, (side, side), interpolation=way) for part in (self.grey, self.alpha, self.defect)
        ]
        return Tile(*(np.asarray(part, np.float32) for part in parts))


@dataclass(frozen=True, slots=True)
class Crop:
    """A composed crop: mono8 picture and the share of each pixel that shows the defect."""

    grey: UInt8Array
    defect: FloatArray


def _background(height: int, width: int, rng: np.random.Generator) -> FloatArray:
    """A backlight panel: bright, uneven, with specks and sometimes a darker bar of the machine."""
    coarse = rng.standard_normal((4, 4)).astype(np.float32)
    uneven = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    slope = rng.normal(0.0, 0.04, 2)
    level = rng.uniform(140.0, 230.0)
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


def _camera(picture: FloatArray, rng: np.random.Generator) -> UInt8Array:
    """Blur, gain, gamma and noise of a camera; returns mono8."""
    sigma = rng.uniform(0.0, 1.1)
    if sigma > 0.25:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)
    smear = int(rng.integers(1, 4))
    if smear > 1:
        picture = np.asarray(cv2.blur(picture, (smear, 1)), np.float32)
    gain, gamma = rng.uniform(0.8, 1.2), np.exp(rng.uniform(-0.22, 0.22))
    value = 255.0 * np.clip(picture * gain / 255.0, 0.0, 1.2) ** gamma
    read, shot = rng.uniform(0.3, 3.5), rng.uniform(0.0, 0.35)
    value += rng.standard_normal(value.shape) * np.sqrt(read**2 + shot**2 * np.maximum(value, 0.0))
    return np.asarray(np.clip(np.rint(value), 0, 255), np.uint8)


def compose(
    tile: Tile,
    nominal_px: float,
    diameter_px: float,
    neighbour: Tile | None,
    rng: np.random.Generator,
) -> Crop:
    """Compose one crop.

    Args:
        tile: the ball; its silhouette must lie inside.
        nominal_px: diameter of a sound ball in the tile, pixels.
        diameter_px: diameter it is to have in the picture, pixels.
        neighbour: another ball to put beside it, touching or nearly so, or None.
        rng: source of every random choice.
    """
    ball = tile.scaled(diameter_px / nominal_px)
    rows, columns = np.flatnonzero(ball.alpha.max(axis=1) > 0.5), np.flatnonzero(ball.alpha.max(axis=0) > 0.5)
    x0, x1, y0, y1 = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    box_side = max(x1 - x0, y1 - y0)
    side = round(CROP_MARGIN * box_side * rng.uniform(0.95, 1.05))
    height = side
    frame_px = round(FRAME_HEIGHT_SHARE * diameter_px)
    if side > frame_px and rng.random() < 0.7:
        height = frame_px
    shift = rng.uniform(-0.03, 0.03, 2) * box_side
    left = round((x0 + x1) / 2 - side / 2 + shift[0])
    top = round((y0 + y1) / 2 - height / 2 + shift[1])
    picture = _background(height, side, rng)
    _specks(picture, int(rng.integers(0, 12)), 0.35, rng)
    if neighbour is not None:
        beside = neighbour.scaled(diameter_px / nominal_px)
        gap = (x1 - x0) / 2 + diameter_px * rng.uniform(0.5, 0.58)
        way = 1 if rng.random() < 0.5 else -1
        centre_x, centre_y = (x0 + x1) / 2 - left + way * gap, (y0 + y1) / 2 - top
        half = beside.grey.shape[0] / 2
        _paste(picture, beside, round(centre_x - half), round(centre_y - half))
    _paste(picture, ball, -left, -top)
    if rng.random() < 0.35:
        _specks(picture, int(rng.integers(1, 6)), 0.22, rng)
    defect = np.zeros((height, side), np.float32)
    _paste(defect, Tile(ball.defect, (ball.alpha > 0).astype(np.float32), ball.defect), -left, -top)
    # The edge squares its crop by repeating the frame's border pixels.
    above = (side - height) // 2
    grey = cv2.copyMakeBorder(_camera(picture, rng), above, side - height - above, 0, 0, cv2.BORDER_REPLICATE)
    marked = np.zeros((side, side), np.float32)
    marked[above : above + height] = defect
    return Crop(np.asarray(grey, np.uint8), marked)


def component_boxes(
    mask: npt.NDArray[np.bool_], join_px: int, least_px: int
) -> list[tuple[tuple[float, float, float, float], int]]:
    """Boxes of a mask's separate parts and their pixel counts.

    Parts closer than about `join_px` count as one (a crack broken by a highlight, a
    cluster of pits); parts of fewer than `least_px` pixels are left out.
    """
    kernel = np.ones((join_px, join_px), np.uint8)
    joined = cv2.dilate(mask.astype(np.uint8), kernel)
    count, labels = cv2.connectedComponents(joined, connectivity=8)
    boxes = []
    for number in range(1, count):
        ys, xs = np.nonzero((labels == number) & mask)
        if len(xs) >= least_px:
            boxes.append(
                ((float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)), len(xs))
            )
    return boxes
