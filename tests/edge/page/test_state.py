"""GET /api/state and the alarms, through the page's own application and services."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from edge_runtime.day.state import DayState, Lot, Shift
from edge_runtime.entries import Entry
from edge_runtime.ledger.apply import Applier
from edge_runtime.ledger.store import ledger_url, open_ledger
from edge_runtime.live.mailbox import MailboxWriter, status_box_name
from edge_runtime.live.status import StationStatus
from edge_runtime.page import keeper as keeper_module
from edge_runtime.page.context import PageContext
from edge_runtime.page.keeper import RateMeter, keeper_of
from edge_runtime.people.roles import Role
from tests.edge.ledger.day_samples import Day
from tests.edge.ledger_samples import counters, epoch, outcome, part, placed, session
from tests.edge.page.conftest import PageUser
from tests.edge.page.live_rig import wait_until
from tests.edge.page.status_samples import sample_status, shown_status

S = 1_000_000_000
#: fields that the page's front end is built on
FIELDS = {
    "status",
    "status_age_ms",
    "station_seen",
    "viewer",
    "csrf",
    "alarms",
    "books",
    "counts",
    "rate_balls_per_s",
    "machine",
    "recorder",
    "page",
    "server_utc_ms",
}


@pytest.fixture(autouse=True)
def _real_clocks(page_context: PageContext) -> None:
    page_context.mono_ns, page_context.utc_ns = time.monotonic_ns, time.time_ns


@pytest.fixture
def ledger(page_context: PageContext) -> Iterator[sa.Engine]:
    engine = open_ledger(ledger_url(page_context.storage))
    yield engine
    engine.dispose()


def _status(context: PageContext, **changes: Any) -> StationStatus:
    times = {"written_mono_ns": time.monotonic_ns(), "written_utc_ns": time.time_ns()}
    return sample_status(context.station, **(times | {"started_utc_ns": time.time_ns()} | changes))


def _as_shown(status: StationStatus) -> dict[str, Any]:
    return status.model_dump(mode="json", exclude={"day": {"closed_lots"}})


def _state(user: PageUser) -> dict[str, Any]:
    answer = user.get("/api/state")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _codes(user: PageUser) -> set[str]:
    return {alarm["code"] for alarm in _state(user)["alarms"]}


def test_without_station_and_ledger_the_page_says_so(anybody: PageUser, page_context: PageContext) -> None:
    wait_until(lambda: _state(anybody)["ledger"]["detail"] != "")
    state = _state(anybody)
    assert set(state) >= FIELDS
    assert (state["status"], state["status_age_ms"], state["station_seen"]) == (None, None, False)
    assert (state["viewer"], state["csrf"]) == (None, None)
    assert state["ledger"]["ok"] is False
    assert "no ledger yet" in state["ledger"]["detail"]
    assert state["books"] == {"state": "unknown", "problems": [], "checked_utc_ms": None}
    assert state["counts"]["shift"] is None
    # Not "no ball in the last hour": nobody knows.
    assert state["counts"]["hour"] is None
    assert state["rate_balls_per_s"] is None
    assert state["page"]["language"] == "ru"
    assert state["page"]["station"] == page_context.station


def test_the_station_s_status_as_it_was_told(anybody: PageUser, page_context: PageContext) -> None:
    status = _status(page_context, day=DayState(closed_lots=("a", "b")))
    with shown_status(status):
        wait_until(lambda: _state(anybody)["station_seen"])
        state = _state(anybody)
        assert state["status"] == _as_shown(status)
        assert state["station_alive"] is True
        assert 0 <= state["status_age_ms"] < 3000
    # Gone, and its mailbox with it: what it told last is still shown, with its age.
    wait_until(lambda: not _state(anybody)["station_alive"])
    state = _state(anybody)
    assert state["status"] == _as_shown(status)
    assert state["status_age_ms"] > 3000
    assert state["rate_balls_per_s"] is None


def test_figures_that_are_none_reach_the_browser_as_null(
    anybody: PageUser, page_context: PageContext
) -> None:
    with shown_status(_status(page_context)) as box:
        plain = _status(page_context).model_dump(mode="json") | {"loop_ms_p50": math.nan}
        box.write(json.dumps(plain).encode())
        wait_until(lambda: _state(anybody)["station_seen"])
        assert _state(anybody)["status"]["loop_ms_p50"] is None


@pytest.mark.parametrize("rubbish", [b"", b"{", b"[]", b"\xff\xfe", b'{"station": "x"}'])
def test_a_status_of_another_version_is_said(
    rubbish: bytes, anybody: PageUser, page_context: PageContext
) -> None:
    box = MailboxWriter(status_box_name(page_context.station), 1 << 16)
    try:
        box.write(rubbish)
        wait_until(lambda: _state(anybody)["status_trouble"] != "")
        assert _state(anybody)["status"] is None
        box.write(_status(page_context).model_dump_json().encode())
        wait_until(lambda: _state(anybody)["station_seen"])
        assert _state(anybody)["status_trouble"] == ""
    finally:
        box.close()


def test_who_looks(page_client: Callable[[Role], PageUser]) -> None:
    user = page_client("foreman")
    state = _state(user)
    assert (state["viewer"]["name"], state["viewer"]["role"]) == ("foreman", "foreman")
    assert "change_recipe" in state["viewer"]["permissions"]
    assert state["csrf"] == user.csrf


def test_counts_of_shift_lot_and_hour(
    page_context: PageContext, ledger: sa.Engine, anybody: PageUser
) -> None:
    day = Day()
    now = time.time_ns()
    entries: list[Entry] = [session(), epoch(), day.open_shift("early"), day.open_lot("lot 7")]
    for seq in range(1, 6):
        verdict = "reject" if seq == 1 else "accept"
        entries += [part(seq, utc_ns=now, decision=verdict), outcome(seq, verdict=verdict, utc_ns=now)]
    entries += [part(6, utc_ns=now, challenge="C-1"), outcome(6, utc_ns=now), counters(5, 1)]
    Applier(ledger).apply(placed(entries))
    opened = day.state.shift
    lot = Lot(name="lot 7", product="ball 40", opened_by="a", opened_utc_ns=now, recipe_sha256="a" * 64)
    with shown_status(_status(page_context, day=DayState(shift=opened, lot=lot))):
        wait_until(lambda: _state(anybody)["counts"]["lot"] is not None)
        state = _state(anybody)
    for name in ("shift", "lot", "hour"):
        counts = state["counts"][name]
        assert (counts["parts"], counts["accepted"], counts["rejected"]) == (6, 4, 1), name
        assert (counts["challenge"], counts["open"], counts["bypassed"]) == (1, 0, 0), name
        assert counts["reasons"] == {"crack": 1}, name
    assert state["books"]["state"] == "balanced"
    assert state["books"]["checked_utc_ms"] > 1e12
    assert state["ledger"] == {"ok": True, "detail": ""}
    assert page_context.books_state() == "balanced"


def test_a_shift_that_the_recorder_has_not_written_yet_is_not_yesterday_s(
    page_context: PageContext, ledger: sa.Engine, anybody: PageUser
) -> None:
    day, now = Day(), time.time_ns()
    entries: list[Entry] = [session(), epoch(), day.open_shift("early"), day.open_lot("lot 7"), part(1)]
    Applier(ledger).apply(placed(entries))
    today = Shift(name="early", opened_by="Aigul", opened_utc_ns=now)
    with shown_status(_status(page_context, day=DayState(shift=today, lot=day.state.lot))):
        # Read for this status: its lot is there.
        wait_until(lambda: _state(anybody)["counts"]["lot"] is not None)
        assert _state(anybody)["counts"]["shift"] is None


def test_a_ledger_that_comes_later_is_found(page_context: PageContext, anybody: PageUser) -> None:
    wait_until(lambda: "no ledger yet" in _state(anybody)["ledger"]["detail"])
    open_ledger(ledger_url(page_context.storage)).dispose()
    wait_until(lambda: bool(_state(anybody)["ledger"]["ok"]))


def test_a_ledger_that_breaks_is_said_and_the_page_lives_on(
    page_context: PageContext, ledger: sa.Engine, anybody: PageUser
) -> None:
    wait_until(lambda: bool(_state(anybody)["ledger"]["ok"]))
    with ledger.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE part RENAME TO part_gone")
    wait_until(lambda: not _state(anybody)["ledger"]["ok"])
    state = _state(anybody)
    assert "part" in state["ledger"]["detail"]
    assert state["books"]["state"] == "unknown"
    assert state["counts"] == {"shift": None, "lot": None, "hour": None}
    assert anybody.get("/api/rejects").status_code == 503
    with ledger.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE part_gone RENAME TO part")
    wait_until(lambda: bool(_state(anybody)["ledger"]["ok"]))


def test_an_alarm_comes_is_acknowledged_by_name_and_goes(
    page_context: PageContext, ledger: sa.Engine, page_client: Callable[[Role], PageUser]
) -> None:
    user = page_client("operator")
    latched = _status(page_context).plc.model_copy(update={"latched": True, "stop_cause": "mismatch"})
    with shown_status(_status(page_context, plc=latched)) as box:

        def stop() -> bool:
            # Written anew at every look: a status that is a second old counts as a dead station.
            box.write(_status(page_context, plc=latched).model_dump_json().encode())
            return "latched_mismatch" in _codes(user)

        wait_until(stop)
        wait_until(lambda: _state(user)["alarms_stored"])
        (alarm,) = (one for one in _state(user)["alarms"] if one["code"] == "latched_mismatch")
        assert (alarm["level"], alarm["acknowledged_by"]) == ("stop", None)
        answer = user.post(f"/api/alarms/{alarm['id']}/acknowledge", {"note": " jammed ball "})
        assert answer.status_code == 200, answer.text
        assert (answer.json()["alarm"]["acknowledged_by"], answer.json()["alarm"]["note"]) == (
            "operator",
            "jammed ball",
        )
        (alarm,) = (one for one in _state(user)["alarms"] if one["code"] == "latched_mismatch")
        assert alarm["acknowledged_by"] == "operator"
        again = user.post(f"/api/alarms/{alarm['id']}/acknowledge", {"note": ""})
        assert (again.status_code, again.json()["code"]) == (409, "alarm_acknowledged")
        assert again.json()["values"] == {"by": "operator"}

        def reset() -> bool:
            box.write(_status(page_context).model_dump_json().encode())
            return "latched_mismatch" not in _codes(user)

        wait_until(reset)
    history = user.get("/api/alarms").json()
    (row,) = (one for one in history["alarms"] if one["code"] == "latched_mismatch")
    assert row["cleared_utc_ms"] >= row["acknowledged_utc_ms"] >= row["raised_utc_ms"]
    assert row["note"] == "jammed ball"


#: number, body, HTTP status, code
REFUSED: list[tuple[object, object, int, str]] = [
    (99_999, {"note": ""}, 404, "alarm_unknown"),
    (10**30, {"note": ""}, 422, "bad_request"),
    (-1, {"note": ""}, 422, "bad_request"),
    (1, {"note": "x" * 501}, 422, "bad_request"),
    (1, {"nota": "x"}, 422, "bad_request"),
    (1, ["note"], 422, "bad_request"),
    ("one", {"note": ""}, 422, "bad_request"),
]


def test_acknowledgements_that_cannot_be(ledger: sa.Engine, page_client: Callable[[Role], PageUser]) -> None:
    user = page_client("operator")
    for number, body, status, code in REFUSED:
        answer = user.post(f"/api/alarms/{number}/acknowledge", body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), (number, body)


def test_who_may_not_acknowledge(
    ledger: sa.Engine, anybody: PageUser, page_client: Callable[[Role], PageUser]
) -> None:
    assert anybody.post("/api/alarms/1/acknowledge", {"note": ""}).status_code == 401
    answer = page_client("data").post("/api/alarms/1/acknowledge", {"note": ""})
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


def test_the_history_is_paged(page_context: PageContext, ledger: sa.Engine, anybody: PageUser) -> None:
    from edge_runtime.ledger.alarms import clear_alarm, raise_alarm
    from edge_runtime.ledger.store import writing

    with writing(ledger) as connection:
        for number in range(7):
            made = raise_alarm(connection, f"old_{number}", "", "warning", {}, number)
            clear_alarm(connection, made, number + 1)
    seen: list[str] = []
    before = ""
    while True:
        answer = anybody.get(f"/api/alarms?limit=3{before}").json()
        assert len(answer["alarms"]) <= 3
        seen += [alarm["code"] for alarm in answer["alarms"] if alarm["code"].startswith("old_")]
        if not answer["more"]:
            break
        before = f"&before={answer['alarms'][-1]['id']}"
    assert seen == [f"old_{number}" for number in reversed(range(7))]
    only_open = anybody.get("/api/alarms?open=1&limit=5").json()
    assert only_open["more"] is True
    assert all(alarm["acknowledged_by"] is None for alarm in only_open["alarms"])


def test_alarms_survive_a_page_that_is_started_again(
    make_context: Callable[..., PageContext],
    serve_page: Callable[[PageContext], Any],
    page_context: PageContext,
    ledger: sa.Engine,
    anybody: PageUser,
) -> None:
    held = _status(page_context, ready=False, holds={"journal": "no space left"})
    with shown_status(held):
        wait_until(lambda: "journal_stuck" in _codes(anybody))
        wait_until(lambda: _state(anybody)["alarms_stored"])
        (first,) = (one for one in _state(anybody)["alarms"] if one["code"] == "journal_stuck")
        second = make_context()
        second.mono_ns, second.utc_ns = time.monotonic_ns, time.time_ns
        other = PageUser(serve_page(second))
        wait_until(lambda: "journal_stuck" in _codes(other))
        wait_until(lambda: _state(other)["alarms_stored"])
        (again,) = (one for one in _state(other)["alarms"] if one["code"] == "journal_stuck")
    assert (again["id"], again["raised_utc_ms"]) == (first["id"], first["raised_utc_ms"])


def test_the_wizard_s_page_raises_no_alarms(page_context: PageContext, ledger: sa.Engine) -> None:
    page_context.mode = "commission"
    keeper = keeper_of(page_context)

    async def look() -> None:
        async with keeper.running():
            while not keeper.snapshot()["ledger"]["ok"]:
                await asyncio.sleep(0.05)
            await asyncio.sleep(1.2)

    with shown_status(_status(page_context, ready=False, holds={"journal": "no space left"})):
        asyncio.run(asyncio.wait_for(look(), 20.0))
        state = keeper.snapshot()
    assert state["station_seen"]
    assert state["alarms"] == []


def test_a_fault_of_ours_ends_the_process_instead_of_standing_still(
    page_context: PageContext, serve_page: Callable[[PageContext], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(keeper_module, "find_conditions", broken)
    serve_page(page_context)
    wait_until(lambda: isinstance(page_context.failure, ZeroDivisionError))


def test_the_routes_share_one_keeper(page_context: PageContext) -> None:
    assert keeper_of(page_context) is keeper_of(page_context)
    assert len(page_context.services) == 1


def test_the_rate_is_that_of_the_station_s_own_count_and_clock(page_context: PageContext) -> None:
    meter = RateMeter()

    def take(second: float, triggers: int, session: str = "s") -> float | None:
        status = sample_status("x", written_mono_ns=int(second * S), session=session)
        meter.take(status.model_copy(update={"counts": {"triggers": triggers}}))
        return meter.balls_per_s()

    assert take(100.0, 1000) is None
    assert take(100.5, 1005) is None
    assert take(101.0, 1010) == 10.0
    assert take(101.0, 1010) == 10.0  # the same status, looked at again
    for second in range(102, 111):
        assert take(second, 1000 + 10 * (second - 100)) == 10.0
    assert take(120.0, 1100) == 0.0  # the belt stands: what was before has gone out of the span
    assert take(130.0, 5, session="t") is None  # started again: counts begin anew
    assert take(131.5, 20, session="t") == 10.0
