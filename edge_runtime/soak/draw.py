"""Draws the faults of a soak: which, at which ball, at which camera; the same for the same seed.

Kinds are drawn from a bag without putting back, so that each comes as often as its weight says however long
the run is. Between two faults lies at least the belt that the line needs to be sound again, so that every
recovery is seen. Neighbours: `edge_runtime.twin.faults` knows the kinds, `plan` asks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from edge_runtime.twin.faults import FAULTS, LEAD_BALLS, ONE_CAMERA, FaultName, PlannedFault, gap_balls
from vision.errors import ConfigError

_F = FaultName
#: how often a kind lies in one bag; kinds that are not named lie in it once
WEIGHTS: dict[FaultName, int] = {
    _F.LOST_FRAME: 3,
    _F.LATE_FRAME: 2,
    _F.FROZEN_FRAME: 2,
    _F.BLACK_FRAME: 2,
    _F.DUPLICATE_TRIGGER: 2,
    _F.MISSING_TRIGGER: 2,
    _F.TOUCHING_BALLS: 2,
}
#: after these a process, a session or the belt has to come back; after the others only pictures do
_STOPPING = frozenset(
    {
        _F.REVERSE_JOG,
        _F.PLC_LINK_CUT,
        _F.PLC_RESTART,
        _F.STATION_KILL,
        _F.DISK_FULL,
        _F.LATE_VERDICT,
        _F.GATE_STICK,
        _F.E_STOP,
    }
)
_STOPPING_S, _PICTURES_S = 10.0, 4.0
#: every 2^16 counts the encoder wraps by itself; as a fault of the plan it can be placed once only
_ONCE = _F.ENCODER_WRAP


def gap_after(name: FaultName, balls_per_s: float) -> int:
    """Balls from a fault's ball to the next fault's, at least."""
    seconds = FAULTS[name].duration_s + (_STOPPING_S if name in _STOPPING else _PICTURES_S)
    return max(gap_balls(name, balls_per_s), math.ceil(seconds * balls_per_s))


def draw_faults(
    names: Sequence[FaultName],
    n_balls: int,
    seed: int,
    *,
    balls_per_s: float,
    every_balls: float,
    train_balls: int = 0,
) -> tuple[PlannedFault, ...]:
    """The faults of a run, in order of their balls.

    Args:
        names: kinds to draw from; none: no faults.
        n_balls: length of the run; the line is sound again before its end.
        seed: of the run.
        balls_per_s: while balls come.
        every_balls: mean distance of two faults; where the kinds need more, they get it.
        train_balls: balls of one train (0: no trains); no ball touches the train before its own.

    Raises:
        ConfigError: `every_balls` is no distance, or not one fault fits.
    """
    if not math.isfinite(every_balls) or every_balls < 1.0:
        raise ConfigError(f"{every_balls:g} balls", where="--fault-every", todo="give 1 or more")
    if not names:
        return ()
    rng = np.random.default_rng([seed, 0x50A4])
    once = [_ONCE] if _ONCE in names else []
    bag = [name for name in dict.fromkeys(names) if name != _ONCE for _ in range(WEIGHTS.get(name, 1))]
    needed = [gap_after(name, balls_per_s) for name in bag or once]
    slack = max(every_balls - sum(needed) / len(needed), 0.0)
    planned: list[PlannedFault] = []
    ball, left = float(LEAD_BALLS), list(once)
    while True:
        if not left:
            left = [bag[int(index)] for index in rng.permutation(len(bag))]
        if not left:
            break
        name = left.pop()
        at = math.ceil(ball + rng.exponential(slack) if planned and slack > 0.0 else ball)
        if train_balls and at % train_balls == 0:
            at += 1
        ball = at + gap_after(name, balls_per_s)
        if ball > n_balls:
            break
        camera: Literal["", "left", "right"] = ""
        if name in ONE_CAMERA:
            camera = "left" if rng.integers(2) == 0 else "right"
        planned.append(PlannedFault(name=name, ball=at, camera=camera))
    if not planned:
        raise ConfigError(
            f"not one fault fits into {n_balls} balls", where="--hours", todo="soak longer, or --faults none"
        )
    return tuple(planned)
