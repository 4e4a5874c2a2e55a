"""Recipe types, schema version 2: limits are data with a source.

One recipe per product. `edge_runtime.config` reads the file, `edge_runtime.catalogue` makes
recipes from the tables of a standard; this module holds the types, so that the judge and its tests need
no file; `vision.recipe_parts` has what rails share. Files of version 1 are read too
(`vision.recipe_upgrade`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from vision.contract import BALL_LABELS
from vision.recipe_parts import Limit as Limit
from vision.recipe_parts import ScoredRule, Strict, Text, content_sha256, unverified_limits
from vision.recipe_upgrade import upgraded

#: Uncertainty demanded by guard rule `simple` where a recipe names none.
DEFAULT_U_MAX = {
    "value": 0.25,
    "source": "test uncertainty ratio of at least 4, usual with simple acceptance (ILAC-G8:09/2019)",
    "verified": False,
}


#: Beyond these a limit of a view is none: a share of 90 (for 0.9), a place anywhere in the picture.
_VIEW_LIMIT_MAX = {
    "outline_share_min": 1.0,
    "contrast_min": 255.0,
    "focus_max_px": 50.0,
    "misplaced_max_share": 1.0,
}


class Standard(Strict):
    """The document a product is made to."""

    name: Text
    clause: str = ""
    edition: str = ""


class Hardness(Strict):
    """Hardness the product is ordered with. Data for papers only: a camera cannot see it."""

    group: Text = Field(description="hardness group as the standard names it")
    surface_hrc_min: Limit | None = None
    volume_hrc_min: Limit | None = None


class SizeLimits(Strict):
    """Diameter band in mm at 20 degC; every caliper width in every view must lie inside."""

    nominal_mm: Limit = Field(description="diameter that the band is about, mm; not always the size label")
    es_mm: Limit = Field(description="upper deviation from nominal, mm")
    ei_mm: Limit = Field(description="lower deviation from nominal, mm, below es_mm")

    @field_validator("nominal_mm")
    @classmethod
    def _nominal_can_be(cls, nominal: Limit) -> Limit:
        if not 0.0 < nominal.value <= 300.0:
            raise ValueError(f"a nominal diameter lies above 0 and up to 300 mm, got {nominal.value}")
        return nominal

    @model_validator(mode="after")
    def _band_is_open(self) -> SizeLimits:
        if not self.ei_mm.value < self.es_mm.value:
            raise ValueError(f"the band is empty: ei {self.ei_mm.value} mm, es {self.es_mm.value} mm")
        if self.d_min_mm <= 0.0:
            raise ValueError(f"the band reaches down to {self.d_min_mm:g} mm: no diameter is 0 or below")
        return self

    @property
    def d_nominal_mm(self) -> float:
        """Nominal diameter."""
        return self.nominal_mm.value

    @property
    def d_min_mm(self) -> float:
        """Smallest allowed width."""
        return self.nominal_mm.value + self.ei_mm.value

    @property
    def d_max_mm(self) -> float:
        """Largest allowed width."""
        return self.nominal_mm.value + self.es_mm.value


class FormLimits(Strict):
    """Limits of form beside the band; none: not judged.

    Ovality is the largest minus the smallest caliper width over all views, and `ovality_max_share`
    states it as a share of the nominal diameter; where both are given the smaller one is in force.
    Roundness is RONt about the minimum-zone circles after the Gaussian filter 1-50 UPR (ISO 12181-1),
    the largest over all views. A speck is a deviation of the outline that was taken for dust or a
    flake and left out of the measurement.
    """

    ovality_max_mm: Limit | None = None
    ovality_max_share: Limit | None = None
    roundness_max_mm: Limit | None = None
    speck_max_mm: Limit | None = Field(
        default=None, description="largest deviation of the outline that may be taken for dust, mm"
    )
    speck_action: Literal["reject", "review"] = Field(
        default="reject", description="what a larger one does: it may be a neck or a flake of the ball's own"
    )

    @model_validator(mode="after")
    def _limits_can_be(self) -> FormLimits:
        for name in ("ovality_max_mm", "ovality_max_share", "roundness_max_mm", "speck_max_mm"):
            limit: Limit | None = getattr(self, name)
            highest = 1.0 if name.endswith("_share") else 300.0
            if limit is not None and not 0.0 < limit.value < highest:
                raise ValueError(f"{name} must lie between 0 and {highest:g}, got {limit.value}")
        return self


class Guard(Strict):
    """How the uncertainty of a measurement counts when it is compared with a limit.

    - none: figures are compared as they are, however large the uncertainty is.
    - simple: likewise (simple acceptance), but only while U = 2u is at most `u_max_share` of the
      tolerance; else review. The tolerance is half the width of a band, or a one-sided limit itself
      (ILAC-G8:09/2019: 1 / u_max_share is the test uncertainty ratio).
    - one_sided_95: limits are moved inwards by 1.645 u for acceptance (ISO 14253-1: the supplier proves
      conformance with 95 %); up to as far beyond the limit it is review, and farther out reject.
    - factor: as one_sided_95 with `k` in place of 1.645.
    """

    rule: Literal["none", "simple", "one_sided_95", "factor"]
    u_max_share: Limit | None = Field(default=None, description="rule simple only")
    k: Annotated[float, Field(gt=0.0, le=4.0)] | None = Field(default=None, description="rule factor only")

    @model_validator(mode="before")
    @classmethod
    def _say_what_is_asked(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("rule") == "simple" and data.get("u_max_share") is None:
            return {**data, "u_max_share": DEFAULT_U_MAX}
        return data

    @model_validator(mode="after")
    def _figures_fit_the_rule(self) -> Guard:
        if (self.k is not None) != (self.rule == "factor"):
            raise ValueError("'k' belongs to rule 'factor', and to no other")
        if self.u_max_share is None:
            return self
        if self.rule != "simple":
            raise ValueError("'u_max_share' belongs to rule 'simple', and to no other")
        if not 0.0 < self.u_max_share.value <= 1.0:
            raise ValueError(f"u_max_share must lie in (0, 1], got {self.u_max_share.value}")
        return self


class FlatAsk(Strict):
    """A flat of `depth_mm` must have shown at least `visible_mm` of it with this probability."""

    depth_mm: Annotated[float, Field(gt=0.0)]
    visible_mm: Annotated[float, Field(gt=0.0)]
    probability_min: Limit


class NeckAsk(Strict):
    """A neck of `height_mm` must have shown at least `visible_mm` of it with this probability."""

    height_mm: Annotated[float, Field(gt=0.0)]
    visible_mm: Annotated[float, Field(gt=0.0)]
    probability_min: Limit


class CrackAsk(Strict):
    """A crack of `length_mm` must have lain whole in one view with this probability."""

    length_mm: Annotated[float, Field(gt=0.0)]
    probability_min: Limit


@dataclass(frozen=True, slots=True)
class CoverageAsk:
    """The sizes that coverage is counted for; None (both of a pair): not asked for."""

    view_angle_max_deg: float = 60.0
    flat_depth_mm: float | None = None
    flat_visible_mm: float | None = None
    neck_height_mm: float | None = None
    neck_visible_mm: float | None = None
    crack_length_mm: float | None = None


class CoverageDemand(Strict):
    """How much of a ball must have been seen before it can be accepted; less is a reject.

    `view_angle_max_deg`: texture counts as seen up to this angle between the surface's normal and
    the direction to the camera.
    """

    surface_share_min: Limit | None = None
    flat: FlatAsk | None = None
    neck: NeckAsk | None = None
    crack: CrackAsk | None = None
    view_angle_max_deg: Annotated[float, Field(gt=0.0, lt=90.0)] = 60.0

    @model_validator(mode="after")
    def _shares_can_be(self) -> CoverageDemand:
        limits = {"surface_share_min": self.surface_share_min}
        for name, ask in (("flat", self.flat), ("neck", self.neck), ("crack", self.crack)):
            limits[f"{name}.probability_min"] = None if ask is None else ask.probability_min
        if not any(limits.values()):
            raise ValueError("nothing is asked for: name a share or a defect, or leave 'coverage' out")
        for name, limit in limits.items():
            if limit is not None and not 0.0 < limit.value <= 1.0:
                raise ValueError(f"{name} must lie in (0, 1], got {limit.value}: more can never be reached")
        return self

    def beyond(self, diameter_mm: float) -> tuple[str, ...]:
        """Why a ball of this diameter could never reach it; empty when it can."""
        wrong = []
        flat, neck, crack = self.flat, self.neck, self.crack
        if flat is not None and not flat.visible_mm < flat.depth_mm < diameter_mm / 2.0:
            wrong.append(
                f"flat: {flat.visible_mm:g} mm to be seen of {flat.depth_mm:g} mm depth on a ball of "
                f"{diameter_mm:g} mm; must be visible < depth < half the diameter"
            )
        if neck is not None and not neck.visible_mm < neck.height_mm:
            wrong.append(f"neck: {neck.visible_mm:g} mm to be seen of {neck.height_mm:g} mm; must be less")
        longest_mm = diameter_mm * math.radians(self.view_angle_max_deg)
        if crack is not None and not crack.length_mm < longest_mm:
            wrong.append(
                f"crack: {crack.length_mm:g} mm long, and one view shows at most {longest_mm:.1f} mm of "
                f"a ball of {diameter_mm:g} mm"
            )
        return tuple(wrong)


class FindingRule(ScoredRule):
    """What a class of finding does. Scores are 0..1.

    At or above `reject_score` the ball is rejected; from `review_score` up to it, review.
    None takes the threshold of the model's contract.
    """

    action: Literal["reject", "review", "ignore"] = "reject"


class ViewLimits(Strict):
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

    @model_validator(mode="after")
    def _limits_can_be(self) -> ViewLimits:
        for name, highest in _VIEW_LIMIT_MAX.items():
            limit: Limit = getattr(self, name)
            if not 0.0 < limit.value <= highest:
                raise ValueError(f"{name} must lie above 0 and up to {highest:g}, got {limit.value}")
        low, high = self.background_min.value, self.background_max.value
        if not 0.0 <= low < high <= 255.0:
            raise ValueError(f"no background lies within {low:g}..{high:g}: grey levels are 0..255")
        return self


class BallRecipe(Strict):
    """One product of the ball line."""

    schema_version: Literal[2]
    kind: Literal["ball"] = "ball"
    product: Text
    size_label: Text = Field(description="size as the standard names it (conditional diameter), text")
    standard: Standard | None = None
    hardness: Hardness | None = None
    size: SizeLimits
    form: FormLimits = FormLimits()
    guard: Guard
    coverage: CoverageDemand | None = None
    views: ViewLimits
    findings: dict[str, FindingRule]

    @model_validator(mode="before")
    @classmethod
    def _read_older_versions(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("kind") == "rail":
            raise ValueError("it is for the rail station, not for balls")
        return upgraded(data) if isinstance(data, dict) else data

    @field_validator("coverage")
    @classmethod
    def _coverage_can_be_reached(
        cls, coverage: CoverageDemand | None, info: ValidationInfo
    ) -> CoverageDemand | None:
        size: SizeLimits | None = info.data.get("size")
        wrong = coverage.beyond(size.d_nominal_mm) if coverage is not None and size is not None else ()
        if wrong:
            raise ValueError("can never be reached: " + "; ".join(wrong))
        return coverage

    @field_validator("findings")
    @classmethod
    def _labels_are_ours(cls, findings: dict[str, FindingRule]) -> dict[str, FindingRule]:
        missing = set(BALL_LABELS) - set(findings)
        unknown = set(findings) - set(BALL_LABELS)
        if missing or unknown:
            raise ValueError(
                "findings must name every ball label once: "
                f"missing {sorted(missing)}, unknown {sorted(unknown)}"
            )
        return findings

    @property
    def coverage_ask(self) -> CoverageAsk:
        """The sizes to count coverage for; the plain defaults where the recipe demands none."""
        demand = self.coverage
        if demand is None:
            return CoverageAsk()
        return CoverageAsk(
            view_angle_max_deg=demand.view_angle_max_deg,
            flat_depth_mm=demand.flat.depth_mm if demand.flat else None,
            flat_visible_mm=demand.flat.visible_mm if demand.flat else None,
            neck_height_mm=demand.neck.height_mm if demand.neck else None,
            neck_visible_mm=demand.neck.visible_mm if demand.neck else None,
            crack_length_mm=demand.crack.length_mm if demand.crack else None,
        )

    def unverified(self) -> tuple[str, ...]:
        """Dotted names of all limits that nobody has checked against their source."""
        return unverified_limits(self)

    def sha256(self) -> str:
        """Content hash: the same limits give the same hash, whatever the file's layout."""
        return content_sha256(self)
