"""Sessions and throttling below the page: expiry by an injected clock, rehash, one hash whatever the name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import argon2
import pytest
import sqlalchemy as sa

from edge_runtime.people import passwords, throttle
from edge_runtime.people.accounts import ONE_TIME_NS, Accounts
from edge_runtime.people.errors import AccountError, SignInRefused
from edge_runtime.people.sign_in import NewSession, SignIn, csrf_fits, csrf_of
from edge_runtime.people.tables import LoginRow, PersonRow, reading, writing

GOOD = "correct horse 42"
OTHER = "battery staple 7"
MINUTE_NS = 60_000_000_000


class Rig:
    """Accounts with a foreman, sessions of 30 min idle and 12 h, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_800_000_000_000_000_000
        self.accounts = Accounts.open(folder, lambda: self.now)
        self.sign_ins = SignIn(self.accounts, idle_minutes=30.0, session_hours=12.0)

    def sign_in(self, name: str = "Foreman", password: str = GOOD, address: str = "10.0.0.1") -> NewSession:
        return self.sign_ins.sign_in(name, password, address, "a browser")

    def refused(self, name: str = "Foreman", password: str = "wrong", address: str = "10.0.0.1") -> str:
        with pytest.raises(SignInRefused) as raised:
            self.sign_in(name, password, address)
        return raised.value.code


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    rig.accounts.create("Foreman", "foreman", GOOD, by="test")
    yield rig
    rig.accounts.close()


def test_a_session_names_its_person(rig: Rig) -> None:
    session = rig.sign_in("  foreMAN ")
    viewer = rig.sign_ins.viewer(session.token)
    assert viewer == session.viewer
    assert viewer is not None
    assert (viewer.name, viewer.role, viewer.must_change) == ("Foreman", "foreman", False)
    assert viewer.expires_utc_ns == rig.now + 30 * MINUTE_NS
    assert rig.sign_ins.viewer(session.token[:-1] + "_") is None
    assert rig.sign_ins.viewer("") is None


def test_the_token_is_nowhere_in_the_file(rig: Rig, tmp_path: Path) -> None:
    token = rig.sign_in().token
    rig.accounts.close()
    assert all(token.encode() not in path.read_bytes() for path in tmp_path.iterdir())


def test_a_session_that_nobody_uses_ends(rig: Rig) -> None:
    token = rig.sign_in().token
    rig.now += 30 * MINUTE_NS - 1
    assert rig.sign_ins.viewer(token) is not None  # a look alone does not lengthen it
    rig.now += 1
    assert rig.sign_ins.viewer(token) is None


def test_use_lengthens_a_session_up_to_its_absolute_end(rig: Rig) -> None:
    token = rig.sign_in().token
    for _ in range(12 * 3 - 2):  # every 20 minutes
        rig.now += 20 * MINUTE_NS
        assert rig.sign_ins.viewer(token, used=True) is not None
    rig.now += 20 * MINUTE_NS
    viewer = rig.sign_ins.viewer(token, used=True)
    assert viewer is not None
    assert viewer.expires_utc_ns - rig.now == 20 * MINUTE_NS  # the absolute end is nearer than the idle one
    rig.now += 20 * MINUTE_NS
    assert rig.sign_ins.viewer(token, used=True) is None


def test_a_clock_set_back_makes_no_session_longer(rig: Rig) -> None:
    token = rig.sign_in().token
    rig.now -= 3600 * 1_000_000_000
    assert rig.sign_ins.viewer(token) is None


def test_signing_in_anew_makes_another_token(rig: Rig) -> None:
    first, second = rig.sign_in(), rig.sign_in()
    assert first.token != second.token
    rig.sign_ins.sign_out(first.token)
    assert rig.sign_ins.viewer(first.token) is None
    assert rig.sign_ins.viewer(second.token) is not None


def test_a_person_has_at_most_twenty_sessions(rig: Rig) -> None:
    tokens = []
    for _ in range(22):
        rig.now += 1_000_000_000
        tokens.append(rig.sign_in().token)
    alive = [rig.sign_ins.viewer(token) is not None for token in tokens]
    assert alive == [False] * 2 + [True] * 20


def test_whoever_is_disabled_is_out_at_once_and_stays_out(rig: Rig) -> None:
    rig.accounts.create("Admin", "admin", OTHER, by="test")
    token = rig.sign_in().token
    rig.accounts.disable("Foreman", by="Admin")
    assert rig.sign_ins.viewer(token) is None
    assert rig.refused(password=GOOD) == "wrong_name_or_password"
    rig.accounts.enable("Foreman", by="Admin")
    assert rig.sign_ins.viewer(token) is None  # the old session does not come back
    rig.sign_in()


def test_another_role_holds_at_once(rig: Rig) -> None:
    token = rig.sign_in().token
    rig.accounts.set_role("Foreman", "data", by="test")
    viewer = rig.sign_ins.viewer(token)
    assert viewer is not None
    assert (viewer.role, viewer.permissions) == ("data", frozenset({"reports", "yard_export"}))


def test_a_new_password_signs_out_everywhere_else(rig: Rig) -> None:
    here, there = rig.sign_in().token, rig.sign_in().token
    session = rig.sign_ins.change_password(here, GOOD, OTHER, "10.0.0.1", "a browser")
    assert [rig.sign_ins.viewer(token) is None for token in (here, there, session.token)] == [
        True,
        True,
        False,
    ]
    assert rig.refused(password=GOOD) == "wrong_name_or_password"
    rig.sign_in(password=OTHER)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("not it", OTHER, "wrong_password"),
        (GOOD, GOOD, "password_same"),
        (GOOD, "short", "password_too_short"),
    ],
)
def test_a_password_that_cannot_be_changed_changes_nothing(rig: Rig, old: str, new: str, code: str) -> None:
    token = rig.sign_in().token
    with pytest.raises(AccountError) as raised:
        rig.sign_ins.change_password(token, old, new, "10.0.0.1", "a browser")
    assert raised.value.code == code
    assert rig.sign_ins.viewer(token) is not None
    rig.sign_in(password=GOOD)


