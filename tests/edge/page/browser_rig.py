"""The real page in its own process, and a real browser before it: for the tests of what people see.

Neighbours: `station_double` shows a line to it; `test_browser*` look at the page.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, sync_playwright

from edge_runtime.config import StationConfig, load_station
from edge_runtime.entries import ActEntry, Entry, FindingRow, ReasonRow, ViewRow
from edge_runtime.ledger.apply import Applier
from edge_runtime.ledger.pictures import Crop, PictureStore
from edge_runtime.ledger.statements import PictureRecord
from edge_runtime.ledger.store import ledger_url, open_ledger
from edge_runtime.people.accounts import Accounts
from edge_runtime.twin.demo_files import write_files
from edge_runtime.twin.settings import LineSettings
from edge_runtime.yard.yard_config import RailStationConfig
from tests.edge.ledger_samples import BOOT, epoch, outcome, part, placed, session
from tests.edge.page.station_double import StationDouble, station_double
from vision.types import PartId

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PASSWORD = "correct horse 42"
#: a name that is dangerous wherever it is taken for HTML
EVIL = "<img src=x onerror=\"document.title='owned'\"><b>Ұ-7</b>"
#: who there is, by role
PEOPLE = {"Асхат": "foreman", "Айгүл": "operator", "Данияр": "data", "Әсел": "admin"}
START_S = 40.0
_SIZE = 160


@dataclass
class PageServer:
    """A page's process and where it listens; `module` is what runs."""

    config: StationConfig | RailStationConfig
    station_file: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    module: str = "edge_runtime.page.process"

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = (self.config.storage.folder / "page.log").open("ab")
        command = [sys.executable, "-m", self.module, str(self.station_file)]
        with log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=1.0):
                    return
            except (urllib.error.URLError, OSError):
                assert self.process.poll() is None, self.log()
                time.sleep(0.1)
        raise AssertionError(f"the page did not come up: {self.log()}")

    def stop(self) -> None:
        """Stop it, as the supervisor does."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(timeout=20.0) == 0, self.log()
            self.process = None

    def log(self) -> str:
        """What it has said."""
        return (self.config.storage.folder / "page.log").read_text(encoding="utf-8", errors="replace")


def write_station(folder: Path, port: int, **page: object) -> Path:
    """A line's station file; its name is of this process and folder, so that runs beside it are not met."""
    name = f"page-{os.getpid()}-{folder.name}"[-28:]
    settings = LineSettings(run_dir=folder, field_name=f"{name}-field", ring_prefix=name)
    station_file = write_files(settings).station_file
    data = yaml.safe_load(station_file.read_text(encoding="utf-8"))
    data["page"] = {"port": port, "language": "ru", **page}
    data["challenge"] = {"every_minutes": 240, "balls": 3}
    station_file.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    load_station(station_file).storage.folder.mkdir(parents=True, exist_ok=True)
    return station_file


def add_people(config: StationConfig | RailStationConfig, **roles: Any) -> None:
    """One person per keyword: name=role; all with `PASSWORD`."""
    accounts = Accounts.open(config.storage.folder)
    try:
        for name, role in roles.items():
            accounts.create(name, role, PASSWORD, by="test")
    finally:
        accounts.close()


# -- books ------------------------------------------------------------------------------------


def fill_ledger(config: StationConfig, *, parts: int = 60, lot: str = EVIL) -> None:
    """A shift, a lot and its balls, the newest seconds old; every fifth one rejected, with pictures."""
    engine = open_ledger(ledger_url(config.storage.folder))
    store = PictureStore(config.storage.folder, max_mb=20)
    now = time.time_ns()
    start = now - parts * 2_000_000_000 - 1_000_000_000
    entries: list[Entry] = [session(), epoch()]
    entries += [_opened("shift", "Смена Ә", 1, start), _opened("lot", lot, 2, start)]
    pictures: list[PictureRecord] = []
    for seq in range(1, parts + 1):
        utc_ns = start + seq * 2_000_000_000
        bad = seq % 5 == 0
        facts: dict[str, Any] = {"lot": lot, "shift": "Смена Ә", "utc_ns": utc_ns}
        facts["diameter_mean_mm"] = 41.5 + 0.2 * np.sin(seq / 6.0) + (2.3 if seq % 10 == 0 else 0.0)
        if bad:
            facts |= {"decision": "reject", "reasons": _reasons(seq), "views": _views(3)}
            pictures += _keep(store, seq, utc_ns)
        entries += [part(seq, **facts), outcome(seq, verdict="reject" if bad else "accept", utc_ns=utc_ns)]
    try:
        Applier(engine).apply(placed(entries), pictures=pictures)
    finally:
        engine.dispose()


def _opened(what: str, name: str, revision: int, utc_ns: int) -> ActEntry:
    facts: dict[str, Any] = {"name": name, "opened_by": "Асхат", "opened_utc_ns": utc_ns}
    asked: dict[str, Any] = {"kind": f"open_{what}", "name": name}
    if what == "lot":
        facts |= {"product": "Grinding ball 40, GOST 7524", "recipe_sha256": "a" * 64}
        asked["product"] = facts["product"]
    return ActEntry(
        revision, f"open_{what}", "Асхат", "foreman", asked, {what: None}, {what: facts}, utc_ns, BOOT
    )


