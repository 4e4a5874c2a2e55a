"""Where a camera looks, from balls that pass: a straight line through their places against belt counts.

A ball whose middle was in the eye at count c appears in a picture taken at count n at
`x = (n - c - start) * px_per_count`. Which picture of a ball belongs to which trigger is not known
beforehand: every dark region is paired with every ball that could be there. True pairs lie on one
straight line; false ones lie on lines of their own, smeared by the unequal distances of the balls. The line
with most pictures on it wins, and a rival that explains nearly as many is a refusal, not a choice.
Neighbours: `vision.silhouette` finds the regions, `steps_camera` gathers them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.camera_config import CameraGeometry
from edge_runtime.encoder import MAX_SPAN_COUNTS
from vision.silhouette import find_regions
from vision.types import UInt8Array

Float64Array = npt.NDArray[np.float64]

#: a picture lies on a line when it is this near, px; the final fit keeps what is within four spreads
_ON_LINE_PX = 3.0
_KEEP_SPREADS = 4.0
#: a ball moves at least this share of the picture's width between the two pictures that suggest a line
_STEP_SHARE = 0.08
_EXPOSURES_APART = 4
#: a rival is another line when it puts a ball this far beside the first one's place, in ball diameters
_OTHER_LINE_BALLS = 0.25
_CANDIDATES_MAX = 4000
_U_COUNT = 0.5


@dataclass(frozen=True, slots=True)
class Sighting:
    """A whole dark region in one picture, frame pixels; `count`: endless belt count of the exposure."""

    count: int
    x_px: float
    y_px: float
    diameter_px: float


@dataclass(frozen=True, slots=True)
class Track:
    """The line of one camera and lane; `u_`: standard uncertainties.

    Attributes:
        px_per_count: above 0; direction -1: balls run to smaller x.
        fov_start_counts: counts from the eye to the side of the picture where balls come in.
        lane_y_px, diameter_px: medians over the pictures on the line.
        rms_px, worst_px: how far they lie beside it along x.
        pictures, balls: on the line; explained_share: of all pictures of balls that could be on it.
        rival_share: pictures that the next best other line explains over those of this one.
    """

    px_per_count: float
    u_px_per_count: float
    fov_start_counts: float
    u_fov_start_counts: float
    direction: int
    lane_y_px: float
    diameter_px: float
    rms_px: float
    worst_px: float
    pictures: int
    balls: int
    explained_share: float
    rival_share: float


def sightings(
    picture: UInt8Array, count: int, background: float, diameter_px: float | None
) -> list[Sighting]:
    """Whole balls of one picture.

    Args:
        picture: (H, W) or (H, W, 3).
        count: endless belt count of its exposure.
        background: level of the empty picture.
        diameter_px: about; None: not known yet, half the picture's height is taken.
    """
    expected = diameter_px if diameter_px is not None else picture.shape[0] / 2.0
    found = find_regions(picture, expected, background, shrink=1)
    return [
        Sighting(count, *region.centre_xy_px, (region.width_px + region.height_px) / 2.0)
        for region in found
        if not region.touches_border and region.roughly_round
    ]


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Every sighting with every ball that could be it: travel since the eye, place, which of both."""

    travel: Float64Array
    x_px: Float64Array
    sighting: npt.NDArray[np.int64]
    ball: npt.NDArray[np.int64]


def _pairs(seen: Sequence[Sighting], centres: Sequence[int]) -> _Pairs:
    counts = np.array([item.count for item in seen], float)[:, None]
    travel = counts - np.array(centres, float)[None, :]
    sighting, ball = np.nonzero((travel > 0.0) & (travel < MAX_SPAN_COUNTS))
    x_px = np.array([item.x_px for item in seen])
    return _Pairs(travel[sighting, ball], x_px[sighting], sighting, ball)


def _candidates(seen: Sequence[Sighting], pairs: _Pairs, width_px: int) -> list[tuple[float, float]]:
    """Lines (slope px per count, place at travel 0) through two neighbouring pictures of one ball."""
    order = sorted(range(len(seen)), key=lambda index: seen[index].count)
    by_count: dict[int, list[int]] = {}
    for index in order:
        by_count.setdefault(seen[index].count, []).append(index)
    travels = {
        (int(s), int(b)): float(t) for s, b, t in zip(pairs.sighting, pairs.ball, pairs.travel, strict=True)
    }
    balls = range(int(pairs.ball.max()) + 1) if len(pairs.ball) else range(0)
    found = []
    for first, second in _two_pictures(seen, by_count, _STEP_SHARE * width_px):
        slope = (seen[second].x_px - seen[first].x_px) / (seen[second].count - seen[first].count)
        for ball in balls:
            travel = travels.get((first, ball))
            if travel is not None:
                found.append((slope, seen[first].x_px - slope * travel))
    if len(found) > _CANDIDATES_MAX:
        keep = np.linspace(0, len(found) - 1, _CANDIDATES_MAX).astype(int)
        found = [found[index] for index in keep]
    return found


def _two_pictures(
    seen: Sequence[Sighting], by_count: dict[int, list[int]], least_px: float
) -> Iterator[tuple[int, int]]:
    """Sightings of exposures that follow each other closely and that lie far enough apart to be a step."""
    counts = list(by_count)
    for number, earlier in enumerate(counts):
        for later in counts[number + 1 : number + 1 + _EXPOSURES_APART]:
            for first in by_count[earlier]:
                for second in by_count[later]:
                    if abs(seen[second].x_px - seen[first].x_px) >= least_px:
                        yield first, second


def _on_line(pairs: _Pairs, line: tuple[float, float]) -> npt.NDArray[np.bool_]:
    return np.abs(pairs.x_px - (line[0] * pairs.travel + line[1])) <= _ON_LINE_PX


