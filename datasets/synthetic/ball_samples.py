"""Renders one ball of the training set and composes its crops.

A ball depends on seed, settings and its number alone, so that balls can be made in any
order and by several processes. Neighbour: `render_balls.py` shares the balls out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from datasets.records import BoxRecord, SampleRecord, split_of
from datasets.synthetic.compose import Tile, component_boxes, compose
from datasets.synthetic.defects import WHOLE_PIECE
from datasets.synthetic.lights import environment
from datasets.synthetic.make_ball import BallFactory
from datasets.synthetic.render import RenderedView, Renderer, to_grey
from datasets.synthetic.settings import RenderSettings, draw
from datasets.synthetic.sphere import random_rotation
from datasets.synthetic.views import defect_truth, tile_for
from vision.errors import FerrogateError

NOMINAL_PX = 144.0
TILE_SIZES = (166, 202, 318)
DIAMETER_PX = (120.0, 200.0)
VIEWS_PER_BALL = 8
VAL_SHARE = 0.15
NEIGHBOUR_CHANCE = 0.15
JOIN_PX = 13
LABEL_SHARES = {
    "good": 0.27,
    "oval": 0.03,
    "crack": 0.13,
    "lap": 0.12,
    "seam": 0.07,
    "flat": 0.07,
    "neck": 0.05,
    "mismatch": 0.07,
    "scale_pit": 0.09,
    "spall": 0.05,
    "half": 0.03,
    "double": 0.02,
}
LEAST_PX = {
    "crack": 12,
    "lap": 16,
    "scale_pit": 10,
    "seam": 30,
    "neck": 30,
    "flat": 60,
    "mismatch": 60,
    "spall": 60,
}
"""Visible pixels, on a ball of NOMINAL_PX, from which a view is an example of its label."""


@dataclass(slots=True)
class BallSampler:
    """Makes the samples of any ball of one set; pictures go to `out`/images."""

    out: Path
    settings: RenderSettings
    seed: int
    renderer: Renderer = field(init=False)
    factory: BallFactory = field(init=False)
    neighbours: list[Tile] = field(init=False)

    def __post_init__(self) -> None:
        self.renderer = Renderer(NOMINAL_PX, self.settings)
        self.factory = BallFactory(self.settings)
        good = _views_of(self.renderer, self.factory, "good", np.random.default_rng([self.seed, 3]))
        self.neighbours = [tile for _, tile in good]

    def samples(self, number: int) -> list[SampleRecord]:
        """Render ball `number`; its crops, fewer than VIEWS_PER_BALL when some show too little."""
        rng = np.random.default_rng([self.seed, 2, number])
        label = str(rng.choice(list(LABEL_SHARES), p=list(LABEL_SHARES.values())))
        group = f"s{self.seed}-{number:05d}"
        made = []
        for index, (view, tile) in enumerate(_views_of(self.renderer, self.factory, label, rng)):
            beside = None
            if rng.random() < NEIGHBOUR_CHANCE:
                beside = self.neighbours[int(rng.integers(len(self.neighbours)))]
            sample = _sample(self.out, view, tile, label, f"{group}-{index}", group, self.seed, beside, rng)
            if sample is not None:
                made.append(sample)
        return made


def _views_of(
    renderer: Renderer, factory: BallFactory, label: str, rng: np.random.Generator
) -> list[tuple[RenderedView, Tile]]:
    ball = factory.ball(label, rng)
    light = environment(factory.settings.light, rng)
    tile_px = tile_for(ball.positions, NOMINAL_PX, TILE_SIZES)
    turns = [random_rotation(rng) for _ in range(VIEWS_PER_BALL)]
    views = renderer.render(ball, light, turns, tile_px, seed=int(rng.integers(1 << 30)))
    greys = to_grey(views, draw(rng, factory.settings.light.mean_grey))
    return [
        (view, Tile(grey.astype(np.float32), view.alpha, view.defect))
        for view, grey in zip(views, greys, strict=True)
    ]


def _sample(
    out: Path,
    view: RenderedView,
    tile: Tile,
    label: str,
    name: str,
    group: str,
    seed: int,
    neighbour: Tile | None,
    rng: np.random.Generator,
) -> SampleRecord | None:
    """Compose and write one crop; None when it shows too little of its defect to be an example."""
    truth = defect_truth(view, label, NOMINAL_PX)
    if 0 < truth.defect_px < LEAST_PX.get(label, 1):
        return None
    if label in WHOLE_PIECE:
        whole = view.alpha if truth.defect_px else np.zeros_like(view.alpha)
        tile = Tile(tile.grey, tile.alpha, whole)
    diameter_px = draw(rng, DIAMETER_PX)
    crop = compose(tile, NOMINAL_PX, diameter_px, neighbour, rng)
    boxes: tuple[BoxRecord, ...] = ()
    if truth.defect_px:
        share = (diameter_px / NOMINAL_PX) ** 2
        least_px = max(4, round(0.8 * LEAST_PX.get(label, 1) * share))
        parts = component_boxes(crop.defect >= 0.4, JOIN_PX, least_px)
        boxes = tuple(BoxRecord(label=label, xyxy_px=box, area_px=area) for box, area in parts)
        if not boxes:
            return None
    file = f"images/{name}.png"
    if not cv2.imwrite(str(out / file), crop.grey):
        raise FerrogateError("a picture could not be written", where=str(out / file), todo="check the disk")
    height, width = crop.grey.shape
    return SampleRecord(
        file=file,
        width_px=width,
        height_px=height,
        group=group,
        source="render",
        label=label,
        split=split_of(group, seed, VAL_SHARE),
        boxes=boxes,
    )
