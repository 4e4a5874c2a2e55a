"""Pascal VOC: one XML file beside or apart from each picture.

VOC counts pixels from 1 and names the first and last pixel of a box, so the left edge lies at
`xmin - 1` and the right one at `xmax` (VOC2012 development kit, section 2.2). Tools that count from 0
write the edges themselves; `first_pixel=0` reads those. Neighbour: `importers.labelled`.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from datasets.errors import DataError
from datasets.importers.labelled import check_size, snapped
from datasets.records import BoxRecord

_TODO = "write the annotation file again with the labelling tool"


def read_voc(path: Path, width_px: int, height_px: int, *, first_pixel: int = 1) -> tuple[BoxRecord, ...]:
    """The boxes of one VOC file.

    Args:
        path: the XML file.
        width_px: of the stored picture; the file's own `size`, where it gives one, must agree.
        height_px: likewise.
        first_pixel: number of the first pixel, 1 in VOC, 0 in some tools.

    Raises:
        DataError: broken XML, a box without four numbers, another size, a rotated box.
    """
    root = _root(path)
    size = root.find("size")
    if size is not None:
        stated = (_number(size, "width", path), _number(size, "height", path))
        if stated != (0, 0):
            check_size(stated, width_px, height_px, str(path))
    boxes = []
    for item in root.iter("object"):
        label = (item.findtext("name") or "").strip()
        bounds = item.find("bndbox")
        if not label or bounds is None:
            what = "an object has no upright box" if label else "an object has no name"
            raise DataError(what, where=str(path), todo="label with upright boxes")
        x1, y1, x2, y2 = (_number(bounds, key, path) for key in ("xmin", "ymin", "xmax", "ymax"))
        xyxy = snapped((x1 - first_pixel, y1 - first_pixel, x2, y2), width_px, height_px)
        area = max(0, round((xyxy[2] - xyxy[0]) * (xyxy[3] - xyxy[1])))
        boxes.append(BoxRecord(label=label, xyxy_px=xyxy, area_px=area, attributes=_attributes(item)))
    return tuple(boxes)


def _attributes(item: ElementTree.Element) -> dict[str, str | float | bool]:
    """VOC's own flags, where they are set: what an importer leaves out cannot be exported again."""
    kept: dict[str, str | float | bool] = {}
    for key in ("truncated", "difficult", "occluded"):
        if (item.findtext(key) or "0").strip() not in ("0", ""):
            kept[key] = True
    pose = (item.findtext("pose") or "").strip()
    if pose and pose != "Unspecified":
        kept["pose"] = pose
    return kept


def _root(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(path.read_bytes())
    except (OSError, ElementTree.ParseError) as error:
        raise DataError(f"the VOC file cannot be read: {error}", where=str(path), todo=_TODO) from error


def _number(parent: ElementTree.Element, key: str, path: Path) -> float:
    text = parent.findtext(key)
    try:
        return float(text or "")
    except ValueError as error:
        raise DataError(f"{key} is {text!r}, not a number", where=str(path), todo=_TODO) from error
