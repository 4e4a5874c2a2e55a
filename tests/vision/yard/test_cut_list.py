"""The cut list: its books balance to the millimetre, and every stretch that is taken out is told."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vision.yard.yard_maps import RECIPE
from vision.yard.cut_list import TakeOut, place_cuts, plan_of, whole_mm
from vision.yard.cut_search import CutPlan
from vision.yard.types import CutList, CutReason

REASONS: tuple[CutReason, ...] = ("finding", "unseen", "rail_end")
PLAN = CutPlan((), (2000, 6000), 6, 900)


def mm(metres: float) -> int:
    """Whole millimetres; a list holds nothing else."""
    assert metres * 1000.0 == pytest.approx(round(metres * 1000.0), abs=1e-6)
    return round(metres * 1000.0)


def check_books(cuts: CutList) -> None:
    """Cuts, pieces and kerfs lie side by side from 0 to the rail's end, none on another, none missing."""
    parts = [(mm(cut.start_m), mm(cut.end_m)) for cut in cuts.cuts]
    parts += [(mm(piece.start_m), mm(piece.end_m)) for piece in cuts.pieces]
    parts += [(mm(place), mm(place) + round(cuts.kerf_mm)) for place in cuts.saw_cuts_m if cuts.kerf_mm]
    parts.sort()
    edges = [0, *itertools.chain.from_iterable(parts), mm(cuts.length_m)]
    assert edges[0] == edges[1] or not parts
    assert all(end == start for end, start in zip(edges[0::2], edges[1::2], strict=True))
    assert all(end > start for start, end in parts)
    usable = sum(mm(piece.end_m) - mm(piece.start_m) for piece in cuts.pieces)
    assert usable == mm(cuts.usable_m)
    assert mm(cuts.usable_m) + mm(cuts.lost_m) == mm(cuts.length_m)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_books_balance_and_nothing_barred_is_in_a_piece(data: st.DataObject) -> None:
    length = data.draw(st.integers(1, 1500))
    place = st.floats(-200.0, length + 200.0, allow_nan=False)
    spans = st.lists(st.tuples(place, st.floats(0.1, 300.0)), max_size=8)
    taken = [
        TakeOut(start, start + long, reason, f"f{number}" if reason == "finding" else "")
        for number, (start, long) in enumerate(data.draw(spans))
        for reason in (data.draw(st.sampled_from(REASONS)),)
    ]
    poor = [(start, start + long) for start, long in data.draw(spans)]
    plan = CutPlan((), (60, 900), data.draw(st.integers(0, 12)), 900)
    cuts = place_cuts(length, taken, poor, plan)
    check_books(cuts)
    for piece in cuts.pieces:
        start, end = mm(piece.start_m), mm(piece.end_m)
        assert not any(stretch.start_mm < end - 1e-3 and stretch.end_mm > start + 1e-3 for stretch in taken)
        assert piece.downgraded == any(first < end - 1e-3 and last > start + 1e-3 for first, last in poor)
    told = {name for cut in cuts.cuts for name in cut.findings}
    on_rail = {
        stretch.finding
        for stretch in taken
        if stretch.reason == "finding" and stretch.start_mm < length and stretch.end_mm > 0.0
    }
    assert told == on_rail


def test_reasons_and_places_of_cuts() -> None:
    taken = [
        TakeOut(0.0, 50.0, "rail_end"),
        TakeOut(5990.0, 6010.0, "finding", "f1"),
        TakeOut(6005.0, 6040.0, "finding", "f2"),
        TakeOut(6030.0, 6100.0, "unseen"),
        TakeOut(12_450.0, 12_500.0, "rail_end"),
    ]
    cuts = place_cuts(12_500, taken, [], PLAN)
    check_books(cuts)
    told = [(cut.start_m, cut.end_m, cut.reason, cut.findings) for cut in cuts.cuts]
    # Right of the cut lie 6.35 m: too long for one charge, so a short and a long one.
    assert [(piece.start_m, piece.end_m) for piece in cuts.pieces] == [
        (0.05, 5.99),
        (6.1, 8.1),
        (8.106, 12.45),
    ]
    assert told == [
        (0.0, 0.044, "rail_end", ()),
        (5.996, 6.04, "finding", ("f1", "f2")),
        (6.04, 6.094, "unseen", ()),
        (12.456, 12.5, "rail_end", ()),
    ]
    assert cuts.saw_cuts_m == (0.044, 5.99, 6.094, 8.1, 12.45)
    assert cuts.usable_m == 12.284
    assert cuts.yield_share == pytest.approx(12.284 / 12.5)


def test_a_crack_thinner_than_the_kerf_has_its_line() -> None:
    cuts = place_cuts(9000, [TakeOut(4000.2, 4000.4, "finding", "f1")], [], PLAN)
    check_books(cuts)
    assert [cut.findings for cut in cuts.cuts if cut.reason == "finding"] == [("f1",)]


def test_stretches_off_the_rail_take_nothing() -> None:
    taken = [TakeOut(-20.0, 0.0, "finding", "f1"), TakeOut(6000.0, 6100.0, "unseen")]
    cuts = place_cuts(6000, taken, [], PLAN)
    assert cuts.cuts == ()
    assert cuts.usable_m == 6.0
    assert cuts.saw_cuts_m == ()


def test_a_shear_takes_no_kerf() -> None:
    cuts = place_cuts(9000, [], [], CutPlan((4500,), None, 0))
    check_books(cuts)
    assert cuts.saw_cuts_m == (4.5,)
    assert cuts.lost_m == 0.0


def test_a_rail_with_nothing_usable_is_all_cut() -> None:
    cuts = place_cuts(1500, [TakeOut(100.0, 200.0, "finding", "f1")], [], PLAN)
    check_books(cuts)
    assert cuts.pieces == ()
    assert [(cut.reason, cut.findings) for cut in cuts.cuts] == [
        ("remainder", ()),
        ("finding", ("f1",)),
        ("remainder", ()),
    ]


@pytest.mark.parametrize(
    ("metres", "whole"), [(12.5, 12_500), (24.9996, 24_999), (0.3, 300), (8.2, 8200), (0.0004, 0)]
)
def test_lengths_round_down_but_lose_nothing_to_floats(metres: float, whole: int) -> None:
    assert whole_mm(metres) == whole


def test_the_recipe_plan() -> None:
    plan = plan_of(RECIPE)
    assert plan == CutPlan((), (2000, 6000), 6, 900)
