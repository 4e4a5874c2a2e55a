"""Journal entries into the ledger, hundreds in one transaction, each exactly once.

The applied position moves in the same transaction as the rows it stands for. Rows are
joined in memory first and written with few bulk statements. One `Applier` at a time
works on a ledger: the recorder, or a command that holds the recorder's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from edge_runtime.entries import (
    ActEntry,
    ChallengeEntry,
    CountersEntry,
    Entry,
    EpochEntry,
    FaultEntry,
    GapEntry,
    LineStateEntry,
    OutcomeEntry,
    PartEntry,
    SessionEntry,
)
from edge_runtime.journal import JournalPosition
from edge_runtime.ledger import rows
from edge_runtime.ledger.apply_day import newest_shift_id, take_act, take_line_state
from edge_runtime.ledger.containment import read_doubts, settle, take_challenge
from edge_runtime.ledger.epochs import same_start
from edge_runtime.ledger.models import (
    CountersRow,
    EpochRow,
    FaultRow,
    FindingTableRow,
    JournalPositionRow,
    PartRow,
    ReasonTableRow,
    ViewTableRow,
)
from edge_runtime.ledger.statements import (
    PART_COLUMNS,
    PictureRecord,
    drop_gaps_of_other_epochs,
    insert_rows,
    load_parts,
    next_id,
    replace,
    table_of,
    write_pictures,
    write_session,
)
from edge_runtime.ledger.store import writing
from edge_runtime.ledger.tallies import Changes
from vision.errors import LedgerError
from vision.types import PartId

#: a gap longer than this is a damaged number, not a gap: it is named and makes no rows
GAP_PARTS_MAX = 1_000_000
#: rows of a gap that are written, and let go of, together: a million of them take gigabytes
_GAP_ROWS = 5_000
_PARTS = table_of(PartRow)


class LedgerWriteError(LedgerError):
    """The database refused a write (disk full, locked, gone); nothing was kept, trying again is right."""


@dataclass(slots=True)
class _Batch:
    """What one transaction is going to write.

    `stood` holds the rows of `parts` as the ledger has them; `shifts` the newest shift of each name.
    """

    parts: dict[PartId, rows.Columns] = field(default_factory=dict)
    stood: dict[PartId, rows.Columns] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)
    shifts: dict[str, int | None] = field(default_factory=dict)
    changed: dict[PartId, None] = field(default_factory=dict)
    judged: dict[PartId, PartEntry] = field(default_factory=dict)
    had_views: set[int] = field(default_factory=set)
    faults: list[FaultEntry] = field(default_factory=list)
    counters: list[rows.Columns] = field(default_factory=list)

    def forget(self, part: PartId) -> None:
        """Its row is gone from the ledger."""
        self.parts.pop(part, None)
        self.stood.pop(part, None)


class Applier:
    """Applies entries to one ledger.

    Args:
        engine: of the ledger.
        alive: called now and then while one entry takes long.

    Attributes:
        position: up to where the journal is applied.

    Raises:
        LedgerWriteError: the ledger cannot be read now.
    """

    def __init__(self, engine: sa.Engine, alive: Callable[[], None] = lambda: None) -> None:
        self._engine = engine
        self._alive = alive
        try:
            with engine.connect() as connection:
                found = connection.execute(
                    sa.select(JournalPositionRow.segment, JournalPositionRow.offset)
                ).one()
                self._has_gaps = bool(
                    connection.execute(sa.select(sa.exists().where(PartRow.is_gap.is_(True)))).scalar_one()
                )
        except DBAPIError as error:
            raise _write_error(engine, error) from error
        self.position = JournalPosition(found.segment, found.offset)

    def apply(
        self,
        entries: Sequence[tuple[JournalPosition, Entry]],
        *,
        faults: Sequence[FaultEntry] = (),
        pictures: Sequence[PictureRecord] = (),
        removed_pictures: Sequence[str] = (),
        picture_ring: tuple[int, int] | None = None,
    ) -> None:
        """Write one batch: all of it, or nothing when it raises.

        Args:
            entries: from the journal, each with the position behind it, in order from `position` on.
            faults: of the recorder itself.
            pictures: newly stored.
            removed_pictures: paths that the size budget took away.
            picture_ring: file number of the ring of pictures and the next entry to be taken.

        Raises:
            LedgerWriteError: the database refused; call again with the same.
            LedgerError: another process has applied entries meanwhile.
        """
        position = entries[-1][0] if entries else self.position
        had_gaps = self._has_gaps
        try:
            with writing(self._engine) as connection:
                batch = _Batch(faults=list(faults))
                self._collect(connection, batch, entries)
                self._write_parts(connection, batch)
                batch.changes.write(connection)
                insert_rows(connection, FaultRow, [asdict(fault) for fault in batch.faults])
                insert_rows(connection, CountersRow, batch.counters)
                write_pictures(connection, pictures, removed_pictures, picture_ring)
                self._move(connection, position)
        except DBAPIError as error:
            self._has_gaps = had_gaps
            raise _write_error(self._engine, error) from error
        self.position = position

    def _collect(
        self, connection: sa.Connection, batch: _Batch, entries: Sequence[tuple[JournalPosition, Entry]]
    ) -> None:
        wanted = {entry.part_id for _, entry in entries if isinstance(entry, PartEntry | OutcomeEntry)}
        _load(connection, batch, wanted)
        for position, entry in entries:
            match entry:
                case PartEntry():
                    self._take_part(connection, batch, entry)
                case OutcomeEntry():
                    row = _row(batch, entry.part_id)
                    self._named(batch, rows.merge_outcome(row, entry, position), entry)
                case GapEntry():
                    self._take_gap(connection, batch, entry, position, wanted)
                case FaultEntry():
                    batch.faults.append(entry)
                case CountersEntry():
                    place = {"segment": position.segment, "offset": position.offset}
                    batch.counters.append(asdict(entry) | place)
                case SessionEntry():
                    write_session(connection, entry)
                case EpochEntry():
                    replace(connection, EpochRow, EpochRow.epoch, asdict(entry))
                case ActEntry():
                    batch.faults += take_act(connection, entry)
                    batch.shifts.clear()
                case LineStateEntry():
                    take_line_state(connection, entry)
                case ChallengeEntry():
                    # It speaks of the parts before it in the journal, so they come into the ledger first.
                    self._write_parts(connection, batch)
                    batch.faults += take_challenge(connection, entry, batch.changes)
                    _load(connection, batch, wanted)

    @staticmethod
    def _take_part(connection: sa.Connection, batch: _Batch, entry: PartEntry) -> None:
        row = _row(batch, entry.part_id)
        had_part = bool(row["has_part"])
        kept = row["decision"]
        fault = rows.merge_part(row, entry)
        Applier._named(batch, fault, entry)
        if had_part and kept is not None:
            return
        if entry.shift not in batch.shifts:
            batch.shifts[entry.shift] = newest_shift_id(connection, entry.shift)
        row["shift_id"] = batch.shifts[entry.shift]
        if had_part and "id" in row:
            batch.had_views.add(row["id"])
        batch.judged[entry.part_id] = entry

    @staticmethod
    def _named(batch: _Batch, fault: str, entry: PartEntry | OutcomeEntry) -> None:
        if fault:
            batch.faults.append(
                FaultEntry(fault, f"part {entry.part_id}", 1, entry.utc_ns, entry.boot_id, lane=entry.lane)
            )

    def _take_gap(
        self,
        connection: sa.Connection,
        batch: _Batch,
        entry: GapEntry,
        position: JournalPosition,
        wanted: set[PartId],
    ) -> None:
        """Rows for the numbers of a gap that have none, in no epoch of the same PLC start."""
        count = entry.last_seq - entry.first_seq + 1
        if not 0 < count <= GAP_PARTS_MAX:
            text = f"gap of {count} parts, {entry.epoch}-{entry.lane}-{entry.first_seq} to {entry.last_seq}"
            batch.faults.append(
                FaultEntry("gap_implausible", text, 1, entry.utc_ns, entry.boot_id, lane=entry.lane)
            )
            return
        low, high = same_start(connection, entry.epoch)
        taken = {
            part.trigger_seq
            for part in batch.changed
            if part.lane == entry.lane and low <= part.epoch <= high
        }
        taken |= set(
            connection.execute(
                sa.select(PartRow.trigger_seq).where(
                    PartRow.lane == entry.lane,
                    PartRow.epoch.between(low, high),
                    PartRow.trigger_seq.between(entry.first_seq, entry.last_seq),
                )
            ).scalars()
        )
        for seq in range(entry.first_seq, entry.last_seq + 1):
            if seq not in taken:
                rows.merge_gap(_row(batch, PartId(entry.epoch, entry.lane, seq)), entry, position)
                self._has_gaps = True
                if len(batch.changed) >= _GAP_ROWS:
                    self._write_parts(connection, batch)
                    _load(connection, batch, wanted)
                    self._alive()

    def _write_parts(self, connection: sa.Connection, batch: _Batch) -> None:
        if not batch.changed:
            return
        new = {part: batch.parts[part] for part in batch.changed if "id" not in batch.parts[part]}
        old = [batch.parts[part] for part in batch.changed if "id" in batch.parts[part]]
        first_id = next_id(connection, PartRow)
        for number, row in enumerate(new.values()):
            row["id"] = first_id + number
        _settle(connection, batch)
        if old:
            names = [column.name for column in PART_COLUMNS if column.name != "id"]
            statement = sa.update(_PARTS).where(_PARTS.c.id == sa.bindparam("row_id"))
            statement = statement.values({name: sa.bindparam(name) for name in names})
            connection.execute(statement, [{**row, "row_id": row["id"]} for row in old])
        insert_rows(connection, PartRow, list(new.values()))
        _write_details(connection, batch)
        if self._has_gaps:
            for row in drop_gaps_of_other_epochs(connection, new):
                batch.changes.take(row)
                batch.forget(PartId(row["epoch"], row["lane"], row["trigger_seq"]))
        batch.changed, batch.judged, batch.had_views = {}, {}, set()

    def _move(self, connection: sa.Connection, position: JournalPosition) -> None:
        moved = connection.execute(
            sa.update(JournalPositionRow)
            .where(
                JournalPositionRow.segment == self.position.segment,
                JournalPositionRow.offset == self.position.offset,
            )
            .values(segment=position.segment, offset=position.offset)
        )
        if moved.rowcount != 1:
            raise LedgerError(
                "another process has written into the ledger",
                where=str(self._engine.url),
                todo="let only one recorder run for a station",
            )


def _load(connection: sa.Connection, batch: _Batch, wanted: set[PartId]) -> None:
    """Rows of the parts that entries of the batch speak of, as the ledger has them now."""
    batch.parts = load_parts(connection, wanted)
    batch.stood = {part: dict(row) for part, row in batch.parts.items()}


def _settle(connection: sa.Connection, batch: _Batch) -> None:
    """Whether changed parts are contained, and what they count as from now on."""
    doubts = read_doubts(connection)
    for part in batch.changed:
        row = batch.parts[part]
        settle(row, doubts)
        if part in batch.stood:
            batch.changes.take(batch.stood[part])
        batch.changes.add(row)
        batch.stood[part] = dict(row)


def _row(batch: _Batch, part: PartId) -> rows.Columns:
    batch.changed[part] = None
    return batch.parts.setdefault(part, rows.empty_part(*part))


def _write_details(connection: sa.Connection, batch: _Batch) -> None:
    """Views, findings and reasons of the parts judged in this batch; older ones of theirs are replaced."""
    if batch.had_views:
        of_part = ViewTableRow.part_id.in_(batch.had_views)
        views_of = sa.select(ViewTableRow.id).where(of_part)
        connection.execute(sa.delete(FindingTableRow).where(FindingTableRow.view_id.in_(views_of)))
        connection.execute(sa.delete(ViewTableRow).where(of_part))
        connection.execute(sa.delete(ReasonTableRow).where(ReasonTableRow.part_id.in_(batch.had_views)))
    next_view, next_finding = next_id(connection, ViewTableRow), next_id(connection, FindingTableRow)
    next_reason = next_id(connection, ReasonTableRow)
    views: list[rows.Columns] = []
    findings: list[rows.Columns] = []
    reasons: list[rows.Columns] = []
    for part, entry in batch.judged.items():
        part_id = batch.parts[part]["id"]
        its_views, its_findings = rows.view_rows(
            entry, part_id, next_view + len(views), next_finding + len(findings)
        )
        views += its_views
        findings += its_findings
        reasons += rows.reason_rows(entry, part_id, next_reason + len(reasons))
    insert_rows(connection, ViewTableRow, views)
    insert_rows(connection, FindingTableRow, findings)
    insert_rows(connection, ReasonTableRow, reasons)


def _write_error(engine: sa.Engine, error: DBAPIError) -> LedgerWriteError:
    return LedgerWriteError(
        f"the ledger cannot be written: {error.orig}",
        where=str(engine.url),
        todo="free the disk if it is full; the entries wait in the journal and are written afterwards",
    )
