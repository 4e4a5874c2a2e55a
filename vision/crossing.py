"""Finds steel balls in colour strips of a bench channel and follows them across a line.

For recordings and bench trials without a photo-eye: `find_balls` looks at one picture,
`CrossingDetector` at one picture after the other. Nothing is trained. Steel is grey and
mirrors its surroundings, the channel it rolls in has a strong colour; a ball is a round
grey patch, light and dark in itself, with the channel's colour all round it. A strip
without a coloured bed (a ball on a grey floor) shows nothing to this method.

Neighbours: `edge_runtime.plc.virtual_eye` turns crossings into triggers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np

from vision.errors import ImageError
from vision.types import Float32Array, UInt8Array

#: pictures are brought down to this height before the search; balls are searched in shares of it
WORK_HEIGHT_PX = 30
#: ball radii looked for, shares of the strip's height (diameters 0.38 to 0.81 of it)
RADIUS_SHARES = (0.17, 0.20, 0.23, 0.26, 0.30, 0.36)
#: a bed weaker in colour than this (largest minus smallest channel, grey levels) is none
BED_CHROMA_MIN = 40.0
#: colour of the ring minus colour of the disc, in units of a fully coloured bed
SCORE_MIN = 0.38
#: steel mirrors lamp and dark room: spread of its grey levels (standard deviation)
SPREAD_MIN = 22.0
#: smallest share of the disc that must lie inside the picture
SEEN_MIN = 0.6
#: share of the ring inside the picture from which it counts in full
RING_FULL = 0.72
#: weight of the ring straight above and below a ball; 1 more left and right of it
SIDE_WEIGHT_MIN = 0.8
#: the ring begins and ends at these multiples of the radius
_RING_FROM, _RING_TO, _DISC_TO = 1.1, 1.5, 0.95
#: the disc that answers best is smaller than the ball, whose rim mirrors the bed
_DIAMETER_PER_RADIUS = 2.25


@dataclass(frozen=True, slots=True)
class StripBall:
    """One ball in one picture.

    Attributes:
        centre_xy_px: in the picture given (origin: corner of the top-left pixel).
        diameter_px: rough, to some 15 %.
        score: how clearly grey stands in colour, 0..1.
    """

    centre_xy_px: tuple[float, float]
    diameter_px: float
    score: float


@lru_cache(maxsize=64)
def _kernels(radius_px: float) -> tuple[Float32Array, Float32Array]:
    """Disc and ring as 0/1 masks of one odd size."""
    reach = int(np.ceil(radius_px * _RING_TO))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    distance = np.hypot(x, y)
    disc = distance <= radius_px * _DISC_TO
    ring = (distance > radius_px * _RING_FROM) & (distance <= radius_px * _RING_TO)
    # The channel's white edges lie above and below a ball, its colour lies left and right.
    weight = SIDE_WEIGHT_MIN + (x / np.maximum(distance, 1.0)) ** 2
    return disc.astype(np.float32), (ring * weight).astype(np.float32)


def _sums(values: Float32Array, kernel: Float32Array) -> Float32Array:
    """Sum of the values under the kernel at every pixel; outside the picture there is nothing."""
    out = cv2.filter2D(values, cv2.CV_32F, kernel, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(out, dtype=np.float32)


@lru_cache(maxsize=64)
def _areas(height_px: int, width_px: int, radius_px: float) -> tuple[Float32Array, Float32Array]:
    """Pixels of disc and ring that lie inside the picture, at every pixel."""
    ones = np.ones((height_px, width_px), np.float32)
    disc, ring = _kernels(radius_px)
    return np.maximum(_sums(ones, disc), 1e-3), np.maximum(_sums(ones, ring), 1e-3)


def _score_map(bed: Float32Array, grey: Float32Array, radius_px: float) -> Float32Array:
    """How much a ball of that radius would explain, at every pixel; -1 where it cannot be."""
    height, width = bed.shape
    disc, ring = _kernels(radius_px)
    disc_area, ring_area = _areas(height, width, radius_px)
    score = _sums(bed, ring) / ring_area - _sums(bed, disc) / disc_area
    # A ring that is half outside shows half as much: corners with fingers and gaps in them are no balls.
    score *= np.minimum(1.0, ring_area / (RING_FULL * float(ring.sum())))
    mean = _sums(grey, disc) / disc_area
    variance = _sums(grey * grey, disc) / disc_area - mean * mean
    impossible = (disc_area < SEEN_MIN * float(disc.sum())) | (variance < SPREAD_MIN**2)
    score[impossible] = -1.0
    # The strip shows the channel over its whole height: a disc cut off above or below is the room behind it.
    edge = int(radius_px)
    score[:edge] = -1.0
    score[height - edge :] = -1.0
    return score


def find_balls(image: UInt8Array) -> list[StripBall]:
    """Balls of one strip, from left to right.

    Args:
        image: (H, W, 3) BGR, uint8; H at least 16 px, the channel filling most of it.

    Returns:
        No ball when there is no coloured bed (black frame, grey floor).

    Raises:
        ImageError: not a colour picture, or too small.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or min(image.shape[:2]) < 16:
        raise ImageError(
            f"balls are found by colour, this picture is {image.shape} {image.dtype}",
            where="virtual photo-eye",
            todo="use an 8-bit colour camera of at least 16 x 16 px (pixel_format: bgr8)",
        )
    shrink = min(1.0, WORK_HEIGHT_PX / image.shape[0])
    small = image
    if shrink < 1.0:
        small = np.asarray(
            cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), dtype=np.uint8
        )
    height = small.shape[0]
    chroma = (small.max(axis=2) - small.min(axis=2)).astype(np.float32)
    bed_chroma = float(np.percentile(chroma, 90.0))
    if bed_chroma < BED_CHROMA_MIN:
        return []
    bed = np.clip(chroma / (0.6 * bed_chroma), 0.0, 1.0).astype(np.float32)
    grey = small.mean(axis=2, dtype=np.float32)

    radii = [share * height for share in RADIUS_SHARES]
    maps = np.stack([_score_map(bed, grey, radius) for radius in radii])
    balls: list[StripBall] = []
    while True:
        at, y, x = (int(i) for i in np.unravel_index(int(maps.argmax()), maps.shape))
        score = float(maps[at, y, x])
        if score < SCORE_MIN:
            break
        balls.append(
            StripBall(
                centre_xy_px=((x + 0.5) / shrink, (y + 0.5) / shrink),
                diameter_px=radii[at] * _DIAMETER_PER_RADIUS / shrink,
                score=score,
            )
        )
        # Two balls are at least one diameter apart; the smallest radius may answer inside the ball found.
        reach = max(1, round(1.6 * radii[at]))
        maps[:, :, max(0, x - reach) : x + reach + 1] = -1.0
    return sorted(balls, key=lambda ball: ball.centre_xy_px[0])


