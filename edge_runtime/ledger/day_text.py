"""Acts, challenges and alarms for the terminal: plain values for JSON, and one line each for people.

Neighbours: `day_queries` and `alarms` read them, `edge_runtime.commands.ledger` prints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from edge_runtime.ledger.alarms import AlarmFacts
from edge_runtime.ledger.day_queries import ActFacts, ChallengeFacts
from edge_runtime.ledger.queries import Row, utc_text

_Facts = ActFacts | ChallengeFacts | AlarmFacts


def as_json(facts: Sequence[_Facts]) -> list[Row]:
    """Plain values; every `..._utc_ns` has its time as text beside it."""
    return [_with_times(asdict(item)) for item in facts]


def _with_times(row: Row) -> Row:
    times = {key.removesuffix("_ns"): utc_text(row[key]) for key in row if key.endswith("utc_ns")}
    return times | row


def act_line(act: ActFacts) -> str:
    """When, who, what was asked, and what it changed."""
    who = f"{act.by} ({act.role})" if act.by else "by itself"
    asked = ", ".join(f"{key}: {value}" for key, value in act.asked.items() if key != "kind")
    changed = ", ".join(
        f"{key}: {_name(act.before.get(key))} -> {_name(value)}" for key, value in act.after.items()
    )
    line = f"{utc_text(act.utc_ns)}  {act.revision:>5}  {act.act:<18} {who:<24} {asked}"
    return f"{line}  [{changed}]" if changed else line.rstrip()


def _name(value: Any) -> str:
    """Of a shift, lot and so on its name; other values as they are."""
    if isinstance(value, dict):
        known = (value[key] for key in ("name", "challenge", "recipe") if key in value)
        return str(next(known, "..."))
    return "-" if value in (None, "") else str(value)


def challenge_line(found: ChallengeFacts) -> str:
    """When, which, how it ended, and what it put in doubt."""
    line = f"{utc_text(found.utc_ns)}  {found.challenge:<8} {found.result:<12} {found.expected:<10}"
    line += (
        f" {found.rejected} of {found.balls} rejected, {found.accepted} accepted, {found.unproven} unproven"
    )
    line += f", by {found.by}, lane {found.lane}"
    if found.result == "missed":
        answer = "answered by a passed one" if found.answered else "NOT ANSWERED"
        line += f": {found.contained} accepted parts in doubt, {answer}"
    return f"{line}  {found.detail}".rstrip()


def alarm_line(alarm: AlarmFacts) -> str:
    """When it came and went, what it is, and who has seen it."""
    end = "stands" if alarm.cleared_utc_ns is None else f"until {utc_text(alarm.cleared_utc_ns)}"
    seen = f"seen by {alarm.acknowledged_by}" if alarm.acknowledged_by else "not acknowledged"
    values = " ".join(f"{key}={value}" for key, value in alarm.values.items())
    what = " ".join(filter(None, (alarm.code, alarm.subject)))
    line = f"{utc_text(alarm.raised_utc_ns)}  {alarm.id:>5} {alarm.level:<8} {what:<30} {end}, {seen}"
    return "  ".join(filter(None, (line, values, alarm.note)))
