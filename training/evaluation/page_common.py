"""Sections that both stations share: classes, false alarms, kinds, confusion, calibration, costs."""

from __future__ import annotations

from collections.abc import Sequence

from datasets.scoring.costs import StationCosts
from datasets.scoring.matching import match_all
from datasets.scoring.operating_point import Chosen
from datasets.scoring.pictures import Scored
from training.evaluation.baseline import BaselineFigures
from training.evaluation.detection import (
    FALSE_PER_PICTURE,
    LOOSE_IOU,
    MATCH_IOU,
    DetectionFigures,
    Slice,
)
from training.evaluation.page import Section, Table, counted, share, with_bounds
from training.evaluation.plots import false_alarm_svg, precision_recall_svg, reliability_svg
from training.evaluation.targets import Target, compared, words


def targets_section(targets: Sequence[Target]) -> Section:
    """What is asked, and what was measured."""
    head = ("figure", "asked", "measured", "")
    return Section("Against what is asked", tables=(Table(head, words(targets)),))


def precision_section(scored: Scored, figures: DetectionFigures, unit: str) -> Section:
    """Average precision, and the curves."""
    rows = [
        (
            one.label,
            str(one.objects),
            with_bounds(one.ap50),
            share(one.ap50_95),
            *(share(at.recall.share) for at in one.at_false_alarms),
        )
        for one in figures.labels
        if one.objects
    ]
    total = sum(one.objects for one in figures.labels)
    blank = ("",) * len(FALSE_PER_PICTURE)
    rows.append(("all", str(total), with_bounds(figures.map50), share(figures.map50_95.value), *blank))
    recall = tuple(f"recall at {value:g} false per {unit}" for value in FALSE_PER_PICTURE)
    matched = match_all(scored, MATCH_IOU)
    return Section(
        "Precision and recall",
        (
            f"{figures.pictures} {unit}s in {figures.groups} groups. Average precision as COCO computes it "
            f"(faster-coco-eval); bounds at 95 % from {figures.resamples} resamples of whole groups. The "
            f"bounds of mAP50-95: {share(figures.map50_95.low)} to {share(figures.map50_95.high)}.",
        ),
        (Table(("label", "boxes", "AP50", "AP50-95", *recall), tuple(rows)),),
        (precision_recall_svg(matched), false_alarm_svg(matched, figures.pictures)),
    )


def thresholds_section(figures: DetectionFigures, labels: Sequence[str], source: str, unit: str) -> Section:
    """What happens at the thresholds, and what is confused with what."""
    rows = []
    for one in figures.labels:
        at = one.at_threshold
        if at is not None:
            loose = with_bounds(one.recall_loose)
            cells = (counted(at.recall), loose, with_bounds(at.precision), share(at.false_per_picture))
            rows.append((one.label, share(at.threshold), *cells))
    head = (
        "label",
        "threshold",
        f"recall, IoU {MATCH_IOU:g}",
        f"recall, IoU {LOOSE_IOU:g}",
        "precision",
        f"false per {unit}",
    )
    names = (*labels, "nothing")
    confusion = tuple(
        (f"is {name}", *(str(value) for value in row))
        for name, row in zip(names, figures.confusion, strict=True)
        if any(row)
    )
    return Section(
        "At the thresholds",
        (f"Thresholds: {source}. Bounds of shares are Clopper and Pearson's, box by box.",),
        (
            Table(head, tuple(rows)),
            Table(("", *(f"called {name}" for name in names)), confusion, "What was taken for what"),
        ),
    )


def kinds_section(figures: DetectionFigures, unit: str) -> Section:
    """Labelled boxes by finer class, size, origin and sensor; false alarms by sensor."""
    named = (
        ("finer class", figures.fine),
        ("size (square root of the box's area)", figures.by_size),
        ("origin of the mark", figures.by_origin),
        ("sensor", figures.by_sensor),
    )
    tables = [_kinds_table(name, rows, unit) for name, rows in named if rows]
    false = tuple(
        (one.kind, str(one.pictures), str(one.false), share(one.per_picture))
        for one in figures.false_by_sensor
    )
    head = ("sensor", f"{unit}s", "false findings", f"per {unit}")
    return Section("By kind", tables=(*tables, Table(head, false, "False alarms by sensor")))


def calibration_section(chosen: Chosen, costs: StationCosts, on: str) -> Section:
    """Calibration, and what is to be expected at thresholds chosen by cost."""
    fits = []
    for label, one in chosen.fitted.items():
        known = one.calibration
        after = share(known.ece) if known is not None else one.why_not
        slope = f"{known.a:.2f}, {known.b:+.2f}" if known is not None else "–"
        fits.append((label, str(one.real), str(one.false), slope, share(one.ece_before), after))
    points = tuple(
        (
            label,
            f"{point.cost_escape:g} : {point.cost_false_reject:g}",
            share(point.probability_limit),
            share(chosen.thresholds[label]),
            "{:.3f} ({:.3f} to {:.3f})".format(*point.escape_share),
            "{:.1f} ({:.1f} to {:.1f})".format(*point.false_per_1000),
        )
        for label, point in chosen.points.items()
    )
    unit = next(iter(chosen.points.values())).unit if chosen.points else "picture"
    sure = "" if costs.verified else " These costs are NOT VERIFIED: they are this project's assumptions."
    svg = reliability_svg(chosen.fitted)
    return Section(
        "Calibration and operating point",
        (
            f"Fitted on {on}: Platt's fit on the logit of the score, label by label. The error after the "
            "fit, the diagrams and the expectations below are of groups that neither fit nor threshold had "
            "seen (five folds of groups); the fit and the threshold themselves use all groups.",
            f"Costs: {costs.source}{sure}",
            *chosen.notes,
        ),
        (
            Table(("label", "real", "false", "a, b", "ECE of scores", "ECE after"), tuple(fits)),
            Table(
                (
                    "label",
                    "cost of escape : false reject",
                    "probability limit",
                    "threshold",
                    "escapes expected",
                    f"false findings per 1,000 {unit}s without it",
                ),
                points,
                "Thresholds by cost",
            ),
        ),
        (svg,) if svg else (),
    )


def baseline_section(own: DetectionFigures, baseline: BaselineFigures) -> Section:
    """Our model beside the stock recipe, on the same pictures."""
    other = baseline.detection
    rows = [
        (one.label, with_bounds(one.ap50), with_bounds(other.of(one.label).ap50))
        for one in own.labels
        if one.objects
    ]
    rows.append(("mAP50", with_bounds(own.map50), with_bounds(other.map50)))
    rows.append(("mAP50-95", with_bounds(own.map50_95), with_bounds(other.map50_95)))
    ratio, rest = compared(own.map50.value, other.map50.value)
    times = f", and is {ratio:.2f} times it" if other.map50.value > 0.0 else ""
    return Section(
        "Beside the stock recipe",
        (
            f"{baseline.recipe} Scored on the same pictures by the same code. mAP50 gains {rest:.0%} of what "
            f"the stock recipe's lacks to 1{times}.",
            baseline.caution,
        ),
        (Table(("", "this model", "stock recipe"), tuple(rows)),),
    )


def _kinds_table(name: str, rows: Sequence[Slice], unit: str) -> Table:
    head = (name, "label", "found by name at the threshold", "found by any name")
    recall = tuple(f"recall at {value:g} false per {unit}" for value in FALSE_PER_PICTURE)
    cells = tuple(
        (one.kind, one.label, counted(one.named), share(one.seen.share), *(share(v) for v in one.recall_at))
        for one in rows
    )
    return Table((*head, *recall), cells)
