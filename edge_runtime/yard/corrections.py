"""What people say of a rail's findings: replayed over the map's, and worked out before it is written down.

`apply` is a pure replay: the same findings and corrections give the same result on every machine. An undo is
a correction too; what it names is left out of the replay. Neighbours: `store_rails` keeps corrections,
`correction_boxes` places boxes along the rail.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from edge_runtime.yard.correction_boxes import place_box
from edge_runtime.yard.store_changes import (
    Add,
    Assign,
    Change,
    Confirm,
    ConfirmGrade,
    Correct,
    Dismiss,
    FindingValues,
    OverrideGrade,
    Reviewed,
    SetFacts,
    Undo,
)
from edge_runtime.yard.store_errors import YardRefused
from edge_runtime.yard.store_text import TEXT_MAX, bad_field, clean_text, plain_text
from edge_runtime.yard.store_types import Correction, Decision, Grading, RailView, Stretch, StripPart
from vision.rail_map.types import RailMap
from vision.yard.types import FindingState, GradeWord, RailGrade, TypedFacts, YardFinding

_OF_FINDINGS = frozenset({"confirm", "dismiss", "correct", "add"})
_OF_GRADE = frozenset({"confirm_grade", "override_grade"})


def standing(corrections: Sequence[Correction]) -> tuple[Correction, ...]:
    """Corrections that no undo has taken back, without the undos, in their order."""
    undone = {entry.after["undone"] for entry in corrections if entry.kind == "undo" and entry.after}
    return tuple(entry for entry in corrections if entry.kind != "undo" and entry.number not in undone)


def apply(originals: Sequence[YardFinding], corrections: Sequence[Correction]) -> tuple[YardFinding, ...]:
    """Findings as people left them: the map's in their order, then added ones; dismissed ones stay, as such.

    Args:
        originals: the map's findings before anybody said something.
        corrections: all of the rail, in their order.
    """
    found = {finding.id: finding for finding in originals}
    for entry in standing(corrections):
        if entry.kind in _OF_FINDINGS and entry.after is not None:
            found[entry.finding] = YardFinding.model_validate(entry.after)
    return tuple(found.values())


def facts_of(corrections: Sequence[Correction]) -> tuple[TypedFacts, Correction | None]:
    """What was typed last, and the correction that says so; nothing typed and None where nobody has."""
    typed = [entry for entry in standing(corrections) if entry.kind == "facts"]
    if not typed:
        return TypedFacts(), None
    return TypedFacts.model_validate(typed[-1].after), typed[-1]


def reviewed_of(corrections: Sequence[Correction]) -> tuple[Stretch, ...]:
    """Stretches that people have gone through."""
    return tuple(
        Stretch(part["camera"], part["first_row"], part["last_row"], entry.by, entry.utc_ns)
        for entry in standing(corrections)
        if entry.kind == "reviewed" and entry.after is not None
        for part in entry.after["stretches"]
    )


def basis(grade: RailGrade) -> str:
    """Hash of a grade and its reasons, without their figures: what a person's decision was about."""
    reasons = sorted(
        [
            reason.code,
            reason.action,
            reason.finding,
            *(f"{key}={value}" for key, value in sorted(reason.values.items()) if isinstance(value, str)),
        ]
        for reason in grade.reasons
    )
    return hashlib.sha256(json.dumps([grade.grade, reasons]).encode("utf-8")).hexdigest()


def decision_of(corrections: Sequence[Correction], grade: RailGrade) -> Decision | None:
    """The newest decision on the grade; it holds only while grade and reasons are those it was made on."""
    made = [entry for entry in standing(corrections) if entry.kind in _OF_GRADE and entry.after is not None]
    if not made:
        return None
    last = made[-1]
    before, after = last.before or {}, last.after or {}
    return Decision(
        "overridden" if last.kind == "override_grade" else "confirmed",
        cast(GradeWord, after["grade"]),
        last.reason,
        last.by,
        last.role,
        last.utc_ns,
        last.number,
        holds=before.get("basis") == basis(grade),
    )


