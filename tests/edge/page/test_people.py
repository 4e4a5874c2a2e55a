"""Accounts over the page: admins only, what goes wrong in plain codes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge_runtime.page.context import PageContext
from edge_runtime.people.roles import ROLES, Role
from tests.edge.page.conftest import START_UTC_NS, PageUser

Client = Callable[[Role], PageUser]


@pytest.mark.parametrize("role", [role for role in ROLES if role != "admin"])
def test_only_an_admin_sees_and_keeps_accounts(page_client: Client, role: Role) -> None:
    user = page_client(role)
    for answer in (user.get("/api/people"), user.post("/api/people", {"action": "disable", "name": "data"})):
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
        assert answer.json()["values"] == {"role": role}


def test_nobody_signed_in_sees_no_accounts(anybody: PageUser) -> None:
    assert anybody.get("/api/people").status_code == 401


def test_a_person_from_added_to_disabled(page_client: Client, anybody: PageUser) -> None:
    admin = page_client("admin")
    added = admin.post("/api/people", {"action": "add", "name": "Әлия <b>", "role": "operator"}).json()
    assert added["person"] == {
        "name": "Әлия <b>",
        "role": "operator",
        "disabled": False,
        "must_change": True,
        "created_utc_ms": START_UTC_NS // 1_000_000,
        "last_seen_utc_ms": None,
    }
    signed_in = anybody.sign_in("әлия <B>", added["password"])
    assert signed_in.status_code == 200
    assert (
        admin.post("/api/people", {"action": "role", "name": "Әлия <b>", "role": "foreman"}).status_code
        == 200
    )
    reset = admin.post("/api/people", {"action": "reset", "name": "Әлия <b>"}).json()
    assert reset["password"] not in {None, added["password"]}
    assert anybody.post("/api/alive", {}).status_code == 401  # a reset signs out
    assert anybody.sign_in("Әлия <b>", reset["password"]).status_code == 200
    disabled = admin.post("/api/people", {"action": "disable", "name": "Әлия <b>"}).json()
    assert (disabled["person"]["disabled"], disabled["password"]) == (True, None)
    assert anybody.post("/api/alive", {}).status_code == 401
    assert anybody.sign_in("Әлия <b>", reset["password"]).json()["code"] == "wrong_name_or_password"
    assert admin.post("/api/people", {"action": "enable", "name": "Әлия <b>"}).status_code == 200
    assert anybody.sign_in("Әлия <b>", reset["password"]).status_code == 200
    shown = admin.get("/api/people").json()
    assert {person["name"]: person["role"] for person in shown["people"]}["Әлия <b>"] == "foreman"
    trail = [change["action"] for change in shown["changes"] if change["subject"] == "Әлия <b>"]
    assert trail == ["enable", "disable", "reset", "role", "add"]
    assert {change["by"] for change in shown["changes"] if change["subject"] == "Әлия <b>"} == {"admin"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"action": "add", "name": "FOREMAN", "role": "operator"}, 409, "name_taken"),
        ({"action": "add", "name": " ", "role": "operator"}, 409, "bad_name"),
        ({"action": "add", "name": "X"}, 422, "bad_request"),  # no role
        ({"action": "add", "name": "X", "role": "boss"}, 422, "bad_request"),
        ({"action": "fire", "name": "foreman"}, 422, "bad_request"),
        ({"action": "disable", "name": "nobody"}, 404, "no_such_person"),
        ({"action": "disable", "name": "Admin"}, 409, "own_account"),
        ({"action": "role", "name": "admin", "role": "operator"}, 409, "own_account"),
        ({"action": "disable", "name": "foreman", "extra": 1}, 422, "bad_request"),
    ],
)
def test_what_cannot_be_done_is_said(
    page_client: Client, page_context: PageContext, body: dict[str, str], status: int, code: str
) -> None:
    admin = page_client("admin")
    before = page_context.accounts.people()
    answer = admin.post("/api/people", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert page_context.accounts.people() == before


def test_an_admin_who_is_no_longer_one_is_refused_at_once(
    page_client: Client, page_context: PageContext
) -> None:
    admin = page_client("admin")
    page_context.accounts.create("Other", "admin", "another horse 43", by="test")
    page_context.accounts.set_role("admin", "operator", by="Other")
    answer = admin.post("/api/people", {"action": "disable", "name": "Other"})
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
