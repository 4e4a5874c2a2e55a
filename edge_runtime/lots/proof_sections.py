"""What must be proven of a shift or lot, as sections of its report: challenges, recipes in force, books."""

from __future__ import annotations

import re
from collections.abc import Sequence

from edge_runtime.ledger.books import Books
from edge_runtime.lots.challenge_due import OwedChallenge
from edge_runtime.lots.happenings import Happenings
from edge_runtime.lots.line_words import expected_text, result_text
from edge_runtime.reports.document import Block, Column, Notice, Paragraph, Section, Table
from edge_runtime.reports.words import Words


def challenge_notices(
    happenings: Happenings, owed: Sequence[OwedChallenge] | None, words: Words
) -> list[Block]:
    """Misses, and challenges that were owed; `owed` None where nobody knows when they are due."""
    blocks: list[Block] = []
    for challenge in happenings.challenges:
        if challenge.result == "missed":
            text = words(
                "challenge.missed",
                challenge=challenge.challenge,
                time=words.moment(challenge.utc_ns),
                accepted=words.number(challenge.accepted),
                balls=words.number(challenge.balls),
                contained=words.number(challenge.contained),
            )
            blocks.append(Notice(text, "alarm"))
    for item in owed or ():
        due = words.moment(item.due_utc_ns)
        if item.passed_utc_ns is None:
            blocks.append(Notice(words("challenge.not_done", time=due), "alarm"))
        else:
            done = words.moment(item.passed_utc_ns)
            blocks.append(Notice(words("challenge.late", time=due, done=done), "warning"))
    passed = any(challenge.result == "passed" for challenge in happenings.challenges)
    if owed is None and not passed:
        blocks.append(Notice(words("challenge.none_passed"), "alarm"))
    return blocks


def challenge_section(happenings: Happenings, owed: Sequence[OwedChallenge] | None, words: Words) -> Section:
    """Who ran which challenge, and how it ended."""
    if not happenings.challenges:
        return Section(words("challenge.title"), (Paragraph(words("challenge.none")),))
    columns = (
        Column(words("challenge.id"), width=0.9, nowrap=True),
        Column(words("challenge.begun"), width=1.6, nowrap=True),
        Column(words("challenge.by"), width=1.5),
        Column(words("challenge.expected"), width=1.4),
        Column(words("challenge.balls"), "number", width=0.8),
        Column(words("challenge.rejected"), "number", width=1.0),
        Column(words("challenge.accepted"), "number", width=1.0),
        Column(words("challenge.unproven"), "number", width=1.0),
        Column(words("challenge.result"), width=1.3),
    )
    rows = tuple(
        (
            item.challenge,
            words.moment(item.begun_utc_ns),
            item.by,
            expected_text(item.expected, words),
            item.balls,
            item.rejected,
            item.accepted,
            item.unproven,
            result_text(item, words),
        )
        for item in happenings.challenges
    )
    blocks: list[Block] = [Table(columns, rows)]
    results = {item.result for item in happenings.challenges}
    if owed == () and results == {"passed"}:
        blocks.insert(0, Notice(words("challenge.all_passed")))
    return Section(words("challenge.title"), tuple(blocks))


def changes_section(happenings: Happenings, products: dict[str, str], words: Words) -> Section:
    """Recipe changes with old and new hash; `products` names the product of a recipe where it is known."""
    if not happenings.recipe_changes:
        return Section(words("changes.title"), (Paragraph(words("changes.none")),))
    columns = (
        Column(words("changes.time"), width=1.5, nowrap=True),
        Column(words("changes.by"), width=1.6),
        Column(words("changes.old"), width=2.5),
        Column(words("changes.new"), width=2.5),
    )
    rows = tuple(
        (
            words.moment(change.utc_ns),
            change.by or words("changes.station_file"),
            recipe_name(change.old_sha256, products),
            recipe_name(change.new_sha256, products),
        )
        for change in happenings.recipe_changes
    )
    return Section(words("changes.title"), (Table(columns, rows),))


def recipe_name(sha256: str, products: dict[str, str]) -> str:
    """Product and the first twelve figures of the hash."""
    return " · ".join(filter(None, (products.get(sha256), sha256[:12])))


def books_notice(books: Books, words: Words, time: str) -> Notice | None:
    """The alarm that the books do not balance; None while they do."""
    return None if books.balanced else Notice(words("books.unbalanced", time=time), "alarm")


def books_section(books: Books, words: Words, time: str) -> Section:
    """The books of the whole station, line by line, as of `time`."""
    if books.balanced and books.settled:
        head = Notice(words("books.balanced", time=time))
    elif books.balanced:
        head = Notice(words("books.open", time=time, count=words.number(len(books.in_flight))))
    else:
        head = Notice(words("books.unbalanced", time=time), "error")
    columns = (
        Column(words("books.line"), width=4.0),
        Column(words("books.left"), "number"),
        Column(words("books.right"), "number"),
        Column(words("books.difference"), "number"),
    )
    rows = tuple(
        (formula_text(line.formula, words), line.left, line.right, line.difference) for line in books.lines
    )
    blocks: list[Block] = [head, Table(columns, rows)]
    if books.problems:
        blocks.append(Notice("\n".join((words("books.problems"), *books.problems)), "error"))
    return Section(words("books.title"), tuple(blocks))


def formula_text(formula: str, words: Words) -> str:
    """A formula of the books in the reader's words; as the books call it where the catalogue has none."""
    return words.known(f"formula.{re.sub('[^a-z]+', '_', formula.lower()).strip('_')}", formula)
