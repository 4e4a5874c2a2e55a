"""Accounts: names, roles, one-time passwords, the last admin, the trail of changes, the file."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.people import passwords
from edge_runtime.people.accounts import Accounts, clean_name, name_key
from edge_runtime.people.errors import AccountError
from edge_runtime.people.roles import ROLES, Role
from edge_runtime.people.tables import FILE

GOOD = "correct horse 42"


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    opened = Accounts.open(tmp_path)
    yield opened
    opened.close()


def _code(act: Callable[[], object]) -> str:
    with pytest.raises(AccountError) as raised:
        act()
    assert raised.value.exit_code == 11
    return raised.value.code


def test_people_are_kept_with_their_role(accounts: Accounts) -> None:
    for role in ROLES:
        accounts.create(f"a {role}", role, GOOD, by="test")
    assert [(person.name, person.role) for person in accounts.people()] == sorted(
        (f"a {role}", role) for role in ROLES
    )
    assert not any(person.must_change for person in accounts.people())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Ivanov", "ivanov"),  # case
        ("Әлия Қожа", "әлия  ҚОЖА"),  # Kazakh letters, two blanks
        ("Éva", "E\u0301va"),  # two ways to write one letter
        ("ﬁn", "fin"),  # a ligature
        ("Straße", "STRASSE"),  # full case folding
    ],
)
def test_a_name_is_given_once_however_it_is_written(accounts: Accounts, first: str, second: str) -> None:
    accounts.create(first, "operator", GOOD, by="test")
    assert _code(lambda: accounts.create(second, "operator", GOOD, by="test")) == "name_taken"
    assert accounts.find(second).name == clean_name(first)


@pytest.mark.parametrize("name", ["", "   ", "a\x00b", "a\nb\u202eevil", "x" * 81, "\u200b", "a\ud800"])
def test_what_is_no_name_is_refused(accounts: Accounts, name: str) -> None:
    assert _code(lambda: accounts.create(name, "operator", GOOD, by="test")) == "bad_name"
    assert accounts.people() == []


@given(st.text(max_size=90))
@settings(max_examples=200, deadline=None)
def test_a_clean_name_stays_as_it_is_and_is_found_by_what_was_typed(name: str) -> None:
    try:
        plain = clean_name(name)
    except AccountError:
        return
    assert clean_name(plain) == plain
    assert name_key(plain) == name_key(name)
    assert 1 <= len(plain) <= 80


def test_an_unknown_role_is_refused(accounts: Accounts) -> None:
    role: Role = "boss"  # type: ignore[assignment]
    assert _code(lambda: accounts.create("A", role, GOOD, by="test")) == "bad_role"


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short 1", "password_too_short"),
        ("x" * 201 + "abc", "password_too_long"),
        ("aaaaaaaaaaaa", "password_weak"),  # one letter
        ("foreman 2026", "password_weak"),  # the name and a year
        ("FOREMAN-2026", "password_weak"),  # in whatever case
    ],
)
def test_passwords_that_are_guessed_first_are_refused(accounts: Accounts, password: str, code: str) -> None:
    assert _code(lambda: accounts.create("Foreman", "foreman", password, by="test")) == code
    assert accounts.is_empty()


def test_one_time_passwords_differ_and_hold_no_letter_read_for_another(accounts: Accounts) -> None:
    made = {accounts.create_one_time(f"p{number}", "operator") for number in range(5)}
    assert len(made) == 5
    assert not set("".join(made)) & set("0oOlI1i")
    assert all(person.must_change for person in accounts.people())


def test_no_password_stands_in_the_file(accounts: Accounts, tmp_path: Path) -> None:
    one_time = accounts.create_one_time("A", "operator")
    accounts.create("B", "admin", GOOD, by="test")
    accounts.close()
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert one_time.encode() not in data
    assert GOOD.encode() not in data
    assert b"$argon2id$" in data


def test_the_last_admin_stays(accounts: Accounts) -> None:
    accounts.create("A", "admin", GOOD, by="test")
    accounts.create("B", "admin", GOOD, by="test")
    accounts.create("C", "foreman", GOOD, by="test")
    accounts.disable("A", by="B")
    assert _code(lambda: accounts.disable("B", by="B")) == "last_admin"
    assert _code(lambda: accounts.set_role("B", "foreman", by="B")) == "last_admin"
    assert accounts.find("B").role == "admin"
    accounts.set_role("C", "admin", by="B")
    assert accounts.set_role("B", "foreman", by="C").role == "foreman"


def test_two_admins_who_disable_each_other_at_once_leave_one(accounts: Accounts) -> None:
    accounts.create("A", "admin", GOOD, by="test")
    accounts.create("B", "admin", GOOD, by="test")
    together = threading.Barrier(2)
    refused: list[str] = []

    def disable(name: str) -> None:
        together.wait()
        try:
            accounts.disable(name, by="test")
        except AccountError as error:
            refused.append(error.code)

    threads = [threading.Thread(target=disable, args=(name,)) for name in "AB"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["last_admin"]
    assert len([person for person in accounts.people() if person.disabled_utc_ns is None]) == 1


def test_every_change_is_on_the_trail(accounts: Accounts) -> None:
    accounts.create("A", "admin", GOOD, by="root (terminal)")
    accounts.create_one_time("B", "operator", by="A")
    accounts.set_role("B", "foreman", by="A")
    accounts.set_role("B", "foreman", by="A")  # nothing changes
    accounts.reset_one_time("B", by="A")
    accounts.set_password("B", GOOD, by="B")
    accounts.disable("B", by="A")
    accounts.enable("B", by="A")
    trail = [(change.by, change.action, change.subject, change.detail) for change in accounts.changes()]
    assert trail[::-1] == [
        ("root (terminal)", "add", "A", "admin"),
        ("A", "add", "B", "operator"),
        ("A", "role", "B", "operator -> foreman"),
        ("A", "reset", "B", ""),
        ("B", "password", "B", ""),
        ("A", "disable", "B", ""),
        ("A", "enable", "B", ""),
    ]


@pytest.mark.parametrize("act", ["set_role", "disable", "enable", "reset_one_time", "find"])
def test_nobody_of_that_name(accounts: Accounts, act: str) -> None:
    arguments = {"set_role": ("x", "admin", "t"), "find": ("x",)}.get(act, ("x", "t"))
    assert _code(lambda: getattr(accounts, act)(*arguments)) == "no_such_person"


def test_only_the_owner_reads_the_file(tmp_path: Path) -> None:
    old_mask = os.umask(0)
    try:
        accounts = Accounts.open(tmp_path)
        accounts.create("A", "admin", GOOD, by="test")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        accounts.close()
        (tmp_path / FILE).chmod(0o644)  # as a copy from a backup may come
        Accounts.open(tmp_path).close()
    finally:
        os.umask(old_mask)
    assert set(modes.values()) == {0o600}, modes
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_accounts_survive_the_process(tmp_path: Path) -> None:
    first = Accounts.open(tmp_path)
    first.create("A", "admin", GOOD, by="test")
    first.close()
    second = Accounts.open(tmp_path)
    assert second.find("a").name == "A"
    second.close()


def _not_a_database(path: Path) -> None:
    path.write_bytes(b"This is not a database at all, but long enough to be looked at." * 40)


def _somebody_elses(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("create table person (x)")
    connection.close()


def _of_a_newer_version(path: Path) -> None:
    Accounts.open(path.parent).close()
    with sqlite3.connect(path) as connection:
        connection.execute("pragma user_version=99")
    connection.close()


@pytest.mark.parametrize("spoil", [_not_a_database, _somebody_elses, _of_a_newer_version])
def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    path = tmp_path / FILE
    spoil(path)
    before = path.read_bytes()
    assert _code(lambda: Accounts.open(tmp_path)) == "bad_file"
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert _code(lambda: Accounts.open(tmp_path / "file" / "storage")) == "bad_file"


def test_a_hash_that_cannot_be_read_fits_nothing() -> None:
    assert not passwords.fits("x", "no hash")
    assert passwords.fits("E\u0301va 12345", passwords.make_hash("Éva 12345"))  # another keyboard


def test_a_stations_hashes_cost_a_guesser_time_and_memory(station_hasher: PasswordHasher) -> None:
    assert (station_hasher.time_cost, station_hasher.memory_cost) == (3, 32 * 1024)
    made = station_hasher.hash("correct horse 42")
    assert made.startswith("$argon2id$v=19$m=32768,t=3,p=1$")
    assert passwords.fits("correct horse 42", made)
    assert not passwords.fits("correct horse 43", made)
    assert passwords.is_outdated(made)  # by the tests' own parameters
    assert not station_hasher.check_needs_rehash(made)
