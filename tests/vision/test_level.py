"""Pictures of one ball under other lamps become the same picture."""

from __future__ import annotations

import numpy as np
import pytest

from vision.contract import InputSpec, LevelSpec
from vision.level import level_picture
from vision.preprocess import preprocess
from vision.types import UInt8Array

SPEC = LevelSpec()
SIDE = 96


def _ball(gain: float, offset: float, background: float) -> UInt8Array:
    """A textured disc before a background."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:SIDE, :SIDE]
    inside = (x - SIDE / 2 + 0.5) ** 2 + (y - SIDE / 2 + 0.5) ** 2 < (0.46 * SIDE) ** 2
    texture = 60.0 + 12.0 * rng.standard_normal((SIDE, SIDE))
    return np.clip(np.where(inside, gain * texture + offset, background), 0, 255).astype(np.uint8)


def test_lamp_exposure_and_background_leave_no_trace_in_the_ball() -> None:
    dark, bright = level_picture(_ball(0.6, 2.0, 3.0), SPEC), level_picture(_ball(2.0, 20.0, 250.0), SPEC)
    middle = slice(SIDE // 4, 3 * SIDE // 4)
    apart = np.abs(dark[middle, middle].astype(float) - bright[middle, middle].astype(float))
    # A grey step of the dark picture is 6 of the levelled one.
    assert apart.mean() < 4.0
    assert np.abs(dark.astype(float).mean() - bright.astype(float).mean()) > 20.0  # the backgrounds differ


def test_the_middle_gets_the_contracts_mean_and_spread() -> None:
    levelled = level_picture(_ball(1.0, 0.0, 0.0), SPEC)
    middle = levelled[SIDE // 4 : 3 * SIDE // 4, SIDE // 4 : 3 * SIDE // 4].astype(float)
    assert middle.mean() == pytest.approx(SPEC.mean_grey, abs=3.0)
    assert middle.std() == pytest.approx(SPEC.spread_grey, rel=0.08)


def test_noise_of_a_black_picture_is_not_blown_up() -> None:
    black = np.random.default_rng(1).integers(0, 2, (SIDE, SIDE)).astype(np.uint8)
    levelled = level_picture(black, SPEC).astype(float)
    assert levelled.std() < 0.5 * SPEC.spread_grey


def test_colours_keep_their_order() -> None:
    grey = _ball(1.0, 0.0, 40.0)
    coloured = np.dstack([grey // 2, grey, np.minimum(grey, 200)])
    levelled = level_picture(coloured, SPEC)
    assert levelled.shape == coloured.shape
    lines = levelled[48, 20:76].astype(int)
    assert (lines[:, 0] <= lines[:, 1]).all()


def test_the_contract_asks_for_it() -> None:
    picture = _ball(0.6, 2.0, 3.0)
    plain = InputSpec(width_px=SIDE, height_px=SIDE)
    levelled = InputSpec(width_px=SIDE, height_px=SIDE, level=SPEC)
    tensor, _ = preprocess(picture, levelled)
    assert np.array_equal(np.rint(tensor[0, 0] * 255.0).astype(np.uint8), level_picture(picture, SPEC))
    assert not np.array_equal(tensor, preprocess(picture, plain)[0])
