"""Do the books balance? The formulas of every part's way, each side counted from another source.

triggers = parts + named trigger faults; views due = views got + named losses;
parts = accepted + rejected + bypassed; parts = PLC outcomes (by verdict or by default);
outcomes = confirmations + named faults; and the PLC's own totals against the rows.
Challenge balls are parts like all others here. Parts still in flight are named, not hidden.
Neighbours: `edge_runtime.ledger.tally` counts rows, `live_books` takes the running counts instead.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from edge_runtime.ledger.tally import IN_FLIGHT_MAX, OVERTAKING_PARTS, Start, Tally, ranges_text, take_tally

#: fault codes that stand for a trigger which made no part
TRIGGER_FAULT_PREFIX = "trigger_"


@dataclass(frozen=True, slots=True)
class BookLine:
    """One formula. `right` is the sum of `terms`, which name everything that was counted on that side."""

    formula: str
    left: int
    terms: dict[str, int]

    @property
    def right(self) -> int:
        """Sum of the terms."""
        return sum(self.terms.values())

    @property
    def difference(self) -> int:
        """Left minus right: 0 when it balances."""
        return self.left - self.right


@dataclass(frozen=True, slots=True)
class Books:
    """The result.

    Attributes:
        lines: the formulas.
        in_flight: parts (newest of a running line) that are not through yet, by name.
        problems: what is wrong or missing, in words, with part numbers.
        faults: named faults of ledger and PLC with their counts.
    """

    lines: tuple[BookLine, ...]
    in_flight: tuple[str, ...]
    problems: tuple[str, ...]
    faults: dict[str, int]

    @property
    def balanced(self) -> bool:
        """True when every difference is 0 and nothing is wrong."""
        return not self.problems and all(line.difference == 0 for line in self.lines)

    @property
    def settled(self) -> bool:
        """True when nothing is in flight."""
        return not self.in_flight

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "balanced": self.balanced,
            "settled": self.settled,
            "lines": [
                {
                    "formula": line.formula,
                    "left": line.left,
                    "right": line.right,
                    "difference": line.difference,
                    "terms": line.terms,
                }
                for line in self.lines
            ],
            "in_flight": list(self.in_flight),
            "problems": list(self.problems),
            "faults": self.faults,
        }

    def text(self) -> str:
        """For people: one line a formula, then what is wrong, in flight and named."""
        lines = []
        for line in self.lines:
            mark = "ok  " if line.difference == 0 else "FAIL"
            terms = " + ".join(f"{count} {name}" for name, count in line.terms.items() if count) or "0"
            gap = "" if line.difference == 0 else f"   (difference {line.difference:+d})"
            lines.append(f"{mark} {line.formula}: {line.left} = {terms}{gap}")
        lines += [f"FAIL {problem}" for problem in self.problems]
        if self.in_flight:
            lines.append(f"in flight, not through yet: {', '.join(self.in_flight)}")
        named = ", ".join(f"{code} {count}" for code, count in sorted(self.faults.items()) if count)
        lines.append(f"named faults: {named or 'none'}")
        lines.append("the books balance" if self.balanced else "the books do NOT balance")
        return "\n".join(lines)


def balance(connection: sa.Connection) -> Books:
    """Balance the books of one state of the ledger (use `store.reading`): every row is counted."""
    return balance_of(take_tally(connection))


def balance_of(tally: Tally) -> Books:
    """Compare what was counted."""
    in_flight: list[str] = []
    problems = list(tally.problems)
    trigger_line = _triggers(tally, in_flight, problems)
    outcome_line = _outcomes(tally, in_flight, problems)
    lines = [
        trigger_line,
        BookLine("views due = views got + named losses", tally.views_due, _views_terms(tally)),
        BookLine("parts = accepted + rejected + bypassed", _rows(tally), _verdict_terms(tally, problems)),
        outcome_line,
        BookLine("outcomes = confirmations + named faults", sum(tally.sides.values()), _confirm_terms(tally)),
        *_plc_lines(tally, len(in_flight)),
    ]
    return Books(tuple(lines), tuple(in_flight), tuple(problems), _named_faults(tally))


def _rows(tally: Tally) -> int:
    return sum(lane.rows for start in tally.starts for lane in start.lanes.values())


def _triggers(tally: Tally, in_flight: list[str], problems: list[str]) -> BookLine:
    """Triggers against rows, with the missing numbers and the doubled ones by name."""
    terms = Counter({"parts": _rows(tally)})
    missing = 0
    for start in tally.starts:
        if start.newest and start.without_row <= IN_FLIGHT_MAX * max(1, len(start.lanes)):
            terms["triggered, not judged yet"] += start.without_row
            in_flight += [f"newest trigger {number + 1}" for number in range(start.without_row)]
        elif not start.newest:
            terms["plc_restart"] += start.without_row
        else:
            problems.append(f"{start.without_row} triggers of {_start_name(start)} have no row")
        for number, lane in start.lanes.items():
            where = f"lane {number} of {_start_name(start)}"
            missing += len(lane.missing) + max(0, lane.unnamed)
            if lane.unnamed > 0:
                problems.append(f"no row for {lane.unnamed} part numbers, {where}")
            if lane.unnamed < 0:
                problems.append(f"{-lane.unnamed} rows too many for their part numbers, {where}")
            if lane.missing:
                problems.append(f"no row for part number {ranges_text(lane.missing)}, {where}")
            if lane.doubles:
                problems.append(f"two rows for part number {ranges_text(lane.doubles)}, {where}")
    for code, count in sorted(tally.faults.items()):
        if code.startswith(TRIGGER_FAULT_PREFIX) and missing:
            terms[code] += min(count, missing)
            missing -= min(count, missing)
    if not missing:
        problems[:] = [problem for problem in problems if not problem.startswith("no row for")]
    triggers = sum(start.triggers for start in tally.starts)
    return BookLine("triggers = parts + named trigger faults", triggers, dict(terms))


def _start_name(start: Start) -> str:
    return "epochs that were never agreed" if start.plc_boot_id is None else f"PLC start {start.plc_boot_id}"


def _views_terms(tally: Tally) -> dict[str, int]:
    return {"got": tally.views_got} | {
        f"lost ({cause})": count for cause, count in sorted(tally.views_lost.items())
    }


def _verdict_terms(tally: Tally, problems: list[str]) -> dict[str, int]:
    """Verdicts of the sorted parts, those without one by their cause; a part with neither is in no term."""
    terms = {"bypassed": tally.bypassed}
    terms |= {name: tally.verdicts.get(name, 0) for name in ("accept", "reject", "review")}
    terms |= {f"rejected, {cause}": count for cause, count in sorted(tally.undecided.items()) if cause}
    if tally.undecided.get("", 0):
        problems.append(f"{tally.undecided['']} parts have neither a verdict nor a cause for having none")
    unknown = sorted(set(tally.verdicts) - {"accept", "reject", "review"})
    problems += [f"{tally.verdicts[word]} parts have the unknown verdict '{word}'" for word in unknown]
    return terms


def _outcomes(tally: Tally, in_flight: list[str], problems: list[str]) -> BookLine:
    """Parts against the PLC's outcomes; those without are in flight, or named."""
    terms = Counter(tally.sides)
    overflow = sum(start.last_totals.get("outcome_overflow", 0) for start in tally.starts)
    for start in tally.starts:
        for number, lane in start.lanes.items():
            newest = lane.last_outcome_seq - OVERTAKING_PARTS
            flying = [part for part in lane.without_outcome if start.newest and part[1] > newest]
            flying = flying if len(flying) <= IN_FLIGHT_MAX else []
            terms["in flight"] += len(flying)
            in_flight += [f"{epoch}-{number}-{seq}" for epoch, seq in flying]
            lost = [part for part in lane.without_outcome if part not in set(flying)]
            if not start.newest:
                terms["plc_restart"] += len(lost)
                continue
            full = min(overflow, len(lost))
            overflow -= full
            terms["outcome_ring_full"] += full
            if len(lost) > full:
                seqs = ranges_text(seq for _, seq in lost)
                problems.append(f"no outcome for part number {seqs}, lane {number} of {_start_name(start)}")
    return BookLine("parts = PLC outcomes (by verdict or by default)", _rows(tally), dict(terms))


