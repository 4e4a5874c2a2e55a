"""Rails, wagons, second looks and the bundle over HTTP: what is answered, who may, two inspectors at once."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from edge_runtime.page.security import SAFE_METHODS, WITHOUT_SESSION
from tests.edge.page.yard_client import YardDesk, open_desk
from tests.edge.page.yard_samples import LEFT_PX, WIDTH_PX, wagon_fields

EVIL = '<img src=x onerror="alert(1)">'


def _routes(routes: Any) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            original = getattr(route, "original_router", None)
            yield from _routes(getattr(original or route, "routes", None) or [])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[YardDesk]:
    with open_desk(tmp_path) as opened:
        yield opened


def test_every_change_wants_a_session_its_token_and_the_right(desk: YardDesk) -> None:
    stranger = desk.anybody()
    routes = [
        (method, route.path.replace("{", "1").replace("}", ""))
        for route in _routes(desk.app.routes)
        for method in sorted((route.methods or set()) - SAFE_METHODS)
    ]
    assert len([path for _, path in routes if path.startswith("/api/yard")]) >= 8
    for method, path in routes:
        if path in WITHOUT_SESSION:
            continue
        assert stranger.http.request(method, path, json={}).status_code == 401, path
    user = desk.user("inspector")
    user.csrf = "0" * 64
    assert desk.change(user, {"kind": "reviewed"}).json()["code"] == "csrf"


def test_a_role_without_the_right_changes_nothing(desk: YardDesk) -> None:
    user = desk.user("operator")
    fields = {"fields": {}, "revision": 0}
    asked = [
        (f"/api/yard/rails/{desk.rail}/changes", {"change": {"kind": "reviewed"}, "revision": 0}),
        ("/api/yard/wagons", fields),
        (f"/api/yard/wagons/{desk.wagon}", fields),
        (f"/api/yard/wagons/{desk.wagon}/sign", {"password": "x", "seen_sha256": "0"}),
        ("/api/yard/looks/1", {"answer": "clear"}),
        ("/api/yard/photos", {"files": 1}),
        ("/api/yard/photo-files/u1/0?name=a.jpg", {}),
    ]
    for path, body in asked:
        answer = user.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed"), path
    assert user.get("/yard/corrections.zip").status_code == 403
    assert desk.store.rail(desk.rail).revision == 0


def test_a_page_that_is_locked_shows_nothing(tmp_path: Path) -> None:
    with open_desk(tmp_path, view_without_sign_in=False) as desk:
        stranger = desk.anybody()
        paths = [
            "/api/state", "/api/yard/rails", f"/api/yard/rails/{desk.rail}", "/api/yard/recipe",
            "/api/yard/wagons", f"/api/yard/wagons/{desk.wagon}", "/api/yard/looks", "/api/yard/acts",
            "/api/yard/photos", f"/yard/tiles/{desk.rail}/0/0/0_0.jpg", "/yard/corrections.zip",
            f"/yard/crops/{desk.rail}/0.jpg?x1=0&y1=0&x2=9&y2=9", f"/yard/wagons/{desk.wagon}/draft.pdf",
        ]  # fmt: skip
        assert [path for path in paths if stranger.get(path).status_code != 401] == []


def test_a_rail_comes_with_all_that_is_drawn_of_it(desk: YardDesk) -> None:
    user = desk.anybody()
    lines = user.get("/api/yard/rails").json()["rails"]
    assert [(line["name"], line["findings"], line["unconfirmed"]) for line in lines] == [
        ("R2", 4, 4),
        ("R1", 4, 4),
    ]
    assert lines[1]["unseen_m"] == pytest.approx(0.2)
    rail = user.get(f"/api/yard/rails/{desk.rail}").json()
    camera = rail["cameras"][0]
    assert (camera["left_px"], camera["shown_px"], camera["rows"]) == (LEFT_PX, WIDTH_PX, 5000)
    assert camera["levels"] == 5  # 5000 rows into tiles of 512
    assert [finding["id"] for finding in rail["findings"]] == ["f1", "f2", "f3", "f4"]
    assert rail["unseen"][0]["cause"] == "missing_frame"
    assert rail["looks"]
    assert rail["grade"]["coverage"]
    recipe = user.get("/api/yard/recipe").json()
    assert set(recipe["kinds"]) >= {finding["kind"] for finding in rail["findings"]}
    assert user.get(f"/api/yard/rails/{desk.rail}?seen=0").status_code == 204
    assert user.get("/api/yard/rails/999").json()["code"] == "yard_no_such_rail"
    assert user.get(f"/api/yard/rails/{1 << 70}").status_code == 404


def test_who_is_slower_is_told_what_the_other_one_did(desk: YardDesk) -> None:
    fast, slow = desk.user("inspector"), desk.user("foreman")
    done = desk.change(fast, {"kind": "dismiss", "finding": "f1", "reason": "a shadow"})
    assert done.status_code == 200
    assert done.json()["revision"] == 1
    refused = desk.change(slow, {"kind": "confirm", "finding": "f2"})
    assert (refused.status_code, refused.json()["code"]) == (409, "yard_changed_since")
    told = refused.json()["values"]
    assert (told["by"], told["revision"]) == ("inspector", 1)
    assert [(entry["kind"], entry["finding"], entry["reason"]) for entry in told["since"]] == [
        ("dismiss", "f1", "a shadow")
    ]
    again = desk.change(slow, {"kind": "confirm", "finding": "f2"}, revision=1)
    assert [entry["by"] for entry in again.json()["corrections"]] == ["inspector", "foreman"]
    seen = fast.get(f"/api/yard/rails/{desk.rail}?seen=1").json()
    assert {one["id"]: one["state"] for one in seen["findings"]}["f2"] == "confirmed"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"kind": "confirm", "finding": "f99"}, 404, "yard_no_such_finding"),
        ({"kind": "override_grade", "grade": "feed"}, 409, "yard_reason_needed"),
        ({"kind": "confirm_grade"}, 200, ""),
        ({"kind": "wish"}, 422, "yard_bad_value"),
        ({"kind": "add", "values": {"kind": "x" * 90}}, 422, "yard_bad_value"),
        ({"kind": "add", "values": {"kind": "nonsense", "camera": "top", "xyxy_px": [50, 1, 60, 9]}}, 422,
         "yard_unknown_kind"),
        ({"kind": "add", "values": {"kind": "dirt", "camera": "top", "xyxy_px": [50, 9000, 60, 9900]}}, 422,
         "yard_box_outside"),
        ({"kind": "undo", "correction": 7}, 404, "yard_no_such_correction"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_of_a_rail_is_refused(
    desk: YardDesk, change: dict[str, object], status: int, code: str
) -> None:
    answer = desk.change(desk.user("inspector"), change)
    found = answer.json()
    assert answer.status_code in ({status} if code else {200, 409}), found
    if code:
        assert found["code"] == code
    else:  # the sample's grade is one that a person may confirm, or must decide: never a fault
        assert answer.status_code == 200 or found["code"] == "yard_grade_is_human"


def test_a_body_that_is_no_change_is_refused(desk: YardDesk) -> None:
    user = desk.user("inspector")
    path = f"/api/yard/rails/{desk.rail}/changes"
    for body in ({}, {"change": [], "revision": 0}, {"change": {}, "revision": -1}, {"change": {}, "x": 1}):
        assert user.post(path, body).status_code == 422
    large = {"change": {"kind": "dismiss", "finding": "f1", "reason": "x" * 70_000}, "revision": 0}
    assert user.post(path, large).status_code == 413


def test_a_wagon_is_kept_as_it_was_typed(desk: YardDesk) -> None:
    user = desk.user("inspector")
    typed = wagon_fields(supplier=EVIL).model_dump(mode="json")
    made = user.post("/api/yard/wagons", {"fields": typed}).json()
    assert made["wagon"]["fields"]["supplier"] == EVIL
    assert made["draft"]["net_kg"] == 68000.0
    assert made["draft"]["missing"] == ["rails"]
    wagon = made["wagon"]["wagon_id"]
    heavy = {**typed, "tare_kg": 99000.0}
    refused = user.post(f"/api/yard/wagons/{wagon}", {"fields": heavy, "revision": 1})
    assert (refused.status_code, refused.json()["code"]) == (422, "yard_bad_value")
    changed = user.post(f"/api/yard/wagons/{wagon}", {"fields": {**typed, "contract": "18"}, "revision": 1})
    assert changed.json()["wagon"]["revision"] == 2
    late = user.post(f"/api/yard/wagons/{wagon}", {"fields": {**typed, "contract": "19"}, "revision": 1})
    assert (late.status_code, late.json()["code"]) == (409, "yard_changed_since")
    assert user.get("/api/yard/wagons/4711").json()["code"] == "yard_no_such_wagon"


def test_a_rail_is_put_to_a_wagon(desk: YardDesk) -> None:
    user = desk.user("inspector")
    assert desk.change(user, {"kind": "assign", "wagon_id": desk.wagon}).json()["wagon_id"] == desk.wagon
    rails = user.get(f"/api/yard/wagons/{desk.wagon}").json()["rails"]
    assert [rail["name"] for rail in rails] == ["R1"]
    free = user.get("/api/yard/rails?unassigned=true").json()["rails"]
    assert [rail["name"] for rail in free] == ["R2"]
    assert desk.change(user, {"kind": "assign", "wagon_id": 99}, 1).json()["code"] == "yard_no_such_wagon"


def test_second_looks_are_answered_once(desk: YardDesk) -> None:
    user = desk.user("inspector")
    found = user.get("/api/yard/looks").json()
    look = found["looks"][0]
    assert found["rate"]["looked"] == 0
    assert (look["camera_number"], look["lying"]) == (0, True)
    picture = user.get(
        f"/yard/crops/{look['rail_id']}/0.jpg?x1=0&y1={look['first_row']}&x2=9e6&y2={look['last_row']}"
    )
    assert picture.headers["content-type"] == "image/jpeg"
    path = f"/api/yard/looks/{look['look_id']}"
    assert user.post(path, {"answer": "missed", "note": "scale"}).json()["look"]["answer"] == "missed"
    again = user.post(path, {"answer": "clear"})
    assert (again.status_code, again.json()["code"]) == (409, "yard_already_answered")
    assert user.get("/api/yard/looks").json()["rate"]["missed"] == 1
    assert user.post("/api/yard/looks/99999", {"answer": "clear"}).status_code == 404


def test_corrections_leave_as_a_bundle(desk: YardDesk) -> None:
    user = desk.user("inspector")
    nothing = user.get("/yard/corrections.zip")
    assert (nothing.status_code, nothing.json()["code"]) == (409, "yard_nothing_to_export")
    desk.change(user, {"kind": "dismiss", "finding": "f1", "reason": "shadow"})
    desk.change(user, {"kind": "confirm", "finding": "f3"}, 1)
    desk.change(user, {"kind": "reviewed"}, 2)
    answer = desk.user("data").get("/yard/corrections.zip")
    assert answer.status_code == 200, answer.text
    assert "attachment" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        names = packed.namelist()
    assert any(name.endswith(".json") for name in names)
    assert any(name.endswith((".png", ".jpg")) for name in names)
    assert all(".." not in name and not name.startswith("/") for name in names)
    assert list(desk.context.storage.glob("page_cache/bundle-*")) == []


def test_the_yards_page_loads_no_line_and_the_lines_no_yard(desk: YardDesk) -> None:
    from edge_runtime.page import shell
    from edge_runtime.page.words import served_texts

    page = desk.anybody().get("/").text
    assert "yard_main.js" in page
    assert "/main.js" not in page
    assert "line.css" not in page
    texts = desk.anybody().get("/api/messages/kk").json()
    assert texts["yard.view.wagons"]
    assert texts["yard_grade.human"]
    assert [key for key in served_texts("kk", "line") if "yard" in key.split(".")[0]] == []
    loaded = [
        name for name in ("main.js", "lib/dom.js", "lib/yard_strip.js") if shell._LINE.first_needed(name)
    ]
    assert loaded == ["main.js", "lib/dom.js"]
    assert "yard.css" not in shell._LINE.styles
