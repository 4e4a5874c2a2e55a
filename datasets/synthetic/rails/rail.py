"""A whole rail, drawn by formulas from end to end, with every mark's place known in millimetres.

The head is drawn straight and in one piece; a frame shifts its rows sideways as the rail wandered,
and puts background, light and noise of the sensor to it. Nothing here comes from a real picture, so
tests and demonstrations may use it. Neighbours: `steel` and `catalogue` draw, `rail_set` writes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from datasets.synthetic.rails.canvas import Box, Laid, RailCanvas
from datasets.synthetic.rails.catalogue import SHARES, draw_mark
from datasets.synthetic.rails.noise import fractal, smooth_noise, soft_step
from datasets.synthetic.rails.rail_settings import RailSettings
from datasets.synthetic.rails.steel import SteelStyle, draw_steel
from vision.rail_strip import RailHead
from vision.types import Float32Array, UInt8Array

#: The head is drawn at this grey; exposure is put to it frame by frame.
_WORK_GREY = 120.0
#: Columns drawn beside the head, over its width: a gap goes on there.
_FLANK = 0.2
#: Grey of the flank beside the head, over the head's.
_FLANK_LEVEL = 0.12
_SLEEPER_MM, _SLEEPER_PITCH_MM = 250.0, 545.0
#: What goes through the rail, and any other mark, keeps this far from the rail's ends.
_THROUGH_FROM_END_MM, _FROM_END_MM = 400.0, 20.0
#: What of a rail's end belongs to its box: see `WholeRail.ends_px`.
_END_BEYOND_MM, _END_ON_RAIL_MM = 11.0, 4.0
#: From side to side of its wandering the rail takes about this long.
_WANDER_MM = 3000.0
#: Steel is drawn in pieces of so many rows that overlap, to keep memory small.
_PIECE_ROWS, _SEAM_ROWS = 8192, 512


@dataclass(frozen=True, slots=True)
class RailView:
    """One frame's rows: `first_row` counted through all frames, `rows` of them."""

    number: int
    first_row: int
    rows: int


@dataclass(frozen=True, slots=True)
class WholeRail:
    """A drawn rail; `frame` gives its pictures.

    `straight`: (rail rows, head and flanks) uint8, the rail without background and light.
    `laid`: marks, boxes in pixels of `straight`. `offset_px`: (rows of all frames,) float32,
    where column 0 of `straight` lies in a frame. `light`: (rows,) float32, exposure row by row.
    """

    settings: RailSettings
    seed: int
    number: int
    straight: UInt8Array
    flank_px: int
    laid: tuple[Laid, ...]
    offset_px: Float32Array
    light: Float32Array
    tilt: float
    background: float
    noise: tuple[float, float]

    def views(self) -> Iterator[RailView]:
        """The frames in order; the last one has as many rows as are left."""
        step = self.settings.frame_rows
        for number in range(math.ceil(self.settings.rows / step)):
            first = number * step
            yield RailView(number, first, min(step, self.settings.rows - first))

    def encoder_count(self, view: RailView) -> int:
        """Count of the frame's first row, 0..65535."""
        way_mm = view.first_row * self.settings.mm_per_px
        return round(way_mm * self.settings.counts_per_mm) % 2**16

    def frame(self, view: RailView) -> UInt8Array:
        """The picture (rows, frame_width_px) uint8 of one frame."""
        rng = np.random.default_rng((self.seed, 4, self.number, view.number))
        width = self.settings.frame_width_px
        rows = np.arange(view.first_row, view.first_row + view.rows)
        on_rail = rows - self.settings.start_row
        x = np.arange(width, dtype=np.float32)[None] - self.offset_px[rows][:, None]
        y = np.repeat((on_rail - max(0, on_rail[0])).astype(np.float32)[:, None], width, axis=1)
        first, last = max(0, int(on_rail[0])), min(self.settings.rail_rows, int(on_rail[-1]) + 1)
        piece = self.straight[first:last].astype(np.float32)
        back = self._background((view.rows, width), view.first_row, rng)
        if len(piece):
            # The way of `remap`'s rows: those before and behind the rail find nothing.
            rail = cv2.remap(piece, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0.0)
            there = cv2.remap(
                np.ones_like(piece), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0.0
            )
            back = rail + (1.0 - there) * back
        tilt = 1.0 + self.tilt * (np.arange(width, dtype=np.float32) / width - 0.5)
        seen = back * tilt[None] * self.light[rows][:, None]
        read, shot = self.noise
        noise = read + shot * np.sqrt(np.maximum(seen, 0.0))
        seen = seen + noise * rng.standard_normal(seen.shape, dtype=np.float32)
        return np.asarray(np.clip(np.rint(seen), 0.0, 255.0), np.uint8)

    def ends_px(self) -> tuple[Box, ...]:
        """Boxes, in pixels of `straight`, of the rail's ends; none where frames show nothing beyond them.

        An end is half a joint: the box reaches as far into the dark as half of the widest gap that is
        drawn, and as far onto the rail as an edge is battered at least.
        """
        if self.settings.beyond_mm < _END_BEYOND_MM:
            return ()
        scale, rows = self.settings.mm_per_px, self.settings.rail_rows
        beyond, on_rail = round(_END_BEYOND_MM / scale), round(_END_ON_RAIL_MM / scale)
        left, right = self.flank_px, self.flank_px + self.settings.head_px
        return (left, -beyond, right, on_rail), (left, rows - on_rail, right, rows + beyond)

    def box_in_frame(self, box: Box, view: RailView) -> tuple[float, float, float, float] | None:
        """A box of `straight` in a frame's pixels, cut at its border; None where it does not reach it."""
        x1, y1, x2, y2 = box
        start = self.settings.start_row - view.first_row
        top, bottom = max(0, y1 + start), min(view.rows, y2 + start)
        if bottom <= top:
            return None
        shift = self.offset_px[view.first_row + top : view.first_row + bottom]
        left, right = x1 + float(shift.min()), x2 + float(shift.max())
        left, right = max(0.0, left), min(float(self.settings.frame_width_px), right)
        return round(left, 3), float(top), round(right, 3), float(bottom)

    def _background(self, shape: tuple[int, int], first_row: int, rng: np.random.Generator) -> Float32Array:
        """Sleepers and ballast in the dark beside the rail, (rows, width) float32 at the work grey."""
        scale = self.settings.mm_per_px
        stones = fractal(shape, (40.0 / scale, 40.0 / scale), rng)
        way_mm = (first_row + np.arange(shape[0], dtype=np.float32)) * np.float32(scale)
        sleeper = (way_mm % _SLEEPER_PITCH_MM < _SLEEPER_MM).astype(np.float32)[:, None]
        level = self.background * (1.0 + 0.5 * sleeper + (0.35 - 0.25 * sleeper) * stones)
        return np.asarray(np.clip(level, 0.0, 1.0) * _WORK_GREY, np.float32)


