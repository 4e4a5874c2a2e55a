"""One camera's live pictures: taken from its mailbox when it wakes us, encoded once, newest only.

A feed exists while somebody looks at the camera. It tells the station so (and only then the station copies
pictures), takes a picture only when a viewer is free for it, and keeps none but the newest. All of
it runs in the event loop's thread; only big pictures are encoded in a worker.
Neighbours: `mailboxes`, `encode`; `live_client` sends what is made here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Protocol

from edge_runtime.live.mailbox import MailboxWake, picture_box_name
from edge_runtime.live.pictures import LivePicture, UInt8Array
from edge_runtime.page.encode import INLINE_VALUES_MAX, PictureError, Sent, browser_message, open_picture
from edge_runtime.page.mailboxes import Newest

_LOG = logging.getLogger(__name__)
#: shortest time from one picture to the next: 12 a second and a little, so that a station that sends 12 is
#: never one beat off
PERIOD_S = 0.07
#: a picture that came too early is shown after all when none has come behind it for so long
STILL_S = 0.2
#: a picture older than this is not shown any more
STALE_S = 2.0


class Watcher(Protocol):
    """Somebody who looks at a feed."""

    @property
    def free(self) -> bool:
        """The last picture was drawn: there is room for another one."""

    @property
    def attentive(self) -> bool:
        """Draws what it gets; a hidden tab does not."""

    def wake(self) -> None:
        """There is something new."""


class PictureFeed:
    """Live pictures of one camera.

    Args:
        station, camera: whose mailbox.

    Attributes:
        number: of the newest picture, from 1; 0 before the first.
        message: the newest picture as browsers get it.
    """

    def __init__(self, station: str, camera: str) -> None:
        self.camera = camera
        self.number = 0
        self.message = b""
        self.watchers: set[Watcher] = set()
        self._made_s = 0.0
        self._next_s = 0.0
        self._name = picture_box_name(station, camera)
        self._box = Newest(self._name)
        self._wake: MailboxWake | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._work: asyncio.Task[None] | None = None
        self._trouble = ""

    @property
    def fresh(self) -> bool:
        """The newest picture is worth sending; its header says how old it was when it was made."""
        return self.number > 0 and time.monotonic() - self._made_s < STALE_S

    def add(self, watcher: Watcher) -> None:
        """Somebody looks from now on."""
        self.watchers.add(watcher)
        if self._wake is None:
            try:
                self._wake = MailboxWake(self._name)
            except OSError as error:
                # The clock's ticks take the pictures then: slower, but they come.
                _LOG.warning("no_wake", extra={"mailbox": self._name, "error": str(error)})
            else:
                asyncio.get_running_loop().add_reader(self._wake.fileno(), self._woken)
        self._box.want()
        self._box.again()
        self.poke()

    def remove(self, watcher: Watcher) -> None:
        """Somebody looks no longer; without anybody the mailbox is let go."""
        self.watchers.discard(watcher)
        if not self.watchers:
            self.close()

    def close(self) -> None:
        """Let go of everything. The feed can be used again."""
        if self._wake is not None:
            asyncio.get_running_loop().remove_reader(self._wake.fileno())
            self._wake.close()
            self._wake = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._work is not None:
            self._work.cancel()
            self._work = None
        self._box.close()

    def tick(self) -> None:
        """Twice a second: tell the station that somebody looks, and look in case it failed to wake us."""
        if any(watcher.attentive for watcher in self.watchers):
            self._box.want()
            self.poke()

    def poke(self) -> None:
        """Take the newest picture if somebody is free for it and it is time."""
        if self._work is not None or not any(watcher.free for watcher in self.watchers):
            return
        early_s = self._next_s - time.monotonic()
        if early_s > 0.0:
            self._later(early_s + STILL_S)
            return
        data = self._box.take()
        if data is None:
            return
        self._next_s = time.monotonic() + PERIOD_S
        try:
            picture, pixels = open_picture(data)
            if pixels.size <= INLINE_VALUES_MAX:
                self._show(browser_message(picture, pixels, Sent.now()))
            else:
                self._work = asyncio.get_running_loop().create_task(self._encode(picture, pixels))
        except PictureError as error:
            self._say(str(error))

    async def _encode(self, picture: LivePicture, pixels: UInt8Array) -> None:
        try:
            message = await asyncio.to_thread(browser_message, picture, pixels, Sent.now())
        except PictureError as error:
            self._say(str(error))
        else:
            self._show(message)
        finally:
            if self._work is asyncio.current_task():
                self._work = None

    def _show(self, message: bytes) -> None:
        self._say("")
        self.number += 1
        self.message = message
        self._made_s = time.monotonic()
        for watcher in self.watchers:
            watcher.wake()

    def _woken(self) -> None:
        if self._wake is not None:
            self._wake.clear()
        self.poke()

    def _later(self, delay_s: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._late)

    def _late(self) -> None:
        self._timer = None
        self.poke()

    def _say(self, trouble: str) -> None:
        """Tell a change of the trouble, once."""
        if trouble and trouble != self._trouble:
            _LOG.warning("live_picture", extra={"camera": self.camera, "error": trouble})
        self._trouble = trouble
