"""A person at the page and a hand at the plant's buttons: what drives a whole day on a real twin line.

Every control is found as a person finds it, by the words of its language's catalogue. Neighbours:
`test_day_in_the_browser` tells the day, `browser_rig` finds the browser.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from playwright.sync_api import Browser, BrowserContext, Download, Locator, Page, expect, sync_playwright

from edge_runtime.page.words import page_texts
from edge_runtime.people.accounts import Accounts
from edge_runtime.reports.words import Language
from edge_runtime.twin.challenge_balls import challenge_word
from edge_runtime.twin.demo import Line, running_line, write_files
from edge_runtime.twin.demo import free_port as unused_port
from edge_runtime.twin.field import Word
from edge_runtime.twin.settings import LineSettings, with_physics
from tests.edge.page.browser_rig import ARGUMENTS, need_chromium

#: a machine may be busy: nothing here is proven by a time
PATIENCE_S = 120.0
PATIENCE_MS = PATIENCE_S * 1000.0
#: of Playwright itself, for the tests that come after
_EXPECT_MS = 5_000.0
PERSON = "Әсел Ғаниқызы"
OWN_PASSWORD = "ұзақ әрі жаңа сөз 73"
WIDE, HIGH, TABLET = (1280, 800), (1920, 1080), (800, 1280)


class Plant:
    """The buttons, the key and the belt of a running line; balls dropped by hand."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._field = line.field

    def start(self) -> None:
        """Run the belt and let balls in."""
        self.line.wait_trusted()
        self.line.wait_page()
        assert self.line.run.page_answered
        self._field.set(Word.START_REQUEST, 1)

    def put(self, word: Word, value: int) -> None:
        """A button or the key."""
        self._field.set(word, value)

    def reset(self) -> None:
        """Press the reset key once."""
        self._field.add(Word.BUTTON_RESET)

    def drop(self, kind: str) -> None:
        """A challenge ball, onto the belt."""
        self._field.add(challenge_word(kind))

    def feed(self, on: bool) -> None:
        """Let balls in, or hold them back."""
        self._field.set(Word.FEED_HOLD, int(not on))

    @property
    def balls_left(self) -> int:
        """How many have left the line, to either side."""
        return self._field.get(Word.BALLS_PLACED)

    @property
    def empty(self) -> bool:
        """Nothing on the belt."""
        return self._field.get(Word.BALLS_ENTERED) == self.balls_left

    @property
    def latched(self) -> bool:
        """The PLC holds the belt until the reset key is pressed."""
        return self._field.get(Word.STOP_LATCHED) != 0


class Alive(Protocol):
    """What a page hangs on."""

    def check_alive(self) -> None:
        """Raise if it has died."""


