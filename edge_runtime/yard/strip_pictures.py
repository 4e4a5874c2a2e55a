"""Pictures of a map for people: strips cut to the head, an overview, one picture for each finding.

A strip of dark steel is drawn brighter, by one factor for the whole strip, and rows that nobody saw are
hatched, so that nobody takes black for rail. Neighbours: `map_folder` writes the files, `map_report_strip`
draws the rail for the report. Strips come from `vision.rail_map`, rows down, columns across.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from vision.errors import FerrogateError
from vision.rail_map.assemble import CameraStrip
from vision.rail_map.types import MapBox
from vision.types import UInt8Array

#: A strip darker than this is drawn brighter, up to this grey ...
_READABLE_GREY = 90.0
#: ... and by at most this factor.
_LARGEST_GAIN = 12.0
#: Shown on each side of the head, share of its width.
_BESIDE = 0.2
#: Rows looked at for a strip's brightness and for the head's way.
_SAMPLES = 2000
#: An overview: pixels of its lines, between them, and the grey of its ground.
_LINE_PX, _LINE_HEIGHT_PX, _LINE_GAP_PX, _GROUND = 2400, 88, 30, 255
#: The hatch of rows that nobody saw: pixels per stripe, and its two greys.
_STRIPE_PX, _HATCH = 12, (38, 72)
#: A finding's picture: shown around it (share of its sides, least), and its longer side, pixels.
_AROUND, _LEAST_AROUND_PX, _PICTURE_PX = 0.6, 24, 420

#: Colours of labels, bgr; others take the last one.
COLOURS = {"defect": (75, 73, 209), "dirt": (43, 130, 217), "gap": (190, 126, 47)}
OTHER_COLOUR = (181, 98, 133)


@dataclass(frozen=True, slots=True, eq=False)
class ShownStrip:
    """How one camera's strip is shown: columns `left_px` to `right_px` of it, `gain` times brighter."""

    strip: CameraStrip
    left_px: int
    right_px: int
    gain: float

    @property
    def rows(self) -> int:
        """Rows of the strip."""
        return int(self.strip.pixels.shape[0])

    @property
    def width_px(self) -> int:
        """Columns shown."""
        return self.right_px - self.left_px

    def part(self, first: int, last: int) -> UInt8Array:
        """Rows [first, last) as they are shown: (last - first, width_px), unseen rows hatched."""
        dark = np.flatnonzero(~self.strip.seen[first:last])
        if len(dark) == last - first:
            return self._hatch(dark + first)
        pixels = self.strip.pixels[first:last, self.left_px : self.right_px]
        shown = np.asarray(cv2.convertScaleAbs(np.ascontiguousarray(pixels), alpha=self.gain), np.uint8)
        if len(dark):
            shown[dark] = self._hatch(dark + first)
        return shown

    def narrowed(self, first: int, last: int) -> ShownStrip:
        """The same strip cut to where the head lies on rows [first, last): it wanders along the rail."""
        samples = np.unique(np.linspace(first, max(first, last - 1), _SAMPLES).astype(np.intp))
        left, right = _columns(self.strip, samples)
        return replace(self, left_px=left, right_px=right)

    def _hatch(self, rows: npt.NDArray[np.intp]) -> UInt8Array:
        """Slanted stripes for some rows of the strip: (len(rows), width_px)."""
        period = 2 * _STRIPE_PX
        place = np.arange(period)[:, None] + np.arange(self.width_px)[None]
        stripes = np.where(place // _STRIPE_PX % 2 == 1, _HATCH[1], _HATCH[0]).astype(np.uint8)
        return stripes[rows % period]

    def lying(self, first: int, last: int, width: int, height: int) -> UInt8Array:
        """Rows [first, last) as a picture (height, width) of a rail that runs from left to right.

        It is turned, not mirrored: strip column `left_px` lies at the bottom.
        """
        out = np.empty((height, width), np.uint8)
        # Piece by piece: a whole rail at full size would be taken into memory at once.
        edges = np.linspace(first, last, width + 1)
        step = max(1, round(4096 * width / max(1, last - first)))
        for column in range(0, width, step):
            to = min(width, column + step)
            rows = slice(int(edges[column]), max(int(edges[column]) + 1, int(np.ceil(edges[to]))))
            piece = self.part(rows.start, min(rows.stop, last))
            small = cv2.resize(piece, (height, to - column), interpolation=cv2.INTER_AREA)
            out[:, column:to] = np.rot90(np.asarray(small, np.uint8))
        return out


def shown(strip: CameraStrip) -> ShownStrip:
    """Choose the columns and the brightness in which a strip is shown."""
    rows = strip.pixels.shape[0]
    samples = np.unique(np.linspace(0, max(0, rows - 1), min(rows, _SAMPLES)).astype(np.intp))
    left, right = _columns(strip, samples)
    lit = samples[strip.seen[samples]]
    grey = _level(strip, lit, left, right)
    return ShownStrip(strip, left, right, min(_LARGEST_GAIN, max(1.0, _READABLE_GREY / max(grey, 1.0))))


def _columns(strip: CameraStrip, rows: npt.NDArray[np.intp]) -> tuple[int, int]:
    """Columns [left, right) that hold the whole head on some rows, and some of what lies beside it."""
    width = int(strip.pixels.shape[1])
    if strip.head is None:
        return 0, width
    # Where nobody saw it the head's way is but drawn through.
    lit = rows[strip.seen[rows]]
    rows = lit if len(lit) else rows
    start = strip.head.start_px(rows.astype(np.float64))
    wide = strip.head.width_px(rows.astype(np.float64))
    beside = _BESIDE * float(np.median(wide))
    left = max(0, int(np.floor(start.min() - beside)))
    right = min(width, int(np.ceil((start + wide).max() + beside)))
    return (left, right) if right - left >= 1 else (0, width)


def overview_picture(strip: ShownStrip, step: int, place: Callable[[int], str]) -> UInt8Array:
    """A whole rail, line under line from left to right, each cut to where the head lies on it.

    Args:
        strip: of one camera.
        step: rows of a line.
        place: what is written at a line's beginning, of the row it begins with; ASCII.

    Returns:
        (height, width) mono8 on white; the last line is as long as the rows that it has.
    """
    firsts = range(0, max(1, strip.rows), step)
    height = len(firsts) * (_LINE_HEIGHT_PX + _LINE_GAP_PX)
    canvas = np.full((height, _LINE_PX), _GROUND, np.uint8)
    for number, first in enumerate(firsts):
        last = min(first + step, strip.rows)
        top = number * (_LINE_HEIGHT_PX + _LINE_GAP_PX) + _LINE_GAP_PX
        width = max(1, round((last - first) * _LINE_PX / step))
        line = strip.narrowed(first, last).lying(first, last, width, _LINE_HEIGHT_PX)
        canvas[top : top + _LINE_HEIGHT_PX, :width] = line
        text = (place(first), (0, top - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 60, 1, cv2.LINE_AA)
        cv2.putText(canvas, *text)
    return canvas


def _level(strip: CameraStrip, rows: npt.NDArray[np.intp], left: int, right: int) -> float:
    """Middle grey of the rail on some rows of a strip; as bright as need be where none was seen."""
    if not len(rows):
        return _READABLE_GREY
    if strip.head is None:
        return float(np.median(strip.pixels[rows, left:right]))
    start, wide = (of(rows.astype(np.float64))[:, None] for of in (strip.head.start_px, strip.head.width_px))
    columns = np.clip(start + wide * np.linspace(0.2, 0.8, 9)[None], 0, right - 1)
    return float(np.median(strip.pixels[rows[:, None], columns.astype(np.intp)]))


def finding_picture(strip: ShownStrip, box: MapBox, label: str) -> UInt8Array:
    """What a camera saw of a finding, with its surroundings and an outline: (h, w, 3) bgr8, rail upright."""
    x1, y1, x2, y2 = box.xyxy_px
    across = max(_LEAST_AROUND_PX, _AROUND * (x2 - x1))
    along = max(_LEAST_AROUND_PX, _AROUND * (y2 - y1))
    top, bottom = max(0, int(y1 - along)), min(strip.rows, int(np.ceil(y2 + along)))
    left = max(0, int(x1 - across) - strip.left_px)
    right = min(strip.width_px, int(np.ceil(x2 + across)) - strip.left_px)
    if bottom - top < 1 or right - left < 1:  # beside what is shown: the whole width, one row at least
        top, bottom = min(top, strip.rows - 1), max(bottom, min(top, strip.rows - 1) + 1)
        left, right = 0, strip.width_px
    part = strip.part(top, bottom)[:, left:right]
    zoom = min(_PICTURE_PX / max(part.shape), 4.0)
    size = (max(1, round(part.shape[1] * zoom)), max(1, round(part.shape[0] * zoom)))
    how = cv2.INTER_AREA if zoom < 1.0 else cv2.INTER_CUBIC
    canvas = cv2.cvtColor(cv2.resize(part, size, interpolation=how), cv2.COLOR_GRAY2BGR)
    first = (round((x1 - strip.left_px - left) * zoom), round((y1 - top) * zoom))
    last = (round((x2 - strip.left_px - left) * zoom), round((y2 - top) * zoom))
    cv2.rectangle(canvas, first, last, COLOURS.get(label, OTHER_COLOUR), 2)
    return np.asarray(canvas, np.uint8)


def packed(image: UInt8Array, suffix: str, where: str) -> bytes:
    """A picture as the bytes of a PNG or JPEG file.

    Raises:
        FerrogateError: OpenCV cannot pack it.
    """
    # Level 1: noise packs hardly better at more, which takes four times as long.
    how = [cv2.IMWRITE_PNG_COMPRESSION, 1] if suffix == ".png" else [cv2.IMWRITE_JPEG_QUALITY, 85]
    done, data = cv2.imencode(suffix, image, how)
    if not done:
        raise FerrogateError(
            f"a picture of {image.shape[1]}x{image.shape[0]} pixels cannot be packed",
            where=where,
            todo="report this scan",
        )
    return bytes(data)