@dataclass(frozen=True, slots=True)
class Planned:
    """A change, worked out: what is written down beside who and when."""

    finding: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def plan(change: Change, view: RailView, grading: Grading) -> Planned:
    """Work out what a change makes of a rail.

    Args:
        change: what is asked.
        view: the rail as it stands.
        grading: the recipe's classes and rows.

    Raises:
        YardRefused: 'no_such_finding', 'no_such_correction', 'reason_needed', 'unknown_kind', 'bad_value',
            'box_outside', 'nothing_new', 'later_stands', 'cannot_undo' or 'grade_is_human'.
    """
    match change:
        case Confirm() | Dismiss() | Correct() | Add():
            return _plan_finding(change, view, grading)
        case SetFacts():
            return _plan_facts(change, view, grading)
        case ConfirmGrade() | OverrideGrade():
            return _plan_grade(change, view)
        case Reviewed():
            return _plan_reviewed(change, view)
        case Assign():
            return _new("", {"wagon_id": view.wagon_id}, {"wagon_id": change.wagon_id})
        case Undo():
            return _plan_undo(change, view)


def _plan_finding(change: Confirm | Dismiss | Correct | Add, view: RailView, grading: Grading) -> Planned:
    if isinstance(change, Add):
        number = 1 + sum(entry.kind == "add" for entry in view.corrections)
        made = _added(f"a{number}", change.values, view, grading)
        return Planned(made.id, None, made.model_dump(mode="json"))
    now = next((finding for finding in view.findings if finding.id == change.finding), None)
    if now is None:
        raise YardRefused(
            "no_such_finding",
            f"rail '{view.name}' has no finding '{change.finding[:40]}'",
            values={"finding": change.finding[:40], "rail": view.name},
            where=view.name,
            todo="read the rail again",
        )
    if isinstance(change, Dismiss):
        after = now.model_copy(update={"state": "dismissed"})
    elif isinstance(change, Confirm):
        after = now.model_copy(update={"state": _confirmed_state(now, view)})
    else:
        values = _changed(change.values, now, view, grading)
        state = "corrected" if now.origin == "model" else "added"
        after = YardFinding.model_validate({**now.model_dump(), **values, "state": state})
        if _same(now, after):
            raise _nothing_new()
    return _new(now.id, now.model_dump(mode="json"), after.model_dump(mode="json"))


def _same(now: YardFinding, after: YardFinding) -> bool:
    return now.model_copy(update={"state": after.state}) == after


def _confirmed_state(now: YardFinding, view: RailView) -> FindingState:
    """What a finding is once it stands: what a person changed in it stays said."""
    if now.origin == "inspector":
        return "added"
    original = next((finding for finding in view.originals if finding.id == now.id), None)
    untouched = original is not None and _same(original, now)
    return "confirmed" if untouched else "corrected"


def _added(name: str, values: FindingValues, view: RailView, grading: Grading) -> YardFinding:
    if values.kind is None or values.camera is None or values.xyxy_px is None:
        raise bad_field("values", "an added finding needs kind, camera and xyxy_px")
    place = place_box(view.rail_map, view.strips, values.camera, values.xyxy_px)
    element = next(camera.element for camera in view.rail_map.cameras if camera.name == values.camera)
    return YardFinding(
        id=name,
        label=grading.label_of(_known_kind(values.kind, grading)),
        kind=values.kind,
        element=values.element or element,
        origin="inspector",
        state="added",
        score=None,
        note=values.note or "",
        **place,
    )


def _changed(values: FindingValues, now: YardFinding, view: RailView, grading: Grading) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if values.kind is not None and values.kind != now.kind:
        found |= {"kind": values.kind, "label": grading.label_of(_known_kind(values.kind, grading))}
    if values.element is not None:
        found["element"] = values.element
    if values.note is not None:
        found["note"] = values.note
    if values.camera is not None and values.xyxy_px is not None:
        found |= place_box(view.rail_map, view.strips, values.camera, values.xyxy_px, of=now)
    return found


def _known_kind(kind: str, grading: Grading) -> str:
    if kind not in grading.kinds:
        raise YardRefused(
            "unknown_kind",
            f"the recipe has no class '{kind}'",
            values={"kind": kind},
            where="kind",
            todo=f"one of {', '.join(sorted(grading.kinds))}",
        )
    return kind


def _plan_facts(change: SetFacts, view: RailView, grading: Grading) -> Planned:
    unknown = sorted(set(change.facts.rows) - grading.typed_rows)
    if unknown:
        raise bad_field("facts.rows", f"the recipe has no row '{unknown[0][:80]}'")
    note = clean_text("facts.note", change.facts.note, TEXT_MAX, plain_text)
    after = change.facts.model_copy(update={"note": note})
    return _new("", view.facts.model_dump(mode="json"), after.model_dump(mode="json"))