def _confirm_terms(tally: Tally) -> dict[str, int]:
    return {
        name: tally.confirms.get(name, 0) for name in ("confirmed", "not_seen", "wrong_chute", "no_station")
    }


def _plc_lines(tally: Tally, in_flight: int) -> list[BookLine]:
    """The PLC's totals against the rows that were there when it told them.

    The PLC counts a part as it passes the gate, the row comes a little later: so many
    may be missing here as are in flight, or were when the PLC started anew.
    """
    totals = [("accepted_total", "accept"), ("rejected_total", "reject"), ("confirmed_total", "confirmed")]
    if any("bypassed_total" in start.last_totals or start.told["bypass"] for start in tally.starts):
        totals.append(("bypassed_total", "bypass"))
    return [_plc_line(tally, in_flight, total, word) for total, word in totals]


def _plc_line(tally: Tally, in_flight: int, total: str, word: str) -> BookLine:
    left = 0
    terms: Counter[str] = Counter()
    for start in (start for start in tally.starts if start.last_totals):
        left += start.total(total)
        terms["rows"] += start.told[word]
        if word == "reject":
            terms["bypassed, no_station"] -= _bypassed_unseen(start)
        short = max(0, start.total(total) - start.told[word])
        unseen = {"confirmed": start.told["gap"], "bypass": _bypassed_unseen(start)}.get(word, 0)
        terms["no_station"] += min(short, unseen)
        short -= min(short, unseen)
        full = min(short, start.last_totals.get("outcome_overflow", 0))
        terms["outcome_ring_full"] += full
        short -= full
        lost = sum(len(lane.without_outcome) for lane in start.lanes.values()) + start.without_row
        flying, restart = min(short, in_flight), min(short, lost)
        terms["in flight" if start.newest else "plc_restart"] += flying if start.newest else restart
    return BookLine(f"PLC's {total} = rows", left, dict(terms))


def _bypassed_unseen(start: Start) -> int:
    """Parts that passed by key while no station was there: their rows, made for the gap, say rejected."""
    short = max(0, start.total("bypassed_total") - start.told["bypass"])
    too_many = max(0, start.told["reject"] - start.total("rejected_total"))
    return min(short, too_many, start.told["gap"])


def _named_faults(tally: Tally) -> dict[str, int]:
    """Faults of the ledger, and those that only the PLC counts."""
    named = Counter(tally.faults)
    for word in ("not_seen", "wrong_chute"):
        named[word] += tally.confirms.get(word, 0)
    for start in tally.starts:
        named["bypassed_no_station"] += _bypassed_unseen(start)
        for name in ("unproven_accepts", "stray_rejects", "trigger_overflow", "outcome_overflow"):
            named[name] += start.last_totals.get(name, 0)
    return {code: count for code, count in sorted(named.items()) if count}
