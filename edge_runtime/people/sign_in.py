"""Signing in and out: sessions with an idle and an absolute end.

A session is a random token in the browser's cookie; the file holds its hash. Whoever signs in gets a new
token, so one that somebody planted is worth nothing. Neighbours: `accounts`, `passwords`, `throttle`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from edge_runtime.people import passwords, throttle
from edge_runtime.people.accounts import Accounts, name_key
from edge_runtime.people.errors import AccountError, SignInRefused
from edge_runtime.people.roles import Permission, Role, permissions
from edge_runtime.people.tables import LoginRow, PersonRow, reading, writing

_MINUTE_NS = 60 * 1_000_000_000
#: a session's last use is written down at most so often
_TOUCH_NS = 30 * 1_000_000_000
#: browsers of one person at a time; the oldest gives way
_SESSIONS_MAX = 20
_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who is signed in; `expires_utc_ns` is when the session ends if nothing more is done."""

    person_id: int
    name: str
    role: Role
    must_change: bool
    expires_utc_ns: int

    @property
    def permissions(self) -> frozenset[Permission]:
        """What may be done; nothing until a one-time password was changed."""
        return frozenset() if self.must_change else permissions(self.role)

    def as_json(self) -> dict[str, Any]:
        """For `/api/state` and the answers of signing in."""
        return {
            "name": self.name,
            "role": self.role,
            "permissions": sorted(self.permissions),
            "must_change": self.must_change,
            "expires_utc_ms": self.expires_utc_ns // 1_000_000,
        }


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session just begun: the token goes into the cookie and nowhere else."""

    token: str
    viewer: Viewer


def csrf_of(token: str) -> str:
    """What a request that changes something must bring beside the cookie: other sites cannot know it."""
    return hmac.new(token.encode("ascii", "replace"), b"ferrogate csrf", hashlib.sha256).hexdigest()


def csrf_fits(token: str, csrf: str) -> bool:
    """Whether it belongs to this session."""
    return hmac.compare_digest(csrf_of(token).encode(), csrf.encode("utf-8", "surrogatepass"))


class SignIn:
    """Sessions of one station's page. Every call may wait for the disk, or for a hash: not for an event loop.

    Args:
        accounts: who there is.
        idle_minutes, session_hours: a session ends so long after its last use, and after its begin.
    """

    def __init__(self, accounts: Accounts, idle_minutes: float, session_hours: float) -> None:
        self._accounts = accounts
        self._engine = accounts.engine
        self._utc_ns: Callable[[], int] = accounts.utc_ns
        self._idle_ns = int(idle_minutes * _MINUTE_NS)
        self._absolute_ns = int(session_hours * 60 * _MINUTE_NS)
        #: verified when there is no such person, so that the answer takes as long
        self._nobody_hash = ""

    def sign_in(self, name: str, password: str, address: str, user_agent: str) -> NewSession:
        """Begin a session.

        Raises:
            SignInRefused: see there.
        """
        if self._accounts.is_empty():
            raise SignInRefused("no_people", "nobody may sign in yet: 'ferrogate people STATION.yaml add'")
        self._count_attempt(name, address)
        person = self._checked(name, password)
        now = self._utc_ns()
        one_time_until = person["one_time_until_utc_ns"]
        if one_time_until is not None and now >= one_time_until:
            raise SignInRefused(
                "password_expired", "this one-time password is older than a day: an admin gives a new one"
            )
        with writing(self._engine) as connection:
            throttle.forgive(connection, name, address)
            return self._begin(connection, person, address, user_agent)

    def _count_attempt(self, name: str, address: str) -> None:
        """Count first, look then: a hundred tries at once are a hundred tries."""
        now = self._utc_ns()
        with writing(self._engine) as connection:
            wait_s = throttle.wait_s(connection, name, address, now)
            if not wait_s:
                throttle.note_attempt(connection, name, address, now)
        if wait_s:
            raise SignInRefused(
                "throttled", f"too many tries: wait {wait_s} s and try again", {"seconds": wait_s}
            )

    def _checked(self, name: str, password: str) -> sa.RowMapping:
        """The person whose name and password these are; takes as long when there is none."""
        if not self._nobody_hash:
            self._nobody_hash = passwords.make_hash(secrets.token_hex(16))
        query = sa.select(PersonRow.__table__).where(PersonRow.name_key == name_key(name))
        with reading(self._engine) as connection:
            person = connection.execute(query).mappings().one_or_none()
        right = passwords.fits(password, self._nobody_hash if person is None else person["password_hash"])
        if person is None or not right or person["disabled_utc_ns"] is not None:
            raise SignInRefused("wrong_name_or_password", "the name or the password is wrong")
        if passwords.is_outdated(person["password_hash"]):
            new_hash = passwords.make_hash(password)
            with writing(self._engine) as connection:
                connection.execute(
                    sa.update(PersonRow)
                    .where(PersonRow.id == person["id"], PersonRow.password_hash == person["password_hash"])
                    .values(password_hash=new_hash)
                )
        return person

    def _begin(
        self, connection: sa.Connection, person: sa.RowMapping, address: str, user_agent: str
    ) -> NewSession:
        now = self._utc_ns()
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        # Between the look at the password and now an admin may have disabled the person or reset it.
        unchanged = (
            sa.update(PersonRow)
            .where(
                PersonRow.id == person["id"],
                PersonRow.disabled_utc_ns.is_(None),
                PersonRow.one_time_until_utc_ns.is_not_distinct_from(person["one_time_until_utc_ns"]),
            )
            .values(last_sign_in_utc_ns=now)
        )
        if connection.execute(unchanged).rowcount != 1:
            raise SignInRefused("wrong_name_or_password", "the account was changed just now")
        connection.execute(sa.delete(LoginRow).where(LoginRow.expires_utc_ns <= now))
        newest = (
            sa.select(LoginRow.token_sha256)
            .where(LoginRow.person_id == person["id"])
            .order_by(LoginRow.created_utc_ns.desc())
            .limit(_SESSIONS_MAX - 1)
        )
        connection.execute(
            sa.delete(LoginRow).where(
                LoginRow.person_id == person["id"], LoginRow.token_sha256.not_in(newest.scalar_subquery())
            )
        )
        values = {
            "token_sha256": _hashed(token),
            "person_id": person["id"],
            "created_utc_ns": now,
            "last_used_utc_ns": now,
            "expires_utc_ns": now + self._absolute_ns,
            "address": address[:100],
            "user_agent": user_agent[:200],
        }
        connection.execute(sa.insert(LoginRow).values(values))
        must_change = person["one_time_until_utc_ns"] is not None
        ends = now + min(self._idle_ns, self._absolute_ns)
        return NewSession(token, Viewer(person["id"], person["name"], person["role"], must_change, ends))

    def viewer(self, token: str, *, used: bool = False) -> Viewer | None:
        """Whose session it is, or None when it is over, unknown, or the person was disabled.

        Args:
            token: from the cookie.
            used: a person did something: the idle time begins anew.
        """
        now = self._utc_ns()
        query = (
            sa.select(LoginRow.__table__, PersonRow.name, PersonRow.role, PersonRow.one_time_until_utc_ns)
            .join(PersonRow, PersonRow.id == LoginRow.person_id)
            .where(LoginRow.token_sha256 == _hashed(token), PersonRow.disabled_utc_ns.is_(None))
        )
        with reading(self._engine) as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None or not self._in_force(row, now):
            return None
        last_used = row["last_used_utc_ns"]
        if used and now - last_used >= _TOUCH_NS:
            last_used = now
            with writing(self._engine) as connection:
                connection.execute(
                    sa.update(LoginRow)
                    .where(LoginRow.token_sha256 == row["token_sha256"])
                    .values(last_used_utc_ns=now)
                )
        until = row["one_time_until_utc_ns"]
        ends = min(row["expires_utc_ns"], last_used + self._idle_ns)
        return Viewer(row["person_id"], row["name"], row["role"], until is not None, ends)

    def _in_force(self, row: sa.RowMapping, now: int) -> bool:
        # A clock that was set back must not make a session last longer: one of the future is over, too.
        began, last_used = row["created_utc_ns"], row["last_used_utc_ns"]
        one_time_until = row["one_time_until_utc_ns"]
        return (
            began - _MINUTE_NS <= now < min(row["expires_utc_ns"], began + self._absolute_ns)
            and last_used - _MINUTE_NS <= now < last_used + self._idle_ns
            and (one_time_until is None or now < one_time_until)
        )

    def sign_out(self, token: str) -> None:
        """End this session; one that is over already is fine."""
        with writing(self._engine) as connection:
            connection.execute(sa.delete(LoginRow).where(LoginRow.token_sha256 == _hashed(token)))

    def change_password(self, token: str, old: str, new: str, address: str, user_agent: str) -> NewSession:
        """Change one's own password: signed out everywhere, and a new session for this browser.

        Raises:
            AccountError: 'wrong_password', 'password_same', or one of `passwords.check_strength`.
            SignInRefused: 'throttled', or the session is over ('wrong_name_or_password').
        """
        who = self.viewer(token)
        if who is None:
            raise SignInRefused("wrong_name_or_password", "the session is over: sign in again")
        self._count_attempt(who.name, address)
        try:
            self._checked(who.name, old)
        except SignInRefused as error:
            raise AccountError(
                "wrong_password",
                "the old password is wrong",
                todo="type the password that you signed in with",
            ) from error
        if passwords.fits(new, self._hash_of(who)):
            raise AccountError("password_same", "the new password is the old one", todo="take another one")
        self._accounts.set_password(who.name, new, by=who.name)
        with writing(self._engine) as connection:
            throttle.forgive(connection, who.name, address)
            query = sa.select(PersonRow.__table__).where(PersonRow.id == who.person_id)
            person = connection.execute(query).mappings().one()
            return self._begin(connection, person, address, user_agent)

    def confirm(self, token: str, password: str, address: str) -> Viewer:
        """Ask once more whether it is the session's own person who acts, before they sign something.

        Raises:
            AccountError: 'wrong_own_password'.
            SignInRefused: 'throttled', or the session is over ('wrong_name_or_password').
        """
        who = self.viewer(token, used=True)
        if who is None:
            raise SignInRefused("wrong_name_or_password", "the session is over: sign in again")
        self._count_attempt(who.name, address)
        try:
            self._checked(who.name, password)
        except SignInRefused as error:
            raise AccountError(
                "wrong_own_password",
                "this is not the password of the person who is signed in",
                todo="type the password that you signed in with",
            ) from error
        with writing(self._engine) as connection:
            throttle.forgive(connection, who.name, address)
        return who

    def _hash_of(self, who: Viewer) -> str:
        with reading(self._engine) as connection:
            query = sa.select(PersonRow.password_hash).where(PersonRow.id == who.person_id)
            return connection.execute(query).scalar_one()


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
