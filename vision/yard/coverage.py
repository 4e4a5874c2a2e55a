"""The coverage table: who looked for which code of the defect catalogues, and what no camera looked at.

A code counts as seen by the model only where the map's model searched for its label in pictures of its
element; as seen by the inspector only where a person typed its row. All else is not seen.
Neighbours: `vision.yard.grade` puts both into the grade; words for the codes lie in catalogues.
"""

from __future__ import annotations

from collections.abc import Sequence

from vision.rail_map.types import MapCamera, RailMap
from vision.yard.findings import BY_PERSON, counted
from vision.yard.recipe import YardRecipe
from vision.yard.recipe_rules import KindRule
from vision.yard.types import CoverageRow, FactWord, SeenBy, TypedFacts, YardFinding

#: What pictures of a rail's outside never show.
NEVER_SEEN = (
    "inner_cracks",
    "defect_depth",
    "hardness",
    "steel_grade",
    "radiation",
    "closed_items",
    "foot_underside",
)
#: All codes that `not_inspected` may give, for the catalogues of words.
NOT_INSPECTED_CODES = (
    *NEVER_SEEN,
    "head",
    "web",
    "web_other_side",
    "foot",
    "foot_other_side",
    "unseen_stretches",
    "rail_ends",
    "under_dirt",
    "sizes",
    "wear",
    "hidden_in_pile",
)


def coverage_table(
    rail_map: RailMap, findings: Sequence[YardFinding], facts: TypedFacts, recipe: YardRecipe
) -> tuple[CoverageRow, ...]:
    """One row for each kind of the recipe, in its order."""
    standing = counted(findings)
    return tuple(_row(name, rule, rail_map, standing, facts, recipe) for name, rule in recipe.kinds.items())


def not_inspected(
    rail_map: RailMap,
    findings: Sequence[YardFinding],
    facts: TypedFacts,
    recipe: YardRecipe,
    *,
    unseen: bool,
    photos: bool = False,
) -> tuple[str, ...]:
    """Codes of `NOT_INSPECTED_CODES`: what vision did not look at on this rail.

    Args:
        rail_map: what the cameras saw.
        findings: as they stand.
        facts: typed of this rail.
        recipe: which kinds are dirt is told by its label.
        unseen: there are stretches without a healthy picture of an inspected camera.
        photos: of a wagon or pile; nobody knows which element a photo shows.
    """
    codes = [*NEVER_SEEN]
    if photos:
        codes += ["web", "foot", "rail_ends", "hidden_in_pile"]
    else:
        codes += _elements(rail_map)
        if unseen:
            codes.append("unseen_stretches")
        if not (rail_map.start.seen and rail_map.end.seen):
            codes.append("rail_ends")
    dirt = recipe.labels["dirt"].kind
    if any(finding.kind == dirt for finding in counted(findings)):
        codes.append("under_dirt")
    if rail_map.row_mm is None:
        codes.append("sizes")
    if facts.wear_mm is None:
        codes.append("wear")
    return tuple(codes)


def _elements(rail_map: RailMap) -> list[str]:
    """Elements of which no camera is searched, and sides that one camera cannot show."""
    inspected = [camera.element for camera in _looking(rail_map)]
    codes = [] if "head" in inspected else ["head"]
    for element, other in (("web", "web_other_side"), ("foot", "foot_other_side")):
        if element not in inspected:
            codes.append(element)
        elif inspected.count(element) == 1:
            codes.append(other)
    return codes


def _looking(rail_map: RailMap) -> list[MapCamera]:
    """Inspected cameras that saw at least some of the rail."""
    return [camera for camera in rail_map.cameras if camera.inspected and not _blind(camera.name, rail_map)]


def _blind(camera: str, rail_map: RailMap) -> bool:
    """A camera that shows less than a row of the rail."""
    reached, last = rail_map.start.row, rail_map.end.row
    if last <= reached:
        return False
    own = (stretch for stretch in rail_map.unseen if stretch.camera == camera)
    for stretch in sorted(own, key=lambda stretch: stretch.first_row):
        if stretch.first_row > reached + 1.0:
            return False
        reached = max(reached, stretch.last_row)
    return reached > last - 1.0


def _row(
    name: str,
    rule: KindRule,
    rail_map: RailMap,
    standing: Sequence[YardFinding],
    facts: TypedFacts,
    recipe: YardRecipe,
) -> CoverageRow:
    own = [finding for finding in standing if finding.kind == name]
    row = recipe.row_of(name)
    return CoverageRow(
        kind=name,
        ru=rule.ru,
        uic=rule.uic,
        seen_by=_seen_by(name, rule, rail_map, own, facts, recipe),
        found=len(own),
        fact=None if row is None else facts.rows.get(row),
        required=row is not None and recipe.rows[row].required,
    )


def _seen_by(
    name: str,
    rule: KindRule,
    rail_map: RailMap,
    own: Sequence[YardFinding],
    facts: TypedFacts,
    recipe: YardRecipe,
) -> SeenBy:
    looked = any(rule.element in (camera.element, "whole") for camera in _looking(rail_map))
    if rule.model_label is not None and rule.model_label in rail_map.thresholds and looked:
        return "model"
    facts_of: list[FactWord | None] = [
        facts.rows.get(row) for row, asked in recipe.rows.items() if name in asked.kinds
    ]
    typed = any(fact in ("clear", "found") for fact in facts_of)
    measured = name == recipe.wear.kind and facts.wear_mm is not None
    named = any(finding.state in BY_PERSON for finding in own)
    return "inspector" if typed or measured or named else "not_seen"
