"""True sizes of a rendered ball and of what a view shows of its defect, in millimetres and pixels.

Everything comes from the mesh and the grooves' own lines, not from pixels. Neighbours: `forms.py`
(outline of a silhouette), `ball_samples.py` writes the figures beside each picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from datasets.synthetic.defects import WHOLE_PIECE
from datasets.synthetic.forms import silhouette_form
from datasets.synthetic.sphere import Ball, BoolArray, FloatArray, GrooveLine

Float64Array = npt.NDArray[np.float64]
_FACING = 0.12
"""Cosine to the camera from which a point of a groove counts as seen."""
_PROBES = 160
"""Directions in which a ball's calipers are set."""
_ACROSS = 15
"""Side of the square, pixels, over which a defect's surroundings are averaged."""


@dataclass(frozen=True, slots=True)
class GrooveTruth:
    """What a view shows of the ball's grooves.

    `width_px`: opening at right angles to the line in the picture, 90th percentile over what is
    seen; `length_px` seen length of the longest line; `width_mm` largest true opening;
    `length_mm` true length of what is seen of the longest line.
    """

    width_px: float
    length_px: float
    width_mm: float
    length_mm: float


def groove_truth(
    lines: list[GrooveLine], turn: Float64Array, nominal_px: float, nominal_mm: float
) -> GrooveTruth | None:
    """Truth of the grooves in one view; None when no part of them faces the camera.

    A strip of width w on a sphere, seen at an angle whose cosine is c, along a line whose unit
    tangent appears with length t, is w * c / t wide in the picture (area over length).
    """
    widths: list[Float64Array] = []
    longest = (0.0, 0.0)
    for line in lines:
        path = line.path.astype(np.float64)
        way = np.gradient(path, axis=0)
        step = np.linalg.norm(way, axis=1)
        facing = path @ turn[2]
        seen = facing > _FACING
        if not seen.any():
            continue
        shown = np.linalg.norm((way / step[:, None]) @ turn[:2].T, axis=1)
        opening = line.width_rad * facing / np.maximum(shown, 0.05)
        widths.append((np.minimum(opening, line.width_rad) * nominal_px / 2.0)[seen])
        seen_px = float((step * shown)[seen].sum() * nominal_px / 2.0)
        longest = max(longest, (seen_px, float(step[seen].sum() * nominal_mm / 2.0)))
    if not widths:
        return None
    return GrooveTruth(
        width_px=round(float(np.percentile(np.concatenate(widths), 90)), 3),
        length_px=round(longest[0], 2),
        width_mm=round(max(float(line.width_rad.max()) for line in lines) * nominal_mm / 2.0, 4),
        length_mm=round(longest[1], 3),
    )


def ball_figures(ball: Ball, nominal_mm: float) -> dict[str, float]:
    """Caliper diameters of the ball, mm: smallest and largest of many directions, and their mean."""
    along = ball.positions[::5] @ _probes().T
    widths = (along.max(axis=0) - along.min(axis=0)) / 2.0 * nominal_mm
    return {
        "nominal_mm": nominal_mm,
        "diameter_min_mm": round(float(widths.min()), 4),
        "diameter_max_mm": round(float(widths.max()), 4),
        "diameter_mean_mm": round(float(widths.mean()), 4),
    }


@lru_cache(maxsize=1)
def _probes() -> FloatArray:
    """(_PROBES, 3) unit vectors, even over half a sphere (Fibonacci's spiral)."""
    index = np.arange(_PROBES)
    height, turn = (index + 0.5) / _PROBES, index * (np.pi * (3.0 - np.sqrt(5.0)))
    ring = np.sqrt(1.0 - height**2)
    return np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=-1).astype(np.float32)


def view_figures(
    ball: Ball, label: str, turn: Float64Array, nominal_mm: float
) -> dict[str, str | float | bool | None]:
    """Form of this view's silhouette, mm; None where a piece is no ball or its outline is not round."""
    form = None if label in WHOLE_PIECE else silhouette_form(ball.positions, turn)
    if form is None:
        return {"view_diameter_mean_mm": None, "view_diameter_min_mm": None, "roundness_mm": None}
    return {
        "view_diameter_mean_mm": round(form.feret_mean_share * nominal_mm, 4),
        "view_diameter_min_mm": round(form.feret_min_share * nominal_mm, 4),
        "roundness_mm": round(form.ront_share * nominal_mm, 4),
    }


def contrast_grey(picture: FloatArray, mask: BoolArray, ball: BoolArray) -> float:
    """Mean difference between a defect's pixels and the ball around each of them, grey levels."""
    around = (ball & ~mask).astype(np.float32)
    weight = cv2.blur(around, (_ACROSS, _ACROSS))
    mean = cv2.blur(picture * around, (_ACROSS, _ACROSS)) / np.maximum(weight, 1e-6)
    known = mask & (weight > 0.02)
    return float(np.abs(picture - mean)[known].mean()) if known.any() else 0.0
