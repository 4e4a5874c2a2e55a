"""Volume hardness from the lab's readings.

A camera sees no hardness: the lab reads it on cut balls and types it in. The formula and its weights are
data (`acceptance.yaml`) with their source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_runtime.lots.tables import DEPTHS, AcceptanceTables, Depth, VolumeHardness
from vision.errors import ConfigError

Readings = Mapping[Depth, Sequence[float]]


@dataclass(frozen=True, slots=True)
class BallHardness:
    """One ball: means of its readings by depth, HRC; `volume_hrc` None where a depth was not read enough."""

    mean_hrc: dict[Depth, float]
    volume_hrc: float | None


def depth_mean_hrc(readings: Sequence[float]) -> float:
    """Mean of the readings at one depth; of three or more the smallest and the largest are dropped.

    Raises:
        ValueError: no reading.
    """
    if not readings:
        raise ValueError("no reading")
    kept = sorted(readings)[1:-1] if len(readings) >= 3 else list(readings)
    return sum(kept) / len(kept)


def ball_hardness(readings: Readings, formula: VolumeHardness) -> BallHardness:
    """Means by depth, and the weighted mean over all depths where each has enough readings."""
    means = {depth: depth_mean_hrc(values) for depth, values in readings.items() if values}
    whole = all(len(readings.get(depth, ())) >= formula.readings_per_depth for depth in DEPTHS)
    volume = sum(formula.weights[depth] * means[depth] for depth in DEPTHS) if whole else None
    return BallHardness(means, volume)


def check_readings(readings: Readings, tables: AcceptanceTables) -> None:
    """Refuse what can only be a typing error.

    Raises:
        ConfigError: no reading at all, or one that no ball of steel can have.
    """
    if not any(readings.values()):
        raise ConfigError(
            "there is no reading", where="hardness", todo="give at least --surface, for instance 58,59,57,58"
        )
    low, high = tables.hardness_hrc_min, tables.hardness_hrc_max
    for depth, values in readings.items():
        for value in values:
            if not low <= value <= high:
                raise ConfigError(
                    f"{value:g} HRC is not between {low:g} and {high:g}",
                    where=f"--{depth.replace('_', '-')}",
                    todo="check the reading and its scale",
                )
