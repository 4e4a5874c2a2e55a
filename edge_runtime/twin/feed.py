"""What comes onto the belt, and when: the planned balls, held back or not, and challenge balls between.

Places on the belt follow the plan as long as nobody interferes. A feed that was held, or a challenge ball
that took a place, lets all later balls come later by that. Neighbours: `line` asks after every piece of
motion, `supply` has the pictures, `challenge_balls` draws what people drop.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable

from edge_runtime.twin.challenge_balls import KINDS, challenge_word, draw_challenge
from edge_runtime.twin.field import Field, Word
from edge_runtime.twin.settings import COUNTS_PER_D, LineSettings
from edge_runtime.twin.supply import BallSupply, Supplied

ENTRY_COUNTS = 4.0 * COUNTS_PER_D
"""A ball enters this far before the photo-eye."""
BOOKED_COUNTS = 8.0 * COUNTS_PER_D
"""The PLC has closed its books on the last ball when the belt has run empty for this long."""


class Feed:
    """The feed.

    Args:
        settings: the run.
        field: field wiring, for what people ask.
        first_centre: count at which the first planned ball's centre passes the photo-eye.
        refuse: called with a kind that the bank does not have.

    Raises:
        ConfigError: the ball bank does not serve.
    """

    def __init__(
        self, settings: LineSettings, field: Field, first_centre: float, refuse: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._field = field
        self._supply = BallSupply(settings)
        self._refuse = refuse
        self._pitch = settings.pitch_d * COUNTS_PER_D
        #: where the plan begins; moves on by what people held back or put between
        self._origin = first_centre
        self._last = -float("inf")
        self._words = {kind: challenge_word(kind) for kind in KINDS}
        self._asked = {kind: field.get(word) for kind, word in self._words.items()}
        self._dropped: deque[Supplied] = deque()
        self._challenges = 0
        self._empty_since: float | None = None
        self._before = -float("inf")
        self._cut = 0.0

    @property
    def empty(self) -> bool:
        """Nothing is left to come."""
        return self._supply.peek() is None and not self._dropped

    def next(self, position: float, *, empty: bool = False) -> tuple[Supplied, float] | None:
        """The next ball that has come to its entry, and the count at which its centre passes the eye.

        Args:
            position: of the belt, endless counts. Call again until it returns None.
            empty: nothing lies on the line.
        """
        self._take_requests()
        self._shorten_idle(position, empty=empty)
        entry = position + ENTRY_COUNTS
        held = self._field.get(Word.FEED_HOLD) != 0
        place = self._planned_place()
        if held and place is not None and place < entry:
            self._origin += entry - place
            place = entry
        if self._dropped:
            return self._drop(entry, None if held else place)
        if held or place is None or place > entry:
            return None
        self._last = place
        return self._supply.take(), place

    def _shorten_idle(self, position: float, *, empty: bool) -> None:
        """Bring what comes next nearer while the belt runs with nothing on it and nothing to be booked.

        The belt itself runs as ever: clocks, heartbeats and time-outs see no difference.
        """
        moved, self._before = position - self._before, position
        if not empty or self._settings.idle_speed == 1.0:
            self._empty_since = None
            return
        if self._empty_since is None:
            self._empty_since = position
        place = self._planned_place()
        if position - self._empty_since < BOOKED_COUNTS or moved <= 0.0 or place is None:
            return
        cut = min((self._settings.idle_speed - 1.0) * moved, place - ENTRY_COUNTS - position)
        if cut > 0.0:
            self._origin -= cut
            self._cut += cut
            self._field.set(Word.IDLE_CUT, round(self._cut))

    def _planned_place(self) -> float | None:
        ball = self._supply.peek()
        return None if ball is None else self._origin + ball.offset_counts

    def _drop(self, entry: float, place: float | None) -> tuple[Supplied, float] | None:
        """A challenge ball into the next place: the next planned ball's, or a free one when none comes."""
        centre = max(entry, self._last + self._pitch) if place is None else place
        if centre > entry:
            return None
        planned = self._supply.peek()
        lane = self._settings.lane if planned is None else planned.lane
        behind = self._planned_place()
        if behind is not None:
            self._origin += max(0.0, centre + self._pitch - behind)
        self._last = centre
        dropped = self._dropped.popleft()
        return dataclasses.replace(dropped, ball=dataclasses.replace(dropped.ball, lane=lane)), centre

    def _take_requests(self) -> None:
        for kind, word in self._words.items():
            count = self._field.get(word)
            if count == self._asked[kind]:
                continue
            for _ in range(count - self._asked[kind]):
                ball = draw_challenge(self._settings, self._supply.index, kind, self._challenges)
                if ball is None:
                    self._refuse(kind)
                    continue
                self._challenges += 1
                self._dropped.append(self._supply.fetch(ball))
            self._asked[kind] = count

    def close(self) -> None:
        """Stop reading pictures."""
        self._supply.close()
