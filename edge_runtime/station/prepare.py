"""What must be looked up before an act can be carried out: a recipe's file, a lot's name in the ledger.

Runs in the desk's thread, never in the decision loop. Neighbour: `desk`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from edge_runtime.config import StationConfig
from edge_runtime.day.acts import ChangeRecipe, OpenLot
from edge_runtime.day.recipe_shelf import RecipeShelf
from edge_runtime.day.refusals import ActRefused
from edge_runtime.day.rules import CLOSED_LOTS_MAX, RecipeChoice, Who, require_allowed
from edge_runtime.day.state import DayState
from edge_runtime.day.wire import Request
from edge_runtime.station.asked import ActAsked
from edge_runtime.station.gauges import Gauges
from edge_runtime.station.recipe_fit import require_fits
from vision.contract import ModelContract
from vision.errors import FerrogateError, LedgerError


class Preparer:
    """Makes requests ready for the decision loop.

    Args:
        config: station file.
        contract: of the model in force.
        state: gives the day's state.
        today: gives the day on which calibrations must be valid.
    """

    def __init__(
        self,
        config: StationConfig,
        contract: ModelContract,
        state: Callable[[], DayState],
        today: Callable[[], date],
    ) -> None:
        self._config = config
        self._contract = contract
        self._state = state
        self._today = today
        self._shelf = RecipeShelf(config)

    def prepared(self, request: Request) -> ActAsked:
        """The request with all that was looked up for it.

        Raises:
            ActRefused: what it names cannot be had, or the role may not ask for it.
        """
        act = request.act
        require_allowed(act, Who(request.by, request.role))
        if isinstance(act, ChangeRecipe):
            return ActAsked(request, choice=self._choice(act.recipe))
        if isinstance(act, OpenLot):
            return ActAsked(request, lot_on_file=self._on_file(act.name))
        return ActAsked(request)

    def _choice(self, name: str) -> RecipeChoice:
        try:
            recipe = self._shelf.load(name)
        except FerrogateError as error:
            raise ActRefused("unknown_recipe", {"recipe": name, "detail": error.what}) from error
        try:
            require_fits(self._config, recipe, self._contract)
            # A station that starts anew needs its calibrations: one that is stale is found out now.
            Gauges(self._config, recipe, self._today())
        except FerrogateError as error:
            raise ActRefused("recipe_refused", {"detail": error.what}) from error
        return RecipeChoice(self._shelf.kept_name(name), recipe.product, recipe.sha256())

    def _on_file(self, lot: str) -> bool:
        """Whether the ledger knows the lot; asked only when the state no longer remembers all names."""
        if len(self._state().closed_lots) < CLOSED_LOTS_MAX:
            return False
        # Imported late: a station needs no database but for this.
        import sqlalchemy as sa

        from edge_runtime.ledger.day_models import LotRow
        from edge_runtime.ledger.store import ledger_url, open_to_read, reading

        storage = self._config.storage
        try:
            engine = open_to_read(ledger_url(storage.folder, storage.database_url))
            try:
                with reading(engine) as connection:
                    found = connection.execute(sa.select(LotRow.id).where(LotRow.name == lot)).first()
                    return found is not None
            finally:
                engine.dispose()
        except LedgerError as error:
            raise ActRefused("journal", {"detail": error.what}) from error
