"""Uncertainty of a measured silhouette by drawing: the whole way from outline to mm, run again and again.

`montecarlo` draws the budget's own inputs. Here what stands in the calibration is drawn (scale, edge
offset and distance with their covariance, drift, belt), the outline, the ball's temperature and its
expansion, and every set of them goes through `size.size_ball` itself: tangent cone, lens, form. So it
also checks the sensitivities that `size` hands to the budget. A study's work, not the line's: about
a millisecond a draw.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from vision.errors import ConfigError
from vision.metrology.calibration import CameraCalibration, Expansion, Pinhole
from vision.metrology.montecarlo import Comparison, Drawn, shortest_interval
from vision.metrology.size import ROOM, size_ball, size_with_budget
from vision.metrology.sized import Silhouette
from vision.metrology.types import Float64Array, Temperature

#: The standard deviation of so many draws is known to 1.6 %.
DRAWS = 2000
DRAWS_MIN = 100


def compare_size(
    silhouette: Silhouette,
    scale: CameraCalibration,
    temperature: Temperature | None = None,
    *,
    seed: int,
    draws: int = DRAWS,
    origin_xy_px: tuple[float, float] = (0.0, 0.0),
    scale_flake_mm: float = 0.0,
    u_repeat_mm: float = 0.0,
) -> Comparison:
    """The uncertainty that is told of a diameter beside that of the draws.

    Args:
        silhouette: one measured ball.
        scale: the calibration of its camera.
        temperature: of the ball; None: a room, as for `size_ball`.
        seed: the same seed gives the same figures.
        draws: at least 100.
        origin_xy_px, scale_flake_mm, u_repeat_mm: as for `size_ball`.

    Raises:
        ConfigError: too few draws; as `size_ball`; or the uncertainties are so large that a draw is no
            calibration or no ball any more.
    """
    if draws < DRAWS_MIN:
        raise ConfigError(f"{draws} draws are too few", where="uncertainty by drawing", todo=f"take {DRAWS}")
    _, budget = size_with_budget(
        silhouette,
        scale,
        temperature,
        origin_xy_px=origin_xy_px,
        scale_flake_mm=scale_flake_mm,
        u_repeat_mm=u_repeat_mm,
    )
    rng = np.random.default_rng(seed)
    body = temperature or ROOM
    celsius = body.celsius + body.u_celsius * rng.standard_normal(draws)
    edge_px = math.hypot(math.sqrt(2.0) * silhouette.outline.u_radius_px, scale.u_edge_px)
    moved_px = edge_px * rng.standard_normal(draws)
    sizes = np.empty(draws)
    for number, drawn in enumerate(_calibrations(scale, draws, rng)):
        found = size_ball(
            _grown(silhouette, float(moved_px[number])),
            drawn,
            Temperature(float(celsius[number]), 0.0),
            origin_xy_px=origin_xy_px,
        )
        sizes[number] = found.diameter_ls_mm
    rest_mm = next(row.u_mm for row in budget.rows if row.cause.startswith("repeatability"))
    sizes += rng.uniform(-1.0, 1.0, draws) * scale_flake_mm + rest_mm * rng.standard_normal(draws)
    u_mm = float(sizes.std(ddof=1))
    if u_mm == 0.0:
        raise ConfigError(
            "no input has an uncertainty: there is nothing to compare",
            where="uncertainty by drawing",
            todo="fill in the calibration's uncertainties",
        )
    drawn_size = Drawn(float(sizes.mean()), u_mm, shortest_interval(sizes), draws)
    return Comparison(budget.u_mm, drawn_size, budget.u_mm / u_mm)


def _calibrations(
    scale: CameraCalibration, draws: int, rng: np.random.Generator
) -> Iterator[CameraCalibration]:
    """The calibration with its parameters drawn; they hang together as the fit left them."""
    fitted = _together(np.array(scale.covariance), draws, rng)
    drift = 1.0 + scale.u_scale_share * rng.standard_normal(draws)
    place = rng.standard_normal(draws)
    expansion = scale.ball_expansion.u_per_k * rng.standard_normal(draws)
    for number in range(draws):
        of_scale, of_offset, of_distance = fitted[number].tolist()
        mm_per_px = (scale.model.mm_per_px + of_scale) * float(drift[number])
        update: dict[str, float] = {"mm_per_px": mm_per_px}
        if isinstance(scale.model, Pinhole):
            distance_mm = scale.model.distance_mm + of_distance
            # A ball that lies farther away is seen by the same lens: the focal length stays.
            farther = 1.0 + scale.model.u_place_mm * float(place[number]) / distance_mm
            update = {"mm_per_px": mm_per_px * farther, "distance_mm": distance_mm * farther}
        yield scale.model_copy(
            update={
                "model": scale.model.model_copy(update=update),
                "edge_offset_px": scale.edge_offset_px + of_offset,
                "ball_expansion": _warmer(scale.ball_expansion, float(expansion[number])),
            }
        )


def _together(covariance: Float64Array, draws: int, rng: np.random.Generator) -> Float64Array:
    """(draws, 3) normal draws with this covariance; scaled first, as mm per px and mm differ by 10^4."""
    sd = np.sqrt(np.diag(covariance))
    unit = np.where(sd > 0.0, sd, 1.0)
    values, vectors = np.linalg.eigh(covariance / np.outer(unit, unit))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    drawn: Float64Array = rng.standard_normal((draws, 3)) @ root.T * unit
    return drawn


def _warmer(expansion: Expansion, add_per_k: float) -> Expansion:
    rows = tuple(row.model_copy(update={"mean_per_k": row.mean_per_k + add_per_k}) for row in expansion.rows)
    return expansion.model_copy(update={"rows": rows})


def _grown(silhouette: Silhouette, by_px: float) -> Silhouette:
    """The silhouette with a diameter larger by `by_px`; its form stays."""
    outline = replace(silhouette.outline, radius_px=silhouette.outline.radius_px + by_px / 2.0)
    return replace(silhouette, outline=outline, diameter_ls_px=silhouette.diameter_ls_px + by_px)
