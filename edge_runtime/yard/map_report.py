"""A mapped rail as a report: the rail drawn, what was found, what nobody saw, the grade and the cut list.

Neighbours: `map_report_strip` draws the rail, `map_report_tables` makes the tables, `edge_runtime.reports`
the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from edge_runtime.reports.document import (
    Block,
    Fact,
    Figure,
    Gallery,
    Notice,
    Paragraph,
    Picture,
    Report,
    Section,
)
from edge_runtime.reports.words import Words
from edge_runtime.yard import map_report_tables as tables
from edge_runtime.yard.map_report_strip import rail_svg
from edge_runtime.yard.note_words import left_out_text, note_text
from edge_runtime.yard.strip_pictures import ShownStrip
from vision.rail_map.types import RailMap
from vision.yard.recipe import YardRecipe
from vision.yard.types import RailGrade, YardFinding
from vision.yard.types import Section as RailSection

#: The gravest findings have their picture in the report; all have one in the folder.
MOST_PICTURES = 120
_COLUMNS = 5


@dataclass(frozen=True, slots=True)
class MapStory:
    """All that a report tells.

    Attributes:
        rail_map, findings, grade, recipe: of the rail; `section` as it was typed.
        pictures: by a finding's id what the first camera saw of it, as JPEG.
        strips: by camera, as they are shown.
        seconds: what the map took, from the first frame to the last finding; None: not told.
    """

    rail_map: RailMap
    findings: tuple[YardFinding, ...]
    grade: RailGrade
    recipe: YardRecipe
    section: RailSection | None
    strips: Mapping[str, ShownStrip]
    pictures: Mapping[str, bytes]
    seconds: float | None = None


def map_report(story: MapStory, words: Words, made: datetime) -> Report:
    """The report of one map, in the language of `words`."""
    rail_map, grade = story.rail_map, story.grade
    sections = [
        Section("", tuple(_notices(story, words))),
        Section(words("rail_map.rail"), (_figure(story, words),)),
        Section(words("rail_map.grade_reasons"), (tables.reasons_table(grade, story.recipe, words),)),
        Section(words("rail_map.findings"), tuple(_findings(story, words))),
        Section(words("rail_map.not_seen"), tuple(_not_seen(story, words))),
        Section(words("rail_map.cut_list"), tuple(_cut_list(story, words))),
        Section(words("rail_map.coverage"), tuple(_coverage(story, words))),
    ]
    remarks = _remarks(rail_map, words)
    if remarks:
        sections.append(Section(words("rail_map.remarks"), (Paragraph("\n".join(remarks)),)))
    if grade.unverified:
        names = Paragraph("\n".join(grade.unverified))
        sections.append(Section(words("rail_map.unverified_limits"), (names,)))
    return Report(
        title=words("rail_map.title", rail=rail_map.rail),
        subtitle=words("rail_map.subtitle"),
        language=words.language,
        facts=tuple(_facts(story, words)),
        sections=tuple(sections),
        made=made,
    )


def _facts(story: MapStory, words: Words) -> list[Fact]:
    rail_map, grade = story.rail_map, story.grade
    length = words("rail_map.length_least") if rail_map.length_is_least else words("rail_map.length")
    frames = sum(camera.frames for camera in rail_map.cameras)
    left_out = sum(len(camera.left_out) for camera in rail_map.cameras)
    facts = [
        Fact(words("rail_map.grade"), words(f"yard_grade.{grade.grade}")),
        Fact(words("rail_map.section"), story.section or words("rail_map.section_untyped")),
        Fact(length, rail_map.length_m, 3, words("rail_map.m")),
        Fact(words("rail_map.unseen_m"), grade.unseen_m, 3, words("rail_map.m")),
        Fact(words("rail_map.usable_m"), grade.usable_length_m, 3, words("rail_map.m")),
        Fact(words("rail_map.yield"), _percent(grade.yield_share), 1, "%"),
        Fact(words("rail_map.mass"), grade.mass_kg, 0, words("unit.kg")),
        Fact(words("rail_map.usable_mass"), grade.usable_mass_kg, 0, words("unit.kg")),
    ]
    if grade.value is not None:
        facts.append(Fact(words("rail_map.value"), grade.value, 0, grade.currency))
    facts += [
        Fact(words("rail_map.frames"), frames),
        Fact(words("rail_map.left_out"), left_out),
        Fact(words("rail_map.row"), rail_map.row_mm, 3, words("unit.mm")),
        Fact(words("rail_map.model"), rail_map.model_sha256[:16] or None),
        Fact(words("rail_map.recipe"), f"{story.recipe.product} ({grade.recipe_sha256[:16]})"),
    ]
    if story.seconds is not None:
        facts.append(Fact(words("rail_map.seconds"), story.seconds, 1, words("rail_map.s")))
    return facts


def _percent(share: float | None) -> float | None:
    return None if share is None else 100.0 * share


def _notices(story: MapStory, words: Words) -> list[Block]:
    """What must be seen before anything else."""
    grade, found = story.grade, []
    clear = grade.grade in ("feed", "feed_with_cuts")
    found.append(
        Notice(
            words("rail_map.grade_is", grade=words(f"yard_grade.{grade.grade}")),
            "info" if clear else "warning",
        )
    )
    if story.rail_map.unseen:
        found.append(Notice(words("rail_map.unseen_notice", count=len(story.rail_map.unseen)), "error"))
    if not (story.rail_map.start.seen and story.rail_map.end.seen):
        found.append(Notice(words("rail_map.ends_notice"), "warning"))
    if story.rail_map.row_mm is None:
        found.append(Notice(words("rail_map.no_scale"), "warning"))
    found.append(Notice(words("rail_map.unconfirmed")))
    if grade.unverified:
        found.append(Notice(words("rail_map.unverified", count=len(grade.unverified)), "warning"))
    return list(found)


def _figure(story: MapStory, words: Words) -> Figure:
    svg = rail_svg(story.rail_map, story.strips, story.grade.cut_list, words)
    names = ", ".join(story.strips)
    return Figure(svg, b"", words("rail_map.rail_caption", cameras=names))


def _findings(story: MapStory, words: Words) -> list[Block]:
    if not story.findings:
        return [Paragraph(words("rail_map.no_findings"))]
    found: list[Block] = [tables.counts_table(story.rail_map, story.findings, words)]
    gravest = sorted(story.findings, key=lambda one: -(one.score or 0.0))[:MOST_PICTURES]
    shown = [one for one in sorted(gravest, key=lambda one: one.first_row) if one.id in story.pictures]
    if len(shown) < len(story.findings):
        text = words("rail_map.some_pictures", shown=len(shown), count=len(story.findings))
        found.append(Notice(text))
    pictures = (Picture(story.pictures[one.id], _caption(story, one, words)) for one in shown)
    found.append(Gallery(tuple(pictures), _COLUMNS))
    found.append(
        tables.findings_table(
            story.findings, story.grade, story.recipe, words, scaled=story.rail_map.row_mm is not None
        )
    )
    return found


def _caption(story: MapStory, one: YardFinding, words: Words) -> str:
    """A finding in three short lines: what, where, how sure beside the limit."""
    where = (
        words("rail_map.row_at", row=words.number(round(one.first_row)))
        if one.start_m is None
        else words("rail_map.metre_at", metres=words.number(one.start_m, 3))
    )
    size = ""
    if one.length_mm is not None:
        wide = words.number(one.width_mm, 0)
        size = words("rail_map.size", length=words.number(one.length_mm, 0), width=wide)
    limit = words.number(story.rail_map.thresholds.get(one.label), 2)
    score = words("rail_map.score_of", score=words.number(one.score, 2), limit=limit)
    return f"{one.id}: {tables.label_word(one.label, words)}\n{where} {size}\n{score}".replace(" \n", "\n")


def _not_seen(story: MapStory, words: Words) -> list[Block]:
    if not story.rail_map.unseen:
        return [Paragraph(words("rail_map.all_seen"))]
    return [tables.unseen_table(story.rail_map, words)]


def _cut_list(story: MapStory, words: Words) -> list[Block]:
    cut_list = story.grade.cut_list
    if cut_list is None:
        return [Paragraph(words("rail_map.no_cut_list"))]
    return [
        Paragraph(
            words(
                "rail_map.cut_sum",
                usable=words.number(cut_list.usable_m, 3),
                lost=words.number(cut_list.lost_m, 3),
                share=words.number(100.0 * cut_list.yield_share, 1),
                kerf=words.number(cut_list.kerf_mm, 1),
            )
        ),
        *([tables.cuts_table(cut_list, words)] if cut_list.cuts else []),
        *([tables.pieces_table(cut_list, words)] if cut_list.pieces else []),
    ]


def _coverage(story: MapStory, words: Words) -> list[Block]:
    not_inspected = [words.known(f"yard_not_inspected.{code}", code) for code in story.grade.not_inspected]
    blocks: list[Block] = []
    if not_inspected:
        blocks.append(Notice(words("rail_map.not_inspected", what="; ".join(not_inspected)), "warning"))
    blocks.append(tables.coverage_table(story.grade, story.recipe, words))
    return blocks


def _remarks(rail_map: RailMap, words: Words) -> list[str]:
    """What was odd about the scan, and the frames that are not in the strips."""
    left_out = [
        f"{camera.name}: {left_out_text(one, words)}"
        for camera in rail_map.cameras
        for one in camera.left_out
    ]
    return [*(note_text(note, words) for note in rail_map.notes), *left_out]
