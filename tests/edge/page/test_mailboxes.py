"""The page's end of the mailboxes, and the pictures as browsers get them."""

from __future__ import annotations

import itertools
import json
import math
import os
import struct
from typing import Any

import numpy as np
import pytest

from edge_runtime.live.mailbox import MailboxWriter, status_box_name
from edge_runtime.live.pictures import LivePicture, pack_picture
from edge_runtime.page.encode import PictureError, Sent, browser_message, finite, json_text, open_picture
from edge_runtime.page.live_client import BURST, RATE_PER_S, Allowance
from edge_runtime.page.mailboxes import ALIVE_MS, Newest, StatusBox, read_status
from tests.edge.page.live_rig import pixels_of
from tests.edge.page.status_samples import MONO_NS, sample_status

_NUMBERS = itertools.count()


@pytest.fixture
def name() -> str:
    return f"fg-test-{os.getpid()}-{next(_NUMBERS)}"


def test_each_message_is_taken_once_and_only_the_newest(name: str) -> None:
    box = Newest(name)
    assert box.take() is None
    box.want()  # of nobody: nothing happens
    writer = MailboxWriter(name, 64)
    try:
        assert box.take() is None
        for text in (b"one", b"two"):
            writer.write(text)
        assert (box.take(), box.take()) == (b"two", None)
        before = writer.wanted
        box.want()
        assert (before, writer.wanted) == (False, True)
        box.again()
        assert (box.take(), box.take()) == (b"two", None)
    finally:
        writer.close()
        box.close()


def test_a_writer_that_was_replaced_is_followed(name: str) -> None:
    box = Newest(name)
    first = MailboxWriter(name, 64)
    first.write(b"old")
    assert box.take() == b"old"
    second = MailboxWriter(name, 4096)  # in its place, as after a killed station
    try:
        assert box.take() is None
        second.write(b"new" * 1000)
        assert box.take() == b"new" * 1000
        first.write(b"x")  # nobody sees what it writes now
        assert box.take() is None
    finally:
        second.close()
        assert box.take() is None
        box.close()
        first.close()


def test_the_last_status_is_kept_when_the_station_has_gone(name: str) -> None:
    box = StatusBox(name)
    assert box.look().status is None
    assert box.look().age_ms(MONO_NS) is None
    assert not box.look().alive(MONO_NS)
    writer = MailboxWriter(status_box_name(name), 1 << 16)
    writer.write(sample_status(name).model_dump_json().encode())
    seen = box.look()
    writer.close()
    assert box.look() == seen
    assert seen.status == sample_status(name)
    assert seen.age_ms(MONO_NS + 1_500_000) == 1.5
    assert seen.alive(MONO_NS + int(ALIVE_MS * 1e6))
    assert not seen.alive(MONO_NS + int(ALIVE_MS * 1e6) + 1)
    box.close()


@pytest.mark.parametrize("data", [b"", b"null", b"[1]", b"{", b"\xff", b"9" * 5000, b"[" * 100_000])
def test_a_status_that_cannot_be_understood_is_said(data: bytes) -> None:
    seen = read_status(data)
    assert seen.status is None
    assert seen.trouble.startswith("the station's status cannot be understood")


def _picture(width: int, height: int, channels: int, **changes: Any) -> LivePicture:
    facts: dict[str, Any] = {
        "camera": "left",
        "width_px": width,
        "height_px": height,
        "channels": channels,
        "frame_number": 7,
        "arrived_mono_ns": 1_000_000,
        "arrived_utc_ns": 5_000_000,
        "fault": "ok",
    }
    return LivePicture(**(facts | changes))


@pytest.mark.parametrize(
    ("width", "height", "channels", "shown"),
    [(64, 32, 1, (32, 64)), (64, 32, 3, (32, 64, 3)), (3000, 20, 1, (9, 1280)), (5000, 2, 3, (1, 1280, 3))],
)
def test_grey_and_colour_small_and_large(
    width: int, height: int, channels: int, shown: tuple[int, ...]
) -> None:
    shape = (height, width) if channels == 1 else (height, width, channels)
    pixels = np.full(shape, 100, np.uint8)
    if channels == 3:
        pixels[..., 0] = 30
    data = pack_picture(_picture(width, height, channels)) + pixels.tobytes()
    message = browser_message(*open_picture(data), Sent(6_000_000, 3_000_000))
    (length,) = struct.unpack_from("<I", message)
    header = json.loads(message[4 : 4 + length])
    assert (header["arrived_utc_ms"], header["sent_utc_ms"], header["age_ms"]) == (5.0, 6.0, 2.0)
    image = pixels_of(message[4 + length :])
    assert image.shape == shown
    assert abs(float(image[..., 0].mean()) - (30 if channels == 3 else 100)) < 3


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        b"\x04\x00\x00\x00nope",
        b"\x02\x00\x00\x00{}",
        pack_picture(_picture(8, 8, 1)) + b"short",
        pack_picture(_picture(8, 8, 1)) + bytes(65),
    ],
)
def test_a_message_that_is_no_picture(data: bytes) -> None:
    with pytest.raises(PictureError):
        open_picture(data)


def test_a_picture_without_pixels_cannot_be_encoded() -> None:
    with pytest.raises(PictureError):
        browser_message(*open_picture(pack_picture(_picture(0, 0, 1))), Sent(0, 0))


def test_figures_that_are_none_become_null() -> None:
    odd = {"a": math.nan, "b": [math.inf, 1.5, {"c": -math.inf}], "d": (1, "x"), "e": None, "f": True}
    text = json_text(odd)
    assert json.loads(text) == {"a": None, "b": [None, 1.5, {"c": None}], "d": [1, "x"], "e": None, "f": True}
    assert finite({"a": 1.0}) == {"a": 1.0}


def test_messages_in_bursts_and_in_the_long_run() -> None:
    allowance = Allowance(0.0)
    assert all(allowance.take(0.0) for _ in range(int(BURST)))
    assert not allowance.take(0.0)
    assert allowance.take(1.0 / RATE_PER_S)
    assert not allowance.take(1.0 / RATE_PER_S)
    allowance = Allowance(0.0)
    assert all(allowance.take(tick / 25.0) for tick in range(10_000))