def render_rail(seed: int, settings: RailSettings | None = None, number: int = 0) -> WholeRail:
    """Draw one whole rail.

    Args:
        seed: of every choice.
        settings: None: 25 m at 0.5 mm/px with 40 marks.
        number: of the rail; each number of a seed is another rail.
    """
    settings = RailSettings() if settings is None else settings
    rng = np.random.default_rng((seed, 3, number))
    flank = math.ceil(_FLANK * settings.head_px)
    canvas = _canvas(settings, flank, rng)
    _lay(canvas, settings, rng)
    way = smooth_noise((settings.rows, 1), (_WANDER_MM / settings.mm_per_px, 1.0), rng)[:, 0]
    # The noise has unit deviation however short it is: a short piece has no room for the whole way.
    reach_mm = settings.wander_mm * min(1.0, settings.rows * settings.mm_per_px / (4.0 * _WANDER_MM))
    way = np.clip(way, -2.0, 2.0) * np.float32(reach_mm / 2.0 / settings.mm_per_px)
    middle = (settings.frame_width_px - settings.head_px) / 2.0 - flank
    drift = 1.0 + 0.1 * smooth_noise((settings.rows, 1), (4000.0 / settings.mm_per_px, 1.0), rng)[:, 0]
    exposure = float(np.exp(rng.uniform(np.log(40.0), np.log(150.0)))) / _WORK_GREY
    return WholeRail(
        settings=settings,
        seed=seed,
        number=number,
        straight=canvas.pixels(),
        flank_px=flank,
        laid=tuple(sorted(canvas.laid, key=lambda laid: (laid.xyxy_px[1], laid.xyxy_px[0]))),
        offset_px=np.asarray(middle + way, np.float32),
        light=np.asarray(np.clip(drift, 0.7, 1.3) * exposure, np.float32),
        tilt=float(rng.normal(0.0, 0.1)),
        background=float(rng.uniform(0.01, 0.05)),
        noise=(float(rng.uniform(0.3, 1.2)), float(rng.uniform(0.02, 0.12))),
    )


