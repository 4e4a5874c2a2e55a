"""The cut list of one rail: what is taken out and why, the pieces, and where the saw goes.

Stretches come in millimetres from the rail's start, the list leaves in metres. Everything lies on whole
millimetres: stretches are widened outwards, the length is rounded down, so the books balance exactly:
cuts + pieces + kerfs = length. Neighbours: `vision.yard.cut_search` chooses the pieces,
`vision.yard.grade` says which stretches are taken out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from vision.yard.cut_search import CutPlan, Interval, best_layout
from vision.yard.recipe import YardRecipe
from vision.yard.types import Cut, CutList, CutReason, Piece

#: Reasons of a cut, the first that holds is the one it is listed under.
_REASONS: tuple[CutReason, ...] = ("finding", "unseen", "rail_end")


@dataclass(frozen=True, slots=True)
class TakeOut:
    """A stretch that no piece may touch, mm from the rail's start; `finding`: id of the finding it is of."""

    start_mm: float
    end_mm: float
    reason: CutReason
    finding: str = ""


def plan_of(recipe: YardRecipe) -> CutPlan:
    """What the recipe's furnace takes."""
    furnace, money = recipe.furnace, recipe.money
    span = furnace.charge_range_mm
    return CutPlan(
        lengths_mm=tuple(sorted(set(furnace.charge_lengths_mm))),
        range_mm=None if span is None else (span.min_mm, span.max_mm),
        kerf_mm=furnace.kerf_mm,
        downgraded_permille=round(money.downgraded_value_share.value * 1000),
    )


def whole_mm(length_m: float) -> int:
    """A length in whole millimetres, rounded down; a float's last digits lose no millimetre."""
    return math.floor(length_m * 1000.0 + 1e-6)


def place_cuts(
    length_mm: int, take_out: Sequence[TakeOut], downgrade: Sequence[tuple[float, float]], plan: CutPlan
) -> CutList:
    """The cut list of greatest worth.

    Args:
        length_mm: of the rail.
        take_out: stretches, may overlap and reach beyond the rail.
        downgrade: (from, to) in mm; a piece that touches one is downgraded.
        plan: what pieces may be.
    """
    stretches = [
        (stretch, interval)
        for stretch in take_out
        if (interval := _inside(stretch.start_mm, stretch.end_mm, length_mm, 2 * plan.kerf_mm + 1))
    ]
    poor = [span for first, last in downgrade if (span := _inside(first, last, length_mm, 1))]
    barred = [interval for _, interval in stretches]
    pieces = best_layout(length_mm, barred, poor, plan)
    kerfs = _kerfs(pieces, length_mm, plan.kerf_mm)
    waste = _rest([*pieces, *kerfs], length_mm)
    cuts = [cut for interval in waste for cut in _named(interval, stretches)]
    usable_mm = sum(end - start for start, end in pieces)
    return CutList(
        cuts=tuple(cuts),
        pieces=tuple(
            Piece(
                start_m=start / 1000.0,
                end_m=end / 1000.0,
                downgraded=any(first < end and last > start for first, last in poor),
            )
            for start, end in pieces
        ),
        kerf_mm=float(plan.kerf_mm),
        length_m=length_mm / 1000.0,
        usable_m=usable_mm / 1000.0,
        lost_m=(length_mm - usable_mm) / 1000.0,
        saw_cuts_m=tuple(start / 1000.0 for start, _ in kerfs) if plan.kerf_mm else _seams(pieces, length_mm),
    )


def _inside(start_mm: float, end_mm: float, length_mm: int, least_mm: int) -> Interval | None:
    """A stretch on whole millimetres inside the rail, at least `least_mm` long; None: it lies off the rail.

    The least length leaves a strip of steel between the two saw cuts beside it, so that every finding that
    is taken out has its own line in the list.
    """
    start, end = max(0, math.floor(start_mm + 1e-6)), min(length_mm, math.ceil(end_mm - 1e-6))
    if start_mm >= length_mm or end_mm <= 0.0:
        return None
    missing = least_mm - (end - start)
    if missing > 0:
        start -= (missing + 1) // 2
        end = start + least_mm
        shift = max(0, -start) - max(0, end - length_mm)
        start, end = max(0, start + shift), min(length_mm, end + shift)
    return start, end


def _kerfs(pieces: Sequence[Interval], length_mm: int, kerf_mm: int) -> list[Interval]:
    """Every saw cut once, from left to right."""
    if kerf_mm == 0:
        return []
    beside = {(start - kerf_mm, start) for start, _ in pieces if start > 0}
    beside |= {(end, end + kerf_mm) for _, end in pieces if end < length_mm}
    return sorted(beside)


def _seams(pieces: Sequence[Interval], length_mm: int) -> tuple[float, ...]:
    """Where a tool without a kerf (a shear) parts the rail."""
    places = {place for piece in pieces for place in piece if 0 < place < length_mm}
    return tuple(place / 1000.0 for place in sorted(places))


def _rest(taken: Sequence[Interval], length_mm: int) -> list[Interval]:
    """What of the rail is neither piece nor kerf."""
    rest: list[Interval] = []
    place = 0
    for start, end in sorted(taken):
        if start > place:
            rest.append((place, start))
        place = max(place, end)
    if place < length_mm:
        rest.append((place, length_mm))
    return rest


def _named(waste: Interval, stretches: Sequence[tuple[TakeOut, Interval]]) -> list[Cut]:
    """A stretch of waste, parted where its reason changes; neighbouring findings stay one cut."""
    start, end = waste
    edges = {start, end}
    edges |= {edge for _, interval in stretches for edge in interval if start < edge < end}
    parts: list[tuple[int, int, CutReason, tuple[str, ...]]] = []
    places = sorted(edges)
    for first, last in pairwise(places):
        over = [stretch for stretch, (a, b) in stretches if a < last and b > first]
        reason: CutReason = next(
            (word for word in _REASONS if any(stretch.reason == word for stretch in over)), "remainder"
        )
        ids = tuple(stretch.finding for stretch in over if stretch.finding and reason == stretch.reason)
        if parts and parts[-1][2] == reason:
            before = parts.pop()
            first, ids = before[0], tuple(dict.fromkeys((*before[3], *ids)))
        parts.append((first, last, reason, ids))
    return [
        Cut(start_m=first / 1000.0, end_m=last / 1000.0, reason=reason, findings=ids)
        for first, last, reason, ids in parts
    ]
