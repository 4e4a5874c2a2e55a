"""Sampling plans: what the tables give, what the plans let through, and when to switch."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from vision.statistics.sampling_plans import (
    LotRange,
    LotResult,
    MasterTable,
    RepeatPlan,
    SamplingScheme,
    Severity,
    Switching,
    next_severity,
    p_accept,
    p_accept_repeat,
    p_at_most,
    single_plan,
)

RULES = Switching(
    source="the rules as they are told",
    verified=False,
    tighten_rejected=2,
    tighten_of_last=5,
    relax_accepted=5,
    reduce_score=30,
    stop_rejected_tightened=5,
)
TEN_TWENTY = RepeatPlan(
    name="10, else 20", source="practice", verified=False, first_size=10, first_accept=1,
    second_size=20, second_accept=2, places=5,
)  # fmt: skip


@pytest.mark.parametrize(
    ("share", "expected"), [(0.05, 0.993), (0.10, 0.915), (0.15, 0.729), (0.20, 0.504), (0.30, 0.1795)]
)
def test_ten_else_twenty_lets_through(share: float, expected: float) -> None:
    assert p_accept_repeat(TEN_TWENTY, share) == pytest.approx(expected, abs=5e-4)


def test_ten_else_twenty_by_drawing_balls() -> None:
    import numpy as np

    random = np.random.default_rng(1)
    first = random.binomial(10, 0.15, 100_000) <= 1
    accepted = first | (random.binomial(20, 0.15, 100_000) <= 2)
    assert accepted.mean() == pytest.approx(p_accept_repeat(TEN_TWENTY, 0.15), abs=0.006)


def _scheme(**columns: Any) -> SamplingScheme:
    table = MasterTable(
        source="made for this test",
        verified=True,
        sample_sizes={"A": 2, "B": 5, "C": 8},
        plans={"1": {"A": (0, 1), "B": "up", "C": (1, 2)}, "4": {"A": "down", "B": (1, 2), "C": (2, 3)}}
        | columns,
    )
    ranges = (LotRange(up_to=8, letter="A"), LotRange(up_to=20, letter="B"), LotRange(up_to=None, letter="C"))
    return SamplingScheme(
        name="test", level="II", source="made for this test", verified=True, code_letters=ranges,
        normal=table, tightened=table, reduced=table, switching=RULES,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lot_size", "aql", "letter", "size", "numbers", "all_balls"),
    [
        (8, "1", "A", 2, (0, 1), False),
        (9, "1", "A", 2, (0, 1), False),  # arrow up
        (5, "4", "B", 5, (1, 2), True),  # arrow down to a sample of the whole lot
        (3, "4", "B", 3, (1, 2), True),  # the sample cannot be larger than the lot
        (10**7, "4", "C", 8, (2, 3), False),
    ],
)
def test_plan_of_a_lot(
    lot_size: int, aql: str, letter: str, size: int, numbers: tuple[int, int], all_balls: bool
) -> None:
    plan = single_plan(_scheme(), lot_size, aql)
    assert (plan.letter, plan.sample_size, (plan.accept, plan.reject), plan.all_balls) == (
        letter, size, numbers, all_balls,
    )  # fmt: skip


def test_wrong_questions_and_tables() -> None:
    with pytest.raises(ValueError, match="the least is 2"):
        single_plan(_scheme(), 1, "1")
    with pytest.raises(ValueError, match="no AQL 9"):
        single_plan(_scheme(), 10, "9")
    with pytest.raises(ValidationError, match="leads nowhere"):
        _scheme(bad={"A": "up", "B": (0, 1), "C": "up"})
    with pytest.raises(ValidationError, match="leads nowhere"):
        _scheme(bad={"A": (0, 1), "B": "down", "C": "up"})
    with pytest.raises(ValidationError, match="Ac < Re"):
        _scheme(bad={"A": (1, 1), "B": "up", "C": "up"})
    with pytest.raises(ValidationError, match="in this order"):
        _scheme(bad={"A": (0, 1), "C": (1, 2)})


def test_probabilities_agree_with_counting() -> None:
    assert p_at_most(0, 2, 0.5) == pytest.approx(0.25)
    assert p_at_most(0, 2, 0.5, lot_size=4) == pytest.approx(
        1 / 6
    )  # two good ones out of four, drawn at once
    assert p_at_most(5, 50, 0.04, lot_size=10**7) == pytest.approx(p_at_most(5, 50, 0.04), abs=1e-5)
    plan = single_plan(_scheme(), 100, "4")
    curve = [p_accept(plan, share / 100) for share in range(0, 101, 5)]
    assert curve[0] == 1.0
    assert curve[-1] == 0.0
    assert all(later <= before for before, later in pairwise(curve))
    with pytest.raises(ValueError, match="cannot be drawn"):
        p_at_most(0, 5, 0.1, lot_size=4)


def _lots(pattern: str, severity: Severity, accept: int = 3) -> list[LotResult]:
    """A row of lots: `a` accepted without a bad ball, `r` not, `m` accepted, but not one AQL step tighter."""
    found = {"a": 0, "m": accept, "r": accept + 1}
    return [LotResult(severity, kind != "r", found[kind], accept, max(0, accept - 1)) for kind in pattern]


@pytest.mark.parametrize(
    ("results", "severity", "stopped"),
    [
        ([], "normal", False),
        (_lots("ara", "normal"), "normal", False),  # one of three
        (_lots("araar", "normal"), "tightened", False),  # two of five
        (_lots("raaaar", "normal"), "normal", False),  # two of six
        (_lots("rr", "normal") + _lots("aaaa", "tightened"), "tightened", False),  # four are not enough
        (_lots("rr", "normal") + _lots("aaaaa", "tightened"), "normal", False),
        (_lots("rr", "normal") + _lots("aarraarar", "tightened"), "tightened", False),  # four rejected so far
        (_lots("rr", "normal") + _lots("rrrrr", "tightened"), "tightened", True),
        (_lots("a" * 9, "normal"), "normal", False),  # score 27
        (_lots("a" * 10, "normal"), "reduced", False),  # score 30
        (_lots("aaaam" + "a" * 9, "normal"), "normal", False),  # a middling lot sets the score back
        (_lots("a" * 15, "normal", accept=1), "reduced", False),  # Ac 1: two for each
        (_lots("a" * 10, "normal") + _lots("ar", "reduced"), "normal", False),
        (_lots("a" * 10, "normal") + _lots("aa", "reduced"), "reduced", False),
    ],
)
def test_switching(results: list[LotResult], severity: Severity, stopped: bool) -> None:
    found = next_severity(results, RULES)
    assert (found.severity, found.stopped) == (severity, stopped)


def test_gap_of_reduced_inspection_brings_normal_back() -> None:
    between = LotResult("reduced", True, nonconforming=2, accept=1)
    assert next_severity([*_lots("a" * 10, "normal"), between], RULES).severity == "normal"


def test_lot_inspected_with_the_wrong_severity_is_told() -> None:
    with pytest.raises(ValueError, match="lot 3 was inspected normal, but tightened was due"):
        next_severity(_lots("rra", "normal"), RULES)
