"""The books of the running line, cheap enough for every few seconds: from running counts, not from rows.

What it covers: every formula of `books`, for the parts of the newest PLC start, and the rules of proof and
key. What only the full balance sees: older PLC starts, which part numbers are missing or stand twice (here
only how many rows are too few or too many, so that one missing and one doubled hide each other), whether
the views' own rows fit what the parts say of them, parts whose views do not add up while the sums do, and
rows that something else than the recorder has changed. Neighbours: `tallies` keeps the counts, `books`
compares both kinds alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from edge_runtime.ledger.books import Books, balance_of
from edge_runtime.ledger.epochs import EpochRange, boots_of, epoch_ranges
from edge_runtime.ledger.models import OPEN, EpochRow, FaultRow, PartRow
from edge_runtime.ledger.tally import (
    BYPASS_CAUSES,
    DOUBT_CAUSES,
    Lane,
    Start,
    Tally,
    add_told,
    count_group,
    empty_tally,
    last_told_at,
    read_totals,
)
from edge_runtime.ledger.tally_models import BookTallyRow

_Group = Mapping[str, Any]
_NAMES_THEM = "'ferrogate ledger PLACE balance' names them"


def quick_balance(connection: sa.Connection) -> Books:
    """Balance the books of the newest PLC start (use `store.reading`); a few milliseconds at any size."""
    return balance_of(_quick_tally(connection))


def _quick_tally(connection: sa.Connection) -> Tally:
    tally = empty_tally()
    ranges = epoch_ranges(connection)
    boot = ranges[-1].plc_boot_id if ranges else None
    start = Start(boot, newest=True)
    if boot is not None:
        read_totals(connection, start)
    tally.starts = [start]
    boots, numbers = _numbers(connection, ranges)
    start.epochs = [epoch for epoch, its_boot in boots.items() if its_boot == boot]
    _find_ends(start, numbers)
    groups = _groups(connection, start)
    for group in groups:
        count_group(tally, start, group)
        tally.views_due += group["views_due"]
        tally.views_got += group["views_got"]
        tally.views_lost["any cause"] += group["views_lost"]
    _find_open(connection, start)
    start.told = _told(connection, start, groups)
    _count_faults(connection, tally, boot)
    tally.problems += _wrong(groups)
    return tally


def _numbers(
    connection: sa.Connection, ranges: Sequence[EpochRange]
) -> tuple[dict[int, int | None], list[sa.Row[Any]]]:
    """PLC start of the newest epochs, and their lowest, highest and highest settled number by lane."""
    first = ranges[-2].first if len(ranges) > 1 else 0
    lane = (
        sa.select(BookTallyRow.epoch, BookTallyRow.lane)
        .where(BookTallyRow.epoch >= first)
        .distinct()
        .subquery()
    )
    its_seq = sa.select(PartRow.trigger_seq).where(PartRow.epoch == lane.c.epoch, PartRow.lane == lane.c.lane)
    down = its_seq.order_by(PartRow.trigger_seq.desc()).limit(1)
    settled = down.where(PartRow.side.is_not(None), PartRow.is_gap.is_(False))
    query = sa.select(
        lane.c.epoch,
        lane.c.lane,
        its_seq.order_by(PartRow.trigger_seq).limit(1).scalar_subquery().label("lowest"),
        down.scalar_subquery().label("highest"),
        settled.scalar_subquery().label("settled"),
    ).order_by(lane.c.epoch, lane.c.lane)
    rows: list[sa.Row[Any]] = [*connection.execute(query)]
    return boots_of(ranges, [tuple(row)[:4] for row in rows]), rows


def _find_ends(start: Start, numbers: list[sa.Row[Any]]) -> None:
    epochs = set(start.epochs)
    for row in numbers:
        if row.epoch in epochs:
            lane = start.lanes.setdefault(row.lane, Lane())
            lane.first_seq = min(lane.first_seq or row.lowest, row.lowest)
            lane.last_seq = max(lane.last_seq, row.highest)
            lane.last_outcome_seq = max(lane.last_outcome_seq, row.settled or 0)


def _groups(connection: sa.Connection, start: Start) -> list[_Group]:
    """The running counts of this start, '' back to null, and its lanes' rows against their numbers."""
    if not start.epochs:
        return []
    words = ("decision", "side", "cause", "confirm", "plc_verdict")
    query = sa.select(*BookTallyRow.__table__.columns).where(BookTallyRow.epoch >= min(start.epochs))
    epochs = set(start.epochs)
    found: list[_Group] = [
        {**row, **{word: row[word] or None for word in words}, "rows": row["parts"]}
        for row in connection.execute(query).mappings()
        if row["epoch"] in epochs
    ]
    counted = Counter[int]()
    for group in found:
        counted[group["lane"]] += group["rows"]
    for number, lane in start.lanes.items():
        first = lane.first_seq if start.before_ledger or start.plc_boot_id is None else 1
        lane.unnamed = lane.last_seq - first + 1 - counted[number]
    return found


