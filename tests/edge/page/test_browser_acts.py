"""What people do at the page, in a real browser: acts, sign-in in their middle, refusals, roles, alarms."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Route, expect

from edge_runtime.day.acts import OpenShift
from edge_runtime.day.client import send_act
from edge_runtime.day.state import Challenge, Changeover, DayState
from edge_runtime.page import words
from tests.edge.page.browser_rig import EVIL, PASSWORD, Rig, Watched, running_rig

pytestmark = pytest.mark.long
RU = words.page_texts("ru")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A line that runs."""
    with running_rig(tmp_path_factory.mktemp("acts"), parts=10) as started:
        yield started


@pytest.fixture(autouse=True)
def _fresh_day(rig: Rig) -> Iterator[None]:
    """Every test begins with nothing open."""
    rig.station.day = DayState(revision=rig.station.day.revision + 1)
    rig.station.acts.clear()
    yield
    rig.station.plc(latched=False, stop_cause="none")


@pytest.fixture
def seen(rig: Rig) -> Iterator[Watched]:
    """A window that nobody has signed in at."""
    with rig.window() as watched:
        yield watched


def _signed_in(seen: Watched, name: str, view: str = "day") -> None:
    seen.open(view)
    seen.page.get_by_role("button", name=RU["session.sign_in"]).click()
    seen.sign_in(name)
    expect(seen.page.locator(".shell-user")).to_contain_text(name)


def test_act_of_a_stranger_asks_for_the_sign_in_and_is_then_done(rig: Rig, seen: Watched) -> None:
    seen.open("day")
    seen.page.locator(".shift input").fill("Ночная Қ")
    seen.page.locator(".shift input").press("Enter")
    seen.sign_in("Айгүл")
    expect(seen.page.locator(".shift .facts")).to_contain_text("Ночная Қ")
    expect(seen.page.locator("#notices")).to_contain_text("Ночная Қ")
    assert [(request.by, request.role, request.act) for request in rig.station.acts] == [
        ("Айгүл", "operator", OpenShift(name="Ночная Қ"))
    ]


def test_sign_in_given_up_keeps_what_was_typed(rig: Rig, seen: Watched) -> None:
    seen.open("day")
    seen.page.locator(".shift input").fill("Дневная")
    seen.page.locator(".shift input").press("Enter")
    seen.page.locator("dialog[open]").wait_for()
    seen.page.keyboard.press("Escape")
    expect(seen.page.locator(".shift .form-error")).to_have_text(RU["error.not_signed_in"])
    expect(seen.page.locator(".shift input")).to_have_value("Дневная")
    assert rig.station.acts == []


def test_wrong_password_is_said_and_can_be_mended(seen: Watched) -> None:
    seen.expect_trouble(r"401")
    seen.open("day")
    seen.page.get_by_role("button", name=RU["session.sign_in"]).click()
    dialog = seen.page.locator("dialog[open]")
    dialog.locator("input[autocomplete=username]").fill("Асхат")
    dialog.locator("input[type=password]").fill("falsch")
    dialog.locator("input[type=password]").press("Enter")
    expect(dialog.locator(".form-error")).to_have_text(RU["refused.wrong_name_or_password"])
    dialog.locator("input[type=password]").fill(PASSWORD)
    dialog.locator("input[type=password]").press("Enter")
    expect(seen.page.locator(".shell-user")).to_contain_text("Асхат")


def test_session_that_ends_mid_act_loses_nothing(rig: Rig, seen: Watched) -> None:
    _signed_in(seen, "Асхат")
    seen.page.locator(".shift input").fill("Вечерняя")
    seen.context.clear_cookies()
    seen.expect_trouble(r"401")
    seen.page.locator(".shift input").press("Enter")
    dialog = seen.page.locator("dialog[open]")
    expect(dialog.locator("input[autocomplete=username]")).to_be_visible()
    expect(seen.page.locator(".shift input")).to_have_value("Вечерняя")
    seen.sign_in("Айгүл")
    expect(seen.page.locator(".shift .facts")).to_contain_text("Вечерняя")
    assert [(request.by, request.act.kind) for request in rig.station.acts] == [("Айгүл", "open_shift")]


