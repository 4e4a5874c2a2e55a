"""A camera of the twin: exposes on encoder counts, numbers its frames, suffers its faults.

`optics` makes the pictures; here is when, under which number, and whether they arrive.
`FrameOutlet` puts them into the shared-memory rings that the station reads.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.encoder import wrap
from edge_runtime.shm_ring import RingWriter
from edge_runtime.twin import glass as glasses
from edge_runtime.twin.balls import PlannedBall
from edge_runtime.twin.belt import Segment
from edge_runtime.twin.fault_board import FaultBoard
from edge_runtime.twin.faults import FAULTS, FaultName
from edge_runtime.twin.knobs import NEUTRAL, CameraKnobs
from edge_runtime.twin.optics import FRAME_FIRST, FRAME_WRAP, BallPictures, Composer, Shown
from edge_runtime.twin.settings import CAMERAS, CameraPlace, LineSettings
from edge_runtime.twin.shots import Shots

UInt8Array = npt.NDArray[np.uint8]
BallInView = tuple[PlannedBall, float, BallPictures]

_CLOCK_OFFSET_NS = {"left": 7_300_000_000, "right": 3_100_000_000}
_FRAME_START = FRAME_WRAP - 150
"""Numbers begin shortly before their wrap, so that every run has one."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One delivered exposure."""

    camera: str
    header: dict[str, Any]
    pixels: UInt8Array


@dataclass(frozen=True, slots=True)
class Exposed:
    """What came of one exposure.

    `picture` is None when it is lost, `deliver_ns` the earliest time of its delivery,
    `lamp` the share of the light that was left, `fault` '' or what spoilt it.
    """

    encoder_count: int
    frame_number: int
    picture: Picture | None
    deliver_ns: int
    shown: list[Shown]
    lamp: float
    fault: str


