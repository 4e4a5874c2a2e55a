"""Attribute agreement: accept and reject decisions against the truth, themselves and each other.

Method: AIAG, Measurement Systems Analysis, 4th edition, chapter III, section C (effectiveness, miss and
false alarm rates, Cohen's kappa); kappa of many raters: Fleiss, Psychological Bulletin 76 (1971); bounds
of rates: Clopper and Pearson, Biometrika 26 (1934). Limits for the verdict words are data of the caller.
Neighbours: `studies` for the error, `limits` for the words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from vision.statistics.studies import StudyError

#: Of every bound here, two-sided.
CONFIDENCE = 0.95
_NAMED_MAX = 6

BoolTable = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rating:
    """One decision on one part, and what the part really is. True: reject."""

    part: str
    appraiser: str
    trial: str
    rejected: bool
    reference_rejected: bool


@dataclass(frozen=True, slots=True)
class Rate:
    """`hits` of `n`, with exact (Clopper-Pearson) two-sided 95 % bounds; all shares 0..1."""

    hits: int
    n: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The point estimate."""
        return self.hits / self.n


@dataclass(frozen=True, slots=True)
class AppraiserRow:
    """One appraiser.

    Attributes:
        consistent: parts on which all its trials agree, of all parts.
        effectiveness: parts on which all its trials agree with the reference, of all parts.
        miss: bad parts that were accepted, of all trials on bad parts.
        false_alarm: good parts that were rejected, of all trials on good parts.
        kappa: Cohen's, against the reference, over all trials; None when it is not defined.
        table: counts [reference good, bad][decided accept, reject].
    """

    appraiser: str
    consistent: Rate
    effectiveness: Rate
    miss: Rate
    false_alarm: Rate
    kappa: float | None
    table: tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class PairRow:
    """Cohen's kappa of two appraisers, decision by decision of the same trial; None: not defined."""

    first: str
    second: str
    kappa: float | None
    agreed: Rate


@dataclass(frozen=True, slots=True)
class Agreement:
    """A whole study.

    Attributes:
        parts, bad_parts, trials: how many.
        rows: one for each appraiser.
        pairs: one for each two of them; empty with one appraiser.
        all_agree: parts on which every decision of every appraiser is the same, of all parts.
        all_right: the same and equal to the reference.
        fleiss_kappa: of all decisions on a part; None when it is not defined.
    """

    parts: int
    bad_parts: int
    trials: int
    rows: tuple[AppraiserRow, ...]
    pairs: tuple[PairRow, ...]
    all_agree: Rate
    all_right: Rate
    fleiss_kappa: float | None


def rate(hits: int, n: int) -> Rate:
    """`hits` of `n` with exact bounds; n > 0."""
    from scipy import stats

    bounds = stats.binomtest(hits, n).proportion_ci(CONFIDENCE, method="exact")
    return Rate(hits, n, float(bounds.low), float(bounds.high))


def cohen_kappa(first: BoolTable, second: BoolTable) -> float | None:
    """Cohen's kappa of two lists of decisions, both (N,); None when both name one and the same word only."""
    agreed = float(np.mean(first == second))
    p, q = float(first.mean()), float(second.mean())
    chance = p * q + (1.0 - p) * (1.0 - q)
    return None if chance >= 1.0 else (agreed - chance) / (1.0 - chance)


def fleiss_kappa(counts: npt.NDArray[np.int64]) -> float | None:
    """Fleiss' kappa.

    Args:
        counts: (subjects, categories): how often each subject was put into each category; every row
            adds up to the same number of decisions, at least 2.

    Returns:
        Kappa, or None when all decisions fall into one category.
    """
    each = int(counts[0].sum())
    agreed = float(np.mean((np.sum(counts * counts, axis=1) - each) / (each * (each - 1))))
    chance = float(np.sum((counts.sum(axis=0) / counts.sum()) ** 2))
    return None if chance >= 1.0 else (agreed - chance) / (1.0 - chance)


