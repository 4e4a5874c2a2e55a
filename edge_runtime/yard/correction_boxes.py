"""Where a box that a person drew on a strip lies along the rail, in rows, metres and millimetres.

Neighbour: `corrections` makes findings of it; `vision.rail_map.join` does the same for the model's boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge_runtime.yard.store_errors import YardRefused
from edge_runtime.yard.store_text import Box, bad_field
from edge_runtime.yard.store_types import StripPart
from vision.rail_map.types import MapBox, MapCamera, RailMap
from vision.yard.types import YardFinding

#: a person drew the box
_SURE = 1.0
#: pixels that a drawn edge may lie beyond the picture and is moved onto it
_SLACK_PX = 2.0
_LEAST_PX = 1.0


def place_box(
    rail_map: RailMap,
    strips: Sequence[StripPart],
    camera: str,
    xyxy_px: Box,
    of: YardFinding | None = None,
) -> dict[str, Any]:
    """Fields of a finding that follow from a box.

    Args:
        rail_map: the rail.
        strips: its pictures.
        camera: whose strip the box was drawn on.
        xyxy_px: pixels of that strip, y the map's row.
        of: the finding that had another box there; its boxes of other cameras stay.

    Raises:
        YardRefused: 'bad_value' for a camera that is not there; 'box_outside' for a box beyond the strip, or
            of less than a pixel.
    """
    known = next((entry for entry in rail_map.cameras if entry.name == camera), None)
    if known is None:
        raise bad_field("camera", f"the rail has no camera '{camera[:80]}'")
    box = _on_strip(known, strips, xyxy_px)
    others = () if of is None else tuple(entry for entry in of.boxes if entry.camera != camera)
    replaced = None if of is None else next((entry for entry in of.boxes if entry.camera == camera), None)
    score = _SURE if replaced is None else replaced.score
    files = () if replaced is None else replaced.files
    boxes = (MapBox(camera=camera, xyxy_px=box, score=score, files=files), *others)
    first_row = min(entry.xyxy_px[1] for entry in boxes)
    last_row = max(entry.xyxy_px[3] for entry in boxes)
    row_mm = rail_map.row_mm
    return {
        "boxes": boxes,
        "first_row": first_row,
        "last_row": last_row,
        "start_m": rail_map.position_m(first_row),
        "end_m": rail_map.position_m(last_row),
        "length_mm": None if row_mm is None else (last_row - first_row) * row_mm,
        "width_mm": None if known.mm_per_px is None else (box[2] - box[0]) * known.mm_per_px,
        "across_mm": _across_mm(known, box, replaced, of),
    }


def _on_strip(camera: MapCamera, strips: Sequence[StripPart], xyxy_px: Box) -> Box:
    parts = [part for part in strips if part.camera == camera.name]
    first = min((part.first_row for part in parts), default=0)
    last = max((part.first_row + part.rows for part in parts), default=0)
    x1, y1, x2, y2 = xyxy_px
    inside = x1 >= -_SLACK_PX and y1 >= first - _SLACK_PX
    inside = inside and x2 <= camera.width_px + _SLACK_PX and y2 <= last + _SLACK_PX
    box = (max(0.0, x1), max(float(first), y1), min(float(camera.width_px), x2), min(float(last), y2))
    if not inside or box[2] - box[0] < _LEAST_PX or box[3] - box[1] < _LEAST_PX:
        raise YardRefused(
            "box_outside",
            f"the box does not lie on the strip of camera '{camera.name}'",
            values={"camera": camera.name, "width": camera.width_px, "first": first, "last": last},
            where=f"camera '{camera.name}'",
            todo=f"draw it within {camera.width_px} columns and rows {first} to {last}",
        )
    return box


def _across_mm(camera: MapCamera, box: Box, replaced: MapBox | None, of: YardFinding | None) -> float | None:
    """Place across the head: the model's, moved as the box was; where the head lies is not known without."""
    if replaced is None or of is None or of.across_mm is None or camera.mm_per_px is None:
        return None
    return of.across_mm + (box[0] - replaced.xyxy_px[0]) * camera.mm_per_px
