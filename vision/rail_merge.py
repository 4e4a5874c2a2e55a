"""Boxes of overlapping tiles as boxes of the strip: each mark once, with its whole extent.

Two tiles see the rows that they share, so one mark must look alike there in both: that says which
boxes are one mark, whether a tile's border cuts it or not. No tile size, score or label is known here
beyond what is given. Neighbours: `vision.rail` runs the detector on the tiles and calls this.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from vision.types import Detections

#: A box that ends this near a tile's border (share of the tile's rows) was cut by it.
_CUT_SHARE = 0.02
#: Of a box that reaches below the strip's end less than this lies above: it is a mirrored mark's.
_LEAST_ABOVE_END = 0.25
#: Two boxes that agree so well on the rows that both tiles saw are one mark.
_SAME_IOU = 0.45
#: Pieces of a mark that passes through all rows that both tiles saw share so much of the narrower one's
#: columns, and the narrower one is so wide, in shares of the wider.
_SAME_COLUMNS, _SAME_WIDTH = 0.5, 0.6
#: What one tile is sure of is not drawn out by what another one guesses: the weaker piece's score is at least
#: this share of the surer one's (the limits of Canny's hysteresis lie as 1 to 2 or 3).
_WEAKEST = 1.0 / 3.0
#: A piece cut by its tile's border that lies so far inside the other tile's box is a part of it.
_PART_SHARE = 0.6
#: Boxes of one label that cover each other so far are one mark, whichever tile they come from.
_DUPLICATE_IOU = 0.6
#: Where two labels cover each other so far they are two names of one mark; below both stay.
_ONE_NAME_IOU = 0.7


Floats = npt.NDArray[np.float64]
Corners = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Box:
    """One box in strip pixels; `rows` are those that its tile (or tiles) saw, `tiles` the tiles."""

    xyxy: Corners
    score: float
    class_id: int
    tiles: frozenset[int]
    rows: tuple[int, int]
    cut: bool
    """It ends at a border of its tile behind which the strip goes on."""


def merge_tiles(
    found: Sequence[Detections], tops_px: Sequence[int], tile_px: int, height_px: int
) -> Detections:
    """Put the boxes of all tiles together.

    A mark cut by a border comes out as one box, the union of its pieces, but for those that are much less
    sure; of two boxes of one mark that no border cuts the one of the higher score stays. A union takes the
    highest score of its pieces. Boxes of different labels are never joined; where they cover each other
    nearly whole, the higher score names the mark.

    Args:
        found: per tile, boxes in the tile's pixels; all of one set of labels.
        tops_px: per tile, its first row in the strip, rising.
        tile_px: rows of a tile.
        height_px: rows of the strip; what a tile shows below it is the strip mirrored: boxes end there, and
            those that hardly reach above it go.

    Returns:
        Boxes in strip pixels, scores falling.

    Raises:
        ValueError: no tile, or not one top per tile.
    """
    if not found or len(found) != len(tops_px):
        raise ValueError(f"{len(found)} tiles with boxes, but {len(tops_px)} tops")
    labels = found[0].labels
    boxes: list[_Box] = []
    for class_id in range(len(labels)):
        own = [
            box
            for tile, (detections, top) in enumerate(zip(found, tops_px, strict=True))
            for box in _boxes(detections, class_id, tile, top, tile_px, height_px)
        ]
        boxes += _without_duplicates(_joined(own))
    boxes = _best_of(boxes, _ONE_NAME_IOU, of_other_labels=True)
    return Detections(
        np.array([box.xyxy for box in boxes], np.float32).reshape(-1, 4),
        np.array([box.score for box in boxes], np.float32),
        np.array([box.class_id for box in boxes], np.int64),
        labels,
    )


def _boxes(
    found: Detections, class_id: int, tile: int, top_px: int, tile_px: int, height_px: int
) -> Iterator[_Box]:
    margin = max(2.0, _CUT_SHARE * tile_px)
    end_px = min(top_px + tile_px, height_px)
    for index in np.flatnonzero(found.class_id == class_id):
        x1, y1, x2, y2 = (float(value) for value in found.xyxy_px[index])
        top, bottom = y1 + top_px, min(y2 + top_px, float(height_px))
        if x2 <= x1 or y2 <= y1 or bottom - top < _LEAST_ABOVE_END * (y2 - y1):
            continue
        cut = (top_px > 0 and y1 <= margin) or (end_px < height_px and y2 >= tile_px - margin)
        score = float(found.score[index])
        yield _Box((x1, top, x2, bottom), score, class_id, frozenset({tile}), (top_px, end_px), cut)


def _joined(boxes: list[_Box]) -> list[_Box]:
    """Boxes of one label from all tiles, those of one mark put together."""
    group = list(range(len(boxes)))
    taken: set[tuple[int, frozenset[int]]] = set()

    def root(index: int) -> int:
        while group[index] != index:
            index = group[index]
        return index

    for _, first, second in sorted(_pairs(boxes), key=lambda pair: -pair[0]):
        # One mark has one box in each tile: the best match takes it.
        links = {(first, boxes[second].tiles), (second, boxes[first].tiles)}
        if links & taken:
            continue
        taken |= links
        group[root(first)] = root(second)
    members: dict[int, list[_Box]] = {}
    for index, box in enumerate(boxes):
        members.setdefault(root(index), []).append(box)
    return [_one_of(pieces) for pieces in members.values()]


def _pairs(boxes: list[_Box]) -> Iterator[tuple[float, int, int]]:
    """(agreement, first, second) of boxes of different tiles that are one mark."""
    if not boxes:
        return
    x1, y1, x2, y2 = np.array([box.xyxy for box in boxes]).T
    top, bottom = np.array([box.rows for box in boxes], np.float64).T
    # Most pairs have no column or row in common: they are left out all at once.
    near = (np.minimum(x2, x2[:, None]) > np.maximum(x1, x1[:, None])) & (
        np.minimum(bottom, bottom[:, None]) >= np.maximum(top, top[:, None])
    )
    margin = 4.0 + _CUT_SHARE * (bottom - top).max()
    near &= np.minimum(y2, y2[:, None]) > np.maximum(y1, y1[:, None]) - margin
    for first, second in np.argwhere(np.triu(near, 1)):
        one, other = boxes[first], boxes[second]
        sure = min(one.score, other.score) >= _WEAKEST * max(one.score, other.score)
        if one.tiles != other.tiles and sure:
            agreement = _agreement(one, other)
            if agreement >= _SAME_IOU:
                yield agreement, int(first), int(second)


def _agreement(one: _Box, other: _Box) -> float:
    """How alike two boxes are on the rows that both tiles saw, 0..1."""
    low, high = max(one.rows[0], other.rows[0]), min(one.rows[1], other.rows[1])
    if low < high:
        alike = _iou(_clipped(one.xyxy, low, high), _clipped(other.xyxy, low, high))
        return max(alike, _SAME_IOU) if _passes(one, other, low, high) else alike
    if low == high and one.cut and other.cut:
        # The tiles share no row: what can agree is where the mark crosses the border between them.
        near = 1.0 + max(2.0, _CUT_SHARE * (one.rows[1] - one.rows[0]))
        upper, lower = (one, other) if one.rows[1] == low else (other, one)
        if upper.xyxy[3] >= low - near and lower.xyxy[1] <= low + near:
            return _iou((upper.xyxy[0], 0.0, upper.xyxy[2], 1.0), (lower.xyxy[0], 0.0, lower.xyxy[2], 1.0))
    return 0.0


def _passes(one: _Box, other: _Box, low: float, high: float) -> bool:
    """Whether two boxes show one mark that passes through all rows that both tiles saw, from `low` to `high`.

    The upper tile's box comes in from above, the lower one's goes out below, over common rows and columns.
    They need not be alike there: a slanted mark shows its pieces in other columns, and a tile often misses
    the short end that reaches into it.
    """
    upper, lower = (one, other) if one.rows[0] <= other.rows[0] else (other, one)
    if upper.xyxy[1] >= low or lower.xyxy[3] <= high or upper.xyxy[3] <= lower.xyxy[1]:
        return False
    columns = min(upper.xyxy[2], lower.xyxy[2]) - max(upper.xyxy[0], lower.xyxy[0])
    narrower, wider = sorted((upper.xyxy[2] - upper.xyxy[0], lower.xyxy[2] - lower.xyxy[0]))
    return columns >= _SAME_COLUMNS * narrower and narrower >= _SAME_WIDTH * wider


def _one_of(pieces: list[_Box]) -> _Box:
    """The mark that several tiles saw: where one saw it whole its box, else the union of the pieces."""
    if len(pieces) == 1:
        return pieces[0]
    best = max(pieces, key=lambda box: box.score)
    corners = np.array([box.xyxy for box in pieces])
    top, bottom = corners[:, 1].min(), corners[:, 3].max()
    tiles = frozenset[int]().union(*(box.tiles for box in pieces))
    rows = min(box.rows[0] for box in pieces), max(box.rows[1] for box in pieces)
    whole = [box for box in pieces if not box.cut and box.rows[0] <= top and bottom <= box.rows[1]]
    if whole:
        good = max(whole, key=lambda box: box.score)
        return replace(good, score=best.score, tiles=tiles, rows=rows)
    x1, x2 = corners[:, 0].min(), corners[:, 2].max()
    union = (float(x1), float(top), float(x2), float(bottom))
    return replace(best, xyxy=union, tiles=tiles, rows=rows, cut=all(box.cut for box in pieces))


def _without_duplicates(boxes: list[_Box]) -> list[_Box]:
    """Of boxes of one label that are one mark the best; pieces at a border inside a whole one go, too."""
    kept = _best_of(boxes, _DUPLICATE_IOU)
    return [
        box
        for box in kept
        if not (box.cut and any(_is_piece(box, other) for other in kept if not other.tiles <= box.tiles))
    ]


def _best_of(boxes: list[_Box], iou: float, *, of_other_labels: bool = False) -> list[_Box]:
    """Boxes that no better one covers by `iou` or more, best first."""
    ordered = sorted(boxes, key=lambda box: -box.score)
    corners = np.array([box.xyxy for box in ordered]).reshape(-1, 4)
    labels = np.array([box.class_id for box in ordered], np.int64)
    kept: list[int] = []
    for index in range(len(ordered)):
        rivals = [other for other in kept if not of_other_labels or labels[other] != labels[index]]
        if not (_ious(corners[index], corners[rivals]) >= iou).any():
            kept.append(index)
    return [ordered[index] for index in kept]


def _is_piece(box: _Box, other: _Box) -> bool:
    area = _area(box.xyxy)
    return area < _area(other.xyxy) and _shared(box.xyxy, other.xyxy) >= _PART_SHARE * area


def _ious(one: Floats, others: Floats) -> Floats:
    low, high = np.maximum(one[:2], others[:, :2]), np.minimum(one[2:], others[:, 2:])
    shared = np.prod(np.maximum(high - low, 0.0), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1)
    return np.asarray(shared / (np.prod(one[2:] - one[:2]) + areas - shared), np.float64)


def _clipped(xyxy: Corners, low: float, high: float) -> Corners:
    return xyxy[0], max(xyxy[1], low), xyxy[2], min(xyxy[3], high)


def _area(xyxy: Corners) -> float:
    return max(0.0, xyxy[2] - xyxy[0]) * max(0.0, xyxy[3] - xyxy[1])


def _shared(one: Corners, other: Corners) -> float:
    low = max(one[0], other[0]), max(one[1], other[1])
    high = min(one[2], other[2]), min(one[3], other[3])
    return _area((*low, *high))


def _iou(one: Corners, other: Corners) -> float:
    shared = _shared(one, other)
    union = _area(one) + _area(other) - shared
    return shared / union if shared > 0.0 else 0.0
