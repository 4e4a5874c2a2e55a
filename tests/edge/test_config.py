"""Station files and recipes: what is wrong is said once, with its place and what to do."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_runtime.config import StationConfig, load_recipe, load_station
from edge_runtime.recipes import default_recipe_path
from edge_runtime.twin.demo import write_files
from edge_runtime.twin.settings import LineSettings
from vision.errors import ConfigError
from vision.recipe import BallRecipe

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The station file of a demo."""
    folder = tmp_path_factory.mktemp("station")
    run = write_files(LineSettings(run_dir=folder, field_name="x", ring_prefix="ferrogate-x"))
    data: dict[str, Any] = yaml.safe_load(run.station_file.read_text(encoding="utf-8"))
    return data


def _write(folder: Path, data: object) -> Path:
    path = folder / "station.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


def test_the_demo_writes_a_sound_station_file(tmp_path: Path, station: dict[str, Any]) -> None:
    config = load_station(_write(tmp_path, station))
    assert config.storage.folder == tmp_path / "station"
    assert config.recipe == tmp_path / "recipe.yaml"
    assert [camera.name for camera in config.cameras] == ["left", "right"]


def _camera(data: dict[str, Any]) -> dict[str, Any]:
    camera: dict[str, Any] = data["cameras"][0]
    return camera


def _lane(data: dict[str, Any]) -> dict[str, Any]:
    lane: dict[str, Any] = data["line"]["lanes"][0]
    return lane


def _geometry(data: dict[str, Any]) -> dict[str, Any]:
    geometry: dict[str, Any] = _camera(data)["geometry"]
    return geometry


def _rolling(data: dict[str, Any], *rolling: bool) -> None:
    for camera, rolls in zip(data["cameras"], rolling, strict=True):
        camera["geometry"].update(view_tilt_deg=45.0, rolling=rolls)


SCALE = {"mm_per_px": 0.25, "calibration": None}
WARM = {"source": "constant", "celsius": 20.0, "u_celsius": 3.0}

BROKEN: list[tuple[str, Change, str]] = [
    # a typo in a key
    ("typo", lambda d: d.update(recipie="x"), "recipie.*unknown key: a typo"),
    # a key that is needed
    ("no recipe", lambda d: d.pop("recipe"), "recipe: Field required"),
    # a name that is no file name
    ("name", lambda d: d.update(name="a/b"), "name: String should match"),
    # the gate stands before the camera's end
    ("gate", lambda d: _lane(d).update(eye_to_gate_counts=1500), "lies before the end of camera 'left'"),
    # the deadline comes before the inspection can be done
    ("deadline", lambda d: _lane(d).update(eye_to_gate_counts=2900), "the inspection needs"),
    # more counts in flight than 16 bits can tell apart
    ("wrap", lambda d: _lane(d).update(eye_to_gate_counts=32000), "at most 32767 can be told apart"),
    # exposures that do not repeat after a wrap
    ("exposure", lambda d: _camera(d)["exposure"].update(every_counts=250), "must divide 65536"),
    ("phase", lambda d: _camera(d)["exposure"].update(phase_counts=256), "phase_counts must be below"),
    # pulses that cannot be
    ("pulses", lambda d: d["line"].update(pulse_min_counts=400), "pulse_min_counts is not below"),
    # one number for two lanes, and a lane that nobody looks at
    ("lanes", lambda d: d["line"]["lanes"].append(dict(_lane(d))), "lane numbers repeat"),
    ("unseen", lambda d: _lane(d).update(lane=3), "no camera's lane_y_px looks at this lane"),
    # a speed without end
    ("endless", lambda d: d["line"].update(max_speed_counts_per_s=float("inf")), "max_speed_counts_per_s"),
    # one name for two cameras
    ("names", lambda d: d["cameras"][1].update(name="left"), "camera names repeat"),
    # a PLC without the belt's geometry
    ("no line", lambda d: d.pop("line"), "the belt's geometry is needed"),
    # a source of no known kind
    ("source", lambda d: _camera(d).update(source={"type": "usb"}), "cameras.0.source"),
    # pictures without a belt position cannot be assigned to parts
    (
        "no counts",
        lambda d: _camera(d).update(source={"type": "opencv", "device": "0"}),
        "give no encoder count",
    ),
    # a virtual eye on a camera that is not there
    ("eye", lambda d: d.update(plc={"type": "virtual_eye", "camera": "top"}), "'top' is not one of"),
    # two scales for one camera
    ("scales", lambda d: _geometry(d).update(mm_per_px=0.25, calibration="left.yaml"), "both give a scale"),
    # a scale and nobody knows how warm the balls are
    (
        "cold?",
        lambda d: (_geometry(d).update(SCALE), d.pop("temperature", None)),
        "a diameter in mm needs it",
    ),
    # temperatures that cannot be
    ("absolute", lambda d: d.update(temperature=WARM | {"celsius": -274.0}), "temperature.constant.celsius"),
    ("molten", lambda d: d.update(temperature=WARM | {"celsius": 1500.0}), "temperature.constant.celsius"),
    ("exact", lambda d: d.update(temperature=WARM | {"u_celsius": 0.0}), "temperature.constant.u_celsius"),
    ("nowhere", lambda d: d.update(temperature=WARM | {"source": "guess"}), "temperature"),
    (
        "no range",
        lambda d: d.update(
            temperature={"source": "plc", "u_celsius": 5.0, "min_celsius": 90.0, "max_celsius": 90.0}
        ),
        "min_celsius is not below max_celsius",
    ),
    # a camera that nobody can place
    ("tilt", lambda d: _geometry(d).update(view_tilt_deg=200.0), "view_tilt_deg"),
    # a ball that rolls past one camera only
    ("roll", lambda d: _rolling(d, True, False), "rolling differs"),
    # figures of a study that nobody can find
    ("study", lambda d: d.update(gauge={"u_repeat_mm": 0.03}), "name the study"),
    # not a mapping at all
    ("list", lambda d: d.clear(), "Field required"),
]


