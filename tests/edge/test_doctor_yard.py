"""`ferrogate doctor RAIL_STATION.yaml`: real files, a real model, real scans, a real port."""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from edge_runtime.cli import main
from edge_runtime.doctor import yard
from edge_runtime.doctor.report import Check, Level
from edge_runtime.recipes import YARD_RECIPE_PATH
from edge_runtime.yard.station_status import StatusWriter
from edge_runtime.yard.yard_config import load_rail_station
from tests.edge.yard.rail_scans import write_scan
from tests.edge.yard.rail_station_rig import write_station
from tests.vision.small_models import ball_contract, darkest_model, rail_contract


def _levels(checks: list[Check]) -> dict[str, Level]:
    return {check.name: check.level for check in checks}


def _station(folder: Path, **changed: object) -> Path:
    (folder / "rail.onnx").write_bytes(darkest_model(rail_contract()))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return write_station(folder, **{"detector": {"model": "rail.onnx"}, "page": {"port": port}, **changed})


def _text(path: Path, name: str) -> str:
    return next(check.text for check in yard.all_checks(path) if check.name == name)


def test_a_sound_station_fails_nowhere_and_nothing_is_written(tmp_path: Path) -> None:
    path = _station(tmp_path)
    write_scan(tmp_path / "scans" / "R-1")
    before = sorted(tmp_path.rglob("*"))
    levels = _levels(list(yard.all_checks(path)))
    assert "FAIL" not in levels.values()
    assert levels["recipe limits"] == "WARN"  # the shipped figures are not verified
    assert {"station file", "scale", "recipe", "storage", "ledger", "scans scans", "model", "page"} <= set(
        levels
    )
    assert levels["scale"] == levels["scans scans"] == levels["page"] == "OK"
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("changed", "failing"),
    [
        ({"camera": []}, "station file"),  # unknown key
        ({"recipe": "nowhere.yaml"}, "recipe"),
        ({"detector": {"model": "nowhere.onnx"}}, "model"),
        ({"detector": {"model": "ball.onnx"}}, "model"),  # of another station
        ({"detector": {"model": "rail.onnx", "provider": "cuda"}}, "model"),  # a provider that is not here
        ({"scans": [{"type": "watch", "path": "nowhere"}]}, "scans nowhere"),  # no rail would ever come
        ({"scans": [{"type": "recording", "path": "empty"}]}, "scans empty"),
        ({"scans": [{"type": "recording", "path": "scan", "rails": ["R-9"]}]}, "scans scan"),  # no such rail
        ({"storage": {"folder": "rail.onnx"}}, "storage"),  # a file in its place
        ({"storage": {"folder": "books", "min_free_mb": 10**12}}, "storage"),  # no room for a rail
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changed: Mapping[str, object], failing: str) -> None:
    (tmp_path / "ball.onnx").write_bytes(darkest_model(ball_contract()))
    (tmp_path / "empty").mkdir()
    write_scan(tmp_path / "scan")
    checks = list(yard.all_checks(_station(tmp_path, **changed)))
    assert [check.name for check in checks if check.level == "FAIL"] == [failing]
    assert all(check.todo for check in checks if check.level == "FAIL")


def test_a_recipe_that_lacks_a_label_of_the_model_is_named(tmp_path: Path) -> None:
    text = YARD_RECIPE_PATH.read_text(encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "more.onnx").write_bytes(
        darkest_model(rail_contract(labels=("defect", "dirt", "gap", "moss")))
    )
    path = _station(tmp_path, recipe="mine.yaml", detector={"model": "more.onnx"})
    assert _levels(list(yard.all_checks(path)))["recipe"] == "OK"
    assert "moss" in _text(path, "model")


def test_one_source_of_two_that_is_gone_is_a_warning(tmp_path: Path) -> None:
    scans = [{"type": "watch", "path": "scans"}, {"type": "watch", "path": "nowhere"}]
    levels = _levels(list(yard.all_checks(_station(tmp_path, scans=scans))))
    assert (levels["scans scans"], levels["scans nowhere"]) == ("OK", "WARN")


def test_a_recording_says_its_rails_and_what_is_missing(tmp_path: Path) -> None:
    write_scan(tmp_path / "scan", sheet="")
    path = _station(tmp_path, scans=[{"type": "recording", "path": "scan"}])
    assert _text(path, "scans scan") == "a recording of 1 rail(s), 3 frames"
    (tmp_path / "scan" / "f002.png").unlink()
    check = next(check for check in yard.all_checks(path) if check.name == "scans scan")
    assert (check.level, "1 of them without a picture" in check.text) == ("WARN", True)


@pytest.mark.parametrize(
    ("changed", "level"),
    [
        ({}, "OK"),
        ({"encoder": None}, "WARN"),  # every row as high as the scale says
        ({"encoder": None, "row_mm": None, "cameras": [{"name": "top"}]}, "WARN"),  # no scale at all
    ],
)
def test_the_scale(tmp_path: Path, changed: Mapping[str, object], level: Level) -> None:
    assert yard.check_scale(load_rail_station(_station(tmp_path, **changed))).level == level


def test_a_port_that_is_taken_is_a_fault_unless_the_station_itself_holds_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        config = load_rail_station(_station(tmp_path, page={"port": other.getsockname()[1]}))
        now_ns = time.time_ns()
        assert yard.check_page(config, None, now_ns).level == "FAIL"
        config.storage.folder.mkdir()
        status = StatusWriter(config.storage.folder, config.name, now_ns).status
        assert yard.check_page(config, status, now_ns).level == "OK"
        assert yard.check_page(config, status, now_ns + 60 * 10**9).level == "FAIL"  # it runs no more
    assert yard.check_page(config, None, now_ns).level == "OK"


def test_the_command_takes_either_kind_of_station(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(_station(tmp_path)), "--json"]) == 0
    names = [check["name"] for check in json.loads(capsys.readouterr().out)["checks"]]
    assert {"scale", "page", "scans scans"} <= set(names)
    shutil.rmtree(tmp_path / "scans")
    assert main(["doctor", str(tmp_path / "rail_station.yaml"), "--json"]) == 1
    assert main(["doctor", str(tmp_path / "none.yaml"), "--json"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [check["name"] for check in json.loads(lines[-1])["checks"] if check["level"] == "FAIL"] == [
        "station file"
    ]
