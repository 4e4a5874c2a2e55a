"""Field wiring: words, gates, the ring of eye edges, and who may open it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from edge_runtime.shm_ring import RingError, memory_path
from edge_runtime.twin.field import EDGE_SLOTS, EdgeReader, Eye, EyeEdge, Field, Word

NAME = f"fg-test-{os.getpid()}-field"


@pytest.fixture
def line() -> Iterator[Field]:
    field = Field.create(NAME)
    yield field
    field.close()


@pytest.fixture
def plc(line: Field) -> Iterator[Field]:
    field = Field.open(NAME)
    yield field
    field.close()


def test_words_cross(line: Field, plc: Field) -> None:
    line.set(Word.ENCODER, 123_456_789_012)
    assert plc.get(Word.ENCODER) == 123_456_789_012
    assert [plc.add(Word.PLC_HEARTBEAT) for _ in range(3)] == [1, 2, 3]
    assert line.get(Word.PLC_HEARTBEAT) == 3


def test_words_do_not_overlap() -> None:
    taken: list[int] = []
    for word in Word:
        width = 8 if word in (Word.GATE_ENERGISED, Word.GATE_CHANGED_NS) else 1
        taken += range(word, word + width)
    assert len(taken) == len(set(taken))
    assert max(taken) < 128


def test_gate_keeps_the_time_of_its_change(line: Field, plc: Field) -> None:
    assert line.gate(3) == (False, 0)
    plc.set_gate(3, True)
    energised, changed_ns = line.gate(3)
    assert energised
    plc.set_gate(3, True)  # said again: no change
    assert line.gate(3) == (True, changed_ns)
    plc.set_gate(3, False)
    assert line.gate(3)[1] > changed_ns
    assert line.gate(2) == (False, 0)


def test_edges_arrive_in_order(line: Field, plc: Field) -> None:
    line.push_edge(0, Eye.TRIGGER, True, 1, 10)
    reader = EdgeReader(plc)  # powered up after the first edge
    line.push_edge(0, Eye.TRIGGER, False, 321, 20)
    line.push_edge(5, Eye.CONFIRM_REJECT, True, -4, 30)
    edges = reader.take()
    assert edges == [
        EyeEdge(1, 0, Eye.TRIGGER, False, 321, 20),
        EyeEdge(2, 5, Eye.CONFIRM_REJECT, True, -4, 30),
    ]
    assert reader.take() == []


def test_a_slow_reader_counts_what_it_lost(line: Field, plc: Field) -> None:
    reader = EdgeReader(plc)
    for number in range(EDGE_SLOTS + 7):
        line.push_edge(0, Eye.TRIGGER, True, number, number)
    assert [edge.number for edge in reader.take()] == list(range(7, EDGE_SLOTS + 7))
    assert reader.lost == 7


def test_no_line_is_an_error() -> None:
    with pytest.raises(RingError, match="no field image"):
        Field.open(f"{NAME}-nowhere")


def test_another_version_is_refused(line: Field) -> None:
    line.set(Word.VERSION, 99)
    with pytest.raises(RingError, match="version 99"):
        Field.open(NAME)


def test_the_line_removes_its_image() -> None:
    Field.create(f"{NAME}-gone").close()
    assert not memory_path(f"{NAME}-gone").exists()
