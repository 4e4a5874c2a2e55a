"""Acts: numbers without gaps, who signs, what is missing, what supersedes, and that nobody changes one."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import sqlalchemy as sa

from edge_runtime.reports.words import load_words
from edge_runtime.yard.act_content import ActContent
from edge_runtime.yard.act_document import act_report
from edge_runtime.yard.acts import ActNumber
from edge_runtime.yard.map_folder import StripIndex
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.store_errors import YardRefused
from edge_runtime.yard.store_types import parse_wagon
from edge_runtime.yard.tables import YardActRow
from tests.edge.yard.yard_books import (
    AIGUL,
    BORIS,
    CLEAR,
    DATA,
    GRADING,
    WAGON,
    Clock,
    at,
    new_rail,
    open_store,
    photo_set,
    ready_wagon,
    say,
    sign,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[YardStore]:
    books = open_store(tmp_path)
    yield books
    books.close()


def test_a_signed_act_says_what_was_seen(store: YardStore) -> None:
    wagon = ready_wagon(store)
    store.add_rail(replace(photo_set("photos"), wagon_id=wagon))
    draft = store.draft_act(wagon)
    assert (draft.missing, draft.content.number) == ((), None)
    act = store.sign_act(wagon, AIGUL, seen_sha256=draft.sha256, name="Әйгүл Нұрғалиева")
    assert (act.year, act.number, act.signed_by, act.role) == (2027, 1, "Әйгүл", "inspector")
    content = act.content
    assert (content.shown_number, content.net_kg) == ("1/2027", 59_200.0)
    assert content.signed is not None
    assert (content.signed.account, content.signed.name) == ("Әйгүл", "Әйгүл Нұрғалиева")
    assert content.sha256() == act.sha256
    (rail,) = content.rails
    assert (rail.final_grade, rail.length_by, rail.welds) == ("downgraded", "cameras", None)
    assert rail.decision is not None
    assert rail.decision.reason == "seen by eye"
    assert [finding.id for finding in rail.findings] == ["f1", "f2", "f3"]
    assert (content.photos[0].name, content.photos[0].pictures) == ("photos", 2)
    assert content.kind_names["weld"].en
    assert store.wagon(wagon).act == (2027, 1)
    (line,) = store.acts()
    assert (line.act, line.supplier, line.vehicle) == (ActNumber(2027, 1), "ТОО «Темір»", "52641187")
    assert store.act(2027, 1) == act
    assert "1/2027" in act_report(content, load_words("en"), sha256=act.sha256).title


def test_signing_twice_is_refused(store: YardStore) -> None:
    wagon = ready_wagon(store)
    sign(store, wagon)
    with pytest.raises(YardRefused, match="signed by Әйгүл already") as twice:
        sign(store, wagon, who=BORIS)
    assert twice.value.code == "already_signed"
    assert twice.value.values["number"] == "1/2027"
    assert len(store.acts()) == 1


@pytest.mark.parametrize(
    ("field", "missing"),
    [
        *((name, name) for name in ("supplier", "deliverer", "contract", "vehicle", "scrap_class")),
        *((name, name) for name in ("gross_kg", "tare_kg", "contamination_percent")),
        *((name, name) for name in ("radiation", "explosion")),
    ],
)
def test_what_only_the_inspector_knows_must_be_typed(store: YardStore, field: str, missing: str) -> None:
    wagon = ready_wagon(store)
    fields = parse_wagon({key: value for key, value in WAGON.items() if key != field})
    store.change_wagon(wagon, fields, AIGUL, seen_revision=1)
    assert store.draft_act(wagon).missing == (missing,)
    with pytest.raises(YardRefused) as refused:
        sign(store, wagon)
    assert (refused.value.code, refused.value.values) == ("act_missing", {"missing": missing})
    assert store.acts() == []


def test_unfinished_rails_keep_an_act_from_being_signed(store: YardStore) -> None:
    wagon = ready_wagon(store)
    assert store.wagon(wagon).unfinished == 0
    rail = store.add_rail(new_rail("rail-2", wagon_id=wagon))
    assert store.draft_act(wagon).missing == ("decision:rail-2",)
    assert store.wagon(wagon).unfinished == 1
    say(store, rail, kind="override_grade", grade="human", reason="ask the chief")
    assert store.draft_act(wagon).missing == ("human:rail-2",)
    say(store, rail, kind="override_grade", grade="rejected", reason="split head")
    assert store.draft_act(wagon).missing == ()
    # what is found later takes the decision away
    say(store, rail, kind="dismiss", finding="f3")
    assert store.draft_act(wagon).missing == ("decision:rail-2",)
    empty = store.add_wagon(parse_wagon(WAGON), AIGUL)
    assert store.draft_act(empty).missing == ("rails",)


def test_what_was_changed_since_it_was_read_is_not_signed(store: YardStore) -> None:
    wagon = ready_wagon(store)
    seen = store.draft_act(wagon).sha256
    assert store.draft_act(wagon).sha256 == seen  # time alone changes nothing
    store.change_wagon(wagon, parse_wagon({**WAGON, "tare_kg": 23_200.0}), BORIS, seen_revision=1)
    with pytest.raises(YardRefused) as changed:
        store.sign_act(wagon, AIGUL, seen_sha256=seen)
    assert changed.value.code == "draft_changed"


def test_an_act_is_superseded_and_stays_as_it_was(store: YardStore) -> None:
    wagon = ready_wagon(store)
    first = sign(store, wagon)
    store.change_wagon(wagon, parse_wagon({**WAGON, "gross_kg": 82_000.0}), AIGUL, seen_revision=1)
    assert store.act(2027, 1).content == first.content
    with pytest.raises(YardRefused) as lacking:
        sign(store, wagon, supersedes=first.act)
    assert lacking.value.values["missing"] == "supersedes_reason"
    second = sign(store, wagon, supersedes=first.act, reason="the scale was read wrong", who=BORIS)
    assert (second.act, second.supersedes) == (ActNumber(2027, 2), ActNumber(2027, 1))
    old = store.act(2027, 1)
    assert (old.superseded_by, old.content, old.sha256) == (second.act, first.content, first.sha256)
    assert store.wagon(wagon).act == (2027, 2)
    # the first is superseded for good; and no act takes the place of another wagon's
    with pytest.raises(YardRefused) as again:
        sign(store, wagon, supersedes=first.act, reason="x")
    assert again.value.code == "not_standing"
    other = ready_wagon(store, "rail-9")
    with pytest.raises(YardRefused) as foreign:
        sign(store, other, supersedes=second.act, reason="x")
    assert foreign.value.code == "not_standing"
    assert [str(line.act) for line in store.acts()] == ["2/2027", "1/2027"]
    assert [str(line.superseded_by) for line in store.acts()] == ["None", "2/2027"]
    assert [str(line.act) for line in store.acts(before=second.act)] == ["1/2027"]
    assert store.acts(wagon_id=other) == []


def test_numbers_begin_anew_with_the_year(tmp_path: Path) -> None:
    clock = Clock(at(2026, 12, 31))
    store = open_store(tmp_path, clock=clock)
    wagons = [ready_wagon(store, f"rail-{number}") for number in range(3)]
    first, second = sign(store, wagons[0]), sign(store, wagons[1])
    clock.utc_ns = at(2027, 1, 1)
    third = sign(store, wagons[2])
    assert [str(act.act) for act in (first, second, third)] == ["1/2026", "2/2026", "1/2027"]
    # an act of the old year can be superseded by a smaller number of the new one
    newer = sign(store, wagons[1], supersedes=second.act, reason="late")
    assert (str(newer.act), newer.content.shown_supersedes) == ("2/2027", "2/2026")
    assert [str(line.act) for line in store.acts()] == ["2/2027", "1/2027", "2/2026", "1/2026"]
    store.close()


def test_who_may_not_sign(store: YardStore) -> None:
    wagon = ready_wagon(store)
    with pytest.raises(YardRefused) as refused:
        sign(store, wagon, who=DATA)
    assert refused.value.code == "not_allowed"
    assert str(sign(store, wagon, who=BORIS).act) == "1/2027"


CHANGES = (
    "UPDATE yard_act SET content = '{}'",
    "UPDATE yard_act SET signed_by = 'nobody'",
    "UPDATE yard_act SET supersedes = 1 WHERE id = 1",
    "DELETE FROM yard_act",
    "INSERT OR REPLACE INTO yard_act SELECT * FROM yard_act",
    # a number that leaves a gap, one that was given, and one of a year that has none yet
    *(
        "INSERT INTO yard_act (year, number, wagon_id, content, sha256, signed_by, role, signed_utc_ns)"
        f" VALUES ({year}, {number}, 1, '{{}}', '', 'x', 'x', 1)"
        for year, number in ((2027, 3), (2027, 1), (2028, 2))
    ),
)


def test_the_database_itself_refuses_to_change_a_signed_act(store: YardStore) -> None:
    act = sign(store, ready_wagon(store))
    for statement in CHANGES:
        with pytest.raises(sa.exc.IntegrityError), store.engine.begin() as connection:
            connection.exec_driver_sql(statement)
    assert store.act(2027, 1) == act


def test_an_act_that_was_changed_behind_the_triggers_is_found_out(store: YardStore) -> None:
    act = sign(store, ready_wagon(store))
    content = json.loads(json.dumps(act.content.model_dump(mode="json")))
    content["gross_kg"] = 99_000.0
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER yard_act_no_update")
        connection.execute(sa.text("UPDATE yard_act SET content = :it"), {"it": json.dumps(content)})
    with pytest.raises(YardRefused) as damaged:
        store.act(2027, 1)
    assert damaged.value.code == "act_damaged"


def test_two_threads_sign_one_wagon(store: YardStore) -> None:
    wagon = ready_wagon(store)
    seen = store.draft_act(wagon).sha256
    answers: list[str] = []
    start = threading.Barrier(2)

    def try_it() -> None:
        start.wait()
        try:
            answers.append(str(store.sign_act(wagon, AIGUL, seen_sha256=seen).act))
        except YardRefused as refused:
            answers.append(refused.code)

    threads = [threading.Thread(target=try_it) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["1/2027", "already_signed"]


#: signs the acts of some wagons as fast as it can, once it is told to begin
_SIGNER = """
import sys
from pathlib import Path
from tests.edge.yard.yard_books import open_store, sign
store = open_store(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for wagon in sys.argv[2:]:
    sign(store, int(wagon))
store.close()
"""


@pytest.mark.long  # another interpreter has to load everything first
def test_two_processes_leave_no_gap(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    wagons = [ready_wagon(store, f"rail-{number}") for number in range(8)]
    command = [sys.executable, "-c", _SIGNER, str(tmp_path), *map(str, wagons[::2])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        other.stdin.write("begin\n")
        other.stdin.flush()
        for wagon in wagons[1::2]:
            sign(store, wagon)
    assert other.returncode == 0
    assert [line.act.number for line in store.acts()] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert {line.wagon_id for line in store.acts()} == set(wagons)
    store.close()


def test_a_refused_act_costs_no_number(store: YardStore, monkeypatch: pytest.MonkeyPatch) -> None:
    wagons = [ready_wagon(store, f"rail-{number}") for number in range(2)]
    sign(store, wagons[0])
    seen = store.draft_act(wagons[1]).sha256

    def fails(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("edge_runtime.yard.acts.read_act", fails)
        with pytest.raises(KeyboardInterrupt):
            store.sign_act(wagons[1], AIGUL, seen_sha256=seen)
    assert str(sign(store, wagons[1]).act) == "2/2027"


@pytest.mark.parametrize(
    ("rows", "adds", "counts"),
    [
        ({}, 0, (None, None)),
        ({"weld": "clear", "bolt_hole": "not_checked"}, 0, (0, None)),
        ({"weld": "found"}, 0, (None, None)),  # some, nobody said how many
        ({"weld": "found"}, 2, (2, None)),
    ],
)
def test_welds_are_counted_only_where_somebody_looked(
    store: YardStore, rows: dict[str, str], adds: int, counts: tuple[int | None, int | None]
) -> None:
    wagon = ready_wagon(store)
    rail = store.rails()[0].rail_id
    if rows:
        say(store, rail, kind="facts", facts={"section": "R65", "rows": {**CLEAR, **rows}})
    for number in range(adds):
        box = [20, 3000 + 100 * number, 80, 3050 + 100 * number]
        say(store, rail, kind="add", values={"kind": "weld", "camera": "top", "xyxy_px": box})
    (found,) = store.draft_act(wagon).content.rails
    assert (found.welds, found.bolt_holes) == counts


def test_pictures_are_named_with_their_hash(store: YardStore, tmp_path: Path) -> None:
    wagon = ready_wagon(store)
    folder = tmp_path / "rails/rail-1"
    for name in ("overview/0.png", "findings/f1_0.jpg", "findings/f3_0.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(folder / name), np.full((8, 8), len(name), np.uint8))
    camera = {
        "camera": "top", "left_px": 0, "frame_left_px": 0, "width_px": 120, "gain": 1.0, "pictures": [],
        "overview": "overview/0.png", "overview_width_px": 8, "overview_height_px": 8,
    }  # fmt: skip
    found = [{"finding": name, "camera": "top", "file": f"findings/{name}_0.jpg"} for name in ("f1", "f3")]
    index = StripIndex.model_validate({"rows": 6000, "cameras": [camera], "findings": found})
    (folder / "strips.json").write_text(index.model_dump_json(), encoding="utf-8")
    say(store, store.rails()[0].rail_id, kind="dismiss", finding="f1")
    draft = store.draft_act(wagon)
    assert [(picture.kind, picture.path, picture.finding) for picture in draft.content.pictures] == [
        ("strip", "rails/rail-1/overview/0.png", ""),
        ("finding", "rails/rail-1/findings/f3_0.jpg", "f3"),  # f1 was dismissed
    ]
    assert all(len(picture.sha256) == 64 for picture in draft.content.pictures)
    # a picture that was exchanged is another act
    assert cv2.imwrite(str(folder / "findings/f3_0.jpg"), np.full((9, 9), 200, np.uint8))
    assert store.draft_act(wagon).sha256 != draft.sha256
    (folder / "strips.json").write_text("{", encoding="utf-8")
    with pytest.raises(YardRefused, match="cannot be read"):
        store.draft_act(wagon)


def test_the_content_is_read_by_its_own_contract(store: YardStore) -> None:
    act = sign(store, ready_wagon(store))
    with store.engine.connect() as connection:
        kept = connection.execute(sa.select(YardActRow.content)).scalar_one()
    assert ActContent.model_validate(kept) == act.content
    assert GRADING.recipe_sha256 == act.content.rails[0].grade.recipe_sha256
