"""Figures for Prometheus, read back by its own parser."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from edge_runtime.config import StationConfig
from edge_runtime.day.state import Challenge, DayState, Lot, Shift
from edge_runtime.ledger.alarms import raise_alarm
from edge_runtime.ledger.models import CountersRow
from edge_runtime.ledger.store import ledger_url, open_ledger, writing
from edge_runtime.page.context import PageContext
from tests.edge.page.conftest import BASE_URL, PASSWORD, START_UTC_NS, Clock, PageUser
from tests.edge.page.status_samples import sample_status, shown_status

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def _read(text: str) -> Figures:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _scrape(user: PageUser) -> Figures:
    answer = user.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    return _read(answer.text)


def _of(figures: Figures, name: str, /, **labels: str) -> float | None:
    return figures.get((f"ferrogate_{name}", frozenset(labels.items())))


def test_a_running_line(page_context: PageContext, anybody: PageUser) -> None:
    with shown_status(sample_status(page_context.station)):
        figures = _scrape(anybody)
    expected = {
        ("station_up",): 1,
        ("station_ready",): 1,
        ("parts_total", "verdict", "accept"): 80,
        ("parts_total", "verdict", "review"): 7,
        ("parts_total", "verdict", "reject"): 10,
        ("parts_total", "verdict", "none"): 2,
        ("triggers_total",): 100,
        ("faults_total", "code", "late"): 2,
        ("plc_events_total", "event", "accepted"): 80,
        ("parts_in_zone",): 1,
        ("journal_waiting_entries",): 4,
        ("journal_ok",): 1,
        ("last_view_to_verdict_seconds", "quantile", "0.5"): 0.012,
        ("last_view_to_verdict_seconds", "quantile", "0.99"): 0.031,
        ("camera_last_frame_age_seconds", "camera", "left"): 0.25,
        ("camera_ok", "camera", "left"): 1,
        ("camera_ok", "camera", "right"): 0,
        ("lamp_share", "camera", "left"): 0.9,
        ("focus_px", "camera", "left"): 2.5,
        ("camera_shift_px", "camera", "left"): 0.25,
        ("plc_connected",): 1,
        ("plc_input", "input", "air_low"): 1,
        ("plc_input", "input", "e_stop"): 0,
        ("bypass",): 0,
        ("belt_latched",): 0,
        ("shift_open",): 0,
        ("lot_open",): 0,
    }
    for (name, *label), value in expected.items():
        labels = {label[0]: label[1]} if label else {}
        assert _of(figures, name, **labels) == pytest.approx(value), (name, label)
    # What is not known is not 0: the right camera has given no picture yet.
    assert _of(figures, "camera_last_frame_age_seconds", camera="right") is None
    assert _of(figures, "lamp_share", camera="right") is None
    free = _of(figures, "disk_free_bytes")
    assert free is not None
    assert free > 0


def test_a_line_that_is_held(page_context: PageContext, anybody: PageUser) -> None:
    plain = sample_status(page_context.station)
    day = DayState(
        shift=Shift(name="day", opened_by="a", opened_utc_ns=1),
        lot=Lot(name="<b>", product="p", opened_by="a", opened_utc_ns=1, recipe_sha256="x"),
        challenge=Challenge(
            challenge="C-1", balls=3, expected="any", lane=0, announced_by="a", announced_utc_ns=1
        ),
        challenge_due_utc_ns=1_800_000_000_500_000_000,
        containment="C-1",
    )
    plc = plain.plc.model_copy(update={"key_switch": "bypass", "latched": True, "connected": False})
    held = plain.model_copy(update={"ready": False, "holds": {"plc": "x"}, "day": day, "plc": plc})
    with shown_status(held):
        figures = _scrape(anybody)
    assert _of(figures, "station_ready") == 0
    assert _of(figures, "hold", name="plc") == 1
    assert _of(figures, "bypass") == 1
    assert _of(figures, "belt_latched") == 1
    assert _of(figures, "plc_connected") == 0
    assert _of(figures, "shift_open") == _of(figures, "lot_open") == _of(figures, "challenge_missed") == 1
    assert _of(figures, "challenge_due_timestamp_seconds") == 1_800_000_000.5


def test_a_station_that_fell_silent_tells_nothing_more(
    page_context: PageContext, anybody: PageUser, page_clock: Clock
) -> None:
    with shown_status(sample_status(page_context.station)):
        page_clock.forward(3.5)
        figures = _scrape(anybody)
    assert _of(figures, "station_up") == 0
    assert _of(figures, "station_status_age_seconds") == 3.5
    assert _of(figures, "station_ready") is None
    assert _of(figures, "parts_total", verdict="accept") is None


def test_without_station_and_ledger_the_page_still_tells_of_itself(anybody: PageUser) -> None:
    figures = _scrape(anybody)
    assert _of(figures, "station_up") == 0
    assert _of(figures, "ledger_up") == 0
    assert _of(figures, "page_process_resident_memory_bytes") is not None


def test_alarms_and_the_ledgers_age(page_context: PageContext, anybody: PageUser, page_clock: Clock) -> None:
    engine = open_ledger(ledger_url(page_context.storage))
    with writing(engine) as connection:
        raise_alarm(connection, "disk_low", "", "warning", {}, START_UTC_NS)
        raise_alarm(connection, "bypass", "", "stop", {}, START_UTC_NS)
        raise_alarm(connection, "air_low", "", "stop", {}, START_UTC_NS)
        values = {"plc_boot_id": 1, "totals": {}, "utc_ns": START_UTC_NS, "segment": 0, "offset": 0}
        connection.execute(sa.insert(CountersRow).values(values))
    engine.dispose()
    page_context.books_state = lambda: "unbalanced"
    page_clock.forward(10.0)
    figures = _scrape(anybody)
    assert _of(figures, "ledger_up") == 1
    assert [_of(figures, "alarms", level=level) for level in ("warning", "error", "stop")] == [1, 0, 2]
    assert _of(figures, "ledger_newest_counters_timestamp_seconds") == START_UTC_NS / 1e9
    assert _of(figures, "books_balanced") == 0


def test_a_ledger_that_breaks_spoils_no_other_figure(
    page_context: PageContext, anybody: PageUser, page_clock: Clock
) -> None:
    path = page_context.storage / "ledger.sqlite"
    open_ledger(ledger_url(page_context.storage)).dispose()
    page_clock.forward(10.0)
    assert _of(_scrape(anybody), "ledger_up") == 1
    for spare in path.parent.glob("ledger.sqlite-*"):
        spare.unlink()
    path.write_bytes(b"\0" * 8192)
    figures = _scrape(anybody)
    assert _of(figures, "ledger_up") == 0
    assert _of(figures, "disk_free_bytes") is not None


def test_totals_only_grow_while_the_station_lives(page_context: PageContext, anybody: PageUser) -> None:
    """Whatever the order in which the station's counters step, no total of Prometheus falls."""
    counts = {"parts": 0, "judged": 0, "verdict_accept": 0, "verdict_reject": 0}
    seen: list[Figures] = []
    steps = [
        {"parts"},
        {"parts", "judged", "verdict_accept"},
        {"parts"},
        {"parts", "judged", "verdict_reject"},
    ]
    for step in steps:
        counts = {key: value + (key in step) for key, value in counts.items()}
        with shown_status(sample_status(page_context.station, counts=counts)):
            seen.append(_scrape(anybody))
    for before, after in itertools.pairwise(seen):
        falls = [key for key in before if key[0].startswith("ferrogate_parts") and after[key] < before[key]]
        assert not [key for key in falls if key[0].endswith("_total")]


