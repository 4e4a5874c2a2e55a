"""The status of a running station, as page, terminal and metrics read it.

Written by the decision loop a few times a second; small on purpose. Times: `_utc_ns` wall clock for
people, `_mono_ns` the host's monotonic clock. What needs history (trend, rejects, lots) is in the ledger.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from edge_runtime.day.state import DayState

KeySwitch = Literal["auto", "bypass", "service"]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CameraStatus(_Frozen):
    """One camera.

    Attributes:
        fault: word of `vision.types.FrameFault` of the newest frame, 'ok', or 'silent' (no frames).
        frames: since the station's start.
        last_frame_mono_ns: arrival of the newest frame; 0 before the first.
        background, reference_background: grey levels 0..255; the lamp (None: not known).
        focus_px, focus_max_px: 10-90 % width of the marks' edges and its limit; the lens (None: no marks).
        shift_px, shift_max_px: how far the marks lie from their places (None: no marks).
    """

    name: str
    fault: str
    detail: str = ""
    frames: int
    last_frame_mono_ns: int
    background: float | None = None
    reference_background: float | None = None
    background_min: float | None = None
    focus_px: float | None = None
    focus_max_px: float | None = None
    shift_px: float | None = None
    shift_max_px: float | None = None


class PlcStatusFacts(_Frozen):
    """What the PLC said last.

    `inputs` are those of 'e_stop', 'guard_open', 'air_low', 'bin_full' that are on.
    """

    connected: bool
    detail: str = ""
    trusted: bool = False
    belt_running: bool = False
    latched: bool = False
    stop_cause: str = "none"
    key_switch: KeySwitch = "auto"
    inputs: tuple[str, ...] = ()
    epoch: int = 0
    last_read_mono_ns: int = 0
    totals: dict[str, int] = Field(default_factory=dict)


class RecipeFacts(_Frozen):
    """The recipe in force; the band holds for the mean diameter, mm at 20 degC."""

    name: str
    product: str
    sha256: str
    d_nominal_mm: float
    d_min_mm: float
    d_max_mm: float
    unverified: tuple[str, ...] = ()


class ModelFacts(_Frozen):
    """The detector in force."""

    name: str
    sha256: str
    provider: str
    labels: tuple[str, ...]
    licence: str = ""


class StationStatus(_Frozen):
    """All of it.

    Attributes:
        session: id of this life of the station process; another one means that it was restarted.
        ready: verdicts count. `holds` says why not: name to words.
        counts: totals of this life of the process (see `StationCore.counts`).
        in_zone: parts between photo-eye and gate now.
        journal_waiting: entries not yet on disk; `journal_error` why.
        journal_spares, journal_spares_wanted: segments preallocated for a full disk: there are, should be.
        journal_spare_mb: size of one, megabytes of 2^20 bytes.
        loop_ms_p50, loop_ms_p99: from a ball's last view to its verdict, over the last 512 balls.
    """

    station: str
    session: str
    version: str
    started_utc_ns: int
    written_utc_ns: int
    written_mono_ns: int
    ready: bool
    holds: dict[str, str]
    day: DayState
    recipe: RecipeFacts
    model: ModelFacts
    cameras: tuple[CameraStatus, ...]
    plc: PlcStatusFacts
    counts: dict[str, int]
    in_zone: int
    journal_waiting: int = 0
    journal_error: str = ""
    journal_spares: int = 0
    journal_spares_wanted: int = 0
    journal_spare_mb: int = 0
    loop_ms_p50: float | None = None
    loop_ms_p99: float | None = None
