"""Frames that another process on this machine writes into a shared-memory ring.

Neighbours: `edge_runtime.shm_ring` moves the bytes, the twin line writes them. Header of a
frame (JSON): `frame_number`, `encoder_count` (0..65535), `exposure_us`, `height`, `width`,
`pixel_format`, `camera_ns`; payload: the pixels, row by row.
"""

from __future__ import annotations

import time

from edge_runtime.cameras.base import LostFramesEvent
from edge_runtime.config import ShmCameraSource
from edge_runtime.encoder import wrap
from edge_runtime.shm_ring import RingEntry, RingError, RingReader, memory_path
from vision.errors import CameraError
from vision.types import Frame, PixelFormat

_CHANNELS: dict[PixelFormat, int] = {"mono8": 1, "bgr8": 3}
#: what books and arrays can hold
_WHOLE_END = 1 << 63
#: an hour: beyond it the figure means something else
_EXPOSURE_MAX_US = 3.6e9


class ShmCamera:
    """Reads one ring; begins with the first frame written after `setup`.

    A ring that was removed or made anew by its writer is an outage (CameraError from `read`).

    Args:
        name: of the camera, in the station file.
        source: name of the ring.
    """

    def __init__(self, name: str, source: ShmCameraSource) -> None:
        self.name = name
        self.finished = False
        self._source = source
        self._reader: RingReader | None = None
        self._inode = 0
        self._losses: list[LostFramesEvent] = []

    def setup(self) -> None:
        """Attach to the ring.

        Raises:
            CameraError: there is no such ring, or it is something else.
        """
        try:
            self._inode = self._current_inode()
            self._reader = RingReader(self._source.name)
        except (OSError, ValueError) as error:
            raise CameraError(
                f"the frame ring cannot be opened: {error}",
                where=f"camera '{self.name}', ring '{self._source.name}'",
                todo="start the process that writes the ring first, and compare the ring's name with its own",
            ) from error

    def read(self, timeout_s: float) -> Frame | None:
        """Next frame of the ring, its pixels copied.

        Raises:
            CameraError: not open, or the ring is gone.
        """
        if self._reader is None:
            raise CameraError(
                "the camera is not open", where=f"camera '{self.name}'", todo="call setup first"
            )
        deadline = time.monotonic() + timeout_s
        while True:
            # A wake-up may be older than the entry it announced: look again until the time is over.
            try:
                entry = self._reader.read(max(0.0, deadline - time.monotonic()))
            except ValueError as error:
                raise CameraError(
                    f"the frame ring holds an entry that is none: {error}",
                    where=f"camera '{self.name}', ring '{self._source.name}'",
                    todo="see which process writes into this ring",
                ) from error
            if entry is not None:
                frame = self._frame(entry)
                if frame is not None:
                    return frame
            elif time.monotonic() >= deadline:
                self._check_ring()
                return None

    def take_losses(self) -> list[LostFramesEvent]:
        """Overrun entries, and entries that are no frames, since the last call."""
        losses, self._losses = self._losses, []
        return losses

    def teardown(self) -> None:
        """Let go of the ring; it stays, it is the writer's."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _current_inode(self) -> int:
        try:
            return memory_path(self._source.name).stat().st_ino
        except FileNotFoundError as error:
            raise RingError(f"there is no shared memory '{self._source.name}'") from error

    def _check_ring(self) -> None:
        try:
            same = self._current_inode() == self._inode
        except RingError:
            same = False
        if not same:
            raise CameraError(
                "the frame ring was removed or made anew by its writer",
                where=f"camera '{self.name}', ring '{self._source.name}'",
                todo="see why the process that writes it ended",
            )

    def _frame(self, entry: RingEntry) -> Frame | None:
        arrived_ns = time.monotonic_ns()
        if entry.lost_before:
            text = f"entries {entry.number - entry.lost_before}..{entry.number - 1} were overwritten unread"
            self._losses.append(LostFramesEvent(self.name, entry.lost_before, "ring_overrun", text))
        try:
            return self._parsed(entry, arrived_ns)
        except (KeyError, TypeError, ValueError) as error:
            text = f"entry {entry.number} is not a frame: {error!r}"
            self._losses.append(LostFramesEvent(self.name, 1, "unreadable", text))
            return None

    def _parsed(self, entry: RingEntry, arrived_ns: int) -> Frame:
        header = entry.header
        height, width = _whole(header["height"]), _whole(header["width"])
        pixel_format: PixelFormat = "bgr8" if header["pixel_format"] == "bgr8" else "mono8"
        if header["pixel_format"] not in _CHANNELS:
            raise ValueError(f"pixel_format {header['pixel_format']!r}")
        channels = _CHANNELS[pixel_format]
        shape = (height, width) if channels == 1 else (height, width, channels)
        camera_ns = header.get("camera_ns")
        exposure_us = header.get("exposure_us", 0.0)
        if not isinstance(exposure_us, int | float) or not 0.0 <= exposure_us < _EXPOSURE_MAX_US:
            raise ValueError(f"exposure_us {exposure_us!r}")
        if not height * width:
            raise ValueError(f"a picture of {width} x {height} pixels")
        return Frame(
            camera=self.name,
            frame_number=_whole(header["frame_number"]),
            encoder_count=wrap(_whole(header["encoder_count"])),
            arrived_ns=arrived_ns,
            camera_ns=None if camera_ns is None else _whole(camera_ns),
            exposure_us=float(exposure_us),
            image=entry.payload.reshape(shape),
            pixel_format=pixel_format,
        )


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _WHOLE_END:
        raise ValueError(f"{str(value)[:40]} is not a whole number from 0 to {_WHOLE_END - 1}")
    return value