@dataclass(frozen=True, slots=True)
class Crossing:
    """A ball's centre went across the line.

    Attributes:
        ball: as seen in the picture in which it was first beyond the line.
        line_x_px: the line, in that picture.
        direction: 1 from left to right, -1 from right to left.
    """

    ball: StripBall
    line_x_px: float
    direction: int


@dataclass(slots=True)
class _Track:
    """One ball over time; `side` is -1 or 1, None as long as it was never clear of the line."""

    ball: StripBall
    side: int | None = None
    missed: int = 0


def match_in_order(old_x_px: Sequence[float], new_x_px: Sequence[float]) -> list[tuple[int, int]]:
    """Which old position became which new one, for things that cannot pass each other in a channel.

    As many pairs as possible, in order, with the least total movement.

    Args:
        old_x_px, new_x_px: rising positions.

    Returns:
        Pairs (index in old, index in new), rising in both.
    """
    if len(old_x_px) > len(new_x_px):
        return [(old, new) for new, old in match_in_order(new_x_px, old_x_px)]
    few, many = len(old_x_px), len(new_x_px)
    # cost[i][j]: least movement of the first i of the few among the first j of the many.
    cost = np.full((few + 1, many + 1), np.inf)
    cost[0, :] = 0.0
    for i in range(1, few + 1):
        for j in range(i, many + 1):
            step = cost[i - 1, j - 1] + abs(old_x_px[i - 1] - new_x_px[j - 1])
            cost[i, j] = min(cost[i, j - 1], step)
    pairs: list[tuple[int, int]] = []
    i, j = few, many
    while i > 0:
        if cost[i, j] == cost[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((i, j))
    return pairs[::-1]


@dataclass(slots=True)
class CrossingDetector:
    """Counts balls that go across a vertical line, either way.

    The rule: a ball has crossed when it is seen on the other side than when it was last
    seen, however far it went and however many pictures are missing between the two. Seen on a
    side means clear of the line by `hysteresis_share` of its diameter, so that a ball resting
    on the line counts once at most. A ball that is not found for `memory_frames` pictures, or
    that was last seen at the picture's left or right end, is forgotten.

    Attributes:
        line_x_share: the line, as a share of the picture's width.
        hysteresis_share: half the width of the dead band, in ball diameters.
        memory_frames: pictures a ball may be missing.
    """

    line_x_share: float = 0.5
    hysteresis_share: float = 0.1
    memory_frames: int = 8
    _tracks: list[_Track] = field(default_factory=list)

    def update(self, balls: Sequence[StripBall], width_px: int) -> list[Crossing]:
        """Take the balls of the next picture; the crossings it shows, from left to right.

        Args:
            balls: from left to right, as `find_balls` gives them.
            width_px: width of the picture.
        """
        line_x_px = self.line_x_share * width_px
        pairs = match_in_order(
            [track.ball.centre_xy_px[0] for track in self._tracks], [ball.centre_xy_px[0] for ball in balls]
        )
        crossings = []
        for old, new in pairs:
            crossing = self._move(self._tracks[old], balls[new], line_x_px)
            if crossing is not None:
                crossings.append(crossing)
        self._forget({old for old, _ in pairs}, width_px)
        taken = {new for _, new in pairs}
        for index, ball in enumerate(balls):
            if index not in taken:
                self._tracks.append(_Track(ball, self._side(ball, line_x_px)))
        self._tracks.sort(key=lambda track: track.ball.centre_xy_px[0])
        return crossings

    def _side(self, ball: StripBall, line_x_px: float) -> int | None:
        offset = ball.centre_xy_px[0] - line_x_px
        if abs(offset) <= self.hysteresis_share * ball.diameter_px:
            return None
        return 1 if offset > 0.0 else -1

    def _move(self, track: _Track, ball: StripBall, line_x_px: float) -> Crossing | None:
        before, after = track.side, self._side(ball, line_x_px)
        track.ball, track.missed = ball, 0
        if after is None:
            return None
        track.side = after
        if before is None or before == after:
            return None
        return Crossing(ball, line_x_px, after)

    def _forget(self, seen: set[int], width_px: int) -> None:
        kept = []
        for index, track in enumerate(self._tracks):
            if index not in seen:
                track.missed += 1
                x, reach = track.ball.centre_xy_px[0], track.ball.diameter_px
                if track.missed > self.memory_frames or x < reach or x > width_px - reach:
                    continue
            kept.append(track)
        self._tracks = kept
