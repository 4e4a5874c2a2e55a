"""One scan of one rail: its frames as files, decoded one at a time when the mapper asks for them.

Neighbours: `scan_files` reads scans from folders, `map_run` maps them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.images import read_image
from vision.errors import ImageError
from vision.rail_map.types import ScanFrame, ScanGeometry
from vision.yard.types import Section

#: A camera that nothing names.
ONE_CAMERA = "top"


@dataclass(frozen=True, slots=True)
class ScanEntry:
    """One frame that the scan claims; `path` None: it has no picture (`why` says so)."""

    camera: str
    frame_number: int
    first_count: int | None
    last_count: int | None
    file: str
    path: Path | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Scan:
    """The pictures of one rail.

    Attributes:
        rail: its name, fit for a folder's.
        folder: where it was read from.
        geometry: cameras and scale.
        entries: by camera in the geometry's order, numbers rising; a number may stand twice.
        section: as typed in the scan's sheet.
        notes: what was odd, in words.
    """

    rail: str
    folder: Path
    geometry: ScanGeometry
    entries: tuple[ScanEntry, ...]
    section: Section | None = None
    notes: tuple[str, ...] = ()

    def frames(self, problems: list[str] | None = None) -> Iterator[ScanFrame]:
        """The frames with their pictures, each decoded when it is asked for.

        Args:
            problems: gets a sentence for each picture that is not there or cannot be read.

        Yields:
            Every entry; `image` is None where there is no readable picture.
        """
        for entry in self.entries:
            image = None
            why = f"frame {entry.frame_number} of camera {entry.camera} is missing: {entry.why}"
            if entry.path is not None:
                try:
                    image = read_image(entry.path).image
                except ImageError as error:
                    why = f"{entry.file}: {error.what}"
            if image is None and problems is not None:
                problems.append(why)
            yield ScanFrame(
                entry.camera, entry.frame_number, entry.first_count, entry.last_count, entry.file, image
            )
