"""A technician's hands on the twin: key, belt speed, feed, focus ring, lamp, challenge balls, reset key.

They know nothing but what the wizard shows: the ring is turned until the edge width no longer falls, and
back to the best; the lamp until its bar is full. Neighbours: `attendant` leads, `twin_bench` is the line.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from edge_runtime.commission.shown import Figure, Show
from edge_runtime.commission.twin_bench import BLUR_X10, LAMP_OFF_PERMILLE
from edge_runtime.plc.registers import KeySwitch
from edge_runtime.twin.challenge_balls import challenge_word
from edge_runtime.twin.field import Field, Word
from edge_runtime.twin.knobs import knob

#: belt speed off nominal at the slow series, thousandths
SLOW_PERMILLE = -600
#: kinds of challenge balls, in turn: each is one ball for the photo-eye and none may be taken for good
CHALLENGES = ("half", "undersize", "oversize")
#: a ring or lamp is turned this often; the figures need that time to follow
_TURN_S = 0.35
_RING_STEP, _LAMP_STEP = 3, 30
#: so many turns without a better figure are enough
_WORSE_TURNS = 3
_PRESS_S = 2.0


@dataclass(slots=True)
class _Turning:
    """One ring or lamp: where it stands (0: as built), the best place so far, turns since."""

    at: int
    best: float | None = None
    best_at: int = 0
    worse: int = 0
    settled: bool = False
    next_s: float = 0.0


@dataclass(slots=True)
class TwinHands:
    """See `attendant.Hands`; `clock`: seconds, monotonic."""

    wires: Field
    clock: Callable[[], float] = time.monotonic
    focus: dict[str, _Turning] = field(default_factory=dict)
    lamp: dict[str, _Turning] = field(default_factory=dict)
    _dropped: bool = False
    _reset_s: float = 0.0

    def follow(self, step: str, show: Show) -> bool:
        """Do what is shown."""
        wires = self.wires
        match show.text:
            case "gate.key_service":
                wires.set(Word.KEY_SWITCH, KeySwitch.SERVICE)
            case "gate.key_auto":
                wires.set(Word.KEY_SWITCH, KeySwitch.AUTO)
            case "eye.top_speed" | "gate.speed_top" | "gate.speed_top_again":
                wires.set(Word.SPEED_OFF_PERMILLE, 0)
                wires.set(Word.FEED_HOLD, 0)
            case "gate.speed_slow":
                wires.set(Word.SPEED_OFF_PERMILLE, SLOW_PERMILLE)
            case "camera.focus":
                return self._turn_ring(show)
            case "camera.lamp":
                return self._turn_lamp(show)
            case "first_run.good":
                wires.set(Word.FEED_HOLD, 0)
            case "first_run.before":
                wires.set(Word.FEED_HOLD, 1)
                self._dropped = False
            case "first_run.challenge":
                self._drop(show)
            case "write.checking":
                wires.set(Word.FEED_HOLD, 0)
            case "trouble.latched":
                self._reset()
        return True

    def _turn_ring(self, show: Show) -> bool:
        """Towards a smaller edge width, and back to the smallest."""
        edge = _figure(show, "figure.edge")
        turning = self.focus.setdefault(show.camera, _Turning(BLUR_X10))
        return self._turn(turning, None if edge.value is None else -edge.value, -_RING_STEP, show.camera)

    def _turn_lamp(self, show: Show) -> bool:
        """Up until the level stands in the middle of its band."""
        level = _figure(show, "figure.background")
        turning = self.lamp.setdefault(show.camera, _Turning(LAMP_OFF_PERMILLE))
        return self._turn(turning, level.share, _LAMP_STEP, show.camera)

    def _turn(self, turning: _Turning, goodness: float | None, step: int, camera: str) -> bool:
        """One turn of a ring or lamp when it is time; True once it stands at its best."""
        now_s = self.clock()
        if turning.settled or goodness is None or now_s < turning.next_s:
            return turning.settled and now_s >= turning.next_s
        turning.next_s = now_s + _TURN_S
        if turning.best is None or goodness > turning.best:
            turning.best, turning.best_at, turning.worse = goodness, turning.at, 0
        else:
            turning.worse += 1
        if turning.worse >= _WORSE_TURNS:
            turning.settled, turning.at = True, turning.best_at
            turning.next_s = now_s + 4.0 * _TURN_S
        else:
            turning.at += step
        if step < 0:
            # A ring has its best place in the middle: beyond it the picture blurs again.
            self.wires.set(knob(Word.KNOB_BLUR_X10, camera), abs(turning.at))
        else:
            self.wires.set(knob(Word.KNOB_LAMP_OFF_PERMILLE, camera), turning.at)
        return False

    def _drop(self, show: Show) -> None:
        """Put the challenge balls onto the belt, once."""
        if self._dropped:
            return
        self._dropped = True
        for number in range(int(show.values["balls"] or 0)):
            self.wires.add(challenge_word(CHALLENGES[number % len(CHALLENGES)]))

    def _reset(self) -> None:
        """Press the reset key, again if need be."""
        if self.clock() - self._reset_s > _PRESS_S:
            self._reset_s = self.clock()
            self.wires.add(Word.BUTTON_RESET)


def _figure(show: Show, key: str) -> Figure:
    return next(figure for figure in show.figures if figure.key == key)
