"""Rendered rails as scans, with their truth: `rails.json` as `ferrogate data render-rails` writes it.

Own types for the keys that are needed here, so that nothing of the renderer has to be installed.
Neighbours: `scan_files` hands the frames on, `map_truth` compares maps with the marks.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_runtime.plain_file import read_plain
from edge_runtime.yard.scan import ONE_CAMERA, RAIL_NAME, Scan, ScanEntry
from edge_runtime.yard.scan_table import lies_within
from vision.errors import ConfigError
from vision.rail_map.types import ScanCamera, ScanGeometry

RAILS_FILE = "rails.json"
#: Larger files are refused unread.
_MOST_BYTES = 256_000_000
#: The renderer's counter wraps as a PLC's does.
_COUNT_BITS = 16


class _Known(BaseModel):
    """Keys that are read; others of the file are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class RenderedMark(_Known):
    """One mark; `label` None: no class of the detector (a weld). Millimetres from the rail's first end."""

    id: str
    label: str | None
    fine: str
    position_mm: float
    length_mm: float = Field(ge=0.0)
    across_mm: float
    width_mm: float = Field(ge=0.0)


class RenderedFrame(_Known):
    """One frame and the encoder's count at its first row."""

    number: int = Field(ge=0)
    file: str
    rows: int = Field(gt=0)
    begin_mm: float
    encoder_count: int = Field(ge=0)


class RenderedRail(_Known):
    """One rail with all that lies on it, its ends among them."""

    #: becomes the name of a folder
    id: str = Field(pattern=f"^{RAIL_NAME}$")
    length_mm: float = Field(gt=0.0)
    head_mm: float = Field(gt=0.0)
    frames: tuple[RenderedFrame, ...] = Field(min_length=1)
    marks: tuple[RenderedMark, ...]
    ends: tuple[RenderedMark, ...]


class RenderedScanner(_Known):
    """Scale of the drawn scanner."""

    mm_per_px: float = Field(gt=0.0)
    counts_per_mm: float = Field(gt=0.0)


class RenderedRails(_Known):
    """`rails.json`."""

    schema_version: int
    settings: RenderedScanner
    rails: tuple[RenderedRail, ...] = Field(min_length=1)


def read_rendered(path: Path) -> RenderedRails:
    """Read `rails.json`.

    Args:
        path: the file, or the folder that holds it.

    Raises:
        ConfigError: it is missing, broken, or of another version.
    """
    path = path / RAILS_FILE if path.is_dir() else path
    todo = "render them again with 'ferrogate data render-rails'"
    try:
        rails = RenderedRails.model_validate_json(read_plain(path, _MOST_BYTES))
    except (OSError, ValidationError) as error:
        raise ConfigError(
            f"the truth of rendered rails cannot be read: {error}", where=str(path), todo=todo
        ) from error
    if rails.schema_version != 1:
        raise ConfigError(f"version {rails.schema_version} is not known", where=str(path), todo=todo)
    return rails


def rendered_scans(folder: Path, geometry: ScanGeometry | None = None) -> tuple[Scan, ...]:
    """The rails of a rendered set, with the drawn scanner's scale unless `geometry` gives another.

    Raises:
        ConfigError: see `read_rendered`.
    """
    rails = read_rendered(folder)
    scanner = rails.settings
    drawn = geometry or ScanGeometry(
        counts_per_mm=scanner.counts_per_mm,
        count_bits=_COUNT_BITS,
        row_mm=scanner.mm_per_px,
        cameras=(ScanCamera(name=ONE_CAMERA, mm_per_px=scanner.mm_per_px),),
    )
    return tuple(_scan(folder, rail, drawn) for rail in rails.rails)


def _scan(folder: Path, rail: RenderedRail, geometry: ScanGeometry) -> Scan:
    entries = []
    for frame in rail.frames:
        path = folder / frame.file
        if not lies_within(folder, frame.file):
            raise ConfigError(
                f"rail '{rail.id}': '{frame.file[:80]}' lies outside the scan's folder",
                where=str(folder / RAILS_FILE),
                todo="render them again with 'ferrogate data render-rails'",
            )
        entries.append(
            ScanEntry(
                geometry.cameras[0].name,
                frame.number,
                frame.encoder_count,
                None,
                frame.file,
                path if path.is_file() else None,
            )
        )
    return Scan(rail.id, folder, geometry, tuple(entries))
