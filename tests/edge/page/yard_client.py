"""The yard's page as its routes see it: books with two rails and a wagon, a person per role, browsers.

Neighbours: `yard_samples` fills the books, `test_yard_*` ask the routes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from starlette.testclient import TestClient

from edge_runtime.page.yard_app import build_yard_app
from edge_runtime.page.yard_context import YardContext
from edge_runtime.people.accounts import Accounts
from edge_runtime.people.roles import ROLES, Role
from edge_runtime.people.sign_in import SignIn
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.yard_config import load_rail_station
from tests.edge.page.conftest import BASE_URL, PASSWORD, PageUser
from tests.edge.page.yard_samples import INSPECTOR, add_rail, open_books, wagon_fields, write_yard


@dataclass
class YardDesk:
    """A yard's page and its books, opened beside it."""

    context: YardContext
    store: YardStore
    rail: int
    other: int
    wagon: int
    app: Any = None
    first: TestClient | None = None
    closing: ExitStack = field(default_factory=ExitStack)

    def anybody(self) -> PageUser:
        """A browser that nobody signed in at."""
        if self.first is None:
            self.app = build_yard_app(self.context)
            self.first = self.closing.enter_context(
                TestClient(self.app, base_url=BASE_URL, client=("127.0.0.1", 50_000))
            )
            return PageUser(self.first)
        other = TestClient(self.app, base_url=BASE_URL, client=("127.0.0.1", 50_001))
        other.portal = self.first.portal
        return PageUser(other)

    def user(self, role: Role) -> PageUser:
        """A browser signed in as the person of a role; the person is called after it."""
        if self.context.accounts.is_empty():
            for name in ROLES:
                self.context.accounts.create(name, name, PASSWORD, by="test")
        user = self.anybody()
        answer = user.sign_in(role)
        assert answer.status_code == 200, answer.text
        return user

    def change(self, user: PageUser, change: dict[str, Any], revision: int = 0) -> Any:
        """Ask for a change of the first rail."""
        return user.post(f"/api/yard/rails/{self.rail}/changes", {"change": change, "revision": revision})


@contextmanager
def open_desk(folder: Path, **page: object) -> Iterator[YardDesk]:
    """A page with books; everything is closed at the end."""
    station_file = write_yard(folder, 0, **page)
    config = load_rail_station(station_file)
    store = open_books(config)
    accounts = Accounts.open(config.storage.folder)
    assert config.page is not None
    sign_in = SignIn(accounts, config.page.idle_minutes, config.page.session_hours)
    context = YardContext(config, config.page, accounts, sign_in, station_file, mode="yard")
    try:
        rails = add_rail(store, "R1"), add_rail(store, "R2", 3000)
        desk = YardDesk(context, store, *rails, store.add_wagon(wagon_fields(), INSPECTOR))
        with desk.closing:
            yield desk
    finally:
        store.close()
        context.close()


def photo(width: int = 320, height: int = 200, *, turn: int | None = None) -> bytes:
    """A JPEG with a bright left upper corner; `turn`: with an EXIF orientation."""
    image = np.full((height, width, 3), 90, np.uint8)
    image[: height // 4, : width // 4] = 250
    done, packed = cv2.imencode(".jpg", image)
    assert done
    data = packed.tobytes()
    if turn is None:
        return data
    tiff = b"MM\0*\0\0\0\x08" + b"\0\x01" + b"\x01\x12\0\x03\0\0\0\x01" + bytes([0, turn, 0, 0]) + b"\0\0\0\0"
    exif = b"Exif\0\0" + tiff
    return data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]


def send_file(user: PageUser, upload: str, number: int, name: str, data: bytes) -> Any:
    """Send one file of an upload as the page does."""
    return user.http.post(
        f"/api/yard/photo-files/{upload}/{number}",
        params={"name": name},
        content=data,
        headers={"X-CSRF-Token": user.csrf, "Content-Type": "application/octet-stream"},
    )
