"""What a mark is, and how it is laid onto a rail.

A mark is a change of reflectance, so it fits a picture of any exposure: the rail's pixels
are multiplied by `gain`. Where `cover` is 1 the steel's own grain is hidden first (grease,
paint, a patch cut from a picture) and the smooth level of the column is multiplied instead.
Neighbours: `marks_damage`, `marks_dirt`, `marks_joint` draw marks, `patches` cuts them from
pictures, `place` chooses where they go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from vision.rail_strip import RailHead
from vision.types import Float32Array

LABELS = ("defect", "dirt", "gap")
"""Labels of the rail model, in class order."""

Zone = Literal["head", "gauge", "across", "beyond"]
"""`head`: anywhere on it; `gauge`: at one of its edges; `across`: over its whole width;
`beyond`: across and past both edges (what cuts the rail through)."""

#: A change of reflectance smaller than this is none: the box ends there.
_FAINTEST = 0.03


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark as it would change clean steel, at the scale of its target.

    `gain`: (h, w) float32, 1 where nothing changes, and so at its border. `cover`: (h, w)
    float32 0..1. `label`: one of `LABELS`, or None: known to the truth, no object for the
    detector. `fine`: what it is. `source`: picture that a patch was cut from.
    """

    gain: Float32Array
    cover: Float32Array
    label: str | None
    fine: str
    zone: Zone = "head"
    origin: Literal["procedural", "patch"] = "procedural"
    source: str = ""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.gain.shape[0], self.gain.shape[1]

    def bounds_px(self) -> tuple[int, int, int, int] | None:
        """x1, y1, x2, y2 of what changes (behind the last pixel), None where nothing does."""
        return bounds_of(self.changed())

    def changed(self) -> np.ndarray:
        """(h, w) bool: pixels of the mark."""
        return np.asarray((np.abs(self.gain - 1.0) > _FAINTEST) | (self.cover > 0.1))

    def trimmed(self) -> Mark | None:
        """The mark cut to what changes, exactly 1 and 0 elsewhere; None where nothing is left."""
        box = self.bounds_px()
        if box is None:
            return None
        x1, y1, x2, y2 = box
        here = self.changed()[y1:y2, x1:x2]
        gain = np.where(here, self.gain[y1:y2, x1:x2], np.float32(1.0))
        cover = np.where(here, self.cover[y1:y2, x1:x2], np.float32(0.0))
        return replace(self, gain=gain, cover=cover)

    def turned(self, mirror: bool, flip: bool, angle_deg: float, zoom_yx: tuple[float, float]) -> Mark:
        """Mirrored left to right, flipped, turned by a few degrees and scaled, in this order."""
        gain, cover = self.gain - np.float32(1.0), self.cover
        if mirror:
            gain, cover = gain[:, ::-1], cover[:, ::-1]
        if flip:
            gain, cover = gain[::-1], cover[::-1]
        height, width = self.shape
        cos, sin = abs(np.cos(np.radians(angle_deg))), abs(np.sin(np.radians(angle_deg)))
        out_w = max(2, round((width * cos + height * sin) * zoom_yx[1]))
        out_h = max(2, round((width * sin + height * cos) * zoom_yx[0]))
        turn = np.asarray(cv2.getRotationMatrix2D((width / 2.0, height / 2.0), angle_deg, 1.0), np.float64)
        turn[0, 2] -= width / 2.0
        turn[1, 2] -= height / 2.0
        turn[0] *= zoom_yx[1]
        turn[1] *= zoom_yx[0]
        turn[0, 2] += out_w / 2.0
        turn[1, 2] += out_h / 2.0
        # Warping does not average: what shrinks a lot is blurred first, or a speckle would vanish by chance.
        sigma = (0.35 * max(0.0, 1.0 / zoom_yx[1] - 1.0), 0.35 * max(0.0, 1.0 / zoom_yx[0] - 1.0))
        parts = []
        for part in (gain, cover):
            smooth = np.ascontiguousarray(part)
            if max(sigma) > 0.1:
                smooth = cv2.GaussianBlur(
                    smooth, (0, 0), sigmaX=max(sigma[0], 0.1), sigmaY=max(sigma[1], 0.1)
                )
            parts.append(np.asarray(cv2.warpAffine(smooth, turn, (out_w, out_h)), np.float32))
        return replace(self, gain=parts[0] + np.float32(1.0), cover=np.clip(parts[1], 0.0, 1.0))


#: Draws a mark: pixels per millimetre, width of the head in pixels, source of every draw.
Drawer = Callable[[float, float, np.random.Generator], Mark]


def bounds_of(here: np.ndarray) -> tuple[int, int, int, int] | None:
    """x1, y1, x2, y2 of the true pixels (behind the last), None where there are none."""
    rows, columns = np.flatnonzero(here.any(axis=1)), np.flatnonzero(here.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def lay_on(grey: Float32Array, level: Float32Array, mark: Mark, left_px: int, top_px: int) -> None:
    """Change `grey` in place where the mark lies.

    Args:
        grey: (H, W) float32, the rail.
        level: (h, w) float32, its smooth level under the mark.
        mark: wholly inside `grey`.
        left_px, top_px: its first column and row.
    """
    height, width = mark.shape
    here = grey[top_px : top_px + height, left_px : left_px + width]
    here[:] = mark.gain * (here + mark.cover * (level - here))


def keep_on_head(mark: Mark, head: RailHead, left_px: int, top_px: int) -> Mark:
    """The mark with nothing off the head: no change in columns outside its edges, row by row."""
    if mark.zone == "beyond":
        return mark
    rows = top_px + np.arange(mark.shape[0], dtype=np.float64) + 0.5
    columns = left_px + np.arange(mark.shape[1], dtype=np.float64)
    edge = (head.left_px + head.slope * rows)[:, None]
    inside = (columns[None] >= edge) & (columns[None] + 1.0 <= edge + head.width_px)
    return replace(
        mark,
        gain=np.where(inside, mark.gain, np.float32(1.0)),
        cover=np.where(inside, mark.cover, np.float32(0.0)),
    )
