"""What speaks against the station being Ready. Neighbours: the core and its keepers hold and release."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from edge_runtime.plc.registers import StationState


class Holds:
    """Named reasons; Ready when there is none.

    Args:
        set_state: tells the PLC.
        fault: names a new reason in the books (code, detail).
        first: the reason of a station that has just come up.
    """

    def __init__(
        self,
        set_state: Callable[[StationState], None],
        fault: Callable[[str, str], None],
        first: Mapping[str, str],
    ) -> None:
        self._set_state = set_state
        self._fault = fault
        self.reasons: dict[str, str] = dict(first)

    @property
    def ready(self) -> bool:
        """Verdicts may count."""
        return not self.reasons

    def hold(self, name: str, why: str) -> None:
        """Not Ready, for this reason."""
        if self.reasons.get(name) != why:
            self.reasons[name] = why
            self._fault(f"hold_{name}", why)
        self._set_state(StationState.NOT_READY)

    def release(self, name: str) -> None:
        """This reason is gone; Ready when it was the last."""
        self.reasons.pop(name, None)
        self._set_state(StationState.READY if self.ready else StationState.NOT_READY)

    def settle(self, names: Iterable[str], wanted: Mapping[str, str]) -> None:
        """Of these names exactly the wanted ones hold from now on."""
        for name in names:
            if name in wanted:
                if self.reasons.get(name) != wanted[name]:
                    self.hold(name, wanted[name])
            elif name in self.reasons:
                self.release(name)
