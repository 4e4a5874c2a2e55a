"""The fourth steel set: photos of rails in the yard with their joints and gaps (rail_gap).

Neighbour: `steel` puts it into the pretraining set.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from datasets.build.cuts import Window, cut
from datasets.build.steel_picture import LONGEST_PX, SteelPicture, files_of
from datasets.importers.yolo_labels import read_yolo_labels
from datasets.pictures import grey, read_picture


def gap_photos(source: Path) -> Iterator[SteelPicture]:
    """Photos with a joint gap or a break, shrunk to `LONGEST_PX`, each a group of its own.

    A photo without a box is left out: nobody says that it shows no gap.

    Raises:
        DataError: the set is missing or broken.
    """
    for path in files_of(source, "rail_gap", "labels/*.txt"):
        if not path.read_text(encoding="utf-8").strip():
            continue
        pixels = grey(read_picture(source / "rail_gap" / "images" / f"{path.stem}.jpg"))
        height_px, width_px = pixels.shape
        boxes = read_yolo_labels(path, ("joint_gap",), width_px, height_px)
        part, inside = cut(pixels, boxes, Window(0, 0, width_px, height_px), LONGEST_PX)
        yield SteelPicture(
            f"gap_{path.stem}", part, inside, f"rail_gap/{path.stem}", "rail_gap", "rail_gap", "CC BY 4.0",
            "colour photo, hand-held",
        )  # fmt: skip
