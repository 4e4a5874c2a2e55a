"""`ferrogate doctor STATION.yaml`: real files, a real model, a real folder camera, a real Modbus server."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from edge_runtime.config import (
    CameraConfig,
    DetectorConfig,
    LaneGeometry,
    LineGeometry,
    ModbusPlc,
    StorageConfig,
    load_recipe,
)
from edge_runtime.doctor import devices, station
from edge_runtime.doctor.report import Check, Level
from edge_runtime.ledger.store import ledger_url, open_ledger
from edge_runtime.plc import registers as reg
from edge_runtime.plc.records import pack
from edge_runtime.shm_ring import RingWriter
from edge_runtime.twin.plc_server import PlcServer
from tests.vision.small_models import ball_contract, darkest_model
from vision.recipe import BallRecipe

RECIPES = Path(station.__file__).parent.parent / "recipes"
WIDTH, HEIGHT = 64, 48
LINE = LineGeometry(
    um_per_count=125.0,
    max_speed_counts_per_s=9600.0,
    pulse_min_counts=200,
    pulse_max_counts=450,
    min_spacing_counts=400,
    valve_lead_ms=47.0,
    gate_window_counts=160,
    lanes=(LaneGeometry(lane=0, eye_to_gate_counts=4800, gate_to_confirm_counts=1280),),
)
GEOMETRY = {
    "um_per_count_x10": 1250,
    "pulse_min_counts": 200,
    "pulse_max_counts": 450,
    "min_spacing_counts": 400,
    "valve_lead_ms": 47,
    "gate_window_counts": 160,
    "lane0_eye_to_gate_counts": 4800,
    "lane0_gate_to_confirm_counts": 1280,
}
MODEL_FITS: dict[str, Level] = {
    "model": "OK",
    "model sha256": "OK",
    "model licence": "OK",
    "provider": "OK",
}
HEADER = {"magic": reg.MAGIC, "map_version": reg.MAP_VERSION, "epoch": 3, "lanes": 1}


def _levels(checks: list[Check]) -> dict[str, Level]:
    return {check.name: check.level for check in checks}


@pytest.fixture
def recipe() -> BallRecipe:
    return load_recipe(RECIPES / "ball_40.yaml")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(darkest_model())
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        assert cv2.imwrite(str(folder / f"f{number:06d}.png"), np.full((HEIGHT, WIDTH), 90, np.uint8))
    return folder


def _camera(source: Mapping[str, object], width_px: int = WIDTH) -> CameraConfig:
    return CameraConfig.model_validate(
        {
            "name": "left",
            "source": source,
            "geometry": {
                "width_px": width_px,
                "height_px": HEIGHT,
                "fov_start_counts": 0,
                "px_per_count": 0.5,
                "lane_y_px": {0: HEIGHT / 2},
            },
            "exposure": {"every_counts": 256},
        }
    )


def _station_file(folder: Path, pictures: Path, model: Path, **changes: object) -> Path:
    camera = _camera({"type": "folder", "path": str(pictures)}).model_dump(mode="json")
    values = {
        "name": "bench",
        "recipe": str(RECIPES / "ball_40.yaml"),
        "cameras": [camera],
        "plc": {"type": "virtual_eye", "camera": "left"},
        "detector": {"model": str(model)},
        "storage": {"folder": "books"},
    }
    path = folder / "station.yaml"
    path.write_text(yaml.safe_dump(values | changes), encoding="utf-8")
    return path


def test_a_sound_station_fails_nowhere_and_nothing_is_written(
    tmp_path: Path, pictures: Path, model: Path
) -> None:
    path = _station_file(tmp_path, pictures, model)
    before = sorted(tmp_path.rglob("*"))
    levels = _levels(list(station.all_checks(path)))
    assert "FAIL" not in levels.values()
    assert levels["recipe limits"] == "WARN"  # the shipped limits are not verified
    assert {"model", "provider", "camera left", "plc", "ledger", "storage"} <= levels.keys()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("changes", "failing"),
    [
        ({"nmae": "typo"}, "station file"),  # unknown key
        ({"recipe": "nowhere.yaml"}, "recipe"),
        ({"detector": {"model": "nowhere.onnx"}}, "model"),
        ({"detector": {"model": "ferrogate-models:marble"}}, "model"),  # no such model is shipped
    ],
)
def test_what_is_wrong_is_named(
    changes: Mapping[str, object], failing: str, tmp_path: Path, pictures: Path, model: Path
) -> None:
    path = _station_file(tmp_path, pictures, model, **changes)
    assert _levels(list(station.all_checks(path)))[failing] == "FAIL"


def test_an_unverified_limit_is_named(recipe: BallRecipe) -> None:
    head, limits = station.check_recipe(recipe, RECIPES / "ball_40.yaml")
    assert head.level == "OK"
    assert "size.es_mm" in limits.text


def test_a_verified_recipe_warns_of_nothing(recipe: BallRecipe) -> None:
    def verified(value: object) -> object:
        if isinstance(value, dict):
            return {key: True if key == "verified" else verified(item) for key, item in value.items()}
        return value

    checked = BallRecipe.model_validate(verified(recipe.model_dump()))
    assert _levels(station.check_recipe(checked, Path("r.yaml"))) == {"recipe": "OK", "recipe limits": "OK"}


@pytest.mark.parametrize(
    ("free_mb", "level"),
    [
        (5000.0, "OK"),
        (1500.0, "OK"),  # books 500 and pictures 1000
        (1499.0, "WARN"),
        (199.0, "FAIL"),
    ],
)
def test_room_on_the_disk(free_mb: float, level: Level, tmp_path: Path) -> None:
    storage = StorageConfig(folder=tmp_path / "new" / "books", pictures_max_mb=1000)
    assert station.check_storage(storage, free_mb).level == level


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "books").write_text("a file")
    assert station.check_storage(StorageConfig(folder=tmp_path / "books" / "a")).level == "FAIL"


def _nothing(url: str) -> None:
    pass


def _ours(url: str) -> None:
    open_ledger(url).dispose()


def _newer(url: str) -> None:
    _ours(url)
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


def _somebody_elses(url: str) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("CREATE TABLE recipes_of_grandmother (cake TEXT)")
    connection.close()


def _garbage(url: str) -> None:
    Path(url.removeprefix("sqlite:///")).write_bytes(b"not a database" * 100)


@pytest.mark.parametrize(
    ("make", "level"),
    [(_nothing, "OK"), (_ours, "OK"), (_newer, "FAIL"), (_somebody_elses, "FAIL"), (_garbage, "FAIL")],
)
def test_the_ledgers_schema(make: Callable[[str], None], level: Level, tmp_path: Path) -> None:
    url = ledger_url(tmp_path)
    make(url)
    assert station.check_ledger(url).level == level


def test_a_database_that_nobody_drives() -> None:
    assert station.check_ledger("abacus://counting-house/books").level == "FAIL"


@pytest.mark.parametrize(
    ("model_name", "version", "levels"),
    [
        ("ferrogate-models:ball", "0.1.0", ["OK"]),
        ("ferrogate-models:ball", None, ["FAIL"]),
        ("/models/own.onnx", None, []),  # a file of one's own needs no package
    ],
)
def test_the_models_package(model_name: str, version: str | None, levels: list[Level]) -> None:
    assert [check.level for check in station.check_models_installed(model_name, version)] == levels


@pytest.mark.parametrize(
    ("data", "provider", "levels"),
    [
        (darkest_model(), "cpu", MODEL_FITS),
        (darkest_model(metadata={}), "cpu", {"model": "FAIL"}),  # no contract
        (darkest_model(ball_contract(labels=("crack",))), "cpu", {"model": "FAIL"}),  # the recipe judges more
        (b"", "cpu", {"model": "FAIL"}),  # zero bytes
        (darkest_model(), "cuda", {"model": "FAIL"}),  # a provider that is not here
    ],
)
def test_the_model(
    data: bytes, provider: str, levels: dict[str, Level], tmp_path: Path, recipe: BallRecipe
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    assert _levels(station.check_model(DetectorConfig(model=str(path), provider=provider), recipe)) == levels


def test_a_fallback_is_said_aloud(model: Path, recipe: BallRecipe) -> None:
    config = DetectorConfig(model=str(model), provider="cuda", allow_fallback=True)
    levels = _levels(station.check_model(config, recipe))
    assert (levels["model"], levels["provider"]) == ("OK", "WARN")


def test_a_camera_gives_a_picture(pictures: Path) -> None:
    check = devices.check_camera(_camera({"type": "folder", "path": str(pictures)}))
    assert check.level == "OK"
    assert "mean grey 90" in check.text


@pytest.mark.parametrize(
    "camera",
    [
        _camera({"type": "folder", "path": "nowhere-at-all"}),  # no such folder
        _camera({"type": "opencv", "device": "no-such-video.mp4"}),  # OpenCV cannot open it
        _camera({"type": "shm", "name": "fg-test-no-such-ring"}),  # the line is not running
    ],
)
def test_a_camera_that_is_not_there(camera: CameraConfig) -> None:
    check = devices.check_camera(camera)
    assert (check.level, check.name) == ("FAIL", "camera left")


def test_a_camera_of_another_size(pictures: Path) -> None:
    check = devices.check_camera(_camera({"type": "folder", "path": str(pictures)}, width_px=640))
    assert check.level == "FAIL"
    assert "64x48" in check.text


def test_a_frame_ring_is_seen_and_left_alone(tmp_path: Path) -> None:
    writer = RingWriter(f"fg-test-doctor-{tmp_path.name}", slots=2, payload_bytes=16)
    try:
        check = devices.check_camera(_camera({"type": "shm", "name": writer.name}))
    finally:
        writer.close()
    assert check.level == "OK"


@dataclass
class Plc:
    """A Modbus server in a thread of its own."""

    port: int
    registers: list[int]

    def hold(self, header: Mapping[str, int], geometry: Mapping[str, int]) -> None:
        for block, values in ((reg.PLC_HEADER, header), (reg.PLC_GEOMETRY, geometry)):
            words = pack(block, values)
            self.registers[block.address : block.address + len(words)] = words


@pytest.fixture
def plc(free_port: int) -> Iterator[Plc]:
    opened: queue.SimpleQueue[tuple[Plc, Callable[[], object]]] = queue.SimpleQueue()

    async def serve() -> None:
        server = PlcServer("127.0.0.1", free_port)
        await server.open()
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        opened.put((Plc(free_port, server.registers), lambda: loop.call_soon_threadsafe(stop.set)))
        await stop.wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    served, close = opened.get(timeout=20)
    yield served
    close()
    thread.join()


@pytest.mark.parametrize(
    ("header", "geometry", "levels"),
    [
        ({}, {}, {"plc": "OK", "belt latch": "OK", "plc geometry": "OK"}),
        ({"magic": 0}, {}, {"plc": "FAIL"}),  # some other Modbus device
        ({"map_version": reg.MAP_VERSION + 1}, {}, {"plc": "FAIL"}),  # a later map
        (
            {"plc_status": int(reg.PlcStatus.BELT_LATCHED), "stop_cause": int(reg.StopCause.E_STOP)},
            {},
            {"plc": "OK", "belt latch": "WARN", "plc geometry": "OK"},
        ),
        (  # the gate is elsewhere than the station file says
            {},
            {"lane0_eye_to_gate_counts": 4801},
            {"plc": "OK", "belt latch": "OK", "plc geometry": "FAIL"},
        ),
    ],
)
def test_the_plc(
    header: Mapping[str, int], geometry: Mapping[str, int], levels: dict[str, Level], plc: Plc
) -> None:
    plc.hold({**HEADER, **header}, {**GEOMETRY, **geometry})
    before = list(plc.registers)
    assert _levels(devices.check_plc(ModbusPlc(port=plc.port), LINE)) == levels
    assert plc.registers == before


def test_no_plc_there(free_port: int) -> None:
    (check,) = devices.check_plc(ModbusPlc(port=free_port), LINE)
    assert (check.level, check.name) == ("FAIL", "plc")
