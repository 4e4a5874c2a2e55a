"""The renderer against geometry: silhouettes, masks, poses, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datasets.synthetic.bank import BallBank
from datasets.synthetic.defects import DEFECTS
from datasets.synthetic.make_ball import BallFactory
from datasets.synthetic.render import Renderer, camera_rotation
from datasets.synthetic.render_balls import render_set
from datasets.synthetic.render_bank import build_bank, plan_labels
from datasets.synthetic.settings import SETTINGS_DIR, RenderSettings, load_settings
from datasets.synthetic.sphere import COLUMNS, ROWS, Ball, triangles, unit_directions
from tests.training.extra import needs_renderer
from vision.contract import BALL_LABELS
from vision.errors import ConfigError

NOMINAL_PX = 80.0
TILE_PX = 100


@pytest.fixture(scope="module")
def settings() -> RenderSettings:
    return load_settings(SETTINGS_DIR / "train.yaml").model_copy(update={"samples_per_pixel": 2})


def _smooth_ball() -> Ball:
    directions = unit_directions()
    return Ball(
        directions=directions,
        positions=directions.copy(),
        albedo=np.full(len(directions), 0.3, np.float32),
        roughness=np.full(len(directions), 0.5, np.float32),
        defect=np.zeros(len(directions), np.bool_),
    )


def test_mesh_is_closed_and_faces_outwards() -> None:
    points, faces = unit_directions().astype(np.float64), triangles()
    a, b, c = (points[faces[:, k]] for k in range(3))
    # Signed volume of a closed surface whose faces look outwards: that of the sphere, a little less.
    volume = float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6.0)
    assert 0.999 < volume / (4.0 / 3.0 * np.pi) < 1.0
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    assert len(points) == ROWS * COLUMNS
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


@pytest.mark.parametrize(
    ("tilt_deg", "roll_deg", "point", "seen_at"),
    [
        (0.0, 0.0, (0, 0, 1), (0, 0, 1)),  # the top of the ball is nearest a camera above it
        (0.0, 90.0, (0, 0, 1), (1, 0, 0)),  # forward rolling takes the top towards +x
        (0.0, 0.0, (0, 1, 0), (0, 1, 0)),  # the left of the line is up in the picture
        (45.0, 0.0, (0, 0.7071, 0.7071), (0, 0, 1)),  # the left camera looks at the left shoulder
        (-45.0, 0.0, (0, -0.7071, 0.7071), (0, 0, 1)),  # the right camera at the right one
        (45.0, 180.0, (0, 1, 0), (0, 0.7071, 0.7071)),  # the pole of rolling stays where it is
    ],
)
def test_camera_rotation(
    tilt_deg: float, roll_deg: float, point: tuple[float, float, float], seen_at: tuple[float, float, float]
) -> None:
    assert camera_rotation(tilt_deg, roll_deg) @ np.array(point) == pytest.approx(seen_at, abs=1e-4)


def test_every_label_has_a_maker_and_marks_its_defect(settings: RenderSettings) -> None:
    assert tuple(DEFECTS) == BALL_LABELS
    factory = BallFactory(settings)
    for label in ("good", "oval"):
        assert not factory.ball(label, np.random.default_rng(1)).defect.any()
    for label in BALL_LABELS:
        ball = factory.ball(label, np.random.default_rng(2))
        assert 50 < ball.defect.sum(), label
        assert np.isfinite(ball.positions).all(), label
        smallest, largest = factory.calipers(ball)
        # A tile of the largest size must hold the ball.
        assert 0.3 < smallest <= largest < 2.1, label


@pytest.mark.train
@needs_renderer
def test_silhouette_and_mask_agree_with_geometry(settings: RenderSettings) -> None:
    ball = _smooth_ball()
    # A cap of 30 degrees about +z is the defect.
    ball.defect = ball.directions[:, 2] > np.cos(np.radians(30.0))
    light = np.ones((64, 128), np.float32)
    turns = [np.eye(3), camera_rotation(0.0, 90.0), camera_rotation(0.0, 180.0)]
    above, side, below = Renderer(NOMINAL_PX, settings).render(ball, light, turns, TILE_PX, seed=1)
    for view in (above, side, below):
        assert view.alpha.sum() == pytest.approx(np.pi * (NOMINAL_PX / 2) ** 2, rel=0.01)
        assert view.silhouette_xyxy_px == pytest.approx((10, 10, 90, 90), abs=1.0)
        assert view.radiance[50, 50] == pytest.approx(view.radiance[40, 60], rel=0.5)
    radius_px = NOMINAL_PX / 2 * np.sin(np.radians(30.0))
    assert above.defect_px == pytest.approx(np.pi * radius_px**2, rel=0.06)
    assert above.defect_xyxy_px == pytest.approx(
        (50 - radius_px, 50 - radius_px, 50 + radius_px, 50 + radius_px), abs=1.5
    )
    # Rolled forward by a quarter the cap looks along +x: seen edge-on at the right of the picture.
    assert side.defect_xyxy_px is not None
    assert side.defect_xyxy_px[0] == pytest.approx(50 + NOMINAL_PX / 2 * np.cos(np.radians(30.0)), abs=1.5)
    assert below.defect_px == 0
    assert below.defect_xyxy_px is None


@pytest.mark.train
@needs_renderer
def test_the_shipped_bank_is_what_its_seed_and_settings_render(tmp_path: Path) -> None:
    shipped = BallBank()
    settings = RenderSettings.model_validate(shipped.index.settings)
    old = shipped.index.balls[0]
    index = build_bank(tmp_path, settings, [old.label], shipped.index.seed, "test", show_progress=False)
    new = index.balls[0]
    assert new.model_copy(update={"views": old.views}) == old
    for before, after in zip(shipped.views(old), BallBank(tmp_path).views(new), strict=True):
        assert after.truth == before.truth
        inside = before.alpha == 255
        assert abs(after.grey[inside].astype(float) - before.grey[inside]).mean() < 6.0


@pytest.mark.train
@needs_renderer
def test_the_same_seed_renders_the_same_ball(settings: RenderSettings) -> None:
    renderer, factory = Renderer(NOMINAL_PX, settings), BallFactory(settings)
    light = np.ones((64, 128), np.float32)
    first, second = (
        renderer.render(factory.ball("crack", np.random.default_rng(5)), light, [np.eye(3)], TILE_PX, seed=3)[
            0
        ]
        for _ in range(2)
    )
    assert np.allclose(first.radiance, second.radiance, atol=1e-4)
    assert np.array_equal(first.defect, second.defect)


@pytest.mark.parametrize("name", ["bank", "test"])
def test_settings_for_evaluation_are_never_trained_on(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="never trained on"):
        render_set(
            tmp_path / "set", load_settings(SETTINGS_DIR / f"{name}.yaml"), 8, 1, "test", show_progress=False
        )
    assert not list(tmp_path.iterdir())


def test_settings_for_training_measure_nothing(tmp_path: Path, settings: RenderSettings) -> None:
    with pytest.raises(ConfigError, match="measures nothing"):
        render_set(tmp_path / "set", settings, 8, 1, "test", test=True, show_progress=False)
    assert not list(tmp_path.iterdir())


def test_evaluation_settings_differ_from_training_in_light_surface_and_camera() -> None:
    train, test = (load_settings(SETTINGS_DIR / f"{name}.yaml") for name in ("train", "test"))
    assert train.noise_seed != test.noise_seed
    assert train.camera != test.camera
    assert train.stage != test.stage
    for name, finish in test.finishes.items():
        assert finish.surface != train.finishes[name].surface
    for rig_name, rig in test.rigs.items():
        assert rig.light != train.rigs[rig_name].light


def test_bank_plan() -> None:
    labels = plan_labels(224, 11, 8, seed=1)
    assert len(labels) == 224
    assert all(labels.count(label) == 11 for label in BALL_LABELS)
    assert labels.count("oval") == 8
    with pytest.raises(ConfigError, match="no good ball"):
        plan_labels(100, 11, 8, seed=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x", "training_allowed"),  # a key is missing
        ("{", "cannot be read"),  # not YAML
        (None, "cannot be read"),  # no file
    ],
)
def test_broken_settings_are_one_clear_error(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "mine.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_settings(path)


def test_settings_with_a_reversed_range_or_an_unknown_key_are_refused(tmp_path: Path) -> None:
    good = (SETTINGS_DIR / "train.yaml").read_text(encoding="utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(good.replace("dome: [0.3, 1.2]", "dome: [1.2, 0.3]"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"light\.dome"):
        load_settings(path)
    path.write_text(good + "colour: 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="colour"):
        load_settings(path)
