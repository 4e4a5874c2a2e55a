"""A folder of pictures as one recording.

Order: by the numbers in the names where every name ends in `f<digits>` after the same
beginning (`take1_f000400.jpg`), else by name. The frame number is the place in that order,
from 0; the encoder count is (number in the name, else place) * counts_per_frame, modulo
2^16, so that a recording with holes keeps its positions. Neighbours: `base`, `capture`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import cv2
import numpy as np

from edge_runtime.cameras.base import LostFramesEvent
from edge_runtime.config import FolderCameraSource
from edge_runtime.encoder import wrap
from edge_runtime.images import MAX_FILE_BYTES
from edge_runtime.plain_file import read_plain
from vision.errors import CameraError
from vision.image_head import head_fault
from vision.types import Frame, UInt8Array

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff", ".webp"})
#: pictures a recording played in real time keeps for a slow reader, as a camera's driver would
BACKLOG_FRAMES = 8
_NUMBERED = re.compile(r"^(?P<beginning>.*)f(?P<number>\d+)$", re.ASCII)


def ordered_recording(paths: list[Path]) -> list[tuple[Path, int]]:
    """Pictures in the order in which they were taken, each with its number in the recording."""
    matches = [_NUMBERED.match(path.stem) for path in paths]
    numbered = [(path, match) for path, match in zip(paths, matches, strict=True) if match is not None]
    one_recording = len({match["beginning"] for _, match in numbered}) == 1
    numbers = {int(match["number"]) for _, match in numbered}
    if one_recording and len(numbers) == len(paths):
        return sorted(((path, int(match["number"])) for path, match in numbered), key=lambda item: item[1])
    return [(path, place) for place, path in enumerate(sorted(paths, key=lambda path: path.name))]


def _decoded(path: Path) -> UInt8Array | str:
    """Pixels of a picture file, (H, W) or (H, W, 3) uint8; or what is wrong with it."""
    try:
        # Not cv2.imread: it hides why a file cannot be read.
        data = read_plain(path, MAX_FILE_BYTES)
        if not data:
            return "zero bytes"
        fault = head_fault(data)
        if fault:
            return fault
        image: object = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except (OSError, cv2.error) as error:
        return str(error)
    if not isinstance(image, np.ndarray):
        return "not a picture, or cut off"
    if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)):
        return f"neither 8-bit grey nor 8-bit colour: {image.shape} {image.dtype}"
    return image


class FolderCamera:
    """Plays a folder, once.

    In real time a picture comes every 1 / frames_per_s; a reader that falls more than
    `BACKLOG_FRAMES` behind loses the oldest (`ring_overrun`). Otherwise nothing is dropped.

    Args:
        name: of the camera, in the station file.
        source: folder, pattern and pace.
        clock: seconds, monotonic.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        name: str,
        source: FolderCameraSource,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self._source = source
        self._clock = clock
        self._sleep = sleep
        self._pictures: list[tuple[Path, int]] = []
        self._next = 0
        self._started_s: float | None = None
        self._losses: list[LostFramesEvent] = []

    @property
    def finished(self) -> bool:
        """All pictures were played."""
        return self._next >= len(self._pictures)

    def setup(self) -> None:
        """List the folder and begin at its first picture.

        Raises:
            CameraError: no such folder, or no picture in it.
        """
        where = f"camera '{self.name}', folder {self._source.path}"
        try:
            matching = [
                path for path in self._source.path.iterdir() if fnmatch(path.name, self._source.pattern)
            ]
        except OSError as error:
            raise CameraError(
                f"the folder cannot be read: {error}", where=where, todo="check 'path' in the station file"
            ) from error
        pictures = [path for path in matching if path.is_file() and path.suffix.lower() in SUFFIXES]
        if not pictures:
            raise CameraError(
                f"no picture matches '{self._source.pattern}'",
                where=where,
                todo=f"check 'pattern'; pictures end in {', '.join(sorted(SUFFIXES))}",
            )
        self._pictures = ordered_recording(pictures)
        self._next = 0
        self._started_s = None

    def read(self, timeout_s: float) -> Frame | None:
        """Next picture; an unreadable one is counted as lost and the one after it comes."""
        if self.finished or not self._wait_until_due(timeout_s):
            return None
        while self._next < len(self._pictures):
            place = self._next
            path, number = self._pictures[place]
            self._next += 1
            frame = self._load(path, place, number)
            if frame is not None:
                return frame
        return None

    def take_losses(self) -> list[LostFramesEvent]:
        """Unreadable and overrun pictures since the last call."""
        losses, self._losses = self._losses, []
        return losses

    def teardown(self) -> None:
        """Nothing stays open."""

    def _wait_until_due(self, timeout_s: float) -> bool:
        if not self._source.realtime:
            return True
        now_s = self._clock()
        if self._started_s is None:
            self._started_s = now_s
        due_s = self._started_s + self._next / self._source.frames_per_s
        if due_s - now_s > timeout_s:
            self._sleep(timeout_s)
            return False
        if due_s > now_s:
            self._sleep(due_s - now_s)
            return True
        taken = min(int((now_s - self._started_s) * self._source.frames_per_s) + 1, len(self._pictures))
        overrun = taken - BACKLOG_FRAMES - self._next
        if overrun > 0:
            text = (
                f"{self._pictures[self._next][0].name} and what follows: played in real time, read too slowly"
            )
            self._losses.append(LostFramesEvent(self.name, overrun, "ring_overrun", text))
            self._next += overrun
        return True

    def _load(self, path: Path, place: int, number: int) -> Frame | None:
        image = _decoded(path)
        if isinstance(image, str):
            self._losses.append(LostFramesEvent(self.name, 1, "unreadable", f"{path.name}: {image}"))
            return None
        return Frame(
            camera=self.name,
            frame_number=place,
            encoder_count=wrap(number * self._source.counts_per_frame),
            arrived_ns=time.monotonic_ns(),
            camera_ns=None,
            exposure_us=0.0,
            image=image,
            pixel_format="mono8" if image.ndim == 2 else "bgr8",
        )
