"""The twin's operator: when the belt stays stopped, comes, clears the cause, presses reset."""

from __future__ import annotations

from edge_runtime.twin.settings import LineSettings


class Operator:
    """Presses the reset key once the line has waited long enough, and again as long as it waits."""

    def __init__(self, settings: LineSettings) -> None:
        self._after_ns = round(settings.operator_reset_after_s * 1e9)
        self._waiting_since_ns: int | None = None

    def presses(self, now_ns: int, *, stopped: bool) -> bool:
        """Whether the key is pressed now.

        Args:
            now_ns: monotonic time.
            stopped: the PLC is alive, nobody holds the E-stop, and the belt is latched or not enabled.
        """
        if not stopped:
            self._waiting_since_ns = None
            return False
        if self._waiting_since_ns is None:
            self._waiting_since_ns = now_ns
        if now_ns - self._waiting_since_ns < self._after_ns:
            return False
        self._waiting_since_ns = now_ns
        return True