def test_second_of_two_foremen_is_told(rig: Rig, seen: Watched) -> None:
    _signed_in(seen, "Асхат")
    seen.expect_trouble(r"409")

    def overtaken(route: Route) -> None:
        send_act(rig.server.config.name, OpenShift(name="Их смена"), "Ерлан", "foreman")
        route.continue_()

    seen.page.route("**/api/acts", overtaken, times=1)
    lot = seen.page.locator(".lot")
    lot.locator("input").first.fill("П-2001")
    lot.locator("input").first.press("Enter")
    error = lot.locator(".form-error")
    expect(error).to_contain_text("Ерлан")
    expect(error).to_contain_text(RU["act.open_shift"])
    expect(lot.locator("input").first).to_have_value("П-2001")
    expect(seen.page.locator(".shift .facts")).to_contain_text("Их смена")
    # What has changed is on the page now: the same once more goes through.
    lot.locator("input").first.press("Enter")
    expect(lot.locator(".facts")).to_contain_text("П-2001")
    assert [request.act.kind for request in rig.station.acts] == ["open_shift", "open_lot"]


def test_lot_of_another_product_is_refused_in_words(rig: Rig, seen: Watched) -> None:
    _signed_in(seen, "Айгүл")
    seen.expect_trouble(r"409")
    lot = seen.page.locator(".lot")
    product = lot.locator("input").nth(1)
    expect(product).to_have_value(re.compile("Grinding ball 40"))
    lot.locator("input").first.fill(EVIL[:80])
    product.fill("Шар 60")
    product.press("Enter")
    expect(lot.locator(".form-error")).to_contain_text("«Шар 60»")
    assert seen.page.locator("img[src=x]").count() == 0
    assert rig.station.acts == []


def test_lot_is_opened_and_closed_with_balls_in_flight(rig: Rig, seen: Watched) -> None:
    _signed_in(seen, "Айгүл")
    lot = seen.page.locator(".lot")
    lot.locator("input").first.fill("П-7")
    lot.get_by_role("button", name=RU["day.open_lot"]).click()
    expect(lot.locator(".facts")).to_contain_text("П-7")
    lot.get_by_role("button", name=RU["day.close_lot"]).click()
    dialog = seen.page.locator("dialog[open]")
    expect(dialog).to_contain_text(RU["day.in_flight_lot"].format(n=3))
    dialog.locator("footer .primary").click()
    expect(lot.locator("form")).to_be_visible()
    assert rig.station.day.closed_lots == ("П-7",)


def test_buttons_that_a_role_may_not_press_are_off_and_say_why(seen: Watched) -> None:
    _signed_in(seen, "Айгүл")
    change = seen.page.locator(".changeover").get_by_role("button", name=RU["day.change_recipe"])
    seen.page.locator(".changeover select").select_option("gost:40")
    expect(change).to_be_disabled()
    expect(change).to_have_attribute("title", RU["day.not_allowed"])
    expect(seen.page.locator(".shift").get_by_role("button", name=RU["day.open_shift"])).to_be_enabled()
    expect(seen.page.locator("nav").get_by_role("link", name=RU["view.people"])).to_be_hidden()


def test_changeover_shows_old_and_new_waits_and_can_be_kept(rig: Rig, seen: Watched) -> None:
    _signed_in(seen, "Асхат")
    changeover = seen.page.locator(".changeover")
    changeover.locator("select").select_option("gost:40")
    expect(changeover.locator(".recipe")).to_have_count(2)
    old, new = (changeover.locator(".recipe").nth(number).inner_text() for number in (0, 1))
    assert old != new
    changeover.get_by_role("button", name=RU["day.change_recipe"]).click()
    seen.page.locator("dialog[open] footer .primary").click()
    expect(changeover.locator(".zone-count")).to_have_text("3")
    expect(seen.page.locator(".band")).to_have_attribute("data-code", "changeover")
    asked = rig.station.day.changeover
    assert isinstance(asked, Changeover)
    assert asked.asked_by == "Асхат"
    changeover.get_by_role("button", name=RU["day.cancel_changeover"]).click()
    expect(changeover.locator("form")).to_be_visible()
    assert rig.station.day.changeover is None


def test_challenge_is_announced_and_followed_ball_by_ball(rig: Rig, seen: Watched) -> None:
    _signed_in(seen, "Айгүл")
    card = seen.page.locator(".challenge")
    card.get_by_role("button", name=RU["button.less"]).click()
    card.locator("select").select_option("crack")
    card.get_by_role("button", name=RU["day.begin_challenge"]).click()
    expect(card.locator(".dot")).to_have_count(2)
    running = rig.station.day.challenge
    assert isinstance(running, Challenge)
    assert (running.balls, running.expected) == (2, "crack")
    expect(seen.page.locator(".band")).to_have_attribute("data-code", "challenge_waits")
    step = running.model_copy(update={"waiting": False, "triggered": 2, "rejected": 1})
    rig.station.day = rig.station.day.model_copy(update={"challenge": step})
    expect(card.locator(".dot.rejected")).to_have_count(1)
    expect(card.locator(".dot.flying")).to_have_count(1)
    expect(seen.page.locator(".band")).to_have_attribute("data-code", "challenge_runs")
    missed = {"challenge": None, "containment": running.challenge, "last_challenge_result": "missed"}
    rig.station.day = rig.station.day.model_copy(update=missed)
    expect(card.locator(".callout.bad")).to_contain_text(running.challenge)


