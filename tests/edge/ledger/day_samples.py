"""Entries of the day for the ledger's tests: acts as the station journals them, challenges, line states."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from edge_runtime.day.acts import CloseLot, CloseShift, OpenLot, OpenShift
from edge_runtime.day.follow import act_entry
from edge_runtime.day.rules import Facts, Who, apply
from edge_runtime.day.state import DayState
from edge_runtime.entries import ActEntry, ChallengeEntry, Entry, LineStateEntry
from edge_runtime.ledger.apply import Applier
from edge_runtime.ledger.store import ledger_url, open_ledger
from tests.edge.ledger_samples import BOOT, UTC_NS, outcome, part, placed

PRODUCT = "ball 40"
RECIPE = "a" * 64
SECOND_NS = 1_000_000_000


class Day:
    """Acts carried out by the day's own rules, so that their entries are those of a real station."""

    def __init__(self) -> None:
        self.state = DayState()
        self.utc_ns = UTC_NS

    def open_shift(self, name: str, by: str = "Aigul") -> ActEntry:
        """The entry of a shift that begins."""
        return self._do(OpenShift(name=name), by)

    def close_shift(self, by: str = "Aigul") -> ActEntry:
        """The entry of a shift that ends."""
        return self._do(CloseShift(), by)

    def open_lot(self, name: str, by: str = "Aigul") -> ActEntry:
        """The entry of a lot that begins."""
        return self._do(OpenLot(name=name, product=PRODUCT), by)

    def close_lot(self, by: str = "Aigul") -> ActEntry:
        """The entry of a lot that ends."""
        return self._do(CloseLot(), by)

    def _do(self, act: OpenShift | CloseShift | OpenLot | CloseLot, by: str) -> ActEntry:
        self.utc_ns += SECOND_NS
        before = self.state
        facts = Facts(utc_ns=self.utc_ns, product=PRODUCT, recipe_sha256=RECIPE)
        self.state = apply(before, act, Who(by, "foreman"), facts)
        return act_entry(
            before,
            self.state,
            act=act.kind,
            by=by,
            role="foreman",
            asked=act.model_dump(mode="json"),
            utc_ns=self.utc_ns,
            boot_id=BOOT,
        )


def challenge(name: str, result: str, *, lane: int = 0, **other: Any) -> ChallengeEntry:
    """A challenge that is over."""
    values: dict[str, Any] = {
        "expected": "crack",
        "balls": 1,
        "rejected": int(result == "passed"),
        "accepted": int(result == "missed"),
        "unproven": int(result == "inconclusive"),
        "by": "Aigul",
        "lot": "lot 7",
        "shift": "early",
        "detail": "",
        "begun_utc_ns": UTC_NS,
        "utc_ns": UTC_NS + 1,
        "boot_id": BOOT,
    }
    return ChallengeEntry(challenge=name, result=result, lane=lane, **(values | other))


def line_state(at_s: float, **other: Any) -> LineStateEntry:
    """A line that runs and is ready from `at_s` seconds on, unless `other` says what speaks against it."""
    values: dict[str, Any] = {
        "connected": True,
        "running": True,
        "latched": False,
        "stop_cause": "none",
        "ready": True,
        "holds": (),
        "key_switch": "auto",
        "inputs": (),
        "lot": "lot 7",
        "shift": "early",
        "utc_ns": UTC_NS + round(at_s * SECOND_NS),
        "boot_id": BOOT,
    }
    return LineStateEntry(**(values | other))


def through(*seqs: int, decision: str = "accept", lane: int = 0, **other: Any) -> list[Entry]:
    """Parts with their outcomes; `other` goes into the parts' entries."""
    entries: list[Entry] = []
    for seq in seqs:
        entries.append(part(seq, decision=decision, lane=lane, **other))
        entries.append(outcome(seq, verdict=decision, lane=lane))
    return entries


def bypassed(
    seq: int, *, decision: str | None = "accept", cause: str = "bypass", **other: Any
) -> list[Entry]:
    """A part that passed a gate held open by key."""
    return [
        part(seq, decision=decision, **other),
        outcome(seq, verdict=decision, side="bypass", cause=cause, confirm="accept_eye"),
    ]


def apply_all(engine: sa.Engine, entries: Sequence[Entry], batch_size: int = 500) -> None:
    """Put entries into a ledger from its beginning on, in batches."""
    applier = Applier(engine)
    items = placed(list(entries))
    for start in range(0, len(items), batch_size):
        applier.apply(items[start : start + batch_size])


def make_engine(folder: Path, entries: Sequence[Entry], batch_size: int = 500) -> sa.Engine:
    """A new ledger with these entries."""
    engine = open_ledger(ledger_url(folder))
    apply_all(engine, entries, batch_size)
    return engine
