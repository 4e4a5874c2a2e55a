"""Frames without their pictures, and frames with their place on the rail.

Neighbours: `map` makes facts of pictures, `layout` places them, `assemble` copies their rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from vision.rail_map.types import Note
from vision.types import Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class FrameFacts:
    """A frame without its picture.

    `rows`: of the picture, 0 where there is none. `fault`: why it proves nothing, None for a healthy one.
    `thin`: of `motion.thin`, None where there is no picture.
    """

    camera: str
    number: int
    first_count: int | None
    last_count: int | None
    file: str
    rows: int
    fault: Note | None = None
    thin: Float32Array | None = None


@dataclass(frozen=True, slots=True)
class FramePart:
    """Rows of a picture from `first_y` to `last_y` lie from map row `first_row` to `last_row`, evenly.

    Map rows may fall (the rail went back) or stay (it stood).
    """

    first_y: float
    last_y: float
    first_row: float
    last_row: float


@dataclass(frozen=True, slots=True)
class PlacedFrame:
    """A frame with its place.

    `by_rows`: its place rests on its number and rows, not on the encoder that the others have. `even`: its
    rows agree with its way; such frames go before others. `shown`: map rows [from, to) of the strip that
    are its pixels.
    """

    camera: str
    frame_number: int
    file: str
    rows: int
    parts: tuple[FramePart, ...]
    fault: Note | None = None
    by_rows: bool = False
    even: bool = True
    shown: tuple[tuple[int, int], ...] = ()

    @property
    def first_row(self) -> float:
        """The least map row that it reaches."""
        return min(min(part.first_row, part.last_row) for part in self.parts)

    @property
    def last_row(self) -> float:
        """The map row at which it ends; `first_row` where the rail stood."""
        return max(max(part.first_row, part.last_row) for part in self.parts)

    @property
    def flipped(self) -> bool:
        """The rail went back, so that the picture's first row lies behind its last."""
        return self.parts[0].first_row > self.parts[-1].last_row

    def to_map(self, y_px: float) -> float:
        """Map row of a row (edge) of the picture, 0..rows."""
        part = next((part for part in self.parts if y_px <= part.last_y), self.parts[-1])
        share = (y_px - part.first_y) / max(1e-9, part.last_y - part.first_y)
        return part.first_row + share * (part.last_row - part.first_row)

    def to_frame(self, row: float) -> float | None:
        """Row of the picture that lies at a map row; None where it does not reach."""
        for part in self.parts:
            low, high = sorted((part.first_row, part.last_row))
            if low <= row <= high and low < high:
                share = (row - part.first_row) / (part.last_row - part.first_row)
                return part.first_y + share * (part.last_y - part.first_y)
        return None
