"""The machine under the station: disk, memory, clock, the recorder, calibrations that end soon."""

from __future__ import annotations

from collections.abc import Iterator

from edge_runtime.alarms.condition import Condition, Key, Standing, above, below, figure
from edge_runtime.alarms.facts import Look, MachineFacts

#: megabytes (2^20 bytes) of disk: told, and no longer so. Pictures stop at 64, journal and ledger with 0.
DISK_LOW_MB, DISK_LOW_CLEAR_MB = 2048.0, 2560.0
DISK_FULL_MB, DISK_FULL_CLEAR_MB = 256.0, 512.0
MEMORY_LOW_SHARE, MEMORY_CLEAR_SHARE = 0.06, 0.1
#: calibrations are told so many days before they end
CALIBRATION_DAYS = 14
#: smaller corrections of the clock are what time servers do all day
CLOCK_JUMP_S = 2.0


def find_machine(look: Look, standing: Standing) -> Iterator[Condition]:
    """Conditions of the machine, where it could be looked at."""
    machine = look.machine
    if machine is None:
        return
    yield from _disk(machine, standing)
    stands = Key("memory_low", "") in standing
    if below(machine.memory_free_share, MEMORY_LOW_SHARE, MEMORY_CLEAR_SHARE, stands=stands):
        yield Condition("memory_low", values={"free_mb": figure(machine.memory_free_mb)})
    if above(abs(machine.clock_jump_s), CLOCK_JUMP_S, CLOCK_JUMP_S, stands=False):
        yield Condition("clock_jumped", values={"seconds": figure(machine.clock_jump_s)})
    if machine.given_up:
        yield Condition("line_given_up", values={"detail": machine.given_up})
    elif machine.recorder_running is False:
        yield Condition("recorder_gone")
    for camera, days in sorted(machine.calibration_days.items()):
        if 0 <= days <= CALIBRATION_DAYS:
            yield Condition("calibration_ends", camera, {"camera": camera, "days": days})


def _disk(machine: MachineFacts, standing: Standing) -> Iterator[Condition]:
    free_mb = machine.disk_free_mb
    values = {"free_mb": figure(free_mb)}
    full = Key("disk_full", "") in standing
    low = Key("disk_low", "") in standing
    if below(free_mb, DISK_FULL_MB, DISK_FULL_CLEAR_MB, stands=full):
        yield Condition("disk_full", values=values)
    elif below(free_mb, DISK_LOW_MB, DISK_LOW_CLEAR_MB, stands=low):
        yield Condition("disk_low", values=values)
