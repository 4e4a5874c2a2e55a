"""A station's status with sensible values, and a mailbox that shows it as a running station does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edge_runtime.day.state import DayState
from edge_runtime.live.mailbox import MailboxWriter, status_box_name
from edge_runtime.live.status import CameraStatus, ModelFacts, PlcStatusFacts, RecipeFacts, StationStatus

UTC_NS = 1_800_000_000_000_000_000
MONO_NS = 5_000_000_000_000


def sample_status(station: str, **changes: Any) -> StationStatus:
    """A line that is ready, told just now by the clocks of the page's tests."""
    left = CameraStatus(
        name="left",
        fault="ok",
        frames=4200,
        last_frame_mono_ns=MONO_NS - 250_000_000,
        background=180.0,
        reference_background=200.0,
        background_min=120.0,
        focus_px=2.5,
        focus_max_px=4.0,
        shift_px=0.25,
        shift_max_px=2.0,
    )
    right = CameraStatus(name="right", fault="silent", frames=0, last_frame_mono_ns=0)
    facts: dict[str, Any] = {
        "station": station,
        "session": "s-1",
        "version": "0.1.0",
        "started_utc_ns": UTC_NS - 3600 * 1_000_000_000,
        "written_utc_ns": UTC_NS,
        "written_mono_ns": MONO_NS,
        "ready": True,
        "holds": {},
        "day": DayState(),
        "recipe": RecipeFacts(
            name="", product="ball 40", sha256="ab" * 32, d_nominal_mm=40.0, d_min_mm=39.0, d_max_mm=41.0
        ),
        "model": ModelFacts(name="ball", sha256="cd" * 32, provider="cpu", labels=("crack",)),
        "cameras": (left, right),
        "plc": PlcStatusFacts(
            connected=True,
            trusted=True,
            belt_running=True,
            inputs=("air_low",),
            epoch=7,
            totals={"triggers_total": 100, "accepted_total": 80, "rejected_total": 19, "bypassed_total": 0},
        ),
        "counts": {
            "triggers": 100,
            "parts": 99,
            "judged": 97,
            "verdict_accept": 80,
            "verdict_review": 7,
            "verdict_reject": 10,
            "views_due": 600,
            "views_lost": 3,
            "fault_late": 2,
        },
        "in_zone": 1,
        "journal_waiting": 4,
        "loop_ms_p50": 12.0,
        "loop_ms_p99": 31.0,
    }
    return StationStatus(**(facts | changes))


@contextmanager
def shown_status(status: StationStatus) -> Iterator[MailboxWriter]:
    """Show it in the station's mailbox."""
    writer = MailboxWriter(status_box_name(status.station), 1 << 16)
    try:
        writer.write(status.model_dump_json().encode())
        yield writer
    finally:
        writer.close()
