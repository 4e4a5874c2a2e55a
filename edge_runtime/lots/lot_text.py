"""A lot for machines (plain dictionaries for JSON) and for the terminal."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from edge_runtime.ledger.queries import utc_text
from edge_runtime.lots.data import Diameters, LotData
from edge_runtime.lots.hardness import ball_hardness
from edge_runtime.lots.lab_section import LabData
from edge_runtime.lots.line_text import counts_json, happenings_json, happenings_lines
from edge_runtime.lots.lot_day import LotDay
from edge_runtime.lots.statistics import LotFigures, SizeStatistics, WearChart

Json = dict[str, Any]
#: About so many classes hold the middle nine tenths of the balls.
_CLASSES = 16
_WIDTHS_MM = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def lot_json(lot: LotData, figures: LotFigures, lab: LabData, certificates: list[Json], day: LotDay) -> Json:
    """Everything known of a lot; diameters in mm at 20 degC, times in UTC."""
    capable = figures.capability
    return {
        "lot": lot.lot,
        "first_utc": utc_text(lot.first_utc_ns),
        "last_utc": utc_text(lot.last_utc_ns),
        "shifts": list(lot.shifts),
        **asdict(lot.counts),
        "reasons": lot.reasons,
        "recipes": lot.recipes,
        "size_histogram": size_histogram(lot.diameters),
        "sizes_all": plain_sizes(figures.all_balls),
        "sizes_accepted": plain_sizes(figures.accepted),
        "wear": wear_json(figures.wear),
        "p_chart": p_chart_json(figures),
        "capability": None if capable is None else asdict(capable) | {"worst_ppk": capable.worst_ppk},
        "hardness": [hardness_json(row, lab) for row in lab.hardness],
        "samples": lab.samples,
        "certificates": certificates,
        "product": day.summary.product,
        "opened_by": day.summary.opened_by,
        "opened_utc": utc_text(day.summary.opened_utc_ns),
        "closed_by": day.summary.closed_by,
        "closed_utc": utc_text(day.summary.closed_utc_ns),
        "counts": counts_json(day.summary.counts),
        "line": happenings_json(day.happenings),
    }


def plain_sizes(sizes: SizeStatistics | None) -> Json | None:
    """Statistics of sizes as a dictionary."""
    return None if sizes is None else asdict(sizes)


def size_histogram(balls: Diameters) -> list[Json]:
    """Mean diameters in classes of one round width that hold any: `from_mm`, `to_mm`, `balls`."""
    values = balls.mean_mm
    if not len(values):
        return []
    middle = float(np.subtract(*np.quantile(values, (0.95, 0.05))))
    width = next((w for w in _WIDTHS_MM if middle / w <= _CLASSES), _WIDTHS_MM[-1])
    numbers, counts = np.unique(np.floor(values / width).astype(int), return_counts=True)
    return [
        {"from_mm": round(number * width, 4), "to_mm": round((number + 1) * width, 4), "balls": int(count)}
        for number, count in zip(numbers, counts, strict=True)
    ]


def wear_json(wear: WearChart | None) -> Json | None:
    """The EWMA chart: what was learned, drift, the first alarm, and the points after the learned ones."""
    if wear is None:
        return None
    return {
        "target_mm": wear.baseline.target,
        "sigma_mm": wear.baseline.sigma,
        "baseline_periods": wear.baseline.groups,
        "weight": wear.chart.weight,
        "width": wear.chart.width,
        "alarm_utc": utc_text(wear.alarm_utc_ns),
        "drift_mm_per_hour": wear.drift.slope,
        "u_drift_mm_per_hour": wear.drift.u_slope,
        "learned": [
            {"utc": utc_text(start), "balls": count, "value": mean}
            for start, count, mean in list(
                zip(wear.periods.start_utc_ns, wear.periods.count, wear.periods.mean_mm, strict=True)
            )[: wear.learned]
        ],
        "points": [
            {"utc": utc_text(start), "balls": count, **asdict(point)}
            for start, count, point in zip(
                wear.watched_utc_ns, wear.periods.count[wear.learned :], wear.chart.points, strict=True
            )
        ],
    }


def p_chart_json(figures: LotFigures) -> Json | None:
    """The p-chart: centre and all points."""
    if figures.rejects is None:
        return None
    points = zip(figures.rejects.start_utc_ns, figures.rejects.chart.points, strict=True)
    return {
        "centre": figures.rejects.chart.centre,
        "points": [
            {"utc": utc_text(start), "share": point.share, **asdict(point)} for start, point in points
        ],
    }


def hardness_json(row: Json, lab: LabData) -> Json:
    """An entry of the lab with its means and volume hardness."""
    formula = lab.tables.volume_hardness
    found = ball_hardness(row["readings"], formula)
    worked_out = {
        "mean_hrc": found.mean_hrc,
        "volume_hrc": found.volume_hrc,
        "formula_source": formula.source,
        "formula_verified": formula.verified,
    }
    return row | worked_out


def lot_text(data: Json) -> str:
    """The lot on a terminal."""
    lines = [f"lot {data['lot']}: {data['first_utc']} to {data['last_utc']}"]
    counts = (
        "balls", "accepted", "rejected", "bypassed", "open", "challenge", "contained", "unproven",
        "wrong_chute",
    )  # fmt: skip
    lines.append("  ".join(f"{name.replace('_', ' ')} {data[name]}" for name in counts))
    lines += [f"  {code or '(none)':<22} {count:>8}" for code, count in data["reasons"].items()]
    for name, title in (("sizes_all", "all measured balls"), ("sizes_accepted", "accepted balls")):
        if sizes := data[name]:
            expanded = "unknown" if sizes["expanded_mm"] is None else f"{sizes['expanded_mm']:.3f}"
            lines.append(
                f"{title}: n {sizes['count']}, mean {sizes['mean_mm']:.3f} mm, s {sizes['s_mm']:.3f} mm, "
                f"widths {sizes['smallest_mm']:.2f} .. {sizes['largest_mm']:.2f} mm, "
                f"U {expanded} mm (k = 2)"
            )
    lines += histogram_lines(data["size_histogram"])
    if wear := data["wear"]:
        alarm = f"ALARM at {wear['alarm_utc']}" if wear["alarm_utc"] else "no alarm"
        lines.append(
            f"EWMA of the mean diameter: {alarm}; drift {wear['drift_mm_per_hour']:+.3f} mm/h "
            f"(u {wear['u_drift_mm_per_hour']:.3f})"
        )
    if capable := data["capability"]:
        lines.append(f"Ppk {capable['worst_ppk']:.2f}")
    for row in data["hardness"]:
        volume = "-" if row["volume_hrc"] is None else f"{row['volume_hrc']:.1f}"
        surface = row["mean_hrc"].get("surface")
        shown = "-" if surface is None else f"{surface:.1f}"
        lines.append(
            f"hardness entry {row['id']}: ball {row['ball']}, surface {shown} HRC, volume {volume} HRC"
        )
    for row in data["samples"]:
        result = "passed" if row["nonconforming"] < row["reject"] else "not passed"
        lines.append(
            f"sample entry {row['id']}: {row['plan']}: "
            f"{row['nonconforming']} bad of {row['sample_size']}, {result}"
        )
    for row in data["certificates"]:
        state = "stands" if row["superseded_by"] is None else f"superseded by {row['superseded_by']}"
        lines.append(f"certificate {row['number']}: by {row['by_name']}, {state}")
    lines += happenings_lines(data["line"])
    return "\n".join(lines)


def histogram_lines(bins: list[Json]) -> list[str]:
    """A histogram of characters."""
    highest = max((item["balls"] for item in bins), default=1)
    return [
        f"  {item['from_mm']:>8.2f} mm {'#' * round(40 * item['balls'] / highest):<40} {item['balls']}"
        for item in bins
    ]
