"""What is varied while training keeps boxes on their objects (no training extra needed)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.records import BoxRecord, DataSet, SampleRecord, write_coco
from training.ball_data import LoadedSet, batches, load_set, turned
from vision.contract import BALL_LABELS, InputSpec
from vision.errors import ImageError


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3, 4])
def test_turned_boxes_follow_the_picture(quarter_turns: int, mirrored: bool) -> None:
    picture = np.zeros((40, 40), np.uint8)
    picture[5:9, 20:35] = 200
    boxes = np.array([[20.0, 5.0, 35.0, 9.0]], np.float32)
    out, moved = turned(picture, boxes, quarter_turns, mirrored)
    ys, xs = np.nonzero(out)
    assert moved[0].tolist() == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]


def test_varied_boxes_stay_on_their_objects() -> None:
    picture = np.full((160, 160), 20, np.uint8)
    picture[40:60, 70:110] = 250
    box = np.array([[70.0, 40.0, 110.0, 60.0]], np.float32)
    loaded = LoadedSet(np.stack([picture] * 40), (box,) * 40, (np.array([3]),) * 40)
    (batch,) = batches(loaded, 40, np.random.default_rng(1))
    assert batch.pictures.shape == (40, 160, 160)
    assert batch.owner.tolist() == list(range(40))
    for out, (x1, y1, x2, y2) in zip(batch.pictures, batch.boxes, strict=True):
        ys, xs = np.nonzero(out > 120)
        assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == pytest.approx((x1, y1, x2, y2), abs=2.5)


def test_load_set_uses_the_letterbox_of_the_edge(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((80, 40), np.uint8))
    box = BoxRecord(label="flat", xyxy_px=(10.0, 20.0, 30.0, 40.0), area_px=400)
    sample = SampleRecord(
        file="a.png",
        width_px=40,
        height_px=80,
        group="g",
        source="render",
        label="flat",
        split="train",
        boxes=(box,),
    )
    data = DataSet(labels=BALL_LABELS, samples=(sample,))
    write_coco(data, tmp_path)
    loaded = load_set(tmp_path, data, "train", InputSpec(width_px=160, height_px=160))
    # Twice as large, with 40 columns of padding on both sides.
    assert loaded.boxes[0].tolist() == [[60.0, 40.0, 100.0, 80.0]]
    assert loaded.pictures[0, 0, :40].tolist() == [114] * 40
    assert len(load_set(tmp_path, data, "val", InputSpec(width_px=160, height_px=160))) == 0
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(ImageError, match=r"a\.png"):
        load_set(tmp_path, data, "train", InputSpec(width_px=160, height_px=160))
