"""People at the twin line: the operator who comes by himself, and whoever presses the plant's buttons.

Buttons lie in the field wiring (`Word.BUTTON_...`, the key, the speed); a demo's panel or a test presses
them. The line turns them into what the PLC's inputs show and writes them into its truth. Neighbours:
`line` asks once per tick.
"""

from __future__ import annotations

from collections.abc import Callable

from edge_runtime.twin.field import Field, Word
from edge_runtime.twin.settings import LineSettings

#: inputs of the PLC -> the button that people have for it
BUTTONS = {
    Word.E_STOP: Word.BUTTON_E_STOP,
    Word.GUARD_OPEN: Word.BUTTON_GUARD,
    Word.AIR_LOW: Word.BUTTON_AIR_LOW,
    Word.BIN_FULL: Word.BUTTON_BIN_FULL,
}
_SPEED_MIN, _SPEED_MAX = 0.1, 1.0


class Operator:
    """Presses the reset key once the line has waited long enough, and again as long as it waits."""

    def __init__(self, settings: LineSettings) -> None:
        self._there = settings.operator_comes
        self._after_ns = round(settings.operator_reset_after_s * 1e9)
        self._waiting_since_ns: int | None = None

    def presses(self, now_ns: int, *, stopped: bool) -> bool:
        """Whether the key is pressed now.

        Args:
            now_ns: monotonic time.
            stopped: the PLC is alive, nobody holds the E-stop, and the belt is latched or not enabled.
        """
        if not stopped or not self._there:
            self._waiting_since_ns = None
            return False
        if self._waiting_since_ns is None:
            self._waiting_since_ns = now_ns
        if now_ns - self._waiting_since_ns < self._after_ns:
            return False
        self._waiting_since_ns = now_ns
        return True


class Buttons:
    """What is pressed now.

    Args:
        field: field wiring.
        note: writes an event into the truth, with its fields.
    """

    def __init__(self, field: Field, note: Callable[..., None]) -> None:
        self._field = field
        self._note = note
        self._levels = dict.fromkeys(BUTTONS.values(), 0)
        self._key = 0
        self._resets = field.get(Word.BUTTON_RESET)

    def look(self) -> None:
        """Write what has changed since the last look into the truth."""
        for word, was in self._levels.items():
            level = self._field.get(word)
            if level != was:
                self._levels[word] = level
                self._note("button", name=word.name.removeprefix("BUTTON_").lower(), on=level != 0)
        key = self._field.get(Word.KEY_SWITCH)
        if key != self._key:
            self._key = key
            self._note("key", key=key)

    def on(self, input_word: Word) -> bool:
        """Whether the button of a PLC input is on."""
        return self._field.get(BUTTONS[input_word]) != 0

    def reset_pressed(self) -> bool:
        """Whether somebody has pressed the reset key since this was last asked."""
        count = self._field.get(Word.BUTTON_RESET)
        pressed = count != self._resets
        self._resets = count
        return pressed

    @property
    def speed_factor(self) -> float:
        """Share of the nominal belt speed, 0.1..1."""
        factor = 1.0 + self._field.get(Word.SPEED_OFF_PERMILLE) / 1000.0
        return min(max(factor, _SPEED_MIN), _SPEED_MAX)
