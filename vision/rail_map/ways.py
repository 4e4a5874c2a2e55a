"""The way each frame of one camera covers: from where to where, in rows, by counts or by numbers.

What the encoder says goes, as long as the pictures do not show that it is dead. Neighbours: `counts`
unwraps, `motion` reads pictures, `layout` makes places of ways.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from vision.rail_map.counts import check_wrap, nearest, unwrap, usual_step
from vision.rail_map.frames import FrameFacts
from vision.rail_map.motion import stood_still, turn_row
from vision.rail_map.types import ScanCamera, ScanGeometry

#: A frame that covers less than this share of the way of a usual one stands.
_STANDING = 0.02
#: Counts that go on by so many usual frames while the number goes on by one: frames are missing between.
_JUMP = 1.8


@dataclass(frozen=True, slots=True)
class Origin:
    """Where counting begins: the first camera's first number and count, its usual step, the way's sign."""

    number: int
    count: int | None
    step: float = 0.0
    sign: float = 1.0


@dataclass(frozen=True, slots=True)
class RowScale:
    """What turns counts into map rows; `rows_per_count` carries the sign of the way the rail came.

    `usual_rows`: rows of a usual frame. `usual`: map rows that one row of a usual frame is worth.
    """

    rows_per_count: float
    usual_rows: int
    usual: float


@dataclass(frozen=True, slots=True)
class Way:
    """A frame begins at `first` and ends at `last`, rows from the origin; `by_rows` as in `PlacedFrame`."""

    first: float
    last: float
    by_rows: bool = False


def row_height_mm(geometry: ScanGeometry) -> float | None:
    """Height of a map row, None without a scale."""
    return geometry.row_mm if geometry.row_mm is not None else geometry.cameras[0].mm_per_px


def find_origin(frames: Sequence[FrameFacts], geometry: ScanGeometry) -> Origin:
    """Of the first camera's frames; the rail came the way on which it got furthest from its start."""
    bits = geometry.count_bits
    counted = [
        (facts.first_count, facts.number, span or 0)
        for facts, span in zip(frames, _spans(frames, bits), strict=True)
        if facts.first_count is not None
    ]
    if not counted:
        return Origin(frames[0].number, None)
    counts, numbers, spans = (list(column) for column in zip(*counted, strict=True))
    way = unwrap(counts, numbers, bits)
    furthest = max((count + span - way[0] for count, span in zip(way, spans, strict=True)), key=abs)
    return Origin(numbers[0], way[0], usual_step(counts, numbers, bits), -1.0 if furthest < 0 else 1.0)


def find_scale(
    frames: Sequence[FrameFacts], geometry: ScanGeometry, camera: ScanCamera, sign: float
) -> RowScale:
    """What a count and a row of one camera are worth.

    Raises:
        ConfigError: the encoder wraps within a frame.
    """
    heights = [facts.rows for facts in frames if facts.rows]
    rows = round(median(heights)) if heights else 1
    row_mm = row_height_mm(geometry)
    square = camera.mm_per_px / row_mm if camera.mm_per_px is not None and row_mm is not None else 1.0
    spans = [
        abs(span) / facts.rows
        for facts, span in zip(frames, _spans(frames, geometry.count_bits), strict=True)
        if span and facts.rows
    ]
    counts_per_row = float(median(spans)) if spans else 0.0
    if geometry.counts_per_mm is None or row_mm is None:
        return RowScale(sign * square / counts_per_row if counts_per_row else sign, rows, square)
    where = f"camera '{camera.name}'"
    check_wrap(rows * square * row_mm * geometry.counts_per_mm, geometry.count_bits, where)
    rows_per_count = 1.0 / (geometry.counts_per_mm * row_mm)
    usual = counts_per_row * rows_per_count if counts_per_row else square
    return RowScale(sign * rows_per_count, rows, usual)


def ways_by_number(frames: Sequence[FrameFacts], scale: RowScale, origin: Origin) -> list[Way]:
    """Frames one behind the other, those that are missing as long as a usual one."""
    ways: list[Way] = []
    number, last = origin.number - 1, 0.0
    for facts in frames:
        first = last + (facts.number - number - 1) * scale.usual_rows * scale.usual
        number, last = facts.number, first + _usual(facts, scale)
        ways.append(Way(first, last))
    return ways


