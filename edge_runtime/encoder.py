"""Position is an encoder count: arithmetic modulo 2^16.

Counts come from a 16-bit counter that wraps; at most 2^15 of them lie between any
two things that are compared, which the station file is checked for at start.
"""

from __future__ import annotations

COUNT_MODULUS = 1 << 16
MAX_SPAN_COUNTS = 1 << 15


def wrap(count: int) -> int:
    """Any whole number to 0..65535."""
    return count % COUNT_MODULUS


def signed_diff(later: int, earlier: int) -> int:
    """Counts travelled from `earlier` to `later`: -32768..32767, negative when the belt ran back."""
    return (later - earlier + MAX_SPAN_COUNTS) % COUNT_MODULUS - MAX_SPAN_COUNTS


class Unwrapper:
    """Turns wrapped counts into one endless count.

    Feed it every count that is read; two readings must lie less than 2^15 apart.
    """

    def __init__(self) -> None:
        self._last: int | None = None

    def __call__(self, count: int) -> int:
        """Endless count of a wrapped one, next to the last that was fed; remembers it."""
        self._last = self.peek(count)
        return self._last

    def peek(self, count: int) -> int:
        """Endless count of a wrapped one without remembering it."""
        if self._last is None:
            return count
        return self._last + signed_diff(count, wrap(self._last))
