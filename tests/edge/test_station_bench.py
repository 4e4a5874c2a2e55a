"""A station without a PLC: a recording through the same loop, with the virtual photo-eye."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import cv2
import pytest
import yaml

from edge_runtime.calibrations import save_calibration
from edge_runtime.config import load_station
from edge_runtime.entries import Entry, OutcomeEntry, PartEntry, SessionEntry
from edge_runtime.journal import read_journal
from edge_runtime.recipes import default_recipe_path
from edge_runtime.station.process import Station
from edge_runtime.station.session import journal_folder
from tests.edge.core_rig import calibration
from tests.recording import PATTERN, expected_crossings, labels
from tests.strips import draw_strip
from tests.vision.small_models import darkest_model


def write_bench_station(
    folder: Path, pictures: Path, width_px: int, height_px: int, pattern: str = "*"
) -> Path:
    shutil.copy(default_recipe_path("40"), folder / "recipe.yaml")
    (folder / "small.onnx").write_bytes(darkest_model())
    station = {
        "schema_version": 1,
        "name": f"bench-{folder.name}",
        "recipe": "recipe.yaml",
        "cameras": [
            {
                "name": "channel",
                "source": {"type": "folder", "path": str(pictures), "pattern": pattern, "realtime": False},
                "geometry": {
                    "width_px": width_px,
                    "height_px": height_px,
                    "pixel_format": "bgr8",
                    "fov_start_counts": 0,
                    "px_per_count": 1.0,
                    "lane_y_px": {0: height_px / 2},
                },
                "exposure": {"every_counts": 1},
                "limits": {"background_min": 0, "background_max": 255},
            }
        ],
        "plc": {"type": "virtual_eye", "camera": "channel"},
        "detector": {"model": str(folder / "small.onnx")},
        "storage": {"folder": "books", "journal_reserve_segments": 0},
        "page": None,
    }
    path = folder / "station.yaml"
    path.write_text(yaml.safe_dump(station), encoding="utf-8")
    return path


def _play(path: Path) -> list[Entry]:
    config = load_station(path)
    Station(config).run()
    return [entry for _, entry in read_journal(journal_folder(config.storage))]


def _check_books(entries: list[Entry], crossings: int) -> None:
    parts = [entry for entry in entries if isinstance(entry, PartEntry)]
    outcomes = [entry for entry in entries if isinstance(entry, OutcomeEntry)]
    assert len(parts) == crossings
    assert [part.trigger_seq for part in parts] == list(range(1, crossings + 1))
    assert {part.part_id for part in parts} == {outcome.part_id for outcome in outcomes}
    # Without a scale nothing is measured and nothing accepted.
    assert {part.decision for part in parts} <= {"review", "reject"}
    assert all(part.reasons for part in parts)
    assert all(part.diameter_mean_mm is None for part in parts)
    assert {outcome.side for outcome in outcomes} <= {"reject"}
    assert all(part.views_due == part.views_got + part.views_lost for part in parts)


@pytest.mark.parametrize(
    ("positions", "crossings"),
    [
        ([100, 200, 300, 400, 500], 1),  # one ball rolls by
        ([100, 300, 500, 300, 100], 2),  # to and fro: two parts
        ([100, 150, 200, 250, 300], 0),  # never over the line
    ],
)
def test_each_crossing_is_one_part(tmp_path: Path, positions: list[float], crossings: int) -> None:
    pictures = tmp_path / "strip"
    pictures.mkdir()
    for number, x in enumerate(positions):
        cv2.imwrite(str(pictures / f"f{number:06d}.png"), draw_strip([x], seed=number))
    entries = _play(write_bench_station(tmp_path, pictures, 640, 60))
    _check_books(entries, crossings)


def test_the_books_say_which_calibration_was_in_force(tmp_path: Path) -> None:
    pictures = tmp_path / "strip"
    pictures.mkdir()
    for number, x in enumerate([100, 200, 300, 400, 500]):
        cv2.imwrite(str(pictures / f"f{number:06d}.png"), draw_strip([x], seed=number))
    path = write_bench_station(tmp_path, pictures, 640, 60)
    today = datetime.now(UTC).date().isoformat()
    found = calibration(camera="channel", height_px=60, date=today)
    save_calibration(found, tmp_path / "channel.calibration.yaml")
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    data["cameras"][0]["geometry"]["calibration"] = "channel.calibration.yaml"
    data["temperature"] = {"source": "constant", "celsius": 22.0, "u_celsius": 2.0}
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    entries = _play(path)
    (session,) = (entry for entry in entries if isinstance(entry, SessionEntry))
    (part,) = (entry for entry in entries if isinstance(entry, PartEntry))
    kept = session.calibrations["channel"]
    assert kept["sha256"] == found.content_sha256()
    assert (kept["spheres"][0]["certificate"], kept["date"], kept["valid_days"]) == ("K-17", today, 30)
    assert part.calibration_sha256 == session.calibration_sha256 != ""
    assert (part.temperature_celsius, part.u_temperature_celsius) == (22.0, 2.0)


@pytest.mark.long
def test_the_real_recording(tmp_path: Path, real_data: Callable[[str], Path]) -> None:
    recording = real_data("steelball_k230")
    entries = _play(write_bench_station(tmp_path, recording / "images", 640, 60, PATTERN))
    _check_books(entries, len(expected_crossings(labels(recording))))
