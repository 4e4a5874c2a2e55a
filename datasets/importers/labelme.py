"""LabelMe: one JSON file for each picture, with polygons, rectangles, circles and points.

A polygon's box is its hull's; the outline itself is kept. Neighbour: `importers.labelled`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from datasets.errors import DataError
from datasets.importers.labelled import check_size, snapped
from datasets.records import BoxRecord


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore")
    label: str = Field(min_length=1)
    points: list[tuple[float, float]]
    shape_type: str = "polygon"
    group_id: int | None = None
    description: str | None = None
    flags: dict[str, bool] = {}


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore")
    shapes: list[_Shape]
    imagePath: str = ""  # noqa: N815 - the format's own name
    imageWidth: int | None = None  # noqa: N815
    imageHeight: int | None = None  # noqa: N815


def polygon_area_px(polygon: Sequence[float]) -> int:
    """Whole pixels inside an outline x1, y1, x2, y2, ... (shoelace formula, rounded)."""
    points = np.asarray(polygon, np.float64).reshape(-1, 2)
    x, y = points[:, 0], points[:, 1]
    return round(abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2)


def read_labelme(path: Path, width_px: int, height_px: int) -> tuple[BoxRecord, ...]:
    """The boxes of one LabelMe file.

    Raises:
        DataError: broken JSON, another picture size, a shape without extent.
    """
    try:
        content = _File.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"the LabelMe file cannot be read: {error}", where=str(path), todo="save it again with LabelMe"
        ) from error
    check_size((content.imageWidth, content.imageHeight), width_px, height_px, str(path))
    return tuple(_box(shape, path, width_px, height_px) for shape in content.shapes)


def _box(shape: _Shape, path: Path, width_px: int, height_px: int) -> BoxRecord:
    outline = _outline(shape, path)
    xs, ys = outline[0::2], outline[1::2]
    xyxy = snapped((min(xs), min(ys), max(xs), max(ys)), width_px, height_px)
    attributes: dict[str, str | float | bool] = dict(shape.flags)
    if shape.group_id is not None:
        attributes["group_id"] = float(shape.group_id)
    if shape.description:
        attributes["description"] = shape.description
    upright = shape.shape_type == "rectangle"
    return BoxRecord(
        label=shape.label,
        xyxy_px=xyxy,
        area_px=polygon_area_px(outline),
        polygons_px=() if upright else (outline,),
        attributes=attributes,
    )


def _outline(shape: _Shape, path: Path) -> tuple[float, ...]:
    points = shape.points
    if shape.shape_type == "rectangle" and len(points) == 2:
        (x1, y1), (x2, y2) = points
        points = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
    elif shape.shape_type == "circle" and len(points) == 2:
        (x, y), rim = points[0], points[1]
        radius = math.dist(points[0], rim)
        turns = np.linspace(0.0, 2 * math.pi, 64, endpoint=False)
        points = [(x + radius * math.cos(t), y + radius * math.sin(t)) for t in turns]
    elif shape.shape_type not in ("polygon", "rectangle") or len(points) < 3:
        raise DataError(
            f"a shape '{shape.label}' of type {shape.shape_type} with {len(points)} points bounds no area",
            where=str(path),
            todo="draw it as a polygon, rectangle or circle",
        )
    return tuple(round(float(value), 4) for point in points for value in point)


def outline_mask(polygon: Sequence[float], width_px: int, height_px: int) -> np.ndarray:
    """The pixels inside an outline, (height, width) uint8, 1 inside."""
    mask = np.zeros((height_px, width_px), np.uint8)
    cv2.fillPoly(mask, [np.asarray(polygon, np.float64).reshape(-1, 2).round().astype(np.int32)], (1,))
    return mask
