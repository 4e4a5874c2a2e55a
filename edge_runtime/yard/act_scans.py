"""What the scans of an act do not show, and what was odd about them."""

from __future__ import annotations

from edge_runtime.reports.document import Cell, Column, Section
from edge_runtime.reports.words import Words
from edge_runtime.yard.act_content import ActContent
from edge_runtime.yard.act_words import listing, word
from edge_runtime.yard.note_words import note_text, notes_text
from vision.rail_map.types import Unseen


def unseen_section(content: ActContent, words: Words) -> Section:
    """Stretches of which a camera has no healthy picture."""
    title = words("yard_act.unseen_section")
    rows: list[tuple[Cell, ...]] = [
        (
            rail.name,
            part.camera,
            part.start_m,
            part.end_m,
            None if part.start_m is None or part.end_m is None else part.end_m - part.start_m,
            part.frames or None,
            _cause(part, words),
        )
        for rail in content.rails
        for part in rail.unseen
    ]
    if not rows:
        return Section("", ())
    metres = words("yard_act.m")
    columns = (
        Column(words("yard_act.rail"), width=1.5),
        Column(words("yard_act.camera"), width=1.0),
        Column(words("yard_act.from"), "number", 2, metres, width=0.9),
        Column(words("yard_act.to"), "number", 2, metres, width=0.9),
        Column(words("yard_act.length"), "number", 2, metres, width=0.9),
        Column(words("yard_act.frames"), width=1.5),
        Column(words("yard_act.cause"), width=2.2),
    )
    return Section(title, listing(columns, rows, title, words, headed=False))


def _cause(part: Unseen, words: Words) -> str:
    named = word("yard_unseen", part.cause, words) or part.cause
    return f"{named} ({notes_text(part.detail, words)})" if part.detail else named


def notes_section(content: ActContent, words: Words) -> Section:
    """Remarks of the maps: frames out of order, an encoder that stood still, photos without a rail."""
    title = words("yard_act.notes_section")
    rows: list[tuple[Cell, ...]] = [
        (part.name, note_text(note, words)) for part in content.parts for note in part.notes
    ]
    if not rows:
        return Section("", ())
    columns = (Column(words("yard_act.rail"), width=1.5), Column(words("yard_act.remark"), width=6.0))
    return Section(title, listing(columns, rows, title, words, headed=False))
