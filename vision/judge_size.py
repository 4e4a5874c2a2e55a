"""Size, form, specks and coverage against the recipe's limits, with the measurement's uncertainty.

Every figure is compared with a limit that the guard rule moves (`vision.recipe.Guard`): inside
it is good, in the zone round the limit nobody can tell (review), beyond it is bad (reject). A
figure that is no number is bad, and one without a sound uncertainty is never good.
Neighbours: `vision.judge` puts these reasons in order; `vision.types` holds what was measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from vision.recipe import BallRecipe, CoverageDemand, CrackAsk, FlatAsk, Guard, Limit, NeckAsk
from vision.types import Inspection, Reason, ViewFault, ViewFindings

#: One-sided 95 % quantile of the normal distribution.
K_ONE_SIDED_95 = 1.645
#: Reason words for a ball without sizes, and what they say.
UNSIZED = {"no_scale": "a camera has no scale", "no_temperature": "the ball's temperature is not known"}
#: Coverage factor of the expanded uncertainty U = k u (about 95 %, two-sided).
K_EXPANDED = 2.0


@dataclass(slots=True)
class Judged:
    """Reasons by weight, gravest first in each list."""

    rejecting: list[Reason] = field(default_factory=list)
    review: list[Reason] = field(default_factory=list)


class Zone(Enum):
    """Where a figure lies to a limit."""

    GOOD = auto()
    GUARD = auto()
    BAD = auto()


def zone(value: float, limit: float, guard_width: float) -> Zone:
    """Zone of a figure that must not be above `limit`; both ends of the guard zone: see below.

    `limit - guard_width` itself is still good and `limit + guard_width` still in the guard zone. A
    value that is no number is bad. For a lower limit negate value and limit.
    """
    if value <= limit - guard_width:
        return Zone.GOOD
    return Zone.GUARD if value <= limit + guard_width else Zone.BAD


def guard_width(guard: Guard, u: float) -> float:
    """How far the guard rule moves a limit for the standard uncertainty `u`, in the unit of `u`."""
    if guard.rule == "one_sided_95":
        return K_ONE_SIDED_95 * u
    return guard.k * u if guard.k is not None else 0.0


@dataclass(frozen=True, slots=True)
class _Figure:
    """One measured figure on its way to a verdict.

    `words` names it, `bad` and `guarded` are its reason words, `tolerance` is what its uncertainty is
    held against, `view` the picture that shows it.
    """

    words: str
    value: float
    u: float | None
    limit: float
    tolerance: float
    bad: str
    guarded: str
    view: ViewFindings | None
    is_lower_limit: bool = False

    @property
    def sound_u(self) -> float | None:
        """The uncertainty where it can be believed, else None."""
        return self.u if self.u is not None and math.isfinite(self.u) and self.u > 0.0 else None

    def reason(self, code: str, more: str = "") -> Reason:
        text = f"{self.words} {self.value:.3f} mm{more}"
        return _reason(code, text, self.value, self.limit, self.view, self.sound_u)


def judge_size(inspection: Inspection, recipe: BallRecipe) -> Judged:
    """Widths against the band, then ovality, roundness and specks where the recipe limits them."""
    judged = Judged()
    low, high = inspection.diameter_min_mm, inspection.diameter_max_mm
    if low is None or high is None:
        judged.review.append(_not_sized(inspection))
        return judged
    if low > high:
        text = f"smallest width {low:.3f} mm above the largest, {high:.3f} mm"
        judged.rejecting.append(Reason("inspection_error", text))
    figures = [
        *_widths(inspection, recipe, low, high),
        *_ovality(inspection, recipe, high - low),
        *_roundness(inspection, recipe),
    ]
    for figure in figures:
        _compare(figure, recipe.guard, judged)
    # Both widths share one uncertainty: said once.
    for figure in {(figure.sound_u, figure.tolerance): figure for figure in figures}.values():
        _demand_certainty(figure, recipe.guard, judged)
    for name in ("roundness", "speck"):
        limit: Limit | None = getattr(recipe.form, f"{name}_max_mm")
        if limit is not None and getattr(inspection, f"{name}_mm") is None:
            text = f"the recipe limits {name}, and it was not measured"
            judged.review.append(Reason("not_measured", text, limit=limit.value))
    _speck(inspection, recipe, judged)
    return judged


def _not_sized(inspection: Inspection) -> Reason:
    code = inspection.unsized if inspection.unsized in UNSIZED else "no_scale"
    if all(view.fault is not ViewFault.OK for view in inspection.views):
        return Reason(code, "no healthy view to measure in")
    return Reason(code, UNSIZED[code])


def _widths(inspection: Inspection, recipe: BallRecipe, low: float, high: float) -> Iterator[_Figure]:
    size, u = recipe.size, inspection.u_diameter_mm
    half = (size.d_max_mm - size.d_min_mm) / 2.0
    view = _showing(inspection, "diameter_min_mm", low)
    yield _Figure("smallest width", low, u, size.d_min_mm, half, "diameter_low", "size_guard", view, True)
    view = _showing(inspection, "diameter_max_mm", high)
    yield _Figure("largest width", high, u, size.d_max_mm, half, "diameter_high", "size_guard", view)


def _ovality(inspection: Inspection, recipe: BallRecipe, ovality_mm: float) -> Iterator[_Figure]:
    in_mm, as_share = recipe.form.ovality_max_mm, recipe.form.ovality_max_share
    limits = [] if in_mm is None else [in_mm.value]
    if as_share is not None:
        limits.append(as_share.value * recipe.size.d_nominal_mm)
    if not limits:
        return
    u = inspection.u_diameter_mm
    # The most it can be: what the two widths have in common (scale, temperature) cancels.
    u = None if u is None else math.sqrt(2.0) * u
    largest = _showing(inspection, "diameter_max_mm", inspection.diameter_max_mm)
    where = "" if largest is None else f" ({largest.camera} {largest.index})"
    view = _showing(inspection, "diameter_min_mm", inspection.diameter_min_mm)
    words = f"largest{where} minus smallest width"
    yield _Figure(words, ovality_mm, u, min(limits), min(limits), "oval", "oval_guard", view)


def _roundness(inspection: Inspection, recipe: BallRecipe) -> Iterator[_Figure]:
    limit, value = recipe.form.roundness_max_mm, inspection.roundness_mm
    if limit is None or value is None:
        return
    view = _showing(inspection, "roundness_mm", value)
    words, u = "roundness (RONt, minimum zone)", inspection.u_roundness_mm
    yield _Figure(words, value, u, limit.value, limit.value, "roundness", "roundness_guard", view)


def _compare(figure: _Figure, guard: Guard, judged: Judged) -> None:
    """One figure against its limit; without a sound uncertainty the limit stands as it is."""
    width = guard_width(guard, figure.sound_u or 0.0)
    sign = -1.0 if figure.is_lower_limit else 1.0
    where = zone(sign * figure.value, sign * figure.limit, width)
    if where is Zone.BAD:
        judged.rejecting.append(figure.reason(figure.bad))
    elif where is Zone.GUARD:
        text = f", within {width:.3f} mm of its limit: cannot be told"
        judged.review.append(figure.reason(figure.guarded, text))


def _demand_certainty(figure: _Figure, guard: Guard, judged: Judged) -> None:
    """Review without a sound uncertainty, and with rule `simple` when it is too large."""
    if figure.sound_u is None:
        judged.review.append(figure.reason("uncertainty", " has no uncertainty"))
    elif guard.rule == "simple" and guard.u_max_share is not None:
        expanded, largest = K_EXPANDED * figure.sound_u, guard.u_max_share.value * figure.tolerance
        if not expanded <= largest:
            text = f"{figure.words} {figure.value:.3f} mm: U {expanded:.3f} mm, {largest:.3f} mm allowed"
            judged.review.append(_reason("uncertainty", text, expanded, largest, figure.view, figure.sound_u))


def _speck(inspection: Inspection, recipe: BallRecipe, judged: Judged) -> None:
    limit, speck = recipe.form.speck_max_mm, inspection.speck_mm
    if speck is None:
        return
    if limit is None:
        _unlimited_speck(inspection, recipe, judged, speck)
        return
    if speck <= limit.value:
        return
    text = f"{speck:.3f} mm of the outline would have to be dust"
    reason = _reason("speck", text, speck, limit.value, _showing(inspection, "speck_mm", speck), None)
    (judged.rejecting if recipe.form.speck_action == "reject" else judged.review).append(reason)


def _unlimited_speck(inspection: Inspection, recipe: BallRecipe, judged: Judged, speck: float) -> None:
    """Without a limit for specks: were it the ball's own, the widths would still have to lie in the band."""
    low, high = inspection.diameter_min_mm, inspection.diameter_max_mm
    if low is None or high is None or speck <= 0.0:
        return
    room = min(recipe.size.d_max_mm - high, low - recipe.size.d_min_mm)
    if not speck <= room:
        text = f"{speck:.3f} mm may be dust or the ball's own, and the band has {room:.3f} mm left"
        judged.review.append(
            _reason("speck", text, speck, max(room, 0.0), _showing(inspection, "speck_mm", speck), None)
        )


