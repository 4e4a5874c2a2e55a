"""The samples that training draws: boxes must follow the pixels, and a number must give one sample."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("albumentations", reason="needs the training extra")

from datasets.records import BoxRecord, DataSet, SampleRecord, Split, write_coco
from datasets.training_run import SourceSettings, StageSettings
from training import tiles
from training.tiles import SampleMaker
from vision.contract import RAIL_LABELS, RailSpec
from vision.errors import ConfigError, ImageError
from vision.types import UInt8Array

pytestmark = pytest.mark.train
SIDE = 128


def _set(folder: Path, labels: tuple[str, ...], split: Split = "train", *, pictures: int = 3) -> None:
    """Grey pictures with one bright rectangle each, its box around it."""
    folder.mkdir(parents=True)
    samples = []
    for number in range(pictures):
        picture = np.full((300, 200), 90, np.uint8)
        x, y = 60 + 20 * number, 80 + 40 * number
        picture[y : y + 30, x : x + 20] = 250
        cv2.imwrite(str(folder / f"{number}.png"), picture)
        box = BoxRecord(label=labels[number % len(labels)], xyxy_px=(x, y, x + 20.0, y + 30.0), area_px=600)
        samples.append(
            SampleRecord(
                file=f"{number}.png",
                width_px=200,
                height_px=300,
                group=str(number),
                source="drawn",
                label="",
                split=split,
                boxes=(box,),
            )
        )
    write_coco(DataSet(labels=labels, samples=tuple(samples)), folder)


def _stage(kind: str = "steel", **changes: object) -> StageSettings:
    fields = {
        "name": "s",
        "kind": kind,
        "sources": (SourceSettings(folder="set", share=1.0),),
        "epochs": 1,
        "samples_per_epoch": 8,
        "focus_share": 1.0,
        "zoom": (0.5, 1.6),
        "stretch": (0.7, 1.4),
    }
    return StageSettings.model_validate(fields | changes)


@pytest.fixture
def plain_light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Geometry alone: light and dirt would change what the pixels say."""

    def photometric(_kind: str) -> object:
        def same(tile: UInt8Array, _seed: int) -> UInt8Array:
            return tile

        return same

    monkeypatch.setattr(tiles, "photometric", photometric)


@pytest.mark.usefixtures("plain_light")
@pytest.mark.parametrize("kind", ["steel", "ball"])
def test_boxes_follow_the_pixels(tmp_path: Path, kind: str) -> None:
    _set(tmp_path / "set", ("a",))
    maker = SampleMaker(tmp_path, _stage(kind), ("a",), SIDE, None, seed=3)
    whole = 0
    for number in range(60):
        sample = maker.draw(0, number)
        assert sample.tile.shape == (SIDE, SIDE)
        bright = sample.tile.astype(np.float64) > (int(sample.tile.max()) + int(np.median(sample.tile))) / 2
        for x1, y1, x2, y2 in sample.boxes:
            ys, xs = np.nonzero(bright)
            seen = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
            if seen[0] > 0 and seen[1] > 0 and seen[2] < SIDE and seen[3] < SIDE:
                whole += 1
                assert seen == pytest.approx([x1, y1, x2, y2], abs=1.1)
    assert whole >= 20


@pytest.mark.usefixtures("plain_light")
def test_a_focused_sample_shows_its_box(tmp_path: Path) -> None:
    _set(tmp_path / "set", ("a",))
    maker = SampleMaker(tmp_path, _stage(), ("a",), SIDE, None, seed=1)
    assert np.mean([len(maker.draw(0, number).boxes) > 0 for number in range(60)]) > 0.9


def test_a_number_gives_one_sample_and_another_epoch_others(tmp_path: Path) -> None:
    _set(tmp_path / "set", ("a",))
    makers = [SampleMaker(tmp_path, _stage(), ("a",), SIDE, None, seed=1) for _ in range(2)]
    first, again = makers[0].draw(4, 7), makers[1].draw(4, 7)
    assert np.array_equal(first.tile, again.tile)
    assert np.array_equal(first.boxes, again.boxes)
    assert not np.array_equal(first.tile, makers[0].draw(5, 7).tile)


def test_label_shares_decide_what_is_put_into_the_tile(tmp_path: Path) -> None:
    _set(tmp_path / "set", ("a", "b", "c"))
    stage = _stage(label_shares={"a": 0.9, "b": 0.1, "c": 0.0}, zoom=(2.5, 2.6))
    maker = SampleMaker(tmp_path, stage, ("a", "b", "c"), 64, None, seed=1)
    shown = np.concatenate([maker.draw(0, number).classes for number in range(150)])
    assert np.mean(shown == 0) > 0.75
    assert not np.any(shown == 2)


def test_rail_samples_come_from_levelled_strips(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    frame = np.full((900, 600), 2, np.uint8)
    frame[:, 200:440] = 12
    frame[400:460, 260:340] = 4
    cv2.imwrite(str(folder / "f.png"), frame)
    sample = SampleRecord(
        file="f.png",
        width_px=600,
        height_px=900,
        group="g",
        source="drawn",
        label="",
        split="train",
        boxes=(BoxRecord(label="defect", xyxy_px=(260, 400, 340, 460), area_px=4800),),
    )
    write_coco(DataSet(labels=RAIL_LABELS, samples=(sample,)), folder)
    stage = _stage("rail", zoom=(0.99, 1.01), stretch=(0.99, 1.01))
    maker = SampleMaker(tmp_path, stage, RAIL_LABELS, 224, RailSpec(), seed=1)
    medians = [float(np.median(maker.draw(0, number).tile[:, 60:164])) for number in range(20)]
    # A frame of grey 12 comes out near the level of 110, whatever light is put on top.
    assert 70 < float(np.median(medians)) < 150
    with pytest.raises(ValueError, match="RailSpec"):
        SampleMaker(tmp_path, stage, RAIL_LABELS, 224, None, seed=1)


def test_sets_that_cannot_be_drawn_from_are_refused(tmp_path: Path) -> None:
    _set(tmp_path / "set", ("a",))
    with pytest.raises(ConfigError, match="labels that are not trained: a"):
        SampleMaker(tmp_path, _stage(), ("b",), SIDE, None, seed=1)
    _set(tmp_path / "val" / "set", ("a",), "val")
    with pytest.raises(ConfigError, match="train split is empty"):
        SampleMaker(tmp_path / "val", _stage(), ("a",), SIDE, None, seed=1)
    (tmp_path / "set" / "1.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match="cannot be read"):
        SampleMaker(tmp_path, _stage(), ("a",), SIDE, None, seed=1)
