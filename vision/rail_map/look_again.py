"""Where marks begin and end, looked at once more in tiles that are laid round them.

A tile's border cuts marks, and near it a detector is least sure. So a mark that is long enough for that is
looked at again with the whole of it in the middle of a tile or, where it is too long, with either of its ends
there. Only its extent changes: no label, no score, and no mark comes or goes by it, for the thresholds were
set without it.
Neighbours: `search` finds the marks and gives the pictures, `vision.rail_merge` put their pieces together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vision.types import Detections, Float32Array

#: Marks that are shorter than this share of a tile lie whole in one of the tiles that overlap.
_LEAST_TALL = 0.25
#: Marks up to this share of a tile are seen whole in its middle, off its borders.
_WHOLE = 0.85
#: What is seen again is the mark where they share so much of all rows that either has in the tile, and of the
#: narrower one's columns ...
_SAME_ROWS, _SAME_COLUMNS = 0.45, 0.5
#: ... and at least this share of its score.
_WEAKEST = 1.0 / 3.0
#: A box that ends this near to a tile's border (share of its rows) may go on behind it ...
_AT_BORDER = 0.02
#: ... and is followed in so many tiles at most.
_FURTHEST_TILES = 3

#: The tile round a row of the stretch: (its boxes in pixels of the stretch, its first row, its end).
Look = Callable[[float], tuple[Detections, float, float]]
Box = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Mark:
    """What is looked for: a box (x1, y1, x2, y2) of a label (class), seen with a score."""

    box: Box
    class_id: int
    score: float


def look_again(found: Detections, kept: npt.NDArray[np.bool_], look: Look, tile_px: int) -> Float32Array:
    """Boxes of a stretch with better ends.

    Args:
        found: marks of a stretch, put together, in its pixels.
        kept: (N,) which of them to look at.
        look: looks at the tile round a row.
        tile_px: rows of a tile.

    Returns:
        (N, 4) float32; of marks that were not looked at, or not seen again, as they were.

    Raises:
        ContractError: the model failed, or gave rubbish.
    """
    boxes = found.xyxy_px.astype(np.float64)
    tall = boxes[:, 3] - boxes[:, 1] >= _LEAST_TALL * tile_px
    for index in sorted(np.flatnonzero(kept & tall), key=lambda k: float(boxes[k, 1])):
        mark = _Mark(boxes[index], int(found.class_id[index]), float(found.score[index]))
        others = kept & (found.class_id == mark.class_id)
        others[index] = False
        boxes[index] = _off_others(mark.box, _whole(mark, look, tile_px), boxes[others])
    return boxes.astype(np.float32)


def _off_others(before: Box, box: Box, others: npt.NDArray[np.float64]) -> Box:
    """The box with no end drawn out over another mark of its label: a tile may see the two as one."""
    columns = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    narrower = np.minimum(box[2] - box[0], others[:, 2] - others[:, 0])
    near = others[columns >= _SAME_COLUMNS * narrower]
    above = near[near[:, 1] + near[:, 3] < before[1] + before[3]]
    below = near[near[:, 1] + near[:, 3] >= before[1] + before[3]]
    box = box.copy()
    box[1] = max(box[1], min(before[1], above[:, 3].max(initial=-np.inf)))
    box[3] = min(box[3], max(before[3], below[:, 1].min(initial=np.inf)))
    return box


def _whole(mark: _Mark, look: Look, tile_px: int) -> Box:
    x1, y1, x2, y2 = mark.box
    if y2 - y1 <= _WHOLE * tile_px:
        seen, first, last = look((y1 + y2) / 2.0)
        again = _again(mark, mark.box, seen, first, last)
        if again is not None and not any(_at_border(again, side, first, last) for side in (1, 3)):
            return np.array([x1, again[1], x2, again[3]])
    box = mark.box.copy()
    for side in (1, 3):
        box = _followed(mark, box, side, look)
    return box


def _followed(mark: _Mark, box: Box, side: int, look: Look) -> Box:
    """The box with one of its ends (1: the upper, 3: the lower) where tiles round it say."""
    for _ in range(_FURTHEST_TILES):
        seen, first, last = look(float(box[side]))
        again = _again(mark, box, seen, first, last)
        if again is None:
            break
        further = again[side] < box[side] if side == 1 else again[side] > box[side]
        box = np.array([min(box[0], again[0]), box[1], max(box[2], again[2]), box[3]])
        box[side] = again[side]
        if not further or not _at_border(again, side, first, last):
            break
    return box


def _again(mark: _Mark, box: Box, seen: Detections, first: float, last: float) -> Box | None:
    """The box of a tile, rows `first` to `last`, that is a mark's; None where it does not show it."""
    boxes = seen.xyxy_px.astype(np.float64)
    top, bottom = max(box[1], first), min(box[3], last)
    rows = np.minimum(bottom, boxes[:, 3]) - np.maximum(top, boxes[:, 1])
    every = np.maximum(bottom, boxes[:, 3]) - np.minimum(top, boxes[:, 1])
    columns = np.minimum(box[2], boxes[:, 2]) - np.maximum(box[0], boxes[:, 0])
    narrower = np.minimum(box[2] - box[0], boxes[:, 2] - boxes[:, 0])
    same = (seen.class_id == mark.class_id) & (seen.score >= _WEAKEST * mark.score)
    same &= (rows >= _SAME_ROWS * every) & (columns >= _SAME_COLUMNS * narrower)
    if not same.any():
        return None
    return np.asarray(boxes[int(np.argmax(np.where(same, seen.score * rows, 0.0)))])


def _at_border(box: Box, side: int, first: float, last: float) -> bool:
    """Whether a box ends (1: above, 3: below) at the border of its tile."""
    margin = _AT_BORDER * (last - first)
    return bool(box[1] < first + margin if side == 1 else box[3] > last - margin)
