"""The yard's books: rails in and out, wagons, hostile input, second looks, what cannot be changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from scipy import stats

from edge_runtime.people.roles import ROLES, may
from edge_runtime.yard.second_look import LookRule, draw, empty_stretches
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.store_errors import YardConflict, YardRefused
from edge_runtime.yard.store_grading import RecipeGrading
from edge_runtime.yard.store_types import WagonFields, parse_wagon
from edge_runtime.yard.tables import WagonChangeRow
from tests.edge.yard.yard_books import (
    AIGUL,
    BORIS,
    GRADING,
    MARKS,
    OPERATOR,
    ROWS,
    WAGON,
    new_rail,
    open_store,
    photo_set,
    rail_map,
    say,
)
from vision.errors import LedgerError


@pytest.fixture
def store(tmp_path: Path) -> Iterator[YardStore]:
    books = open_store(tmp_path)
    yield books
    books.close()


def test_a_rail_comes_back_as_it_was_put_in(store: YardStore) -> None:
    new = new_rail()
    rail_id = store.add_rail(new)
    view = store.rail(rail_id)
    assert (view.rail_map, view.strips, view.folder) == (new.rail_map, new.strips, new.folder)
    assert (view.revision, view.decision, view.final_grade) == (0, None, "human")
    assert [finding.state for finding in view.findings] == ["unconfirmed"] * 3
    assert (store.has_rail("rail-1"), store.rail_named("rail-1")) == (True, rail_id)
    assert (store.has_rail("rail-2"), store.rail_named("rail-2")) == (False, None)
    (line,) = store.rails()
    assert (line.name, line.length_m, line.findings, line.unconfirmed) == ("rail-1", 3.0, 3, 3)


def test_lists_by_wagon_and_page_by_page(store: YardStore) -> None:
    wagon = store.add_wagon(parse_wagon(WAGON), AIGUL)
    for number in range(5):
        store.add_rail(new_rail(f"rail-{number}", wagon_id=wagon if number % 2 else None))
    assert [line.name for line in store.rails(wagon_id=wagon)] == ["rail-3", "rail-1"]
    assert [line.name for line in store.rails(unassigned=True, limit=2)] == ["rail-4", "rail-2"]
    assert [line.name for line in store.rails(unassigned=True, before=3)] == ["rail-0"]
    rail_id = store.rail_named("rail-0")
    assert rail_id is not None
    view = say(store, rail_id, kind="assign", wagon_id=wagon)
    assert (view.wagon_id, view.corrections[0].after) == (wagon, {"wagon_id": wagon})
    assert store.wagon(wagon).rails == 3
    assert say(store, rail_id, kind="assign", wagon_id=None).wagon_id is None


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"name": "rail-1"}, "name_taken"),
        ({"name": ""}, "bad_value"),
        ({"name": "a" * 201}, "bad_value"),
        ({"name": " rail"}, "bad_value"),
        ({"name": "rail\n1"}, "bad_value"),
        ({"folder": "/etc"}, "bad_value"),
        ({"folder": "rails/../../etc"}, "bad_value"),
        ({"rail_map": rail_map(marks=(MARKS[0], MARKS[0]))}, "bad_value"),
        ({"wagon_id": 7}, "no_such_wagon"),
    ],
)
def test_rails_that_cannot_be(store: YardStore, facts: dict[str, Any], code: str) -> None:
    store.add_rail(new_rail())
    with pytest.raises(YardRefused) as refused:
        store.add_rail(new_rail(**({"name": "rail-2"} | facts)))
    assert refused.value.code == code
    assert len(store.rails()) == 1


def test_no_such_things(store: YardStore) -> None:
    for ask, code in (
        (lambda: store.rail(5), "no_such_rail"),
        (lambda: store.wagon(5), "no_such_wagon"),
        (lambda: store.act(2027, 1), "no_such_act"),
        (lambda: store.answer_look(5, "clear", AIGUL), "no_such_look"),
    ):
        with pytest.raises(YardRefused) as refused:
            ask()
        assert refused.value.code == code


def test_every_change_of_a_wagon_is_kept(store: YardStore) -> None:
    wagon = store.add_wagon(parse_wagon({"vehicle": "52641187"}), AIGUL)
    fields = parse_wagon(WAGON)
    view = store.change_wagon(wagon, fields, BORIS, seen_revision=1)
    assert (view.fields, view.revision, view.by) == (fields, 2, "Boris")
    with pytest.raises(YardConflict, match="changed by Boris") as conflict:
        store.change_wagon(wagon, WagonFields(), AIGUL, seen_revision=1)
    assert conflict.value.revision == 2
    with pytest.raises(YardRefused) as nothing:
        store.change_wagon(wagon, fields, AIGUL, seen_revision=2)
    assert nothing.value.code == "nothing_new"
    with store.engine.connect() as connection:
        columns = (WagonChangeRow.revision, WagonChangeRow.by_name, WagonChangeRow.after)
        rows = connection.execute(sa.select(*columns)).all()
    assert [(row[0], row[1]) for row in rows] == [(1, "Әйгүл"), (2, "Boris")]
    assert rows[1][2]["gross_kg"] == 82300.0
    assert "vehicle" not in rows[1][2]  # that did not change
    assert [item.wagon_id for item in store.wagons()] == [wagon]
    assert store.wagons(before=wagon) == []


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"supplier": "a" * 10_240}, "supplier"),
        ({"supplier": "bell \x07"}, "supplier"),
        ({"supplier": "turned \u202etxt.exe"}, "supplier"),
        ({"supplier": "half \udc00"}, "supplier"),
        ({"gross_kg": float("nan")}, "gross_kg"),
        ({"gross_kg": float("inf")}, "gross_kg"),
        ({"tare_kg": -4.0}, "tare_kg"),
        ({"gross_kg": 20_000.0, "tare_kg": 23_000.0}, "value"),  # net would be less than nothing
        ({"gross_kg": 1e12}, "gross_kg"),
        ({"contamination_percent": 101}, "contamination_percent"),
        ({"radiation": {"number": "  "}}, "value"),
        ({"radiation": {"number": ""}}, "radiation.number"),
        ({"vehicle_kind": "ship"}, "vehicle_kind"),
        ({"net_kg": 5}, "net_kg"),  # follows from gross and tare
    ],
)
def test_hostile_fields_of_a_wagon(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(YardRefused) as refused:
        parse_wagon(fields)
    assert (refused.value.code, refused.value.values["field"]) == ("bad_value", named)
    assert len(str(refused.value)) < 600  # what was typed is not said back at length


def test_markup_stays_the_text_it_is(store: YardStore) -> None:
    name = '<img src=x onerror=alert(1)> & ТОО "Темір"; DROP TABLE yard_act; --'
    wagon = store.add_wagon(parse_wagon({"supplier": f"  {name} ", "note": "a\r\nb"}), AIGUL)
    assert store.wagon(wagon).fields.supplier == name
    assert store.wagon(wagon).fields.note == "a\nb"


def test_who_may_what(store: YardStore) -> None:
    allowed = {
        right: {role for role in ROLES if may(role, right)}
        for right in ("yard_inspect", "yard_sign", "yard_export")
    }
    assert allowed["yard_inspect"] == allowed["yard_sign"] == {"inspector", "foreman", "admin"}
    assert allowed["yard_export"] == {"inspector", "foreman", "admin", "data"}
    assert not may("inspector", "stop_line")
    with pytest.raises(YardRefused) as refused:
        store.add_wagon(WagonFields(), OPERATOR)
    assert refused.value.code == "not_allowed"


CHANGES = (
    "UPDATE yard_correction SET reason = 'other'",
    "DELETE FROM yard_correction",
    "UPDATE yard_finding SET score = 0.1",
    "DELETE FROM yard_finding",
    "UPDATE yard_rail SET map = '{}'",
    "UPDATE yard_rail SET model_sha256 = ''",
    "DELETE FROM yard_rail",
    "UPDATE yard_wagon_change SET by_name = 'nobody'",
    "UPDATE yard_look_answer SET answer = 'missed'",
    "DELETE FROM yard_look",
    "INSERT OR REPLACE INTO yard_correction SELECT * FROM yard_correction",
    "INSERT OR REPLACE INTO yard_look_answer SELECT * FROM yard_look_answer",
    "REPLACE INTO yard_rail SELECT * FROM yard_rail",
)


@pytest.mark.parametrize("statement", CHANGES)
def test_the_database_itself_keeps_what_was_said(tmp_path: Path, statement: str) -> None:
    store = open_store(tmp_path, share=1.0)
    wagon = store.add_wagon(parse_wagon(WAGON), AIGUL)
    rail = store.add_rail(new_rail(wagon_id=wagon))
    view = say(store, rail, kind="dismiss", finding="f1")
    store.answer_look(view.looks[0].look_id, "clear", AIGUL)
    before = store.rail(rail)
    with pytest.raises(sa.exc.IntegrityError, match="cannot be"), store.engine.begin() as connection:
        connection.exec_driver_sql(statement)
    assert store.rail(rail) == before
    store.close()


def test_books_that_refuse_say_so(store: YardStore) -> None:
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE yard_look_answer")
    with pytest.raises(LedgerError):
        store.looks()
    with pytest.raises(LedgerError, match="nothing was changed"):
        store.answer_look(1, "clear", AIGUL)


# second looks


def test_stretches_without_finding_or_gap() -> None:
    new = new_rail()
    found = empty_stretches(new.rail_map, new.strips, LookRule(stretch_rows=512))
    rows = [(stretch.first_row, stretch.last_row) for stretch in found]
    # f1 lies in the first two, f2 in the second and third, f3 in the fourth and fifth; 5000 to 5200 unseen
    first = (2560, 3072, 3584, 4096, 5632)
    assert rows == [(row, min(row + 512, ROWS)) for row in first]


def test_draws_are_chance_but_always_the_same() -> None:
    new = new_rail(rail_map=rail_map(marks=(), gap=None))
    stretches = empty_stretches(new.rail_map, new.strips, LookRule(stretch_rows=16))
    assert len(stretches) == 375
    drawn = [draw(f"rail-{number}", stretches, LookRule(share=0.2, seed=3)) for number in range(40)]
    again = [draw(f"rail-{number}", stretches, LookRule(share=0.2, seed=3)) for number in reversed(range(40))]
    assert drawn == again[::-1]
    # 15,000 draws at 0.2: 3,000, standard deviation 49; six of them either way
    assert 2700 < sum(map(len, drawn)) < 3300
    assert len({tuple(rows) for rows in drawn}) == 40
    assert draw("rail-1", stretches, LookRule(share=0.2, seed=4)) != drawn[1]
    assert draw("rail-1", stretches, LookRule(share=0.0)) == []
    assert draw("rail-1", stretches, LookRule(share=1.0)) == stretches


def test_looks_are_answered_once_and_give_the_miss_rate(tmp_path: Path) -> None:
    store = open_store(tmp_path, share=1.0)
    rail = store.add_rail(new_rail())
    looks = store.looks()
    assert [look.rail for look in looks] == ["rail-1"] * len(looks)
    assert store.miss_rate().share is None
    store.answer_look(looks[0].look_id, "missed", AIGUL, note="<b>spall</b>")
    with pytest.raises(YardRefused) as twice:
        store.answer_look(looks[0].look_id, "clear", BORIS)
    assert (twice.value.code, twice.value.values["by"]) == ("already_answered", "Әйгүл")
    for look in looks[1:4]:
        store.answer_look(look.look_id, "clear", BORIS)
    rate = store.miss_rate()
    assert (rate.looked, rate.missed, rate.open, rate.share) == (4, 1, 1, 0.25)
    # Clopper and Pearson by beta quantiles
    assert rate.low == pytest.approx(stats.beta.ppf(0.025, 1, 4))
    assert rate.high == pytest.approx(stats.beta.ppf(0.975, 2, 3))
    assert [look.answer for look in store.rail(rail).looks][:2] == ["missed", "clear"]
    assert store.looks(rail_id=rail) == looks[4:]
    assert store.miss_rate(since_utc_ns=2**62).looked == 0
    with pytest.raises(YardRefused, match="may not do this"):
        store.answer_look(looks[4].look_id, "clear", OPERATOR)
    store.close()


def test_a_photo_without_a_finding_is_one_stretch(tmp_path: Path) -> None:
    store = open_store(tmp_path, share=1.0)
    store.add_rail(photo_set())
    assert [(look.camera, look.first_row, look.last_row) for look in store.looks()] == [("b.png", 0, 120)]
    store.close()


def test_another_recipe_grades_what_is_in_the_books_anew(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    rail = store.add_rail(new_rail())
    say(store, rail, kind="override_grade", grade="downgraded", reason="seen by eye")
    assert store.rails()[0].finished
    assert store.regrade() == 0
    kinds = GRADING.recipe.kinds
    harder = kinds["surface_damage"].model_copy(update={"action": "reject", "severity": {}})
    recipe = GRADING.recipe.model_copy(update={"kinds": {**kinds, "surface_damage": harder}})
    newer = YardStore(store.engine, tmp_path, RecipeGrading(recipe), utc_ns=store.utc_ns)
    assert newer.rails()[0].finished  # as it is kept, until somebody grades anew
    assert newer.regrade() == 1
    (line,) = newer.rails()
    assert (line.grade, line.final_grade, line.decided) == ("rejected", "rejected", False)
    assert newer.rail(rail).revision == 1  # nobody said anything
    assert newer.regrade() == 0
    store.close()
