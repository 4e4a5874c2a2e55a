"""What people see of the page, in a real browser: languages, forms, sizes, themes, keyboard, odd names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from edge_runtime.page import words
from edge_runtime.reports.words import LANGUAGES
from tests.edge.page import browser_looks as looks
from tests.edge.page.browser_rig import EVIL, Rig, running_rig

VIEWS = ("line", "day", "rejects", "alarms", "reports")
pytestmark = pytest.mark.long
#: a large screen, a 10-inch tablet both ways, a small tablet
SIZES = ((1920, 1080), (1280, 800), (800, 1280), (768, 1024))
_RAW_KEY = re.compile(r"^[a-z]+(\.[a-z0-9_]+)+$|\{\w+\}")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A line that runs, with a shift and lots behind it."""
    with running_rig(tmp_path_factory.mktemp("look")) as started:
        yield started


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("view", VIEWS)
def test_view_is_whole_in_every_language(rig: Rig, language: str, view: str) -> None:
    with rig.window() as seen:
        seen.open(view, language)
        expect(seen.page.locator("html")).to_have_attribute("lang", language)
        expect(seen.page.locator("main [aria-busy=true]")).to_have_count(0)
        expect(seen.page.locator("main .card, main .reject").first).to_be_visible()
        shown = seen.page.evaluate(looks.TEXTS)
        assert len(shown) > 30
        assert [text for text in shown if _RAW_KEY.search(text)] == []
        current = seen.page.locator("nav a[aria-current=page]")
        expect(current).to_contain_text(words.page_texts(language)[f"view.{view}"])


@pytest.mark.parametrize(("language", "number"), [("ru", "41,53"), ("kk", "41,53"), ("en", "41.53")])
def test_numbers_and_dates_are_in_the_readers_form(rig: Rig, language: str, number: str) -> None:
    with rig.window(width=1920, height=1080) as seen:
        seen.open("line", language)
        seen.page.locator(".reject").first.click()
        cells = seen.page.locator("dialog[open] table td.numeral")
        expect(cells.first).to_be_visible()
        assert re.fullmatch(
            r"43[.,]830 (mm|мм)" if "43" in cells.first.inner_text() else r"0[.,]830",
            cells.first.inner_text(),
        )
        assert ("." in cells.first.inner_text()) == ("." in number)
        day = seen.page.locator(".shell-date").inner_text()
        assert re.fullmatch(r"\d{1,2} \w{3,4} \d{4}" if language == "en" else r"\d\d\.\d\d\.\d{4}", day)


def test_clock_is_the_plants_wherever_the_browser_is(rig: Rig) -> None:
    context = rig.browser.new_context(timezone_id="America/New_York")
    try:
        page = context.new_page()
        page.goto(rig.server.url)
        page.wait_for_selector(".shell-clock:not(:empty)")
        hours: int = page.evaluate(looks.CLOCK_HOURS)
        assert hours == 5
    finally:
        context.close()


def test_language_is_switched_at_once_and_remembered(rig: Rig) -> None:
    with rig.window() as seen:
        seen.page.goto(rig.server.url)
        heading = seen.page.locator(".counters h2")
        expect(heading).to_have_text(words.page_texts("ru")["count.title"])
        seen.page.get_by_role("button", name="Қазақша").click()
        expect(heading).to_have_text(words.page_texts("kk")["count.title"])
        seen.page.reload()
        expect(heading).to_have_text(words.page_texts("kk")["count.title"])
        expect(seen.page.locator("html")).to_have_attribute("lang", "kk")


def test_html_in_a_name_is_text(rig: Rig) -> None:
    day = rig.station.day
    lot = {
        "name": EVIL,
        "product": EVIL[:60],
        "opened_by": "<i>я</i>",
        "opened_utc_ns": 1,
        "recipe_sha256": "a",
    }
    rig.station.day = type(day).model_validate(day.model_dump() | {"lot": lot})
    try:
        with rig.window() as seen:
            for view in VIEWS:
                seen.open(view)
                expect(seen.page.locator(".band-facts")).to_contain_text(EVIL)
                seen.page.wait_for_timeout(300)
                assert seen.page.locator("img[src=x]").count() == 0
                assert seen.page.title() != "owned"
            seen.open("reports")
            expect(seen.page.locator("main tbody th").last).to_contain_text(EVIL)
            seen.open("line")
            seen.page.locator(".reject").first.click()
            expect(seen.page.locator("dialog[open] .facts")).to_contain_text(EVIL)
            assert seen.page.locator("img[src=x]").count() == 0
    finally:
        rig.station.day = day


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("language", ["ru", "kk"])
def test_nothing_is_cut_off(rig: Rig, width: int, height: int, language: str) -> None:
    with rig.window(width=width, height=height) as seen:
        for view in VIEWS:
            seen.open(view, language)
            expect(seen.page.locator("main [aria-busy=true]")).to_have_count(0)
            outside = seen.page.evaluate(looks.OUTSIDE)
            assert outside == [], view
            cut = seen.page.evaluate(looks.CUT)
            assert cut == [], view


