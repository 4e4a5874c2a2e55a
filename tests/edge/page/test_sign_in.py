"""Signing in at the page over HTTP: cookie, expiry mid-act, throttling, one-time passwords."""

from __future__ import annotations

from collections.abc import Callable
from http.cookies import SimpleCookie

import pytest
from starlette.testclient import TestClient

from edge_runtime.config import StationConfig
from edge_runtime.page.context import PageContext
from edge_runtime.people.roles import Role, permissions
from tests.edge.page.conftest import BASE_URL, PASSWORD, START_UTC_NS, Clock, PageUser

Client = Callable[[Role], PageUser]
OTHER = "battery staple 7"


def test_signing_in_says_who_one_is_and_what_one_may_do(anybody: PageUser, people: object) -> None:
    answer = anybody.sign_in("Foreman")
    assert answer.status_code == 200
    assert answer.json()["viewer"] == {
        "name": "foreman",
        "role": "foreman",
        "permissions": sorted(permissions("foreman")),
        "must_change": False,
        "expires_utc_ms": START_UTC_NS // 1_000_000 + 30 * 60 * 1000,
    }
    again = anybody.post("/api/alive", {}).json()
    assert again == answer.json()


def _cookie(context: PageContext, client: TestClient, name: str) -> SimpleCookie:
    answer = client.post("/api/login", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return SimpleCookie(answer.headers["set-cookie"])


def test_the_cookie_is_for_this_page_alone(
    page_context: PageContext, people: object, serve_page: Callable[[PageContext], TestClient]
) -> None:
    cookie = _cookie(page_context, serve_page(page_context), "foreman")
    (name,) = cookie
    assert name == f"ferrogate-{page_context.station}"
    facts = cookie[name]
    assert (facts["httponly"], facts["samesite"], facts["path"]) == (True, "strict", "/")
    assert (facts["secure"], facts["domain"]) == ("", "")
    assert int(facts["max-age"]) == 12 * 3600


def test_behind_a_tls_proxy_the_cookie_is_secure(
    set_page: Callable[..., StationConfig],
    make_context: Callable[..., PageContext],
    serve_page: Callable[[PageContext], TestClient],
) -> None:
    context = make_context(set_page(behind_proxy=True))
    context.accounts.create("foreman", "foreman", PASSWORD, by="test")
    cookie = _cookie(context, serve_page(context), "foreman")
    (name,) = cookie
    assert name.startswith("__Host-")
    assert cookie[name]["secure"] is True


def test_signing_in_again_gives_another_session_and_ends_the_old_one(
    page_client: Client, page_context: PageContext
) -> None:
    user = page_client("foreman")
    old = next(iter(user.http.cookies.values()))
    old_csrf = user.csrf
    user.sign_in("operator")
    new = next(iter(user.http.cookies.values()))
    assert new != old
    assert user.csrf != old_csrf
    assert page_context.sign_in.viewer(old) is None


def test_a_planted_token_is_never_taken_over(
    anybody: PageUser, people: object, page_context: PageContext
) -> None:
    planted = "A" * 43
    anybody.http.cookies.set(f"ferrogate-{page_context.station}", planted, domain="127.0.0.1")
    anybody.sign_in("foreman")
    assert page_context.sign_in.viewer(planted) is None


def test_signing_out_ends_the_session_here_only(page_client: Client, page_context: PageContext) -> None:
    here, there = page_client("foreman"), page_client("foreman")
    token = next(iter(here.http.cookies.values()))
    assert here.post("/api/logout", {}).json() == {"viewer": None}
    assert not here.http.cookies
    assert page_context.sign_in.viewer(token) is None
    assert there.post("/api/alive", {}).status_code == 200


def test_a_session_that_expires_mid_act_changes_nothing(
    page_client: Client, page_context: PageContext, page_clock: Clock
) -> None:
    user = page_client("admin")
    page_clock.forward(30 * 60)
    answer = user.post("/api/people", {"action": "add", "name": "Late", "role": "operator"})
    assert (answer.status_code, answer.json()["code"]) == (401, "signed_out")
    assert "Late" not in [person.name for person in page_context.accounts.people()]
    assert user.sign_in("admin").status_code == 200
    assert user.post("/api/people", {"action": "add", "name": "Late", "role": "operator"}).status_code == 200


def test_a_page_left_open_keeps_no_session_alive(page_client: Client, page_clock: Clock) -> None:
    """Looking does not count as use: only what a person does, and the page's word that somebody is there."""
    user = page_client("admin")
    for _ in range(29):
        page_clock.forward(60)
        assert user.get("/api/people").status_code == 200
    page_clock.forward(60)
    assert user.get("/api/people").status_code == 401


def test_a_person_at_the_page_stays_signed_in_until_the_absolute_end(
    page_client: Client, page_clock: Clock
) -> None:
    user = page_client("foreman")
    for _ in range(12 * 3 - 1):
        page_clock.forward(20 * 60)
        assert user.post("/api/alive", {}).status_code == 200
    page_clock.forward(20 * 60)
    assert user.post("/api/alive", {}).status_code == 401


def test_guessing_is_slowed_down_with_a_clear_word(
    anybody: PageUser, people: object, page_clock: Clock
) -> None:
    for _ in range(5):
        answer = anybody.sign_in("foreman", "wrong")
        assert (answer.status_code, answer.json()["code"]) == (401, "wrong_name_or_password")
    answer = anybody.sign_in("foreman")
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert answer.json()["values"] == {"seconds": 10}
    assert answer.headers["retry-after"] == "10"
    page_clock.forward(10)
    assert anybody.sign_in("foreman").status_code == 200


def test_unknown_and_known_names_get_the_same_answer(anybody: PageUser, people: object) -> None:
    known, unknown = anybody.sign_in("foreman", "wrong"), anybody.sign_in("nobody", "wrong")
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)


