"""Alarms in the ledger: one of a kind stands at a time, and each is acknowledged once, by name."""

from __future__ import annotations

import sqlalchemy as sa

from edge_runtime.ledger.alarms import (
    acknowledge_alarm,
    clear_alarm,
    list_alarms,
    open_alarms,
    raise_alarm,
    read_alarm,
    standing_alarms,
)
from edge_runtime.ledger.store import reading, writing
from tests.edge.ledger_samples import UTC_NS


def _raise(engine: sa.Engine, code: str, subject: str, at: int, **values: object) -> int:
    with writing(engine) as connection:
        return raise_alarm(connection, code, subject, "error", values, UTC_NS + at)


def test_an_alarm_from_its_coming_to_its_going(engine: sa.Engine) -> None:
    first = _raise(engine, "camera_silent", "left", 1, seconds=3)
    other = _raise(engine, "camera_silent", "right", 2)
    assert _raise(engine, "camera_silent", "left", 3, seconds=9) == first  # it stands already
    with writing(engine) as connection:
        assert clear_alarm(connection, first, UTC_NS + 4)
        assert not clear_alarm(connection, first, UTC_NS + 5)
        assert not clear_alarm(connection, 99, UTC_NS + 5)
    again = _raise(engine, "camera_silent", "left", 6)
    assert len({first, other, again}) == 3
    with reading(engine) as connection:
        alarm = read_alarm(connection, first)
        assert [item.id for item in standing_alarms(connection)] == [again, other]
        assert [item.id for item in open_alarms(connection)] == [again, other, first]
        assert read_alarm(connection, 99) is None
    assert alarm is not None
    assert (alarm.code, alarm.subject, alarm.level, alarm.values) == (
        "camera_silent",
        "left",
        "error",
        {"seconds": 9},
    )
    assert (alarm.raised_utc_ns, alarm.cleared_utc_ns, alarm.acknowledged_by) == (
        UTC_NS + 1,
        UTC_NS + 4,
        None,
    )


def test_the_first_who_acknowledges_is_kept(engine: sa.Engine) -> None:
    number = _raise(engine, "latched", "", 1)
    with writing(engine) as connection:
        assert acknowledge_alarm(connection, number, "Aigul", UTC_NS + 2, "<b>on my way</b>")
        assert not acknowledge_alarm(connection, number, "Marat", UTC_NS + 3)
        assert not acknowledge_alarm(connection, 99, "Marat", UTC_NS + 3)
    with reading(engine) as connection:
        (alarm,) = open_alarms(connection)  # its cause lasts
        assert standing_alarms(connection) == [alarm]
    assert (alarm.acknowledged_by, alarm.acknowledged_utc_ns, alarm.note) == (
        "Aigul",
        UTC_NS + 2,
        "<b>on my way</b>",
    )
    with writing(engine) as connection:
        clear_alarm(connection, number, UTC_NS + 4)
    with reading(engine) as connection:
        assert open_alarms(connection) == standing_alarms(connection) == []


def test_lists_by_time_and_by_page(engine: sa.Engine) -> None:
    numbers = [_raise(engine, f"code_{at}", "", at * 10) for at in range(5)]
    with writing(engine) as connection:
        for number, at in zip(numbers[:3], (5, 25, 26), strict=True):
            clear_alarm(connection, number, UTC_NS + at)
    with reading(engine) as connection:

        def listed(**which: int) -> list[int]:
            return [numbers.index(alarm.id) for alarm in list_alarms(connection, **which)]

        assert listed() == [4, 3, 2, 1, 0]
        assert listed(limit=2) == [4, 3]
        assert listed(before=numbers[3]) == [2, 1, 0]
        assert listed(since_utc_ns=UTC_NS + 20) == [4, 3, 2, 1]  # 1 still stood then
        assert listed(since_utc_ns=UTC_NS + 20, until_utc_ns=UTC_NS + 20) == [2, 1]
