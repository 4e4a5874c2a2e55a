"""The rejects in a report: a fair choice of rows and pictures to look at, all rows in the CSV.

Neighbour: `reject_list` chooses and reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edge_runtime.lots.lot_plots import reason_text
from edge_runtime.lots.reject_list import ChosenPictures, RejectRow
from edge_runtime.reports.document import (
    Block,
    Cell,
    Column,
    Gallery,
    LongTable,
    Notice,
    Paragraph,
    Picture,
    Section,
    Table,
)
from edge_runtime.reports.words import Words

#: twenty-four pictures make four rows, which stand on one sheet
_GALLERY_COLUMNS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Rejects:
    """What a report says of the rejects.

    Attributes:
        count: of them all.
        chosen: rows of the table.
        pictures: of the gallery.
        every: all of them, read as the CSV is written; valid while the ledger's connection is open.
    """

    count: int
    chosen: list[RejectRow]
    pictures: ChosenPictures
    every: Iterable[RejectRow]


def rejects_section(rejects: Rejects, words: Words) -> Section:
    """Rows, pictures, and the whole list for the CSV."""
    if not rejects.count:
        return Section(words("rejects.title"), ())
    shown = words.number(len(rejects.chosen))
    count = words.number(rejects.count)
    whole = rejects.count == len(rejects.chosen)
    text = (
        words("rejects.all_shown", count=count) if whole else words("rejects.shown", count=count, shown=shown)
    )
    blocks: list[Block] = [
        Paragraph(text),
        _table(rejects.chosen, words),
        *_pictures(rejects.pictures, words),
        LongTable(_full_columns(words), _full_rows(rejects.every, words), words("rejects.full_list")),
    ]
    return Section(words("rejects.title"), tuple(blocks))


def _table(rows: list[RejectRow], words: Words) -> Table:
    columns = (
        Column(words("rejects.part"), width=1.2, nowrap=True),
        Column(words("rejects.time"), width=2.1, nowrap=True),
        Column(words("rejects.reason"), width=2.1),
        Column(words("rejects.value"), "number", 3, width=0.9),
        Column(words("rejects.limit"), "number", 3, width=0.9),
        Column(words("rejects.diameter"), "number", 2, words("unit.mm"), width=1.0),
        Column(words("rejects.decision"), width=1.1),
        Column(words("rejects.lot"), width=1.3),
    )
    return Table(
        columns,
        tuple(
            (
                row.part,
                words.moment(row.utc_ns),
                reason_text(row.reason, words),
                row.value,
                row.limit,
                row.diameter_mean_mm,
                decision_text(row.decision, words),
                row.lot or None,
            )
            for row in rows
        ),
    )


def decision_text(decision: str | None, words: Words) -> str:
    """What the station decided."""
    return words.known(f"decision.{decision}", str(decision)) if decision else words("decision.none")


def _pictures(chosen: ChosenPictures, words: Words) -> list[Block]:
    blocks: list[Block] = []
    if chosen.pictures:
        pictures = tuple(
            Picture(
                picture.data,
                f"{reason_text(picture.reason, words)}\n{picture.part}\n{words.moment(picture.utc_ns)}",
            )
            for picture in chosen.pictures
        )
        text = words("rejects.pictures", shown=words.number(len(pictures)), count=words.number(chosen.having))
        blocks += [Paragraph(text), Gallery(pictures, columns=_GALLERY_COLUMNS)]
    else:
        blocks.append(Paragraph(words("rejects.no_pictures")))
    if chosen.missing:
        blocks.append(Notice(words("rejects.missing", count=words.number(chosen.missing)), "warning"))
    if chosen.unreadable:
        text = words(
            "rejects.unreadable", count=words.number(len(chosen.unreadable)), example=chosen.unreadable[0]
        )
        blocks.append(Notice(text, "warning"))
    return blocks


def _full_columns(words: Words) -> tuple[Column, ...]:
    return (
        Column(words("rejects.part")),
        Column(words("rejects.time")),
        Column(words("rejects.reason")),
        Column(words("rejects.code")),
        Column(words("rejects.all_codes")),
        Column(words("rejects.value"), "number", 6),
        Column(words("rejects.limit"), "number", 6),
        Column(words("rejects.diameter"), "number", 4, words("unit.mm")),
        Column(words("rejects.decision")),
        Column(words("rejects.cause")),
        Column(words("rejects.lot")),
        Column(words("rejects.shift")),
        Column(words("rejects.picture")),
    )


def _full_rows(rows: Iterable[RejectRow], words: Words) -> Iterator[tuple[Cell, ...]]:
    for row in rows:
        yield (
            row.part,
            words.moment(row.utc_ns),
            reason_text(row.reason, words),
            row.reason,
            row.codes,
            row.value,
            row.limit,
            row.diameter_mean_mm,
            row.decision,
            row.cause,
            row.lot,
            row.shift,
            row.picture,
        )
