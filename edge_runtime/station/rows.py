"""From what the core knows of a part to what the PLC is told and the journal stores of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from edge_runtime.encoder import wrap
from edge_runtime.entries import FindingRow, GapEntry, OutcomeEntry, PartEntry, ReasonRow, ViewRow
from edge_runtime.parts import DueView, Part
from edge_runtime.plc.records import OutcomeRecord, TriggerRecord, VerdictRecord
from edge_runtime.plc.registers import Cause, Confirm, Side
from vision.reasons import reason_number, reason_word
from vision.types import Decision, Inspection, Verdict, ViewFindings

#: findings below this score are not worth a row
FINDING_ROW_SCORE = 0.1


@dataclass(frozen=True, slots=True)
class Stamp:
    """Wall-clock time (for people) and the boot it belongs to."""

    utc_ns: int
    boot_id: str


@dataclass(frozen=True, slots=True)
class InForce:
    """What was in force at a part's trigger.

    `calibration_sha256` '' where no camera has a calibration; `challenge` '' for a ball of production.
    """

    lot: str
    shift: str
    recipe_sha256: str
    model_sha256: str
    calibration_sha256: str = ""
    challenge: str = ""


def verdict_record(part: Part, decision: Decision, reason: str) -> VerdictRecord:
    """What the PLC is told of a part."""
    return VerdictRecord(
        epoch=part.part_id.epoch,
        lane=part.part_id.lane,
        trigger_seq=part.part_id.trigger_seq,
        trigger_encoder_count=part.trigger.encoder_count,
        verdict=int(decision),
        reason=reason_number(reason),
    )


def view_row(due: DueView) -> ViewRow:
    """Row of one due view, whatever became of it."""
    found = due.findings
    if found is None:
        cause = due.lost.cause if due.lost is not None else "pending"
        return ViewRow(due.camera, due.index, None, wrap(due.exposure), None, cause)
    return ViewRow(
        camera=found.camera,
        view_index=found.index,
        frame_number=found.frame_number,
        encoder_count=found.encoder_count,
        arrived_ns=found.arrived_ns,
        fault=found.fault.value,
        detail=found.detail,
        diameter_min_mm=found.diameter_min_mm,
        diameter_max_mm=found.diameter_max_mm,
        diameter_mean_mm=found.diameter_mean_mm,
        findings=finding_rows(found),
        roundness_mm=found.roundness_mm,
        outline_share=None if found.outline is None else found.outline.outline_share,
        u_diameter_mm=found.u_diameter_mm,
    )


def finding_rows(found: ViewFindings) -> tuple[FindingRow, ...]:
    """What the detector found in a view, frame pixels, as far as it is worth a row."""
    boxes = found.detections
    rows = []
    for index in range(len(boxes)):
        score = float(boxes.score[index])
        if score >= FINDING_ROW_SCORE:
            x1, y1, x2, y2 = (round(float(value), 1) for value in boxes.xyxy_px[index])
            rows.append(FindingRow(boxes.label(index), round(score, 4), (x1, y1, x2, y2)))
    return tuple(rows)


def judged_entry(
    part: Part, inspection: Inspection, verdict: Verdict, in_force: InForce, decided_ns: int, stamp: Stamp
) -> PartEntry:
    """Entry of a part that got a verdict."""
    arrived = [view.findings.arrived_ns for view in part.due if view.findings is not None]
    coverage, temperature = inspection.coverage, part.temperature
    return PartEntry(
        epoch=part.part_id.epoch,
        lane=part.part_id.lane,
        trigger_seq=part.part_id.trigger_seq,
        trigger_encoder_count=part.trigger.encoder_count,
        pulse_counts=part.trigger.pulse_counts,
        lot=in_force.lot,
        shift=in_force.shift,
        recipe_sha256=in_force.recipe_sha256,
        model_sha256=in_force.model_sha256,
        views_due=inspection.views_due,
        views_got=len(inspection.views),
        views_lost=len(inspection.lost),
        decision=verdict.decision.name.lower(),
        null_cause="",
        diameter_min_mm=inspection.diameter_min_mm,
        diameter_max_mm=inspection.diameter_max_mm,
        diameter_mean_mm=inspection.diameter_mean_mm,
        u_diameter_mm=inspection.u_diameter_mm,
        last_view_arrived_ns=max(arrived, default=None),
        decided_ns=decided_ns,
        deadline_count=wrap(part.deadline),
        utc_ns=stamp.utc_ns,
        boot_id=stamp.boot_id,
        reasons=tuple(
            ReasonRow(
                reason.code,
                reason.text,
                reason.value,
                reason.limit,
                reason.uncertainty,
                reason.camera,
                reason.view_index,
            )
            for reason in verdict.reasons
        ),
        views=tuple(view_row(view) for view in part.due),
        u_diameter_mean_mm=inspection.u_diameter_mean_mm,
        roundness_mm=inspection.roundness_mm,
        u_roundness_mm=inspection.u_roundness_mm,
        speck_mm=inspection.speck_mm,
        coverage_surface_share=coverage.surface_share if coverage else None,
        coverage_p_flat=coverage.p_flat if coverage else None,
        coverage_p_neck=coverage.p_neck if coverage else None,
        coverage_p_crack=coverage.p_crack if coverage else None,
        temperature_celsius=temperature.celsius if temperature else None,
        u_temperature_celsius=temperature.u_celsius if temperature else None,
        calibration_sha256=in_force.calibration_sha256 or None,
        challenge=in_force.challenge,
    )


def unjudged_entry(trigger: TriggerRecord, cause: str, in_force: InForce | None, stamp: Stamp) -> PartEntry:
    """Entry of a part that no verdict was sent for; the PLC rejects it by default."""
    return PartEntry(
        epoch=trigger.epoch,
        lane=trigger.lane,
        trigger_seq=trigger.trigger_seq,
        trigger_encoder_count=trigger.encoder_count,
        pulse_counts=trigger.pulse_counts,
        lot=in_force.lot if in_force else "",
        shift=in_force.shift if in_force else "",
        recipe_sha256=in_force.recipe_sha256 if in_force else None,
        model_sha256=in_force.model_sha256 if in_force else None,
        views_due=0,
        views_got=0,
        views_lost=0,
        decision=None,
        null_cause=cause,
        diameter_min_mm=None,
        diameter_max_mm=None,
        diameter_mean_mm=None,
        u_diameter_mm=None,
        last_view_arrived_ns=None,
        decided_ns=None,
        deadline_count=None,
        utc_ns=stamp.utc_ns,
        boot_id=stamp.boot_id,
        reasons=(ReasonRow(cause),),
        challenge=in_force.challenge if in_force else "",
    )


def _word(kind: type[IntEnum], number: int) -> str:
    """Name of a register's value; one that the map does not know is said, not hidden."""
    try:
        return kind(number).name.lower()
    except ValueError:
        return f"unknown_{number}"


