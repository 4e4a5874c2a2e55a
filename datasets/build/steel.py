"""The pretraining set: real photographs of steel and its marks, under labels of their own.

A detector that has seen scratches, pits, scale and joints on real metal needs fewer pictures of a
plant's rails. Four public sets, each with the terms of its SOURCE.txt; pictures are grey and at
most 448 px long. Neighbours: `steel_sheets` and `steel_yard` read the four sets.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from datasets.audit.likeness import Look, look_of
from datasets.audit.regroup import join_alike
from datasets.build.steel_picture import LONGEST_PX, SteelPicture
from datasets.build.steel_sheets import bsdata_crops, mt_tiles, neu_sheets
from datasets.build.steel_yard import gap_photos
from datasets.folders import whole_folder
from datasets.pictures import write_png
from datasets.provenance import noted
from datasets.records import DataSet, SampleRecord, write_coco
from datasets.splits import share_out
from datasets.synthetic.progress import tracked

STEEL_LABELS = (
    "crazing",
    "inclusion",
    "patches",
    "pitted_surface",
    "rolled_in_scale",
    "scratches",
    "tile_crack",
    "tile_break",
    "tile_blowhole",
    "pitting",
    "joint_gap",
)
VAL_SHARE = 0.1
#: Pictures, for the progress bar alone.
_ABOUT = 2915


def build_steel(
    source: Path, out: Path, seed: int, *, command: str = "", show_progress: bool = False
) -> DataSet:
    """Write the pretraining set.

    Args:
        source: the folder of real pictures; `neu_det`, `mt`, `bsdata` and `rail_gap` are needed.
        out: folder of the set; one that is there is replaced when the new one is whole.
        seed: of crops and splits.
        command: that makes it, noted in the set.
        show_progress: a bar on stderr.

    Raises:
        DataError: a set is missing or broken, or `out` cannot be written.
    """
    with whole_folder(out) as folder:
        drafts: list[SampleRecord] = []
        looks: list[Look] = []
        kinds: list[str] = []
        for picture in tracked(_pictures(source, seed), "steel pictures", total=_ABOUT, show=show_progress):
            file = f"images/{picture.name}.png"
            write_png(folder / file, picture.pixels)
            drafts.append(_sample(picture, file))
            looks.append(look_of(picture.pixels))
            kinds.append(picture.kind)
        samples = _shared_out(drafts, looks, kinds, seed)
        info: dict[str, object] = {
            "description": "real photographs of steel and its marks, to pretrain on",
            "sources": ["neu_det", "mt", "bsdata", "rail_gap"],
            "seed": seed,
            "longest_px": LONGEST_PX,
            "val_share": VAL_SHARE,
        } | noted(command)
        data = DataSet(labels=STEEL_LABELS, info=info, samples=samples)
        write_coco(data, folder)
    return data


def _shared_out(
    drafts: list[SampleRecord], looks: list[Look], kinds: list[str], seed: int
) -> tuple[SampleRecord, ...]:
    """The samples with alike ones in one group, and groups in train or val."""
    groups = join_alike(looks, [draft.group for draft in drafts], [draft.source for draft in drafts])
    kind_of: dict[str, str] = {}
    for group, kind in zip(groups, kinds, strict=True):
        kind_of.setdefault(group, kind)
    splits = share_out(groups, kind_of, seed, VAL_SHARE)
    return tuple(
        draft.model_copy(update={"group": group, "split": splits[group]})
        for draft, group in zip(drafts, groups, strict=True)
    )


def _sample(picture: SteelPicture, file: str) -> SampleRecord:
    height_px, width_px = picture.pixels.shape[:2]
    # Some files of neu_det list one box twice.
    boxes = tuple({(box.label, box.xyxy_px): box for box in picture.boxes}.values())
    return SampleRecord(
        file=file,
        width_px=width_px,
        height_px=height_px,
        group=picture.group,
        source=picture.source,
        label=boxes[0].label if boxes else "none",
        split="train",
        boxes=boxes,
        licence=picture.licence,
        sensor=picture.sensor,
        origin="real",
    )


def _pictures(source: Path, seed: int) -> Iterator[SteelPicture]:
    yield from neu_sheets(source)
    yield from mt_tiles(source)
    yield from bsdata_crops(source, seed)
    yield from gap_photos(source)
