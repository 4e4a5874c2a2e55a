"""How long a browser may take to ask: a connection without a request is closed after a while.

The web server itself waits for ever for the first byte, or the rest of a header; a hundred such
connections would leave no room for anybody else. Neighbour: `process` serves with this protocol.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

#: closed between once and twice this after the last answer, or the opening
REQUEST_S = 10.0


class PatientProtocol(H11Protocol):
    """HTTP/1.1 of uvicorn that does not wait for ever for a request."""

    _answered: RequestResponseCycle | None = None
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to watch."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(REQUEST_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        # A WebSocket has taken the connection over; it has pings of its own.
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        answered = self.cycle is None or self.cycle.response_complete
        if answered and self.cycle is self._answered:
            self.transport.close()
            return
        if answered:
            self._answered = self.cycle
        self._timer = self.loop.call_later(REQUEST_S, self._look)
