"""The reality check of the ball station: crops of real steel balls, and of real pitting.

No labelled pictures of grinding balls with defects exist. What there is: small sound steel balls
in a channel (steelball_k230; nothing on them may be found) and pitting of ball screws (bsdata; not
on balls, but steel that spalled). Both are only measured on, split test. Neighbour: `ball.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from datasets.build.cuts import Window, cut
from datasets.build.steel_picture import files_of
from datasets.folders import whole_folder
from datasets.importers.labelme import read_labelme
from datasets.importers.yolo_labels import read_yolo_labels
from datasets.pictures import grey, read_picture, write_png
from datasets.provenance import noted
from datasets.records import BoxRecord, DataSet, SampleRecord, write_coco
from datasets.synthetic.compose import CROP_MARGIN
from vision.contract import BALL_LABELS
from vision.preprocess import square_crop
from vision.types import UInt8Array

LEAST_BALL_PX = 24.0
MOST_ASPECT = 1.35
"""A box longer than this shows a ball that is cut off or hidden."""
LONGEST_PX = 224
_FRAME = re.compile(r"_f(\d+)$")
_PIT_MARGIN = (1.8, 4.0)
_LEAST_WINDOW_PX = 96


def build_real(source: Path, out: Path, seed: int, command: str = "") -> DataSet:
    """Write the set into `out` and return it.

    Args:
        source: the folder of real pictures (FERROGATE_DATA).
        out: folder of the set, whole or not at all.
        seed: of the windows round the pits.
        command: that makes it, noted in the set.

    Raises:
        DataError: a set is missing or broken, or something cannot be written.
    """
    with whole_folder(out) as folder:
        samples = [
            _written(folder, sample, pixels)
            for sample, pixels in [*_sound_balls(source), *_pitting(source, seed)]
        ]
        info: dict[str, object] = {
            "description": "real sound balls and real pitting: measured on, never trained on",
            "note": "bsdata shows ball screws, not balls; its pictures also serve the steel pretraining set, "
            "so a model pretrained on that has seen the like",
            "seed": seed,
        } | noted(command)
        data = DataSet(labels=BALL_LABELS, info=info, samples=tuple(samples))
        write_coco(data, folder)
    return data


def _written(folder: Path, sample: SampleRecord, pixels: UInt8Array) -> SampleRecord:
    write_png(folder / sample.file, pixels)
    return sample


def _sound_balls(source: Path) -> Iterator[tuple[SampleRecord, UInt8Array]]:
    """Crops as the edge box cuts them, of every ball that is whole and large enough."""
    for path in files_of(source, "steelball_k230", "labels/*.txt"):
        pixels = grey(read_picture(source / "steelball_k230" / "images" / f"{path.stem}.jpg"))
        height, width = pixels.shape
        frame = _FRAME.search(path.stem)
        for index, box in enumerate(read_yolo_labels(path, ("ball",), width, height)):
            x0, y0, x1, y1 = box.xyxy_px
            sides = sorted((x1 - x0, y1 - y0))
            if sides[0] < LEAST_BALL_PX or sides[1] > MOST_ASPECT * sides[0]:
                continue
            crop, (left, top) = square_crop(pixels, box.xyxy_px, CROP_MARGIN)
            sample = SampleRecord(
                file=f"images/k230_{path.stem}_{index}.png",
                width_px=crop.shape[1],
                height_px=crop.shape[0],
                group="k230/recording" if frame else f"k230/{path.stem}",
                source="steelball_k230",
                label="good",
                split="test",
                licence="none stated",
                sensor="colour strip, steel ball in a channel",
                origin="real",
                sequence="k230/recording" if frame else "",
                frame=int(frame.group(1)) if frame else None,
                truth={
                    "ball_x0_px": x0 - left,
                    "ball_y0_px": y0 - top,
                    "ball_x1_px": x1 - left,
                    "ball_y1_px": y1 - top,
                },
            )
            yield sample, np.ascontiguousarray(crop)


def _pitting(source: Path, seed: int) -> Iterator[tuple[SampleRecord, UInt8Array]]:
    """One square window round each pit, with all pits that lie in it."""
    rng = np.random.default_rng([seed, 7])
    for path in files_of(source, "bsdata", "labels_labelme/*.json"):
        pixels = grey(read_picture(source / "bsdata" / "images" / f"{path.stem}.jpg"))
        height, width = pixels.shape
        boxes = tuple(
            box.model_copy(update={"label": "scale_pit", "fine": "pitting"})
            for box in read_labelme(path, width, height)
        )
        words = path.stem.split("_")
        for index, box in enumerate(boxes):
            part, inside = cut(pixels, boxes, _window(box, width, height, rng), LONGEST_PX)
            sample = SampleRecord(
                file=f"images/bsdata_{path.stem}_{index}.png",
                width_px=part.shape[1],
                height_px=part.shape[0],
                group=f"bsdata/{words[2]}_{words[3]}",
                source="bsdata",
                label="scale_pit",
                split="test",
                boxes=inside,
                licence="CC BY-SA 4.0",
                sensor="colour photo, ball screw",
                origin="real",
            )
            yield sample, part


def _window(box: BoxRecord, width: int, height: int, rng: np.random.Generator) -> Window:
    """A square with the pit somewhere in its middle half."""
    x0, y0, x1, y1 = box.xyxy_px
    side = round(max(x1 - x0, y1 - y0) * rng.uniform(*_PIT_MARGIN))
    side = min(max(side, _LEAST_WINDOW_PX), width, height)
    left = round((x0 + x1) / 2 - side * rng.uniform(0.4, 0.6))
    top = round((y0 + y1) / 2 - side * rng.uniform(0.4, 0.6))
    return Window(min(max(left, 0), width - side), min(max(top, 0), height - side), side, side)
