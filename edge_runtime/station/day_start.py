"""What a starting station finds of its day: the state, the recipe in force, a challenge that was under way.

Neighbours: `process` asks here before it builds the core; `edge_runtime.day.files` reads the file.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.config import StationConfig, load_recipe
from edge_runtime.day.files import Recovered, day_file, recover
from edge_runtime.day.recipe_shelf import RecipeShelf
from edge_runtime.day.state import DayState
from edge_runtime.journal import LastKnown
from edge_runtime.station.challenges import ChallengeRun
from edge_runtime.station.day_keeper import DayStart
from edge_runtime.station.recipe_fit import require_fits
from vision.contract import ModelContract
from vision.errors import FerrogateError
from vision.judge import require_labels
from vision.recipe import BallRecipe


@dataclass(frozen=True, slots=True)
class RecipeAtStart:
    """The recipe to judge by.

    Attributes:
        name: as a changeover would call it.
        trouble: why it is not the one that the last changeover chose. The station stays not Ready then:
            this one only stands in, so that balls are seen and booked until a person has chosen.
    """

    recipe: BallRecipe
    name: str
    trouble: str = ""


def find_day(config: StationConfig, known: LastKnown) -> Recovered:
    """The day as it was last written down.

    Raises:
        LedgerError: file or journal hold what no state can be.
    """
    return recover(day_file(config.storage.folder), known.acts)


def recipe_at_start(config: StationConfig, state: DayState, contract: ModelContract) -> RecipeAtStart:
    """The recipe that the day's state names, or the station file's own with the reason.

    Raises:
        ConfigError, ContractError: the station file's own recipe cannot be used.
    """
    shelf = RecipeShelf(config)
    trouble = ""
    if state.recipe:
        try:
            recipe = shelf.load(state.recipe)
            require_fits(config, recipe, contract)
            return RecipeAtStart(recipe, state.recipe)
        except FerrogateError as error:
            trouble = f"the recipe '{state.recipe}' cannot be used, choose one anew: {error.what}"
    own = load_recipe(config.recipe)
    require_labels(own, contract)
    return RecipeAtStart(own, shelf.own_name, trouble)


def day_start(
    config: StationConfig,
    found: Recovered,
    known: LastKnown,
    recipe: RecipeAtStart,
    labels: tuple[str, ...],
    lanes: frozenset[int],
) -> DayStart:
    """What the core's day begins with."""
    return DayStart(
        state=found.state,
        by=found.by,
        act=found.act,
        challenge=config.challenge,
        run=_challenge_run(config, found.state, known),
        recipe_trouble=recipe.trouble,
        product=recipe.recipe.product,
        labels=frozenset(labels),
        lanes=lanes,
        belt=config.line is not None,
    )


def _challenge_run(config: StationConfig, state: DayState, known: LastKnown) -> ChallengeRun | None:
    """A challenge that the last station process left under way: it takes no more balls."""
    challenge = state.challenge
    if challenge is None:
        return None
    for over in known.challenges:
        if over.challenge == challenge.challenge:
            return ChallengeRun.over(challenge, over.result)
    balls = [pair for pair in known.challenge_balls if pair[0].challenge == challenge.challenge]
    lot = state.lot.name if state.lot is not None else config.lot
    shift = state.shift.name if state.shift is not None else config.shift
    return ChallengeRun.restored(challenge, balls, known.plc_boot_ids, (lot, shift))
