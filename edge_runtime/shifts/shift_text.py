"""A shift for machines (plain dictionaries for JSON) and for the terminal."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from edge_runtime.ledger.day_queries import ShiftSummary
from edge_runtime.ledger.queries import utc_text
from edge_runtime.lots.line_text import counts_json, happenings_json, happenings_lines
from edge_runtime.lots.lot_text import histogram_lines, plain_sizes, size_histogram
from edge_runtime.lots.statistics import size_statistics
from edge_runtime.shifts.data import RecipeInShift, ShiftData

Json = dict[str, Any]


def summary_json(summary: ShiftSummary) -> Json:
    """One line of the list of shifts; times in UTC."""
    return {
        "id": summary.id,
        "name": summary.name,
        "opened_by": summary.opened_by,
        "opened_utc": utc_text(summary.opened_utc_ns),
        "closed_by": summary.closed_by,
        "closed_utc": utc_text(summary.closed_utc_ns),
        "counts": counts_json(summary.counts),
    }


def shift_json(shift: ShiftData) -> Json:
    """All of a shift; diameters in mm at 20 degC."""
    return {
        **summary_json(shift.summary),
        "is_open": shift.is_open,
        "lots": [asdict(lot) for lot in shift.lots],
        "recipes": [_recipe_json(used) for used in shift.recipes],
        "unverified_limits": list(shift.unverified),
        "owed_challenges": None
        if shift.owed is None
        else [
            {"due_utc": utc_text(item.due_utc_ns), "passed_utc": utc_text(item.passed_utc_ns)}
            for item in shift.owed
        ],
        "rejects": shift.rejects.count,
        "line": happenings_json(shift.happenings),
    }


def _recipe_json(used: RecipeInShift) -> Json:
    balls = used.balls.diameters
    return {
        "sha256": used.sha256,
        "product": None if used.recipe is None else used.recipe.product,
        "sizes_all": plain_sizes(size_statistics(balls)),
        "sizes_accepted": plain_sizes(size_statistics(balls.only(balls.accepted))),
        "size_histogram": size_histogram(balls),
    }


def shift_lines(data: Json) -> list[str]:
    """The shift on a terminal, from `shift_json`."""
    closed = "still OPEN" if data["is_open"] else f"closed {data['closed_utc']} by {data['closed_by']}"
    counts = data["counts"]
    lines = [
        f"shift {data['id']} '{data['name']}': opened {data['opened_utc']} by {data['opened_by']}, {closed}",
        "  ".join(
            f"{name} {counts[name]}"
            for name in ("parts", "accepted", "rejected", "bypassed", "open", "challenge", "contained")
        ),
    ]
    lines += [f"  {code or '(none)':<22} {count:>8}" for code, count in counts["reasons"].items()]
    lines += [
        f"lot {lot['lot'] or '(no lot)'}: {lot['accepted']} of {lot['parts']} accepted"
        for lot in data["lots"]
    ]
    for used in data["recipes"]:
        if sizes := used["sizes_all"]:
            name = used["product"] or used["sha256"][:12]
            mean, s = sizes["mean_mm"], sizes["s_mm"]
            lines.append(f"{name}: n {sizes['count']}, mean {mean:.3f} mm, s {s:.3f} mm")
        lines += histogram_lines(used["size_histogram"])
    for item in data["owed_challenges"] or ():
        late = f"passed late, {item['passed_utc']}" if item["passed_utc"] else "NOT DONE"
        lines.append(f"challenge due {item['due_utc']}: {late}")
    return [*lines, *happenings_lines(data["line"])]
