"""The PLC link against the twin's PLC: a real Modbus server in a process of its own."""

from __future__ import annotations

import queue
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_runtime.config import LaneGeometry, LineGeometry, ModbusPlc
from edge_runtime.plc.events import (
    EpochAgreed,
    GeometryDiffers,
    LinkDown,
    LinkEvent,
    OutcomesRead,
    StatusRead,
    TriggersRead,
)
from edge_runtime.plc.geometry import geometry_differences
from edge_runtime.plc.link import PlcLink
from edge_runtime.plc.records import TriggerRecord, VerdictRecord
from edge_runtime.plc.registers import Cause, KeySwitch, StationState
from edge_runtime.twin.demo import free_port
from edge_runtime.twin.field import Eye, Field, LineState, Word
from edge_runtime.twin.settings import LineSettings, save_line_settings

WAIT_S = 20.0


def _line_geometry(settings: LineSettings, **changes: object) -> LineGeometry:
    lane = LaneGeometry(
        lane=0,
        eye_to_gate_counts=settings.eye_to_gate_counts,
        gate_to_confirm_counts=settings.gate_to_confirm_counts,
    )
    values: dict[str, object] = {
        "um_per_count": settings.um_per_count,
        "max_speed_counts_per_s": settings.max_speed_counts_per_s,
        "pulse_min_counts": settings.pulse_min_counts,
        "pulse_max_counts": settings.pulse_max_counts,
        "min_spacing_counts": settings.min_spacing_counts,
        "valve_lead_ms": settings.valve_lead_ms,
        "gate_window_counts": settings.gate_window_counts,
        "decision_margin_counts": settings.decision_margin_counts,
        "lanes": (lane,),
    }
    return LineGeometry.model_validate(values | changes)


