"""The yard's page where answers come late: nothing that was typed, chosen or pressed meanwhile is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Route, expect

from edge_runtime.page import words
from tests.edge.page.yard_rig import YardRig, running_yard
from tests.edge.page.yard_samples import INSPECTOR, add_rail, wagon_fields

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[YardRig]:
    """A yard with a rail."""
    with running_yard(tmp_path_factory.mktemp("yard"), rails=(3000,)) as started:
        yield started


def test_what_is_touched_before_the_rail_has_come_waits_for_it(rig: YardRig) -> None:
    rail_id = add_rail(rig.store, "slow")
    with rig.signed_in() as seen:
        page = seen.page
        held: list[Route] = []
        page.route(re.compile(f"/api/yard/rails/{rail_id}$"), lambda route: held.append(route))
        page.goto(f"{seen.url}/#/rail/{rail_id}")
        page.locator("[data-part=unseen]").click()
        for button in page.locator(".strip-tools .segments button").all():
            button.click()
        for key in ("n", "c", "e", "f", "+", "Home"):
            page.keyboard.press(key)
        for route in held:
            route.continue_()
        page.wait_for_selector(".strip-view[data-drawn]")
        expect(page.locator("[data-part=unseen]")).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".part-box table").first).to_be_visible()
    assert rig.store.rail(rail_id).revision == 0


def test_putting_a_rail_to_a_wagon_leaves_what_is_typed_and_chosen(rig: YardRig) -> None:
    wagon_id = rig.store.add_wagon(wagon_fields(vehicle="778"), INSPECTOR)
    wanted, other = add_rail(rig.store, "wanted"), add_rail(rig.store, "offered first")
    ru = words.page_texts("ru")
    with rig.signed_in() as seen:
        page = seen.page
        page.goto(f"{seen.url}/#/wagon/{wagon_id}")
        choice = page.locator(".inline-form select")
        choice.select_option(label="wanted")
        page.get_by_label(ru["yard.field.note"]).fill("записано")
        with page.expect_response(re.compile("unassigned=true")):  # the list comes once more
            page.locator(".yard-form [type=submit]").click()
        page.wait_for_load_state("networkidle")
        expect(choice.locator("option:checked")).to_have_text("wanted")
        page.get_by_label(ru["yard.field.note"]).fill("ещё не записано")
        page.get_by_role("button", name=ru["yard.assign.put"]).click()
        expect(page.get_by_role("link", name="wanted", exact=True)).to_be_visible()
        expect(page.get_by_label(ru["yard.field.note"])).to_have_value("ещё не записано")
    assert rig.store.rail(wanted).wagon_id == wagon_id
    assert rig.store.rail(other).wagon_id is None
