"""The learning curve: its points, its figure, what it refuses, and that a finished point is kept."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from pydantic import ValidationError

from tests.training.extra import needs_training
from tests.training.tiny_rail import make_set
from vision.errors import ConfigError

if TYPE_CHECKING:
    from training.learning_curve import Curve

pytestmark = [pytest.mark.train, needs_training, pytest.mark.timeout(400)]


def _nothing(*_: object) -> None:
    return None


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "rail"
    make_set(folder / "frames", {"train": 12, "guard": 2, "val": 6}, seed=1)
    return folder


def test_every_point_has_the_same_budget() -> None:
    from training.learning_curve import CurveSettings, budget_words, point_settings

    settings = CurveSettings(steps=200, batch=8)
    plan = point_settings(settings, seed=5)
    (stage,) = plan.stages
    assert stage.epochs * stage.samples_per_epoch == 200 * 8
    # Composed pictures are made from all train frames: a point of 25 must not see them.
    assert [source.folder for source in stage.sources] == ["frames"]
    assert plan.seed == 5
    assert plan.rail is not None
    assert "200 steps of 8 tiles of 224 px" in budget_words(settings)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"counts": (13,)}, "the train split has 12"),  # one more than there are
        ({"steps": 25}, "shared out evenly"),  # no whole epochs
        ({"starts": ("pretrained",)}, "no pretrained weights"),  # none given
    ],
)
def test_refused_before_anything_is_trained(
    data: Path, tmp_path: Path, changed: dict[str, object], match: str
) -> None:
    from training.learning_curve import CurveSettings, learning_curve

    given = {"counts": (2, 0), "starts": ("scratch",), "steps": 20, **changed}
    settings = CurveSettings.model_validate(given)
    with pytest.raises(ConfigError, match=match):
        learning_curve(data, tmp_path / "curve", settings, None, "test", _nothing, _nothing)
    assert not (tmp_path / "curve").exists()


def test_settings_know_their_ranges() -> None:
    from training.learning_curve import CurveSettings

    for wrong in ({"counts": ()}, {"starts": ("half",)}, {"steps": 5}, {"batch": 1}):
        with pytest.raises(ValidationError):
            CurveSettings.model_validate(wrong)


def test_no_frames_in_val_is_an_error(tmp_path: Path) -> None:
    from training.learning_curve import CurveSettings, learning_curve

    make_set(tmp_path / "frames", {"train": 4}, seed=1)
    settings = CurveSettings(counts=(0,), starts=("scratch",), steps=20)
    with pytest.raises(ConfigError, match="in train and in val"):
        learning_curve(tmp_path, tmp_path / "curve", settings, None, "test", _nothing, _nothing)


def _curve(points: list[tuple[int, str, float | None]]) -> Curve:
    from training.learning_curve import Bounds, Curve, Point

    made = []
    for frames, start, value in points:
        low, high = (None, None) if value is None else (value - 0.1, value + 0.1)
        bounds = Bounds(value=value, low=low, high=high)
        made.append(
            Point.model_validate(
                {
                    **{"asked": str(frames), "frames": frames, "groups": 3, "boxes": {"defect": 4}},
                    **{"start": start, "seed": 1, "steps": 20, "batch": 4, "seconds": 1.0},
                    **{"map50": bounds, "ap50": {"defect": bounds}},
                    **{"weights_sha256": "a" * 64, "key": "b" * 64},
                }
            )
        )
    return Curve(
        data_sha256="c" * 64,
        val_frames=6,
        val_groups=3,
        budget="20 steps of 4 tiles",
        pretrained_sha256=None,
        command="test",
        points=tuple(made),
    )


def test_figure_names_axes_and_budget_and_is_equal_for_equal_points() -> None:
    from training.learning_curve_figure import curve_svg

    points: list[tuple[int, str, float | None]] = [
        (25, "scratch", 0.2),
        (100, "scratch", 0.5),
        (25, "pretrained", 0.4),
        (100, "pretrained", None),  # a label that val does not show
    ]
    text = curve_svg(_curve(points))
    assert ElementTree.fromstring(text).tag.endswith("svg")
    # Letters are drawn as paths; matplotlib names each text in a comment before it.
    said = re.findall(r"<!-- (.*?) -->", text)
    assert any("labelled frames in training" in one for one in said)
    assert any("average precision at IoU 0.5" in one for one in said)
    # The note has two lines, each a text of its own.
    assert any("20 steps of 4 tiles" in one for one in said)
    assert any("6 val frames" in one for one in said)
    assert {"25", "100", "from scratch", "pretrained"} <= set(said)
    assert curve_svg(_curve(points)) == text
    assert curve_svg(_curve(points[:2])) != text


@pytest.mark.long
def test_points_are_trained_scored_and_kept(data: Path, tmp_path: Path) -> None:
    from datasets.records import read_coco
    from training.learning_curve import CurveSettings, learning_curve

    out, said = tmp_path / "curve", list[str]()
    settings = CurveSettings(
        counts=(4, 0), starts=("scratch",), steps=10, batch=4, input_px=96, threads=1, resamples=20
    )
    curve = learning_curve(data, out, settings, None, "ferrogate train curve rail", said.append, _nothing)
    assert len(said) == 2
    few, whole = curve.points
    assert (few.asked, whole.asked) == ("4", "all")
    assert few.frames < whole.frames == 12
    assert whole.boxes == {"defect": 12, "dirt": 12, "gap": 12}
    for point in curve.points:
        value = point.map50.value
        assert value is not None
        assert 0.0 <= value <= 1.0
        assert set(point.ap50) == {"defect", "dirt", "gap"}
    assert curve.val_frames == 6
    drawn = read_coco(out / "points" / "4-scratch-seed1" / "data" / "frames")
    assert {sample.split for sample in drawn.samples} == {"train"}
    assert json.loads((out / "curve.json").read_text(encoding="utf-8")) == curve.model_dump(mode="json")
    assert (out / "curve.svg").read_text(encoding="utf-8").startswith("<?xml")

    # Again: nothing is trained, the weights are those of before.
    weights = out / "points" / "all-scratch-seed1" / "run" / "weights.pt"
    before = weights.stat().st_mtime_ns
    assert learning_curve(data, out, settings, None, "ferrogate train curve rail", _nothing, _fails) == curve
    assert weights.stat().st_mtime_ns == before
    other = settings.model_copy(update={"steps": 20})
    with pytest.raises(ConfigError, match="of other data, settings or weights"):
        learning_curve(data, out, other, None, "test", _nothing, _nothing)


def _fails(*_: object) -> None:
    raise AssertionError("an epoch was trained")