def _reason(
    code: str, text: str, value: float, limit: float, view: ViewFindings | None, u: float | None
) -> Reason:
    """A reason with its picture; a figure that is no number stays out of the books."""
    return Reason(
        code,
        text,
        value=value if math.isfinite(value) else None,
        limit=limit,
        uncertainty=u,
        camera=None if view is None else view.camera,
        view_index=None if view is None else view.index,
    )


def _showing(inspection: Inspection, name: str, value: float | None) -> ViewFindings | None:
    """The healthy view whose own figure is nearest to the fused one; None where no view has it."""
    if value is None or not math.isfinite(value):
        return None
    own = [
        (abs(figure - value), view.index, view)
        for view in inspection.views
        if view.fault is ViewFault.OK and (figure := getattr(view, name)) is not None
    ]
    return min(own, key=lambda item: item[:2])[2] if own else None


def judge_coverage(inspection: Inspection, demand: CoverageDemand | None) -> Iterator[Reason]:
    """Reasons why less of the ball was seen than the recipe demands; not known counts as not seen."""
    if demand is None:
        return
    seen = inspection.coverage
    wanted: list[tuple[str, Limit, float | None]] = []
    if demand.surface_share_min is not None:
        share = None if seen is None else seen.surface_share
        wanted.append(("share of the surface seen", demand.surface_share_min, share))
    for name in ("flat", "neck", "crack"):
        ask: FlatAsk | NeckAsk | CrackAsk | None = getattr(demand, name)
        if ask is not None:
            probability = None if seen is None else getattr(seen, f"p_{name}")
            wanted.append((f"probability that a {name} was seen", ask.probability_min, probability))
    for words, limit, value in wanted:
        if value is None:
            yield Reason("coverage", f"{words}: not known", limit=limit.value)
        elif not value >= limit.value:
            views = 0 if seen is None else seen.views
            text = f"{words}: {value:.3f} in {views} healthy views"
            yield _reason("coverage", text, value, limit.value, None, None)
