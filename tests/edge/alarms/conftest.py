"""An empty ledger, and clocks that a test sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from edge_runtime.ledger.store import ledger_url, open_ledger
from tests.edge.ledger_samples import UTC_NS


@dataclass
class Clock:
    """Wall clock and monotonic clock, going on together."""

    utc: int = UTC_NS
    mono: int = 1_000_000_000_000

    def utc_ns(self) -> int:
        return self.utc

    def mono_ns(self) -> int:
        return self.mono

    def forward(self, seconds: float) -> None:
        self.utc += int(seconds * 1e9)
        self.mono += int(seconds * 1e9)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """A ledger in a file of its own, without rows."""
    engine = open_ledger(ledger_url(tmp_path))
    yield engine
    engine.dispose()
