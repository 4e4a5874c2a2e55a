"""A rail station at work on the real recording, and an inspector before its page: what drives a yard's day.

The station is `ferrogate run` with the station file of docs/examples; the inspector finds every control by
the words of the language. Neighbours: `test_yard_day_in_the_browser` tells the day, `day_driver` has what
both stations' people do.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from playwright.sync_api import Locator, expect, sync_playwright

from edge_runtime.reports.words import Language
from edge_runtime.yard.station_status import read_status
from edge_runtime.yard.yard_config import RailStationConfig, load_rail_station
from tests.edge.page.browser_rig import ARGUMENTS, need_chromium
from tests.edge.page.day_driver import PATIENCE_MS, PERSON, Person, before

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "docs" / "examples" / "rail_station.yaml"
#: the two rails of the recording
RAILS = ("14564701", "14564802")
TABLETS = ((1024, 768), (800, 1280))
WINDOW = {"width": 1280, "height": 800}
#: a machine that trains models beside it maps slowly
MAPPING_S = 1500.0
START_S = 120.0
#: `ferrogate` ends in this when it was told to
_ENDED = {0}


def write_station(folder: Path, data: Path, port: int, language: Language) -> Path:
    """The example's station file with the path of the recording, a free port and the reader's language."""
    text = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    text["scans"][0]["path"] = str(data / "rail400" / "images")
    text["page"] |= {"port": port, "language": language}
    path = folder / EXAMPLE.name
    path.write_text(yaml.safe_dump(text, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def ferrogate(*words: str | Path) -> str:
    """Run the command as a person does; what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "edge_runtime", *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=START_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Station:
    """`ferrogate run` on a station file, in its own process; its words are in `station.log`."""

    def __init__(self, station_file: Path) -> None:
        self.file = station_file
        self.config: RailStationConfig = load_rail_station(station_file)
        self._log = station_file.parent / "station.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def storage(self) -> Path:
        """Where its books lie."""
        return self.config.storage.folder

    @property
    def url(self) -> str:
        """Of its page."""
        assert self.config.page is not None
        return f"http://127.0.0.1:{self.config.page.port}/"

    def start(self) -> None:
        """Start it; it is not waited for."""
        words = [sys.executable, "-m", "edge_runtime", "run", "--with-parent", str(self.file)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log)

    def check_alive(self) -> None:
        """Raise if it has died."""
        assert self._process is not None
        assert self._process.poll() is None, self.log()

    def wait(self, what: str, ready: Callable[[], bool], patience_s: float = START_S) -> None:
        """Wait for something at the station."""
        end = time.monotonic() + patience_s
        while not ready():
            self.check_alive()
            assert time.monotonic() < end, f"waited in vain for: {what}; {self.log()}"
            time.sleep(0.2)

    def stop(self) -> None:
        """Ctrl-C; it must end in order."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        code = self._process.wait(timeout=START_S)
        self._process = None
        assert code in _ENDED, self.log()

    def kill(self) -> None:
        """After a failure: gone, whatever it says; its worker and page follow it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=START_S)
            self._process = None

    def state(self) -> str:
        """What it does just now."""
        status = read_status(self.storage)
        return "" if status is None else status.state

    def rails_done(self) -> int:
        """How many rails it has put into its books since it started."""
        status = read_status(self.storage)
        return 0 if status is None else status.rails_done

    def log(self) -> str:
        """The end of what it said."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-4000:]


@contextmanager
def running(station_file: Path) -> Iterator[Station]:
    """A station at work; it ends by Ctrl-C with exit code 0."""
    station = Station(station_file)
    station.start()
    try:
        yield station
        station.stop()
    finally:
        station.kill()


@dataclass
class Inspector(Person):
    """Somebody at the yard's page."""

    #: (rail, kind) of every change that was made, in order
    done: list[tuple[str, str]] = field(default_factory=list)
    #: the stretch of the second look that was answered
    looked: str = ""

    @property
    def band(self) -> Locator:
        """What is read from two metres."""
        return self.page.get_by_role("region", name=self.t("yard.band.label"))

    def go(self, view: str) -> None:
        """By the ways in the head."""
        name = self.t(f"yard.view.{view}")
        ways = self.page.get_by_role("navigation", name=self.t("shell.views"))
        ways.get_by_role("link", name=name, exact=True).click()
        self.there(view)

    def there(self, view: str) -> None:
        """A view is shown, and has all that it asked for."""
        main = self.page.get_by_role("main", name=self.t(f"yard.view.{view}"))
        expect(main).to_be_visible(timeout=PATIENCE_MS)
        expect(self.page.locator("main [aria-busy=true]")).to_have_count(0, timeout=PATIENCE_MS)

    def typed(self, label: str, within: Locator | None = None) -> Locator:
        """A field by its label, with the star of a required one or without."""
        return (within or self.page).get_by_label(self._starred(self.t(label)))

    def chosen_of(self, words: str, within: Locator | None = None) -> Locator:
        """A list to choose from, by its words."""
        return (within or self.page).get_by_role("combobox", name=self._starred(words))

    @staticmethod
    def _starred(words: str) -> re.Pattern[str]:
        return re.compile(rf"^{re.escape(words)}( \*)?$")

    def look(self, name: str) -> None:
        """Pictures of the whole page as it stands, at a desk and on a tablet held either way."""
        folder = os.environ.get("FERROGATE_SHOTS")
        if not folder:
            return
        self._shots += 1
        self.page.wait_for_load_state("networkidle")
        for width, height in (tuple(WINDOW.values()), *TABLETS):
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.wait_for_timeout(700)
            file = Path(folder) / f"{self.language}_{self._shots:02d}_{name}_{width}.png"
            self.page.screenshot(path=file, full_page=True)
        self.page.set_viewport_size({"width": WINDOW["width"], "height": WINDOW["height"]})

    # -- a rail -------------------------------------------------------------------------------

    def open_rail(self, name: str) -> None:
        """From the list of rails; waits for its strip."""
        self.page.get_by_role("link", name=name, exact=True).click()
        self.drawn()
        expect(self.page.get_by_role("heading", name=name, exact=True)).to_be_visible()

    def drawn(self) -> None:
        """The strip is on the screen."""
        self.page.wait_for_selector(".strip-view[data-drawn]", timeout=PATIENCE_MS)

    def press(self, *keys: str) -> None:
        """Keys, one after the other, where the focus is."""
        for key in keys:
            self.page.keyboard.press(key)

    def chosen(self) -> str:
        """The finding that is shown beside the strip."""
        return self.page.locator(".finding-panel").get_attribute("data-finding", timeout=PATIENCE_MS) or ""

    def until_other(self, finding: str) -> str:
        """Wait until another finding is shown; which one."""
        panel = self.page.locator(".finding-panel")
        expect(panel).not_to_have_attribute("data-finding", finding, timeout=PATIENCE_MS)
        return self.chosen()

    def did(self, rail: str, kind: str) -> None:
        """A change was asked for."""
        self.done.append((rail, kind))

    def state_of(self, finding: str, state: str) -> None:
        """Wait until the list says so of a finding."""
        row = self.page.locator(f'.finding-row[data-finding="{finding}"]')
        expect(row).to_have_attribute("data-state", state, timeout=PATIENCE_MS)

    def answer(self, title: str | re.Pattern[str], yes: str) -> None:
        """Say yes in the dialog of this title."""
        dialog = self.page.get_by_role("dialog", name=title)
        self.button(yes, dialog).click()
        expect(dialog).to_have_count(0, timeout=PATIENCE_MS)


@contextmanager
def at_the_page(station: Station, language: Language) -> Iterator[Inspector]:
    """An inspector before the page of a station, in a browser that knows nothing yet."""
    program = need_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=ARGUMENTS)
        try:
            with before(browser, station, station.url, language, Inspector) as inspector:
                yield inspector
        finally:
            browser.close()


def new_inspector(station: Station) -> str:
    """Make the account as the documentation says; its one-time password."""
    told = ferrogate("people", station.file, "add", PERSON, "--role", "inspector", "--json")
    return str(json.loads(told)["one_time_password"])
