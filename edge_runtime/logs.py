"""Structured logs of the station's processes: one event per line on stderr.

For machines one JSON object per line (`time`, `level`, `process`, `station`, `event` and the event's own
figures), for people readable text. `FERROGATE_LOG` chooses 'json' or 'text'; without it text goes to a
terminal and JSON elsewhere. A message is the event's name; what belongs to it goes into `extra`:

    logging.getLogger(__name__).warning("disk_low", extra={"free_mb": 310})
"""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Literal

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from edge_runtime.cli import print_error
from vision.errors import FerrogateError

VARIABLE = "FERROGATE_LOG"
#: our own are heard from 'info' on, libraries from 'warning'
_OURS = ("edge_runtime", "ferrogate", "vision", "__main__")
_RESERVED = frozenset(RESERVED_ATTRS)


class JsonLines(JsonFormatter):
    """One JSON object per record."""

    def __init__(self, process: str, station: str) -> None:
        super().__init__(["message"], rename_fields={"exc_info": "traceback"}, json_ensure_ascii=False)
        self._origin = {"process": process, "station": station}

    def add_fields(
        self, log_data: dict[str, object], record: logging.LogRecord, message_dict: dict[str, object]
    ) -> None:
        """As the library does it; our own fields stand first, whatever an event calls its own."""
        super().add_fields(log_data, record, message_dict)
        own = {key: value for key, value in log_data.items() if key != "message"}
        log_data.clear()
        log_data.update(time=_time(record), level=record.levelname.lower(), **self._origin)
        log_data["event"] = record.getMessage()
        log_data.update((key, value) for key, value in own.items() if key not in log_data)


class TextLines(logging.Formatter):
    """`11:00:05 warning page: disk_low free_mb=310`."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """One line, and a traceback below it where there is one."""
        clock = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        figures = "".join(
            f" {key}={_plain(value)}"
            for key, value in record.__dict__.items()
            if key not in _RESERVED and not key.startswith("_")
        )
        event = record.getMessage().replace("\n", " ")
        line = f"{clock} {record.levelname.lower()} {self._process}: {event}{figures}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def setup_logging(process: str, station: str = "") -> None:
    """Log this process's events to stderr; called again it replaces what it set up before.

    Args:
        process: 'station', 'recorder', 'page', 'supervisor' ...
        station: its name; '' before the station file is read.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(process, station) if chosen_form() == "json" else TextLines(process))
    handler.set_name("ferrogate")
    root = logging.getLogger()
    for old in [item for item in root.handlers if item.get_name() == "ferrogate"]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    logging.captureWarnings(True)


def log_error(error: FerrogateError) -> None:
    """Tell the error that ends this process: to people in three lines, to machines as one event."""
    if chosen_form() == "text":
        print_error(error, as_json=False)
        return
    facts = {"error": error.what, "where": error.where, "todo": error.todo, "exit_code": error.exit_code}
    logging.getLogger("ferrogate").error("ended", extra=facts)


def chosen_form() -> Literal["json", "text"]:
    """What `FERROGATE_LOG` says, else what suits stderr."""
    chosen = os.environ.get(VARIABLE, "").lower()
    if chosen not in {"json", "text"}:
        chosen = "text" if sys.stderr.isatty() else "json"
    return "json" if chosen == "json" else "text"


def _time(record: logging.LogRecord) -> str:
    when = datetime.fromtimestamp(record.created, UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: object) -> str:
    """Text of people with blanks or line breaks in it stays one readable word."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if text and text.isprintable() and " " not in text and '"' not in text:
        return text
    return json.dumps(text, ensure_ascii=False) if isinstance(value, str) else text
