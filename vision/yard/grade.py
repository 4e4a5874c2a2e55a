"""The grade of one rail as feedstock: what was seen and typed, and the recipe in; grade and cut list out.

A rail is as bad as the worst of its reasons, and it is `human` as long as anything that could make it worse
is open: a required row that nobody filled, a stretch that no healthy picture covers, no scale, no length, no
section. Unconfirmed findings count as findings, dismissed ones do not. What needs a person, and what nobody
saw, is taken out in the cut list all the same, so that nothing of it is fed silently.
Neighbours: `vision.yard.reasons`, `vision.yard.cut_list`, `vision.yard.coverage`, `vision.yard.money`.
"""

from __future__ import annotations

from collections.abc import Sequence

from vision.rail_map.types import RailMap, Unseen
from vision.yard.coverage import coverage_table, not_inspected
from vision.yard.cut_list import TakeOut, place_cuts, plan_of, whole_mm
from vision.yard.findings import Effect, counted, effect_of, findings_of, gravity
from vision.yard.money import kg_per_m, worth_of
from vision.yard.reasons import (
    REASON_CODES,
    finding_reasons,
    length_of,
    picture_reasons,
    row_reasons,
    typed_reasons,
    unseen_metres,
    unseen_on_rail,
)
from vision.yard.recipe import YardRecipe
from vision.yard.recipe_rules import ACTIONS
from vision.yard.types import Action, CutList, GradeReason, GradeWord, RailGrade, TypedFacts, YardFinding

__all__ = ["GRADES", "REASON_CODES", "findings_of", "grade_rail", "worst_first"]

#: Grades by harm, best first.
GRADES: tuple[GradeWord, ...] = ("feed", "feed_with_cuts", "downgraded", "human", "rejected")
_GRADE_OF: dict[Action, GradeWord] = {
    "leave": "feed",
    "cut": "feed_with_cuts",
    "downgrade": "downgraded",
    "human": "human",
    "reject": "rejected",
}
#: Actions whose stretch no piece may touch.
_TAKEN_OUT: tuple[Action, ...] = ("cut", "human", "reject")


def grade_rail(
    rail_map: RailMap, findings: tuple[YardFinding, ...], facts: TypedFacts, recipe: YardRecipe
) -> RailGrade:
    """Grade one rail.

    Args:
        rail_map: what the cameras saw.
        findings: as they stand after the inspector's corrections, the dismissed among them or not;
            `findings_of` where nobody has looked yet.
        facts: what was typed of this rail.
        recipe: what counts.
    """
    standing = counted(findings)
    effects = sorted((effect_of(finding, rail_map, recipe) for finding in standing), key=gravity)
    unseen = unseen_on_rail(rail_map)
    reasons = [
        *finding_reasons(effects, placed=rail_map.row_mm is not None),
        *row_reasons(facts, standing, recipe),
        *picture_reasons(rail_map, unseen, recipe),
        *typed_reasons(rail_map, facts, recipe),
    ]
    cut_list = _cut_list(rail_map, effects, unseen, reasons, recipe)
    if cut_list is not None and not cut_list.pieces and _hopeless(cut_list, effects, recipe):
        values: dict[str, str | float | int | None] = {"length_m": cut_list.length_m}
        reasons.append(GradeReason(code="nothing_usable", action="reject", values=values))
    grade = _worst(reasons)
    return _figures(
        RailGrade(
            grade=grade,
            reasons=worst_first(reasons),
            coverage=coverage_table(rail_map, findings, facts, recipe),
            not_inspected=not_inspected(rail_map, findings, facts, recipe, unseen=bool(unseen)),
            cut_list=cut_list,
            unseen_m=unseen_metres(rail_map, unseen),
            length_m=length_of(rail_map, facts),
            usable_length_m=None,
            mass_kg=None,
            usable_mass_kg=None,
            yield_share=None,
            value=None,
            currency=recipe.money.currency,
            recipe_sha256=recipe.sha256(),
            unverified=recipe.unverified(),
        ),
        facts,
        recipe,
    )


