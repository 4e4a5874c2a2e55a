"""The files of one demo: the twin's settings, recipes, calibrations, station file; and what is left after it.

Neighbours: `demo` runs the processes on them, `figures` reads what they leave.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from edge_runtime.calibrations import save_calibration
from edge_runtime.recipes import recipe_for_diameter
from edge_runtime.reports.words import Language
from edge_runtime.twin.optics import calibration_name, camera_configs, lens
from edge_runtime.twin.reference_scale import calibrate_twin
from edge_runtime.twin.settings import CAMERAS, LineSettings, save_line_settings
from vision.recipe import BallRecipe, Limit

#: standard uncertainty of a pyrometer without an error: its register counts tenths, the ball cools a little
_U_PYROMETER_K = 1.0
#: other recipes of a demo: share of the deviations allowed
_OTHER_BANDS = {"narrow": 0.4, "wide": 1.4}


@dataclass(slots=True)
class Usage:
    """CPU seconds and memory of one process over the run (a restarted one adds up)."""

    cpu_s: float = 0.0
    rss_start_mb: float = 0.0
    rss_end_mb: float = 0.0
    rss_max_mb: float = 0.0
    pid: int = 0
    cpu_before_s: float = 0.0


@dataclass(slots=True)
class DemoRun:
    """What is left after a run: where things lie, and how much the processes used."""

    settings: LineSettings
    station_file: Path
    recipe_file: Path
    usage: dict[str, Usage] = field(default_factory=dict)
    wall_s: float = 0.0
    page_port: int | None = None
    #: the page was up before the first ball
    page_answered: bool = False
    #: somebody ended it before the last ball
    stopped_early: bool = False

    @property
    def storage(self) -> Path:
        """The station's books."""
        return self.settings.run_dir / "station"


def write_files(
    settings: LineSettings,
    *,
    model: str = "ferrogate-models:ball",
    poll_ms: float = 20.0,
    page_port: int | None = None,
    language: Language = "ru",
) -> DemoRun:
    """Write twin settings, recipes and station file into the run's folder.

    Args:
        settings: of the twin.
        model: ONNX file, or the name of a shipped one.
        poll_ms: how often the station reads the PLC's header.
        page_port: where the station's page listens on loopback; None: no page.
        language: of the page, until a reader chooses another one.
    """
    run_dir = settings.run_dir
    run_dir.mkdir(parents=True, exist_ok=True)
    save_line_settings(settings, run_dir / "line.json")
    recipe_file = run_dir / "recipe.yaml"
    recipe = recipe_for_diameter(settings.diameter_mm)
    _save_recipe(recipe_file, recipe)
    _write_other_recipes(run_dir / "recipes", recipe)
    station = {
        "schema_version": 1,
        "station": "ball",
        "name": settings.ring_prefix,
        "recipe": "recipe.yaml",
        "cameras": camera_configs(settings),
        "temperature": _pyrometer(settings),
        "line": {
            "um_per_count": settings.um_per_count,
            "max_speed_counts_per_s": settings.max_speed_counts_per_s,
            "pulse_min_counts": settings.pulse_min_counts,
            "pulse_max_counts": settings.pulse_max_counts,
            "min_spacing_counts": settings.min_spacing_counts,
            "valve_lead_ms": settings.valve_lead_ms,
            "gate_window_counts": settings.gate_window_counts,
            "decision_margin_counts": settings.decision_margin_counts,
            "lanes": [
                {
                    "lane": lane,
                    "eye_to_gate_counts": settings.eye_to_gate_counts,
                    "gate_to_confirm_counts": settings.gate_to_confirm_counts,
                }
                for lane in settings.lane_numbers
            ],
        },
        "plc": {
            "type": "modbus_tcp",
            "host": settings.plc_host,
            "port": settings.plc_port,
            "poll_ms": poll_ms,
        },
        "detector": {"model": model},
        "storage": {"folder": "station", "accept_picture_every": 50, "pictures_max_mb": 500},
        "lot": "demo",
        "shift": "demo",
        "page": None if page_port is None else {"port": page_port, "language": language},
        "challenge": {"at_shift_start": True, "every_minutes": 60.0, "grace_minutes": 5.0, "balls": 2},
        "recipes": "recipes",
    }
    if settings.camera_distance_mm is not None:
        _calibrate(settings)
    station_file = run_dir / "station.yaml"
    station_file.write_text(yaml.safe_dump(station, sort_keys=False), encoding="utf-8")
    return DemoRun(settings, station_file, recipe_file, page_port=page_port)


def _save_recipe(path: Path, recipe: BallRecipe) -> None:
    path.write_text(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False), encoding="utf-8")


def _write_other_recipes(folder: Path, recipe: BallRecipe) -> None:
    """What a changeover can choose here: the same ball with a narrower and with a wider band."""
    folder.mkdir(exist_ok=True)
    for name, share in _OTHER_BANDS.items():
        size = recipe.size.model_copy(
            update={
                "es_mm": _scaled(recipe.size.es_mm, share, name),
                "ei_mm": _scaled(recipe.size.ei_mm, share, name),
            }
        )
        other = recipe.model_copy(update={"product": f"{recipe.product}, {name} band", "size": size})
        _save_recipe(folder / f"{name}.yaml", other)


def _scaled(limit: Limit, share: float, name: str) -> Limit:
    source = f"{limit.source}; {share:g} of it, the {name} band of the demo"
    return Limit(value=limit.value * share, source=source, verified=False)


def _pyrometer(settings: LineSettings) -> dict[str, Any]:
    """What the station file says of the pyrometer; its error is evenly spread."""
    low, high = settings.ball_celsius
    error_k = settings.pyrometer_error_k
    return {
        "source": "plc",
        "u_celsius": max(error_k / math.sqrt(3.0), _U_PYROMETER_K),
        "min_celsius": low - error_k - 10.0,
        "max_celsius": high + error_k + 10.0,
    }


def _calibrate(settings: LineSettings) -> None:
    """Write the pinhole cameras' calibrations into the run's folder."""
    for side in CAMERAS:
        calibration = calibrate_twin(
            lens(settings, side),
            side,
            seed=settings.seed,
            date=date.today().isoformat(),
            software_version=version("ferrogate"),
        )
        # The lanes' cameras are built alike: what is found at one lane's holds for all.
        for name in (place.name for place in settings.camera_places if place.side == side):
            found = calibration.model_copy(update={"camera": name, "camera_serial": f"twin-{name}"})
            save_calibration(found, settings.run_dir / calibration_name(name))
