"""Acts over the page, carried out by a real station: who may, two at once, mid-act, hostile, no station."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_runtime.config import load_recipe
from edge_runtime.day.client import desk_path
from edge_runtime.page.context import PageContext
from edge_runtime.people.roles import Role
from edge_runtime.station.process import Station
from tests.edge.page.conftest import Clock, PageUser
from tests.edge.page.desk_rig import day_of, journaled_acts, running_station

Client = Callable[[Role], PageUser]
SHIFT = {"kind": "open_shift", "name": "день"}


@pytest.fixture
def station(station_file: Path) -> Iterator[Station]:
    with running_station(station_file) as running:
        yield running


def _act(user: PageUser, act: dict[str, Any], revision: int | None = None) -> Any:
    return user.post("/api/acts", {"act": act, "revision": revision})


def _lot(station: Station, name: str) -> dict[str, Any]:
    return {"kind": "open_lot", "name": name, "product": load_recipe(station.config.recipe).product}


def test_an_act_is_done_and_bears_the_name_of_who_asked(station: Station, page_client: Client) -> None:
    foreman, operator = page_client("foreman"), page_client("operator")
    opened = _act(operator, SHIFT, day_of(station).revision)
    assert opened.status_code == 200, opened.text
    day = opened.json()["day"]
    assert (day["shift"]["name"], day["shift"]["opened_by"]) == ("день", "operator")
    assert day == day_of(station).model_dump(mode="json")
    assert _act(foreman, _lot(station, "L-1"), day["revision"]).status_code == 200
    written = [(act.act, act.by, act.role) for act in journaled_acts(station.config)]
    assert written[-2:] == [("open_shift", "operator", "operator"), ("open_lot", "foreman", "foreman")]


def test_two_foremen_at_once_and_nothing_is_lost(station: Station, page_client: Client) -> None:
    """Both saw the same day. The first is done; the second learns who was faster, looks, and tries again."""
    first, second = page_client("foreman"), page_client("admin")
    assert _act(first, SHIFT).status_code == 200
    seen = day_of(station).revision
    assert _act(first, _lot(station, "L-1"), seen).status_code == 200
    late = _act(second, {"kind": "close_shift"}, seen)
    assert (late.status_code, late.json()["code"]) == (409, "changed_meanwhile")
    assert late.json()["values"] == {"by": "foreman", "act": "open_lot"}
    day = day_of(station)
    assert day.lot is not None
    assert day.shift is not None
    assert _act(second, {"kind": "close_shift"}, day.revision).status_code == 200


def test_many_at_the_same_instant_and_one_is_done(station: Station, page_client: Client) -> None:
    users = [page_client("foreman") for _ in range(4)]
    seen = day_of(station).revision
    together = threading.Barrier(len(users))
    answers: list[tuple[int, str]] = []

    def open_shift(number: int) -> None:
        together.wait()
        answer = _act(users[number], SHIFT | {"name": f"shift {number}"}, seen)
        answers.append((answer.status_code, answer.json().get("code", "")))

    threads = [threading.Thread(target=open_shift, args=(number,)) for number in range(len(users))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [(200, "")] + [(409, "changed_meanwhile")] * 3
    assert [act.act for act in journaled_acts(station.config)].count("open_shift") == 1


def test_who_may_not_is_refused_and_the_station_never_hears_of_it(
    station: Station, page_client: Client
) -> None:
    before = day_of(station)
    data, operator = page_client("data"), page_client("operator")
    cases: list[tuple[PageUser, str, dict[str, Any]]] = [
        (data, "data", SHIFT),
        (data, "data", {"kind": "stop_line", "reason": "x"}),
        (operator, "operator", {"kind": "change_recipe", "recipe": "ball-60"}),
    ]
    for user, role, act in cases:
        answer = _act(user, act)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed"), act
        assert answer.json()["values"] == {"role": role}
    assert day_of(station) == before


def test_a_session_that_expires_mid_act_changes_nothing(
    station: Station, page_client: Client, page_clock: Clock
) -> None:
    foreman = page_client("foreman")
    before = day_of(station)
    page_clock.forward(30 * 60)
    answer = _act(foreman, SHIFT, before.revision)
    assert (answer.status_code, answer.json()["code"]) == (401, "signed_out")
    assert day_of(station) == before
    foreman.sign_in("foreman")
    assert _act(foreman, SHIFT, before.revision).status_code == 200  # the same form, once more


def test_a_person_disabled_mid_act_changes_nothing(
    station: Station, page_client: Client, page_context: PageContext
) -> None:
    foreman = page_client("foreman")
    before = day_of(station)
    page_context.accounts.disable("foreman", by="admin")
    assert _act(foreman, SHIFT).status_code == 401
    assert day_of(station) == before


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"kind": "close_shift"}, "no_shift"),
    ({"kind": "close_lot"}, "no_lot"),
    ({"kind": "cancel_changeover"}, "no_changeover"),
    ({"kind": "cancel_challenge"}, "no_challenge"),
    ({"kind": "change_recipe", "recipe": "../../etc/passwd"}, "unknown_recipe"),
    ({"kind": "open_lot", "name": "L", "product": "<script>"}, "product_differs"),
]


def test_what_the_station_refuses_comes_back_with_its_code(station: Station, page_client: Client) -> None:
    foreman = page_client("foreman")
    before = day_of(station)
    for act, code in REFUSED:
        answer = _act(foreman, act)
        assert (answer.status_code, answer.json()["code"]) == (409, code)
        assert set(answer.json()) == {"code", "values", "text"}
    assert day_of(station) == before


def test_html_in_a_name_stays_text(station: Station, page_client: Client) -> None:
    foreman = page_client("foreman")
    name = "<script>alert(1)</script> & \"Қ\" 'x' {{7*7}} %s ../.."
    assert _act(foreman, SHIFT).status_code == 200
    answer = _act(foreman, _lot(station, name))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["day"]["lot"]["name"] == name
    assert journaled_acts(station.config)[-1].asked["name"] == name


ODD_ACTS: list[Any] = [
    {},
    {"kind": "open_shift"},  # no name
    {"kind": "open_shift", "name": ""},
    {"kind": "open_shift", "name": "a\nb"},
    {"kind": "open_shift", "name": "\u200b"},  # nothing to be seen
    {"kind": "open_lot", "name": "7\u202e1", "product": "ball"},  # reads the other way round
    {"kind": "open_shift", "name": "x" * 81},
    {"kind": "open_shift", "name": "a", "by": "admin"},  # nobody says who they are but the session
    {"kind": "begin_challenge", "balls": 0},
    {"kind": "begin_challenge", "balls": 1e9},
    {"kind": "drop_tables"},
    ["open_shift"],
    None,
]


def test_what_is_no_act_is_said(station: Station, page_client: Client) -> None:
    foreman = page_client("foreman")
    before = day_of(station)
    for act in ODD_ACTS:
        answer = foreman.post("/api/acts", {"act": act})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_act"), act
    assert day_of(station) == before


@pytest.fixture
def hostile(station: Station, page_client: Client) -> PageUser:
    return page_client("foreman")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    act=st.fixed_dictionaries(
        {
            "kind": st.sampled_from(
                ["open_shift", "open_lot", "change_recipe", "begin_challenge", "stop_line"]
            )
        },
        optional={
            "name": st.text(max_size=90) | st.integers() | st.none(),
            "product": st.text(max_size=20),
            "recipe": st.text(max_size=210),
            "balls": st.integers() | st.floats() | st.text(max_size=5),
            "expected": st.text(max_size=50),
            "lane": st.integers(),
            "reason": st.text(max_size=90),
        },
    ),
    revision=st.none() | st.integers() | st.text(max_size=3) | st.booleans(),
)
def test_a_real_station_survives_whatever_is_asked(
    station: Station, hostile: PageUser, act: dict[str, Any], revision: Any
) -> None:
    body = json.dumps({"act": act, "revision": revision})
    headers = {"X-CSRF-Token": hostile.csrf, "Content-Type": "application/json"}
    answer = hostile.http.post("/api/acts", content=body.encode(), headers=headers)
    assert answer.status_code in {200, 400, 409}, (answer.status_code, answer.text)
    # What was done is what the state says, and nothing was done that was refused.
    if answer.status_code == 200:
        assert answer.json()["day"]["revision"] == day_of(station).revision
    else:
        assert set(answer.json()) == {"code", "values", "text"}


def test_without_a_station_it_is_said(page_client: Client) -> None:
    answer = _act(page_client("foreman"), SHIFT)
    assert (answer.status_code, answer.json()["code"]) == (503, "station_unreachable")


def test_a_station_that_hangs_holds_up_nobody_who_looks(
    page_client: Client, page_context: PageContext
) -> None:
    """Its desk takes the connection and says nothing: acts wait, the rest of the page does not."""
    foreman, admin = page_client("foreman"), page_client("admin")
    path = desk_path(page_context.station)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as desk:
        desk.bind(str(path))
        desk.listen(16)
        answers: list[Any] = []
        threads = [threading.Thread(target=lambda: answers.append(_act(foreman, SHIFT))) for _ in range(2)]
        for thread in threads:
            thread.start()
        heard, _ = desk.accept()
        for _ in range(5):
            assert admin.get("/api/people").status_code == 200
        assert not answers
        heard.close()
        other, _ = desk.accept()
        other.close()
        for thread in threads:
            thread.join()
    path.unlink()
    assert [answer.json()["code"] for answer in answers] == ["station_unreachable"] * 2


def test_acts_are_logged_with_who(
    station: Station, page_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    foreman = page_client("foreman")
    with caplog.at_level(logging.INFO, "ferrogate.page"):
        _act(foreman, SHIFT)
        _act(foreman, SHIFT)
    said = [record.__dict__ for record in caplog.records if record.message.startswith("act")]
    assert [(item["message"], item["by"], item["act"]["kind"]) for item in said] == [
        ("act", "foreman", "open_shift"),
        ("act_refused", "foreman", "open_shift"),
    ]
    assert said[1]["code"] == "shift_open"
