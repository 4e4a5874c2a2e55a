"""The pictures on a data card: examples of every label, whole pictures, pictures with no box.

Which ones are shown depends on the records alone, so the same data set gives the same card. Dark or
flat pictures are stretched for the eye; the caption says so.
Neighbours: `datasets.card.page`.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from datasets.errors import DataError
from datasets.pictures import read_picture
from datasets.records import BoxRecord, DataSet, SampleRecord, Split
from vision.types import UInt8Array

#: Okabe and Ito's colours, told apart by people who see red and green alike (red, green, blue).
COLOURS = (
    "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#9a9a9a",
    "#b0e000", "#ff6f91", "#7d5fff", "#00d0c0",
)  # fmt: skip
_PER_LABEL, _PER_SPLIT, _NO_BOX = 6, 4, 8
_CROP_PX, _WHOLE_PX = 200, 300
#: Side of a cut round a box, in larger sides of the box.
AROUND = 2.2
_LEAST_CROP_PX = 96


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture on the card: a JPEG as data URI, and its caption."""

    uri: str
    caption: str


def colours_of(labels: Sequence[str]) -> dict[str, str]:
    """A colour for every label."""
    return {label: COLOURS[index % len(COLOURS)] for index, label in enumerate(labels)}


def label_examples(folder: Path, data: DataSet) -> dict[str, list[Shown]]:
    """Examples of each label, from small to large, of different groups where there are enough."""
    shown: dict[str, list[Shown]] = {}
    for label in data.labels:
        seen: Counter[tuple[str, str]] = Counter()
        found: list[tuple[SampleRecord, BoxRecord]] = []
        for sample in _shuffled(data.samples):
            for box in sample.boxes:
                if box.label == label and box.xyxy_px[2] > box.xyxy_px[0] and box.xyxy_px[3] > box.xyxy_px[1]:
                    seen[sample.source, sample.group] += 1
                    if seen[sample.source, sample.group] == 1 or len(seen) < _PER_LABEL:
                        found.append((sample, box))
        found.sort(key=lambda pair: _area(pair[1]))
        picks = np.linspace(0, len(found) - 1, min(_PER_LABEL, len(found))).round().astype(int)
        crops = [_crop(folder, data, *found[pick]) for pick in picks]
        shown[label] = [crop for crop in crops if crop is not None]
    return shown


def whole_pictures(folder: Path, data: DataSet) -> dict[Split, list[Shown]]:
    """Some whole pictures of each split with all their boxes; no two of one group where there are enough."""
    held: list[Split] = [s for s in ("train", "val", "test", "guard") if data.of_split(s)]
    return {split: _some(folder, data, data.of_split(split), _PER_SPLIT) for split in held}


def without_box(folder: Path, data: DataSet) -> list[Shown]:
    """Some pictures that have no box."""
    return _some(folder, data, [sample for sample in data.samples if not sample.boxes], _NO_BOX)


def mean_greys(folder: Path, data: DataSet) -> dict[Split, list[float]]:
    """Mean grey (0..255) of every picture that can be read, by split."""
    greys: dict[Split, list[float]] = {}
    for sample in data.samples:
        small = cv2.imread(str(folder / sample.file), cv2.IMREAD_REDUCED_GRAYSCALE_8)
        if small is not None:
            greys.setdefault(sample.split, []).append(float(small.mean()))
    return greys


def _shuffled(samples: Sequence[SampleRecord]) -> list[SampleRecord]:
    return sorted(samples, key=lambda sample: hashlib.sha256(sample.file.encode()).digest())


def _area(box: BoxRecord) -> float:
    x1, y1, x2, y2 = box.xyxy_px
    return (x2 - x1) * (y2 - y1)


