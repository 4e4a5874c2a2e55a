"""The rail report's sections."""

from __future__ import annotations

from datasets.scoring.costs import StationCosts
from training.evaluation import targets
from training.evaluation.baseline import BaselineFigures
from training.evaluation.gallery import Gallery
from training.evaluation.page import Section, Table, counted, share, with_bounds
from training.evaluation.page_common import (
    baseline_section,
    calibration_section,
    kinds_section,
    precision_section,
    targets_section,
    thresholds_section,
)
from training.evaluation.rail import DEFECT, FALSE_PER_METRE, DirtOnDefect, PerMetre, RailEvaluation


def rail_targets(evaluation: RailEvaluation, baseline: BaselineFigures | None) -> list[targets.Target]:
    """What is asked of a rail model."""
    figures = evaluation.figures
    detection = figures.detection
    ap50 = {one.label: one.ap50.value for one in detection.labels}
    at = detection.of(DEFECT).at_threshold
    recall = None if at is None else at.recall.share
    dirt = figures.dirt
    measured = "not measured" if dirt is None else f"{dirt.boxes.share:.4f}"
    return [
        targets.at_least("defect AP50", ap50.get(DEFECT), targets.DEFECT_AP50),
        targets.at_least("gap AP50", ap50.get("gap"), targets.GAP_AP50),
        targets.Target(
            "share of dirt overlapped by a defect finding (IoU 0.3)",
            f"under {targets.LARGEST_DIRT_SHARE:g}",
            measured,
            None if dirt is None else dirt.boxes.share < targets.LARGEST_DIRT_SHARE,
        ),
        targets.at_least("defect recall at that threshold (IoU 0.5)", recall, targets.LEAST_DEFECT_RECALL),
        targets.against_baseline(
            detection.map50.value, None if baseline is None else baseline.detection.map50.value
        ),
    ]


def rail_sections(
    evaluation: RailEvaluation, costs: StationCosts, gallery: Gallery, baseline: BaselineFigures | None
) -> list[Section]:
    """All sections of the page, in order."""
    figures, scored = evaluation.figures, evaluation.scored
    detection = figures.detection
    unit = "picture"
    sections = [
        targets_section(rail_targets(evaluation, baseline)),
        precision_section(scored, detection, unit),
        thresholds_section(detection, scored.labels, figures.thresholds_from, unit),
    ]
    if figures.dirt is not None:
        sections.append(_dirt(figures.dirt))
    if baseline is not None:
        sections.append(baseline_section(detection, baseline))
    if figures.rendered is not None:
        sections.append(_rendered(figures.rendered))
    sections.append(kinds_section(detection, unit))
    on = f"the same pictures as above (split {' and '.join(figures.splits)})"
    sections.append(calibration_section(figures.chosen, costs, on))
    sections.append(_gallery(gallery))
    return sections


def _dirt(dirt: DirtOnDefect) -> Section:
    return Section(
        "Dirt called a defect",
        (
            f"{counted(dirt.boxes)} labelled boxes of dirt are overlapped (IoU {dirt.least_iou:g}) by a "
            f"defect finding at or above {dirt.threshold:.3f}; with groups drawn anew: "
            f"{with_bounds(dirt.by_group)}.",
        ),
    )


def _rendered(rails: PerMetre) -> Section:
    head = ("label", "marks", "threshold", "recall", "false per metre")
    recall = tuple(f"recall at {value:g} false per metre" for value in FALSE_PER_METRE)
    rows = tuple(
        (
            one.label,
            str(one.objects),
            share(one.threshold),
            counted(one.recall),
            share(one.false_per_metre),
            *(share(value) for value in one.recall_at),
        )
        for one in rails.labels
    )
    words = (
        f"{rails.rails} rendered rails, {rails.metres:.1f} m. They are renders: their marks are real patches "
        "and drawn ones, their steel is not.",
    )
    return Section("Per metre of rendered rail", words, (Table((*head, *recall), rows),))


def _gallery(gallery: Gallery) -> Section:
    words = ("Truth green, findings at or above their threshold red; contrast stretched.",)
    return Section("What went worst", words, gallery=gallery)
