"""The detector along one strip: sections straightened and levelled, tiles that overlap, marks put together.

A section is as long as the frames that the model was trained on, and shares rows with the next as tiles
do, so the seam between two is like that between two tiles. Sections end where the picture does: rows that
nobody saw are in no tile, so their black edge is no mark. Neighbours: `vision.rail_strip`,
`vision.rail_views` and `vision.rail_merge` do the work, `look_again` sees to the marks' ends; `join` makes
findings of the boxes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from vision.contract import RailSpec
from vision.rail import RailDetector, rail_spec
from vision.rail_head import RailHead
from vision.rail_map.assemble import CameraStrip
from vision.rail_map.look_again import look_again
from vision.rail_map.track import HeadTrack
from vision.rail_merge import merge_tiles
from vision.rail_strip import cut_tile, make_strip, tile_tops
from vision.rail_views import detect_views
from vision.types import Detections, Float32Array, UInt8Array

#: Rows of a section, and tiles that it is at least long.
SECTION_ROWS, _SECTION_TILES = 2000, 4
#: A stretch of fewer rows cannot be searched.
LEAST_ROWS = 48
#: Sections whose heads differ in width by more than this share are not put together: their tiles have
#: different scales. `join` sees to marks that both show.
_SAME_WIDTH = 0.08
#: Rows are brought to square pixels where they are off by more than this share.
_SQUARE = 0.02
#: What is left of a box on the strip's width is at least this share of it.
_LEAST_INSIDE = 0.25


@dataclass(frozen=True, slots=True)
class Section:
    """Rows [first, last) of a strip as a picture of their own, with the head there."""

    first: int
    last: int
    head: RailHead


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows without a break whose head is equally wide; `zoom`: tile pixels per row."""

    sections: tuple[Section, ...]
    zoom: float

    @property
    def first(self) -> int:
        """The first row."""
        return self.sections[0].first

    def top_px(self, section: Section) -> int:
        """Where a section begins, in tile pixels from the stretch's first row."""
        return round((section.first - self.first) * self.zoom)


def plan(
    track: HeadTrack, stretches: Sequence[tuple[int, int]], spec: RailSpec, tile_px: int, aspect: float = 1.0
) -> tuple[Stretch, ...]:
    """Cut the rows to be searched into sections.

    Args:
        track: the head's way.
        stretches: rows [first, last) to search, all of them seen; those that are too short are left out.
        spec, tile_px: of the contract.
        aspect: height of a row over the width of a pixel.
    """
    planned: list[Stretch] = []
    for first, last in stretches:
        if last - first < LEAST_ROWS:
            continue
        wide = float(np.median(track.width_px(np.arange(first, last, LEAST_ROWS))))
        zoom = _zoom(wide, spec) * aspect
        rows = max(SECTION_ROWS, math.ceil(_SECTION_TILES * tile_px / zoom))
        edges = np.linspace(first, last, max(1, round((last - first) / rows)) + 1).astype(int).tolist()
        shared = math.ceil(spec.overlap_px / zoom)
        sections = []
        for begin, end in pairwise(edges):
            top = max(first, begin - shared)
            sections.append(Section(top, end, track.section(top, end)))
        planned += _alike(sections, spec, aspect)
    return tuple(planned)


def count_tiles(stretches: Sequence[Stretch], spec: RailSpec, tile_px: int) -> int:
    """Tiles that a search will look at."""
    return sum(
        len(tile_tops(round((section.last - section.first) * stretch.zoom), tile_px, spec.overlap_px))
        for stretch in stretches
        for section in stretch.sections
    )


def search_strip(
    strip: CameraStrip,
    stretches: Sequence[Stretch],
    detector: RailDetector,
    *,
    aspect: float = 1.0,
    min_score: float = 0.05,
    thresholds: Mapping[str, float] | None = None,
    tile_done: Callable[[], None] = lambda: None,
) -> Detections:
    """Look for marks along a strip.

    Args:
        strip: with its head.
        stretches: of `plan`.
        detector: of the rail station.
        aspect: as for `plan`.
        min_score: boxes below it are left out, 0..1.
        thresholds: by label; marks that reach theirs are looked at again for their ends. None: all marks.
        tile_done: called after each tile; looks for ends are not counted.

    Returns:
        Boxes in pixels of the strip, stretch by stretch.

    Raises:
        ContractError: the model is for no rail, failed, or gave rubbish.
    """
    spec, tile_px = rail_spec(detector.contract)
    boxes, scores, classes = [], [], []
    for stretch in stretches:
        found: list[Detections] = []
        tops: list[int] = []
        height = 0
        for section in stretch.sections:
            pixels = _straight(strip.pixels, section, spec, tile_px, aspect)
            begin = stretch.top_px(section)
            height = begin + pixels.shape[0]
            for top in tile_tops(pixels.shape[0], tile_px, spec.overlap_px):
                tile = cut_tile(pixels, top, tile_px)
                found.append(detect_views(detector, tile, spec.views, min_score))
                tops.append(begin + top)
                tile_done()
        merged = merge_tiles(found, tops, tile_px, height)
        again = _Looks(strip, stretch, detector, aspect, min_score)
        sharper = look_again(merged, _reaching(merged, thresholds), again.at, tile_px)
        on_strip, kept = _on_strip(sharper, stretch, strip, tile_px, aspect)
        boxes.append(on_strip)
        scores.append(merged.score[kept])
        classes.append(merged.class_id[kept])
    if not boxes:
        return Detections.empty(detector.contract.labels)
    return Detections(
        np.concatenate(boxes), np.concatenate(scores), np.concatenate(classes), detector.contract.labels
    )


