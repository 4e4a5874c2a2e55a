"""What is known of a line on which nothing is wrong, and the same with one thing changed."""

from __future__ import annotations

from typing import Any

from edge_runtime.alarms.facts import LedgerFacts, Limits, Look, MachineFacts
from edge_runtime.live.status import CameraStatus, PlcStatusFacts, StationStatus
from tests.edge.page.status_samples import MONO_NS, UTC_NS, sample_status

MACHINE = MachineFacts(
    disk_free_mb=50_000.0,
    disk_free_share=0.5,
    memory_free_mb=8_000.0,
    memory_free_share=0.6,
    load=0.4,
    recorder_running=True,
    calibration_days={"left": 200},
)
LEDGER = LedgerFacts(parts=6000, newest_counters_utc_ns=UTC_NS - 1_000_000_000, books="open")
LIMITS = Limits({"left": 0.25}, inspection_ms=60.0, challenge_grace_s=900.0)


def camera(**changes: Any) -> CameraStatus:
    """A camera in order: lamp, lens and place as at commissioning."""
    facts: dict[str, Any] = {
        "name": "left",
        "fault": "ok",
        "frames": 100,
        "last_frame_mono_ns": MONO_NS,
        "background": 198.0,
        "reference_background": 200.0,
        "background_min": 110.0,
        "focus_px": 2.0,
        "focus_max_px": 4.0,
        "shift_px": 0.2,
        "shift_max_px": 2.0,
    }
    return CameraStatus(**(facts | changes))


def plc(**changes: Any) -> PlcStatusFacts:
    """A PLC in order, the belt running."""
    facts: dict[str, Any] = {"connected": True, "trusted": True, "belt_running": True, "epoch": 3}
    return PlcStatusFacts(**(facts | changes))


def status(**changes: Any) -> StationStatus:
    """A station that is ready."""
    return sample_status("line", **({"cameras": (camera(),), "plc": plc()} | changes))


def look(**changes: Any) -> Look:
    """All in order."""
    facts: dict[str, Any] = {
        "utc_ns": UTC_NS,
        "status": status(),
        "status_age_s": 0.2,
        "machine": MACHINE,
        "ledger": LEDGER,
        "limits": LIMITS,
    }
    return Look(**(facts | changes))
