"""COCO round trip, splits by group, the data hash, and broken files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from datasets.records import (
    COCO_FILE,
    BoxRecord,
    DataSet,
    SampleRecord,
    Split,
    data_sha256,
    read_coco,
    split_of,
    write_coco,
)
from tests.datasets.rich_set import rich_set
from vision.contract import BALL_LABELS
from vision.errors import ConfigError


def _sample(file: str, group: str, split: Split, boxes: tuple[BoxRecord, ...] = ()) -> SampleRecord:
    return SampleRecord(
        file=file,
        width_px=184,
        height_px=180,
        group=group,
        source="render",
        label="crack",
        split=split,
        boxes=boxes,
    )


def _data() -> DataSet:
    crack = BoxRecord(label="crack", xyxy_px=(10.0, 20.0, 30.5, 60.0), area_px=77)
    pit = BoxRecord(label="scale_pit", xyxy_px=(1.0, 2.0, 4.0, 8.0), area_px=9)
    samples = (
        _sample("a.png", "g1", "train", (crack, pit)),
        _sample("b.png", "g1", "train"),
        _sample("c.png", "g2", "val"),
    )
    return DataSet(labels=BALL_LABELS, info={"seed": 3}, samples=samples)


def test_round_trip_keeps_everything(tmp_path: Path) -> None:
    data = _data()
    write_coco(data, tmp_path)
    assert read_coco(tmp_path) == data


def test_every_field_comes_back_and_the_same_data_give_the_same_bytes(tmp_path: Path) -> None:
    data = rich_set(tmp_path)
    first = (tmp_path / COCO_FILE).read_bytes()
    again = read_coco(tmp_path)
    assert again == data
    write_coco(again, tmp_path)
    assert (tmp_path / COCO_FILE).read_bytes() == first


def test_corners_come_back_although_the_file_holds_sizes(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    corners = [tuple(round(float(v), 6) for v in sorted(random.uniform(0, 4000, 4))) for _ in range(200)]
    boxes = tuple(BoxRecord(label="crack", xyxy_px=(a, b, c, d), area_px=1) for a, b, c, d in corners)
    data = DataSet(labels=BALL_LABELS, samples=(_sample("a.png", "g1", "train", boxes),))
    write_coco(data, tmp_path)
    assert read_coco(tmp_path) == data


def test_file_is_plain_coco(tmp_path: Path) -> None:
    coco = json.loads(write_coco(_data(), tmp_path).read_text(encoding="utf-8"))
    assert coco["categories"][0] == {"id": 1, "name": "crack"}
    assert coco["annotations"][0]["bbox"] == [10.0, 20.0, 20.5, 40.0]
    assert {"id", "file_name", "width", "height"} <= set(coco["images"][0])


def test_a_group_in_both_splits_is_refused(tmp_path: Path) -> None:
    samples = (_sample("a.png", "g1", "train"), _sample("b.png", "g1", "val"))
    write_coco(DataSet(labels=BALL_LABELS, samples=samples), tmp_path)
    with pytest.raises(ConfigError, match="both splits"):
        read_coco(tmp_path)


def test_split_depends_on_the_group_alone_and_keeps_its_share() -> None:
    groups = [f"g{number}" for number in range(4000)]
    splits = [split_of(group, 7, 0.15) for group in groups]
    assert splits == [split_of(group, 7, 0.15) for group in groups]
    assert 0.12 < splits.count("val") / len(splits) < 0.18


def test_hash_changes_with_any_pixel_and_any_label(tmp_path: Path) -> None:
    data = _data()
    write_coco(data, tmp_path)
    for sample in data.samples:
        (tmp_path / sample.file).write_bytes(b"one")
    first = data_sha256(tmp_path, data)
    (tmp_path / "b.png").write_bytes(b"two")
    second = data_sha256(tmp_path, data)
    other = data.samples[0].model_copy(update={"boxes": data.samples[0].boxes[:1]})
    third = data_sha256(tmp_path, data.model_copy(update={"samples": (other, *data.samples[1:])}))
    assert len({first, second, third}) == 3
    (tmp_path / "b.png").unlink()
    with pytest.raises(ConfigError, match=r"b\.png"):
        data_sha256(tmp_path, data)


@pytest.mark.parametrize(
    "change",
    [
        lambda coco: coco.pop("images"),  # a part is missing
        lambda coco: coco["images"][0].update(colour=1),  # unknown key
        lambda coco: coco["annotations"][0].update(image_id=99),  # box of no picture
        lambda coco: coco["annotations"][0].update(category_id=99),  # box of no label
    ],
)
def test_broken_coco_is_one_clear_error(tmp_path: Path, change: object) -> None:
    path = write_coco(_data(), tmp_path)
    coco = json.loads(path.read_text(encoding="utf-8"))
    assert callable(change)
    change(coco)
    path.write_text(json.dumps(coco), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"coco\.json"):
        read_coco(tmp_path)
