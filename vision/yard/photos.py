"""Photos of a wagon or a pile: findings counted by label, graded for a person, always.

A set of photos comes as a map without a scale: one camera for each photo, a finding for each box, every
figure in mm None. Nothing in a photo clears a load: what lies below, behind and inside is not in it.
Neighbours: `vision.yard.grade` grades whole rails, `vision.yard.coverage` has the table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from vision.errors import ConfigError
from vision.rail_map.types import RailMap
from vision.yard.coverage import coverage_table, not_inspected
from vision.yard.findings import counted, effect_of, gravity
from vision.yard.grade import worst_first
from vision.yard.reasons import finding_reasons, picture_reasons, row_reasons
from vision.yard.recipe import YardRecipe
from vision.yard.types import GradeReason, RailGrade, TypedFacts, YardFinding

#: Reasons of a map that say nothing of photos: they have no ends, and never a scale.
_OF_RAILS = frozenset({"no_scale", "length_is_least"})


def photo_counts(findings: Iterable[YardFinding]) -> dict[str, int]:
    """How many findings of each label count, '' for what a person added; most first."""
    return dict(Counter(finding.label for finding in counted(findings)).most_common())


def grade_photos(
    photo_map: RailMap, findings: tuple[YardFinding, ...], facts: TypedFacts, recipe: YardRecipe
) -> RailGrade:
    """Grade a set of photos: always `human`, with every reason, no cut list and no millimetres.

    Args:
        photo_map: one camera for each photo, no scale.
        findings: as they stand after the inspector's corrections.
        facts: what was typed of this load.
        recipe: what counts.

    Raises:
        ConfigError: the map has a scale, so it is a rail's.
    """
    if photo_map.row_mm is not None:
        raise ConfigError(
            "a map with a scale is no set of photos",
            where=photo_map.rail,
            todo="grade it as a rail, or lay the photos out without a scale",
        )
    standing = counted(findings)
    effects = sorted((effect_of(finding, photo_map, recipe) for finding in standing), key=gravity)
    unseen = photo_map.unseen
    reasons = [
        GradeReason(code="photos", action="human", values={"photos": len(photo_map.cameras)}),
        *finding_reasons(effects, placed=False),
        *row_reasons(facts, standing, recipe),
        *(reason for reason in picture_reasons(photo_map, unseen, recipe) if reason.code not in _OF_RAILS),
    ]
    return RailGrade(
        grade="human",
        reasons=worst_first(reasons),
        coverage=coverage_table(photo_map, findings, facts, recipe),
        not_inspected=not_inspected(photo_map, findings, facts, recipe, unseen=bool(unseen), photos=True),
        cut_list=None,
        unseen_m=None,
        length_m=None,
        usable_length_m=None,
        mass_kg=None,
        usable_mass_kg=None,
        yield_share=None,
        value=None,
        currency=recipe.money.currency,
        recipe_sha256=recipe.sha256(),
        unverified=recipe.unverified(),
    )
