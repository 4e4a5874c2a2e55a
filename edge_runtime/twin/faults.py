"""Faults the twin line can inject: their names, what they do, and when.

A fault is planned by ball number: it begins when that ball comes to the fault's place
on the line (photo-eye, cameras or gate). `schedule` spreads a list of faults over a
run; `fault_board` begins and ends them. Faults of the PLC, of the station and of the
disk are only asked for, in the field memory; the demo parent carries them out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from vision.errors import ConfigError

Place = Literal["eye", "camera", "gate"]


class FaultName(StrEnum):
    """Every fault the twin knows."""

    LOST_FRAME = "lost_frame"
    LATE_FRAME = "late_frame"
    FROZEN_FRAME = "frozen_frame"
    BLACK_FRAME = "black_frame"
    LAMP_FADE = "lamp_fade"
    OIL_FILM = "oil_film"
    DUST_ON_GLASS = "dust_on_glass"
    CAMERA_KNOCK = "camera_knock"
    CAMERAS_SWAPPED = "cameras_swapped"
    DUPLICATE_TRIGGER = "duplicate_trigger"
    MISSING_TRIGGER = "missing_trigger"
    TOUCHING_BALLS = "touching_balls"
    REVERSE_JOG = "reverse_jog"
    ENCODER_WRAP = "encoder_wrap"
    PLC_LINK_CUT = "plc_link_cut"
    PLC_RESTART = "plc_restart"
    STATION_KILL = "station_kill"
    DISK_FULL = "disk_full"
    LATE_VERDICT = "late_verdict"
    GATE_STICK = "gate_stick"
    E_STOP = "e_stop"


LEAD_BALLS = 15
"""Balls before the first fault."""
APART_BALLS = 20
"""Smallest distance of two faults."""


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One fault of the table.

    Attributes:
        name: its name.
        place: the fault begins when its ball's centre comes here.
        duration_s: seconds from begin to end; 0 for an event without length.
        frames: pictures it touches when it is counted in pictures, else 0.
        does: what happens on the line.
        expected: what a sound station and PLC do about it.
        spoils: (first, last) ball numbers, relative to the fault's ball, that may be
            rejected because of it at 10 balls/s; wider at a higher rate.
    """

    name: FaultName
    place: Place
    duration_s: float
    frames: int
    does: str
    expected: str
    spoils: tuple[int, int]


def _table(*kinds: FaultKind) -> dict[FaultName, FaultKind]:
    return {kind.name: kind for kind in kinds}


F = FaultName
FAULTS: dict[FaultName, FaultKind] = _table(
    FaultKind(
        F.LOST_FRAME,
        "camera",
        0.0,
        1,
        "one exposure of one camera never arrives",
        "the views due in it are lost with a cause; their balls are rejected",
        (-2, 2),
    ),
    FaultKind(
        F.LATE_FRAME,
        "camera",
        0.3,
        1,
        "one picture arrives 300 ms late, after its successors",
        "the views due in it are late; their balls are rejected",
        (-2, 2),
    ),
    FaultKind(
        F.FROZEN_FRAME,
        "camera",
        0.0,
        4,
        "one camera repeats the same pixels four times under new frame numbers",
        "frames named frozen; balls with a view due in them are rejected",
        (-3, 4),
    ),
    FaultKind(
        F.BLACK_FRAME,
        "camera",
        0.0,
        2,
        "two pictures of one camera are black",
        "frames named black; balls with a view due in them are rejected",
        (-3, 3),
    ),
    FaultKind(
        F.LAMP_FADE,
        "camera",
        3.0,
        0,
        "all light fades to 30 % in 1.5 s, stays for 1 s and comes back",
        "frames named lamp or black; balls are rejected until the light is back",
        (-3, 34),
    ),
    FaultKind(
        F.OIL_FILM,
        "camera",
        2.0,
        0,
        "an oil film blurs one camera's pictures and veils them",
        "frames or views out of focus or without contrast; balls rejected",
        (-3, 24),
    ),
    FaultKind(
        F.DUST_ON_GLASS,
        "camera",
        2.0,
        0,
        "dark blurred specks stand in one camera's pictures",
        "balls seen through a speck may be rejected; no bad ball is accepted for it",
        (-3, 24),
    ),
    FaultKind(
        F.CAMERA_KNOCK,
        "camera",
        2.0,
        0,
        "one camera looks 5 mm (at 40 mm balls) beside its place",
        "frames named moved; balls rejected until it stands right again",
        (-3, 24),
    ),
    FaultKind(
        F.CAMERAS_SWAPPED,
        "camera",
        2.0,
        0,
        "the two cameras' cables are swapped",
        "both cameras' frames are refused by their marks or phase; balls rejected",
        (-3, 24),
    ),
    FaultKind(
        F.DUPLICATE_TRIGGER,
        "eye",
        0.0,
        0,
        "the eye gives a second pulse one and a half diameters behind the ball",
        "a part without a ball: too close to its neighbours, all rejected; no mismatch chain",
        (-2, 3),
    ),
    FaultKind(
        F.MISSING_TRIGGER,
        "eye",
        0.0,
        0,
        "the eye does not see the ball",
        "an untriggered ball in the pictures: a window around it is rejected",
        (-3, 3),
    ),
    FaultKind(
        F.TOUCHING_BALLS,
        "eye",
        0.0,
        0,
        "the ball rolls in contact with the one before it",
        "one over-long pulse; both balls and a window around them are rejected",
        (-4, 3),
    ),
    FaultKind(
        F.REVERSE_JOG,
        "camera",
        0.0,
        0,
        "the belt stops, runs back one diameter, and starts again",
        "all parts in flight are rejected; no exposure twice",
        (-8, 8),
    ),
    FaultKind(
        F.ENCODER_WRAP,
        "camera",
        0.0,
        0,
        "the 16-bit count wraps while this ball is in the pictures",
        "nothing at all",
        (0, 0),
    ),
    FaultKind(
        F.PLC_LINK_CUT,
        "camera",
        2.0,
        0,
        "the cable between station and PLC is cut",
        "heartbeat lost: all rejected; new epoch when the cable is back",
        (-8, 40),
    ),
    FaultKind(
        F.PLC_RESTART,
        "camera",
        0.0,
        0,
        "the PLC is restarted; its trigger numbers begin anew",
        "belt stops by the output watchdog, gates fall to reject; new epoch",
        (-10, 45),
    ),
    FaultKind(
        F.STATION_KILL,
        "camera",
        0.0,
        0,
        "the station process is killed with SIGKILL and restarted",
        "all rejected until the new epoch; what died is null with cause crash",
        (-10, 60),
    ),
    FaultKind(
        F.DISK_FULL,
        "camera",
        3.0,
        0,
        "the station's disk is full",
        "the station says so and accepts nothing it cannot write down",
        (-10, 60),
    ),
    FaultKind(
        F.LATE_VERDICT,
        "camera",
        1.2,
        0,
        "the station is stopped (SIGSTOP) for 1.2 s",
        "verdicts past their deadlines; balls rejected",
        (-8, 40),
    ),
    FaultKind(
        F.GATE_STICK,
        "gate",
        1.0,
        0,
        "the flap does not move for a second, or until the operator's reset",
        "two confirm mismatches in a row stop the belt; an operator frees the gate and resets",
        (-8, 12),
    ),
    FaultKind(
        F.E_STOP,
        "camera",
        2.0,
        0,
        "the emergency stop is pressed for 2 s",
        "belt stops and latches, all in flight rejected; an operator resets",
        (-8, 8),
    ),
)


