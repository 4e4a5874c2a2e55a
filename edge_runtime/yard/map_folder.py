"""The folder of one mapped rail: whole or not at all, and how it is read again.

| file | what |
|---|---|
| `map.json`, `grade.json` | `vision.rail_map.types.RailMap`, `vision.yard.types.RailGrade` |
| `strips.json` | which picture shows which rows (`StripIndex`) |
| `frames.json` | where each frame lies (`FrameIndex`) |
| `strips/`, `overview/`, `findings/` | pictures: strips of at most 8,192 rows, a small one, findings |
| `findings.csv`, `cut_list.csv` | tables for a spreadsheet |
| `report.html` | all of it for people |

Neighbours: `map_run` fills it, `strip_pictures` draws, `map_tables` and `map_report` write; the page reads.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationError

from edge_runtime.yard.map_report_strip import line_rows
from edge_runtime.yard.strip_pictures import ShownStrip, finding_picture, overview_picture, packed
from vision.errors import ConfigError, FerrogateError
from vision.rail_map.frames import FramePart, PlacedFrame
from vision.rail_map.types import Frozen, MapFinding, Note, RailMap
from vision.yard.types import RailGrade

MAP_FILE, GRADE_FILE, STRIPS_FILE, FRAMES_FILE = "map.json", "grade.json", "strips.json", "frames.json"
FINDINGS_TABLE, CUT_TABLE, REPORT_FILE = "findings.csv", "cut_list.csv", "report.html"
#: Rows of one strip picture; browsers and viewers refuse much taller ones.
PICTURE_ROWS = 8192

_Model = TypeVar("_Model", bound=Frozen)
Progress = Callable[[int, int], None]


class StripPicture(Frozen):
    """One picture of a strip: its file in the folder, and the map rows it shows."""

    file: str
    first_row: int
    rows: int


class FindingPicture(Frozen):
    """What one camera saw of a finding."""

    finding: str
    camera: str
    file: str


class CameraPictures(Frozen):
    """The pictures of one camera.

    `left_px`: strip column (as in `MapBox.xyxy_px`) of the pictures' first column. `frame_left_px`: frame
    column of the strip's first column. `gain`: how many times brighter than the frames they are.
    `overview`: the whole rail, line under line, each cut to where the head lies on it; the lowest strip
    column at the bottom.
    """

    camera: str
    left_px: int
    frame_left_px: int
    width_px: int
    gain: float
    pictures: tuple[StripPicture, ...]
    overview: str
    overview_width_px: int
    overview_height_px: int


class StripIndex(Frozen):
    """`strips.json`."""

    schema_version: Literal[1] = 1
    rows: int
    cameras: tuple[CameraPictures, ...]
    findings: tuple[FindingPicture, ...]


class FrameStretch(Frozen):
    """A stretch of a frame, rows `first_y` to `last_y`, and the map rows at its two edges."""

    first_y: float
    last_y: float
    first_row: float
    last_row: float


class FramePlace(Frozen):
    """Where one frame lies; several stretches where the rail stopped or turned under it.

    `fault`: why it proves nothing, None for a healthy one. `shown`: map rows [from, to) of the strip that are
    its pixels.
    """

    camera: str
    frame_number: int
    file: str
    rows: int
    stretches: tuple[FrameStretch, ...] = Field(min_length=1)
    fault: Annotated[Note | None, BeforeValidator(lambda data: data or None)] = None
    shown: tuple[tuple[int, int], ...] = ()

    def placed(self) -> PlacedFrame:
        """As the mapper has it: its `to_map` and `to_frame` turn rows of the one into rows of the other."""
        parts = tuple(
            FramePart(one.first_y, one.last_y, one.first_row, one.last_row) for one in self.stretches
        )
        return PlacedFrame(
            self.camera, self.frame_number, self.file, self.rows, parts, self.fault, shown=self.shown
        )


def frame_place(frame: PlacedFrame) -> FramePlace:
    """A mapper's frame as it is kept."""
    return FramePlace(
        camera=frame.camera,
        frame_number=frame.frame_number,
        file=frame.file,
        rows=frame.rows,
        stretches=tuple(
            FrameStretch(
                first_y=part.first_y, last_y=part.last_y, first_row=part.first_row, last_row=part.last_row
            )
            for part in frame.parts
        ),
        fault=frame.fault,
        shown=frame.shown,
    )


class FrameIndex(Frozen):
    """`frames.json`."""

    schema_version: Literal[1] = 1
    frames: tuple[FramePlace, ...]


@dataclass(frozen=True, slots=True)
class MapFolder:
    """A folder that was read: its path and what its JSON files say."""

    path: Path
    map: RailMap
    grade: RailGrade
    strips: StripIndex
    frames: tuple[FramePlace, ...]


class MapFolderError(FerrogateError):
    """A map's folder that cannot be written or read (exit code 14)."""

    exit_code = 14


