"""A rail yard with books: a station file, mapped rails with drawn strips, a wagon. For the page's tests.

The strips are drawn, not photographed: grey steel with dark marks where the map's findings lie.
Neighbours: `yard_rig` starts the page and a browser before it, `test_yard_*`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from edge_runtime.day.rules import Who
from edge_runtime.ledger.store import ledger_url
from edge_runtime.yard.recipe_file import load_yard_recipe
from edge_runtime.yard.second_look import LookRule
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.store_grading import RecipeGrading
from edge_runtime.yard.store_types import NewRail, StripPart, WagonFields
from edge_runtime.yard.yard_config import RailStationConfig, load_rail_station
from vision.rail_map.types import LeftOut, MapBox, MapCamera, MapFinding, Note, RailEnd, RailMap, Unseen
from vision.types import UInt8Array

ROW_MM = 0.5
WIDTH_PX, LEFT_PX = 220, 40
PART_ROWS = 4096
SCANNED_NS = 1_790_000_000_000_000_000
INSPECTOR = Who("Ержан", "inspector")
#: label, first row, last row, first column, last column, score
Mark = tuple[str, int, int, int, int, float]
MARKS: tuple[Mark, ...] = (
    ("defect", 600, 660, 90, 130, 0.91),
    ("dirt", 1500, 1720, 60, 200, 0.55),
    ("defect", 2090, 2130, 150, 190, 0.77),
    ("gap", 3400, 3420, 40, 260, 0.83),
)


def write_yard(folder: Path, port: int = 0, **page: object) -> Path:
    """A rail station's file; its name is of this process and folder."""
    name = f"yard-{os.getpid()}-{folder.name}"[-28:].lstrip("-_.")
    data = {
        "schema_version": 1,
        "station": "rail",
        "name": name,
        "cameras": [{"name": "top", "mm_per_px": ROW_MM}],
        "encoder": {"counts_per_mm": 1.0, "bits": 32},
        "scans": [{"type": "watch", "path": "scans"}],
        "storage": {"folder": "storage", "min_free_mb": 10},
        "second_look": {"share": 1.0},
        "page": {"port": port or 8080, "language": "ru", **page},
    }
    path = folder / "yard.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    load_rail_station(path).storage.folder.mkdir(parents=True, exist_ok=True)
    return path


def rail_map(name: str, rows: int = 5000, marks: tuple[Mark, ...] = MARKS, *, scale: bool = True) -> RailMap:
    """A rail of one camera with findings where `marks` say, and a stretch that nobody saw at its end."""
    start = 100.0

    def metres(row: float) -> float | None:
        return (row - start) * ROW_MM / 1000.0 if scale else None

    findings = tuple(
        MapFinding(
            id=f"f{number}",
            label=label,
            score=score,
            element="head",
            first_row=first,
            last_row=last,
            start_m=metres(first),
            end_m=metres(last),
            length_mm=(last - first) * ROW_MM if scale else None,
            across_mm=(left - LEFT_PX) * ROW_MM if scale else None,
            width_mm=(right - left) * ROW_MM if scale else None,
            boxes=(
                MapBox(
                    camera="top", xyxy_px=(left, first, right, last), score=score, files=(f"{number}.png",)
                ),
            ),
        )
        for number, (label, first, last, left, right, score) in enumerate(marks, 1)
    )
    gap = (rows - 900.0, rows - 500.0)
    return RailMap(
        rail=name,
        rows=rows,
        row_mm=ROW_MM if scale else None,
        start=RailEnd(row=start, seen=True),
        end=RailEnd(row=rows - 100.0, seen=True),
        length_m=metres(rows - 100.0),
        length_is_least=False,
        cameras=(
            MapCamera(
                name="top",
                element="head",
                inspected=True,
                width_px=WIDTH_PX + 2 * LEFT_PX,
                mm_per_px=ROW_MM if scale else None,
                frames=rows // 500,
                left_out=(LeftOut(file="0007.png", why=Note(code="doubled")),),
            ),
        ),
        findings=findings,
        unseen=(
            Unseen(
                camera="top",
                first_row=gap[0],
                last_row=gap[1],
                start_m=metres(gap[0]),
                end_m=metres(gap[1]),
                cause="missing_frame",
                frames="8-9",
            ),
        ),
        thresholds={"defect": 0.4, "dirt": 0.5, "gap": 0.4},
        model_sha256="b" * 64,
        notes=(Note(code="went_back", values={"camera": "top", "frames": "7"}),),
    )


