"""The gate's step on the simulated line: what it finds, what it tells to set, when it gives up."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.commission.shown import Fact
from edge_runtime.plc.registers import KeySwitch
from tests.edge.commission.sim_line import Truth
from tests.edge.commission.sim_rig import Wizard, wizard

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def _ready(folder: Path, truth: Truth | None = None, seed: int = 1) -> Wizard:
    made = wizard(folder, truth, seed=seed)
    assert made.run_step("plc") == "passed"
    assert made.run_step("eye") == "passed"
    return made


def _fact(made: Wizard, key: str) -> Fact:
    (found,) = [fact for fact in made.engine.results["gate"].facts if fact.key == key]
    return found


@pytest.mark.parametrize(
    ("truth", "seed"),
    [
        (Truth(), 1),
        (Truth(gate_counts=4789.0, open_ms=36.0, close_ms=18.0), 2),
        (Truth(spread_ms=3.0, astray=0.01), 3),  # a restless gate, and balls that jump
    ],
)
def test_place_and_times_are_found(tmp_path: Path, truth: Truth, seed: int) -> None:
    made = _ready(tmp_path, truth, seed)
    made.run_step("gate")
    values = made.engine.results["gate"].values["lane0"]
    half_scan_ms = 2.5  # the mean wait for the next scan belongs to the time
    for name, u_name, true in (
        ("eye_to_gate_counts", "u_eye_to_gate_counts", truth.gate_counts),
        ("open_ms", "u_open_ms", truth.open_ms + half_scan_ms),
        ("close_ms", "u_close_ms", truth.close_ms + half_scan_ms),
        ("close_place_counts", "u_close_place_counts", truth.gate_counts),
    ):
        assert abs(values[name] - true) <= 3.0 * values[u_name], name
    assert values["u_eye_to_gate_counts"] < 6.0
    assert values["u_open_ms"] < 1.3
    # The confirm eyes' distance needs no trials, only the gate's place.
    travel = truth.gate_counts + truth.confirm_counts
    confirm = made.engine.results["gate"].values["confirm_accept_0"]
    assert confirm["counts"] + values["eye_to_gate_counts"] == pytest.approx(travel, abs=1.0)
    assert "gate.key_service" in made.hands.seen
    assert made.sim.plc.key is KeySwitch.AUTO, "the key is asked back"
    assert made.sim.plc.asked is None or made.sim.plc.asked[:2] == (0, 0)


def test_wrong_numbers_in_the_plc_are_told(tmp_path: Path) -> None:
    made = wizard(tmp_path)
    block = made.sim.plc.block
    block["lane0_eye_to_gate_counts"] = 5200  # 400 counts too far
    block["lane0_gate_to_confirm_counts"] = 880
    block["valve_lead_ms"] = 25
    made.run_step("plc")
    made.run_step("eye")
    assert made.run_step("gate") == "failed"
    place = _fact(made, "gate.place")
    assert place.ok is False
    assert place.todo == "gate.set"
    assert place.todo_values["name"] == "lane0_eye_to_gate_counts"
    assert abs(int(str(place.todo_values["value"])) - 4800) <= 15
    for key in ("gate.confirm_accept", "gate.confirm_reject"):
        assert abs(int(str(_fact(made, key).todo_values["value"])) - 1280) <= 15
    lead = _fact(made, "gate.lead")
    assert lead.ok is False
    assert 38 <= int(str(lead.todo_values["value"])) <= 56
    # Who sets what he is told, passes.
    for fact in made.engine.results["gate"].facts:
        if fact.ok is False:
            block[str(fact.todo_values["name"])] = int(str(fact.todo_values["value"]))
    made.run_step("plc")
    assert made.run_step("gate") == "passed"


def test_a_gate_that_does_not_move(tmp_path: Path) -> None:
    made = _ready(tmp_path, Truth(stuck=True))
    assert made.run_step("gate") == "failed"
    (fact,) = made.engine.results["gate"].facts
    assert fact.key == "gate.no_answer"
    assert made.engine.results["gate"].raw["trials"], "what was tried is kept"


def test_balls_that_go_their_own_way(tmp_path: Path) -> None:
    made = _ready(tmp_path, Truth(astray=0.25))
    assert made.run_step("gate", 1500.0) == "failed"
    (fact,) = made.engine.results["gate"].facts
    assert fact.key in ("gate.astray", "gate.irregular")


def test_balls_that_come_too_near_are_told_and_not_counted(tmp_path: Path) -> None:
    made = _ready(tmp_path)
    made.sim.plc.pitch = 900.0
    made.engine.act("gate", "begin", {}, "A")
    seen = []

    def tick() -> None:
        made.tick()
        running = made.engine.running
        if running is not None:
            seen.append(running[1].text)

    assert made.sim.run(tick, 120.0, lambda: "gate.too_near" in seen)
    made.sim.plc.pitch = 2080.0
    made.sim.run(made.tick, 600.0, lambda: made.engine.running is None)
    values = made.engine.results["gate"].values["lane0"]
    assert abs(values["eye_to_gate_counts"] - 4800.0) <= 3.0 * values["u_eye_to_gate_counts"]


def test_a_lost_service_block_is_asked_for_again(tmp_path: Path) -> None:
    made = _ready(tmp_path)
    made.engine.act("gate", "begin", {}, "A")
    assert made.sim.run(made.tick, 30.0, lambda: made.hands.seen[-1:] == ["gate.opening"])
    # Somebody turns the key away in the middle, and the PLC forgets the block.
    made.sim.plc.key = KeySwitch.AUTO
    made.hands.idle = True
    made.sim.run(made.tick, 5.0, lambda: False)
    assert made.engine.running is not None
    assert made.engine.running[1].text == "gate.key_service"
    made.hands.idle = False
    made.sim.run(made.tick, 900.0, lambda: made.engine.running is None)
    values = made.engine.results["gate"].values["lane0"]
    assert abs(values["eye_to_gate_counts"] - 4800.0) <= 3.0 * values["u_eye_to_gate_counts"]
