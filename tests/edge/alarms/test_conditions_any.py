"""Whatever the figures are: conditions never raise, and what must be said is said."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.alarms.codes import CODES
from edge_runtime.alarms.condition import Key
from edge_runtime.alarms.conditions import find_conditions
from edge_runtime.alarms.facts import LedgerFacts, Limits, Look, MachineFacts, SizeDrift
from edge_runtime.alarms.words import alarm_texts
from edge_runtime.day.state import Challenge, Changeover, DayState
from edge_runtime.live.status import CameraStatus, PlcStatusFacts, StationStatus
from edge_runtime.page.encode import json_text
from edge_runtime.plc.registers import StopCause
from tests.edge.alarms.looks import status
from vision.types import FrameFault

NAMES = st.sampled_from(["left", "right", "top"])
TEXTS = st.text(max_size=12)
FIGURES = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.floats(0.0, 300.0)
COUNTS = st.integers(0, 10_000_000)
TIMES = st.integers(0, 1 << 62)
HOLDS = st.sampled_from(
    [
        "plc",
        "geometry",
        "journal",
        "books",
        "calibration",
        "recipe",
        "lot_recipe",
        "changeover",
        "challenge",
        "challenge_due",
        "key",
        "camera_left",
        "camera_right",
        "something_new",
    ]
)
FAULTS = st.sampled_from([fault.value for fault in FrameFault] + ["silent", "something_new"])
FAULT_CODES = st.sampled_from(
    [
        "plc_trigger_overflow",
        "plc_outcome_overflow",
        "verdict_timeout",
        "frames_inbox_full",
        "untriggered",
        "picture_lost",
        "day_gap",
        "desk_closed",
        "inspection_error",
        "something_new",
        "no_temperature",
    ]
)

CAMERAS = st.builds(
    CameraStatus,
    name=NAMES,
    fault=FAULTS,
    detail=TEXTS,
    frames=COUNTS,
    last_frame_mono_ns=TIMES,
    background=FIGURES,
    reference_background=FIGURES,
    background_min=FIGURES,
    focus_px=FIGURES,
    focus_max_px=FIGURES,
    shift_px=FIGURES,
    shift_max_px=FIGURES,
)
PLCS = st.builds(
    PlcStatusFacts,
    connected=st.booleans(),
    detail=TEXTS,
    trusted=st.booleans(),
    belt_running=st.booleans(),
    latched=st.booleans(),
    stop_cause=st.sampled_from([cause.name.lower() for cause in StopCause] + ["something_new"]),
    key_switch=st.sampled_from(["auto", "bypass", "service"]),
    inputs=st.lists(st.sampled_from(["e_stop", "guard_open", "air_low", "bin_full"]), unique=True).map(tuple),
)
CHANGEOVERS = st.builds(
    Changeover,
    recipe=TEXTS,
    old_sha256=TEXTS,
    new_sha256=TEXTS,
    product=TEXTS,
    asked_by=TEXTS,
    asked_utc_ns=TIMES,
)
CHALLENGES = st.builds(
    Challenge,
    challenge=TEXTS,
    balls=st.integers(1, 50),
    expected=TEXTS,
    lane=st.integers(0, 7),
    announced_by=TEXTS,
    announced_utc_ns=TIMES,
)
DAYS = st.builds(
    DayState,
    changeover=st.none() | CHANGEOVERS,
    challenge=st.none() | CHALLENGES,
    last_challenge_result=st.sampled_from(["", "passed", "missed", "inconclusive", "cancelled"]),
    challenge_due_utc_ns=TIMES,
    containment=st.sampled_from(["", "C-1"]),
)
STATUSES = st.builds(
    lambda **facts: status(**facts),
    cameras=st.lists(CAMERAS, max_size=3).map(tuple),
    plc=PLCS,
    day=DAYS,
    holds=st.dictionaries(HOLDS, TEXTS, max_size=4),
    ready=st.booleans(),
    written_utc_ns=TIMES,
    started_utc_ns=TIMES,
    loop_ms_p99=FIGURES,
    journal_error=TEXTS,
)
MACHINES = st.builds(
    MachineFacts,
    disk_free_mb=FIGURES,
    disk_free_share=FIGURES,
    memory_free_mb=FIGURES,
    memory_free_share=FIGURES,
    load=FIGURES,
    clock_jump_s=st.floats(allow_nan=True, allow_infinity=True),
    recorder_running=st.none() | st.booleans(),
    calibration_days=st.dictionaries(NAMES, st.integers(-1000, 1000), max_size=2),
)
DRIFTS = st.builds(
    SizeDrift,
    ewma_mm=st.floats(allow_nan=True, allow_infinity=True),
    target_mm=st.floats(allow_nan=True, allow_infinity=True),
    alarm=st.sampled_from(["", "above", "below"]),
)
LEDGERS = st.builds(
    LedgerFacts,
    parts=COUNTS,
    late=COUNTS,
    wrong_chute=COUNTS,
    faults=st.dictionaries(st.tuples(FAULT_CODES, st.sampled_from(["", "left"])), COUNTS, max_size=5),
    sessions=COUNTS,
    rejects_now=st.tuples(COUNTS, COUNTS),
    rejects_before=st.tuples(COUNTS, COUNTS),
    newest_counters_utc_ns=st.none() | TIMES,
    drift=st.none() | DRIFTS,
    books=st.sampled_from(["balanced", "open", "unbalanced", "unknown"]),
    problems=st.lists(TEXTS, max_size=4).map(tuple),
)
LIMITS = st.builds(
    Limits,
    background_drop_share=st.dictionaries(NAMES, st.floats(0.0, 1.0), max_size=3),
    inspection_ms=FIGURES,
    challenge_grace_s=st.floats(0.0, 20_000.0),
)
STANDING = st.frozensets(
    st.builds(Key, code=st.sampled_from(sorted(CODES)), subject=st.sampled_from(["", "left", "right"]))
)
LOOKS = st.builds(
    Look,
    utc_ns=TIMES,
    status=st.none() | STATUSES,
    status_age_s=st.none() | st.floats(0.0, 100.0),
    status_trouble=st.sampled_from(["", "no"]),
    machine=st.none() | MACHINES,
    ledger=st.none() | LEDGERS,
    ledger_trouble=st.sampled_from(["", "locked"]),
    limits=LIMITS,
)


@settings(max_examples=300, deadline=None)
@given(look=LOOKS, standing=STANDING)
def test_never_raises_and_gives_known_codes_once_with_all_their_figures(
    look: Look, standing: frozenset[Key]
) -> None:
    found = find_conditions(look, standing)
    keys = [condition.key for condition in found]
    assert len(keys) == len(set(keys))
    for condition in found:
        rule = CODES[condition.code]
        assert set(rule.places) <= set(condition.values)
        assert condition.level == rule.level
        text = alarm_texts("kk")[f"alarm.{condition.code}.what"].format(**condition.values)
        for value in sorted(map(str, condition.values.values()), key=len, reverse=True):
            text = text.replace(value, "") if value else text
        assert "{" not in text
        # What goes into the ledger and to the browser must be JSON of numbers that are numbers.
        json.loads(json_text(dict(condition.values)), parse_constant=_no_number)


def _no_number(text: str) -> None:
    raise AssertionError(f"{text} is no number")


@settings(max_examples=150, deadline=None)
@given(told=STATUSES, standing=STANDING, machine=st.none() | MACHINES, ledger=st.none() | LEDGERS)
def test_what_must_be_said_is_said(
    told: StationStatus, standing: frozenset[Key], machine: Any, ledger: Any
) -> None:
    found = find_conditions(Look(0, told, 0.1, machine=machine, ledger=ledger), standing)
    codes = {condition.code for condition in found}
    levels = {condition.level for condition in found}
    if told.plc.latched or told.day.containment:
        assert "stop" in levels
    if told.plc.key_switch == "bypass":
        assert "bypass" in codes
    if not told.plc.connected:
        assert "plc_lost" in codes
    # The key's and the challenge's holds have their cause elsewhere in the status.
    spoken = set(told.holds) - {"key", "challenge", "changeover", "plc"}
    seen_cameras = {f"camera_{camera.name}" for camera in told.cameras}
    lost = {name for name in spoken if name.startswith("camera_") and name not in seen_cameras}
    if spoken - lost and told.day.challenge is None:
        assert "error" in levels
    if ledger is not None and ledger.books == "unbalanced":
        assert "books_unbalanced" in codes
