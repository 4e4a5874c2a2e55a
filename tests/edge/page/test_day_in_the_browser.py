"""A whole day at the ball line, driven through the page in a real browser, in each language.

The line is the twin with its PLC, a real station, recorder and page; the person finds every control by the
words of the language. Neighbours: `day_driver` has the person and the plant, `day_books` looks at the ledger.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pypdf
import pytest
from playwright.sync_api import expect

from edge_runtime.config import load_station
from edge_runtime.plc.registers import KeySwitch
from edge_runtime.reports.words import LANGUAGES, Language
from edge_runtime.twin.balls import GOOD
from edge_runtime.twin.field import Word
from tests.edge.page.day_books import LOT_1, LOT_2, SHIFT, ledger_tells
from tests.edge.page.day_driver import HIGH, PATIENCE_MS, PERSON, TABLET, Person, Plant, day

pytestmark = [pytest.mark.line, pytest.mark.long, pytest.mark.timeout(900)]

#: of a challenge
RESULTS = ("passed", "missed", "inconclusive", "cancelled")
#: a machine that is too busy to judge a challenge ball in time gets another one, as at a plant
ATTEMPTS = 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_day(tmp_path: Path, language: Language) -> None:
    with day(tmp_path / "run", language) as (plant, person, password):
        person.stands("running", "ok")
        person.until("balls before the shift", lambda: plant.balls_left >= 2)
        person.sign_in(password)
        _open_shift_and_lot(person)
        _balls_come(person)
        _challenge_is_passed(plant, person)
        _a_reject_is_looked_at(person)
        _air_fails_and_comes_back(plant, person)
        _lot_is_closed(person, LOT_1, in_flight=True)
        product = _changeover(plant, person)
        _open_lot(person, LOT_2, product)
        _challenge_is_missed_and_answered(plant, person)
        _bypass(plant, person)
        _lot_is_closed(person, LOT_2)
        _shift_is_closed(person)
        counts = _reports(person, tmp_path)
        _signed_out(person)
        assert person.complaints == []
    ledger_tells(plant.line.run.storage, tmp_path / "run", person, counts)


# -- morning ----------------------------------------------------------------------------------


def _open_shift_and_lot(person: Person) -> None:
    person.go("day")
    person.shot("day_before")
    shift = person.card("day.shift")
    person.fill("day.shift_name", SHIFT, shift)
    person.button("day.open_shift", shift).click()
    person.told(person.t("day.shift_opened", name=SHIFT))
    person.asked.append("open_shift")
    expect(shift).to_contain_text(PERSON)
    expect(person.band).to_contain_text(SHIFT)
    _open_lot(person, LOT_1, None)


def _open_lot(person: Person, name: str, product: str | None) -> None:
    person.go("day")
    lot = person.card("day.lot")
    if product is not None:  # the page offers that of the recipe in force
        expect(lot.get_by_label(person.t("day.lot_product"), exact=True)).to_have_value(product)
    person.fill("day.lot_name", name, lot)
    person.button("day.open_lot", lot).click()
    person.told(person.t("day.lot_opened", name=name))
    person.asked.append("open_lot")
    expect(lot).to_contain_text(name)
    expect(person.band).to_contain_text(name)
    assert person.page.locator("img[src=x]").count() == 0
    assert person.page.title() != "owned"
    person.shot("lot_open")


def _balls_come(person: Person) -> None:
    person.go("line")
    person.button("count.lot", person.card("count.title")).click()
    expect(person.card("count.title")).to_contain_text(LOT_1)
    accepted = person.at_least("count.accepted", 2)
    person.at_least("count.accepted", accepted + 4)
    person.shot("line")
    person.shot("line_light", size=HIGH)
    person.button("shell.to_dark").click()
    person.shot("line_dark", size=HIGH)
    person.shot("line_tablet_dark", size=TABLET)
    person.button("shell.to_light").click()
    person.shot("line_tablet", size=TABLET)


# -- challenge --------------------------------------------------------------------------------


def _announce(plant: Plant, person: Person) -> None:
    """One ball, for any reason; then the belt is let run empty."""
    person.go("day")
    card = person.card("day.challenge")
    if not person.results:  # the page offers what the station file asks for
        usual = load_station(plant.line.run.station_file).challenge
        assert usual is not None
        expect(card.get_by_label(person.t("day.balls"), exact=True)).to_have_value(str(usual.balls))
    person.fill("day.balls", "1", card)
    card.get_by_label(person.t("day.expected")).select_option(label=person.t("challenge.expected.any"))
    person.button("day.begin_challenge", card).click()
    person.told(person.t("day.challenge_begun"))
    person.asked.append("begin_challenge")
    plant.feed(False)
    expect(card).to_contain_text(person.t("day.challenge_now", n=1, balls=1), timeout=PATIENCE_MS)
    person.shot("challenge_now")


def _challenge(plant: Plant, person: Person, ball: str, wanted: str) -> None:
    """Until a challenge with a ball of this kind ends as wanted; one that proved nothing is repeated."""
    card = person.card("day.challenge")
    for _ in range(ATTEMPTS):
        _announce(plant, person)
        person.stands("challenge_runs", "ok")
        plant.drop(ball)
        expect(card).not_to_contain_text(person.t("day.challenge_running"), timeout=PATIENCE_MS)
        said = card.locator("dl").inner_text()
        ended = [name for name in RESULTS if person.t(f"challenge.result.{name}") in said]
        person.results += ended
        if ended == [wanted]:
            return
        assert ended == ["inconclusive"], said
        person.until("the ball off the belt", lambda: plant.empty)
    raise AssertionError(f"no challenge ended as {wanted}: {person.results}")


def _challenge_is_passed(plant: Plant, person: Person) -> None:
    person.go("day")
    steps = person.page.get_by_role("list", name=person.t("day.steps"))
    expect(steps).to_contain_text(person.t("day.step.challenge.open"))
    _challenge(plant, person, "half", "passed")
    expect(steps).to_contain_text(person.t("day.step.challenge.done"))
    plant.feed(True)
    person.shot("challenge_passed")


def _challenge_is_missed_and_answered(plant: Plant, person: Person) -> None:
    person.go("line")
    person.at_least("count.accepted", 2)
    _challenge(plant, person, GOOD, "missed")
    cause = person.t("stop_cause.station_request")
    person.stands("latched", "bad", cause=cause)
    assert plant.latched
    card = person.card("day.challenge")
    doubt = person.like("day.containment")
    expect(card).to_contain_text(doubt)
    expect(person.card("day.stop")).to_contain_text(person.t("day.stop_reset", cause=cause))
    person.shot("challenge_missed")
    person.go("line")
    person.shot("line_latched")
    person.go("alarms")
    now = person.card("alarms.open")
    expect(now).to_contain_text(person.like("alarm.challenge_missed.what"), timeout=PATIENCE_MS)
    expect(now).to_contain_text(person.t("alarm.latched_station_request.todo"), timeout=PATIENCE_MS)
    person.shot("alarms_missed")
    plant.reset()
    person.stands("not_ready", "warn")
    expect(person.band).to_contain_text(person.t("hold.challenge.what"))
    person.shot("hold_after_miss")
    person.until("the ball off the belt", lambda: plant.empty)
    _challenge(plant, person, "half", "passed")
    expect(card).not_to_contain_text(doubt)
    plant.feed(True)
    person.stands("running", "ok")
    person.go("line")
    accepted = person.counter("count.accepted")
    person.at_least("count.accepted", accepted + 2)


# -- rejects, alarms --------------------------------------------------------------------------


def _a_reject_is_looked_at(person: Person) -> None:
    person.go("line")
    person.at_least("count.rejected", 2)
    person.at_least("count.challenge", 1)
    person.go("rejects")
    balls = person.page.get_by_role("main").get_by_role("button").filter(has=person.page.locator("img"))
    expect(balls.nth(1)).to_be_visible()
    person.shot("rejects")
    balls.first.click()
    window = person.page.get_by_role("dialog", name=person.t("rejects.detail"))
    head = window.get_by_text(re.compile(f"^{person.like('rejects.ball').pattern}$"))
    pictures = window.get_by_role("group", name=person.t("rejects.pictures"))
    expect(pictures.get_by_role("button").first).to_be_visible()
    expect(window.get_by_role("columnheader", name=person.t("rejects.reason"))).to_be_visible()
    expect(window.get_by_role("rowheader").first).not_to_be_empty()
    big = window.locator("figure img").first
    person.until("the picture", lambda: bool(big.evaluate("(it) => it.complete && it.naturalWidth > 0")))
    person.shot("reject_detail")
    first = head.inner_text()
    person.page.keyboard.press("ArrowRight")
    expect(head).not_to_have_text(first)
    expect(window).to_contain_text(person.t("rejects.side"))
    person.page.keyboard.press("ArrowLeft")
    expect(head).to_have_text(first)
    person.page.keyboard.press("Escape")
    expect(window).to_have_count(0)


def _air_fails_and_comes_back(plant: Plant, person: Person) -> None:
    plant.put(Word.BUTTON_AIR_LOW, 1)
    person.stands("air_low", "warn")
    what, todo = (person.t(f"alarm.air_low.{part}") for part in ("what", "todo"))
    strip = person.page.get_by_role("region", name=person.t("alarms.strip"))
    expect(strip).to_contain_text(what, timeout=PATIENCE_MS)
    expect(strip).to_contain_text(todo)
    person.go("line")
    person.shot("line_air_low")
    strip.get_by_role("button", name=f"{person.t('alarms.acknowledge')}: {what}").click()
    window = person.page.get_by_role("dialog", name=person.t("alarms.acknowledge_title"))
    expect(window).to_contain_text(what)
    person.fill("alarms.note", "Кран жабық <i>еді</i>", window)
    person.shot("acknowledge")
    person.button("alarms.acknowledge", window).click()
    person.told(person.t("alarms.acknowledged_now"))
    person.go("alarms")
    row = person.card("alarms.open").get_by_role("listitem").filter(has_text=what)
    expect(row).to_contain_text(PERSON)
    person.shot("alarms")
    plant.put(Word.BUTTON_AIR_LOW, 0)
    expect(row).to_have_count(0, timeout=PATIENCE_MS)
    past = person.card("alarms.history").get_by_role("row").filter(has_text=what)
    expect(past).to_contain_text(PERSON)
    expect(past).to_contain_text("Кран жабық <i>еді</i>")
    expect(past).not_to_contain_text(person.t("alarms.lasts"), timeout=PATIENCE_MS)
    person.shot("alarms_history")
    person.stands("running", "ok")


# -- lots, changeover, key --------------------------------------------------------------------


def _lot_is_closed(person: Person, name: str, *, in_flight: bool = False) -> None:
    person.go("day")
    lot = person.card("day.lot")
    said: list[str] = [person.t("day.close_lot_ask", name=name)]
    if in_flight:
        person.go("line")
        person.at_least("count.open", 1)
        person.go("day")
        said.append(person.t("day.in_flight_lot").split("{n}")[0])
    person.button("day.close_lot", lot).click()
    expect(person.dialog).to_contain_text(name)
    person.shot("close_lot")
    person.confirm("day.close_lot", "day.close_lot", *said)
    person.told(person.t("day.lot_closed", name=name))
    person.asked.append("close_lot")
    expect(lot).to_contain_text(person.t("day.no_lot"))


def _changeover(plant: Plant, person: Person) -> str:
    """Over to the recipe with the wide band; returns its product."""
    person.go("day")
    card = person.card("day.changeover")
    choice = card.get_by_label(person.t("day.recipe"))
    choice.select_option(value="wide.yaml")
    offered = choice.locator("option:checked").inner_text()
    product = offered.removesuffix(" (wide.yaml)")
    expect(person.band).not_to_contain_text(product)
    person.button("day.change_recipe", card).click()
    expect(person.dialog).to_contain_text(product)
    person.shot("changeover_ask")
    person.confirm("day.change_recipe", "day.change_recipe", person.t("day.change_ask", product=product))
    person.told(person.t("day.change_begun", product=product))
    person.asked.append("change_recipe")
    person.stands("changeover", "warn")
    person.shot("changeover_waits")
    plant.feed(False)
    expect(person.band.locator("dl")).to_contain_text(product, timeout=PATIENCE_MS)
    expect(card).not_to_contain_text(person.t("day.changeover_running"))
    expect(choice).to_have_value("")
    plant.feed(True)
    person.stands("running", "ok")
    person.shot("changeover_done")
    return product


def _bypass(plant: Plant, person: Person) -> None:
    person.go("line")
    plant.put(Word.KEY_SWITCH, KeySwitch.BYPASS)
    person.stands("bypass", "bad")
    expect(person.page.locator("html")).to_have_attribute("data-bypass", "true")
    person.at_least("count.bypassed", 3)
    person.shot("line_bypass")
    person.go("day")
    person.stands("bypass", "bad")
    person.shot("day_bypass")
    plant.put(Word.KEY_SWITCH, KeySwitch.AUTO)
    person.stands("running", "ok")
    expect(person.page.locator("html")).to_have_attribute("data-bypass", "false")


def _shift_is_closed(person: Person) -> None:
    shift = person.card("day.shift")
    person.button("day.close_shift", shift).click()
    person.confirm("day.close_shift", "day.close_shift", person.t("day.close_shift_ask", name=SHIFT))
    person.told(person.t("day.shift_closed", name=SHIFT))
    person.asked.append("close_shift")
    expect(shift).to_contain_text(person.t("day.no_shift"))


# -- evening ----------------------------------------------------------------------------------


def _reports(person: Person, folder: Path) -> dict[str, int]:
    """Shift report as page, PDF and CSV; returns the shift's counts as the page told them."""
    read = f"{person.url}api/shifts"

    def shift() -> dict[str, int]:
        found = person.context.request.get(read).json()["shifts"]
        assert [row["name"] for row in found] == [SHIFT]
        counts: dict[str, int] = found[0]["counts"]
        return counts

    person.until("the shift's last balls", lambda: shift()["open"] == 0)
    counts = shift()
    person.go("reports")
    row = person.card("reports.shifts").get_by_role("row").filter(has_text=SHIFT)
    expect(row.get_by_role("cell").nth(2)).to_have_text(str(counts["parts"]))
    lots = person.card("reports.lots")
    for name in (LOT_1, LOT_2):
        expect(lots.get_by_role("rowheader").filter(has_text=name)).to_be_visible()
    person.shot("reports")
    _report_is_read(person, counts)
    pdf = person.download(row.get_by_role("link", name=f"PDF: {SHIFT}"), folder)
    text = "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)
    close = "".join(text.split())
    for part in (SHIFT, LOT_1, LOT_2, PERSON):
        assert "".join(part.split()) in close, part
    for figure in ("parts", "accepted", "rejected", "bypassed", "challenge"):
        assert str(counts[figure]) in text.split(), (figure, counts)
    table = person.download(row.get_by_role("link", name=f"CSV: {SHIFT}"), folder).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(table), delimiter="," if person.language == "en" else ";"))
    cells = {cell for cells in rows for cell in cells}
    for name in (SHIFT, LOT_1, LOT_2):
        assert any(name in cell for cell in cells), name
    for figure in ("parts", "accepted", "rejected", "bypassed"):  # the last two may have their share behind
        assert any(re.match(rf"{counts[figure]}($| \()", cell) for cell in cells), (figure, counts)
    lot_pdf = lots.get_by_role("link", name=f"PDF: {LOT_1}")
    pages = pypdf.PdfReader(io.BytesIO(person.download(lot_pdf, folder))).pages
    assert "".join(LOT_1.split()) in "".join("".join(page.extract_text() for page in pages).split())
    return counts