def ways_by_count(
    frames: Sequence[FrameFacts], scale: RowScale, origin: Origin, bits: int
) -> tuple[list[Way], list[int]]:
    """Frames where the encoder says; where it says nothing they go on as usual.

    Returns:
        (ways, numbers of the frames whose pictures show motion while the counts stood).
    """
    counted = [(facts.number, facts.first_count) for facts in frames if facts.first_count is not None]
    numbers, counts = [number for number, _ in counted], [count for _, count in counted]
    assert origin.count is not None
    near = origin.count + origin.step * (numbers[0] - origin.number)
    begins = dict(zip(numbers, unwrap(counts, numbers, bits, near), strict=True))
    spans = _spans(frames, bits)
    ways: list[Way] = []
    dead: list[int] = []
    shift = 0.0
    # Frames before the first count lie before it.
    first = (begins[numbers[0]] - origin.count) * scale.rows_per_count
    goes_on = first - (numbers[0] - frames[0].number) * scale.usual_rows * scale.usual
    for k, facts in enumerate(frames):
        usual = _usual(facts, scale)
        if k:
            goes_on = (
                ways[-1].last + (facts.number - frames[k - 1].number - 1) * scale.usual_rows * scale.usual
            )
        if facts.number not in begins:
            ways.append(Way(goes_on, goes_on + usual, by_rows=True))
            continue
        first = (begins[facts.number] - origin.count) * scale.rows_per_count
        # An encoder that stood, and then is that much ahead of the frames, has caught up.
        if shift and first + shift - goes_on > (_JUMP - 1.0) * usual:
            shift = max(0.0, goes_on - first)
        first += shift
        way = _way(frames, spans, k, scale, ways)
        if abs(way) < _STANDING * usual and not _stood(frames, k):
            dead.append(facts.number)
            shift += usual - way
            ways.append(Way(first, first + usual, by_rows=True))
        else:
            ways.append(Way(first, first + way))
    return ways, dead


def _usual(facts: FrameFacts, scale: RowScale) -> float:
    """Map rows of a frame at the usual pace."""
    return (facts.rows or scale.usual_rows) * scale.usual


def _spans(frames: Sequence[FrameFacts], bits: int) -> list[int | None]:
    """Counts that each frame covers, as far as the table says; None where it does not."""
    spans: list[int | None] = []
    for k, facts in enumerate(frames):
        end = facts.last_count
        if end is None and k + 1 < len(frames) and frames[k + 1].number == facts.number + 1:
            end = frames[k + 1].first_count
        if end is None or facts.first_count is None:
            spans.append(None)
        else:
            spans.append(nearest(end - facts.first_count, 0.0, bits))
    return spans


def _way(
    frames: Sequence[FrameFacts], spans: Sequence[int | None], k: int, scale: RowScale, ways: Sequence[Way]
) -> float:
    """Rows that a counted frame covers, below 0 on the way back."""
    usual = _usual(frames[k], scale)
    span = spans[k]
    if span is not None:
        way = span * scale.rows_per_count
        if frames[k].last_count is None and abs(way) > _JUMP * usual:
            return math.copysign(usual, way)
        return way
    before = spans[k - 1] if k else None
    if before is not None and k + 1 == len(frames) and frames[k].number == frames[k - 1].number + 1:
        # The last frame goes on at the pace of the one before it.
        pace = before * scale.rows_per_count / _usual(frames[k - 1], scale)
        return usual * max(-1.0, min(1.0, pace))
    moved = [way.last - way.first for way in ways if way.last != way.first]
    return math.copysign(usual, moved[-1] if moved else 1.0)


def _stood(frames: Sequence[FrameFacts], k: int) -> bool:
    """Whether the picture, too, says that the rail stood (or went to and fro); without one the count goes."""
    thin = frames[k].thin
    if thin is None or frames[k].fault:
        return True
    before = frames[k - 1].thin if k else None
    return stood_still(thin, before) or turn_row(thin, 0.0) is not None
