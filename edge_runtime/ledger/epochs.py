"""Which PLC start an epoch belongs to, also where the station never heard of the epoch.

The PLC opens epochs by itself when the station is away; outcomes tell of them later.
Epochs only rise, so an epoch between two of one PLC start belongs to that start.
Between the last known epoch of one start and the first known of the next, part numbers
decide: they run on within a start and begin at 1 with the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from edge_runtime.ledger.models import EpochRow, PartRow

#: epochs are 32 bit in the PLC
EPOCH_MAX = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class EpochRange:
    """Epochs that surely belong to one PLC start, both ends included."""

    plc_boot_id: int
    first: int
    last: int


def epoch_ranges(connection: sa.Connection) -> list[EpochRange]:
    """Ranges of all PLC starts, oldest first; the newest one has no end yet, the oldest no beginning."""
    known = connection.execute(
        sa.select(EpochRow.plc_boot_id, sa.func.min(EpochRow.epoch), sa.func.max(EpochRow.epoch))
        .group_by(EpochRow.plc_boot_id)
        .order_by(sa.func.min(EpochRow.epoch))
    ).all()
    return [
        EpochRange(boot, 0 if place == 0 else first, EPOCH_MAX if place == len(known) - 1 else last)
        for place, (boot, first, last) in enumerate(known)
    ]


def same_start(connection: sa.Connection, epoch: int) -> tuple[int, int]:
    """First and last epoch that surely belong to the PLC start of `epoch`; only itself when unknown."""
    for found in epoch_ranges(connection):
        if found.first <= epoch <= found.last:
            return found.first, found.last
    return epoch, epoch


def boots_of_epochs(connection: sa.Connection) -> dict[int, int | None]:
    """PLC start of every epoch that has parts; None when no epoch at all was agreed."""
    seq = PartRow.trigger_seq
    rows = connection.execute(
        sa.select(PartRow.epoch, PartRow.lane, sa.func.min(seq), sa.func.max(seq))
        .group_by(PartRow.epoch, PartRow.lane)
        .order_by(PartRow.epoch, PartRow.lane)
    ).all()
    return boots_of(epoch_ranges(connection), rows)


def boots_of(ranges: Sequence[EpochRange], numbers: Iterable[Sequence[int]]) -> dict[int, int | None]:
    """PLC start of each epoch.

    Args:
        ranges: all of `epoch_ranges`.
        numbers: epoch, lane, lowest and highest part number, in the order of epoch and lane; an epoch between
            two known starts is only told apart when those of the start before it are there.
    """
    boots: dict[int, int | None] = {}
    highest: dict[tuple[int | None, int], int] = {}
    for epoch, lane, lowest_seq, highest_seq in numbers:
        if epoch not in boots:
            boots[epoch] = _boot(ranges, epoch, lane, lowest_seq, highest)
        key = (boots[epoch], lane)
        highest[key] = max(highest.get(key, 0), highest_seq)
    return boots


def _boot(
    ranges: Sequence[EpochRange],
    epoch: int,
    lane: int,
    lowest_seq: int,
    highest: dict[tuple[int | None, int], int],
) -> int | None:
    inside = [found.plc_boot_id for found in ranges if found.first <= epoch <= found.last]
    if inside:
        return inside[0]
    below = [found.plc_boot_id for found in ranges if found.last < epoch]
    above = [found.plc_boot_id for found in ranges if found.first > epoch]
    if below and above:
        return below[-1] if lowest_seq > highest.get((below[-1], lane), 0) else above[0]
    return None
