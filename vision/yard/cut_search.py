"""Which pieces to saw out of a rail: the most worth, proven, and the plain left-to-right way to compare with.

A **layout** is a row of pieces on whole millimetres. Each has a length that the furnace takes and touches no
barred stretch. A saw cut takes `kerf_mm` beside every end of a piece that is not the rail's own; two
neighbours share one cut, or have two with steel between them. So the gap between pieces is one kerf, or at
least two. `best_layout` is exact dynamic programming over millimetres: each place asks once for the best
piece that ends there, and a sliding window keeps the best start among all lengths of a range, so the time
grows with the length of the rail alone. Neighbours: `vision.yard.cut_list` makes stretches of findings
and a list of cuts of the layout.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

#: (from, to) on whole millimetres, to above from.
Interval = tuple[int, int]
_NEVER = -1


@dataclass(frozen=True, slots=True)
class CutPlan:
    """What pieces may be, whole millimetres.

    Attributes:
        lengths_mm: lengths the furnace takes.
        range_mm: (least, greatest) of lengths it takes besides, None: only `lengths_mm`.
        kerf_mm: lost with each saw cut.
        downgraded_permille: worth of a millimetre of a downgraded piece, 1..1000 of a clean one's.
    """

    lengths_mm: tuple[int, ...]
    range_mm: Interval | None
    kerf_mm: int
    downgraded_permille: int = 1000

    def takes(self, length_mm: int) -> bool:
        """Whether a piece may be this long."""
        low, high = self.range_mm or (1, 0)
        return length_mm in self.lengths_mm or low <= length_mm <= high


def worth(pieces: Sequence[Interval], downgrade: Sequence[Interval], plan: CutPlan) -> int:
    """Worth of a layout: per mille of a clean millimetre, over all pieces."""
    total = 0
    for start, end in pieces:
        permille = plan.downgraded_permille if touches(start, end, downgrade) else 1000
        total += (end - start) * permille
    return total


def touches(start: int, end: int, stretches: Sequence[Interval]) -> bool:
    """Whether [start, end) shares a millimetre with any of the stretches."""
    return any(first < end and last > start for first, last in stretches)


def best_layout(
    length_mm: int, barred: Sequence[Interval], downgrade: Sequence[Interval], plan: CutPlan
) -> tuple[Interval, ...]:
    """The layout of greatest worth, and among those the one with the fewest pieces.

    Args:
        length_mm: of the rail.
        barred: stretches that no piece may touch; may overlap.
        downgrade: stretches that downgrade a piece that touches them; may overlap.
        plan: what pieces may be.
    """
    search = _Search(length_mm, barred, downgrade, plan)
    return search.run()


def greedy_layout(length_mm: int, barred: Sequence[Interval], plan: CutPlan) -> tuple[Interval, ...]:
    """The plain way: from the left, always the longest piece that fits before the next barred stretch."""
    low, high = plan.range_mm or (1, 0)
    lengths = sorted({*plan.lengths_mm, *range(low, high + 1)}, reverse=True)
    pieces: list[Interval] = []
    start = 0
    while start < length_mm:
        inside = max((last for first, last in barred if first <= start < last), default=start)
        apart = pieces[-1][1] + 2 * plan.kerf_mm if pieces else plan.kerf_mm
        next_to = start == 0 or (bool(pieces) and start == pieces[-1][1] + plan.kerf_mm)
        if inside > start or not (next_to or start >= apart):
            start = max(inside, apart)
            continue
        stop = min((first for first, _ in barred if first >= start), default=length_mm)
        fits = (n for n in lengths if start + n <= stop and _ends_well(start + n, length_mm, plan))
        longest = next(fits, None)
        if longest is None:
            start = max(stop, start + 1)
        else:
            pieces.append((start, start + longest))
            start += longest + plan.kerf_mm
    return tuple(pieces)


def _ends_well(end: int, length_mm: int, plan: CutPlan) -> bool:
    """A piece ends at the rail's end, or leaves room for the saw."""
    return end == length_mm or end <= length_mm - plan.kerf_mm


class _Window:
    """The best start for a piece that ends here, among starts inside a window that only moves forward.

    Keys of starts fall along the queue; `permille` is the worth of a millimetre. Scores are whole numbers,
    so nothing is rounded.
    """

    def __init__(self, unit: int) -> None:
        self.unit = unit
        self._queue: deque[tuple[int, int]] = deque()  # (key, start)

    def add(self, start: int, score: int) -> None:
        key = score - start * self.unit
        while self._queue and self._queue[-1][0] < key:
            self._queue.pop()
        self._queue.append((key, start))

    def best(self, first: int, end: int) -> tuple[int, int]:
        """(score, start) of the best piece from a start >= `first` to `end`; (_NEVER, 0) where none is."""
        while self._queue and self._queue[0][1] < first:
            self._queue.popleft()
        if not self._queue:
            return _NEVER, 0
        key, start = self._queue[0]
        return key + end * self.unit, start


