"""One scan of one rail: its frames as files, decoded one at a time when the mapper asks for them.

Neighbours: `scan_files` reads scans from folders, `map_run` maps them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.images import read_image
from vision.errors import ImageError
from vision.rail_map.types import Note, ScanFrame, ScanGeometry
from vision.yard.types import Section

#: A camera that nothing names.
ONE_CAMERA = "top"
#: A rail's name becomes a folder's.
RAIL_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"


@dataclass(frozen=True, slots=True)
class ScanEntry:
    """One frame that the scan claims; `path` None: it has no picture (`file` '': none is named)."""

    camera: str
    frame_number: int
    first_count: int | None
    last_count: int | None
    file: str
    path: Path | None


@dataclass(frozen=True, slots=True)
class Scan:
    """The pictures of one rail.

    Attributes:
        rail: its name, fit for a folder's.
        folder: where it was read from.
        geometry: cameras and scale.
        entries: by camera in the geometry's order, numbers rising; a number may stand twice.
        section: as typed in the scan's sheet.
        notes: what was odd.
    """

    rail: str
    folder: Path
    geometry: ScanGeometry
    entries: tuple[ScanEntry, ...]
    section: Section | None = None
    notes: tuple[Note, ...] = ()

    def frames(self, problems: list[Note] | None = None) -> Iterator[ScanFrame]:
        """The frames with their pictures, each decoded when it is asked for.

        Args:
            problems: gets a note for each picture that is not there or cannot be read.

        Yields:
            Every entry; `image` is None where there is no readable picture.
        """
        for entry in self.entries:
            image = None
            why = _not_there(entry)
            if entry.path is not None:
                try:
                    image = read_image(entry.path).image
                except ImageError as error:
                    why = picture_note(entry.file, error)
            if image is None and problems is not None:
                problems.append(why)
            yield ScanFrame(
                entry.camera, entry.frame_number, entry.first_count, entry.last_count, entry.file, image
            )


def _not_there(entry: ScanEntry) -> Note:
    """That a frame has no file."""
    place: dict[str, str | int | float] = {"camera": entry.camera, "frame": entry.frame_number}
    if not entry.file:
        return Note(code="frame_without_file", values=place)
    return Note(code="file_missing", values={**place, "file": entry.file})


def picture_note(file: str, error: ImageError) -> Note:
    """That a picture cannot be used, by what `read_image` found."""
    codes = {"empty": "file_empty", "undecodable": "file_no_picture"}
    return Note(code=codes.get(error.code, "file_unreadable"), values={"file": file})