def _reasons(seq: int) -> tuple[ReasonRow, ...]:
    if seq % 10 == 0:
        return (ReasonRow("diameter_high", "largest width", 43.83, 43.5, 0.021, "left", 1),)
    return (
        ReasonRow("crack", "found", 0.83, 0.4, None, "left", 0),
        ReasonRow("oval", "ovality", 0.41, 0.3, 0.02, None, None),
    )


def _views(count: int) -> tuple[ViewRow, ...]:
    crack = FindingRow("crack", 0.83, (60.0, 50.0, 92.0, 104.0))
    return tuple(
        ViewRow("left", index, 100 + index, 500 + index, 9_000, "ok", "", 41.4, 41.6, 41.5, None, (crack,))
        for index in range(count)
    )


def _keep(store: PictureStore, seq: int, utc_ns: int) -> list[PictureRecord]:
    kept = []
    for index in range(3):
        image = np.full((_SIZE, _SIZE), 210, np.uint8)
        cv2.circle(image, (_SIZE // 2, _SIZE // 2), 66, 70 + 10 * index, -1, cv2.LINE_AA)
        cv2.line(image, (62, 54), (90, 100), 20, 3, cv2.LINE_AA)
        record = store.store(Crop(PartId(1, 0, seq), "left", index, "reject", utc_ns, image))
        assert record is not None
        kept.append(record)
    return kept


# -- browser ----------------------------------------------------------------------------------


@dataclass
class Watched:
    """A browser's window, and everything that went wrong in it."""

    page: Page
    context: BrowserContext
    url: str
    complaints: list[str] = field(default_factory=list)
    allowed: list[re.Pattern[str]] = field(default_factory=list)

    def open(self, view: str = "line", language: str = "ru", theme: str = "light") -> None:
        """Open a view as somebody who chose this language and theme before."""
        script = (
            f"localStorage.setItem('ferrogate-language', '{language}');"
            f"localStorage.setItem('ferrogate-theme', '{theme}');"
        )
        self.context.add_init_script(script)
        self.page.goto(f"{self.url}/#/{view}")
        self.page.wait_for_selector(".band[data-code]:not([data-code='opening'])")

    def expect_trouble(self, pattern: str) -> None:
        """The browser itself reports failed requests as errors; a test that makes them fail says which."""
        self.allowed.append(re.compile(pattern))

    def heard(self, text: str) -> None:
        """Something that must not be, unless the test expects it."""
        if not any(pattern.search(text) for pattern in self.allowed):
            self.complaints.append(text)

    def sign_in(self, name: str) -> None:
        """Through the dialog, as a person does; it must be open."""
        dialog = self.page.locator("dialog[open]")
        dialog.locator("input[autocomplete=username]").fill(name)
        dialog.locator("input[autocomplete=current-password]").fill(PASSWORD)
        dialog.locator("footer .primary").click()
        dialog.wait_for(state="detached")


def need_chromium() -> str:
    """The browser's program; skips the test where there is none."""
    found = shutil.which(CHROMIUM) or shutil.which("chromium")
    if found is None:
        pytest.skip(
            "no Chromium on this machine (Debian: apt install chromium): what people see is not tested"
        )
    return found


@contextmanager
def window(browser: Browser, url: str, *, width: int = 1280, height: int = 800) -> Iterator[Watched]:
    """A window of a browser that knows nothing yet; at its end there must have been no complaint."""
    # Without transitions: what is measured is the end of them.
    context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
    page = context.new_page()
    watched = Watched(page, context, url)

    def console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            watched.heard(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def answered(response: Response) -> None:
        if response.status >= 400:
            watched.heard(f"{response.status} {response.url}")

    page.on("console", console)
    page.on("pageerror", lambda error: watched.heard(f"page error: {error}"))
    page.on("response", answered)
    try:
        yield watched
        assert watched.complaints == [], watched.complaints
    finally:
        context.close()


@dataclass
class Rig:
    """A line's double, the page's process before it, and a browser."""

    server: PageServer
    station: StationDouble
    browser: Browser

    @contextmanager
    def window(self, *, width: int = 1280, height: int = 800) -> Iterator[Watched]:
        """A window at this page."""
        with window(self.browser, self.server.url, width=width, height=height) as watched:
            yield watched


@contextmanager
def running_rig(folder: Path, *, parts: int = 60, **page: object) -> Iterator[Rig]:
    """Everything started; skips where there is no browser."""
    program = need_chromium()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    station_file = write_station(folder, port, **page)
    config = load_station(station_file)
    add_people(config, **PEOPLE)
    fill_ledger(config, parts=parts)
    server = PageServer(config, station_file, port)
    with station_double(config) as station, sync_playwright() as playwright:
        server.start()
        try:
            browser = playwright.chromium.launch(executable_path=program, headless=True, args=ARGUMENTS)
            try:
                yield Rig(server, station, browser)
            finally:
                browser.close()
        finally:
            server.stop()
