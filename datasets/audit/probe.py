"""How good is the search for copies on these pictures? Makes copies of some and looks for them.

Both kinds of error are measured: copies that are not found, and different pictures taken for copies.
The second needs no labels: pictures of different groups that reach the limit are counted and listed, for
a person to look at (a real repeat, of which the records do not know, is in that list too).
Neighbours: `datasets.audit.likeness` does the search; docs/data_audit.md holds the figures of our sets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from datasets.audit.likeness import Look, alike_pairs, look_of
from datasets.audit.limits import ALIKE
from datasets.errors import DataError
from datasets.pictures import grey, read_picture
from datasets.records import DataSet, SampleRecord
from datasets.synthetic.progress import tracked
from vision.types import UInt8Array

#: Pictures that are searched, and of these how many are copied.
POOL, COPIED = 400, 40


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe found.

    `found`: by kind of copy, how many of `copied` were found. `pairs`: pairs of different groups that
    were compared; `strangers`: those that reached the limit, the most alike first, as (likeness, file, file).
    `next_best`: the highest likeness below the limit.
    """

    pool: int
    copied: int
    found: dict[str, int]
    pairs: int
    strangers: tuple[tuple[float, str, str], ...]
    next_best: float


def probe(folder: Path, data: DataSet, seed: int = 1, *, progress: bool = False) -> Probe:
    """Measure the search for copies on a data set's own pictures.

    Raises:
        DataError: a picture cannot be read, or there are fewer than two.
    """
    rng = np.random.default_rng(seed)
    if len(data.samples) < 2:
        raise DataError("there are no two pictures", where=str(folder), todo="give a larger data set")
    picks = np.sort(rng.choice(len(data.samples), min(POOL, len(data.samples)), replace=False))
    samples = [data.samples[index] for index in picks]
    chosen = np.sort(rng.choice(len(samples), min(COPIED, len(samples)), replace=False))
    looks: list[Look] = []
    copies: dict[str, list[Look]] = {kind: [] for kind in _KINDS}
    wanted = set(chosen.tolist())
    for index, sample in enumerate(tracked(samples, "copying", total=len(samples), show=progress)):
        image = grey(read_picture(folder / sample.file))
        looks.append(look_of(image))
        if index in wanted:
            for kind, change in _KINDS.items():
                copies[kind].append(look_of(np.ascontiguousarray(change(image, rng))))
    found = {kind: _found(samples, looks, chosen, made) for kind, made in copies.items()}
    pairs = alike_pairs(looks, [""] * len(looks), [sample.source for sample in samples], -1.0)
    apart = [
        (round(pair.likeness, 3), samples[pair.first].file, samples[pair.second].file)
        for pair in pairs
        if _group(samples[pair.first]) != _group(samples[pair.second])
    ]
    return Probe(
        pool=len(samples),
        copied=len(chosen),
        found=found,
        pairs=_pairs_apart(samples),
        strangers=tuple(one for one in apart if one[0] >= ALIKE),
        next_best=max((one[0] for one in apart if one[0] < ALIKE), default=-1.0),
    )


def _group(sample: SampleRecord) -> tuple[str, str]:
    return sample.source, sample.group


def _pairs_apart(samples: Sequence[SampleRecord]) -> int:
    _, sizes = np.unique([" / ".join(_group(sample)) for sample in samples], return_counts=True)
    return (len(samples) ** 2 - int((sizes**2).sum())) // 2


def _found(
    samples: Sequence[SampleRecord], looks: Sequence[Look], chosen: np.ndarray, made: Sequence[Look]
) -> int:
    """How many copies the audit's own search pairs with their originals, were they in another split."""
    splits = ["train"] * len(looks) + ["val"] * len(made)
    sources = [sample.source for sample in samples]
    sources += [sources[index] for index in chosen]
    pairs = {(p.first, p.second) for p in alike_pairs([*looks, *made], splits, sources, ALIKE)}
    return sum((int(index), len(looks) + number) in pairs for number, index in enumerate(chosen))


def _clip(values: np.ndarray) -> UInt8Array:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def _jpeg(image: UInt8Array, _rng: np.random.Generator) -> UInt8Array:
    return np.asarray(
        cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_GRAYSCALE),
        np.uint8,
    )


def _shifted(image: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    height, width = image.shape
    dx, dy = rng.choice((-1.0, 1.0), 2) * (0.03 * width, 0.02 * height)
    move = np.array([[1.0, 0.0, dx], [0.0, 1.0, dy]])
    return _clip(
        cv2.warpAffine(image.astype(np.float32), move, (width, height), borderMode=cv2.BORDER_REFLECT)
    )


def _tilted(image: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    height, width = image.shape
    turn = cv2.getRotationMatrix2D((width / 2.0, height / 2.0), float(rng.choice((-1.0, 1.0))), 1.0)
    return _clip(
        cv2.warpAffine(image.astype(np.float32), turn, (width, height), borderMode=cv2.BORDER_REFLECT)
    )


def _composed(image: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    """Three dark or bright marks, each up to a sixth of the picture's sides."""
    made = image.astype(np.float32)
    height, width = image.shape
    for _ in range(3):
        h, w = (max(2, round(side * rng.uniform(0.04, 0.16))) for side in (height, width))
        top, left = int(rng.integers(0, height - h)), int(rng.integers(0, width - w))
        made[top : top + h, left : left + w] *= rng.choice((0.4, 1.8))
    return _clip(made)


_KINDS: dict[str, Callable[[UInt8Array, np.random.Generator], UInt8Array]] = {
    "mirrored": lambda image, _: image[:, ::-1],
    "turned by 180 degrees": lambda image, _: image[::-1, ::-1],
    "quarter turn": lambda image, _: np.rot90(image),
    "brighter (x 1.4 + 8)": lambda image, _: _clip(image * 1.4 + 8.0),
    "darker (x 0.6)": lambda image, _: _clip(image * 0.6),
    "gamma 0.7": lambda image, _: _clip(255.0 * (image / 255.0) ** 0.7),
    "noise, std 4": lambda image, rng: _clip(image + rng.normal(0.0, 4.0, image.shape)),
    "JPEG, quality 60": _jpeg,
    "half size": lambda image, _: np.asarray(
        cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8
    ),
    "composed marks": _composed,
    "cropped by 4 %": lambda image, _: image[
        image.shape[0] // 50 : -(image.shape[0] // 50), image.shape[1] // 50 : -(image.shape[1] // 50)
    ],
    "shifted by 3 %": _shifted,
    "tilted by 1 degree": _tilted,
    "mirrored, brighter, JPEG": lambda image, rng: _jpeg(_clip(image[:, ::-1] * 1.4 + 8.0), rng),
}
