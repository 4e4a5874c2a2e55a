"""Fixtures of all tests: the leak check, the real pictures, the repository's root."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.leaks import Belongings

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True, scope="session")
def _session_leaves_nothing() -> Iterator[None]:
    """What fixtures of a module or the session started must be gone at the end."""
    before = Belongings.now()
    yield
    left = before.left_since()
    if left:
        pytest.fail("the test session left behind: " + "; ".join(left), pytrace=False)


@pytest.fixture(autouse=True)
def _test_leaves_nothing() -> Iterator[None]:
    """Fails a test that leaves a thread, a child process or shared memory behind."""
    before = Belongings.now()
    yield
    left = before.left_since()
    if left:
        pytest.fail("this test left behind: " + "; ".join(left), pytrace=False)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the source tree."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Finds a folder of real pictures, `FERROGATE_DATA/<name>`; skips the test where it is missing.

    The pictures' licences keep them out of the repository.
    """

    def find(name: str) -> Path:
        folder = Path(os.environ.get("FERROGATE_DATA", ROOT.parent / "shared" / "data")) / name
        if not folder.is_dir():
            pytest.skip(f"no real pictures at {folder}: set FERROGATE_DATA to the folder that holds '{name}'")
        return folder

    return find


@pytest.fixture(scope="session")
def ferrogate_data() -> Path:
    """The folder of real pictures that FERROGATE_DATA names; skips the test where there is none."""
    named = os.environ.get("FERROGATE_DATA", str(ROOT.parent / "shared" / "data"))
    if not (Path(named) / "rail400").is_dir():
        pytest.skip(f"no real pictures at {named}: set FERROGATE_DATA to the folder that holds 'rail400'")
    return Path(named)


@pytest.fixture
def free_port() -> int:
    """A TCP port on the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