def _find_open(connection: sa.Connection, start: Start) -> None:
    """Parts without an outcome, by lane in the order of their numbers."""
    epochs = set(start.epochs)
    query = sa.select(PartRow.epoch, PartRow.lane, PartRow.trigger_seq).where(OPEN)
    for epoch, lane, seq in connection.execute(query.order_by(PartRow.trigger_seq)):
        if epoch in epochs:
            start.lanes[lane].without_outcome.append((epoch, seq))


def _told(connection: sa.Connection, start: Start, groups: list[_Group]) -> Counter[str]:
    """Rows with an outcome when the PLC told its last totals: all, less those that came since."""
    told: Counter[str] = Counter()
    if start.plc_boot_id is None or not start.last_totals:
        return told
    for group in groups:
        if group["side"] is not None:
            add_told(told, group["side"], group["confirm"], is_gap=group["is_gap"], count=group["rows"])
    last = last_told_at(connection, start.plc_boot_id)
    since = sa.tuple_(PartRow.outcome_segment, PartRow.outcome_offset) > sa.tuple_(
        sa.literal(last.segment), sa.literal(last.offset)
    )
    later = sa.select(PartRow.epoch, PartRow.side, PartRow.confirm, PartRow.is_gap).where(since)
    epochs = set(start.epochs)
    for epoch, side, confirm, is_gap in connection.execute(later):
        if epoch in epochs:
            add_told(told, side, confirm, is_gap=is_gap, count=-1)
    return told


def _count_faults(connection: sa.Connection, tally: Tally, boot: int | None) -> None:
    """Faults since the PLC started: those of before excuse no number that is missing now."""
    query = sa.select(FaultRow.code, sa.func.sum(FaultRow.count)).group_by(FaultRow.code)
    if boot is not None:
        began = sa.select(sa.func.min(EpochRow.utc_ns)).where(EpochRow.plc_boot_id == boot)
        query = query.where(FaultRow.utc_ns >= began.scalar_subquery())
    for code, count in connection.execute(query):
        tally.faults[code] = int(count)


def _wrong(groups: list[_Group]) -> list[str]:
    """Parts that must not be, counted by their kind."""
    unproven = keyless = 0
    for group in groups:
        verdict = group["decision"] or group["plc_verdict"] or "reject"
        if group["side"] == "accept" and not (
            verdict == group["plc_verdict"] == "accept" and group["cause"] in ("proven", *DOUBT_CAUSES)
        ):
            unproven += group["rows"]
        if group["side"] == "bypass" and group["cause"] not in BYPASS_CAUSES:
            keyless += group["rows"]
    return [
        f"{text}: {count} parts; {_NAMES_THEM}"
        for text, count in (
            ("sent to accept without a fresh proof", unproven),
            ("let through without the key", keyless),
        )
        if count
    ]
