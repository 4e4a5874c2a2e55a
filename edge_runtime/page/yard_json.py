"""The yard's types as the page's JSON: rails, wagons, looks, acts, the recipe's classes and rows.

Times are milliseconds of the wall clock. Neighbours: the `yard_*_api` modules answer with these.
"""

from __future__ import annotations

from typing import Any

from edge_runtime.page.yard_context import since_json
from edge_runtime.page.yard_strips import Strip
from edge_runtime.page.yard_tiles import TILE_PX, level_count
from edge_runtime.yard.acts import ActLine, ActNumber, SignedAct
from edge_runtime.yard.store_types import Look, RailLine, RailView, WagonView
from vision.yard.recipe import SECTIONS, YardRecipe

MS = 1_000_000


def rail_line_json(line: RailLine) -> dict[str, Any]:
    """One rail of a list."""
    return {
        "rail_id": line.rail_id,
        "name": line.name,
        "kind": line.kind,
        "wagon_id": line.wagon_id,
        "revision": line.revision,
        "grade": line.grade,
        "final_grade": line.final_grade,
        "decided": line.decided,
        "finished": line.finished,
        "findings": line.findings,
        "unconfirmed": line.unconfirmed,
        "length_m": line.length_m,
        "unseen_m": line.unseen_m,
        "scanned_utc_ms": line.scanned_utc_ns // MS,
    }


def rail_json(view: RailView, strips: tuple[Strip, ...]) -> dict[str, Any]:
    """One rail with all that the page shows of it."""
    rail_map = view.rail_map
    decision = view.decision
    facts_by = view.facts_by
    return {
        "rail_id": view.rail_id,
        "name": view.name,
        "kind": view.kind,
        "wagon_id": view.wagon_id,
        "revision": view.revision,
        "scan": view.scan,
        "scanned_utc_ms": view.scanned_utc_ns // MS,
        "map": rail_map.model_dump(mode="json", exclude={"findings", "cameras", "unseen"}),
        "cameras": [
            {
                **camera.model_dump(mode="json"),
                "left_px": strip.left_px,
                "shown_px": strip.width_px,
                "rows": strip.rows,
                "levels": level_count(strip),
                "has_pictures": bool(strip.files),
            }
            for camera, strip in zip(rail_map.cameras, strips, strict=True)
        ],
        "tile_px": TILE_PX,
        "unseen": [stretch.model_dump(mode="json") for stretch in rail_map.unseen],
        "findings": [finding.model_dump(mode="json") for finding in view.findings],
        "facts": view.facts.model_dump(mode="json"),
        "facts_by": None
        if facts_by is None
        else {"by": facts_by.by, "role": facts_by.role, "utc_ms": facts_by.utc_ns // MS},
        "grade": view.grade.model_dump(mode="json"),
        "decision": None
        if decision is None
        else {
            "kind": decision.kind,
            "grade": decision.grade,
            "reason": decision.reason,
            "by": decision.by,
            "role": decision.role,
            "utc_ms": decision.utc_ns // MS,
            "holds": decision.holds,
        },
        "final_grade": view.final_grade,
        "decided": view.decided,
        "finished": view.finished,
        "corrections": [since_json(entry) for entry in view.corrections],
        "looks": [look_json(look) for look in view.looks],
        "reviewed": [
            {
                "camera": stretch.camera,
                "first_row": stretch.first_row,
                "last_row": stretch.last_row,
                "by": stretch.by,
                "utc_ms": stretch.utc_ns // MS,
            }
            for stretch in view.reviewed
        ],
    }


def look_json(look: Look) -> dict[str, Any]:
    """One stretch that was drawn for a second look."""
    return {
        "look_id": look.look_id,
        "rail_id": look.rail_id,
        "rail": look.rail,
        "camera": look.camera,
        "first_row": look.first_row,
        "last_row": look.last_row,
        "answer": look.answer,
        "by": look.by,
        "note": look.note,
        "utc_ms": None if look.utc_ns is None else look.utc_ns // MS,
    }


def wagon_json(view: WagonView) -> dict[str, Any]:
    """One wagon, truck or lot."""
    return {
        "wagon_id": view.wagon_id,
        "revision": view.revision,
        "fields": view.fields.model_dump(mode="json"),
        "by": view.by,
        "utc_ms": view.utc_ns // MS,
        "rails": view.rails,
        "unfinished": view.unfinished,
        "act": None if view.act is None else {"year": view.act[0], "number": view.act[1]},
    }


def number_json(number: ActNumber | None) -> dict[str, int] | None:
    """Year and number of an act."""
    return None if number is None else {"year": number.year, "number": number.number}


def act_line_json(line: ActLine) -> dict[str, Any]:
    """One act of the list."""
    return {
        "year": line.act.year,
        "number": line.act.number,
        "wagon_id": line.wagon_id,
        "supplier": line.supplier,
        "vehicle": line.vehicle,
        "signed_by": line.signed_by,
        "signed_utc_ms": line.signed_utc_ns // MS,
        "supersedes": number_json(line.supersedes),
        "superseded_by": number_json(line.superseded_by),
    }


def signed_json(act: SignedAct) -> dict[str, Any]:
    """An act that was signed just now."""
    return {
        "year": act.year,
        "number": act.number,
        "wagon_id": act.wagon_id,
        "sha256": act.sha256,
        "signed_by": act.signed_by,
        "signed_utc_ms": act.signed_utc_ns // MS,
        "supersedes": number_json(act.supersedes),
        "superseded_by": number_json(act.superseded_by),
    }


def recipe_json(recipe: YardRecipe) -> dict[str, Any]:
    """What the page needs of the recipe: its classes with their words and limits, the rows to be typed."""
    return {
        "product": recipe.product,
        "kinds": {
            name: {
                "names": rule.name.model_dump(),
                "rank": rule.rank,
                "element": rule.element,
                "ru": rule.ru,
                "uic": rule.uic,
                "label": rule.model_label,
                "action": rule.action,
                "margin_mm": rule.margin_mm,
                "steps": [
                    {
                        "length_mm_over": step.length_mm_over,
                        "width_mm_over": step.width_mm_over,
                        "area_mm2_over": step.area_mm2_over,
                        "action": step.action,
                        "margin_mm": step.margin_mm,
                    }
                    for step in rule.severity.values()
                ],
                "source": rule.source,
                "verified": rule.verified,
            }
            for name, rule in recipe.kinds.items()
        },
        "rows": {
            name: {
                "names": row.name.model_dump(),
                "kinds": list(row.kinds),
                "required": row.required,
                "found_action": row.found_action,
            }
            for name, row in recipe.rows.items()
        },
        "labels": {label: rule.kind for label, rule in recipe.labels.items()},
        "sections": list(SECTIONS),
        "currency": recipe.money.currency,
    }
