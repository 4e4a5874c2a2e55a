"""A progress bar on stderr, or nothing when it is not wanted (scripts, JSON output)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def tracked(items: Iterable[Item], what: str, *, total: int, show: bool) -> Iterator[Item]:
    """Yield the items, with a rich progress bar on stderr when `show` is set and it is a terminal."""
    if not show or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description=what, total=total, console=Console(stderr=True))
