"""Attribute agreement: published counts and kappas, small exact studies, verdict words, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from vision.recipe import Limit
from vision.statistics.attribute import Rating, agreement, cohen_kappa, fleiss_kappa, rate
from vision.statistics.limits import Steps, Word, unverified, worst
from vision.statistics.studies import StudyError

#: Fleiss 1971, ten subjects, fourteen raters, five categories: kappa 0.210.
FLEISS = (
    (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
)  # fmt: skip


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        # AIAG MSA, 4th edition, attribute study: A by B, A by C, B by C, then each by the reference
        (((44, 6), (3, 97)), 0.86),
        (((43, 7), (8, 92)), 0.78),
        (((42, 5), (9, 94)), 0.79),
        (((45, 5), (3, 97)), 0.88),
        (((45, 2), (3, 100)), 0.92),
        (((42, 9), (6, 93)), 0.77),
        # one in agreement by chance alone
        (((25, 25), (25, 25)), 0.0),
        # never
        (((0, 5), (5, 0)), -1.0),
        # always
        (((5, 0), (0, 5)), 1.0),
        # both say one word only: there is nothing to agree on
        (((0, 0), (0, 9)), None),
    ],
)
def test_cohen_kappa(table: tuple[tuple[int, int], tuple[int, int]], kappa: float | None) -> None:
    pairs = [(bool(i), bool(j)) for i, line in enumerate(table) for j, n in enumerate(line) for _ in range(n)]
    first, second = np.array(pairs, np.bool_).T
    found = cohen_kappa(first, second)
    assert found == (None if kappa is None else pytest.approx(kappa, abs=0.005))


@pytest.mark.parametrize(
    ("counts", "kappa"),
    [
        (FLEISS, 0.210),
        # two raters: complete agreement, complete disagreement
        (((2, 0), (0, 2)), 1.0),
        (((1, 1), (1, 1)), -1.0),
        # one word only
        (((3, 0), (3, 0)), None),
    ],
)
def test_fleiss_kappa(counts: tuple[tuple[int, ...], ...], kappa: float | None) -> None:
    found = fleiss_kappa(np.array(counts, np.int64))
    assert found == (None if kappa is None else pytest.approx(kappa, abs=0.0005))


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        # AIAG MSA, 4th edition: effectiveness of A, B, C with 95 % intervals in whole percent
        (42, 50, 0.71, 0.93),
        (45, 50, 0.78, 0.97),
        (40, 50, 0.66, 0.90),
        # none in 300: upper bound (two-sided) 1 - 0.025^(1/300)
        (0, 300, 0.0, 1.0 - 0.025 ** (1.0 / 300.0)),
        (7, 7, 0.025 ** (1.0 / 7.0), 1.0),
    ],
)
def test_exact_bounds(hits: int, n: int, low: float, high: float) -> None:
    found = rate(hits, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.006)
    assert found.low <= found.share <= found.high


def _ratings(decisions: dict[str, dict[str, str]], bad: str) -> list[Rating]:
    """`decisions[appraiser][part]` is one letter a trial: a or r."""
    return [
        Rating(part, appraiser, str(trial), letter == "r", part in bad)
        for appraiser, by_part in decisions.items()
        for part, letters in by_part.items()
        for trial, letter in enumerate(letters)
    ]


def test_a_study_counted_by_hand() -> None:
    """Parts w and x are good, y and z bad. A lets y through once, B takes x for bad both times."""
    found = agreement(
        _ratings(
            {
                "A": {"w": "aa", "x": "aa", "y": "ar", "z": "rr"},
                "B": {"w": "aa", "x": "rr", "y": "rr", "z": "rr"},
            },
            bad="yz",
        )
    )
    a, b = found.rows
    assert (found.parts, found.bad_parts, found.trials) == (4, 2, 2)
    assert [(row.consistent.hits, row.effectiveness.hits) for row in found.rows] == [(3, 3), (4, 3)]
    assert (a.miss.hits, a.miss.n, a.false_alarm.hits, a.false_alarm.n) == (1, 4, 0, 4)
    assert (b.miss.hits, b.miss.n, b.false_alarm.hits, b.false_alarm.n) == (0, 4, 2, 4)
    assert a.table == ((4, 0), (1, 3))
    # agreed 7 of 8; chance 3/8 * 1/2 + 5/8 * 1/2
    assert a.kappa == pytest.approx((7 / 8 - 0.5) / 0.5)
    # they differ on x twice and on y once
    assert found.pairs[0].agreed.hits == 5
    assert found.all_agree.hits == 2
    assert found.all_right.hits == 2
    # P_i: 1, (4+4-4)/12 = 1/3, (1+9-4)/12 = 1/2, 1; rejected share 9/16
    chance = (9 / 16) ** 2 + (7 / 16) ** 2
    assert found.fleiss_kappa == pytest.approx(((1 + 1 / 3 + 1 / 2 + 1) / 4 - chance) / (1 - chance))


def test_one_appraiser_alone_has_no_pairs() -> None:
    found = agreement(_ratings({"station": {"w": "aa", "z": "rr"}}, bad="z"))
    assert found.pairs == ()
    assert found.fleiss_kappa == 1.0


GOOD = {"A": {"w": "aa", "z": "rr"}, "B": {"w": "aa", "z": "rr"}}


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        (_ratings(GOOD, bad=""), "no part of the study is bad"),
        (_ratings(GOOD, bad="wz"), "no part of the study is good"),
        (_ratings({"A": {"w": "a", "z": "r"}}, bad="z"), "only once"),
        # one decision short
        (_ratings(GOOD, bad="z")[:-1], "decisions are missing: part z, appraiser B, trial 1"),
        # one twice
        ([*_ratings(GOOD, bad="z"), _ratings(GOOD, bad="z")[0]], "is there twice"),
        # two truths
        ([*_ratings(GOOD, bad="z"), Rating("w", "A", "9", False, True)], "part w has two references"),
        ([], "only once"),
    ],
)
def test_studies_that_tell_nothing_are_refused(ratings: list[Rating], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        agreement(ratings)


def _limit(value: float, *, verified: bool = False) -> Limit:
    return Limit(value=value, source=f"source of {value}", verified=verified)


@pytest.mark.parametrize(
    ("acceptable", "marginal", "value", "word"),
    [
        # more is better
        (0.9, 0.8, 0.95, Word.ACCEPTABLE),
        (0.9, 0.8, 0.9, Word.ACCEPTABLE),
        (0.9, 0.8, 0.85, Word.MARGINAL),
        (0.9, 0.8, 0.8, Word.MARGINAL),
        (0.9, 0.8, 0.79, Word.UNACCEPTABLE),
        # less is better
        (0.02, 0.05, 0.0, Word.ACCEPTABLE),
        (0.02, 0.05, 0.02, Word.ACCEPTABLE),
        (0.02, 0.05, 0.03, Word.MARGINAL),
        (0.02, 0.05, 0.051, Word.UNACCEPTABLE),
    ],
)
def test_words(acceptable: float, marginal: float, value: float, word: Word) -> None:
    assert Steps(acceptable=_limit(acceptable), marginal=_limit(marginal)).word(value) is word


def test_the_worst_word_counts_and_unverified_limits_are_named() -> None:
    assert worst([Word.ACCEPTABLE, Word.UNACCEPTABLE, Word.MARGINAL]) is Word.UNACCEPTABLE
    steps = Steps(acceptable=_limit(0.9), marginal=_limit(0.8, verified=True))
    assert unverified(steps) == ["source of 0.9"]
    with pytest.raises(ValueError, match="must differ"):
        Steps(acceptable=_limit(0.9), marginal=_limit(0.9))
