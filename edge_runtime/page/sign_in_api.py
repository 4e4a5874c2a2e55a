"""Signing in and out at the page: the cookie, the CSRF token, one's own password.

    POST /api/login {"name","password"} -> {"viewer","csrf"}     POST /api/logout {}
    POST /api/password {"old","new"}    -> {"viewer","csrf"}     POST /api/alive {} -> {"viewer","csrf"}

Hashing takes long on purpose: one at a time, in a worker thread. Neighbour: `edge_runtime.people.sign_in`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from edge_runtime.page.context import PageBase, cookie_name, token_of, viewer
from edge_runtime.page.errors import PageError, signed_out
from edge_runtime.people.errors import AccountError, SignInRefused
from edge_runtime.people.sign_in import NewSession, Viewer, csrf_of

_LOG = logging.getLogger("ferrogate.page")
#: sign-ins that may wait for their turn
_WAITING_MAX = 8
_STATUS = {"throttled": 429, "no_people": 409}


class Login(BaseModel):
    """What signs in."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=200)
    password: str = Field(max_length=1000)


class NewPassword(BaseModel):
    """A password for another."""

    model_config = ConfigDict(extra="forbid")
    old: str = Field(max_length=1000)
    new: str = Field(max_length=1000)


def router(context: PageBase) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    one_at_a_time = CapacityLimiter(1)

    async def hashing(work: Callable[[], NewSession]) -> NewSession:
        if one_at_a_time.statistics().tasks_waiting >= _WAITING_MAX:
            raise PageError(503, "busy", "many sign in just now: try again", headers={"Retry-After": "2"})
        try:
            return await to_thread.run_sync(work, limiter=one_at_a_time)
        except SignInRefused as error:
            headers = {"Retry-After": str(error.values["seconds"])} if error.code == "throttled" else {}
            status = _STATUS.get(error.code, 401)
            raise PageError(status, error.code, error.text, error.values, headers) from error

    def keep(response: Response, session: NewSession) -> dict[str, Any]:
        page = context.page
        response.set_cookie(
            cookie_name(context),
            session.token,
            max_age=int(page.session_hours * 3600),
            path="/",
            secure=page.behind_proxy,
            httponly=True,
            samesite="strict",
        )
        return {"viewer": session.viewer.as_json(), "csrf": csrf_of(session.token)}

    @routes.post("/api/login")
    async def login(body: Login, request: Request, response: Response) -> dict[str, Any]:
        address, agent = _who_asks(request)
        try:
            session = await hashing(
                partial(context.sign_in.sign_in, body.name, body.password, address, agent)
            )
        except PageError as error:
            # Not the name: people type their password into the wrong field.
            _LOG.warning("sign_in_refused", extra={"code": error.code, "address": address})
            raise
        old = token_of(request)
        if old is not None:
            await to_thread.run_sync(context.sign_in.sign_out, old)
        _LOG.info("signed_in", extra=_facts(session.viewer, address))
        return keep(response, session)

    @routes.post("/api/logout")
    def logout(request: Request, response: Response) -> dict[str, Any]:
        token = token_of(request)
        if token is not None:
            context.sign_in.sign_out(token)
        response.delete_cookie(
            cookie_name(context), path="/", secure=context.page.behind_proxy, httponly=True, samesite="strict"
        )
        return {"viewer": None}

    @routes.post("/api/password")
    async def password(body: NewPassword, request: Request, response: Response) -> dict[str, Any]:
        token = token_of(request)
        if token is None:
            raise signed_out()
        address, agent = _who_asks(request)
        change = context.sign_in.change_password
        try:
            session = await hashing(partial(change, token, body.old, body.new, address, agent))
        except AccountError as error:
            raise PageError(409, error.code, error.what, error.values) from error
        _LOG.info("password_changed", extra=_facts(session.viewer, address))
        return keep(response, session)

    @routes.post("/api/alive")
    def alive(request: Request, who: Annotated[Viewer | None, Depends(viewer)]) -> dict[str, Any]:
        """A person is at the page: the guard around all routes has begun the idle time anew."""
        token = token_of(request)
        if who is None or token is None:
            raise signed_out()
        return {"viewer": who.as_json(), "csrf": csrf_of(token)}

    return routes


def _who_asks(request: Request) -> tuple[str, str]:
    address = request.client.host if request.client else ""
    return address, request.headers.get("user-agent", "")


def _facts(who: Viewer, address: str) -> dict[str, str]:
    return {"by": who.name, "role": who.role, "address": address}
