"""Boxes of all cameras as findings: one per mark, numbered along the rail, in rows and millimetres.

Two boxes are one mark where element and label agree and each camera shows them at the same place: along the
rail, and across it in shares of the head. Two boxes of one camera that lie side by side and begin and end
together are one mark, too: the halves of a smear. Neighbours: `search` finds boxes, `map` puts findings into
the map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vision.rail_map.types import Element, MapBox, MapFinding

#: Share of the shorter box's rows, and of the narrower one's columns, that two boxes of one mark share.
_SAME_ALONG, _SAME_ACROSS = 0.5, 0.3
#: Boxes of one camera are one mark where they share this much of the smaller: they come of two stretches
#: that were searched by themselves and share a few rows.
_SAME_STRIP = 0.5
#: Halves of one mark share so much of the rows that either has, and touch: they are no further apart across
#: than boxes are true to (head widths, some 1.5 mm).
_SAME_ROWS, _PARTED = 0.7, 0.02


@dataclass(frozen=True, slots=True)
class StripBox:
    """One box on one strip.

    `xyxy_px`: x in pixels of the strip, y in map rows. `head_px`: left edge and width of the head there.
    """

    camera: str
    element: Element
    label: str
    score: float
    xyxy_px: tuple[float, float, float, float]
    head_px: tuple[float, float]
    mm_per_px: float | None
    files: tuple[str, ...]

    @property
    def rows(self) -> tuple[float, float]:
        """First and last row."""
        return self.xyxy_px[1], self.xyxy_px[3]

    @property
    def across(self) -> tuple[float, float]:
        """Left and right side, in shares of the head's width from its left edge."""
        left, wide = self.head_px
        return (self.xyxy_px[0] - left) / wide, (self.xyxy_px[2] - left) / wide


def join_boxes(boxes: Sequence[StripBox]) -> list[tuple[StripBox, ...]]:
    """Boxes of one mark put together, along the rail; the best of each mark first."""
    ordered = sorted(boxes, key=lambda box: (box.rows[0], box.rows[1]))
    group = list(range(len(ordered)))

    def root(index: int) -> int:
        while group[index] != index:
            index = group[index]
        return index

    open_boxes: list[int] = []
    for index, box in enumerate(ordered):
        open_boxes = [k for k in open_boxes if ordered[k].rows[1] > box.rows[0]]
        for k in open_boxes:
            if _one_mark(ordered[k], box):
                group[root(index)] = root(k)
        open_boxes.append(index)
    members: dict[int, list[StripBox]] = {}
    for index, box in enumerate(ordered):
        members.setdefault(root(index), []).append(box)
    marks = [tuple(sorted(own, key=lambda box: -box.score)) for own in members.values()]
    return sorted(marks, key=lambda mark: (min(box.rows[0] for box in mark), mark[0].across[0]))


def make_findings(
    marks: Sequence[tuple[StripBox, ...]], start_row: float, row_mm: float | None
) -> tuple[MapFinding, ...]:
    """Findings of marks that `join_boxes` put together.

    Place and length are those of all boxes together; the place across and the width are the best box's.

    Args:
        marks: along the rail.
        start_row: of the rail's start.
        row_mm: height of a row, None without a scale.
    """
    return tuple(_finding(f"f{number}", mark, start_row, row_mm) for number, mark in enumerate(marks, 1))


def _one_mark(one: StripBox, other: StripBox) -> bool:
    if one.label != other.label or one.element != other.element:
        return False
    if one.camera == other.camera:
        return _are_twins(one, other) or _are_halves(one, other)
    along = _shared(one.rows, other.rows)
    return along >= _SAME_ALONG and _shared(one.across, other.across) >= _SAME_ACROSS


def _are_twins(one: StripBox, other: StripBox) -> bool:
    """Whether two boxes cover the same spot. Two that cross, a crack and a scratch, do not."""
    first, second = one.xyxy_px, other.xyxy_px
    both = _area(
        (
            max(first[0], second[0]),
            max(first[1], second[1]),
            min(first[2], second[2]),
            min(first[3], second[3]),
        )
    )
    return both > 0.0 and both >= _SAME_STRIP * min(_area(first), _area(second))


def _area(xyxy: tuple[float, float, float, float]) -> float:
    x1, y1, x2, y2 = xyxy
    return max(0.0, x2 - x1) * max(0.0, y2 - y1)


def _are_halves(one: StripBox, other: StripBox) -> bool:
    """Whether two boxes lie side by side, touch, and begin and end together."""
    common = min(one.rows[1], other.rows[1]) - max(one.rows[0], other.rows[0])
    every = max(one.rows[1], other.rows[1]) - min(one.rows[0], other.rows[0])
    between = max(one.across[0], other.across[0]) - min(one.across[1], other.across[1])
    return common >= _SAME_ROWS * every and between <= _PARTED


def _shared(one: tuple[float, float], other: tuple[float, float]) -> float:
    """What two ranges share, over the shorter."""
    shorter = min(one[1] - one[0], other[1] - other[0])
    both = min(one[1], other[1]) - max(one[0], other[0])
    return max(0.0, both) / shorter if shorter > 0.0 else 0.0


def _finding(name: str, mark: tuple[StripBox, ...], start_row: float, row_mm: float | None) -> MapFinding:
    boxes = _by_camera(mark)
    best = boxes[0]
    first, last = min(box.rows[0] for box in boxes), max(box.rows[1] for box in boxes)
    scale = best.mm_per_px
    left, _, right, _ = best.xyxy_px
    return MapFinding(
        id=name,
        label=best.label,
        score=best.score,
        element=best.element,
        first_row=first,
        last_row=last,
        start_m=None if row_mm is None else (first - start_row) * row_mm / 1000.0,
        end_m=None if row_mm is None else (last - start_row) * row_mm / 1000.0,
        length_mm=None if row_mm is None else (last - first) * row_mm,
        across_mm=None if scale is None else (left - best.head_px[0]) * scale,
        width_mm=None if scale is None else (right - left) * scale,
        boxes=tuple(
            MapBox(camera=box.camera, xyxy_px=box.xyxy_px, score=box.score, files=box.files) for box in boxes
        ),
    )


def _by_camera(mark: tuple[StripBox, ...]) -> list[StripBox]:
    """One box per camera, the best first: the union of its boxes with the best score and all files."""
    made: dict[str, StripBox] = {}
    for box in mark:
        known = made.get(box.camera)
        made[box.camera] = box if known is None else _union(known, box)
    return list(made.values())


def _union(best: StripBox, other: StripBox) -> StripBox:
    a, b = best.xyxy_px, other.xyxy_px
    corners = (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
    return replace(best, xyxy_px=corners, files=tuple(dict.fromkeys((*best.files, *other.files))))
