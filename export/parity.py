"""Does the ONNX file find the same boxes as the network it came from?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from vision.errors import FerrogateError
from vision.types import Float32Array

SCORE_TOLERANCE = 1e-4
BOX_TOLERANCE_PX = 0.02
TOP_ROWS = 10


@dataclass(frozen=True, slots=True)
class Parity:
    """Largest differences over all compared boxes."""

    pictures: int
    boxes: int
    score_difference: float
    box_difference_px: float

    @property
    def agrees(self) -> bool:
        """Something was compared, and both differences are within their tolerances."""
        within = self.score_difference <= SCORE_TOLERANCE and self.box_difference_px <= BOX_TOLERANCE_PX
        return self.boxes > 0 and within

    @property
    def in_words(self) -> str:
        """The differences beside what is allowed."""
        if not self.boxes:
            return "no boxes could be compared"
        found = f"score by {self.score_difference:.2g}, box by {self.box_difference_px:.2g} px"
        return f"{found}; allowed are {SCORE_TOLERANCE:g} and {BOX_TOLERANCE_PX:g} px"

    def check(self, where: str) -> None:
        """Refuse a file that is not the network.

        Raises:
            FerrogateError: a difference is above its tolerance.
        """
        if not self.agrees:
            raise FerrogateError(
                f"the exported file differs from the network: {self.in_words}",
                where=where,
                todo="nothing was written; try another version of torch, onnx or onnxslim",
            )


def compare(pairs: Iterable[tuple[Float32Array, Float32Array]]) -> Parity:
    """Compare (1, N, 6) outputs of network and file, picture by picture.

    The TOP_ROWS best rows of each are paired with the other's rows by class, corners and
    score; one without a partner of its class counts as a difference of its whole score. Numbers that are
    none count as an endless difference: they would pass every comparison unseen.
    """
    pictures, boxes, worst_score, worst_box = 0, 0, 0.0, 0.0
    for network, file in pairs:
        pictures += 1
        if not (np.isfinite(network).all() and np.isfinite(file).all()):
            worst_score = worst_box = float("inf")
            continue
        for ours, theirs in ((network[0], file[0]), (file[0], network[0])):
            for row in ours[np.argsort(-ours[:, 4])[:TOP_ROWS]]:
                boxes += 1
                same = theirs[theirs[:, 5] == row[5]]
                distance = np.abs(same[:, :4] - row[:4]).max(axis=1) + np.abs(same[:, 4] - row[4])
                if not len(same):
                    worst_score = max(worst_score, float(row[4]))
                    continue
                best = same[int(distance.argmin())]
                worst_score = max(worst_score, float(abs(best[4] - row[4])))
                worst_box = max(worst_box, float(np.abs(best[:4] - row[:4]).max()))
    return Parity(pictures, boxes // 2, worst_score, worst_box)
