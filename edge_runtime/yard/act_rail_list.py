"""Every figure of every rail of an act, a row each: for the CSV and the spreadsheet alone."""

from __future__ import annotations

from collections.abc import Callable

from edge_runtime.reports.document import Cell, Column, ColumnKind, LongTable
from edge_runtime.reports.words import Words
from edge_runtime.yard.act_content import ActContent, ActRail
from edge_runtime.yard.act_words import person_text, word

_Figure = Callable[[ActRail], Cell]


def rail_list(content: ActContent, words: Words) -> LongTable:
    """The list."""
    fields = _fields(words)
    columns = tuple(
        Column(words(f"yard_act.{name}"), kind, digits, unit) for name, kind, digits, unit, _ in fields
    )
    rows = tuple(tuple(figure(rail) for *_, figure in fields) for rail in content.rails)
    return LongTable(columns, rows, words("yard_act.rail_list"))


def _fields(words: Words) -> tuple[tuple[str, ColumnKind, int, str, _Figure], ...]:
    """Key of the catalogue, kind, digits, unit, and what of a rail it is."""
    mm, kg, metres = words("unit.mm"), words("unit.kg"), words("yard_act.m")
    return (
        ("rail", "text", 0, "", lambda rail: rail.name),
        ("section", "text", 0, "", lambda rail: word("yard_section", rail.facts.section, words)),
        (
            "facts_by",
            "text",
            0,
            "",
            lambda rail: person_text(rail.facts_by, words) if rail.facts_by else None,
        ),
        ("length", "number", 3, metres, lambda rail: rail.grade.length_m),
        ("length_how", "text", 0, "", lambda rail: word("yard_length", rail.length_by, words)),
        ("remark", "text", 0, "", lambda rail: _least(rail, words)),
        ("wear", "number", 1, mm, lambda rail: rail.facts.wear_mm),
        ("mass", "number", 1, kg, lambda rail: rail.grade.mass_kg),
        ("usable_length", "number", 3, metres, lambda rail: rail.usable_length_m),
        ("usable_mass", "number", 1, kg, lambda rail: rail.usable_mass_kg),
        ("ball_mass", "number", 1, kg, lambda rail: rail.ball_mass_kg),
        ("yield_short", "number", 1, "%", lambda rail: _yield_percent(rail)),
        ("value_short", "number", 0, "", lambda rail: rail.value),
        ("currency", "text", 0, "", lambda rail: rail.grade.currency or None),
        ("unseen_m", "number", 3, metres, lambda rail: rail.grade.unseen_m),
        ("welds", "number", 0, "", lambda rail: rail.welds),
        ("bolt_holes", "number", 0, "", lambda rail: rail.bolt_holes),
        ("attachments", "number", 0, "", lambda rail: rail.attachments),
        ("findings", "number", 0, "", lambda rail: len(rail.standing)),
        ("grade_computed", "text", 0, "", lambda rail: word("yard_grade", rail.grade.grade, words)),
        ("grade_final", "text", 0, "", lambda rail: word("yard_grade", rail.final_grade, words)),
        ("decision_kind", "text", 0, "", lambda rail: _decision(rail, words)),
        ("account", "text", 0, "", lambda rail: rail.decision.by.account if rail.decision else None),
        ("by_name", "text", 0, "", lambda rail: rail.decision.by.name or None if rail.decision else None),
        ("moment", "text", 0, "", lambda rail: _moment(rail, words)),
        ("why", "text", 0, "", lambda rail: rail.decision.reason or None if rail.decision else None),
        ("model_hash", "text", 0, "", lambda rail: rail.model_sha256 or None),
        ("recipe_hash", "text", 0, "", lambda rail: rail.grade.recipe_sha256 or None),
    )


def _least(rail: ActRail, words: Words) -> str | None:
    return words("yard_act.at_least_short") if rail.length_is_least else None


def _moment(rail: ActRail, words: Words) -> str | None:
    return None if rail.decision is None else words.moment(rail.decision.by.utc_ns)


def _yield_percent(rail: ActRail) -> float | None:
    usable_m, length_m = rail.usable_length_m, rail.grade.length_m
    return None if usable_m is None or not length_m else 100.0 * usable_m / length_m


def _decision(rail: ActRail, words: Words) -> str | None:
    return word("yard_decision", rail.decision.kind, words) if rail.decision else words("yard_act.nobody")
