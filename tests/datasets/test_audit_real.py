"""The audit on real line scans of rails: frames of one look are told apart, copies of them are found."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from datasets.audit import audit_sets
from datasets.records import DataSet, SampleRecord, write_coco

#: Every frame of the right rail's long run between these numbers: train, guard and val side by side.
_FROM, _TO = 3, 91


def _frames(folder: Path, out: Path, splits: Path) -> list[SampleRecord]:
    """Links to some frames, with the split they have for good; no boxes, for they are not the matter here."""
    (out / "images").mkdir(parents=True)
    samples = []
    with splits.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["run"] != "145648" or not _FROM <= int(row["frame"]) <= _TO:
                continue
            (out / "images" / row["file"]).symlink_to(folder / "images" / row["file"])
            samples.append(
                SampleRecord.model_validate(
                    {
                        "file": f"images/{row['file']}",
                        "width_px": 2048,
                        "height_px": 2000,
                        "group": row["file"],
                        "source": "rail400",
                        "label": "rail",
                        "split": row["part"],
                        "licence": "kept out of this test",
                        "origin": "real",
                        "sequence": f"{row['run']}{row['camera']}",
                        "frame": int(row["frame"]),
                    }
                )
            )
    return samples


def test_real_frames_pass_and_copies_of_them_do_not(real_data: Callable[[str], Path], tmp_path: Path) -> None:
    rail = real_data("rail400")
    frames = tmp_path / "frames"
    samples = _frames(rail, frames, rail.parent / "splits" / "rail400_v1.csv")
    data = DataSet(labels=("defect",), samples=tuple(samples))
    write_coco(data, frames)
    assert {sample.split for sample in samples} == {"train", "val", "guard"}
    assert [finding.code for finding in audit_sets([frames]).findings] == ["label_without_boxes"]
    # Copies of val frames, mirrored and brighter, as an augmented training set would hold them.
    val = [sample for sample in samples if sample.split == "val"][::4]
    copies = tmp_path / "augmented"
    (copies / "images").mkdir(parents=True)
    made = []
    for sample in val:
        image = cv2.imread(str(frames / sample.file), cv2.IMREAD_GRAYSCALE)
        assert image is not None
        bright = np.clip(image[:, ::-1].astype(np.float32) * 1.5 + 5.0, 0, 255).astype(np.uint8)
        assert cv2.imwrite(str(copies / sample.file), bright)
        made.append(
            sample.model_copy(update={"split": "train", "group": f"copy {sample.group}", "frame": None})
        )
    write_coco(data.model_copy(update={"samples": tuple(made)}), copies)
    leaks = [finding for finding in audit_sets([frames, copies]).findings if finding.code == "leak_alike"]
    assert len(leaks) == len(val)
    for sample in val:
        assert any(finding.where.count(Path(sample.file).name) == 2 for finding in leaks)
