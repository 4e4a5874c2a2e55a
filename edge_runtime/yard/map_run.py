"""One scan of one rail: mapped, graded, and written as a folder.

Neighbours: `scan_files` reads the scan, `vision.rail_map` maps, `vision.yard` grades, `map_folder` keeps. The
command `ferrogate rail map` and the station at the yard both come through here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from edge_runtime.models import read_model
from edge_runtime.reports.words import Words
from edge_runtime.reports.write import report_bytes
from edge_runtime.yard import map_folder, map_tables
from edge_runtime.yard.map_folder import (
    FrameIndex,
    FramePlace,
    StripIndex,
    frame_place,
    whole_map,
    write_json,
)
from edge_runtime.yard.map_report import MapStory, map_report
from edge_runtime.yard.recipe_file import load_yard_recipe
from edge_runtime.yard.scan import Scan
from edge_runtime.yard.strip_pictures import ShownStrip, shown
from vision.detector import Detector
from vision.rail import RailDetector, rail_spec
from vision.rail_map.map import RailMapper
from vision.rail_map.types import Note, RailMap
from vision.yard.grade import findings_of, grade_rail
from vision.yard.recipe import YardRecipe
from vision.yard.types import RailGrade, TypedFacts, YardFinding

#: Told (what is done: 'frames', 'search' or 'pictures'; how many of them; in all).
Progress = Callable[[str, int, int], None]


class NamedDetector(RailDetector, Protocol):
    """A detector of the rail station that says which file it came from (`vision.detector.Detector` does)."""

    @property
    def sha256(self) -> str:
        """Hash of the model's file, kept in every map."""


@dataclass(frozen=True, slots=True)
class MapTools:
    """What all rails of a run are mapped and graded with."""

    detector: NamedDetector
    recipe: YardRecipe


@dataclass(frozen=True, slots=True, eq=False)
class MappedScan:
    """A scan that was mapped and graded, not written yet.

    Attributes:
        scan: as it was read.
        rail_map, findings, grade: what came out; nobody has confirmed anything.
        facts: what was typed before: the section, if at all.
        strips: by camera, as they are shown.
        frames: where each frame lies.
        unread: pictures that are missing or could not be read.
        seconds: from the first frame to the last finding.
    """

    scan: Scan
    rail_map: RailMap
    findings: tuple[YardFinding, ...]
    grade: RailGrade
    facts: TypedFacts
    strips: Mapping[str, ShownStrip]
    frames: tuple[FramePlace, ...]
    unread: tuple[Note, ...]
    seconds: float


def map_tools(model: str, recipe: Path | None = None, *, provider: str = "cpu", threads: int = 1) -> MapTools:
    """Load the detector and the recipe.

    Raises:
        ConfigError, ContractError, ProviderError: one of them cannot be used.
    """
    file = read_model(model)
    detector = Detector(file.data, file.name, station="rail", provider=provider, threads=threads)
    rail_spec(detector.contract)
    return MapTools(detector, load_yard_recipe(recipe))


def map_scan(
    scan: Scan, tools: MapTools, facts: TypedFacts | None = None, progress: Progress | None = None
) -> MappedScan:
    """Map and grade one scan.

    Args:
        scan: of one rail; its pictures are read one at a time.
        tools: detector and recipe.
        facts: what was typed; None: the section of the scan's sheet.
        progress: told how far it is.

    Raises:
        ConfigError: frames that cannot be laid out. ContractError: the model failed.
    """
    begin = time.monotonic()
    facts = TypedFacts(section=scan.section) if facts is None else facts
    tell = progress or (lambda *_: None)
    mapper = RailMapper(scan.rail, scan.geometry)
    unread: list[Note] = []
    for number, frame in enumerate(scan.frames(unread), 1):
        mapper.add(frame)
        tell("frames", number, len(scan.entries))
    mapped = mapper.finish(
        tools.detector,
        model_sha256=tools.detector.sha256,
        progress=lambda done, total: tell("search", done, total),
    )
    notes = dict.fromkeys((*scan.notes, *unread, *mapped.map.notes))
    rail_map = mapped.map.model_copy(update={"notes": tuple(notes)})
    findings = findings_of(rail_map, tools.recipe)
    grade = grade_rail(rail_map, findings, facts, tools.recipe)
    return MappedScan(
        scan=scan,
        rail_map=rail_map,
        findings=findings,
        grade=grade,
        facts=facts,
        strips={name: shown(strip) for name, strip in mapped.strips.items()},
        frames=tuple(map(frame_place, mapped.frames)),
        unread=tuple(unread),
        seconds=time.monotonic() - begin,
    )


def write_map(
    out: Path,
    mapped: MappedScan,
    recipe: YardRecipe,
    words: Words,
    made: datetime,
    *,
    replace: bool = False,
    progress: Progress | None = None,
) -> StripIndex:
    """Write a map's folder, whole or not at all.

    Args:
        out: becomes the folder.
        mapped: what `map_scan` gave.
        recipe: it was graded with.
        words: language of the report.
        made: wall-clock time with its zone, for the report's foot.
        replace: a map that is there is thrown away when the new one is whole.
        progress: told how far it is.

    Raises:
        MapFolderError: something else is in its place, or it cannot be written.
    """
    with whole_map(out, replace=replace) as folder:
        return fill_map(folder, mapped, recipe, words, made, progress)


def fill_map(
    folder: Path,
    mapped: MappedScan,
    recipe: YardRecipe,
    words: Words,
    made: datetime,
    progress: Progress | None = None,
) -> StripIndex:
    """Write a map's files into a folder that is there and empty; see `write_map`."""
    tell = progress or (lambda *_: None)
    rail_map = mapped.rail_map
    index = map_folder.write_pictures(
        folder, rail_map, mapped.strips, lambda done, total: tell("pictures", done, total)
    )
    write_json(folder / map_folder.MAP_FILE, rail_map)
    write_json(folder / map_folder.GRADE_FILE, mapped.grade)
    write_json(folder / map_folder.STRIPS_FILE, index)
    write_json(folder / map_folder.FRAMES_FILE, FrameIndex(frames=mapped.frames))
    (folder / map_folder.FINDINGS_TABLE).write_bytes(map_tables.findings_csv(rail_map, mapped.findings))
    (folder / map_folder.CUT_TABLE).write_bytes(map_tables.cut_list_csv(mapped.grade.cut_list))
    first = {one.finding: one.file for one in reversed(index.findings)}
    story = MapStory(
        rail_map=rail_map,
        findings=mapped.findings,
        grade=mapped.grade,
        recipe=recipe,
        section=mapped.facts.section,
        strips=mapped.strips,
        pictures={name: (folder / file).read_bytes() for name, file in first.items()},
        seconds=mapped.seconds,
    )
    report = map_report(story, words, made)
    (folder / map_folder.REPORT_FILE).write_bytes(report_bytes(report, ".html"))
    return index
