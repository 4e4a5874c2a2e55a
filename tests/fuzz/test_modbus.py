"""A PLC, or whoever sits in its place, that answers with anything: registers, one error, never a hang."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.config import ModbusPlc
from edge_runtime.plc import registers as reg
from edge_runtime.plc.events import LinkEvent, OutcomesRead, StatusRead, TriggersRead
from edge_runtime.plc.link import PlcLink
from edge_runtime.plc.modbus import Registers
from edge_runtime.plc.records import VerdictRecord, pack
from tests.edge.core_rig import LINE
from tests.fuzz.hostile_plc import Answer, HostilePlc, proper, words, written
from tests.fuzz.strategies import fuzzed, one_answer
from vision.errors import FerrogateError, LinkError

COUNT = 6
#: far beyond any time-out of the link: whoever needs longer hangs
HANG_S = 20.0


@pytest.fixture(scope="module")
def plc() -> Iterator[HostilePlc]:
    server = HostilePlc()
    yield server
    server.close()


def ask(plc: HostilePlc, answer: Answer, *, timeout_ms: int = 60) -> list[int] | FerrogateError:
    """One read of `COUNT` registers from a server that answers so."""
    plc.answer = answer
    registers = Registers("127.0.0.1", plc.port, 1, timeout_ms)
    began = time.monotonic()

    def read() -> list[int]:
        registers.connect()
        return registers.read(100, COUNT)

    try:
        found = one_answer(read)
    finally:
        registers.close()
    assert time.monotonic() - began < HANG_S
    if isinstance(found, FerrogateError):
        assert isinstance(found, LinkError)
    else:
        assert len(found) == COUNT
        assert all(isinstance(word, int) and 0 <= word <= 0xFFFF for word in found)
    return found


#: numbers of an answer that are not the request's
WRONG = st.fixed_dictionaries(
    {},
    optional={
        "transaction": st.integers(1, 0xFFFF),
        "protocol": st.integers(1, 0xFFFF),
        "length": st.integers(0, 0xFFFF),
        "unit": st.integers(1, 0xFF),
        "function": st.integers(0, 0xFF),
        "bytes": st.integers(0, 0xFF),
        "registers": st.binary(max_size=300),
    },
)


def wrong_answer(request: bytes, wrong: dict[str, int | bytes]) -> bytes:
    """A proper answer with fields of another one; the first three are added to what is right."""
    data = bytearray(proper(request, b"\0\1" * words(request)))
    registers = wrong.get("registers")
    if isinstance(registers, bytes):
        data[9:] = registers

    def add(at: int, size: int, value: int) -> None:
        total = (int.from_bytes(data[at : at + size], "big") + value) % (1 << 8 * size)
        data[at : at + size] = total.to_bytes(size, "big")

    for name, at, size in (("transaction", 0, 2), ("protocol", 2, 2), ("unit", 6, 1)):
        add(at, size, int(wrong.get(name, 0)))
    for name, at, size in (("length", 4, 2), ("function", 7, 1), ("bytes", 8, 1)):
        if name in wrong:
            data[at : at + size] = int(wrong[name]).to_bytes(size, "big")
    return bytes(data)


@fuzzed(40)
@given(wrong=WRONG)
def test_answers_with_wrong_fields(plc: HostilePlc, wrong: dict[str, int | bytes]) -> None:
    found = ask(plc, lambda request: iter([wrong_answer(request, wrong)]))
    if {"transaction", "unit"} & set(wrong):
        # The answer to another question, or another device's: never taken for ours.
        assert isinstance(found, LinkError), found


@fuzzed(25)
@given(data=st.binary(min_size=1, max_size=600))
def test_answers_of_any_bytes(plc: HostilePlc, data: bytes) -> None:
    ask(plc, lambda request: iter([data]))


@fuzzed(10)
@given(code=st.integers(0, 255))
def test_exceptions(plc: HostilePlc, code: int) -> None:
    found = ask(plc, lambda request: iter([request[:4] + b"\0\3" + request[6:7] + bytes([0x83, code])]))
    assert isinstance(found, LinkError)


def drip(request: bytes) -> Iterator[bytes]:
    """A proper answer, a byte at a time."""
    for byte in proper(request, b"\0\1" * words(request)):
        time.sleep(0.04)
        yield bytes([byte])


def flood(request: bytes) -> Iterator[bytes]:
    """Bytes without an end, as fast as they are taken."""
    while True:
        yield request[:4] + b"\xff\xff" + request[6:8] + b"\xff" * 60_000


def endless_others(request: bytes) -> Iterator[bytes]:
    """Proper answers to questions that nobody asked, without an end."""
    number = 0
    while True:
        number = (number + 1) % 0xFFFF
        yield number.to_bytes(2, "big") + proper(request, b"\0\1" * words(request))[2:]


@pytest.mark.parametrize("answer", [drip, flood, endless_others, lambda request: iter([b""])])
def test_slow_and_endless_answers(plc: HostilePlc, answer: Answer) -> None:
    found = ask(plc, answer)
    assert isinstance(found, LinkError | list)


def header(**values: int) -> bytes:
    """The PLC's header as it lies in its registers."""
    whole = {"magic": reg.MAGIC, "map_version": reg.MAP_VERSION, **values}
    return b"".join(word.to_bytes(2, "big") for word in pack(reg.PLC_HEADER, whole))


