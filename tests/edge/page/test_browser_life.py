"""A page through a long day, in a real browser: stations and servers come and go, nothing grows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from edge_runtime.config import StationConfig
from edge_runtime.page import words
from tests.edge.page import browser_looks as looks
from tests.edge.page.browser_rig import Rig, Watched, running_rig
from tests.edge.page.station_double import station_double

pytestmark = pytest.mark.long
RU = words.page_texts("ru")
PATIENCE_MS = 20_000
PATIENCE_S = 20.0
#: state messages that a page gets in half an hour
MESSAGES = 3600


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A line of this test's own: its station and page are stopped and started again."""
    with running_rig(tmp_path, parts=20) as started:
        yield started


@pytest.fixture
def seen(rig: Rig) -> Iterator[Watched]:
    """Its page at the line's view."""
    with rig.window() as watched:
        watched.open("line")
        yield watched


def _frame(page: Page) -> int:
    return int(page.locator(".live-box").get_attribute("data-frame") or 0)


def _until(done: Callable[[], bool], page: Page, what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < end, what
        page.wait_for_timeout(100)


def test_pictures_run_and_an_old_one_is_never_taken_for_live(rig: Rig, seen: Watched) -> None:
    box = seen.page.locator(".live-box")
    expect(box).not_to_have_class("live-box stale", timeout=PATIENCE_MS)
    first = _frame(seen.page)
    _until(lambda: _frame(seen.page) > first + 3, seen.page, "pictures go on")
    # The camera stands still although the belt runs.
    rig.station.plc(belt_running=True)
    rig.station.moving = False
    expect(box).to_have_class("live-box stale")
    expect(box.locator(".live-sign")).to_contain_text(RU["live.stale"].split(":")[0])
    expect(seen.page.locator(".tile", has_text="left")).to_have_attribute("data-level", "bad")
    # A belt that stands explains it.
    rig.station.plc(belt_running=False)
    expect(box.locator(".live-sign")).to_contain_text(RU["live.standing"].split(".")[0])
    rig.station.plc(belt_running=True)
    rig.station.moving = True
    expect(box).not_to_have_class("live-box stale")


def test_another_camera_is_chosen(seen: Watched) -> None:
    seen.page.get_by_role("button", name="right", exact=True).click()
    cameras: list[str] = seen.page.evaluate(looks.NEXT_CAMERAS)
    assert cameras == ["right"] * 5


def test_station_that_was_restarted_is_found_again_and_all_is_asked_anew(rig: Rig, seen: Watched) -> None:
    expect(seen.page.locator(".band")).to_have_attribute("data-code", "running")
    rig.station.close()
    expect(seen.page.locator(".band")).to_have_attribute("data-code", "station_silent", timeout=PATIENCE_MS)
    expect(seen.page.locator(".live-box")).to_have_class("live-box stale")
    asked: list[str] = []
    seen.page.on("request", lambda request: asked.append(request.url))
    config = rig.server.config
    assert isinstance(config, StationConfig)
    with station_double(config, session="s-2") as fresh:
        expect(seen.page.locator(".band")).to_have_attribute("data-code", "running", timeout=PATIENCE_MS)
        _until(lambda: any("/api/rejects" in url for url in asked), seen.page, "rejects are asked for anew")
        _until(lambda: any("/api/trend" in url for url in asked), seen.page, "the trend is asked for anew")
        expect(seen.page.locator(".live-box")).not_to_have_class("live-box stale", timeout=PATIENCE_MS)
        assert fresh.wanted


def test_station_that_starts_anew_for_a_changeover_is_not_taken_for_broken(rig: Rig, seen: Watched) -> None:
    band = seen.page.locator(".band")
    rig.station.change(ready=False, holds={"changeover": "the new recipe is loaded"})
    expect(band).to_have_attribute("data-code", "not_ready")
    rig.station.close()
    expect(band).to_have_attribute("data-code", "restarting", timeout=PATIENCE_MS)
    expect(band.locator(".band-title")).to_have_text(RU["band.restarting.title"])


def test_page_whose_server_went_says_so_and_comes_back_by_itself(rig: Rig, seen: Watched) -> None:
    # The browser reports every connection that fails.
    seen.expect_trouble(r"WebSocket connection|Failed to load resource|ERR_CONNECTION_REFUSED")
    expect(seen.page.locator(".band")).to_have_attribute("data-code", "running")
    seen.page.evaluate("() => { window.sameAsBefore = true; }")
    rig.server.stop()
    expect(seen.page.locator(".band")).to_have_attribute("data-code", "no_page")
    expect(seen.page.locator(".live-box")).to_have_class("live-box stale")
    expect(seen.page.locator(".live-sign")).to_have_text(RU["live.lost"])
    rig.server.start()
    expect(seen.page.locator(".band")).to_have_attribute("data-code", "running", timeout=PATIENCE_MS)
    expect(seen.page.locator(".live-box")).not_to_have_class("live-box stale", timeout=PATIENCE_MS)
    assert seen.page.evaluate("() => window.sameAsBefore") is True


def test_page_of_an_older_version_loads_itself_anew(seen: Watched) -> None:
    seen.expect_trouble(r"Failed to load resource|404 .*rejects\.js")
    old = "**/views/rejects.js"
    expect(seen.page.locator(".band")).to_have_attribute("data-code", "running")
    seen.page.evaluate("() => { window.sameAsBefore = true; }")
    # As a server of another version answers: the file of the old one is not there.
    seen.page.route(old, lambda route: route.fulfill(status=404, body="{}"), times=1)
    seen.page.keyboard.press("Digit3")
    expect(seen.page.locator(".reject-grid .reject").first).to_be_visible(timeout=PATIENCE_MS)
    assert seen.page.evaluate("() => window.sameAsBefore") is None


def test_view_that_cannot_be_read_now_leaves_the_one_that_is_shown(rig: Rig, seen: Watched) -> None:
    seen.expect_trouble(r"WebSocket connection|Failed to load resource|ERR_CONNECTION_REFUSED")
    expect(seen.page.locator(".band")).to_have_attribute("data-code", "running")
    rig.server.stop()
    expect(seen.page.locator(".band")).to_have_attribute("data-code", "no_page")
    seen.page.keyboard.press("Digit3")
    expect(seen.page.locator(".notice")).to_have_text(RU["error.page_unreachable"])
    expect(seen.page.locator("body")).to_have_attribute("data-view", "line")
    assert seen.page.url.endswith("#/line")
    rig.server.start()
    expect(seen.page.locator(".band")).to_have_attribute("data-code", "running", timeout=PATIENCE_MS)
    seen.page.keyboard.press("Digit3")
    expect(seen.page.locator(".reject-grid .reject").first).to_be_visible(timeout=PATIENCE_MS)


def test_drift_is_told_in_hundredths_of_a_millimetre(seen: Watched) -> None:
    text: str = seen.page.evaluate(looks.ALARM_WORDS, ["size_drift", {"mean_mm": 40.046, "target_mm": 40.0}])
    assert "40,05 мм" in text
    assert "40,00 мм" in text


def test_bypass_is_read_before_alarms_that_speak_of_rejected_balls(seen: Watched) -> None:
    alarms = [["camera_silent", "error", 300], ["bypass", "error", 100], ["lamp_fading", "warning", 400]]
    order: list[str] = seen.page.evaluate(looks.ALARM_ORDER, alarms)
    assert order == ["bypass", "camera_silent", "lamp_fading"]


def test_hidden_tab_asks_for_no_pictures(rig: Rig, seen: Watched) -> None:
    _until(lambda: rig.station.wanted, seen.page, "somebody looks")
    seen.page.evaluate(looks.HIDE, True)
    _until(lambda: not rig.station.wanted, seen.page, "nobody looks")
    stands = _frame(seen.page)
    seen.page.wait_for_timeout(1000)
    assert _frame(seen.page) == stands
    seen.page.evaluate(looks.HIDE, False)
    _until(lambda: _frame(seen.page) > stands, seen.page, "pictures come again")


def test_other_views_ask_for_no_pictures(rig: Rig, seen: Watched) -> None:
    _until(lambda: rig.station.wanted, seen.page, "somebody looks")
    seen.page.keyboard.press("Digit2")
    _until(lambda: not rig.station.wanted, seen.page, "nobody looks")


@pytest.mark.parametrize("view", ["line", "alarms"])
def test_page_left_open_does_not_grow(rig: Rig, view: str) -> None:
    with rig.window() as seen:
        seen.open(view)
        inspector = seen.context.new_cdp_session(seen.page)

        def size() -> tuple[int, float]:
            inspector.send("HeapProfiler.collectGarbage")
            heap = inspector.send("Runtime.getHeapUsage")["usedSize"]
            nodes: int = seen.page.evaluate("() => document.querySelectorAll('*').length")
            return nodes, heap / 1e6

        seen.page.evaluate(looks.MANY_MESSAGES, 200)
        nodes, heap_mb = size()
        seen.page.evaluate(looks.MANY_MESSAGES, MESSAGES)
        nodes_after, heap_after_mb = size()
        assert abs(nodes_after - nodes) < 150
        assert heap_after_mb - heap_mb < 4.0


def test_page_that_needs_a_sign_in_shows_nothing_before(tmp_path: Path) -> None:
    with (
        running_rig(tmp_path, parts=5, view_without_sign_in=False) as rig,
        rig.window() as seen,
    ):
        seen.expect_trouble(r"40[13]|WebSocket connection")
        seen.page.goto(rig.server.url)
        expect(seen.page.locator(".band")).to_have_attribute("data-code", "locked")
        assert seen.page.locator(".live-box[data-frame], .reject").count() == 0
        seen.sign_in("Данияр")
        expect(seen.page.locator(".band")).to_have_attribute("data-code", "running", timeout=PATIENCE_MS)
        expect(seen.page.locator(".live-box")).not_to_have_class("live-box stale", timeout=PATIENCE_MS)
        expect(seen.page.locator(".reject").first).to_be_visible()


def test_notices_do_not_pile_up(seen: Watched) -> None:
    seen.page.evaluate(looks.MANY_NOTICES)
    assert seen.page.locator(".notice").count() <= 3
    expect(seen.page.locator(".notice").last).to_contain_text("<b>49</b>")