def strip_pixels(found: RailMap) -> UInt8Array:
    """Grey steel, lighter in the middle, with a dark mark for each finding; shown columns only."""
    rng = np.random.default_rng(7)
    across = 90 + 60 * np.sin(np.linspace(0.2, 2.9, WIDTH_PX))
    strip = np.tile(across, (found.rows, 1)) + rng.normal(0, 4, (found.rows, WIDTH_PX))
    pixels = np.clip(strip, 0, 255).astype(np.uint8)
    for finding in found.findings:
        x1, y1, x2, y2 = (int(value) for value in finding.boxes[0].xyxy_px)
        cv2.ellipse(
            pixels,
            ((x1 + x2) // 2 - LEFT_PX, (y1 + y2) // 2),
            ((x2 - x1) // 2, (y2 - y1) // 2),
            0,
            0,
            360,
            25,
            -1,
        )
    for stretch in found.unseen:
        pixels[int(stretch.first_row) : int(stretch.last_row)] = 40
    return pixels


def write_strips(storage: Path, found: RailMap) -> tuple[str, tuple[StripPart, ...]]:
    """Folder (below the storage folder) and strip pictures of a rail, as the station writes them."""
    folder = f"rails/{found.rail}"
    place = storage / folder
    (place / "strips").mkdir(parents=True)
    pixels = strip_pixels(found)
    parts = []
    for number, first in enumerate(range(0, found.rows, PART_ROWS)):
        piece = pixels[first : first + PART_ROWS]
        file = f"strips/0_{number:04d}.png"
        assert cv2.imwrite(str(place / file), piece, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        parts.append(
            StripPart(camera="top", first_row=first, rows=piece.shape[0], file=file, left_px=LEFT_PX)
        )
    return folder, tuple(parts)


def open_books(config: RailStationConfig) -> YardStore:
    """The books, as station and page open them."""
    storage = config.storage
    url = ledger_url(storage.folder, storage.database_url)
    rule = LookRule(share=config.second_look.share)
    return YardStore.open(storage.folder, url, RecipeGrading(load_yard_recipe()), rule)


def add_rail(store: YardStore, name: str, rows: int = 5000, **options: Any) -> int:
    """Map a rail: its strips on the disk, its row in the books."""
    found = rail_map(name, rows, **options)
    folder, parts = write_strips(store.storage, found)
    return store.add_rail(NewRail(name, found, folder, parts, SCANNED_NS, scan=f"scan {name}"))


def add_photos(store: YardStore, name: str) -> int:
    """A set of two photos, a mark at the same place of each."""
    folder = store.storage / "photos" / "set"
    folder.mkdir(parents=True)
    cameras, parts, findings = [], [], []
    box = (100.0, 200.0, 260.0, 320.0)
    for number, (file, width, height) in enumerate((("a.jpg", 800, 600), ("b.jpg", 500, 900)), 1):
        image = np.full((height, width, 3), (60, 80, 110), np.uint8)
        cv2.rectangle(image, (100, 200), (260, 320), (20, 20, 30), -1)
        assert cv2.imwrite(str(folder / file), image)
        cameras.append(
            MapCamera(name=file, element="head", inspected=True, width_px=width, mm_per_px=None, frames=1)
        )
        parts.append(StripPart(camera=file, first_row=0, rows=height, file=file))
        findings.append(
            MapFinding(
                id=f"f{number}",
                label="dirt",
                score=0.7,
                element="head",
                first_row=box[1],
                last_row=box[3],
                start_m=None,
                end_m=None,
                length_mm=None,
                across_mm=None,
                width_mm=None,
                boxes=(MapBox(camera=file, xyxy_px=box, score=0.7, files=(file,)),),
            )
        )
    unseen_end = RailEnd(row=900.0, seen=False)
    found = rail_map(name, 900, (), scale=False).model_copy(
        update={
            "start": RailEnd(row=0.0, seen=False),
            "end": unseen_end,
            "length_is_least": True,
            "cameras": tuple(cameras),
            "findings": tuple(findings),
            "unseen": (),
            "notes": (),
        }
    )
    return store.add_rail(
        NewRail(name, found, "photos/set", tuple(parts), SCANNED_NS, kind="photos", scan="photos set")
    )


def wagon_fields(**changed: Any) -> WagonFields:
    """A wagon with everything typed that an act needs."""
    typed: dict[str, Any] = {
        "receiver": "ТОО «Шар»",
        "supplier": "АО «Путь» <b>филиал</b>",
        "deliverer": "Иванов И.И.",
        "contract": "№ 17 от 01.02.2026",
        "vehicle": "61234567",
        "scrap_class": "3А",
        "gross_kg": 92000.0,
        "tare_kg": 24000.0,
        "contamination_percent": 1.5,
        "radiation": {"number": "Р-12", "issued_on": "2026-10-01", "issued_by": "СЭС"},
        "explosion": {"number": "В-7", "issued_on": "2026-10-01", "issued_by": "ЧС"},
    }
    return WagonFields.model_validate({**typed, **changed})