def test_without_people_the_form_says_what_to_do(anybody: PageUser) -> None:
    answer = anybody.sign_in("admin")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_people")
    assert "ferrogate people" in answer.json()["text"]


def test_a_one_time_password_opens_nothing_but_the_choice_of_another(
    anybody: PageUser, page_context: PageContext
) -> None:
    one_time = page_context.accounts.create_one_time("New", "admin")
    answer = anybody.sign_in("New", one_time)
    assert (answer.json()["viewer"]["must_change"], answer.json()["viewer"]["permissions"]) == (True, [])
    for refused in (
        anybody.get("/api/people"),
        anybody.post("/api/people", {"action": "add", "name": "X", "role": "admin"}),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "password_must_change")
    changed = anybody.post("/api/password", {"old": one_time, "new": OTHER})
    assert changed.status_code == 200
    anybody.csrf = changed.json()["csrf"]
    assert changed.json()["viewer"]["must_change"] is False
    assert anybody.get("/api/people").status_code == 200


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("not it at all", OTHER, "wrong_password"),
        (PASSWORD, PASSWORD, "password_same"),
        (PASSWORD, "short", "password_too_short"),
        (PASSWORD, "aaaaaaaaaaaa", "password_weak"),
    ],
)
def test_why_a_password_is_not_taken(page_client: Client, old: str, new: str, code: str) -> None:
    user = page_client("foreman")
    answer = user.post("/api/password", {"old": old, "new": new})
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert user.sign_in("foreman").status_code == 200


def test_a_stolen_session_cannot_guess_the_password(page_client: Client) -> None:
    user = page_client("foreman")
    codes = [user.post("/api/password", {"old": f"guess {n}", "new": OTHER}).json()["code"] for n in range(6)]
    assert codes == ["wrong_password"] * 5 + ["throttled"]


def test_a_new_password_signs_out_every_other_browser(page_client: Client) -> None:
    here, there = page_client("foreman"), page_client("foreman")
    here.csrf = here.post("/api/password", {"old": PASSWORD, "new": OTHER}).json()["csrf"]
    assert here.post("/api/alive", {}).status_code == 200
    assert there.post("/api/alive", {}).json()["code"] == "signed_out"


def test_where_looking_needs_a_sign_in_there_is_nothing_to_see_before(
    set_page: Callable[..., StationConfig],
    make_context: Callable[..., PageContext],
    serve_page: Callable[[PageContext], TestClient],
) -> None:
    context = make_context(set_page(view_without_sign_in=False))
    context.accounts.create("data", "data", PASSWORD, by="test")
    user = PageUser(serve_page(context))
    assert user.get("/api/recipes").json()["code"] == "signed_out"
    user.sign_in("data")
    assert user.get("/api/recipes").status_code == 200


def test_two_stations_on_one_machine_share_no_sign_in(page_client: Client) -> None:
    """Cookies know no ports: the name of the cookie tells the stations apart."""
    user = page_client("foreman")
    token = next(iter(user.http.cookies.values()))
    stranger = user.http.get("/healthz", headers={"Cookie": f"ferrogate-other={token}"})
    assert stranger.status_code == 200
    answer = TestClient(user.http.app, base_url=BASE_URL).post(
        "/api/alive", json={}, headers={"Cookie": f"ferrogate-other={token}", "X-CSRF-Token": user.csrf}
    )
    assert answer.status_code == 401
