"""Stretches that no healthy picture covers, each with its cause and the frames that would show it.

Neighbours: `assemble` says which rows a strip shows, `ends` which of them show a head; `map` puts the
stretches into the map.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from vision.rail_map.assemble import Mask
from vision.rail_map.frames import PlacedFrame
from vision.rail_map.layout import number_ranges
from vision.rail_map.types import Note, Unseen, UnseenCause

Kinds = npt.NDArray[np.int8]

#: The kinds of rows, by what is told last first: a later one overrules an earlier.
_SEEN, _MISSING, _UNHEALTHY, _HEADLESS, _NO_ENCODER, _OUT_OF_VIEW = range(6)
_CAUSES: dict[int, UnseenCause] = {
    _MISSING: "missing_frame",
    _UNHEALTHY: "unhealthy_frame",
    _HEADLESS: "unhealthy_frame",
    _NO_ENCODER: "no_encoder",
    _OUT_OF_VIEW: "out_of_view",
}
#: Faults told of one stretch; a scan of a thousand black frames has one cause, not a thousand.
_MOST_FAULTS = 3


def find_unseen(
    camera: str,
    frames: Sequence[PlacedFrame],
    seen: Mask,
    blind: Mask | None,
    rail: tuple[int, int],
    position_m: Callable[[float], float | None],
) -> list[Unseen]:
    """Stretches of one camera that prove nothing, along the rail.

    Args:
        camera: its name.
        frames: placed, in the order of their numbers, with what the strip shows of each.
        seen: (rows,) that a healthy frame shows.
        blind: (rows,) seen, but without a head that could be searched; None: nobody looked for one.
        rail: rows [first, last) in which a rail is, or may be.
        position_m: metres of a row.
    """
    kinds = _kinds(frames, seen, blind)
    kinds[: rail[0]] = _SEEN
    kinds[rail[1] :] = _SEEN
    edges = [0, *(np.flatnonzero(np.diff(kinds)) + 1).tolist(), len(kinds)]
    found = []
    for first, last in pairwise(edges):
        kind = int(kinds[first])
        if kind == _SEEN or last <= first:
            continue
        numbers, detail = _story(kind, frames, first, last)
        found.append(
            Unseen(
                camera=camera,
                first_row=first,
                last_row=last,
                start_m=position_m(first),
                end_m=position_m(last),
                cause=_CAUSES[kind],
                frames=numbers,
                detail=detail,
            )
        )
    return found


def _kinds(frames: Sequence[PlacedFrame], seen: Mask, blind: Mask | None) -> Kinds:
    kinds = np.where(seen, _SEEN, _MISSING).astype(np.int8)
    for frame in frames:
        rows = slice(max(0, round(frame.first_row)), max(0, round(frame.last_row)))
        if frame.fault:
            kinds[rows][kinds[rows] == _MISSING] = _UNHEALTHY
        elif frame.by_rows:
            for first, last in frame.shown:
                kinds[first:last] = _NO_ENCODER
    if blind is not None:
        kinds[blind] = _HEADLESS
    first = max(0, round(min(frame.first_row for frame in frames)))
    last = round(max(frame.last_row for frame in frames))
    kinds[:first] = _OUT_OF_VIEW
    kinds[last:] = _OUT_OF_VIEW
    return kinds


def _story(kind: int, frames: Sequence[PlacedFrame], first: int, last: int) -> tuple[str, tuple[Note, ...]]:
    """(frame numbers, what happened) of one stretch."""
    if kind == _OUT_OF_VIEW:
        return "", (Note(code="camera_elsewhere"),)
    if kind == _MISSING:
        return _missing(frames, first, last)
    there = [frame for frame in frames if frame.first_row < last and frame.last_row > first]
    if kind == _UNHEALTHY:
        there = [frame for frame in there if frame.fault]
        faults = list(dict.fromkeys(frame.fault for frame in there if frame.fault))
        if len(faults) > _MOST_FAULTS:
            more = Note(code="and_more", values={"count": len(faults) - _MOST_FAULTS})
            faults = [*faults[:_MOST_FAULTS], more]
        return number_ranges([frame.frame_number for frame in there]), tuple(faults)
    numbers = number_ranges([frame.frame_number for frame in there if not frame.fault])
    return numbers, (Note(code="no_head" if kind == _HEADLESS else "place_not_proven"),)


def _missing(frames: Sequence[PlacedFrame], first: int, last: int) -> tuple[str, tuple[Note, ...]]:
    """Numbers that are not there, between the frames on either side of a stretch."""
    before = [frame for frame in frames if frame.first_row < first]
    behind = [frame for frame in frames if frame.last_row > last]
    if not before or not behind:
        return "", (Note(code="no_frame"),)
    one = max(before, key=lambda frame: (round(frame.last_row), frame.frame_number)).frame_number
    other = min(behind, key=lambda frame: (round(frame.first_row), frame.frame_number)).frame_number
    low, high = sorted((one, other))
    if high - low < 2:
        return "", (Note(code="encoder_jumped", values={"first": low, "last": high}),)
    known = {frame.frame_number for frame in frames}
    numbers = [number for number in range(low + 1, high) if number not in known][:10_000]
    return number_ranges(numbers), ()
