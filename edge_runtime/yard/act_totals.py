"""Counts and sums over the rails of an act. A figure that is not known of every rail says of how many it is.

Pure; `act_document` and its neighbours print what stands here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from edge_runtime.yard.act_content import ActContent, ActRail, standing
from vision.yard.types import CoverageRow, FactWord, Section, SeenBy, YardFinding


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum over what is known: `value` is None where nothing is; `known` of `count` rails have a figure."""

    value: float | None
    known: int
    count: int


@dataclass(frozen=True, slots=True)
class SectionTotal:
    """Rails of one section (None: nobody typed it). `at_least`: one of them has but a least length."""

    section: Section | None
    pieces: int
    length_m: Sum
    at_least: bool
    mass_kg: Sum


@dataclass(slots=True)
class KindTotal:
    """One class of finding over the whole act.

    Attributes:
        found: findings that stand; `by_person` of them a person has confirmed, corrected or added.
        rails: how many rails (or sets of photos) have one.
        seen_by: on how many rails who looked for it.
        facts: what was typed of it, on how many rails; None: nobody typed anything.
    """

    kind: str
    ru: str = ""
    uic: str = ""
    found: int = 0
    by_person: int = 0
    rails: int = 0
    required: bool = False
    seen_by: Counter[SeenBy] = field(default_factory=Counter)
    facts: Counter[FactWord | None] = field(default_factory=Counter)


def sum_of(rails: Iterable[ActRail], figure: Callable[[ActRail], float | None]) -> Sum:
    """The sum of a figure over rails."""
    values = [figure(rail) for rail in rails]
    known = [value for value in values if value is not None]
    return Sum(sum(known) if known else None, len(known), len(values))


def by_section(content: ActContent) -> tuple[SectionTotal, ...]:
    """Pieces by section, the untyped last."""
    sections = sorted({rail.facts.section for rail in content.rails}, key=lambda name: (name is None, name))
    found: list[SectionTotal] = []
    for section in sections:
        rails = [rail for rail in content.rails if rail.facts.section == section]
        found.append(
            SectionTotal(
                section,
                len(rails),
                sum_of(rails, lambda rail: rail.grade.length_m),
                any(rail.length_is_least for rail in rails),
                sum_of(rails, lambda rail: rail.grade.mass_kg),
            )
        )
    return tuple(found)


def by_kind(content: ActContent) -> tuple[KindTotal, ...]:
    """Classes of the coverage tables in their order, then those that only findings name."""
    totals: dict[str, KindTotal] = {}
    for _, grade in content.graded:
        for row in grade.coverage:
            _cover(totals.setdefault(row.kind, KindTotal(row.kind, row.ru, row.uic)), row)
    for part in content.parts:
        _find(totals, part.findings)
    return tuple(totals.values())


def _cover(total: KindTotal, row: CoverageRow) -> None:
    total.seen_by[row.seen_by] += 1
    total.required = total.required or row.required
    if row.required or row.fact is not None or row.seen_by != "model":
        total.facts[row.fact] += 1


def _find(totals: dict[str, KindTotal], findings: tuple[YardFinding, ...]) -> None:
    kinds: set[str] = set()
    for finding in standing(findings):
        total = totals.setdefault(finding.kind, KindTotal(finding.kind))
        total.found += 1
        total.by_person += finding.state != "unconfirmed"
        kinds.add(finding.kind)
    for kind in kinds:
        totals[kind].rails += 1


def not_inspected(content: ActContent) -> Counter[str]:
    """Words for what vision did not look at, and of how many rails each was said."""
    return Counter(word for _, grade in content.graded for word in grade.not_inspected)
