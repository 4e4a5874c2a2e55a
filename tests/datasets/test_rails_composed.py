"""Composed pictures: train frames only, marks between boxes, nothing else changed, same seed same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from datasets.errors import DataError
from datasets.pictures import read_picture
from datasets.records import DataSet, read_coco, write_coco
from datasets.synthetic.rails.canvas import RailCanvas
from datasets.synthetic.rails.catalogue import draw_mark
from datasets.synthetic.rails.compose import compose_frame, compose_frames, load_material, unlabelled_truth
from datasets.synthetic.rails.patches import fit_patch
from datasets.synthetic.rails.strips import draw_strip
from tests.datasets.drawn_rails import DEFECT_XYXY_PX, write_frames
from vision.rail_strip import RailHead


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rails") / "frames"
    write_frames(folder)
    return folder


@pytest.fixture(scope="module")
def composed(frames: Path) -> tuple[Path, DataSet]:
    out = frames.parent / "composed"
    return out, compose_frames(frames, out, seed=3, count=6, strips=4)


def test_only_train_frames_are_used(frames: Path, composed: tuple[Path, DataSet]) -> None:
    _, data = composed
    train = {sample.file for sample in read_coco(frames).of_split("train")}
    group_of = {sample.file: sample.group for sample in read_coco(frames).samples}
    made = [sample for sample in data.samples if sample.origin == "composed"]
    assert len(made) == 6
    for sample in made:
        background = str(sample.truth["background"])
        assert background in train
        assert sample.group == group_of[background]
    assert {sample.split for sample in data.samples} == {"train"}
    sources = {box.attributes.get("source") for sample in data.samples for box in sample.boxes}
    assert sources - {None}
    assert sources - {None} <= train
    assert {patch.mark.source for patch in load_material(frames).patches} <= train


def test_the_set_on_disk_is_whole(composed: tuple[Path, DataSet]) -> None:
    out, data = composed
    assert read_coco(out).samples == data.samples
    for sample in data.samples:
        pixels = read_picture(out / sample.file)
        assert pixels.shape == (sample.height_px, sample.width_px)
        for box in sample.boxes:
            x1, y1, x2, y2 = box.xyxy_px
            assert 0 <= x1 < x2 <= sample.width_px
            assert 0 <= y1 < y2 <= sample.height_px
    strips = [sample for sample in data.samples if sample.sensor == "synthetic_strip"]
    assert len(strips) == 4
    assert all(s.origin == "rendered" and 55 <= s.width_px <= 160 and s.height_px == 1000 for s in strips)


def test_the_frames_own_boxes_stay_and_move_with_the_cut(composed: tuple[Path, DataSet]) -> None:
    for sample in composed[1].samples:
        if sample.origin == "composed":
            real = [box for box in sample.boxes if box.origin == "real"]
            shift = float(sample.truth["left_px"] or 0)
            x1, y1, x2, y2 = DEFECT_XYXY_PX
            assert [box.xyxy_px for box in real] == [(x1 - shift, y1, x2 - shift, y2)]


def test_same_seed_same_bytes(frames: Path, composed: tuple[Path, DataSet]) -> None:
    again, other = frames.parent / "again", frames.parent / "other"
    compose_frames(frames, again, seed=3, count=6, strips=4)
    compose_frames(frames, other, seed=4, count=1, strips=1)
    first = sorted(path.relative_to(composed[0]) for path in composed[0].rglob("*") if path.is_file())
    assert len(first) == 11
    for name in first:
        assert (composed[0] / name).read_bytes() == (again / name).read_bytes(), name
    frame = "images/frame_00000.jpg"
    assert (other / frame).read_bytes() != (again / frame).read_bytes()


def test_marks_lie_between_the_boxes_and_nothing_else_changes(frames: Path) -> None:
    material = load_material(frames)
    assert material.patches, "the drawn defects make patches"
    laid = 0
    for number in range(12):
        background = material.backgrounds[number % len(material.backgrounds)]
        pixels = read_picture(frames / background.sample.file)
        canvas = compose_frame(pixels, background, material.patches, np.random.default_rng(number))
        changed = canvas.pixels() != pixels
        x1, y1, x2, y2 = DEFECT_XYXY_PX
        assert not changed[y1:y2, x1:x2].any()
        for one in canvas.laid:
            bx1, by1, bx2, by2 = one.xyxy_px
            assert bx1 >= x2 or bx2 <= x1 or by1 >= y2 or by2 <= y1
            assert changed[by1:by2, bx1:bx2].sum() == one.area_px
            changed[by1:by2, bx1:bx2] = False
        assert not changed.any()
        laid += len(canvas.laid)
    assert laid >= 12


def test_a_patch_keeps_the_darkness_of_its_mark(frames: Path) -> None:
    patch = load_material(frames).patches[0]
    # The drawn mark is a quarter of the steel's grey.
    assert float(np.quantile(patch.mark.gain, 0.2)) == pytest.approx(0.25, abs=0.1)
    assert patch.mark.label == "defect"
    assert patch.mark.fine == "damage"
    assert patch.mark.origin == "patch"
    sizes = []
    for seed in range(20):
        mark = fit_patch(patch, 2.0 * patch.head_px, np.random.default_rng(seed))
        assert mark is not None
        sizes.append(mark.shape[0] / patch.mark.shape[0])
    assert 1.5 < float(np.median(sizes)) < 2.8


def test_what_has_no_label_is_kept_in_the_truth() -> None:
    rng = np.random.default_rng(1)
    canvas = RailCanvas(np.full((600, 144), 100.0, np.float32), RailHead(0.0, 0.0, 144.0, 100.0, found=True))
    spall = canvas.try_lay(draw_mark("spalling", 2.0, 144.0, rng), rng)
    hole = canvas.try_lay(draw_mark("bolt_hole", 2.0, 144.0, rng), rng)
    assert spall is not None
    assert hole is not None
    x1, y1, x2, y2 = hole.xyxy_px
    noted = json.loads(str(unlabelled_truth(canvas.laid, 5)["unlabelled"]))
    assert noted == [{"fine": "bolt_hole", "xyxy_px": [x1 - 5, y1, x2 - 5, y2]}]
    assert unlabelled_truth([spall]) == {}


def test_strips_differ_in_light_and_width() -> None:
    strips = [draw_strip([], np.random.default_rng(seed), rows=200).pixels() for seed in range(16)]
    means = [float(strip.mean()) for strip in strips]
    assert min(means) < 40 < 100 < max(means)
    assert len({strip.shape[1] for strip in strips}) > 8


def test_bad_input_is_one_clear_error_and_leaves_nothing(frames: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(DataError, match="0 frames"):
        compose_frames(frames, out, seed=1, count=0)
    data = read_coco(frames)
    (tmp_path / "none").mkdir()
    val = tuple(sample for sample in data.samples if sample.split == "val")
    write_coco(DataSet(labels=data.labels, samples=val), tmp_path / "none")
    with pytest.raises(DataError, match="no frame of the train split"):
        compose_frames(tmp_path / "none", out, seed=1, count=1)
    occupied = tmp_path / "occupied"
    occupied.mkdir()
    (occupied / "letter.txt").write_text("mine")
    with pytest.raises(DataError, match="not replaced"):
        compose_frames(frames, occupied, seed=1, count=1, strips=0)
    assert not out.exists()
    assert [p.name for p in occupied.iterdir()] == ["letter.txt"]
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]
