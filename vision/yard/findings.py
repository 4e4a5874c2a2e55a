"""Findings of a map as the yard has them, and what each does: action, margin, place in millimetres.

Neighbours: `vision.rail_map` finds, the inspector corrects, `vision.yard.grade` grades by the effects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vision.errors import ConfigError
from vision.rail_map.types import MapFinding, RailMap
from vision.yard.recipe import YardRecipe
from vision.yard.recipe_rules import RANKS, Rank
from vision.yard.types import Action, YardFinding

#: States in which a finding is a person's word.
BY_PERSON = frozenset({"confirmed", "corrected", "added"})


@dataclass(frozen=True, slots=True)
class Effect:
    """What one finding does to its rail.

    Attributes:
        finding: as it stands.
        rank: of its kind; of a kind that the recipe does not know, a crack's.
        action: by its size.
        margin_mm: taken out on each side, where it is taken out.
        steps: names of the severity steps that hold, separated by blanks.
        known: the recipe has its kind.
        span_mm: (from, to) from the rail's start, None where its place is not known.
    """

    finding: YardFinding
    rank: Rank
    action: Action
    margin_mm: float
    steps: str
    known: bool
    span_mm: tuple[float, float] | None


def findings_of(rail_map: RailMap, recipe: YardRecipe) -> tuple[YardFinding, ...]:
    """Every finding of a map as yet unconfirmed, its kind the recipe's for its label.

    Raises:
        ConfigError: the map has a label that the recipe does not know.
    """
    return tuple(finding_of(found, rail_map, recipe) for found in rail_map.findings)


def finding_of(found: MapFinding, rail_map: RailMap, recipe: YardRecipe) -> YardFinding:
    """One finding of a map, unconfirmed.

    Raises:
        ConfigError: the recipe does not know its label.
    """
    rule = recipe.labels.get(found.label)
    if rule is None:
        raise ConfigError(
            f"the yard recipe does not know the model's label '{found.label}'",
            where=f"recipe '{recipe.product}'",
            todo="add the label to the recipe's labels, or map the rail with a model that has its labels",
        )
    at_end = rule.at_end_kind is not None and _at_an_end(found, rail_map, rule.end_zone_mm)
    return YardFinding(
        id=found.id,
        label=found.label,
        kind=rule.at_end_kind if at_end and rule.at_end_kind is not None else rule.kind,
        element=found.element,
        origin="model",
        state="unconfirmed",
        score=found.score,
        first_row=found.first_row,
        last_row=found.last_row,
        start_m=found.start_m,
        end_m=found.end_m,
        length_mm=found.length_mm,
        across_mm=found.across_mm,
        width_mm=found.width_mm,
        boxes=found.boxes,
    )


def counted(findings: Iterable[YardFinding]) -> tuple[YardFinding, ...]:
    """Findings that count: all but the dismissed."""
    return tuple(finding for finding in findings if finding.state != "dismissed")


def effect_of(finding: YardFinding, rail_map: RailMap, recipe: YardRecipe) -> Effect:
    """What a finding does. A kind that the recipe does not know is for a person, with the widest margin."""
    span_mm = _span_mm(finding, rail_map)
    kind = recipe.kinds.get(finding.kind)
    if kind is None:
        steps = [step.margin_mm for rule in recipe.kinds.values() for step in rule.severity.values()]
        widest_mm = max([rule.margin_mm for rule in recipe.kinds.values()] + steps)
        return Effect(finding, "crack", "human", widest_mm, "", False, span_mm)
    action, margin_mm, steps_held = kind.act(finding.length_mm, finding.width_mm)
    return Effect(finding, kind.rank, action, margin_mm, steps_held, True, span_mm)


def gravity(effect: Effect) -> tuple[int, float]:
    """Sorting key: by rank, then along the rail."""
    return RANKS.index(effect.rank), effect.finding.first_row


def _at_an_end(found: MapFinding, rail_map: RailMap, zone_mm: float) -> bool:
    """Whether a finding lies wholly within the zone of an end that a picture shows."""
    if rail_map.row_mm is None:
        return False
    zone = zone_mm / rail_map.row_mm
    start = rail_map.start.seen and found.last_row <= rail_map.start.row + zone
    end = rail_map.end.seen and found.first_row >= rail_map.end.row - zone
    return start or end


def _span_mm(finding: YardFinding, rail_map: RailMap) -> tuple[float, float] | None:
    """Its place by its metres, else by its rows; at least a millimetre long."""
    start_m, end_m = finding.start_m, finding.end_m
    if start_m is None or end_m is None:
        start_m, end_m = rail_map.position_m(finding.first_row), rail_map.position_m(finding.last_row)
    if start_m is None or end_m is None:
        return None
    first, last = sorted((start_m * 1000.0, end_m * 1000.0))
    return first, max(last, first + 1.0)
