"""Acceptance sampling by attributes: plans as data, their operating characteristic, and switching.

A plan says how many balls to draw and how many bad ones a lot may show. The tables are data and come from
outside (`edge_runtime.lots.tables` reads them); here is what can be worked out from them.
Words: Ac accepts, Re rejects; a severity is normal, tightened or reduced.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Severity = Literal["normal", "tightened", "reduced"]
Arrow = Literal["up", "down"]
Entry = tuple[int, int] | Arrow


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class LotRange(_Strict):
    """Code letter of the sample size for lots up to `up_to` balls (None: without end)."""

    up_to: Annotated[int, Field(ge=2)] | None
    letter: Annotated[str, Field(pattern=r"^[A-HJ-NP-R]$")]


class MasterTable(_Strict):
    """Single sampling plans of one severity: `plans[aql][letter]` is [Ac, Re], or up or down the column."""

    source: Annotated[str, Field(min_length=3)]
    verified: Annotated[bool, Field(strict=True)]
    sample_sizes: dict[str, Annotated[int, Field(ge=1)]]
    plans: dict[str, dict[str, Entry]]

    @model_validator(mode="after")
    def _columns_are_whole(self) -> MasterTable:
        letters = list(self.sample_sizes)
        for aql, column in self.plans.items():
            if list(column) != letters:
                raise ValueError(f"AQL {aql}: the letters must be {' '.join(letters)}, in this order")
            numbers = [entry for entry in column.values() if not isinstance(entry, str)]
            if not numbers or any(not 0 <= ac < re for ac, re in numbers):
                raise ValueError(f"AQL {aql}: every entry must be 0 <= Ac < Re, and there must be one")
            for letter in letters:
                _follow(column, letter)  # an arrow into nothing must not be found at work
        return self


class Switching(_Strict):
    """When to change the severity; counts of lots. See `next_severity`."""

    source: Annotated[str, Field(min_length=3)]
    verified: Annotated[bool, Field(strict=True)]
    tighten_rejected: Annotated[int, Field(ge=1)]
    tighten_of_last: Annotated[int, Field(ge=1)]
    relax_accepted: Annotated[int, Field(ge=1)]
    reduce_score: Annotated[int, Field(ge=1)]
    stop_rejected_tightened: Annotated[int, Field(ge=1)]


class SamplingScheme(_Strict):
    """Code letters of one inspection level, the three master tables, and the switching rules."""

    name: Annotated[str, Field(min_length=1)]
    level: Annotated[str, Field(min_length=1)]
    source: Annotated[str, Field(min_length=3)]
    verified: Annotated[bool, Field(strict=True)]
    code_letters: tuple[LotRange, ...]
    normal: MasterTable
    tightened: MasterTable
    reduced: MasterTable
    switching: Switching

    @model_validator(mode="after")
    def _ranges_rise_to_the_end(self) -> SamplingScheme:
        ends = [entry.up_to for entry in self.code_letters]
        inner = [end for end in ends[:-1] if end is not None]
        if not ends or ends[-1] is not None or len(inner) != len(ends) - 1 or sorted(set(inner)) != inner:
            raise ValueError("code_letters: 'up_to' must rise, and only the last may be null")
        return self

    def table(self, severity: Severity) -> MasterTable:
        """The master table of a severity."""
        tables: dict[Severity, MasterTable] = {
            "normal": self.normal, "tightened": self.tightened, "reduced": self.reduced,
        }  # fmt: skip
        return tables[severity]

    def unverified(self) -> tuple[str, ...]:
        """Names of the parts that nobody has compared with their source."""
        parts: dict[str, bool] = {
            "code_letters": self.verified,
            "normal": self.normal.verified,
            "tightened": self.tightened.verified,
            "reduced": self.reduced.verified,
            "switching": self.switching.verified,
        }
        return tuple(name for name, verified in parts.items() if not verified)


@dataclass(frozen=True, slots=True)
class SinglePlan:
    """Draw `sample_size`; at most `accept` bad ones accept the lot, `reject` or more reject it.

    Between the two (reduced inspection of some editions) the lot is accepted and normal inspection
    comes back. `all_balls`: the sample is the whole lot.
    """

    letter: str
    sample_size: int
    accept: int
    reject: int
    all_balls: bool = False


def _follow(column: Mapping[str, Entry], letter: str) -> str:
    """The letter whose plan holds, after the arrows."""
    letters = list(column)
    place, seen = letters.index(letter), set()
    while isinstance(entry := column[letters[place]], str):
        seen.add(place)
        place += 1 if entry == "down" else -1
        if place in seen or not 0 <= place < len(letters):
            raise ValueError(f"the arrow at letter {letter} leads nowhere")
    return letters[place]


def code_letter(scheme: SamplingScheme, lot_size: int) -> str:
    """Code letter of a lot.

    Raises:
        ValueError: fewer than two balls.
    """
    if lot_size < 2:
        raise ValueError(f"a lot of {lot_size} balls is not sampled; the least is 2")
    for entry in scheme.code_letters:
        if entry.up_to is None or lot_size <= entry.up_to:
            return entry.letter
    raise AssertionError("the last range has no end")


def single_plan(scheme: SamplingScheme, lot_size: int, aql: str, severity: Severity = "normal") -> SinglePlan:
    """The plan for a lot, arrows followed (sample size and numbers are then those of the other letter).

    Raises:
        ValueError: a lot of fewer than two balls, or an AQL that the table does not have.
    """
    table = scheme.table(severity)
    if aql not in table.plans:
        raise ValueError(f"there is no AQL {aql}; there are {', '.join(table.plans)}")
    letter = _follow(table.plans[aql], code_letter(scheme, lot_size))
    entry = table.plans[aql][letter]
    assert not isinstance(entry, str)
    size = table.sample_sizes[letter]
    return SinglePlan(letter, min(size, lot_size), *entry, all_balls=size >= lot_size)


def p_at_most(count: int, sample_size: int, share: float, lot_size: int | None = None) -> float:
    """Probability of at most `count` bad balls in a sample.

    Args:
        count: of bad balls, >= 0.
        sample_size: balls drawn, without putting back.
        share: of bad balls in the lot, 0..1; with a lot size, of which `round(share * lot_size)` are bad.
        lot_size: None for a lot without end (binomial), else hypergeometric.

    Raises:
        ValueError: out of range.
    """
    if not 0.0 <= share <= 1.0 or sample_size < 1 or count < 0:
        raise ValueError(f"share {share}, sample {sample_size} or count {count} is out of range")
    from scipy import stats

    if lot_size is None:
        return float(stats.binom.cdf(count, sample_size, share))
    if sample_size > lot_size:
        raise ValueError(f"{sample_size} balls cannot be drawn from {lot_size}")
    return float(stats.hypergeom.cdf(count, lot_size, round(share * lot_size), sample_size))


def p_accept(plan: SinglePlan, share: float, lot_size: int | None = None) -> float:
    """Probability that a lot with this share of bad balls is accepted (up to Re - 1 bad ones)."""
    return p_at_most(plan.reject - 1, plan.sample_size, share, lot_size)


class RepeatPlan(_Strict):
    """A first sample; where it fails, a second one that decides alone (`10 from 5 places, else 20`)."""

    name: Annotated[str, Field(min_length=1)]
    source: Annotated[str, Field(min_length=3)]
    verified: Annotated[bool, Field(strict=True)]
    first_size: Annotated[int, Field(ge=1)]
    first_accept: Annotated[int, Field(ge=0)]
    second_size: Annotated[int, Field(ge=1)]
    second_accept: Annotated[int, Field(ge=0)]
    places: Annotated[int, Field(ge=1)]


def p_accept_repeat(plan: RepeatPlan, share: float) -> float:
    """Probability that a large lot with this share of bad balls is accepted in the first or second sample."""
    first = p_at_most(plan.first_accept, plan.first_size, share)
    return first + (1.0 - first) * p_at_most(plan.second_accept, plan.second_size, share)


@dataclass(frozen=True, slots=True)
class LotResult:
    """One lot in a row of lots: how it was sampled and what was found; `stricter_accept`: Ac of the plan one
    AQL step tighter, None where there is none."""

    severity: Severity
    accepted: bool
    nonconforming: int
    accept: int
    stricter_accept: int | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """What the next lot is inspected with; `stopped`: sampling ends until the cause is removed."""

    severity: Severity
    score: int
    stopped: bool
    why: str


def next_severity(results: Sequence[LotResult], rules: Switching) -> Switch:
    """Severity of the next lot after a row of first inspections, oldest first; it begins with normal.

    normal -> tightened: `tighten_rejected` of the last `tighten_of_last` lots (or fewer) not accepted.
    tightened -> normal: `relax_accepted` lots in a row accepted. normal -> reduced: the switching score is
    reached (single sampling: Ac of 2 or more: +3 when the lot also passes one AQL step tighter, else 0;
    Ac of 0 or 1: +2 when accepted, else 0). reduced -> normal: a lot not accepted, or accepted with more
    than Ac. Stop: `stop_rejected_tightened` lots not accepted in one stretch of tightened inspection.

    Raises:
        ValueError: a lot was inspected with another severity than the rules ask for.
    """
    severity: Severity = "normal"
    score, rejected_tightened, stopped, why = 0, 0, False, "start"
    since: list[LotResult] = []
    for number, result in enumerate(results, 1):
        if result.severity != severity:
            raise ValueError(f"lot {number} was inspected {result.severity}, but {severity} was due")
        since.append(result)
        before = severity
        if severity == "normal":
            score = _score(score, result)
            last = since[-rules.tighten_of_last :]
            if sum(not lot.accepted for lot in last) >= rules.tighten_rejected:
                severity, why = (
                    "tightened",
                    f"{rules.tighten_rejected} of the last {len(last)} lots not accepted",
                )
            elif score >= rules.reduce_score:
                severity, why = "reduced", f"switching score {score}"
        elif severity == "tightened":
            rejected_tightened += not result.accepted
            last = since[-rules.relax_accepted :]
            if len(last) == rules.relax_accepted and all(lot.accepted for lot in last):
                severity, why = "normal", f"{rules.relax_accepted} lots in a row accepted"
            elif rejected_tightened >= rules.stop_rejected_tightened:
                stopped, why = True, f"{rejected_tightened} lots not accepted on tightened inspection"
        elif not result.accepted or result.nonconforming > result.accept:
            severity, why = "normal", "a lot on reduced inspection was not clearly accepted"
        if severity != before:
            since, score, rejected_tightened = [], 0, 0
        if stopped:
            break
    return Switch(severity, score, stopped, why)


def _score(score: int, result: LotResult) -> int:
    if result.accept >= 2:
        stricter = result.stricter_accept
        passed = result.accepted and stricter is not None and result.nonconforming <= stricter
        return score + 3 if passed else 0
    return score + 2 if result.accepted else 0


def aql_value(aql: str) -> float:
    """An AQL's name as percent."""
    value = float(aql)
    if not math.isfinite(value) or value <= 0.0:
        raise ValueError(f"{aql} is no AQL")
    return value
