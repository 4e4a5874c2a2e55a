"""From journal entries to columns: plain functions, no database.

The entries of one part may come in any order (a station that crashed leaves outcomes
without part entries, a part may be written down after its outcome), so each function
changes one part's columns such that the order does not matter.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from edge_runtime.entries import GapEntry, OutcomeEntry, PartEntry
from edge_runtime.journal import JournalPosition
from edge_runtime.ledger.models import PartRow

Columns = dict[str, Any]

#: outcomes of these causes, without a verdict: no station was there to judge the part
NO_STATION_CAUSES = frozenset({"heartbeat", "not_ready", "ring_full"})

_NULLABLE = [column.name for column in PartRow.__table__.columns if column.nullable]
_OF_PART = [
    item.name
    for item in dataclasses.fields(PartEntry)
    if item.name not in ("epoch", "lane", "trigger_seq", "reasons", "views")
]


def empty_part(epoch: int, lane: int, trigger_seq: int) -> Columns:
    """All columns of a part of which only the number is known."""
    row: Columns = dict.fromkeys(_NULLABLE)
    row.update(
        epoch=epoch, lane=lane, trigger_seq=trigger_seq, null_cause="", reason="", utc_ns=0, boot_id=""
    )
    row.update(has_part=False, has_outcome=False, is_gap=False)
    return row


def merge_part(row: Columns, entry: PartEntry) -> str:
    """Put a part entry into the columns; returns the name of a fault, or ''.

    An entry without a decision never replaces one with a decision. A second decision
    is not taken and named `judged_twice`: every part is judged exactly once.
    """
    if row["has_part"] and row["decision"] is not None:
        return "" if entry.decision is None else "judged_twice"
    trigger_count, pulse = row["trigger_encoder_count"], row["pulse_counts"]
    for name in _OF_PART:
        row[name] = getattr(entry, name)
    row["challenge"] = entry.challenge or None
    if entry.trigger_encoder_count is None:
        row["trigger_encoder_count"], row["pulse_counts"] = trigger_count, pulse
    row["reason"] = entry.reasons[0].code if entry.reasons else entry.null_cause
    row["has_part"] = True
    _forget_gap(row)
    return ""


def merge_outcome(row: Columns, entry: OutcomeEntry, position: JournalPosition) -> str:
    """Put what the PLC did into the columns; returns the name of a fault, or ''.

    Where the part's own entry is missing, its fields stay null with cause `crash` (it died with
    the station), or `no_vision` when there was no station to judge it. A second outcome that
    tells another story is not taken and named `outcome_twice`.
    """
    told = (entry.side, entry.cause, entry.confirm, entry.verdict)
    if row["has_outcome"]:
        same = told == (row["side"], row["cause"], row["confirm"], row["plc_verdict"])
        return "" if same else "outcome_twice"
    _forget_gap(row)
    row["side"], row["cause"], row["confirm"], row["plc_verdict"] = told
    row.update(
        plc_reason=entry.reason,
        confirm_encoder_count=entry.confirm_encoder_count,
        outcome_utc_ns=entry.utc_ns,
        outcome_segment=position.segment,
        outcome_offset=position.offset,
        has_outcome=True,
    )
    if row["trigger_encoder_count"] is None:
        row.update(trigger_encoder_count=entry.trigger_encoder_count, pulse_counts=entry.pulse_counts)
    if not row["has_part"]:
        unseen = entry.verdict is None and entry.cause in NO_STATION_CAUSES
        null_cause = "no_vision" if unseen else "crash"
        row.update(null_cause=null_cause, utc_ns=entry.utc_ns, boot_id=entry.boot_id)
        row["reason"] = entry.reason or null_cause
    return ""


def merge_gap(row: Columns, entry: GapEntry, position: JournalPosition) -> None:
    """Make a row `reject, no_vision` of a part that nobody saw; a row of its own entries stays as it is.

    A gap of cause `bypass` is of parts that all passed a gate held open by key, as the PLC's totals prove.
    """
    if row["has_part"] or row["has_outcome"] or row["is_gap"]:
        return
    bypassed = entry.cause == "bypass"
    row.update(
        null_cause="no_vision" if bypassed else entry.cause or "no_vision",
        reason="no_vision",
        side="bypass" if bypassed else "reject",
        cause="bypass" if bypassed else "no_vision",
        confirm="none",
        outcome_segment=position.segment,
        outcome_offset=position.offset,
        outcome_utc_ns=entry.utc_ns,
        proof=entry.proof,
        utc_ns=entry.utc_ns,
        boot_id=entry.boot_id,
        is_gap=True,
    )


def _forget_gap(row: Columns) -> None:
    """The part's own entries say more than the gap did."""
    if row["is_gap"]:
        for name in (
            "side",
            "cause",
            "confirm",
            "outcome_segment",
            "outcome_offset",
            "outcome_utc_ns",
            "proof",
        ):
            row[name] = None
        row["is_gap"] = False


def view_rows(
    entry: PartEntry, part_id: int, view_id: int, finding_id: int
) -> tuple[list[Columns], list[Columns]]:
    """Rows of views and findings, numbered from `view_id` and `finding_id`."""
    views: list[Columns] = []
    findings: list[Columns] = []
    for view in entry.views:
        number = view_id + len(views)
        views.append(
            {
                "id": number,
                "part_id": part_id,
                "camera": view.camera,
                "view_index": view.view_index,
                "frame_number": view.frame_number,
                "encoder_count": view.encoder_count,
                "arrived_ns": view.arrived_ns,
                "fault": view.fault,
                "detail": view.detail,
                "diameter_min_mm": view.diameter_min_mm,
                "diameter_max_mm": view.diameter_max_mm,
                "diameter_mean_mm": view.diameter_mean_mm,
                "roundness_mm": view.roundness_mm,
                "outline_share": view.outline_share,
                "u_diameter_mm": view.u_diameter_mm,
            }
        )
        for finding in view.findings:
            box = dict(zip(("x_min_px", "y_min_px", "x_max_px", "y_max_px"), finding.xyxy_px, strict=True))
            findings.append(
                {
                    "id": finding_id + len(findings),
                    "view_id": number,
                    "label": finding.label,
                    "score": finding.score,
                }
                | box
            )
    return views, findings


def reason_rows(entry: PartEntry, part_id: int, reason_id: int) -> list[Columns]:
    """Rows of reasons, gravest first, numbered from `reason_id`."""
    return [
        {
            "id": reason_id + place,
            "part_id": part_id,
            "place": place,
            "code": reason.code,
            "text": reason.text,
            "value": reason.value,
            "limit": reason.limit,
            "uncertainty": reason.uncertainty,
            "camera": reason.camera,
            "view_index": reason.view_index,
        }
        for place, reason in enumerate(entry.reasons)
    ]
