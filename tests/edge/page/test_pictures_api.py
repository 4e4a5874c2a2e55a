"""Pictures over HTTP: those of the storage's pictures folder, and nothing else of the machine."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

import pytest

from edge_runtime.config import StationConfig
from edge_runtime.page.context import PageContext
from edge_runtime.page.errors import PageError
from edge_runtime.page.pictures_api import picture_url, read_picture
from tests.edge.page.conftest import PageUser

NAME = "2027-01-15/08/1-0-3_left_0.jpg"
JPEG = b"\xff\xd8 a picture \xff\xd9"


@pytest.fixture
def folder(page_context: PageContext) -> Path:
    folder = page_context.storage / "pictures"
    (folder / NAME).parent.mkdir(parents=True)
    (folder / NAME).write_bytes(JPEG)
    (page_context.storage / "accounts.sqlite.jpg").write_bytes(b"secret")
    return folder


def test_a_picture_may_be_kept_by_the_browser(folder: Path, anybody: PageUser) -> None:
    answer = anybody.get(picture_url(f"pictures/{NAME}"))
    assert (answer.status_code, answer.content) == (200, JPEG)
    assert answer.headers["content-type"] == "image/jpeg"
    assert "immutable" in answer.headers["cache-control"]
    assert "private" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"


#: what a browser may ask for, and must not get
ELSEWHERE = [
    "2027-01-15/08/1-0-4_left_0.jpg",  # removed to make room
    "../accounts.sqlite.jpg",
    "%2e%2e/accounts.sqlite.jpg",
    "2027-01-15/08/../../../accounts.sqlite.jpg",
    "2027-01-15/08/..%2f..%2f..%2faccounts.sqlite.jpg",
    "2027-01-15%2f08%2f%2e%2e%2f1-0-3_left_0.jpg",
    "//etc/passwd",
    "%2fetc%2fpasswd",
    "2027-01-15/08/1-0-3_left_0.jpg%00.png",
    "2027-01-15/08/.1-0-3_left_0.jpg.part",
    "2027-01-15/08",
    "",
    "2027-01-15/08/" + "x" * 5000 + ".jpg",
    "٢٠٢٧-01-15/08/1-0-3_left_0.jpg",  # digits, but not ours
]


def test_nothing_else_is_given_out(folder: Path, anybody: PageUser) -> None:
    for path in ELSEWHERE:
        answer = anybody.get(f"/pictures/{path}")
        assert answer.status_code == 404, path
        assert b"secret" not in answer.content, path
        assert answer.json()["code"] in ("picture_unknown", "not_found"), path
        with pytest.raises(PageError, match="no such picture"):
            read_picture(folder, unquote(path))


def test_a_link_out_of_the_folder_leads_nowhere(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.jpg"
    outside.write_bytes(b"secret")
    os.symlink(outside, folder / "2027-01-15/08/9-0-9_left_0.jpg")
    with pytest.raises(PageError, match="no such picture"):
        read_picture(folder, "2027-01-15/08/9-0-9_left_0.jpg")
    assert read_picture(folder, NAME) == JPEG


def test_a_folder_in_a_picture_s_place_is_none(folder: Path) -> None:
    (folder / "2027-01-15/08/7-0-7_left_0.jpg").mkdir()
    with pytest.raises(PageError, match="no such picture"):
        read_picture(folder, "2027-01-15/08/7-0-7_left_0.jpg")


def test_where_looking_needs_a_sign_in_pictures_do(
    set_page: object, make_context: object, serve_page: object
) -> None:
    config: StationConfig = set_page(view_without_sign_in=False)  # type: ignore[operator]
    context: PageContext = make_context(config)  # type: ignore[operator]
    user = PageUser(serve_page(context))  # type: ignore[operator]
    for path in (
        f"/pictures/{NAME}",
        "/api/state",
        "/api/rejects",
        "/api/trend",
        "/api/alarms",
        "/api/parts/1",
    ):
        assert user.get(path).status_code == 401, path
