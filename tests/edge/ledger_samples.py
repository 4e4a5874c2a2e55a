"""Journal entries for the tests of journal, ledger and recorder, with sensible values everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_runtime.entries import (
    CountersEntry,
    Entry,
    EpochEntry,
    FaultEntry,
    FindingRow,
    OutcomeEntry,
    PartEntry,
    ReasonRow,
    SessionEntry,
    ViewRow,
)
from edge_runtime.journal import JournalPosition, JournalWriter

UTC_NS = 1_790_000_000_000_000_000
BOOT = "3f1c5b60-0000-4000-8000-000000000001"
PLC_BOOT = 77
#: columns that schema 0002 added
NEW_IN_PART = (
    "u_diameter_mean_mm",
    "roundness_mm",
    "u_roundness_mm",
    "speck_mm",
    "coverage_surface_share",
    "coverage_p_flat",
    "coverage_p_neck",
    "coverage_p_crack",
    "temperature_celsius",
    "u_temperature_celsius",
    "calibration_sha256",
)
NEW_IN_VIEW = ("roundness_mm", "outline_share", "u_diameter_mm")


def session() -> SessionEntry:
    """A station process came up."""
    contract = {"labels": ["crack"], "input_px": 160}
    recipe = {"product": "ball 40"}
    return SessionEntry(
        "s1",
        "line-1",
        BOOT,
        UTC_NS,
        1,
        "a" * 64,
        recipe,
        "b" * 64,
        contract,
        "CPUExecutionProvider",
        "0.1.0",
        "c" * 64,
        {"left": {"certificate_no": "K-17"}},
    )


def epoch(number: int = 1, plc_boot_id: int = PLC_BOOT) -> EpochEntry:
    """An agreed epoch."""
    return EpochEntry(number, plc_boot_id, "station_start", UTC_NS)


def views(count: int = 3, lost: int = 0) -> tuple[ViewRow, ...]:
    """`count` views of which the last `lost` did not come; the first shows a crack."""
    crack = FindingRow("crack", 0.75, (10.0, 11.0, 20.0, 21.0))
    return tuple(
        ViewRow("left", index, None, 500 + index, None, "lost_frame")
        if index >= count - lost
        else ViewRow(
            "left",
            index,
            100 + index,
            500 + index,
            9_000 + index,
            "ok",
            "",
            39.9,
            40.1,
            40.0,
            None,
            (crack,) * (not index),
            0.03,
            0.98,
            0.021,
        )
        for index in range(count)
    )


def part(
    seq: int, *, epoch: int = 1, lane: int = 0, decision: str | None = "accept", **other: Any
) -> PartEntry:
    """A judged part with three views; `other` replaces fields."""
    due = other.pop("views_due", 3)
    lost = other.pop("views_lost", 0)
    reasons = () if decision == "accept" else (ReasonRow("crack", "found", 0.75, 0.4, None, "left", 0),)
    values: dict[str, Any] = {
        "epoch": epoch,
        "lane": lane,
        "trigger_seq": seq,
        "trigger_encoder_count": (seq * 960) % 65536,
        "pulse_counts": 318,
        "lot": "lot 7",
        "shift": "early",
        "recipe_sha256": "a" * 64,
        "model_sha256": "b" * 64,
        "views_due": due,
        "views_got": due - lost,
        "views_lost": lost,
        "decision": decision,
        "null_cause": "",
        "diameter_min_mm": 39.9,
        "diameter_max_mm": 40.1,
        "diameter_mean_mm": 40.0,
        "u_diameter_mm": 0.02,
        "last_view_arrived_ns": 9_003,
        "decided_ns": 9_500,
        "deadline_count": 1234,
        "utc_ns": UTC_NS + seq,
        "boot_id": BOOT,
        "reasons": reasons,
        "views": views(due, lost) if due else (),
        "u_diameter_mean_mm": 0.015,
        "roundness_mm": 0.04,
        "u_roundness_mm": 0.005,
        "speck_mm": 0.3,
        "coverage_surface_share": 0.93,
        "coverage_p_flat": 0.8,
        "coverage_p_neck": 0.99,
        "coverage_p_crack": None,
        "temperature_celsius": 104.5,
        "u_temperature_celsius": 10.0,
        "calibration_sha256": "c" * 64,
    }
    return PartEntry(**(values | other))


def outcome(
    seq: int, *, epoch: int = 1, lane: int = 0, verdict: str | None = "accept", **other: Any
) -> OutcomeEntry:
    """What the PLC did with a part, as it should have."""
    accept = verdict == "accept"
    values: dict[str, Any] = {
        "trigger_encoder_count": (seq * 960) % 65536,
        "pulse_counts": 318,
        "side": "accept" if accept else "reject",
        "cause": "proven" if accept else ("verdict_reject" if verdict else "no_verdict"),
        "confirm": "accept_eye" if accept else "reject_eye",
        "verdict": verdict,
        "reason": "" if accept else "crack",
        "utc_ns": UTC_NS + seq + 1000,
        "boot_id": BOOT,
    }
    return OutcomeEntry(epoch=epoch, lane=lane, trigger_seq=seq, **(values | other))


def counters(accepted: int, rejected: int, *, plc_boot_id: int = PLC_BOOT, **other: int) -> CountersEntry:
    """Totals of a PLC whose parts are all through and confirmed, unless `other` says so."""
    totals = {
        "triggers_total": accepted + rejected,
        "accepted_total": accepted,
        "rejected_total": rejected,
        "confirmed_total": accepted + rejected,
        "mismatch_total": 0,
        "unproven_accepts": 0,
        "stray_rejects": 0,
        "trigger_overflow": 0,
        "outcome_overflow": 0,
    }
    return CountersEntry(plc_boot_id, totals | other, UTC_NS)


def fault(code: str = "camera_lost", count: int = 1) -> FaultEntry:
    """A fault."""
    return FaultEntry(code, "camera left is silent", count, UTC_NS, BOOT, camera="left")


def placed(entries: list[Entry], *, segment: int = 1, after: int = 0) -> list[tuple[JournalPosition, Entry]]:
    """Entries with rising positions, as a reader of the journal gives them."""
    return [
        (JournalPosition(segment, after + 10 * (index + 1)), entry) for index, entry in enumerate(entries)
    ]


def write_journal(folder: Path, entries: list[Entry], **options: float) -> None:
    """A station's life: it writes these and ends."""
    writer = JournalWriter(folder, boot_id=BOOT, commit_interval_s=0.001, **options)  # type: ignore[arg-type]
    for entry in entries:
        writer.append(entry)
    assert writer.close()
