"""All views of one ball put together.

Neighbours: `vision.ball` makes the findings of one view, `vision.metrology.coverage` counts what the
views have seen, `vision.judge` takes the `Inspection`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from vision.types import Coverage, Inspection, LostView, PartId, ViewFault, ViewFindings


@dataclass(frozen=True, slots=True)
class _Sizes:
    """The mm of one view; none of them is missing."""

    smallest: float
    largest: float
    mean: float
    u: float
    u_random: float
    roundness: float
    u_roundness: float
    speck: float


def fuse(
    part_id: PartId,
    views_due: int,
    views: tuple[ViewFindings, ...],
    lost: tuple[LostView, ...] = (),
    marks: tuple[str, ...] = (),
    *,
    unsized: str = "no_scale",
    coverage: Coverage | None = None,
) -> Inspection:
    """Put all views of one part together.

    The standard asks every diameter to lie in the band, so the smallest and the largest width over
    all healthy views are kept, not a mean of them; so are the largest roundness and speck. A healthy
    view without sizes leaves the part without them: what one camera cannot measure the other has not
    proven.

    Uncertainties: scale, edge bias and temperature are common to all views of a ball, so a mean does
    not lessen them (they are added as they are); noise differs from view to view, so it does. The
    extremes and the roundness take the largest u of all healthy views: one that is less sure than
    those which show the extremes may hide a worse figure, and must prove its own as well.

    A figure that is no number stays one: in one view, it is so for the part (and the judge rejects it).

    Args:
        part_id: the part.
        views_due: views that geometry promised.
        views: those that came.
        lost: those that did not.
        marks: reasons from outside the pictures.
        unsized: reason word that says why sizes are missing, if they are.
        coverage: what the healthy views have seen of the ball.
    """
    ordered = tuple(sorted(views, key=lambda view: view.index))
    healthy = [view for view in ordered if view.fault is ViewFault.OK]
    found = [_sizes(view) for view in healthy]
    sized = [sizes for sizes in found if sizes is not None]
    if not healthy or len(sized) < len(healthy):
        return Inspection(part_id, views_due, ordered, lost, marks, coverage=coverage, unsized=unsized)
    return Inspection(
        part_id,
        views_due,
        ordered,
        lost,
        marks,
        diameter_min_mm=-_largest(-view.smallest for view in sized),
        diameter_max_mm=_largest(view.largest for view in sized),
        diameter_mean_mm=sum(view.mean for view in sized) / len(sized),
        u_diameter_mm=_largest(_sound(view.u) for view in sized),
        u_diameter_mean_mm=_u_mean_mm(sized),
        roundness_mm=_largest(view.roundness for view in sized),
        u_roundness_mm=_largest(_sound(view.u_roundness) for view in sized),
        speck_mm=_largest(view.speck for view in sized),
        coverage=coverage,
    )


def mean_diameter_mm(views: Iterable[ViewFindings]) -> float | None:
    """Mean diameter over the healthy views that have one which can be; None when none has."""
    means = [
        view.diameter_mean_mm
        for view in views
        if view.fault is ViewFault.OK
        and view.diameter_mean_mm is not None
        and 0.0 < view.diameter_mean_mm < math.inf
    ]
    return math.fsum(means) / len(means) if means else None


def _largest(values: Iterable[float]) -> float:
    """Largest value; no number as soon as one of them is none or infinite (plain `max` passes over it)."""
    found = np.asarray(list(values), np.float64)
    return float(found.max()) if np.isfinite(found).all() else math.nan


def _sound(u: float) -> float:
    """An uncertainty that can be believed, else no number: a larger one must not cover for it."""
    return u if u > 0.0 else math.nan


def _sizes(view: ViewFindings) -> _Sizes | None:
    """The view's figures, None when one of them is missing."""
    if (
        view.diameter_min_mm is None
        or view.diameter_max_mm is None
        or view.diameter_mean_mm is None
        or view.u_diameter_mm is None
        or view.u_random_mm is None
        or view.roundness_mm is None
        or view.u_roundness_mm is None
        or view.speck_mm is None
    ):
        return None
    return _Sizes(
        view.diameter_min_mm,
        view.diameter_max_mm,
        view.diameter_mean_mm,
        view.u_diameter_mm,
        view.u_random_mm,
        view.roundness_mm,
        view.u_roundness_mm,
        view.speck_mm,
    )


def _u_mean_mm(views: list[_Sizes]) -> float:
    """Standard uncertainty of the mean diameter: common parts by their mean, random parts in quadrature."""
    common = math.fsum(math.sqrt(max(0.0, view.u**2 - view.u_random**2)) for view in views) / len(views)
    random = math.sqrt(math.fsum(view.u_random**2 for view in views)) / len(views)
    return math.hypot(common, random)
