"""The judge: everything known of one ball and its product's limits in, one verdict with every reason out.

Reject unless proven good: ACCEPT needs every due view present and healthy, no mark, a
measured size and form inside their limits by the recipe's guard rule (`vision.judge_size`), the
coverage that the recipe demands, and no finding at its score. Anything less lists its reasons,
gravest first:

1. marks from outside the pictures (identity, time): nothing else of this part can be trusted;
2. findings on the ball, by how much harm the defect does, then size and form;
3. pictures that prove nothing, or too little;
4. what needs a second look (review).

The first of them travels to the PLC. Pure functions: no file, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from vision.contract import ModelContract
from vision.errors import ContractError
from vision.judge_size import judge_coverage, judge_size
from vision.reasons import REASON_NUMBERS
from vision.recipe import BallRecipe, FindingRule
from vision.types import Decision, Inspection, Reason, Verdict, ViewFault, ViewFindings

#: Ball labels by harm, worst first: what jams or bursts in a mill before what only looks bad.
LABEL_GRAVITY = ("double", "half", "crack", "spall", "neck", "lap", "seam", "mismatch", "flat", "scale_pit")

_FAULT_CODES: dict[ViewFault, str] = {
    ViewFault.NO_BALL: "misplaced",
    ViewFault.MISPLACED: "misplaced",
    ViewFault.OVERLAPPING: "overlapping",
    ViewFault.OUTLINE: "view_unhealthy",
    ViewFault.CONTRAST: "view_unhealthy",
    ViewFault.FOCUS: "view_unhealthy",
    ViewFault.BACKGROUND: "view_unhealthy",
    ViewFault.FRAME: "frame_unhealthy",
}


def require_labels(recipe: BallRecipe, contract: ModelContract) -> None:
    """Refuse a model that cannot see what the recipe wants judged.

    Raises:
        ContractError: a label with action reject or review is not among the model's labels.
    """
    wanted = {label for label, rule in recipe.findings.items() if rule.action != "ignore"}
    missing = sorted(wanted - set(contract.labels))
    if missing:
        raise ContractError(
            f"the model does not know what the recipe judges: {', '.join(missing)}",
            where=f"recipe '{recipe.product}'",
            todo="use a model with these labels, or set their action to 'ignore' in the recipe",
        )


def judge(
    inspection: Inspection,
    recipe: BallRecipe,
    contract: ModelContract,
    *,
    model_sha256: str,
    recipe_sha256: str | None = None,
) -> Verdict:
    """Judge one ball of the line.

    Args:
        inspection: all its views, fused.
        recipe: in force at its trigger.
        contract: of the model that made the detections; its thresholds stand in where the recipe has none.
        model_sha256: hash of that model's file.
        recipe_sha256: the recipe's hash where the caller has it already.

    Returns:
        ACCEPT without a reason, REJECT with at least one rejecting reason, else REVIEW.

    Raises:
        ContractError: the model does not know a label that the recipe judges.
    """
    require_labels(recipe, contract)
    found, doubtful = _findings(inspection.views, recipe, contract)
    size = judge_size(inspection, recipe)
    rejecting = [
        *_marks(inspection.marks),
        *found,
        *size.rejecting,
        *_coverage(inspection, recipe.views.views_min),
        *_view_faults(inspection.views),
    ]
    review = doubtful
    if not (rejecting and _no_healthy(inspection)):
        # Else it is pictures to measure in that are missing, and that is said already.
        rejecting += judge_coverage(inspection, recipe.coverage)
        review = [*size.review, *doubtful]
    recipe_hash = recipe_sha256 or recipe.sha256()
    return _verdict(inspection, rejecting, review, recipe_hash, model_sha256)


def judge_picture(
    inspection: Inspection, recipe: BallRecipe, contract: ModelContract, *, model_sha256: str
) -> Verdict:
    """Judge one bench picture of a ball: what it shows, not whether the whole ball was seen.

    As `judge`, but coverage is not asked, and a picture that proves nothing is `review` (somebody
    should take a better one) and not `reject` (nothing was found on the ball).
    """
    require_labels(recipe, contract)
    found, doubtful = _findings(inspection.views, recipe, contract)
    size = judge_size(inspection, recipe)
    rejecting = [*_marks(inspection.marks), *found, *size.rejecting]
    # No tracker said where the ball must be, so none can be misplaced.
    unclear = [replace(reason, code="view_unhealthy") for reason in _view_faults(inspection.views)]
    review = [*size.review, *unclear, *doubtful]
    return _verdict(inspection, rejecting, review, recipe.sha256(), model_sha256)


def _verdict(
    inspection: Inspection,
    rejecting: list[Reason],
    review: list[Reason],
    recipe_sha256: str,
    model_sha256: str,
) -> Verdict:
    if rejecting:
        decision = Decision.REJECT
    elif review:
        decision = Decision.REVIEW
    else:
        decision = Decision.ACCEPT
    return Verdict(
        inspection.part_id,
        decision,
        tuple(rejecting + review),
        recipe_sha256=recipe_sha256,
        model_sha256=model_sha256,
    )


def _marks(marks: tuple[str, ...]) -> list[Reason]:
    """Marks as they came; one that has no number is a fault of the station and rejects as such."""
    return [
        Reason(mark)
        if mark in REASON_NUMBERS and mark
        else Reason("inspection_error", f"unknown mark '{mark}'")
        for mark in dict.fromkeys(marks)
    ]


def scores(rule: FindingRule, threshold: float) -> tuple[float, float]:
    """Scores (review, reject) of a rule, `threshold` (the contract's) standing in for what it leaves open."""
    return rule.scores(threshold)


def lowest_score(recipe: BallRecipe, contract: ModelContract) -> float:
    """Score (0..1) from which a finding counts for something: a detector may leave out what is below."""
    return min(
        (
            scores(recipe.findings[label], threshold)[0]
            for label, threshold in contract.thresholds.items()
            if recipe.findings[label].action != "ignore"
        ),
        default=1.0,
    )


def _findings(
    views: tuple[ViewFindings, ...], recipe: BallRecipe, contract: ModelContract
) -> tuple[list[Reason], list[Reason]]:
    """Reasons from detections: (rejecting, review), one per label with its best score.

    Unhealthy views count too: they cannot prove a ball good, but they can show it bad.
    """
    rejecting: list[Reason] = []
    review: list[Reason] = []
    for label in LABEL_GRAVITY:
        rule = recipe.findings[label]
        if rule.action == "ignore" or label not in contract.labels:
            continue
        low, high = scores(rule, contract.thresholds[label])
        best = _best_views(views, label, low)
        if not best:
            continue
        score, view = best[0]
        rejects = rule.action == "reject" and score >= high
        limit = high if rejects else low
        text = f"{label} in {len(best)} of {len(views)} views"
        reason = Reason(
            label if rejects or rule.action == "review" else "score_review",
            text,
            value=score,
            limit=limit,
            camera=view.camera,
            view_index=view.index,
        )
        (rejecting if rejects else review).append(reason)
    return rejecting, review


def _best_views(
    views: tuple[ViewFindings, ...], label: str, lowest: float
) -> list[tuple[float, ViewFindings]]:
    """Views with a detection of `label` at or above `lowest`, with its best score, best first."""
    best = []
    for view in views:
        detections = view.detections
        own = [
            float(detections.score[index])
            for index in range(len(detections))
            if detections.label(index) == label and float(detections.score[index]) >= lowest
        ]
        if own:
            best.append((max(own), view))
    return sorted(best, key=lambda item: (-item[0], item[1].index))


def _no_healthy(inspection: Inspection) -> bool:
    return all(view.fault is not ViewFault.OK for view in inspection.views)


def _coverage(inspection: Inspection, views_min: int) -> Iterable[Reason]:
    """Views that were due and are not there, and balls of which geometry promised too few."""
    due, got = inspection.views_due, len(inspection.views)
    if due == 0:
        yield Reason(
            "no_views_due", "no exposure falls where the ball is in the picture", value=0.0, limit=views_min
        )
    for lost in inspection.lost:
        yield Reason("view_missing", lost.cause, camera=lost.camera)
    unnamed = due - got - len(inspection.lost)
    if unnamed != 0:
        text = f"{due} views due, {got} came, {len(inspection.lost)} lost with a cause"
        yield Reason("view_missing", text, value=float(got), limit=float(due))
    if 0 < due < views_min:
        yield Reason("coverage", f"only {due} views due", value=float(due), limit=float(views_min))


def _view_faults(views: tuple[ViewFindings, ...]) -> Iterable[Reason]:
    for view in views:
        if view.fault is not ViewFault.OK:
            text = f"{view.fault.value}: {view.detail}" if view.detail else view.fault.value
            yield Reason(_FAULT_CODES[view.fault], text, camera=view.camera, view_index=view.index)
