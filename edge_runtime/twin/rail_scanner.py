"""The twin's scanner: takes a rail's pictures and hands them over as a finished scan folder.

What it writes is what any scanner may write: pictures, `scan.csv`, and at last `scan.done`; the folder gets
its name when it is whole. What is true about the rail goes into a folder of its own that no station sees.
Neighbours: `rail_motion` says what each frame shows, `datasets.synthetic.rails` draws the rail.
"""

from __future__ import annotations

import csv
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict

from datasets.synthetic.rails.rail import RailView, WholeRail, render_rail
from datasets.synthetic.rails.rail_set import RailTruth, rail_truth
from edge_runtime.twin.rail_motion import Passage, ScannedFrame, pass_rail, unseen_rows
from edge_runtime.twin.rail_settings import SIDE, SIDE_OFFSET_MM, TOP, RailFault, RailTwinSettings
from edge_runtime.whole_file import whole_file
from vision.errors import CameraError
from vision.types import UInt8Array

TABLE, MARKER = "scan.csv", "scan.done"
_COLUMNS = ("camera", "frame_number", "first_count", "last_count", "file")
_WHITEN = 1
"""PNG level: noise packs no better at more, and it takes four times as long."""


class TwinRailTruth(BaseModel):
    """What is true about one rail that went past, and what befell it. `unseen_m`: of the top camera."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rail: RailTruth
    mm_per_px: float
    counts_per_mm: float
    faults: tuple[RailFault, ...]
    frames: int
    unseen_m: float


@dataclass(frozen=True, slots=True)
class DrawnRail:
    """One rail, ready to go past the scanner; `side` None: there is no such camera."""

    name: str
    number: int
    top: WholeRail
    side: WholeRail | None


def rail_name(settings: RailTwinSettings, number: int) -> str:
    """Of one rail; numbers count from 0."""
    return f"rail-{settings.seed}-{number + 1:04d}"


def draw_rail(settings: RailTwinSettings, number: int) -> DrawnRail:
    """Draw one rail; takes about a second per metre."""
    top = render_rail(settings.seed, settings.rail_settings(), number)
    side = render_rail(settings.seed + 1, settings.side_settings(), number) if settings.side_camera else None
    return DrawnRail(rail_name(settings, number), number, top, side)


def scan_rail(
    settings: RailTwinSettings, rail: DrawnRail, pace_s: float, stop: threading.Event
) -> TwinRailTruth:
    """Let one rail go past; its folder appears in `settings.out`, its truth in `settings.truth`.

    Args:
        settings: of the twin.
        rail: that goes past.
        pace_s: seconds that a frame takes; 0: none.
        stop: ends it early; then nothing appears.

    Raises:
        CameraError: the folder cannot be written.
        InterruptedError: `stop` was set.
    """
    faults = settings.faults_of(rail.number)
    rng = np.random.default_rng((settings.seed, 5, rail.number))
    passage = pass_rail(
        rail.top.settings.rows,
        settings.frame_rows,
        settings.mm_per_px * settings.counts_per_mm,
        2**settings.count_bits,
        faults,
        rng,
    )
    truth = _truth(settings, rail, passage, faults)
    part = settings.out / f"{rail.name}.part"
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        _take_pictures(part, rail, passage, pace_s, stop)
        _write_table(part / TABLE, passage, cameras=(TOP, SIDE) if rail.side is not None else (TOP,))
        (part / MARKER).touch()
        settings.truth.mkdir(parents=True, exist_ok=True)
        with whole_file(settings.truth / f"{rail.name}.json") as file:
            file.write_text(truth.model_dump_json(indent=1) + "\n", encoding="utf-8")
        part.rename(settings.out / rail.name)
    except InterruptedError:
        shutil.rmtree(part, ignore_errors=True)
        raise
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise CameraError(
            f"the twin's scan cannot be written: {error.strerror or error}",
            where=str(part),
            todo="make room on the disk, or give another --out",
        ) from error
    return truth


def _take_pictures(
    part: Path, rail: DrawnRail, passage: Passage, pace_s: float, stop: threading.Event
) -> None:
    for frame in passage.frames:
        if stop.wait(pace_s):
            raise InterruptedError
        if frame.lost:
            continue
        _write(part / _file(TOP, frame), _picture(rail.top, frame, 0))
        if rail.side is not None:
            # It looks ahead, and its rail is drawn with so many more rows before the first one.
            scale = rail.side.settings.mm_per_px
            ahead = rail.side.settings.start_row - rail.top.settings.start_row + round(SIDE_OFFSET_MM / scale)
            _write(part / _file(SIDE, frame), _picture(rail.side, frame, ahead))


def _picture(rail: WholeRail, frame: ScannedFrame, ahead_rows: int) -> UInt8Array:
    """(rows, width) uint8 as the camera gives it: the first row it took is on top."""
    if frame.black:
        return np.zeros((frame.rows, rail.settings.frame_width_px), np.uint8)
    image = rail.frame(RailView(frame.number, frame.first_row + ahead_rows, frame.rows))
    return np.ascontiguousarray(image[::-1]) if frame.backwards else image


def _write(path: Path, image: UInt8Array) -> None:
    done, packed = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, _WHITEN])
    if not done:
        raise OSError(f"{path.name} cannot be packed as PNG")
    path.write_bytes(packed.tobytes())


def _file(camera: str, frame: ScannedFrame) -> str:
    return f"{camera}_{frame.number:04d}.png"


def _write_table(path: Path, passage: Passage, cameras: tuple[str, ...]) -> None:
    by_number = {frame.number: frame for frame in passage.frames}
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(_COLUMNS)
        for number in passage.table:
            frame = by_number[number]
            for camera in cameras:
                row = (camera, number, frame.first_count, frame.last_count, _file(camera, frame))
                for _ in range(2 if frame.doubled else 1):
                    table.writerow(row)


def _truth(
    settings: RailTwinSettings, rail: DrawnRail, passage: Passage, faults: tuple[RailFault, ...]
) -> TwinRailTruth:
    drawn = rail.top.settings
    first, last = drawn.start_row, drawn.start_row + drawn.rail_rows
    return TwinRailTruth(
        rail=rail_truth(rail.top).model_copy(update={"id": rail.name}),
        mm_per_px=settings.mm_per_px,
        counts_per_mm=settings.counts_per_mm,
        faults=faults,
        frames=len(passage.frames),
        unseen_m=round(unseen_rows(passage, first, last) * settings.mm_per_px / 1000.0, 4),
    )
