"""Mass, expected balls and money of a rail, and what dirt in a load costs.

Neighbours: `vision.yard.grade` puts the figures into the grade, the acceptance act uses `dirt_of_load`.
"""

from __future__ import annotations

from dataclasses import dataclass

from vision.yard.recipe import YardRecipe
from vision.yard.types import CutList, Section

#: kg of a metre of steel for each square millimetre of its section, at 7.85 g/cm3.
_KG_PER_M_MM2 = 7.85e-3


@dataclass(frozen=True, slots=True)
class Worth:
    """Of the usable steel: its mass, the good balls to be expected of it, their value (None: no price)."""

    usable_kg: float
    ball_kg: float
    value: float | None


@dataclass(frozen=True, slots=True)
class DirtOfLoad:
    """Dirt in a load: `dirt_kg` and the `net_kg` that is left, balls' `value` lost, `within` the terms."""

    dirt_kg: float
    net_kg: float
    value: float | None
    within: bool


def kg_per_m(section: Section, wear_mm: float | None, recipe: YardRecipe) -> float:
    """Mass of a metre: of the new section, less a slice of the head as high as the typed wear."""
    row = recipe.sections[section]
    worn = (wear_mm or 0.0) * row.head_width_mm.value * _KG_PER_M_MM2
    return row.kg_per_m.value - worn


def worth_of(cut_list: CutList, metre_kg: float, recipe: YardRecipe) -> Worth:
    """What the pieces of a cut list are worth as balls."""
    clean_m = sum(piece.end_m - piece.start_m for piece in cut_list.pieces if not piece.downgraded)
    poor_m = cut_list.usable_m - clean_m
    money = recipe.money
    balls_per_kg = money.ball_yield_share.value
    value = None
    if money.ball_price_per_t is not None:
        weighed_m = clean_m + poor_m * money.downgraded_value_share.value
        value = weighed_m * metre_kg * balls_per_kg * money.ball_price_per_t.value / 1000.0
    usable_kg = cut_list.usable_m * metre_kg
    return Worth(usable_kg, usable_kg * balls_per_kg, value)


def dirt_of_load(weighed_kg: float, contamination_share: float | None, recipe: YardRecipe) -> DirtOfLoad:
    """What dirt takes from a load that was weighed with it.

    Args:
        weighed_kg: gross less tare.
        contamination_share: 0..1, None: the recipe's expected share stands in.
        recipe: its money.

    Raises:
        ValueError: a mass below 0, or a share outside 0..1.
    """
    money = recipe.money
    share = money.contamination_share.value if contamination_share is None else contamination_share
    if not weighed_kg >= 0.0 or not 0.0 <= share <= 1.0:
        raise ValueError(f"{weighed_kg} kg with a dirt share of {share} is no load")
    dirt_kg = weighed_kg * share
    price = money.ball_price_per_t
    value = None if price is None else dirt_kg * money.ball_yield_share.value * price.value / 1000.0
    return DirtOfLoad(dirt_kg, weighed_kg - dirt_kg, value, share <= money.contamination_max_share.value)
