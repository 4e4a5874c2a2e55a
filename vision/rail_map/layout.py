"""Frames placed along the rail: counts, or numbers where there are none, become rows of the map.

Row 0 is the first row that any frame shows, and rows rise the way the rail came, whichever way the encoder
counts. A frame that went back is flipped; one that stood shows nothing new; one within which the rail
stopped or turned has parts. Neighbours: `ways` says how far each frame reaches, `assemble` makes strips.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vision.errors import ConfigError
from vision.rail_map.frames import FrameFacts, FramePart, PlacedFrame
from vision.rail_map.motion import stop_rows, turn_row
from vision.rail_map.types import Note, ScanGeometry
from vision.rail_map.ways import (
    Origin,
    RowScale,
    Way,
    find_origin,
    find_scale,
    row_height_mm,
    ways_by_count,
    ways_by_number,
)

#: A map of more rows than this (2 km at 0.5 mm) comes of wild numbers or counts.
MOST_ROWS = 4_000_000
#: Rows and way that differ by more than this share are asked what the rail did meanwhile.
_UNEVEN = 0.05


@dataclass(frozen=True, slots=True)
class Layout:
    """All frames with their places, by camera in the order of their numbers; `rows` of the whole map."""

    rows: int
    frames: dict[str, tuple[PlacedFrame, ...]]
    notes: tuple[Note, ...]


def lay_out(frames: Mapping[str, Sequence[FrameFacts]], geometry: ScanGeometry) -> Layout:
    """Place all frames of a scan.

    Args:
        frames: by camera, in the order of their numbers, each number once; cameras may be left out.
        geometry: of the station.

    Raises:
        ConfigError: there is no frame, the encoder wraps within one, or numbers or counts are wild.
    """
    cameras = [camera for camera in geometry.cameras if frames.get(camera.name)]
    if not cameras:
        raise ConfigError("the scan has no frame", where="scan", todo="check the folder and its table")
    notes: list[Note] = []
    row_mm = row_height_mm(geometry)
    if row_mm is None and any(camera.offset_mm for camera in cameras):
        notes.append(Note(code="offsets_left_out"))
    origin = find_origin(frames[cameras[0].name], geometry)
    if origin.count is None:
        first = min(frames[camera.name][0].number for camera in cameras)
        origin = Origin(first, None)
        if row_mm is not None:
            notes.append(Note(code="no_encoder"))
    placed = {}
    for camera in cameras:
        own = frames[camera.name]
        scale = find_scale(own, geometry, camera, origin.sign)
        ways = _ways(own, scale, origin, geometry.count_bits, notes)
        shift = camera.offset_mm / row_mm if row_mm is not None else 0.0
        placed[camera.name] = tuple(
            _placed(facts, way, scale, shift, before)
            for facts, way, before in zip(own, ways, (None, *ways[:-1]), strict=True)
        )
        notes += _way_notes(camera.name, placed[camera.name])
    return _from_zero(placed, notes)


def _ways(
    frames: Sequence[FrameFacts], scale: RowScale, origin: Origin, bits: int, notes: list[Note]
) -> list[Way]:
    name = frames[0].camera
    if origin.count is None or all(facts.first_count is None for facts in frames):
        if origin.count is not None or any(facts.first_count is not None for facts in frames):
            notes.append(Note(code="camera_without_counts", values={"camera": name}))
        return ways_by_number(frames, scale, Origin(origin.number, None))
    ways, dead = ways_by_count(frames, scale, origin, bits)
    if dead:
        notes.append(_of_frames("encoder_stood_still", name, dead))
    uncounted = [facts.number for facts in frames if facts.first_count is None]
    if uncounted:
        notes.append(_of_frames("frames_without_count", name, uncounted))
    return ways


def _placed(facts: FrameFacts, way: Way, scale: RowScale, shift: float, before: Way | None) -> PlacedFrame:
    rows = facts.rows or scale.usual_rows
    first, last = way.first + shift, way.last + shift
    usual = rows * scale.usual
    net = (last - first) / usual
    parts: tuple[FramePart, ...] = (FramePart(0.0, float(rows), first, last),)
    even = abs(abs(net) - 1.0) <= _UNEVEN
    if not even and abs(net) < 1.0 and facts.thin is not None and not facts.fault:
        forward = before is None or before.last >= before.first
        solved = _parts(facts, first, last, scale.usual, forward=forward)
        # The parts are as good as the rows of other frames, once the picture has told them.
        parts, even = (solved, True) if solved else (parts, False)
    return PlacedFrame(
        facts.camera, facts.number, facts.file, rows, parts, facts.fault, by_rows=way.by_rows, even=even
    )


def _parts(
    facts: FrameFacts, first: float, last: float, usual: float, *, forward: bool
) -> tuple[FramePart, ...]:
    """The parts of a frame within which the rail turned or stopped; () where its picture shows neither."""
    assert facts.thin is not None
    rows, end = facts.rows, float(facts.rows)
    net = (last - first) / (rows * usual)
    # Where the frame before turned, too, its counts may hide which way it went in the end.
    for sign in (1.0, -1.0) if forward else (-1.0, 1.0):
        turn = turn_row(facts.thin, sign * net)
        if turn is None:
            continue
        furthest = first + sign * turn * usual
        return (
            FramePart(0.0, float(turn), first, furthest),
            FramePart(float(turn), end, furthest, furthest - sign * (rows - turn) * usual),
        )
    stop = stop_rows(facts.thin, abs(net)) if net else None
    if stop is None:
        return ()
    begin, behind = stop
    at = first + (last - first) * begin / (rows - (behind - begin))
    parts = (
        FramePart(0.0, float(begin), first, at),
        FramePart(float(begin), float(behind), at, at),
        FramePart(float(behind), end, at, last),
    )
    return tuple(part for part in parts if part.last_y > part.first_y)


def _from_zero(placed: dict[str, tuple[PlacedFrame, ...]], notes: list[Note]) -> Layout:
    """Rows counted from the first one that any frame shows."""
    every = [frame for frames in placed.values() for frame in frames]
    first = math.floor(min(frame.first_row for frame in every) + 0.5)
    rows = max(1, math.floor(max(frame.last_row for frame in every) + 0.5) - first)
    if rows > MOST_ROWS:
        raise ConfigError(
            f"the frames reach over {rows} rows, more than the {MOST_ROWS} that a map may have",
            where="scan",
            todo="check the frame numbers, the encoder counts and counts_per_mm",
        )
    moved = {name: tuple(_moved(frame, -first) for frame in frames) for name, frames in placed.items()}
    return Layout(rows, moved, tuple(notes))


def _moved(frame: PlacedFrame, by: float) -> PlacedFrame:
    parts = tuple(
        replace(part, first_row=part.first_row + by, last_row=part.last_row + by) for part in frame.parts
    )
    return replace(frame, parts=parts)


def _way_notes(name: str, frames: Sequence[PlacedFrame]) -> list[Note]:
    """What was odd about the conveyor."""
    back = [f.frame_number for f in frames if any(p.last_row < p.first_row for p in f.parts)]
    stood = [f.frame_number for f in frames if any(p.last_row == p.first_row for p in f.parts)]
    uneven = [f.frame_number for f in frames if not f.even and f.first_row < f.last_row]
    said = (("went_back", back), ("stood", stood), ("uneven", uneven))
    return [_of_frames(code, name, numbers) for code, numbers in said if numbers]


def _of_frames(code: str, camera: str, numbers: Sequence[int]) -> Note:
    return Note(code=code, values={"camera": camera, "frames": number_ranges(numbers)})


def number_ranges(numbers: Sequence[int]) -> str:
    """Rising numbers in short: '3-5, 9'."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
