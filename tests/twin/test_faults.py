"""Faults: the table, the schedule, and what cameras and board make of them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.twin.belt import Segment
from edge_runtime.twin.fault_board import FaultBoard
from edge_runtime.twin.faults import (
    FAULTS,
    ONE_CAMERA,
    FaultName,
    PlannedFault,
    balls_needed,
    gap_balls,
    parse_faults,
    schedule,
)
from edge_runtime.twin.settings import CameraPlace, LineSettings, load_line_settings, save_line_settings
from edge_runtime.twin.twin_camera import Exposed, TwinCamera
from vision.errors import ConfigError


def _settings(**changes: Any) -> LineSettings:
    base = {"run_dir": Path("unused"), "field_name": "unused", "ring_prefix": "unused"}
    return LineSettings.model_validate(base | changes)


def test_table_names_every_fault() -> None:
    assert set(FAULTS) == set(FaultName)
    for name, kind in FAULTS.items():
        assert kind.name == name
        assert kind.does
        assert kind.expected
        assert kind.spoils[0] <= 0 <= kind.spoils[1]
        assert not (kind.frames and name not in ONE_CAMERA)


def test_schedule_is_spread_and_the_same_for_a_seed() -> None:
    names = tuple(FaultName)
    planned = schedule(names, 900, seed=7)
    assert planned == schedule(names, 900, seed=7)
    assert planned != schedule(names, 900, seed=8)
    assert {fault.name for fault in planned} == set(names)
    for fault, following in pairwise(planned):
        assert following.ball - fault.ball >= gap_balls(fault.name) - 1
    assert planned[0].ball >= 15
    assert planned[-1].ball + FAULTS[planned[-1].name].spoils[1] < 900
    for fault in planned:
        assert (fault.camera != "") == (fault.name in ONE_CAMERA)


@pytest.mark.parametrize("rate", [10.0, 25.0])
def test_shortest_run_holds_all_faults(rate: float) -> None:
    needed = balls_needed(tuple(FaultName), rate)
    assert len(schedule(tuple(FaultName), needed, 1, rate)) == len(FaultName)
    with pytest.raises(ConfigError, match=f"do not fit into {needed - 1} balls"):
        schedule(tuple(FaultName), needed - 1, 1, rate)


def test_faster_lines_need_more_balls() -> None:
    assert balls_needed(tuple(FaultName), 20.0) > balls_needed(tuple(FaultName), 10.0) > 400
    assert balls_needed(()) == 0
    assert schedule((), 0, 1) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),  # none
        ("e_stop", (FaultName.E_STOP,)),
        (" lost_frame, e_stop ", (FaultName.LOST_FRAME, FaultName.E_STOP)),  # spaces do not matter
        ("all", tuple(FaultName)),
    ],
)
def test_fault_names(text: str, expected: tuple[FaultName, ...]) -> None:
    assert parse_faults(text) == expected


def test_unknown_fault_is_refused() -> None:
    with pytest.raises(ConfigError, match="no fault 'e_stopp'"):
        parse_faults("e_stopp")


def test_settings_go_through_their_file(tmp_path: Path) -> None:
    settings = _settings(faults=schedule((FaultName.E_STOP,), 100, 1))
    save_line_settings(settings, tmp_path / "line.json")
    assert load_line_settings(tmp_path / "line.json") == settings
    (tmp_path / "line.json").write_text('{"n_ball": 3}', encoding="utf-8")
    with pytest.raises(ConfigError, match="n_ball"):
        load_line_settings(tmp_path / "line.json")


def _place(settings: LineSettings, side: str) -> CameraPlace:
    """The only lane's camera of this side."""
    return next(place for place in settings.camera_places if place.side == side)


def _expose(name: FaultName, exposures: int = 8) -> list[Exposed]:
    """Exposures of the left camera without balls; the fault begins with the third."""
    fault = PlannedFault(name=name, ball=0, camera="left" if name in ONE_CAMERA else "")
    settings = _settings(faults=(fault,))
    board = FaultBoard(settings)
    camera = TwinCamera(settings, _place(settings, "left"), board, encoder_start=0)
    out = []
    for index in range(exposures):
        if index == 2:
            board.enter(0, centre_count=-10_000.0)
        t_ns = index * 27_000_000
        board.update(0.0, t_ns)
        out.append(camera.expose((index + 1) * 256, t_ns, []))
    return out