@pytest.mark.parametrize("view", VIEWS)
def test_a_finger_finds_every_control(rig: Rig, view: str) -> None:
    with rig.window(width=1280, height=800) as seen:
        seen.open(view)
        expect(seen.page.locator("main [aria-busy=true]")).to_have_count(0)
        small = seen.page.evaluate(looks.SMALL)
        assert small == []


@pytest.mark.parametrize("view", VIEWS)
def test_every_control_is_reached_by_tab_and_shows_it(rig: Rig, view: str) -> None:
    with rig.window(width=1280, height=900) as seen:
        seen.open(view)
        expect(seen.page.locator("main [aria-busy=true]")).to_have_count(0)
        seen.page.evaluate(looks.NUMBER_CONTROLS)
        wanted = seen.page.locator("[data-control]").count()
        assert wanted >= 12
        reached: dict[str, bool] = {}
        for _ in range(wanted + 6):
            seen.page.keyboard.press("Tab")
            found = seen.page.evaluate(looks.FOCUSED)
            if found[0]:
                reached[found[0]] = found[1]
        left = seen.page.evaluate(looks.NOT_REACHED, list(reached))
        assert left == []
        assert all(reached.values()), "a control does not show that it has the focus"


def test_every_control_has_a_name(rig: Rig) -> None:
    with rig.window() as seen:
        for view in VIEWS:
            seen.open(view)
            expect(seen.page.locator("main [aria-busy=true]")).to_have_count(0)
            nameless = seen.page.evaluate(looks.NAMELESS)
            assert nameless == [], view
            landmarks = seen.page.evaluate(looks.LANDMARKS)
            assert landmarks[0] >= 1
            assert landmarks[1] >= 1
            assert landmarks[2] == 1


def test_keys_lead_to_views_in_any_keyboard_layout(rig: Rig) -> None:
    with rig.window() as seen:
        seen.open("line")
        for place, view in enumerate(VIEWS, start=1):
            seen.page.keyboard.press(f"Digit{place}")
            expect(seen.page.locator("body")).to_have_attribute("data-view", view)
        seen.page.keyboard.press("Digit2")
        seen.page.locator(".shift input").fill("")
        seen.page.locator(".shift input").press("1")
        expect(seen.page.locator("body")).to_have_attribute("data-view", "day")
        expect(seen.page.locator(".shift input")).to_have_value("1")
        seen.page.locator("main").focus()
        seen.page.keyboard.press("KeyH")
        expect(seen.page.locator("dialog[open] h2")).to_have_text(words.page_texts("ru")["shell.help"])
        seen.page.keyboard.press("Escape")
        expect(seen.page.locator("dialog[open]")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "plc",
    [
        {},
        {"key_switch": "bypass"},
        {"latched": True, "stop_cause": "mismatch"},
        {"inputs": ("air_low",)},
        {"belt_running": False},
    ],
    ids=["running", "bypass", "stopped", "air low", "standing"],
)
def test_texts_stand_out(rig: Rig, theme: str, plc: dict[str, Any]) -> None:
    rig.station.plc(**plc)
    try:
        with rig.window() as seen:
            for view in VIEWS:
                seen.open(view, "ru", theme)
                expect(seen.page.locator("main [aria-busy=true]")).to_have_count(0)
                expect(seen.page.locator("html")).to_have_attribute("data-theme", theme)
                found = seen.page.evaluate(looks.CONTRAST)
                assert found["looked"] > 15
                assert found["weak"] == [], view
    finally:
        rig.station.plc(key_switch="auto", latched=False, stop_cause="none", inputs=(), belt_running=True)


