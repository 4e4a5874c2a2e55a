"""The accounts of a station: who there is, in what role, and who changed it.

`Accounts.open(storage)` is what the page, `ferrogate people` and the demo use. Every change is one
transaction that also writes the trail of changes. Neighbours: `tables`, `passwords`; `sign_in` for sessions.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from edge_runtime.people import passwords
from edge_runtime.people.errors import AccountError
from edge_runtime.people.roles import ROLES, Role
from edge_runtime.people.tables import ChangeRow, LoginRow, PersonRow, open_accounts, reading, writing

#: a one-time password is good for so long
ONE_TIME_NS = 24 * 3600 * 1_000_000_000
NAME_MAX = 80


@dataclass(frozen=True, slots=True)
class Person:
    """One person; times are wall clock.

    `must_change`: the password is a one-time one, good until `one_time_until_utc_ns`.
    """

    person_id: int
    name: str
    role: Role
    created_utc_ns: int
    disabled_utc_ns: int | None
    one_time_until_utc_ns: int | None
    last_sign_in_utc_ns: int | None

    @property
    def must_change(self) -> bool:
        """Has not chosen a password yet."""
        return self.one_time_until_utc_ns is not None


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the trail: `action` is 'add', 'role', 'reset', 'password', 'disable' or 'enable'."""

    utc_ns: int
    by: str
    action: str
    subject: str
    detail: str


def clean_name(name: str) -> str:
    """A person's name as it is kept: one form of every letter, single blanks.

    Raises:
        AccountError: 'bad_name'.
    """
    plain = " ".join(unicodedata.normalize("NFKC", name).split())
    if not plain or len(plain) > NAME_MAX or any(_is_hidden(letter) for letter in plain):
        raise AccountError(
            "bad_name",
            "this is no name",
            values={"most": NAME_MAX},
            todo=f"1 to {NAME_MAX} characters that can be seen",
        )
    return plain


def _is_hidden(letter: str) -> bool:
    """Control, direction and unassigned characters: a name must look like what it is."""
    return unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Co", "Cn"}


def name_key(name: str) -> str:
    """What names are compared by."""
    plain = unicodedata.normalize("NFKC", name).encode("utf-8", "replace").decode("utf-8")
    return " ".join(unicodedata.normalize("NFKC", plain.casefold()).split())


