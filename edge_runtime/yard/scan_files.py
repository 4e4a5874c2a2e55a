"""A scan of rails on disk: which pictures belong to which rail, camera, frame number and encoder count.

Three forms are read: a folder with the table `scan.csv` (and `scan.yaml`, what the scanner is), a folder of
pictures whose names say camera and frame, and what `ferrogate data render-rails` writes. Neighbours:
`scan_table` and `scan_rendered` read two of the forms, `scan` is what comes out, `map_run` maps it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError

from edge_runtime.images import IMAGE_SUFFIXES
from edge_runtime.plain_file import read_plain
from edge_runtime.strict_yaml import load
from edge_runtime.yard.scan import ONE_CAMERA, RAIL_NAME, Scan, ScanEntry
from edge_runtime.yard.scan_rendered import RAILS_FILE, rendered_scans
from edge_runtime.yard.scan_table import SCAN_TABLE, read_table
from vision.errors import ConfigError
from vision.rail_map.types import Frozen, Note, ScanCamera, ScanGeometry
from vision.yard.types import Section

SCAN_SHEET = "scan.yaml"
#: Larger sheets are refused unread.
_SHEET_BYTES = 1_000_000
#: Patterns by name. rail400: HHMMSS, camera, frame; each camera looks at a rail of its own.
PATTERNS = {"rail400": r"(?P<rail>\d{8})(?P<frame>\d{5})"}


class ScanSheet(Frozen):
    """`scan.yaml`: the rail's name, its section as somebody typed it, the scanner."""

    schema_version: Literal[1] = 1
    rail: Annotated[str, Field(pattern=f"^{RAIL_NAME}$")] | None = None
    section: Section | None = None
    geometry: ScanGeometry | None = None


def read_scans(
    folder: Path, *, pattern: str | None = None, geometry: ScanGeometry | None = None
) -> tuple[Scan, ...]:
    """Read which rails a folder holds; no picture is opened.

    Args:
        folder: with `rails.json`, with `scan.csv`, or with pictures.
        pattern: for pictures without a table: one of `PATTERNS`, or a regular expression with the group
            `frame`, and `camera` and `rail` where names say them; it must fit the whole name without suffix.
        geometry: of the scanner; None: the sheet's, else cameras without a scale.

    Raises:
        ConfigError: nothing to read, a table or sheet that cannot be used, or two claims of one thing.
    """
    if not folder.is_dir():
        raise ConfigError(
            "this is no folder of a scan",
            where=str(folder),
            todo=f"name a folder with pictures and a table {SCAN_TABLE}",
        )
    sheet = read_sheet(folder / SCAN_SHEET)
    if geometry is not None:
        sheet = sheet.model_copy(update={"geometry": geometry})
    if pattern is not None:
        found = _by_name(folder, pattern)
    elif (folder / RAILS_FILE).is_file():
        return rendered_scans(folder, geometry)
    else:
        entries, notes = read_table(folder)
        name = sheet.rail or _rail_name(folder.resolve().name)
        return (_scan(name, folder, entries, sheet, notes),)
    if sheet.rail is not None and len(found) == 1:
        found = {sheet.rail: next(iter(found.values()))}
    return tuple(_scan(rail, folder, entries, sheet, ()) for rail, entries in sorted(found.items()))


def chosen(scans: Sequence[Scan], rails: Sequence[str], where: Path) -> tuple[Scan, ...]:
    """The scans of the named rails, all where none is named.

    Raises:
        ConfigError: a rail is named that is not there.
    """
    names = [scan.rail for scan in scans]
    for rail in rails:
        if rail not in names:
            listed = ", ".join(names[:12]) + (" ..." if len(names) > 12 else "")
            raise ConfigError(f"there is no rail '{rail}'", where=str(where), todo=f"name one of {listed}")
    return tuple(scan for scan in scans if not rails or scan.rail in rails)


def read_sheet(path: Path) -> ScanSheet:
    """Read `scan.yaml`; an empty sheet where there is none.

    Raises:
        ConfigError: it cannot be read, or says something that no scan can be.
    """
    try:
        return ScanSheet.model_validate(load(read_plain(path, _SHEET_BYTES).decode("utf-8")))
    except FileNotFoundError:
        return ScanSheet()
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise ConfigError(
            f"the scan's sheet: {key}: {first['msg']}",
            where=str(path),
            todo="see docs/rail_map.md for what it may hold",
        ) from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(
            f"the scan's sheet cannot be read: {error}", where=str(path), todo="write it as YAML in UTF-8"
        ) from error


def _scan(
    rail: str, folder: Path, entries: Iterable[ScanEntry], sheet: ScanSheet, notes: Sequence[Note]
) -> Scan:
    """Entries in order, with what was odd about them said."""
    listed = list(entries)
    seen = list(dict.fromkeys(entry.camera for entry in listed))
    geometry = sheet.geometry or ScanGeometry(cameras=tuple(ScanCamera(name=name) for name in seen))
    names = [camera.name for camera in geometry.cameras]
    for name in seen:
        if name not in names:
            raise ConfigError(
                f"pictures of a camera '{name}', which the scanner does not have",
                where=str(folder),
                todo=f"its cameras are {', '.join(names)}: correct the table or the geometry",
            )
    said = list(notes)
    ordered: list[ScanEntry] = []
    for name in names:
        own = [entry for entry in listed if entry.camera == name]
        if not own:
            said.append(Note(code="camera_without_pictures", values={"camera": name}))
        numbers = [entry.frame_number for entry in own]
        if numbers != sorted(numbers):
            at = next(b for a, b in pairwise(numbers) if b < a)
            said.append(Note(code="table_out_of_order", values={"camera": name, "frame": at}))
        ordered += sorted(own, key=lambda entry: entry.frame_number)
    return Scan(rail, folder, geometry, tuple(ordered), sheet.section, tuple(said))


def _by_name(folder: Path, pattern: str) -> dict[str, list[ScanEntry]]:
    """Entries by rail, from the names of the pictures in a folder."""
    try:
        form = re.compile(PATTERNS.get(pattern, pattern), re.ASCII)
    except re.error as error:
        raise ConfigError(
            f"the pattern is no regular expression: {error}",
            where="--pattern",
            todo=f"give one of {', '.join(PATTERNS)}, or a regular expression",
        ) from error
    if "frame" not in form.groupindex:
        raise ConfigError(
            "the pattern does not say where the frame number is",
            where="--pattern",
            todo=r"name the group 'frame': (?P<camera>[a-z]+)_(?P<frame>\d+)",
        )
    found: dict[str, list[ScanEntry]] = {}
    pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    for path in pictures:
        match = form.fullmatch(path.stem)
        if match is None:
            continue
        named = match.groupdict()
        try:
            number = int(named["frame"])
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"'{named['frame']}' is no frame number",
                where=str(path),
                todo=r"let the group 'frame' hold digits alone: (?P<frame>\d+)",
            ) from error
        rail = _rail_name(named.get("rail") or folder.resolve().name)
        camera = named.get("camera") or ONE_CAMERA
        found.setdefault(rail, []).append(ScanEntry(camera, number, None, None, path.name, path))
    if not found:
        what = "the folder holds no picture" if not pictures else "no picture's name fits the pattern"
        todo = "copy the scan anew" if not pictures else f"names look like '{pictures[0].name}'"
        raise ConfigError(what, where=str(folder), todo=todo)
    return found


def _rail_name(text: str) -> str:
    """A name that a folder can have; anything odd becomes a dash."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).lstrip("._-")[:64]
    return name or "rail"