@dataclass(slots=True, eq=False)
class _Looks:
    """Looks at tiles anywhere on a stretch. The section that was looked at last is kept."""

    strip: CameraStrip
    stretch: Stretch
    detector: RailDetector
    aspect: float
    min_score: float
    _section: Section | None = None
    _pixels: UInt8Array = field(default_factory=lambda: np.empty((0, 0), np.uint8))

    def at(self, row: float) -> tuple[Detections, float, float]:
        """The tile round a row of the stretch, in tile pixels: its boxes there, its first row and its end."""
        spec, tile_px = rail_spec(self.detector.contract)
        section = max(self.stretch.sections, key=lambda one: self._depth(one, row))
        if section is not self._section:
            self._section = section
            self._pixels = _straight(self.strip.pixels, section, spec, tile_px, self.aspect)
        begin = self.stretch.top_px(section)
        top = max(0, min(round(row - begin - tile_px / 2.0), self._pixels.shape[0] - tile_px))
        seen = detect_views(self.detector, cut_tile(self._pixels, top, tile_px), spec.views, self.min_score)
        seen = seen.shifted(0.0, begin + top)
        # Below the strip's end it goes on mirrored.
        boxes = np.minimum(seen.xyxy_px, np.array([np.inf, begin + self._pixels.shape[0]] * 2, np.float32))
        return replace(seen, xyxy_px=boxes), float(begin + top), float(begin + top + tile_px)

    def _depth(self, section: Section, row: float) -> float:
        """How far inside a section a row lies, below 0 outside."""
        begin = self.stretch.top_px(section)
        return min(row - begin, begin + (section.last - section.first) * self.stretch.zoom - row)


def _reaching(found: Detections, thresholds: Mapping[str, float] | None) -> npt.NDArray[np.bool_]:
    """(N,) boxes whose score reaches their label's threshold."""
    if thresholds is None:
        return np.ones(len(found), bool)
    limits = [thresholds.get(label, math.inf) for label in found.labels]
    return np.asarray(found.score >= np.array(limits)[found.class_id], np.bool_)


def _zoom(wide_px: float, spec: RailSpec) -> float:
    return min(spec.head_px / wide_px, spec.largest_zoom)


def _alike(sections: list[Section], spec: RailSpec, aspect: float) -> Iterator[Stretch]:
    """Sections in a row whose heads are equally wide, each given their median width."""
    group: list[Section] = []
    for section in [*sections, None]:
        if section is not None and (
            not group or abs(section.head.width_px / group[0].head.width_px - 1.0) <= _SAME_WIDTH
        ):
            group.append(section)
            continue
        wide = float(np.median([one.head.width_px for one in group]))
        yield Stretch(tuple(_widened(one, wide) for one in group), _zoom(wide, spec) * aspect)
        group = [section] if section is not None else []


def _widened(section: Section, wide: float) -> Section:
    """The same with another width of the head round the same middle."""
    head = section.head
    left = head.left_px + (head.width_px - wide) / 2.0
    return replace(section, head=replace(head, left_px=left, width_px=wide))


def _straight(
    pixels: UInt8Array, section: Section, spec: RailSpec, tile_px: int, aspect: float
) -> UInt8Array:
    """The section as a levelled strip of the contract's width."""
    piece, head = pixels[section.first : section.last], section.head
    if abs(aspect - 1.0) > _SQUARE:
        rows = max(1, round(piece.shape[0] * aspect))
        how = cv2.INTER_AREA if aspect < 1.0 else cv2.INTER_LINEAR
        piece = np.asarray(cv2.resize(piece, (piece.shape[1], rows), interpolation=how), np.uint8)
        head = replace(head, bends=tuple((y * aspect, x) for y, x in head.bends))
    return make_strip(piece, spec, tile_px, head).pixels


def _on_strip(
    boxes: Float32Array, stretch: Stretch, strip: CameraStrip, tile_px: int, aspect: float
) -> tuple[Float32Array, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """(boxes in pixels of the strip, cut at its sides; which of the boxes they are)."""
    assert strip.head is not None
    moved = boxes.astype(np.float64).reshape(-1, 4)
    wide, across = stretch.sections[0].head.width_px, stretch.zoom / aspect
    moved[:, 1::2] = moved[:, 1::2] / stretch.zoom + stretch.first
    rows = (moved[:, 1] + moved[:, 3]) / 2.0
    start = strip.head.start_px(rows) + (strip.head.width_px(rows) - wide) / 2.0
    left = (tile_px - wide * across) / 2.0
    moved[:, 0::2] = (moved[:, 0::2] - left) / across + start[:, None]
    whole = moved[:, 2] - moved[:, 0]
    moved[:, 0::2] = np.clip(moved[:, 0::2], 0.0, strip.pixels.shape[1])
    kept = (moved[:, 2] - moved[:, 0]) >= np.maximum(1.0, _LEAST_INSIDE * whole)
    return moved[kept].astype(np.float32), kept
