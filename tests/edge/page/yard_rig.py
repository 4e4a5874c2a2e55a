"""The yard's real page in its own process, and a real browser before it.

Neighbours: `browser_rig`, `yard_samples`.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from edge_runtime.yard.store import YardStore
from edge_runtime.yard.yard_config import RailStationConfig, load_rail_station
from tests.edge.page.browser_rig import ARGUMENTS, PageServer, Watched, add_people, need_chromium, window
from tests.edge.page.yard_samples import INSPECTOR, add_rail, open_books, wagon_fields, write_yard

MODULE = "edge_runtime.page.yard_process"
#: who there is, by role
PEOPLE = {"Ержан": "inspector", "Асхат": "foreman", "Данияр": "data", "Әсел": "admin", "Айгүл": "operator"}


@dataclass
class YardRig:
    """A yard's books, its page's process, and a browser."""

    server: PageServer
    config: RailStationConfig
    store: YardStore
    browser: Browser
    rails: tuple[int, ...]
    wagon_id: int

    @contextmanager
    def window(self, *, width: int = 1280, height: int = 800) -> Iterator[Watched]:
        """A window at this page."""
        with window(self.browser, self.server.url, width=width, height=height) as watched:
            yield watched

    @contextmanager
    def signed_in(
        self, name: str = "Ержан", *, language: str = "ru", width: int = 1280, height: int = 800
    ) -> Iterator[Watched]:
        """A window at which somebody has signed in."""
        with self.window(width=width, height=height) as seen:
            # As the page itself does when somebody chooses a language.
            seen.context.add_cookies([{"name": "language", "value": language, "url": seen.url}])
            seen.open("wagons", language)
            seen.page.locator(".shell-user button").click()
            seen.sign_in(name)
            seen.page.locator(".button.user").wait_for()
            yield seen


def free_port() -> int:
    """A port that nobody listens at just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_yard(folder: Path, *, rails: tuple[int, ...] = (5000, 3000), **page: object) -> Iterator[YardRig]:
    """Everything started: a rail for each number of rows, a wagon; skips where there is no browser."""
    program = need_chromium()
    port = free_port()
    station_file = write_yard(folder, port, **page)
    config = load_rail_station(station_file)
    add_people(config, **PEOPLE)
    store = open_books(config)
    try:
        made = tuple(add_rail(store, f"R{number + 1}", rows) for number, rows in enumerate(rails))
        wagon_id = store.add_wagon(wagon_fields(), INSPECTOR)
        server = PageServer(config, station_file, port, module=MODULE)
        with sync_playwright() as playwright:
            server.start()
            try:
                browser = playwright.chromium.launch(executable_path=program, headless=True, args=ARGUMENTS)
                try:
                    yield YardRig(server, config, store, browser, made, wagon_id)
                finally:
                    browser.close()
            finally:
                server.stop()
    finally:
        store.close()