def test_a_one_time_password_must_be_changed_within_a_day(rig: Rig) -> None:
    one_time = rig.accounts.create_one_time("New", "admin")
    session = rig.sign_in("New", one_time)
    assert session.viewer.must_change
    assert session.viewer.permissions == frozenset()
    changed = rig.sign_ins.change_password(session.token, one_time, OTHER, "10.0.0.1", "a browser")
    assert not changed.viewer.must_change
    assert "people" in changed.viewer.permissions
    rig.now += 2 * ONE_TIME_NS
    rig.sign_in("New", OTHER)


def test_a_one_time_password_older_than_a_day_is_worth_nothing(rig: Rig) -> None:
    one_time = rig.accounts.create_one_time("New", "operator")
    rig.now += ONE_TIME_NS - 10 * MINUTE_NS
    token = rig.sign_in("New", one_time).token
    rig.now += 10 * MINUTE_NS
    assert rig.sign_ins.viewer(token) is None  # nor does a session begun with it outlast it
    assert rig.refused("New", one_time) == "password_expired"
    assert rig.refused("New", "wrong") == "wrong_name_or_password"  # only who knows it learns that
    again = rig.accounts.reset_one_time("New", by="test")
    assert rig.sign_in("New", again).viewer.must_change


def test_nobody_at_all_is_said(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    assert rig.refused() == "no_people"
    rig.accounts.close()


def test_an_unknown_name_costs_a_hash_like_a_known_one(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not timed: counted. Whatever the name, exactly one password is verified."""
    rig.refused("warm up")
    real = passwords.fits
    verified: list[str] = []

    def counted(password: str, password_hash: str) -> bool:
        verified.append("$".join(password_hash.split("$")[:4]))
        return real(password, password_hash)

    monkeypatch.setattr(passwords, "fits", counted)
    assert rig.refused("Foreman") == rig.refused("Nobody") == "wrong_name_or_password"
    assert len(verified) == 2
    assert verified[0] == verified[1]  # of the same parameters


def test_old_parameters_are_replaced_when_the_password_comes(rig: Rig) -> None:
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(GOOD)
    with writing(rig.accounts.engine) as connection:
        connection.execute(sa.update(PersonRow).values(password_hash=weak))
    assert rig.refused(password="wrong") == "wrong_name_or_password"
    assert _hash(rig) == weak
    rig.sign_in()
    assert not passwords.is_outdated(_hash(rig))
    rig.sign_in()


def _hash(rig: Rig) -> str:
    with reading(rig.accounts.engine) as connection:
        return connection.execute(sa.select(PersonRow.password_hash)).scalar_one()


def test_guessing_waits_longer_and_longer(rig: Rig) -> None:
    assert [rig.refused() for _ in range(6)] == ["wrong_name_or_password"] * 5 + ["throttled"]
    waits = []
    for _ in range(7):
        with pytest.raises(SignInRefused) as raised:
            rig.sign_in()  # the right password waits as well
        waits.append(raised.value.values["seconds"])
        rig.now += waits[-1] * 1_000_000_000
        assert rig.refused() == "wrong_name_or_password"
    assert waits == [10, 20, 40, 80, 160, 300, 300]
    rig.now += 300 * 1_000_000_000
    rig.sign_in()
    assert rig.refused() == "wrong_name_or_password"  # and all is forgotten


def test_a_guesser_does_not_lock_a_name_out_elsewhere(rig: Rig) -> None:
    for _ in range(6):
        rig.refused(address="10.0.0.66")
    assert rig.refused(address="10.0.0.66") == "throttled"
    rig.sign_in(address="10.0.0.1")


def test_an_address_that_tries_many_names_waits(rig: Rig) -> None:
    codes = [rig.refused(f"name {number}", address="10.0.0.66") for number in range(31)]
    assert codes == ["wrong_name_or_password"] * 30 + ["throttled"]
    rig.sign_in(address="10.0.0.1")


def test_tries_of_a_clock_that_was_ahead_hold_nobody_up(rig: Rig) -> None:
    rig.now += 3600 * 1_000_000_000
    for _ in range(6):
        rig.refused()
    rig.now -= 3600 * 1_000_000_000
    rig.sign_in()


def test_the_wait_is_bounded_however_many_tries_there_were() -> None:
    for rule in throttle.RULES:
        waits = [rule.wait_s(failures) for failures in range(200)]
        assert waits == sorted(waits)
        assert (waits[rule.free - 1], waits[-1]) == (0, rule.max_wait_s)


def test_sessions_that_are_over_are_cleared_away(rig: Rig) -> None:
    rig.sign_in()
    rig.now += 13 * 3600 * 1_000_000_000
    rig.sign_in()
    with reading(rig.accounts.engine) as connection:
        assert connection.execute(sa.select(sa.func.count(LoginRow.token_sha256))).scalar_one() == 1


@pytest.mark.parametrize("csrf", ["", "x", "ä" * 64, "\ud800"])
def test_the_token_of_a_form_belongs_to_one_session(rig: Rig, csrf: str) -> None:
    session, other = rig.sign_in(), rig.sign_in()
    assert csrf_fits(session.token, csrf_of(session.token))
    assert not csrf_fits(session.token, csrf_of(other.token))
    assert not csrf_fits(session.token, csrf)
