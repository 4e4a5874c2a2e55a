"""Recipe types: limits are data with a source.

One recipe file per product. `edge_runtime.config` reads the file; this module holds
the types and the content hash, so that the judge and its tests need no file.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vision.contract import BALL_LABELS


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Limit(_Strict):
    """One limit: its value, where it comes from, and whether somebody checked it there."""

    value: float
    source: str = Field(min_length=3, description="document, clause, contract or study it was taken from")
    verified: bool = Field(description="true once a person has compared it with the source")


class SizeLimits(_Strict):
    """Diameter band in mm at 20 degC; every caliper width in every view must lie inside."""

    d_nominal_mm: Annotated[float, Field(gt=0.0, le=300.0)]
    es_mm: Limit = Field(description="upper deviation from nominal, mm, >= 0")
    ei_mm: Limit = Field(description="lower deviation from nominal, mm, <= 0")
    ovality_max_mm: Limit | None = Field(
        default=None, description="largest minus smallest width over all views, mm; none: not judged"
    )
    guard_k: float = Field(
        default=0.0,
        ge=0.0,
        le=4.0,
        description="the band is narrowed by guard_k x standard uncertainty on both sides",
    )

    @model_validator(mode="after")
    def _band_is_open(self) -> SizeLimits:
        if not self.ei_mm.value < self.es_mm.value:
            raise ValueError(f"the band is empty: ei {self.ei_mm.value} mm, es {self.es_mm.value} mm")
        if self.d_nominal_mm + self.ei_mm.value <= 0:
            raise ValueError("the band reaches below 0 mm")
        return self

    @property
    def d_min_mm(self) -> float:
        """Smallest allowed width."""
        return self.d_nominal_mm + self.ei_mm.value

    @property
    def d_max_mm(self) -> float:
        """Largest allowed width."""
        return self.d_nominal_mm + self.es_mm.value


class FindingRule(_Strict):
    """What a class of finding does. Scores are 0..1.

    At or above `reject_score` the ball is rejected; from `review_score` up to it, review.
    None takes the threshold of the model's contract.
    """

    action: Literal["reject", "review", "ignore"] = "reject"
    reject_score: Limit | None = None
    review_score: Limit | None = None

    @model_validator(mode="after")
    def _scores_in_order(self) -> FindingRule:
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


class ViewLimits(_Strict):
    """When a view counts as proof. Grey levels 0..255, shares 0..1."""

    outline_share_min: Limit
    contrast_min: Limit
    focus_max_px: Limit = Field(description="largest 10-90 % width of the outline's edge, px")
    background_min: Limit
    background_max: Limit
    misplaced_max_share: Limit = Field(
        description="largest distance from the predicted place, in nominal diameters"
    )
    views_min: Annotated[int, Field(ge=1, description="fewer due views than this: reject, coverage")]


class BallRecipe(_Strict):
    """One product of the ball line."""

    schema_version: Literal[1] = 1
    kind: Literal["ball"] = "ball"
    product: str = Field(min_length=1)
    size_label: str = Field(min_length=1, description="size as the standard names it")
    size: SizeLimits
    views: ViewLimits
    findings: dict[str, FindingRule]

    @model_validator(mode="after")
    def _labels_are_ours(self) -> BallRecipe:
        missing = set(BALL_LABELS) - set(self.findings)
        unknown = set(self.findings) - set(BALL_LABELS)
        if missing or unknown:
            raise ValueError(
                "findings must name every ball label once: "
                f"missing {sorted(missing)}, unknown {sorted(unknown)}"
            )
        return self

    def unverified(self) -> tuple[str, ...]:
        """Dotted names of all limits that nobody has checked against their source."""
        names: list[str] = []

        def walk(value: object, name: str) -> None:
            if isinstance(value, Limit):
                if not value.verified:
                    names.append(name)
            elif isinstance(value, BaseModel):
                for key in type(value).model_fields:
                    walk(getattr(value, key), f"{name}.{key}" if name else key)
            elif isinstance(value, dict):
                for key, item in value.items():
                    walk(item, f"{name}.{key}")

        walk(self, "")
        return tuple(names)

    def sha256(self) -> str:
        """Content hash: the same limits give the same hash, whatever the file's layout."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8")).hexdigest()
