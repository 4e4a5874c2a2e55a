"""The yard recipe: what counts on a rail as feedstock, the sections, the furnace and the money, as data.

Neighbours: `vision.yard.recipe_rules` has the rules it is made of, `vision.yard.grade` grades by it,
`vision.yard.cut_list` saws by its furnace, `edge_runtime.yard.recipe_file` reads the files.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from vision.contract import RAIL_LABELS
from vision.recipe_parts import Limit, Strict, Text, content_sha256, unverified_limits
from vision.yard.recipe_rules import KindRule, LabelRule, Sourced, TypedRow, WearRule
from vision.yard.types import Section, SeenBy

SECTIONS: tuple[Section, ...] = get_args(Section)
#: Rows without which no rail is clear, whatever else a recipe drops: safety, steel, welds.
REQUIRED_RANKS = ("safety", "wrong_steel", "weld")
WholeMm = Annotated[int, Field(ge=0, le=30_000, strict=True)]


class SectionRow(Strict):
    """One section: mass of a metre of new rail, and the head's width, by which wear takes mass away."""

    kg_per_m: Limit
    head_width_mm: Limit

    @model_validator(mode="after")
    def _is_a_rail(self) -> SectionRow:
        if not 40.0 <= self.kg_per_m.value <= 90.0:
            raise ValueError(f"kg_per_m must lie in 40..90, got {self.kg_per_m.value:g}")
        if not 60.0 <= self.head_width_mm.value <= 90.0:
            raise ValueError(f"head_width_mm must lie in 60..90, got {self.head_width_mm.value:g}")
        return self


class ChargeRange(Strict):
    """Charges of any whole millimetre from `min_mm` to `max_mm`."""

    min_mm: Annotated[WholeMm, Field(ge=50)]
    max_mm: WholeMm

    @model_validator(mode="after")
    def _in_order(self) -> ChargeRange:
        if self.max_mm < self.min_mm:
            raise ValueError("max_mm is below min_mm")
        return self


class Furnace(Sourced):
    """Charges that the furnace takes, and what sawing them costs, whole millimetres.

    A charge has one of `charge_lengths_mm` or a length in `charge_range_mm`. `kerf_mm` is lost with every
    saw cut; `end_crop_mm` comes off each end of the rail (0: an end is charged as it lies).
    """

    charge_lengths_mm: tuple[Annotated[WholeMm, Field(ge=50)], ...] = ()
    charge_range_mm: ChargeRange | None = None
    kerf_mm: Annotated[WholeMm, Field(le=50)]
    end_crop_mm: Annotated[WholeMm, Field(le=5000)] = 0

    @model_validator(mode="after")
    def _takes_something(self) -> Furnace:
        if not self.charge_lengths_mm and self.charge_range_mm is None:
            raise ValueError("give charge_lengths_mm or charge_range_mm: the furnace must take something")
        return self


class Money(Strict):
    """What a rail's steel is worth as balls.

    Without `ball_price_per_t` nothing is said in money. `ball_yield_share`: tonnes of good balls of a tonne
    charged. `downgraded_value_share`: what a downgraded piece is worth of a clean one, also where the cut
    list weighs them. `contamination_share`: dirt expected in a load that nobody weighed it in;
    `contamination_max_share`: from there on a load is outside the purchase terms.
    """

    currency: Text
    ball_price_per_t: Limit | None = None
    ball_yield_share: Limit
    downgraded_value_share: Limit
    contamination_share: Limit
    contamination_max_share: Limit

    @model_validator(mode="after")
    def _shares_are_shares(self) -> Money:
        for name in ("ball_yield_share", "downgraded_value_share"):
            share: Limit = getattr(self, name)
            if not 0.001 <= share.value <= 1.0:
                raise ValueError(f"{name} must lie in 0.001..1, got {share.value:g}")
        for name in ("contamination_share", "contamination_max_share"):
            share = getattr(self, name)
            if not 0.0 <= share.value < 1.0:
                raise ValueError(f"{name} must lie in 0..1, got {share.value:g}")
        if self.ball_price_per_t is not None and self.ball_price_per_t.value <= 0.0:
            raise ValueError("ball_price_per_t must be above 0")
        return self


class YardRecipe(Strict):
    """How rails are graded as feedstock for balls."""

    schema_version: Literal[1]
    kind: Literal["yard"]
    product: Text
    kinds: dict[str, KindRule] = Field(min_length=1)
    rows: dict[str, TypedRow]
    labels: dict[str, LabelRule]
    sections: dict[Section, SectionRow]
    furnace: Furnace
    money: Money
    wear: WearRule
    length_tolerance_mm: Limit = Field(description="a typed and a measured length may differ by this")

    @model_validator(mode="before")
    @classmethod
    def _is_for_the_yard(cls, data: Any) -> Any:
        kind = data.get("kind") if isinstance(data, dict) else None
        if kind is not None and kind != "yard":
            raise ValueError(f"it is for the {kind} station, not for the rail yard")
        return data

    @field_validator("labels")
    @classmethod
    def _labels_are_ours(cls, labels: dict[str, LabelRule]) -> dict[str, LabelRule]:
        missing, unknown = set(RAIL_LABELS) - set(labels), set(labels) - set(RAIL_LABELS)
        if missing or unknown:
            raise ValueError(f"every rail label once: missing {sorted(missing)}, unknown {sorted(unknown)}")
        return labels

    @field_validator("sections")
    @classmethod
    def _sections_are_there(cls, sections: dict[Section, SectionRow]) -> dict[Section, SectionRow]:
        missing = [name for name in SECTIONS if name not in sections]
        if missing:
            raise ValueError(f"sections without a mass: {', '.join(missing)}")
        return sections

    @model_validator(mode="after")
    def _names_fit(self) -> YardRecipe:
        used = {row_name: row.kinds for row_name, row in self.rows.items()}
        used |= {
            f"label {name}": tuple(kind for kind in (rule.kind, rule.at_end_kind) if kind is not None)
            for name, rule in self.labels.items()
        }
        used["wear"] = (self.wear.kind,)
        for where, kinds in used.items():
            unknown = sorted(set(kinds) - set(self.kinds))
            if unknown:
                raise ValueError(f"{where}: no such kinds {unknown}")
        for name, kind in self.kinds.items():
            if kind.model_label is not None and kind.model_label not in self.labels:
                raise ValueError(f"kind {name}: the model has no label '{kind.model_label}'")
        ranks = {self.kinds[kind].rank for row in self.rows.values() if row.required for kind in row.kinds}
        open_ranks = [rank for rank in REQUIRED_RANKS if rank not in ranks]
        if open_ranks:
            raise ValueError(f"no required row asks for: {', '.join(open_ranks)}")
        return self

    def seen_by(self, kind: str) -> SeenBy:
        """By whom a kind can be seen at all: the model by its label, else a typed row, else nobody."""
        if self.kinds[kind].model_label is not None:
            return "model"
        return "inspector" if any(kind in row.kinds for row in self.rows.values()) else "not_seen"

    def row_of(self, kind: str) -> str | None:
        """Name of the first row that asks for a kind, None where no row does."""
        return next((name for name, row in self.rows.items() if kind in row.kinds), None)

    def unverified(self) -> tuple[str, ...]:
        """Dotted names of all rules and limits that nobody has checked against their source."""
        return unverified_limits(self)

    def sha256(self) -> str:
        """Content hash: the same rules give the same hash, whatever the file's layout."""
        return content_sha256(self)
