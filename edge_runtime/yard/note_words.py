"""What a map notes of its scan, in its reader's words.

Words come from the reports' catalogue (`yard_note.CODE`), which the page shows, too. A code that it lacks is
shown as it is: an old map must not fail for a lost word. Neighbours: `vision.rail_map.notes` has the codes,
`map_report` and `act_scans` print.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from edge_runtime.reports.words import Words
from vision.rail_map.types import LeftOut, Note


def note_text(note: Note, words: Words) -> str:
    """One note as a sentence without its full stop."""
    text = words.known(f"yard_note.{note.code}", "")
    values = {name: _value(value, words) for name, value in note.values.items()}
    if not text:
        return ", ".join((note.code, *(f"{name} {value}" for name, value in values.items())))
    return text.format_map(defaultdict(lambda: words.number(None), values))


def notes_text(notes: Iterable[Note], words: Words) -> str:
    """Several notes in one line; '' for none."""
    return "; ".join(note_text(note, words) for note in notes)


def left_out_text(left_out: LeftOut, words: Words) -> str:
    """A frame that is not in the strip, and why."""
    return f"{left_out.file}: {note_text(left_out.why, words)}"


def _value(value: str | int | float, words: Words) -> str:
    """Numbers of frames and lines are names, not figures: they get no separators."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return words.number(value, 1)
    return str(value)