@dataclass
class Person:
    """Somebody before the page, with one language's words; remembers all that the browser complained of."""

    page: Page
    context: BrowserContext
    url: str
    language: Language
    line: Alive
    complaints: list[str] = field(default_factory=list)
    #: what was asked of the line, in order, and how each challenge ended
    asked: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    _shots: int = 0

    # -- words --------------------------------------------------------------------------------

    def t(self, key: str, **values: object) -> str:
        """A text of the catalogue with its places filled."""
        text = page_texts(self.language)[key]
        for name, value in values.items():
            text = text.replace("{" + name + "}", str(value))
        return text

    def like(self, key: str, **values: object) -> re.Pattern[str]:
        """The same, where places not given may hold anything."""
        text = re.escape(self.t(key, **values))
        return re.compile(re.sub(r"\\\{\w+\\\}", ".+", text))

    # -- places -------------------------------------------------------------------------------

    def go(self, view: str) -> None:
        """By the ways in the head."""
        name = self.t(f"view.{view}")
        counted = self.like("shell.alarms_open")
        ways = self.page.get_by_role("navigation", name=self.t("shell.views"))
        way = ways.get_by_role("link", name=name, exact=True)
        if view == "alarms":
            way = way.or_(ways.get_by_role("link", name=counted))
        way.click()
        expect(self.page.get_by_role("main", name=name)).to_be_visible(timeout=PATIENCE_MS)
        expect(self.page.locator("main [aria-busy=true]")).to_have_count(0, timeout=PATIENCE_MS)

    def card(self, key: str) -> Locator:
        """The card under a heading."""
        heading = self.page.get_by_role("heading", name=self.t(key), exact=True)
        return self.page.get_by_role("main").locator("section").filter(has=heading)

    @property
    def band(self) -> Locator:
        """What is read from two metres."""
        return self.page.get_by_role("region", name=self.t("band.label"))

    @property
    def dialog(self) -> Locator:
        """The window that is open."""
        return self.page.get_by_role("dialog")

    def button(self, key: str, within: Locator | None = None) -> Locator:
        """A button by its words."""
        return (within or self.page).get_by_role("button", name=self.t(key), exact=True)

    # -- doing --------------------------------------------------------------------------------

    def fill(self, label: str, text: str, within: Locator | None = None) -> None:
        """A field by its label."""
        (within or self.page).get_by_label(self.t(label), exact=True).fill(text)

    def confirm(self, title: str, yes: str, *words: str | re.Pattern[str]) -> None:
        """The question of this title, which names `words`: yes."""
        window = self.page.get_by_role("dialog", name=self.t(title))
        for text in words:
            expect(window).to_contain_text(text)
        self.button(yes, window).click()
        expect(window).to_have_count(0, timeout=PATIENCE_MS)

    def told(self, text: str | re.Pattern[str]) -> None:
        """A notice with this text comes."""
        expect(self.page.get_by_role("status").filter(has_text=text).first).to_be_visible(timeout=PATIENCE_MS)

    def stands(self, code: str, level: str, **values: object) -> None:
        """The band says this, in this colour."""
        expect(self.band).to_contain_text(self.t(f"band.{code}.title", **values), timeout=PATIENCE_MS)
        expect(self.band).to_have_attribute("data-level", level)
        expect(self.band).to_contain_text(self.like(f"band.{code}.todo"))

    def until(self, what: str, ready: Callable[[], bool]) -> None:
        """Wait for something that no control shows; the browser goes on meanwhile."""
        end = time.monotonic() + PATIENCE_S
        while not ready():
            self.line.check_alive()
            assert time.monotonic() < end, f"waited in vain for: {what}"
            self.page.wait_for_timeout(100)

    def counter(self, key: str) -> int:
        """A figure of the line's counters; -1 while there is none."""
        term = self.card("count.title").locator("dt").get_by_text(self.t(key), exact=True)
        digits = re.sub(r"\D", "", term.locator("xpath=following-sibling::dd").inner_text())
        return int(digits) if digits else -1

    def at_least(self, key: str, least: int) -> int:
        """Wait until a counter has come so far."""
        self.until(f"{self.t(key)} >= {least}", lambda: self.counter(key) >= least)
        return self.counter(key)

    def sign_in(self, one_time: str) -> None:
        """With a one-time password, which must be replaced at once."""
        self.button("session.sign_in").click()
        asked = self.page.get_by_role("dialog", name=self.t("session.sign_in"))
        self.fill("session.name", PERSON, asked)
        self.fill("session.password", one_time, asked)
        self.shot("sign_in")
        self.button("session.sign_in", asked).click()
        asked = self.page.get_by_role("dialog", name=self.t("session.change_password"))
        expect(asked).to_contain_text(self.t("session.must_change"), timeout=PATIENCE_MS)
        self.fill("session.new_password", OWN_PASSWORD, asked)
        self.fill("session.again", OWN_PASSWORD, asked)
        self.shot("own_password")
        self.button("session.change_password", asked).click()
        expect(asked).to_have_count(0, timeout=PATIENCE_MS)
        self.told(self.t("session.password_changed"))

    def download(self, link: Locator, to: Path) -> bytes:
        """Take a file away."""
        with self.page.expect_download(timeout=PATIENCE_MS) as coming:
            link.click()
        taken: Download = coming.value
        path = to / taken.suggested_filename
        taken.save_as(path)
        return path.read_bytes()

    def shot(self, name: str, *, page: Page | None = None, size: tuple[int, int] | None = None) -> None:
        """A picture of the page, where somebody has asked for pictures (FERROGATE_SHOTS)."""
        folder = os.environ.get("FERROGATE_SHOTS")
        if not folder:
            return
        seen = page or self.page
        if size:
            seen.set_viewport_size({"width": size[0], "height": size[1]})
            seen.wait_for_timeout(600)
        self._shots += 1
        seen.screenshot(path=Path(folder) / f"{self.language}_{self._shots:02d}_{name}.png")
        if size:
            seen.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})


_Who = TypeVar("_Who", bound=Person)


@contextmanager
def before(browser: Browser, line: Alive, url: str, language: Language, who: type[_Who]) -> Iterator[_Who]:
    """A window of a browser that knows nothing yet; at its end nothing must have gone wrong in it."""
    context = browser.new_context(viewport={"width": WIDE[0], "height": WIDE[1]}, accept_downloads=True)
    page = context.new_page()
    person = who(page, context, url, language, line)

    def watch(opened: Page) -> None:
        opened.set_default_timeout(PATIENCE_MS)
        opened.on(
            "console",
            lambda said: (
                person.complaints.append(f"{said.type}: {said.text} ({said.location.get('url', '')})")
                if said.type in ("error", "warning")
                else None
            ),
        )
        opened.on("pageerror", lambda error: person.complaints.append(f"page error: {error}"))
        opened.on(
            "response",
            lambda answer: (
                person.complaints.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None
            ),
        )

    watch(page)
    context.on("page", watch)
    expect.set_options(timeout=PATIENCE_MS)
    try:
        page.goto(url)
        yield person
    except BaseException:
        person.shot("where_it_ended")
        raise
    finally:
        expect.set_options(timeout=_EXPECT_MS)
        context.close()


@contextmanager
def day(folder: Path, language: Language) -> Iterator[tuple[Plant, Person, str]]:
    """A plant with its line, somebody before its page, and that person's one-time password."""
    program = need_chromium()
    unique = f"day-{os.getpid()}-{language}"
    settings = LineSettings(
        n_balls=1_000_000,
        operator_comes=False,
        balls_per_s=1.0,
        defect_share=0.2,
        seed=11,
        run_dir=folder,
        field_name=f"{unique}-field",
        ring_prefix=unique,
        plc_port=unused_port(),
        # What is told here is the order of things; a machine that is busy must not lose the line's links.
        heartbeat_timeout_ms=3000,
        gate_watchdog_ms=200.0,
        output_watchdog_ms=3000.0,
    )
    run = write_files(with_physics(settings), page_port=unused_port(), language=language)
    accounts = Accounts.open(run.storage)
    try:
        password = accounts.create_one_time(PERSON, "foreman", by="test")
    finally:
        accounts.close()
    with running_line(run) as line, sync_playwright() as playwright:
        plant = Plant(line)
        plant.start()
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=ARGUMENTS)
        try:
            with before(browser, line, f"http://127.0.0.1:{run.page_port}/", language, Person) as person:
                yield plant, person, password
                plant.feed(False)
                person.until("an empty belt", lambda: plant.empty)
        finally:
            browser.close()
        line.drain()
