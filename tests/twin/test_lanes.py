"""Several lanes side by side: the plan, the files, the pictures drawn once, a whole run at speed."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from datasets.synthetic.bank import BallBank
from edge_runtime.config import load_station
from edge_runtime.twin.auditor import audit
from edge_runtime.twin.balls import plan_balls
from edge_runtime.twin.demo_files import write_files
from edge_runtime.twin.settings import CAMERAS, COUNTS_PER_D, LineSettings, with_fast_lanes
from edge_runtime.twin.shots import Shots
from tests.twin.clocked_loop import clocked_settings, run_clocked
from tests.twin.drawn_bank import make_drawn_bank


@pytest.fixture(scope="module")
def bank_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_drawn_bank(tmp_path_factory.mktemp("bank"))


def fast(run_dir: Path, bank_dir: Path, lanes: int = 4, **changes: object) -> LineSettings:
    settings = clocked_settings(run_dir, bank_dir, diameter_mm=15.0, **changes)
    return with_fast_lanes(settings, lanes)


def test_balls_come_on_all_lanes_and_keep_their_distance_on_each(tmp_path: Path, bank_dir: Path) -> None:
    settings = fast(tmp_path, bank_dir, n_balls=200, defect_share=0.0)
    balls = list(plan_balls(settings, BallBank(bank_dir).index))
    assert [ball.number for ball in balls] == list(range(200))
    for lane in settings.lane_numbers:
        offsets = [ball.offset_counts for ball in balls if ball.lane == lane]
        assert 45 <= len(offsets) <= 55
        gaps = [after - before for before, after in pairwise(offsets)]
        assert min(gaps) > COUNTS_PER_D
        assert np.mean(gaps) == pytest.approx(960.0, rel=0.05)


def test_a_plan_that_repeats_brings_the_same_balls_a_whole_number_of_exposures_later(
    tmp_path: Path, bank_dir: Path
) -> None:
    settings = fast(tmp_path, bank_dir, n_balls=25, repeat_balls=10)
    balls = list(plan_balls(settings, BallBank(bank_dir).index))
    for ball in balls[10:]:
        before = balls[ball.number - 10]
        stretch = ball.offset_counts - before.offset_counts
        exposures = stretch / settings.exposure_every_counts
        assert exposures == pytest.approx(round(exposures), abs=1e-9)
        assert exposures > 1.0
        assert (ball.look, ball.lane, ball.size_mm) == (before.look, before.lane, before.size_mm)
    assert [ball.number for ball in balls] == list(range(25))
    for lane in settings.lane_numbers:
        offsets = [ball.offset_counts for ball in balls if ball.lane == lane]
        assert min(after - before for before, after in pairwise(offsets)) > 1.5 * COUNTS_PER_D


def test_cameras_of_the_first_lane_are_called_by_their_side(tmp_path: Path, bank_dir: Path) -> None:
    places = fast(tmp_path, bank_dir, lanes=3).camera_places
    assert tuple(place.name for place in places[:2]) == CAMERAS
    assert [(place.name, place.lane) for place in places[2:4]] == [("left_1", 1), ("right_1", 1)]
    assert len({place.name for place in places}) == 6


def test_the_station_file_of_several_lanes_is_one(tmp_path: Path, bank_dir: Path) -> None:
    settings = fast(tmp_path / "run", bank_dir, lanes=4)
    config = load_station(write_files(settings).station_file)
    assert config.line is not None
    assert [lane.lane for lane in config.line.lanes] == [0, 1, 2, 3]
    assert len(config.cameras) == 8
    # Views of 320 px: a view reaches 0.8 diameters to all sides.
    assert 1.6 * settings.px_per_d >= 320
    assert config.cameras[0].geometry.height_px >= 320


@pytest.mark.parametrize(
    "changes",
    [
        {"lane": 6, "lanes": 3},  # lane 8 does not exist
        {"balls_per_s": 31.0},  # one lane does not take that
        {"lanes": 9},
        {"repeat_balls": 10, "faults": [{"name": "black_frame", "ball": 3, "camera": "left"}]},
    ],
)
def test_lanes_that_cannot_be_are_refused(tmp_path: Path, bank_dir: Path, changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        clocked_settings(tmp_path, bank_dir, **changes)


def test_a_picture_is_drawn_once_and_shown_with_the_numbers_of_now(tmp_path: Path, bank_dir: Path) -> None:
    settings = fast(tmp_path, bank_dir, n_balls=20, repeat_balls=8)
    balls = list(plan_balls(settings, BallBank(bank_dir).index))
    shots, drawn = Shots(), []

    def compose() -> tuple[np.ndarray, list[object]]:
        drawn.append(1)
        return np.full((4, 4), len(drawn), np.uint8), []

    first = shots.take("left", 1, 5000, [(balls[2], 1000.0, None)], compose)  # type: ignore[list-item, arg-type]
    again = shots.take("left", 9, 7000, [(balls[10], 3000.0, None)], compose)  # type: ignore[list-item, arg-type]
    assert again[0] is first[0]
    assert len(drawn) == 1
    further = shots.take("left", 9, 7001, [(balls[10], 3000.0, None)], compose)  # type: ignore[list-item, arg-type]
    assert further[0] is not first[0]
    assert not further[0].flags.writeable


def test_no_two_pictures_of_the_empty_belt_in_a_row_are_alike() -> None:
    shots, drawn = Shots(), []

    def compose() -> tuple[np.ndarray, list[object]]:
        drawn.append(1)
        return np.full((4, 4), len(drawn) // 2 % 5, np.uint8), []  # each comes twice in a row

    seen = [shots.take("left", turn, 0, [], compose)[0] for turn in range(40)]  # type: ignore[arg-type]
    assert not any(np.array_equal(one, other) for one, other in pairwise(seen))


def test_fifty_seven_balls_a_second_on_four_lanes_end_where_they_belong(
    tmp_path: Path, bank_dir: Path
) -> None:
    settings = fast(tmp_path, bank_dir, n_balls=80, repeat_balls=40, defect_share=0.1)
    settings = LineSettings.model_validate(settings.model_dump() | {"balls_per_s": 57.3})
    run_clocked(settings)
    report = audit(tmp_path, settings, d_min_mm=14.0, d_max_mm=16.0)
    totals = report.totals
    assert report.invariant_kept
    assert totals.balls == totals.triggers == 80
    assert (totals.unaccounted, totals.late, totals.wrong_chute, totals.false_rejects) == (0, 0, 0, 0)
    assert totals.accepted + totals.rejected == 80
    assert totals.accepted >= 55
    assert {ball.lane for ball in report.balls} == {0, 1, 2, 3}
    seen = {ball.lane: ball for ball in report.balls if ball.chute == "accept"}
    assert set(seen) == {0, 1, 2, 3}
