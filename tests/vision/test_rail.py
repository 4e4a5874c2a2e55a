"""The rail inspector from picture to boxes, with a plain detector that sees tiles and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.vision.rails import (
    Box,
    Rail,
    SpotDetector,
    coloured,
    dark_ground,
    draw,
    stones,
    straight,
    wandering,
)
from tests.vision.small_models import ball_contract, darkest_model, rail_contract
from vision.contract import InputSpec, RailSpec
from vision.detector import Detector
from vision.errors import ContractError, ImageError
from vision.rail import inspect_rail_image
from vision.rail_head import RailHead
from vision.types import UInt8Array

CONTRACT = rail_contract(input=InputSpec(width_px=224, height_px=224), rail=RailSpec())


def marks_on(left: Callable[[np.ndarray], np.ndarray], width: float, height: int) -> tuple[Box, ...]:
    """Four marks down a head: one at each end, one between, and one that no tile holds."""
    made = []
    for share, across, wide, high in (
        (0.0, 0.3, 0.16, 0.2), (0.13, 0.6, 0.2, 0.15), (0.35, 0.4, 0.15, 1.9), (0.97, 0.5, 0.2, 0.1),
    ):  # fmt: skip
        y1 = round(share * height)
        y2 = min(height, y1 + max(6, round(high * width)))
        x1 = round(float(left(np.array((y1 + y2) / 2.0))) + across * width)
        made.append((x1, y1, x1 + max(6, round(wide * width)), y2))
    return tuple(made)


PICTURES: list[tuple[str, tuple[int, int], float, Callable[[np.ndarray], np.ndarray], float, str]] = [
    ("dark frame", (1400, 1000), 300, straight(350), 40, "dark"),
    ("very dark frame", (1400, 1000), 300, straight(350), 16, "dark"),
    ("small head, enlarged", (900, 700), 100, straight(350), 70, "dark"),
    ("slanted", (1400, 1000), 300, straight(300, 0.08), 60, "dark"),
    ("wandering", (1800, 1000), 260, wandering(350, 60, 3000), 60, "dark"),
    ("among stones", (1000, 900), 240, straight(330), 100, "stones"),
    ("cut to the head, 160 wide", (1000, 160), 160, straight(0), 180, ""),
    ("cut to the head, 55 wide", (1250, 55), 55, straight(0), 90, ""),
]


@pytest.mark.parametrize("kind", ["grey", "turned", "colour"])
@pytest.mark.parametrize(
    ("what", "size", "width", "left", "level", "ground"), PICTURES, ids=[row[0] for row in PICTURES]
)
def test_every_mark_once_where_it_lies(
    what: str,
    size: tuple[int, int],
    width: float,
    left: Callable[[np.ndarray], np.ndarray],
    level: float,
    ground: str,
    kind: str,
) -> None:
    rng = np.random.default_rng(3)
    grounds = {"dark": dark_ground, "stones": stones}
    below = grounds[ground](*size, rng) if ground else None
    marks = marks_on(left, width, size[0])
    picture = draw(*size, Rail(width, left, level, edge=0.8), below, marks=marks)
    shown: UInt8Array = picture
    if kind == "turned":
        shown = np.ascontiguousarray(picture.T)
        marks = tuple((y1, x1, y2, x2) for x1, y1, x2, y2 in marks)
    elif kind == "colour":
        shown = coloured(picture)
    findings = inspect_rail_image(shown, SpotDetector(CONTRACT))
    assert (findings.found, findings.turned) == (True, kind == "turned")
    got = sorted(findings.detections.xyxy_px.tolist())
    assert len(got) == len(marks), got
    # The marks are drawn square, a slanted or wandering rail shears them; a strip pixel is 1 / zoom wide.
    near = 2.0 / findings.zoom + (0.1 * width if what in ("slanted", "wandering") else 0.0)
    for box, mark in zip(got, sorted(marks), strict=True):
        assert box == pytest.approx(mark, abs=near + 1.0)
    x0, y0, x1, y1 = findings.head_xyxy_px
    assert (0.0, 0.0) <= (x0, y0)
    assert (x1, y1) <= (shown.shape[1], shown.shape[0])
    assert (y1 - y0, x1 - x0)[kind == "turned"] == size[0]


def test_the_tiles_are_those_of_training() -> None:
    """Every tile is square, of the contract's side, and they cover the strip with the contract's overlap."""
    detector = SpotDetector(CONTRACT)
    findings = inspect_rail_image(draw(1000, 160, Rail(160, straight(0), 150)), detector)
    assert CONTRACT.rail is not None
    views = CONTRACT.rail.views
    assert [tile.shape for tile in detector.tiles] == [(224, 224)] * findings.tiles * views
    assert findings.tiles == 6
    assert (findings.zoom, findings.head.width_px) == (1.0, 160.0)
    # Two neighbours share 64 rows.
    assert np.array_equal(detector.tiles[0][160:], detector.tiles[views][:64])


def test_a_picture_without_a_head_is_searched_all_the_same() -> None:
    picture = np.clip(stones(500, 600, np.random.default_rng(2), 120), 60, 255).astype(np.uint8)
    picture[240:280, 300:350] = 3
    findings = inspect_rail_image(picture, SpotDetector(CONTRACT))
    assert not findings.found
    assert findings.head_xyxy_px == (0.0, 0.0, 600.0, 500.0)
    best = findings.detections.xyxy_px[0].tolist()
    assert best == pytest.approx((300, 240, 350, 280), abs=3.0 / findings.zoom)


@pytest.mark.parametrize("side", [1, 5, 23])
def test_tiny_pictures_are_no_rail_and_no_crash(side: int) -> None:
    findings = inspect_rail_image(np.full((side, side + 3), 80, np.uint8), SpotDetector(CONTRACT))
    assert not findings.found
    assert findings.tiles == 1


def test_a_known_head_is_taken_as_given() -> None:
    picture = draw(600, 500, Rail(200, straight(150), 60), dark_ground(600, 500, np.random.default_rng(1)))
    head = RailHead(100.0, 0.0, 300.0, 60.0, found=True)
    findings = inspect_rail_image(picture, SpotDetector(CONTRACT), head=head)
    assert (findings.head, findings.turned) == (head, False)
    assert findings.head_xyxy_px == (100.0, 0.0, 400.0, 600.0)


def test_boxes_end_with_the_picture() -> None:
    """A model's boxes in the black beside a head that the picture's edge cuts."""
    contract = rail_contract(rail=RailSpec(head_px=32, overlap_px=16))
    detector = Detector(darkest_model(contract), "small", station="rail")
    picture = draw(300, 300, Rail(120, straight(240), 60), dark_ground(300, 300, np.random.default_rng(1)))
    findings = inspect_rail_image(picture, detector)
    boxes = findings.detections.xyxy_px
    assert len(boxes)
    assert (boxes >= 0.0).all()
    assert (boxes <= 300.0).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_min_score_leaves_boxes_out() -> None:
    detector = Detector(darkest_model(rail_contract()), "small", station="rail")
    picture = draw(300, 64, Rail(64, straight(0), 150, edge=0.9), marks=((30, 100, 36, 106),))
    low, high = (inspect_rail_image(picture, detector, min_score=score) for score in (0.0, 0.8))
    assert len(low.detections) > len(high.detections) >= 1
    assert float(high.detections.score.min()) >= 0.8


WRONG_MODELS = [
    ("of a ball", ball_contract()),
    ("with tiles that are not square", rail_contract(input=InputSpec(width_px=64, height_px=32))),
    ("with an overlap that leaves no step", rail_contract(rail=RailSpec(overlap_px=64))),
]


@pytest.mark.parametrize(("what", "contract"), WRONG_MODELS, ids=[row[0] for row in WRONG_MODELS])
def test_models_that_cannot_see_a_rail(what: str, contract: object) -> None:
    with pytest.raises(ContractError) as caught:
        inspect_rail_image(np.full((50, 50), 9, np.uint8), SpotDetector(contract))  # type: ignore[arg-type]
    assert caught.value.todo


@pytest.mark.parametrize("wrong", [np.zeros((0, 4), np.uint8), np.zeros((4, 4), np.uint16)])
def test_what_is_no_picture_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ImageError):
        inspect_rail_image(wrong, SpotDetector(CONTRACT))
