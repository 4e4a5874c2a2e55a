"""A Modbus server on the loopback that answers as it likes.

Neighbour: `test_modbus`. One connection at a time, one thread; what it answers is set for each request.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

#: the request as it came -> pieces of the answer, sent one after the other; none: silence
Answer = Callable[[bytes], Iterator[bytes]]


class HostilePlc:
    """Listens from construction on; `answer` may be changed at any time.

    Attributes:
        port: where it listens on 127.0.0.1.
        answer: gives the pieces of each answer; the connection is closed after an empty piece.
    """

    def __init__(self) -> None:
        self.answer: Answer = lambda request: iter(())
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.port = int(self._listener.getsockname()[1])
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, name="hostile-plc", daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Stop listening and end all connections."""
        self._stop.set()
        self._accepting.join()
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                peer, _ = self._listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._serve, args=(peer,), name="hostile-peer", daemon=True)
            self._threads = [old for old in self._threads if old.is_alive()] + [thread]
            thread.start()

    def _serve(self, peer: socket.socket) -> None:
        peer.settimeout(0.05)
        with peer, contextlib.suppress(ConnectionError, BrokenPipeError):
            while not self._stop.is_set():
                try:
                    request = peer.recv(4096)
                except TimeoutError:
                    continue
                if not request or not self._send(peer, request):
                    return

    def _send(self, peer: socket.socket, request: bytes) -> bool:
        for piece in self.answer(request):
            if not piece:
                return False
            with contextlib.suppress(TimeoutError):
                peer.sendall(piece)
            if self._stop.is_set():
                return False
        return True


def words(request: bytes) -> int:
    """How many registers a read request asks for; 0 for any other."""
    return int.from_bytes(request[10:12], "big") if len(request) >= 12 and request[7] == 3 else 0


def proper(request: bytes, registers: bytes) -> bytes:
    """The answer that a Modbus server owes to a read of registers."""
    pdu = bytes([3, len(registers) % 256]) + registers
    return request[:4] + (len(pdu) + 1).to_bytes(2, "big") + request[6:7] + pdu


def written(request: bytes) -> bytes:
    """The answer that a Modbus server owes to a write of registers."""
    return request[:4] + (6).to_bytes(2, "big") + request[6:12]
