"""Fixtures of all tests of the edge box: password hashes that cost little."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from edge_runtime.people import passwords


@pytest.fixture(autouse=True, scope="session")
def station_hasher() -> Iterator[PasswordHasher]:
    """The station's own hasher; in its place one of the same kind with hardly any work.

    A test makes a dozen hashes of 70 ms each where a person causes one a day. What a station's hashes cost
    is looked at in `people/test_accounts.py`; processes that tests start have them as they are.
    """
    own = passwords._HASHER
    passwords._HASHER = PasswordHasher(time_cost=1, memory_cost=16, parallelism=1)
    yield own
    passwords._HASHER = own