def gap_entry(
    trigger: TriggerRecord, missing: tuple[int, int], header: dict[str, int], stamp: Stamp
) -> GapEntry:
    """Entry of the numbers (first, last) that nobody read before `trigger`; PLC totals are the proof."""
    totals = {
        name: header.get(f"{name}_total", 0) for name in ("triggers", "accepted", "rejected", "bypassed")
    }
    return GapEntry(
        epoch=trigger.epoch,
        lane=trigger.lane,
        first_seq=missing[0],
        last_seq=missing[1],
        cause="no_vision",
        proof="PLC totals: " + ", ".join(f"{count} {name}" for name, count in totals.items()),
        utc_ns=stamp.utc_ns,
        boot_id=stamp.boot_id,
    )


def outcome_entry(record: OutcomeRecord, stamp: Stamp) -> OutcomeEntry:
    """Entry of one outcome, numbers turned into words."""
    return OutcomeEntry(
        epoch=record.epoch,
        lane=record.lane,
        trigger_seq=record.trigger_seq,
        trigger_encoder_count=record.trigger_encoder_count,
        pulse_counts=record.pulse_counts,
        side=_word(Side, record.side),
        cause=_word(Cause, record.cause),
        confirm=_word(Confirm, record.confirm),
        verdict=_word(Decision, record.verdict) if record.verdict else None,
        reason=reason_word(record.reason),
        utc_ns=stamp.utc_ns,
        boot_id=stamp.boot_id,
        confirm_encoder_count=None if record.confirm == Confirm.NONE else record.confirm_encoder_count,
    )
