"""The balls that were rejected: all of them row by row, and a fair choice of few.

Of ten thousand rejects nobody reads the list; the page and the paper show some of every reason. Pure
reading of ledger and picture files. Neighbour: `reject_sections` prints it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from edge_runtime.ledger.models import PartRow, PictureRow, ReasonTableRow
from edge_runtime.ledger.tallies import gravest_reason_column
from vision.reasons import REASON_NUMBERS

#: Rows of the table and pictures that a report shows.
TABLE_MAX, PICTURES_MAX = 50, 24
#: So many times as many files are looked for before the report says that they are gone.
_TRIES = 4
_PIECE = 1000
_COLUMNS = (
    "id", "epoch", "lane", "trigger_seq", "utc_ns", "decision", "diameter_mean_mm", "side", "cause",
    "lot", "shift", "challenge",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RejectRow:
    """One rejected ball; `value` and `limit` are those of its gravest reason.

    `codes` are all its reasons; `picture` is a path in the storage folder.
    """

    number: int
    part: str
    utc_ns: int
    decision: str | None
    reason: str
    codes: str
    value: float | None
    limit: float | None
    diameter_mean_mm: float | None
    side: str | None
    cause: str | None
    lot: str | None
    shift: str | None
    challenge: str | None
    picture: str | None


@dataclass(frozen=True, slots=True)
class RejectPicture:
    """The bytes of a stored crop, and whose it is."""

    part: str
    utc_ns: int
    reason: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ChosenPictures:
    """What was found of the pictures of the rejects.

    Attributes:
        having: rejects that have a picture by the books.
        missing: files that were looked for and are not there.
        unreadable: paths of files that are no JPEG.
    """

    pictures: tuple[RejectPicture, ...]
    having: int
    missing: int
    unreadable: tuple[str, ...]


def rejected() -> sa.ColumnElement[bool]:
    """Clause over `PartRow`: production that the PLC sent to the reject side, as the counts count it."""
    return sa.and_(PartRow.side == "reject", PartRow.challenge.is_(None))


def count_rejects(connection: sa.Connection, where: sa.ColumnElement[bool]) -> int:
    """How many balls of the choice were rejected."""
    query = sa.select(sa.func.count(PartRow.id)).where(where, rejected())
    return int(connection.execute(query).scalar_one())


def all_rejects(connection: sa.Connection, where: sa.ColumnElement[bool]) -> Iterator[RejectRow]:
    """Every rejected ball, in the order of time, read piece by piece."""
    query = _rows().where(where, rejected()).order_by(PartRow.utc_ns, PartRow.id)
    for row in connection.execute(query.execution_options(yield_per=_PIECE)):
        yield _reject(row)


def chosen_rejects(
    connection: sa.Connection, where: sa.ColumnElement[bool], most: int = TABLE_MAX
) -> list[RejectRow]:
    """The newest of each reason in turn until there are `most`; the gravest reasons first."""
    turn = (
        sa.func.row_number()
        .over(partition_by=gravest_reason_column(), order_by=PartRow.id.desc())
        .label("turn")
    )
    ranked = (
        sa.select(PartRow.id, gravest_reason_column().label("reason"), turn)
        .where(where, rejected())
        .subquery()
    )
    query = sa.select(ranked.c.id, ranked.c.reason, ranked.c.turn).where(ranked.c.turn <= most)
    found = [
        (int(turn), _gravity(str(reason)), int(number)) for number, reason, turn in connection.execute(query)
    ]
    numbers = [number for _, _, number in sorted(found)[:most]]
    rows = [_reject(row) for row in connection.execute(_rows().where(PartRow.id.in_(numbers)))]
    return sorted(rows, key=lambda row: (_gravity(row.reason), -row.number))


def chosen_pictures(
    connection: sa.Connection, where: sa.ColumnElement[bool], storage: Path, most: int = PICTURES_MAX
) -> ChosenPictures:
    """Pictures of rejects, as stored: each reason in turn, and within a reason spread over the time."""
    query = (
        sa.select(PartRow.id, gravest_reason_column())
        .where(where, rejected(), sa.exists().where(_its_pictures()))
        .order_by(PartRow.id)
    )
    by_reason: dict[str, list[int]] = {}
    for number, reason in connection.execute(query):
        by_reason.setdefault(str(reason), []).append(int(number))
    pictures: list[RejectPicture] = []
    unreadable: list[str] = []
    missing = 0
    # First a fair choice; where files are gone, others of the same kind in their place.
    for number in dict.fromkeys((*_spread(by_reason, most), *_spread(by_reason, _TRIES * most))):
        row = _reject(connection.execute(_rows().where(PartRow.id == number)).one())
        data = _read(storage, row.picture)
        if data is None:
            missing += 1
        elif not _is_picture(data):
            unreadable.append(str(row.picture))
        else:
            pictures.append(RejectPicture(row.part, row.utc_ns, row.reason, data))
        if len(pictures) == most:
            break
    having = sum(len(numbers) for numbers in by_reason.values())
    pictures.sort(key=lambda picture: (_gravity(picture.reason), picture.utc_ns))
    return ChosenPictures(tuple(pictures), having, missing, tuple(unreadable))


def _spread(by_reason: dict[str, list[int]], most: int) -> Iterator[int]:
    """Numbers of at most `most` parts, each reason in turn, those of one reason evenly over its list."""
    share = dict.fromkeys(sorted(by_reason, key=_gravity), 0)
    left = most
    while left and any(count < len(by_reason[reason]) for reason, count in share.items()):
        for reason in share:
            if left and share[reason] < len(by_reason[reason]):
                share[reason] += 1
                left -= 1
    rounds = zip_longest(*(_even(by_reason[reason], count) for reason, count in share.items()))
    yield from (number for numbers in rounds for number in numbers if number is not None)


def _even(numbers: list[int], count: int) -> list[int]:
    """The middles of `count` equal pieces of the list."""
    return [numbers[(2 * place + 1) * len(numbers) // (2 * count)] for place in range(count)]


def _gravity(reason: str) -> tuple[int, str]:
    """Sorts what was found on the ball before what was wrong with picture, time or line."""
    return (REASON_NUMBERS.get(reason, 1000) or 1000, reason)


def _its_pictures() -> sa.ColumnElement[bool]:
    return sa.and_(
        PictureRow.epoch == PartRow.epoch,
        PictureRow.lane == PartRow.lane,
        PictureRow.trigger_seq == PartRow.trigger_seq,
    )


def _rows() -> sa.Select[Any]:
    """What a `RejectRow` needs of each part, with the picture of the view that its gravest reason names."""
    every = sa.orm.aliased(ReasonTableRow)
    codes = (
        sa.select(sa.func.aggregate_strings(every.code, " "))
        .where(every.part_id == PartRow.id)
        .correlate(PartRow)
        .scalar_subquery()
    )
    named = sa.and_(
        PictureRow.camera == ReasonTableRow.camera, PictureRow.view_index == ReasonTableRow.view_index
    )
    picture = sa.func.coalesce(_first_picture(named), _first_picture(sa.true()))
    gravest = sa.and_(ReasonTableRow.part_id == PartRow.id, ReasonTableRow.place == 0)
    return sa.select(
        *(getattr(PartRow, name) for name in _COLUMNS),
        gravest_reason_column().label("gravest"),
        codes.label("codes"),
        ReasonTableRow.value.label("reason_value"),
        ReasonTableRow.limit.label("reason_limit"),
        picture.label("picture"),
    ).outerjoin(ReasonTableRow, gravest)


def _first_picture(which: sa.ColumnElement[bool]) -> Any:
    """Path of a part's first picture of those that are meant."""
    query = sa.select(PictureRow.path).where(_its_pictures(), which)
    query = query.order_by(PictureRow.view_index, PictureRow.camera).limit(1)
    return query.correlate(PartRow, ReasonTableRow).scalar_subquery()


def _reject(row: Any) -> RejectRow:
    return RejectRow(
        row.id,
        f"{row.epoch}-{row.lane}-{row.trigger_seq}",
        row.utc_ns,
        row.decision,
        row.gravest,
        row.codes or row.gravest,
        row.reason_value,
        row.reason_limit,
        row.diameter_mean_mm,
        row.side,
        row.cause,
        row.lot,
        row.shift,
        row.challenge,
        row.picture,
    )


def _read(storage: Path, path: str | None) -> bytes | None:
    """A stored picture; None when it is gone, or its path leads out of the storage folder."""
    if path is None:
        return None
    folder = (storage / "pictures").resolve()
    place = (storage / path).resolve()
    if not place.is_relative_to(folder):
        return None
    try:
        return place.read_bytes()
    except FileNotFoundError:
        return None


def _is_picture(data: bytes) -> bool:
    """Whether it is a JPEG that can be drawn to its end."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
            picture.load()
    except OSError:
        return False
    return True
