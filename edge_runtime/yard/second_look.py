"""Second looks: stretches without a finding, drawn at random, so that what the model misses is found too.

Whether a stretch is drawn depends on the seed, the rail's name, the camera and the row alone: the same rail
gives the same draws, in whatever order rails come. Neighbours: `store_looks` keeps draws and answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from edge_runtime.yard.store_types import StripPart
from vision.rail_map.types import Frozen, RailMap
from vision.statistics.attribute import rate


class LookRule(Frozen):
    """How many stretches are drawn, and how long one is.

    `share`: chance of a stretch without a finding to be drawn. `seed`: another one draws others.
    `stretch_rows`: rows of the map; of photos a whole picture is a stretch.
    """

    share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.1
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    stretch_rows: Annotated[int, Field(ge=16)] = 1024


@dataclass(frozen=True, slots=True)
class Draw:
    """Rows [first_row, last_row) of one camera's strip."""

    camera: str
    first_row: int
    last_row: int


@dataclass(frozen=True, slots=True)
class MissRate:
    """What second looks have shown.

    Attributes:
        looked: stretches that somebody has looked at. missed: those with a defect that the model had not
            found. open: drawn, not looked at yet.
        share: missed over looked; None where nobody has looked. low, high: Clopper and Pearson's bounds of
            95 % (Biometrika 26, 1934).
    """

    looked: int
    missed: int
    open: int
    share: float | None
    low: float | None
    high: float | None


def empty_stretches(
    rail_map: RailMap, strips: Sequence[StripPart], rule: LookRule, *, photos: bool = False
) -> list[Draw]:
    """Stretches of the inspected cameras on which no finding and no unseen row lies.

    Args:
        rail_map: with the model's findings.
        strips: pictures of the strips.
        rule: how long a stretch is.
        photos: each picture is one stretch.
    """
    found = []
    for camera in rail_map.cameras:
        parts = [part for part in strips if part.camera == camera.name]
        if not camera.inspected or not parts:
            continue
        first = min(part.first_row for part in parts)
        last = max(part.first_row + part.rows for part in parts)
        taken = [
            (box.xyxy_px[1], box.xyxy_px[3])
            for finding in rail_map.findings
            for box in finding.boxes
            if box.camera == camera.name
        ]
        taken += [(gap.first_row, gap.last_row) for gap in rail_map.unseen if gap.camera == camera.name]
        if not photos:
            first, last = max(first, round(rail_map.start.row)), min(last, round(rail_map.end.row))
        step = max(1, last - first) if photos else rule.stretch_rows
        for row in range(first, last, step):
            end = min(row + step, last)
            whole = end - row >= step // 2
            if whole and not any(upper < end and lower > row for upper, lower in taken):
                found.append(Draw(camera.name, row, end))
    return found


def draw(rail: str, stretches: Sequence[Draw], rule: LookRule) -> list[Draw]:
    """Those of the stretches that chance picks; each with the rule's share."""
    return [stretch for stretch in stretches if _chance(rail, stretch, rule.seed) < rule.share]


def _chance(rail: str, stretch: Draw, seed: int) -> float:
    """A number in 0..1 that looks random, from a hash."""
    text = f"{seed}:{rail}:{stretch.camera}:{stretch.first_row}"
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big") / 2**64


def miss_rate(clear: int, missed: int, still_open: int) -> MissRate:
    """The share of stretches with something missed, with its exact bounds."""
    looked = clear + missed
    if looked == 0:
        return MissRate(0, 0, still_open, None, None, None)
    found = rate(missed, looked)
    return MissRate(looked, missed, still_open, missed / looked, found.low, found.high)
