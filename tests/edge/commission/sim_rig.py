"""The whole wizard on the simulated line: draft, ports, engine and a technician with hands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from edge_runtime.commission.attendant import Answers, Attendant
from edge_runtime.commission.draft import Draft, load_draft
from edge_runtime.commission.engine import Engine
from edge_runtime.commission.files import DiskFiles
from edge_runtime.commission.limits import load_limits
from edge_runtime.commission.ports import Ports
from edge_runtime.commission.shown import Show
from edge_runtime.commission.state import SavedState
from edge_runtime.day.acts import Act
from edge_runtime.day.state import DayState
from edge_runtime.live.status import StationStatus
from edge_runtime.plc.registers import KeySwitch
from edge_runtime.recipes import recipe_for_diameter
from tests.edge.commission.sim_line import Sim, SimCamera, SimClock, SimPlc, Truth


def draft_data(**changes: Any) -> dict[str, Any]:
    """A draft that knows nothing of the line."""
    data: dict[str, Any] = {
        "name": "sim-line",
        "recipe": "recipe.yaml",
        "cameras": [
            {
                "name": "left",
                "source": {"type": "shm", "name": "sim-left"},
                "geometry": {"mm_per_px": 0.25, "view_tilt_deg": 45.0, "rolling": True},
                "exposure": {"late_after_counts": 128},
            }
        ],
        "temperature": {"source": "constant", "celsius": 20.0, "u_celsius": 3.0},
        "plc": {"type": "modbus_tcp", "host": "127.0.0.1", "port": 1},
        "storage": {"folder": "books"},
    }
    return data | changes


def write_draft(folder: Path, data: Mapping[str, Any]) -> Draft:
    """A draft in a file, read back."""
    recipe = recipe_for_diameter(40.0).model_dump(mode="json")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    path = folder / "draft.yaml"
    path.write_text(yaml.safe_dump(dict(data)), encoding="utf-8")
    return load_draft(path)


class NoRun:
    """No station can run on a simulated line: the first run is skipped by these tests."""

    def start(self, data: Mapping[str, Any]) -> None:
        raise AssertionError("no station can run here")

    def status(self) -> StationStatus | None:
        return None

    def ended(self) -> str:
        return ""

    def act(self, act: Act) -> DayState:
        raise AssertionError("no station can run here")

    def stop(self) -> None:
        return


@dataclass(slots=True)
class SimHands:
    """Turns speed, key, ring and lamp of the simulated line."""

    plc: SimPlc
    cameras: dict[str, SimCamera]
    seen: list[str] = field(default_factory=list)
    slow: float = 0.4
    #: says "done" and turns nothing
    idle: bool = False

    def follow(self, step: str, show: Show) -> bool:
        if not self.seen or self.seen[-1] != show.text:
            self.seen.append(show.text)
        if self.idle:
            return True
        plc, top = self.plc, self.plc.truth.top_speed
        match show.text:
            case "gate.key_service":
                plc.key = KeySwitch.SERVICE
            case "gate.key_auto":
                plc.key = KeySwitch.AUTO
            case "gate.speed_top" | "gate.speed_top_again":
                plc.speed = top
            case "gate.speed_slow":
                plc.speed = self.slow * top
            case "camera.focus":
                camera = self.cameras[show.camera]
                camera.blur_px = max(camera.blur_px - 0.1, 0.6)
                return camera.blur_px == 0.6 and show.figures[0].ok is True
            case "camera.lamp":
                camera = self.cameras[show.camera]
                camera.lamp = min(camera.lamp + 0.01, 0.9)
                return camera.lamp == 0.9 and show.figures[0].ok is True
        return True


@dataclass(slots=True)
class Wizard:
    """Everything together."""

    sim: Sim
    engine: Engine
    hands: SimHands
    attendant: Attendant
    files: DiskFiles
    folder: Path

    def tick(self) -> None:
        self.engine.tick()
        self.attendant.step()

    def run(self, seconds: float = 900.0) -> bool:
        """Until the attendant is through, or a step is red; False when the time is over before."""
        return self.sim.run(self.tick, seconds, lambda: self.attendant.finished)

    def run_step(self, step: str, seconds: float = 600.0) -> str:
        """One step alone (the ones before it must be done); returns its status."""
        self.engine.act(step, "begin", {}, "H. Sim")

        def tick() -> None:
            self.engine.tick()
            running = self.engine.running
            if running is not None:
                self.attendant._follow(*running)

        self.sim.run(tick, seconds, lambda: self.engine.running is None)
        result = self.engine.results.get(step)
        return "open" if result is None else result.status


def wizard(
    folder: Path,
    truth: Truth | None = None,
    *,
    data: Mapping[str, Any] | None = None,
    saved: SavedState | None = None,
    skip: Mapping[str, str] | None = None,
    seed: int = 1,
    patience_s: float | None = None,
) -> Wizard:
    """A wizard on a fresh line."""
    draft = write_draft(folder, data if data is not None else draft_data())
    plc = SimPlc(truth or Truth(), seed)
    cameras = {camera.name: SimCamera(camera.name, plc) for camera in draft.cameras}
    files = DiskFiles(draft, folder / "station.yaml", languages=("en",))
    ports = Ports(plc, cameras, SimClock(plc), files, NoRun())
    engine = Engine(
        draft, load_limits(), ports, saved=saved, on_written=files.write_results, patience_s=patience_s
    )
    hands = SimHands(plc, cameras)
    answers = Answers(by="H. Sim", skip=dict(skip or {"first_run": "no station on a simulated line"}))
    return Wizard(Sim(plc, cameras), engine, hands, Attendant(engine, hands, answers), files, folder)
