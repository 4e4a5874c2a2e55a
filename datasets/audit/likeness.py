"""Do two pictures show the same thing? A perceptual hash that neither light nor a turn changes.

A picture is squeezed to a small square, its logarithm taken (a gain becomes an offset), the mean of
each row and column removed (all rails share the head's profile, all balls the shading), and what is
left divided by its local spread (local contrast), clipped. Two pictures are compared by the correlation
of these squares, less what all pictures of the source share, over the eight turns and mirrors of a square:

1. at 24x24, all against all, to find candidates;
2. candidates at 64x64, over shifts, zooms and tilts of a few percent: that figure is the likeness.

What all pictures of a source share (a fixed camera's scene, a ball's outline) is taken off before, as
mean and strongest principal components, a usual step in copy detection (Jegou and Chum, ECCV 2012).

The first square is a hash in the sense of the usual difference hashes, kept as numbers instead of
bits: with some thousand pictures all pairs are a few matrix products.
Neighbours: `datasets.audit.pictures` makes the squares as it reads, `datasets.audit.leaks` judges.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vision.types import Float32Array, UInt8Array

_THUMB_PX = 192
_COARSE_PX, _COARSE_SIGMA = 24, 0.06
_FINE_PX, _FINE_SIGMA = 64, 0.03
#: Spread of the logarithm below which a place counts as flat: noise of dark pictures is not blown up.
_FLOOR = 0.05
_CLIP = 2.5
#: Added before the logarithm, grey levels.
_DARK = 2.0
_COARSE_LEAST = 0.2
#: Below this no zoom or tilt makes two pictures alike.
_FINE_LEAST = 0.25
_SHIFT_PX = 4
#: Zoom and tilt in degrees that a copy may have beside a shift.
_WARPS = ((0.96, 0.0), (1.04, 0.0), (1.0, -1.2), (1.0, 1.2))
#: Candidates looked at more closely, per picture and split.
CANDIDATES = 6
#: A source of fewer pictures does not tell what they share; of larger ones this many are enough.
_COMMON_FROM, _COMMON_MOST = 40, 800
#: A component is shared when it weighs as much as this many whole pictures; at most so many are.
_SHARED_BY, _COMPONENTS = 20.0, 8
_TURNS = 8
_ROWS = 256


@dataclass(frozen=True, slots=True)
class Look:
    """What is kept of one picture: `coarse` (24, 24), `fine` (64, 64) float16, mean and spread of grey."""

    coarse: Float32Array
    fine: np.ndarray
    grey_mean: float
    grey_std: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures by their numbers, `first` < `second`, and how alike they are (-1..1)."""

    first: int
    second: int
    likeness: float


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the pictures of a source share at one size: their mean (P,) and components (K, P), P pixels."""

    mean: Float32Array
    components: Float32Array

    def off(self, flat: Float32Array) -> Float32Array:
        """Squares (N, P) of unit length without what is shared, of unit length again."""
        rest = flat - self.mean
        rest = rest - (rest @ self.components.T) @ self.components
        return np.asarray(rest / np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), 1e-6), np.float32)


@dataclass(frozen=True, slots=True)
class Common:
    """What all pictures of a source share (camera, light, the ball's outline), at both sizes."""

    coarse: _Shared
    fine: _Shared


def look_of(grey: UInt8Array) -> Look:
    """The squares of one picture, (H, W) uint8."""
    how = cv2.INTER_AREA if min(grey.shape) >= _THUMB_PX else cv2.INTER_LINEAR
    # As float: a picture of mean grey 12 would lose its content in rounding.
    thumb = cv2.resize(grey.astype(np.float32), (_THUMB_PX, _THUMB_PX), interpolation=how)
    logarithm = np.asarray(np.log(thumb + _DARK), np.float32)
    return Look(
        _square(logarithm, _COARSE_PX, _COARSE_SIGMA),
        _square(logarithm, _FINE_PX, _FINE_SIGMA).astype(np.float16),
        float(grey.mean()),
        float(thumb.std()),
    )


def likeness(first: Look, second: Look, common: Common | None = None) -> float:
    """Largest correlation of two pictures over turns, shifts, zooms and tilts, -1..1.

    Args:
        first: one picture.
        second: the other.
        common: what the pictures of their source share; None: nothing.
    """
    common = common_of([]) if common is None else common
    own = common.coarse.off(_unit(first.coarse[None]))
    others = common.coarse.off(_unit(np.stack(turns(second.coarse))))
    return _both_ways(first, second, int(np.argmax(others @ own[0])), common, common)


def common_of(looks: Sequence[Look]) -> Common:
    """What the pictures of one source share; nothing where there are too few to tell."""
    return Common(
        _shared([look.coarse for look in looks], _COARSE_PX), _shared([look.fine for look in looks], _FINE_PX)
    )


def _shared(squares: Sequence[np.ndarray], size_px: int) -> _Shared:
    """Mean and principal components of many pictures.

    Only components that weigh as much as `_SHARED_BY` whole pictures count: a picture and its copies
    make a component of their own, which must stay. Of large sets every n-th picture is taken.
    """
    if len(squares) < _COMMON_FROM:
        nothing = np.zeros((0, size_px * size_px), np.float32)
        return _Shared(np.zeros(size_px * size_px, np.float32), nothing)
    step = -(-len(squares) // _COMMON_MOST)
    flat = _unit(np.stack(list(squares[::step])))
    mean = flat.mean(axis=0)
    rest = flat - mean
    weight, vectors = np.linalg.eigh(rest @ rest.T)
    strongest = [k for k in range(len(weight) - 1, -1, -1) if weight[k] >= _SHARED_BY][:_COMPONENTS]
    components = (vectors[:, strongest].T @ rest) / np.sqrt(weight[strongest])[:, None]
    return _Shared(np.asarray(mean, np.float32), np.asarray(components, np.float32))


def alike_pairs(
    looks: Sequence[Look],
    splits: Sequence[str],
    sources: Sequence[str],
    limit: float,
    candidates: int = CANDIDATES,
) -> list[Pair]:
    """All pairs whose likeness reaches the limit, the most alike first.

    For every picture the most promising ones of each split are looked at closely.

    Args:
        looks: of all pictures.
        splits: the split of each, so that a crowd of look-alikes in one does not hide a copy in another.
        sources: the source of each; what its pictures share is no evidence.
        limit: -1..1.
        candidates: how many are looked at closely, per picture and split.
    """
    if len(looks) < 2:
        return []
    turned = np.stack([turns(look.coarse) for look in looks], axis=1)
    common = {source: common_of([looks[i] for i in some]) for source, some in _members(sources).items()}
    members = list(_members(splits).values())
    best: dict[tuple[int, int], float] = {}
    for source, of_source in _members(sources).items():
        others = [common[source].coarse.off(_unit(squares)) for squares in turned]
        for start in range(0, len(of_source), _ROWS):
            rows = of_source[start : start + _ROWS]
            scores = np.stack([others[0][rows] @ other.T for other in others])
            which = np.argmax(scores, axis=0)
            top = np.take_along_axis(scores, which[None], axis=0)[0]
            top[np.arange(len(rows)), rows] = -1.0
            for one, other in _candidates(top, rows, members, candidates):
                turn = int(which[np.searchsorted(rows, one), other])
                key = (min(one, other), max(one, other))
                pair = (looks[one], looks[other])
                found = _both_ways(*pair, turn, common[source], common[sources[other]])
                best[key] = max(best.get(key, -1.0), found)
    pairs = [Pair(*key, score) for key, score in best.items() if score >= limit]
    return sorted(pairs, key=lambda pair: (-pair.likeness, pair.first, pair.second))


def turns(square: np.ndarray) -> list[np.ndarray]:
    """The eight turns and mirrors of a square; the first is the square itself."""
    return [np.rot90(side, quarter) for side in (square, square[:, ::-1]) for quarter in range(4)]


def _members(names: Sequence[str]) -> dict[str, np.ndarray]:
    """The numbers of the pictures of each name, rising."""
    array = np.array(names)
    return {name: np.flatnonzero(array == name) for name in sorted(set(names))}


def _candidates(
    scores: Float32Array, rows: np.ndarray, members: Sequence[np.ndarray], most: int
) -> Iterator[tuple[int, int]]:
    """The most promising partners of each row's picture, some of every split."""
    for columns in members:
        some = scores[:, columns]
        count = min(most, len(columns))
        top = np.argpartition(-some, count - 1, axis=1)[:, :count]
        for row, picks in enumerate(top):
            for pick in picks:
                if some[row, pick] >= _COARSE_LEAST:
                    yield int(rows[row]), int(columns[pick])


def _square(logarithm: Float32Array, size_px: int, sigma: float) -> Float32Array:
    small = cv2.resize(logarithm, (size_px, size_px), interpolation=cv2.INTER_AREA)
    small = small - small.mean(0, keepdims=True) - small.mean(1, keepdims=True) + small.mean()
    reach = sigma * size_px
    rest = small - cv2.GaussianBlur(small, (0, 0), reach)
    spread = np.sqrt(cv2.GaussianBlur(rest * rest, (0, 0), reach) + _FLOOR**2)
    return np.asarray(np.clip(rest / spread, -_CLIP, _CLIP), np.float32)


def _unit(squares: np.ndarray) -> Float32Array:
    flat = squares.reshape(len(squares), -1).astype(np.float32)
    flat = flat - flat.mean(1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6), np.float32)


def _both_ways(first: Look, second: Look, turn: int, of_first: Common, of_second: Common) -> float:
    """Likeness seen from either side, the lower of the two.

    A mirrored picture of a fixed camera is unlike its scene; compared with another one mirrored, that
    alone would count as likeness. Seen from the other side it does not.
    """
    score = _fine(first, second, turn, of_first)
    # A mirror undoes itself, a quarter turn is undone by three more.
    back = turn if turn >= 4 else -turn % 4
    return min(score, _fine(second, first, back, of_second)) if score >= _FINE_LEAST else score


def _fine(first: Look, second: Look, turn: int, common: Common) -> float:
    """Likeness of two pictures when the second is turned by `turn`."""
    # What is shared is taken off after turning: a mirrored copy brings it mirrored, a picture that
    # merely stood before the same camera does not.
    both = np.stack([first.fine, turns(second.fine)[turn]])
    base, other = common.fine.off(_unit(both)).reshape(2, _FINE_PX, _FINE_PX)
    score = _shifted(base, other)
    if score < _FINE_LEAST:
        return score
    middle = ((_FINE_PX - 1) / 2.0, (_FINE_PX - 1) / 2.0)
    for zoom, tilt in _WARPS:
        around = cv2.getRotationMatrix2D(middle, tilt, zoom)
        warped = cv2.warpAffine(
            other, around, (_FINE_PX, _FINE_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        score = max(score, _shifted(base, np.asarray(warped, np.float32)))
    return score


def _shifted(base: Float32Array, other: Float32Array) -> float:
    inner = np.ascontiguousarray(other[_SHIFT_PX:-_SHIFT_PX, _SHIFT_PX:-_SHIFT_PX])
    if float(inner.std()) < 1e-6 or float(base.std()) < 1e-6:
        return -1.0
    return float(np.clip(cv2.matchTemplate(base, inner, cv2.TM_CCOEFF_NORMED).max(), -1.0, 1.0))
