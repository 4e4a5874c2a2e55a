"""Every alarm there can be: how grave, from what source it is known, how long it must last.

The words are in `messages/`, one entry per code and language; a test keeps table and catalogues alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vision.types import FrameFault

#: stop: the belt stands, or must; error: balls are rejected or a proof is in danger; warning: soon, or odd
Level = Literal["warning", "error", "stop"]
LEVELS: tuple[Level, ...] = ("stop", "error", "warning")
#: what a condition is known from; while the source is silent its alarms stay as they are
Source = Literal["page", "station", "ledger", "machine"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One code.

    Attributes:
        level: how grave; the only one it ever has.
        source: see `Source`.
        places: values that its text names.
        on_s: it must be seen for so long before it is an alarm, with gaps shorter than `off_s`.
        off_s: it must be unseen for so long before the alarm is over.
    """

    level: Level
    source: Source
    places: tuple[str, ...] = ()
    on_s: float = 0.0
    off_s: float = 2.0


_STATION: dict[str, Rule] = {
    "station_gone": Rule("error", "page", ("seconds",), on_s=3.0),
    "station_absent": Rule("error", "page", on_s=30.0),
    "station_unreadable": Rule("error", "page", on_s=2.0),
    "station_slow": Rule("warning", "station", ("p99_ms", "limit_ms"), on_s=20.0, off_s=60.0),
    "journal_stuck": Rule("error", "station", off_s=5.0),
    # A station that has just come up makes its reserve within seconds.
    "journal_reserve": Rule("warning", "station", ("left_mb", "full_mb"), on_s=15.0, off_s=5.0),
    "journal_reserve_spent": Rule("error", "station", off_s=5.0),
    "books_hold": Rule("error", "station"),
    "hold_other": Rule("error", "station", ("name",)),
    "recipe_unusable": Rule("error", "station"),
    "lot_recipe": Rule("error", "station", ("lot",)),
    "calibration_bad": Rule("error", "station"),
    "calibration_ends": Rule("warning", "machine", ("camera", "days"), off_s=10.0),
}
_PLC: dict[str, Rule] = {
    "plc_lost": Rule("error", "station", on_s=1.0),
    "plc_geometry": Rule("error", "station"),
    "plc_untrusted": Rule("error", "station", on_s=3.0),
    "e_stop": Rule("stop", "station", off_s=1.0),
    "guard_open": Rule("stop", "station", off_s=1.0),
    "air_low": Rule("error", "station", on_s=0.5, off_s=3.0),
    "bin_full": Rule("error", "station", on_s=1.0, off_s=5.0),
    "latched_e_stop": Rule("stop", "station", off_s=1.0),
    "latched_guard": Rule("stop", "station", off_s=1.0),
    "latched_mismatch": Rule("stop", "station", off_s=1.0),
    "latched_unproven_accept": Rule("stop", "station", off_s=1.0),
    "latched_station_request": Rule("stop", "station", off_s=1.0),
    "latched_power": Rule("stop", "station", off_s=1.0),
    "latched_other": Rule("stop", "station", ("cause",), off_s=1.0),
    "bypass": Rule("error", "station", off_s=1.0),
    "service_key": Rule("error", "station", off_s=1.0),
}
_CAMERA: dict[str, Rule] = {
    "camera_silent": Rule("error", "station", ("camera",), off_s=3.0),
    **{
        f"camera_{fault.value}": Rule("error", "station", ("camera",), on_s=1.0, off_s=5.0)
        for fault in FrameFault
        if fault is not FrameFault.OK
    },
    "camera_fault": Rule("error", "station", ("camera", "fault"), on_s=1.0, off_s=5.0),
    "lamp_fading": Rule("warning", "station", ("camera", "level", "limit"), on_s=30.0, off_s=60.0),
    "lens_drifting": Rule("warning", "station", ("camera", "width_px", "limit_px"), on_s=30.0, off_s=60.0),
    "camera_shifting": Rule("warning", "station", ("camera", "shift_px", "limit_px"), on_s=30.0, off_s=60.0),
    "frames_lost": Rule("warning", "ledger", ("camera", "count"), off_s=10.0),
}
_DAY: dict[str, Rule] = {
    "changeover_running": Rule("warning", "station", ("recipe",), off_s=1.0),
    "challenge_missed": Rule("stop", "station", ("challenge",)),
    "challenge_due": Rule("warning", "station"),
    "challenge_overdue": Rule("error", "station", ("minutes",)),
    "challenge_hold": Rule("error", "station"),
    "challenge_inconclusive": Rule("warning", "station"),
    "challenge_waits": Rule("warning", "station", ("minutes",)),
}
_PASSING: dict[str, Rule] = {
    "trigger_ring_full": Rule("error", "ledger", ("count",), off_s=10.0),
    "outcome_ring_full": Rule("error", "ledger", ("count",), off_s=10.0),
    "verdicts_late": Rule("error", "ledger", ("count", "share_percent"), off_s=30.0),
    "verdicts_lost": Rule("error", "ledger", ("count",), off_s=10.0),
    "unproven_accepts": Rule("error", "ledger", ("count",), off_s=10.0),
    "stray_rejects": Rule("warning", "ledger", ("count",), off_s=10.0),
    "wrong_chute": Rule("error", "ledger", ("count",), off_s=10.0),
    "untriggered": Rule("warning", "ledger", ("count",), off_s=10.0),
    "sequence_back": Rule("error", "ledger", ("count",), off_s=10.0),
    "no_temperature": Rule("warning", "ledger", off_s=10.0),
    "plc_restarted": Rule("warning", "ledger", off_s=10.0),
    "station_restarts": Rule("error", "ledger", ("count",), off_s=10.0),
    "inspection_errors": Rule("error", "ledger", ("count",), off_s=10.0),
    "journal_damaged": Rule("error", "ledger", ("count",), off_s=10.0),
    "day_lost": Rule("error", "ledger", off_s=10.0),
    "day_not_kept": Rule("warning", "ledger", off_s=10.0),
    "desk_closed": Rule("error", "ledger", off_s=10.0),
    "pictures_lost": Rule("warning", "ledger", ("count",), off_s=10.0),
    "rejects_high": Rule("warning", "ledger", ("share_percent", "usual_percent"), on_s=60.0, off_s=300.0),
    "size_drift": Rule("warning", "ledger", ("mean_mm", "target_mm"), off_s=120.0),
    "books_unbalanced": Rule("error", "ledger", ("count",), on_s=6.0, off_s=6.0),
}
_MACHINE: dict[str, Rule] = {
    "line_given_up": Rule("error", "machine"),
    "recorder_gone": Rule("error", "machine", on_s=10.0),
    "recorder_behind": Rule("warning", "ledger", ("seconds",), on_s=5.0, off_s=10.0),
    "ledger_unreadable": Rule("error", "page", on_s=10.0),
    "disk_low": Rule("warning", "machine", ("free_mb",), on_s=5.0, off_s=30.0),
    "disk_full": Rule("error", "machine", ("free_mb",), on_s=2.0, off_s=30.0),
    "memory_low": Rule("warning", "machine", ("free_mb",), on_s=20.0, off_s=60.0),
    "clock_jumped": Rule("warning", "machine", ("seconds",)),
}
CODES: dict[str, Rule] = _STATION | _PLC | _CAMERA | _DAY | _PASSING | _MACHINE


def rule_of(code: str) -> Rule:
    """The rule of a code; one that another version wrote down is over as soon as nobody sees it."""
    return CODES.get(code, Rule("warning", "page"))