class PlannedFault(BaseModel):
    """One fault at one ball; `camera` for faults of one camera ('' otherwise)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: FaultName
    ball: Annotated[int, Field(ge=0)]
    camera: Literal["", "left", "right"] = ""


ONE_CAMERA = frozenset(
    {
        F.LOST_FRAME,
        F.LATE_FRAME,
        F.FROZEN_FRAME,
        F.BLACK_FRAME,
        F.OIL_FILM,
        F.DUST_ON_GLASS,
        F.CAMERA_KNOCK,
    }
)


def parse_faults(text: str) -> tuple[FaultName, ...]:
    """Fault names out of a comma list; 'all' stands for every one.

    Raises:
        ConfigError: a name is unknown.
    """
    names: list[FaultName] = []
    for word in (part.strip() for part in text.split(",")):
        if word == "all":
            names.extend(FaultName)
        elif word in set(FaultName):
            names.append(FaultName(word))
        elif word:
            raise ConfigError(
                f"there is no fault '{word}'",
                where="--faults",
                todo=f"take 'all' or some of: {', '.join(FaultName)}",
            )
    return tuple(names)


def gap_balls(name: FaultName, balls_per_s: float = 10.0) -> int:
    """Balls from a fault's ball to the next fault's: the line has to be sound again in between."""
    wider = max(balls_per_s / 10.0, 1.0)
    return max(APART_BALLS, math.ceil(FAULTS[name].spoils[1] * wider) + 10)


def balls_needed(names: Sequence[FaultName], balls_per_s: float = 10.0) -> int:
    """Length of the shortest run that holds these faults; 0 for none."""
    return LEAD_BALLS + sum(gap_balls(name, balls_per_s) for name in names) if names else 0


def schedule(
    names: Sequence[FaultName], n_balls: int, seed: int, balls_per_s: float = 10.0
) -> tuple[PlannedFault, ...]:
    """Spread faults over a run, in a drawn order, with drawn cameras and drawn slack between them.

    Raises:
        ConfigError: the run is too short to hold them apart (see `balls_needed`).
    """
    needed = balls_needed(names, balls_per_s)
    if n_balls < needed:
        raise ConfigError(
            f"{len(names)} fault(s) do not fit into {n_balls} balls",
            where="--faults",
            todo=f"run at least {needed} balls, or fewer faults",
        )
    rng = np.random.default_rng([seed, 0xFA17])
    order = [names[int(index)] for index in rng.permutation(len(names))]
    slack = (n_balls - needed) / max(len(order), 1)
    ball, planned = float(LEAD_BALLS), []
    for name in order:
        camera: Literal["", "left", "right"] = ""
        if name in ONE_CAMERA:
            camera = "left" if rng.integers(2) == 0 else "right"
        at = int(ball + rng.uniform(0.0, slack))
        planned.append(PlannedFault(name=name, ball=at, camera=camera))
        ball = max(ball + slack, at) + gap_balls(name, balls_per_s)
    return tuple(planned)
