"""Do the verdicts belong to the balls whose numbers they bear, or to their neighbours?

Two kinds of evidence. Direct: a verdict whose echo of the encoder count is another
part's. Statistical: over a run, rejects for what was found on the ball must fall on
truly defective balls; if they fall on the balls before or behind instead, the likelihood
says so. Neighbours: `auditor` calls `shifted`, `auditor_join` gave the pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import median

from edge_runtime.twin.auditor_join import WHOLE, Join, Stretch
from edge_runtime.twin.auditor_plc import LoggedVerdict, PartKey, PlcPart
from edge_runtime.twin.auditor_report import AuditFinding, Kind, Severity
from edge_runtime.twin.auditor_truth import TruthBall
from vision.reasons import REASON_NUMBERS
from vision.types import Decision

#: chance that verdicts which are rightly aligned are called shifted
SIGNIFICANCE = 1e-4
SHIFTS = (-1, 1)
#: reasons up to this number speak of the ball itself
LAST_BALL_REASON = 49
#: fewer refused echoes than this that point the same way are no pattern
MIN_ECHOES = 3
#: rates at which a station may reject defective and good balls, all equally likely beforehand
_HIT_RATES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97)
_FALSE_RATES = (0.003, 0.01, 0.03, 0.06, 0.1, 0.18)
assert REASON_NUMBERS["coverage"] <= LAST_BALL_REASON


@dataclass(frozen=True, slots=True)
class Judged:
    """One part in belt order. None: says nothing about the ball, or the ball about the part."""

    rejected: bool | None
    defective: bool | None


def evidence(parts: Sequence[Judged], shift: int) -> float:
    """E-value for "the verdict of part i describes the ball of part i + shift" against shift 0.

    Numerator: likelihood of the verdicts under the shift, averaged over a grid of hit
    and false rates. Denominator: likelihood without a shift at the best rates there are.
    Whatever the true rates, the expected value without a shift is at most 1, so the
    chance of a value of x or more is at most 1 / x (Markov; the construction is that of
    universal inference, Wasserman, Ramdas and Balakrishnan, 2020).
    """
    shifted: Counter[tuple[bool, bool]] = Counter()
    straight: Counter[tuple[bool, bool]] = Counter()
    for index, part in enumerate(parts):
        if part.rejected is None or part.defective is None or not 0 <= index + shift < len(parts):
            continue
        other = parts[index + shift].defective
        if other is None:
            continue
        shifted[other, part.rejected] += 1
        straight[part.defective, part.rejected] += 1
    best = sum(_best(straight[truth, True], straight[truth, False]) for truth in (True, False))
    grid = [(hit, false) for hit in _HIT_RATES for false in _FALSE_RATES if hit > false]
    logs = [
        _log_likelihood(shifted[True, True], shifted[True, False], hit)
        + _log_likelihood(shifted[False, True], shifted[False, False], false)
        - best
        for hit, false in grid
    ]
    top = max(logs)
    return exp(min(top + log(sum(exp(value - top) for value in logs) / len(grid)), 700.0))


def _log_likelihood(rejected: int, accepted: int, rate: float) -> float:
    return rejected * log(rate) + accepted * log(1.0 - rate)


def _best(rejected: int, accepted: int) -> float:
    total = rejected + accepted
    if not rejected or not accepted:
        return 0.0
    return _log_likelihood(rejected, accepted, rejected / total)


def shifted(
    join: Join, last_view_ns: dict[PartKey, int], stretch: Stretch = WHOLE, looks: int = 1
) -> list[AuditFinding]:
    """`verdicts_shifted`, when there is evidence for it.

    Args:
        join: balls and parts.
        last_view_ns: when each part's last due view was handed over.
        stretch: the balls that are asked.
        looks: in how many stretches of one run this is asked; each gets its share of `SIGNIFICANCE`.
    """
    findings = []
    rows = [row for row in _in_order(join) if stretch.has_count(row[0].centre)]
    parts = [_judged(ball, part) for ball, part in rows]
    for shift in SHIFTS:
        value = evidence(parts, shift)
        if value * SIGNIFICANCE >= len(SHIFTS) * looks:
            findings.append(
                AuditFinding(
                    Kind.VERDICTS_SHIFTED,
                    Severity.VIOLATION,
                    f"the verdicts fit the balls {shift:+d} in line {value:.3g} times better than their own "
                    f"(by chance at most once in {1.0 / SIGNIFICANCE:.0f} runs); "
                    + _stamps(rows, shift, last_view_ns),
                )
            )
    return findings + _echoes(join, stretch)


def _in_order(join: Join) -> list[tuple[TruthBall, PlcPart | None]]:
    # Neighbours are those of the same lane: one lane behind another.
    balls = sorted(join.truth.in_order(), key=lambda ball: ball.lane)
    return [(ball, join.own_part(ball)) for ball in balls if join.parts_of[ball.ball]]


def _judged(ball: TruthBall, part: PlcPart | None) -> Judged:
    # A hidden defect tells nothing of what a sound station would have said.
    defective = None if part is None or ball.hidden else not ball.is_good
    said = _said(part)
    if said is None:
        return Judged(None, defective)
    if said.verdict == Decision.ACCEPT:
        return Judged(False, defective)
    return Judged(True if 0 < said.reason <= LAST_BALL_REASON else None, defective)


def _said(part: PlcPart | None) -> LoggedVerdict | None:
    """The first verdict that bears the part's own name, whether it was in time or not."""
    if part is None:
        return None
    return next(
        (
            verdict
            for verdict in part.verdicts
            if verdict.epoch == part.epoch and verdict.echo == part.encoder_count
        ),
        None,
    )


def _stamps(
    rows: Sequence[tuple[TruthBall, PlcPart | None]], shift: int, last_view_ns: dict[PartKey, int]
) -> str:
    own, other = [], []
    for index, (_, part) in enumerate(rows):
        said = _said(part)
        if part is None or said is None or not 0 <= index + shift < len(rows):
            continue
        neighbour = rows[index + shift][1]
        if neighbour is None or part.key not in last_view_ns or neighbour.key not in last_view_ns:
            continue
        own.append(said.written_ns - last_view_ns[part.key])
        other.append(said.written_ns - last_view_ns[neighbour.key])
    if not own:
        return "no stamps to compare"
    return (
        f"they were written {median(own) / 1e6:.1f} ms (median) behind the last view of their own ball, "
        f"{median(other) / 1e6:.1f} ms behind that of the other"
    )


def _echoes(join: Join, stretch: Stretch) -> list[AuditFinding]:
    """Refused verdicts whose echo is that of a part nearby."""
    offsets: Counter[int] = Counter()
    for key, part in join.log.parts.items():
        if not stretch.has_count(part.centre):
            continue
        for verdict in part.verdicts:
            if verdict.echo == part.encoder_count:
                continue
            for offset in (-2, -1, 1, 2):
                near = join.log.parts.get(PartKey(key.boot, key.lane, key.trigger_seq + offset))
                if near is not None and near.encoder_count == verdict.echo:
                    offsets[offset] += 1
    return [
        AuditFinding(
            Kind.VERDICTS_SHIFTED,
            Severity.FINDING,
            f"{count} verdicts bear the encoder count of the part {offset:+d} of their number; "
            "the PLC refused them (one such match is a 1 in 65536 chance)",
        )
        for offset, count in sorted(offsets.items())
        if count >= MIN_ECHOES
    ]
