"""The worst misses and the worst false alarms as small pictures, for a person to look at.

Truth is drawn green, findings at or above their threshold red. The report that holds them shows other
people's pictures: it stays in the run's folder.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from datasets.pictures import grey
from datasets.scoring.matching import match_all
from datasets.scoring.pictures import Scored, ScoredPicture, read_sample
from training.evaluation.detection import LOOSE_IOU
from vision.types import UInt8Array

_TILE_PX = 224
_LEAST_CONTEXT_PX = 96.0
_GREEN, _RED = (90, 200, 60), (60, 60, 230)
_JPEG_QUALITY = 82


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One picture of the gallery: a data URI, and what to read under it."""

    label: str
    picture: str
    text: str


@dataclass(frozen=True, slots=True)
class Gallery:
    """`misses`: labelled boxes without a finding; `false`: findings without a labelled box; worst first."""

    misses: tuple[Exhibit, ...]
    false: tuple[Exhibit, ...]


def make_gallery(
    scored: Scored, folder: Path, thresholds: Mapping[str, float], per_label: int = 6
) -> Gallery:
    """Choose and draw them.

    Worst miss: the best finding on the box has the lowest score, and the box is largest. Worst false
    alarm: the highest score.

    Args:
        scored: a split; its pictures lie in `folder`.
        folder: of the data set.
        thresholds: score per label from which a finding is drawn and counts.
        per_label: pictures of each kind and label.

    Raises:
        DataError: a picture cannot be read.
    """
    matched = match_all(scored, LOOSE_IOU)
    misses, false = [], []
    for label, one in matched.items():
        lost = np.flatnonzero(one.truth_score < thresholds[label])
        rows = [(int(one.truth_picture[k]), int(one.truth_index[k]), float(one.truth_score[k])) for k in lost]
        rows.sort(key=lambda row: (row[2], -_area(scored.pictures[row[0]].truth_xyxy_px[row[1]])))
        for number, index, score in rows[:per_label]:
            picture = scored.pictures[number]
            box = picture.sample.boxes[int(picture.truth_box[index])]
            best = f"best finding {score:.2f}" if score >= 0.0 else "nothing found"
            name = f"{label} ({box.fine})" if box.fine and box.fine != label else label
            text = f"{name}, {best}, {picture.sample.file}"
            corners = picture.truth_xyxy_px[index]
            misses.append(Exhibit(label, _draw(picture, folder, thresholds, corners), text))
        wrong = np.flatnonzero(~one.real & (one.score >= thresholds[label]))[:per_label]
        for k in wrong:
            picture = scored.pictures[int(one.picture[k])]
            corners = picture.found.xyxy_px[int(one.index[k])]
            text = f"{label} {one.score[k]:.2f}, {picture.sample.file}"
            false.append(Exhibit(label, _draw(picture, folder, thresholds, corners), text))
    return Gallery(tuple(misses), tuple(false))


def _area(corners: np.ndarray) -> float:
    return float((corners[2] - corners[0]) * (corners[3] - corners[1]))


def _draw(
    picture: ScoredPicture,
    folder: Path,
    thresholds: Mapping[str, float],
    corners: np.ndarray,
) -> str:
    """A square round a box, stretched to full contrast, with all boxes in it, as a JPEG data URI."""
    image = grey(read_sample(folder, picture.sample))
    x1, y1, x2, y2 = (float(value) for value in corners)
    side = max(_LEAST_CONTEXT_PX, 1.6 * max(x2 - x1, y2 - y1))
    left = _start((x1 + x2) / 2.0, side, image.shape[1])
    top = _start((y1 + y2) / 2.0, side, image.shape[0])
    crop = image[top : top + round(side), left : left + round(side)]
    zoom = _TILE_PX / max(crop.shape)
    size = (max(1, round(crop.shape[1] * zoom)), max(1, round(crop.shape[0] * zoom)))
    how = cv2.INTER_AREA if zoom < 1.0 else cv2.INTER_CUBIC
    drawn = cv2.cvtColor(cv2.resize(_stretched(crop), size, interpolation=how), cv2.COLOR_GRAY2BGR)
    limits = np.array([thresholds[label] for label in picture.found.labels])
    kept = picture.found.score >= limits[picture.found.class_id]
    for boxes, colour in ((picture.truth_xyxy_px, _GREEN), (picture.found.xyxy_px[kept], _RED)):
        for box in boxes:
            a, b, c, d = ((box - np.array([left, top, left, top])) * zoom).round().astype(int).tolist()
            cv2.rectangle(drawn, (a, b), (c, d), colour, 1, cv2.LINE_AA)
    done, data = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise RuntimeError("OpenCV cannot pack a JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")


def _start(middle: float, side: float, length: int) -> int:
    return int(max(0, min(round(middle - side / 2.0), length - round(side))))


def _stretched(crop: UInt8Array) -> UInt8Array:
    """Full contrast between the 1st and the 99.5th percentile: frames of mean grey 12 show nothing else."""
    low, high = (float(value) for value in np.percentile(crop, (1.0, 99.5)))
    value = (crop.astype(np.float32) - low) * (255.0 / max(8.0, high - low))
    return np.asarray(np.clip(value, 0.0, 255.0), np.uint8)
