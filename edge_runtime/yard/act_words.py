"""An act's codes in its reader's words, and lists that may be too long for paper.

Names of classes come from the act itself, as the recipe had them; all else from the report catalogue
(`yard_...`). A code that the catalogue lacks is shown as it is: an old act must not fail for a lost word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from edge_runtime.reports.document import Block, Cell, Column, LongTable, Notice, Table
from edge_runtime.reports.words import Words
from edge_runtime.yard.act_content import ActContent, ActPerson
from edge_runtime.yard.act_totals import Sum
from vision.yard.types import GradeReason, YardFinding

#: A longer list stands in the CSV and the spreadsheet alone.
MOST_ROWS = 250


def kind_name(content: ActContent, kind: str, words: Words) -> str:
    """What the recipe called a class of finding."""
    names = content.kind_names.get(kind)
    return getattr(names, words.language) if names is not None else kind


def row_name(content: ActContent, row: str, words: Words) -> str:
    """What the recipe called a typed row."""
    names = content.row_names.get(row)
    return getattr(names, words.language) if names is not None else row


def word(group: str, code: str | None, words: Words) -> str | None:
    """The catalogue's word for a code of a group such as `yard_grade`; None stays None."""
    return None if code is None else words.known(f"{group}.{code}", code)


def codes(ru: str, uic: str) -> str:
    """Codes of both catalogues, Russian first."""
    return " / ".join((ru or "–", uic or "–")) if ru or uic else ""


def person_text(person: ActPerson, words: Words) -> str:
    """Who, and when to the minute."""
    when = words.clock(person.utc_ns)
    name = words.known("yard_role.scan_file", person.shown) if person.scan_file else person.shown
    return f"{name}, {words.date(when)}\u00a0{when:%H:%M}"


def finding_place(finding: YardFinding, words: Words) -> str:
    """Where it lies: metres from the rail's start, else rows of the map."""
    if finding.start_m is not None:
        return f"{words.number(finding.start_m, 2)}\u00a0{words('yard_act.m')}"
    first, last = words.number(round(finding.first_row)), words.number(round(finding.last_row))
    return words("yard_act.rows_place", first=first, last=last)


def reason_text(reason: GradeReason, content: ActContent, words: Words) -> str:
    """A grade's reason with its figures filled in."""
    values = {name: _value(name, value, content, words) for name, value in reason.values.items()}
    unplaced = "start_m" in values and reason.values["start_m"] is None
    text = words.known(f"yard_reason.{reason.code}", "")
    if unplaced:
        text = words.known(f"yard_reason.{reason.code}_no_scale", text)
    if not text:
        filled = ", ".join(f"{name} {value}" for name, value in values.items())
        return f"{reason.code}: {filled}" if filled else reason.code
    return text.format_map(defaultdict(lambda: words.number(None), values))


def _value(name: str, value: str | int | float | None, content: ActContent, words: Words) -> str:
    if value is None:
        return words.number(None)
    if not isinstance(value, str):
        digits = 2 if name.endswith("_m") or name == "metres" else int(value != round(value))
        return words.number(value, digits if isinstance(value, float) else None)
    texts: Mapping[str, str] = {
        "kind": kind_name(content, value, words),
        "row": row_name(content, value, words),
        "rank": words.known(f"yard_rank.{value}", value),
        "cause": words.known(f"yard_unseen.{value}", value),
    }
    return texts.get(name, value)


def known_of(label: str, total: Sum, words: Words) -> str:
    """A label that says of how many rails a sum is when it is not of all."""
    if total.known in (0, total.count):
        return label
    return words(
        "yard_act.known_of", label=label, known=words.number(total.known), count=words.number(total.count)
    )


def listing(
    columns: tuple[Column, ...],
    rows: Sequence[tuple[Cell, ...]],
    title: str,
    words: Words,
    *,
    headed: bool = True,
) -> tuple[Block, ...]:
    """A table where it fits on paper, else a sentence that says where its rows stand, and the rows.

    `headed` False: the section's own title says what the table is.
    """
    if len(rows) <= MOST_ROWS:
        return (Table(columns, tuple(rows), title if headed else ""),)
    text = words("yard_act.in_table_files", title=title, count=words.number(len(rows)))
    return (Notice(text), LongTable(columns, tuple(rows), title))