@pytest.mark.parametrize(
    ("name", "touched"),
    [
        (FaultName.LOST_FRAME, [2]),
        (FaultName.LATE_FRAME, [2]),
        (FaultName.FROZEN_FRAME, [2, 3, 4, 5]),
        (FaultName.BLACK_FRAME, [2, 3]),
        (FaultName.OIL_FILM, [2, 3, 4, 5, 6, 7]),
        (FaultName.DUST_ON_GLASS, [2, 3, 4, 5, 6, 7]),
        (FaultName.CAMERA_KNOCK, [2, 3, 4, 5, 6, 7]),
        (FaultName.CAMERAS_SWAPPED, [2, 3, 4, 5, 6, 7]),
        (FaultName.LAMP_FADE, [2, 3, 4, 5, 6, 7]),
    ],
)
def test_exposures_a_fault_touches(name: FaultName, touched: list[int]) -> None:
    exposed = _expose(name)
    assert [index for index, item in enumerate(exposed) if item.fault] == touched
    assert {item.fault for item in exposed if item.fault} == {str(name)}
    numbers = [item.frame_number for item in exposed]
    assert np.diff(numbers).tolist() == [1] * 7  # the camera counts what it loses
    for item in exposed:
        assert (item.picture is None) == (name == FaultName.LOST_FRAME and bool(item.fault))


def test_pixels_under_faults() -> None:
    frozen = [item.picture.pixels for item in _expose(FaultName.FROZEN_FRAME) if item.picture]
    assert all((frozen[index] == frozen[1]).all() for index in (2, 3, 4, 5))
    assert (frozen[6] != frozen[1]).any()
    black = [item.picture.pixels for item in _expose(FaultName.BLACK_FRAME) if item.picture]
    assert [frame.mean() < 10 for frame in black] == [False, False, True, True, False, False, False, False]
    late = _expose(FaultName.LATE_FRAME)[2]
    assert late.picture is not None
    assert late.deliver_ns - int(late.picture.header["exposed_ns"]) == 300_000_000


@pytest.mark.parametrize(
    ("after_s", "light"),
    [
        (0.0, 1.0),  # begins
        (0.75, 0.65),  # half way down
        (1.5, 0.3),  # down
        (2.4, 0.3),  # stays
        (2.75, 0.65),  # coming back
        (3.1, 1.0),  # over
    ],
)
def test_lamp(after_s: float, light: float) -> None:
    board = FaultBoard(_settings(faults=(PlannedFault(name=FaultName.LAMP_FADE, ball=0),)))
    board.enter(0, -10_000.0)
    board.update(0.0, 0)
    now_ns = round(after_s * 1e9)
    board.update(0.0, now_ns)
    assert board.lamp(now_ns) == pytest.approx(light)


def test_camera_exposes_on_its_counts_and_never_twice() -> None:
    settings = _settings()
    camera = TwinCamera(settings, _place(settings, "right"), FaultBoard(settings), encoder_start=65_500)
    counts = camera.due(Segment(0, 1, 65_500.0, 66_200.0))
    assert counts == [65_536 + 128, 65_536 + 384, 65_536 + 640]
    assert camera.due(Segment(1, 2, 66_200.0, 65_000.0)) == []
    assert camera.due(Segment(2, 3, 65_000.0, 66_431.0)) == []
    assert camera.due(Segment(3, 4, 66_431.0, 66_432.0)) == [66_432]


def test_frame_numbers_wrap_as_the_station_file_says() -> None:
    settings = _settings()
    camera = TwinCamera(settings, _place(settings, "left"), FaultBoard(settings), encoder_start=0)
    numbers = [camera.expose(index * 256, index, []).frame_number for index in range(200)]
    turn = numbers.index(1)
    assert numbers[turn - 1] == 65_535
    assert 0 not in numbers
