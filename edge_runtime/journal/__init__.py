"""The journal: what the station writes down before the PLC may forget it.

Append-only segment files, group commit at most 50 ms behind, never blocking the
decision loop. `JournalWriter` belongs to the station, `JournalReader` to the recorder
(`edge_runtime.recorder_main`), `last_known` to a station that starts again.
"""

from edge_runtime.journal.framing import JournalPosition
from edge_runtime.journal.reader import JournalReader, LastKnown, last_known, read_journal
from edge_runtime.journal.retention import KEEP_SEGMENTS, Retention
from edge_runtime.journal.writer import JournalWriter

__all__ = [
    "KEEP_SEGMENTS",
    "JournalPosition",
    "JournalReader",
    "JournalWriter",
    "LastKnown",
    "Retention",
    "last_known",
    "read_journal",
]
