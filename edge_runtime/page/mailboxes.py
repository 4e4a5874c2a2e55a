"""The station's mailboxes as the page reads them: one reader each, opened anew when the writer was replaced.

Nothing here waits or raises because a station is away: there is simply nothing new. Only the event loop's
thread may call these. Neighbours: `edge_runtime.live` (layouts), `picture_feed` and `state` take from here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from edge_runtime.live.mailbox import MailboxReader, status_box_name
from edge_runtime.live.status import StationStatus
from edge_runtime.shm_ring import RingError

#: a status older than this says nothing of the line any more
ALIVE_MS = 3000.0


class Newest:
    """Takes the newest message of a mailbox, each at most once.

    Args:
        name: of the mailbox; it need not be there.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._reader: MailboxReader | None = None
        self._taken = 0

    def take(self) -> bytes | None:
        """The newest message; None when it was taken before, or when there is none."""
        reader = self._opened()
        if reader is None or (counter := reader.counter) == self._taken:
            return None
        data = reader.read()
        if data is not None:
            self._taken = counter
        return data

    def again(self) -> None:
        """Give out the newest message once more, for somebody who has just come."""
        self._taken = 0

    def want(self) -> None:
        """Tell the writer that somebody looks; renew it at least once a second."""
        reader = self._opened()
        if reader is not None:
            reader.want()

    def close(self) -> None:
        """Let go of the memory."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _opened(self) -> MailboxReader | None:
        if self._reader is not None and self._reader.replaced:
            self.close()
        if self._reader is None:
            self._taken = 0
            try:
                self._reader = MailboxReader(self.name)
            except RingError:
                return None  # not there, or still being made
        return self._reader


@dataclass(frozen=True, slots=True)
class SeenStatus:
    """The newest status of the station that was seen since the page's start.

    Attributes:
        status: None before the first one, and when it could not be understood.
        plain: the same as JSON values, for handing on.
        trouble: why it could not be understood, in English.
    """

    status: StationStatus | None = None
    plain: dict[str, Any] | None = None
    trouble: str = ""

    def age_ms(self, mono_ns: int) -> float | None:
        """How old it is; None without one."""
        if self.status is None:
            return None
        return max(0.0, (mono_ns - self.status.written_mono_ns) / 1e6)

    def alive(self, mono_ns: int) -> bool:
        """The station told it just now."""
        age_ms = self.age_ms(mono_ns)
        return age_ms is not None and age_ms <= ALIVE_MS


def read_status(data: bytes) -> SeenStatus:
    """The status in a message; what another version wrote is said, not guessed at."""
    try:
        plain = json.loads(data)
        return SeenStatus(StationStatus.model_validate(plain), plain)
    except (ValueError, RecursionError) as error:
        first = str(error).partition("\n")[0]
        return SeenStatus(trouble=f"the station's status cannot be understood: {first}")


class StatusBox:
    """The station's status, as it was last told; what is seen stays seen when the station goes away."""

    def __init__(self, station: str) -> None:
        self._box = Newest(status_box_name(station))
        self.seen = SeenStatus()

    def look(self) -> SeenStatus:
        """Look whether there is a newer one."""
        data = self._box.take()
        if data is not None:
            self.seen = read_status(data)
        return self.seen

    def close(self) -> None:
        """Let go of the memory."""
        self._box.close()
