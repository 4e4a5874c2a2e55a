"""Composed pictures of rails: real and drawn marks on the clean stretches of real frames, and drawn strips.

Only frames of the train split are read: no composed picture shows anything of another split.
A composed picture is cut to the head and some width beside it. Neighbours: `patches` and
`catalogue` give the marks, `canvas` lays them on, `strips` draws the rails of other sensors.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from datasets.errors import DataError
from datasets.folders import whole_folder
from datasets.pictures import grey as to_grey
from datasets.pictures import read_picture
from datasets.provenance import noted
from datasets.records import BoxRecord, DataSet, SampleRecord, read_coco, write_coco
from datasets.synthetic.progress import tracked
from datasets.synthetic.rails.canvas import Box, Laid, RailCanvas, box_record
from datasets.synthetic.rails.catalogue import draw_mark, draw_name
from datasets.synthetic.rails.mark import LABELS
from datasets.synthetic.rails.patches import Patch, cut_patches, fit_patch
from vision.rail_strip import RailHead, find_head
from vision.types import UInt8Array

SOURCE = "ferrogate-rails"
_MARGIN = 0.4
"""Columns beside the head that are kept, over the head's width."""
_FRAME_QUALITY = 95


@dataclass(frozen=True, slots=True)
class Background:
    """A frame to lay marks on: its record and where its head lies."""

    sample: SampleRecord
    head: RailHead


@dataclass(frozen=True, slots=True)
class Material:
    """What pictures are composed of."""

    folder: Path
    backgrounds: tuple[Background, ...]
    patches: tuple[Patch, ...]


def load_material(frames_folder: Path, *, show_progress: bool = False) -> Material:
    """Read the train frames of a data set: where their heads lie, and the patches in them.

    Raises:
        DataError: no frame of the train split shows a head.
    """
    data = read_coco(frames_folder)
    frames = data.of_split("train")
    backgrounds: list[Background] = []
    patches: list[Patch] = []
    for sample in tracked(frames, "frames read", total=len(frames), show=show_progress):
        pixels = to_grey(read_picture(frames_folder / sample.file))
        head = find_head(pixels)
        if head.found:
            backgrounds.append(Background(sample, head))
            patches += cut_patches(pixels, head, sample)
    if not backgrounds:
        raise DataError(
            "no frame of the train split shows a rail head",
            where=str(frames_folder),
            todo="build the frames again with 'ferrogate data build rail'",
        )
    return Material(frames_folder, tuple(backgrounds), tuple(patches))


def compose_frames(
    frames_folder: Path,
    out: Path,
    seed: int,
    count: int = 400,
    strips: int | None = None,
    *,
    command: str = "",
    show_progress: bool = False,
) -> DataSet:
    """Make the set of composed pictures.

    Args:
        frames_folder: data set of labelled frames; only its train split is used.
        out: becomes the data set, whole or not at all.
        seed: of every choice; the same frames and seed give the same bytes.
        count: frames to compose.
        strips: strips of other sensors to draw besides; None: as many as frames.
        command: that makes it, noted in the set.
        show_progress: show a bar.

    Raises:
        DataError: no usable frame, or the set cannot be written.
    """
    # Imported here because strips uses this module's drawing of marks.
    from datasets.synthetic.rails.strips import make_strip_sample

    if count < 1:
        raise DataError(f"{count} frames cannot be composed", where="count", todo="ask for 1 or more")
    strips = count if strips is None else strips
    material = load_material(frames_folder, show_progress=show_progress)
    samples: list[SampleRecord] = []
    with whole_folder(out) as part:
        (part / "images").mkdir()
        for number in tracked(range(count + strips), "pictures", total=count + strips, show=show_progress):
            if number < count:
                samples.append(_make_frame_sample(material, part, seed, number))
            else:
                samples.append(make_strip_sample(material.patches, part, seed, number - count))
        data = DataSet(
            labels=LABELS,
            info={
                "description": "marks laid onto clean stretches of real frames, and strips drawn by formulas",
                "seed": seed,
                "frames": count,
                "strips": strips,
                "frames_source": sorted({b.sample.source for b in material.backgrounds}),
            }
            | noted(command),
            samples=tuple(samples),
        )
        write_coco(data, part)
    return data


