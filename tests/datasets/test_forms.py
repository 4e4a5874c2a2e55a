"""True forms of the bank: rebuilt from the seed they agree with the rendered pixels and simple solids."""

from __future__ import annotations

import math

import numpy as np
import pytest

from datasets.synthetic.bank import BallBank
from datasets.synthetic.defects import WHOLE_PIECE
from datasets.synthetic.forms import calipers, outline_radius, rebuilt, silhouette_form, with_forms
from datasets.synthetic.make_ball import BallFactory
from datasets.synthetic.render import camera_rotation
from datasets.synthetic.settings import RenderSettings
from datasets.synthetic.sphere import unit_directions


@pytest.fixture(scope="module")
def bank() -> BallBank:
    return BallBank()


def test_an_ellipsoid_has_its_axes() -> None:
    mesh = unit_directions() * np.array([1.02, 1.0, 0.98], np.float32)
    assert calipers(mesh) == pytest.approx((0.98, 1.02), abs=5e-5)
    # seen along y: axes 1.02 and 0.98
    form = silhouette_form(mesh, np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]))
    assert form is not None
    assert form.feret_min_share == pytest.approx(0.98, abs=3e-4)
    assert form.feret_max_share == pytest.approx(1.02, abs=3e-4)
    assert form.ls_share == pytest.approx(1.0, abs=3e-4)
    # an ellipse's roundness is the difference of its half axes
    assert form.ront_share == pytest.approx(0.02, abs=3e-4)


def test_a_sphere_is_round_whichever_way_it_lies() -> None:
    for roll_deg in (0.0, 37.0, 90.0):
        form = silhouette_form(unit_directions(), camera_rotation(45.0, roll_deg))
        assert form is not None
        assert (form.feret_min_share, form.feret_max_share) == pytest.approx((1.0, 1.0), abs=5e-5)
        assert form.ront_share < 5e-5


def test_an_open_outline_has_no_form() -> None:
    # all of it lies to the right of the middle: no outline runs around that
    moved = (unit_directions() + np.array([3.0, 0.0, 0.0], np.float32)).astype(np.float32)
    assert outline_radius(moved, np.eye(3)) is None
    assert silhouette_form(moved, np.eye(3)) is None


@pytest.mark.parametrize(
    "label", ["good", *(pytest.param(label, marks=pytest.mark.long) for label in ("oval", "seam", "flat"))]
)
def test_rebuilt_balls_are_those_in_the_pictures(bank: BallBank, label: str) -> None:
    """The mesh from the seed covers as much as the rendered alpha, and the file holds its forms."""
    number, ball = next((n, ball) for n, ball in enumerate(bank.index.balls) if ball.label == label)
    factory = BallFactory(RenderSettings.model_validate(bank.index.settings))
    mesh, pose = rebuilt(factory, label, bank.index.seed, number)
    assert factory.calipers(mesh)[1] <= ball.d_max_share + 1e-5
    for index, view in list(enumerate(bank.views(ball)))[::5]:
        turn = camera_rotation({"left": 45.0, "right": -45.0}[view.truth.camera], view.truth.roll_deg) @ pose
        radius = outline_radius(mesh.positions, turn)
        assert radius is not None
        area = 0.5 * float((radius * np.roll(radius, -1)).sum()) * math.sin(2.0 * math.pi / len(radius))
        covered = float(view.alpha.sum()) / 255.0 / (ball.nominal_px / 2.0) ** 2
        # diameters go with the root of the areas: 2e-4 of 40 mm are 8 micrometres
        assert math.sqrt(covered / area) == pytest.approx(1.0, abs=2e-4)
        assert silhouette_form(mesh.positions, turn) == bank.index.balls[number].views[index].form


def test_every_form_of_the_bank_lies_within_its_calipers(bank: BallBank) -> None:
    known = 0
    for ball in bank.index.balls:
        for view in ball.views:
            if ball.label in WHOLE_PIECE:
                assert view.form is None
                continue
            assert view.form is not None
            known += 1
            assert ball.d_min_share <= view.form.feret_min_share + 1e-5
            assert view.form.feret_min_share <= view.form.feret_mean_share <= view.form.feret_max_share
            assert view.form.feret_max_share <= ball.d_max_share + 1e-5
    assert known > 2000


@pytest.mark.long
def test_filling_in_forms_changes_nothing_else(bank: BallBank) -> None:
    number, ball = next((n, ball) for n, ball in enumerate(bank.index.balls) if ball.label == "double")
    factory = BallFactory(RenderSettings.model_validate(bank.index.settings))
    again = with_forms(ball, *rebuilt(factory, ball.label, bank.index.seed, number))
    assert again.views == ball.views
    assert again.d_min_share == pytest.approx(ball.d_min_share, abs=1e-4)
    assert again.d_max_share == pytest.approx(ball.d_max_share, abs=1e-4)
