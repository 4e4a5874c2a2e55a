"""The wizard's Modbus port against the twin's PLC in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_runtime.commission.plc_port import ModbusPort
from edge_runtime.commission.ports import HeaderRead, OutcomesTaken, PlcEvent, PlcLost, TriggersTaken
from edge_runtime.commission.watch import NEVER, GateWindow, LineWatch
from edge_runtime.config import ModbusPlc
from edge_runtime.plc.registers import KeySwitch
from edge_runtime.twin.field import Word
from tests.edge.test_link import Bench

WAIT_S = 30.0


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.stop_plc()
    made.field.close()


@pytest.fixture
def port(bench: Bench) -> Iterator[ModbusPort]:
    made = ModbusPort(ModbusPlc(port=bench.settings.plc_port))
    made.open()
    yield made
    made.close()


def _until(
    port: ModbusPort, watch: LineWatch, done: Callable[[], bool], between: Callable[[], None] = lambda: None
) -> list[PlcEvent]:
    """Feed the watch until something is so; all events meanwhile."""
    seen: list[PlcEvent] = []
    end = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < end, "it never came"
        between()
        for event in port.take():
            seen.append(event)
            watch.feed(event)
        time.sleep(0.005)
    return seen


def test_balls_come_once_and_only_those_from_now_on(bench: Bench, port: ModbusPort) -> None:
    watch = LineWatch()
    _until(port, watch, lambda: watch.position > 0)
    bench.ball()
    _until(port, watch, lambda: len(watch.balls) == 1)
    geometry = port.geometry()
    assert geometry is not None
    assert geometry["lane0_eye_to_gate_counts"] == bench.settings.eye_to_gate_counts
    assert watch.balls[0].pulse == 320
    assert watch.key is KeySwitch.AUTO
    # Another connection later: the ball of before is not told again.
    port.close()
    assert port.geometry() is None
    bench.ball()
    port.open()
    again = LineWatch()
    _until(port, again, lambda: again.position > 0)
    bench.ball()
    _until(port, again, lambda: len(again.balls) > 0)
    assert len(again.balls) == 1
    # The belt runs on until the confirm window of the last ball is past: outcomes come as well.
    seen = _until(
        port,
        again,
        lambda: again.balls[0].outcome is not None,
        lambda: bench.move(800),
    )
    assert sum(len(event.records) for event in seen if isinstance(event, OutcomesTaken)) >= 1


def test_a_service_block_takes_effect_with_the_key_alone(bench: Bench, port: ModbusPort) -> None:
    watch = LineWatch()
    _until(port, watch, lambda: watch.position > 0)
    window = GateWindow(4000, 4600)
    watch.asked(port.set_service(*(window.opens, window.closes)), window)
    time.sleep(0.2)
    bench.ball()
    _until(port, watch, lambda: len(watch.balls) == 1)
    assert watch.header["service_echo"] == 0
    assert NEVER in watch.balls[0].windows
    bench.field.set(Word.KEY_SWITCH, KeySwitch.SERVICE)
    _until(port, watch, lambda: watch.key is KeySwitch.SERVICE)
    watch.forget_settings()
    watch.asked(port.set_service(window.opens, window.closes), window)
    _until(port, watch, lambda: watch.header["service_echo"] == watch.asked_seq)
    bench.ball()
    _until(port, watch, lambda: len(watch.balls) == 2)
    assert watch.balls[1].windows == (window,)


def test_a_lost_plc_is_told_and_found_again(bench: Bench, port: ModbusPort) -> None:
    watch = LineWatch()
    _until(port, watch, lambda: watch.position > 0)
    bench.stop_plc()
    events = _until(port, watch, lambda: watch.lost != "")
    assert any(isinstance(event, PlcLost) for event in events)
    bench.plc = bench.start_plc()
    _until(port, watch, lambda: watch.lost == "")
    bench.ball()
    events = _until(port, watch, lambda: bool(watch.balls))
    assert any(isinstance(event, TriggersTaken) for event in events)
    assert all(isinstance(event, HeaderRead | TriggersTaken) for event in events)
