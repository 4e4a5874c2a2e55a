"""Scans drawn by code for tests: frames of a rail with dark spots, their table, a detector of dark spots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edge_runtime.yard.map_run import MapTools
from edge_runtime.yard.recipe_file import load_yard_recipe
from tests.vision.rails import Rail, SpotDetector, dark_ground, draw, straight
from tests.vision.small_models import rail_contract
from vision.contract import RailSpec
from vision.types import UInt8Array

#: Scale of the drawn scans: rows and columns of half a millimetre, one count a millimetre.
MM = 0.5
#: Where the rail begins and ends, rows of the whole scan, and where its head lies, columns.
FIRST, LAST, LEFT, HEAD = 60, 1140, 40, 64
#: Dark spots, x1, y1, x2, y2 of the whole scan; the second one is cut by the border at row 400.
SPOTS = ((55, 200, 75, 220), (60, 390, 80, 412), (50, 900, 90, 930))
SHEET = """\
rail: R-1
section: R65
geometry:
  counts_per_mm: 1.0
  row_mm: 0.5
  cameras: [{name: top, mm_per_px: 0.5}]
"""


class NamedSpots(SpotDetector):
    """Finds dark spots; says which file it came from, as a model does."""

    sha256 = "5" * 64


def tools() -> MapTools:
    """Dark spots for a detector, the default recipe."""
    spec = RailSpec(head_px=64, overlap_px=32, views=1)
    thresholds = {"defect": 0.5, "dirt": 0.5, "gap": 0.5}
    return MapTools(NamedSpots(rail_contract(rail=spec, thresholds=thresholds)), load_yard_recipe())


def rail_picture(rows: int = 1200, spots: Sequence[tuple[int, int, int, int]] = SPOTS) -> UInt8Array:
    """The whole scan: dark, a rail of `LAST - FIRST` rows, dark."""
    image = draw(
        rows,
        144,
        Rail(HEAD, straight(LEFT), 90.0),
        dark_ground(rows, 144, np.random.default_rng(3)),
        marks=tuple(spots),
    )
    image[:FIRST], image[LAST:] = 2, 2
    return image


def write_scan(
    folder: Path,
    image: UInt8Array | None = None,
    *,
    rows: int = 400,
    left_out: Sequence[int] = (),
    counts: bool = True,
    sheet: str = SHEET,
) -> Path:
    """A scan's folder: frames 1, 2 ... of `rows` rows with their table and sheet, some without their file."""
    image = rail_picture() if image is None else image
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["camera,frame_number,first_count,last_count,file"]
    for number, top in enumerate(range(0, image.shape[0], rows), 1):
        name = f"f{number:03d}.png"
        last = min(top + rows, image.shape[0])
        if number not in left_out:
            assert cv2.imwrite(str(folder / name), image[top:last])
        places = f"{round(top * MM)},{round(last * MM)}" if counts else ","
        lines.append(f"top,{number},{places},{name}")
    (folder / "scan.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if sheet:
        (folder / "scan.yaml").write_text(sheet, encoding="utf-8")
    return folder
