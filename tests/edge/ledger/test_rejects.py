"""The newest rejects, page by page, and one part with all there is."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from edge_runtime.entries import Entry, ReasonRow
from edge_runtime.ledger.apply import Applier
from edge_runtime.ledger.rejects import Picture, Reason, RejectFilter, list_rejects, part_in_full
from edge_runtime.ledger.statements import PictureRecord
from edge_runtime.ledger.store import reading
from tests.edge.ledger.day_samples import Day, apply_all, bypassed, through
from tests.edge.ledger_samples import UTC_NS, outcome, part, placed
from vision.types import PartId

TWO = (
    ReasonRow("crack", "found", 0.75, 0.4, None, "left", 0),
    ReasonRow("diameter_low", "too small", 39.2, 39.5, 0.04),
)


def _entries() -> list[Entry]:
    """Nine parts: 2 cracked, 3 late, 5 in review, 6 bad but passed by key, 7 a challenge ball."""
    day = Day()
    return [
        day.open_shift("day"),
        *through(1, lot="L-1"),
        part(2, decision="reject", reasons=TWO, lot="L-1", shift="day"),
        outcome(2, verdict="reject"),
        part(3, lot="L-1"),
        outcome(3, verdict=None, cause="late", reason=""),
        *through(4, lot="L-2"),
        *through(5, decision="review", lot="L-2"),
        *bypassed(6, decision="reject", lot="L-2"),
        *through(7, decision="reject", challenge="C-1", lot="L-2"),
        part(8, decision="reject", reasons=(ReasonRow("oval"),), lot="L-2"),
        outcome(9, verdict=None, cause="heartbeat", reason=""),
    ]


def _numbers(connection: sa.Connection, wanted: RejectFilter) -> list[int]:
    found, more = list_rejects(connection, wanted)
    assert not more
    return [item.part.trigger_seq for item in found]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (RejectFilter(), [9, 8, 7, 6, 5, 3, 2]),
        (RejectFilter(reason="crack"), [7, 6, 5, 2]),
        (RejectFilter(reason="diameter_low"), [2]),  # a second reason counts too
        (RejectFilter(reason="late"), [3]),  # the PLC's reason, where the station had none
        (RejectFilter(reason="no_vision"), [9]),
        (RejectFilter(reason="oval", lot="L-2"), [8]),
        (RejectFilter(reason="oval", lot="L-1"), []),
        (RejectFilter(lot="L-1"), [3, 2]),
        (RejectFilter(shift_id=1), [2]),
        (RejectFilter(lot="' OR 1=1 --"), []),
    ],
)
def test_filters(engine: sa.Engine, wanted: RejectFilter, numbers: list[int]) -> None:
    apply_all(engine, _entries())
    with reading(engine) as connection:
        assert _numbers(connection, wanted) == numbers


def test_pages_go_on_where_the_last_one_ended_while_new_rejects_come(engine: sa.Engine) -> None:
    applier = Applier(engine)
    items = placed(_entries())
    applier.apply(items)
    with reading(engine) as connection:
        first, more = list_rejects(connection, RejectFilter(), limit=3)
    assert more
    applier.apply(placed(through(20, 21, decision="reject"), after=items[-1][0].offset))
    with reading(engine) as connection:
        second, more = list_rejects(connection, RejectFilter(), limit=4, before=first[-1].id)
        assert not more
        with pytest.raises(ValueError, match="holds none"):
            list_rejects(connection, RejectFilter(), limit=0)
    assert [item.part.trigger_seq for item in (*first, *second)] == [9, 8, 7, 6, 5, 3, 2]


def test_a_reject_says_why_and_what_became_of_it(engine: sa.Engine) -> None:
    apply_all(engine, _entries())
    with reading(engine) as connection:
        found = {item.part.trigger_seq: item for item in list_rejects(connection, RejectFilter())[0]}
    cracked = found[2]
    assert (cracked.part, cracked.utc_ns, cracked.lot, cracked.shift) == (
        PartId(1, 0, 2),
        UTC_NS + 2,
        "L-1",
        "day",
    )
    assert (cracked.decision, cracked.verdict, cracked.reason) == ("reject", "reject", "crack")
    assert cracked.reasons == (
        Reason("crack", "found", 0.75, 0.4, None, "left", 0),
        Reason("diameter_low", "too small", 39.2, 39.5, 0.04, None, None),
    )
    assert (cracked.side, cracked.cause, cracked.confirm) == ("reject", "verdict_reject", "reject_eye")
    assert (found[3].decision, found[3].side, found[3].reason, found[3].reasons) == (
        "accept",
        "reject",
        "late",
        (),
    )
    assert (found[6].side, found[6].cause, found[6].reason) == ("bypass", "bypass", "crack")
    assert (found[7].challenge, found[5].challenge) == ("C-1", None)
    assert (found[8].side, found[8].reason) == (None, "oval")
    assert (found[9].decision, found[9].verdict, found[9].reason) == (None, "reject", "no_vision")


def test_pictures_and_views_of_one_part(engine: sa.Engine) -> None:
    pictures = [
        PictureRecord(PartId(1, 0, 2), "left", index, "reject", f"pictures/{index}.jpg", 100, UTC_NS)
        for index in (1, 0)
    ]
    entries = placed([part(2, decision="reject", views_lost=1), outcome(2, verdict="reject"), *through(3)])
    Applier(engine).apply(entries, pictures=pictures)
    with reading(engine) as connection:
        ((reject,), _) = list_rejects(connection, RejectFilter())
        full = part_in_full(connection, reject.id)
        accepted = part_in_full(connection, 2)
        assert part_in_full(connection, 99) is None
    assert reject.pictures == tuple(
        Picture("left", index, "reject", f"pictures/{index}.jpg") for index in (0, 1)
    )
    assert full is not None
    assert full.reject == reject
    assert [(view.view_index, view.fault, view.picture) for view in full.views] == [
        (0, "ok", "pictures/0.jpg"),
        (1, "ok", "pictures/1.jpg"),
        (2, "lost_frame", None),
    ]
    (finding,) = full.views[0].findings
    assert (finding.label, finding.score, finding.xyxy_px) == ("crack", 0.75, (10.0, 11.0, 20.0, 21.0))
    assert full.views[0].diameter_mean_mm == 40.0
    assert (full.facts["temperature_celsius"], full.facts["deadline_count"]) == (104.5, 1234)
    assert accepted is not None
    assert (accepted.reject.reason, accepted.reject.verdict) == ("", "accept")
    assert accepted.reject.reasons == ()
