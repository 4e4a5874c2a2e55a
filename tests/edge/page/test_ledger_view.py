"""Trend, rejects and parts over HTTP, from a real ledger."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from edge_runtime.entries import Entry
from edge_runtime.ledger.apply import Applier
from edge_runtime.ledger.statements import PictureRecord
from edge_runtime.ledger.store import ledger_url, open_ledger
from edge_runtime.page.context import PageContext
from edge_runtime.page.ledger_view import Kept
from tests.edge.ledger.day_samples import Day
from tests.edge.ledger_samples import epoch, outcome, part, placed, session
from tests.edge.page.conftest import START_UTC_NS, PageUser
from tests.edge.page.live_rig import wait_until
from tests.edge.page.status_samples import sample_status, shown_status
from vision.types import PartId

MINUTE = 60 * 1_000_000_000


@pytest.fixture
def ledger(page_context: PageContext) -> Iterator[sa.Engine]:
    engine = open_ledger(ledger_url(page_context.storage))
    yield engine
    engine.dispose()


def _get(user: PageUser, path: str, status: int = 200) -> dict[str, Any]:
    answer = user.get(path)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _fill(engine: sa.Engine, balls: int = 20) -> None:
    """Every third ball is a reject; the last of them a challenge ball."""
    day = Day()
    entries: list[Entry] = [session(), epoch(), day.open_shift("early"), day.open_lot("lot 7")]
    for seq in range(1, balls + 1):
        verdict = "reject" if seq % 3 == 0 else "accept"
        utc_ns = START_UTC_NS - (balls - seq + 1) * MINUTE
        challenge = "C-1" if seq == balls // 3 * 3 else ""
        judged = part(
            seq, utc_ns=utc_ns, decision=verdict, challenge=challenge, diameter_mean_mm=40 + seq / 100
        )
        entries += [judged, outcome(seq, verdict=verdict, utc_ns=utc_ns)]
    path = "pictures/2027-01-15/08/1-0-3_left_0.jpg"
    picture = PictureRecord(PartId(1, 0, 3), "left", 0, "reject", path, 9, START_UTC_NS)
    Applier(engine).apply(placed(entries), pictures=[picture])


def test_rejects_newest_first_page_by_page(ledger: sa.Engine, anybody: PageUser) -> None:
    _fill(ledger)
    first = _get(anybody, "/api/rejects?limit=4")
    assert [one["part"] for one in first["rejects"]] == ["1-0-18", "1-0-15", "1-0-12", "1-0-9"]
    assert first["more"] is True
    rest = _get(anybody, f"/api/rejects?limit=4&before={first['rejects'][-1]['id']}")
    assert [one["part"] for one in rest["rejects"]] == ["1-0-6", "1-0-3"]
    assert rest["more"] is False
    newest, oldest = first["rejects"][0], rest["rejects"][-1]
    assert (newest["challenge"], oldest["challenge"]) == ("C-1", None)
    assert oldest["reasons"] == [
        {
            "code": "crack",
            "text": "found",
            "value": 0.75,
            "limit": 0.4,
            "uncertainty": None,
            "camera": "left",
            "view_index": 0,
        }
    ]
    assert oldest["pictures"] == [
        {"camera": "left", "view_index": 0, "url": "/pictures/2027-01-15/08/1-0-3_left_0.jpg"}
    ]
    assert (oldest["side"], oldest["cause"], oldest["confirm"]) == ("reject", "verdict_reject", "reject_eye")
    assert (oldest["lot"], oldest["shift"], oldest["reason"]) == ("lot 7", "early", "crack")
    assert oldest["utc_ms"] == (START_UTC_NS - 18 * MINUTE) // 1_000_000


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("reason=crack", 6),
        ("reason=lap", 0),
        ("lot=lot%207", 6),
        ("lot=nothing", 0),
        ("shift=1", 6),
        ("shift=2", 0),
        ("reason=crack&lot=lot%207&shift=1", 6),
        ("reason=%27%20or%201%3D1--", 0),  # a value, never a part of the statement
        ("reason=&lot=", 6),
    ],
)
def test_rejects_that_fit(query: str, count: int, ledger: sa.Engine, anybody: PageUser) -> None:
    _fill(ledger)
    assert len(_get(anybody, f"/api/rejects?{query}")["rejects"]) == count


def test_one_part_in_full(ledger: sa.Engine, anybody: PageUser) -> None:
    _fill(ledger)
    (brief,) = _get(anybody, "/api/rejects?limit=1&before=4")["rejects"]
    full = _get(anybody, f"/api/parts/{brief['id']}")
    assert {name: full[name] for name in brief} == brief
    assert [view["url"] for view in full["views"]] == [
        "/pictures/2027-01-15/08/1-0-3_left_0.jpg",
        None,
        None,
    ]
    (finding,) = full["views"][0]["findings"]
    assert (finding["label"], finding["score"]) == ("crack", 0.75)
    assert full["facts"]["trigger_encoder_count"] == 2880
    assert "outcome_offset" not in full["facts"]


@pytest.mark.parametrize("number", ["0", "-1", "99999", "9223372036854775808", str(10**30)])
def test_a_part_that_is_not_there(number: str, ledger: sa.Engine, anybody: PageUser) -> None:
    assert _get(anybody, f"/api/parts/{number}", 404)["code"] == "part_unknown"


@pytest.mark.parametrize(
    "path",
    [
        "/api/rejects?limit=0",
        "/api/rejects?limit=100000",
        "/api/rejects?before=x",
        "/api/rejects?shift=early",
        "/api/trend?minutes=0",
        # more than a database's whole number holds
        f"/api/rejects?before={10**30}",
        f"/api/rejects?shift={1 << 63}",
        f"/api/alarms?before={10**30}",
        f"/api/shifts?before={10**30}",
        "/api/trend?minutes=100000",
        "/api/parts/one",
    ],
)
def test_questions_of_a_wrong_form(path: str, ledger: sa.Engine, anybody: PageUser) -> None:
    assert _get(anybody, path, 422)["code"] == "bad_request"


def test_without_a_ledger_the_routes_say_so(anybody: PageUser) -> None:
    for path in ("/api/rejects", "/api/trend", "/api/parts/1", "/api/alarms"):
        assert _get(anybody, path, 503)["code"] == "no_ledger"


def test_the_trend_with_the_recipe_s_band(
    page_context: PageContext, ledger: sa.Engine, anybody: PageUser
) -> None:
    _fill(ledger)
    with shown_status(sample_status(page_context.station)):
        wait_until(lambda: bool(_get(anybody, "/api/state")["station_seen"]))
        trend = _get(anybody, "/api/trend?minutes=60")
    assert trend["band"] == {"min_mm": 39.0, "max_mm": 41.0, "nominal_mm": 40.0}
    names = ("utc_s", "mean_mm", "min_mm", "max_mm", "ewma_mm", "reject_share")
    assert {len(trend[name]) for name in names} == {19}  # one ball a minute; the challenge ball is left out
    assert trend["utc_s"] == sorted(trend["utc_s"])
    assert trend["mean_mm"][0] == 40.01
    assert trend["mean_mm"][2] is None  # a crack says nothing of the rolls
    assert trend["reject_share"][:3] == [0.0, 0.0, 1.0]


def test_a_long_trend_has_few_points(ledger: sa.Engine, anybody: PageUser) -> None:
    _fill(ledger, 900)
    trend = _get(anybody, "/api/trend?minutes=1440")
    assert 200 < len(trend["utc_s"]) <= 400


def test_what_many_ask_at_once_is_read_once() -> None:
    now = 0
    made: list[int] = []
    kept = Kept(2.0, lambda: now)

    def slow() -> dict[str, Any]:
        made.append(1)
        time.sleep(0.05)
        return {"n": len(made)}

    now = 10**9
    threads = [threading.Thread(target=kept.get, args=(60, slow)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    now += 2 * 10**9
    assert kept.get(60, slow) == {"n": 1}
    assert kept.get(30, slow) == {"n": 2}  # another question
    now += 1
    assert kept.get(60, slow) == {"n": 3}
