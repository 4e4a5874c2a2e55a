"""The words of the rail yard: scan frame, map, strip, finding, stretch that nobody saw.

A **map** is one rail along its length. Its unit is the **row**: one line of the strip pictures, all cameras
alike, counted from 0 where the first frame begins. With a scale (`row_mm`) a row has a place in metres from
the rail's start; without one every figure in mm or m is None and rows and frames are all there is.
Neighbours: `layout` places frames, `assemble` makes strips, `search` finds, `join` makes one finding of what
several cameras saw, `vision.yard` grades. All are frozen, and go to JSON and back by pydantic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from vision.types import UInt8Array

Element = Literal["head", "web", "foot"]
UnseenCause = Literal["missing_frame", "unhealthy_frame", "no_encoder", "out_of_view"]
Row = Annotated[float, Field(ge=0.0)]


class Frozen(BaseModel):
    """Unknown keys and numbers that are none are refused, and nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True, eq=False)
class ScanFrame:
    """One picture of a scan, as a camera gave it.

    Attributes:
        camera: name in the scan's table.
        frame_number: of that camera, rising; numbers that are not there are missing frames.
        first_count, last_count: encoder counts at the upper edge of the first row and at the lower edge of
            the last one, with the encoder's wrap; None where there is no encoder. `last_count` None: the
            next frame's `first_count`.
        file: name for messages and findings.
        image: (H, W) mono8 or (H, W, 3) bgr8, rows across the rail; None: it could not be read.
    """

    camera: str
    frame_number: int
    first_count: int | None
    last_count: int | None
    file: str
    image: UInt8Array | None


class ScanCamera(Frozen):
    """One camera over the rail.

    `mm_per_px`: across the rail. `offset_mm`: how far along the rail it looks ahead of the first camera.
    `inspected`: the detector looks at its pictures; else they are shown to the inspector only.
    """

    name: str
    element: Element = "head"
    mm_per_px: Annotated[float, Field(gt=0.0, le=10.0)] | None = None
    offset_mm: float = 0.0
    inspected: bool = True


class ScanGeometry(Frozen):
    """How counts and rows become millimetres.

    `counts_per_mm`: of the encoder; None: no encoder, or its wheel is not known. `count_bits`: it wraps at
    2 to this power. `row_mm`: height of a strip's row; None: of the first camera's `mm_per_px`, so that the
    strip's pixels are square; without both there is no scale and a frame's rows are taken as they are.
    """

    counts_per_mm: Annotated[float, Field(gt=0.0)] | None = None
    count_bits: Annotated[int, Field(ge=8, le=64)] = 16
    row_mm: Annotated[float, Field(gt=0.0, le=20.0)] | None = None
    cameras: tuple[ScanCamera, ...] = Field(min_length=1)


class Note(Frozen):
    """Something that people are told of a scan: a code of `notes.NOTE_CODES`, and what fills its words.

    A plain text, as older versions kept it, is read as the note `text`.
    """

    code: str
    values: dict[str, str | int | float] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: Any) -> Any:
        return {"code": "text", "values": {"text": data}} if isinstance(data, str) else data

    def __hash__(self) -> int:
        return hash((self.code, *sorted(self.values)))


class LeftOut(Frozen):
    """A frame that is not in the strip, by its file, and why.

    A plain text `FILE: why`, as older versions kept it, is read, too.
    """

    file: str
    why: Note

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: Any) -> Any:
        if not isinstance(data, str):
            return data
        file, _, why = data.partition(": ")
        return {"file": file, "why": why}


def _notes_of(data: Any) -> Any:
    """Notes of what older versions kept as one text."""
    return ([data] if data else []) if isinstance(data, str) else data


class Unseen(Frozen):
    """A stretch of which a camera has no healthy picture; `frames` are the numbers that would show it.

    `detail`: what happened there, as far as it is known.
    """

    camera: str
    first_row: Row
    last_row: Row
    start_m: float | None
    end_m: float | None
    cause: UnseenCause
    frames: str = ""
    detail: Annotated[tuple[Note, ...], BeforeValidator(_notes_of)] = ()


class MapBox(Frozen):
    """Where one camera's strip shows a finding: pixels of that strip (x across, y = map row), frames."""

    camera: str
    xyxy_px: tuple[float, float, float, float]
    score: Annotated[float, Field(ge=0.0, le=1.0)]
    files: tuple[str, ...]


class MapFinding(Frozen):
    """One mark on the rail, however many tiles, frames and cameras saw it.

    `across_mm` counts from the head's left edge, seen in the direction of rising rows. `id` is `f` and a
    number along the rail, stable within one map.
    """

    id: str
    label: str
    score: Annotated[float, Field(ge=0.0, le=1.0)]
    element: Element
    first_row: Row
    last_row: Row
    start_m: float | None
    end_m: float | None
    length_mm: float | None
    across_mm: float | None
    width_mm: float | None
    boxes: tuple[MapBox, ...] = Field(min_length=1)


class MapCamera(Frozen):
    """One camera's strip: its size, what of it was searched, and frames that were left out and why."""

    name: str
    element: Element
    inspected: bool
    width_px: int
    mm_per_px: float | None
    frames: int
    left_out: tuple[LeftOut, ...] = ()


class RailEnd(Frozen):
    """An end of the rail: its row, and whether a picture shows it or the pictures just stop."""

    row: Row
    seen: bool


class RailMap(Frozen):
    """One rail, laid out and searched.

    `length_m` is None where there is no scale, and a least length (`length_is_least`) where an end was not
    seen. `thresholds` are the scores from which findings of a label were kept. `notes` say what
    was odd about the scan: frames out of order, doubled, an encoder that went back.
    """

    schema_version: Literal[1] = 1
    rail: str
    rows: int
    row_mm: float | None
    start: RailEnd
    end: RailEnd
    length_m: float | None
    length_is_least: bool
    cameras: tuple[MapCamera, ...]
    findings: tuple[MapFinding, ...]
    unseen: tuple[Unseen, ...]
    thresholds: dict[str, float]
    model_sha256: str
    notes: tuple[Note, ...] = ()

    def position_m(self, row: float) -> float | None:
        """Metres from the rail's start, None without a scale."""
        return None if self.row_mm is None else (row - self.start.row) * self.row_mm / 1000.0
