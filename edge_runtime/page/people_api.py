"""Keeping the accounts at the page, for admins.

    GET  /api/people -> {"people": [...], "changes": [...]}
    POST /api/people {"action", "name", "role"} -> {"person", "password"}
    action: "add", "role", "reset", "disable", "enable"

A one-time password is in the answer and nowhere else. Neighbour: `edge_runtime.people.accounts`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from edge_runtime.page.context import PageBase, require
from edge_runtime.page.errors import PageError
from edge_runtime.people.accounts import Person, name_key
from edge_runtime.people.errors import AccountError
from edge_runtime.people.roles import Role
from edge_runtime.people.sign_in import Viewer

_CHANGES_SHOWN = 100
_MS = 1_000_000


class AccountAct(BaseModel):
    """What to do with an account; `role` with 'add' and 'role'."""

    model_config = ConfigDict(extra="forbid")
    action: Literal["add", "role", "reset", "disable", "enable"]
    name: str = Field(max_length=200)
    role: Role | None = None


def router(context: PageBase) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/people")
    accounts = context.accounts

    @routes.get("", dependencies=[Depends(require("people"))])
    def people() -> dict[str, Any]:
        changes = [
            {
                "utc_ms": change.utc_ns // _MS,
                "by": change.by,
                "action": change.action,
                "subject": change.subject,
                "detail": change.detail,
            }
            for change in accounts.changes(_CHANGES_SHOWN)
        ]
        return {"people": [_as_json(person) for person in accounts.people()], "changes": changes}

    @routes.post("")
    def change(body: AccountAct, who: Annotated[Viewer, Depends(require("people"))]) -> dict[str, Any]:
        try:
            password = _change(context, body, who)
            person = accounts.find(body.name)
        except AccountError as error:
            status = 404 if error.code == "no_such_person" else 503 if error.code == "bad_file" else 409
            raise PageError(status, error.code, error.what, error.values) from error
        return {"person": _as_json(person), "password": password}

    return routes


def _change(context: PageBase, body: AccountAct, who: Viewer) -> str | None:
    """Do it; returns a one-time password where one was made."""
    accounts = context.accounts
    if body.action != "enable" and body.action != "add" and name_key(body.name) == name_key(who.name):
        raise PageError(409, "own_account", "an admin does not lock themselves out: let another one do it")
    if body.action == "reset":
        return accounts.reset_one_time(body.name, who.name)
    if body.action == "disable":
        accounts.disable(body.name, who.name)
        return None
    if body.action == "enable":
        accounts.enable(body.name, who.name)
        return None
    if body.role is None:
        raise PageError(422, "bad_request", "role: say which", {"detail": "role"})
    if body.action == "add":
        return accounts.create_one_time(body.name, body.role, who.name)
    accounts.set_role(body.name, body.role, who.name)
    return None


def _as_json(person: Person) -> dict[str, Any]:
    seen = person.last_sign_in_utc_ns
    return {
        "name": person.name,
        "role": person.role,
        "disabled": person.disabled_utc_ns is not None,
        "must_change": person.must_change,
        "created_utc_ms": person.created_utc_ns // _MS,
        "last_seen_utc_ms": None if seen is None else seen // _MS,
    }