def test_text_of_people_cannot_break_the_format(page_context: PageContext, anybody: PageUser) -> None:
    plain = sample_status(page_context.station)
    recipe = plain.recipe.model_copy(update={"product": 'шар "40"\n\\ <b>'})
    with shown_status(plain.model_copy(update={"recipe": recipe})):
        figures = _scrape(anybody)
    (labels,) = [dict(key[1]) for key in figures if key[0] == "ferrogate_station_info"]
    assert labels["product"] == 'шар "40"\n\\ <b>'


@pytest.mark.parametrize(
    ("client", "page", "headers", "status"),
    [
        ("127.0.0.1", {"view_without_sign_in": False}, {}, 200),  # a Prometheus on this machine
        ("10.0.0.9", {"view_without_sign_in": False}, {}, 401),
        ("10.0.0.9", {"view_without_sign_in": True}, {}, 200),
        # Behind a proxy everybody comes from this machine; without a word for whom, nobody is believed.
        ("127.0.0.1", {"view_without_sign_in": False, "behind_proxy": True}, {}, 401),
    ],
)
def test_who_may_scrape(
    set_page: Callable[..., StationConfig],
    make_context: Callable[..., PageContext],
    client: str,
    page: dict[str, object],
    headers: dict[str, str],
    status: int,
) -> None:
    from edge_runtime.page.app import build_app

    app = build_app(make_context(set_page(**page)))
    with TestClient(app, base_url=BASE_URL, client=(client, 1)) as http:
        assert http.get("/metrics", headers=headers).status_code == status


def test_whoever_is_signed_in_may_scrape(
    set_page: Callable[..., StationConfig],
    make_context: Callable[..., PageContext],
) -> None:
    from edge_runtime.page.app import build_app

    context = make_context(set_page(view_without_sign_in=False))
    context.accounts.create("data", "data", PASSWORD, by="test")
    with TestClient(build_app(context), base_url=BASE_URL, client=("10.0.0.9", 1)) as http:
        user = PageUser(http)
        assert user.get("/metrics").status_code == 401
        user.sign_in("data")
        assert user.get("/metrics").status_code == 200


def test_the_manual_names_every_figure(
    page_context: PageContext, anybody: PageUser, page_clock: Clock, repository: Path
) -> None:
    open_ledger(ledger_url(page_context.storage)).dispose()
    page_context.books_state = lambda: "balanced"
    page_clock.forward(10.0)
    plain = sample_status(page_context.station, written_mono_ns=page_clock.mono, holds={"plc": "x"})
    day = DayState(challenge_due_utc_ns=1)
    with shown_status(plain.model_copy(update={"day": day})):
        text = anybody.get("/metrics").text
    names = set(re.findall(r"^# TYPE ferrogate_(\w+)", text, re.M))
    names = {"page_process_..." if name.startswith("page_process_") else name for name in names}
    manual = (repository / "docs" / "operation.md").read_text(encoding="utf-8")
    section = manual.partition("## Metrics")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.M)
    told = {name for row in rows for name in re.findall(r"`([\w.]+)`", row)}
    # Filled only once the recorder has written counters.
    assert told - {"ledger_newest_counters_timestamp_seconds"} == names