def worst_first(reasons: Sequence[GradeReason]) -> tuple[GradeReason, ...]:
    """Reasons by harm, the gravest first; those of one action stay in their order."""
    return tuple(sorted(reasons, key=lambda reason: -ACTIONS.index(reason.action)))


def _worst(reasons: Sequence[GradeReason]) -> GradeWord:
    return max((_GRADE_OF[reason.action] for reason in reasons), key=GRADES.index, default="feed")


def _cut_list(
    rail_map: RailMap,
    effects: Sequence[Effect],
    unseen: Sequence[Unseen],
    reasons: Sequence[GradeReason],
    recipe: YardRecipe,
) -> CutList | None:
    """Where to saw; None where the map has no length in metres, or a finding has no place on it."""
    row_mm = rail_map.row_mm
    if not rail_map.length_m or row_mm is None or any(effect.span_mm is None for effect in effects):
        return None
    length_mm = whole_mm(rail_map.length_m)
    if length_mm < 1:
        return None
    begin = rail_map.start.row
    taken = [
        TakeOut((stretch.first_row - begin) * row_mm, (stretch.last_row - begin) * row_mm, "unseen")
        for stretch in unseen
    ]
    taken += _findings_out(effects, _TAKEN_OUT) + _ends_out(length_mm, recipe)
    poor = [effect.span_mm for effect in effects if effect.span_mm and effect.action == "downgrade"]
    if any(reason.action == "downgrade" and not reason.finding for reason in reasons):
        poor = [(0.0, float(length_mm))]
    return place_cuts(length_mm, taken, poor, plan_of(recipe))


def _findings_out(effects: Sequence[Effect], actions: Sequence[Action]) -> list[TakeOut]:
    """Stretches of findings with these actions, their margins with them."""
    return [
        TakeOut(
            effect.span_mm[0] - effect.margin_mm,
            effect.span_mm[1] + effect.margin_mm,
            "finding",
            effect.finding.id,
        )
        for effect in effects
        if effect.span_mm is not None and effect.action in actions
    ]


def _ends_out(length_mm: int, recipe: YardRecipe) -> list[TakeOut]:
    crop_mm = recipe.furnace.end_crop_mm
    if crop_mm == 0:
        return []
    return [TakeOut(0.0, crop_mm, "rail_end"), TakeOut(length_mm - crop_mm, length_mm, "rail_end")]


def _hopeless(cut_list: CutList, effects: Sequence[Effect], recipe: YardRecipe) -> bool:
    """No piece comes out of the rail even if a person clears all that only a person can clear."""
    length_mm = whole_mm(cut_list.length_m)
    taken = _findings_out(effects, ("cut", "reject")) + _ends_out(length_mm, recipe)
    return not place_cuts(length_mm, taken, (), plan_of(recipe)).pieces


def _figures(grade: RailGrade, facts: TypedFacts, recipe: YardRecipe) -> RailGrade:
    """The grade with its lengths, masses and money."""
    metre_kg = None if facts.section is None else kg_per_m(facts.section, facts.wear_mm, recipe)
    cut_list, rejected = grade.cut_list, grade.grade == "rejected"
    usable_m = None if cut_list is None else 0.0 if rejected else cut_list.usable_m
    figures: dict[str, float | None] = {"kg_per_m": metre_kg, "usable_length_m": usable_m}
    if usable_m is not None and grade.length_m:
        figures["yield_share"] = usable_m / grade.length_m
    if metre_kg is not None and grade.length_m is not None:
        figures["mass_kg"] = grade.length_m * metre_kg
    if metre_kg is not None and cut_list is not None:
        worth = worth_of(cut_list, metre_kg, recipe)
        figures["usable_mass_kg"] = 0.0 if rejected else worth.usable_kg
        figures["ball_mass_kg"] = 0.0 if rejected else worth.ball_kg
        figures["value"] = 0.0 if rejected and worth.value is not None else worth.value
    return grade.model_copy(update=figures)
