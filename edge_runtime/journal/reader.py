"""Reading the journal, also while the station writes it; and what a station must know at its start.

Neighbours: `edge_runtime.journal.framing` says how records lie; the recorder follows
the journal with `JournalReader`; the station asks `last_known` when it comes up.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge_runtime.entries import (
    ActEntry,
    ChallengeEntry,
    CountersEntry,
    Entry,
    EpochEntry,
    GapEntry,
    OutcomeEntry,
    PartEntry,
    SessionEntry,
    from_json,
)
from edge_runtime.journal.framing import (
    MAGIC,
    JournalPosition,
    record_bytes,
    segment_numbers,
    segment_path,
    unframe,
)
from vision.errors import LedgerError
from vision.types import PartId

_CHUNK_BYTES = 1 << 18


class JournalReader:
    """Reads records from a position on and can go on later, when more has been written.

    Attributes:
        position: behind the last entry that was given out.
        bad_bytes: bytes that held no whole record in segments that were left behind.
    """

    def __init__(self, folder: Path, position: JournalPosition | None = None) -> None:
        self.folder = folder
        self.position = position or JournalPosition()
        self.bad_bytes = 0

    def read(self, limit: int = 1000) -> list[tuple[JournalPosition, Entry]]:
        """At most `limit` next entries, each with the position behind it; empty at the end for now.

        Raises:
            LedgerError: a whole record is no entry this version knows, or the journal lacks the position's
                segment (its folder was emptied, or copied too late).
        """
        found: list[tuple[JournalPosition, Entry]] = []
        while len(found) < limit:
            if self._read_segment(found, limit):
                continue
            # Look again once the next segment is there: only then is this one finished.
            following = self._next_segment()
            if following is None:
                break
            if not self._read_segment(found, limit):
                self.bad_bytes += self._rest_bytes()
                self.position = JournalPosition(following, 0)
        return found

    def _next_segment(self) -> int | None:
        numbers = segment_numbers(self.folder)
        if numbers and numbers[-1] < self.position.segment:
            raise LedgerError(
                f"the journal ends with segment {numbers[-1]}, the ledger is at {self.position.segment}",
                where=str(self.folder),
                todo="the journal was emptied or replaced: put it back, or move the ledger away as well",
            )
        if self.position.offset and numbers and self.position.segment not in numbers:
            # The segment in force is never let go: what followed in it and behind it is not known.
            raise LedgerError(
                f"the ledger is at segment {self.position.segment} of the journal, which is not there",
                where=str(self.folder),
                todo="put the journal's segments back that belong to this ledger, or move both away",
            )
        return next((number for number in numbers if number > self.position.segment), None)

    def _read_segment(self, found: list[tuple[JournalPosition, Entry]], limit: int) -> bool:
        """Take entries of the segment in force; True when there was at least one."""
        try:
            fd = os.open(segment_path(self.folder, self.position.segment), os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            before = len(found)
            while len(found) < limit and self._read_chunk(fd, found, limit):
                pass
            return len(found) > before
        finally:
            os.close(fd)

    def _read_chunk(self, fd: int, found: list[tuple[JournalPosition, Entry]], limit: int) -> bool:
        start = self.position.offset
        if start < len(MAGIC):
            if os.pread(fd, len(MAGIC), 0) != MAGIC:
                return False
            start = len(MAGIC)
        data = os.pread(fd, _CHUNK_BYTES, start)
        size = record_bytes(data, 0)
        if size is not None and size > len(data):
            data = os.pread(fd, size, start)
        at = 0
        while len(found) < limit and (payload := unframe(data, at)) is not None:
            where = JournalPosition(self.position.segment, start + at)
            at += record_bytes(data, at) or 0
            self.position = JournalPosition(where.segment, start + at)
            found.append((self.position, _entry(payload, self.folder, where)))
        return at > 0

    def _rest_bytes(self) -> int:
        """Bytes behind the position up to the last one that is not 0: torn or damaged records."""
        try:
            data = segment_path(self.folder, self.position.segment).read_bytes()
        except FileNotFoundError:
            return 0
        return len(data[max(self.position.offset, len(MAGIC)) :].rstrip(b"\0"))


def _entry(payload: bytes, folder: Path, where: JournalPosition) -> Entry:
    try:
        return from_json(payload)
    except (ValueError, KeyError) as error:
        raise LedgerError(
            f"a journal entry cannot be understood: {error}",
            where=f"{segment_path(folder, where.segment)} at byte {where.offset}",
            todo="it was written by another version of ferrogate: read it with that version or a newer one",
        ) from error


def read_journal(
    folder: Path, from_position: JournalPosition | None = None
) -> Iterator[tuple[JournalPosition, Entry]]:
    """All entries from a position to the end as it is now, each with the position behind it.

    To follow a growing journal, call again with the last position, or keep a `JournalReader`.

    Raises:
        LedgerError: see `JournalReader.read`.
    """
    reader = JournalReader(folder, from_position)
    while batch := reader.read():
        yield from batch


@dataclass(frozen=True, slots=True)
class LastKnown:
    """What the journal's kept segments still know of the line.

    Attributes:
        highest_epoch: of any entry, 0 when there is none: the station's `epoch_floor`.
        plc_boot_ids: epoch -> boot id of the PLC that it was agreed with, or that was in that epoch.
        last_seqs: (plc_boot_id, lane) -> highest part number that has an entry.
        without_outcome: parts that have an entry of their own but no outcome yet, in order.
        acts: in their order.
        recipe_sha256: of the newest session, or of the changeover after it; '' without any.
        challenge_balls: challenge balls that have an entry, each with its outcome where it is known.
        challenges: challenges that are over.
    """

    highest_epoch: int = 0
    plc_boot_ids: dict[int, int] = field(default_factory=dict)
    last_seqs: dict[tuple[int, int], int] = field(default_factory=dict)
    without_outcome: tuple[PartId, ...] = ()
    acts: tuple[ActEntry, ...] = ()
    recipe_sha256: str = ""
    challenge_balls: tuple[tuple[PartEntry, OutcomeEntry | None], ...] = ()
    challenges: tuple[ChallengeEntry, ...] = ()


class _DayKnown:
    """What the journal knows of the day, entry by entry."""

    def __init__(self) -> None:
        self.acts: list[ActEntry] = []
        self.recipe_sha256 = ""
        self.balls: dict[PartId, tuple[PartEntry, OutcomeEntry | None]] = {}
        self.challenges: list[ChallengeEntry] = []

    def take(self, entry: Entry) -> None:
        match entry:
            case PartEntry() if entry.challenge:
                self.balls[entry.part_id] = (entry, None)
            case OutcomeEntry() if entry.part_id in self.balls:
                self.balls[entry.part_id] = (self.balls[entry.part_id][0], entry)
            case ActEntry():
                self.acts.append(entry)
                if entry.act == "changeover_done":
                    self.recipe_sha256 = entry.asked["new_sha256"]
            case ChallengeEntry():
                self.challenges.append(entry)
            case SessionEntry():
                self.recipe_sha256 = entry.recipe_sha256
            case _:
                pass


def last_known(folder: Path) -> LastKnown:
    """Read through the kept segments (see `retention`) for what a starting station needs.

    Raises:
        LedgerError: an entry cannot be understood.
    """
    highest = 0
    boots: dict[int, int] = {}
    seqs: dict[PartId, int] = {}
    open_parts: dict[PartId, None] = {}
    closed: set[PartId] = set()
    day = _DayKnown()
    for _, entry in read_journal(folder):
        day.take(entry)
        if isinstance(entry, EpochEntry):
            boots[entry.epoch] = entry.plc_boot_id
        elif isinstance(entry, CountersEntry):
            # The epoch's own entry may lie in a segment that was let go long ago.
            if "epoch" in entry.totals and entry.totals.get("plc_boot_id"):
                boots[entry.totals["epoch"]] = entry.totals["plc_boot_id"]
                highest = max(highest, entry.totals["epoch"])
        elif isinstance(entry, PartEntry | OutcomeEntry):
            lane = PartId(entry.epoch, entry.lane, 0)
            seqs[lane] = max(seqs.get(lane, 0), entry.trigger_seq)
            if isinstance(entry, OutcomeEntry):
                closed.add(entry.part_id)
                open_parts.pop(entry.part_id, None)
            elif entry.part_id not in closed:
                open_parts[entry.part_id] = None
        elif isinstance(entry, GapEntry):
            lane = PartId(entry.epoch, entry.lane, 0)
            seqs[lane] = max(seqs.get(lane, 0), entry.last_seq)
        highest = max(highest, getattr(entry, "epoch", 0))
    last: dict[tuple[int, int], int] = {}
    for lane, seq in seqs.items():
        # An epoch that the PLC opened by itself belongs to the start of the last one agreed before it.
        agreed = max((known for known in boots if known <= lane.epoch), default=None)
        if agreed is not None:
            key = (boots[agreed], lane.lane)
            last[key] = max(last.get(key, 0), seq)
    return LastKnown(
        highest,
        boots,
        last,
        tuple(open_parts),
        tuple(day.acts),
        day.recipe_sha256,
        tuple(day.balls.values()),
        tuple(day.challenges),
    )
