"""Drawing a measured silhouette on its picture, for people.

Neighbour: `ferrogate measure --overlays`. Only draws: every figure comes from `vision.metrology`.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from vision.metrology.sized import Silhouette
from vision.metrology.types import Float64Array
from vision.types import UInt8Array

_OUTLINE, _UNSEEN, _ZONE = (60, 200, 60), (50, 50, 235), (235, 160, 40)
_LARGEST, _SMALLEST, _TEXT = (0, 170, 255), (255, 90, 255), (235, 235, 235)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
#: Small pictures are enlarged by a whole factor until their shorter side has about this many pixels.
_SIDE_PX = 900
#: Fixed-point fraction of OpenCV's drawing coordinates.
_SHIFT = 4
_LINE_PX = 24
_TEXT_WIDTH_PX = 760

Colour = tuple[int, int, int]


def draw_measured(image: np.ndarray, silhouette: Silhouette, lines: Sequence[str]) -> UInt8Array:
    """Outline, minimum-zone circles, largest and smallest width, and lines of text below.

    Args:
        image: (H, W) uint8, the picture that was measured.
        silhouette: what was found in it.
        lines: figures with their units.

    Returns:
        (H', W', 3) bgr8.
    """
    canvas, zoom = _enlarged(image)
    outline, form, widths = silhouette.outline, silhouette.form, silhouette.widths
    origin = np.asarray(outline.centre_xy_px)
    centre = origin + np.asarray(form.mzci.centre_xy)
    for radius in (form.mzci.radius + form.mzci.ronp, form.mzci.radius - form.mzci.ronv):
        _circle(canvas, centre, radius, zoom, _ZONE)
    points = outline.points_xy_px()
    for start, seen in enumerate(outline.seen):
        ends = points[[start, (start + 1) % len(points)]]
        _line(canvas, ends, zoom, _OUTLINE if seen else _UNSEEN, 1 if seen else 4)
    step_rad = np.pi / len(widths.width)
    for index, colour in (
        (int(np.nanargmax(widths.width)), _LARGEST),
        (int(np.nanargmin(widths.width)), _SMALLEST),
    ):
        _jaws(canvas, points, index * step_rad, zoom, colour)
    key = [
        ("outline", _OUTLINE),
        ("not seen", _UNSEEN),
        ("minimum zone", _ZONE),
        ("largest width", _LARGEST),
        ("smallest width", _SMALLEST),
    ]
    return _with_text(canvas, lines, key)


def draw_refused(image: np.ndarray, lines: Sequence[str]) -> UInt8Array:
    """The picture, brought to 8 bits where it has more, with the reason below."""
    shown = image
    if shown.dtype != np.uint8:
        low, high = float(shown.min()), float(shown.max())
        shown = ((shown - low) * (255.0 / max(high - low, 1e-9))).astype(np.uint8)
    if shown.ndim == 3:
        shown = shown[..., 0] if shown.shape[2] < 3 else shown[..., :3]
    return _with_text(_enlarged(shown)[0], lines, [])


def _enlarged(image: np.ndarray) -> tuple[UInt8Array, int]:
    zoom = max(1, round(_SIDE_PX / min(image.shape[:2])))
    large = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_NEAREST)
    if large.ndim == 2:
        large = cv2.cvtColor(large, cv2.COLOR_GRAY2BGR)
    return np.ascontiguousarray(large, np.uint8), zoom


def _fixed(xy_px: Float64Array, zoom: int) -> tuple[int, int]:
    """OpenCV puts whole numbers in the middle of pixels, the measurement in their corners."""
    x, y = np.rint((xy_px * zoom - 0.5) * (1 << _SHIFT)).astype(int).tolist()
    return x, y


def _line(canvas: UInt8Array, ends_xy_px: Float64Array, zoom: int, colour: Colour, thick_px: int) -> None:
    start, end = _fixed(ends_xy_px[0], zoom), _fixed(ends_xy_px[1], zoom)
    cv2.line(canvas, start, end, colour, thick_px, cv2.LINE_AA, _SHIFT)


def _circle(
    canvas: UInt8Array, centre_xy_px: Float64Array, radius_px: float, zoom: int, colour: Colour
) -> None:
    radius = round(radius_px * zoom * (1 << _SHIFT))
    cv2.circle(canvas, _fixed(centre_xy_px, zoom), radius, colour, 1, cv2.LINE_AA, _SHIFT)


def _jaws(canvas: UInt8Array, points: Float64Array, angle_rad: float, zoom: int, colour: Colour) -> None:
    """Line between the two points that bound a width, and the jaws at both ends."""
    along = np.array([np.cos(angle_rad), np.sin(angle_rad)])
    across = np.array([-along[1], along[0]])
    reach = points @ along
    ends = points[[int(reach.argmin()), int(reach.argmax())]]
    middle = ends.mean(axis=0)
    half = np.ptp(reach) / 2.0
    for end in (middle - half * along, middle + half * along):
        jaw = np.stack([end - 0.25 * half * across, end + 0.25 * half * across])
        _line(canvas, jaw, zoom, colour, 2)
    _line(canvas, np.stack([middle - half * along, middle + half * along]), zoom, colour, 1)


def _with_text(canvas: UInt8Array, lines: Sequence[str], key: Sequence[tuple[str, Colour]]) -> UInt8Array:
    width = max(canvas.shape[1], _TEXT_WIDTH_PX)
    canvas = np.asarray(
        cv2.copyMakeBorder(canvas, 0, 0, 0, width - canvas.shape[1], cv2.BORDER_CONSTANT), np.uint8
    )
    strip = np.zeros((_LINE_PX * (len(lines) + bool(key)) + _LINE_PX // 2, width, 3), np.uint8)
    for number, line in enumerate(lines):
        cv2.putText(strip, line, (8, _LINE_PX * (number + 1)), _FONT, 0.5, _TEXT, 1, cv2.LINE_AA)
    x = 8
    for text, colour in key:
        cv2.putText(strip, text, (x, _LINE_PX * (len(lines) + 1)), _FONT, 0.5, colour, 1, cv2.LINE_AA)
        x += 9 * len(text) + 24
    return np.asarray(np.vstack([canvas, strip]), np.uint8)
