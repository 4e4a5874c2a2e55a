"""The machine under the station, looked at every few seconds: disk, memory, clock, recorder, calibrations.

Called in a worker thread: a disk may keep us waiting. Neighbour: `edge_runtime.alarms.find_machine`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psutil

from edge_runtime.alarms.facts import MachineFacts
from edge_runtime.alarms.find_machine import CLOCK_JUMP_S
from edge_runtime.calibrations import last_valid_day, load_calibration
from edge_runtime.config import StationConfig
from edge_runtime.station.child import PROCESSES_FILE
from vision.errors import CalibrationError

_MB = 1 << 20
_LOCKS = Path("/proc/locks")
#: a jump of the clock is told for so long
JUMP_TOLD_S = 600.0
#: calibration files are read again so often, changed or not
CALIBRATIONS_S = 300.0


class ClockWatch:
    """Notices when the wall clock is moved: the monotonic one is not."""

    def __init__(self, utc_ns: Callable[[], int], mono_ns: Callable[[], int]) -> None:
        self._utc_ns, self._mono_ns = utc_ns, mono_ns
        self._offset_ns = utc_ns() - mono_ns()
        self._jump_s = 0.0
        self._jumped_mono_ns = 0

    def look(self) -> float:
        """The newest jump in seconds, while it is told; 0 when there was none lately."""
        mono_ns = self._mono_ns()
        offset_ns = self._utc_ns() - mono_ns
        jump_s = (offset_ns - self._offset_ns) / 1e9
        self._offset_ns = offset_ns
        if abs(jump_s) >= CLOCK_JUMP_S:
            self._jump_s, self._jumped_mono_ns = jump_s, mono_ns
        elif self._jump_s and (mono_ns - self._jumped_mono_ns) / 1e9 > JUMP_TOLD_S:
            self._jump_s = 0.0
        return self._jump_s


class MachineWatch:
    """Looks at the machine.

    Args:
        config: whose storage folder, whose calibrations.
        utc_ns, mono_ns: clocks.
    """

    def __init__(
        self,
        config: StationConfig,
        utc_ns: Callable[[], int] = time.time_ns,
        mono_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._config = config
        self._utc_ns, self._mono_ns = utc_ns, mono_ns
        self._clock = ClockWatch(utc_ns, mono_ns)
        self._calibrations: dict[str, int] = {}
        self._calibrations_ns: int | None = None

    def look(self) -> MachineFacts:
        """How it is now; what cannot be found out is None."""
        memory = psutil.virtual_memory()
        free_mb, free_share = _disk(self._config.storage.folder)
        return MachineFacts(
            disk_free_mb=free_mb,
            disk_free_share=free_share,
            memory_free_mb=memory.available / _MB,
            memory_free_share=memory.available / memory.total,
            load=os.getloadavg()[0] / (os.cpu_count() or 1),
            clock_jump_s=self._clock.look(),
            recorder_running=recorder_running(self._config.storage.folder),
            calibration_days=self._days_left(),
            given_up=given_up(self._config.storage.folder),
        )

    def _days_left(self) -> dict[str, int]:
        now_ns = self._mono_ns()
        if self._calibrations_ns is None or (now_ns - self._calibrations_ns) / 1e9 >= CALIBRATIONS_S:
            self._calibrations_ns = now_ns
            self._calibrations = calibration_days(self._config, self._utc_ns())
        return self._calibrations


def _disk(folder: Path) -> tuple[float | None, float | None]:
    """Free megabytes and share; None while the folder is not there."""
    try:
        usage = psutil.disk_usage(str(folder))
    except OSError:
        return None, None  # the station makes the folder at its first start
    return usage.free / _MB, usage.free / usage.total if usage.total else None


def given_up(storage: Path) -> str:
    """Why the supervisor starts the line no more, as it noted it; '' while it does."""
    try:
        noted = json.loads((storage / PROCESSES_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(noted.get("given_up", "")) if isinstance(noted, dict) else ""


def recorder_running(storage: Path) -> bool | None:
    """Whether somebody holds the recorder's lock; None where the kernel does not tell.

    It is looked up in the kernel's list: trying to take the lock would be in a recorder's way.
    """
    try:
        inode = (storage / "recorder.lock").stat().st_ino
    except OSError:
        return False
    try:
        lines = _LOCKS.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return any(_is_lock_of(line.split(), inode) for line in lines)


def _is_lock_of(words: list[str], inode: int) -> bool:
    # 1: FLOCK ADVISORY WRITE <pid> <major>:<minor>:<inode> 0 EOF; a waiter has '->' after its number.
    return len(words) >= 6 and words[1] == "FLOCK" and words[5].rpartition(":")[2] == str(inode)


def calibration_days(config: StationConfig, utc_ns: int) -> dict[str, int]:
    """Days that each camera's calibration is still valid, today included; below 0 when it is over.

    A file that cannot be read is the station's to refuse, and is left out.
    """
    today = datetime.fromtimestamp(utc_ns / 1e9, UTC).date()
    days = {}
    for camera in config.cameras:
        path = camera.geometry.calibration
        if path is None:
            continue
        try:
            days[camera.name] = (last_valid_day(load_calibration(path)) - today).days
        except CalibrationError:
            continue
    return days