def test_line_is_stopped_only_with_a_reason(rig: Rig, seen: Watched) -> None:
    _signed_in(seen, "Айгүл")
    seen.page.locator(".day-card.stop").get_by_role("button", name=RU["day.stop_line"]).click()
    dialog = seen.page.locator("dialog[open]")
    dialog.locator("footer .danger").click()
    expect(dialog.locator(".form-error")).to_have_text(RU["day.reason_needed"])
    assert rig.station.acts == []
    dialog.locator("input").fill("Шар застрял")
    dialog.locator("input").press("Enter")
    expect(seen.page.locator("dialog")).to_have_count(0)
    assert [request.act.model_dump() for request in rig.station.acts] == [
        {"kind": "stop_line", "reason": "Шар застрял"}
    ]
    rig.station.plc(latched=True, stop_cause="station_request")
    expect(seen.page.locator(".day-card.stop")).to_contain_text(RU["stop_cause.station_request"])


def test_alarm_is_acknowledged_by_name(rig: Rig, seen: Watched) -> None:
    rig.station.plc(inputs=("bin_full",))
    try:
        what = RU["alarm.bin_full.what"]
        _signed_in(seen, "Айгүл", "alarms")
        row = seen.page.locator(".alarm", has_text=what)
        row.get_by_role("button").click()
        dialog = seen.page.locator("dialog[open]")
        expect(dialog).to_contain_text("Айгүл")
        dialog.locator("input").fill("Бункер меняем <b>")
        dialog.locator("input").press("Enter")
        expect(row.locator(".alarm-seen")).to_contain_text("Айгүл")
        expect(row.get_by_role("button")).to_have_count(0)
        past = seen.page.locator("table tr", has_text=what)
        expect(past).to_contain_text("Бункер меняем <b>")
        seen.page.goto(f"{rig.server.url}/#/line")
        expect(seen.page.locator(".strip")).not_to_contain_text(what)
    finally:
        rig.station.plc(inputs=())


def test_admin_adds_a_person_who_must_choose_a_password(rig: Rig, seen: Watched) -> None:
    _signed_in(seen, "Әсел", "line")
    seen.page.locator("nav").get_by_role("link", name=RU["view.people"]).click()
    form = seen.page.locator("form.inline-form")
    form.locator("input").fill("Ғалия <i>")
    form.locator("select").select_option("foreman")
    form.locator("input").press("Enter")
    once = seen.page.locator("dialog[open] .one-time").inner_text()
    assert len(once) >= 8
    seen.page.locator("dialog[open] footer .primary").click()
    expect(seen.page.locator("tbody th", has_text="Ғалия <i>")).to_be_visible()
    assert once not in seen.page.content()

    with rig.window() as other:
        other.open("day")
        other.page.get_by_role("button", name=RU["session.sign_in"]).click()
        dialog = other.page.locator("dialog[open]")
        dialog.locator("input[autocomplete=username]").fill("Ғалия <i>")
        dialog.locator("input[type=password]").fill(once)
        dialog.locator("input[type=password]").press("Enter")
        fresh = other.page.locator("dialog[open] input[autocomplete=new-password]")
        expect(fresh).to_have_count(2)
        fresh.nth(0).fill(PASSWORD)
        fresh.nth(1).fill("another one 77")
        fresh.nth(1).press("Enter")
        expect(other.page.locator("dialog[open] .form-error")).to_have_text(RU["session.not_the_same"])
        fresh.nth(1).fill(PASSWORD)
        fresh.nth(1).press("Enter")
        expect(other.page.locator("dialog")).to_have_count(0)
        expect(other.page.locator(".shell-user")).to_contain_text("Ғалия <i>")


def test_person_signs_out(seen: Watched) -> None:
    _signed_in(seen, "Данияр")
    seen.page.locator(".shell-user button").click()
    seen.page.locator("dialog[open] footer .primary").click()
    expect(seen.page.get_by_role("button", name=RU["session.sign_in"])).to_be_visible()
    assert [cookie for cookie in seen.context.cookies() if cookie["name"] != "language"] == []
