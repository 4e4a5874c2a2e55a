"""Line frames out of crops, our route over them, and what is said of the figures; no training extra."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.pictures import read_picture
from datasets.records import read_coco
from tests.training.small_line import DIAMETER_PX, MARK_PX, bank_crop, draw_ball_set
from training.peers.line_frames import SIDE_PX, build_frames, laid_out, lights_up
from training.peers.result import Compared, Difference, PeersResult, Precision
from training.peers.route import look_at_frame
from training.peers.same_file import difference, score_limit
from vision.detector import Detector
from vision.errors import ConfigError
from vision.statistics.in_turn import InTurn
from vision.types import Detections

MODEL = Path(__file__).parents[2] / "models" / "ferrogate_models" / "ball.onnx"
LABELS = ("crack", "lap")


def found(*rows: tuple[float, float, int]) -> Detections:
    """Boxes of 10 px at x, with score and class."""
    boxes = np.array([(x, 5.0, x + 10.0, 15.0) for x, _, _ in rows], np.float32).reshape(-1, 4)
    score = np.array([score for _, score, _ in rows], np.float32)
    return Detections(boxes, score, np.array([label for *_, label in rows], np.int64), LABELS)


def test_a_crop_lies_in_the_frame_as_it_is() -> None:
    rng = np.random.default_rng(1)
    crops = [bank_crop(0, rng), bank_crop(1, rng)]
    frame, corners = laid_out(crops, rng)
    assert frame.shape == (SIDE_PX, SIDE_PX)
    assert len(corners) == 2
    for crop, (x, y) in zip(crops, corners, strict=True):
        assert np.array_equal(frame[y : y + crop.shape[0], x : x + crop.shape[1]], crop)
    outside = np.ones(frame.shape, np.bool_)
    for crop, (x, y) in zip(crops, corners, strict=True):
        outside[y : y + crop.shape[0], x : x + crop.shape[1]] = False
    # The light goes on: its level, and its noise.
    assert abs(float(np.median(frame[outside])) - 225.0) < 3.0
    assert 1.0 < float(np.std(frame[outside])) < 5.0


def test_a_crop_with_more_than_light_at_its_border_is_left_out() -> None:
    crop = bank_crop(0, np.random.default_rng(1))
    assert lights_up(crop)
    belt = crop.copy()
    belt[-20:, :] = 60
    assert not lights_up(belt)
    # Brighter in the middle than at the border: no silhouette.
    assert not lights_up(np.asarray(255 - crop, np.uint8))


def test_frames_of_a_set(tmp_path: Path) -> None:
    source = tmp_path / "ball"
    source.mkdir()
    draw_ball_set(
        source,
        (
            ("train", "backlit"),
            ("train", "backlit"),
            ("val", "backlit"),
            ("val", "belt"),
            ("test", "backlit"),
            ("test", "chute"),
            ("train", "backlit"),
        ),
    )
    stepped: list[int] = []
    made = build_frames(source, tmp_path / "frames", ("train", "val"), 5, step=lambda: stepped.append(1))
    assert made == read_coco(tmp_path / "frames")
    assert [one.split for one in made.samples] == ["train", "train", "val", "train"]
    assert len(stepped) == 4
    assert made.info["views"] == 4
    # Every third frame shows a second view of the ball, where there is one.
    assert [one.truth["balls"] for one in made.samples] == [2.0, 1.0, 1.0, 1.0]
    for sample in made.samples:
        picture = read_picture(tmp_path / "frames" / sample.file)
        assert picture.shape == (SIDE_PX, SIDE_PX)
        assert len(sample.boxes) == sample.truth["balls"]
        for box in sample.boxes:
            x1, y1, x2, y2 = (int(value) for value in box.xyxy_px)
            assert (x2 - x1, y2 - y1) == (MARK_PX[2] - MARK_PX[0], MARK_PX[3] - MARK_PX[1])
            # The drawn mark is where the box says, darker than what lies around it.
            around = cv2.copyMakeBorder(picture, 8, 8, 8, 8, cv2.BORDER_REFLECT)[y1 : y2 + 16, x1 : x2 + 16]
            assert picture[y1:y2, x1:x2].mean() < 0.8 * around.mean()
    again = build_frames(source, tmp_path / "again", ("train", "val"), 5, step=lambda: None)
    assert again == made
    few = build_frames(source, tmp_path / "few", ("train", "val"), 5, step=lambda: None, most=2)
    assert len(few.samples) == 2


def test_a_set_without_backlit_views_is_refused(tmp_path: Path) -> None:
    draw_ball_set(tmp_path, (("train", "belt"), ("train", "chute")))
    with pytest.raises(ConfigError, match="backlight"):
        build_frames(tmp_path, tmp_path / "frames", ("train",), 1, step=lambda: None)
    assert not (tmp_path / "frames").exists()


def test_our_route_finds_each_ball_and_says_where_in_the_frame() -> None:
    rng = np.random.default_rng(1)
    crops = [bank_crop(0, rng), bank_crop(1, rng)]
    frame, corners = laid_out(crops, rng)
    detector = Detector(MODEL.read_bytes(), "ball", station="ball")
    seen, balls = look_at_frame(frame, detector, float(DIAMETER_PX), 0.001)
    assert balls == 2
    assert np.all(np.diff(seen.score) <= 0)
    # No finding lies outside the balls' own squares (the contract's margin is wider than the crop's).
    reach = 20.0
    for box in seen.xyxy_px:
        assert any(
            box[0] >= x - reach
            and box[1] >= y - reach
            and box[2] <= x + 138 + reach
            and box[3] <= y + 138 + reach
            for x, y in corners
        )
    # The same ball elsewhere: the same findings, moved.
    alone, (corner,) = laid_out(crops[:1], rng)
    here, there = (np.roll(alone, (y - corner[1], x - corner[0]), (0, 1)) for x, y in ((64, 128), (320, 256)))
    first, second = (look_at_frame(one, detector, float(DIAMETER_PX), 0.001)[0] for one in (here, there))
    assert len(first) > 0
    assert np.allclose(first.score, second.score, atol=1e-3)
    assert np.allclose(first.shifted(256, 128).xyxy_px, second.xyxy_px, atol=0.1)
    empty = np.clip(rng.normal(225.0, 2.0, (SIDE_PX, SIDE_PX)), 0, 255).astype(np.uint8)
    assert look_at_frame(empty, detector, float(DIAMETER_PX), 0.001)[1] == 0


def test_differences_of_findings() -> None:
    ours = [found((10.0, 0.9, 0), (50.0, 0.5, 1))]
    assert difference(ours, ours, 0.3) == Difference(2, 0, 0.0, 0.0)
    moved = difference(ours, [found((10.01, 0.9, 0), (50.0, 0.49, 1))], 0.3)
    assert math.isclose(moved.box_px, 0.01, rel_tol=1e-3)
    assert math.isclose(moved.score, 0.01, rel_tol=1e-3)
    assert not moved.met
    assert difference(ours, [found((10.0, 0.9, 0))], 0.3).alone == 1
    assert difference([found((10.0, 0.9, 0))], ours, 0.3).alone == 1
    # Another class is another finding; one at the limit itself may be on one side alone.
    assert difference([found((10.0, 0.9, 0))], [found((10.0, 0.9, 1))], 0.3).alone == 2
    assert difference([found((10.0, 0.30005, 0))], [found()], 0.3).alone == 0
    assert not Difference(0, 0, 0.0, 0.0).met


def test_the_score_limit_lies_in_a_gap() -> None:
    pictures = [found(*((10.0 * k, 0.9 - 0.1 * k, 0) for k in range(8))) for _ in range(3)]
    limit = score_limit(pictures)
    assert all(np.abs(one.score - limit).min() > 1e-4 for one in pictures)
    assert 4 <= int((pictures[0].score > limit).sum()) <= 5


def timed(ours_s: float, theirs_s: float, cpu: float = 1.0) -> InTurn:
    """One round of both; ours takes `cpu` times its time of the processor."""
    one = np.ones(1)
    return InTurn(
        {"ours": ours_s * one, "theirs": theirs_s * one},
        {"ours": cpu * ours_s * one, "theirs": theirs_s * one},
        1,
    )


@pytest.mark.parametrize(
    ("ours_s", "cpu", "off", "met"),
    [(0.8, 1.0, 0.0, True), (0.9, 1.0, 0.0, False), (0.8, 1.2, 0.0, False), (0.8, 1.0, 0.03, False)],
)
def test_targets_of_the_same_file(ours_s: float, cpu: float, off: float, met: bool) -> None:
    one = Compared.of(
        "a", timed(ours_s, 1.0, cpu), threads=1, frames=4, difference=Difference(9, 0, 0.0, off)
    )
    assert one.kind == "a"
    assert math.isclose(one.frames_ratio, 1.0 / ours_s)
    assert one.met is met


@pytest.mark.parametrize(
    ("ours_s", "cpu", "map50", "met"),
    [
        (0.3, 1.0, 0.3, True),
        (0.3, 1.0, 0.296, True),
        (0.3, 1.0, 0.294, False),
        (0.41, 1.0, 0.3, False),
        (0.3, 1.8, 0.3, False),
    ],
)
def test_targets_of_the_same_task(ours_s: float, cpu: float, map50: float, met: bool) -> None:
    precision = Precision(map50, 0.3, None, 5, 7, 0)
    one = Compared.of("b", timed(ours_s, 1.0, cpu), threads=1, frames=4, precision=precision)
    assert one.kind == "b"
    assert one.met is met


def test_half_of_the_comparisons_is_not_enough() -> None:
    a = Compared.of("a", timed(0.5, 1.0), threads=1, frames=4, difference=Difference(9, 0, 0.0, 0.0))
    b = Compared.of("b", timed(0.2, 1.0), threads=1, frames=4, precision=Precision(0.3, 0.3, 0.4, 5, 7, 0))
    assert a.met
    assert b.met
    assert not PeersResult({}, {}, 1, (a,), ()).met
    both = PeersResult({}, {}, 1, (a, b), ())
    assert both.met
    said = both.to_json()
    assert said["compared"][1]["precision"]["whole_map50"] == 0.4
    assert said["compared"][0]["ours_frames_per_s"] == 2.0
