"""Ways of doing one thing, timed in turn: A B B A, round after round, so that what else the machine does hits
all.

A ratio is the median of the rounds' own ratios: both of its times come from the same seconds. The clocks are
handed in, for this room has none. Neighbours: `edge_runtime.bench` and `training.peers` measure with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from vision.metrology.types import Float64Array

#: seconds; `time.perf_counter` for the wall's, `time.process_time` for the processor's of all threads
Clock = Callable[[], float]
#: does what is timed, as often as the number says
Work = Callable[[int], object]


@dataclass(frozen=True, slots=True, eq=False)
class InTurn:
    """What came out: per name (R,) seconds of one call, by round.

    Attributes:
        wall_s: from begin to end.
        cpu_s: of the processor, all threads of the process.
        calls: in one turn; a round has two turns of everybody.
    """

    wall_s: dict[str, Float64Array]
    cpu_s: dict[str, Float64Array]
    calls: int

    def wall_ms(self, name: str) -> float:
        """Median of one call, ms."""
        return 1e3 * float(np.median(self.wall_s[name]))

    def cpu_ms(self, name: str) -> float:
        """Median of one call, ms of the processor."""
        return 1e3 * float(np.median(self.cpu_s[name]))

    def wall_ratio(self, name: str, over: str) -> float:
        """Median over the rounds of one's time over the other's."""
        return float(np.median(self.wall_s[name] / self.wall_s[over]))

    def cpu_ratio(self, name: str, over: str) -> float:
        """The same of processor time."""
        return float(np.median(self.cpu_s[name] / self.cpu_s[over]))

    def wall_more_ms(self, name: str, than: str) -> float:
        """Median over the rounds of what one call takes longer, ms."""
        return 1e3 * float(np.median(self.wall_s[name] - self.wall_s[than]))

    def cpu_more_ms(self, name: str, than: str) -> float:
        """The same of processor time."""
        return 1e3 * float(np.median(self.cpu_s[name] - self.cpu_s[than]))


def in_turn(
    works: Mapping[str, Work],
    rounds: int,
    *,
    wall: Clock,
    cpu: Clock,
    turn_s: float = 0.05,
    step: Callable[[], object] = lambda: None,
) -> InTurn:
    """Time several ways of doing one thing.

    Args:
        works: name -> does it so many times; the order is that of a round's first half.
        rounds: at least 1; each goes there and back through all names.
        wall, cpu: clocks, seconds.
        turn_s: what a turn of the first takes at least, so that the clock's own steps are small beside it.
        step: called after every round.

    Raises:
        ValueError: nothing to time, or no round.
    """
    if not works or rounds < 1:
        raise ValueError(f"at least one work and one round are needed, got {len(works)} and {rounds}")
    for work in works.values():
        work(1)  # what is set up lazily is not timed
    calls = _calls(next(iter(works.values())), wall, turn_s)
    names = list(works)
    wall_s = {name: np.zeros(rounds) for name in names}
    cpu_s = {name: np.zeros(rounds) for name in names}
    for number in range(rounds):
        # Every second round goes the other way about: nobody is always first.
        there = names if number % 2 == 0 else names[::-1]
        for name in (*there, *there[::-1]):
            began_s, began_cpu_s = wall(), cpu()
            works[name](calls)
            cpu_s[name][number] += (cpu() - began_cpu_s) / (2 * calls)
            wall_s[name][number] += (wall() - began_s) / (2 * calls)
        step()
    return InTurn(wall_s, cpu_s, calls)


def _calls(work: Work, wall: Clock, turn_s: float) -> int:
    """How many calls fill a turn."""
    calls = 1
    while True:
        began_s = wall()
        work(calls)
        took_s = wall() - began_s
        if took_s >= turn_s or calls >= 1 << 16:
            return calls
        calls *= 2
