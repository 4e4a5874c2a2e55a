"""A station's page as its routes see it: station file, accounts with one person per role, clocks, a client.

`page_context` is real but for its clocks; `page_client(role)` is signed in over HTTP, as a browser is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.testclient import TestClient

from edge_runtime.config import StationConfig, load_station
from edge_runtime.page.app import build_app
from edge_runtime.page.context import PageContext
from edge_runtime.people.accounts import Accounts
from edge_runtime.people.roles import ROLES, Role
from edge_runtime.people.sign_in import SignIn
from tests.edge.test_station_bench import write_bench_station

BASE_URL = "http://127.0.0.1:8080"
PASSWORD = "correct horse 42"
START_UTC_NS = 1_800_000_000_000_000_000


@dataclass
class Clock:
    """Clocks that a test sets."""

    utc: int = START_UTC_NS
    mono: int = 5_000_000_000_000

    def utc_ns(self) -> int:
        return self.utc

    def mono_ns(self) -> int:
        return self.mono

    def forward(self, seconds: float) -> None:
        self.utc += int(seconds * 1e9)
        self.mono += int(seconds * 1e9)


@dataclass
class PageUser:
    """A browser: cookies, and the token that its page got when it signed in."""

    http: TestClient
    csrf: str = ""
    name: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def sign_in(self, name: str, password: str = PASSWORD) -> Any:
        answer = self.http.post("/api/login", json={"name": name, "password": password})
        if answer.status_code == 200:
            self.csrf, self.name = answer.json()["csrf"], name
        return answer

    def post(self, path: str, body: object) -> Any:
        headers = {"X-CSRF-Token": self.csrf, **self.headers}
        return self.http.post(path, json=body, headers=headers)

    def get(self, path: str) -> Any:
        return self.http.get(path, headers=self.headers)


@pytest.fixture
def page_clock() -> Clock:
    return Clock()


@pytest.fixture
def station_file(tmp_path: Path) -> Path:
    """A bench station's file with a page; its name is this test's own."""
    (tmp_path / "strip").mkdir()
    path = write_bench_station(tmp_path, tmp_path / "strip", 640, 60)
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(data | {"page": {}}), encoding="utf-8")
    return path


@pytest.fixture
def set_page(station_file: Path) -> Callable[..., StationConfig]:
    """Write figures into the station file's `page` and read it again."""

    def change(**page: object) -> StationConfig:
        data = yaml.safe_load(station_file.read_text(encoding="utf-8"))
        data["page"] |= page
        station_file.write_text(yaml.safe_dump(data), encoding="utf-8")
        return load_station(station_file)

    return change


@pytest.fixture
def make_context(station_file: Path, page_clock: Clock) -> Iterator[Callable[..., PageContext]]:
    """Contexts of a station file; closed at the end."""
    made: list[PageContext] = []

    def make(config: StationConfig | None = None) -> PageContext:
        config = config or load_station(station_file)
        assert config.page is not None
        accounts = Accounts.open(config.storage.folder, page_clock.utc_ns)
        sign_in = SignIn(accounts, config.page.idle_minutes, config.page.session_hours)
        context = PageContext(
            config, config.page, accounts, sign_in, station_file, page_clock.utc_ns, page_clock.mono_ns
        )
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()


@pytest.fixture
def page_context(make_context: Callable[..., PageContext]) -> PageContext:
    return make_context()


@pytest.fixture
def people(page_context: PageContext) -> dict[Role, str]:
    """One person per role, named after it; all with `PASSWORD`."""
    for role in ROLES:
        page_context.accounts.create(role, role, PASSWORD, by="test")
    return {role: role for role in ROLES}


@pytest.fixture
def serve_page() -> Iterator[Callable[[PageContext], TestClient]]:
    """Serve a context; its services run until the test ends."""
    clients: list[TestClient] = []

    def serve(context: PageContext) -> TestClient:
        client = TestClient(build_app(context), base_url=BASE_URL, client=("127.0.0.1", 50_000))
        client.__enter__()
        clients.append(client)
        return client

    yield serve
    for client in reversed(clients):
        client.__exit__(None, None, None)


@pytest.fixture
def anybody(page_context: PageContext, serve_page: Callable[[PageContext], TestClient]) -> PageUser:
    """A browser that nobody signed in at."""
    return PageUser(serve_page(page_context))


@pytest.fixture
def page_client(
    page_context: PageContext, people: dict[Role, str], serve_page: Callable[[PageContext], TestClient]
) -> Callable[[Role], PageUser]:
    """A browser signed in as the person of a role; each call is another browser at the same page."""
    first: list[TestClient] = []

    def sign_in(role: Role) -> PageUser:
        if not first:
            first.append(serve_page(page_context))
            user = PageUser(first[0])
        else:
            # Another browser at the same running page: the same application, cookies of its own.
            other = TestClient(first[0].app, base_url=BASE_URL, client=("127.0.0.1", 50_001))
            other.portal = first[0].portal
            user = PageUser(other)
        answer = user.sign_in(people[role])
        assert answer.status_code == 200, answer.text
        return user

    return sign_in
