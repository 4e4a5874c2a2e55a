"""The station's desk: a unix socket at which the page and the commands tell the line what to do.

One thread, one request and one answer per connection. What takes time (reading a recipe, waiting for the
disk, the day's file) happens here; the decision loop only carries out what has been prepared. Whoever
sends nonsense, too much, too slowly or too often loses their own connection and nothing else. Only
processes of the station's own user reach the socket. Neighbours: `edge_runtime.day.client` sends,
`asked` goes through the loop's inbox, `day_file` is kept here.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge_runtime.day.refusals import ActRefused
from edge_runtime.day.wire import REQUEST_MAX_BYTES, Done, Refusal, read_request, refusal_of
from edge_runtime.station.asked import ActAsked, ActDone
from edge_runtime.station.day_file import DayFile
from edge_runtime.station.prepare import Preparer

log = logging.getLogger(__name__)

#: callers at the same time; one more is sent away at once
CALLERS_MAX = 16
_BACKLOG = 64
#: within this a caller must have sent the whole request, and have taken the answer
CALLER_S = 2.0
#: longest wait for the decision loop, and then for the disk
LOOP_S, DISK_S = 1.5, 2.0
#: when the socket cannot be had, and how often the day's file is looked at
AGAIN_S, TICK_S = 5.0, 0.25
#: a desk that stays closed is told again: an alarm is made of the faults of ten minutes
TELL_S = 300.0


@dataclass(slots=True)
class _Caller:
    """One connection: what it has sent so far, and until when it may go on."""

    until_s: float
    data: bytearray = field(default_factory=bytearray)


class Desk:
    """Answers at the socket while the station runs.

    Args:
        path: of the socket; one that a dead station left behind is replaced.
        put: hands an act to the decision loop.
        wait_durable: waits until an entry of the journal is on disk, at most so many seconds.
        preparer: looks up what an act needs to be known beforehand.
        day_file: is kept up to date here.
        fault: names it in the books (code, detail) while the socket cannot be had.
    """

    def __init__(
        self,
        path: Path,
        put: Callable[[ActAsked], None],
        wait_durable: Callable[[int, float], bool],
        preparer: Preparer,
        day_file: DayFile,
        fault: Callable[[str, str], object],
    ) -> None:
        self._fault = fault
        self._path = path
        self._put = put
        self._wait_durable = wait_durable
        self._preparer = preparer
        self._day_file = day_file
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)

    def start(self) -> None:
        """Open the desk."""
        self._thread.start()

    def close(self) -> None:
        """Close it; an act that the loop has not begun is given up."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    # -- socket -------------------------------------------------------------------------------

    def _run(self) -> None:
        told, told_s = "", 0.0
        while not self._stop.is_set():
            try:
                with self._listening() as desk:
                    told = ""
                    try:
                        self._serve(desk)
                    finally:
                        self._path.unlink(missing_ok=True)
            except OSError as error:
                # The line runs without a desk; people cannot act until it is mended, so it is said.
                if str(error) != told or time.monotonic() - told_s >= TELL_S:
                    told, told_s = str(error), time.monotonic()
                    self._fault("desk_closed", told)
                    log.error("desk_closed", extra={"path": str(self._path), "detail": told})
                self._day_file.keep()
                self._stop.wait(AGAIN_S)

    def _listening(self) -> socket.socket:
        desk = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # The mode of the socket before it has a name is the mode of the file that bind makes.
            os.fchmod(desk.fileno(), 0o600)
            self._path.unlink(missing_ok=True)
            desk.bind(str(self._path))
            desk.listen(_BACKLOG)
            desk.setblocking(False)
        except OSError:
            desk.close()
            raise
        return desk

    def _serve(self, desk: socket.socket) -> None:
        callers: dict[socket.socket, _Caller] = {}
        with selectors.DefaultSelector() as selector:
            selector.register(desk, selectors.EVENT_READ)
            try:
                while not self._stop.is_set():
                    for key, _ in selector.select(TICK_S):
                        if key.fileobj is desk:
                            self._welcome(desk, selector, callers)
                        elif isinstance(key.fileobj, socket.socket):
                            self._listen_to(key.fileobj, selector, callers)
                    now_s = time.monotonic()
                    for late in [caller for caller, it in callers.items() if now_s > it.until_s]:
                        _dismiss(late, selector, callers)
                    self._day_file.keep()
            finally:
                for caller in list(callers):
                    _dismiss(caller, selector, callers)

    def _welcome(
        self,
        desk: socket.socket,
        selector: selectors.BaseSelector,
        callers: dict[socket.socket, _Caller],
    ) -> None:
        try:
            caller, _ = desk.accept()
        except BlockingIOError:
            return
        except OSError as error:
            # Out of file descriptors, for instance: let some go before the next one is tried.
            log.warning("desk_refuses", extra={"detail": str(error)})
            self._stop.wait(TICK_S)
            return
        if len(callers) >= CALLERS_MAX:
            caller.close()
            return
        caller.setblocking(False)
        callers[caller] = _Caller(time.monotonic() + CALLER_S)
        selector.register(caller, selectors.EVENT_READ)

    def _listen_to(
        self,
        caller: socket.socket,
        selector: selectors.BaseSelector,
        callers: dict[socket.socket, _Caller],
    ) -> None:
        said = callers[caller].data
        try:
            piece = caller.recv(REQUEST_MAX_BYTES)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        said += piece
        line, end, _ = said.partition(b"\n")
        if len(line) > REQUEST_MAX_BYTES:
            detail = f"a request holds at most {REQUEST_MAX_BYTES} bytes"
            _tell(caller, refusal_of(ActRefused("bad_act", {"detail": detail})))
        elif end:
            answer = self._answer(bytes(line))
            if answer is not None:
                _tell(caller, answer)
        elif piece:
            return
        _dismiss(caller, selector, callers)

    # -- acts ---------------------------------------------------------------------------------

    def _answer(self, line: bytes) -> Done | Refusal | None:
        """The answer to one request; None when nobody can say yet that it was done, or that it was not."""
        try:
            asked = self._preparer.prepared(read_request(line))
            self._put(asked)
            outcome = self._wait(asked)
        except ActRefused as refused:
            log.info("act_refused", extra={"code": refused.code, "why": refused.text})
            return refusal_of(refused)
        if outcome is None or not self._wait_durable(outcome.number, DISK_S):
            # In force perhaps, and on the disk perhaps later: the status will tell, a refusal would lie.
            facts = {"act": asked.request.act.kind, "by": asked.request.by, "in_force": outcome is not None}
            log.error("act_not_answered", extra=facts)
            return None
        self._day_file.keep()
        request = asked.request
        facts = {"act": request.act.kind, "by": request.by, "revision": outcome.state.revision}
        log.info("act_done", extra=facts)
        return Done(day=outcome.state)

    def _wait(self, asked: ActAsked) -> ActDone | None:
        """What the loop makes of it; None: it was given up, and will not be done.

        Raises:
            ActRefused: it is against the rules now.
        """
        end_s = time.monotonic() + LOOP_S
        claimed = False
        while True:
            with contextlib.suppress(queue.Empty):
                outcome = asked.answer.get(timeout=0.05)
                if isinstance(outcome, ActRefused):
                    raise outcome
                return outcome
            if time.monotonic() < end_s and (claimed or not self._stop.is_set()):
                continue
            # Claimed by the loop and never answered: the process is going down.
            if claimed or asked.claim():
                return None
            claimed, end_s = True, time.monotonic() + LOOP_S


def _tell(caller: socket.socket, answer: Done | Refusal) -> None:
    """Send an answer; a caller that does not take it loses it."""
    with contextlib.suppress(OSError):
        caller.settimeout(CALLER_S)
        caller.sendall(answer.model_dump_json().encode("utf-8") + b"\n")


def _dismiss(
    caller: socket.socket, selector: selectors.BaseSelector, callers: dict[socket.socket, _Caller]
) -> None:
    selector.unregister(caller)
    del callers[caller]
    caller.close()
