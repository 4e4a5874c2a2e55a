"""Both pages with full books, opened once, and every one of their routes with what it takes.

Neighbour: `test_page_routes` asks them for anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.testclient import TestClient

from edge_runtime.config import load_station
from edge_runtime.entries import Entry
from edge_runtime.ledger.apply import Applier
from edge_runtime.ledger.statements import PictureRecord
from edge_runtime.ledger.store import ledger_url, open_ledger
from edge_runtime.page.app import build_app
from edge_runtime.page.context import PageContext
from edge_runtime.people.accounts import Accounts
from edge_runtime.people.sign_in import SignIn
from tests.edge.ledger_samples import epoch, outcome, part, placed, session
from tests.edge.page.conftest import BASE_URL, PASSWORD, START_UTC_NS, PageUser
from tests.edge.page.yard_client import open_desk
from tests.edge.test_station_bench import write_bench_station
from vision.types import PartId


@dataclass(frozen=True)
class Route:
    """One route of a page: method, path with its places in braces, names of its query, its body's type."""

    method: str
    path: str
    query: tuple[str, ...]
    body: type[BaseModel] | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class OpenPage:
    """A page, a browser at which an administrator is signed in, its routes, and where its station lies."""

    user: PageUser
    routes: tuple[Route, ...]
    folder: Path


def routes_of(app: Any) -> Iterator[Route]:
    """Every route of an application."""
    for route in _api_routes(app.routes):
        fields = route.dependant.body_params
        body = fields[0].field_info.annotation if len(fields) == 1 else None
        model = body if isinstance(body, type) and issubclass(body, BaseModel) else None
        query = tuple(field.alias for field in route.dependant.query_params)
        for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
            yield Route(method, route.path, query, model)


def _api_routes(routes: Any) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            original = getattr(route, "original_router", None)
            yield from _api_routes(getattr(original or route, "routes", None) or [])


@contextmanager
def ball_page(folder: Path) -> Iterator[OpenPage]:
    """The ball line's page; two parts in its books, one with a picture."""
    (folder / "strip").mkdir()
    path = write_bench_station(folder, folder / "strip", 640, 60)
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(data | {"page": {}}), encoding="utf-8")
    config = load_station(path)
    engine = open_ledger(ledger_url(config.storage.folder))
    place = "pictures/2027-01-15/08/1-0-1_left_0.jpg"
    picture = PictureRecord(PartId(1, 0, 1), "left", 0, "reject", place, 9, START_UTC_NS)
    entries: list[Entry] = [
        session(),
        epoch(),
        part(1, decision="reject"),
        outcome(1, verdict="reject"),
        part(2),
        outcome(2),
    ]
    Applier(engine).apply(placed(entries), pictures=[picture])
    engine.dispose()
    accounts = Accounts.open(config.storage.folder)
    accounts.create("admin", "admin", PASSWORD, by="test")
    assert config.page is not None
    sign_in = SignIn(accounts, config.page.idle_minutes, config.page.session_hours)
    context = PageContext(config, config.page, accounts, sign_in, path)
    app = build_app(context)
    try:
        with TestClient(app, base_url=BASE_URL, client=("127.0.0.1", 50_000)) as http:
            user = PageUser(http)
            assert user.sign_in("admin").status_code == 200
            yield OpenPage(user, tuple(routes_of(app)), folder)
    finally:
        context.close()


@contextmanager
def yard_page(folder: Path) -> Iterator[OpenPage]:
    """The rail yard's page with two rails and a wagon."""
    with open_desk(folder) as desk:
        user = desk.user("admin")
        yield OpenPage(user, tuple(routes_of(desk.app)), folder)
