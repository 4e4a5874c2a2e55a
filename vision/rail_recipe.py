"""Recipe types of the rail station: what each class of finding does, as data with a source.

The schema's version is that of the ball's recipes, with whom limits and rules are shared.
Neighbours: `vision.recipe_parts` has the limits and rules that balls share, `vision.judge_rail` judges by
these, `edge_runtime.config` reads the files.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from vision.contract import RAIL_LABELS
from vision.recipe_parts import ScoredRule, Source, Strict, Text, content_sha256, unverified_limits


class RailRule(ScoredRule):
    """What a class of finding does to a picture of a rail.

    - reject: the stretch is not taken; from `review_score` up to `reject_score` it is review;
    - review: a person looks at it;
    - leave: it is listed, and decides nothing.
    """

    action: Literal["reject", "review", "leave"]
    source: Source = Field(description="document, contract or study that the action was taken from")
    verified: Annotated[bool, Field(strict=True)] = Field(
        description="true once a person has compared it with the source"
    )


class RailRecipe(Strict):
    """How one kind of rail is judged by pictures of its head."""

    schema_version: Literal[2]
    kind: Literal["rail"]
    product: Text
    findings: dict[str, RailRule]

    @model_validator(mode="before")
    @classmethod
    def _is_for_rails(cls, data: Any) -> Any:
        kind = data.get("kind") if isinstance(data, dict) else None
        if kind is not None and kind != "rail":
            raise ValueError(f"it is for the {kind} station, not for rails")
        return data

    @field_validator("findings")
    @classmethod
    def _labels_are_ours(cls, findings: dict[str, RailRule]) -> dict[str, RailRule]:
        missing = set(RAIL_LABELS) - set(findings)
        unknown = set(findings) - set(RAIL_LABELS)
        if missing or unknown:
            raise ValueError(
                "findings must name every rail label once: "
                f"missing {sorted(missing)}, unknown {sorted(unknown)}"
            )
        return findings

    def unverified(self) -> tuple[str, ...]:
        """Dotted names of all rules and limits that nobody has checked against their source."""
        return unverified_limits(self)

    def sha256(self) -> str:
        """Content hash: the same rules give the same hash, whatever the file's layout."""
        return content_sha256(self)
