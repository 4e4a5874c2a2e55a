"""What recipes of every station are made of: limits with a source, rules of findings, the content hash.

Neighbours: `vision.recipe` (balls) and `vision.rail_recipe` (rails) build on it; the judges read the rules.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Source = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]


class Strict(BaseModel):
    """A part of a recipe: unknown keys and numbers that are none are refused, and nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Limit(Strict):
    """One limit: its value, where it comes from, and whether somebody checked it there."""

    value: Annotated[float, Field(strict=True)]
    source: Source = Field(description="document, clause, contract or study it was taken from")
    verified: Annotated[bool, Field(strict=True)] = Field(
        description="true once a person has compared it with the source"
    )


class ScoredRule(Strict):
    """Scores (0..1) from which a class of finding counts.

    At or above `reject_score` it counts in full; from `review_score` up to it, for review.
    None takes the threshold of the model's contract.
    """

    reject_score: Limit | None = None
    review_score: Limit | None = None

    @model_validator(mode="after")
    def _scores_in_order(self) -> ScoredRule:
        for name, limit in (("reject_score", self.reject_score), ("review_score", self.review_score)):
            if limit is not None and not 0.0 < limit.value <= 1.0:
                raise ValueError(f"{name} must lie in (0, 1], got {limit.value}")
        if (
            self.reject_score is not None
            and self.review_score is not None
            and self.review_score.value > self.reject_score.value
        ):
            raise ValueError("review_score is above reject_score")
        return self

    def scores(self, threshold: float) -> tuple[float, float]:
        """Scores (review, reject), `threshold` (the contract's) standing in for what the rule leaves open."""
        reject = threshold if self.reject_score is None else self.reject_score.value
        review = min(threshold, reject) if self.review_score is None else self.review_score.value
        return min(review, reject), reject


def unverified_limits(recipe: BaseModel) -> tuple[str, ...]:
    """Dotted names of all parts with a `verified` field that nobody has checked against their source."""
    names: list[str] = []

    def walk(value: object, name: str) -> None:
        if isinstance(value, BaseModel):
            if getattr(value, "verified", None) is False:
                names.append(name)
            for key in type(value).model_fields:
                walk(getattr(value, key), f"{name}.{key}" if name else key)
        elif isinstance(value, dict):
            for key, item in value.items():
                walk(item, f"{name}.{key}")

    walk(recipe, "")
    return tuple(names)


def content_sha256(recipe: BaseModel) -> str:
    """Content hash: the same limits give the same hash, whatever the file's layout."""
    text = json.dumps(recipe.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
