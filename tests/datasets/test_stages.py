"""What balls lie on and how they roll: contact, order of pictures, textures."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from datasets.synthetic.poses import rolling_views
from datasets.synthetic.render import camera_rotation
from datasets.synthetic.settings import SETTINGS_DIR, StageName, StageRanges, load_settings
from datasets.synthetic.sphere import unit_directions
from datasets.synthetic.stages import draw_stage, visible_texture


@pytest.fixture(scope="module")
def ranges() -> StageRanges:
    stage = load_settings(SETTINGS_DIR / "train.yaml").stage
    assert stage is not None
    return stage


def test_before_a_backlight_there_is_no_stage(ranges: StageRanges) -> None:
    assert draw_stage("backlit", ranges, np.random.default_rng(1)) is None


@pytest.mark.parametrize(("name", "planes"), [("belt", 1), ("chute", 1), ("groove", 2)])
def test_a_ball_touches_every_rectangle_from_above(name: StageName, planes: int, ranges: StageRanges) -> None:
    for seed in range(4):
        stage = draw_stage(name, ranges, np.random.default_rng(seed))
        assert stage is not None
        assert len(stage.planes) == planes
        assert stage.albedo.min() > 0.0
        assert stage.albedo.max() < 1.0
        assert stage.albedo.std() > 0.0
        for plane in stage.planes:
            normal = plane.axes[:, 2]
            assert np.linalg.det(plane.axes) == pytest.approx(1.0)
            assert normal[2] > 0.3
            # the contact, one radius away along the normal, lies inside the rectangle
            contact = -normal - plane.centre
            assert abs(contact @ plane.axes[:, 0]) < plane.half[0]
            assert abs(contact @ plane.axes[:, 1]) < plane.half[1]
            assert contact @ normal == pytest.approx(0.0, abs=1e-9)


def test_the_sides_of_a_groove_meet_below_the_ball(ranges: StageRanges) -> None:
    stage = draw_stage("groove", ranges, np.random.default_rng(2))
    assert stage is not None
    left, right = stage.planes
    assert left.axes[1, 2] == pytest.approx(-right.axes[1, 2])
    # both contain the line y = 0, z = -1 / cos(slope)
    line = np.array([0.7, 0.0, -1.0 / left.axes[2, 2]])
    for plane in (left, right):
        assert (line - plane.centre) @ plane.axes[:, 2] == pytest.approx(0.0, abs=1e-9)
        assert abs((line - plane.centre) @ plane.axes[:, 1]) < plane.half[1]


def test_a_ball_that_is_not_round_still_touches(ranges: StageRanges) -> None:
    positions = unit_directions() * np.array([1.0, 1.1, 0.9], np.float32)
    rng = np.random.default_rng(3)
    stage = draw_stage("groove", ranges, rng)
    assert stage is not None
    for view in rolling_views(positions, "good", stage, ranges, 0.4, 8, rng):
        lying = view.pose.world.T @ view.pose.turn
        seen = positions.astype(np.float64) @ lying.T
        for plane, reach in zip(stage.planes, view.pose.reach, strict=True):
            moved = plane.moved(0.3, reach)
            gap = (seen - moved.centre) @ moved.axes[:, 2]
            assert gap.min() == pytest.approx(0.0, abs=1e-5)


def test_a_ball_rolls_about_the_axis_across_the_line(ranges: StageRanges) -> None:
    rng = np.random.default_rng(5)
    views = rolling_views(unit_directions(), "good", None, ranges, 1.1, 8, rng)
    assert len(views) == 8
    for first, second in itertools.pairwise(views):
        if first.camera != second.camera:
            continue
        # what turns one picture's ball into the next one's, in the world
        lying = [view.pose.world.T @ view.pose.turn for view in (first, second)]
        step = lying[1] @ lying[0].T
        assert step @ np.array([0.0, 1.0, 0.0]) == pytest.approx((0.0, 1.0, 0.0), abs=1e-9)
        rolled = np.degrees(np.arctan2(step[0, 2], step[2, 2])) % 360.0
        assert rolled == pytest.approx((second.roll_deg - first.roll_deg) % 360.0, abs=1e-6)
        assert 0.9 * ranges.roll_step_deg[0] < rolled < 4 * 1.1 * ranges.roll_step_deg[1]


def test_a_double_lies_on_its_side(ranges: StageRanges) -> None:
    rng = np.random.default_rng(6)
    stage = draw_stage("belt", ranges, rng)
    for view in rolling_views(unit_directions(), "double", stage, ranges, 0.0, 8, rng):
        axis = view.pose.world.T @ view.pose.turn @ np.array([0.0, 0.0, 1.0])
        assert axis[2] == pytest.approx(0.0, abs=1e-9)
        assert view.pose.beside is None


def test_texture_under_a_camera_straight_above(ranges: StageRanges) -> None:
    stage = draw_stage("belt", ranges, np.random.default_rng(7))
    assert stage is not None
    texture = np.zeros_like(stage.albedo)
    texture[:224, 224:] = 0.5
    albedo, normals = visible_texture(texture, stage.planes, camera_rotation(0.0, 0.0), 100, 1.2)
    # first rows of the texture lie at +y (up in the picture), last columns at +x
    assert albedo[20, 80] == pytest.approx(0.5)
    assert albedo[80, 80] == albedo[20, 20] == albedo[80, 20] == 0.0
    assert normals[50, 50] == pytest.approx((0.0, 0.0, 1.0))
