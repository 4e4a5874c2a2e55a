"""The plant around a station that is killed: wires, belt, balls and one camera, in a process of their own.

    python -m tests.durability.belt LINE.json

The belt moves one step for each scan of the PLC, so that a busy machine slows the line down instead of
tearing it apart. Balls lie at one pitch; their pictures are drawn once. Neighbours: `plant` starts it
together with the twin's PLC, `kills` kills the station.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.encoder import wrap
from edge_runtime.shm_ring import RingWriter
from edge_runtime.twin.field import Eye, Field, Word
from edge_runtime.twin.settings import LineSettings, load_line_settings
from tests.vision.pictures import line_frame
from vision.types import UInt8Array

#: counts from one ball to the next: four diameters
PITCH_COUNTS = 1280
#: the first ball's centre is in the eye here, counted from the start; balls stand alike in every fifth
#: exposure
FIRST_CENTRE = 4064
PULSE_COUNTS = 320
#: pictures of one phase differ by their noise
NOISES = 4
POLL_S = 0.001
RESET_AFTER_S = 0.3


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happens when the belt has moved so far."""

    position: int
    number: int
    what: str


class Belt:
    """Moves on with the PLC's heartbeat.

    Args:
        settings: of the twin.
        field: the wires.
        ring: of the camera.
    """

    def __init__(self, settings: LineSettings, field: Field, ring: RingWriter) -> None:
        self._settings = settings
        self._field = field
        self._ring = ring
        self._pictures: dict[tuple[int, int, tuple[int, ...]], UInt8Array] = {}
        self._position = field.get(Word.ENCODER)
        self._origin = self._position
        self._step = round(settings.speed_counts_per_s * settings.plc_scan_ms / 1000.0)
        self._beat = field.get(Word.PLC_HEARTBEAT)
        self._next_ball = 0
        self._marks: list[Mark] = []
        self._accepted: set[int] = set()
        self._frames = 0
        self._latched_s = 0.0

    def step(self) -> None:
        """One look at the PLC."""
        field = self._field
        beat = field.get(Word.PLC_HEARTBEAT)
        if beat == self._beat:
            return
        self._beat = beat
        if field.get(Word.STOP_LATCHED):
            self._reset_in_time()
        if field.get(Word.BELT_ENABLE) and field.get(Word.START_REQUEST):
            self._move_to(self._position + self._step)

    def _reset_in_time(self) -> None:
        now = time.monotonic()
        if not self._settings.operator_comes:
            return
        self._latched_s = self._latched_s or now
        if now - self._latched_s > RESET_AFTER_S:
            self._latched_s = 0.0
            self._field.add(Word.OPERATOR_RESET)

    def _move_to(self, position: int) -> None:
        self._let_in(position)
        due = [mark for mark in self._marks if mark.position <= position]
        self._marks = [mark for mark in self._marks if mark.position > position]
        for mark in sorted(due, key=lambda mark: mark.position):
            self._happen(mark)
        every = self._settings.exposure_every_counts
        first = self._position - self._position % every + every
        self._position = position
        self._field.set(Word.ENCODER, position)
        for count in range(first, position + 1, every):
            self._expose(count)

    def _let_in(self, position: int) -> None:
        while not self._field.get(Word.FEED_HOLD):
            centre = self._origin + FIRST_CENTRE + self._next_ball * PITCH_COUNTS
            rising = centre - PULSE_COUNTS // 2
            if rising > position + PITCH_COUNTS:
                return
            gate = self._settings.eye_to_gate_counts
            chute = gate + self._settings.gate_to_confirm_counts
            number = self._next_ball
            self._marks += [
                Mark(rising, number, "in"),
                Mark(rising + PULSE_COUNTS, number, "out"),
                Mark(centre + gate, number, "gate"),
                Mark(rising + chute, number, "chute"),
            ]
            self._next_ball += 1
            self._field.set(Word.BALLS_ENTERED, self._next_ball)

    def _happen(self, mark: Mark) -> None:
        field = self._field
        lane, now_ns = self._settings.lane, time.monotonic_ns()
        if mark.what == "gate":
            if field.gate(lane)[0]:
                self._accepted.add(mark.number)
        elif mark.what == "chute":
            eye = Eye.CONFIRM_ACCEPT if mark.number in self._accepted else Eye.CONFIRM_REJECT
            self._accepted.discard(mark.number)
            field.push_edge(lane, eye, True, mark.position, now_ns)
            field.push_edge(lane, eye, False, mark.position + PULSE_COUNTS, now_ns)
            field.add(Word.BALLS_PLACED)
        else:
            field.push_edge(lane, Eye.TRIGGER, mark.what == "in", mark.position, now_ns)

    def _expose(self, count: int) -> None:
        settings = self._settings
        nearest, phase = divmod(count - self._origin - FIRST_CENTRE - settings.fov_start_counts, PITCH_COUNTS)
        there = tuple(place for place in (-1, 0, 1) if 0 <= nearest - place < self._next_ball)
        image = self._picture(phase, self._frames % NOISES, there)
        self._frames += 1
        header = {
            "frame_number": self._frames % 65536,
            "encoder_count": wrap(count),
            "exposure_us": settings.exposure_us,
            "height": image.shape[0],
            "width": image.shape[1],
            "pixel_format": "mono8",
            "camera_ns": None,
        }
        self._ring.write(header, image)

    def _picture(self, phase: int, noise: int, there: tuple[int, ...]) -> UInt8Array:
        """A picture with balls at some of the three places that reach into it; drawn once."""
        key = (phase, noise, there)
        if key not in self._pictures:
            px, y_px = self._settings.px_per_count, self._settings.height_px / 2.0
            balls = [((phase + place * PITCH_COUNTS) * px, y_px, 160.0) for place in there]
            self._pictures[key] = line_frame(balls, seed=phase + noise)
        return self._pictures[key]


def main() -> int:
    """Run until END_REQUEST, or until the process that started it is gone."""
    settings = load_line_settings(Path(sys.argv[1]))
    parent_pid = os.getppid()
    field = Field.open(settings.field_name)
    ring = RingWriter(settings.ring_name("left"), 32, settings.width_px * settings.height_px)
    try:
        belt = Belt(settings, field, ring)
        field.set(Word.LINE_PID, os.getpid())
        while not field.get(Word.END_REQUEST) and os.getppid() == parent_pid:
            belt.step()
            time.sleep(POLL_S)
    finally:
        ring.close()
        field.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
