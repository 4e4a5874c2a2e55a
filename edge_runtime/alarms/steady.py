"""From what is seen now and then to alarms that stand: delays on and off, pure, the time is handed in.

A condition becomes an alarm once it has been seen over its `on_s` (gaps shorter than `off_s` do not count),
and is over once it was unseen for `off_s`. What only a silent source could tell stays as it is.
Neighbours: `conditions` finds, `desk` writes down what stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from edge_runtime.alarms.codes import Source, rule_of
from edge_runtime.alarms.condition import Condition, Key, Standing


@dataclass(frozen=True, slots=True)
class Seen:
    """A condition with when it was first and last seen, monotonic seconds."""

    condition: Condition
    since_s: float
    last_s: float


@dataclass(frozen=True, slots=True)
class Memory:
    """What stands, and what may come to stand."""

    standing: Mapping[Key, Seen] = field(default_factory=dict)
    waiting: Mapping[Key, Seen] = field(default_factory=dict)

    @property
    def keys(self) -> Standing:
        """What stands."""
        return frozenset(self.standing)


def settle(memory: Memory, found: Iterable[Condition], known: frozenset[Source], now_s: float) -> Memory:
    """The memory after one look.

    Args:
        memory: after the look before.
        found: what is seen now.
        known: sources that told something; see `conditions.known_sources`.
        now_s: monotonic.
    """
    standing: dict[Key, Seen] = {}
    waiting: dict[Key, Seen] = {}
    seen_now = {condition.key: condition for condition in found}
    for key, condition in seen_now.items():
        before = memory.standing.get(key) or memory.waiting.get(key)
        seen = Seen(condition, now_s if before is None else before.since_s, now_s)
        stands = key in memory.standing or now_s - seen.since_s >= rule_of(key.code).on_s
        (standing if stands else waiting)[key] = seen
    for old, kept in ((memory.standing, standing), (memory.waiting, waiting)):
        for key, seen in old.items():
            if key in seen_now:
                continue
            rule = rule_of(key.code)
            if rule.source in known:
                if now_s - seen.last_s < rule.off_s:
                    kept[key] = seen
            elif kept is standing:
                # Neither seen nor unseen. What was only waiting begins anew once its source is back.
                kept[key] = Seen(seen.condition, seen.since_s, now_s)
    return Memory(standing, waiting)


def adopt(memory: Memory, conditions: Iterable[Condition], now_s: float) -> Memory:
    """The memory with alarms that an earlier life of the page has left standing."""
    adopted = {condition.key: Seen(condition, now_s, now_s) for condition in conditions}
    return Memory(adopted | dict(memory.standing), memory.waiting)
