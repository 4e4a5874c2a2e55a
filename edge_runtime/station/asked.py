"""An act on its way through the decision loop's inbox, and the answer on its way back.

The desk's thread puts an `ActAsked` into the inbox and waits; the loop claims it, carries it out between
two other events and answers at once. Whoever claims first decides: an act that the desk has given up is
never carried out.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, field

from edge_runtime.day.refusals import ActRefused
from edge_runtime.day.rules import RecipeChoice
from edge_runtime.day.state import DayState
from edge_runtime.day.wire import Request


@dataclass(frozen=True, slots=True)
class ActDone:
    """The state after the act, and the number of its entry in the journal."""

    state: DayState
    number: int


@dataclass(slots=True)
class ActAsked:
    """One request.

    Args:
        request: the act, who asks, and which revision they saw.
        choice: for a change of recipe: what was found of the recipe, already read and checked.
        lot_on_file: for a new lot: the ledger knows one of that name.
    """

    request: Request
    choice: RecipeChoice | None = None
    lot_on_file: bool = False
    answer: queue.SimpleQueue[ActDone | ActRefused] = field(default_factory=queue.SimpleQueue)
    _claim: threading.Lock = field(default_factory=threading.Lock)

    def claim(self) -> bool:
        """True for the first who asks."""
        return self._claim.acquire(blocking=False)
