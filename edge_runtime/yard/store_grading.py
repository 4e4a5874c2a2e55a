"""A yard recipe as the books use it: classes, typed rows, the grade of a rail.

Neighbours: `vision.yard` does the work, `store_types.Grading` says what the books ask for.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.yard.act_content import ActNames
from edge_runtime.yard.store_types import RailKind
from vision.rail_map.types import RailMap
from vision.yard.grade import findings_of, grade_rail
from vision.yard.photos import grade_photos
from vision.yard.recipe import YardRecipe
from vision.yard.recipe_rules import Names
from vision.yard.types import RailGrade, TypedFacts, YardFinding


class RecipeGrading:
    """Grades by one recipe.

    Args:
        recipe: as it was read.
    """

    def __init__(self, recipe: YardRecipe) -> None:
        self.recipe = recipe
        self.recipe_sha256 = recipe.sha256()
        self.kinds = frozenset(recipe.kinds)
        self.typed_rows = frozenset(recipe.rows)

    def label_of(self, kind: str) -> str:
        """The detector's label that a class belongs to; the class itself where the detector has none."""
        return self.recipe.kinds[kind].model_label or kind

    def findings_of(self, rail_map: RailMap) -> tuple[YardFinding, ...]:
        """The findings of a map before anybody has said something of them."""
        return findings_of(rail_map, self.recipe)

    def grade(
        self, kind: RailKind, rail_map: RailMap, findings: Sequence[YardFinding], facts: TypedFacts
    ) -> RailGrade:
        """The grade of a rail, or of a set of photos."""
        work = grade_photos if kind == "photos" else grade_rail
        return work(rail_map, tuple(findings), facts, self.recipe)

    def kind_names(self) -> dict[str, ActNames]:
        """Words for every class, for the act."""
        return {kind: _names(rule.name) for kind, rule in self.recipe.kinds.items()}

    def row_names(self) -> dict[str, ActNames]:
        """Words for every typed row, for the act."""
        return {name: _names(row.name) for name, row in self.recipe.rows.items()}


def _names(name: Names) -> ActNames:
    return ActNames(ru=name.ru, kk=name.kk, en=name.en)
