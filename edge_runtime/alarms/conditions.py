"""What is wrong now: a pure function of all that is known. Never raises, whatever the figures are.

Neighbours: `find_camera`, `find_plc`, `find_day`, `find_ledger` and `find_machine` each know one subject;
`steady` keeps what is found here from fluttering.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge_runtime.alarms.codes import Source
from edge_runtime.alarms.condition import Condition, Standing, above, figure
from edge_runtime.alarms.facts import Look
from edge_runtime.alarms.find_camera import find_camera
from edge_runtime.alarms.find_day import find_day
from edge_runtime.alarms.find_ledger import find_ledger
from edge_runtime.alarms.find_machine import find_machine
from edge_runtime.alarms.find_plc import find_plc
from edge_runtime.live.status import StationStatus

#: a status older than this says nothing of the line any more
GONE_S = 3.0
#: a changeover ends with a start of the station process: it may be silent for so long
CHANGEOVER_S = 45.0
#: share of the time allowed for an inspection from which the station is called slow, and no longer so
SLOW_SHARE, QUICK_SHARE = 0.85, 0.7
#: holds that a code of their own stands for; those of cameras and of the day are found elsewhere
_HOLDS = {
    "journal": "journal_stuck",
    "disk": "journal_reserve_spent",
    "books": "books_hold",
    "calibration": "calibration_bad",
    "recipe": "recipe_unusable",
}
_ELSEWHERE = ("plc", "geometry", "key", "changeover", "challenge", "challenge_due", "lot_recipe")


def find_conditions(look: Look, standing: Standing = frozenset()) -> tuple[Condition, ...]:
    """What is wrong.

    Args:
        look: all that is known.
        standing: what is an alarm already: its limits are the lower ones.

    Returns:
        At most one condition per code and subject.
    """
    found = [*_presence(look), *find_machine(look, standing), *find_ledger(look, standing)]
    status = look.status
    if status is not None and "station" in known_sources(look):
        found += _station(look, status, standing)
        found += find_plc(status)
        found += find_camera(look, status, standing)
        found += find_day(look, status)
    return tuple({condition.key: condition for condition in found}.values())


def known_sources(look: Look) -> frozenset[Source]:
    """From where something is known now; what only a silent source can tell is neither raised nor cleared."""
    known: set[Source] = {"page"}
    if look.status is not None and look.status_age_s is not None and look.status_age_s <= GONE_S:
        known.add("station")
    if look.machine is not None:
        known.add("machine")
    if look.ledger is not None:
        known.add("ledger")
    return frozenset(known)


def _presence(look: Look) -> Iterator[Condition]:
    """Whether a station is there at all."""
    if look.status_trouble:
        yield Condition("station_unreadable", values={"detail": look.status_trouble})
    elif look.status is None or look.status_age_s is None:
        yield Condition("station_absent")
    elif look.status_age_s > (CHANGEOVER_S if _changes_over(look.status) else GONE_S):
        yield Condition("station_gone", values={"seconds": figure(look.status_age_s)})


def _changes_over(status: StationStatus) -> bool:
    """A changeover waits, or was done just now: then the hold alone stands until the station starts anew."""
    return status.day.changeover is not None or "changeover" in status.holds


def _station(look: Look, status: StationStatus, standing: Standing) -> Iterator[Condition]:
    """The station's own holds, and its pace."""
    for name, why in sorted(status.holds.items()):
        if name in _HOLDS:
            yield Condition(_HOLDS[name], values={"detail": why})
        elif name == "lot_recipe":
            lot = status.day.lot.name if status.day.lot else ""
            yield Condition("lot_recipe", values={"lot": lot, "detail": why})
        elif name not in _ELSEWHERE and not name.startswith("camera_"):
            yield Condition("hold_other", name, {"name": name, "detail": why})
    if status.journal_error and "journal" not in status.holds:
        yield Condition("journal_stuck", values={"detail": status.journal_error})
    if status.journal_spares < status.journal_spares_wanted and "disk" not in status.holds:
        size_mb = status.journal_spare_mb
        left_mb, full_mb = status.journal_spares * size_mb, status.journal_spares_wanted * size_mb
        yield Condition("journal_reserve", values={"left_mb": left_mb, "full_mb": full_mb})
    limit_ms = look.limits.inspection_ms
    slow = Condition("station_slow").key in standing
    if limit_ms is not None and above(
        status.loop_ms_p99, SLOW_SHARE * limit_ms, QUICK_SHARE * limit_ms, stands=slow
    ):
        values = {"p99_ms": figure(status.loop_ms_p99, 1), "limit_ms": figure(limit_ms)}
        yield Condition("station_slow", values=values)
