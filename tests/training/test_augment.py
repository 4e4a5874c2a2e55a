"""What training varies in its tiles: equal for equal seeds, bounded, and it does what it says."""

from __future__ import annotations

import importlib.util
import random
from typing import Any, Literal, get_args

import cv2
import numpy as np
import pytest

from vision.types import UInt8Array

pytestmark = [
    pytest.mark.train,
    pytest.mark.skipif(
        importlib.util.find_spec("albumentations") is None,
        reason="the training extra is not installed: pip install 'ferrogate[train]'",
    ),
]

KINDS = ("rail", "ball", "steel")
MARK = (slice(90, 114), slice(70, 100))


def _steel(seed: int = 0, side: int = 224) -> UInt8Array:
    """A levelled strip's tile: mean grey 110, a little texture."""
    rng = np.random.default_rng(seed)
    value = np.asarray(cv2.GaussianBlur(rng.normal(0.0, 30.0, (side, side)), (0, 0), 1.0))
    return np.asarray(np.clip(110.0 + value, 0, 255), np.uint8)


def _marked(seed: int = 0) -> tuple[UInt8Array, UInt8Array]:
    """The same tile without and with a dark mark of 30 x 24 px at 45 % of the steel's grey."""
    clean = _steel(seed)
    marked = clean.copy()
    marked[MARK] = (marked[MARK] * 0.45).astype(np.uint8)
    return clean, marked


def test_kinds_are_all_tested() -> None:
    from training.augment import Kind

    assert set(get_args(Kind)) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", [160, 224, 1100])
def test_same_seed_same_bytes(kind: Literal["rail", "ball", "steel"], side: int) -> None:
    from training.augment import photometric

    vary, again = photometric(kind), photometric(kind)
    tile = _steel(side=side)
    before = tile.copy()
    first = [vary(tile, seed) for seed in range(12)]
    # In another order, through another function: nothing is carried from tile to tile.
    second = [again(tile, seed) for seed in reversed(range(12))][::-1]
    for one, other in zip(first, second, strict=True):
        assert one.dtype == np.uint8
        assert one.shape == (side, side)
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(tile, before)
    assert len({one.tobytes() for one in first}) > 6


@pytest.mark.parametrize("kind", KINDS)
def test_one_in_six_tiles_is_left_as_it_is(kind: Literal["rail", "ball", "steel"]) -> None:
    from training.augment import photometric

    vary, tile = photometric(kind), _steel()
    same = sum(bool(np.array_equal(vary(tile, seed), tile)) for seed in range(300))
    assert 25 <= same <= 100


@pytest.mark.parametrize("kind", KINDS)
def test_a_mark_stays_visible(kind: Literal["rail", "ball", "steel"]) -> None:
    """The same seed on the tile with and without a mark: the mark must still differ from the steel."""
    from training.augment import photometric

    vary = photometric(kind)
    clean, marked = _marked()
    contrast = []
    for seed in range(200):
        # Where the steel is saturated or black in both, the mark is gone.
        steel, mark = vary(clean, seed)[MARK].astype(np.float64), vary(marked, seed)[MARK].astype(np.float64)
        contrast.append((steel.mean() - mark.mean()) / max(steel.mean(), 1.0))
    assert np.median(contrast) > 0.4
    assert np.percentile(contrast, 2) > 0.15


def _all(kind: Literal["rail", "ball", "steel"]) -> list[Any]:
    from albumentations import BasicTransform

    from training.augment import _pipeline

    def leaves(whole: Any) -> list[Any]:
        return [
            leaf
            for step in whole.transforms
            for leaf in ([step] if isinstance(step, BasicTransform) else leaves(step))
        ]

    return leaves(_pipeline(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_every_effect_changes_a_tile_and_keeps_it_usable(kind: Literal["rail", "ball", "steel"]) -> None:
    tile = _steel()
    for effect in _all(kind):
        name = type(effect).__name__
        changed = 0
        for seed in range(20):
            effect.set_random_state(np.random.default_rng(seed), random.Random(seed))
            made = effect(image=tile, force_apply=True)["image"]
            assert made.dtype == np.uint8, name
            assert made.shape == tile.shape, name
            assert 15 < made.mean() < 240, name
            changed += not np.array_equal(made, tile)
        # A bright exposure changes nothing where there are no highlights.
        assert changed >= 10, name


def test_row_slip_moves_a_line_by_at_most_three_rows() -> None:
    from training.augment_sensor import RowSlip

    tile = np.full((200, 64), 110, np.uint8)
    tile[100] = 0
    slip, seen = RowSlip(p=1.0), set()
    for seed in range(100):
        slip.set_random_state(np.random.default_rng(seed), random.Random(seed))
        rows = np.flatnonzero(slip(image=tile)["image"][:, 0] == 0)
        # The row may be lost altogether or come twice; where it comes, it is near its place.
        assert np.all(np.abs(rows - 100) <= 3)
        seen.update(rows.tolist())
    assert len(seen) > 1


def test_dark_exposure_leaves_few_greys_and_is_levelled_again() -> None:
    from training.augment_sensor import Exposure

    tile = _steel()
    effect, few = Exposure(levelled=True, p=1.0), 0
    for seed in range(60):
        effect.set_random_state(np.random.default_rng(seed), random.Random(seed))
        made = effect(image=tile)["image"]
        assert abs(float(made.mean()) - float(tile.mean())) < 12.0
        few += len(np.unique(made)) <= 40
    # A camera at mean grey 12 tells some twenty greys apart.
    assert few >= 10


def test_margin_never_reaches_the_head() -> None:
    from training.augment_sensor import SideMargin

    tile = _steel()
    effect = SideMargin(most_share=0.12, p=1.0)
    for seed in range(60):
        effect.set_random_state(np.random.default_rng(seed), random.Random(seed))
        made = effect(image=tile)["image"]
        np.testing.assert_array_equal(made[:, 27:-27], tile[:, 27:-27])


def test_motion_runs_along_the_rail_only() -> None:
    from albumentations import MotionBlur

    blur = next(effect for effect in _all("rail") if isinstance(effect, MotionBlur))
    columns = np.zeros((96, 96), np.uint8)
    columns[:, 48] = 255
    for seed in range(10):
        blur.set_random_state(np.random.default_rng(seed), random.Random(seed))
        made = blur(image=columns, force_apply=True)["image"]
        assert np.flatnonzero(made[48]).tolist() == [48]