class _Search:
    """One run over the rail. Scores are worth times `scale`, less one a piece: fewer pieces win ties."""

    def __init__(
        self, length_mm: int, barred: Sequence[Interval], downgrade: Sequence[Interval], plan: CutPlan
    ) -> None:
        self.length, self.plan = length_mm, plan
        self.scale = length_mm + 1
        self.clean_unit = 1000 * self.scale
        self.poor_unit = plan.downgraded_permille * self.scale
        self.walls = _walls(length_mm, barred)
        self.poor_walls = _walls(length_mm, [*barred, *downgrade])
        size = length_mm + 1
        self.ending = [_NEVER] * size  # best score with a piece that ends exactly here
        self.start_of = [0] * size  # where that piece starts
        self.starting = [_NEVER] * size  # best score before a piece that starts here
        self.before = [_NEVER] * size  # end of the piece before it, _NEVER: none
        self.best_end = [_NEVER] * size  # end of the best layout up to here, _NEVER: nothing is best

    def run(self) -> tuple[Interval, ...]:
        clean, poor = _Window(self.clean_unit), _Window(self.poor_unit)
        low, high = self.plan.range_mm or (self.length + 1, self.length + 1)
        for place in range(self.length + 1):
            self._open(place)
            start = place - low
            if start >= 0 and self.starting[start] != _NEVER:
                clean.add(start, self.starting[start])
                poor.add(start, self.starting[start])
            self._close(place, clean, poor, place - high)
            self._keep(place)
        return self._trace()

    def _open(self, place: int) -> None:
        """Best score before a piece that starts here."""
        kerf = self.plan.kerf_mm
        if place < kerf and place > 0:
            return
        score, end = 0, _NEVER
        if place >= kerf and self.ending[place - kerf] > score:
            # A neighbour with one cut between; with no kerf it is not yet known what ends here itself.
            score, end = self.ending[place - kerf], place - kerf
        apart = place - 2 * kerf
        if apart >= 0 and (last := self.best_end[apart]) != _NEVER and self.ending[last] > score:
            score, end = self.ending[last], last
        self.starting[place], self.before[place] = score, end

    def _close(self, place: int, clean: _Window, poor: _Window, first: int) -> None:
        """Best piece that ends here."""
        wall, poor_wall = self.walls[place], self.poor_walls[place]
        score, start = poor.best(max(first, wall), place)
        other, other_start = clean.best(max(first, poor_wall), place)
        if other > score:
            score, start = other, other_start
        for length in self.plan.lengths_mm:
            own = place - length
            if own >= wall and own >= 0 and self.starting[own] != _NEVER:
                unit = self.clean_unit if own >= poor_wall else self.poor_unit
                if (reached := self.starting[own] + length * unit) > score:
                    score, start = reached, own
        if score != _NEVER and _ends_well(place, self.length, self.plan):
            self.ending[place], self.start_of[place] = score - 1, start

    def _keep(self, place: int) -> None:
        """Best layout up to here, and with no kerf: what ends here may be followed here."""
        last = self.best_end[place - 1] if place else _NEVER
        best = 0 if last == _NEVER else self.ending[last]
        self.best_end[place] = place if self.ending[place] > best else last
        if self.plan.kerf_mm == 0 and self.best_end[place] != _NEVER:
            self.before[place] = self.best_end[place]
            self.starting[place] = self.ending[self.best_end[place]]

    def _trace(self) -> tuple[Interval, ...]:
        pieces: list[Interval] = []
        end = self.best_end[self.length]
        while end != _NEVER:
            start = self.start_of[end]
            pieces.append((start, end))
            end = self.before[start]
        return tuple(reversed(pieces))


def _walls(length_mm: int, stretches: Sequence[Interval]) -> list[int]:
    """For each end of a piece the least start that keeps clear of the stretches; above the end: none does."""
    walls = [0] * (length_mm + 1)
    ordered = sorted(stretches)
    wall, index = 0, 0
    for place in range(length_mm + 1):
        while index < len(ordered) and ordered[index][0] < place:
            wall = max(wall, ordered[index][1])
            index += 1
        walls[place] = wall
    return walls
