"""Drawing what was found on a picture, for people.

Neighbours: `ferrogate inspect --overlays`, and whoever shows pictures of parts. Only draws:
what is found, and what it means, is decided in `vision`.
"""

from __future__ import annotations

import cv2
import numpy as np

from vision.types import BallOutline, Decision, Detections, UInt8Array, ViewFindings

_GREEN, _AMBER, _RED, BLUE = (60, 180, 60), (0, 170, 255), (50, 50, 230), (220, 140, 40)
_DECISION_COLOURS = {Decision.ACCEPT: _GREEN, Decision.REVIEW: _AMBER, Decision.REJECT: _RED}
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_overlay(
    image: UInt8Array,
    detections: Detections,
    findings: ViewFindings,
    decision: Decision,
    reasons: tuple[str, ...] = (),
) -> UInt8Array:
    """Draw boxes, the ball's measured circle with its figures and the verdict on a copy of a picture.

    Args:
        image: (H, W) mono8 or (H, W, 3) bgr8.
        detections: boxes in pixels of `image`.
        findings: of the same picture: the circle of the mean width, and sizes in mm where it has them.
        decision: colours the frame.
        reasons: words for the line under the verdict.

    Returns:
        (H + text height, W, 3) bgr8: the text stands below the picture, so that it hides nothing of it.
    """
    canvas = canvas_of(image)
    scale = scale_of(canvas)
    if findings.outline is not None:
        _circle(canvas, findings.outline)
    boxes_on(canvas, detections, scale)
    return with_words(canvas, decision, reasons, _sizes_text(findings), scale)


def canvas_of(image: UInt8Array) -> UInt8Array:
    """A bgr8 copy of a picture, (H, W, 3), to draw on."""
    colour = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image.copy()
    return np.asarray(colour, np.uint8)


def scale_of(canvas: UInt8Array) -> float:
    """Size of strokes and letters for a picture of this size."""
    height, width = canvas.shape[:2]
    return float(min(1.2, max(0.35, min(height, width) / 700.0)))


def boxes_on(canvas: UInt8Array, detections: Detections, scale: float) -> None:
    """Draw boxes with label and score."""
    for index in range(len(detections)):
        box = tuple(float(value) for value in detections.xyxy_px[index])
        _box(canvas, (box[0], box[1], box[2], box[3]), _RED, max(1, round(scale * 2)))
        text = f"{detections.label(index)} {float(detections.score[index]):.2f}"
        _text(canvas, text, (round(box[0]), max(round(14 * scale), round(box[1]) - 3)), scale, _RED)


def with_words(
    canvas: UInt8Array, decision: Decision, reasons: tuple[str, ...], more: str, scale: float
) -> UInt8Array:
    """Frame the picture in the verdict's colour and put verdict, reasons and a line `more` below it."""
    height, width = canvas.shape[:2]
    colour = _DECISION_COLOURS[decision]
    cv2.rectangle(canvas, (0, 0), (width - 1, height - 1), colour, max(1, round(scale * 2)))
    lines = [(f"{decision.name.lower()} {', '.join(reasons)}".strip(), colour)]
    if more:
        lines.append((more, BLUE))
    height_px = max(14, round(34 * scale))
    strip = np.zeros((height_px * len(lines), width, 3), np.uint8)
    for number, (words, paint) in enumerate(lines, start=1):
        _text(strip, words, (4, height_px * number - max(4, round(10 * scale))), scale, paint)
    return np.asarray(np.vstack([canvas, strip]), np.uint8)


def _sizes_text(findings: ViewFindings) -> str:
    """Widths and roundness in mm; '' where nothing was measured in mm."""
    low, high, u = findings.diameter_min_mm, findings.diameter_max_mm, findings.u_diameter_mm
    if low is None or high is None or u is None or findings.roundness_mm is None:
        return ""
    return f"{low:.2f}..{high:.2f} mm, u {u:.3f}, RONt {findings.roundness_mm:.3f}"


def _circle(canvas: UInt8Array, outline: BallOutline) -> None:
    """The circle of the mean width, at a sixteenth of a pixel; pixel middles lie at halves here."""
    x, y = outline.centre_xy_px
    at = (round((x - 0.5) * 16), round((y - 0.5) * 16))
    cv2.circle(canvas, at, round(outline.diameter_mean_px * 8), BLUE, 1, cv2.LINE_AA, 4)


def _box(
    canvas: UInt8Array, xyxy_px: tuple[float, float, float, float], colour: tuple[int, int, int], line_px: int
) -> None:
    x0, y0, x1, y1 = (round(value) for value in xyxy_px)
    cv2.rectangle(canvas, (x0, y0), (max(x0, x1 - 1), max(y0, y1 - 1)), colour, line_px)


def _text(
    canvas: UInt8Array, text: str, at_xy_px: tuple[int, int], scale: float, colour: tuple[int, int, int]
) -> None:
    """Text that is legible on any ground: black below, coloured above."""
    cv2.putText(canvas, text, at_xy_px, _FONT, scale, (0, 0, 0), max(2, round(scale * 4)), cv2.LINE_AA)
    cv2.putText(canvas, text, at_xy_px, _FONT, scale, colour, max(1, round(scale * 1.5)), cv2.LINE_AA)