def _make_frame_sample(material: Material, part: Path, seed: int, number: int) -> SampleRecord:
    rng = np.random.default_rng((seed, 1, number))
    background = material.backgrounds[int(rng.integers(len(material.backgrounds)))]
    pixels = to_grey(read_picture(material.folder / background.sample.file))
    canvas = compose_frame(pixels, background, material.patches, rng)
    picture, shift = _cut_to_head(canvas.pixels(), background.head)
    file = f"images/frame_{number:05d}.jpg"
    write_jpeg(part / file, picture, _FRAME_QUALITY)
    height, width = picture.shape
    boxes = [moved for box in background.sample.boxes if (moved := _moved(box, shift, width, height))]
    new = [record for laid in canvas.laid if (record := box_record(laid)) is not None]
    boxes += [moved for box in new if (moved := _moved(box, shift, width, height))]
    return SampleRecord(
        file=file,
        width_px=width,
        height_px=height,
        group=background.sample.group,
        source=background.sample.source,
        label="marked",
        split="train",
        boxes=tuple(boxes),
        licence=background.sample.licence,
        sensor=background.sample.sensor,
        origin="composed",
        mm_per_px=background.sample.mm_per_px,
        truth={"background": background.sample.file, "left_px": shift} | unlabelled_truth(canvas.laid, shift),
    )


def compose_frame(
    pixels: UInt8Array, background: Background, patches: Sequence[Patch], rng: np.random.Generator
) -> RailCanvas:
    """Lay two to six marks onto a frame, none on or near a box that it has.

    Args:
        pixels: (H, W) uint8, the frame.
        background: its record and head.
        patches: real marks to choose from; may be empty.
        rng: source of every draw.
    """
    taken: list[Box] = []
    for box in background.sample.boxes:
        x1, y1, x2, y2 = box.xyxy_px
        taken.append((int(x1) - 6, int(y1) - 6, int(np.ceil(x2)) + 6, int(np.ceil(y2)) + 6))
    canvas = RailCanvas(pixels.astype(np.float32), background.head, taken)
    lay_marks(canvas, patches, int(rng.integers(2, 7)), rng)
    return canvas


def lay_marks(canvas: RailCanvas, patches: Sequence[Patch], wanted: int, rng: np.random.Generator) -> None:
    """Try to lay so many marks, about half of them real patches where there are any."""
    for _ in range(wanted):
        if patches and rng.random() < 0.5:
            mark = fit_patch(patches[int(rng.integers(len(patches)))], canvas.head.width_px, rng)
        else:
            mark = draw_mark(draw_name(rng), canvas.px_per_mm, canvas.head.width_px, rng)
        if mark is not None:
            canvas.try_lay(mark, rng)


def unlabelled_truth(laid: Sequence[Laid], shift_px: int = 0) -> dict[str, str | float | bool | None]:
    """Marks that are no object of the detector (weld, bolt hole), as one JSON text under `unlabelled`."""
    found = [
        {
            "fine": one.mark.fine,
            "xyxy_px": [one.xyxy_px[0] - shift_px, one.xyxy_px[1], one.xyxy_px[2] - shift_px, one.xyxy_px[3]],
        }
        for one in laid
        if one.mark.label is None
    ]
    return {"unlabelled": json.dumps(found)} if found else {}


def write_jpeg(path: Path, pixels: UInt8Array, quality: int) -> None:
    """Write one picture as JPEG.

    Raises:
        DataError: it cannot be packed.
        OSError: it cannot be written.
    """
    done, packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise DataError("the picture cannot be packed as JPEG", where=str(path), todo="report this picture")
    path.write_bytes(packed.tobytes())


def _cut_to_head(pixels: UInt8Array, head: RailHead) -> tuple[UInt8Array, int]:
    """The head with `_MARGIN` of its width beside it, and the first column that is kept."""
    height, width = pixels.shape
    ends = (head.left_px, head.left_px + head.slope * height)
    first = max(0, int(min(ends) - _MARGIN * head.width_px))
    last = min(width, int(max(ends) + (1.0 + _MARGIN) * head.width_px) + 1)
    return np.ascontiguousarray(pixels[:, first:last]), first


def _moved(box: BoxRecord, shift_px: int, width_px: int, height_px: int) -> BoxRecord | None:
    """A box after columns were cut off; None where less than a quarter of it is left."""
    x1, y1, x2, y2 = box.xyxy_px
    left, right = max(0.0, x1 - shift_px), min(float(width_px), x2 - shift_px)
    top, bottom = max(0.0, y1), min(float(height_px), y2)
    if right - left < max(2.0, 0.25 * (x2 - x1)) or bottom - top < 2.0:
        return None
    share = (right - left) * (bottom - top) / ((x2 - x1) * (y2 - y1))
    # Outlines of the whole frame would no longer fit the cut; the detector learns from boxes.
    return replace_box(box, (left, top, right, bottom), share)


def replace_box(box: BoxRecord, xyxy_px: tuple[float, float, float, float], share: float) -> BoxRecord:
    """The record with another box, its area scaled by what is left of it, and no outline."""
    area = round(box.area_px * min(1.0, share))
    return box.model_copy(update={"xyxy_px": xyxy_px, "area_px": area, "polygons_px": ()})
