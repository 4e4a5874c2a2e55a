"""Photos sent to the yard: taken piece by piece, only pictures, upright, whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime.images import read_image
from edge_runtime.page import yard_uploads
from edge_runtime.page.errors import PageError
from edge_runtime.page.yard_photo_check import check_photo
from edge_runtime.page.yard_photos_api import FILE_MAX_MB
from tests.edge.page.conftest import PageUser
from tests.edge.page.yard_client import YardDesk, open_desk, photo, send_file
from vision.image_head import read_head

MB = 1024 * 1024


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[YardDesk]:
    with open_desk(tmp_path) as opened:
        yield opened


def begin(user: PageUser, files: int = 2, **facts: object) -> str:
    answer = user.post("/api/yard/photos", {"name": "Куча у ворот", "files": files, **facts})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["upload"])


def inbox(desk: YardDesk) -> Path:
    return desk.context.storage / "photos" / "inbox"


def test_photos_are_handed_over_whole(desk: YardDesk) -> None:
    user = desk.user("inspector")
    upload = begin(user, wagon_id=desk.wagon)
    first = send_file(user, upload, 0, "../../etc/куча 1.JPG", photo())
    assert first.json() == {
        "file": "../../etc/куча 1.JPG", "width_px": 320, "height_px": 200, "turned": False,
    }  # fmt: skip
    assert [path.name for path in inbox(desk).iterdir()] == [f".{upload}.part"]
    assert send_file(user, upload, 1, "b.jpg", photo(turn=6)).json()["turned"] is True
    assert user.post(f"/api/yard/photos/{upload}/done", {}).status_code == 200
    folder = inbox(desk) / upload
    assert sorted(path.name for path in folder.iterdir()) == ["000_1.jpg", "001_b.jpg", "upload.json"]
    note = json.loads((folder / "upload.json").read_text(encoding="utf-8"))
    assert (note["by"], note["name"], note["wagon_id"]) == ("inspector", "Куча у ворот", desk.wagon)
    assert [file["as"] for file in note["files"]] == ["../../etc/куча 1.JPG", "b.jpg"]
    listed = user.get("/api/yard/photos").json()["uploads"]
    assert [(one["state"], one["files"], one["title"]) for one in listed] == [("waiting", 2, "Куча у ворот")]
    # It is finished: nothing can be added to it.
    assert send_file(user, upload, 1, "c.jpg", photo()).json()["code"] == "yard_no_such_upload"


def test_the_workers_answer_is_shown(desk: YardDesk) -> None:
    user = desk.user("inspector")
    photos = desk.context.storage / "photos"
    (photos / "u1-ab").mkdir(parents=True)
    (photos / "u1-ab" / "upload.json").write_text(
        '{"name": "T", "by": "x", "files": [1, 2], "at_utc_ns": 5000000}'
    )
    looking = user.get("/api/yard/photos").json()["uploads"]
    assert [one["state"] for one in looking] == ["looking"]
    answer = {
        "state": "done",
        "rail": "R2",
        "photos": [
            {"file": "a.jpg", "rail_found": True, "marks": [{}, {}]},
            {"file": "b.jpg", "error": "cut off"},
            {"file": "c.jpg", "rail_found": False, "marks": []},
        ],
    }
    (photos / "u1-ab.json").write_text(json.dumps(answer))
    one = user.get("/api/yard/photos").json()["uploads"][0]
    assert (one["state"], one["rail_id"], one["marks"]) == ("done", desk.other, 2)
    assert one["unread"] == [{"file": "b.jpg", "error": "cut off"}]
    assert one["without_rail"] == ["c.jpg"]


def test_what_is_no_picture_is_refused_and_gone(desk: YardDesk) -> None:
    user = desk.user("inspector")
    upload = begin(user)
    damaged = photo()[:-800]
    bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0" + b"x" * 99
    for name, data, code in (
        ("text.jpg", b"Dear Sir, this is a text.\n" * 40, "yard_not_a_picture"),
        ("page.jpg", b"<html><script>alert(1)</script></html>", "yard_not_a_picture"),
        ("empty.jpg", b"", "yard_not_a_picture"),
        ("half.jpg", damaged, "yard_picture_damaged"),
        ("bomb.png", bomb, "yard_picture_size"),
        ("dot.jpg", photo(20, 20), "yard_picture_size"),
    ):
        answer = send_file(user, upload, 0, name, data)
        assert (answer.status_code, answer.json()["code"], answer.json()["values"]["file"]) == (
            422,
            code,
            name,
        )
    assert list((inbox(desk) / f".{upload}.part").iterdir()) == []
    nothing = user.post(f"/api/yard/photos/{upload}/done", {})
    assert (nothing.status_code, nothing.json()["code"]) == (409, "yard_no_pictures")
    assert user.post(f"/api/yard/photos/{upload}/cancel", {}).status_code == 200
    assert list(inbox(desk).iterdir()) == []


def test_a_hundred_megabytes_are_refused_before_they_are_read(desk: YardDesk) -> None:
    user = desk.user("inspector")
    upload = begin(user)
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield b"\xff\xd8\xff" + b"x" * (MB - 3)

    answer = user.http.post(
        f"/api/yard/photo-files/{upload}/0",
        params={"name": "large.jpg"},
        content=pieces(),
        headers={"X-CSRF-Token": user.csrf, "Content-Length": str(100 * MB)},
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "yard_file_too_large")
    assert answer.json()["values"] == {"file": "large.jpg", "mb": 100, "max_mb": FILE_MAX_MB}
    assert list((inbox(desk) / f".{upload}.part").iterdir()) == []
    unsaid = user.http.post(
        f"/api/yard/photo-files/{upload}/0",
        params={"name": "large.jpg"},
        content=pieces(),
        headers={"X-CSRF-Token": user.csrf},
    )
    assert unsaid.status_code == 411


def test_other_bodies_stay_small(desk: YardDesk) -> None:
    user = desk.user("inspector")
    answer = user.post("/api/yard/photos", {"name": "x" * 70_000, "files": 1})
    assert answer.status_code == 413
    for body in ({"files": 0}, {"files": 61}, {"files": 1, "name": "a\u202eb"}, {"files": 1, "wagon_id": 99}):
        assert user.post("/api/yard/photos", body).status_code in (404, 422)


def test_an_upload_belongs_to_who_began_it(desk: YardDesk) -> None:
    mine, other = desk.user("inspector"), desk.user("foreman")
    upload = begin(mine)
    assert send_file(other, upload, 0, "a.jpg", photo()).status_code == 404
    assert other.post(f"/api/yard/photos/{upload}/done", {}).status_code == 404
    assert send_file(mine, upload, 5, "a.jpg", photo()).status_code == 422
    assert send_file(mine, "u1-none", 0, "a.jpg", photo()).status_code == 404


def test_a_full_disk_takes_nothing(desk: YardDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    user = desk.user("inspector")
    upload = begin(user)

    class Full:
        free = 5 * MB

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Full)
    answer = send_file(user, upload, 0, "a.jpg", photo())
    assert (answer.status_code, answer.json()["code"]) == (507, "yard_disk_full")
    assert user.post("/api/yard/photos", {"files": 1}).status_code == 507


def test_what_nobody_finished_is_swept_away(tmp_path: Path) -> None:
    desk = yard_uploads.UploadDesk(tmp_path, 0)
    day = 24 * 3600 * 10**9
    now = 10 * 365 * day + (tmp_path.stat().st_mtime_ns)
    left = desk.begin("a", "", None, 1, now)
    kept = desk.begin("b", "", None, 1, now + day // 2)
    fresh = desk.begin("c", "", None, 1, now + day + 1)
    assert [one.folder.exists() for one in (left, kept, fresh)] == [False, True, True]
    with pytest.raises(PageError):
        desk.need(left.name, "a")


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_turned_photo_is_written_upright(tmp_path: Path, turn: int) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(photo(turn=turn))
    upright = cv2.imdecode(np.frombuffer(photo(turn=turn), np.uint8), cv2.IMREAD_COLOR)
    assert upright is not None
    head = check_photo(path, "a.jpg")
    stored = read_image(path).image
    assert stored.shape == upright.shape
    assert (head.width_px, head.height_px) == (stored.shape[1], stored.shape[0])
    assert (stored.shape[0] > stored.shape[1]) is (turn >= 5)
    assert np.abs(stored.astype(int) - upright.astype(int)).mean() < 2.0
    found = read_head(path.read_bytes())
    assert found is not None
    assert found.turn == 1


@pytest.mark.parametrize("junk", [b"", b"\xff\xd8\xff", b"\xff\xd8\xff\xe1\xff\xff", b"GIF89a" + b"x" * 90])
def test_a_broken_head_is_no_picture(junk: bytes) -> None:
    assert read_head(junk) is None


def test_a_head_cut_anywhere_is_read_without_a_fault() -> None:
    whole = photo(turn=8)
    for cut in range(0, 700, 7):
        read_head(whole[:cut])
    for place in range(2, 120):
        read_head(whole[:place] + b"\xff" * 9 + whole[place + 9 :])
