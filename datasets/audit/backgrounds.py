"""Does a composed picture show the background it names? Found by looking, so that a wrong name is no way out.

A composed picture may be a part of its background (a cut of the frame round the rail). Both are brought to
one scale, their local contrast is taken, and the composed one is slid over the background.
Neighbours: `datasets.audit.splits` compares the splits of a picture and the background it names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from datasets.audit.findings import Finding
from datasets.audit.limits import SAME_BACKGROUND
from datasets.audit.splits import Placed, named_backgrounds
from datasets.errors import DataError
from datasets.pictures import grey, read_picture
from datasets.records import DataSet
from datasets.synthetic.progress import tracked
from vision.types import Float32Array, UInt8Array

#: Longer side of a background when it is compared.
_SIDE_PX = 256
_SIGMA_PX = 4.0
_FLOOR, _CLIP, _DARK = 0.05, 2.5, 2.0


def check_backgrounds(sets: Sequence[tuple[Path, DataSet]], *, progress: bool = False) -> list[Finding]:
    """A failure for every composed picture that does not show any background it names as a whole picture.

    Real pictures named by a patch alone are not looked for: `truth` names the background.
    """
    placed = [(folder, sample) for folder, data in sets for sample in data.samples]
    by_background: dict[Path, list[Placed]] = defaultdict(list)
    for one, source in named_backgrounds(placed, patches=False):
        by_background[source[0] / source[1].file].append(one)
    found = []
    for path, members in tracked(
        by_background.items(), "comparing backgrounds", total=len(by_background), show=progress
    ):
        for folder, sample in members:
            try:
                score = shown_in(grey(read_picture(folder / sample.file)), grey(read_picture(path)))
            except DataError:
                continue  # a broken or missing picture is a finding of its own
            if score < SAME_BACKGROUND:
                found.append(
                    Finding(
                        code="false_background",
                        level="fail",
                        what=f"the picture does not show the background it names (likeness {score:.2f}, "
                        f"at least {SAME_BACKGROUND:.2f})",
                        where=f"{folder / sample.file}, {path}",
                        todo="look at both; make the composed set again from the frames as they are now",
                    )
                )
    return found


def shown_in(part: UInt8Array, whole: UInt8Array) -> float:
    """How well a picture fits somewhere into another of the same scale, -1..1; -1 where it is larger.

    Args:
        part: (h, w) uint8.
        whole: (H, W) uint8.
    """
    scale = min(1.0, _SIDE_PX / max(whole.shape))
    small, large = _contrast(part, scale), _contrast(whole, scale)
    # Rounding of the cut to whole small pixels may make the part one pixel larger.
    small = small[: large.shape[0], : large.shape[1]] if _one_larger(small, large) else small
    if small.shape[0] > large.shape[0] or small.shape[1] > large.shape[1] or small.std() < 1e-6:
        return -1.0
    return float(np.clip(cv2.matchTemplate(large, small, cv2.TM_CCOEFF_NORMED).max(), -1.0, 1.0))


def _one_larger(small: Float32Array, large: Float32Array) -> bool:
    height, width = large.shape
    return bool(small.shape[0] <= height + 1 and small.shape[1] <= width + 1)


def _contrast(image: UInt8Array, scale: float) -> Float32Array:
    size = (max(2, round(image.shape[1] * scale)), max(2, round(image.shape[0] * scale)))
    small = np.log(cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_AREA) + _DARK)
    rest = small - cv2.GaussianBlur(small, (0, 0), _SIGMA_PX)
    spread = np.sqrt(cv2.GaussianBlur(rest * rest, (0, 0), _SIGMA_PX) + _FLOOR**2)
    return np.asarray(np.clip(rest / spread, -_CLIP, _CLIP), np.float32)
