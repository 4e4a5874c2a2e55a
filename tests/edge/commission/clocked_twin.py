"""The real twin line and the real PLC program on injected time, as ports of the wizard.

No process, socket or wall clock, so that nothing depends on how busy the machine is: what the wizard
measures here it measures on the twin's own belt, gate, eyes and cameras.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_runtime.camera_config import ShmCameraSource
from edge_runtime.cameras.shm import ShmCamera
from edge_runtime.commission.plc_port import Poller
from edge_runtime.commission.ports import PlcEvent
from edge_runtime.commission.twin_bench import BLUR_X10, LAMP_OFF_PERMILLE
from edge_runtime.plc.records import pack
from edge_runtime.plc.registers import SERVICE, KeySwitch
from edge_runtime.plc.service import next_service_seq
from edge_runtime.twin.field import EdgeReader, Field, Word
from edge_runtime.twin.knobs import knob
from edge_runtime.twin.line import Line
from edge_runtime.twin.plc_logic import PlcLogic
from edge_runtime.twin.plc_main import plc_settings
from edge_runtime.twin.plc_memory import AREA_WORDS
from edge_runtime.twin.plc_parts import PlcInputs, Retained
from edge_runtime.twin.settings import CAMERAS, LineSettings
from edge_runtime.twin.truth import TruthLog
from vision.types import Frame

TICK_NS = 1_000_000
SCAN_TICKS, POLL_TICKS, ENGINE_TICKS = 5, 20, 50


@dataclass(slots=True)
class Area:
    """The PLC's registers without a wire."""

    registers: list[int]

    def read(self, address: int, count: int) -> list[int]:
        return self.registers[address : address + count]

    def write(self, address: int, values: Sequence[int]) -> None:
        self.registers[address : address + len(values)] = list(values)


class ClockedTwin:
    """Line and PLC, moved on together; also the wizard's PLC and clock.

    Args:
        settings: of the line. plc: of the PLC, where its numbers are to be others.
    """

    def __init__(self, settings: LineSettings, plc: LineSettings | None = None) -> None:
        self.settings = settings
        self.now_ns = 1_000_000_000
        self.field = Field.create(settings.field_name)
        self._truth = TruthLog(settings.truth_path)
        self._line = Line(settings, self.field, self._truth, self.now_ns)
        self._registers = [0] * AREA_WORDS
        self._eyes = EdgeReader(self.field)
        self._retained = [Retained()]
        self._plc = PlcLogic(
            plc_settings(plc or settings), self._registers, Retained(), self._retained.append, 1
        )
        self._poller: Poller | None = None
        self._events: list[PlcEvent] = []
        self._seq = 0
        self._ticks = 0
        self.cameras: list[ClockedCamera] = []
        for camera in CAMERAS:
            self.field.set(knob(Word.KNOB_BLUR_X10, camera), BLUR_X10)
            self.field.set(knob(Word.KNOB_LAMP_OFF_PERMILLE, camera), LAMP_OFF_PERMILLE)

    def run(self, tick: Callable[[], Any], seconds: float, stop: Callable[[], bool]) -> bool:
        """Move on until `stop` says so; False when the time is over before."""
        self.field.set(Word.START_REQUEST, 1)
        for _ in range(round(seconds * 1e9 / TICK_NS)):
            self._ticks += 1
            self.now_ns += TICK_NS
            self._line.advance(self.now_ns)
            if self._ticks % SCAN_TICKS == 0:
                self._scan()
            if self._ticks % POLL_TICKS == 0 and self._poller is not None:
                self._events += self._poller.poll(self.now_ns)
            if self._ticks % ENGINE_TICKS == 0:
                for camera in self.cameras:
                    camera.fetch()
                tick()
                if stop():
                    return True
        return False

    def _scan(self) -> None:
        field = self.field
        inputs = PlcInputs(
            encoder_count=field.get(Word.ENCODER),
            edges=tuple(self._eyes.take()),
            operator_reset=field.get(Word.OPERATOR_RESET),
            key_switch=KeySwitch(field.get(Word.KEY_SWITCH)),
        )
        outputs = self._plc.scan(self.now_ns, inputs)
        lane = self.settings.lane
        if (field.get(Word.GATE_ENERGISED + lane) != 0) != outputs.gates[lane]:
            field.set(Word.GATE_CHANGED_NS + lane, self.now_ns)
            field.set(Word.GATE_ENERGISED + lane, int(outputs.gates[lane]))
        field.set(Word.BELT_ENABLE, int(outputs.belt_enable))
        field.set(Word.STOP_LATCHED, int(outputs.stop_latched))
        field.scanned(self.now_ns, round(self.settings.gate_watchdog_ms * 1e6))

    def close(self) -> None:
        """Remove the shared memory."""
        for camera in self.cameras:
            camera.close()
        self._line.close(self.now_ns)
        self._truth.close()
        self.field.close()

    # -- the wizard's clock and PLC -----------------------------------------------------------

    def mono_ns(self) -> int:
        return self.now_ns

    def utc_ns(self) -> int:
        return 1_780_000_000_000_000_000 + self.now_ns

    def open(self) -> None:
        self._poller = self._poller or Poller(Area(self._registers))

    def take(self) -> list[PlcEvent]:
        events, self._events = self._events, []
        return events

    def geometry(self) -> Mapping[str, int] | None:
        return None if self._poller is None else self._poller.geometry

    def set_service(self, open_after_counts: int, close_after_counts: int) -> int:
        self._seq = next_service_seq(self._seq)
        values = {
            "open_after_counts": open_after_counts,
            "close_after_counts": close_after_counts,
            "service_seq": self._seq,
        }
        self._registers[SERVICE.address : SERVICE.address + SERVICE.words] = pack(SERVICE, values)
        return self._seq


class TwinPlc:
    """The wizard's hold on the PLC: closing it ends the polls, not the line."""

    def __init__(self, twin: ClockedTwin) -> None:
        self._twin = twin
        self.open, self.take = twin.open, twin.take
        self.geometry, self.set_service = twin.geometry, twin.set_service

    def close(self) -> None:
        self._twin._poller = None
        self._twin._events.clear()


class ClockedCamera:
    """One camera's ring, read on the test's clock."""

    def __init__(self, twin: ClockedTwin, name: str) -> None:
        self.name = name
        self.trouble = ""
        self.boxes = 0
        self._camera = ShmCamera(name, ShmCameraSource(name=twin.settings.ring_name(name)))
        self._frames: list[Frame] = []
        self._open = False
        twin.cameras.append(self)

    def open(self) -> None:
        self._camera.setup()
        self._open = True

    def close(self) -> None:
        if self._open:
            self._open = False
            self._camera.teardown()
        self._frames.clear()

    def fetch(self) -> None:
        """What lies in the ring."""
        while self._open and (frame := self._camera.read(0.0)) is not None:
            self._frames.append(frame)

    def take(self) -> list[Frame]:
        frames, self._frames = self._frames, []
        return frames

    def show(self, frame: Frame, fault: str, boxes: Sequence[tuple[float, float, float, float]]) -> None:
        self.boxes += len(boxes)
