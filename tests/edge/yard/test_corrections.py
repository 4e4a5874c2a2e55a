"""What inspectors say of a rail: replayed, undone, refused; two at once; decisions that lapse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.yard.corrections import apply, standing
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.store_changes import parse_change
from edge_runtime.yard.store_errors import CODES, YardConflict, YardRefused
from edge_runtime.yard.store_types import RailView
from tests.edge.yard.yard_books import (
    AIGUL,
    BORIS,
    CLEAR,
    DATA,
    MARKS,
    OPERATOR,
    Clock,
    new_rail,
    open_store,
    photo_set,
    rail_map,
    say,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[YardStore]:
    books = open_store(tmp_path)
    yield books
    books.close()


@pytest.fixture
def rail(store: YardStore) -> int:
    return store.add_rail(new_rail())


def _states(view: RailView) -> dict[str, str]:
    return {finding.id: finding.state for finding in view.findings}


def test_confirm_dismiss_correct_add(store: YardStore, rail: int) -> None:
    say(store, rail, kind="confirm", finding="f1")
    say(store, rail, kind="dismiss", finding="f3", reason="a leaf, blown off")
    say(
        store,
        rail,
        kind="correct",
        finding="f2",
        values={"kind": "spall", "camera": "top", "xyxy_px": [44, 1000, 74, 1060], "note": "deeper below"},
    )
    view = say(
        store, rail, kind="add", values={"kind": "weld", "camera": "top", "xyxy_px": [12, 3000, 110, 3040]}
    )
    assert _states(view) == {"f1": "confirmed", "f2": "corrected", "f3": "dismissed", "a1": "added"}
    found = {finding.id: finding for finding in view.findings}
    two, added = found["f2"], found["a1"]
    assert (two.kind, two.label, two.score, two.note) == ("spall", "defect", 0.6, "deeper below")
    # 0.5 mm a row and a column; the model had it 14 mm from the head's edge, the box moved by 4 px
    assert (two.first_row, two.last_row, two.start_m, two.end_m) == (1000.0, 1060.0, 0.5, 0.53)
    assert (two.length_mm, two.width_mm, two.across_mm) == (30.0, 15.0, 16.0)
    assert two.boxes[0].files == ("top_0.png",)
    assert (added.origin, added.label, added.score, added.across_mm) == ("inspector", "weld", None, None)
    assert (added.start_m, added.length_mm, added.width_mm) == (1.5, 20.0, 49.0)
    assert view.originals[1].boxes[0].xyxy_px == MARKS[1][3]
    line = store.rails()[0]
    assert (line.findings, line.unconfirmed, line.revision) == (3, 0, 4)
    say_two = view.corrections[2]
    assert say_two.before is not None
    assert say_two.after is not None
    assert say_two.before["boxes"][0]["xyxy_px"] == list(MARKS[1][3])
    assert say_two.after["boxes"][0]["xyxy_px"] == [44, 1000, 74, 1060]
    assert (say_two.by, say_two.role, say_two.number) == ("Әйгүл", "inspector", 3)


def test_the_replay_needs_nothing_but_findings_and_corrections(store: YardStore, rail: int) -> None:
    say(store, rail, kind="dismiss", finding="f1")
    view = say(store, rail, kind="correct", finding="f2", values={"element": "web"})
    assert apply(view.originals, view.corrections) == view.findings
    assert apply(view.originals, view.corrections[:1])[1] == view.originals[1]
    assert apply(view.originals, ()) == view.originals


def test_undo_is_a_new_correction(store: YardStore, rail: int) -> None:
    before = store.rail(rail)
    say(store, rail, kind="dismiss", finding="f1")
    view = say(store, rail, BORIS, kind="undo", correction=1, reason="it is there after all")
    assert view.findings == before.findings
    assert [entry.kind for entry in view.corrections] == ["dismiss", "undo"]
    assert standing(view.corrections) == ()
    assert view.corrections[1].by == "Boris"
    # what was undone can be said again, under a new number
    assert _states(say(store, rail, kind="dismiss", finding="f1"))["f1"] == "dismissed"
    added = say(store, rail, kind="add", values={"kind": "weld", "camera": "top", "xyxy_px": [10, 9, 40, 90]})
    gone = say(store, rail, kind="undo", correction=added.revision)
    assert "a1" not in _states(gone)
    again = say(store, rail, kind="add", values={"kind": "weld", "camera": "top", "xyxy_px": [10, 9, 40, 90]})
    assert "a2" in _states(again)


def test_what_cannot_be_undone(store: YardStore, rail: int) -> None:
    say(store, rail, kind="confirm", finding="f1")
    say(store, rail, kind="dismiss", finding="f1")
    say(store, rail, kind="confirm", finding="f2")
    with pytest.raises(YardRefused) as later:
        say(store, rail, kind="undo", correction=1)
    assert (later.value.code, later.value.values["later"]) == ("later_stands", 2)
    say(store, rail, kind="undo", correction=2)
    assert _states(say(store, rail, kind="undo", correction=1))["f1"] == "unconfirmed"
    for number, code in ((1, "cannot_undo"), (4, "cannot_undo"), (99, "no_such_correction")):
        with pytest.raises(YardRefused) as refused:
            say(store, rail, kind="undo", correction=number)
        assert refused.value.code == code


def test_a_finding_that_stands_again_stays_what_a_person_made_of_it(store: YardStore, rail: int) -> None:
    say(store, rail, kind="correct", finding="f1", values={"kind": "wheel_burn"})
    say(store, rail, kind="dismiss", finding="f1")
    view = say(store, rail, kind="confirm", finding="f1")
    assert (_states(view)["f1"], view.findings[0].kind) == ("corrected", "wheel_burn")


def test_the_second_of_two_inspectors_is_told_what_the_first_did(store: YardStore, rail: int) -> None:
    seen = store.rail(rail).revision
    store.correct(rail, parse_change({"kind": "dismiss", "finding": "f1"}), BORIS, seen_revision=seen)
    change = parse_change({"kind": "confirm", "finding": "f1"})
    with pytest.raises(YardConflict) as conflict:
        store.correct(rail, change, AIGUL, seen_revision=seen)
    (said,) = conflict.value.since
    assert (said.kind, said.finding, said.by) == ("dismiss", "f1", "Boris")
    assert (conflict.value.code, conflict.value.revision) == ("changed_since", 1)
    assert _states(store.rail(rail))["f1"] == "dismissed"
    view = store.correct(rail, change, AIGUL, seen_revision=conflict.value.revision)
    assert (_states(view)["f1"], view.revision) == ("confirmed", 2)


def test_a_grade_is_confirmed_or_overridden_and_lapses_when_its_reasons_change(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    # a rail that was seen whole, with nothing but spalling
    rail = store.add_rail(new_rail(rail_map=rail_map(marks=MARKS[:1], gap=None)))
    with pytest.raises(YardRefused, match="a person must decide") as human:
        say(store, rail, kind="confirm_grade")
    assert human.value.code == "grade_is_human"
    view = say(store, rail, kind="facts", facts={"section": "R65", "rows": CLEAR})
    assert view.grade.grade == "downgraded"
    view = say(store, rail, kind="confirm_grade")
    assert (view.finished, view.final_grade) == (True, "downgraded")
    assert store.rails()[0].finished
    # looking at a finding is no new reason ...
    assert say(store, rail, kind="confirm", finding="f1").finished
    # ... but a weld is
    view = say(store, rail, kind="add", values={"kind": "weld", "camera": "top", "xyxy_px": [10, 9, 40, 90]})
    assert view.decision is not None
    assert (view.decision.holds, view.finished) == (False, False)
    assert view.final_grade == view.grade.grade != "downgraded"
    assert not store.rails()[0].decided
    with pytest.raises(YardRefused) as reason:
        say(store, rail, kind="override_grade", grade="feed", reason="  ")
    assert reason.value.code == "reason_needed"
    view = say(store, rail, BORIS, kind="override_grade", grade="feed", reason="ground off")
    assert view.decision is not None
    assert (view.decision.kind, view.decision.by, view.decision.reason) == (
        "overridden",
        "Boris",
        "ground off",
    )
    assert (view.final_grade, view.finished) == ("feed", True)
    # an override that says 'human' leaves the rail unfinished
    view = say(store, rail, kind="override_grade", grade="human", reason="ask the chief")
    assert (view.decided, view.finished) == (True, False)
    store.close()


def _weld(*xyxy_px: float, camera: str = "top") -> dict[str, Any]:
    return {"kind": "add", "values": {"kind": "weld", "camera": camera, "xyxy_px": list(xyxy_px)}}


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"kind": "confirm", "finding": "f9"}, "no_such_finding"),
    ({"kind": "facts", "facts": {"section": None, "rows": {}}}, "nothing_new"),
    ({"kind": "correct", "finding": "f1", "values": {}}, "nothing_new"),
    ({"kind": "correct", "finding": "f1", "values": {"kind": "unicorn"}}, "unknown_kind"),
    ({"kind": "facts", "facts": {"rows": {"unicorn": "clear"}}}, "bad_value"),
    ({"kind": "facts", "facts": {"note": "a\x00b"}}, "bad_value"),
    ({"kind": "add", "values": {"kind": "weld"}}, "bad_value"),
    (_weld(1, 1, 9, 9, camera="side"), "bad_value"),
    # beside the strip, below it, no area
    (_weld(1, 1, 200, 9), "box_outside"),
    (_weld(1, 5990, 9, 6100), "box_outside"),
    (_weld(9, 9, 9, 50), "box_outside"),
    (_weld(50, 9, 9, 50), "box_outside"),
    ({"kind": "reviewed", "camera": "side"}, "bad_value"),
    ({"kind": "reviewed", "first_row": 7000}, "bad_value"),
    ({"kind": "assign", "wagon_id": 12}, "no_such_wagon"),
)  # fmt: skip


@pytest.mark.parametrize(("change", "code"), REFUSED)
def test_refused_and_nothing_written(store: YardStore, rail: int, change: dict[str, Any], code: str) -> None:
    with pytest.raises(YardRefused) as refused:
        say(store, rail, **change)
    assert refused.value.code == code
    assert code in CODES
    assert store.rail(rail).corrections == ()


@pytest.mark.parametrize(
    "value",
    [
        {"kind": "explode"},
        {"kind": "confirm"},
        {"kind": "confirm", "finding": "f1", "more": 1},
        {"kind": "confirm", "finding": "f" * 10_000},
        {"kind": "override_grade", "grade": "gold", "reason": "x"},
        {"kind": "dismiss", "finding": "f1", "reason": "half \ud800 letter"},
        {"kind": "dismiss", "finding": "f1", "reason": "turned \u202e round"},
        {"kind": "correct", "finding": "f1", "values": {"xyxy_px": [1, 2, 3, 4]}},
        {"kind": "correct", "finding": "f1", "values": {"camera": "top", "xyxy_px": [1, 2, float("nan"), 4]}},
        {"kind": "facts", "facts": {"length_m": float("inf")}},
        "confirm",
        None,
    ],
)
def test_values_that_are_no_change(value: object) -> None:
    with pytest.raises(YardRefused) as refused:
        parse_change(value)
    assert refused.value.code == "bad_value"
    assert len(str(refused.value)) < 600


def test_markup_is_text(store: YardStore, rail: int) -> None:
    reason = "<script>alert('ё')</script>\nline 2"
    view = say(store, rail, kind="dismiss", finding="f1", reason=reason)
    assert view.corrections[0].reason == reason


@pytest.mark.parametrize("who", [OPERATOR, DATA, replace(AIGUL, role="boss")])
def test_only_inspectors_correct(store: YardStore, rail: int, who: Any) -> None:
    with pytest.raises(YardRefused) as refused:
        say(store, rail, who, kind="dismiss", finding="f1")
    assert refused.value.code == "not_allowed"


def test_photos_are_corrected_like_a_rail(store: YardStore) -> None:
    number = store.add_rail(photo_set())
    assert store.rail(number).grade.grade == "human"
    values = {"kind": "closed_vessel", "camera": "b.png", "xyxy_px": [5, 5, 60, 110]}
    view = say(store, number, kind="add", values=values)
    added = view.findings[-1]
    assert (added.kind, added.length_mm, added.start_m) == ("closed_vessel", None, None)
    # the second photo is lower than the first
    with pytest.raises(YardRefused, match="does not lie"):
        say(store, number, kind="add", values={**values, "xyxy_px": [5, 100, 60, 140]})


def test_reviewed_stretches_are_clipped_to_what_there_is(store: YardStore, rail: int) -> None:
    view = say(store, rail, kind="reviewed", first_row=5500, last_row=9000)
    assert [(part.camera, part.first_row, part.last_row) for part in view.reviewed] == [
        ("top", 5500.0, 6000.0)
    ]
    view = say(store, rail, BORIS, kind="reviewed")
    assert [(part.first_row, part.last_row, part.by) for part in view.reviewed] == [
        (5500.0, 6000.0, "Әйгүл"),
        (0.0, 6000.0, "Boris"),
    ]
    assert len(say(store, rail, kind="undo", correction=2).reviewed) == 1


def test_times_are_the_clocks(tmp_path: Path) -> None:
    clock = Clock(5_000_000_000)
    store = open_store(tmp_path, clock=clock)
    rail = store.add_rail(new_rail())
    view = say(store, rail, kind="confirm", finding="f1")
    assert view.corrections[0].utc_ns == clock.utc_ns
    store.close()