class Bench:
    """The line's side of the wiring, moved by hand, and the PLC process behind it."""

    def __init__(self, folder: Path) -> None:
        name = f"fg-link-{folder.name}-{time.monotonic_ns()}"
        self.settings = LineSettings(
            run_dir=folder,
            field_name=name,
            ring_prefix=name,
            plc_port=free_port(),
            # Long enough for a busy machine: what the heartbeat does has tests of its own.
            heartbeat_timeout_ms=3000,
        )
        save_line_settings(self.settings, folder / "line.json")
        self.field = Field.create(name)
        self.field.set(Word.LINE_STATE, LineState.RUNNING)
        self.count = 1000
        self.move(0)
        self.plc = self.start_plc()

    def start_plc(self) -> subprocess.Popen[bytes]:
        """Start the PLC process on the same wiring."""
        command = [
            sys.executable,
            "-m",
            "edge_runtime.twin.plc_main",
            str(self.settings.run_dir / "line.json"),
        ]
        return subprocess.Popen(command)

    def restart_plc(self) -> None:
        """Power cut and back."""
        self.stop_plc()
        self.plc = self.start_plc()

    def stop_plc(self) -> None:
        """Power cut."""
        self.plc.kill()
        self.plc.wait()

    def move(self, counts: int) -> None:
        """Move the belt forward in small steps, at a belt's speed."""
        for _ in range(max(1, counts // 80)):
            self.count += min(counts, 80)
            self.field.set(Word.ENCODER, self.count)
            self.field.add(Word.LINE_HEARTBEAT)
            time.sleep(0.008)

    def ball(self) -> None:
        """A ball passes the eye (edges count only beyond where the belt has been)."""
        self.move(80)
        self.field.push_edge(0, Eye.TRIGGER, True, self.count, time.monotonic_ns())
        self.move(320)
        self.field.push_edge(0, Eye.TRIGGER, False, self.count, time.monotonic_ns())
        self.move(80)

    def close(self) -> None:
        """Remove everything."""
        self.stop_plc()
        self.field.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


class Talk:
    """A link with its inbox."""

    def __init__(self, bench: Bench, *, epoch_floor: int = 0, **changes: object) -> None:
        self.inbox: queue.SimpleQueue[LinkEvent] = queue.SimpleQueue()
        config = ModbusPlc(port=bench.settings.plc_port, timeout_ms=500)
        line = _line_geometry(bench.settings, **changes)
        self.link = PlcLink(config, line, self.inbox.put, epoch_floor)
        self.link.start()

    def wait(self, kind: type[LinkEvent], fits: Callable[[LinkEvent], bool] = lambda _: True) -> LinkEvent:
        """The next event of a kind; the heartbeat goes on meanwhile."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            self.link.beat()
            try:
                event = self.inbox.get(timeout=0.01)
            except queue.Empty:
                continue
            if isinstance(event, kind) and fits(event):
                return event
        raise AssertionError(f"no {kind.__name__} within {WAIT_S} s")

    def ready(self) -> int:
        """Agree on an epoch and say Ready; returns the epoch."""
        event = self.wait(EpochAgreed)
        assert isinstance(event, EpochAgreed)
        self.link.ack_epoch(event.epoch)
        self.link.set_state(StationState.READY)
        return event.epoch

    def trigger(self, bench: Bench) -> TriggerRecord:
        """A ball passes; its record."""
        bench.ball()
        event = self.wait(TriggersRead)
        assert isinstance(event, TriggersRead)
        return event.records[0]


@pytest.fixture
def talk(bench: Bench) -> Iterator[Talk]:
    talk = Talk(bench)
    yield talk
    talk.link.stop()


def _verdict(trigger: TriggerRecord, decision: int = 1) -> VerdictRecord:
    return VerdictRecord(
        trigger.epoch,
        trigger.lane,
        trigger.trigger_seq,
        trigger.encoder_count,
        decision,
        0 if decision == 1 else 1,
    )


def _outcome_of(talk: Talk, bench: Bench) -> OutcomesRead:
    """Drive on until the part is behind the confirm eyes."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        bench.move(160)
        talk.link.beat()
        try:
            while True:
                event = talk.inbox.get_nowait()
                if isinstance(event, OutcomesRead):
                    return event
        except queue.Empty:
            continue
    raise AssertionError("no outcome")


@pytest.mark.parametrize(
    ("decision", "cause"),
    [
        (1, Cause.PROVEN),  # accept: a fresh proof
        (2, Cause.VERDICT_REJECT),  # reject
        (3, Cause.VERDICT_REJECT),  # review goes to the reject chute
        (None, Cause.NO_VERDICT),  # silence is a reject
    ],
)
def test_a_verdict_reaches_the_gate(talk: Talk, bench: Bench, decision: int | None, cause: Cause) -> None:
    talk.ready()
    trigger = talk.trigger(bench)
    assert (trigger.trigger_seq, trigger.pulse_counts) == (1, 320)
    if decision is not None:
        talk.link.send_verdict(_verdict(trigger, decision))
    outcome = _outcome_of(talk, bench).records[0]
    assert (outcome.trigger_seq, outcome.cause, outcome.side) == (1, cause, 1 if decision == 1 else 2)
    assert outcome.verdict == (decision or 0)


def test_epochs_rise_above_the_books(bench: Bench) -> None:
    talk = Talk(bench, epoch_floor=4711)
    try:
        assert talk.ready() > 4711
    finally:
        talk.link.stop()


def test_a_trial_of_the_gate_is_in_force_once_it_is_echoed(talk: Talk, bench: Bench) -> None:
    talk.ready()
    bench.field.set(Word.KEY_SWITCH, KeySwitch.SERVICE)
    talk.wait(EpochAgreed)
    first, last = (talk.link.set_service(opens, opens + 9000) for opens in (500, 1600))
    assert first != last
    talk.wait(
        StatusRead, lambda event: isinstance(event, StatusRead) and event.header["service_echo"] == last
    )
    trigger = talk.trigger(bench)
    for _ in range(100):
        bench.move(40)
        if bench.field.gate(0)[0]:
            break
    assert bench.field.gate(0)[0]
    # Not before its count; how soon after is the busy machine's matter.
    assert (bench.count - trigger.encoder_count) % 65536 >= 1600


@pytest.mark.parametrize(("opens", "closes"), [(-1, 5), (5, 1 << 15)])
def test_a_trial_that_cannot_be_told_apart_is_refused(talk: Talk, opens: int, closes: int) -> None:
    with pytest.raises(ValueError, match="after_counts"):
        talk.link.set_service(opens, closes)


def test_another_geometry_keeps_the_station_waiting(bench: Bench) -> None:
    talk = Talk(bench, gate_window_counts=200)
    try:
        event = talk.wait(GeometryDiffers)
        assert isinstance(event, GeometryDiffers)
        assert event.differences == ("gate_window_counts: PLC 192, station file 200",)
    finally:
        talk.link.stop()


def test_a_restarted_plc_begins_a_new_epoch_and_numbers_anew(talk: Talk, bench: Bench) -> None:
    epoch = talk.ready()
    assert talk.trigger(bench).trigger_seq == 1
    bench.restart_plc()
    talk.wait(LinkDown)
    assert talk.ready() > epoch
    assert talk.trigger(bench).trigger_seq == 1


def test_a_plc_that_is_not_there_is_said_once(bench: Bench) -> None:
    bench.stop_plc()
    talk = Talk(bench)
    try:
        event = talk.wait(LinkDown)
        assert isinstance(event, LinkDown)
        assert "the PLC does not answer" in event.reason
        assert "what to do" in event.reason
    finally:
        talk.link.stop()


def test_outcomes_that_were_not_acknowledged_come_again(bench: Bench) -> None:
    first = Talk(bench)
    first.ready()
    first.link.send_verdict(_verdict(first.trigger(bench)))
    outcome = _outcome_of(first, bench)
    first.link.stop()
    second = Talk(bench)
    try:
        again = second.wait(OutcomesRead)
        assert isinstance(again, OutcomesRead)
        assert again.records == outcome.records
    finally:
        second.link.stop()


def test_geometry_differences_name_every_field(bench: Bench) -> None:
    line = _line_geometry(bench.settings, pulse_max_counts=400)
    plc = dict.fromkeys(("um_per_count_x10", "pulse_min_counts", "pulse_max_counts", "min_spacing_counts"), 0)
    plc |= dict.fromkeys(("gate_window_counts", "valve_lead_ms", "decision_margin_counts"), 0)
    plc |= {"lane0_eye_to_gate_counts": 0, "lane0_gate_to_confirm_counts": 0}
    assert len(geometry_differences(line, plc)) == len(plc)
