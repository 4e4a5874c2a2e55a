"""`ferrogate people` as an admin types it."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_runtime.cli import main
from edge_runtime.people.accounts import Accounts
from edge_runtime.people.errors import SignInRefused
from edge_runtime.people.sign_in import SignIn
from tests.edge.test_station_bench import write_bench_station

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def station(tmp_path: Path) -> Path:
    (tmp_path / "strip").mkdir()
    return write_bench_station(tmp_path, tmp_path / "strip", 640, 60)


@pytest.fixture
def run(station: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str, place: Path = station) -> tuple[int, str, str]:
        code = main(["people", str(place), *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def may_sign_in(station: Path) -> Iterator[Callable[[str, str], bool]]:
    accounts = Accounts.open(station.parent / "books")
    sign_in = SignIn(accounts, 30.0, 12.0)

    def try_it(name: str, password: str) -> bool:
        try:
            sign_in.sign_in(name, password, "10.0.0.1", "")
        except SignInRefused:
            return False
        return True

    yield try_it
    accounts.close()


def test_a_one_time_password_is_printed_and_works(run: Run, may_sign_in: Callable[[str, str], bool]) -> None:
    code, out, _ = run("add", "A. Person", "--role", "foreman")
    assert code == 0
    (line,) = [line for line in out.splitlines() if line.startswith("one-time password: ")]
    assert may_sign_in("a. person", line.removeprefix("one-time password: "))
    code, out, _ = run("list")
    assert code == 0
    assert "A. Person" in out
    assert "one-time password, good until" in out


def test_for_programs(run: Run, may_sign_in: Callable[[str, str], bool]) -> None:
    first = json.loads(run("add", "A", "--role", "admin", "--json")[1])
    assert may_sign_in("A", first["one_time_password"])
    second = json.loads(run("reset", "A", "--json")[1])
    assert not may_sign_in("A", first["one_time_password"])
    assert may_sign_in("A", second["one_time_password"])
    run("add", "B", "--role", "operator", "--json")
    assert json.loads(run("role", "B", "--role", "data", "--json")[1])["person"]["role"] == "data"
    assert json.loads(run("disable", "B", "--json")[1])["person"]["disabled"] is True
    assert json.loads(run("enable", "B", "--json")[1])["person"]["disabled"] is False
    people = json.loads(run("list", "--json")[1])["people"]
    assert [(person["name"], person["must_change"]) for person in people] == [("A", True), ("B", True)]
    log = json.loads(run("log", "--json")[1])["changes"]
    assert [change["action"] for change in log] == ["enable", "disable", "role", "add", "reset", "add"]
    assert all(change["by"].endswith("(terminal)") for change in log)


def test_a_password_is_asked_for_unseen(
    run: Run, may_sign_in: Callable[[str, str], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter(["correct horse 42", "correct horse 42", "another horse 43", "a slip of the hand"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr(getpass, "getpass", lambda prompt: next(typed))
    code, out, _ = run("add", "A", "--role", "admin", "--ask")
    assert code == 0
    assert "correct horse" not in out
    assert may_sign_in("A", "correct horse 42")
    code, _, err = run("reset", "A", "--ask")
    assert code == 11
    assert "differ" in err
    assert may_sign_in("A", "correct horse 42")


def test_without_a_terminal_nothing_is_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    code, _, err = run("add", "A", "--role", "admin", "--ask")
    assert code == 2
    assert "one-time" in err
    assert run("list")[1].startswith("nobody yet")


def test_what_the_accounts_refuse_is_said(run: Run) -> None:
    run("add", "A", "--role", "admin")
    code, _, err = run("disable", "a")
    assert code == 11
    assert "last admin" in err
    code, out, _ = run("add", "A", "--role", "admin", "--json")
    assert code == 11
    assert "A" in json.loads(out)["error"]


def test_where_accounts_are_kept(run: Run, station: Path, tmp_path: Path) -> None:
    run("add", "A", "--role", "admin")
    for place in (station, station.parent, station.parent / "books"):
        assert "A" in run("list", place=place)[1]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    code, _, err = run("list", place=elsewhere)
    assert code == 2
    assert "storage folder" in err
    assert list(elsewhere.iterdir()) == []
