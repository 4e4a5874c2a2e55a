"""Where a stored picture lay in its frame, so that what was found can be drawn on it.

A picture is the region that the part tracker cut out (`edge_runtime.parts`): it follows from trigger,
exposure and the station file's geometry. That is only believed for parts that are younger than the station
file, and where the picture has the very size that follows. Neighbour: `ledger_view`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import sqlalchemy as sa

from edge_runtime.config import StationConfig
from edge_runtime.encoder import signed_diff
from edge_runtime.ledger.models import RecipeRow
from edge_runtime.ledger.rejects import PartInFull, PartView
from edge_runtime.page.errors import PageError
from edge_runtime.page.pictures_api import FOLDER, read_picture
from edge_runtime.parts import ROI_HALF_SHARE

Box = tuple[int, int, int, int]


class StationPlace(Protocol):
    """A station by its file and storage folder; the page's context is one."""

    @property
    def config(self) -> StationConfig:
        """The station file's content."""
        ...

    @property
    def station_file(self) -> Path | None:
        """Where it was read from."""
        ...

    @property
    def storage(self) -> Path:
        """The folder of ledger and pictures."""
        ...


def crop_of(
    config: StationConfig,
    camera_name: str,
    lane: int,
    d_nominal_mm: float,
    trigger_count: int,
    pulse_counts: int,
    exposure_count: int,
) -> Box | None:
    """The region of a frame that the part tracker cuts out, frame pixels; None where geometry does not say.

    Args:
        config: the station file.
        camera_name, lane: which camera, which lane.
        d_nominal_mm: of the recipe in force.
        trigger_count, pulse_counts: of the part's trigger, modulo 2^16.
        exposure_count: of the frame, modulo 2^16.
    """
    line = config.line
    camera = next((camera for camera in config.cameras if camera.name == camera_name), None)
    if line is None or camera is None or lane not in camera.geometry.lane_y_px:
        return None
    geometry = camera.geometry
    behind_counts = signed_diff(exposure_count, trigger_count) - pulse_counts // 2
    along = (behind_counts - geometry.fov_start_counts) * geometry.px_per_count
    x = along if geometry.direction == 1 else geometry.width_px - along
    y = geometry.lane_y_px[lane]
    half = ROI_HALF_SHARE * d_nominal_mm * 1000.0 / line.um_per_count * geometry.px_per_count
    x1, y1 = max(0, int(x - half)), max(0, int(y - half))
    x2, y2 = min(geometry.width_px, int(x + half) + 1), min(geometry.height_px, int(y + half) + 1)
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def crops_of_part(
    context: StationPlace, connection: sa.Connection, part: PartInFull
) -> dict[tuple[str, int], Box]:
    """Where the pictures of a part's views lay, by camera and view index; those not known are left out."""
    nominal_mm = _nominal_mm(connection, part.facts["recipe_sha256"])
    trigger, pulse = part.facts["trigger_encoder_count"], part.facts["pulse_counts"]
    if nominal_mm is None or trigger is None or pulse is None or not _younger_than_geometry(context, part):
        return {}
    found = {}
    for view in part.views:
        box = crop_of(
            context.config,
            view.camera,
            part.reject.part.lane,
            nominal_mm,
            trigger,
            pulse,
            view.encoder_count,
        )
        if box is not None and _size_of(context.storage, view) == (box[2] - box[0], box[3] - box[1]):
            found[view.camera, view.view_index] = box
    return found


def on_picture(box: Box | None, frame_xyxy_px: tuple[float, float, float, float]) -> list[float] | None:
    """A box of the frame on the picture; None where it is not known where that lay."""
    if box is None:
        return None
    x1, y1, x2, y2 = frame_xyxy_px
    return [x1 - box[0], y1 - box[1], x2 - box[0], y2 - box[1]]


def _nominal_mm(connection: sa.Connection, recipe_sha256: str | None) -> float | None:
    query = sa.select(RecipeRow.recipe).where(RecipeRow.sha256 == recipe_sha256)
    recipe: Mapping[str, Any] = connection.execute(query).scalar_one_or_none() or {}
    try:
        return float(recipe["size"]["nominal_mm"]["value"])
    except (KeyError, TypeError, ValueError):
        return None  # a recipe of another version


def _younger_than_geometry(context: StationPlace, part: PartInFull) -> bool:
    """The geometry that was loaded is the one by which this part was cut out."""
    if context.station_file is None:
        return False
    try:
        return part.reject.utc_ns > context.station_file.stat().st_mtime_ns
    except OSError:
        return False


def _size_of(storage: Path, view: PartView) -> tuple[int, int] | None:
    """Width and height of a view's picture; None where there is none."""
    if view.picture is None:
        return None
    try:
        data = read_picture(storage / FOLDER, view.picture.removeprefix(f"{FOLDER}/"))
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except (PageError, cv2.error):
        return None  # taken away to make room, or an empty file
    return None if image is None else (image.shape[1], image.shape[0])
