"""Every reason of a rail's grade: what was found, what was typed, what nobody looked at.

Each function gives the reasons of one matter. Words for `REASON_CODES` lie in catalogues; what varies is in
`values`. Neighbours: `vision.yard.grade` puts them together, `vision.yard.findings` gives the effects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vision.rail_map.types import RailMap, Unseen
from vision.yard.findings import BY_PERSON, Effect
from vision.yard.recipe import YardRecipe
from vision.yard.types import GradeReason, TypedFacts, YardFinding

#: code -> keys of its values.
REASON_CODES: dict[str, tuple[str, ...]] = {
    "finding": ("kind", "rank", "start_m", "end_m", "length_mm", "width_mm", "steps", "margin_mm"),
    "kind_unknown": ("kind", "start_m", "end_m"),
    "finding_unplaced": ("kind", "first_row", "last_row"),
    "row_not_filled": ("row",),
    "row_found": ("row",),
    "row_found_unplaced": ("row",),
    "row_contradicts": ("row", "count"),
    "row_unknown": ("row",),
    "unseen": ("stretches", "metres"),
    "no_inspected_camera": (),
    "label_not_searched": ("label",),
    "no_scale": (),
    "length_unknown": (),
    "length_is_least": ("metres",),
    "length_contradicts": ("typed_m", "measured_m", "tolerance_mm"),
    "section_missing": (),
    "wear": ("wear_mm", "limit_mm"),
    "nothing_usable": ("length_m",),
    "photos": ("photos",),
}


def finding_reasons(effects: Sequence[Effect], *, placed: bool) -> Iterator[GradeReason]:
    """Findings that do something, and those that nobody can place or name.

    Args:
        effects: of the findings that count.
        placed: the map has a scale, so a finding without a place is odd.
    """
    for effect in effects:
        finding = effect.finding
        place = {"kind": finding.kind, "start_m": finding.start_m, "end_m": finding.end_m}
        if not effect.known:
            yield GradeReason(code="kind_unknown", action="human", values=place, finding=finding.id)
        elif effect.action != "leave":
            values: dict[str, str | float | int | None] = {
                **place,
                "rank": effect.rank,
                "length_mm": finding.length_mm,
                "width_mm": finding.width_mm,
                "steps": effect.steps,
                "margin_mm": effect.margin_mm,
            }
            yield GradeReason(code="finding", action=effect.action, values=values, finding=finding.id)
        if placed and effect.span_mm is None:
            values = {"kind": finding.kind, "first_row": finding.first_row, "last_row": finding.last_row}
            yield GradeReason(code="finding_unplaced", action="human", values=values, finding=finding.id)


def row_reasons(
    facts: TypedFacts, findings: Sequence[YardFinding], recipe: YardRecipe
) -> Iterator[GradeReason]:
    """What was typed, what should have been, and where it speaks against the findings."""
    for name in sorted(set(facts.rows) - set(recipe.rows)):
        yield GradeReason(code="row_unknown", action="human", values={"row": name})
    for name, row in recipe.rows.items():
        fact = facts.rows.get(name, "not_checked")
        own = [finding for finding in findings if finding.kind in row.kinds]
        if fact == "not_checked" and row.required:
            yield GradeReason(code="row_not_filled", action="human", values={"row": name})
        elif fact == "clear" and own:
            values: dict[str, str | float | int | None] = {"row": name, "count": len(own)}
            yield GradeReason(code="row_contradicts", action="human", values=values)
        elif fact == "found" and not row.place_needed:
            yield GradeReason(code="row_found", action=row.found_action, values={"row": name})
        elif fact == "found" and not any(finding.state in BY_PERSON for finding in own):
            yield GradeReason(code="row_found_unplaced", action=row.found_action, values={"row": name})


def picture_reasons(rail_map: RailMap, unseen: Sequence[Unseen], recipe: YardRecipe) -> Iterator[GradeReason]:
    """What the pictures leave open: stretches, ends, labels, the scale.

    Args:
        rail_map: what the cameras saw.
        unseen: of inspected cameras, those that lie on the rail.
        recipe: labels that it judges must have been searched for.
    """
    if not any(camera.inspected for camera in rail_map.cameras):
        yield GradeReason(code="no_inspected_camera", action="human")
    for label in recipe.labels:
        if label not in rail_map.thresholds:
            yield GradeReason(code="label_not_searched", action="human", values={"label": label})
    if unseen:
        metres = unseen_metres(rail_map, unseen)
        values: dict[str, str | float | int | None] = {"stretches": len(unseen), "metres": metres}
        yield GradeReason(code="unseen", action="human", values=values)
    if rail_map.row_mm is None:
        yield GradeReason(code="no_scale", action="human")
    if rail_map.length_is_least or not (rail_map.start.seen and rail_map.end.seen):
        yield GradeReason(code="length_is_least", action="human", values={"metres": rail_map.length_m})


def typed_reasons(rail_map: RailMap, facts: TypedFacts, recipe: YardRecipe) -> Iterator[GradeReason]:
    """Section, length and wear."""
    if facts.section is None:
        yield GradeReason(code="section_missing", action="human")
    if length_of(rail_map, facts) is None:
        yield GradeReason(code="length_unknown", action="human")
    measured, typed = rail_map.length_m, facts.length_m
    tolerance_mm = recipe.length_tolerance_mm.value
    if measured is not None and typed is not None:
        too_short = typed < measured - tolerance_mm / 1000.0
        too_long = typed > measured + tolerance_mm / 1000.0 and not rail_map.length_is_least
        if too_short or too_long:
            values: dict[str, str | float | int | None] = {
                "typed_m": typed,
                "measured_m": measured,
                "tolerance_mm": tolerance_mm,
            }
            yield GradeReason(code="length_contradicts", action="human", values=values)
    wear = facts.wear_mm
    if wear is not None and wear > recipe.wear.human_over_mm.value:
        limit = recipe.wear.human_over_mm.value
        yield GradeReason(code="wear", action="human", values={"wear_mm": wear, "limit_mm": limit})
    elif wear is not None and wear > recipe.wear.downgrade_over_mm.value:
        limit = recipe.wear.downgrade_over_mm.value
        yield GradeReason(code="wear", action="downgrade", values={"wear_mm": wear, "limit_mm": limit})


def length_of(rail_map: RailMap, facts: TypedFacts) -> float | None:
    """The rail's length in m: measured; typed where it was not, or not wholly; else the least known."""
    measured = rail_map.length_m if rail_map.length_m else None
    if measured is not None and not rail_map.length_is_least:
        return measured
    if facts.length_m is not None:
        return max(facts.length_m, measured or 0.0)
    return measured


def unseen_on_rail(rail_map: RailMap) -> tuple[Unseen, ...]:
    """Stretches of inspected cameras without a healthy picture, those that share a row with the rail."""
    inspected = {camera.name for camera in rail_map.cameras if camera.inspected}
    first, last = rail_map.start.row, rail_map.end.row
    return tuple(
        stretch
        for stretch in rail_map.unseen
        if stretch.camera in inspected
        and (last <= first or (stretch.first_row < last and stretch.last_row > first))
    )


def unseen_metres(rail_map: RailMap, unseen: Sequence[Unseen]) -> float | None:
    """Length of the rail that some inspected camera did not see, in m; None without a scale."""
    if rail_map.row_mm is None:
        return None
    low, high = rail_map.start.row, max(rail_map.start.row, rail_map.end.row)
    rows, reached = 0.0, low
    for stretch in sorted(unseen, key=lambda item: item.first_row):
        first, last = max(stretch.first_row, reached), min(stretch.last_row, high)
        rows += max(0.0, last - first)
        reached = max(reached, last)
    return rows * rail_map.row_mm / 1000.0
