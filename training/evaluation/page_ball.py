"""The ball report's sections."""

from __future__ import annotations

from datasets.scoring.costs import StationCosts
from training.evaluation import targets
from training.evaluation.ball import (
    GROSS_LABELS,
    WIDE_CRACK_PX,
    BallEvaluation,
    BallFigures,
    CrackProof,
)
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


def ball_targets(figures: BallFigures, baseline: BaselineFigures | None) -> list[targets.Target]:
    """What is asked of a ball model; the crack's figure is that of a finding of any label."""
    proof = figures.cracks[0] if figures.cracks else None
    result = [
        targets.at_least(
            f"AP50 over {', '.join(GROSS_LABELS)}", figures.gross_ap50.value, targets.GROSS_AP50
        ),
        targets.at_least(
            f"recall of cracks of {WIDE_CRACK_PX:g} px and more at 1 false alarm per 1,000 good views",
            None if proof is None else proof.recall.share,
            targets.CRACK_RECALL,
        ),
        _enough("good views counted", None if proof is None else proof.false.n, targets.LEAST_GOOD_VIEWS),
        _enough("views of such cracks", None if proof is None else proof.recall.n, targets.LEAST_CRACK_VIEWS),
    ]
    if baseline is not None:
        result.append(targets.against_baseline(figures.detection.map50.value, baseline.detection.map50.value))
    return result


def ball_sections(
    evaluation: BallEvaluation, costs: StationCosts, gallery: Gallery, baseline: BaselineFigures | None
) -> list[Section]:
    """All sections of the page, in order."""
    figures, scored = evaluation.figures, evaluation.scored
    detection = figures.detection
    unit = "view"
    sections = [
        targets_section(ball_targets(figures, baseline)),
        precision_section(scored, detection, unit),
        _views(figures),
    ]
    if figures.cracks:
        sections.append(_cracks(figures))
    if baseline is not None:
        sections.append(baseline_section(detection, baseline))
    if figures.real:
        sections.append(_real(figures))
    sections.append(thresholds_section(detection, scored.labels, figures.thresholds_from, unit))
    sections.append(kinds_section(detection, unit))
    if figures.kinds:
        sections.append(_kinds(figures))
    if figures.chosen is not None:
        sections.append(calibration_section(figures.chosen, costs, "the val split of the training renders"))
    words = ("Truth green, findings at or above their threshold red; contrast stretched.",)
    sections.append(Section("What went worst", words, gallery=gallery))
    return sections


def _enough(name: str, value: int | None, least: int) -> targets.Target:
    measured = "not measured" if value is None else str(value)
    return targets.Target(name, f"at least {least}", measured, None if value is None else value >= least)


def _views(figures: BallFigures) -> Section:
    rows = tuple(
        (one.label, counted(one.views), share(one.views_named.share), counted(one.balls))
        for one in figures.labels
    )
    head = ("label", "views rejected", "under its own name", "balls rejected, all their views seen")
    false = ", ".join(f"{label} {count}" for label, count in figures.false_by_label.items() if count)
    return Section(
        "By view and by ball",
        (
            f"Thresholds: {figures.thresholds_from}. A view is rejected when any label reaches its "
            "threshold, a ball when any of its views is. Bounds are Clopper and Pearson's.",
            f"Good views rejected: {counted(figures.good_views)}. Good balls rejected: "
            f"{counted(figures.good_balls)}. False alarms by label: {false or 'none'}.",
        ),
        (Table(head, rows),),
    )


def _cracks(figures: BallFigures) -> Section:
    widths = tuple((name, counted(value)) for name, value in figures.crack_widths)
    return Section(
        "Cracks",
        (
            f"Views that show a crack at least {WIDE_CRACK_PX:g} px wide. In the first two rows the "
            "threshold is the lowest at which at most 1 good view in 1,000 of these same views is rejected; "
            "the last row is at thresholds that had seen none of them.",
        ),
        (
            Table(
                ("what rejects a view", "threshold", "recall by view", "recall, balls drawn anew", "false"),
                tuple(_proof_row(proof) for proof in figures.cracks),
            ),
            Table(("width of the crack", "rejected at the model's thresholds"), widths),
        ),
    )


def _proof_row(proof: CrackProof) -> tuple[str, ...]:
    limit = "each its own" if proof.threshold is None else share(proof.threshold)
    return proof.rule, limit, counted(proof.recall), with_bounds(proof.by_ball), counted(proof.false)


def _real(figures: BallFigures) -> Section:
    rows = tuple(
        (
            one.source,
            f"{one.pictures} in {one.groups} groups",
            counted(one.false),
            counted(one.seen),
            counted(one.boxes),
            ", ".join(f"{label} {count}" for label, count in one.by_label.items()) or "none",
        )
        for one in figures.real
    )
    head = (
        "source",
        "pictures",
        "good pictures rejected",
        "pictures with damage rejected",
        "boxes with a finding on them",
        "labels found",
    )
    words = (
        "Reality checks at the model's thresholds: real balls without a defect, pitting of other parts.",
    )
    return Section("On real pictures", words, (Table(head, rows),))


def _kinds(figures: BallFigures) -> Section:
    rows = tuple((one.key, one.kind, counted(one.found), counted(one.false)) for one in figures.kinds)
    return Section(
        "By what the renderer drew",
        tables=(Table(("", "", "defects rejected", "good views rejected"), rows),),
    )
