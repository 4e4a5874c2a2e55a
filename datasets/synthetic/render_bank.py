"""Builds the bank of rendered balls (`bank.py` says what is in it).

12 views per ball: cameras 'left' and 'right' tilted +45 and -45 degrees about the travel
axis, roll 0, 60 .. 300 degrees about the lateral axis.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from datasets.synthetic.bank import BallTruth, BankIndex, ViewTruth
from datasets.synthetic.forms import with_forms
from datasets.synthetic.lights import environment
from datasets.synthetic.make_ball import BallFactory
from datasets.synthetic.progress import tracked
from datasets.synthetic.render import Renderer, camera_rotation, to_grey
from datasets.synthetic.settings import RenderSettings, draw
from datasets.synthetic.sphere import random_rotation
from datasets.synthetic.views import defect_truth, encode_tile, tile_for
from vision.contract import BALL_LABELS
from vision.errors import ConfigError, FerrogateError

NOMINAL_PX = 160.0
TILE_SIZES = (184, 224, 352)
COLUMNS = 4
CAMERAS = (("left", 45.0), ("right", -45.0))
ROLLS_DEG = (0.0, 60.0, 120.0, 180.0, 240.0, 300.0)
WEBP_QUALITY = 82


def plan_labels(balls: int, per_label: int, oval: int, seed: int) -> list[str]:
    """Labels of the bank in a shuffled order: `per_label` of each ball label, `oval` ovals, the rest good.

    Raises:
        ConfigError: no room is left for good balls.
    """
    bad = [label for label in BALL_LABELS for _ in range(per_label)] + ["oval"] * oval
    if len(bad) >= balls:
        raise ConfigError(
            f"{balls} balls leave no good ball beside {len(bad)} others",
            where="--balls",
            todo=f"ask for more than {len(bad)} balls, or fewer per label",
        )
    labels = [*bad, *["good"] * (balls - len(bad))]
    np.random.default_rng([seed, 0]).shuffle(labels)
    return labels


def build_bank(
    out: Path, settings: RenderSettings, labels: list[str], seed: int, command: str, *, show_progress: bool
) -> BankIndex:
    """Render every ball and write sheets and `bank.json` into `out`.

    Raises:
        FerrogateError: a sheet cannot be written, or the renderer is missing.
    """
    renderer = Renderer(NOMINAL_PX, settings)
    factory = BallFactory(settings)
    out.mkdir(parents=True, exist_ok=True)
    balls = [
        _one_ball(out, renderer, factory, label, number, seed)
        for number, label in tracked(
            enumerate(labels), "rendering balls", total=len(labels), show=show_progress
        )
    ]
    index = BankIndex(
        seed=seed, command=command, settings=settings.model_dump(mode="json"), balls=tuple(balls)
    )
    (out / "bank.json").write_text(json.dumps(index.model_dump(mode="json")) + "\n", encoding="utf-8")
    return index


def _one_ball(
    out: Path, renderer: Renderer, factory: BallFactory, label: str, number: int, seed: int
) -> BallTruth:
    rng = np.random.default_rng([seed, 1, number])
    ball = factory.ball(label, rng)
    light = environment(factory.settings.light, rng)
    pose = random_rotation(rng)
    poses = [(camera, tilt, roll) for camera, tilt in CAMERAS for roll in ROLLS_DEG]
    tile_px = tile_for(ball.positions, NOMINAL_PX, TILE_SIZES)
    turns = [camera_rotation(tilt, roll) @ pose for _, tilt, roll in poses]
    views = renderer.render(ball, light, turns, tile_px, seed=int(rng.integers(1 << 30)))
    greys = to_grey(views, draw(rng, factory.settings.light.mean_grey))
    rows = -(-len(views) // COLUMNS)
    sheet = np.zeros((rows * tile_px, COLUMNS * tile_px, 4), np.uint8)
    truths = []
    for k, (view, grey, (camera, _, roll)) in enumerate(zip(views, greys, poses, strict=True)):
        row, column = divmod(k, COLUMNS)
        y, x = row * tile_px, column * tile_px
        sheet[y : y + tile_px, x : x + tile_px] = encode_tile(grey, view.alpha)
        truth = defect_truth(view, label, NOMINAL_PX)
        truths.append(
            ViewTruth(
                camera=camera,
                roll_deg=roll,
                defect_px=truth.defect_px,
                xyxy_px=truth.xyxy_px,
                silhouette_xyxy_px=view.silhouette_xyxy_px,
            )
        )
    name = f"b{number:04d}.webp"
    if not cv2.imwrite(str(out / name), sheet, [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY]):
        raise FerrogateError("a sheet could not be written", where=str(out / name), todo="check the disk")
    smallest, largest = factory.calipers(ball)
    made = BallTruth(
        ball=f"b{number:04d}",
        label=label,
        sheet=name,
        tile_px=tile_px,
        columns=COLUMNS,
        nominal_px=NOMINAL_PX,
        d_min_share=round(smallest, 5),
        d_max_share=round(largest, 5),
        views=tuple(truths),
    )
    return with_forms(made, ball, pose)
