"""What an act is drawn up from: the scan's sheet, who measured, other wagons' rails, older versions' acts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_runtime.reports.words import load_words
from edge_runtime.reports.write import report_bytes
from edge_runtime.yard.act_document import act_report
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.store_errors import YardRefused
from edge_runtime.yard.store_types import parse_wagon
from tests.edge.yard.yard_books import (
    AIGUL,
    WAGON,
    age,
    new_rail,
    open_store,
    rail_map,
    ready_wagon,
    say,
    sign,
)
from vision.yard.types import TypedFacts


@pytest.fixture
def store(tmp_path: Path) -> Iterator[YardStore]:
    books = open_store(tmp_path)
    yield books
    books.close()


def test_an_act_of_an_older_version_reads_and_prints_the_hash_that_was_signed(store: YardStore) -> None:
    signed = sign(store, ready_wagon(store))
    sha256 = age(store, signed)
    act = store.act(2027, 1)
    assert act.sha256 == sha256
    assert act.content.sha256() != sha256  # this version would write the same act otherwise
    assert act.content.rails[0].unseen[0].detail[0].code == "text"
    words = load_words("ru")
    html = report_bytes(act_report(act.content, words, sha256=act.sha256), ".html").decode()
    assert sha256 in html
    assert "no frame shows it" in html


def test_an_act_says_what_came_from_the_scans_sheet(store: YardStore) -> None:
    wagon = store.add_wagon(parse_wagon(WAGON), AIGUL)
    rail = store.add_rail(new_rail(wagon_id=wagon, facts=TypedFacts(section="R50")))
    say(store, rail, kind="override_grade", grade="downgraded", reason="seen by eye")
    draft = store.draft_act(wagon)
    by = draft.content.rails[0].facts_by
    assert by is not None
    assert (by.account, by.scan_file) == ("scan file", True)
    words = load_words("ru")
    table = report_bytes(act_report(draft.content, words, sha256=draft.sha256), ".csv").decode("utf-8-sig")
    assert "паспорт съёмки" in table
    # A person who fills the rows speaks for the section from then on.
    say(store, rail, kind="facts", facts={"section": "R50", "rows": {"weld": "clear"}})
    typed = store.draft_act(wagon).content.rails[0].facts_by
    assert typed is not None
    assert (typed.account, typed.scan_file) == ("Әйгүл", False)


def test_a_rail_is_accepted_by_one_act_only(store: YardStore) -> None:
    first = ready_wagon(store, "rail-1", "rail-2")
    act = sign(store, first)
    other = ready_wagon(store, "rail-3")
    moved = store.rail_named("rail-2")
    assert moved is not None
    say(store, moved, kind="assign", wagon_id=other)
    assert store.draft_act(other).missing == ("in_act:rail-2",)
    with pytest.raises(YardRefused) as twice:
        sign(store, other)
    assert twice.value.values["missing"] == "in_act:rail-2"
    newer = sign(store, first, supersedes=act.act, reason="rail-2 came with the other wagon")
    assert [rail.name for rail in newer.content.rails] == ["rail-1"]
    assert {rail.name for rail in sign(store, other).content.rails} == {"rail-2", "rail-3"}


def test_who_measured_a_length_is_said(store: YardStore) -> None:
    wagon = ready_wagon(store)
    cut_off = rail_map("rail-2").model_copy(update={"length_is_least": True})
    rail = store.add_rail(new_rail("rail-2", wagon_id=wagon, rail_map=cut_off))

    def told() -> tuple[str | None, bool, float | None]:
        shown = store.draft_act(wagon).content.rails[1]
        return shown.length_by, shown.length_is_least, shown.grade.length_m

    assert told() == ("cameras", True, 3.0)
    say(store, rail, kind="facts", facts={"length_m": 12.5})
    assert told() == ("inspector", False, 12.5)
    say(store, rail, kind="facts", facts={"length_m": 2.0})  # shorter than what the cameras have seen
    assert told() == ("cameras", True, 3.0)
