"""The wizard as a whole on the simulated line: order, skipping, resuming, what is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from pypdf import PdfReader

from edge_runtime.commission.engine import ActionRefused
from edge_runtime.commission.state import STATE_FILE, load_state
from edge_runtime.config import load_station
from edge_runtime.plc.registers import PlcStatus
from tests.edge.commission.sim_line import GEOMETRY, Truth
from tests.edge.commission.sim_rig import Wizard, draft_data, wizard
from vision.errors import ConfigError


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Wizard:
    """One commissioning from beginning to end."""
    made = wizard(tmp_path_factory.mktemp("line"))
    made.files.languages = ("ru", "kk", "en")
    assert made.run()
    return made


def test_all_steps_are_in_order(finished: Wizard) -> None:
    status = {step: result.status for step, result in finished.engine.results.items()}
    assert status == {
        "plc": "passed",
        "eye": "passed",
        "gate": "passed",
        "camera:left": "passed",
        "timing": "passed",
        "first_run": "skipped",
        "write": "passed",
    }
    assert finished.engine.next_step() is None


def test_the_station_file_holds_what_was_measured(finished: Wizard) -> None:
    path = finished.folder / "station.yaml"
    config = load_station(path)
    truth = finished.sim.plc.truth
    assert config.line is not None
    assert config.line.um_per_count == 125.0
    assert config.line.lanes[0].eye_to_gate_counts == GEOMETRY["lane0_eye_to_gate_counts"]
    assert truth.top_speed < config.line.max_speed_counts_per_s < 1.06 * truth.top_speed
    camera = config.cameras[0]
    assert (camera.geometry.width_px, camera.geometry.height_px) == (640, 240)
    assert camera.geometry.fov_start_counts == pytest.approx(truth.fov_start_counts, abs=5.0)
    assert camera.geometry.px_per_count == pytest.approx(truth.px_per_count, rel=0.005)
    assert camera.geometry.lane_y_px[0] == pytest.approx(truth.lane_y_px, abs=1.0)
    assert (camera.exposure.every_counts, camera.exposure.phase_counts) == (256, 64)
    assert camera.exposure.late_after_counts == 128  # the draft's own
    assert len(camera.fiducials) == 4
    assert camera.reference_background == pytest.approx(215.0 * 0.9, abs=8.0)
    text = path.read_text(encoding="utf-8")
    head = [line for line in text.splitlines() if line.startswith("#")]
    assert "H. Sim" in text.split("cameras:")[0]
    assert any("2026-" in line for line in head)
    assert any("NOT IN ORDER: step 'first_run': no station on a simulated line" in line for line in head)


def test_report_and_measurements_lie_in_the_storage_folder(finished: Wizard) -> None:
    folder = finished.folder / "books" / "commissioning"
    for language in ("ru", "kk", "en"):
        (paper,) = folder.glob(f"report-*-{language}.pdf")
        assert len(PdfReader(paper).pages) == 1, "one page"
        (page,) = folder.glob(f"report-*-{language}.html")
        assert "no station on a simulated line" in page.read_text(encoding="utf-8")
    (measured,) = folder.glob("measurements-*.json")
    steps = json.loads(measured.read_text(encoding="utf-8"))["steps"]
    assert len(steps["gate"]["raw"]["lane0"]) == 4
    assert all(len(series["trials"]) >= 16 for series in steps["gate"]["raw"]["lane0"])
    assert len(steps["camera:left"]["raw"]["sightings"]) > 10
    (kept,) = folder.glob("station-*.yaml")
    assert yaml.safe_load(kept.read_text(encoding="utf-8")) == yaml.safe_load(
        (finished.folder / "station.yaml").read_text(encoding="utf-8")
    )
    assert not (folder / STATE_FILE).exists(), "the next commissioning begins anew"


def test_steps_come_in_order_and_say_why_they_are_skipped(tmp_path: Path) -> None:
    engine = wizard(tmp_path).engine
    for step, action, values, code in [
        ("eye", "begin", {}, "earlier"),  # the PLC comes first
        ("timing", "begin", {}, "earlier"),
        ("nowhere", "begin", {}, "unknown_step"),
        ("eye", "dance", {}, "unknown_action"),
        ("eye", "answer", {"name": "done"}, "not_asked"),
        ("eye", "cancel", {}, "not_running"),
        ("eye", "skip", {"reason": "  "}, "no_reason"),
        ("plc", "skip", {"reason": "no time"}, "needed"),
        ("write", "skip", {"reason": "no time"}, "needed"),
    ]:
        with pytest.raises(ActionRefused) as caught:
            engine.act(step, action, values, "A")
        assert caught.value.code == code
    engine.act("plc", "begin", {}, "A")
    for step, action in [("eye", "begin"), ("gate", "skip")]:
        with pytest.raises(ActionRefused) as caught:
            engine.act(step, action, {"reason": "x"}, "A")
        assert caught.value.code == "running"


@pytest.mark.long
def test_a_crash_costs_one_step_at_most(tmp_path: Path) -> None:
    first = wizard(tmp_path)
    assert first.run_step("plc") == "passed"
    assert first.run_step("eye") == "passed"
    first.engine.act("gate", "begin", {}, "A")
    first.sim.run(first.engine.tick, 2.0, lambda: False)
    # Nothing is closed: the process is gone.
    saved = load_state(tmp_path / "books" / "commissioning" / STATE_FILE, "sim-line")
    second = wizard(tmp_path, saved=saved)
    assert second.engine.next_step() == "gate"
    assert second.engine.results["eye"].values == first.engine.results["eye"].values
    assert second.run()
    assert (tmp_path / "station.yaml").exists()


def test_the_state_of_another_station_is_not_taken(tmp_path: Path) -> None:
    made = wizard(tmp_path)
    made.run_step("plc")
    path = tmp_path / "books" / "commissioning" / STATE_FILE
    with pytest.raises(ConfigError, match="sim-line"):
        load_state(path, "another")
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_state(path, "sim-line")
    assert load_state(path.with_name("none.json"), "sim-line") is None


def test_a_repeated_step_opens_what_rests_on_it(tmp_path: Path) -> None:
    made = wizard(tmp_path, skip={"gate": "x", "camera:left": "y", "first_run": "z"})
    made.run_step("plc")
    made.run_step("eye")
    for step in ("gate", "camera:left"):
        made.engine.act(step, "skip", {"reason": "later"}, "A")
    made.engine.act("timing", "skip", {"reason": "later"}, "A")
    assert made.engine.next_step() == "first_run"
    assert made.run_step("eye") == "passed"
    assert made.engine.next_step() == "timing"


def test_an_instruction_that_nobody_follows_ends_the_step(tmp_path: Path) -> None:
    made = wizard(tmp_path, patience_s=30.0)
    made.run_step("plc")
    made.sim.plc.feed = False
    made.engine.act("eye", "begin", {}, "A")
    made.attendant._follow = lambda step, show: None  # type: ignore[method-assign]
    made.sim.run(made.engine.tick, 60.0, lambda: made.engine.running is None)
    result = made.engine.results["eye"]
    assert result.status == "failed"
    assert result.facts[0].key == "failed.waited"


def test_a_red_step_stays_red_until_it_is_skipped(tmp_path: Path) -> None:
    made = wizard(tmp_path)
    made.sim.plc.block["um_per_count_x10"] = 1350  # a wrong encoder wheel: balls look 8 % too long
    made.run_step("plc")
    assert made.run_step("eye") == "failed"
    (wrong,) = [fact for fact in made.engine.results["eye"].facts if fact.ok is False]
    assert wrong.key == "eye.length"
    assert wrong.todo_values["proposed"] == pytest.approx(125.0, abs=0.5)
    with pytest.raises(ActionRefused):
        made.engine.act("gate", "begin", {}, "A")
    made.engine.act("eye", "skip", {"reason": "wheel comes tomorrow"}, "A")
    result = made.engine.results["eye"]
    assert result.status == "skipped"
    assert wrong in result.facts, "what was found stands beside the reason"
    made.engine.act("gate", "begin", {}, "A")


def test_an_old_station_file_is_not_replaced_without_a_word(tmp_path: Path) -> None:
    made = wizard(tmp_path, skip={"eye": "x", "gate": "x", "camera:left": "x", "first_run": "x"})
    old = tmp_path / "station.yaml"
    old.write_text("old: true\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="already"):
        made.files.require_free()
    data = draft_data()
    data["cameras"][0]["geometry"] |= {
        "width_px": 640,
        "height_px": 240,
        "fov_start_counts": 800,
        "px_per_count": 0.5,
        "lane_y_px": {0: 120.0},
    }
    data["cameras"][0]["exposure"] = {"every_counts": 256}
    data["line"] = {"max_speed_counts_per_s": 9600.0}
    made = wizard(tmp_path, data=data, skip={"eye": "x", "gate": "x", "camera:left": "x", "first_run": "x"})
    assert made.run()
    assert made.attendant.failed == "write"
    assert made.engine.results["write"].facts[0].key == "write.failed"
    assert old.read_text(encoding="utf-8") == "old: true\n"
    made.files.replace = True
    assert made.run_step("write") == "passed"
    (kept,) = tmp_path.glob("station.before-*.yaml")
    assert kept.read_text(encoding="utf-8") == "old: true\n"
    assert load_station(old).name == "sim-line"


def test_a_stopped_belt_is_shown_and_waited_for(tmp_path: Path) -> None:
    made = wizard(tmp_path)
    made.run_step("plc")
    made.engine.act("eye", "begin", {}, "A")
    made.sim.plc.status = PlcStatus.BELT_LATCHED | PlcStatus.E_STOP
    made.sim.run(made.engine.tick, 1.0, lambda: False)
    assert made.engine.running is not None
    assert made.engine.running[1].text == "trouble.e_stop"
    made.sim.plc.status = PlcStatus.BELT_LATCHED
    made.sim.run(made.engine.tick, 1.0, lambda: False)
    assert made.engine.running[1].text == "trouble.latched"
    made.sim.plc.down = "no answer"
    made.sim.run(made.engine.tick, 1.0, lambda: False)
    assert made.engine.running[1].text == "trouble.plc"
    made.sim.plc.down, made.sim.plc.status = "", PlcStatus.BELT_RUN
    made.sim.run(made.tick, 60.0, lambda: made.engine.running is None)
    assert made.engine.results["eye"].status == "passed"


def test_a_file_that_could_not_run_ends_red(tmp_path: Path) -> None:
    # The gate lies so near behind the camera that no verdict comes in time.
    data = draft_data()
    data["cameras"][0]["geometry"] |= {
        "width_px": 640,
        "height_px": 240,
        "fov_start_counts": 800,
        "px_per_count": 0.5,
        "lane_y_px": {0: 120.0},
    }
    data["cameras"][0]["exposure"] = {"every_counts": 256}
    near = wizard(tmp_path, Truth(gate_counts=2300.0), data=data, skip={"gate": "x", "camera:left": "x"})
    near.sim.plc.block["lane0_eye_to_gate_counts"] = 2300
    assert near.run()
    assert near.attendant.failed == "timing"
    (fact,) = near.engine.results["timing"].facts
    assert fact.key == "timing.refused"
    assert "the inspection needs" in str(fact.todo_values["detail"])
