"""Scans of short rendered rails, told frame by frame as a camera with an encoder would tell them."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np

from datasets.synthetic.rails.rail import WholeRail, render_rail
from datasets.synthetic.rails.rail_settings import RailSettings
from vision.rail_map.types import ScanCamera, ScanFrame, ScanGeometry
from vision.types import UInt8Array

SCALE_MM = 0.5
#: Rows of a frame.
STEP = 400
GEOMETRY = ScanGeometry(counts_per_mm=2.0, cameras=(ScanCamera(name="top", mm_per_px=SCALE_MM),))


@cache
def rendered(length_m: float = 1.5, marks: int = 0, seed: int = 3, beyond_mm: float = 150.0) -> WholeRail:
    """A rail at 0.5 mm/px in frames of 400 rows; 2 counts per millimetre make one count per row."""
    settings = RailSettings(
        length_m=length_m,
        marks=marks,
        frame_rows=STEP,
        beyond_mm=beyond_mm,
        counts_per_mm=2.0,
    )
    return render_rail(seed, settings)


def picture(rail: WholeRail) -> UInt8Array:
    """All rows of a rail's frames, one below the other."""
    return np.concatenate([rail.frame(view) for view in rail.views()])


def frames(
    whole: UInt8Array,
    counts: list[tuple[int, int]] | None = None,
    *,
    step: int = STEP,
    camera: str = "top",
    bits: int = 16,
    start: int = 0,
    with_last: bool = False,
) -> list[ScanFrame]:
    """Frames of a rail that is drawn in `whole`.

    Args:
        whole: (rows, W), a row for each count.
        counts: (from, to) rows of each frame; falling ones show the rail on its way back. None: all.
        step: rows of a frame where `counts` is None.
        camera: its name.
        bits: of the encoder.
        start: its count at row 0.
        with_last: give `last_count`, too.
    """
    if counts is None:
        edges = [*range(0, len(whole), step), len(whole)]
        counts = list(itertools.pairwise(edges))
    made = []
    for number, (first, last) in enumerate(counts):
        image = whole[first:last] if last >= first else whole[last:first][::-1]
        made.append(
            ScanFrame(
                camera=camera,
                frame_number=number,
                first_count=(start + first) % 2**bits,
                last_count=(start + last) % 2**bits if with_last else None,
                file=f"{camera}_{number:03d}.png",
                image=np.ascontiguousarray(image),
            )
        )
    return made


def noisy(image: UInt8Array, seed: int) -> UInt8Array:
    """The same picture taken again: other noise of the sensor."""
    rng = np.random.default_rng(seed)
    return np.asarray(np.clip(image + np.rint(rng.normal(0.0, 1.0, image.shape)), 0, 255), np.uint8)