def _style(rng: np.random.Generator) -> SteelStyle:
    """A used rail: a running band in light, little rust; every rail its own."""
    return SteelStyle(
        band_centre=float(rng.uniform(0.42, 0.58)),
        band_width=float(rng.uniform(0.6, 1.2)),
        edge_level=float(rng.uniform(0.55, 0.95)),
        lanes=float(rng.uniform(0.01, 0.06)),
        streaks=float(rng.uniform(0.01, 0.07)),
        grain=float(rng.uniform(0.01, 0.06)),
        patches=float(rng.uniform(0.01, 0.05)),
        specks=float(rng.uniform(0.0, 0.006)),
        rust=float(rng.uniform(0.0, 0.1)),
    )


def _canvas(settings: RailSettings, flank_px: int, rng: np.random.Generator) -> RailCanvas:
    """The straight rail without marks: head, dim flanks, ends cut a little unevenly."""
    rows, head_px = settings.rail_rows, settings.head_px
    width = head_px + 2 * flank_px
    grey = np.full((rows, width), np.float32(_FLANK_LEVEL * _WORK_GREY), np.float32)
    grey[:, flank_px : flank_px + head_px] = _steel((rows, head_px), settings, rng) * np.float32(_WORK_GREY)
    uneven = np.abs(0.8 / settings.mm_per_px * smooth_noise((2, width), (1.0, 8.0 / settings.mm_per_px), rng))
    # A rail is as long as it reaches anywhere across the head: there the middle of the step is its end.
    uneven -= uneven[:, flank_px : flank_px + head_px].min(axis=1, keepdims=True)
    reach = min(rows, 24)
    row = np.arange(reach, dtype=np.float32)[:, None] + np.float32(0.5)
    grey[:reach] *= soft_step(row - uneven[:1], -1.0, 1.0)
    grey[rows - reach :] *= soft_step(row - uneven[1:], -1.0, 1.0)[::-1]
    head = RailHead(float(flank_px), 0.0, float(head_px), _WORK_GREY, found=True)
    return RailCanvas(grey, head)


def _steel(shape: tuple[int, int], settings: RailSettings, rng: np.random.Generator) -> Float32Array:
    """The head's reflectance, piece by piece with soft seams."""
    style = _style(rng)
    scale = (1.0 / settings.mm_per_px, 1.0 / settings.mm_per_px)
    rows = shape[0]
    steel = draw_steel((min(rows, _PIECE_ROWS), shape[1]), scale, style, rng)
    parts = [steel]
    done = len(steel)
    while done < rows:
        piece = draw_steel((min(rows - done, _PIECE_ROWS) + _SEAM_ROWS, shape[1]), scale, style, rng)
        share = np.linspace(0.0, 1.0, min(_SEAM_ROWS, len(parts[-1])), dtype=np.float32)[:, None]
        seam = len(share)
        # Straight sums of two textures would be smoother than either in the middle of the seam.
        before, behind = parts[-1][-seam:], piece[_SEAM_ROWS - seam : _SEAM_ROWS]
        weight = np.sqrt((1.0 - share) ** 2 + share**2)
        level = 0.5 * (before.mean(axis=0) + behind.mean(axis=0))[None]
        before[:] = level + ((1.0 - share) * (before - level) + share * (behind - level)) / weight
        parts.append(piece[_SEAM_ROWS:])
        done += len(parts[-1])
    return np.concatenate(parts)


def _lay(canvas: RailCanvas, settings: RailSettings, rng: np.random.Generator) -> None:
    """Lay the marks; what goes across first, while there is room, and not close to an end."""
    weights = np.array([SHARES[name] for name in settings.kinds])
    drawn = [
        draw_mark(settings.kinds[int(kind)], 1.0 / settings.mm_per_px, float(settings.head_px), rng)
        for kind in rng.choice(len(weights), settings.marks, p=weights / weights.sum())
    ]
    through = [mark for mark in drawn if mark.zone in ("across", "beyond")]
    others = [mark for mark in drawn if mark.zone not in ("across", "beyond")]
    for marks, from_end_mm in ((through, _THROUGH_FROM_END_MM), (others, _FROM_END_MM)):
        rows, width = canvas.grey.shape
        # On a short piece there would be no middle left.
        reach = min(round(from_end_mm / settings.mm_per_px), rows // 4)
        ends = [(0, 0, width, reach), (0, rows - reach, width, rows)]
        canvas.taken += ends
        for mark in marks:
            canvas.try_lay(mark, rng)
        for end in ends:
            canvas.taken.remove(end)
