"""The wizard on the twin's own belt, gate, eyes and cameras: does it find the truth?

On injected time, so that nothing depends on the machine. The twin's lens and gate are the truth; the PLC
is told wrong numbers in one of the runs, and the wizard has to say which and what to set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_runtime.commission.attendant import Answers, Attendant
from edge_runtime.commission.draft import load_draft
from edge_runtime.commission.engine import Engine
from edge_runtime.commission.files import DiskFiles
from edge_runtime.commission.limits import load_limits
from edge_runtime.commission.ports import Ports
from edge_runtime.commission.twin_bench import bench_settings, write_draft
from edge_runtime.commission.twin_hands import TwinHands
from edge_runtime.config import load_station
from edge_runtime.twin.optics import camera_configs, lens
from edge_runtime.twin.settings import CAMERAS, LineSettings
from tests.edge.commission.clocked_twin import ClockedCamera, ClockedTwin, TwinPlc
from tests.edge.commission.sim_rig import NoRun
from tests.twin.drawn_bank import make_drawn_bank

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@dataclass(slots=True)
class Run:
    """One commissioning of the twin."""

    settings: LineSettings
    engine: Engine
    attendant: Attendant
    folder: Path


@pytest.fixture(scope="module")
def bank_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_drawn_bank(tmp_path_factory.mktemp("bank"))


def _commission(settings: LineSettings, plc: LineSettings | None, skip: dict[str, str]) -> Iterator[Run]:
    folder = settings.run_dir
    draft = load_draft(write_draft(settings))
    twin = ClockedTwin(settings, plc)
    try:
        cameras = {camera.name: ClockedCamera(twin, camera.name) for camera in draft.cameras}
        files = DiskFiles(draft, folder / "station.yaml", languages=("en",))
        ports = Ports(TwinPlc(twin), cameras, twin, files, NoRun())
        engine = Engine(draft, load_limits(), ports, on_written=files.write_results, patience_s=120.0)
        hands = TwinHands(twin.field, lambda: twin.now_ns / 1e9)
        attendant = Attendant(engine, hands, Answers(by="Twin", skip=skip))

        def tick() -> None:
            engine.tick()
            attendant.step()

        assert twin.run(tick, 500.0, lambda: attendant.finished)
        yield Run(settings, engine, attendant, folder)
    finally:
        twin.close()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, bank_dir: Path) -> Iterator[Run]:
    """A line as hard to measure on as a plant."""
    settings = bench_settings(tmp_path_factory.mktemp("twin"), 3, bank_dir=bank_dir)
    yield from _commission(settings, None, {"first_run": "no processes here"})


def test_every_step_is_in_order(found: Run) -> None:
    red = {
        f"{result.step}: {fact.key}": fact
        for result in found.engine.results.values()
        for fact in result.facts
        if fact.ok is False
    }
    assert red == {}
    assert found.attendant.failed == ""
    assert (found.folder / "station.yaml").exists()


def test_gate_and_times_are_the_twins_own(found: Run) -> None:
    settings, values = found.settings, found.engine.results["gate"].values["lane0"]
    # The flap turns a ball away at half its travel; a command waits half a scan in the mean.
    turn_ms = settings.valve_ms + settings.flap_ms / 2.0 + settings.plc_scan_ms / 2.0
    for name, u_name, true, most in (
        ("eye_to_gate_counts", "u_eye_to_gate_counts", settings.eye_to_gate_counts, 15.0),
        ("open_ms", "u_open_ms", turn_ms, 4.0),
        ("close_place_counts", "u_close_place_counts", settings.eye_to_gate_counts, 15.0),
        ("close_ms", "u_close_ms", turn_ms, 4.0),
    ):
        off, u = values[name] - true, values[u_name]
        assert abs(off) <= 3.0 * u, name
        assert 3.0 * u <= most, f"{name}: not sure enough"
    confirm = found.engine.results["gate"].values["confirm_accept_0"]
    assert abs(confirm["counts"] - settings.gate_to_confirm_counts) <= 3.0 * confirm["u_counts"]
    # A ball keeps its place on the belt: no spread but that of the encoder's whole counts.
    assert confirm["spread_counts"] < 1.5
    assert values["balls"] > 100


@pytest.mark.parametrize("camera", CAMERAS)
def test_the_cameras_look_where_the_lens_says(found: Run, camera: str) -> None:
    settings = found.settings
    result = found.engine.results[f"camera:{camera}"]
    track = result.values["track"]
    true_slope, true_start = _lens_line(settings, camera)
    assert abs(track["px_per_count"] - true_slope) <= 3.0 * track["u_px_per_count"]
    assert abs(track["fov_start_counts"] - true_start) <= 3.0 * track["u_fov_start_counts"]
    assert track["u_px_per_count"] < 0.002 * true_slope
    assert track["u_fov_start_counts"] < 3.0
    (config,) = [item for item in camera_configs(settings) if item["name"] == camera]
    assert result.values["exposure"] == config["exposure"]
    assert len(result.values["fiducials"]) == len(config["fiducials"])
    for mark, true in zip(sorted(result.values["fiducials"]), sorted(config["fiducials"]), strict=True):
        assert mark == pytest.approx(true, abs=0.5)
    # The lamp was a quarter too dark and the lens 3 px of blur off: both were put right by the figures alone.
    assert result.values["reference_background"] == pytest.approx(config["reference_background"], rel=0.08)
    assert result.raw["edge_px"] < 2.0


def _lens_line(settings: LineSettings, camera: str) -> tuple[float, float]:
    """Slope and start of the line that the twin's lens draws: through a pinhole it is a little steeper."""
    seen = lens(settings, camera)
    reach_mm = 1.4 * settings.diameter_mm
    places = [
        seen.see(x_mm, 0.0, settings.diameter_mm / 2.0).centre_xy_px[0] for x_mm in (-reach_mm, reach_mm)
    ]
    px_per_mm = (places[1] - places[0]) / (2.0 * reach_mm)
    slope = px_per_mm * settings.um_per_count / 1000.0
    middle = settings.fov_start_counts + settings.width_px / 2.0 / settings.px_per_count
    # Counts are whole: the middle of a ball's pulse is told half a count early, in the mean.
    return slope, middle - (places[0] + places[1]) / 2.0 / slope + 0.75