def fit_track(
    seen: Sequence[Sighting], centres: Sequence[int], width_px: int, ball_counts: float
) -> Track | None:
    """The line that explains the pictures.

    Args:
        seen: whole balls of all pictures of one camera.
        centres: counts at which the lane's balls had their middle in the eye.
        width_px: of the pictures.
        ball_counts: length of a ball, counts.

    Returns:
        The line, or None where there is none at all. Whether it is good enough is the caller's to say.
    """
    if len(seen) < 4 or not centres:
        return None
    pairs = _pairs(seen, centres)
    lines = _candidates(seen, pairs, width_px)
    if not lines:
        return None
    votes = np.array([len(np.unique(pairs.sighting[_on_line(pairs, line)])) for line in lines])
    best = lines[int(votes.argmax())]
    slope, start, keep, u_slope, u_place = _refined(pairs, best)
    if slope == 0.0 or np.count_nonzero(keep) < 4:
        return None
    # How far beside the best line another one puts a ball at the middle of the picture, counts.
    middle = (width_px / 2.0 - start) / slope
    beside = np.array([abs((width_px / 2.0 - line[1]) / line[0] - middle) for line in lines])
    rivals = votes[beside > _OTHER_LINE_BALLS * ball_counts]
    rest = pairs.x_px[keep] - (slope * pairs.travel[keep] + start)
    on = [seen[index] for index in np.unique(pairs.sighting[keep])]
    direction = 1 if slope > 0.0 else -1
    edge_px = 0.0 if direction == 1 else float(width_px)
    return Track(
        px_per_count=abs(slope),
        u_px_per_count=u_slope,
        fov_start_counts=(edge_px - start) / slope,
        u_fov_start_counts=u_place / abs(slope),
        direction=direction,
        lane_y_px=float(np.median([item.y_px for item in on])),
        diameter_px=float(np.median([item.diameter_px for item in on])),
        rms_px=float(np.sqrt((rest**2).mean())),
        worst_px=float(np.abs(rest).max()),
        pictures=len(on),
        balls=len(np.unique(pairs.ball[keep])),
        explained_share=len(on) / _explainable(seen, pairs, (slope, start), centres),
        rival_share=float(rivals.max() / votes.max()) if len(rivals) else 0.0,
    )


def _refined(
    pairs: _Pairs, line: tuple[float, float]
) -> tuple[float, float, npt.NDArray[np.bool_], float, float]:
    """Least squares through what lies on the line, again without what lies far out.

    Returns slope, place at travel 0, what was kept, and the uncertainties of the slope and of the place
    where the line comes into the picture.
    """
    keep = _on_line(pairs, line)
    slope, start = line
    for _ in range(3):
        if np.count_nonzero(keep) < 4:
            break
        slope, start = np.polyfit(pairs.travel[keep], pairs.x_px[keep], 1)
        rest = pairs.x_px - (slope * pairs.travel + start)
        spread = float(np.sqrt((rest[keep] ** 2).mean()))
        keep = np.abs(rest) <= max(_KEEP_SPREADS * spread, 0.5)
    count = int(np.count_nonzero(keep))
    rest = pairs.x_px[keep] - (slope * pairs.travel[keep] + start)
    spread = float(np.sqrt((rest**2).sum() / max(count - 2, 1)))
    middle = pairs.travel[keep] - pairs.travel[keep].mean()
    across = float((middle**2).sum()) or 1.0
    # Pictures of one ball share its own error (place of its middle in the pulse): they count as one.
    balls = max(len(np.unique(pairs.ball[keep])), 1)
    u_slope = spread / across**0.5 * (count / balls) ** 0.5
    reach = abs(-start / slope - float(pairs.travel[keep].mean())) if slope else 0.0
    u_place = float(np.hypot(spread / balls**0.5, u_slope * reach))
    # Counts are whole: where a ball's middle was in the eye is known to about half of one.
    u_place = float(np.hypot(u_place, _U_COUNT * slope))
    return float(slope), float(start), keep, float(u_slope), u_place


def _explainable(
    seen: Sequence[Sighting], pairs: _Pairs, line: tuple[float, float], centres: Sequence[int]
) -> int:
    """Pictures of balls whose trigger lies within what was watched: the rest can be on no line."""
    slope, start = line
    first, last = min(centres), max(centres)
    born = np.array([item.count - (item.x_px - start) / slope for item in seen])
    room = 0.5 * abs((pairs.x_px.max() - pairs.x_px.min()) / slope)
    return max(int(np.count_nonzero((born >= first - room) & (born <= last + room))), 1)


def refusal(
    track: Track | None, min_balls: int, rms_max_px: float, explained_min: float, rival_max: float
) -> str:
    """Key of why a line must not be believed, '' for a good one."""
    if track is None:
        return "track.none"
    if track.rival_share > rival_max:
        return "track.ambiguous"
    if track.balls < min_balls:
        return "track.few"
    if track.rms_px > rms_max_px:
        return "track.crooked"
    if track.explained_share < explained_min:
        return "track.unexplained"
    if track.fov_start_counts < 0.0:
        return "track.before_eye"
    return ""


def predicted_box(
    geometry: CameraGeometry, lane: int, travel: float, diameter_px: float
) -> tuple[float, float, float, float]:
    """Where a ball should be, frame pixels: for the live picture."""
    along = (travel - geometry.fov_start_counts) * geometry.px_per_count
    x_px = along if geometry.direction == 1 else geometry.width_px - along
    y_px, half = geometry.lane_y_px[lane], diameter_px / 2.0
    return x_px - half, y_px - half, x_px + half, y_px + half