@pytest.mark.parametrize(("change", "message"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_station_file_is_refused(
    tmp_path: Path, station: dict[str, Any], change: Change, message: str
) -> None:
    data = copy.deepcopy(station)
    change(data)
    path = _write(tmp_path, data)
    with pytest.raises(ConfigError, match=message) as caught:
        load_station(path)
    assert caught.value.where == str(path)
    assert caught.value.todo
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name: [unclosed", "is not YAML"),  # half a file
        (b"name: one\nlot: 7\nname: two\n", "'name' in line 3"),  # which of the two was meant?
        (b"\xff\xfe\x00", "cannot be read"),  # not text
        (b"", "cannot be used"),  # empty
        (None, "cannot be read"),  # not there
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "station.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        load_station(path)


RECIPES: list[tuple[str, Change, str]] = [
    # no limits at all
    ("no limits", lambda d: d.pop("size"), "size: Field required"),
    # a limit nobody can trace
    ("no source", lambda d: d["size"]["es_mm"].pop("source"), "size.es_mm.source: Field required"),
    # a band that nothing fits into
    ("band", lambda d: d["size"]["ei_mm"].update(value=5.0), "the band is empty"),
    # a label nobody judges
    ("label", lambda d: d["findings"].pop("crack"), "missing \\['crack'\\]"),
    # a label nobody knows
    ("unknown", lambda d: d["findings"].update(scratch={}), "unknown \\['scratch'\\]"),
    # a score that cannot be reached
    (
        "score",
        lambda d: d["findings"]["lap"].update(
            reject_score={"value": 1.5, "source": "somebody", "verified": False}
        ),
        "must lie in",
    ),
]


@pytest.mark.parametrize(("change", "message"), [row[1:] for row in RECIPES], ids=[row[0] for row in RECIPES])
def test_a_broken_recipe_is_refused(tmp_path: Path, change: Change, message: str) -> None:
    data = yaml.safe_load(default_recipe_path("40").read_text(encoding="utf-8"))
    change(data)
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_recipe(path)


def test_the_hash_tells_limits_apart_and_nothing_else(tmp_path: Path) -> None:
    recipe = load_recipe(default_recipe_path("40"))
    again = tmp_path / "again.yaml"
    again.write_text(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=True), encoding="utf-8")
    assert load_recipe(again).sha256() == recipe.sha256()
    nominal = recipe.size.nominal_mm.model_copy(update={"value": 41.0})
    other = recipe.model_copy(update={"size": recipe.size.model_copy(update={"nominal_mm": nominal})})
    assert other.sha256() != recipe.sha256()


def test_unverified_limits_are_named() -> None:
    recipe = load_recipe(default_recipe_path("40"))
    assert "size.es_mm" in recipe.unverified()


@pytest.mark.parametrize("model", [StationConfig, BallRecipe])
def test_schemas_can_be_printed(model: type[StationConfig] | type[BallRecipe]) -> None:
    assert model.model_json_schema()["additionalProperties"] is False


def test_a_pyrometer_needs_a_plc(tmp_path: Path, repository: Path) -> None:
    path = repository / "docs" / "examples" / "recording.yaml"
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    data["temperature"] = {"source": "plc", "u_celsius": 5.0, "min_celsius": 0.0, "max_celsius": 90.0}
    with pytest.raises(ConfigError, match="a virtual eye has no pyrometer"):
        load_station(_write(tmp_path, data))


def test_paths_are_taken_from_the_file_s_folder_and_names_are_names(
    tmp_path: Path, station: dict[str, Any]
) -> None:
    data = copy.deepcopy(station)
    data["recipe"] = "gost:40"
    data["temperature"] = WARM
    _geometry(data).update(mm_per_px=None, calibration="cal/left.yaml")
    config = load_station(_write(tmp_path, data))
    assert config.cameras[0].geometry.calibration == tmp_path / "cal" / "left.yaml"
    assert str(config.recipe) == "gost:40"
    assert load_recipe(config.recipe).size_label == "40"


def test_the_example_is_sound(repository: Path) -> None:
    config = load_station(repository / "docs" / "examples" / "recording.yaml")
    assert load_recipe(config.recipe).size_label == "40"