def agreement(ratings: Sequence[Rating]) -> Agreement:
    """All figures of a study.

    Raises:
        StudyError: a decision missing or twice; fewer than two trials; no good or no bad part; two
            references for one part.
    """
    parts, appraisers, trials, rejected, bad = _table(ratings)
    truth = np.repeat(bad[:, None], trials, axis=1)
    rows = tuple(_row(name, rejected[:, number], truth) for number, name in enumerate(appraisers))
    pairs = tuple(
        PairRow(
            appraisers[i],
            appraisers[j],
            cohen_kappa(rejected[:, i].ravel(), rejected[:, j].ravel()),
            rate(int(np.sum(rejected[:, i] == rejected[:, j])), parts * trials),
        )
        for i, j in combinations(range(len(appraisers)), 2)
    )
    flat = rejected.reshape(parts, -1)
    same = np.all(flat == flat[:, :1], axis=1)
    yes = flat.sum(axis=1)
    return Agreement(
        parts=parts,
        bad_parts=int(bad.sum()),
        trials=trials,
        rows=rows,
        pairs=pairs,
        all_agree=rate(int(same.sum()), parts),
        all_right=rate(int(np.sum(np.all(flat == bad[:, None], axis=1))), parts),
        fleiss_kappa=fleiss_kappa(np.stack([flat.shape[1] - yes, yes], axis=1).astype(np.int64)),
    )


def _row(appraiser: str, rejected: BoolTable, truth: BoolTable) -> AppraiserRow:
    """`rejected` and `truth`: (P, T)."""
    right = rejected == truth
    good, bad = ~truth, truth
    table = (
        (int(np.sum(good & ~rejected)), int(np.sum(good & rejected))),
        (int(np.sum(bad & ~rejected)), int(np.sum(bad & rejected))),
    )
    parts = len(rejected)
    return AppraiserRow(
        appraiser=appraiser,
        consistent=rate(int(np.sum(np.all(rejected == rejected[:, :1], axis=1))), parts),
        effectiveness=rate(int(np.sum(np.all(right, axis=1))), parts),
        miss=rate(table[1][0], int(bad.sum())),
        false_alarm=rate(table[0][1], int(good.sum())),
        kappa=cohen_kappa(rejected.ravel(), truth.ravel()),
        table=table,
    )


def _table(ratings: Sequence[Rating]) -> tuple[int, tuple[str, ...], int, BoolTable, BoolTable]:
    """Parts, appraisers, trials, decisions (P, A, T) and truth (P,), or what is missing.

    Trials are matched by their names where all appraisers use the same, so that pairs compare like
    with like.
    """
    parts = tuple(dict.fromkeys(rating.part for rating in ratings))
    appraisers = tuple(dict.fromkeys(rating.appraiser for rating in ratings))
    trials = tuple(dict.fromkeys(rating.trial for rating in ratings))
    truth: dict[str, bool] = {}
    for rating in ratings:
        if truth.setdefault(rating.part, rating.reference_rejected) != rating.reference_rejected:
            raise _refusal(f"part {rating.part} has two references", "give each part one reference")
    cells = {(rating.part, rating.appraiser, rating.trial): rating.rejected for rating in ratings}
    if len(cells) < len(ratings):
        count = Counter((rating.part, rating.appraiser, rating.trial) for rating in ratings)
        part, appraiser, trial = next(key for key, number in count.items() if number > 1)
        raise _refusal(
            f"part {part}, appraiser {appraiser}, trial {trial} is there twice",
            "give every repeat its own trial number, or take the doubled line out",
        )
    holes = [
        f"part {part}, appraiser {appraiser}, trial {trial}"
        for part in parts
        for appraiser in appraisers
        for trial in trials
        if (part, appraiser, trial) not in cells
    ]
    if holes:
        more = f" and {len(holes) - _NAMED_MAX} more" if len(holes) > _NAMED_MAX else ""
        raise _refusal(
            f"decisions are missing: {'; '.join(holes[:_NAMED_MAX])}{more}",
            "let every appraiser decide on every part in every trial (trials 1, 2, 3 for each of them)",
        )
    _check_size(len(trials), sum(truth.values()), len(parts))
    decided = np.array([[[cells[p, a, t] for t in trials] for a in appraisers] for p in parts], np.bool_)
    return len(parts), appraisers, len(trials), decided, np.array([truth[p] for p in parts], np.bool_)


def _check_size(trials: int, bad_parts: int, parts: int) -> None:
    if trials < 2:
        raise _refusal(
            "every part was decided on only once: nobody's agreement with himself can be told",
            "show every part at least twice, in random order",
        )
    if bad_parts == 0:
        raise _refusal("no part of the study is bad: no miss can be counted", "put bad parts into the study")
    if bad_parts == parts:
        raise _refusal(
            "no part of the study is good: no false alarm can be counted", "put good parts into the study"
        )


def _refusal(what: str, todo: str) -> StudyError:
    return StudyError(what, where="attribute study", todo=todo)
