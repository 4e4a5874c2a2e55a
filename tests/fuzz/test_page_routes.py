"""Every route of both pages, asked for anything by somebody who is signed in and means no good.

An answer of HTTP, in the page's one form where it is a refusal; never a fault of ours (500), never a file of
another folder, and nobody's rights changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.page.headers import DEFAULTS
from edge_runtime.page.security import SAFE_METHODS
from edge_runtime.page.yard_uploads import FILES_MAX
from tests.edge.page.yard_client import photo, send_file
from tests.fuzz.pages import OpenPage, Route, ball_page, yard_page
from tests.fuzz.strategies import DEEP_JSON, LONG_NUMBER, NUMBERS, SCALARS, VALUES, fuzzed, torn

#: refusals, and 503 or 507 where something is away (the station, the disk); 500 is a fault of ours
GOOD = {200, 304, 400, 401, 403, 404, 405, 409, 410, 411, 413, 415, 416, 422, 429, 503, 507}
SECRET = "the-secret-of-another-folder"
#: signing out would end the test's own session, and signing in is slow on purpose
WITHOUT_BODY = {"/api/alive"}
NOT_ASKED = {"/api/logout", "/api/login", "/api/password"}


PIECES = st.one_of(
    SCALARS.map(str),
    st.sampled_from(
        [
            "..",
            "../" * 9 + "etc/passwd",
            "../secret.txt",
            "../../../secret.txt",
            "....//....//secret.txt",
            "..\\..\\secret.txt",
            "1/../../secret.txt",
            "/etc/passwd",
            "%2e%2e%2fsecret.txt",
            "\0.jpg",
            "1.jpg\0.csv",
            "CON",
            "1",
            "0",
            "-1",
            str(1 << 63),
            str(-(1 << 63) - 1),
            "1.5",
            "٣",  # a digit, but not ours
            "1e3",
            "1_000",
            "+1",
            " 1",
            "ru",
            "a" * 3000,
        ]
    ),
)


def filled(path: str, pieces: list[str]) -> str:
    """A route's path with its places filled, escaped as a browser does and half of the time not at all."""
    out, at = "", 0
    for number, part in enumerate(path.replace("}", "{").split("{")):
        if number % 2 == 0:
            out += part
        else:
            out += quote(
                pieces[at % len(pieces)].encode("utf-8", "surrogatepass"), safe="" if at % 2 else "/"
            )
            at += 1
    return out


@st.composite
def bodies(draw: st.DrawFn, route: Route) -> Any:
    """JSON for a route: anything, or an object with the fields that it has."""
    if route.body is None or draw(st.booleans()):
        return draw(VALUES)
    names = list(route.body.model_fields)
    return draw(st.fixed_dictionaries({}, optional=dict.fromkeys(names, SCALARS | NUMBERS | VALUES)))


def check(answer: Any) -> None:
    assert answer.status_code in GOOD, (answer.status_code, answer.text[:500])
    if answer.status_code >= 400:
        found = answer.json()
        assert set(found) == {"code", "values", "text"}
        assert len(answer.content) < 20_000
    assert SECRET.encode() not in answer.content
    assert b"root:x:0" not in answer.content
    for name, _ in DEFAULTS:
        assert name.decode() in answer.headers


def ask(page: OpenPage, data: st.DataObject) -> None:
    route = data.draw(st.sampled_from([one for one in page.routes if one.path not in NOT_ASKED]))
    path = filled(route.path, data.draw(st.lists(PIECES, min_size=1, max_size=3)))
    query = {name: data.draw(PIECES) for name in route.query if data.draw(st.booleans())}
    headers = {"X-CSRF-Token": page.user.csrf, "Content-Type": "application/json"}
    content = None
    if route.method not in SAFE_METHODS:
        content = json.dumps(data.draw(bodies(route))).encode()
    params = {name: value.encode("utf-8", "replace").decode() for name, value in query.items()}
    answer = page.user.http.request(route.method, path, params=params, content=content, headers=headers)
    check(answer)


def ask_anything(page: OpenPage) -> None:
    """Any route, any place, any query, any body."""

    @fuzzed(150)
    @given(data=st.data())
    def search(data: st.DataObject) -> None:
        ask(page, data)

    search()


