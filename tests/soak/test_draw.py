"""Which faults a soak draws: the same for a seed, all kinds, apart from each other."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from edge_runtime.soak.draw import WEIGHTS, draw_faults, gap_after
from edge_runtime.twin.faults import LEAD_BALLS, ONE_CAMERA, FaultName, PlannedFault
from vision.errors import ConfigError

ALL = tuple(FaultName)
BALLS = 86_400


def _draw(seed: int = 1, n_balls: int = BALLS, every: float = 120.0, **more: int) -> tuple[PlannedFault, ...]:
    return draw_faults(ALL, n_balls, seed, balls_per_s=3.0, every_balls=every, **more)


def test_a_seed_draws_the_same_and_another_one_does_not() -> None:
    assert _draw(7) == _draw(7)
    assert _draw(7) != _draw(8)


def test_eight_hours_hold_more_than_five_hundred_of_all_kinds() -> None:
    faults = _draw()
    counts = Counter(fault.name for fault in faults)
    assert 650 <= len(faults) <= 800
    assert set(counts) == set(FaultName)
    # The counter wraps by itself; it can be laid under one ball of the run only.
    assert counts.pop(FaultName.ENCODER_WRAP) == 1
    per_weight = [count / WEIGHTS.get(name, 1) for name, count in counts.items()]
    assert max(per_weight) - min(per_weight) <= 1.0


@pytest.mark.parametrize("every", [1.0, 40.0, 120.0])
def test_the_line_can_recover_before_the_next_fault_and_before_the_end(every: float) -> None:
    faults = _draw(every=every, n_balls=5000)
    assert faults[0].ball >= LEAD_BALLS
    for before, after in pairwise(faults):
        assert after.ball - before.ball >= gap_after(before.name, 3.0)
    assert faults[-1].ball + gap_after(faults[-1].name, 3.0) <= 5000


def test_a_faster_line_gets_more_balls_between_faults() -> None:
    assert gap_after(FaultName.STATION_KILL, 10.0) > gap_after(FaultName.STATION_KILL, 3.0)
    assert gap_after(FaultName.STATION_KILL, 10.0) >= 100


def test_cameras_are_drawn_for_faults_of_one_camera() -> None:
    faults = _draw()
    for fault in faults:
        assert (fault.camera != "") == (fault.name in ONE_CAMERA)
    assert {fault.camera for fault in faults} == {"", "left", "right"}


def test_no_fault_lies_on_the_first_ball_of_a_train() -> None:
    assert all(fault.ball % 60 for fault in _draw(train_balls=60))
    assert any(fault.ball % 60 == 0 for fault in _draw())


def test_kinds_can_be_chosen_and_left_out() -> None:
    only = draw_faults((FaultName.E_STOP,), 1000, 1, balls_per_s=3.0, every_balls=50.0)
    assert {fault.name for fault in only} == {FaultName.E_STOP}
    assert draw_faults((), 1000, 1, balls_per_s=3.0, every_balls=50.0) == ()
    once = draw_faults((FaultName.ENCODER_WRAP,), 1000, 1, balls_per_s=3.0, every_balls=50.0)
    assert len(once) == 1


@pytest.mark.parametrize(("n_balls", "every"), [(20, 120.0), (1000, 0.0), (1000, float("nan"))])
def test_what_has_no_room_is_refused(n_balls: int, every: float) -> None:
    with pytest.raises(ConfigError):
        draw_faults(ALL, n_balls, 1, balls_per_s=3.0, every_balls=every)
