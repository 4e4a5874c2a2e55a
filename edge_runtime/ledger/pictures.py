"""Picture files: raw crops of views as JPEG in dated folders, within a size budget.

`<storage>/pictures/YYYY-MM-DD/HH/<part>_<camera>_<index>.jpg`, date and hour in UTC.
Findings are not drawn in; whoever shows a picture has them in the ledger. A picture
that cannot be kept is counted with its cause; pictures are the first to give way when
the disk gets full. Neighbour: `edge_runtime.ledger.picture_feed` brings the crops.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge_runtime.ledger.statements import PictureRecord
from vision.types import PartId

JPEG_QUALITY = 90
#: the budget is brought down to this share of itself, so that it is not hit again at once
_BUDGET_REST_SHARE = 0.95
_PART = re.compile(r"(\d{1,10})-(\d)-(\d{1,10})\Z", re.ASCII)
_CAMERA = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
#: year 9999 ends then: no later time can be written
_UTC_END_NS = 253_402_300_800_000_000_000
_INDEX_END = 10_000
_KINDS = ("reject", "review", "accept")


@dataclass(frozen=True, slots=True)
class Crop:
    """One view's pixels, (H, W) or (H, W, 3) BGR uint8, and whose they are."""

    part_id: PartId
    camera: str
    view_index: int
    kind: str
    utc_ns: int
    image: npt.NDArray[np.uint8]

    @property
    def path(self) -> Path:
        """Place of the picture within the pictures' folder."""
        when = datetime.fromtimestamp(self.utc_ns / 1e9, UTC)
        return Path(when.strftime("%Y-%m-%d/%H")) / f"{self.part_id}_{self.camera}_{self.view_index}.jpg"


def crop_from_ring(header: Mapping[str, object], payload: npt.NDArray[np.uint8]) -> Crop:
    """The crop of one ring entry.

    Raises:
        ValueError: header and payload are not what the station writes.
    """
    part = _PART.match(str(header.get("part")))
    camera = str(header.get("camera"))
    figures = [header.get(name) for name in ("view_index", "height", "width", "channels", "utc_ns")]
    if part is None or not _CAMERA.match(camera) or header.get("kind") not in _KINDS:
        raise ValueError(f"not a picture's header: {dict(header)}")
    numbers = [value for value in figures if type(value) is int and value >= 0]
    if len(numbers) != len(figures) or numbers[3] not in (1, 3):
        raise ValueError(f"not a picture's header: {dict(header)}")
    view_index, height, width, channels, utc_ns = numbers
    if utc_ns >= _UTC_END_NS or view_index >= _INDEX_END:
        raise ValueError(f"no picture has number {view_index} or was taken at {utc_ns} ns")
    if height * width * channels != payload.size or not payload.size:
        raise ValueError(f"{payload.size} bytes are no picture of {width} x {height} x {channels}")
    image = payload.reshape(height, width) if channels == 1 else payload.reshape(height, width, channels)
    part_id = PartId(*(int(number) for number in part.groups()))
    return Crop(part_id, camera, view_index, str(header["kind"]), utc_ns, image)


class PictureStore:
    """Writes pictures below `<storage>/pictures` and keeps their budget.

    Args:
        storage: the station's storage folder.
        max_mb: budget, megabytes of 2^20 bytes.
        reserve_mb: free space below which no picture is written: journal and ledger come first.
        free_bytes: tells the free space of the folder's disk.

    Attributes:
        used_bytes: size of all picture files.
        losses: pictures not kept since the last `take_losses`, by cause.

    Raises:
        OSError: the folder cannot be made or read.
    """

    def __init__(
        self,
        storage: Path,
        max_mb: float,
        *,
        reserve_mb: float = 64,
        free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
    ) -> None:
        self._storage = storage
        self.folder = storage / "pictures"
        self._max_bytes = int(max_mb * (1 << 20))
        self._reserve_bytes = int(reserve_mb * (1 << 20))
        self._free_bytes = free_bytes
        self.folder.mkdir(parents=True, exist_ok=True)
        self.used_bytes = self._count_files()
        self.losses: Counter[str] = Counter()
        self._removed: list[str] = []

    def _count_files(self) -> int:
        """Size of all pictures; what a crash left half written is removed."""
        total = 0
        for path in self.folder.rglob("*"):
            if path.suffix == ".part":
                path.unlink()
            elif path.is_file():
                total += path.stat().st_size
        return total

    def store(self, crop: Crop) -> PictureRecord | None:
        """Keep one crop; None when it could not be kept (counted in `losses`)."""
        if self._free_bytes(self.folder) < self._reserve_bytes:
            self.losses["disk_full"] += 1
            return None
        good, data = cv2.imencode(".jpg", crop.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if not good:
            self.losses["not_encoded"] += 1
            return None
        path = self.folder / crop.path
        try:
            self._write(path, data.tobytes())
        except OSError as error:
            self.losses[f"write_error: {error.strerror or error}"] += 1
            return None
        if self.used_bytes > self._max_bytes:
            self._make_room(path)
        where = str(path.relative_to(self._storage))
        return PictureRecord(
            crop.part_id, crop.camera, crop.view_index, crop.kind, where, len(data), crop.utc_ns
        )

    def _write(self, path: Path, data: bytes) -> None:
        """Write beside the place and move there: no half picture is ever seen under its name."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.part")
        try:
            beside.write_bytes(data)
            before = path.stat().st_size if path.exists() else 0
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
        self.used_bytes += len(data) - before

    def _make_room(self, newest: Path) -> None:
        """Remove the oldest hours' pictures until the budget holds, never the newest picture."""
        goal = int(self._max_bytes * _BUDGET_REST_SHARE)
        for day in sorted(path for path in self.folder.iterdir() if path.is_dir()):
            for hour in sorted(path for path in day.iterdir() if path.is_dir()):
                for path in sorted(hour.iterdir(), key=lambda path: path.stat().st_mtime_ns):
                    if self.used_bytes <= goal:
                        return
                    if path != newest:
                        self._remove(path)
                _remove_empty(hour)
            _remove_empty(day)

    def _remove(self, path: Path) -> None:
        self.used_bytes -= path.stat().st_size
        path.unlink()
        self._removed.append(str(path.relative_to(self._storage)))

    def take_losses(self) -> Counter[str]:
        """Losses by cause since the last call."""
        losses, self.losses = self.losses, Counter()
        return losses

    def take_removed(self) -> list[str]:
        """Paths (within the storage folder) that the budget took away since the last call."""
        removed, self._removed = self._removed, []
        return removed


def _remove_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()