class TwinCamera:
    """One camera.

    Args:
        settings: the run.
        place: name, side, lane.
        board: faults; they know the cameras of the first lane.
        encoder_start: count at which the belt starts.
        knobs: asked before each exposure how people have turned it.
        shots: pictures drawn once, None where every picture is drawn anew.
    """

    def __init__(
        self,
        settings: LineSettings,
        place: CameraPlace,
        board: FaultBoard,
        encoder_start: int,
        knobs: Callable[[], CameraKnobs] = lambda: NEUTRAL,
        shots: Shots | None = None,
    ) -> None:
        self.name = place.name
        self.lane = place.lane
        self._clock_offset_ns = _CLOCK_OFFSET_NS[place.side] + place.lane * 1_000_000_000
        self._shots = shots
        self._turn = 0
        self._knobs = knobs
        self._settings = settings
        self._board = board
        self._composer = Composer(settings, place.side, place.number)
        self._dust = glasses.dust_mask(settings.height_px, settings.width_px, settings.seed)
        self._every = settings.exposure_every_counts
        phase = settings.exposure_phase_counts(place.side)
        self._next_count = encoder_start + (phase - encoder_start) % self._every
        if self._next_count == encoder_start:
            self._next_count += self._every
        self._number = _FRAME_START
        self._last: UInt8Array | None = None

    def due(self, segment: Segment) -> list[int]:
        """Counts (endless) at which it exposes in this piece of motion.

        Only beyond the high-water mark: running back and forth exposes nothing twice.
        """
        counts = []
        while self._next_count <= segment.p1:
            counts.append(self._next_count)
            self._next_count += self._every
        return counts

    def expose(self, encoder_count: int, t_ns: int, balls: Sequence[BallInView]) -> Exposed:
        """One exposure at an endless count and a monotonic time."""
        number = self._number
        self._number = number + 1 if number + 1 < FRAME_WRAP else FRAME_FIRST
        knobs, (dirt, spoilt) = self._knobs(), self._glass()
        lamp = self._board.lamp(t_ns) * knobs.lamp
        pixels, shown = self.draw(encoder_count, t_ns, balls, lamp, knobs.before(dirt))
        fault = self._board.frame_fault(self.name)
        deliver_ns = t_ns
        if fault == FaultName.FROZEN_FRAME and self._last is not None:
            pixels = self._last
        elif fault == FaultName.BLACK_FRAME:
            pixels = self._composer.black()
        elif fault == FaultName.LATE_FRAME:
            deliver_ns += round(FAULTS[FaultName.LATE_FRAME].duration_s * 1e9)
        self._last = pixels
        header = {
            "frame_number": number,
            "encoder_count": wrap(encoder_count),
            "exposed_ns": t_ns,
            "exposure_us": self._settings.exposure_us,
            "height": self._settings.height_px,
            "width": self._settings.width_px,
            "pixel_format": "mono8",
            "camera_ns": t_ns + self._clock_offset_ns,
        }
        picture = None if fault == FaultName.LOST_FRAME else Picture(self.name, header, pixels)
        return Exposed(
            encoder_count, number, picture, deliver_ns, shown, lamp, str(fault or spoilt or knobs.fault)
        )

    def exposures(self, first: int, last: int) -> range:
        """Counts at which it exposes from `first` up to `last`."""
        phase = self._next_count % self._every
        return range(first + (phase - first) % self._every, last, self._every)

    def draw(
        self,
        encoder_count: int,
        t_ns: int,
        balls: Sequence[BallInView],
        lamp: float = 1.0,
        glass: Callable[[UInt8Array], UInt8Array] | None = None,
    ) -> tuple[UInt8Array, list[Shown]]:
        """What it sees; nothing is counted or delivered. Arguments as for `Composer.compose`."""
        self._turn += 1

        def compose() -> tuple[UInt8Array, list[Shown]]:
            return self._composer.compose(encoder_count, t_ns / 1e9, balls, lamp, glass)

        if self._shots is None or lamp != 1.0 or glass is not None:
            return compose()
        return self._shots.take(self.name, self._turn, encoder_count, balls, compose)

    def _glass(self) -> tuple[Callable[[UInt8Array], UInt8Array] | None, str]:
        """What lies before the lens now, and the name of the fault."""
        kinds: dict[FaultName, Callable[[UInt8Array], UInt8Array] | None] = {
            FaultName.OIL_FILM: glasses.oil_film,
            FaultName.DUST_ON_GLASS: lambda frame: glasses.dust_on_glass(frame, self._dust),
            FaultName.CAMERA_KNOCK: glasses.knocked,
            FaultName.LAMP_FADE: None,
            FaultName.CAMERAS_SWAPPED: None,
        }
        for fault, dirt in kinds.items():
            if self._board.active(fault, self.name):
                return dirt, fault
        return None, ""


class FrameOutlet:
    """The frame rings, late deliveries, and the cables that can be swapped."""

    def __init__(self, settings: LineSettings, board: FaultBoard) -> None:
        size = settings.width_px * settings.height_px
        self._board = board
        self._late: list[tuple[int, int, Picture]] = []
        self._rings = {
            place.name: RingWriter(settings.ring_name(place.name), settings.ring_slots, size)
            for place in settings.camera_places
        }
        self.delivered = dict.fromkeys(self._rings, 0)
        self._order = 0

    def send(self, exposed: Exposed, now_ns: int) -> None:
        """Deliver a picture now, or keep it until its time; a lost one is dropped."""
        if exposed.picture is None:
            return
        if exposed.deliver_ns > now_ns:
            self._order += 1
            heapq.heappush(self._late, (exposed.deliver_ns, self._order, exposed.picture))
            return
        self._deliver(exposed.picture)

    def send_late(self, now_ns: int) -> None:
        """Deliver late pictures whose time has come."""
        while self._late and self._late[0][0] <= now_ns:
            self._deliver(heapq.heappop(self._late)[2])

    def _deliver(self, picture: Picture) -> None:
        target = picture.camera
        if target in CAMERAS and self._board.active(FaultName.CAMERAS_SWAPPED):
            target = next(name for name in CAMERAS if name != picture.camera)
        self._rings[target].write(picture.header, picture.pixels)
        self.delivered[picture.camera] += 1

    def close(self) -> None:
        """Remove the rings."""
        for ring in self._rings.values():
            ring.close()
