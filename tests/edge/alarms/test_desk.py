"""The alarm desk on a real ledger: in step with what stands, whatever happens to page and database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from edge_runtime.alarms.condition import Condition
from edge_runtime.alarms.desk import REREAD_NS, RETRY_NS, REWRITE_NS, SHOWN_MAX, AlarmDesk, AlarmRefusedError
from edge_runtime.ledger.alarms import AlarmFacts, list_alarms, raise_alarm
from edge_runtime.ledger.day_models import AlarmRow
from edge_runtime.ledger.store import reading, writing
from tests.edge.alarms.conftest import Clock
from vision.errors import LedgerError

LOST = Condition("plc_lost", values={"detail": "timed out"})
LAMP = Condition("camera_lamp", "left", {"camera": "left"})
LAMP_RIGHT = Condition("camera_lamp", "right", {"camera": "right"})


@pytest.fixture
def make_desk(engine: sa.Engine, clock: Clock) -> Callable[[], AlarmDesk]:
    """A desk as a page that starts has it."""

    def make() -> AlarmDesk:
        return AlarmDesk(lambda: engine, clock.utc_ns, clock.mono_ns)

    return make


@pytest.fixture
def desk(make_desk: Callable[[], AlarmDesk]) -> AlarmDesk:
    desk = make_desk()
    assert desk.left_standing() == ()
    return desk


def _is_stored(desk: AlarmDesk) -> bool:
    return desk.stored


def _table(engine: sa.Engine) -> list[AlarmFacts]:
    with reading(engine) as connection:
        return list(reversed(list_alarms(connection)))


def _brief(engine: sa.Engine) -> list[tuple[str, str, bool, str | None]]:
    return [
        (row.code, row.subject, row.cleared_utc_ns is None, row.acknowledged_by) for row in _table(engine)
    ]


def test_an_alarm_from_its_cause_s_coming_to_its_going(
    desk: AlarmDesk, engine: sa.Engine, clock: Clock
) -> None:
    raised = clock.utc
    desk.step([LOST])
    (row,) = _table(engine)
    assert (row.code, row.level, row.values) == ("plc_lost", "error", {"detail": "timed out"})
    assert (row.raised_utc_ns, row.cleared_utc_ns, row.acknowledged_by) == (raised, None, None)
    clock.forward(30)
    desk.step([LOST])
    assert _table(engine) == [row]
    clock.forward(30)
    desk.step([])
    assert _table(engine)[0].cleared_utc_ns == raised + 60 * 10**9
    assert desk.stored


def test_each_camera_has_its_own(desk: AlarmDesk, engine: sa.Engine) -> None:
    desk.step([LAMP])
    desk.step([LAMP, LAMP_RIGHT])
    desk.step([LAMP_RIGHT])
    assert _brief(engine) == [("camera_lamp", "left", False, None), ("camera_lamp", "right", True, None)]


def test_acknowledged_by_name_and_over_once_the_cause_is_gone(
    desk: AlarmDesk, engine: sa.Engine, clock: Clock
) -> None:
    desk.step([LOST])
    (shown,) = desk.shown([LOST])
    clock.forward(5)
    seen = desk.acknowledge(shown["id"], "Айгүл", "cable <b>pulled</b>")
    assert (seen.acknowledged_by, seen.acknowledged_utc_ns) == ("Айгүл", clock.utc)
    (shown,) = desk.shown([LOST])
    assert (shown["acknowledged_by"], shown["note"]) == ("Айгүл", "cable <b>pulled</b>")
    assert shown["cleared_utc_ms"] is None
    desk.step([])
    assert desk.shown([]) == []
    assert _brief(engine) == [("plc_lost", "", False, "Айгүл")]


def test_what_comes_again_after_it_was_acknowledged_is_a_new_alarm(
    desk: AlarmDesk, engine: sa.Engine
) -> None:
    desk.step([LOST])
    desk.acknowledge(desk.shown([LOST])[0]["id"], "ann", "")
    desk.step([])
    desk.step([LOST])
    assert _brief(engine) == [("plc_lost", "", False, "ann"), ("plc_lost", "", True, None)]
    (shown,) = desk.shown([LOST])
    assert shown["acknowledged_by"] is None


def test_what_nobody_has_seen_is_shown_when_it_is_over(desk: AlarmDesk, clock: Clock) -> None:
    desk.step([LOST])
    clock.forward(5)
    desk.step([LAMP])
    first, second = desk.shown([LAMP])
    assert (first["code"], first["cleared_utc_ms"]) == ("camera_lamp", None)
    assert (second["code"], second["cleared_utc_ms"]) == ("plc_lost", clock.utc // 1_000_000)
    desk.acknowledge(second["id"], "ann", "")
    assert [alarm["code"] for alarm in desk.shown([LAMP])] == ["camera_lamp"]


def test_a_page_that_starts_again_goes_on_with_the_same_rows(
    make_desk: Callable[[], AlarmDesk], engine: sa.Engine, clock: Clock
) -> None:
    first = make_desk()
    first.left_standing()
    first.step([LOST, LAMP])
    first.acknowledge(next(alarm["id"] for alarm in first.shown([LOST, LAMP])), "ann", "")
    clock.forward(100)
    second = make_desk()
    left = second.left_standing()
    assert left is not None
    assert {condition.key for condition in left} == {LOST.key, LAMP.key}
    assert second.left_standing() is None  # once is enough
    second.step([LOST, LAMP])
    assert len(_table(engine)) == 2
    second.step([LAMP])
    assert [row.cleared_utc_ns is None for row in _table(engine)] == [False, True]


def test_before_the_first_look_at_the_table_nothing_is_written(
    make_desk: Callable[[], AlarmDesk], engine: sa.Engine
) -> None:
    desk = make_desk()
    desk.step([LOST])
    assert _table(engine) == []
    assert not desk.stored


def test_two_pages_make_one_row(make_desk: Callable[[], AlarmDesk], engine: sa.Engine) -> None:
    desks = [make_desk(), make_desk()]
    for desk in desks:
        desk.left_standing()
        desk.step([LOST])
    assert len(_table(engine)) == 1


def test_figures_are_shown_at_once_and_written_now_and_then(
    desk: AlarmDesk, engine: sa.Engine, clock: Clock
) -> None:
    def behind(seconds: int) -> Condition:
        return Condition("recorder_behind", values={"seconds": seconds})

    desk.step([behind(20)])
    clock.forward(1)
    desk.step([behind(21)])
    assert desk.shown([behind(21)])[0]["values"] == {"seconds": 21}
    assert _table(engine)[0].values == {"seconds": 20}
    clock.forward(REWRITE_NS / 1e9)
    desk.step([behind(90)])
    assert _table(engine)[0].values == {"seconds": 90}


def test_refused_acknowledgements(desk: AlarmDesk) -> None:
    desk.step([LOST])
    number = desk.shown([LOST])[0]["id"]
    desk.acknowledge(number, "ann", "")
    with pytest.raises(AlarmRefusedError) as refused:
        desk.acknowledge(number, "bob", "")
    assert (refused.value.code, refused.value.values) == ("alarm_acknowledged", {"by": "ann"})
    with pytest.raises(AlarmRefusedError) as refused:
        desk.acknowledge(number + 1, "bob", "")
    assert refused.value.code == "alarm_unknown"
    with pytest.raises(AlarmRefusedError) as refused:
        desk.acknowledge(-1, "bob", "")
    assert refused.value.code == "alarm_not_stored"


def test_of_many_who_acknowledge_at_once_one_is_first(desk: AlarmDesk, engine: sa.Engine) -> None:
    desk.step([LOST])
    number = desk.shown([LOST])[0]["id"]
    outcomes: list[str] = []

    def acknowledge(name: str) -> None:
        try:
            outcomes.append(desk.acknowledge(number, name, "").acknowledged_by or "")
        except AlarmRefusedError as error:
            outcomes.append(f"{error.code} {error.values['by']}")

    threads = [threading.Thread(target=acknowledge, args=(f"p{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = (outcome for outcome in outcomes if " " not in outcome)
    assert sorted(outcomes) == sorted([winner] + [f"alarm_acknowledged {winner}"] * 3)
    assert _table(engine)[0].acknowledged_by == winner


def test_without_a_ledger_alarms_are_shown_and_written_once_there_is_one(
    engine: sa.Engine, clock: Clock
) -> None:
    there: list[sa.Engine] = []
    desk = AlarmDesk(lambda: there[0] if there else None, clock.utc_ns, clock.mono_ns)
    assert desk.left_standing() is None
    raised = clock.utc
    desk.step([LOST, LAMP])
    shown = desk.shown([LOST, LAMP])
    assert sorted(alarm["id"] for alarm in shown) == [-2, -1]
    assert not desk.stored
    with pytest.raises(AlarmRefusedError, match="not in the ledger"):
        desk.acknowledge(5, "ann", "")
    clock.forward(60)
    desk.step([LOST])
    there.append(engine)
    assert desk.left_standing() == ()
    desk.step([LOST])
    (row,) = _table(engine)
    assert (row.code, row.raised_utc_ns) == ("plc_lost", raised)  # when it came, not when it was written
    assert desk.shown([LOST])[0]["id"] == row.id
    assert desk.stored


def _fill_up(engine: sa.Engine) -> Callable[[], None]:
    """Let the database grow no further, as on a full disk; the answer makes room again."""
    full = True

    def limit(connection: Any, *_: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages if full else 1 << 30}")

    def make_room() -> None:
        nonlocal full
        full = False
        engine.dispose()

    engine.dispose()
    sa.event.listen(engine, "connect", limit)
    return make_room


def test_a_full_disk_holds_up_nothing_and_nothing_is_lost(
    desk: AlarmDesk, engine: sa.Engine, clock: Clock
) -> None:
    make_room = _fill_up(engine)
    long = Condition("plc_lost", values={"detail": "x" * 40_000})
    desk.step([long])
    assert _is_stored(desk) is False
    assert "full" in desk.trouble
    assert desk.shown([long])[0]["id"] == -1
    assert _table(engine) == []
    make_room()
    desk.step([long])  # left alone for a moment
    assert _is_stored(desk) is False
    clock.forward(RETRY_NS / 1e9)
    desk.step([long])
    assert _is_stored(desk) is True
    assert desk.trouble == ""
    assert len(_table(engine)) == 1


def test_a_full_disk_refuses_an_acknowledgement_in_words(desk: AlarmDesk, engine: sa.Engine) -> None:
    desk.step([LOST])
    number = desk.shown([LOST])[0]["id"]
    _fill_up(engine)
    with pytest.raises(LedgerError, match="cannot be written"):
        desk.acknowledge(number, "ann", "x" * 40_000)


def test_rows_that_have_gone_are_written_again(desk: AlarmDesk, engine: sa.Engine, clock: Clock) -> None:
    desk.step([LOST])
    with writing(engine) as connection:
        connection.execute(sa.delete(AlarmRow))
    clock.forward(REREAD_NS / 1e9)
    desk.step([LOST])
    desk.step([LOST])
    assert _brief(engine) == [("plc_lost", "", True, None)]


def test_what_another_program_acknowledges_is_seen(
    desk: AlarmDesk, make_desk: Callable[[], AlarmDesk], clock: Clock
) -> None:
    desk.step([LOST])
    make_desk().acknowledge(desk.shown([LOST])[0]["id"], "ann", "")
    clock.forward(REREAD_NS / 1e9)
    desk.step([LOST])
    assert desk.shown([LOST])[0]["acknowledged_by"] == "ann"


def test_of_very_many_that_nobody_saw_the_standing_ones_come_first(
    make_desk: Callable[[], AlarmDesk], engine: sa.Engine, clock: Clock
) -> None:
    desk = make_desk()
    desk.left_standing()
    desk.step([LAMP])
    with writing(engine) as connection:
        for number in range(3 * SHOWN_MAX):
            connection.execute(
                sa.update(AlarmRow)
                .where(AlarmRow.id == raise_alarm(connection, f"old_{number}", "", "warning", {}, number))
                .values(cleared_utc_ns=number + 1)
            )
    clock.forward(REREAD_NS / 1e9)
    desk.step([LAMP, LOST])
    shown = desk.shown([LAMP, LOST])
    assert len(shown) == SHOWN_MAX
    assert {alarm["code"] for alarm in shown[:2]} == {"camera_lamp", "plc_lost"}
    assert len([row for row in _table_all(engine) if row.cleared_utc_ns is None]) == 2


def _table_all(engine: sa.Engine) -> list[AlarmFacts]:
    with reading(engine) as connection:
        return list_alarms(connection, limit=None)
