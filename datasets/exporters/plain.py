"""COCO and YOLO folders for other tools: pictures copied, labels in plain form.

The COCO that this project keeps has keys of its own and one file for all splits. Here every split has its
own file with nothing but COCO's keys. Neighbour: `importers` read both back.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import yaml

from datasets.errors import DataError
from datasets.folders import whole_folder
from datasets.records import DataSet, SampleRecord, Split
from datasets.synthetic.progress import tracked

SPLITS: tuple[Split, ...] = ("train", "val", "test", "guard")


def export_coco(data: DataSet, folder: Path, out: Path, *, show_progress: bool = False) -> Path:
    """Write `annotations/instances_SPLIT.json` and `SPLIT/` with the pictures; returns `out`.

    Args:
        data: the data set; guard frames are left out, they belong to no split.
        folder: where its pictures are.
        out: a folder that is not there yet, or holds an earlier export.
        show_progress: a bar on stderr.

    Raises:
        DataError: no picture, one is missing, or something cannot be written.
    """
    with whole_folder(out, marker="annotations") as part:
        names = _copy(data, folder, lambda sample, name: part / sample.split / name, show_progress)
        (part / "annotations").mkdir()
        for split in SPLITS[:3]:
            samples = data.of_split(split)
            if samples:
                text = json.dumps(_coco(data.labels, samples, names), indent=1)
                (part / "annotations" / f"instances_{split}.json").write_text(text + "\n", encoding="utf-8")
    return out


def _coco(
    labels: tuple[str, ...], samples: tuple[SampleRecord, ...], names: dict[str, str]
) -> dict[str, object]:
    numbers = {label: number for number, label in enumerate(labels, 1)}
    images: list[dict[str, object]] = []
    notes: list[dict[str, object]] = []
    for number, sample in enumerate(samples, 1):
        images.append(
            {
                "id": number,
                "file_name": names[sample.file],
                "width": sample.width_px,
                "height": sample.height_px,
            }
        )
        for box in sample.boxes:
            x1, y1, x2, y2 = box.xyxy_px
            notes.append(
                {
                    "id": len(notes) + 1, "image_id": number, "category_id": numbers[box.label],
                    "bbox": [x1, y1, round(x2 - x1, 6), round(y2 - y1, 6)], "area": box.area_px,
                    "iscrowd": 0, "segmentation": [list(outline) for outline in box.polygons_px],
                }
            )  # fmt: skip
    categories = [{"id": number, "name": label} for label, number in numbers.items()]
    return {"images": images, "annotations": notes, "categories": categories}


def export_yolo(data: DataSet, folder: Path, out: Path, *, show_progress: bool = False) -> Path:
    """Write `data.yaml`, `images/SPLIT/` and `labels/SPLIT/` as ultralytics reads them; returns `out`.

    Boxes go out as boxes, their outlines do not. A picture without marks has an empty label file.

    Args:
        data: the data set; guard frames are left out, they belong to no split.
        folder: where its pictures are.
        out: a folder that is not there yet, or holds an earlier export.
        show_progress: a bar on stderr.

    Raises:
        DataError: no picture, one is missing, two label files of one name, or something cannot be written.
    """
    numbers = {label: number for number, label in enumerate(data.labels)}
    with whole_folder(out, marker="data.yaml") as part:
        names = _copy(data, folder, lambda sample, name: part / "images" / sample.split / name, show_progress)
        for sample in data.samples:
            if sample.file not in names:
                continue
            path = (part / "labels" / sample.split / names[sample.file]).with_suffix(".txt")
            if path.exists():
                raise DataError(
                    f"two pictures would have the label file {path.name}",
                    where=sample.file,
                    todo="rename one",
                )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(_lines(sample, numbers)), encoding="utf-8")
        content: dict[str, object] = {
            split: f"images/{split}" for split in SPLITS[:3] if data.of_split(split)
        }
        content["names"] = dict(enumerate(data.labels))
        (part / "data.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return out


def _lines(sample: SampleRecord, numbers: dict[str, int]) -> list[str]:
    lines = []
    for box in sample.boxes:
        x1, y1, x2, y2 = box.xyxy_px
        shares = (
            (x1 + x2) / 2 / sample.width_px, (y1 + y2) / 2 / sample.height_px,
            (x2 - x1) / sample.width_px, (y2 - y1) / sample.height_px,
        )  # fmt: skip
        lines.append(f"{numbers[box.label]} " + " ".join(f"{share:.9f}" for share in shares) + "\n")
    return lines


def _copy(
    data: DataSet, folder: Path, place: Callable[[SampleRecord, str], Path], show_progress: bool
) -> dict[str, str]:
    """Copy the pictures; returns the new name of each."""
    samples = [sample for sample in data.samples if sample.split != "guard"]
    if not samples:
        raise DataError(
            "the data set holds no picture to export", where=str(folder), todo="give one that does"
        )
    names = {}
    for sample in tracked(samples, "copying pictures", total=len(samples), show=show_progress):
        name = PurePosixPath(sample.file)
        # `images/a/b.png` becomes `a/b.png`: the split's folder takes the place of `images`.
        names[sample.file] = str(name.relative_to("images") if name.parts[0] == "images" else name)
        target = place(sample, names[sample.file])
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(folder / sample.file, target)
        except OSError as error:
            raise DataError(
                f"the picture cannot be copied: {error.strerror or error}",
                where=str(folder / sample.file),
                todo="copy the whole data set, check the free space",
            ) from error
    return names
