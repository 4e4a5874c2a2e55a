"""An empty ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from edge_runtime.ledger.store import ledger_url, open_ledger


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a ledger just made: copied for each test, as making its tables takes a while."""
    folder = tmp_path_factory.mktemp("empty")
    open_ledger(ledger_url(folder)).dispose()
    return (folder / "ledger.sqlite").read_bytes()


@pytest.fixture
def engine(tmp_path: Path, empty_ledger: bytes) -> Iterator[sa.Engine]:
    """A ledger in a file of its own, without rows."""
    (tmp_path / "ledger.sqlite").write_bytes(empty_ledger)
    engine = open_ledger(ledger_url(tmp_path))
    yield engine
    engine.dispose()