BREAKING = [*DEEP_JSON, LONG_NUMBER, "NaN", '{"\\ud800": 1}', '{"a": 1e999}', "\0", "[" * 60_000]


def ask_for_rows_that_no_book_has(page: OpenPage) -> None:
    """Numbers around the ends of what a book can hold, at every place of every route."""
    for route in page.routes:
        if route.method in SAFE_METHODS and "{" in route.path:
            for number in (0, -1, (1 << 63) - 1, 1 << 63, -(1 << 63), -(1 << 63) - 1, 1 << 200, -(1 << 200)):
                check(page.user.http.request(route.method, filled(route.path, [str(number)])))


def send_what_breaks_a_parser(page: OpenPage) -> None:
    for route in page.routes:
        if route.method in SAFE_METHODS or route.path in NOT_ASKED:
            continue
        for text in BREAKING:
            headers = {"X-CSRF-Token": page.user.csrf, "Content-Type": "application/json"}
            path = filled(route.path, ["1"])
            answer = page.user.http.request(route.method, path, content=text.encode(), headers=headers)
            check(answer)
            # A route that takes nothing does not look at what it was sent.
            assert answer.status_code != 200 or route.path in WITHOUT_BODY, route


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A station's folder, with a file beside it that is none of the page's business."""
    (tmp_path / "secret.txt").write_text(SECRET, encoding="utf-8")
    (tmp_path / "station").mkdir()
    return tmp_path / "station"


def test_the_ball_lines_page(folder: Path) -> None:
    with ball_page(folder) as page:
        assert len(page.routes) > 20  # routes that were not found would pass every test
        assert {"/pictures/{path:path}", "/api/acts"} <= {route.path for route in page.routes}
        ask_anything(page)
        ask_for_rows_that_no_book_has(page)
        send_what_breaks_a_parser(page)


def test_the_yards_page(folder: Path) -> None:
    with yard_page(folder) as page:
        assert len(page.routes) > 20
        ask_anything(page)
        ask_for_rows_that_no_book_has(page)
        send_what_breaks_a_parser(page)


def begin(page: OpenPage) -> str:
    answer = page.user.post("/api/yard/photos", {"name": "fuzz", "wagon_id": None, "files": FILES_MAX})
    assert answer.status_code == 200
    return str(answer.json()["upload"])


def outside_of_photos(page: OpenPage) -> set[Path]:
    """All files but the photos', what SQLite puts beside its own, and small copies made in the background."""
    return {
        path
        for path in page.folder.parent.rglob("*")
        if path.is_file()
        and "photos" not in path.parts
        and "page_cache" not in path.parts
        and not path.name.endswith(("-wal", "-shm", "-journal"))
    }


def stored_in(page: OpenPage, upload: str) -> list[Path]:
    photos = page.folder / "storage" / "photos"
    return [path for path in photos.rglob("*") if upload in str(path) and path.is_file()]


NAMES = ["../../x", "..", "/etc/passwd", "a\0b", "\u202e", "." * 190, "ы" * 100, "%00", "-rf", "con.jpg"]


def test_uploads(folder: Path) -> None:
    with yard_page(folder) as page:
        upload = begin(page)
        before = outside_of_photos(page)

        @fuzzed(50)
        @given(
            data=torn(photo(320, 200, turn=6)) | st.binary(max_size=200),
            name=PIECES.map(lambda text: text.encode("utf-8", "replace").decode()),
            number=st.integers(-2, FILES_MAX + 10),
        )
        def search(data: bytes, name: str, number: int) -> None:
            check(send_file(page.user, upload, number, name, data))

        search()
        for name in NAMES:
            # One number under ten names is one file: the newest.
            check(send_file(page.user, upload, 3, name, photo()))
            assert len([path for path in stored_in(page, upload) if path.name.startswith("003_")]) == 1
        stored = stored_in(page, upload)
        assert len(stored) <= FILES_MAX
        assert all(path.suffix in {".jpg", ".png"} and len(path.name) < 120 for path in stored), stored
        assert outside_of_photos(page) == before