def _some(folder: Path, data: DataSet, samples: Sequence[SampleRecord], count: int) -> list[Shown]:
    one_each: dict[tuple[str, str], SampleRecord] = {}
    rest: list[SampleRecord] = []
    for sample in _shuffled(samples):
        if (sample.source, sample.group) in one_each:
            rest.append(sample)
        else:
            one_each[sample.source, sample.group] = sample
    picked = [*one_each.values(), *rest][:count]
    pictures = [_whole(folder, data, sample) for sample in picked]
    return [picture for picture in pictures if picture is not None]


def _read(folder: Path, sample: SampleRecord) -> UInt8Array | None:
    try:
        pixels = read_picture(folder / sample.file)
    except DataError:
        # The audit on the same page names it; a card of a broken set is wanted all the same.
        return None
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8) if pixels.ndim == 2 else pixels


def _whole(folder: Path, data: DataSet, sample: SampleRecord) -> Shown | None:
    pixels = _read(folder, sample)
    if pixels is None:
        return None
    zoom = min(1.0, _WHOLE_PX / max(pixels.shape[:2]))
    labels = ", ".join(f"{label} {n}" for label, n in Counter(box.label for box in sample.boxes).items())
    return _shown(pixels, (0, 0), zoom, sample.boxes, data, f"{Path(sample.file).name}: {labels or 'no box'}")


def _crop(folder: Path, data: DataSet, sample: SampleRecord, box: BoxRecord) -> Shown | None:
    pixels = _read(folder, sample)
    if pixels is None:
        return None
    x1, y1, x2, y2 = box.xyxy_px
    side = max(_LEAST_CROP_PX, AROUND * max(x2 - x1, y2 - y1))
    height, width = pixels.shape[:2]
    left = int(np.clip((x1 + x2 - side) / 2, 0, max(0, width - side)))
    top = int(np.clip((y1 + y2 - side) / 2, 0, max(0, height - side)))
    cut = pixels[top : top + round(side), left : left + round(side)]
    if not cut.size:
        return None
    fine = f" / {box.fine}" if box.fine else ""
    origin = "" if box.origin == "real" else f", {box.origin}"
    caption = (
        f"{box.label}{fine}, {x2 - x1:.0f}x{y2 - y1:.0f} px{origin}, {sample.split}: {Path(sample.file).name}"
    )
    return _shown(cut, (left, top), _CROP_PX / max(cut.shape[:2]), (box,), data, caption)


def _shown(
    pixels: UInt8Array,
    corner: tuple[int, int],
    zoom: float,
    boxes: Sequence[BoxRecord],
    data: DataSet,
    caption: str,
) -> Shown:
    size = (max(1, round(pixels.shape[1] * zoom)), max(1, round(pixels.shape[0] * zoom)))
    how = cv2.INTER_AREA if zoom < 1.0 else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(pixels, size, interpolation=how), np.float32)
    low, high = np.percentile(small, (0.5, 99.5))
    stretched = high < 170 or high - low < 80
    if stretched:
        small = (small - low) * (235.0 / max(high - low, 4.0))
    canvas = np.ascontiguousarray(np.clip(small, 0, 255).astype(np.uint8))
    colours = colours_of(data.labels)
    for box in boxes:
        ends = [round((value - corner[index % 2]) * zoom) for index, value in enumerate(box.xyxy_px)]
        for colour, thick in (((0, 0, 0), 4), (_bgr(colours.get(box.label, "#ffffff")), 2)):
            cv2.rectangle(canvas, (ends[0], ends[1]), (ends[2], ends[3]), colour, thick, cv2.LINE_AA)
    done, data_jpeg = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, 82])
    if not done:
        raise DataError("a thumbnail cannot be packed", where=caption, todo="report this picture")
    text = base64.b64encode(data_jpeg.tobytes()).decode("ascii")
    return Shown(f"data:image/jpeg;base64,{text}", caption + (" (contrast stretched)" if stretched else ""))


def _bgr(colour: str) -> tuple[int, int, int]:
    return int(colour[5:7], 16), int(colour[3:5], 16), int(colour[1:3], 16)
