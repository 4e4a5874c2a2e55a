"""Where the pictures of a rail's strips lie, read once per rail: they never change.

A strip's pixels are counted as in `MapBox.xyxy_px`: columns of the camera, rows of the map. The pictures show
the columns from `left_px` on. Neighbours: `yard_tiles` cuts them, `edge_runtime.yard.map_folder` wrote them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.page.errors import PageError
from edge_runtime.page.yard_context import YardContext, refusals
from edge_runtime.yard.store_types import RailView
from vision.image_head import read_head

#: rails whose plans are kept in memory
_KEPT = 64
#: a photo's head may hold a small copy of it before the size is said
_HEAD_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class StripFile:
    """One picture: rows `first_row` to `first_row + rows` of the map."""

    path: Path
    first_row: int
    rows: int


@dataclass(frozen=True, slots=True)
class Strip:
    """One camera's strip as it is shown, `rows` high and `width_px` wide; `left_px`: column of its first one.

    `key` names it among all strips of the station. `lying`: a rail's, whose rows run along the screen; a
    photo stands as it was taken.
    """

    key: str
    camera: str
    left_px: int
    width_px: int
    rows: int
    files: tuple[StripFile, ...]
    lying: bool = True


class StripShelf:
    """Plans of the rails that were looked at last.

    Args:
        context: of the page.
    """

    def __init__(self, context: YardContext) -> None:
        self._context = context
        self._kept: OrderedDict[int, tuple[Strip, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, view: RailView) -> tuple[Strip, ...]:
        """The strips of a rail in the order of its map's cameras; one without pictures has no files."""
        with self._lock:
            found = self._kept.get(view.rail_id)
        if found is None:
            found = plan_strips(self._context.storage, view)
            with self._lock:
                self._kept[view.rail_id] = found
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return found

    def strips(self, rail_id: int) -> tuple[Strip, ...]:
        """The strips of a rail by its number.

        Raises:
            PageError: there is no such rail (404).
        """
        with self._lock:
            found = self._kept.get(rail_id)
        if found is None:
            with refusals():
                found = self.of(self._context.need_store().rail(rail_id))
        return found

    def strip(self, rail_id: int, number: int) -> Strip:
        """One strip by its rail and place.

        Raises:
            PageError: there is no such rail or camera (404).
        """
        strips = self.strips(rail_id)
        if not 0 <= number < len(strips):
            raise PageError(404, "picture_unknown", "the rail has no such camera")
        return strips[number]


def shelf_of(context: YardContext) -> StripShelf:
    """The one shelf of a page."""
    shelf: StripShelf = context.shared.get(StripShelf) or StripShelf(context)
    context.shared[StripShelf] = shelf
    return shelf


def plan_strips(storage: Path, view: RailView) -> tuple[Strip, ...]:
    """Where a rail's strips lie.

    Raises:
        PageError: its folder leads out of the storage folder (404).
    """
    folder = (storage / view.folder).resolve()
    if not folder.is_relative_to(storage.resolve()):
        raise PageError(404, "picture_unknown", "the rail's folder lies outside of the storage folder")
    strips = []
    for number, camera in enumerate(view.rail_map.cameras):
        parts = sorted(
            (part for part in view.strips if part.camera == camera.name), key=lambda part: part.first_row
        )
        left_px = parts[0].left_px if parts else 0
        width_px = _width_px(folder / parts[0].file) if parts else None
        width_px = width_px or max(1, camera.width_px - left_px)
        rows = max((part.first_row + part.rows for part in parts), default=view.rail_map.rows)
        files = tuple(StripFile(folder / part.file, part.first_row, part.rows) for part in parts)
        key = f"{view.rail_id}-{view.scanned_utc_ns}/{number}"
        lying = view.kind != "photos"
        strips.append(Strip(key, camera.name, left_px, width_px, rows, files, lying))
    return tuple(strips)


def _width_px(path: Path) -> int | None:
    """How wide a picture is, by its head alone; None where it is gone or of another form."""
    try:
        with path.open("rb") as file:
            head = read_head(file.read(_HEAD_BYTES))
    except OSError:
        return None
    return None if head is None else head.width_px
