"""One open page, as far as the line can tell: a client on the live socket that answers every picture.

A browser draws as well, on somebody else's computer; what it asks of this one is what is asked here.
Neighbours: `loop` opens one beside the line; `page` measures with real browsers.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from vision.errors import LinkError

_DRAWN = json.dumps({"type": "drawn"})
_OPEN_S = 20.0
_WAIT_S = 0.5


@dataclass(slots=True)
class Looked:
    """What came: pictures, state messages, and why the connection ended before its time ('' : it did not)."""

    pictures: int = 0
    states: int = 0
    broken: str = ""


@contextmanager
def open_page(port: int, camera: str) -> Iterator[Looked]:
    """Look at one camera of the page on loopback until the block ends.

    Raises:
        LinkError: the page does not let us look.
    """
    address = f"ws://127.0.0.1:{port}/ws/live?camera={camera}"
    origin = f"http://127.0.0.1:{port}"
    looked, stop, opened = Looked(), threading.Event(), threading.Event()

    def look() -> None:
        try:
            with connect(address, open_timeout=_OPEN_S, additional_headers={"Origin": origin}) as socket:
                opened.set()
                while not stop.is_set():
                    _take(socket, looked)
        except (OSError, WebSocketException) as error:
            looked.broken = str(error) or type(error).__name__
        finally:
            opened.set()

    thread = threading.Thread(target=look, name="viewer", daemon=True)
    thread.start()
    try:
        opened.wait(_OPEN_S)
        if looked.broken:
            raise LinkError(
                f"the page cannot be opened: {looked.broken}",
                where=address,
                todo="read processes.log in the run's folder",
            )
        yield looked
    finally:
        stop.set()
        thread.join(5.0)


def _take(socket: ClientConnection, looked: Looked) -> None:
    """One message, if one comes in time."""
    try:
        message = socket.recv(timeout=_WAIT_S)
    except TimeoutError:
        return
    if isinstance(message, bytes):
        looked.pictures += 1
        socket.send(_DRAWN)
    else:
        looked.states += 1
