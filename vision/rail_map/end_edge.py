"""Where exactly a rail ends: the edge of its sawn face, to a part of a row.

The lens, the light and the rows' own height spread the step from steel to ground over some rows, as much into
the one as into the other. So half way between the two greys lies where the steel ends, however soft the
picture is; any other share of the light would move with the blur. Neighbours: `ends` knows the row at which
the light begins or ends, and asks here.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from vision.types import UInt8Array

Floats = npt.NDArray[np.float64]

#: Columns looked at together, over the head's width (some 3 mm): narrower, a splinter or noise would count.
_BUNDLE = 1.0 / 24.0
_LEAST_BUNDLE_PX = 3
#: Steel stands out from the ground beyond it by this share of its own grey, or its columns say nothing.
_CLEAR = 0.3
#: A sawn face is uneven, and a rail is as long as its furthest columns say: this quantile of them.
_FURTHEST = 0.9
#: Shares of the bundles that must show an edge.
_LEAST_SHARE = 0.25
#: Rows that are averaged against noise; like blur, the mean leaves the middle of a step where it is.
_MEAN_ROWS = 5
#: Rows next to the step that belong to neither side, as far as there are others.
_STEP_ROWS = 16


def edge_beyond(inside: UInt8Array, beyond: UInt8Array) -> float | None:
    """How far the steel reaches beyond the border between two pieces of a strip.

    Args:
        inside: (rows, W) uint8, the head's columns; row 0 lies at the border, later ones deeper in the rail.
        beyond: (rows, W) uint8, the same columns; row 0 lies at the border, later ones away from the rail.

    Returns:
        Rows from the border outwards, below 0 where the steel ends before it; None where steel and ground
        differ too little.
    """
    if min(len(inside), len(beyond)) < 2 or inside.shape[1] < _LEAST_BUNDLE_PX:
        return None
    steel = _bundles(inside)
    ground = _bundles(beyond)
    bright = np.median(steel[min(_STEP_ROWS, len(steel) // 2) :], axis=0)
    dark = np.median(ground[min(_STEP_ROWS, len(ground) // 2) :], axis=0)
    clear = bright - dark > _CLEAR * np.maximum(bright, 1.0)
    if np.mean(clear) < _LEAST_SHARE:
        return None
    # From the depth of the rail outwards.
    profile = cv2.blur(np.concatenate([steel[::-1], ground]), (1, _MEAN_ROWS))[:, clear]
    share = (profile - dark[clear]) / (bright - dark)[clear]
    reach = [_half(column) for column in share.T]
    found = [one for one in reach if one is not None]
    if len(found) < _LEAST_SHARE * len(clear):
        return None
    return float(np.quantile(found, _FURTHEST)) - len(steel)


def _bundles(rows: UInt8Array) -> Floats:
    """Means of columns side by side, (rows, bundles)."""
    wide = rows.shape[1]
    count = max(1, wide // max(_LEAST_BUNDLE_PX, round(_BUNDLE * wide)))
    edges = np.linspace(0, wide, count + 1).astype(int)
    sums = np.add.reduceat(rows.astype(np.float64), edges[:-1], axis=1)
    return np.asarray(sums / np.diff(edges), np.float64)


def _half(share: Floats) -> float | None:
    """Where a column's light, 1 in the steel and 0 beyond it, falls through a half for the last time.

    Rows count from their upper edges, so that the middle of the first one lies at 0.5.
    """
    lit = np.flatnonzero(share >= 0.5)
    if not len(lit) or lit[-1] + 1 >= len(share):
        return None
    at = int(lit[-1])
    return at + 0.5 + float((share[at] - 0.5) / (share[at] - share[at + 1]))
