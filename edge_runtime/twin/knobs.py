"""What a person can turn at the twin's cameras: focus, light, and where they look.

Turned in the field wiring while the line runs, so that commissioning has something to find and to set
right. As built (all words 0) nothing is done to a picture. Neighbours: `twin_camera` asks before each
exposure, the panel and tests turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge_runtime.twin.field import Field, Word
from edge_runtime.twin.settings import CAMERAS

UInt8Array = npt.NDArray[np.uint8]
Glass = Callable[[UInt8Array], UInt8Array]

_WORDS = 4
#: from here on a picture is as good as none, whatever the station says of it
BLIND_BLUR_PX, BLIND_SHIFT_PX, BLIND_LAMP = 3.0, 8.0, 1.3
#: names of an exposure's fault; the last one spoils nothing
FOCUS_OFF, SHIFTED, TOO_BRIGHT, TURNED = "knob_focus", "knob_shift", "knob_lamp", "knobs"


@dataclass(frozen=True, slots=True)
class CameraKnobs:
    """One camera's knobs.

    Attributes:
        blur_px: standard deviation of the blur, 0: in focus.
        lamp: share of its light, 1: as built.
        shift_x_px, shift_y_px: how far the picture's content moves right and down.
    """

    blur_px: float = 0.0
    lamp: float = 1.0
    shift_x_px: float = 0.0
    shift_y_px: float = 0.0

    @property
    def fault(self) -> str:
        """Name of what they spoil, '' when nothing is turned."""
        if self == NEUTRAL:
            return ""
        if self.blur_px >= BLIND_BLUR_PX:
            return FOCUS_OFF
        if max(abs(self.shift_x_px), abs(self.shift_y_px)) >= BLIND_SHIFT_PX:
            return SHIFTED
        return TOO_BRIGHT if self.lamp >= BLIND_LAMP else TURNED

    def before(self, glass: Glass | None) -> Glass | None:
        """What the light goes through: the glass, then lens and place of this camera."""
        if not (self.blur_px or self.shift_x_px or self.shift_y_px):
            return glass
        return lambda frame: self._seen(frame if glass is None else glass(frame))

    def _seen(self, frame: UInt8Array) -> UInt8Array:
        if self.shift_x_px or self.shift_y_px:
            move = np.array([[1.0, 0.0, self.shift_x_px], [0.0, 1.0, self.shift_y_px]])
            size = (frame.shape[1], frame.shape[0])
            frame = cv2.warpAffine(frame, move, size, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[assignment]
        if self.blur_px:
            frame = cv2.GaussianBlur(frame, (0, 0), self.blur_px)  # type: ignore[assignment]
        return frame


NEUTRAL = CameraKnobs()


def knob(word: Word, camera: str) -> int:
    """Index of a knob's word at a camera ('left', 'right')."""
    return word + _WORDS * CAMERAS.index(camera)


def read_knobs(field: Field, camera: str) -> CameraKnobs:
    """As they stand now."""
    blur = field.get(knob(Word.KNOB_BLUR_X10, camera))
    lamp = field.get(knob(Word.KNOB_LAMP_OFF_PERMILLE, camera))
    x = field.get(knob(Word.KNOB_SHIFT_X_X10, camera))
    y = field.get(knob(Word.KNOB_SHIFT_Y_X10, camera))
    if not (blur or lamp or x or y):
        return NEUTRAL
    return CameraKnobs(max(blur, 0) / 10.0, max(1.0 + lamp / 1000.0, 0.0), x / 10.0, y / 10.0)