def _plan_grade(change: ConfirmGrade | OverrideGrade, view: RailView) -> Planned:
    word = view.grade.grade
    if isinstance(change, OverrideGrade):
        if not change.reason:
            raise YardRefused(
                "reason_needed",
                "another grade needs a reason",
                where="reason",
                todo="say why in a few words",
            )
        word = change.grade
    elif word == "human":
        raise YardRefused(
            "grade_is_human",
            f"rail '{view.name}' cannot be confirmed as it is: its grade says that a person must decide",
            values={"rail": view.name},
            where=view.name,
            todo="fill in what is missing, or override the grade with a reason",
        )
    held = view.decision
    if held is not None and held.holds and (held.grade, held.reason) == (word, change.reason):
        raise _nothing_new()
    before = {"grade": view.grade.grade, "basis": basis(view.grade)}
    return Planned("", before, {"grade": word})


def _plan_reviewed(change: Reviewed, view: RailView) -> Planned:
    extents = strip_rows(view.strips)
    cameras = list(extents) if change.camera is None else [change.camera]
    stretches = []
    for camera in cameras:
        if camera not in extents:
            raise bad_field("camera", f"the rail has no strip of camera '{camera[:80]}'")
        first, last = extents[camera]
        first = first if change.first_row is None else max(first, change.first_row)
        last = last if change.last_row is None else min(last, change.last_row)
        if last > first:
            stretches.append({"camera": camera, "first_row": float(first), "last_row": float(last)})
    if not stretches:
        raise bad_field("first_row", "the stretch holds no row of a strip")
    return Planned("", None, {"stretches": stretches})


def strip_rows(strips: Sequence[StripPart]) -> dict[str, tuple[float, float]]:
    """First row and row behind the last one of each camera's pictures."""
    found: dict[str, tuple[float, float]] = {}
    for part in strips:
        first, last = found.get(part.camera, (float(part.first_row), 0.0))
        found[part.camera] = (min(first, part.first_row), max(last, part.first_row + part.rows))
    return found


def _plan_undo(change: Undo, view: RailView) -> Planned:
    target = next((entry for entry in view.corrections if entry.number == change.correction), None)
    values: dict[str, str | int] = {"number": change.correction, "rail": view.name}
    if target is None:
        raise YardRefused(
            "no_such_correction",
            f"rail '{view.name}' has no correction {change.correction}",
            values=values,
            where=view.name,
            todo="read the rail again",
        )
    left = standing(view.corrections)
    if target.kind in ("undo", "assign") or target not in left:
        raise YardRefused(
            "cannot_undo",
            f"correction {change.correction} is taken back already, or is one that cannot be",
            values=values,
            where=view.name,
            todo="do the thing again instead",
        )
    later = [entry for entry in left if entry.number > target.number and _subject(entry) == _subject(target)]
    if later and target.kind != "reviewed":
        raise YardRefused(
            "later_stands",
            f"correction {later[-1].number} of the same thing came after it and stands",
            values={**values, "later": later[-1].number},
            where=view.name,
            todo=f"take back correction {later[-1].number} first",
        )
    return Planned(target.finding, target.after, {"undone": target.number, "now": target.before})


def _subject(entry: Correction) -> str:
    if entry.kind in _OF_FINDINGS:
        return f"finding {entry.finding}"
    return "grade" if entry.kind in _OF_GRADE else entry.kind


def _new(finding: str, before: dict[str, Any], after: dict[str, Any]) -> Planned:
    if before == after:
        raise _nothing_new()
    return Planned(finding, before, after)


def _nothing_new() -> YardRefused:
    return YardRefused("nothing_new", "this is how it stands already", todo="nothing is left to do")


def count_unconfirmed(findings: Sequence[YardFinding]) -> tuple[int, int]:
    """Findings that stand, and how many of them nobody has looked at."""
    left = [finding for finding in findings if finding.state != "dismissed"]
    return len(left), sum(finding.state == "unconfirmed" for finding in left)


def map_without_findings(rail_map: RailMap) -> dict[str, Any]:
    """A map as plain values, its findings left out: they are rows of their own."""
    return rail_map.model_copy(update={"findings": ()}).model_dump(mode="json")
