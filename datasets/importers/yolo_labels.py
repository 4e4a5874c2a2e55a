"""One YOLO label file: a line `class x y width height` (or a polygon) in shares of the picture.

Neighbours: `importers.yolo` walks a whole YOLO set; `build.steel_gap` reads a bare folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from datasets.errors import DataError
from datasets.importers.labelled import snapped
from datasets.importers.labelme import polygon_area_px
from datasets.records import BoxRecord


def read_yolo_labels(
    path: Path, labels: Sequence[str], width_px: int, height_px: int
) -> tuple[BoxRecord, ...]:
    """The boxes of one label file; an empty file means a picture without marks.

    Lines of five numbers are boxes, lines of seven or more (an odd count) are polygons.

    Raises:
        DataError: not text, a line of another form, a class index that no name belongs to.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(
            f"the label file cannot be read: {error}", where=str(path), todo="export the labels again"
        ) from error
    boxes = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            boxes.append(_box(line.split(), labels, width_px, height_px, f"{path}, line {number}"))
    return tuple(boxes)


def _box(words: list[str], labels: Sequence[str], width_px: int, height_px: int, where: str) -> BoxRecord:
    todo = "a line is 'class x y width height', or 'class x1 y1 x2 y2 x3 y3 ...', in shares of the picture"
    try:
        index, values = int(words[0]), [float(word) for word in words[1:]]
    except ValueError as error:
        raise DataError(f"not a line of numbers: {error}", where=where, todo=todo) from error
    if len(values) != 4 and (len(values) < 6 or len(values) % 2):
        raise DataError(f"{len(words)} numbers in a line", where=where, todo=todo)
    if not 0 <= index < len(labels):
        raise DataError(
            f"class index {index} is out of range: there are {len(labels)} names",
            where=where,
            todo="give the data.yaml that belongs to these labels, or mend the line",
        )
    if len(values) == 4:
        x, y, width, height = values
        corners = (
            (x - width / 2) * width_px, (y - height / 2) * height_px,
            (x + width / 2) * width_px, (y + height / 2) * height_px,
        )  # fmt: skip
        xyxy = snapped(corners, width_px, height_px)
        area = max(0, round((xyxy[2] - xyxy[0]) * (xyxy[3] - xyxy[1])))
        return BoxRecord(label=labels[index], xyxy_px=xyxy, area_px=area)
    outline = tuple(
        round(value * (height_px if place % 2 else width_px), 4) for place, value in enumerate(values)
    )
    xyxy = snapped(
        (min(outline[0::2]), min(outline[1::2]), max(outline[0::2]), max(outline[1::2])), width_px, height_px
    )
    return BoxRecord(
        label=labels[index], xyxy_px=xyxy, area_px=polygon_area_px(outline), polygons_px=(outline,)
    )
