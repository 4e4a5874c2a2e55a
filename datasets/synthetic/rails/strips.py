"""Narrow strips of rails as other sensors give them: the head fills a width of 55 to 160 px.

Steel by formulas, marks drawn and real, then light, blur, noise and JPEG of a sensor drawn by
lot: what the detector meets on a line scanner that nobody has trained it for.
Neighbours: `steel`, `compose` (which puts them into the composed set).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from datasets.records import SampleRecord
from datasets.synthetic.rails.canvas import RailCanvas, box_record
from datasets.synthetic.rails.compose import SOURCE, lay_marks, unlabelled_truth, write_jpeg
from datasets.synthetic.rails.noise import smooth_noise
from datasets.synthetic.rails.patches import Patch
from datasets.synthetic.rails.steel import blur_along, draw_steel, draw_style
from vision.rail_strip import RailHead
from vision.types import Float32Array

SENSOR = "synthetic_strip"
STRIP_ROWS = 1000
_WORK_GREY = 120.0


def draw_strip(patches: Sequence[Patch], rng: np.random.Generator, rows: int = STRIP_ROWS) -> RailCanvas:
    """A strip with up to six marks; grey 0..255 of the sensor drawn.

    Args:
        patches: real marks to choose from; may be empty.
        rng: source of every draw.
        rows: height of the strip, pixels.
    """
    width = int(rng.integers(55, 161))
    px_per_mm = width / 72.0
    steel = draw_steel((rows, width), (px_per_mm, px_per_mm), draw_style(rng), rng)
    head = RailHead(0.0, 0.0, float(width), _WORK_GREY, found=True)
    canvas = RailCanvas(steel * np.float32(_WORK_GREY), head, spacing_px=4)
    lay_marks(canvas, patches, int(rng.integers(0, 7)), rng)
    canvas.grey = _sensed(canvas.grey, rng)
    return canvas


def _sensed(grey: Float32Array, rng: np.random.Generator) -> Float32Array:
    """Light, lens and sensor: exposure from dark to bright, uneven light, blur, noise."""
    height, width = grey.shape
    light = 1.0 + 0.06 * smooth_noise((height, 1), (300.0, 1.0), rng)
    tilt = 1.0 + rng.normal(0.0, 0.12) * (np.arange(width, dtype=np.float32) / width - 0.5)
    exposure = float(np.exp(rng.uniform(np.log(20.0), np.log(190.0)))) / _WORK_GREY
    curve = float(rng.uniform(0.75, 1.25))
    bright = blur_along(grey, float(rng.uniform(0.0, 1.1))) * light * tilt[None] * np.float32(exposure)
    seen = 255.0 * np.clip(bright / 255.0, 0.0, 1.5) ** np.float32(curve)
    noise = rng.uniform(0.3, 2.5) + rng.uniform(0.0, 0.25) * np.sqrt(np.maximum(seen, 0.0))
    seen = seen + noise * rng.standard_normal(grey.shape, dtype=np.float32)
    return np.asarray(np.clip(seen, 0.0, 255.0), np.float32)


def make_strip_sample(patches: Sequence[Patch], folder: Path, seed: int, number: int) -> SampleRecord:
    """Draw one strip, write its picture into `folder/images`, and give its record.

    Raises:
        OSError: the picture cannot be written.
    """
    rng = np.random.default_rng((seed, 2, number))
    canvas = draw_strip(patches, rng)
    picture = canvas.pixels()
    file = f"images/strip_{number:05d}.jpg"
    write_jpeg(folder / file, picture, int(rng.integers(60, 97)))
    boxes = tuple(record for laid in canvas.laid if (record := box_record(laid)) is not None)
    return SampleRecord(
        file=file,
        width_px=picture.shape[1],
        height_px=picture.shape[0],
        group=f"strip_{seed}_{number:05d}",
        source=SOURCE,
        label="marked" if boxes else "clean",
        split="train",
        boxes=boxes,
        licence="made by ferrogate",
        sensor=SENSOR,
        origin="rendered",
        truth=unlabelled_truth(canvas.laid),
    )
