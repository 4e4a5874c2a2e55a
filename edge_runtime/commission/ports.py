"""What the engine is given: PLC, cameras, clock, files and the first run, as protocols and plain values.

The real ones are `plc_port`, `camera_port`, `files` and `first_run`; tests give simulated ones. All calls
return at once: whatever takes time happens in the ports' own threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from edge_runtime.config import StationConfig
from edge_runtime.day.acts import Act
from edge_runtime.day.state import DayState
from edge_runtime.live.status import StationStatus
from edge_runtime.plc.records import OutcomeRecord, TriggerRecord
from vision.types import Frame


@dataclass(frozen=True, slots=True)
class HeaderRead:
    """One poll of the PLC's header; `mono_ns` is the host's clock just after it came."""

    mono_ns: int
    values: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TriggersTaken:
    """New entries of the trigger ring, oldest first."""

    records: tuple[TriggerRecord, ...]


@dataclass(frozen=True, slots=True)
class OutcomesTaken:
    """New entries of the outcome ring, oldest first."""

    records: tuple[OutcomeRecord, ...]


@dataclass(frozen=True, slots=True)
class PlcLost:
    """The PLC does not answer: why, in English, for the service engineer."""

    detail: str


PlcEvent = HeaderRead | TriggersTaken | OutcomesTaken | PlcLost


class PlcPort(Protocol):
    """One Modbus connection, polled by a thread of its own while it is open."""

    def open(self) -> None:
        """Begin to poll."""

    def close(self) -> None:
        """Let go of the connection (the first run needs it)."""

    def take(self) -> list[PlcEvent]:
        """What came since the last call, in order; each header before the rings read with it."""

    def geometry(self) -> Mapping[str, int] | None:
        """The geometry block as read when the connection was last made; None before."""

    def set_service(self, open_after_counts: int, close_after_counts: int) -> int:
        """Ask for another service block; returns the number that `service_echo` will show."""


class CameraPort(Protocol):
    """One camera; frames wait in a short queue, the oldest go first when nobody takes them."""

    @property
    def name(self) -> str:
        """Name in the station file."""

    @property
    def trouble(self) -> str:
        """Why no pictures come, '' while they do."""

    def open(self) -> None:
        """Begin to read pictures."""

    def close(self) -> None:
        """Let go of the camera."""

    def take(self) -> list[Frame]:
        """Pictures since the last call, oldest first."""

    def show(self, frame: Frame, fault: str, boxes: Sequence[tuple[float, float, float, float]]) -> None:
        """Let people see a picture, with boxes drawn around what was found in it (frame pixels)."""


class ClockPort(Protocol):
    """Time."""

    def mono_ns(self) -> int:
        """Monotonic, for time-outs and speeds."""

    def utc_ns(self) -> int:
        """Wall clock, for people."""


class FilesPort(Protocol):
    """Where the commissioning leaves things."""

    def save_state(self, text: str, *, finished: bool = False) -> None:
        """Keep the state (JSON) so that a crash loses nothing but the step under way.

        A finished commissioning is not gone on with: the next start begins anew.
        """

    def check_calibration(self, camera: str, path: str, width_px: int, height_px: int) -> Mapping[str, Any]:
        """Facts of a camera's calibration file ('mm_per_px', 'sha256', 'date').

        Raises:
            FerrogateError: it cannot be used for this camera.
        """

    def check_station(self, data: Mapping[str, Any]) -> StationConfig:
        """Read a station file's data the way `ferrogate run` does, recipe and calibrations included.

        Raises:
            FerrogateError: the station could not run with it.
        """


class FirstRunPort(Protocol):
    """A real station on the new file, in a storage folder of the commissioning."""

    def start(self, data: Mapping[str, Any]) -> None:
        """Start `ferrogate run` on a station file's data.

        Raises:
            FerrogateError: it cannot be started.
        """

    def status(self) -> StationStatus | None:
        """What the station says of itself; None while it says nothing."""

    def ended(self) -> str:
        """'' while it runs, else how it ended, with its last words."""

    def act(self, act: Act) -> DayState:
        """Have an act carried out.

        Raises:
            FerrogateError: refused, or nobody there.
        """

    def stop(self) -> None:
        """Stop it; harmless when it does not run."""


@dataclass(frozen=True, slots=True)
class Ports:
    """All of them."""

    plc: PlcPort
    cameras: Mapping[str, CameraPort]
    clock: ClockPort
    files: FilesPort
    first_run: FirstRunPort
