"""The version of a data set: what changes it, and what does not."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from datasets.errors import DataError
from datasets.records import COCO_FILE, data_sha256, read_coco, write_coco
from datasets.versions import version_of
from tests.datasets.small_sets import good_samples, picture, write_set


def test_the_same_inputs_give_the_same_version_in_another_folder(tmp_path: Path) -> None:
    write_set(tmp_path / "one", good_samples(), command="make --out one", seed=3)
    write_set(tmp_path / "deep" / "two", good_samples(), command="make --out deep/two", seed=3)
    for path in (tmp_path / "deep").rglob("*.png"):
        os.utime(path, (1, 1))
    assert version_of(tmp_path / "one") == version_of(tmp_path / "deep" / "two")


def test_order_of_pictures_and_boxes_does_not_count(tmp_path: Path) -> None:
    data = write_set(tmp_path, good_samples())
    before = version_of(tmp_path)
    turned = [one.model_copy(update={"boxes": one.boxes[::-1]}) for one in reversed(data.samples)]
    write_coco(data.model_copy(update={"samples": tuple(turned)}), tmp_path)
    assert read_coco(tmp_path).samples[0].file == "images/v1.png"
    assert version_of(tmp_path) == before


def test_records_in_memory_and_on_disk_have_one_version(tmp_path: Path) -> None:
    samples = good_samples()
    odd = samples[0].boxes[0].model_copy(update={"xyxy_px": (0.1, 1 / 3, 0.1 + 0.2, 10 / 3)})
    data = write_set(tmp_path, [samples[0].model_copy(update={"boxes": (odd,)}), *samples[1:]])
    assert version_of(tmp_path, data) == version_of(tmp_path) == data_sha256(tmp_path, data)


def _edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    coco = json.loads((folder / COCO_FILE).read_text(encoding="utf-8"))
    change(coco)
    (folder / COCO_FILE).write_text(json.dumps(coco), encoding="utf-8")


@pytest.mark.parametrize(
    "change",
    [
        lambda coco: coco["annotations"][0].update(category_id=2),  # another label
        lambda coco: coco["annotations"][0].update(bbox=[20.0, 30.0, 40.0, 40.01]),  # another corner
        lambda coco: coco["annotations"].pop(),  # a box less
        lambda coco: coco["images"][0].update(split="test"),
        lambda coco: coco["images"][0].update(group="another"),
        lambda coco: coco["images"][0].update(licence="none stated"),
        lambda coco: coco["categories"][0].update(name="flaw"),
        lambda coco: coco["images"].pop(3) and coco.update(annotations=[]),
    ],
)
def test_what_the_records_say_counts(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    write_set(tmp_path, good_samples())
    before = version_of(tmp_path)
    _edit(tmp_path, change)
    assert version_of(tmp_path) != before


def test_the_order_of_labels_counts(tmp_path: Path) -> None:
    data = write_set(tmp_path, good_samples())
    assert version_of(tmp_path, data) != version_of(
        tmp_path, data.model_copy(update={"labels": ("dirt", "defect")})
    )


def test_a_pixel_and_a_name_count_and_a_missing_picture_is_an_error(tmp_path: Path) -> None:
    write_set(tmp_path / "a", good_samples())
    before = version_of(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    pixels = picture(1000)
    pixels[5, 5] ^= 1
    cv2.imwrite(str(tmp_path / "b" / "images" / "t0.png"), pixels)
    assert version_of(tmp_path / "b") != before
    (tmp_path / "b" / "images" / "t0.png").unlink()
    with pytest.raises(DataError, match=r"t0\.png"):
        version_of(tmp_path / "b")


def test_a_mask_that_the_truth_names_counts(tmp_path: Path) -> None:
    masked = good_samples()[0].model_copy(update={"truth": {"mask_file": "masks/t0.png", "form": "round"}})
    write_set(tmp_path, [masked, *good_samples()[1:]])
    with pytest.raises(DataError, match="masks"):
        version_of(tmp_path)
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "t0.png").write_bytes(b"one")
    before = version_of(tmp_path)
    (tmp_path / "masks" / "t0.png").write_bytes(b"two")
    assert version_of(tmp_path) != before
