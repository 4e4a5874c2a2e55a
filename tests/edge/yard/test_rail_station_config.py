"""The rail station file: what it may hold, what is refused, and `ferrogate run` with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.cli import main
from edge_runtime.config import load_station, station_kind
from edge_runtime.yard.recipe_file import load_yard_recipe
from edge_runtime.yard.yard_config import WatchedFolder, load_rail_station, storage_of
from tests.edge.yard.rail_station_rig import write_station
from vision.errors import ConfigError


def test_paths_are_taken_from_the_files_folder(tmp_path: Path) -> None:
    config = load_rail_station(write_station(tmp_path, recipe="my_yard.yaml"))
    (source,) = config.scans
    assert (source.path, config.storage.folder) == (tmp_path / "scans", tmp_path / "books")
    assert config.recipe == tmp_path / "my_yard.yaml"
    assert isinstance(source, WatchedFolder)
    assert config.geometry.counts_per_mm == 1.0
    assert config.geometry.row_mm == 0.5


def test_the_recipe_that_comes_along_has_a_name(tmp_path: Path) -> None:
    config = load_rail_station(write_station(tmp_path, recipe="yard_default"))
    assert load_yard_recipe(config.recipe) == load_yard_recipe()


def test_the_recording_of_the_examples_is_sound(repository: Path) -> None:
    config = load_rail_station(repository / "docs" / "examples" / "rail_station.yaml")
    assert config.geometry.counts_per_mm is None  # nobody has measured a scale
    assert {source.type for source in config.scans} == {"recording"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        # a typo
        ({"camera": []}, "unknown key"),
        # a station that would see nothing, or see it twice
        ({"cameras": [{"name": "top", "mm_per_px": 0.5, "inspected": False}]}, "none of them is inspected"),
        ({"cameras": [{"name": "top"}, {"name": "top"}]}, "camera names repeat"),
        # counts that nothing turns into rows, and counts that mean two places
        ({"cameras": [{"name": "top"}], "row_mm": None}, "give one of them"),
        ({"encoder": {"counts_per_mm": 1000.0, "bits": 16}}, "the count wraps every 66 mm"),
        ({"scans": []}, "scans"),
        ({"scans": [{"type": "watch", "path": "a"}, {"type": "watch", "path": "a"}]}, "stands twice"),
        ({"scans": [{"type": "camera", "path": "a"}]}, "scans"),
        ({"second_look": {"share": 1.5}}, "second_look.share"),
        ({"name": "../yard"}, "name"),
        ({"storage": {"folder": "books", "keep_scans_days": -1}}, "keep_scans_days"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_rail_station(write_station(tmp_path, **changed))
    assert said in str(caught.value)
    assert "ferrogate run --schema rail-station" in caught.value.todo


def test_each_kind_of_station_has_its_own_file(tmp_path: Path, repository: Path) -> None:
    ball = repository / "docs" / "examples" / "recording.yaml"
    rail = write_station(tmp_path)
    assert (station_kind(ball), station_kind(rail)) == ("ball", "rail")
    with pytest.raises(ConfigError, match="of a rail yard"):
        load_station(rail)
    with pytest.raises(ConfigError, match="station"):
        load_rail_station(ball)
    assert storage_of(rail) == (tmp_path / "books", None)
    assert storage_of(ball)[0].name == "recording-books"


def test_check_reads_everything_and_starts_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_station(tmp_path, scans=[{"type": "watch", "path": "nowhere"}])
    assert main(["run", str(path), "--check", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["station"] == "yard"
    assert facts["labels"] == ["defect", "dirt", "gap"]
    assert "looks for it again" in facts["missing_sources"][str(tmp_path / "nowhere")]
    assert not (tmp_path / "books").exists()


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"detector": {"model": "ferrogate-models:ball"}}, 4, "station"),
        ({"detector": {"model": "none.onnx"}}, 2, "the model cannot be read"),
        ({"recipe": "none.yaml"}, 2, "the yard recipe cannot be read"),
        ({"detector": {"provider": "no_such"}}, 5, "no_such"),
    ],
)
def test_a_wrong_model_or_recipe_is_refused_at_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, Any], code: int, said: str
) -> None:
    path = write_station(tmp_path, **changed)
    assert main(["run", str(path), "--json"]) == code
    assert said in json.loads(capsys.readouterr().out)["error"]
    assert not (tmp_path / "books").exists()


def test_a_recipe_that_knows_no_label_of_the_model_is_refused(
    tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (repository / "edge_runtime" / "recipes" / "yard_default.yaml").read_text(encoding="utf-8")
    assert "\n  dirt:" in text
    lines = text.split("\nlabels:", 1)
    (tmp_path / "mine.yaml").write_text(
        f"{lines[0]}\nlabels:{lines[1].replace(chr(10) + '  dirt:', chr(10) + '  mud:', 1)}", encoding="utf-8"
    )
    path = write_station(tmp_path, recipe="mine.yaml")
    assert main(["run", str(path), "--check", "--json"]) == 2
    assert "labels" in json.loads(capsys.readouterr().out)["error"]


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--schema", "rail-station"]) == 0
    assert "second_look" in json.loads(capsys.readouterr().out)["properties"]
