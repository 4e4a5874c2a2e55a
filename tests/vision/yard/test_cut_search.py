"""The search for cuts: as good as trying everything, never below the plain way, and fit to be sawn."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from vision.yard.cut_search import CutPlan, Interval, best_layout, greedy_layout, touches, worth


def all_layouts(
    length: int, barred: list[Interval], plan: CutPlan, last_end: int | None
) -> list[list[Interval]]:
    """Every layout that can be sawn, one piece after the other, by the words of the rule."""
    layouts: list[list[Interval]] = [[]]
    kerf = plan.kerf_mm
    for start in range(length):
        if last_end is None:
            may_start = start == 0 or start >= kerf
        else:
            may_start = start == last_end + kerf or start >= last_end + 2 * kerf
        if not may_start:
            continue
        for end in range(start + 1, length + 1):
            fits = plan.takes(end - start) and (end == length or end + kerf <= length)
            if fits and not touches(start, end, barred):
                layouts += [[(start, end), *rest] for rest in all_layouts(length, barred, plan, end)]
    return layouts


def check_sawn(length: int, pieces: tuple[Interval, ...], barred: list[Interval], plan: CutPlan) -> None:
    """The layout keeps the rules that it was made by."""
    end_before: int | None = None
    for start, end in pieces:
        assert 0 <= start < end <= length
        assert plan.takes(end - start)
        assert not touches(start, end, barred)
        assert start == 0 or start >= plan.kerf_mm
        assert end == length or length - end >= plan.kerf_mm
        if end_before is not None:
            gap = start - end_before
            assert gap == plan.kerf_mm or gap >= 2 * plan.kerf_mm
        end_before = end


def stretches(length: int) -> st.SearchStrategy[list[Interval]]:
    one = st.tuples(st.integers(0, length - 1), st.integers(1, 4))
    return st.lists(one.map(lambda pair: (pair[0], min(length, sum(pair)))), max_size=3)


@st.composite
def cases(draw: st.DrawFn, greatest: int = 11) -> tuple[int, list[Interval], list[Interval], CutPlan]:
    length = draw(st.integers(1, greatest))
    low = draw(st.integers(2, 6))
    span = draw(st.none() | st.integers(0, 4).map(lambda more: (low, low + more)))
    lengths = draw(st.lists(st.integers(2, 7), max_size=2, unique=True))
    if span is None and not lengths:
        lengths = [low]
    plan = CutPlan(
        tuple(sorted(lengths)), span, draw(st.integers(0, 3)), draw(st.sampled_from([1, 500, 900, 999, 1000]))
    )
    return length, draw(stretches(length)), draw(stretches(length)), plan


@settings(max_examples=200, deadline=None)
@given(cases())
def test_equals_trying_everything(case: tuple[int, list[Interval], list[Interval], CutPlan]) -> None:
    length, barred, poor, plan = case
    pieces = best_layout(length, barred, poor, plan)
    check_sawn(length, pieces, barred, plan)
    tried = all_layouts(length, barred, plan, None)
    best = max(worth(layout, poor, plan) for layout in tried)
    assert worth(pieces, poor, plan) == best
    assert len(pieces) == min(len(layout) for layout in tried if worth(layout, poor, plan) == best)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_never_below_the_plain_way(data: st.DataObject) -> None:
    length = data.draw(st.integers(1, 500))
    one = st.tuples(st.integers(0, length - 1), st.integers(1, 60))
    some = st.lists(one.map(lambda pair: (pair[0], min(length, sum(pair)))), max_size=8)
    barred, poor = data.draw(some), data.draw(some)
    low = data.draw(st.integers(20, 80))
    lengths = tuple(data.draw(st.lists(st.integers(20, 150), max_size=3, unique=True)))
    span = data.draw(st.sampled_from([None, (low, low), (low, 2 * low)])) if lengths else (low, 3 * low)
    plan = CutPlan(lengths, span, data.draw(st.integers(0, 8)), data.draw(st.integers(1, 1000)))
    pieces, plain = best_layout(length, barred, poor, plan), greedy_layout(length, barred, plan)
    check_sawn(length, pieces, barred, plan)
    check_sawn(length, plain, barred, plan)
    assert worth(pieces, poor, plan) >= worth(plain, poor, plan)


@settings(max_examples=60, deadline=None)
@given(cases(greatest=60), st.tuples(st.integers(0, 59), st.integers(1, 9)))
def test_one_more_barred_stretch_never_helps(
    case: tuple[int, list[Interval], list[Interval], CutPlan], more: Interval
) -> None:
    length, barred, poor, plan = case
    stretch = (min(more[0], length - 1), min(length, sum(more)))
    stretch = (stretch[0], max(stretch[1], stretch[0] + 1))
    before = worth(best_layout(length, barred, poor, plan), poor, plan)
    assert worth(best_layout(length, [*barred, stretch], poor, plan), poor, plan) <= before
    poorer = [*poor, stretch]
    assert worth(best_layout(length, barred, poorer, plan), poorer, plan) <= before


def test_greedy_is_beaten_where_it_must_be() -> None:
    """10 mm with pieces of 6 and 5: the plain way takes 6 and wastes 4, the search takes 5 and 5."""
    plan = CutPlan((5, 6), None, 0)
    assert greedy_layout(10, [], plan) == ((0, 6),)
    assert best_layout(10, [], [], plan) == ((0, 5), (5, 10))


def test_a_downgraded_stretch_is_kept_to_a_short_piece() -> None:
    """What is worth half is sawn off a clean piece where that pays."""
    plan = CutPlan((), (100, 1000), 4, 500)
    pieces = best_layout(1000, [], [(10, 90)], plan)
    assert pieces == ((0, 100), (104, 1000))


def test_whole_rail_is_one_charge_where_the_furnace_takes_it() -> None:
    assert best_layout(12_500, [], [], CutPlan((), (2000, 12_500), 6)) == ((0, 12_500),)


def test_nothing_fits() -> None:
    assert best_layout(1999, [], [], CutPlan((), (2000, 6000), 6)) == ()
    assert best_layout(5000, [(1900, 3100)], [], CutPlan((), (2000, 6000), 6)) == ()