def write_pictures(
    folder: Path, rail_map: RailMap, strips: Mapping[str, ShownStrip], progress: Progress | None = None
) -> StripIndex:
    """Write strips, overviews and findings' pictures, and say what they are.

    Args:
        folder: to write into; must exist.
        rail_map: of the rail.
        strips: by camera name, as the map's cameras.
        progress: told (pictures written, pictures in all).
    """
    pieces = {name: list(range(0, strip.rows, PICTURE_ROWS)) for name, strip in strips.items()}
    total = sum(map(len, pieces.values())) + len(strips) + len(rail_map.findings)
    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    for name in ("strips", "overview", "findings"):
        (folder / name).mkdir()
    cameras = []
    for number, (name, strip) in enumerate(strips.items()):
        pictures = []
        for index, first in enumerate(pieces[name]):
            last = min(strip.rows, first + PICTURE_ROWS)
            file = f"strips/{number}_{index:04d}.png"
            (folder / file).write_bytes(packed(strip.part(first, last), ".png", file))
            pictures.append(StripPicture(file=file, first_row=first, rows=last - first))
            tell()
        overview = f"overview/{number}.jpg"
        drawn = overview_picture(strip, line_rows(rail_map), lambda row: _place(rail_map, row))
        (folder / overview).write_bytes(packed(drawn, ".jpg", overview))
        tell()
        cameras.append(
            CameraPictures(
                camera=name,
                left_px=strip.left_px,
                frame_left_px=strip.strip.left_px,
                width_px=strip.width_px,
                gain=round(strip.gain, 3),
                pictures=tuple(pictures),
                overview=overview,
                overview_width_px=drawn.shape[1],
                overview_height_px=drawn.shape[0],
            )
        )
    found: list[FindingPicture] = []
    for finding in rail_map.findings:
        found += _finding_pictures(folder, finding, strips)
        tell()
    return StripIndex(rows=rail_map.rows, cameras=tuple(cameras), findings=tuple(found))


def _place(rail_map: RailMap, row: int) -> str:
    """Where a row lies, in signs that all languages share."""
    metres = rail_map.position_m(row)
    return f"# {row}" if metres is None else f"{metres:.2f} m"


def _finding_pictures(
    folder: Path, finding: MapFinding, strips: Mapping[str, ShownStrip]
) -> Iterator[FindingPicture]:
    for number, box in enumerate(finding.boxes):
        file = f"findings/{finding.id}_{number}.jpg"
        picture = finding_picture(strips[box.camera], box, finding.label)
        (folder / file).write_bytes(packed(picture, ".jpg", file))
        yield FindingPicture(finding=finding.id, camera=box.camera, file=file)


def write_json(path: Path, what: Frozen) -> None:
    """A model as a JSON file for people and machines."""
    path.write_text(what.model_dump_json(indent=1) + "\n", encoding="utf-8")


@contextmanager
def whole_map(out: Path, *, replace: bool = False) -> Iterator[Path]:
    """Give an empty folder to write into; at the end it takes the place of `out`.

    Args:
        out: must not exist, or be an empty folder.
        replace: it may also be a folder of maps, which is thrown away when the new one is whole.

    Raises:
        MapFolderError: something else is in its place, or it cannot be written.
    """
    check_free(out, replace=replace)
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        part.mkdir(parents=True)
        try:
            yield part
            if out.exists():
                shutil.rmtree(out)
            part.replace(out)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise MapFolderError(
            f"the map cannot be written: {error.strerror or error}",
            where=str(out),
            todo="check the folder, its rights and the disk's space",
        ) from error


def check_free(out: Path, *, replace: bool) -> None:
    """Refuse a place where something is that a map must not take the place of; call it before long work.

    Raises:
        MapFolderError: see `whole_map`.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not out.is_dir() or not map_folders(out):
        raise MapFolderError(
            "something else is there already", where=str(out), todo="name a new folder for --out"
        )
    if not replace:
        raise MapFolderError(
            "a map is there already", where=str(out), todo="name a new folder for --out, or add --replace"
        )


def map_folders(path: Path) -> list[Path]:
    """The maps' folders at a path: itself, or those in it."""
    if (path / MAP_FILE).is_file():
        return [path]
    if not path.is_dir():
        return []
    return sorted(folder for folder in path.iterdir() if (folder / MAP_FILE).is_file())


def read_map(folder: Path) -> MapFolder:
    """Read a map's folder.

    Raises:
        MapFolderError: it is none, or one of its files is missing or broken.
    """
    return MapFolder(
        folder,
        _read(folder / MAP_FILE, RailMap),
        _read(folder / GRADE_FILE, RailGrade),
        _read(folder / STRIPS_FILE, StripIndex),
        _read(folder / FRAMES_FILE, FrameIndex).frames,
    )


def read_maps(paths: Sequence[Path]) -> list[MapFolder]:
    """The maps in folders, each of which is one map's or holds several.

    Raises:
        ConfigError: a path without a map. MapFolderError: a map is broken.
    """
    found: list[MapFolder] = []
    for path in paths:
        folders = map_folders(path)
        if not folders:
            raise ConfigError(
                "there is no map here", where=str(path), todo="name what 'ferrogate rail map --out' wrote"
            )
        found += [read_map(folder) for folder in folders]
    return found


def _read(path: Path, kind: type[_Model]) -> _Model:
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise MapFolderError(
            f"a file of the map cannot be read: {error}", where=str(path), todo="map the scan again"
        ) from error
