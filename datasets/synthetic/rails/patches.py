"""Real marks cut from labelled frames, as reflectance over the steel round them.

A patch is divided by its columns' level above and below the box, so that it fits a rail of
any exposure; its mask follows what differs from that level, and hides the target's own grain there.
Neighbours: `mark` says what a mark is, `compose` and `strips` lay patches on.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from datasets.records import BoxRecord, SampleRecord
from datasets.synthetic.rails.mark import Mark
from datasets.synthetic.rails.noise import soft_step
from vision.rail_strip import RailHead
from vision.types import Float32Array, UInt8Array

#: Rows above and below a box that tell the level of its columns, and the fewest that do.
_REACH_PX, _FEWEST_ROWS = 140, 24
#: Greys on a head darker than this are too few to make reflectance of.
_DARKEST_HEAD = 6.0
_LEAST_SIDE_PX = 10
_LONGEST_HEADS = 2.5
"""A patch longer than so many widths of the head is left out: hardly any stretch is free for it."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A real mark and the width of the head that it was on, pixels."""

    mark: Mark
    head_px: float


def cut_patches(grey: UInt8Array, head: RailHead, sample: SampleRecord) -> list[Patch]:
    """All marks of a frame that make a usable patch: on the head, steel above or below, of clear contrast.

    Args:
        grey: (H, W) uint8, the frame.
        head: where its head lies.
        sample: its record.
    """
    if not head.found or head.grey < _DARKEST_HEAD:
        return []
    usable = [box for box in sample.boxes if box.origin == "real" and box.label in ("defect", "dirt")]
    marks = [_cut(grey.astype(np.float32), head, sample, box) for box in usable]
    return [Patch(mark, head.width_px) for mark in marks if mark is not None]


def _cut(grey: Float32Array, head: RailHead, sample: SampleRecord, box: BoxRecord) -> Mark | None:
    height, width = grey.shape
    x1, y1, x2, y2 = (round(value) for value in box.xyxy_px)
    start = head.left_px + head.slope * (y1 + y2) / 2.0
    inset = 0.04 * head.width_px
    left, right = max(0, x1, round(start + inset)), min(width, x2, round(start + head.width_px - inset))
    top, bottom = max(0, y1), min(height, y2)
    long = bottom - top > _LONGEST_HEADS * head.width_px
    if min(right - left, bottom - top) < _LEAST_SIDE_PX or right - left < 0.7 * (x2 - x1) or long:
        return None
    level = _level(grey, sample, box, left, right, top, bottom)
    if level is None:
        return None
    # Where the light hardly reaches, a grey more or less is no reflectance.
    level = np.maximum(level, 0.3 * head.grey)
    gain = np.clip(grey[top:bottom, left:right] / level, 0.02, 2.5)
    cover = _mask(np.asarray(gain, np.float32), head.width_px)
    if float(cover.max(initial=0.0)) < 0.5:
        return None
    gain = 1.0 + (gain - 1.0) * cover
    fine = box.fine or box.label
    mark = Mark(
        np.asarray(gain, np.float32), cover, box.label, fine, origin="patch", source=sample.file
    ).trimmed()
    return mark if mark is not None and min(mark.shape) >= _LEAST_SIDE_PX else None


def _level(
    grey: Float32Array, sample: SampleRecord, box: BoxRecord, left: int, right: int, top: int, bottom: int
) -> Float32Array | None:
    """Level (1, w) of the columns near a box, from rows in no box; None where there are too few."""
    rows = np.r_[max(0, top - _REACH_PX) : top, bottom : min(grey.shape[0], bottom + _REACH_PX)]
    free = np.ones(len(rows), bool)
    for other in sample.boxes:
        ox1, oy1, ox2, oy2 = other.xyxy_px
        if other is not box and ox1 < right and ox2 > left:
            free &= (rows < oy1) | (rows >= oy2)
    if free.sum() < _FEWEST_ROWS:
        return None
    columns = grey[rows[free], left:right].mean(axis=0)[None].astype(np.float32)
    return np.asarray(cv2.blur(columns, (9, 1)), np.float32)


def _mask(gain: Float32Array, head_px: float) -> Float32Array:
    """Where a patch differs from clean steel, 0..1, soft, 0 at the box's border."""
    height, width = gain.shape
    grain = max(1.0, head_px / 160.0)
    smooth = cv2.GaussianBlur(gain, (0, 0), 1.5 * grain, borderType=cv2.BORDER_REFLECT)
    away = np.abs(np.log(np.maximum(smooth, 0.05)))
    strong = soft_step(np.asarray(away, np.float32), 0.1, 0.3)
    side = 2 * round(1.5 * grain) + 1
    mask = cv2.dilate(strong, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    mask = cv2.GaussianBlur(mask, (0, 0), 1.5 * grain)
    # A soft frame: the box's border must not show as a straight edge.
    y = np.minimum(np.arange(height), np.arange(height)[::-1])[:, None] / max(3.0, 0.12 * height)
    x = np.minimum(np.arange(width), np.arange(width)[::-1])[None] / max(3.0, 0.12 * width)
    frame = soft_step(np.minimum(y, x).astype(np.float32), 0.0, 1.0)
    return np.asarray(np.clip(mask, 0.0, 1.0) * frame, np.float32)


def fit_patch(patch: Patch, head_px: float, rng: np.random.Generator) -> Mark | None:
    """A patch at the scale of another head, mirrored, flipped, turned and stretched a little."""
    zoom = head_px / patch.head_px * float(np.exp(rng.normal(0.0, 0.22)))
    stretch = float(np.exp(rng.normal(0.0, 0.1)))
    angle = float(rng.normal(0.0, 4.0))
    mirror, flip = bool(rng.random() < 0.5), bool(rng.random() < 0.5)
    return patch.mark.turned(mirror, flip, angle, (zoom * stretch, zoom / stretch)).trimmed()
