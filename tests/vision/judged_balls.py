"""Inspections made by hand for the judge's tests: a ball proven good, and changes to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_runtime.recipes import recipe_for_diameter
from tests.vision.small_models import ball_contract
from vision.contract import BALL_LABELS
from vision.recipe import BallRecipe, Limit
from vision.types import (
    BallOutline,
    Detections,
    Inspection,
    PartId,
    Verdict,
    ViewFault,
    ViewFindings,
)

CONTRACT = ball_contract()  # thresholds 0.8
#: 40 mm, +2 -2, guard one_sided_95, specks up to 0.5 mm (review), at least 4 views
RECIPE = recipe_for_diameter(40.0)
U_MM = 0.1
GUARD_MM = 1.645 * U_MM
PART = PartId(3, 1, 9)
OUTLINE = BallOutline((0.0, 0.0), 160.0, 159.0, 161.0, 1.0, 120.0, 2.5, (0.0, 0.0, 160.0, 160.0))


def limit(value: float) -> Limit:
    """A verified limit."""
    return Limit(value=value, source="drawn up for this test", verified=True)


def boxes(*found: tuple[str, float]) -> Detections:
    """Detections with these labels and scores."""
    n = len(found)
    return Detections(
        np.zeros((n, 4), np.float32),
        np.array([score for _, score in found], np.float32),
        np.array([BALL_LABELS.index(label) for label, _ in found], np.int64),
        BALL_LABELS,
    )


def view(
    index: int, fault: ViewFault = ViewFault.OK, found: Detections | None = None, **figures: Any
) -> ViewFindings:
    """One view of a ball of 40 mm."""
    detail = "" if fault is ViewFault.OK else "why"
    found = boxes() if found is None else found
    sizes: dict[str, Any] = {"diameter_min_mm": 39.9, "diameter_max_mm": 40.1, "diameter_mean_mm": 40.0}
    return ViewFindings(
        PART, "left", index, 1, 2, 3, fault, detail, OUTLINE, detections=found, **{**sizes, **figures}
    )


GOOD_VIEWS = tuple(view(index) for index in range(4))


def part(**changes: Any) -> Inspection:
    """A ball proven good, but for the changes."""
    values: dict[str, Any] = {
        "part_id": PART,
        "views_due": 4,
        "views": GOOD_VIEWS,
        "lost": (),
        "marks": (),
        "diameter_min_mm": 39.9,
        "diameter_max_mm": 40.1,
        "diameter_mean_mm": 40.0,
        "u_diameter_mm": U_MM,
        "roundness_mm": 0.05,
        "u_roundness_mm": 0.02,
        "speck_mm": 0.0,
    }
    return Inspection(**{**values, **changes})


def with_view(*, fault: ViewFault = ViewFault.OK, found: Detections | None = None) -> dict[str, Any]:
    """The change that the last of four views is another."""
    return {"views": (*GOOD_VIEWS[:3], view(3, fault, found))}


def recipe(**changes: Any) -> BallRecipe:
    """RECIPE with sections changed; a section is a mapping of what changes in it, or None."""
    data = RECIPE.model_dump()
    for section, value in changes.items():
        merges = isinstance(value, dict) and isinstance(data[section], dict) and section != "guard"
        data[section] = {**data[section], **value} if merges else value
    return BallRecipe.model_validate(data)


def codes(verdict: Verdict) -> list[str]:
    """The reasons' words, in order."""
    return [reason.code for reason in verdict.reasons]
