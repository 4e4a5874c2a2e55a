"""Labelled pictures become a data set: groups and splits are given, boxes checked, pictures copied.

Neighbours: the importers yield the pictures, `importers.grouping` names the groups.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import ValidationError

from datasets.errors import DataError
from datasets.folders import whole_folder
from datasets.importers.labelled import Labelled, box_fault
from datasets.records import DataSet, SampleRecord, Split, write_coco
from datasets.splits import share_out
from datasets.synthetic.progress import tracked

_NAMED = 5
_SPLITS: dict[str, Split] = {"train": "train", "val": "val", "test": "test", "guard": "guard"}


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What an outside format does not say of its pictures.

    Attributes:
        source: name of the set.
        licence: its terms.
        sensor: what took the pictures.
        origin: of the pictures.
        seed: of the split.
        val_share: of the pictures, by groups, that go to val where no split is given.
        split: "own" takes the format's, "share" draws one by groups, a split's name puts all there.
        outside: what to do with boxes that reach over the border of the picture.
        info: kept in the data set.
    """

    source: str
    licence: str
    sensor: str
    origin: Literal["real", "rendered", "composed"] = "real"
    seed: int = 1
    val_share: float = 0.1
    split: Literal["own", "share", "train", "val", "test"] = "own"
    outside: Literal["refuse", "clip"] = "refuse"
    info: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """A new data set and the number of boxes that were clipped to their picture."""

    data: DataSet
    clipped: int


def assemble(
    pictures: Sequence[Labelled],
    labels: Sequence[str],
    out: Path,
    group_of: Callable[[Labelled], str],
    options: ImportOptions,
    *,
    show_progress: bool = False,
) -> Imported:
    """Write a data set of the pictures, whole or not at all.

    Args:
        pictures: at least one; the set keeps their order.
        labels: in class order; every box's label is among them.
        out: folder of the set.
        group_of: the group of a picture.
        options: what the format does not say.
        show_progress: a bar on stderr.

    Raises:
        DataError: no picture, a box outside its picture (unless clipped), a label that is not listed, two
            pictures of one name, a group in two splits, or `out` cannot be written.
    """
    if not pictures:
        raise DataError("there is no picture to import", where=str(out), todo="give a folder that holds some")
    checked, clipped = _checked(pictures, labels, options)
    groups = [group_of(picture) for picture in checked]
    splits = _splits(checked, groups, options)
    samples = []
    with whole_folder(out) as folder:
        todo = list(zip(checked, groups, splits, strict=True))
        for picture, group, split in tracked(todo, "copying pictures", total=len(todo), show=show_progress):
            sample = _sample(picture, group, split, options)
            name = PurePosixPath(sample.file)
            if name.is_absolute() or ".." in name.parts:
                raise DataError(
                    f"{sample.file} leads out of the data set",
                    where=str(picture.path),
                    todo="rename the picture",
                )
            target = folder / name
            if target.exists():
                raise DataError(
                    f"two pictures would be {sample.file}", where=str(picture.path), todo="rename one of them"
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(picture.path, target)
            samples.append(sample)
        info = dict(options.info or {})
        if clipped:
            info["clipped_boxes"] = clipped
        data = DataSet(labels=tuple(labels), info=info, samples=tuple(samples))
        write_coco(data, folder)
    return Imported(data, clipped)


def _sample(picture: Labelled, group: str, split: Split, options: ImportOptions) -> SampleRecord:
    first = picture.boxes[0].label if picture.boxes else "none"
    fields: dict[str, object] = {
        "file": picture.name if picture.name.startswith("images/") else f"images/{picture.name}",
        "source": options.source,
        "licence": options.licence,
        "sensor": options.sensor,
        "origin": options.origin,
        "label": first,
        **picture.fields,
        "width_px": picture.width_px,
        "height_px": picture.height_px,
        "group": group,
        "split": split,
        "boxes": picture.boxes,
    }
    try:
        return SampleRecord.model_validate(fields)
    except ValidationError as error:
        raise DataError(
            f"the picture's fields do not fit: {error}", where=str(picture.path), todo="see docs/datasets.md"
        ) from error


def _checked(
    pictures: Sequence[Labelled], labels: Sequence[str], options: ImportOptions
) -> tuple[list[Labelled], int]:
    """The pictures with every box inside, and how many had to be clipped for that."""
    kept: list[Labelled] = []
    faults: list[str] = []
    clipped = 0
    for picture in pictures:
        boxes = []
        for box in picture.boxes:
            if box.label not in labels:
                raise DataError(
                    f"the label '{box.label}' is not in the list {', '.join(labels)}",
                    where=str(picture.path),
                    todo="name it in --labels, or correct it",
                )
            fault = box_fault(box, picture.width_px, picture.height_px)
            if fault is None:
                boxes.append(box)
                continue
            x1, y1, x2, y2 = box.xyxy_px
            inside = (max(0.0, x1), max(0.0, y1), min(x2, picture.width_px), min(y2, picture.height_px))
            if options.outside == "clip" and inside[2] > inside[0] and inside[3] > inside[1]:
                # An outline that reaches over the border no longer fits its box.
                area = min(box.area_px, round((inside[2] - inside[0]) * (inside[3] - inside[1])))
                update = {"xyxy_px": inside, "polygons_px": (), "area_px": area}
                boxes.append(box.model_copy(update=update))
                clipped += 1
            else:
                faults.append(f"{picture.path}: {fault}")
        kept.append(replace(picture, boxes=tuple(boxes)))
    if faults:
        raise DataError(
            f"{len(faults)} boxes do not lie in their picture: {'; '.join(faults[:_NAMED])}",
            where=f"{len({fault.partition(': ')[0] for fault in faults})} pictures",
            todo="correct them, or give --outside clip (the number of clipped boxes is reported)",
        )
    return kept, clipped


def _splits(pictures: Sequence[Labelled], groups: Sequence[str], options: ImportOptions) -> list[Split]:
    if options.split in ("train", "val", "test"):
        return [_SPLITS[options.split]] * len(groups)
    own = [_SPLITS[str(p.fields["split"])] for p in pictures if p.fields.get("split") in _SPLITS]
    if options.split == "own" and len(own) == len(pictures):
        first: dict[str, Split] = {}
        for group, split, picture in zip(groups, own, pictures, strict=True):
            if first.setdefault(group, split) != split:
                raise DataError(
                    f"group {group} lies in {first[group]} and in {split}",
                    where=str(picture.path),
                    todo="the set's own split leaks: give --split share, which parts no group",
                )
        return own
    # Shared out by the commonest label of each group, so that rare labels come into both splits.
    labels: dict[str, Counter[str]] = {}
    for group, picture in zip(groups, pictures, strict=True):
        labels.setdefault(group, Counter()).update(box.label for box in picture.boxes)
    kinds = {
        group: min(count.items(), key=lambda item: (-item[1], item[0]))[0] if count else "none"
        for group, count in labels.items()
    }
    shared = share_out(groups, kinds, options.seed, options.val_share)
    return [shared[group] for group in groups]
