"""How often somebody may try to sign in: failures are counted, and each further one waits longer.

Counted per name at one address, per name, and per address: a forgetful foreman waits seconds, a guesser
minutes, and nobody can lock a name out from everywhere with a handful of tries. Neighbour: `sign_in`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import sqlalchemy as sa

from edge_runtime.people.accounts import name_key
from edge_runtime.people.tables import AttemptRow

_SECOND_NS = 1_000_000_000
WINDOW_NS = 15 * 60 * _SECOND_NS


@dataclass(frozen=True, slots=True)
class Rule:
    """After `free` failures a try waits `first_wait_s`, doubled by each further one up to `max_wait_s`."""

    same_name: bool
    same_address: bool
    free: int
    first_wait_s: int
    max_wait_s: int

    def wait_s(self, failures: int) -> int:
        """Seconds from the last failure to the next try."""
        beyond = failures - self.free
        return 0 if beyond < 0 else min(self.max_wait_s, self.first_wait_s << min(beyond, 20))


RULES = (
    Rule(same_name=True, same_address=True, free=5, first_wait_s=10, max_wait_s=300),
    Rule(same_name=True, same_address=False, free=30, first_wait_s=10, max_wait_s=60),
    Rule(same_name=False, same_address=True, free=30, first_wait_s=10, max_wait_s=300),
)


def wait_s(connection: sa.Connection, name: str, address: str, now_utc_ns: int) -> int:
    """Seconds until this name may be tried again from this address; 0: now."""
    longest_ns = 0
    for rule in RULES:
        # What lies in the future was written before the clock was set: it holds nobody up.
        query = sa.select(sa.func.count(), sa.func.max(AttemptRow.utc_ns)).where(
            AttemptRow.utc_ns > now_utc_ns - WINDOW_NS, AttemptRow.utc_ns <= now_utc_ns
        )
        if rule.same_name:
            query = query.where(AttemptRow.name_sha256 == _hashed(name))
        if rule.same_address:
            query = query.where(AttemptRow.address == address)
        failures, last_utc_ns = connection.execute(query).one()
        if failures:
            longest_ns = max(longest_ns, last_utc_ns + rule.wait_s(failures) * _SECOND_NS - now_utc_ns)
    return -(-longest_ns // _SECOND_NS)


def note_attempt(connection: sa.Connection, name: str, address: str, now_utc_ns: int) -> None:
    """Count one, before the password is looked at; tries of a past window are forgotten."""
    connection.execute(sa.delete(AttemptRow).where(AttemptRow.utc_ns <= now_utc_ns - WINDOW_NS))
    values = {"name_sha256": _hashed(name), "address": address, "utc_ns": now_utc_ns}
    connection.execute(sa.insert(AttemptRow).values(values))


def forgive(connection: sa.Connection, name: str, address: str) -> None:
    """The right password came: what was tried with this name from this address is forgotten."""
    connection.execute(
        sa.delete(AttemptRow).where(AttemptRow.name_sha256 == _hashed(name), AttemptRow.address == address)
    )


def _hashed(name: str) -> str:
    return hashlib.sha256(name_key(name).encode("utf-8", "surrogatepass")).hexdigest()
