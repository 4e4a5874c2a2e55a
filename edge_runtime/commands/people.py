"""`ferrogate people`: who may sign in at a station's page, and in what role.

A new person gets a one-time password, printed once, that must be changed at the first sign-in within a day.
Neighbour: `edge_runtime.people.accounts` does what the words say.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge_runtime.people.accounts import Accounts, Change, Person
from edge_runtime.people.errors import AccountError
from edge_runtime.people.roles import ROLES, permissions
from edge_runtime.people.tables import FILE
from edge_runtime.yard.yard_config import storage_of
from vision.errors import ConfigError

NAME = "people"
HELP = "who may sign in at the page, and in what role"
EPILOG = """\
examples:
  ferrogate people station.yaml list
  ferrogate people station.yaml add "A. Person" --role foreman        prints a one-time password
  ferrogate people station.yaml add "B. Person" --role admin --ask    asks for a password of one's own
  ferrogate people station.yaml role "A. Person" --role operator
  ferrogate people station.yaml reset "A. Person"                     a new one-time password
  ferrogate people station.yaml disable "A. Person"
  ferrogate people station.yaml enable "A. Person"
  ferrogate people station.yaml log                                   who changed which account

roles: operator, foreman, inspector, data, admin. A name stays taken for good: the books hold it.
"""


def register(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "place", type=Path, metavar="STATION.yaml|DIR", help="station file, run folder or storage folder"
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _action(actions, "list", "everybody, with role and state", _list, named=False)
    _action(actions, "log", "the newest changes of accounts", _log, named=False)
    add = _action(actions, "add", "add a person", _add)
    add.add_argument("--role", required=True, choices=ROLES)
    _add_ask(add)
    role = _action(actions, "role", "give another role", _role)
    role.add_argument("--role", required=True, choices=ROLES)
    _add_ask(_action(actions, "reset", "give a new password; signed out everywhere", _reset))
    _action(actions, "disable", "let a person sign in no more; signed out everywhere", _disable)
    _action(actions, "enable", "let a disabled person sign in again", _enable)


def run(arguments: argparse.Namespace) -> int:
    """Do it; returns the exit code.

    Raises:
        ConfigError: the place is no station's, or the station file cannot be read.
        AccountError: the accounts refuse.
    """
    accounts = Accounts.open(_storage(arguments.place))
    try:
        arguments.act(accounts, arguments)
    finally:
        accounts.close()
    return 0


def _action(
    actions: Any,
    name: str,
    text: str,
    act: Callable[[Accounts, argparse.Namespace], None],
    *,
    named: bool = True,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=f"{text.capitalize()}.")
    if named:
        parser.add_argument("name", metavar="NAME")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(act=act, run=run)
    return parser


def _add_ask(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ask", action="store_true", help="ask for the password, unseen, instead of making a one-time one"
    )


def _storage(place: Path) -> Path:
    """The storage folder of a station file, a run folder, or the folder itself.

    Raises:
        ConfigError: the folder is none of these: a slip of the pen must not make accounts anywhere.
    """
    if not place.is_dir():
        return storage_of(place)[0]
    if any((place / name).exists() for name in (FILE, "ledger.sqlite", "journal", "day.json")):
        return place
    if (place / "station.yaml").is_file():
        return storage_of(place / "station.yaml")[0]
    raise ConfigError(
        "this folder is no station's storage folder",
        where=str(place),
        todo="give the station file, or the folder that it names as storage.folder",
    )


def _list(accounts: Accounts, arguments: argparse.Namespace) -> None:
    people = accounts.people()
    if arguments.json:
        print(json.dumps({"people": [_facts(person) for person in people]}, ensure_ascii=False))
        return
    if not people:
        print("nobody yet: 'ferrogate people STATION.yaml add NAME --role admin'")
        return
    print(f"{'name':<30} {'role':<9} {'last sign-in (UTC)':<19} state")
    for person in people:
        print(f"{person.name:<30} {person.role:<9} {_time(person.last_sign_in_utc_ns):<19} {_state(person)}")


def _log(accounts: Accounts, arguments: argparse.Namespace) -> None:
    changes = accounts.changes()
    if arguments.json:
        print(json.dumps({"changes": [_change_facts(change) for change in changes]}, ensure_ascii=False))
        return
    for change in changes:
        line = f"{_time(change.utc_ns)}  {change.by}: {change.action} {change.subject} {change.detail}"
        print(line.rstrip())


def _add(accounts: Accounts, arguments: argparse.Namespace) -> None:
    password = None
    if arguments.ask:
        accounts.create(arguments.name, arguments.role, _asked(), _who())
    else:
        password = accounts.create_one_time(arguments.name, arguments.role, _who())
    _say(accounts, arguments, password)


def _role(accounts: Accounts, arguments: argparse.Namespace) -> None:
    accounts.set_role(arguments.name, arguments.role, _who())
    _say(accounts, arguments, None)


def _reset(accounts: Accounts, arguments: argparse.Namespace) -> None:
    password = None
    if arguments.ask:
        accounts.find(arguments.name)  # before anybody types a password for nobody
        accounts.set_password(arguments.name, _asked(), _who())
    else:
        password = accounts.reset_one_time(arguments.name, _who())
    _say(accounts, arguments, password)


def _disable(accounts: Accounts, arguments: argparse.Namespace) -> None:
    accounts.disable(arguments.name, _who())
    _say(accounts, arguments, None)


def _enable(accounts: Accounts, arguments: argparse.Namespace) -> None:
    accounts.enable(arguments.name, _who())
    _say(accounts, arguments, None)


def _say(accounts: Accounts, arguments: argparse.Namespace, password: str | None) -> None:
    person = accounts.find(arguments.name)
    if arguments.json:
        facts = {"person": _facts(person), "one_time_password": password}
        print(json.dumps(facts, ensure_ascii=False))
        return
    print(f"{person.name}: {person.role}, {_state(person)}")
    if password is not None:
        print(f"one-time password: {password}")
        print("it is shown only now, is good for a day, and must be changed at the first sign-in")


def _asked() -> str:
    """A password typed twice, unseen.

    Raises:
        ConfigError: there is no terminal to type at.
        AccountError: the two differ.
    """
    if not sys.stdin.isatty():
        raise ConfigError(
            "--ask needs a terminal", where="standard input", todo="leave --ask away: a one-time password"
        )
    password = getpass.getpass("password: ")
    if getpass.getpass("once more: ") != password:
        raise AccountError("wrong_password", "the two passwords differ", todo="try again")
    return password


def _who() -> str:
    """Who calls, for the trail of changes."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = f"user {os.getuid()}"
    return f"{name} (terminal)"


def _state(person: Person) -> str:
    if person.disabled_utc_ns is not None:
        return f"disabled since {_time(person.disabled_utc_ns)}"
    if person.one_time_until_utc_ns is not None:
        return f"one-time password, good until {_time(person.one_time_until_utc_ns)}"
    return "may sign in"


def _time(utc_ns: int | None) -> str:
    return "-" if utc_ns is None else f"{datetime.fromtimestamp(utc_ns / 1e9, UTC):%Y-%m-%d %H:%M}"


def _facts(person: Person) -> dict[str, Any]:
    return {
        "name": person.name,
        "role": person.role,
        "permissions": sorted(permissions(person.role)),
        "disabled": person.disabled_utc_ns is not None,
        "must_change": person.must_change,
        "created_utc_ns": person.created_utc_ns,
        "last_sign_in_utc_ns": person.last_sign_in_utc_ns,
    }


def _change_facts(change: Change) -> dict[str, Any]:
    return {
        "utc_ns": change.utc_ns,
        "by": change.by,
        "action": change.action,
        "subject": change.subject,
        "detail": change.detail,
    }
