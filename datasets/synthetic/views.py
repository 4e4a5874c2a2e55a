"""Truth of a rendered view: which pixels and which box count as its defect.

Shared by the bank and the training set, so that both speak of the same thing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from datasets.synthetic.defects import WHOLE_PIECE
from datasets.synthetic.render import RenderedView
from datasets.synthetic.sphere import FloatArray

VISIBLE_PX = 8
"""Fewer visible pixels of a half ball's face than this do not show that it is one."""
_DOUBLE_EXTENT = 1.04


@dataclass(frozen=True, slots=True)
class DefectTruth:
    """`defect_px` visible pixels; `xyxy_px` their box in the tile, None when there is none."""

    defect_px: int
    xyxy_px: tuple[float, float, float, float] | None


def defect_truth(view: RenderedView, label: str, nominal_px: float) -> DefectTruth:
    """Truth of one view.

    Of a half ball or a double the whole piece is the defect, box and pixels, in every view
    that shows it: a half ball whose face is turned away, or a double seen end-on, shows nothing.
    """
    if label not in WHOLE_PIECE:
        return DefectTruth(view.defect_px, view.defect_xyxy_px)
    box = view.silhouette_xyxy_px
    if label == "double":
        shows = max(box[2] - box[0], box[3] - box[1]) > _DOUBLE_EXTENT * nominal_px
    else:
        shows = view.defect_px >= VISIBLE_PX
    return DefectTruth(int((view.alpha >= 0.5).sum()), box) if shows else DefectTruth(0, None)


def tile_for(positions: FloatArray, nominal_px: float, sizes: tuple[int, ...]) -> int:
    """Smallest tile side that holds the ball in any orientation, with 2 px to spare."""
    reach_px = float(np.linalg.norm(positions, axis=1).max()) * nominal_px / 2.0 + 2.0
    fitting = [size for size in sizes if size / 2.0 >= reach_px]
    return fitting[0] if fitting else sizes[-1]


def encode_tile(grey: npt.NDArray[np.uint8], alpha: FloatArray) -> npt.NDArray[np.uint8]:
    """(T, T, 4) uint8: grey in the three colour channels, silhouette in alpha."""
    cover = np.rint(alpha * 255.0).astype(np.uint8)
    return np.dstack([grey, grey, grey, cover])
