"""The guard around all routes: hostile hosts, origins, bodies, tokens; headers of every answer."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from edge_runtime.page.context import PageContext
from edge_runtime.page.headers import DEFAULTS
from edge_runtime.page.security import BODY_MAX_BYTES, SAFE_METHODS, WITHOUT_SESSION
from edge_runtime.people.accounts import Person
from edge_runtime.people.roles import Role
from tests.edge.page.conftest import PASSWORD, PageUser

Client = Callable[[Role], PageUser]


def _unsafe_routes(context: PageContext) -> list[tuple[str, str]]:
    """Method and path of every route that changes something, places filled."""
    from edge_runtime.page.app import build_app

    found = []
    for route in _routes(build_app(context).routes):
        for method in sorted((route.methods or set()) - SAFE_METHODS):
            path = "".join("1" if number % 2 else part for number, part in enumerate(_split(route.path)))
            found.append((method, path))
    return found


def _routes(routes: Any) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            original = getattr(route, "original_router", None)
            yield from _routes(getattr(original or route, "routes", None) or [])


def _split(path: str) -> list[str]:
    return path.replace("}", "{").split("{")


def test_every_route_that_changes_something_wants_a_session_and_its_token(
    page_context: PageContext, anybody: PageUser, page_client: Client
) -> None:
    routes = _unsafe_routes(page_context)
    assert ("POST", "/api/acts") in routes
    assert ("POST", "/api/people") in routes
    user = page_client("admin")
    for method, path in routes:
        if path in WITHOUT_SESSION:
            continue
        nobody = anybody.http.request(method, path, json={})
        assert (nobody.status_code, nobody.json()["code"]) == (401, "signed_out"), path
        no_token = user.http.request(method, path, json={})
        assert (no_token.status_code, no_token.json()["code"]) == (403, "csrf"), path
        wrong = user.http.request(method, path, json={}, headers={"X-CSRF-Token": user.csrf[:-1]})
        assert (wrong.status_code, wrong.json()["code"]) == (403, "csrf"), path


def test_one_browsers_token_is_worth_nothing_with_anothers_cookie(page_client: Client) -> None:
    admin, foreman = page_client("admin"), page_client("foreman")
    admin.csrf = foreman.csrf
    answer = admin.post("/api/people", {"action": "add", "name": "X", "role": "admin"})
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8080"])
def test_a_borrowed_name_is_refused(anybody: PageUser, host: str) -> None:
    for path in ("/healthz", "/metrics"):
        answer = anybody.http.get(path, headers={"Host": host})
        assert (answer.status_code, answer.json()["code"]) == (421, "bad_host")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},  # another port of this machine
    ],
)
def test_a_page_of_another_site_changes_nothing(
    page_client: Client, page_context: PageContext, headers: dict[str, str]
) -> None:
    user = page_client("admin")
    user.headers = headers
    answer = user.post("/api/people", {"action": "disable", "name": "foreman"})
    assert (answer.status_code, answer.json()["code"]) == (403, "bad_origin")
    answer = user.http.post("/api/login", json={"name": "admin", "password": PASSWORD}, headers=headers)
    assert answer.json()["code"] == "bad_origin"
    assert page_context.accounts.find("foreman").disabled_utc_ns is None


def test_our_own_page_is_let_through(page_client: Client) -> None:
    user = page_client("admin")
    user.headers = {"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-origin"}
    assert user.post("/api/alive", {}).status_code == 200


@pytest.mark.parametrize("announce", [True, False])
def test_a_body_too_large_is_refused(page_client: Client, announce: bool) -> None:
    user = page_client("admin")
    body = json.dumps({"action": "disable", "name": "x" * BODY_MAX_BYTES}).encode()
    pieces = [body[at : at + 5000] for at in range(0, len(body), 5000)]
    headers = {"X-CSRF-Token": user.csrf, "Content-Type": "application/json"}
    content: Any = body if announce else iter(pieces)
    answer = user.http.post("/api/people", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert user.post("/api/alive", {}).status_code == 200


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "", "text/plain; application/json"]
)
def test_a_form_of_another_page_is_no_request(page_client: Client, media: str) -> None:
    user = page_client("admin")
    headers = {"X-CSRF-Token": user.csrf, "Content-Type": media}
    answer = user.http.post("/api/people", content=b'{"action": "disable"}', headers=headers)
    assert answer.status_code == 415


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode()),
    path=st.sampled_from(["/api/acts", "/api/people", "/api/password", "/api/login", "/api/alive"]),
)
def test_whatever_is_sent_gets_an_answer_of_the_one_form(hostile: PageUser, body: bytes, path: str) -> None:
    headers = {"X-CSRF-Token": hostile.csrf, "Content-Type": "application/json"}
    answer = hostile.http.post(path, content=body, headers=headers)
    assert answer.status_code in {200, 400, 401, 404, 409, 422, 429}, (answer.status_code, answer.text)
    if answer.status_code != 200:
        assert set(answer.json()) == {"code", "values", "text"}
        answer.text.encode("utf-8")


@pytest.fixture
def hostile(page_client: Client, page_context: PageContext) -> Iterator[PageUser]:
    """A signed-in admin that sends rubbish; at the end the accounts are as they were."""
    user = page_client("admin")
    before = _people(page_context)
    yield user
    assert _people(page_context) == before


def _people(context: PageContext) -> list[Person]:
    return context.accounts.people()


def test_every_answer_carries_the_security_headers(page_client: Client) -> None:
    user = page_client("admin")
    answers = [
        user.get("/api/people"),
        user.get("/nowhere"),  # 404
        user.http.post("/api/people", json={}),  # 403, made by the guard
        user.http.get("/healthz", headers={"Host": "evil.example"}),  # 421
        user.http.request("TRACE", "/api/people"),
    ]
    for answer in answers:
        for name, value in DEFAULTS:
            assert answer.headers[name.decode()] == value.decode(), (answer.url, name)
        assert "server" not in answer.headers
    assert "script-src 'self'" in answers[0].headers["content-security-policy"]
    assert "unsafe" not in answers[0].headers["content-security-policy"]


def test_what_is_not_there_is_said_in_the_one_form(anybody: PageUser) -> None:
    for path in ("/nowhere", "/static/x/../../etc/passwd", "/docs", "/openapi.json"):
        answer = anybody.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


def test_every_change_is_logged_with_who(
    page_client: Client, anybody: PageUser, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "ferrogate.page"):
        user = page_client("admin")
        caplog.clear()
        user.post("/api/people", {"action": "disable", "name": "data"})
        anybody.http.post("/api/people", json={})
        user.get("/api/people")
    requests = [record.__dict__ for record in caplog.records if record.message == "request"]
    lines = [(item["path"], item["status"], item["by"], item["role"]) for item in requests]
    assert lines == [("/api/people", 200, "admin", "admin"), ("/api/people", 401, "", "")]


def test_passwords_and_tokens_stay_out_of_the_log(
    anybody: PageUser, people: object, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        anybody.sign_in("admin", "secret-typed-wrong")
        anybody.sign_in("secret-in-the-name-field", PASSWORD)
        anybody.sign_in("admin")
    said = " ".join(str(record.__dict__) for record in caplog.records)
    token = next(iter(anybody.http.cookies.values()))
    assert "sign_in_refused" in said
    assert all(word not in said for word in ("secret", PASSWORD, token, anybody.csrf))


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}], ids=["host", "origin"]
)
def test_a_socket_from_elsewhere_is_refused(
    page_context: PageContext, serve_page: Callable[[PageContext], TestClient], headers: dict[str, str]
) -> None:
    from starlette.websockets import WebSocketDisconnect

    client = serve_page(page_context)
    with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect("/ws/live", headers=headers):
        pass
    assert closed.value.code in {4403, 4421}


def test_a_bug_leaves_no_trace_of_itself_in_the_answer(page_context: PageContext, people: object) -> None:
    from edge_runtime.page.app import build_app
    from tests.edge.page.conftest import BASE_URL

    app = build_app(page_context)

    @app.get("/broken")
    def broken() -> None:
        raise ZeroDivisionError("secret detail")

    with TestClient(app, base_url=BASE_URL, raise_server_exceptions=False) as client:
        answer = client.get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
