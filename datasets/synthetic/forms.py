"""True form of rendered balls: the silhouette of each view, from the mesh itself.

The mesh of a bank's ball comes back from the bank's seed and settings, without the renderer, so
the truth owes nothing to pixels: widths are the hull's, the outline is the farthest surface point
per direction, roundness is filtered as a measurement filters it. Right within 0.02 % of the
diameter for sound balls (tests compare it with the rendered alpha). Neighbours: `render_bank`
fills it in; `python -m datasets.synthetic.forms FOLDER` fills in a bank that has none yet.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from datasets.synthetic.bank import BANK_DIR, BallBank, BallTruth, FormTruth, ViewTruth
from datasets.synthetic.defects import WHOLE_PIECE
from datasets.synthetic.lights import environment
from datasets.synthetic.make_ball import BallFactory
from datasets.synthetic.progress import tracked
from datasets.synthetic.render import camera_rotation
from datasets.synthetic.settings import RenderSettings
from datasets.synthetic.sphere import COLUMNS, ROWS, Ball, FloatArray, random_rotation
from vision.metrology.circles import NotRoundError
from vision.metrology.form import analyse_form, least_squares_diameter
from vision.metrology.widths import caliper_widths

Float64Array = npt.NDArray[np.float64]

#: Directions of an outline; points along each mesh edge near the contour.
_DIRECTIONS = 1024
_EDGE_POINTS = 6
#: A first look in wide sectors; only surface within this share of the farthest vertex there can be outline.
_SECTORS = 256
_NEAR_OUTLINE = (0.985, 0.8)
#: Directions in which a ball's calipers are set.
_CALIPERS = 1500


def silhouette_form(positions: FloatArray, turn: Float64Array) -> FormTruth | None:
    """Form of one silhouette.

    Args:
        positions: (V, 3) vertices in radii, as `sphere.unit_directions` orders them.
        turn: (3, 3) ball to camera.

    Returns:
        Lengths as shares of the nominal diameter; None when the outline does not run all round the
        middle, or is too far from a circle to have a roundness.
    """
    radius = outline_radius(positions, turn)
    if radius is None:
        return None
    try:
        widths, form = caliper_widths(radius), analyse_form(radius, 50)
    except NotRoundError:
        return None
    return FormTruth(
        feret_min_share=round(widths.minimum / 2.0, 6),
        feret_max_share=round(widths.maximum / 2.0, 6),
        feret_mean_share=round(widths.mean / 2.0, 6),
        ls_share=round(least_squares_diameter(radius) / 2.0, 6),
        ront_share=round(form.mzci.ront / 2.0, 6),
    )


def outline_radius(positions: FloatArray, turn: Float64Array) -> Float64Array | None:
    """(1024,) farthest surface point per direction (from +x towards +y up), radii; None with a gap."""
    seen = positions.astype(np.float64) @ turn[:2].T
    sector, reach = _farthest(seen, _SECTORS)
    share = np.hypot(seen[:, 0], seen[:, 1]) / reach[sector]
    for least in _NEAR_OUTLINE:
        # Beside a thin ridge the first limit leaves a gap, as the ridge speaks for its whole sector.
        radius = _from_edges(seen.reshape(ROWS, COLUMNS, 2), (share > least).reshape(ROWS, COLUMNS))
        if radius.min() > 0.0:
            return radius
    return None


def _from_edges(seen: Float64Array, near: npt.NDArray[np.bool_]) -> Float64Array:
    """(1024,) farthest point per direction on mesh edges of which both ends are `near`; 0 where none is."""
    right, near_right = np.roll(seen, -1, axis=1), near & np.roll(near, -1, axis=1)
    near_down = near[:-1] & near[1:]
    first = np.concatenate([seen[near_right], seen[:-1][near_down]])
    second = np.concatenate([right[near_right], seen[1:][near_down]])
    part = (np.arange(_EDGE_POINTS) / _EDGE_POINTS)[:, None, None]
    points = ((1.0 - part) * first + part * second).reshape(-1, 2)
    return _farthest(points, _DIRECTIONS)[1]


def _farthest(points: Float64Array, sectors: int) -> tuple[npt.NDArray[np.int64], Float64Array]:
    """Each point's sector (middles at 2 pi i / sectors), and how far the farthest point of each reaches."""
    angle = np.arctan2(points[:, 1], points[:, 0])
    place = np.rint(angle / (2.0 * np.pi) * sectors).astype(np.int64) % sectors
    reach = np.zeros(sectors)
    np.maximum.at(reach, place, np.hypot(points[:, 0], points[:, 1]))
    return place, reach


