"""One shift as the ledger holds it: pure reading.

A part is of the shift that was open at its trigger (`day_queries.of_shift`). Sizes are read recipe by recipe,
as balls of different products have no common mean. Neighbours: `shift_report`, `shift_text`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from edge_runtime.ledger.day_models import LotRow
from edge_runtime.ledger.day_queries import ShiftSummary, list_shifts, of_shift, production, read_shift
from edge_runtime.ledger.models import PartRow, RecipeRow
from edge_runtime.lots.challenge_due import OwedChallenge, owed_challenges
from edge_runtime.lots.data import Balls, read_balls
from edge_runtime.lots.happenings import Happenings, read_happenings, read_products
from edge_runtime.lots.plant import Plant
from edge_runtime.lots.reject_list import all_rejects, chosen_pictures, chosen_rejects, count_rejects
from edge_runtime.lots.reject_sections import Rejects
from edge_runtime.row_number import as_row_number
from vision.errors import LedgerError
from vision.recipe import BallRecipe

#: Recipes whose sizes get plots of their own.
RECIPES_MAX = 4


@dataclass(frozen=True, slots=True)
class LotInShift:
    """One lot's share of a shift, production only; `lot` '' for balls outside any lot."""

    lot: str
    product: str | None
    recipe_sha256: str | None
    parts: int
    accepted: int
    rejected: int
    bypassed: int
    open: int
    contained: int


@dataclass(frozen=True, slots=True, eq=False)
class RecipeInShift:
    """Balls of a shift that were judged by one recipe; `recipe` None when the ledger does not hold it."""

    sha256: str
    recipe: BallRecipe | None
    balls: Balls


@dataclass(frozen=True, slots=True, eq=False)
class ShiftData:
    """All that a report says of a shift.

    Attributes:
        end_utc_ns: its end, or when it was read.
        balls: of all recipes together; None when there was none.
        recipes: by recipe, most balls first, at most `RECIPES_MAX`.
        more_recipes: recipes beyond these.
        unverified: limits of its recipes that nobody compared with their source, each once.
        products: of each recipe in the ledger, by hash.
        owed: challenges that were due and not passed in time; None where nobody knows when they are due.
    """

    summary: ShiftSummary
    end_utc_ns: int
    balls: Balls | None
    lots: tuple[LotInShift, ...]
    recipes: tuple[RecipeInShift, ...]
    more_recipes: int
    unverified: tuple[str, ...]
    products: dict[str, str]
    happenings: Happenings
    owed: tuple[OwedChallenge, ...] | None
    rejects: Rejects

    @property
    def is_open(self) -> bool:
        """Nobody has closed it yet."""
        return self.summary.closed_utc_ns is None


def find_shift(connection: sa.Connection, name: str) -> ShiftSummary:
    """The shift of a number, else the newest of a name.

    Raises:
        LedgerError: there is none.
    """
    number = as_row_number(name)
    found = None if number is None else read_shift(connection, number)
    if found is None:
        found = next((item for item in list_shifts(connection, limit=1000) if item.name == name), None)
    if found is None:
        raise LedgerError(
            f"there is no shift '{name}'",
            where="ledger",
            todo="'ferrogate shift PLACE list' shows their numbers and names",
        )
    return found


def read_shift_data(
    connection: sa.Connection,
    summary: ShiftSummary,
    storage: Path,
    plant: Plant,
    now_utc_ns: int,
) -> ShiftData:
    """All of one shift.

    Args:
        connection: its lists of rejects are read later, while a report is written: keep it open until then.
        summary: which shift.
        storage: folder that holds the pictures.
        plant: when challenges are due.
        now_utc_ns: end of a shift that is still open.
    """
    where = of_shift(summary.id)
    end_utc_ns = now_utc_ns if summary.closed_utc_ns is None else summary.closed_utc_ns
    balls = read_balls(connection, where)
    hashes = list(balls.recipes) if balls is not None else []
    happenings = read_happenings(connection, summary.opened_utc_ns, end_utc_ns, shift=summary.name)
    recipes = _recipes(connection, hashes)
    return ShiftData(
        summary,
        end_utc_ns,
        balls,
        _lots(connection, summary.id),
        tuple(
            RecipeInShift(sha256, recipes.get(sha256), part)
            for sha256 in hashes[:RECIPES_MAX]
            if (part := _of_recipe(connection, where, sha256, balls, len(hashes))) is not None
        ),
        max(0, len(hashes) - RECIPES_MAX),
        tuple(dict.fromkeys(name for recipe in recipes.values() for name in recipe.unverified())),
        read_products(connection),
        happenings,
        _owed(happenings, plant),
        Rejects(
            count_rejects(connection, where),
            chosen_rejects(connection, where),
            chosen_pictures(connection, where, storage),
            all_rejects(connection, where),
        ),
    )


def _recipes(connection: sa.Connection, hashes: list[str]) -> dict[str, BallRecipe]:
    """Those of them that the ledger holds."""
    query = sa.select(RecipeRow.sha256, RecipeRow.recipe).where(RecipeRow.sha256.in_(hashes))
    found = {sha256: BallRecipe.model_validate(recipe) for sha256, recipe in connection.execute(query)}
    return {sha256: found[sha256] for sha256 in hashes if sha256 in found}


def _of_recipe(
    connection: sa.Connection, where: sa.ColumnElement[bool], sha256: str, balls: Balls | None, hashes: int
) -> Balls | None:
    """Balls that were judged by one recipe; all of them where there is but one."""
    if hashes == 1:
        return balls
    return read_balls(connection, sa.and_(where, PartRow.recipe_sha256 == sha256))


def _owed(happenings: Happenings, plant: Plant) -> tuple[OwedChallenge, ...] | None:
    if not plant.known:
        return None
    if plant.challenge is None:
        return ()
    passed = sorted(item.utc_ns for item in happenings.challenges if item.result == "passed")
    return owed_challenges(plant.challenge, happenings.begin_utc_ns, happenings.end_utc_ns, passed)


def _lots(connection: sa.Connection, shift_id: int) -> tuple[LotInShift, ...]:
    """Lots that have balls in the shift, in the order of their first."""

    def how_many(clause: sa.ColumnElement[bool]) -> Any:
        return sa.func.sum(sa.case((clause, 1), else_=0))

    lot = sa.func.coalesce(PartRow.lot, "")
    query = (
        sa.select(
            lot,
            sa.func.max(LotRow.product),
            sa.func.max(PartRow.recipe_sha256),
            sa.func.count(PartRow.id),
            how_many(PartRow.side == "accept"),
            how_many(PartRow.side == "reject"),
            how_many(PartRow.side == "bypass"),
            how_many(PartRow.side.is_(None)),
            how_many(PartRow.contained_by.is_not(None)),
        )
        .outerjoin(LotRow, LotRow.name == PartRow.lot)
        .where(of_shift(shift_id), production())
        .group_by(lot)
        .order_by(sa.func.min(PartRow.id))
    )
    return tuple(
        LotInShift(str(row[0]), row[1], row[2], *map(int, row[3:])) for row in connection.execute(query)
    )
