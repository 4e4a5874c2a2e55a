"""Tell a running station what to do: one act, one answer, over the unix socket of its desk.

The answer comes when the act is on disk. Neighbours: the page's `/api/acts` and the commands send from
here, `edge_runtime.station.desk` answers.
"""

from __future__ import annotations

import hashlib
import os
import socket
import tempfile
import time
from pathlib import Path

from edge_runtime.day.acts import Act
from edge_runtime.day.refusals import ActRefused
from edge_runtime.day.state import DayState
from edge_runtime.day.wire import ANSWER_MAX_BYTES, Done, read_answer, request_line
from vision.errors import FerrogateError

__all__ = ["ActRefused", "StationUnreachable", "desk_path", "send_act"]

#: longest path of a unix socket on Linux, bytes, without the closing zero
_PATH_MAX_BYTES = 107
#: between two tries to get in where there is a crowd
_CROWDED_S = 0.02


class StationUnreachable(FerrogateError):  # noqa: N818 - named by what is the case
    """No station of that name runs here, or it does not answer (exit code 13)."""

    exit_code = 13


def desk_path(station: str) -> Path:
    """Socket of a station's desk; in the temporary folder, short enough for the system's limit."""
    folder = Path(tempfile.gettempdir())
    path = folder / f"{station}.desk"
    if len(os.fsencode(path)) <= _PATH_MAX_BYTES:
        return path
    digest = hashlib.sha256(station.encode("utf-8")).hexdigest()[:16]
    short = folder / f"fg-{digest}.desk"
    return short if len(os.fsencode(short)) <= _PATH_MAX_BYTES else Path("/tmp") / short.name


def send_act(
    station: str, act: Act, by: str, role: str, revision: int | None = None, timeout_s: float = 5.0
) -> DayState:
    """Have an act carried out; returns the day after it.

    Args:
        station: name of the station.
        act: what to do.
        by, role: who asks, as signed in.
        revision: of the day that the asker saw; the act is refused when it has changed since. None: any.
        timeout_s: for all of it.

    Raises:
        ActRefused: the station does not do it, or cannot write it down.
        StationUnreachable: nobody answers; whether it was done is in the next status, should one come.
    """
    path = desk_path(station)
    end = time.monotonic() + timeout_s
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as desk:
            _connect(desk, path, end)
            desk.sendall(request_line(act, by, role, revision))
            answer = read_answer(_line(desk, end))
    except (OSError, ValueError) as error:
        raise StationUnreachable(
            f"the station does not answer: {getattr(error, 'strerror', None) or error}",
            where=f"station '{station}' ({path})",
            todo="see whether it runs ('ferrogate status'); if it was just starting, try again",
        ) from error
    if isinstance(answer, Done):
        return answer.day
    raise ActRefused(answer.code, answer.values, answer.text)


def _connect(desk: socket.socket, path: Path, end_s: float) -> None:
    """Connect; where many others are trying, when there is room.

    Raises:
        OSError: nobody is there, or there was no room in time.
    """
    while True:
        desk.settimeout(max(0.001, end_s - time.monotonic()))
        try:
            desk.connect(str(path))
            return
        except BlockingIOError:
            if time.monotonic() > end_s:
                raise
            time.sleep(_CROWDED_S)


def _line(desk: socket.socket, end_s: float) -> bytes:
    """One line.

    Raises:
        OSError: none came in time.
        ValueError: the connection ended before one was whole, or it is longer than any answer.
    """
    data = bytearray()
    while not data.endswith(b"\n"):
        desk.settimeout(max(0.001, end_s - time.monotonic()))
        piece = desk.recv(1 << 16)
        if not piece:
            raise ValueError("it closed the connection")
        data += piece
        if len(data) > ANSWER_MAX_BYTES:
            raise ValueError("its answer has no end")
    return bytes(data)
