"""What the audit says of picture files, and leaks that only the pictures show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.audit import AuditError, audit_sets
from datasets.audit.likeness import alike_pairs, likeness, look_of
from datasets.audit.limits import ALIKE
from datasets.audit.regroup import join_alike
from datasets.errors import DataError
from datasets.records import COCO_FILE
from tests.datasets.small_sets import good_samples, picture, sample, write_set
from vision.types import UInt8Array


def _codes(*folders: Path) -> list[tuple[str, str]]:
    return [(finding.code, finding.level) for finding in audit_sets(folders).findings]


def test_a_good_set_passes(tmp_path: Path) -> None:
    write_set(tmp_path, good_samples())
    report = audit_sets([tmp_path])
    assert report.findings == ()
    assert not report.failed
    report.raise_if_failed(tmp_path)
    assert report.sets[0].pictures == 6
    assert len(report.sets[0].version) == 64


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize(
    ("spoil", "code", "level"),
    [
        (Path.unlink, "missing_picture", "fail"),
        (lambda path: path.write_bytes(b""), "broken_picture", "fail"),
        (lambda path: path.write_text("no picture"), "broken_picture", "fail"),
        (_cut, "broken_picture", "fail"),
        (lambda path: cv2.imwrite(str(path), picture(1)[:, :150]), "wrong_size", "fail"),
        (
            lambda path: cv2.imwrite(str(path), np.rot90(picture(1))),
            "wrong_size",
            "fail",
        ),  # turned after labelling
        (lambda path: cv2.imwrite(str(path), np.full((160, 200), 7, np.uint8)), "plain_picture", "warning"),
        (lambda path: cv2.imwrite(str(path.with_name("z.png")), picture(9)), "unlisted_picture", "warning"),
    ],
)
def test_a_wrong_file_is_named(
    tmp_path: Path, spoil: Callable[[Path], object], code: str, level: str
) -> None:
    write_set(tmp_path, good_samples())
    spoil(tmp_path / "images" / "t1.png")
    assert _codes(tmp_path) == [(code, level)]


def test_a_picture_outside_the_folder_fails(tmp_path: Path) -> None:
    write_set(tmp_path / "set", [*good_samples(), sample("x", file="../x.png")])
    assert ("path_outside", "fail") in _codes(tmp_path / "set")


def _brighter(image: UInt8Array) -> UInt8Array:
    return np.asarray(np.clip(image.astype(np.float32) * 1.4 + 12.0, 0, 255), np.uint8)


def _jpeg(image: UInt8Array) -> UInt8Array:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", image, [1, 50])[1], cv2.IMREAD_GRAYSCALE), np.uint8)


def _marked(image: UInt8Array) -> UInt8Array:
    marked = image.copy()
    marked[60:80, 90:120] = 30
    return marked


def _shifted(image: UInt8Array) -> UInt8Array:
    return np.asarray(np.roll(image, (3, 6), (0, 1)), np.uint8)


def _noisy(image: UInt8Array) -> UInt8Array:
    noise = np.random.default_rng(0).normal(0, 6, image.shape)
    return np.asarray(np.clip(image + noise, 0, 255), np.uint8)


COPIES: dict[str, Callable[[UInt8Array], UInt8Array]] = {
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
    "upside down": lambda image: np.ascontiguousarray(image[::-1]),
    "turned by 180": lambda image: np.ascontiguousarray(image[::-1, ::-1]),
    "quarter turn": lambda image: np.ascontiguousarray(np.rot90(image)),
    "brighter": _brighter,
    "darker": lambda image: np.asarray(image * 0.4, np.uint8),
    "stored as JPEG": _jpeg,
    "shrunken": lambda image: np.asarray(
        cv2.resize(image, (100, 80), interpolation=cv2.INTER_AREA), np.uint8
    ),
    "shifted": _shifted,
    "noisy": _noisy,
    "composed": _marked,
    "mirrored and brighter": lambda image: _brighter(np.ascontiguousarray(image[:, ::-1])),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_in_another_split_fails(tmp_path: Path, how: str) -> None:
    copy = COPIES[how](picture(1002))  # the picture of t2
    height, width = copy.shape
    extra = sample("v9", split="val", width_px=width, height_px=height, boxes=())
    write_set(tmp_path, [*good_samples(), extra], {"v9": copy})
    report = audit_sets([tmp_path])
    leaks = [finding for finding in report.findings if finding.code == "leak_alike"]
    assert len(leaks) == 1
    assert "t2.png" in leaks[0].where
    assert "v9.png" in leaks[0].where
    with pytest.raises(AuditError, match="leak_alike"):
        report.raise_if_failed(tmp_path)


def test_the_same_bytes_are_a_leak_in_two_splits_and_a_repeat_in_one(tmp_path: Path) -> None:
    same = picture(1000)
    write_set(tmp_path / "a", [*good_samples(), sample("v9", split="val")], {"v9": same})
    assert _codes(tmp_path / "a") == [("leak_same_picture", "fail")]
    write_set(tmp_path / "b", [*good_samples(), sample("t9")], {"t9": same})
    assert _codes(tmp_path / "b") == [("repeat_in_split", "warning")]


def test_a_copy_in_one_split_is_a_warning_unless_the_records_join_them(tmp_path: Path) -> None:
    copy = {"t9": _brighter(picture(1000))}
    write_set(tmp_path / "a", [*good_samples(), sample("t9")], copy)
    assert _codes(tmp_path / "a") == [("repeat_in_split", "warning")]
    write_set(tmp_path / "b", [*good_samples(), sample("t9", group="t0")], copy)
    assert _codes(tmp_path / "b") == []


def test_a_composed_picture_is_found_by_its_look_when_it_names_a_false_background(tmp_path: Path) -> None:
    write_set(tmp_path / "frames", good_samples())
    made = sample("c0", origin="composed", truth={"background": "t0.png"})
    write_set(tmp_path / "composed", [made], {"c0": _marked(picture(1004))})  # v0
    report = audit_sets([tmp_path])
    fails = [finding.code for finding in report.findings if finding.level == "fail"]
    assert fails == ["leak_alike", "false_background"]
    write_set(tmp_path / "composed", [made], {"c0": _marked(picture(1000))})  # t0, as it says
    assert not audit_sets([tmp_path]).failed


def test_a_cut_of_a_frame_must_show_the_frame_it_names(tmp_path: Path) -> None:
    write_set(tmp_path / "frames", good_samples())
    made = sample("c0", origin="composed", truth={"background": "t0.png"}, width_px=90, boxes=())
    cut = _marked(picture(1000))[:, 60:150]  # of t0, as it says
    write_set(tmp_path / "composed", [made], {"c0": cut})
    assert [f.code for f in audit_sets([tmp_path]).findings if f.level == "fail"] == []
    write_set(tmp_path / "composed", [made], {"c0": _marked(picture(1004))[:, 60:150]})  # of v0
    assert [f.code for f in audit_sets([tmp_path]).findings if f.level == "fail"] == ["false_background"]


def test_masks_are_no_stray_pictures(tmp_path: Path) -> None:
    masked = good_samples()[0].model_copy(update={"truth": {"mask_file": "masks/t0.png"}})
    write_set(tmp_path, [masked, *good_samples()[1:]])
    assert _codes(tmp_path) == [("broken_picture", "fail")]
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "masks" / "t0.png"), picture(5))
    assert _codes(tmp_path) == []


def test_pictures_of_one_fixed_camera_are_no_copies_of_each_other() -> None:
    scene = picture(1).astype(np.float32)
    marks = [picture(100 + n, grain_px=3.0).astype(np.float32) for n in range(60)]
    images = [np.asarray(0.75 * scene + 0.25 * mark, np.uint8) for mark in marks]
    images.append(np.ascontiguousarray(_brighter(images[7])[:, ::-1]))
    looks = [look_of(image) for image in images]
    # By themselves two of them look alike ...
    assert likeness(looks[0], looks[1]) > ALIKE
    # ... among their like only the copy does.
    pairs = alike_pairs(looks, ["train"] * 60 + ["val"], ["camera"] * 61, ALIKE)
    assert [(pair.first, pair.second) for pair in pairs] == [(7, 60)]


def test_distinct_pictures_stay_far_below_the_limit() -> None:
    looks = [look_of(picture(seed)) for seed in range(30)]
    assert alike_pairs(looks, ["train"] * 15 + ["val"] * 15, ["drawn"] * 30, 0.6) == []


def test_join_alike_joins_chains_of_groups() -> None:
    first, second = picture(1), picture(2)
    images = [first, np.ascontiguousarray(first[::-1]), second, picture(3), _brighter(second), _jpeg(first)]
    groups = ["a", "b", "c", "d", "b", "e"]
    looks = [look_of(image) for image in images]
    assert join_alike(looks, groups, ["drawn"] * 6) == ["a", "a", "a", "d", "a", "a"]


def test_folders_that_are_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data set"):
        audit_sets([tmp_path])
    write_set(tmp_path / "one", good_samples())
    (tmp_path / "one" / COCO_FILE).write_text("{")
    assert _codes(tmp_path) == [("unreadable_records", "fail")]


def test_a_group_in_two_splits_is_reported_not_raised(tmp_path: Path) -> None:
    write_set(tmp_path, [*good_samples(), sample("x", group="t0", split="val")])
    assert _codes(tmp_path) == [("group_in_two_splits", "fail")]


def test_a_moved_report_names_the_new_place(tmp_path: Path) -> None:
    write_set(tmp_path / ".part", [*good_samples(), sample("x", group="t0", split="val")])
    moved = audit_sets([tmp_path / ".part"]).moved(str(tmp_path / ".part"), "data/rail")
    assert moved.sets[0].folder == "data/rail"
    assert moved.findings[0].where.startswith("data/rail/images/")
