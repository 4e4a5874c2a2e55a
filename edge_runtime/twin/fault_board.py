"""Begins and ends the planned faults, and tells cameras, eyes and gate what is active.

A fault is armed when its ball enters the line and begins when that ball's centre comes
to the fault's place. The line carries out what touches belt, gate and field wiring;
the cameras ask here for what touches pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.twin.faults import FAULTS, FaultName, PlannedFault
from edge_runtime.twin.settings import COUNTS_PER_D, LineSettings

LAMP_LEFT = 0.3
_LAMP_DOWN_S, _LAMP_HOLD_S = 1.5, 1.0
FRAME_FAULTS = (FaultName.LOST_FRAME, FaultName.LATE_FRAME, FaultName.FROZEN_FRAME, FaultName.BLACK_FRAME)
ENTRY_FAULTS = (FaultName.TOUCHING_BALLS, FaultName.MISSING_TRIGGER, FaultName.DUPLICATE_TRIGGER)
GATE_STICKS_AT_D = 12.0


@dataclass(slots=True)
class ActiveFault:
    """A fault that has begun: `until_ns` None while it has no end of its own, pictures left to touch."""

    planned: PlannedFault
    begun_ns: int
    until_ns: int | None
    frames_left: int


class FaultBoard:
    """State of all faults of a run."""

    def __init__(self, settings: LineSettings) -> None:
        self._settings = settings
        self._planned: dict[int, list[PlannedFault]] = {}
        for fault in settings.faults:
            self._planned.setdefault(fault.ball, []).append(fault)
        self._armed: list[tuple[float, PlannedFault]] = []
        self._active: list[ActiveFault] = []

    def enter(self, ball: int, centre_count: float) -> set[FaultName]:
        """A ball enters: arm its faults; returns those that act on its way through the photo-eye."""
        at_entry = set()
        for fault in self._planned.pop(ball, []):
            if fault.name in ENTRY_FAULTS:
                at_entry.add(fault.name)
            self._armed.append((centre_count + self._place_counts(fault), fault))
        return at_entry

    def _place_counts(self, fault: PlannedFault) -> float:
        place = FAULTS[fault.name].place
        if place == "eye":
            return -COUNTS_PER_D / 2.0
        if place == "gate":
            return GATE_STICKS_AT_D * COUNTS_PER_D
        return self._settings.fov_start_counts + self._settings.fov_length_d * COUNTS_PER_D / 2.0

    def update(self, position: float, now_ns: int) -> tuple[list[PlannedFault], list[PlannedFault]]:
        """Faults that begin and faults that end now."""
        begun = [fault for at, fault in self._armed if at <= position]
        if begun:
            self._armed = [item for item in self._armed if item[0] > position]
        ended: list[PlannedFault] = []
        for fault in begun:
            kind = FAULTS[fault.name]
            if fault.name in FRAME_FAULTS:
                self._active.append(ActiveFault(fault, now_ns, None, kind.frames))
            elif kind.duration_s > 0.0:
                until_ns = now_ns + round(kind.duration_s * 1e9)
                self._active.append(ActiveFault(fault, now_ns, until_ns, 0))
            else:
                ended.append(fault)
        for active in list(self._active):
            over = active.until_ns is not None and active.until_ns <= now_ns
            if over or (active.until_ns is None and active.frames_left <= 0):
                self._active.remove(active)
                ended.append(active.planned)
        return begun, ended

    @property
    def timed(self) -> bool:
        """Whether a fault that ends by time is still on."""
        return any(item.until_ns is not None for item in self._active)

    def finish(self, name: FaultName, now_ns: int) -> None:
        """End a fault early (an operator cleared it); `update` reports the end."""
        for active in self._active:
            if active.planned.name == name:
                active.until_ns = now_ns

    def active(self, name: FaultName, camera: str = "") -> bool:
        """Whether a fault is on (at that camera, where it has one)."""
        return any(item.planned.name == name and item.planned.camera in ("", camera) for item in self._active)

    def frame_fault(self, camera: str) -> FaultName | None:
        """The fault that the camera's exposure falls under; counts it as used."""
        for item in self._active:
            if item.planned.name in FRAME_FAULTS and item.planned.camera == camera and item.frames_left > 0:
                item.frames_left -= 1
                return item.planned.name
        return None

    def lamp(self, now_ns: int) -> float:
        """Share of light that is left."""
        for item in self._active:
            if item.planned.name == FaultName.LAMP_FADE:
                since_s = (now_ns - item.begun_ns) / 1e9
                down = min(since_s / _LAMP_DOWN_S, 1.0)
                rest_s = FAULTS[FaultName.LAMP_FADE].duration_s - _LAMP_DOWN_S - _LAMP_HOLD_S
                up = max(since_s - _LAMP_DOWN_S - _LAMP_HOLD_S, 0.0) / rest_s
                return 1.0 - (1.0 - LAMP_LEFT) * max(down - up, 0.0)
        return 1.0
