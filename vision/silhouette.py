"""Dark balls in front of a bright backlight: where they are, to about a pixel.

Neighbours: the part tracker calls `find_regions` on whole frames, `vision.ball_outline` on one
view; `vision.metrology` then measures the outline. Every coordinate is continuous with the origin
at the top-left pixel's corner, so the centre of pixel (0, 0) lies at (0.5, 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vision.types import UInt8Array

#: Share of the background level below which a pixel of a whole frame belongs to a ball.
BALL_LEVEL_SHARE = 0.80
#: Regions smaller than this share of the expected ball's area are specks, dust or fiducials.
SPECK_AREA_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Region:
    """One dark region of a picture, in that picture's pixels (right to about the segmentation's grid).

    Attributes:
        xyxy_px: box.
        centre_xy_px: centre of area, holes filled.
        area_px: area in square pixels, holes filled.
        touches_border: the box reaches the picture's border.
        roughly_round: near to a disc: box sides within 25 %, 85 % of the area of a disc of that size.
    """

    xyxy_px: tuple[float, float, float, float]
    centre_xy_px: tuple[float, float]
    area_px: float
    touches_border: bool
    roughly_round: bool

    @property
    def width_px(self) -> float:
        """Width of the box."""
        return self.xyxy_px[2] - self.xyxy_px[0]

    @property
    def height_px(self) -> float:
        """Height of the box."""
        return self.xyxy_px[3] - self.xyxy_px[1]

    @property
    def box_centre_xy_px(self) -> tuple[float, float]:
        """Middle of the box."""
        return (self.xyxy_px[0] + self.xyxy_px[2]) / 2.0, (self.xyxy_px[1] + self.xyxy_px[3]) / 2.0


def as_grey(image: UInt8Array) -> UInt8Array:
    """(H, W) of a mono8 or bgr8 picture."""
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def find_regions(
    image: UInt8Array, expected_diameter_px: float, background_level: float, *, shrink: int = 4
) -> tuple[Region, ...]:
    """Find dark regions that may be balls, left to right.

    Args:
        image: (H, W) mono8 or (H, W, 3) bgr8.
        expected_diameter_px: nominal diameter; specks are told from balls by it.
        background_level: grey level of the empty background, 0..255.
        shrink: the picture is averaged down by this first; 4 is right for balls of 60 px and more.

    Returns:
        Regions of at least `SPECK_AREA_SHARE` of the nominal ball's area.
    """
    shrink = max(1, min(shrink, int(expected_diameter_px / 16.0)))
    height, width = image.shape[:2]
    small = image
    if shrink > 1:
        # Whole blocks only; the few columns and rows left over repeat nothing and lose nothing that matters.
        size = (max(1, width // shrink), max(1, height // shrink))
        small = _averaged(image[: size[1] * shrink, : size[0] * shrink], size, shrink)
    small = as_grey(small)
    level = round(background_level * BALL_LEVEL_SHARE)
    _, mask = cv2.threshold(small, level, 255, cv2.THRESH_BINARY_INV)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    smallest = SPECK_AREA_SHARE * np.pi / 4.0 * expected_diameter_px**2
    regions = []
    for contour in contours:
        if _area_at_most(len(contour)) * shrink * shrink < smallest:
            continue
        region = _region(np.asarray(contour, np.int32), small.shape[:2], shrink)
        if region.area_px >= smallest:
            regions.append(region)
    return tuple(sorted(regions, key=lambda region: region.xyxy_px))


def _averaged(image: UInt8Array, size: tuple[int, int], shrink: int) -> UInt8Array:
    """The picture at `size` (width, height), each pixel the mean of a block of `shrink` by `shrink`.

    Two halvings cost a sixth of one step by four, for which OpenCV has no vector code; rounded in between,
    they differ from it by one grey level at most.
    """
    if shrink == 4:
        image = np.asarray(
            cv2.resize(image, (2 * size[0], 2 * size[1]), interpolation=cv2.INTER_AREA), np.uint8
        )
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _area_at_most(points: int) -> float:
    """Largest area that a contour of so many points can go round, as `_region` counts it.

    A step between neighbours is at most sqrt(2) long, and of all shapes the disc holds most: L^2 / (4 pi).
    """
    return points * points / (2.0 * np.pi) + points / 2.0 + 1.0


def _region(contour: npt.NDArray[np.int32], shape: tuple[int, ...], shrink: int) -> Region:
    x, y, w, h = cv2.boundingRect(contour)
    moments = cv2.moments(contour)
    # The contour runs through the border pixels' centres: half a pixel of border is missing all round.
    area = moments["m00"] + len(contour) / 2.0 + 1.0
    if moments["m00"] > 0:
        cx, cy = moments["m10"] / moments["m00"] + 0.5, moments["m01"] / moments["m00"] + 0.5
    else:
        cx, cy = x + w / 2.0, y + h / 2.0
    touches = x <= 0 or y <= 0 or x + w >= shape[1] or y + h >= shape[0]
    disc = np.pi / 4.0 * w * h
    return Region(
        xyxy_px=(float(x * shrink), float(y * shrink), float((x + w) * shrink), float((y + h) * shrink)),
        centre_xy_px=(cx * shrink, cy * shrink),
        area_px=float(area * shrink * shrink),
        touches_border=bool(touches),
        roughly_round=bool(0.8 <= w / h <= 1.25 and area >= 0.85 * disc),
    )
