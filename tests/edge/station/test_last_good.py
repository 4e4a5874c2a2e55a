"""What was Ready last is kept whole, is offered, and is never taken by itself."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from edge_runtime.calibrations import save_calibration
from edge_runtime.config import StationConfig, load_station
from edge_runtime.live.mailbox import MailboxWriter, status_box_name
from edge_runtime.station.gauges import Gauges
from edge_runtime.station.last_good import FOLDER, fingerprint, keep, kept, kept_for
from edge_runtime.station.ready_watch import TOLD_AFTER_S, ReadyWatch
from edge_runtime.station.session import open_detector
from tests.edge.core_rig import calibration
from tests.edge.test_station_bench import write_bench_station
from vision.errors import ConfigError

THEN = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)


@pytest.fixture
def station_file(tmp_path: Path) -> Path:
    """A station with all that a configuration may name."""
    (tmp_path / "pictures").mkdir()
    path = write_bench_station(tmp_path, tmp_path / "pictures", 640, 60)
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    data["cameras"][0]["geometry"]["calibration"] = "channel.yaml"
    data["temperature"] = {"source": "constant", "celsius": 22.0, "u_celsius": 2.0}
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    save_calibration(
        calibration(camera="channel", height_px=60, date="2026-03-01"), tmp_path / "channel.yaml"
    )
    (tmp_path / "books").mkdir()
    return path


def _change(path: Path, **changes: object) -> StationConfig:
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(data | changes), encoding="utf-8")
    return load_station(path)


def test_what_is_kept_runs_when_all_the_originals_are_gone(station_file: Path, tmp_path: Path) -> None:
    config = load_station(station_file)
    found = keep(config, station_file, THEN)
    assert kept(config.storage.folder) == found
    assert (found.utc, found.origin) == ("2026-03-01T06:00:00+00:00", str(station_file))
    for name in ("station.yaml", "recipe.yaml", "channel.yaml", "small.onnx"):
        (tmp_path / name).unlink()
    again = load_station(found.station_file)
    assert again.storage.folder == config.storage.folder, "the books go on"
    assert (again.name, again.cameras[0].source) == (config.name, config.cameras[0].source)
    assert open_detector(again.detector).detector.contract.labels
    from edge_runtime.config import load_recipe

    Gauges(again, load_recipe(again.recipe), THEN.date())
    # It is the same configuration: keeping it once more changes nothing.
    assert keep(again, found.station_file, datetime.now(UTC)) == found


@pytest.mark.parametrize("changed", ["station", "recipe", "calibration", "model"])
def test_whatever_changes_makes_another_configuration(
    station_file: Path, tmp_path: Path, changed: str
) -> None:
    config = load_station(station_file)
    before = fingerprint(config)
    if changed == "station":
        config = _change(station_file, shift="night")
    elif changed == "recipe":
        recipe = tmp_path / "recipe.yaml"
        data = yaml.safe_load(recipe.read_text(encoding="utf-8"))
        data["views"]["views_min"] += 1
        recipe.write_text(yaml.safe_dump(data), encoding="utf-8")
    else:
        path = tmp_path / {"calibration": "channel.yaml", "model": "small.onnx"}[changed]
        path.write_bytes(path.read_bytes() + b"\n")
    assert fingerprint(config) != before


def test_a_copy_that_was_cut_off_is_none(station_file: Path) -> None:
    config = load_station(station_file)
    found = keep(config, station_file, THEN)
    (found.station_file.parent / "facts.json").unlink()
    assert kept(config.storage.folder) is None
    assert keep(config, station_file, THEN).station_file.is_file()
    found.station_file.unlink()
    assert kept(config.storage.folder) is None


def test_a_file_that_is_gone_cannot_be_kept(station_file: Path, tmp_path: Path) -> None:
    config = load_station(station_file)
    found = keep(config, station_file, THEN)
    (tmp_path / "channel.yaml").unlink()
    with pytest.raises(ConfigError, match="calibration"):
        keep(config, station_file, THEN)
    assert kept(config.storage.folder) == found


@pytest.mark.parametrize(
    "text", ["storage: {folder: books}\nnonsense: 1\n", "storage:\n  folder: books\nrecipe: [}"]
)
def test_it_is_found_by_a_station_file_that_cannot_be_used(station_file: Path, text: str) -> None:
    found = keep(load_station(station_file), station_file, THEN)
    station_file.write_text(text, encoding="utf-8")
    # What is no YAML at all names no folder.
    assert kept_for(station_file) == (found if "nonsense" in text else None)
    assert kept_for(station_file.with_name("nowhere.yaml")) is None


class Watched:
    """A watch, and the status box that it looks at."""

    def __init__(self, station_file: Path) -> None:
        self.config = load_station(station_file)
        self.watch = ReadyWatch(self.config, station_file, 0.0)
        self.box = MailboxWriter(status_box_name(self.config.name), 1 << 10)


@pytest.fixture
def watched(station_file: Path) -> Iterator[Watched]:
    watched = Watched(station_file)
    yield watched
    watched.box.close()


def test_only_ready_is_kept(watched: Watched) -> None:
    folder = watched.config.storage.folder / FOLDER
    for second, said in enumerate([b"", b"{half", b'{"ready": false}', b"[]"]):
        if said:
            watched.box.write(said)
        watched.watch.look(10.0 * second)
        assert not folder.exists()
    watched.box.write(b'{"ready": true}')
    watched.watch.look(100.0)
    assert (folder / "station.yaml").is_file()
    shutil.rmtree(folder)
    watched.watch.look(200.0)
    assert not folder.exists(), "once is enough"


def test_a_new_configuration_that_is_not_ready_is_told_once_with_what_was(
    watched: Watched, station_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = _change(station_file, shift="night")
    keep(old, station_file, THEN)
    watched.box.write(b'{"ready": false}')
    for second in range(round(TOLD_AFTER_S) + 10):
        watched.watch.look(float(second))
    (told,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert told.message == "new_configuration_not_ready"
    assert "ferrogate run" in told.__dict__["todo"]
    assert load_station(station_file).shift == "night", "nothing was put back by itself"


def test_the_same_configuration_that_is_not_ready_now_is_no_reason_to_go_back(
    watched: Watched, station_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep(watched.config, station_file, THEN)
    watched.watch.look(TOLD_AFTER_S + 1.0)
    assert not caplog.records
