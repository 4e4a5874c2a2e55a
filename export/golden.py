"""The golden set: fixed val pictures on which the verdicts of two forms of one model are compared.

Which pictures they are follows from a hash of their names (`export.run_data.draw_pictures`), half of
them with a labelled object. A verdict here is the set of labels at or above their thresholds; it flips
when that set differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy as np

from export.run_data import InputPicture
from vision.contract import ModelContract
from vision.detector import MIN_SCORE
from vision.preprocess import preprocess
from vision.rail_views import detect_views
from vision.types import Detections, Float32Array, UInt8Array

GOLDEN_PICTURES = 200
#: One flip is allowed for so many pictures.
PICTURES_PER_FLIP = 50

Verdicts = tuple[frozenset[str], ...]


def golden_sha256(pictures: Iterable[InputPicture]) -> str:
    """Hash of the golden set's pixels, in order."""
    return hashlib.sha256("".join(picture.sha256 for picture in pictures).encode()).hexdigest()


def most_flips(pictures: int) -> int:
    """Flips that a file of lower precision may show on so many pictures: one in fifty."""
    return pictures // PICTURES_PER_FLIP


class Looks(Protocol):
    """What gives a verdict: `vision.detector.Detector`, or the network itself (`NetworkLooks`)."""

    contract: ModelContract

    def detect(self, image: UInt8Array, min_score: float = ...) -> Detections:
        """Boxes in one picture, in its pixels."""


class NetworkLooks:
    """A network in the place of a detector: same input, same reading of its rows.

    Args:
        run: (1, C, S, S) float32 to rows (1, N, 6) float32.
        contract: of the file made from it.
    """

    def __init__(self, run: Callable[[Float32Array], Float32Array], contract: ModelContract) -> None:
        self._run = run
        self.contract = contract

    def detect(self, image: UInt8Array, min_score: float = MIN_SCORE) -> Detections:
        """Boxes in one picture of the model's own size."""
        tensor, place = preprocess(image, self.contract.input)
        rows = self._run(tensor)[0]
        rows = rows[rows[:, 4] >= min_score]
        rows = rows[np.argsort(-rows[:, 4], kind="stable")]
        corners = place.clip_to_image(place.to_image(rows[:, :4]))
        return Detections(corners, rows[:, 4], np.rint(rows[:, 5]).astype(np.int64), self.contract.labels)


def verdicts_of(detector: Looks, pictures: Sequence[InputPicture]) -> Verdicts:
    """Labels at or above the contract's thresholds, picture by picture.

    A rail's tile is looked at as often as the product does: the thresholds are meant for that.
    """
    contract = detector.contract
    views = 1 if contract.rail is None else contract.rail.views
    limits = contract.thresholds
    found = (detect_views(detector, picture.pixels, views, MIN_SCORE) for picture in pictures)
    return tuple(
        frozenset(one.label(k) for k in range(len(one)) if one.score[k] >= limits[one.label(k)])
        for one in found
    )


def flips(one: Verdicts, other: Verdicts) -> int:
    """Pictures on which the two differ."""
    return sum(a != b for a, b in zip(one, other, strict=True))
