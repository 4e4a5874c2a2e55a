"""The yard's page in a real browser: three languages, keys, two inspectors, photos, acts, no complaint.

What is looked at is what stands on the screen and in the books behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from edge_runtime.page import words
from edge_runtime.reports.words import LANGUAGES
from tests.edge.page import browser_looks as looks
from tests.edge.page.browser_rig import PASSWORD, Watched
from tests.edge.page.yard_client import photo
from tests.edge.page.yard_rig import YardRig, running_yard
from tests.edge.page.yard_samples import INSPECTOR, add_photos, add_rail, wagon_fields

pytestmark = pytest.mark.long
_RAW_KEY = re.compile(r"^[a-z_]+(\.[a-z0-9_]+)+$|\{\w+\}")
SIZES = ((1280, 800), (1024, 768), (768, 1024))
#: a tile of 512 rows holds 256 mm; the whole rail is shown by few
LONG_ROWS = 50_000


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[YardRig]:
    """A yard with two rails and a wagon."""
    with running_yard(tmp_path_factory.mktemp("yard")) as started:
        yield started


def new_rail(rig: YardRig, name: str, **options: Any) -> int:
    """A rail that no other test has touched."""
    return add_rail(rig.store, name, **options)


def open_rail(seen: Watched, rail_id: int, rest: str = "") -> Page:
    """Open a rail and wait until its strip is drawn."""
    seen.page.goto(f"{seen.url}/#/rail/{rail_id}{rest}")
    seen.page.wait_for_selector(".strip-view[data-drawn]")
    return seen.page


def shown(seen: Watched) -> list[str]:
    return [str(text) for text in seen.page.evaluate(looks.TEXTS)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_views_are_whole_in_every_language_and_size(rig: YardRig, language: str) -> None:
    texts = words.page_texts(language)
    for width, height in SIZES:
        with rig.signed_in(language=language, width=width, height=height) as seen:
            for view in (
                "wagons",
                f"wagon/{rig.wagon_id}",
                "looks",
                "photos",
                "acts",
                f"rail/{rig.rails[0]}",
            ):
                seen.page.goto(f"{seen.url}/#/{view}")
                expect(seen.page.locator("main .card").first).to_be_visible()
                expect(seen.page.locator("main [aria-busy=true]")).to_have_count(0)
                found = shown(seen)
                assert [text for text in found if _RAW_KEY.search(text)] == [], view
                for look in (looks.OUTSIDE, looks.CUT, looks.SMALL, looks.NAMELESS):
                    assert seen.page.evaluate(look) == [], (view, width)
            for part in ("cuts", "facts", "coverage", "unseen", "history", "reasons"):
                seen.page.locator(f"[data-part={part}]").click()
                assert [text for text in shown(seen) if _RAW_KEY.search(text)] == [], part
                assert seen.page.evaluate(looks.OUTSIDE) == [], part
            assert texts["yard.view.wagons"] in " ".join(shown(seen))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_stand_out_in_both_themes(rig: YardRig, theme: str) -> None:
    with rig.window() as seen:
        seen.open("wagons", "ru", theme)
        for view in (f"rail/{rig.rails[0]}", f"wagon/{rig.wagon_id}", "photos"):
            seen.page.goto(f"{seen.url}/#/{view}")
            expect(seen.page.locator("main .card").first).to_be_visible()
            expect(seen.page.locator("main [aria-busy=true]")).to_have_count(0)
            found = seen.page.evaluate(looks.CONTRAST)
            assert found["looked"] > 10
            assert found["weak"] == []


def test_everything_is_done_by_keys(rig: YardRig) -> None:
    rail_id = new_rail(rig, "keys")
    with rig.signed_in() as seen:
        page = open_rail(seen, rail_id)
        panel = page.locator(".finding-panel")
        expect(panel).to_have_attribute("data-finding", "f1")
        page.keyboard.press("n")
        expect(panel).to_have_attribute("data-finding", "f2")
        page.keyboard.press("p")
        expect(panel).to_have_attribute("data-finding", "f1")
        page.keyboard.press("c")
        expect(panel).to_have_attribute("data-finding", "f2")  # on to the next that nobody has confirmed
        page.keyboard.press("x")
        page.locator("dialog[open] textarea").fill("тень")
        page.locator("dialog[open] footer .button").last.click()
        page.locator("dialog[open]").wait_for(state="detached")
        expect(page.locator(".finding-row")).to_have_count(3)  # dismissed ones are not shown
        page.keyboard.press("u")
        page.keyboard.press("e")
        expect(page.locator(".edit-form")).to_be_visible()
        for key in ("ArrowRight", "ArrowRight", "Shift+ArrowRight", "ArrowUp"):
            page.keyboard.press(key)
        page.keyboard.press("Enter")
        expect(page.locator(".edit-form")).to_have_count(0)
        page.keyboard.press("a")
        page.keyboard.press("Enter")
        expect(page.locator('.finding-row[data-state="added"]')).to_have_count(1)
        page.keyboard.press("r")
        expect(page.locator(".notice")).to_contain_text(words.page_texts("ru")["yard.done.reviewed"])
        page.keyboard.press("o")
        page.locator("dialog[open] select").select_option("downgraded")
        page.locator("dialog[open] textarea").fill("глазами годен")
        page.locator("dialog[open] footer .button").last.click()
        page.locator("dialog[open]").wait_for(state="detached")
        for key in ("+", "+", "ArrowRight", "ArrowLeft", "End", "Home", "-", "0", "z", "s", "k", "v"):
            page.keyboard.press(key)
        page.keyboard.press("q")
        expect(page.locator(".notice").last).to_contain_text(words.page_texts("ru")["yard.done.undo"])
    view = rig.store.rail(rail_id)
    assert [entry.kind for entry in view.corrections] == [
        "confirm", "dismiss", "correct", "add", "reviewed", "override_grade", "undo",
    ]  # fmt: skip
    states = {finding.id: finding.state for finding in view.findings}
    assert states == {
        "f1": "confirmed",
        "f2": "dismissed",
        "f3": "corrected",
        "f4": "unconfirmed",
        "a1": "added",
    }
    before = view.originals[2].boxes[0].xyxy_px
    after = next(finding for finding in view.findings if finding.id == "f3").boxes[0].xyxy_px
    assert after[1] > before[1]
    assert after[3] - after[1] > before[3] - before[1]
    assert after[0] > before[0]  # up on the screen is towards larger columns


def test_help_lists_every_key(rig: YardRig) -> None:
    rail_id = new_rail(rig, "helped")
    with rig.signed_in() as seen:
        open_rail(seen, rail_id)
        seen.page.keyboard.press("h")
        keys = seen.page.locator("dialog[open] kbd").all_inner_texts()
        assert len(keys) >= 30
        assert {"N", "P", "C", "E", "X", "A", "F", "O", "Enter", "Esc"} <= set(keys)
        seen.page.keyboard.press("c")  # rests while a dialog is open
        seen.page.keyboard.press("Escape")
        assert rig.store.rail(rail_id).revision == 0


def test_a_box_is_drawn_by_the_mouse_and_by_fields(rig: YardRig) -> None:
    rail_id = new_rail(rig, "drawn")
    with rig.signed_in() as seen:
        page = open_rail(seen, rail_id)
        page.locator(".strip-tools > .button").click()
        box = page.locator(".strip-canvas").bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] * 0.6, box["y"] + 60
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 40, y + 50, steps=4)
        page.mouse.up()
        start = page.locator(".edit-form .places input").first
        drawn = start.input_value()
        assert re.fullmatch(r"\d,\d+", drawn)
        start.fill("1,5")
        start.press("Tab")
        page.locator(".edit-form select").first.select_option("weld")
        page.locator(".edit-form [type=submit]").click()
        expect(page.locator('.finding-row[data-state="added"]')).to_have_count(1)
    added = rig.store.rail(rail_id).findings[-1]
    assert (added.kind, added.origin) == ("weld", "inspector")
    assert added.start_m == pytest.approx(1.5, abs=0.001)
    assert added.width_mm is not None
    assert added.width_mm > 1.0


def test_two_inspectors_at_one_rail(rig: YardRig) -> None:
    rail_id = new_rail(rig, "two")
    with rig.signed_in("Ержан") as one, rig.signed_in("Асхат") as other:
        other.expect_trouble(r"409")
        open_rail(one, rail_id)
        open_rail(other, rail_id)
        other.page.keyboard.press("e")
        other.page.locator(".edit-form textarea").first.fill("Мой текст")
        one.page.keyboard.press("x")
        one.page.locator("dialog[open] textarea").fill("тень")
        one.page.locator("dialog[open] footer .button").last.click()
        one.page.locator("dialog[open]").wait_for(state="detached")
        other.page.locator(".edit-form [type=submit]").click()
        wrong = other.page.locator(".edit-form .form-error")
        seen_first = other.page.locator(".notice")
        # Either the answer says it, or the rail had come anew by itself just before: it is seen both ways.
        expect(wrong.or_(seen_first).filter(has_text="Ержан").first).to_be_visible()
        if wrong.is_visible():
            expect(other.page.locator(".edit-form textarea").first).to_have_value("Мой текст")
            other.page.locator(".edit-form [type=submit]").click()
        expect(other.page.locator(".edit-form")).to_have_count(0)
        # And the first one sees what the second did, without loading anything.
        expect(one.page.locator(".notice").filter(has_text="Асхат")).to_be_visible(timeout=15_000)
    kinds = [(entry.kind, entry.by) for entry in rig.store.rail(rail_id).corrections]
    assert kinds == [("dismiss", "Ержан"), ("correct", "Асхат")]


def test_a_long_rail_is_shown_by_few_tiles(rig: YardRig) -> None:
    rail_id = new_rail(rig, "long", rows=LONG_ROWS)
    with rig.signed_in() as seen:
        asked: list[str] = []
        seen.page.on("request", lambda request: asked.append(request.url))
        page = open_rail(seen, rail_id)
        page.wait_for_load_state("networkidle")
        tiles = [url for url in asked if "/yard/tiles/" in url]
        assert 1 <= len(tiles) <= 32
        assert len(set(tiles)) == len(tiles)
        before = len(tiles)
        finest = re.compile(f"/yard/tiles/{rail_id}/0/[01]/")
        with page.expect_response(finest):  # the strip asks once the zoom has come to rest
            page.keyboard.press("z")
        page.wait_for_load_state("networkidle")
        fine = [url for url in asked if "/yard/tiles/" in url][before:]
        assert len(fine) <= 24
        page.wait_for_function(  # most of the strip is the light rail, not the dark ground before the tiles
            "() => { const c = document.querySelector('.strip-canvas');"
            " const d = c.getContext('2d').getImageData(0, 60, c.width, 1).data;"
            " let light = 0; for (let i = 0; i < d.length; i += 4) light += d[i] > 60 ? 1 : 0;"
            " return light / (d.length / 4) > 0.8; }"
        )


def test_an_act_is_filled_signed_and_read(rig: YardRig, tmp_path: Path) -> None:
    wagon_id = rig.store.add_wagon(wagon_fields(supplier="", vehicle="777"), INSPECTOR)
    new_rail(rig, "acted")
    ru = words.page_texts("ru")
    with rig.signed_in() as seen:
        page = seen.page
        seen.expect_trouble(r"409")
        page.goto(f"{seen.url}/#/wagon/{wagon_id}")
        field = page.get_by_label(ru["yard.field.supplier"])
        field.fill('<b>ТОО</b> "Рельс"')
        page.get_by_label(ru["yard.field.gross_kg"]).fill("много")
        page.locator(".yard-form [type=submit]").click()
        expect(page.locator(".form-error").first).to_contain_text("не число")
        page.get_by_label(ru["yard.field.gross_kg"]).fill("90 000,5")
        page.locator(".yard-form [type=submit]").click()
        expect(page.locator(".notice")).to_contain_text(ru["yard.saved"])
        page.locator(".inline-form select").select_option(label="acted")
        page.get_by_role("button", name=ru["yard.assign.put"]).click()
        expect(page.locator(".yard-lacks")).to_contain_text("acted")
        page.get_by_role("link", name="acted").click()
        page.wait_for_selector(".strip-view[data-drawn]")
        page.keyboard.press("o")
        page.locator("dialog[open] select").select_option("rejected")
        page.locator("dialog[open] textarea").fill("излом")
        page.locator("dialog[open] footer .button").last.click()
        page.locator("dialog[open]").wait_for(state="detached")
        page.goto(f"{seen.url}/#/wagon/{wagon_id}")
        page.get_by_role("button", name=ru["yard.act.sign"]).click()
        dialog = page.locator("dialog[open]")
        dialog.get_by_label(ru["yard.act.password"]).fill("не тот")
        dialog.locator("footer .button").last.click()
        expect(dialog.locator(".form-error")).to_contain_text(ru["refused.wrong_own_password"])
        dialog.get_by_label(ru["yard.act.password"]).fill(PASSWORD)
        dialog.locator("footer .button").last.click()
        dialog.wait_for(state="detached")
        expect(page.locator(".yard-head .tag")).to_contain_text("/20")
        page.goto(f"{seen.url}/#/acts")
        row = page.locator("main tbody tr").first
        expect(row).to_contain_text('<b>ТОО</b> "Рельс"')
        with page.expect_download() as download:
            row.get_by_role("link", name="Excel").click()
        saved = tmp_path / "act.xlsx"
        download.value.save_as(saved)
        assert saved.read_bytes().startswith(b"PK")
        assert page.locator("main b").count() == 0
    assert rig.store.wagon(wagon_id).fields.gross_kg == 90_000.5
    assert rig.store.acts(wagon_id=wagon_id)[0].signed_by == "Ержан"


def test_photos_are_sent_and_what_is_none_is_told(rig: YardRig, tmp_path: Path) -> None:
    good, text = tmp_path / "куча.jpg", tmp_path / "text.jpg"
    good.write_bytes(photo(640, 480))
    text.write_bytes(b"Dear Sir,\n" * 50)
    large = tmp_path / "large.jpg"
    with large.open("wb") as out:
        out.truncate(100 * 1024 * 1024)
    ru = words.page_texts("ru")
    with rig.signed_in() as seen:
        seen.expect_trouble(r"422")
        page = seen.page
        page.goto(f"{seen.url}/#/photos")
        choose = page.locator("input[type=file]")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
        choose.set_input_files(large)
        page.locator(".yard-form [type=submit]").click()
        expect(page.locator(".form-error").first).to_contain_text("100")
        assert asked == []  # not a byte of it was sent
        choose.set_input_files([good, text])
        page.get_by_label(ru["yard.photos.name"]).fill("Куча <i>1</i>")
        page.locator(".yard-form [type=submit]").click()
        expect(page.locator(".form-error").first).to_contain_text("text.jpg")
        row = page.locator("main tbody tr").first
        expect(row).to_contain_text("Куча <i>1</i>")
        expect(row).to_contain_text(ru["yard.photos.state_waiting"])
    folders = list((rig.config.storage.folder / "photos" / "inbox").iterdir())
    assert len(folders) == 1
    assert sorted(path.suffix for path in folders[0].iterdir()) == [".jpg", ".json"]


def test_photos_stand_as_they_were_taken(rig: YardRig) -> None:
    rail_id = add_photos(rig.store, "Куча")
    with rig.signed_in() as seen:
        page = open_rail(seen, rail_id)
        expect(page.locator(".cameras button")).to_have_text(["a.jpg", "b.jpg"])
        expect(page.locator(".finding-row").first).to_contain_text("a.jpg")
        page.keyboard.press("n")
        expect(page.locator(".cameras button").nth(1)).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("e")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        expect(page.locator('.finding-row[data-state="corrected"]')).to_have_count(1)
        expect(page.locator("main")).to_contain_text(words.page_texts("ru")["yard.no_scale_long"])
    first, second = rig.store.rail(rail_id).findings
    assert (first.state, second.state) == ("unconfirmed", "corrected")
    before, after = first.boxes[0].xyxy_px, second.boxes[0].xyxy_px
    assert after[0] > before[0]  # right on the screen is right in the photo
    assert after[1] == before[1]
    assert second.length_mm is None


def test_a_second_look_finds_a_miss(rig: YardRig) -> None:
    with rig.signed_in() as seen:
        page = seen.page
        page.goto(f"{seen.url}/#/looks")
        card = page.locator(".look").first
        expect(card.locator("canvas")).to_be_visible()
        look_id = int(card.get_attribute("data-look") or 0)
        card.get_by_role("button", name=re.compile(words.page_texts("ru")["yard.looks.missed"])).click()
        expect(page.locator(".edit-form")).to_be_visible()
        page.keyboard.press("Enter")
        expect(page.locator('.finding-row[data-state="added"]')).to_have_count(1)
    look = next(one for one in rig.store.looks(open_only=False) if one.look_id == look_id)
    assert (look.answer, look.by) == ("missed", "Ержан")
    added = rig.store.rail(look.rail_id).findings[-1]
    assert look.first_row <= added.first_row <= added.last_row <= look.last_row


def test_fingers_pan_zoom_and_choose(rig: YardRig) -> None:
    context = rig.browser.new_context(viewport={"width": 1024, "height": 768}, has_touch=True)
    try:
        page = context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"{rig.server.url}/#/rail/{rig.rails[1]}")
        page.wait_for_selector(".strip-view[data-drawn]")
        box = page.locator(".strip-canvas").bounding_box()
        assert box is not None
        # The second finding of the sample: rows 1500 to 1720 of 3000, in the middle of the strip.
        page.touchscreen.tap(box["x"] + box["width"] * 1610 / 3000, box["y"] + box["height"] / 2)
        expect(page.locator(".finding-panel")).to_have_attribute("data-finding", "f2")
        assert faults == []
    finally:
        context.close()


def test_who_may_only_look_sees_no_buttons(rig: YardRig) -> None:
    rail_id = new_rail(rig, "looked-at")
    with rig.signed_in("Айгүл") as seen:
        page = open_rail(seen, rail_id)
        expect(page.locator(".finding-panel")).to_be_visible()
        assert page.locator(".head-actions .button:not(.quiet)").count() == 0
        assert page.locator(".finding-panel .actions").count() == 0
        page.keyboard.press("c")
        page.keyboard.press("a")
        expect(page.locator(".edit-form")).to_have_count(0)
    assert rig.store.rail(rail_id).revision == 0
