"""When the line ran and why not: the states it told, and the silence of a station that was not there.

A state holds until the next one. A station that dies tells nothing, so the totals that it writes every two
seconds are taken as its signs of life: a longer silence is `no_station` from the last sign on.
Neighbours: `apply_day` writes the states down, the shift's report shows the spans.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import sqlalchemy as sa

from edge_runtime.ledger.apply_day import SEPARATOR
from edge_runtime.ledger.day_models import LineStateRow
from edge_runtime.ledger.models import CountersRow

#: a station that wrote nothing for so long was not there
SILENCE_NS = 15_000_000_000
_INPUTS = ("e_stop", "guard_open", "air_low", "bin_full")
_NS_PER_S = 1e9


@dataclass(frozen=True, slots=True)
class LineSpan:
    """One span; its end does not belong to it.

    `cause`: 'up' (the belt runs and verdicts count), else the gravest that spoke against it:
    'no_station', 'not_connected', what latched the belt ('e_stop', 'guard', 'mismatch',
    'unproven_accept', 'station_request', 'power'), an input ('guard_open', 'air_low', 'bin_full'), 'bypass',
    'service', 'hold_<name>', 'belt_stopped', 'not_ready'. 'unknown': before the first state that was told.
    """

    start_utc_ns: int
    end_utc_ns: int
    cause: str

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end_utc_ns - self.start_utc_ns) / _NS_PER_S


@dataclass(frozen=True, slots=True)
class Downtime:
    """Sums of spans, seconds; `stops` counts the spans of each cause but 'up'."""

    total_s: float
    up_s: float
    by_cause_s: dict[str, float]
    stops: dict[str, int]


@dataclass(frozen=True, slots=True)
class LineState:
    """How the line stood from `utc_ns` on; see `entries.LineStateEntry`."""

    connected: bool
    running: bool
    latched: bool
    stop_cause: str
    ready: bool
    holds: tuple[str, ...]
    key_switch: str
    inputs: tuple[str, ...]
    utc_ns: int

    @property
    def cause(self) -> str:
        """See `LineSpan`."""
        if not self.connected:
            return "not_connected"
        if self.running and self.ready:
            return "up"
        if self.latched:
            return self.stop_cause if self.stop_cause != "none" else "latched"
        if self.inputs:
            return next((name for name in _INPUTS if name in self.inputs), self.inputs[0])
        if self.key_switch != "auto":
            return self.key_switch
        if self.holds:
            return f"hold_{self.holds[0]}"
        return "not_ready" if self.running else "belt_stopped"


def list_states(connection: sa.Connection, since_utc_ns: int, until_utc_ns: int) -> list[LineState]:
    """States of a span in the order of time, the one in force at its begin first."""
    names = [name for name in LineState.__slots__ if name not in ("holds", "inputs")]
    columns = [getattr(LineStateRow, name) for name in (*names, "holds", "inputs")]
    in_force = (
        sa.select(*columns)
        .where(LineStateRow.utc_ns <= since_utc_ns)
        .order_by(LineStateRow.utc_ns.desc(), LineStateRow.id.desc())
        .limit(1)
    )
    later = sa.select(*columns).where(LineStateRow.utc_ns > since_utc_ns, LineStateRow.utc_ns < until_utc_ns)
    later = later.order_by(LineStateRow.utc_ns, LineStateRow.id)
    rows = [*connection.execute(in_force).mappings(), *connection.execute(later).mappings()]
    return [
        LineState(
            **{name: row[name] for name in names},
            holds=_words(row["holds"]),
            inputs=_words(row["inputs"]),
        )
        for row in rows
    ]


def line_spans(connection: sa.Connection, since_utc_ns: int, until_utc_ns: int) -> tuple[LineSpan, ...]:
    """Spans that cover all the time from `since_utc_ns` to `until_utc_ns`; neighbours differ in cause.

    Give the present as the end of a span that is not over: silence after the newest sign of life counts.
    """
    states = list_states(connection, since_utc_ns, until_utc_ns)
    if not states:
        return _joined([LineSpan(since_utc_ns, until_utc_ns, "unknown")])
    starts = [state.utc_ns for state in states]
    silences = _silences(connection, starts, until_utc_ns)
    edges = {since_utc_ns, until_utc_ns, *starts, *(edge for silence in silences for edge in silence)}
    marks = sorted(edge for edge in edges if since_utc_ns <= edge <= until_utc_ns)
    silent_from = [start for start, _ in silences]
    spans = []
    for start, end in pairwise(marks):
        place = bisect_right(starts, start) - 1
        silence = bisect_right(silent_from, start) - 1
        if place < 0:
            cause = "unknown"
        elif silence >= 0 and start < silences[silence][1]:
            cause = "no_station"
        else:
            cause = states[place].cause
        spans.append(LineSpan(start, end, cause))
    return _joined(spans)


def downtime(spans: Iterable[LineSpan]) -> Downtime:
    """Sums of spans, the longest cause first."""
    seconds: Counter[str] = Counter()
    stops: Counter[str] = Counter()
    for span in spans:
        seconds[span.cause] += span.seconds  # type: ignore[assignment]  # a counter of seconds
        stops[span.cause] += span.cause != "up"
    by_cause = {cause: float(length) for cause, length in seconds.most_common() if cause != "up"}
    return Downtime(
        float(sum(seconds.values())),
        float(seconds["up"]),
        by_cause,
        {cause: stops[cause] for cause in by_cause},
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(SEPARATOR)) if text else ()


def _silences(connection: sa.Connection, state_times: list[int], until_utc_ns: int) -> list[tuple[int, int]]:
    """Spans without a sign of life, in order; a state that was told is one as well."""
    before = sa.select(sa.func.max(CountersRow.utc_ns)).where(CountersRow.utc_ns <= state_times[0])
    told = sa.select(CountersRow.utc_ns).where(
        CountersRow.utc_ns >= sa.func.coalesce(before.scalar_subquery(), state_times[0]),
        CountersRow.utc_ns < until_utc_ns,
    )
    signs = sorted({*state_times, *connection.execute(told).scalars()})
    return [
        (last, following)
        for last, following in zip(signs, [*signs[1:], until_utc_ns], strict=True)
        if following - last > SILENCE_NS
    ]


def _joined(spans: Iterable[LineSpan]) -> tuple[LineSpan, ...]:
    """Neighbours of one cause as one span, empty ones left out."""
    joined: list[LineSpan] = []
    for span in spans:
        if span.end_utc_ns <= span.start_utc_ns:
            continue
        if joined and joined[-1].cause == span.cause:
            joined[-1] = LineSpan(joined[-1].start_utc_ns, span.end_utc_ns, span.cause)
        else:
            joined.append(span)
    return tuple(joined)
