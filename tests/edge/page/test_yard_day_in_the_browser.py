"""A day in the rail yard, on the real recording, driven through the page in a real browser, in each language.

What the documentation's walk says: start the station, make an account, sign in, correct findings, fill and
sign an act, take the corrections away, import them. The recording is mapped once; each language goes on with
a copy of that station's folder. Neighbours: `yard_day_driver` has the station and the inspector,
`yard_day_books` looks at what is left behind.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from edge_runtime.page.words import page_texts
from edge_runtime.reports.words import LANGUAGES, Language
from edge_runtime.yard.recipe_file import load_yard_recipe
from tests.edge.page.browser_rig import need_chromium
from tests.edge.page.day_driver import OWN_PASSWORD, PATIENCE_MS, PERSON
from tests.edge.page.yard_day_books import (
    CONTRACT,
    PRINTED_NAME,
    REASON,
    RECEIVER,
    SUPPLIER,
    VEHICLE,
    act_papers_tell,
    books_tell,
    bundle_tells,
)
from tests.edge.page.yard_day_driver import (
    MAPPING_S,
    RAILS,
    Inspector,
    Station,
    at_the_page,
    new_inspector,
    running,
    write_station,
)
from tests.edge.page.yard_rig import free_port

pytestmark = [pytest.mark.long, pytest.mark.timeout(MAPPING_S + 600)]

ROWS = ("closed_vessel", "radiation", "wrong_steel", "weld")


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory, ferrogate_data: Path) -> Path:
    """A station's folder in which the recording is mapped: both rails are in the books."""
    need_chromium()
    folder = tmp_path_factory.mktemp("yard-day")
    with running(write_station(folder, ferrogate_data, free_port(), "ru")) as station:
        station.wait("both rails", lambda: station.rails_done() == len(RAILS), MAPPING_S)
        station.wait("an idle station", lambda: station.state() == "idle")
    return folder


@pytest.fixture
def station(
    mapped: Path, tmp_path: Path, ferrogate_data: Path, request: pytest.FixtureRequest
) -> Iterator[Station]:
    """A station that goes on with a copy of those books, its page in the test's language."""
    language: Language = request.getfixturevalue("language")
    shutil.copytree(mapped, tmp_path / "yard")
    with running(write_station(tmp_path / "yard", ferrogate_data, free_port(), language)) as started:
        started.wait("an idle station", lambda: started.state() == "idle")
        yield started


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_day_in_the_yard(station: Station, language: Language, tmp_path: Path) -> None:
    password = new_inspector(station)
    with at_the_page(station, language) as person:
        expect(person.band).to_contain_text(person.t("yard.band.idle.title"), timeout=PATIENCE_MS)
        person.sign_in(password)
        _rails_are_listed(person)
        _findings_are_corrected(person)
        _rows_are_typed_and_the_grade_given(person, RAILS[0])
        person.go("wagons")
        person.open_rail(RAILS[1])
        _rows_are_typed_and_the_grade_given(person, RAILS[1])
        _a_stretch_is_looked_at(person)
        _the_wagon_is_filled(person)
        _the_act_is_signed(person)
        papers = _papers_are_taken(person, tmp_path)
        bundle = _corrections_are_taken(person, tmp_path)
        _signed_out(person)
        assert person.complaints == []
    act_papers_tell(papers, person)
    books_tell(station, person)
    bundle_tells(bundle, tmp_path)


# -- a rail -----------------------------------------------------------------------------------


def _rails_are_listed(person: Inspector) -> None:
    person.go("wagons")
    rails = person.card("yard.rails.title").get_by_role("row")
    for name in RAILS:
        row = rails.filter(has_text=name)
        expect(row).to_contain_text(person.t("yard_grade.human"))
        expect(row).to_contain_text(person.t("yard.no_scale"))
    person.look("wagons")


