"""Limits of gauge and attribute studies: types, and the words that follow from them.

The figures are data with a source (`edge_runtime/studies/limits.yaml`). Neighbours: `gauge`,
`linearity` and `attribute` compute what is judged here.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vision.recipe import Limit


class Word(StrEnum):
    """Verdict on a gauge."""

    ACCEPTABLE = "acceptable"
    MARGINAL = "marginal"
    UNACCEPTABLE = "unacceptable"


_ORDER = (Word.ACCEPTABLE, Word.MARGINAL, Word.UNACCEPTABLE)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Steps(_Strict):
    """Two limits of one figure: up to which it is acceptable, up to which marginal.

    Where more is better (`acceptable` above `marginal`), from which on.
    """

    acceptable: Limit
    marginal: Limit

    @model_validator(mode="after")
    def _differ(self) -> Steps:
        if self.acceptable.value == self.marginal.value:
            raise ValueError("acceptable and marginal must differ")
        return self

    @property
    def more_is_better(self) -> bool:
        """True for effectiveness and kappa, False for rates of errors and for %GRR."""
        return self.acceptable.value > self.marginal.value

    def word(self, value: float) -> Word:
        """The word for a figure; a figure on a limit is on its good side."""
        sign = -1.0 if self.more_is_better else 1.0
        if sign * value <= sign * self.acceptable.value:
            return Word.ACCEPTABLE
        return Word.MARGINAL if sign * value <= sign * self.marginal.value else Word.UNACCEPTABLE


class GaugeLimits(_Strict):
    """Of a gauge study."""

    grr_percent: Steps = Field(description="six standard deviations of the gauge, % of the tolerance")
    ndc_min: Limit = Field(description="number of distinct categories")
    cg_min: Limit
    cgk_min: Limit
    type1_tolerance_share: Limit = Field(description="share of the tolerance in Cg and Cgk")
    type1_spread_sigmas: Limit = Field(description="standard deviations in Cg and Cgk")


class AttributeLimits(_Strict):
    """Of an attribute study; shares 0..1."""

    effectiveness: Steps
    miss: Steps
    false_alarm: Steps
    kappa: Steps = Field(description="acceptable: good agreement; below marginal: poor")


class StudyLimits(_Strict):
    """All limits of one file."""

    schema_version: int = Field(default=1, ge=1, le=1)
    gauge: GaugeLimits
    attribute: AttributeLimits


def worst(words: list[Word]) -> Word:
    """The worst of several words, at least one."""
    return max(words, key=_ORDER.index)


#: Limits of a crossed study, and of a type-1 study.
CROSSED_FIELDS = ("grr_percent", "ndc_min")
TYPE1_FIELDS = ("cg_min", "cgk_min", "type1_tolerance_share", "type1_spread_sigmas")


def unverified(model: BaseModel, fields: tuple[str, ...] | None = None) -> list[str]:
    """Sources of the limits in `model` that nobody has compared with them, each once.

    Args:
        model: limits.
        fields: names of those that count; None: all.
    """
    found: dict[str, None] = {}
    for name in type(model).model_fields if fields is None else fields:
        value = getattr(model, name)
        if isinstance(value, Limit):
            if not value.verified:
                found[value.source] = None
        elif isinstance(value, BaseModel):
            found.update(dict.fromkeys(unverified(value)))
    return list(found)
