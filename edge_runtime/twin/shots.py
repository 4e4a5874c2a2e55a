"""Pictures of the twin that are drawn once and shown again, for balls that come again.

A picture is known by what is to be seen in it: which balls, and how far each has travelled. Where the plan
repeats (`LineSettings.repeat_balls`) each stretch of belt shows what the one before it showed, exposure by
exposure, so that the twin costs next to nothing while the station works on pixels as ever. Neighbours:
`twin_camera` asks here before it has a picture composed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from edge_runtime.twin.balls import PlannedBall
from edge_runtime.twin.optics import BallPictures, Shown

UInt8Array = npt.NDArray[np.uint8]
#: an empty belt is shown in so many pictures, one after the other: a camera that repeats one is frozen
_EMPTY_TURNS = 12
#: balls that have travelled equally far to this share of a count lie at the same place
_COUNT_PARTS = 1000

_Seen = Sequence[tuple[PlannedBall, float, BallPictures]]
_Key = tuple[str, tuple[tuple[int, int], ...]]


class Shots:
    """All pictures drawn so far."""

    def __init__(self) -> None:
        self._drawn: dict[_Key, tuple[UInt8Array, list[Shown]]] = {}
        self._empty: dict[str, list[UInt8Array]] = {}

    def take(
        self,
        camera: str,
        turn: int,
        count: int,
        balls: _Seen,
        compose: Callable[[], tuple[UInt8Array, list[Shown]]],
    ) -> tuple[UInt8Array, list[Shown]]:
        """The picture of these balls, drawn by `compose` when nobody has drawn it yet.

        Args:
            camera: its name.
            turn: number of the exposure.
            count: endless count of the exposure.
            balls: ball, count at which its centre passed the photo-eye, pictures.
            compose: draws it.

        Returns:
            (H, W) uint8, not to be written to, and what is to be seen in it.
        """
        places = tuple((ball.look, round((count - centre) * _COUNT_PARTS)) for ball, centre, _ in balls)
        if not places:
            return self._empty_belt(camera, compose)[turn % _EMPTY_TURNS], []
        known = self._drawn.get((camera, places))
        if known is None:
            pixels, shown = compose()
            pixels.flags.writeable = False
            number = {ball.number: at for at, (ball, _, _) in enumerate(balls)}
            # Kept by place among the balls: their numbers are others the next time.
            known = pixels, [dataclasses.replace(item, ball=number[item.ball]) for item in shown]
            self._drawn[camera, places] = known
        pixels, shown = known
        return pixels, [dataclasses.replace(item, ball=balls[item.ball][0].number) for item in shown]

    def _empty_belt(
        self, camera: str, compose: Callable[[], tuple[UInt8Array, list[Shown]]]
    ) -> list[UInt8Array]:
        """A round of pictures of the empty belt, no two alike that come one after the other."""
        found = self._empty.setdefault(camera, [])
        while len(found) < _EMPTY_TURNS:
            pixels, _ = compose()
            last = len(found) == _EMPTY_TURNS - 1
            if last and np.array_equal(pixels, found[0]):
                continue
            if found and np.array_equal(pixels, found[-1]):
                continue
            pixels.flags.writeable = False
            found.append(pixels)
        return found
