"""What every importer yields: a picture file with its boxes, before groups and splits are given.

Neighbours: one module for each format makes these; `importers.assemble` turns them into a data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from datasets.errors import DataError
from datasets.records import BoxRecord

#: Rounding of a text format may push an edge over the border by this much; it is moved onto it.
EDGE_SLACK_PX = 0.02


@dataclass(frozen=True, slots=True)
class Labelled:
    """One picture of an outside set.

    Attributes:
        path: the picture file.
        name: its name below the set's folder, with slashes; groups are made from it.
        width_px: of the stored picture.
        height_px: of the stored picture.
        boxes: in pixels of the stored picture.
        fields: fields of the sample record that the format itself carries (`split`, `group`, ...).
    """

    path: Path
    name: str
    width_px: int
    height_px: int
    boxes: tuple[BoxRecord, ...] = ()
    fields: dict[str, object] = field(default_factory=dict)


def snapped(xyxy_px: Sequence[float], width_px: int, height_px: int) -> tuple[float, float, float, float]:
    """The box with edges at most `EDGE_SLACK_PX` outside moved onto the border, to 1e-6 px."""

    def at_most(value: float, size_px: int) -> float:
        if -EDGE_SLACK_PX <= value < 0.0:
            return 0.0
        if size_px < value <= size_px + EDGE_SLACK_PX:
            return float(size_px)
        return round(float(value), 6)

    x1, y1, x2, y2 = xyxy_px
    return at_most(x1, width_px), at_most(y1, height_px), at_most(x2, width_px), at_most(y2, height_px)


def check_size(stated: tuple[float | None, float | None], width_px: int, height_px: int, where: str) -> None:
    """Refuse labels that were drawn on a picture of another size; (None, None) is not stated.

    Raises:
        DataError: the stated width and height are others.
    """
    if stated not in ((width_px, height_px), (None, None)):
        raise DataError(
            f"the labels are for {stated[0]:g} x {stated[1]:g} px, the picture has {width_px} x {height_px}",
            where=where,
            todo="give the pictures that were labelled, not resized ones",
        )


def box_fault(box: BoxRecord, width_px: int, height_px: int) -> str | None:
    """What is wrong with a box in a picture of this size, or None."""
    x1, y1, x2, y2 = box.xyxy_px
    text = f"{box.label} box ({x1:g}, {y1:g}, {x2:g}, {y2:g})"
    if not (x2 > x1 and y2 > y1):
        return f"{text} has no area"
    if x1 < 0 or y1 < 0 or x2 > width_px or y2 > height_px:
        return f"{text} lies outside the picture of {width_px} x {height_px} px"
    return None