def _report_is_read(person: Person, counts: dict[str, int]) -> None:
    row = person.card("reports.shifts").get_by_role("row").filter(has_text=SHIFT)
    with person.context.expect_page(timeout=PATIENCE_MS) as coming:
        row.get_by_role("link", name=f"HTML: {SHIFT}").click()
    report = coming.value
    expect(report.locator("html")).to_have_attribute("lang", person.language, timeout=PATIENCE_MS)
    for text in (SHIFT, LOT_1, LOT_2, PERSON):
        expect(report.locator("body")).to_contain_text(text)
    assert report.locator("img[src=x]").count() == 0
    shown = report.locator("body").inner_text().split()
    for figure in ("parts", "accepted", "rejected", "bypassed", "challenge", "contained"):
        assert str(counts[figure]) in shown, (figure, counts)
    person.shot("report", page=report)
    report.close()


def _signed_out(person: Person) -> None:
    person.go("line")
    role = person.t("role.foreman")
    name = person.t("session.signed_in_as", name=PERSON, role=role)
    person.page.get_by_role("button", name=name, exact=True).click()
    person.shot("user")
    person.button("session.sign_out", person.dialog).click()
    person.told(person.t("session.signed_out"))
    expect(person.button("session.sign_in")).to_be_visible()
    person.go("day")
    expect(person.band).to_contain_text(person.t("band.running.title"))
    person.shot("signed_out")
