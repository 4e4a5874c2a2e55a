"""What happened at the line for machines (plain dictionaries for JSON) and for the terminal."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from edge_runtime.ledger.day_counts import Counts
from edge_runtime.ledger.queries import utc_text
from edge_runtime.lots.happenings import Happenings

Json = dict[str, Any]


def counts_json(counts: Counts) -> Json:
    """Counts with the time of the first ball as text."""
    data = asdict(counts)
    return data | {"first_utc": utc_text(data.pop("first_utc_ns"))}


def happenings_json(happenings: Happenings) -> Json:
    """Downtime, challenges, alarms, faults, acts, recipe changes and books; times in UTC."""
    found = happenings.downtime
    return {
        "begin_utc": utc_text(happenings.begin_utc_ns),
        "end_utc": utc_text(happenings.end_utc_ns),
        "availability": found.up_s / found.total_s if found.total_s > 0.0 else None,
        "downtime": asdict(found),
        "challenges": [_timed(asdict(item)) for item in happenings.challenges],
        "alarms": [_timed(asdict(item)) for item in happenings.alarms],
        "faults": [_timed(asdict(item)) for item in happenings.faults],
        "acts": [_timed(asdict(item)) for item in happenings.acts],
        "recipe_changes": [_timed(asdict(item)) for item in happenings.recipe_changes],
        "books": happenings.books.as_json(),
    }


def _timed(row: Json) -> Json:
    """A row whose times in nanoseconds are texts in UTC."""
    return {
        key.removesuffix("_ns") if key.endswith("utc_ns") else key: utc_text(value)
        if key.endswith("utc_ns")
        else value
        for key, value in row.items()
    }


def happenings_lines(data: Json) -> list[str]:
    """The same for the terminal, from `happenings_json`."""
    share = "unknown" if data["availability"] is None else f"{data['availability']:.1%}"
    lines = [f"availability: {share} of {data['downtime']['total_s']:.0f} s"]
    lines += [
        f"  {cause:<22} {length:>8.0f} s"
        for cause, length in sorted(data["downtime"]["by_cause_s"].items(), key=lambda item: -item[1])
    ]
    for item in data["challenges"]:
        lines.append(
            f"challenge {item['challenge']} at {item['utc']}: {item['result'].upper()}, "
            f"{item['rejected']} of {item['balls']} rejected, by {item['by']}"
        )
    lines += [f"fault {item['code']} x{item['count']}" for item in data["faults"]]
    for item in data["alarms"]:
        who = item["acknowledged_by"]
        lines.append(
            f"alarm {item['code']} {item['subject']} at {item['raised_utc']}: "
            + (f"acknowledged by {who}" if who else "NOT acknowledged")
        )
    lines += [f"{item['utc']}  {item['by'] or 'station'}: {item['act']}" for item in data["acts"]]
    books = data["books"]
    lines.append("the books balance" if books["balanced"] else "THE BOOKS DO NOT BALANCE")
    return lines