def calipers(positions: FloatArray) -> tuple[float, float]:
    """(d_min_share, d_max_share) over 1500 even directions and all vertices."""
    index = np.arange(_CALIPERS)
    height = (index + 0.5) / _CALIPERS
    turn = index * (np.pi * (3.0 - np.sqrt(5.0)))
    ring = np.sqrt(1.0 - height**2)
    probes = np.stack([ring * np.cos(turn), ring * np.sin(turn), height]).astype(np.float32)
    smallest, largest = np.inf, 0.0
    for start in range(0, _CALIPERS, 100):
        along = positions @ probes[:, start : start + 100]
        widths = (along.max(axis=0) - along.min(axis=0)) / 2.0
        smallest, largest = min(smallest, float(widths.min())), max(largest, float(widths.max()))
    return smallest, largest


def rebuilt(factory: BallFactory, label: str, seed: int, number: int) -> tuple[Ball, Float64Array]:
    """Mesh and pose of one ball of a bank: the draws that `render_bank` makes, in its order."""
    rng = np.random.default_rng([seed, 1, number])
    ball = factory.ball(label, rng)
    environment(factory.settings.light, rng)
    return ball, random_rotation(rng)


def with_forms(ball: BallTruth, mesh: Ball, pose: Float64Array) -> BallTruth:
    """The ball's truth with its calipers and the form of each view; halves and doubles have no form."""
    if ball.label in WHOLE_PIECE:
        return ball.model_copy(update=_shares(ball, mesh.positions, []))
    tilts = {"left": 45.0, "right": -45.0}
    views: list[ViewTruth] = [
        view.model_copy(
            update={
                "form": silhouette_form(
                    mesh.positions, camera_rotation(tilts[view.camera], view.roll_deg) @ pose
                )
            }
        )
        for view in ball.views
    ]
    forms = [view.form for view in views if view.form is not None]
    return ball.model_copy(update=_shares(ball, mesh.positions, forms) | {"views": tuple(views)})


def _shares(ball: BallTruth, positions: FloatArray, forms: list[FormTruth]) -> dict[str, object]:
    """Smallest and largest width: as known so far, of even directions, and of those that the views show."""
    smallest, largest = calipers(positions)
    smallest = min([smallest, ball.d_min_share, *(form.feret_min_share for form in forms)])
    largest = max([largest, ball.d_max_share, *(form.feret_max_share for form in forms)])
    return {"d_min_share": round(smallest, 5), "d_max_share": round(largest, 5)}


def add_forms(folder: Path, *, show_progress: bool) -> None:
    """Fill the forms into the `bank.json` of a bank that was rendered with this version's shapes.

    Raises:
        ConfigError: the bank or its settings cannot be read.
    """
    bank = BallBank(folder).index
    factory = BallFactory(RenderSettings.model_validate(bank.settings))
    balls = []
    for number, ball in tracked(
        enumerate(bank.balls), "rebuilding balls", total=len(bank.balls), show=show_progress
    ):
        balls.append(with_forms(ball, *rebuilt(factory, ball.label, bank.seed, number)))
    index = bank.model_copy(update={"balls": tuple(balls)})
    (folder / "bank.json").write_text(json.dumps(index.model_dump(mode="json")) + "\n", encoding="utf-8")


def main() -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="datasets.synthetic.forms", description="true forms of a bank")
    parser.add_argument("folder", type=Path, nargs="?", default=BANK_DIR)
    add_forms(parser.parse_args().folder, show_progress=sys.stderr.isatty())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
