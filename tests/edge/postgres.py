"""A PostgreSQL server of its own for tests, on a socket in a folder of its own.

Needs Debian's `postgresql` (or its programs on the path) and the driver `psycopg`; tests that ask for it are
skipped with the reason where one of them is not there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from edge_runtime.ledger.models import JournalPositionRow
from edge_runtime.ledger.store import open_ledger

_USER = "postgres"
_WAIT_S = 60
_MEMORY = "/dev/shm"


def _program(name: str) -> str:
    """Where a program of the server lies; the newest version of Debian's folders first.

    Raises:
        pytest.skip.Exception: it is not there.
    """
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = next((str(folder / name) for folder in folders if (folder / name).is_file()), shutil.which(name))
    if found is None:
        pytest.skip(f"no PostgreSQL here: '{name}' is not installed (Debian: apt-get install postgresql)")
    return found


def _run(*command: str) -> None:
    """Run it as the server's user: PostgreSQL refuses to be run by root."""
    user = _USER if os.geteuid() == 0 else None
    done = subprocess.run(
        command, user=user, cwd="/", capture_output=True, text=True, timeout=_WAIT_S, check=False
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"


class Server:
    """A server that runs.

    Args:
        folder: its socket's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)
        self._free: list[str] = []

    def url(self, name: str) -> str:
        """Address of a database."""
        return f"postgresql+psycopg://{_USER}@/{name}?host={self._folder}"

    def database(self) -> str:
        """Address of a new and empty database."""
        name = f"ledger_{next(self._numbers)}"
        engine = sa.create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return self.url(name)

    def ledger(self) -> str:
        """Address of a database with the ledger's tables and nothing in them; give it back when done."""
        if self._free:
            return self._free.pop()
        url = self.database()
        open_ledger(url).dispose()
        return url

    def give_back(self, url: str) -> None:
        """Empty a ledger for the next test: a database for each would be 8 MB each."""
        engine = sa.create_engine(url)
        kept = {"alembic_version", JournalPositionRow.__tablename__}
        with engine.begin() as connection:
            # The tables' own triggers refuse to have them emptied.
            connection.exec_driver_sql("SET session_replication_role = replica")
            connection.exec_driver_sql("SET lock_timeout = '5s'")
            tables = ", ".join(sorted(set(sa.inspect(connection).get_table_names()) - kept))
            connection.exec_driver_sql("ALTER TABLE yard_act ENABLE TRIGGER ALL")
            connection.exec_driver_sql(f"TRUNCATE {tables} RESTART IDENTITY")
        engine.dispose()
        self._free.append(url)


@contextmanager
def running_server() -> Iterator[Server]:
    """Start one, and stop it at the end; nothing of it is kept.

    Raises:
        pytest.skip.Exception: there is no PostgreSQL on this machine, or no driver for it.
    """
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    if find_spec("psycopg") is None:
        pytest.skip("no driver for PostgreSQL here: pip install -c constraints.txt 'ferrogate[postgresql]'")
    # In memory: a cluster is thousands of small files.
    folder = Path(tempfile.mkdtemp(prefix="fg-pg-", dir=_MEMORY if Path(_MEMORY).is_dir() else None))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, _USER)
        data = str(folder / "data")
        _run(
            initdb,
            "-D",
            data,
            "-A",
            "trust",
            "-U",
            _USER,
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
            "--wal-segsize=1",
        )
        options = f"-c listen_addresses= -c fsync=off -k {folder}"
        _run(pg_ctl, "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
        try:
            yield Server(folder)
        finally:
            _run(pg_ctl, "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