@pytest.mark.parametrize(
    ("change", "plc", "code", "level"),
    [
        ({}, {}, "running", "ok"),
        ({}, {"belt_running": False}, "standing", "idle"),
        ({}, {"connected": False}, "no_plc", "bad"),
        ({}, {"inputs": ("e_stop",), "latched": True, "stop_cause": "e_stop"}, "e_stop", "bad"),
        ({}, {"inputs": ("guard_open",), "latched": True}, "guard_open", "bad"),
        ({}, {"latched": True, "stop_cause": "mismatch"}, "latched", "bad"),
        ({}, {"key_switch": "bypass"}, "bypass", "bad"),
        ({}, {"key_switch": "service"}, "service", "bad"),
        ({"holds": {"camera_left": "silent"}}, {}, "not_ready", "warn"),
        # the gravest is told first
        ({"holds": {"key": "turned"}}, {"key_switch": "bypass"}, "bypass", "bad"),
    ],
)
def test_band_says_how_the_line_stands(
    rig: Rig, change: dict[str, Any], plc: dict[str, Any], code: str, level: str
) -> None:
    texts = words.page_texts("kk")
    rig.station.change(**{"holds": {}, **change})
    rig.station.plc(**plc)
    try:
        with rig.window() as seen:
            seen.open("line", "kk")
            band = seen.page.locator(".band")
            expect(band).to_have_attribute("data-code", code)
            expect(band).to_have_attribute("data-level", level)
            title = texts[f"band.{code}.title"].replace("{cause}", texts["stop_cause.mismatch"])
            expect(band.locator(".band-title")).to_have_text(title)
            if change:
                expect(band).to_contain_text(texts["hold.camera.todo"] if code == "not_ready" else title)
            bypass = "true" if code == "bypass" else "false"
            expect(seen.page.locator("html")).to_have_attribute("data-bypass", bypass)
            size = band.locator(".band-title").evaluate(
                "(node) => parseFloat(getComputedStyle(node).fontSize)"
            )
            assert size >= 28  # read from two metres
    finally:
        rig.station.change(holds={})
        rig.station.plc(
            connected=True, inputs=(), latched=False, stop_cause="none", key_switch="auto", belt_running=True
        )


def test_frame_of_the_bypass_goes_with_the_bypass(rig: Rig) -> None:
    rig.station.change(holds={})
    rig.station.plc(key_switch="bypass")
    try:
        with rig.window() as seen:
            seen.open("line")
            root = seen.page.locator("html")
            expect(root).to_have_attribute("data-bypass", "true")
            rig.station.plc(key_switch="service")  # as grave, with the same sign
            expect(seen.page.locator(".band")).to_have_attribute("data-code", "service")
            expect(root).to_have_attribute("data-bypass", "false")
    finally:
        rig.station.plc(key_switch="auto")


def test_detail_of_a_reject_shows_pictures_and_goes_on_by_key(rig: Rig) -> None:
    with rig.window() as seen:
        seen.open("rejects")
        seen.page.locator(".reject").first.click()
        dialog = seen.page.locator("dialog[open]")
        head = dialog.locator(".part-head")
        expect(dialog.locator(".thumb")).to_have_count(3)
        seen.page.wait_for_function(looks.PICTURE_LOADED, arg="dialog[open] .part-big img")
        first = head.inner_text()
        seen.page.keyboard.press("ArrowRight")
        expect(head).not_to_have_text(first)
        expect(dialog.locator(".thumb")).to_have_count(3)
        seen.page.keyboard.press("ArrowLeft")
        expect(head).to_contain_text(first.split("\n")[0])
        seen.page.keyboard.press("Escape")
        expect(seen.page.locator("dialog")).to_have_count(0)


def test_rejects_are_filtered_by_reason_and_lot(rig: Rig) -> None:
    with rig.window() as seen:
        seen.open("rejects")
        expect(seen.page.locator(".reject")).to_have_count(12)
        seen.page.locator("select").first.select_option("diameter_high")
        expect(seen.page.locator(".reject")).to_have_count(6)
        name = words.page_texts("ru")["reason.diameter_high"]
        assert set(seen.page.locator(".reject strong").all_inner_texts()) == {name}
        lots = seen.page.locator("select").nth(1)
        lots.select_option(label=EVIL)
        expect(seen.page.locator(".reject")).to_have_count(6)
