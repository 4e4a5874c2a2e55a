"""Statements the applier is made of: load, insert in bulk, replace; each within its caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from edge_runtime.entries import SessionEntry
from edge_runtime.ledger import rows
from edge_runtime.ledger.epochs import same_start
from edge_runtime.ledger.models import (
    Base,
    CalibrationRow,
    FindingTableRow,
    ModelRow,
    PartRow,
    PictureRingRow,
    PictureRow,
    ReasonTableRow,
    RecipeRow,
    SessionRow,
    ViewTableRow,
)
from vision.types import PartId

_KEYS_PER_QUERY = 500
#: columns that can be written
PART_COLUMNS = [column for column in PartRow.__table__.columns if column.name != "verdict"]


@dataclass(frozen=True, slots=True)
class PictureRecord:
    """A picture that lies in the storage folder under `path` (relative to it)."""

    part_id: PartId
    camera: str
    view_index: int
    kind: str
    path: str
    file_bytes: int
    utc_ns: int


def table_of(model: type[Base]) -> sa.Table:
    """The table behind a model: for bulk statements, which need none of the model's machinery."""
    table = model.__table__
    assert isinstance(table, sa.Table)
    return table


def insert_rows(connection: sa.Connection, table: type[Base], values: list[rows.Columns]) -> None:
    """Insert rows in one statement; nothing to do for an empty list."""
    if values:
        connection.execute(sa.insert(table_of(table)), values)


def replace(
    connection: sa.Connection, table: type[Base], key: sa.orm.InstrumentedAttribute[Any], values: rows.Columns
) -> None:
    """Insert a row in place of the one with the same key."""
    connection.execute(sa.delete(table).where(key == values[key.key]))
    connection.execute(sa.insert(table), values)


def next_id(
    connection: sa.Connection, table: type[PartRow | ViewTableRow | FindingTableRow | ReasonTableRow]
) -> int:
    """First free number of a table: the one writer of the ledger hands them out itself."""
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.id), 0))).scalar_one()) + 1


def by_lane(parts: Iterable[PartId]) -> dict[tuple[int, int], list[int]]:
    """Part numbers by epoch and lane."""
    lanes: dict[tuple[int, int], list[int]] = {}
    for part in parts:
        lanes.setdefault((part.epoch, part.lane), []).append(part.trigger_seq)
    return lanes


def load_parts(connection: sa.Connection, wanted: Iterable[PartId]) -> dict[PartId, rows.Columns]:
    """Rows of the wanted parts that are in the ledger already."""
    found_parts: dict[PartId, rows.Columns] = {}
    for (epoch, lane), numbers in by_lane(wanted).items():
        for start in range(0, len(numbers), _KEYS_PER_QUERY):
            query = sa.select(*PART_COLUMNS).where(
                PartRow.epoch == epoch,
                PartRow.lane == lane,
                PartRow.trigger_seq.in_(numbers[start : start + _KEYS_PER_QUERY]),
            )
            for found in connection.execute(query).mappings():
                found_parts[PartId(epoch, lane, found["trigger_seq"])] = dict(found)
    return found_parts


def write_session(connection: sa.Connection, entry: SessionEntry) -> None:
    """A session's row, and its recipe, model and calibrations where they are new."""
    replace(
        connection,
        SessionRow,
        SessionRow.session,
        {column.name: getattr(entry, column.name) for column in SessionRow.__table__.columns}
        | {"calibration_sha256": entry.calibration_sha256 or None},
    )
    recipe = {"sha256": entry.recipe_sha256, "recipe": entry.recipe, "first_utc_ns": entry.utc_ns}
    model = {"sha256": entry.model_sha256, "contract": entry.model_contract, "first_utc_ns": entry.utc_ns}
    used = [(RecipeRow, RecipeRow.sha256, recipe), (ModelRow, ModelRow.sha256, model)]
    if entry.calibration_sha256:
        calibration = {
            "sha256": entry.calibration_sha256,
            "calibrations": entry.calibrations,
            "first_utc_ns": entry.utc_ns,
        }
        used.append((CalibrationRow, CalibrationRow.sha256, calibration))
    for table, key, values in used:
        known = sa.select(sa.func.count()).where(key == values["sha256"])
        if connection.execute(known).scalar_one() == 0:
            connection.execute(sa.insert(table), values)


def write_pictures(
    connection: sa.Connection,
    pictures: Sequence[PictureRecord],
    removed: Sequence[str],
    ring: tuple[int, int] | None,
) -> None:
    """Rows of new pictures, in place of older ones of the same view; rows of removed ones go."""
    for picture in pictures:
        connection.execute(
            sa.delete(PictureRow).where(
                PictureRow.epoch == picture.part_id.epoch,
                PictureRow.lane == picture.part_id.lane,
                PictureRow.trigger_seq == picture.part_id.trigger_seq,
                PictureRow.camera == picture.camera,
                PictureRow.view_index == picture.view_index,
            )
        )
    new = [asdict(picture) | picture.part_id._asdict() for picture in pictures]
    insert_rows(connection, PictureRow, [{k: v for k, v in row.items() if k != "part_id"} for row in new])
    for start in range(0, len(removed), _KEYS_PER_QUERY):
        gone = removed[start : start + _KEYS_PER_QUERY]
        connection.execute(sa.delete(PictureRow).where(PictureRow.path.in_(gone)))
    if ring is not None:
        replace(
            connection, PictureRingRow, PictureRingRow.id, {"id": 1, "inode": ring[0], "next_entry": ring[1]}
        )


def drop_gaps_of_other_epochs(
    connection: sa.Connection, new: dict[PartId, rows.Columns]
) -> list[rows.Columns]:
    """A part that turns up in another epoch than its gap was written down in takes the gap row's place.

    Returns:
        The rows that are gone.
    """
    gone: list[rows.Columns] = []
    for (epoch, lane), seqs in by_lane(part for part, row in new.items() if not row["is_gap"]).items():
        first, last = same_start(connection, epoch)
        for start in range(0, len(seqs), _KEYS_PER_QUERY):
            gaps = sa.and_(
                PartRow.is_gap.is_(True),
                PartRow.lane == lane,
                PartRow.epoch.between(first, last),
                PartRow.epoch != epoch,
                PartRow.trigger_seq.in_(seqs[start : start + _KEYS_PER_QUERY]),
            )
            gone += [dict(row) for row in connection.execute(sa.select(*PART_COLUMNS).where(gaps)).mappings()]
            connection.execute(sa.delete(PartRow).where(gaps))
    return gone
