"""Texts and forms of a language: message catalogues, numbers, dates and times as its reader writes them.

One YAML file per language in `messages/`; keys are dotted, places for values are `{name}`.
A test keeps the catalogues at the same keys and places. The reader's clock is the plant's where it is
known (`utc_offset_hours` of the station file), else this machine's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import yaml

from vision.errors import ConfigError

Language = Literal["ru", "kk", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
_FOLDER = Path(__file__).parent / "messages"
_NO_BREAK_SPACE = "\u00a0"
_NONE = "\u2013"
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Words:
    """One language's texts and forms; `zone` is the reader's clock, None for this machine's."""

    language: Language
    texts: Mapping[str, str]
    zone: tzinfo | None = None

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of a key, its places filled; numbers must be formatted before.

        Raises:
            KeyError: no such key, or a place without a value (a programming error).
        """
        return self.texts[key].format(**values)

    def known(self, key: str, otherwise: str) -> str:
        """The text of a key that comes from data, such as a reason code; else the code itself."""
        return self.texts.get(key, otherwise)

    def number(self, value: float | int | None, digits: int | None = None) -> str:
        """A number in the reader's form; a dash for None. Floats need `digits` unless they are whole."""
        if value is None:
            return _NONE
        plain = f"{value:,.{digits}f}" if digits is not None else f"{value:,}"
        minus = plain.replace("-", "\u2212")
        if self.language == "en":
            return minus
        whole, point, rest = minus.partition(".")
        # Four figures stand together in Russian and Kazakh type.
        apart = whole.replace(",", "" if abs(value) < 10_000 else _NO_BREAK_SPACE)
        return f"{apart},{rest}" if point else apart

    def clock(self, utc_ns: int) -> datetime:
        """A wall-clock time of the ledger on the reader's clock, with its zone."""
        return datetime.fromtimestamp(utc_ns / _NS_PER_S, UTC).astimezone(self.zone)

    def moment(self, utc_ns: int | None) -> str | None:
        """Date and time to the second without the zone, for tables; None stays None."""
        if utc_ns is None:
            return None
        when = self.clock(utc_ns)
        return f"{self.date(when)} {when:%H:%M:%S}"

    def duration(self, seconds: float | None) -> str:
        """A span of time in hours and minutes, or minutes and seconds where it is short; a dash for None."""
        if seconds is None:
            return _NONE
        whole = round(max(0.0, seconds))
        if whole < 3600:
            return self("time.minutes_seconds", minutes=whole // 60, seconds=f"{whole % 60:02d}")
        minutes = round(whole / 60)
        return self("time.hours_minutes", hours=self.number(minutes // 60), minutes=f"{minutes % 60:02d}")

    def date(self, when: date) -> str:
        """A date: 2026-03-01 or 01.03.2026."""
        return when.strftime("%Y-%m-%d" if self.language == "en" else "%d.%m.%Y")

    def time(self, when: datetime) -> str:
        """Date and time with the zone: 2026-03-01 06:00 UTC, 01.03.2026 11:00 UTC+05:00."""
        return f"{self.date(when)} {when:%H:%M} {timezone(when.utcoffset() or timedelta(0))}"


@cache
def load_words(language: str, utc_offset_hours: float | None = None) -> Words:
    """The catalogue of a language, with the reader's clock (None: this machine's).

    Raises:
        ConfigError: there is none.
    """
    if language not in LANGUAGES:
        raise ConfigError(
            f"there is no language '{language}'", where="--language", todo=f"one of {', '.join(LANGUAGES)}"
        )
    tree = yaml.safe_load((_FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    zone = None if utc_offset_hours is None else timezone(timedelta(hours=utc_offset_hours))
    return Words(language, dict(_flat(tree, "")), zone)


def _flat(tree: Mapping[str, object], before: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in tree.items():
        name = f"{before}{key}"
        found += _flat(value, f"{name}.") if isinstance(value, Mapping) else [(name, str(value))]
    return found
