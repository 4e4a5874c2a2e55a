"""How a ball lies and rolls before its cameras: poses of one ball, picture by picture.

A ball rolls along the line without slipping about the axis across it; two cameras look from both
sides of the travel axis, or one from above. So all pictures show one ball in an order that a line
can produce. A double lies on its side and spins about its own axis. Neighbour: `render.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from datasets.synthetic.render import Pose, camera_rotation
from datasets.synthetic.settings import StageRanges, draw
from datasets.synthetic.sphere import FloatArray, random_rotation
from datasets.synthetic.stages import Stage

Float64Array = npt.NDArray[np.float64]
_GROOVE_TILT_MAX_DEG = 18.0
"""A camera that looks flatter than this has a side of the groove before the ball."""
_FORWARD = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""Turns the ball's pole axis (z) into the axis of rolling (y)."""


@dataclass(frozen=True, slots=True)
class View:
    """One picture to take: `camera` 'left', 'right' or 'top', how far the ball has rolled, its pose."""

    camera: str
    roll_deg: float
    pose: Pose


def about_view_axis(turn_rad: float) -> Float64Array:
    """(3, 3) turn of the whole picture, counter-clockwise."""
    c, s = np.cos(turn_rad), np.sin(turn_rad)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def rolling_views(
    positions: FloatArray,
    label: str,
    stage: Stage | None,
    ranges: StageRanges,
    travel_rad: float,
    count: int,
    rng: np.random.Generator,
) -> list[View]:
    """Poses of `count` pictures of one ball.

    Args:
        positions: (V, 3) of the ball, to let it touch what it lies on.
        label: its label; doubles lie on their side.
        stage: what it lies on, None before a backlight.
        ranges: of the cameras and the rolling.
        travel_rad: direction of travel in the picture, counter-clockwise from +x.
        count: pictures; two cameras share them.
        rng: source of every random choice.
    """
    tilt, step = draw(rng, ranges.tilt_deg), draw(rng, ranges.roll_step_deg)
    groove = stage is not None and stage.name == "groove"
    if groove:
        tilt = min(tilt, _GROOVE_TILT_MAX_DEG)
    cameras = [("left", tilt), ("right", -tilt)]
    if rng.random() < ranges.top_chance:
        cameras = [("top", rng.uniform(-8.0, 8.0))]
    start, lie = rng.uniform(0.0, 360.0), random_rotation(rng)
    yaw = 0.5 * np.pi if groove else rng.uniform(0.0, 2.0 * np.pi)
    picture, views = about_view_axis(travel_rad), []
    for index in range(count):
        camera, angle = cameras[index * len(cameras) // count]
        number = index % -(-count // len(cameras))
        roll = start + number * step * rng.uniform(0.97, 1.03)
        world = picture @ camera_rotation(angle, 0.0)
        rolled = camera_rotation(0.0, roll)
        lying = about_view_axis(yaw) @ rolled @ _FORWARD if label == "double" else rolled @ lie
        pose = Pose(
            turn=world @ lying,
            world=world,
            shift=rng.uniform(-1.5, 1.5),
            beside=_beside(ranges, rng) if stage is not None and label != "double" else None,
            reach=_reach(positions, lying, stage),
        )
        views.append(View(camera, float(roll % 360.0), pose))
    return views


def _beside(ranges: StageRanges, rng: np.random.Generator) -> tuple[Float64Array, Float64Array] | None:
    if rng.random() >= ranges.neighbour_chance:
        return None
    side = 1.0 if rng.random() < 0.5 else -1.0
    return random_rotation(rng), np.array([side * rng.uniform(2.04, 2.25), 0.0, 0.0])


def _reach(positions: FloatArray, lying: Float64Array, stage: Stage | None) -> tuple[float, ...]:
    """How far the ball reaches towards each rectangle, radii: that is where the rectangle lies."""
    if stage is None:
        return ()
    towards = [-plane.axes[:, 2] for plane in stage.planes]
    return tuple(float((positions @ (lying.T @ way).astype(np.float32)).max()) for way in towards)
