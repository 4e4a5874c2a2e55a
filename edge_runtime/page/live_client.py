"""One browser on the live socket: what it has got, what it may still ask for, and when it is sent away.

Nothing is queued for it: one picture is under way at a time (the next goes out once it says 'drawn'), and
of the state only the newest is sent. A client that floods, sends garbage or does not read loses its own
connection and nobody else's. Neighbours: `live` holds all clients, `picture_feed` makes the pictures.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from edge_runtime.page.encode import json_text
from edge_runtime.page.picture_feed import PictureFeed

GARBAGE, SIGNED_OUT, DEAF, FLOOD, FULL = 4400, 4401, 4408, 4429, 1013
#: longest message that a browser has to send
MESSAGE_CHARS_MAX = 512
#: messages a second in the long run, and at once
RATE_PER_S, BURST = 30.0, 60.0
#: a client that has not taken a message for so long is gone
SEND_S = 15.0
#: a client that has not drawn its picture for so long does not look
ATTENTION_S = 5.0


class SentAwayError(Exception):
    """The connection is closed by us.

    Args:
        code: of the WebSocket's close.
        reason: in English.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Allowance:
    """How many messages may come: `BURST` at once, `RATE_PER_S` in the long run."""

    def __init__(self, now_s: float) -> None:
        self._left = BURST
        self._at_s = now_s

    def take(self, now_s: float) -> bool:
        """One came; false when it was one too many."""
        self._left = min(BURST, self._left + (now_s - self._at_s) * RATE_PER_S)
        self._at_s = now_s
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class LiveClient:
    """One connection.

    Args:
        socket: accepted already.
        feed_of: the feed of a camera's name; None where there is no such camera.
        newest_state: number and text of the newest state message.
    """

    def __init__(
        self,
        socket: WebSocket,
        feed_of: Callable[[str], PictureFeed | None],
        newest_state: Callable[[], tuple[int, str]],
    ) -> None:
        self._socket = socket
        self._feed_of = feed_of
        self._newest_state = newest_state
        self._something = asyncio.Event()
        self._feed: PictureFeed | None = None
        self._drawn = True
        self._busy_since_s = time.monotonic()
        self._sent_picture = 0
        self._sent_state = 0
        self._to_say: str | None = None

    # -- what a feed asks of its watchers ---------------------------------------------------------

    @property
    def free(self) -> bool:
        """The last picture was drawn."""
        return self._drawn

    @property
    def attentive(self) -> bool:
        """Has drawn its picture, or may yet."""
        return self._drawn or time.monotonic() - self._busy_since_s < ATTENTION_S

    def wake(self) -> None:
        """There is something new."""
        self._something.set()

    # -- the connection ---------------------------------------------------------------------------

    async def run(self, camera: str | None) -> None:
        """Serve until the browser goes.

        Args:
            camera: whose pictures it wants at first; None: none.

        Raises:
            SentAwayError: it must go.
        """
        self._choose(camera)
        self.wake()
        sender = asyncio.create_task(self._send())
        receiver = asyncio.create_task(self._receive())
        try:
            done, _ = await asyncio.wait({sender, receiver}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sender.cancel()
            receiver.cancel()
            await asyncio.gather(sender, receiver, return_exceptions=True)
            self._choose(None)
        for task in done:
            if (error := task.exception()) is not None and not isinstance(error, WebSocketDisconnect):
                raise error

    def _choose(self, camera: str | None) -> None:
        """Look at another camera, or at none."""
        feed = None
        if camera is not None and (feed := self._feed_of(camera)) is None:
            unknown = {"type": "error", "code": "unknown_camera", "values": {"camera": camera}}
            self._to_say = json_text(unknown)
            self.wake()
        if self._feed is not None:
            self._feed.remove(self)
        self._feed, self._drawn = feed, True
        if feed is not None:
            # What the feed has made before is not sent again: it makes a new one for who comes.
            self._sent_picture = feed.number
            feed.add(self)

    async def _receive(self) -> None:
        allowance = Allowance(time.monotonic())
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if not allowance.take(time.monotonic()):
                raise SentAwayError(FLOOD, "too many messages")
            self._take(_understood(message))

    def _take(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind == "drawn":
            self._drawn = True
            if self._feed is not None:
                self._feed.poke()
            self.wake()
        elif kind == "camera" and isinstance(name := message.get("name"), str | None):
            self._choose(name)
        else:
            raise SentAwayError(GARBAGE, "a message of no known type")

    async def _send(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            if self._to_say is not None:
                text, self._to_say = self._to_say, None
                await _in_time(self._socket.send_text(text))
            # The picture first: it is what ages.
            feed = self._feed
            if feed is not None and self._drawn and feed.number > self._sent_picture and feed.fresh:
                self._drawn, self._busy_since_s = False, time.monotonic()
                self._sent_picture = feed.number
                await _in_time(self._socket.send_bytes(feed.message))
            number, text = self._newest_state()
            if number != self._sent_state:
                self._sent_state = number
                await _in_time(self._socket.send_text(text))

    async def close(self, code: int, reason: str) -> None:
        """Say why and close; nothing is waited for."""
        await close_socket(self._socket, code, reason)


async def close_socket(socket: WebSocket, code: int, reason: str) -> None:
    """Close a connection that may be gone already."""
    if socket.application_state is not WebSocketState.CONNECTED:
        return
    try:
        async with asyncio.timeout(1.0):
            await socket.close(code, reason)
    except (TimeoutError, RuntimeError, WebSocketDisconnect):
        return  # it went while we were closing it, or does not read: the server drops it


async def _in_time(sending: Any) -> None:
    try:
        async with asyncio.timeout(SEND_S):
            await sending
    except TimeoutError as error:
        raise SentAwayError(DEAF, "the browser does not read") from error


def _understood(message: Any) -> dict[str, Any]:
    text = message.get("text")
    if not isinstance(text, str) or len(text) > MESSAGE_CHARS_MAX:
        raise SentAwayError(GARBAGE, "not a short text message")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SentAwayError(GARBAGE, "not JSON") from error
    if not isinstance(found, dict):
        raise SentAwayError(GARBAGE, "not a JSON object")
    return found
