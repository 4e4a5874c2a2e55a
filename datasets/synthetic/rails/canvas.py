"""One rail being drawn on: grey in float, where its head lies, what is taken, what was laid.

Neighbours: `compose` uses it on pictures of real rails, `strips` and `rail` on drawn ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from datasets.records import BoxRecord
from datasets.synthetic.rails.mark import Mark, bounds_of, keep_on_head, lay_on
from vision.rail_strip import RailHead
from vision.types import Float32Array, UInt8Array

Box = tuple[int, int, int, int]

HEAD_MM = 72.0
"""Width of a rail head that sizes in millimetres are taken from, where the true one is not known."""
#: Width of a head in the detector's tiles: what is smaller there than `_LEAST_TILE_PX` nobody can see.
_TILE_HEAD_PX = 160.0
_LEAST_TILE_PX = 5.0
#: A mark must change the head's pixels by this share of their level on average ...
_LEAST_CONTRAST = 0.06
#: ... and nine in ten of it must lie on the head.
_LEAST_LEFT = 0.7
_TRIES = 30


@dataclass(frozen=True, slots=True)
class Laid:
    """A mark that was laid: its box in the picture, how much of it is the mark, and how clear it is."""

    mark: Mark
    xyxy_px: Box
    area_px: int
    contrast: float
    centre_share: float
    """Where its middle lies across the head: 0 left edge, 1 right edge."""


@dataclass(slots=True)
class RailCanvas:
    """`grey` (H, W) float32 0..255, changed in place; `taken`: boxes that no mark may touch."""

    grey: Float32Array
    head: RailHead
    taken: list[Box] = field(default_factory=list)
    laid: list[Laid] = field(default_factory=list)
    spacing_px: int = 8

    @property
    def px_per_mm(self) -> float:
        """Pixels per millimetre of a head of `HEAD_MM`."""
        return self.head.width_px / HEAD_MM

    def pixels(self) -> UInt8Array:
        """The picture as it is now."""
        return np.asarray(np.clip(np.rint(self.grey), 0.0, 255.0), np.uint8)

    def try_lay(self, mark: Mark, rng: np.random.Generator) -> Laid | None:
        """Lay a mark where its zone allows and nothing is; None where no free place was found."""
        for _ in range(_TRIES):
            spot = self._spot(mark, rng)
            if spot is None:
                return None
            done = self.lay_at(mark, *spot)
            if done is not None:
                return done
        return None

    def lay_at(self, mark: Mark, left_px: int, top_px: int) -> Laid | None:
        """Lay a mark with its corner at a place; None, and nothing changed, where that does not do.

        It does not where the mark touches what is taken, leaves the picture or mostly the head,
        or would hardly be seen.
        """
        height, width = self.grey.shape
        cut = _cut_to(mark, left_px, top_px, width)
        if cut is None:
            return None
        mark, left_px = cut
        if top_px < 0 or top_px + mark.shape[0] > height:
            return None
        whole = int(mark.changed().sum())
        kept = keep_on_head(mark, self.head, left_px, top_px)
        box = kept.bounds_px()
        trimmed = kept.trimmed()
        if box is None or trimmed is None or kept.changed().sum() < _LEAST_LEFT * whole:
            return None
        left_px, top_px = left_px + box[0], top_px + box[1]
        place = (left_px, top_px, left_px + trimmed.shape[1], top_px + trimmed.shape[0])
        if self._is_taken(place) or max(trimmed.shape) * _TILE_HEAD_PX < _LEAST_TILE_PX * self.head.width_px:
            return None
        return self._paint(trimmed, place)

    def _paint(self, mark: Mark, place: Box) -> Laid | None:
        left, top, right, bottom = place
        before = self.grey[top:bottom, left:right].copy()
        lay_on(self.grey, self._level(place), mark, left, top)
        after = self.grey[top:bottom, left:right]
        np.clip(np.rint(after), 0.0, 255.0, out=after)
        # Dark pictures have few greys: only what is another grey now has changed.
        changed = after != before
        box = bounds_of(changed)
        core = np.abs(mark.gain - 1.0) > 0.08
        level = max(self.head.grey, 1.0)
        contrast = float(np.abs(after - before)[core].mean()) / level if core.any() else 0.0
        if box is None or contrast < _LEAST_CONTRAST:
            after[:] = before
            return None
        area = int(changed.sum())
        exact = (left + box[0], top + box[1], left + box[2], top + box[3])
        middle = (exact[0] + exact[2]) / 2.0
        start = self.head.left_px + self.head.slope * (exact[1] + exact[3]) / 2.0
        share = (middle - start) / self.head.width_px
        laid = Laid(mark, exact, area, contrast, share)
        self.taken.append(exact)
        self.laid.append(laid)
        return laid

    def _level(self, place: Box) -> Float32Array:
        """Smooth level (h, w) under a place: each column's median near it."""
        left, top, right, bottom = place
        reach = max(24, (bottom - top) // 2)
        rows = self.grey[max(0, top - reach) : bottom + reach, left:right]
        step = max(1, rows.shape[0] // 160)
        columns = np.median(rows[::step], axis=0)[None].astype(np.float32)
        smooth = np.asarray(cv2.blur(columns, (5, 1)), np.float32)
        return np.repeat(smooth, bottom - top, axis=0)

    def _is_taken(self, place: Box) -> bool:
        gap = self.spacing_px
        return any(
            place[0] < box[2] + gap
            and place[2] > box[0] - gap
            and place[1] < box[3] + gap
            and place[3] > box[1] - gap
            for box in self.taken
        )

    def _spot(self, mark: Mark, rng: np.random.Generator) -> tuple[int, int] | None:
        height, width = mark.shape
        free = self.grey.shape[0] - height
        if free < 0:
            return None
        top = int(rng.integers(0, free + 1))
        start = self.head.left_px + self.head.slope * (top + height / 2.0)
        across = self.head.width_px
        if mark.zone in ("across", "beyond"):
            return round(start + (across - width) / 2.0), top
        slack = across - width
        if mark.zone == "gauge":
            inset = rng.uniform(0.0, 0.08) * across
            return round(start + inset if rng.random() < 0.5 else start + slack - inset), top
        return round(start + (rng.uniform(0.02, 0.98) * slack if slack > 0 else slack / 2.0)), top


def _cut_to(mark: Mark, left_px: int, top_px: int, width_px: int) -> tuple[Mark, int] | None:
    """The mark cut at the sides of a picture, and its new first column."""
    first, last = max(0, -left_px), min(mark.shape[1], width_px - left_px)
    if last - first < 2:
        return None
    if first == 0 and last == mark.shape[1]:
        return mark, left_px
    cut = Mark(
        mark.gain[:, first:last],
        mark.cover[:, first:last],
        mark.label,
        mark.fine,
        mark.zone,
        mark.origin,
        mark.source,
    )
    return cut, left_px + first


def box_record(laid: Laid, mm_per_px: float | None = None) -> BoxRecord | None:
    """The record of a laid mark; None for what is no object of the detector."""
    if laid.mark.label is None:
        return None
    x1, y1, x2, y2 = laid.xyxy_px
    return BoxRecord(
        label=laid.mark.label,
        xyxy_px=(float(x1), float(y1), float(x2), float(y2)),
        area_px=laid.area_px,
        fine=laid.mark.fine,
        origin=laid.mark.origin,
        width_mm=None if mm_per_px is None else round((x2 - x1) * mm_per_px, 3),
        length_mm=None if mm_per_px is None else round((y2 - y1) * mm_per_px, 3),
        attributes={"source": laid.mark.source} if laid.mark.source else {},
    )
