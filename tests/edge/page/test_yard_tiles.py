"""Tiles and crops of strips: the right pixels at every level, small copies kept, wrong addresses refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime.page.errors import PageError
from edge_runtime.page.yard_strips import Strip, plan_strips
from edge_runtime.page.yard_tiles import CACHE_FOLDER, COARSE, TILE_PX, TileShop, level_count
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.yard_config import load_rail_station
from tests.edge.page.yard_samples import (
    LEFT_PX,
    WIDTH_PX,
    add_rail,
    open_books,
    rail_map,
    strip_pixels,
    write_yard,
)
from vision.types import UInt8Array

ROWS = 5000
#: JPEG of noisy steel, shrunk: mean difference of grey
NEAR = 4.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[YardStore]:
    opened = open_books(load_rail_station(write_yard(tmp_path)))
    yield opened
    opened.close()


@pytest.fixture
def strip(store: YardStore) -> Strip:
    view = store.rail(add_rail(store, "R1", ROWS))
    return plan_strips(store.storage, view)[0]


def pixels_of(data: bytes) -> UInt8Array:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    return np.asarray(image, np.uint8)


def shrunk(pixels: UInt8Array, scale: int) -> UInt8Array:
    size = (-(-pixels.shape[1] // scale), -(-pixels.shape[0] // scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


@pytest.mark.parametrize("level", range(5))
def test_tiles_of_a_level_make_up_the_strip(store: YardStore, strip: Strip, level: int) -> None:
    shop = TileShop(store.storage)
    assert level_count(strip) == 5
    whole = shrunk(strip_pixels(rail_map("R1", ROWS)), 1 << level)
    rows = -(-ROWS // (TILE_PX << level))
    tiles = [pixels_of(shop.tile(strip, level, 0, row)) for row in range(rows)]
    found = np.concatenate(tiles)
    assert found.shape[1] == whole.shape[1]
    assert abs(found.shape[0] - whole.shape[0]) <= 1
    height = min(found.shape[0], whole.shape[0])
    difference = np.abs(found[:height].astype(int) - whole[:height].astype(int))
    assert difference.mean() < NEAR
    # The marks are where they are: dark in both.
    assert np.abs(found[:height].min(axis=1).astype(int) - whole[:height].min(axis=1)).max() < 80


def test_the_small_copy_is_made_once_and_kept(store: YardStore, strip: Strip) -> None:
    shop = TileShop(store.storage)
    assert not shop.has_coarse(strip)
    first = shop.coarse(strip)
    assert first.shape == (-(-ROWS // COARSE), -(-WIDTH_PX // COARSE))
    for file in strip.files:
        file.path.unlink()
    again = TileShop(store.storage)
    assert again.has_coarse(strip)
    assert np.array_equal(again.coarse(strip), first)
    assert pixels_of(again.tile(strip, 4, 0, 0)).shape == (313, 14)
    with pytest.raises(PageError) as refused:
        again.tile(strip, 0, 0, 0)
    assert refused.value.code == "picture_unknown"
    assert list((store.storage / CACHE_FOLDER).rglob("*.part")) == []


def test_a_crop_is_of_strip_pixels_and_stays_on_the_strip(store: YardStore, strip: Strip) -> None:
    shop = TileShop(store.storage)
    # Across the border of two picture files, beyond the left edge: what lies on the strip is shown.
    found = pixels_of(shop.crop(strip, (-10.0, 4080.0, LEFT_PX + 50.0, 4120.0)))
    assert found.shape == (40, 50)
    truth = strip_pixels(rail_map("R1", ROWS))[4080:4120, :50]
    assert np.abs(found.astype(int) - truth.astype(int)).mean() < NEAR
    assert max(pixels_of(shop.crop(strip, (0.0, 0.0, 9e6, 5000.0))).shape) == 900
    for outside in ((0.0, 6000.0, 90.0, 7000.0), (0.0, 0.0, 10.0, 10.0), (60.0, 30.0, 50.0, 20.0)):
        with pytest.raises(PageError):
            shop.crop(strip, outside)


@pytest.mark.parametrize(
    ("level", "column", "row"), [(5, 0, 0), (0, 1, 0), (0, 0, 10), (4, 0, 1), (-1, 0, 0)]
)
def test_there_are_no_tiles_beyond_the_strip(
    store: YardStore, strip: Strip, level: int, column: int, row: int
) -> None:
    with pytest.raises(PageError) as refused:
        TileShop(store.storage).tile(strip, level, column, row)
    assert refused.value.status == 404


def test_a_folder_outside_of_the_storage_is_not_read(store: YardStore, tmp_path: Path) -> None:
    rail_id = add_rail(store, "R1", 2000)
    place = store.storage / "rails" / "R1"
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(PageError) as refused:
        plan_strips(store.storage, store.rail(rail_id))
    assert refused.value.status == 404
