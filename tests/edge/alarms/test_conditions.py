"""What is wrong, by what is known: a table of cases, one thing wrong in each."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.alarms import find_ledger
from edge_runtime.alarms.condition import Key
from edge_runtime.alarms.conditions import find_conditions, known_sources
from edge_runtime.alarms.facts import LedgerFacts, SizeDrift
from edge_runtime.day.state import Challenge, Changeover, DayState, Lot
from edge_runtime.plc.registers import PlcStatus
from edge_runtime.station.line_watch import PLC_FAULT_COUNTERS
from tests.edge.alarms.looks import LEDGER, LIMITS, MACHINE, camera, look, plc, status
from tests.edge.page.status_samples import UTC_NS
from vision.types import FrameFault

S = 1_000_000_000
CHANGEOVER = Changeover(
    recipe="gost:60", old_sha256="a", new_sha256="b", product="60", asked_by="f", asked_utc_ns=UTC_NS
)
CHALLENGE = Challenge(
    challenge="C-4", balls=3, expected="any", lane=0, announced_by="o", announced_utc_ns=UTC_NS - 60 * S
)
LOT = Lot(name="7", product="40", opened_by="f", opened_utc_ns=UTC_NS, recipe_sha256="a")


def _station(**changes: Any) -> dict[str, Any]:
    return {"status": status(**changes)}


def _held(name: str, why: str = "because") -> dict[str, Any]:
    return _station(ready=False, holds={name: why})


def _plc(**changes: Any) -> dict[str, Any]:
    return _station(plc=plc(**changes))


def _camera(**changes: Any) -> dict[str, Any]:
    return _station(cameras=(camera(**changes),))


def _day(**changes: Any) -> dict[str, Any]:
    return _station(day=DayState(**changes))


def _ledger(**changes: Any) -> dict[str, Any]:
    return {"ledger": replace(LEDGER, **changes)}


def _machine(**changes: Any) -> dict[str, Any]:
    return {"machine": replace(MACHINE, **changes)}


CASES: list[tuple[dict[str, Any], set[str]]] = [
    ({}, set()),  # nothing is wrong
    # --- is there a station
    ({"status": None, "status_age_s": None}, {"station_absent"}),
    ({"status_age_s": 3.1}, {"station_gone"}),
    ({"status_age_s": 2.9}, set()),
    # a changeover ends with a start: silence is not yet a fault
    (_day(changeover=CHANGEOVER) | {"status_age_s": 20.0}, set()),
    (_day(changeover=CHANGEOVER) | {"status_age_s": 46.0}, {"station_gone"}),
    # the last word before that start: the changeover is done, its hold still stands
    (_held("changeover") | {"status_age_s": 20.0}, set()),
    (_held("changeover") | {"status_age_s": 46.0}, {"station_gone"}),
    ({"status": None, "status_age_s": None, "status_trouble": "no"}, {"station_unreadable"}),
    # what a station that is gone told last is no news
    (_plc(latched=True, stop_cause="e_stop") | {"status_age_s": 60.0}, {"station_gone"}),
    # --- holds
    (_held("journal"), {"journal_stuck"}),
    (_station(journal_error="no space"), {"journal_stuck"}),
    (_held("books"), {"books_hold"}),
    (_held("calibration"), {"calibration_bad"}),
    (_held("recipe"), {"recipe_unusable"}),
    (_held("geometry"), {"plc_geometry"}),
    (_station(ready=False, holds={"lot_recipe": "x"}, day=DayState(lot=LOT)), {"lot_recipe"}),
    (_held("camera_left"), {"camera_silent"}),
    (_held("something_new"), {"hold_other"}),
    (_held("challenge_due"), {"challenge_hold"}),
    (_held("key") | {}, set()),  # the key tells for itself
    # --- pace
    (_station(loop_ms_p99=52.0), {"station_slow"}),  # from 51 of 60 ms
    (_station(loop_ms_p99=50.0), set()),
    (_station(loop_ms_p99=52.0) | {"limits": replace(LIMITS, inspection_ms=None)}, set()),
    # --- PLC
    (_plc(connected=False), {"plc_lost"}),
    (_plc(trusted=False), {"plc_untrusted"}),
    (_station(ready=False, plc=plc(trusted=False)), set()),  # not Ready: nobody expects trust
    (_plc(inputs=("e_stop",), latched=True, stop_cause="e_stop"), {"e_stop"}),
    (_plc(latched=True, stop_cause="e_stop"), {"latched_e_stop"}),
    (_plc(inputs=("guard_open",), latched=True, stop_cause="guard"), {"guard_open"}),
    (_plc(latched=True, stop_cause="guard"), {"latched_guard"}),
    # pressed while the belt is latched for something else: both are to be told
    (_plc(inputs=("e_stop",), latched=True, stop_cause="mismatch"), {"e_stop", "latched_mismatch"}),
    (_plc(latched=True, stop_cause="unproven_accept"), {"latched_unproven_accept"}),
    (_plc(latched=True, stop_cause="station_request"), {"latched_station_request"}),
    (_plc(latched=True, stop_cause="none"), {"latched_other"}),
    (_plc(inputs=("air_low", "bin_full")), {"air_low", "bin_full"}),
    (_plc(key_switch="bypass"), {"bypass"}),
    (_plc(key_switch="service"), {"service_key"}),
    # --- cameras
    (_camera(fault="silent"), {"camera_silent"}),
    (_camera(fault="upside_down"), {"camera_fault"}),
    (_camera(background=170.0), {"lamp_fading"}),  # 200 -> 150 is the room, 60 % of it used at 170
    (_camera(background=171.0), set()),
    (_camera(background=185.0, background_min=180.0), {"lamp_fading"}),  # the absolute limit is nearer
    (_camera(background=120.0, reference_background=None), set()),  # never set up: nothing to compare with
    (_camera(background=120.0, fault="lamp"), {"camera_lamp"}),  # it has failed: no word of fading
    (_camera(focus_px=3.2), {"lens_drifting"}),
    (_camera(focus_px=3.1), set()),
    (_camera(focus_px=3.9, focus_max_px=None), set()),
    (_camera(shift_px=1.4), {"camera_shifting"}),
    (_camera(shift_px=1.3), set()),
    # --- the day
    (_day(changeover=CHANGEOVER), {"changeover_running"}),
    (_day(containment="C-4"), {"challenge_missed"}),
    (_day(challenge_due_utc_ns=UTC_NS + S), set()),
    (_day(challenge_due_utc_ns=UTC_NS - S), {"challenge_due"}),
    (_day(challenge_due_utc_ns=UTC_NS - 901 * S), {"challenge_overdue"}),
    (_day(challenge_due_utc_ns=UTC_NS - 901 * S, challenge=CHALLENGE), set()),  # it is being done
    (_day(challenge_due_utc_ns=UTC_NS - S, containment="C-4"), {"challenge_missed"}),  # one thing to do
    (
        _day(challenge_due_utc_ns=UTC_NS - S, last_challenge_result="inconclusive"),
        {"challenge_due", "challenge_inconclusive"},
    ),
    (_day(last_challenge_result="inconclusive"), set()),  # none is demanded
    (
        _day(challenge=CHALLENGE.model_copy(update={"announced_utc_ns": UTC_NS - 600 * S})),
        {"challenge_waits"},
    ),
    # --- the ledger
    ({"ledger": None, "ledger_trouble": "locked"}, {"ledger_unreadable"}),
    ({"ledger": None}, set()),  # not looked at yet
    (_ledger(books="unbalanced", problems=("a", "b")), {"books_unbalanced"}),
    (_ledger(books="unknown"), set()),
    (_ledger(late=30), {"verdicts_late"}),  # 0.5 % of 6000
    (_ledger(late=29), set()),
    (_ledger(late=2, parts=4), set()),  # a share of few is none
    (_ledger(wrong_chute=1), {"wrong_chute"}),
    (_ledger(sessions=3), {"station_restarts"}),
    (_ledger(sessions=2), set()),
    (_ledger(newest_counters_utc_ns=UTC_NS - 15 * S), {"recorder_behind"}),
    (_ledger(newest_counters_utc_ns=UTC_NS - 14 * S), set()),
    # nothing written down yet by a station that has just begun
    (_station(started_utc_ns=UTC_NS - 5 * S) | _ledger(newest_counters_utc_ns=None), set()),
    (_ledger(newest_counters_utc_ns=None), {"recorder_behind"}),
    (_ledger(faults={("plc_trigger_overflow", ""): 2}), {"trigger_ring_full"}),
    (_ledger(faults={("plc_outcome_ring_full", ""): 1}), {"outcome_ring_full"}),
    (_ledger(faults={("verdict_timeout", ""): 1}), {"verdicts_lost"}),
    (_ledger(faults={("plc_unproven_accepts", ""): 1}), {"unproven_accepts"}),
    (_ledger(faults={("plc_stray_rejects", ""): 1}), {"stray_rejects"}),
    (_ledger(faults={("untriggered", "left"): 1}), {"untriggered"}),
    (_ledger(faults={("sequence_back", ""): 1}), {"sequence_back"}),
    (_ledger(faults={("no_temperature", ""): 1}), {"no_temperature"}),
    (_ledger(faults={("plc_restart", ""): 1}), {"plc_restarted"}),
    (_ledger(faults={("inspection_error", "left"): 1}), {"inspection_errors"}),
    (_ledger(faults={("journal_damaged", ""): 1}), {"journal_damaged"}),
    (_ledger(faults={("picture_lost", ""): 9}), {"pictures_lost"}),
    (_ledger(faults={("day_gap", ""): 1}), {"day_lost"}),
    (_ledger(faults={("day_file", ""): 1}), {"day_not_kept"}),
    (_ledger(faults={("desk_closed", ""): 1}), {"desk_closed"}),
    (_ledger(faults={("frames_inbox_full", "left"): 3}), {"frames_lost"}),
    (_ledger(faults={("hold_plc", ""): 3, ("revoked", ""): 1, ("picture_budget", ""): 5}), set()),
    (_ledger(rejects_now=(1000, 60), rejects_before=(5000, 100)), {"rejects_high"}),
    (_ledger(rejects_now=(1000, 24), rejects_before=(5000, 100)), set()),  # within three sigma of 2 %
    (_ledger(rejects_now=(1000, 60), rejects_before=(100, 2)), set()),  # nothing to compare with yet
    (_ledger(rejects_now=(1000, 9), rejects_before=(5000, 0)), {"rejects_high"}),  # none so far is no promise
    (_ledger(rejects_now=(100, 7), rejects_before=(5000, 0)), set()),  # a handful is no alarm
    (_ledger(drift=SizeDrift(40.3, 40.0, "above")), {"size_drift"}),
    (_ledger(drift=SizeDrift(40.3, 40.0, "")), set()),
    # --- the machine
    ({"machine": None}, set()),
    (_machine(disk_free_mb=2048.0), {"disk_low"}),
    (_machine(disk_free_mb=2049.0), set()),
    (_machine(disk_free_mb=200.0), {"disk_full"}),
    (_machine(disk_free_mb=None), set()),
    (_machine(memory_free_share=0.05), {"memory_low"}),
    (_machine(clock_jump_s=-3600.0), {"clock_jumped"}),
    (_machine(clock_jump_s=1.0), set()),
    (_machine(recorder_running=False), {"recorder_gone"}),
    (_machine(recorder_running=None), set()),
    (_machine(recorder_running=False, given_up="the recorder died 6 times"), {"line_given_up"}),
    (_held("disk"), {"journal_reserve_spent"}),
    (_station(journal_spares=3, journal_spares_wanted=4, journal_spare_mb=16), {"journal_reserve"}),
    (_station(journal_spares=4, journal_spares_wanted=4, journal_spare_mb=16), set()),
    (
        _station(ready=False, holds={"disk": "full"}, journal_spares=0, journal_spares_wanted=4),
        {"journal_reserve_spent"},
    ),
    (_plc(latched=True, stop_cause="power", belt_running=False), {"latched_power"}),
    (_machine(calibration_days={"left": 14}), {"calibration_ends"}),
    (_machine(calibration_days={"left": 15}), set()),
    (_machine(calibration_days={"left": -1}), set()),  # over: the station holds and says so
]


@pytest.mark.parametrize(("changes", "codes"), CASES)
def test_what_is_wrong(changes: dict[str, Any], codes: set[str]) -> None:
    assert {condition.code for condition in find_conditions(look(**changes))} == codes


@pytest.mark.parametrize("fault", [fault for fault in FrameFault if fault is not FrameFault.OK])
def test_every_fault_of_a_frame_has_a_code_of_its_own(fault: FrameFault) -> None:
    (found,) = find_conditions(look(**_camera(fault=fault.value, detail="why")))
    assert (found.code, found.subject, found.level) == (f"camera_{fault.value}", "left", "error")
    assert found.values == {"camera": "left", "detail": "why"}


#: changes, the code that stands, and whether it goes on standing
BANDS: list[tuple[dict[str, Any], Key, bool]] = [
    (_station(loop_ms_p99=43.0), Key("station_slow", ""), True),
    (_station(loop_ms_p99=41.0), Key("station_slow", ""), False),
    (_camera(background=174.0), Key("lamp_fading", "left"), True),
    (_camera(background=176.0), Key("lamp_fading", "left"), False),
    (_camera(background=174.0), Key("lamp_fading", "right"), False),  # another camera's
    (_camera(focus_px=2.9), Key("lens_drifting", "left"), True),
    (_camera(focus_px=2.7), Key("lens_drifting", "left"), False),
    (_camera(shift_px=1.3), Key("camera_shifting", "left"), True),
    (_camera(shift_px=1.1), Key("camera_shifting", "left"), False),
    (_ledger(late=13), Key("verdicts_late", ""), True),
    (_ledger(late=11), Key("verdicts_late", ""), False),
    (_ledger(newest_counters_utc_ns=UTC_NS - 9 * S), Key("recorder_behind", ""), True),
    (_ledger(newest_counters_utc_ns=UTC_NS - 8 * S), Key("recorder_behind", ""), False),
    (_ledger(rejects_now=(1000, 32), rejects_before=(5000, 100)), Key("rejects_high", ""), True),
    (_ledger(rejects_now=(1000, 28), rejects_before=(5000, 100)), Key("rejects_high", ""), False),
    (_machine(disk_free_mb=2500.0), Key("disk_low", ""), True),
    (_machine(disk_free_mb=2600.0), Key("disk_low", ""), False),
    (_machine(disk_free_mb=400.0), Key("disk_full", ""), True),
    (_machine(memory_free_share=0.09), Key("memory_low", ""), True),
    (_machine(memory_free_share=0.11), Key("memory_low", ""), False),
]


@pytest.mark.parametrize(("changes", "key", "stands"), BANDS)
def test_what_stands_goes_on_until_it_is_clearly_better(
    changes: dict[str, Any], key: Key, stands: bool
) -> None:
    assert not any(found.key == key for found in find_conditions(look(**changes)))
    again = find_conditions(look(**changes), frozenset({key}))
    assert any(found.key == key for found in again) is stands


def test_the_figures_are_those_of_the_cause() -> None:
    def values(code: str, **changes: Any) -> dict[str, Any]:
        (found,) = (one for one in find_conditions(look(**changes)) if one.code == code)
        return dict(found.values)

    assert values("station_gone", status_age_s=12.4) == {"seconds": 12}
    assert values("lamp_fading", **_camera(background=165.2)) == {
        "camera": "left",
        "level": 165,
        "limit": 150,
    }
    assert values("challenge_overdue", **_day(challenge_due_utc_ns=UTC_NS - 1900 * S)) == {"minutes": 31}
    assert values("verdicts_late", **_ledger(late=60)) == {"count": 60, "share_percent": 1.0}
    assert values("rejects_high", **_ledger(rejects_now=(1000, 60), rejects_before=(4998, 99))) == {
        "share_percent": 6.0,
        "usual_percent": 2.0,
    }
    unbalanced = _ledger(books="unbalanced", problems=("one row missing", "another", "a third", "a fourth"))
    assert values("books_unbalanced", **unbalanced) == {
        "count": 4,
        "detail": "one row missing; another; a third",
    }


def test_every_fault_that_is_an_alarm_is_written_by_somebody() -> None:
    room = Path(find_ledger.__file__).parents[1]
    written = {f"plc_{name}" for name in PLC_FAULT_COUNTERS}
    written |= {f"plc_{bit.name}".lower() for bit in PlcStatus}
    for folder in ("station", "ledger", "journal"):
        for path in (room / folder).glob("*.py"):
            text = path.read_text(encoding="utf-8")
            written |= set(re.findall(r"(?:fault|FaultEntry)\(\s*\"([a-z_]+)\"", text))
    written |= set(re.findall(r"FaultEntry\(\s*\"([a-z_]+)\"", (room / "recorder_main.py").read_text()))
    watched = {*find_ledger._FAULTS.items(), *find_ledger._WITHOUT_COUNT.items()}
    assert {name for _, names in watched for name in names} - written == set()


def test_lost_frames_are_counted_camera_by_camera() -> None:
    faults = {("frames_inbox_full", "left"): 3, ("frames_ring", "left"): 2, ("frames_ring", "right"): 1}
    found = find_conditions(look(ledger=LedgerFacts(faults=faults, newest_counters_utc_ns=UTC_NS)))
    assert {one.subject: one.values["count"] for one in found} == {"left": 5, "right": 1}


def test_a_source_is_known_while_it_tells_something() -> None:
    assert known_sources(look()) == {"page", "station", "ledger", "machine"}
    assert known_sources(look(status_age_s=3.1)) == {"page", "ledger", "machine"}
    assert known_sources(look(status=None, status_age_s=None, ledger=None, machine=None)) == {"page"}
