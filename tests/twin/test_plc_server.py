"""The twin's PLC as it runs: a process of its own, a real Modbus client, field wiring in shared memory."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ConnectionException

from edge_runtime.plc import registers as reg
from edge_runtime.plc.records import OutcomeRecord, TriggerRecord, VerdictRecord, pack, pack_slot, unpack
from edge_runtime.plc.records import unpack_slot as read_slot
from edge_runtime.twin.field import Eye, Field, Word
from edge_runtime.twin.plc_main import RETAIN_NAME, load_retained, plc_settings, store_retained
from edge_runtime.twin.plc_parts import Retained
from edge_runtime.twin.settings import LineSettings, save_line_settings
from vision.errors import ConfigError
from vision.types import Decision

PATIENCE_S = 20.0
RISE = 70_000  # where the first ball meets the eye: the 16-bit counter has wrapped once


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(what: str, ready: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not ready():
        if time.monotonic() > end:
            pytest.fail(f"waited in vain for: {what}")
        time.sleep(0.005)


class Plant:
    """The wires, the PLC process and a plain client."""

    def __init__(self, run_dir: Path) -> None:
        self.settings = LineSettings(
            run_dir=run_dir,
            field_name=f"fg-plc-test-{os.getpid()}-{time.monotonic_ns()}",
            ring_prefix="none",
            plc_port=_free_port(),
            # The machine that runs the tests may be busy: not what is tested here.
            heartbeat_timeout_ms=5000,
        )
        self.path = run_dir / "line.json"
        save_line_settings(self.settings, self.path)
        self.field = Field.create(self.settings.field_name)
        self.field.set(Word.ENCODER, RISE - 100)
        self.client = ModbusTcpClient("127.0.0.1", port=self.settings.plc_port, timeout=2.0, retries=0)
        self.process: subprocess.Popen[str] | None = None
        self._beat = 0

    def connect(self) -> bool:
        return bool(self.client.connect())  # type: ignore[no-untyped-call]

    def hang_up(self) -> None:
        self.client.close()  # type: ignore[no-untyped-call]

    def start(self) -> None:
        boots = self.field.get(Word.PLC_BOOT)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edge_runtime.twin.plc_main", str(self.path)],
            stderr=subprocess.PIPE,
            text=True,
        )
        _wait("the PLC's start", lambda: self.field.get(Word.PLC_BOOT) > boots)
        assert self.connect()
        _wait("the first scan", lambda: self.header()["magic"] == reg.MAGIC)

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.hang_up()
        self.process.send_signal(number)
        self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode

    def close(self) -> None:
        self.hang_up()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self.field.close()

    def read(self, address: int, count: int) -> list[int]:
        answer = self.client.read_holding_registers(address, count=count, device_id=reg.UNIT_ID)
        assert not answer.isError(), answer
        return list(answer.registers)

    def header(self) -> dict[str, int]:
        return unpack(reg.PLC_HEADER, self.read(reg.PLC_HEADER.address, reg.PLC_HEADER.words))

    def slot(self, ring: reg.Ring, index: int) -> dict[str, int] | None:
        return read_slot(ring, index, self.read(ring.slot_address(index), ring.slot_words))

    def write(self, address: int, words: list[int]) -> None:
        answer = self.client.write_registers(address, words, device_id=reg.UNIT_ID)
        assert not answer.isError(), answer

    def say(self, **values: int) -> None:
        """Write the station header."""
        self._beat += 1
        words = pack(reg.STATION_HEADER, {"station_heartbeat": self._beat, "session_nonce": 11} | values)
        self.write(reg.STATION_HEADER.address, words)

    def become_ready(self) -> int:
        self.say()
        _wait("the session", lambda: self.header()["session_echo"] == 11)
        epoch = self.header()["epoch"]
        self.say(station_state=int(reg.StationState.READY), epoch_ack=epoch)
        _wait("trust", lambda: bool(self.header()["plc_status"] & reg.PlcStatus.STATION_TRUSTED))
        return epoch

    def events(self) -> list[dict[str, Any]]:
        lines = self.settings.plc_log_path.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def travel(self, start: int, end: int) -> None:
        """The belt moves at about nominal speed, 48 counts in 5 ms."""
        for count in range(start, end, 48):
            self.field.set(Word.ENCODER, count)
            time.sleep(0.005)
        self.field.set(Word.ENCODER, end)

    def ball(self, rising: int) -> None:
        """A ball passes the photo-eye; the belt is behind it after that."""
        for is_rising, count in ((True, rising), (False, rising + 320)):
            self.field.push_edge(0, Eye.TRIGGER, is_rising, count, time.monotonic_ns())
            self.field.set(Word.ENCODER, count + 1)
        _wait("the trigger", lambda: self.header()["trigger_head"] > 0)


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    plant = Plant(tmp_path)
    try:
        plant.start()
        yield plant
    finally:
        plant.close()


@pytest.mark.parametrize(
    ("contacts", "key"),
    [
        (1, reg.KeySwitch.BYPASS),
        (2, reg.KeySwitch.SERVICE),
        # contacts that make no sense open nothing
        (3, reg.KeySwitch.AUTO),
        (-1, reg.KeySwitch.AUTO),
    ],
)
def test_the_key_reaches_header_and_gate(plant: Plant, contacts: int, key: reg.KeySwitch) -> None:
    epoch = plant.header()["epoch"]
    plant.field.set(Word.KEY_SWITCH, contacts)
    if key is not reg.KeySwitch.AUTO:
        _wait("the new epoch", lambda: plant.header()["epoch"] == epoch + 1)
    beat = plant.field.get(Word.PLC_HEARTBEAT)
    _wait("two more scans", lambda: plant.field.get(Word.PLC_HEARTBEAT) > beat + 2)
    assert plant.header()["key_switch"] == key
    assert plant.field.gate(0)[0] is (key is reg.KeySwitch.BYPASS)
    assert plant.end() == 0
    assert not plant.field.gate(0)[0], "no PLC, no gate"


def test_one_ball_through_a_real_server(plant: Plant) -> None:
    epoch = plant.become_ready()
    plant.ball(RISE)
    values = plant.slot(reg.TRIGGER_RING, 0)
    assert values == {
        "epoch": epoch,
        "lane": 0,
        "trigger_seq": 1,
        "encoder_count": RISE - 65_536,
        "pulse_counts": 320,
    }
    trigger = TriggerRecord(**values)
    verdict = VerdictRecord(epoch, 0, 1, trigger.encoder_count, int(Decision.ACCEPT), 0)
    before_ns = time.monotonic_ns()
    plant.write(reg.VERDICT_RING.slot_address(0), pack_slot(reg.VERDICT_RING, 0, verdict))
    after_ns = time.monotonic_ns()
    _wait("the verdict", lambda: plant.header()["verdict_tail"] == 1)

    gate = RISE + 160 + plant.settings.eye_to_gate_counts
    plant.say(station_state=int(reg.StationState.READY), epoch_ack=epoch, trigger_tail=1)
    plant.travel(RISE + 321, gate)
    assert plant.field.gate(0)[0], "the gate is energised as the ball arrives"
    plant.travel(gate, gate + 500)
    assert not plant.field.gate(0)[0]
    confirm = gate - 160 + plant.settings.gate_to_confirm_counts
    plant.field.push_edge(0, Eye.CONFIRM_ACCEPT, True, confirm, time.monotonic_ns())
    plant.field.set(Word.ENCODER, confirm + 1)
    _wait("the outcome", lambda: plant.header()["outcome_head"] == 1)
    assert plant.slot(reg.OUTCOME_RING, 0) == {
        "epoch": epoch,
        "lane": 0,
        "trigger_seq": 1,
        "trigger_encoder_count": trigger.encoder_count,
        "pulse_counts": 320,
        "side": reg.Side.ACCEPT,
        "cause": reg.Cause.PROVEN,
        "verdict": Decision.ACCEPT,
        "reason": 0,
        "confirm": reg.Confirm.ACCEPT_EYE,
        "confirm_encoder_count": confirm % 65_536,
    }
    assert OutcomeRecord(**(plant.slot(reg.OUTCOME_RING, 0) or {})).trigger_seq == 1
    assert plant.end() == 0
    assert plant.field.get(Word.BELT_ENABLE) == 0, "the outputs drop when the PLC ends"
    stamps = [event["written_ns"] for event in plant.events() if event["event"] == "verdict"]
    assert len(stamps) == 1
    assert before_ns <= stamps[0] <= after_ns, "stamped as the request is carried out"


def test_the_geometry_is_that_of_the_line(plant: Plant) -> None:
    words = plant.read(reg.PLC_GEOMETRY.address, reg.PLC_GEOMETRY.words)
    geometry = unpack(reg.PLC_GEOMETRY, words)
    assert geometry["lane0_eye_to_gate_counts"] == plant.settings.eye_to_gate_counts
    assert geometry["valve_lead_ms"] >= plant.settings.valve_lead_ms
    assert geometry == unpack(
        reg.PLC_GEOMETRY, pack(reg.PLC_GEOMETRY, plc_settings(plant.settings).geometry_values())
    )


REFUSED = [
    # address, words: why
    (0, [1]),  # the PLC's header
    (reg.PLC_GEOMETRY.address, [1, 2]),  # the PLC's geometry
    (reg.TRIGGER_RING.slot_address(5), [9] * 8),  # the PLC's rings
    (3999, [1, 2]),  # half of it the station's: all refused
    (7999, [1, 2]),  # over the end
]


def test_writes_outside_the_stations_half_are_refused(plant: Plant) -> None:
    for address, words in REFUSED:
        station = plant.read(4000, 100)
        answer = plant.client.write_registers(address, words, device_id=reg.UNIT_ID)
        assert answer.isError(), address
        assert plant.read(4000, 100) == station
        assert plant.header()["magic"] == reg.MAGIC


def test_e_stop_and_reset_by_wire(plant: Plant) -> None:
    field = plant.field
    assert field.get(Word.BELT_ENABLE) == 1
    field.set(Word.E_STOP, 1)
    _wait("the latch", lambda: field.get(Word.BELT_ENABLE) == 0 and field.get(Word.STOP_LATCHED) == 1)
    epoch = plant.header()["epoch"]
    assert plant.header()["stop_cause"] == reg.StopCause.E_STOP
    field.set(Word.E_STOP, 0)
    field.add(Word.OPERATOR_RESET)
    _wait("the belt", lambda: field.get(Word.BELT_ENABLE) == 1)
    assert plant.header()["epoch"] == epoch + 1


def test_a_restart_is_a_new_boot_and_a_new_epoch(plant: Plant) -> None:
    epoch = plant.become_ready()
    plant.ball(RISE)
    boot_id = plant.header()["plc_boot_id"]
    plant.end(signal.SIGKILL)
    plant.start()
    header = plant.header()
    assert header["epoch"] == epoch + 1
    assert header["plc_boot_id"] != boot_id
    assert (header["triggers_total"], header["trigger_head"], header["session_echo"]) == (0, 0, 0)
    assert [event["event"] for event in plant.events()].count("plc_start") == 2


def test_a_latch_outlives_a_killed_plc(plant: Plant) -> None:
    plant.field.set(Word.GUARD_OPEN, 1)
    _wait("the latch", lambda: plant.field.get(Word.STOP_LATCHED) == 1)
    plant.end(signal.SIGKILL)
    plant.field.set(Word.GUARD_OPEN, 0)
    plant.start()
    assert plant.header()["stop_cause"] == reg.StopCause.GUARD
    assert plant.field.get(Word.BELT_ENABLE) == 0


def test_a_cut_link_drops_connections_and_refuses_new_ones(plant: Plant) -> None:
    assert plant.header()["magic"] == reg.MAGIC
    plant.field.set(Word.MODBUS_LINK_CUT, 1)

    def is_down() -> bool:
        try:
            plant.header()
        except ConnectionException:
            return True
        return False

    _wait("the cut", is_down)
    plant.hang_up()
    assert not plant.connect()
    beat = plant.field.get(Word.PLC_HEARTBEAT)
    _wait("scans going on", lambda: plant.field.get(Word.PLC_HEARTBEAT) > beat + 3)
    plant.field.set(Word.MODBUS_LINK_CUT, 0)
    _wait("the link", plant.connect)
    assert plant.header()["magic"] == reg.MAGIC
    assert [event["cut"] for event in plant.events() if event["event"] == "link"] == [True, False]


def _run_to_end(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge_runtime.twin.plc_main", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_port_in_use_is_one_clear_error(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    try:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", plant.settings.plc_port))
            taken.listen()
            ended = _run_to_end(plant.path)
    finally:
        plant.close()
    assert ended.returncode == 6
    assert len(ended.stderr.splitlines()) == 3, ended.stderr
    assert f"127.0.0.1:{plant.settings.plc_port}" in ended.stderr
    assert "in use" in ended.stderr


def test_damaged_retentive_memory_is_one_clear_error(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    (tmp_path / RETAIN_NAME).write_text('{"epoch": 12', encoding="utf-8")
    try:
        ended = _run_to_end(plant.path)
    finally:
        plant.close()
    assert ended.returncode == 2
    assert RETAIN_NAME in ended.stderr
    assert (tmp_path / RETAIN_NAME).read_text(encoding="utf-8") == '{"epoch": 12'


def test_settings_that_are_not_there_are_one_clear_error(tmp_path: Path) -> None:
    ended = _run_to_end(tmp_path / "none.json")
    assert ended.returncode == 2
    assert "none.json" in ended.stderr


def test_retentive_memory_round_trip(tmp_path: Path) -> None:
    path = tmp_path / RETAIN_NAME
    assert load_retained(path) == Retained(0, 0)
    store_retained(path, Retained(7, 2))
    assert load_retained(path) == Retained(7, 2)
    assert [p.name for p in tmp_path.iterdir()] == [RETAIN_NAME], "no half-written file stays"
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(ConfigError, match="retentive"):
        load_retained(path)


def test_a_belt_that_ran_stands_after_the_plc_was_killed_until_a_person_resets_it(plant: Plant) -> None:
    assert plant.field.get(Word.BELT_ENABLE) == 1
    plant.end(signal.SIGKILL)
    plant.start()
    _wait("the latch", lambda: plant.field.get(Word.STOP_LATCHED) == 1)
    assert plant.header()["stop_cause"] == reg.StopCause.POWER
    plant.become_ready()
    assert plant.field.get(Word.BELT_ENABLE) == 0
    plant.field.add(Word.OPERATOR_RESET)
    _wait("the belt", lambda: plant.field.get(Word.BELT_ENABLE) == 1)
