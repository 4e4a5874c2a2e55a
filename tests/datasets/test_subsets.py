"""Training sets drawn by blocks: exact size, nested, whole blocks, untouched val."""

from __future__ import annotations

from itertools import pairwise

import pytest

from datasets.errors import DataError
from datasets.records import DataSet, SampleRecord
from datasets.subsets import BLOCK_PICTURES, draw_blocks, train_blocks
from tests.datasets.small_sets import sample


def _data() -> DataSet:
    frames = [n for n in range(1, 120) if n % 3] + list(range(200, 230))
    samples: list[SampleRecord] = [sample(f"f{n}", sequence="run", frame=n) for n in frames]
    samples += [sample(f"b{ball}-{view}", group=f"ball {ball}") for ball in range(5) for view in range(3)]
    samples += [sample("v1", split="val"), sample("g1", split="guard", sequence="run", frame=150)]
    return DataSet(labels=("defect",), info={"seed": 5}, samples=tuple(samples))


def _files(data: DataSet) -> set[str]:
    return {one.file for one in data.of_split("train")}


@pytest.mark.parametrize("count", [1, 25, 60, 124])
def test_exactly_so_many_training_pictures_and_everything_else(count: int) -> None:
    drawn = draw_blocks(_data(), count, seed=1)
    assert len(drawn.of_split("train")) == count
    assert [one.file for one in drawn.samples if one.split != "train"] == ["images/v1.png", "images/g1.png"]
    assert drawn.info["seed"] == 5
    subset = drawn.info["subset"]
    assert isinstance(subset, dict)
    assert subset["train_pictures"] == count


def test_larger_subsets_hold_smaller_ones_and_all_is_all() -> None:
    data = _data()
    sizes = [_files(draw_blocks(data, count, seed=4)) for count in (5, 25, 60, 100)]
    for small, large in pairwise(sizes):
        assert small < large
    assert _files(draw_blocks(data, len(data.of_split("train")), seed=4)) == _files(data)


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_records() -> None:
    data = _data()
    turned = data.model_copy(update={"samples": data.samples[::-1]})
    assert _files(draw_blocks(data, 40, seed=1)) == _files(draw_blocks(turned, 40, seed=1))
    assert _files(draw_blocks(data, 40, seed=1)) != _files(draw_blocks(data, 40, seed=2))


def test_blocks_are_neighbouring_frames_or_groups_and_drawn_whole() -> None:
    data = _data()
    blocks = train_blocks(data)
    assert sum(map(len, blocks.values())) == len(data.of_split("train"))
    for members in blocks.values():
        assert len(members) <= BLOCK_PICTURES
        frames = [one.frame for one in members if one.frame is not None]
        assert not frames or max(frames) - min(frames) <= 12  # no block spans the hole from 119 to 200
    drawn = _files(draw_blocks(data, 60, seed=1))
    parts = [len(drawn & {one.file for one in members}) / len(members) for members in blocks.values()]
    assert sum(0 < part < 1 for part in parts) <= 1  # only the last one is cut


@pytest.mark.parametrize("count", [0, -1, 10_000])
def test_a_size_that_cannot_be_drawn_is_refused(count: int) -> None:
    with pytest.raises(DataError, match="training pictures"):
        draw_blocks(_data(), count, seed=1)
