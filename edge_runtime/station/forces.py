"""What was in force where on the belt, so that a part gets the lot, shift and recipe of its trigger.

A trigger is read up to one poll after it happened. An act takes force at a belt position; a part whose
trigger lies before it belongs to what held before, whenever it is read.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from edge_runtime.station.rows import InForce

#: changes remembered; far more than a person can make while a trigger is on its way
_KEPT = 8


class Forces:
    """What is in force, with the positions from which on it is.

    Args:
        first: in force everywhere.
    """

    def __init__(self, first: InForce) -> None:
        self._newest = first
        self._before: deque[tuple[int, InForce]] = deque(maxlen=_KEPT)

    @property
    def newest(self) -> InForce:
        """In force for what is triggered from now on."""
        return self._newest

    def change(self, position: int | None, changes: dict[str, str]) -> None:
        """From `position` (endless count; None: nothing moves yet) on something else is in force."""
        changed = replace(self._newest, **changes)
        if changed == self._newest:
            return
        if position is not None:
            self._before.append((position, self._newest))
        self._newest = changed

    def at(self, position: int | None) -> InForce:
        """In force at a trigger's position; None, for one whose place is not known: the newest."""
        if position is not None:
            for until, in_force in self._before:
                if position < until:
                    return in_force
        return self._newest

    def forget_positions(self) -> None:
        """Positions begin anew with an epoch; what is in flight then has been taken in already."""
        self._before.clear()