class HostileMemory:
    """Answers reads with registers of its own making, so that a session begins and rubbish follows.

    `rubbish(address, count)` gives the words of everything but header and geometry.
    """

    def __init__(self, draw_bytes: bytes, head: dict[str, int]) -> None:
        self._noise = draw_bytes or b"\0"
        self._head = head
        self._nonce = 0

    def answer(self, request: bytes) -> Iterator[bytes]:
        if len(request) < 12 or request[7] != 3:
            address = int.from_bytes(request[8:10], "big")
            if address == reg.STATION_HEADER.address:
                at = 13 + 2 * reg.STATION_HEADER.field("session_nonce").offset
                self._nonce = int.from_bytes(request[at : at + 2], "big")
            yield written(request)
            return
        address, count = int.from_bytes(request[8:10], "big"), words(request)
        if address == reg.PLC_HEADER.address:
            yield proper(request, header(**self._head, session_echo=self._nonce))
        elif address == reg.PLC_GEOMETRY.address:
            yield proper(request, geometry())
        else:
            noise = self._noise * (2 * count // len(self._noise) + 1)
            yield proper(request, noise[: 2 * count])


def geometry() -> bytes:
    """A geometry block that fits the station file."""
    lane = LINE.lanes[0]
    values = {
        "um_per_count_x10": round(LINE.um_per_count * 10),
        "pulse_min_counts": LINE.pulse_min_counts,
        "pulse_max_counts": LINE.pulse_max_counts,
        "min_spacing_counts": LINE.min_spacing_counts,
        "gate_window_counts": LINE.gate_window_counts,
        "valve_lead_ms": round(LINE.valve_lead_ms),
        "decision_margin_counts": LINE.decision_margin_counts,
        "lane0_eye_to_gate_counts": lane.eye_to_gate_counts,
        "lane0_gate_to_confirm_counts": lane.gate_to_confirm_counts,
    }
    return b"".join(word.to_bytes(2, "big") for word in pack(reg.PLC_GEOMETRY, values))


@fuzzed(6)
@given(
    noise=st.binary(min_size=1, max_size=64),
    head=st.fixed_dictionaries(
        {"epoch": st.integers(0, 0xFFFFFFFF), "plc_boot_id": st.integers(0, 0xFFFF)},
        optional={
            name: st.integers(0, 0xFFFF)
            for name in ("trigger_head", "outcome_head", "verdict_tail", "encoder_count", "plc_status")
        },
    ),
)
def test_the_link_lives_through_any_registers(plc: HostilePlc, noise: bytes, head: dict[str, int]) -> None:
    plc.answer = HostileMemory(noise, head).answer
    said: list[LinkEvent] = []
    config = ModbusPlc(host="127.0.0.1", port=plc.port, poll_ms=1.0, timeout_ms=60)
    link = PlcLink(config, LINE, said.append, epoch_floor=0)
    link.start()
    try:
        deadline = time.monotonic() + 0.3
        while time.monotonic() < deadline:
            link.beat()
            link.send_verdict(VerdictRecord(1, 0, 1, 100, 1, 0))
            time.sleep(0.02)
        assert link.alive
    finally:
        link.stop()
    assert said
    for event in said:
        if isinstance(event, StatusRead):
            assert all(0 <= value < 1 << 32 for value in event.header.values())
        elif isinstance(event, TriggersRead | OutcomesRead):
            assert len(event.records) <= 64 * 8
