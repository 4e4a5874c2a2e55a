"""Whether a recipe can be used on this line: the model knows its labels, and balls of its size fit the line.

Asked before a changeover and again when the station starts with the new recipe. Neighbours: the desk and
`day_start`.
"""

from __future__ import annotations

from math import floor

from edge_runtime.config import CameraConfig, LineGeometry, StationConfig
from vision.contract import ModelContract
from vision.errors import ConfigError
from vision.judge import require_labels
from vision.recipe import BallRecipe

_TODO = "choose another recipe, or have geometry and eye of the line set up for this size"


def require_fits(config: StationConfig, recipe: BallRecipe, contract: ModelContract) -> None:
    """Refuse a recipe whose balls this station could never accept.

    Raises:
        ContractError: the model does not know what the recipe judges.
        ConfigError: its balls are too long or too short for the photo-eye, or not seen often enough.
    """
    require_labels(recipe, contract)
    line = config.line
    if line is None:
        return
    d_counts = recipe.size.d_nominal_mm * 1000.0 / line.um_per_count
    if not line.pulse_min_counts <= d_counts <= line.pulse_max_counts:
        raise ConfigError(
            f"a ball of {recipe.size.d_nominal_mm:g} mm breaks the eye's beam for {d_counts:.0f} counts; "
            f"this line takes {line.pulse_min_counts} to {line.pulse_max_counts}",
            where=recipe.product,
            todo=_TODO,
        )
    for lane in line.lanes:
        seen = sum(views_least(camera, line, d_counts, lane.lane) for camera in config.cameras)
        if seen < recipe.views.views_min:
            raise ConfigError(
                f"lane {lane.lane}: a ball of {recipe.size.d_nominal_mm:g} mm is sure to be seen whole "
                f"{seen} times only, the recipe asks for {recipe.views.views_min}",
                where=recipe.product,
                todo=_TODO,
            )


def views_least(camera: CameraConfig, line: LineGeometry, d_counts: float, lane: int) -> int:
    """Views of a ball that a camera takes wherever the ball lies between two exposures.

    Args:
        camera, line: of the station file.
        d_counts: the ball's diameter in encoder counts.
        lane: which lane it rolls in.
    """
    geometry = camera.geometry
    if lane not in geometry.lane_y_px:
        return 0
    whole_px = geometry.width_px - d_counts * geometry.px_per_count - 2.0 * geometry.margin_px
    return max(0, floor(whole_px / geometry.px_per_count / camera.exposure.every_counts))
