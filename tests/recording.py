"""The recorded steel ball (not in the repository): names, labels, and the crossings they promise."""

from __future__ import annotations

import re
from pathlib import Path

PATTERN = "canmv-recording-*"


def _label(path: Path) -> tuple[float, float]:
    """Centre and width of the one ball, as shares of the picture's width (YOLO text)."""
    (line,) = path.read_text().strip().splitlines()
    _, centre_x, _, width, _ = (float(word) for word in line.split())
    return centre_x, width


def labels(recording: Path) -> dict[int, tuple[float, float]]:
    """Number in the recording -> centre and width of the ball, in order."""
    found: dict[int, tuple[float, float]] = {}
    for path in sorted((recording / "labels").glob(PATTERN)):
        match = re.search(r"_f(\d+)$", path.stem)
        assert match is not None, path.name
        found[int(match[1])] = _label(path)
    return dict(sorted(found.items()))


def expected_crossings(found: dict[int, tuple[float, float]]) -> list[int]:
    """Pictures whose ball lies on another side of the centre line than in the picture before."""
    sides = [centre > 0.5 for centre, _ in found.values()]
    return [
        number
        for number, before, now in zip(list(found)[1:], sides, sides[1:], strict=False)
        if before != now
    ]
