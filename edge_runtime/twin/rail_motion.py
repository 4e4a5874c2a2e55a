"""How a rail went past the scanner: which of its rows each frame shows, and what the encoder said.

The scanner takes a line every row of travel, so a rail that stands gives no lines; when it turns, the frame
is closed and the next one runs backwards. When the encoder dies the scanner goes on by its own clock, and
all counts are the last one that there was. Neighbours: `rail_scanner` takes the pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edge_runtime.twin.rail_settings import RailFault

#: How far a conveyor that reverses goes back, in frames.
_BACK_SHARE = 0.45


@dataclass(frozen=True, slots=True)
class ScannedFrame:
    """One frame: rows [first_row, first_row + rows) of the rail's pictures, from the last one if `backwards`.

    Attributes:
        number: of the camera.
        first_count, last_count: of the encoder at its first row's near edge and its last row's far edge.
        black: the lamp was off.
        lost: it never came out of the scanner.
        doubled: it stands in the table twice.
    """

    number: int
    first_row: int
    rows: int
    backwards: bool
    first_count: int
    last_count: int
    black: bool = False
    lost: bool = False
    doubled: bool = False

    @property
    def shows(self) -> bool:
        """A picture of it proves something."""
        return not self.black and not self.lost


@dataclass(frozen=True, slots=True)
class Passage:
    """One rail's way past the scanner. `table`: numbers of frames in the order in which they were noted.

    `proven`: the frames' counts tell the truth; False from the frame on at which the encoder died.
    """

    frames: tuple[ScannedFrame, ...]
    table: tuple[int, ...]
    encoder_dead_from: int | None = None

    def proven(self, frame: ScannedFrame) -> bool:
        """The encoder was alive when this frame was taken."""
        return self.encoder_dead_from is None or frame.number < self.encoder_dead_from


def pass_rail(
    rows: int,
    frame_rows: int,
    counts_per_row: float,
    modulus: int,
    faults: tuple[RailFault, ...],
    rng: np.random.Generator,
) -> Passage:
    """Move one rail past the scanner.

    Args:
        rows: of all its pictures, dark ends included.
        frame_rows: rows of a whole frame.
        counts_per_row: of the encoder.
        modulus: of the encoder's count.
        faults: that happen on the way, each at a place of its own.
        rng: of their places, and of the count at the start.
    """
    start = int(rng.integers(modulus))
    middle = _places(rows, frame_rows, faults, rng)
    frames: list[ScannedFrame] = []
    for first, last in _moves(rows, frame_rows, middle):
        frames += _frames(first, last, frame_rows, len(frames))
    frames = [_counted(frame, start, counts_per_row, modulus) for frame in frames]
    dead_from = None
    for fault, row in middle.items():
        at = _frame_at(frames, row)
        if fault is RailFault.FRAMES_LOST:
            frames[at] = replace(frames[at], lost=True)
        elif fault is RailFault.FRAMES_DOUBLED:
            frames[at] = replace(frames[at], doubled=True)
        elif fault is RailFault.BLACK_FRAME:
            frames[at] = replace(frames[at], black=True)
        elif fault is RailFault.ENCODER_STOP:
            dead_from = frames[at].number
    if dead_from is not None:
        stuck = frames[dead_from].first_count
        frames[dead_from:] = [
            replace(frame, first_count=stuck, last_count=stuck) for frame in frames[dead_from:]
        ]
    table = [frame.number for frame in frames if not frame.lost]
    if RailFault.FRAMES_OUT_OF_ORDER in middle:
        at = table.index(next(number for number in table[1:-1]))
        table[at], table[at + 1] = table[at + 1], table[at]
    return Passage(tuple(frames), tuple(table), dead_from)


def unseen_rows(passage: Passage, first_row: int, last_row: int) -> int:
    """Rows in [first_row, last_row) that no picture with a known place shows."""
    seen = np.zeros(last_row, bool)
    for frame in passage.frames:
        if frame.shows and passage.proven(frame):
            seen[frame.first_row : frame.first_row + frame.rows] = True
    return int(np.count_nonzero(~seen[first_row:last_row]))


def _places(
    rows: int, frame_rows: int, faults: tuple[RailFault, ...], rng: np.random.Generator
) -> dict[RailFault, int]:
    """A row for each fault, in the middle of the rail; a dead encoder comes last, or it would hide others."""
    order = sorted(faults, key=lambda fault: (fault is RailFault.ENCODER_STOP, rng.random()))
    first, last = frame_rows, rows - frame_rows
    step = (last - first) / max(len(order), 1)
    return {
        fault: int(first + step * (index + 0.3 + 0.4 * rng.random())) for index, fault in enumerate(order)
    }


def _moves(rows: int, frame_rows: int, middle: dict[RailFault, int]) -> list[tuple[int, int]]:
    """Stretches travelled in one go, (from, to) rows; backwards where `to` is below `from`."""
    turns: dict[int, int] = {}
    if RailFault.CONVEYOR_STOP in middle:
        turns[middle[RailFault.CONVEYOR_STOP]] = 0
    if RailFault.CONVEYOR_REVERSE in middle:
        turns[middle[RailFault.CONVEYOR_REVERSE]] = round(_BACK_SHARE * frame_rows)
    moves, at = [], 0
    for row, back in sorted(turns.items()):
        moves.append((at, row))
        if back:
            moves.append((row, row - back))
        at = row - back
    return [*moves, (at, rows)]


def _frames(first: int, last: int, frame_rows: int, number: int) -> list[ScannedFrame]:
    """Frames of one stretch; counts come later."""
    found: list[ScannedFrame] = []
    way = abs(last - first)
    for done in range(0, way, frame_rows):
        rows = min(frame_rows, way - done)
        at = first + done if last > first else first - done - rows
        found.append(ScannedFrame(number + len(found), at, rows, last < first, 0, 0))
    return found


def _counted(frame: ScannedFrame, start: int, counts_per_row: float, modulus: int) -> ScannedFrame:
    """With the encoder's counts at both edges."""
    near, far = frame.first_row, frame.first_row + frame.rows
    if frame.backwards:
        near, far = far, near
    counts = [(start + round(row * counts_per_row)) % modulus for row in (near, far)]
    return replace(frame, first_count=counts[0], last_count=counts[1])


def _frame_at(frames: list[ScannedFrame], row: int) -> int:
    """Index of the last frame that shows a row."""
    return max(
        index for index, frame in enumerate(frames) if frame.first_row <= row < frame.first_row + frame.rows
    )
