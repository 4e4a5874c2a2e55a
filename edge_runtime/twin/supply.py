"""Brings balls to the line in time: the plan, and their pictures read ahead by a thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from datasets.synthetic.bank import BallBank, BankIndex
from edge_runtime.twin.balls import PlannedBall, plan_balls
from edge_runtime.twin.optics import BallPictures, load_pictures
from edge_runtime.twin.settings import LineSettings

AHEAD = 6


@dataclass(frozen=True, slots=True)
class Supplied:
    """A ball and its pictures (`pictures.result()` waits for them, and passes reading errors on)."""

    ball: PlannedBall
    pictures: Future[BallPictures]


class BallSupply:
    """The balls of a run in order; `AHEAD` of them are being read from the bank.

    Raises:
        ConfigError: the bank cannot be read, or lacks a kind of ball.
    """

    def __init__(self, settings: LineSettings) -> None:
        self._bank = BallBank(settings.bank_dir)
        self._rim_light_max = settings.rim_light_max
        self._plan: Iterator[PlannedBall] = plan_balls(settings, self._bank.index)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="bank")
        self._ready: deque[Supplied] = deque()
        self._again: dict[int, Future[BallPictures]] | None = {} if settings.repeat_balls else None
        self._fill()

    def _fill(self) -> None:
        while len(self._ready) < AHEAD:
            ball = next(self._plan, None)
            if ball is None:
                return
            self._ready.append(self.fetch(ball))

    @property
    def index(self) -> BankIndex:
        """What the bank holds."""
        return self._bank.index

    def fetch(self, ball: PlannedBall) -> Supplied:
        """A ball beside the plan; its pictures are read from now on."""
        known = None if self._again is None else self._again.get(ball.look)
        if known is not None:
            return Supplied(ball, known)
        pictures = self._pool.submit(load_pictures, self._bank, ball, rim_light_max=self._rim_light_max)
        if self._again is not None and ball.look >= 0:
            self._again[ball.look] = pictures
        return Supplied(ball, pictures)

    def peek(self) -> PlannedBall | None:
        """The next ball, None when the run has no more."""
        return self._ready[0].ball if self._ready else None

    def take(self) -> Supplied:
        """The next ball, to be put on the belt."""
        supplied = self._ready.popleft()
        self._fill()
        return supplied

    def close(self) -> None:
        """Stop reading."""
        self._pool.shutdown(cancel_futures=True)
