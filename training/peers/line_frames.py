"""Whole frames of a ball line out of rendered crops: the same pixels of the same balls, on a backlight of 640
px.

A crop is laid into the frame as it is; the light around it goes on from its border, with the crop's own
noise. Every third frame holds a second view of the same ball: at the line's pitch of three diameters a frame
four diameters long holds 1.33 balls. Only balls before a backlight can be laid out so, and of them those
whose crop has nothing but light along its border; how many were left out is written down. Neighbours: `stock`
trains on such frames, `line_task` measures on them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from datasets.folders import whole_folder
from datasets.pictures import grey, read_picture, write_png
from datasets.records import DataSet, SampleRecord, Split, read_coco, write_coco
from vision.errors import ConfigError
from vision.types import UInt8Array

SIDE_PX = 640
STAGE = "backlit"
#: the crop's border: its width, and how far its pixels may lie off their middle, share
_RING_PX, _RING_SPREAD = 3, 0.25
#: the border's light goes over into the frame's within such distances, px
_NEAR_PX, _FAR_PX = 25.0, 90.0
_SECOND_EVERY, _APART_PX, _TRIES = 3, 12, 40

FloatArray = npt.NDArray[np.float32]


def build_frames(
    ball_set: Path,
    out: Path,
    splits: Sequence[Split],
    seed: int,
    *,
    step: Callable[[], object],
    most: int = 0,
) -> DataSet:
    """Lay the views of a ball set out as frames, into a data set of its own.

    Args:
        ball_set: folder of rendered crops.
        out: appears when it is whole; what was there is replaced if it is a data set.
        splits: which of its splits.
        seed: of places, noise and second balls.
        step: called after every frame.
        most: frames at most, of balls spread over the whole set; 0: all.

    Raises:
        ConfigError: the set has no view that can be laid out.
        DataError: a picture cannot be read, or a file not be written.
    """
    data = read_coco(ball_set)
    views = [one for one in data.samples if one.split in splits and one.truth.get("stage") == STAGE]
    by_ball: dict[str, list[SampleRecord]] = defaultdict(list)
    for view in views:
        if lights_up(grey(read_picture(ball_set / view.file))):
            by_ball[view.group].append(view)
    usable = [view for ball in by_ball.values() for view in ball]
    if not usable:
        raise ConfigError(
            "no view of this set lies before a backlight alone",
            where=str(ball_set),
            todo="build the set with 'ferrogate data build ball'",
        )
    chosen = usable if not most or most >= len(usable) else usable[:: -(-len(usable) // most)]
    samples = []
    with whole_folder(out) as part:
        for number, view in enumerate(chosen):
            rng = np.random.default_rng([seed, number])
            shown = [view]
            others = [one for one in by_ball[view.group] if one is not view]
            if others and number % _SECOND_EVERY == 0:
                shown.append(others[int(rng.integers(len(others)))])
            crops = [grey(read_picture(ball_set / one.file)) for one in shown]
            picture, corners = laid_out(crops, rng)
            file = f"images/{number:06d}.png"
            write_png(part / file, picture)
            samples.append(_sample(file, shown[: len(corners)], corners))
            step()
        info: dict[str, object] = {
            "description": "rendered balls on whole line frames",
            "of": str(ball_set),
            "seed": seed,
            "views": len(views),
            "left_out": len(views) - len(usable),
        }
        made = DataSet(labels=data.labels, info=info, samples=tuple(samples))
        write_coco(made, part)
    return made


def lights_up(crop: UInt8Array) -> bool:
    """Along the crop's border there is nothing but the backlight, (H, W)."""
    ring = _ring(crop)
    middle = float(np.median(ring))
    inner = float(
        np.median(crop[crop.shape[0] // 4 : -crop.shape[0] // 4, crop.shape[1] // 4 : -crop.shape[1] // 4])
    )
    near = np.abs(np.percentile(ring, (1, 99)) - middle).max()
    return near <= _RING_SPREAD * middle and inner < middle


def laid_out(
    crops: Sequence[UInt8Array], rng: np.random.Generator
) -> tuple[UInt8Array, list[tuple[int, int]]]:
    """One frame, and the corners (x, y) of the crops in it; one that finds no room is left out.

    Args:
        crops: (h, w) each, of one ball.
        rng: of places and noise.
    """
    corners: list[tuple[int, int]] = []
    for crop in crops:
        place = _place(crop, crops[: len(corners)], corners, rng)
        if place is None:
            break
        corners.append(place)
    light, noise = _light(crops[: len(corners)], corners)
    frame = light + rng.normal(0.0, noise, light.shape).astype(np.float32)
    picture = np.clip(np.rint(frame), 0, 255).astype(np.uint8)
    for crop, (x, y) in zip(crops, corners, strict=False):
        picture[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
    return picture, corners


def _place(
    crop: UInt8Array,
    others: Sequence[UInt8Array],
    corners: Sequence[tuple[int, int]],
    rng: np.random.Generator,
) -> tuple[int, int] | None:
    height, width = crop.shape
    for _ in range(_TRIES):
        x, y = int(rng.integers(SIDE_PX - width + 1)), int(rng.integers(SIDE_PX - height + 1))
        apart = [
            x >= left + other.shape[1] + _APART_PX
            or left >= x + width + _APART_PX
            or y >= top + other.shape[0] + _APART_PX
            or top >= y + height + _APART_PX
            for other, (left, top) in zip(others, corners, strict=True)
        ]
        if all(apart):
            return x, y
    return None


def _light(crops: Sequence[UInt8Array], corners: Sequence[tuple[int, int]]) -> tuple[FloatArray, float]:
    """The backlight of the whole frame, going on from the borders of the crops, and its noise."""
    total = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    weight = np.full((SIDE_PX, SIDE_PX), 1e-6, np.float32)
    noises = []
    for crop, (x, y) in zip(crops, corners, strict=True):
        height, width = crop.shape
        middle = float(np.median(_ring(crop)))
        smooth = np.asarray(cv2.GaussianBlur(crop.astype(np.float32), (0, 0), 2.0), np.float32)
        noises.append(1.4826 * float(np.median(np.abs(_ring(crop.astype(np.float32) - smooth)))))
        pads = (y, SIDE_PX - y - height, x, SIDE_PX - x - width)
        # Borders of dark balls must not leak out: what differs from the light's middle fades away.
        border = np.asarray(
            cv2.copyMakeBorder(
                np.clip(smooth - middle, -0.1 * middle, 0.1 * middle), *pads, cv2.BORDER_REPLICATE
            ),
            np.float32,
        )
        outside = np.ones((SIDE_PX, SIDE_PX), np.uint8)
        outside[y : y + height, x : x + width] = 0
        away = np.asarray(cv2.distanceTransform(outside, cv2.DIST_L2, 5), np.float32)
        share = np.exp(-away / _FAR_PX) + 1e-4
        total += share * (middle + border * np.exp(-away / _NEAR_PX))
        weight += share
    return np.asarray(total / weight, np.float32), float(np.median(noises))


def _ring(crop: UInt8Array | FloatArray) -> FloatArray:
    """The crop's border pixels, flat."""
    inside = np.zeros(crop.shape[:2], np.bool_)
    inside[_RING_PX:-_RING_PX, _RING_PX:-_RING_PX] = True
    return np.asarray(crop[~inside], np.float32)


def _sample(file: str, views: Sequence[SampleRecord], corners: Sequence[tuple[int, int]]) -> SampleRecord:
    boxes = []
    for view, (dx, dy) in zip(views, corners, strict=True):
        for box in view.boxes:
            x1, y1, x2, y2 = box.xyxy_px
            moved = (x1 + dx, y1 + dy, x2 + dx, y2 + dy)
            boxes.append(box.model_copy(update={"xyxy_px": moved, "polygons_px": ()}))
    first = views[0]
    return first.model_copy(
        update={
            "file": file,
            "width_px": SIDE_PX,
            "height_px": SIDE_PX,
            "boxes": tuple(boxes),
            "truth": {"balls": float(len(views)), "diameter_px": first.truth.get("diameter_px")},
        }
    )
