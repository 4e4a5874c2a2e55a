"""What alarms are derived from: the station's status, the machine, the ledger's last minutes, station file.

Plain frozen values, so that `conditions` can be tried with any of them. What is not known is None, never
a figure that means nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from edge_runtime.live.status import StationStatus

BooksState = Literal["balanced", "open", "unbalanced", "unknown"]


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """The machine that page, station and recorder run on.

    Attributes:
        disk_free_mb, disk_free_share: of the storage folder's disk; megabytes of 2^20 bytes, 0..1.
        memory_free_mb, memory_free_share: what can be had without swapping.
        load: runnable processes per core over the last minute.
        clock_jump_s: newest jump of the wall clock against the monotonic one, 0 when there was none lately.
        recorder_running: somebody holds the recorder's lock.
        calibration_days: days that each camera's calibration is still valid, by camera.
        given_up: why the supervisor no longer starts station and recorder; '' while it does.
    """

    disk_free_mb: float | None = None
    disk_free_share: float | None = None
    memory_free_mb: float | None = None
    memory_free_share: float | None = None
    load: float | None = None
    clock_jump_s: float = 0.0
    recorder_running: bool | None = None
    calibration_days: Mapping[str, int] = field(default_factory=dict)
    given_up: str = ""


@dataclass(frozen=True, slots=True)
class SizeDrift:
    """The newest point of the EWMA of the mean diameter, mm; `alarm` is '', 'above' or 'below'."""

    ewma_mm: float
    target_mm: float
    alarm: str


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """The last minutes in the ledger; challenge balls are in none of the figures.

    Attributes:
        parts, late: parts of the window; those whose verdict was late or not there in time.
        wrong_chute: parts that the confirm eyes saw elsewhere than the gate sent them, or nowhere.
        faults: counts of the window by (code, camera); camera '' where none is named.
        sessions: lives of the station process that began in the window.
        rejects_now, rejects_before: (parts, rejected) of the window, and of the shift before it.
        newest_counters_utc_ns: of the newest totals that the recorder has written; None without any.
        drift: None where too few balls were measured.
        books, problems: whether the books balance, and what is wrong with them.
    """

    parts: int = 0
    late: int = 0
    wrong_chute: int = 0
    faults: Mapping[tuple[str, str], int] = field(default_factory=dict)
    sessions: int = 0
    rejects_now: tuple[int, int] = (0, 0)
    rejects_before: tuple[int, int] = (0, 0)
    newest_counters_utc_ns: int | None = None
    drift: SizeDrift | None = None
    books: BooksState = "unknown"
    problems: tuple[str, ...] = ()

    def count(self, *codes: str) -> int:
        """Faults of these codes, whatever the camera."""
        return sum(count for (code, _), count in self.faults.items() if code in codes)

    def count_prefix(self, prefix: str) -> int:
        """Faults whose code begins so."""
        return sum(count for (code, _), count in self.faults.items() if code.startswith(prefix))


@dataclass(frozen=True, slots=True)
class Limits:
    """What the station file says.

    Attributes:
        background_drop_share: of each camera: largest drop of the background against its reference.
        inspection_ms: time allowed from a ball's last view to its verdict; None without a PLC.
        challenge_grace_s: how long a challenge may be due before it is overdue.
    """

    background_drop_share: Mapping[str, float] = field(default_factory=dict)
    inspection_ms: float | None = None
    challenge_grace_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Look:
    """All that is known at one moment.

    Attributes:
        utc_ns: the wall clock now.
        status: the newest that was ever seen; `status_age_s` how old it is. None: none yet.
        status_trouble: a status came that could not be understood.
        machine, ledger: None where they could not be looked at.
        ledger_trouble: why the ledger could not be read; '' where it could, or was not tried.
    """

    utc_ns: int
    status: StationStatus | None = None
    status_age_s: float | None = None
    status_trouble: str = ""
    machine: MachineFacts | None = None
    ledger: LedgerFacts | None = None
    ledger_trouble: str = ""
    limits: Limits = Limits()