def _findings_are_corrected(person: Inspector) -> None:
    """Confirmed, another class, another place, dismissed, added; all by keys."""
    person.open_rail(RAILS[0])
    first = person.chosen()
    person.look("rail")
    person.press("h")
    person.look("keys")
    person.press("Escape")
    person.press("c")
    person.did(RAILS[0], "confirm")
    person.state_of(first, "confirmed")
    second = person.until_other(first)
    person.press("e")
    form = person.page.locator(".edit-form")
    kind = person.chosen_of(person.t("yard.finding.kind"), form)
    kind.select_option(value="attachment")
    person.fill("yard.field.reason", "Бұл бекіткіш", form)
    person.look("correct")
    person.button("yard.edit.correct", form).click()
    expect(form).to_have_count(0, timeout=PATIENCE_MS)
    person.did(RAILS[0], "correct")
    person.state_of(second, "corrected")
    person.press("u")
    third = person.until_other(second)
    person.press("e", "ArrowRight", "ArrowRight", "Shift+ArrowRight", "Enter")
    expect(form).to_have_count(0, timeout=PATIENCE_MS)
    person.did(RAILS[0], "correct")
    person.state_of(third, "corrected")
    person.press("u")
    fourth = person.until_other(third)
    person.press("x")
    dialog = person.page.get_by_role("dialog")
    person.fill("yard.field.reason", "Көлеңке", dialog)
    person.look("dismiss")
    person.button("yard.key.dismiss", dialog).click()
    expect(dialog).to_have_count(0, timeout=PATIENCE_MS)
    person.did(RAILS[0], "dismiss")
    expect(person.page.locator(f'.finding-row[data-finding="{fourth}"]')).to_have_count(0)
    person.press("a")
    person.press("ArrowDown", "Enter")
    expect(person.page.locator('.finding-row[data-state="added"]')).to_have_count(1, timeout=PATIENCE_MS)
    person.did(RAILS[0], "add")
    for part in ("reasons", "cuts", "facts", "coverage", "unseen", "history"):
        person.button(f"yard.part.{part}").click()
        person.look(f"part_{part}")
    expect(person.page.locator(".part-box")).to_contain_text(PERSON)


def _rows_are_typed_and_the_grade_given(person: Inspector, rail: str) -> None:
    recipe = load_yard_recipe()
    person.drawn()
    person.press("f")
    dialog = person.page.get_by_role("dialog", name=person.t("yard.facts.title"))
    person.chosen_of(person.t("yard.facts.section"), dialog).select_option(value="R65")
    person.fill("yard.facts.length", "12,5" if person.language != "en" else "12.5", dialog)
    for row in ROWS:
        words = recipe.rows[row].name.of(person.language)
        person.chosen_of(words, dialog).select_option(label=person.t("yard_fact.clear"))
    person.look("facts")
    person.button("yard.save", dialog).click()
    expect(dialog).to_have_count(0, timeout=PATIENCE_MS)
    person.did(rail, "facts")
    person.press("o")
    dialog = person.page.get_by_role("dialog", name=person.t("yard.override.title"))
    person.chosen_of(person.t("yard.rails.grade"), dialog).select_option(
        label=person.t("yard_grade.downgraded")
    )
    person.typed("yard.field.reason", dialog).fill(REASON)
    person.look("override")
    person.button("yard.override.yes", dialog).click()
    expect(dialog).to_have_count(0, timeout=PATIENCE_MS)
    person.did(rail, "override_grade")
    expect(person.page.locator(".yard-head")).to_contain_text(person.t("yard_grade.downgraded"))
    person.press("r")
    person.told(person.t("yard.done.reviewed"))
    person.did(rail, "reviewed")


def _a_stretch_is_looked_at(person: Inspector) -> None:
    person.go("looks")
    cards = person.page.get_by_role("article")
    if cards.count() == 0:  # the draw may have given none
        expect(person.page.get_by_role("main")).to_contain_text(person.t("yard.looks.none"))
        return
    expect(cards.first.locator("canvas")).to_be_visible()
    person.page.wait_for_load_state("networkidle")
    person.look("looks")
    words = cards.first.get_by_role("img").get_attribute("aria-label") or ""
    cards.first.get_by_role("button", name=f"{person.t('yard.looks.clear')}: {words}").click()
    person.told(person.t("yard.looks.noted_clear"))
    person.looked = words


# -- the act ----------------------------------------------------------------------------------


