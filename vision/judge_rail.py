"""The judge of one picture of a rail: its findings and the recipe in, a verdict with every reason out.

A picture is as bad as its worst finding's action. It is never accepted: one picture cannot show that a
rail is free of marks, so where nothing was found a person looks on (`single_picture`).
Neighbours: `vision.rail` finds, `vision.rail_recipe` says what a finding does, `vision.judge` judges balls.
"""

from __future__ import annotations

from vision.contract import ModelContract
from vision.errors import ContractError
from vision.rail import RailFindings
from vision.rail_recipe import RailRecipe
from vision.types import Decision, Detections, PartId, Reason, Verdict

#: Rail labels by harm, worst first.
RAIL_GRAVITY = ("defect", "gap", "dirt")


def require_rail_labels(recipe: RailRecipe, contract: ModelContract) -> None:
    """Refuse a model that cannot see what the recipe wants judged.

    Raises:
        ContractError: a label with action reject or review is not among the model's labels.
    """
    wanted = {label for label, rule in recipe.findings.items() if rule.action != "leave"}
    missing = sorted(wanted - set(contract.labels))
    if missing:
        raise ContractError(
            f"the model does not know what the recipe judges: {', '.join(missing)}",
            where=f"recipe '{recipe.product}'",
            todo="use a model with these labels, or set their action to 'leave' in the recipe",
        )


def judge_rail_picture(
    findings: RailFindings, recipe: RailRecipe, contract: ModelContract, *, model_sha256: str
) -> Verdict:
    """Judge one picture of a rail.

    Args:
        findings: what it showed.
        recipe: what each class of finding does.
        contract: of the model that made the detections; its thresholds stand in where the recipe has none.
        model_sha256: hash of that model's file.

    Returns:
        REJECT with at least one rejecting reason, else REVIEW; never ACCEPT.

    Raises:
        ContractError: the model does not know a label that the recipe judges.
    """
    require_rail_labels(recipe, contract)
    rejecting: list[Reason] = []
    review: list[Reason] = []
    for label in RAIL_GRAVITY:
        rule = recipe.findings[label]
        if rule.action == "leave" or label not in contract.labels:
            continue
        low, high = rule.scores(contract.thresholds[label])
        number, best = _count(findings.detections, label, low)
        if not number:
            continue
        rejects = rule.action == "reject" and best >= high
        code = label if rejects or rule.action == "review" else "score_review"
        text = f"{number} x {label}"
        (rejecting if rejects else review).append(
            Reason(code, text, value=best, limit=high if rejects else low)
        )
    unclear = [] if findings.found else [_NOT_FOUND]
    unproven = [] if rejecting or review else [_SINGLE]
    return Verdict(
        PartId(0, 0, 0),
        Decision.REJECT if rejecting else Decision.REVIEW,
        (*rejecting, *unclear, *review, *unproven),
        recipe_sha256=recipe.sha256(),
        model_sha256=model_sha256,
    )


_NOT_FOUND = Reason("rail_not_found", "no rail head stands out, so the whole picture was searched as it is")
_SINGLE = Reason("single_picture", "nothing that counts was found, and one picture cannot clear a rail")


def _count(detections: Detections, label: str, lowest: float) -> tuple[int, float]:
    """(how many of a label reach a score, the best of them)."""
    own = [
        float(detections.score[index])
        for index in range(len(detections))
        if detections.label(index) == label and float(detections.score[index]) >= lowest
    ]
    return len(own), max(own, default=0.0)
