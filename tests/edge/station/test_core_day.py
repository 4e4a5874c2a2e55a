"""Shift, lot and changeover in the decision loop: which part belongs to what, and what is put on record."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_runtime.day.acts import OpenShift
from edge_runtime.day.refusals import ActRefused
from edge_runtime.day.state import DayState, Lot
from edge_runtime.day.wire import Request
from edge_runtime.encoder import wrap
from edge_runtime.entries import ActEntry, Entry, OutcomeEntry
from edge_runtime.plc.registers import Cause, Confirm, KeySwitch, PlcStatus, Side, StationState
from edge_runtime.station.asked import ActAsked
from tests.edge.core_rig import RECIPE
from tests.edge.station.day_rig import DayRig


def test_each_part_belongs_to_what_was_open_at_its_trigger() -> None:
    rig = DayRig()
    rig.ball(1)
    rig.ask("open_shift", name="1")
    rig.ask("open_lot", name="L-1", product=RECIPE.product)
    rig.balls.append(rig.now + 400)
    rig.run_to(rig.now + 600)
    rig.trigger(rig.now - 200, 2)
    rig.ask("close_lot")  # with this ball in flight
    rig.run_to(rig.now + 2000)
    rig.ball(3)
    parts = [(part.trigger_seq, part.shift, part.lot) for part in rig.out.parts()]
    assert parts == [(1, "day", "lot 1"), (2, "1", "L-1"), (3, "1", "lot 1")]


def test_a_trigger_that_is_read_after_the_act_belongs_to_what_was_open_when_it_happened() -> None:
    rig = DayRig()
    centre = rig.now + 400
    rig.balls.append(centre)
    rig.run_to(centre + 200)
    rig.ask("open_lot", name="L-1", product=RECIPE.product)
    rig.trigger(centre, 1)  # the poll brings it only now
    rig.run_to(centre + 2000)
    rig.ball(2)
    assert [part.lot for part in rig.out.parts()] == ["lot 1", "L-1"]


def test_parts_without_a_verdict_have_a_lot_too() -> None:
    rig = DayRig()
    rig.ask("open_lot", name="L-1", product=RECIPE.product)
    rig.trigger(1000, 1, epoch=9)
    rig.trigger(1800, 2)
    rig.agree(epoch=2)
    assert [(part.null_cause, part.lot) for part in rig.out.parts()] == [
        ("no_vision", "L-1"),
        ("stale_epoch", "L-1"),
    ]


def test_an_act_is_on_record_with_who_and_what_it_changed() -> None:
    rig = DayRig()
    state = rig.ask("open_shift", name="Смена 1", by="Айгуль", role="operator")
    (entry,) = [entry for entry in rig.out.entries if isinstance(entry, ActEntry)]
    assert (entry.act, entry.by, entry.role, entry.revision) == ("open_shift", "Айгуль", "operator", 1)
    assert entry.asked == {"kind": "open_shift", "name": "Смена 1"}
    assert entry.before == {"shift": None}
    assert entry.after["shift"]["name"] == "Смена 1"
    assert rig.core.day.written == (state, rig.out.entries.index(entry) + 1)


def test_the_second_of_two_foremen_is_told_who_was_first() -> None:
    rig = DayRig()
    rig.ask("open_shift", name="1", by="Aigul", revision=0)
    with pytest.raises(ActRefused) as refused:
        rig.ask("open_shift", name="2", by="Bek", revision=0)
    assert refused.value.code == "changed_meanwhile"
    assert refused.value.values == {"by": "Aigul", "act": "open_shift"}
    assert rig.acts() == ["open_shift"]


def test_nothing_is_done_that_cannot_be_written_down() -> None:
    rig = DayRig()
    rig.core.hold("journal", "disk full")
    with pytest.raises(ActRefused, match="disk full"):
        rig.ask("open_shift", name="1")
    rig.core.release("journal")

    def full(entry: Entry) -> None:
        return None

    rig.core.day._ports = replace(rig.core.day._ports, journal=full)
    with pytest.raises(ActRefused, match="too many entries"):
        rig.ask("open_shift", name="1")
    assert rig.day == DayState()


def test_an_act_that_the_desk_has_given_up_is_never_done() -> None:
    rig = DayRig()
    asked = ActAsked(Request(act=OpenShift(name="1"), by="A", role="foreman"))
    assert asked.claim()
    rig.core.on_act(asked)
    assert rig.day.shift is None
    assert asked.answer.empty()


# -- changeover -------------------------------------------------------------------------------


def test_a_changeover_rejects_until_the_zone_is_empty_and_then_starts_anew() -> None:
    rig = DayRig()
    rig.balls.append(rig.now + 400)
    rig.run_to(rig.now + 600)
    rig.trigger(rig.now - 200, 1)
    rig.change_recipe()
    assert list(rig.core.holds) == ["changeover"]
    assert rig.out.states[-1] is StationState.NOT_READY
    rig.run_to(rig.now + 2000)
    assert [word for _, _, word in rig.verdicts()] == ["not_ready"]
    rig.turn()
    assert rig.acts() == ["change_recipe"]
    rig.run_to(rig.now + 5000)
    rig.core.after_events(2560)  # the ball has passed the gate; the entry is not on disk yet
    assert rig.acts() == ["change_recipe", "changeover_done"]
    assert not rig.restarts()
    rig.turn()
    assert rig.restarts()
    assert rig.day.recipe == "gost:45"
    assert not rig.is_ready()
    (done,) = [e for e in rig.out.entries if isinstance(e, ActEntry) and e.act == "changeover_done"]
    assert (done.asked["old_sha256"], done.asked["new_sha256"]) == (RECIPE.sha256(), "b" * 64)
    assert (done.before["recipe"], done.after["recipe"]) == ("", "gost:45")
    with pytest.raises(ActRefused) as refused:
        rig.ask("open_lot", name="L-1", product=RECIPE.product)
    assert refused.value.code == "changeover_running"


def test_a_changeover_on_an_empty_line_is_done_at_once_and_a_cancelled_one_never() -> None:
    rig = DayRig()
    rig.change_recipe()
    assert rig.acts() == ["change_recipe", "changeover_done"]
    rig = DayRig()
    rig.trigger(rig.now + 100, 1)
    rig.change_recipe()
    rig.ask("cancel_changeover")
    assert rig.is_ready()
    rig.run_to(rig.now + 12000)
    rig.turn()
    assert rig.acts() == ["change_recipe", "cancel_changeover"]
    assert rig.day.recipe == ""


def test_a_changeover_waits_for_a_disk_that_takes_it() -> None:
    rig = DayRig()
    rig.trigger(rig.now + 100, 1)
    rig.change_recipe()
    rig.core.hold("journal", "disk full")
    rig.run_to(rig.now + 12000)
    rig.turn()
    assert rig.day.changeover is not None
    rig.core.release("journal")
    rig.turn()
    assert not rig.restarts()  # handed to the journal, not on disk yet
    rig.turn()
    assert rig.restarts()


def test_a_recipe_that_does_not_load_keeps_the_station_from_being_ready_and_another_can_be_chosen() -> None:
    rig = DayRig(DayState(recipe="gone.yaml"), recipe_trouble="the recipe 'gone.yaml' cannot be used")
    assert list(rig.core.holds) == ["recipe"]
    rig.ball(1)
    assert [word for _, _, word in rig.verdicts()] == ["not_ready"]
    with pytest.raises(ActRefused, match="not Ready"):
        rig.ask("open_lot", name="L-1", product=RECIPE.product)
    rig.change_recipe()
    rig.clear_zone()
    rig.turn()
    assert rig.restarts()


def test_a_lot_of_another_recipe_is_not_gone_on_with() -> None:
    lot = Lot(name="L-1", product=RECIPE.product, opened_by="A", opened_utc_ns=1, recipe_sha256="9" * 64)
    rig = DayRig(DayState(lot=lot))
    assert list(rig.core.holds) == ["lot_recipe"]
    rig.ask("close_lot")
    assert rig.is_ready()


def test_a_recipe_that_was_edited_between_two_sessions_is_on_record() -> None:
    rig = DayRig()
    rig.core.day.note_recipe("", "b" * 64)  # the first session ever
    rig.core.day.note_recipe("b" * 64, "b" * 64)
    assert rig.acts() == []
    rig.core.day.note_recipe("a" * 64, "b" * 64)
    (entry,) = [entry for entry in rig.out.entries if isinstance(entry, ActEntry)]
    assert (entry.act, entry.before, entry.after) == (
        "session",
        {"recipe_sha256": "a" * 64},
        {"recipe_sha256": "b" * 64},
    )
    assert rig.day.revision == entry.revision == 1


# -- key and stop -----------------------------------------------------------------------------


@pytest.mark.parametrize("key", [KeySwitch.BYPASS, KeySwitch.SERVICE, 7])
def test_nothing_is_accepted_while_the_key_is_not_on_auto(key: int) -> None:
    rig = DayRig()
    header = rig.header

    def keyed(**values: int) -> dict[str, int]:
        return header(key_switch=key, **values)

    rig.header = keyed  # type: ignore[method-assign]
    rig.agree(epoch=2)
    assert list(rig.core.holds) == ["key"]
    assert rig.out.states[-1] is StationState.NOT_READY
    rig.balls.append(rig.now + 400)
    rig.run_to(rig.now + 600)
    rig.trigger(rig.now - 200, 1, epoch=2)
    rig.run_to(rig.now + 2000)
    assert [word for _, _, word in rig.verdicts()] == ["not_ready"]
    rig.header = header  # type: ignore[method-assign]
    rig.agree(epoch=3)
    assert rig.is_ready()


def test_what_passes_by_key_is_told_by_what_was_found_on_it() -> None:
    rig = DayRig()
    header = rig.header
    rig.header = lambda **values: header(**values | {"key_switch": KeySwitch.BYPASS})  # type: ignore[method-assign]
    rig.core.on_status(rig.header())
    rig.ball(1)
    rig.ball(2, oversize=True)
    assert rig.verdicts() == [(1, 2, "not_ready"), (2, 2, "diameter_high")]
    assert [entry.reasons[0].code for entry in rig.out.parts()] == ["not_ready", "diameter_high"]
    rig.core.hold("journal", "disk full")
    rig.ball(3, oversize=True)
    assert rig.verdicts()[-1] == (3, 2, "not_ready")


def test_parts_that_passed_by_key_are_booked_as_what_they_are() -> None:
    rig = DayRig()
    rig.outcome(1, Side.BYPASS, Cause.BYPASS, Confirm.ACCEPT_EYE)
    rig.outcome(2, Side.REJECT, Cause.NO_VERDICT, Confirm.NONE)
    outcomes = [entry for entry in rig.out.entries if isinstance(entry, OutcomeEntry)]
    assert [(entry.side, entry.cause, entry.confirm_encoder_count) for entry in outcomes] == [
        ("bypass", "bypass", 5900),
        ("reject", "no_verdict", None),
    ]
    counts = rig.core.counts
    assert (counts["outcome_bypass"], counts["outcome_accept"], counts["confirmed"]) == (1, 0, 1)


def test_a_stop_is_asked_for_until_the_plc_has_latched_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_runtime.station.line_watch.STOP_STANDS_NS", -1)
    rig = DayRig()
    rig.ask("stop_line", reason="oil on the belt", role="operator")
    assert (rig.out.stop_requests, rig.out.stop_withdrawn) == (1, 0)
    rig.core.on_status(rig.header(plc_status=PlcStatus.BELT_RUN))
    assert rig.out.stop_withdrawn == 0
    for _ in range(3):
        rig.core.on_status(rig.header(plc_status=PlcStatus.BELT_LATCHED, stop_cause=5))
    assert (rig.out.stop_requests, rig.out.stop_withdrawn) == (1, 1)
    assert rig.day.revision == 1


def test_a_full_disk_does_not_keep_the_line_from_being_stopped() -> None:
    rig = DayRig()
    rig.core.hold("journal", "disk full")
    rig.ask("stop_line", reason="oil on the belt", role="operator")
    assert rig.out.stop_requests == 1


def test_a_stop_that_was_reset_while_nobody_listened_is_named_and_does_not_deafen_the_plc(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = DayRig()
    rig.ask("stop_line", reason="oil on the belt", role="operator")
    rig.core.on_link_down("cable")
    rig.agree(epoch=2)  # latched and reset meanwhile: the PLC sees the request stand as it stood
    rig.core.on_status(rig.header(plc_status=PlcStatus.BELT_RUN))
    assert rig.out.stop_withdrawn == 0
    monkeypatch.setattr("edge_runtime.station.line_watch.STOP_UNHEARD_NS", -1)
    rig.core.on_status(rig.header(plc_status=PlcStatus.BELT_RUN))
    assert rig.out.stop_withdrawn == 1  # only a request that rises again can stop the belt
    assert "stop_not_latched" in rig.out.faults()


def test_how_the_line_stands_is_written_when_it_changes_and_only_then() -> None:
    rig = DayRig()
    first = len(rig.line_states())
    rig.turn()
    rig.turn()
    assert len(rig.line_states()) == first
    rig.core.on_status(rig.header(plc_status=PlcStatus.BELT_RUN))
    rig.turn()
    rig.ask("open_shift", name="1")
    latched = PlcStatus.BELT_LATCHED | PlcStatus.E_STOP | PlcStatus.GUARD_OPEN
    rig.core.on_status(rig.header(plc_status=latched, stop_cause=1, key_switch=1))
    rig.turn()
    rig.core.on_link_down("cable")
    rig.turn()
    states = rig.line_states()[first:]
    assert [(s.running, s.shift, s.latched, s.stop_cause, s.ready, s.connected) for s in states] == [
        (True, "", False, "none", True, True),
        (True, "1", False, "none", True, True),
        (False, "1", True, "e_stop", False, True),
        (False, "1", True, "e_stop", False, False),
    ]
    assert (states[2].inputs, states[2].key_switch, states[2].holds) == (
        ("e_stop", "guard_open"),
        "bypass",
        ("key",),
    )
    assert states[3].holds == ("key", "plc")
    assert wrap(rig.now) == rig.core.header["encoder_count"]
