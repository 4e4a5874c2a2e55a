"""Which ball of a data set has which label and split, from the settings' shares and the seed.

The shares are met to within one ball, and every label with two balls or more is in both splits of
a training set. Neighbour: `render_balls.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.records import Split
from vision.errors import ConfigError

VAL_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class PlannedBall:
    """One ball of a set."""

    label: str
    split: Split


def plan_balls(shares: dict[str, float], balls: int, seed: int, *, test: bool) -> tuple[PlannedBall, ...]:
    """Labels and splits of `balls` balls in a shuffled order.

    Args:
        shares: weight of each label.
        balls: how many.
        seed: of the order.
        test: put all into the split 'test'; otherwise VAL_SHARE of each label into 'val'.

    Raises:
        ConfigError: no weights, or none above 0.
    """
    total = sum(shares.values())
    if not shares or total <= 0.0 or min(shares.values()) < 0.0:
        raise ConfigError(
            "the settings say no share of any label", where="labels", todo="give weights, as train.yaml does"
        )
    exact = {label: balls * share / total for label, share in shares.items()}
    counts = {label: int(value) for label, value in exact.items()}
    by_rest = sorted(exact, key=lambda label: counts[label] - exact[label])
    for label in by_rest[: balls - sum(counts.values())]:
        counts[label] += 1
    planned: list[PlannedBall] = []
    for label, count in counts.items():
        val = 0 if test else max(round(VAL_SHARE * count), int(count > 1))
        rest: Split = "test" if test else "train"
        planned += [PlannedBall(label, "val")] * val + [PlannedBall(label, rest)] * (count - val)
    order = np.random.default_rng([seed, 0]).permutation(len(planned))
    return tuple(planned[int(place)] for place in order)
