"""The frame ring: order, loss and removal, with writer and reader on one machine."""

from __future__ import annotations

import os

import numpy as np
import pytest

from edge_runtime.shm_ring import RingError, RingReader, RingWriter


def _name(text: str) -> str:
    return f"fg-test-{os.getpid()}-{text}"


def test_entries_arrive_in_order_and_whole() -> None:
    writer = RingWriter(_name("order"), slots=4, payload_bytes=64)
    reader = RingReader(writer.name)
    try:
        for value in range(3):
            writer.write({"n": value}, np.full((8, 8), value, np.uint8))
        entries = [reader.read(0.1) for _ in range(3)]
        assert [entry.header["n"] for entry in entries if entry] == [0, 1, 2]
        assert all(entry is not None and (entry.payload == entry.number).all() for entry in entries)
        assert reader.read(0.001) is None
    finally:
        reader.close()
        writer.close()


def test_slow_reader_learns_how_many_it_lost() -> None:
    writer = RingWriter(_name("lost"), slots=4, payload_bytes=8)
    reader = RingReader(writer.name)
    try:
        for value in range(10):
            writer.write({"n": value}, np.zeros(8, np.uint8))
        got = []
        lost = 0
        while (entry := reader.read(0.001)) is not None:
            got.append(entry.header["n"])
            lost += entry.lost_before
        assert got == [6, 7, 8, 9]
        assert lost == 6
    finally:
        reader.close()
        writer.close()


def test_a_reader_that_comes_back_starts_at_the_newest() -> None:
    writer = RingWriter(_name("again"), slots=4, payload_bytes=8)
    try:
        for value in range(6):
            writer.write({"n": value}, np.zeros(8, np.uint8))
        reader = RingReader(writer.name)
        assert reader.read(0.001) is None
        writer.write({"n": 6}, np.zeros(8, np.uint8))
        entry = reader.read(0.1)
        assert entry is not None
        assert entry.header["n"] == 6
        assert entry.lost_before == 0
        reader.close()
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("header", "payload_bytes"),
    [
        ({"n": "x" * 600}, 8),  # header larger than its room
        ({"n": 1}, 65),  # payload larger than a slot
    ],
)
def test_what_does_not_fit_is_refused(header: dict[str, object], payload_bytes: int) -> None:
    writer = RingWriter(_name("fit"), slots=2, payload_bytes=64)
    try:
        with pytest.raises(RingError, match="does not fit"):
            writer.write(header, np.zeros(payload_bytes, np.uint8))
    finally:
        writer.close()


def test_no_ring_is_an_error() -> None:
    with pytest.raises(RingError, match="no shared memory"):
        RingReader(_name("nowhere"))
