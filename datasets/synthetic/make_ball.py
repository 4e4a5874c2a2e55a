"""Makes one ball of a given label: sound surface, then its defect, then its true caliper widths."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from datasets.synthetic.defects import DEFECTS
from datasets.synthetic.settings import FinishName, RenderSettings, draw
from datasets.synthetic.sphere import Ball, FloatArray, NoiseFields, caliper_shares, unit_directions
from datasets.synthetic.surface import sound_ball, stretch
from vision.contract import BALL_LABELS

BANK_LABELS = ("good", "oval", *BALL_LABELS)


@dataclass(slots=True)
class BallFactory:
    """Draws balls from one settings file; the stored noise fields depend on `noise_seed` alone."""

    settings: RenderSettings
    directions: FloatArray = field(init=False)
    noise: NoiseFields = field(init=False)

    def __post_init__(self) -> None:
        self.directions = unit_directions()
        self.noise = NoiseFields(self.directions, self.settings.noise_seed)

    def ball(self, label: str, rng: np.random.Generator, finish: FinishName | None = None) -> Ball:
        """A ball of `label` ('good', 'oval' or a ball label), of a finish or of the plain surface."""
        ranges = self.settings.finishes[finish].surface if finish else self.settings.surface
        made = sound_ball(self.directions, self.noise, ranges, rng)
        made.metallic = ranges.metallic
        if label == "oval":
            stretch(made, draw(rng, self.settings.defects.oval_ovality), rng)
        elif label != "good":
            DEFECTS[label](made, self.settings.defects, self.noise, rng)
        return made

    def calipers(self, ball: Ball) -> tuple[float, float]:
        """(d_min_share, d_max_share) of the ball."""
        return caliper_shares(ball.positions, self.directions)