class Accounts:
    """People and the trail of changes. Safe to use from several threads.

    Args:
        engine: see `tables.open_accounts`.
        utc_ns: the wall clock.
    """

    def __init__(self, engine: sa.Engine, utc_ns: Callable[[], int] = time.time_ns) -> None:
        self.engine = engine
        self.utc_ns = utc_ns

    @classmethod
    def open(cls, storage: Path, utc_ns: Callable[[], int] = time.time_ns) -> Self:
        """Open, or make, the accounts of a storage folder.

        Raises:
            AccountError: 'bad_file'.
        """
        return cls(open_accounts(storage), utc_ns)

    def close(self) -> None:
        """Let go of the file."""
        self.engine.dispose()

    def people(self) -> list[Person]:
        """Everybody, by name."""
        with reading(self.engine) as connection:
            rows = connection.execute(sa.select(PersonRow.__table__).order_by(PersonRow.name_key))
            return [_person(row) for row in rows.mappings()]

    def find(self, name: str) -> Person:
        """The person of a name.

        Raises:
            AccountError: 'no_such_person'.
        """
        with reading(self.engine) as connection:
            return _find(connection, name)

    def is_empty(self) -> bool:
        """Nobody could sign in, whatever the password."""
        query = sa.select(sa.func.count()).where(PersonRow.disabled_utc_ns.is_(None))
        with reading(self.engine) as connection:
            return connection.execute(query).scalar_one() == 0

    def changes(self, limit: int = 100) -> list[Change]:
        """The newest changes, newest first."""
        query = sa.select(ChangeRow).order_by(ChangeRow.id.desc()).limit(limit)
        with reading(self.engine) as connection:
            return [
                Change(row["utc_ns"], row["by_name"], row["action"], row["subject"], row["detail"])
                for row in connection.execute(query).mappings()
            ]

    def create(self, name: str, role: Role, password: str, by: str) -> Person:
        """Add a person with a password of their own.

        Raises:
            AccountError: 'bad_name', 'name_taken', 'bad_role', or one of `passwords.check_strength`.
        """
        passwords.check_strength(password, clean_name(name))
        return self._add(name, role, password, None, by)

    def create_one_time(self, name: str, role: Role, by: str = "") -> str:
        """Add a person with a one-time password, and return that: it is kept nowhere.

        Raises:
            AccountError: 'bad_name', 'name_taken'.
        """
        password = passwords.make_one_time()
        self._add(name, role, password, self.utc_ns() + ONE_TIME_NS, by)
        return password

    def reset_one_time(self, name: str, by: str) -> str:
        """Give a new one-time password, and return it; the person is signed out everywhere.

        Raises:
            AccountError: 'no_such_person'.
        """
        password = passwords.make_one_time()
        values = {"one_time_until_utc_ns": self.utc_ns() + ONE_TIME_NS}
        self._new_password(name, password, values, "reset", by)
        return password

    def set_password(self, name: str, password: str, by: str) -> None:
        """Set a password of the person's own; the person is signed out everywhere.

        Raises:
            AccountError: 'no_such_person', or one of `passwords.check_strength`.
        """
        passwords.check_strength(password, clean_name(name))
        self._new_password(name, password, {"one_time_until_utc_ns": None}, "password", by)

    def set_role(self, name: str, role: Role, by: str) -> Person:
        """Give another role; it holds from the next request on.

        Raises:
            AccountError: 'no_such_person', 'last_admin'.
        """
        _check_role(role)
        with writing(self.engine) as connection:
            person = _find(connection, name)
            if person.role != role:
                if role != "admin":
                    _keep_an_admin(connection, person)
                _update(connection, person, role=role)
                self._note(connection, by, "role", person.name, f"{person.role} -> {role}")
            return _find(connection, name)

    def disable(self, name: str, by: str) -> Person:
        """Let a person sign in no more; signed out everywhere. The name stays, books hold it.

        Raises:
            AccountError: 'no_such_person', 'last_admin'.
        """
        with writing(self.engine) as connection:
            person = _find(connection, name)
            if person.disabled_utc_ns is None:
                _keep_an_admin(connection, person)
                _update(connection, person, disabled_utc_ns=self.utc_ns())
                self._note(connection, by, "disable", person.name, "")
            _sign_out(connection, person)
            return _find(connection, name)

    def enable(self, name: str, by: str) -> Person:
        """Let a person sign in again, with the password they had.

        Raises:
            AccountError: 'no_such_person'.
        """
        with writing(self.engine) as connection:
            person = _find(connection, name)
            if person.disabled_utc_ns is not None:
                _update(connection, person, disabled_utc_ns=None)
                self._note(connection, by, "enable", person.name, "")
            return _find(connection, name)

    def _add(self, name: str, role: Role, password: str, one_time_until: int | None, by: str) -> Person:
        _check_role(role)
        plain = clean_name(name)
        password_hash = passwords.make_hash(password)
        with writing(self.engine) as connection:
            taken = connection.execute(
                sa.select(PersonRow.name).where(PersonRow.name_key == name_key(plain))
            ).scalar_one_or_none()
            if taken is not None:
                raise AccountError(
                    "name_taken",
                    f"there is a person of this name already: {taken}",
                    values={"name": taken},
                    todo="take another name; a disabled person can be enabled again",
                )
            values = {
                "name": plain,
                "name_key": name_key(plain),
                "role": role,
                "password_hash": password_hash,
                "created_utc_ns": self.utc_ns(),
                "one_time_until_utc_ns": one_time_until,
            }
            connection.execute(sa.insert(PersonRow).values(values))
            self._note(connection, by, "add", plain, role)
            return _find(connection, plain)

    def _new_password(self, name: str, password: str, values: dict[str, Any], action: str, by: str) -> None:
        password_hash = passwords.make_hash(password)
        with writing(self.engine) as connection:
            person = _find(connection, name)
            _update(connection, person, password_hash=password_hash, **values)
            _sign_out(connection, person)
            self._note(connection, by, action, person.name, "")

    def _note(self, connection: sa.Connection, by: str, action: str, subject: str, detail: str) -> None:
        values = {
            "utc_ns": self.utc_ns(),
            "by_name": by,
            "action": action,
            "subject": subject,
            "detail": detail,
        }
        connection.execute(sa.insert(ChangeRow).values(values))


def _person(row: sa.RowMapping) -> Person:
    return Person(
        row["id"],
        row["name"],
        row["role"],
        row["created_utc_ns"],
        row["disabled_utc_ns"],
        row["one_time_until_utc_ns"],
        row["last_sign_in_utc_ns"],
    )


def _find(connection: sa.Connection, name: str) -> Person:
    query = sa.select(PersonRow.__table__).where(PersonRow.name_key == name_key(name))
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise AccountError(
            "no_such_person",
            "there is no person of this name",
            values={"name": name[:NAME_MAX]},
            todo="'ferrogate people STATION.yaml list' names them",
        )
    return _person(row)


def _update(connection: sa.Connection, person: Person, **values: Any) -> None:
    connection.execute(sa.update(PersonRow).where(PersonRow.id == person.person_id).values(**values))


def _sign_out(connection: sa.Connection, person: Person) -> None:
    connection.execute(sa.delete(LoginRow).where(LoginRow.person_id == person.person_id))


def _keep_an_admin(connection: sa.Connection, person: Person) -> None:
    """Refuse what would leave nobody to keep the accounts.

    Raises:
        AccountError: 'last_admin'.
    """
    if person.role != "admin" or person.disabled_utc_ns is not None:
        return
    others = connection.execute(
        sa.select(sa.func.count()).where(
            PersonRow.role == "admin",
            PersonRow.disabled_utc_ns.is_(None),
            PersonRow.id != person.person_id,
        )
    ).scalar_one()
    if others == 0:
        raise AccountError(
            "last_admin",
            f"{person.name} is the last admin: nobody could keep the accounts",
            values={"name": person.name},
            todo="make somebody else admin first",
        )


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise AccountError(
            "bad_role", f"there is no role '{role}'", values={"role": role}, todo=f"one of {', '.join(ROLES)}"
        )
