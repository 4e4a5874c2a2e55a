"""The golden set: fixed val pictures on which the verdicts of two forms of one model are compared.

Which pictures they are follows from a hash of their names (`export.run_data.draw_pictures`), half of
them with a labelled object. A verdict here is the set of labels at or above their thresholds; it flips
when that set differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from export.run_data import InputPicture
from vision.contract import ModelContract
from vision.detector import Detector
from vision.types import Float32Array

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


def verdicts_of(detector: Detector, pictures: Sequence[InputPicture]) -> Verdicts:
    """Labels at or above the detector's own thresholds, picture by picture."""
    limits = detector.contract.thresholds
    found = (detector.detect(picture.pixels) for picture in pictures)
    return tuple(
        frozenset(one.label(k) for k in range(len(one)) if one.score[k] >= limits[one.label(k)])
        for one in found
    )


def verdict_of_rows(rows: Float32Array, contract: ModelContract) -> frozenset[str]:
    """The same from a network's output (1, N, 6)."""
    labels = (contract.labels[round(float(row[5]))] for row in rows[0])
    return frozenset(
        label for label, row in zip(labels, rows[0], strict=True) if row[4] >= contract.thresholds[label]
    )


def flips(one: Verdicts, other: Verdicts) -> int:
    """Pictures on which the two differ."""
    return sum(a != b for a, b in zip(one, other, strict=True))