def _the_wagon_is_filled(person: Inspector) -> None:
    person.go("wagons")
    person.page.get_by_role("link", name=person.t("yard.wagons.begin"), exact=True).click()
    person.there("wagon")
    comma = "," if person.language != "en" else "."
    for label, text in (
        ("vehicle", VEHICLE),
        ("supplier", SUPPLIER),
        ("deliverer", "Иванов И.И."),
        ("contract", CONTRACT),
        ("receiver", RECEIVER),
        ("scrap_class", "3А"),
        ("gross_kg", f"92 400{comma}5"),
        ("tare_kg", "24 000"),
    ):
        person.typed(f"yard.field.{label}").fill(text)
    person.look("wagon_new")
    person.button("yard.save").click()
    person.told(person.t("yard.saved"))
    card = person.card("yard.act.title")
    expect(card).to_contain_text(person.t("yard.act.lacks"), timeout=PATIENCE_MS)
    lacks = card.get_by_role("listitem").get_by_text(
        person.t("yard_missing.contamination_percent"), exact=True
    )
    expect(lacks).to_be_visible()
    person.look("wagon_lacks")
    person.typed("yard.field.contamination_percent").fill(f"1{comma}5")
    for paper, number in (("radiation", "Р-12/26"), ("explosion", "В-7")):
        group = person.page.get_by_role("group", name=person.t(f"yard.field.{paper}"))
        person.fill("yard.field.number", number, group)
        person.fill("yard.field.issued_on", "2026-11-02", group)
        person.fill("yard.field.issued_by", "СЭС <b>1</b>", group)
    person.button("yard.save").click()
    expect(lacks).to_have_count(0, timeout=PATIENCE_MS)
    rails = person.card("yard.rails.title")
    for name in RAILS:
        person.chosen_of(person.t("yard.assign.rail"), rails).select_option(label=name)
        person.button("yard.assign.put", rails).click()
        expect(rails.get_by_role("link", name=name, exact=True)).to_be_visible(timeout=PATIENCE_MS)
        person.did(name, "assign")
    person.look("wagon_full")


def _the_act_is_signed(person: Inspector) -> None:
    card = person.card("yard.act.title")
    expect(card).not_to_contain_text(person.t("yard.act.lacks"))
    person.button("yard.act.sign", card).click()
    dialog = person.page.get_by_role("dialog", name=person.t("yard.act.sign"))
    expect(dialog).to_contain_text(person.t("yard.act.as", name=PERSON))
    person.fill("yard.act.print_name", PRINTED_NAME, dialog)
    person.fill("yard.act.password", OWN_PASSWORD, dialog)
    person.look("sign")
    person.button("yard.act.sign", dialog).click()
    expect(dialog).to_have_count(0, timeout=PATIENCE_MS)
    person.told(person.like("yard.act.signed"))
    expect(person.page.locator(".yard-head .tag")).to_contain_text("1/20")
    person.look("wagon_signed")
    assert person.page.locator("img[src=x]").count() == 0
    assert person.page.title() != "owned"


def _papers_are_taken(person: Inspector, folder: Path) -> dict[str, Path]:
    person.go("acts")
    row = person.page.get_by_role("main").get_by_role("row").filter(has_text=VEHICLE)
    expect(row).to_contain_text(PERSON)
    expect(row).to_contain_text(SUPPLIER)
    person.look("acts")
    taken = {}
    for form in ("pdf", "csv", "xlsx"):
        link = row.get_by_role("link", name=person.t(f"yard.form.{form}"), exact=True)
        address = link.get_attribute("href") or ""
        answer = person.context.request.get(person.url + address.removeprefix("/"))
        assert answer.ok, answer.status
        taken[form] = folder / f"act.{form}"
        taken[form].write_bytes(answer.body())
    with person.context.expect_page(timeout=PATIENCE_MS) as coming:
        row.get_by_role("link", name=person.t("yard.form.html"), exact=True).click()
    paper = coming.value
    expect(paper.locator("html")).to_have_attribute("lang", person.language, timeout=PATIENCE_MS)
    for text in (SUPPLIER, CONTRACT, VEHICLE, *RAILS):
        expect(paper.locator("body")).to_contain_text(text)
    assert paper.locator("img[src=x]").count() == 0
    person.shot("act", page=paper)
    paper.close()
    return taken


def _corrections_are_taken(person: Inspector, folder: Path) -> Path:
    person.go("wagons")
    link = person.page.get_by_role("link", name=person.t("yard.bundle.get"), exact=True)
    path = folder / "corrections.zip"
    path.write_bytes(person.download(link, folder))
    return path


def _signed_out(person: Inspector) -> None:
    name = person.t("session.signed_in_as", name=PERSON, role=page_texts(person.language)["role.inspector"])
    person.page.get_by_role("button", name=name, exact=True).click()
    person.button("session.sign_out", person.dialog).click()
    person.told(person.t("session.signed_out"))
    expect(person.button("session.sign_in")).to_be_visible()
    expect(person.page.get_by_text(person.t("yard.bundle.get"), exact=True)).to_be_hidden()
