"""The one-slot mailbox: newest only, whole or not at all, and a writer that knows whether anybody looks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from edge_runtime.live import mailbox
from edge_runtime.live.mailbox import MailboxReader, MailboxWake, MailboxWriter
from edge_runtime.live.pictures import DrawnBall, DrawnFinding, LivePicture, pack_picture, unpack_picture
from edge_runtime.shm_ring import RingError, memory_path


@pytest.fixture
def writer() -> Iterator[MailboxWriter]:
    box = MailboxWriter(f"box-{os.getpid()}", 1 << 16)
    yield box
    box.close()


@pytest.fixture
def reader(writer: MailboxWriter) -> Iterator[MailboxReader]:
    found = MailboxReader(writer.name)
    yield found
    found.close()


def test_the_newest_message_is_what_is_read(writer: MailboxWriter, reader: MailboxReader) -> None:
    assert reader.read() is None
    for text in (b"one", b"", b"three is longer"):
        writer.write(text)
        assert reader.read() == text
    assert reader.read() == b"three is longer"  # as often as one likes
    assert reader.counter == 3


def test_a_message_is_joined_from_its_parts(writer: MailboxWriter, reader: MailboxReader) -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    writer.write(b"head", pixels.data.cast("B"))
    assert reader.read() == b"head" + pixels.tobytes()


def test_what_does_not_fit_is_refused_and_the_old_one_stays(
    writer: MailboxWriter, reader: MailboxReader
) -> None:
    writer.write(b"x" * writer.capacity)
    with pytest.raises(RingError, match="do not fit"):
        writer.write(b"x" * writer.capacity, b"y")
    assert reader.read() == b"x" * writer.capacity


def test_a_reader_never_sees_half_of_one_and_half_of_another(
    writer: MailboxWriter, reader: MailboxReader
) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            writer.write(bytes([number % 251]) * (1 + number * 37 % writer.capacity))

    writing = threading.Thread(target=write)
    writing.start()
    try:
        seen: set[int] = set()
        while len(seen) < 40:
            data = reader.read()
            if data is not None:
                assert len(set(data)) == 1
                seen.add(data[0])
    finally:
        stop.set()
        writing.join()


def test_the_writer_knows_whether_anybody_looks(
    writer: MailboxWriter, reader: MailboxReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = [writer.wanted]
    reader.want()
    seen.append(writer.wanted)
    monkeypatch.setattr(mailbox, "WANTED_FOR_NS", 0)
    time.sleep(0.001)
    assert [*seen, writer.wanted] == [False, True, False]


def test_a_reader_notices_that_the_writer_has_gone_or_another_has_come(writer: MailboxWriter) -> None:
    reader = MailboxReader(writer.name)
    seen = [reader.replaced]
    writer.write(b"old")
    newer = MailboxWriter(writer.name, 1 << 10)
    try:
        seen.append(reader.replaced)
        assert reader.read() == b"old"  # no harm is done by one that has not noticed yet
        memory_path(writer.name).unlink()
        assert [*seen, reader.replaced] == [False, True, True]
    finally:
        newer.close()
        reader.close()


def test_a_writer_that_ends_late_leaves_the_mailbox_of_the_next_one_alone() -> None:
    late = MailboxWriter(f"late-{os.getpid()}", 1 << 10)
    newer = MailboxWriter(late.name, 1 << 10)
    try:
        newer.write(b"here")
        late.close()
        reader = MailboxReader(newer.name)
        assert reader.read() == b"here"
        reader.close()
    finally:
        newer.close()
    assert not memory_path(newer.name).exists()


def test_no_mailbox_and_no_mailbox_of_ours_are_said() -> None:
    with pytest.raises(RingError):
        MailboxReader(f"nobody-{os.getpid()}")
    path = memory_path(f"other-{os.getpid()}")
    try:
        for size in (4096, 3):
            path.write_bytes(b"\0" * size)
            with pytest.raises(RingError, match="not a mailbox"):
                MailboxReader(path.name)
    finally:
        path.unlink()


def test_a_reader_is_woken(writer: MailboxWriter) -> None:
    wake = MailboxWake(writer.name)
    try:
        writer.write(b"a")
        writer.write(b"b")
        wake.clear()
        wake.clear()  # nothing waits any more, and that is no error
    finally:
        wake.close()
    writer.write(b"nobody listens")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_goes_through_with_its_balls(
    writer: MailboxWriter, reader: MailboxReader, channels: int
) -> None:
    shape = (4, 6) if channels == 1 else (4, 6, 3)
    pixels = np.random.default_rng(1).integers(0, 255, shape, dtype=np.uint8)
    ball = DrawnBall(
        "1-0-7",
        (1.0, 2.0, 3.5, 4.0),
        "reject",
        "crack",
        39.9,
        (DrawnFinding("crack", 0.8, (1.0, 2.0, 3.0, 4.0)),),
    )
    sent = LivePicture("left", 6, 4, channels, 17, 1, 2, "ok", (ball,))
    writer.write(pack_picture(sent), pixels.data.cast("B"))
    data = reader.read()
    assert data is not None
    found, seen = unpack_picture(data)
    assert found == sent
    assert np.array_equal(seen, pixels)