def test_the_station_file_can_run(found: Run) -> None:
    config = load_station(found.folder / "station.yaml")
    assert config.line is not None
    settings = found.settings
    assert config.line.lanes[0].eye_to_gate_counts == settings.eye_to_gate_counts
    assert config.line.max_speed_counts_per_s == pytest.approx(settings.max_speed_counts_per_s, rel=0.03)
    assert [camera.geometry.view_tilt_deg for camera in config.cameras] == [45.0, -45.0]


def test_wrong_numbers_of_the_plc_are_found(tmp_path: Path, bank_dir: Path) -> None:
    settings = bench_settings(tmp_path, 4, ideal=True, bank_dir=bank_dir)
    # Half a ball too far, and a lead as if the flap took no time.
    plc = settings.model_copy(update={"gate_d": 15.5, "confirm_d": 3.5, "flap_ms": 8.0})
    skip = dict.fromkeys(("camera:left", "camera:right", "first_run"), "not asked here")
    for run in _commission(settings, plc, skip):
        assert run.attendant.failed == "gate"
        told = {
            str(fact.todo_values["name"]): int(str(fact.todo_values["value"]))
            for fact in run.engine.results["gate"].facts
            if fact.ok is False
        }
        assert set(told) == {
            "lane0_eye_to_gate_counts",
            "lane0_gate_to_confirm_counts",
            "valve_lead_ms",
        }
        assert abs(told["lane0_eye_to_gate_counts"] - settings.eye_to_gate_counts) <= 15
        assert abs(told["lane0_gate_to_confirm_counts"] - settings.gate_to_confirm_counts) <= 15
        assert 40 <= told["valve_lead_ms"] <= 55
        assert not (run.folder / "station.yaml").exists()
