"""A ball line without processes, on a clock of the test: belt, balls, gate, PLC's rings and cameras.

Its own small model of the gate, written for these tests and not taken from the twin: a command seen by the
next scan turns the flap after a drawn time. `Sim.run` moves everything on and ticks the engine like the
driver does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from edge_runtime.commission.ports import HeaderRead, OutcomesTaken, PlcEvent, PlcLost, TriggersTaken
from edge_runtime.encoder import wrap
from edge_runtime.plc.records import OutcomeRecord, TriggerRecord
from edge_runtime.plc.registers import MAGIC, MAP_VERSION, Cause, Confirm, KeySwitch, PlcStatus, Side
from vision.types import Frame, UInt8Array

SCAN_NS = 5_000_000
POLL_SCANS = 4
TICK_SCANS = 10
BALL_COUNTS = 320
MARKS = ((60.0, 12.0, 6.0), (300.0, 12.0, 6.0), (580.0, 12.0, 6.0), (200.0, 228.0, 6.0))


@dataclass(slots=True)
class Truth:
    """What the wizard is to find out."""

    gate_counts: float = 4800.0
    confirm_counts: float = 1280.0
    open_ms: float = 29.5
    close_ms: float = 24.0
    spread_ms: float = 1.0
    top_speed: float = 9600.0
    pulse_counts: int = 320
    fov_start_counts: float = 812.0
    px_per_count: float = 0.5
    direction: int = 1
    lane_y_px: float = 121.0
    every_counts: int = 256
    phase_counts: int = 64
    #: share of balls that go the other way, whatever the gate does
    astray: float = 0.0
    stuck: bool = False


GEOMETRY = {
    "um_per_count_x10": 1250,
    "heartbeat_timeout_ms": 200,
    "scan_ms": 5,
    "valve_lead_ms": 52,
    "gate_window_counts": 192,
    "min_spacing_counts": 736,
    "pulse_min_counts": 240,
    "pulse_max_counts": 384,
    "jog_limit_counts": 64,
    "decision_margin_counts": 96,
    "lane0_eye_to_gate_counts": 4800,
    "lane0_gate_to_confirm_counts": 1280,
}


@dataclass(slots=True)
class _Ball:
    number: int
    rising: float
    window: tuple[int, int]
    cause: Cause
    placed: bool | None = None
    born: bool = False


class SimPlc:
    """Belt, gate and rings; also the PLC port of the engine."""

    def __init__(self, truth: Truth, seed: int = 1) -> None:
        self.truth = truth
        self.rng = np.random.default_rng(seed)
        self.now_ns = 1_000_000_000
        self.position = 60_000.0
        self.speed = truth.top_speed
        self.pitch = 2080.0
        self.pitch_sd = 0.05
        self.feed = True
        self.key = KeySwitch.AUTO
        self.status = PlcStatus.BELT_RUN
        self.block = dict(GEOMETRY)
        self.boot_id = 7
        self.is_open = False
        self.down = ""
        self.asked: tuple[int, int, int] | None = None
        self._echo = 0
        self._trial = (0, 0)
        self._seq = 100
        self._numbers = 0
        self._next = self.position + 3000.0
        self._balls: deque[_Ball] = deque()
        self._flap: list[tuple[int, bool]] = [(0, False)]
        self._gate = False
        self._events: list[PlcEvent] = []
        self._pending: list[PlcEvent] = []
        self._scans = 0
        self.placed: list[tuple[int, bool]] = []

    # -- the line -----------------------------------------------------------------------------

    def scan(self) -> None:
        """One PLC scan of belt, gate and eyes."""
        before = self.position
        begun_ns, self.now_ns = self.now_ns, self.now_ns + SCAN_NS
        noise = 1.0 + 0.003 * float(self.rng.standard_normal())
        self.position += self.speed * noise * SCAN_NS / 1e9
        self._feed()
        for ball in self._balls:
            arrival = ball.rising + self.truth.gate_counts
            if ball.placed is None and arrival <= self.position:
                share = (arrival - before) / max(self.position - before, 1e-9)
                ball.placed = self._accepts(begun_ns + round(share * SCAN_NS))
        self._take_block()
        for ball in self._balls:
            if not ball.born and ball.rising + self.truth.pulse_counts <= self.position:
                ball.born = True
                ball.window = self._trial
                ball.cause = Cause.SERVICE if self.key is KeySwitch.SERVICE else Cause.NOT_READY
                record = TriggerRecord(3, 0, ball.number, wrap(int(ball.rising)), self._pulse())
                self._pending.append(TriggersTaken((record,)))
        self._switch()
        self._confirm()
        self._scans += 1
        if self._scans % POLL_SCANS == 0 and self.is_open:
            self._poll()

    def _feed(self) -> None:
        if not self.feed:
            self._next = max(self._next, self.position + 500.0)
        while self._next <= self.position + 400.0 and self.feed:
            self._numbers += 1
            self._balls.append(_Ball(self._numbers, self._next, (0, 0), Cause.NOT_READY))
            self._next += self.pitch * (1.0 + self.pitch_sd * float(self.rng.standard_normal()))

    def _pulse(self) -> int:
        return self.truth.pulse_counts + int(self.rng.integers(-1, 2))

    def _take_block(self) -> None:
        if self.asked is not None and self.key is KeySwitch.SERVICE and self.asked[2] != self._echo:
            self._trial, self._echo = self.asked[:2], self.asked[2]
        if self.key is not KeySwitch.SERVICE:
            self._trial, self._echo, self.asked = (0, 0), 0, None

    def _switch(self) -> None:
        wanted = any(
            ball.window[0] > 0 and ball.window[0] <= self.position - ball.rising < ball.window[1]
            for ball in self._balls
        )
        if wanted != self._gate and not self.truth.stuck:
            self._gate = wanted
            mean = self.truth.open_ms if wanted else self.truth.close_ms
            turn_ms = max(float(self.rng.normal(mean, self.truth.spread_ms)), 0.0)
            self._flap.append((self.now_ns + round(turn_ms * 1e6), wanted))

    def _accepts(self, t_ns: int) -> bool:
        state = False
        for at_ns, opened in self._flap:
            if at_ns <= t_ns:
                state = opened
        return state != (self.rng.random() < self.truth.astray)

    def _confirm(self) -> None:
        while self._balls and self._balls[0].placed is not None:
            ball = self._balls[0]
            at = ball.rising + self.truth.gate_counts + self.truth.confirm_counts
            if at > self.position:
                return
            self._balls.popleft()
            self.placed.append((ball.number, bool(ball.placed)))
            eye = Confirm.ACCEPT_EYE if ball.placed else Confirm.REJECT_EYE
            side = Side.BYPASS if ball.placed else Side.REJECT
            count = wrap(int(at) + int(self.rng.integers(-1, 2)))
            record = OutcomeRecord(
                3, 0, ball.number, wrap(int(ball.rising)), 320, side, ball.cause, 0, 0, eye, count
            )
            self._pending.append(OutcomesTaken((record,)))

    def _poll(self) -> None:
        if self.down:
            self._events.append(PlcLost(self.down))
            return
        values = {
            "magic": MAGIC,
            "map_version": MAP_VERSION,
            "plc_boot_id": self.boot_id,
            "encoder_count": wrap(int(self.position)),
            "plc_status": int(self.status),
            "stop_cause": 1 if self.status & PlcStatus.E_STOP else 0,
            "key_switch": int(self.key),
            "service_echo": self._echo,
        }
        self._events.append(HeaderRead(self.now_ns, values))
        self._events += self._pending
        self._pending = []

    # -- the port -----------------------------------------------------------------------------

    def open(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def take(self) -> list[PlcEvent]:
        events, self._events = self._events, []
        return events

    def geometry(self) -> Mapping[str, int] | None:
        empty = {f"lane{lane}_eye_to_gate_counts": 0 for lane in range(8)}
        return empty | self.block if self.is_open else None

    def set_service(self, open_after_counts: int, close_after_counts: int) -> int:
        self._seq += 1
        self.asked = (open_after_counts, close_after_counts, self._seq)
        return self._seq

    @property
    def balls(self) -> deque[_Ball]:
        return self._balls


class SimCamera:
    """A camera beside the belt; draws discs with noise."""

    def __init__(self, name: str, plc: SimPlc) -> None:
        self.name = name
        self.trouble = ""
        self.shown: list[tuple[str, int]] = []
        self.blur_px = 3.0
        self.lamp = 0.6
        self._plc = plc
        self._open = False
        self._frames: list[Frame] = []
        self._number = 0
        self._next = 0
        self._rng = np.random.default_rng(5)

    def open(self) -> None:
        self._open = True
        truth = self._plc.truth
        self._next = int(self._plc.position) // truth.every_counts * truth.every_counts + truth.phase_counts

    def close(self) -> None:
        self._open = False
        self._frames.clear()

    def take(self) -> list[Frame]:
        frames, self._frames = self._frames, []
        return frames

    def show(self, frame: Frame, fault: str, boxes: Sequence[tuple[float, float, float, float]]) -> None:
        self.shown.append((fault, len(boxes)))

    def expose(self) -> None:
        """Exposures that are due by the belt's position."""
        while self._open and self._next <= self._plc.position:
            self._number += 1
            image = self.picture(self._next)
            self._frames.append(
                Frame(self.name, self._number, wrap(self._next), self._plc.now_ns, None, 40.0, image)
            )
            self._next += self._plc.truth.every_counts

    def picture(self, count: int) -> UInt8Array:
        """One picture at a belt count."""
        truth = self._plc.truth
        image = np.full((240, 640), 215.0 * self.lamp, np.float32)
        image *= 1.0 - 0.06 * np.linspace(-1.0, 1.0, 640, dtype=np.float32)[None, :] ** 2
        for x, y, r in MARKS:
            cv2.circle(image, (round(x * 16 - 8), round(y * 16 - 8)), round(r * 16), 30.0, -1, cv2.LINE_AA, 4)
        for ball in self._plc.balls:
            centre = ball.rising + truth.pulse_counts / 2.0
            along = (count - centre - truth.fov_start_counts) * truth.px_per_count
            x = along if truth.direction == 1 else 640.0 - along
            if -100.0 < x < 740.0:
                place = (round(x * 16 - 8), round(truth.lane_y_px * 16 - 8))
                cv2.circle(image, place, round(80.0 * 16), 60.0 * self.lamp, -1, cv2.LINE_AA, 4)
        if self.blur_px > 0.0:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), self.blur_px), np.float32)
        image += self._rng.normal(0.0, 2.0, image.shape)
        return np.clip(image, 0.0, 255.0).astype(np.uint8)


@dataclass(slots=True)
class SimClock:
    """The simulated line's clock."""

    plc: SimPlc

    def mono_ns(self) -> int:
        return self.plc.now_ns

    def utc_ns(self) -> int:
        return 1_780_000_000_000_000_000 + self.plc.now_ns


@dataclass(slots=True)
class Sim:
    """Line, cameras and clock together; moved on by `run`."""

    plc: SimPlc
    cameras: dict[str, SimCamera] = field(default_factory=dict)

    def run(self, tick: Callable[[], Any], seconds: float, stop: Callable[[], bool]) -> bool:
        """Move on until `stop` says so; False when the time is over before."""
        for number in range(round(seconds * 1e9 / SCAN_NS)):
            self.plc.scan()
            for camera in self.cameras.values():
                camera.expose()
            if number % TICK_SCANS == 0:
                tick()
                if stop():
                    return True
        return False
