"""Shared memory that another process filled with anything: frame ring, pictures, status, live pictures.

The writer of a camera's ring is a driver that somebody else wrote. A torn or absurd head is one error of the
camera, a torn entry a named loss; neither is a frame.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.cameras.shm import ShmCamera
from edge_runtime.config import ShmCameraSource
from edge_runtime.ledger.pictures import crop_from_ring
from edge_runtime.live.mailbox import MailboxReader, MailboxWriter
from edge_runtime.live.pictures import LivePicture, pack_picture
from edge_runtime.page.encode import PictureError, Sent, browser_message, open_picture
from edge_runtime.page.mailboxes import read_status
from edge_runtime.shm_ring import RingError, RingReader, RingWriter, memory_path
from tests.fuzz.strategies import DEEP_JSON, LONG_NUMBER, VALUES, fuzzed, mutants, one_answer, torn
from vision.errors import CameraError
from vision.types import Frame

PIXELS = np.arange(60, dtype=np.uint8).reshape(6, 10)
HEADER: dict[str, Any] = {
    "frame_number": 3,
    "encoder_count": 500,
    "exposure_us": 40.0,
    "height": 6,
    "width": 10,
    "pixel_format": "mono8",
    "camera_ns": 12,
}
SLOTS = 4
NAME = f"fuzz-{os.getpid()}"


@pytest.fixture(scope="module")
def whole() -> bytes:
    """A ring with two frames, as it lies in memory."""
    ring = RingWriter(NAME, SLOTS, 128)
    try:
        ring.write(HEADER, PIXELS)
        ring.write(HEADER | {"frame_number": 4}, PIXELS)
        return memory_path(NAME).read_bytes()
    finally:
        ring.close()


@contextlib.contextmanager
def memory(data: bytes) -> Iterator[None]:
    """Shared memory of this name that holds this."""
    path = memory_path(NAME)
    path.write_bytes(data)
    try:
        yield
    finally:
        path.unlink()


def check_frame(frame: Frame) -> None:
    """A frame is what the type says, whatever was in memory."""
    shape = frame.image.shape
    assert frame.image.dtype == np.uint8
    assert len(shape) == (2 if frame.pixel_format == "mono8" else 3)
    assert min(shape) >= 1
    assert frame.frame_number >= 0
    assert 0 <= frame.encoder_count <= 0xFFFF
    assert np.isfinite(frame.exposure_us)


def read_all(data: bytes) -> None:
    """Read what is there as a camera does, from the first slot on."""
    with memory(data):
        camera = ShmCamera("left", ShmCameraSource(name=NAME))
        try:
            if isinstance(one_answer(camera.setup), CameraError):
                return
            camera._reader.next = 0  # type: ignore[union-attr]
            for _ in range(SLOTS + 2):
                frame = one_answer(lambda: camera.read(0.0))
                if isinstance(frame, Frame):
                    check_frame(frame)
                camera.take_losses()
        finally:
            camera.teardown()


@fuzzed(120)
@given(data=st.data())
def test_a_torn_ring(whole: bytes, data: st.DataObject) -> None:
    read_all(data.draw(torn(whole)))


@fuzzed(60)
@given(
    head=st.tuples(
        *[st.one_of(st.integers(0, 8), st.integers(0, 0xFFFFFFFF))] * 2, st.integers(0, (1 << 64) - 1)
    ),
    slot=st.tuples(st.integers(0, (1 << 64) - 1), st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF)),
    size=st.integers(1, 4096),
)
def test_absurd_heads(
    whole: bytes, head: tuple[int, int, int], slot: tuple[int, int, int], size: int
) -> None:
    data = bytearray(whole)
    struct.pack_into("<QII", data, 16, *slot)
    read_all(bytes(data))
    struct.pack_into("<IQ", data, 4, head[0], head[2])
    read_all(bytes(data[:size]))
    struct.pack_into("<I", data, 0, head[1])
    read_all(bytes(data))


@fuzzed(120)
@given(header=mutants(HEADER))
def test_any_header_of_a_frame(header: Any) -> None:
    text = json.dumps(header).encode()
    if len(text) > 512:
        return
    ring = RingWriter(NAME, SLOTS, 128)
    camera = ShmCamera("left", ShmCameraSource(name=NAME))
    try:
        camera.setup()
        ring.write({"text": "x" * (len(text) - 11)} if len(text) > 11 else {}, PIXELS)
        at = 16 + 16
        ring._view[at : at + len(text)] = text
        struct.pack_into("<I", ring._view, 16 + 8, len(text))
        frame = one_answer(lambda: camera.read(0.0))
        if isinstance(frame, Frame):
            check_frame(frame)
        else:
            assert isinstance(frame, CameraError) or camera.take_losses()
    finally:
        camera.teardown()
        ring.close()


def test_a_reader_goes_on_behind_an_entry_that_is_none() -> None:
    ring = RingWriter(NAME, SLOTS, 128)
    reader = RingReader(NAME)
    try:
        ring.write(HEADER, PIXELS)
        struct.pack_into("<I", ring._view, 16 + 8, 0xFFFFFFFF)
        ring.write(HEADER, PIXELS)
        with pytest.raises(ValueError, match="claims"):
            reader.read(0.0)
        entry = reader.read(0.0)
        assert entry is not None
        assert entry.number == 1
    finally:
        reader.close()
        ring.close()


@fuzzed(80)
@given(header=mutants({"part": "1-0-7", "camera": "left", "view_index": 0, "height": 6, "width": 10,
                       "channels": 1, "utc_ns": 5, "kind": "reject"}))  # fmt: skip
def test_any_picture_for_the_books(header: Any) -> None:
    if not isinstance(header, dict):
        return
    try:
        crop = crop_from_ring(header, PIXELS.reshape(-1))
    except ValueError:
        return
    assert crop.image.size == PIXELS.size
    # A name below the folder of the pictures, and nowhere else.
    assert crop.path.parts[0] not in {"/", ".."}
    assert ".." not in crop.path.parts


@fuzzed(60)
@given(data=st.data())
def test_a_torn_mailbox(data: st.DataObject) -> None:
    box = MailboxWriter(NAME, 64)
    box.write(b"hello")
    whole = memory_path(NAME).read_bytes()
    box.close()
    with memory(data.draw(torn(whole)) or b"\0"):
        try:
            reader = MailboxReader(NAME)
        except RingError:
            return
        try:
            found = reader.read()
            assert found is None or len(found) <= 64
        finally:
            reader.close()


PICTURE = pack_picture(LivePicture("left", 10, 6, 1, 3, 5, 6, "ok")) + PIXELS.tobytes()


@fuzzed(120)
@given(data=torn(PICTURE) | st.binary(max_size=80))
def test_a_torn_live_picture(data: bytes) -> None:
    try:
        picture, pixels = open_picture(data)
    except PictureError:
        return
    assert pixels.size == picture.width_px * picture.height_px * picture.channels
    browser_message(picture, pixels, Sent.now())


@fuzzed(80)
@given(value=VALUES)
def test_any_status(value: Any) -> None:
    text = json.dumps(value).encode()
    assert read_status(text).status is None


@pytest.mark.parametrize("text", [*DEEP_JSON, LONG_NUMBER, "NaN", "", '"\\ud800"'])
def test_statuses_that_break_a_parser(text: str) -> None:
    assert read_status(text.encode()).status is None
