"""The PLC's program: what becomes of one part, spacing, the gate; one row, one rule."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from edge_runtime.plc.registers import (
    Cause,
    Side,
    StationState,
)
from edge_runtime.twin.plc_parts import PlcSettings
from tests.twin.plc_rig import (
    AT_GATE,
    CONFIRM,
    DECISION,
    END,
    GATE,
    LEAD,
    MARGIN,
    RISE,
    SEEN,
    SETTINGS,
    SPACING,
    SPEED,
    WINDOW,
    Act,
    ready_rig,
    says,
    sets,
    writes,
)
from vision.types import Decision


class Row(NamedTuple):
    """What happens on the line, and what must become of part 1."""

    comment: str
    acts: list[tuple[float, Act]]
    side: Side
    cause: Cause


ROWS = [
    # A fresh proof, all in order: the one way into the accept chute.
    Row("proven", [(SEEN, says(1))], Side.ACCEPT, Cause.PROVEN),
    # The proof comes in the last scan before the decision.
    Row("just in time", [(RISE + 160 + DECISION - 48, says(1))], Side.ACCEPT, Cause.PROVEN),
    # Nobody said anything: reject unless proven good.
    Row("no verdict", [], Side.REJECT, Cause.NO_VERDICT),
    # The station says reject.
    Row("reject", [(SEEN, says(1, Decision.REJECT))], Side.REJECT, Cause.VERDICT_REJECT),
    # Review goes to the reject chute.
    Row("review", [(SEEN, says(1, Decision.REVIEW))], Side.REJECT, Cause.VERDICT_REJECT),
    # An accept after the decision is late, though the gate could still be reached.
    Row("late", [(RISE + 160 + DECISION + 49, says(1))], Side.REJECT, Cause.LATE),
    # The count of another trigger: the verdict belongs to another ball.
    Row("identity", [(SEEN, says(1, encoder=RISE + 960))], Side.REJECT, Cause.IDENTITY),
    # Wrong identity first, the right one after it: no more trust in this part.
    Row(
        "identity, then right",
        [(SEEN, says(1, encoder=7)), (SEEN + 100, says(1))],
        Side.REJECT,
        Cause.IDENTITY,
    ),
    # A verdict that names an epoch which is not in force.
    Row("stale verdict", [(SEEN, says(1, epoch=1))], Side.REJECT, Cause.NO_VERDICT),
    # Two verdicts that differ.
    Row("conflict", [(SEEN, says(1)), (SEEN + 100, says(1, Decision.REJECT))], Side.REJECT, Cause.CONFLICT),
    # The second thoughts come after the decision, before the ball: the gate falls again.
    Row(
        "conflict after decision",
        [(SEEN, says(1)), (RISE + 160 + DECISION + 60, says(1, Decision.REJECT))],
        Side.REJECT,
        Cause.CONFLICT,
    ),
    # The same verdict twice is not a conflict.
    Row("repeat", [(SEEN, says(1)), (SEEN + 100, says(1))], Side.ACCEPT, Cause.PROVEN),
    # A verdict number that does not exist proves nothing.
    Row("verdict 9", [(SEEN, says(1, 9))], Side.REJECT, Cause.NO_VERDICT),
    # The station is not Ready as the gate decides.
    Row(
        "not ready",
        [(SEEN, says(1)), (SEEN + 50, writes(station_state=int(StationState.NOT_READY)))],
        Side.REJECT,
        Cause.NOT_READY,
    ),
    # The station works in another epoch.
    Row("wrong ack", [(SEEN, says(1)), (SEEN + 50, writes(epoch_ack=1))], Side.REJECT, Cause.NOT_READY),
    # The heartbeat is 150 ms old at the decision: too old for a flap that needs 52 ms, no new epoch yet.
    Row(
        "heartbeat ageing",
        [(SEEN, says(1)), (RISE + 160 + DECISION - 1500, sets(beat=False))],
        Side.REJECT,
        Cause.HEARTBEAT,
    ),
    # Heartbeat lost while the part is far from the gate: new epoch, the part is of the old one.
    Row("heartbeat lost", [(SEEN, says(1)), (RISE + 1200, sets(beat=False))], Side.REJECT, Cause.STALE_EPOCH),
    # The heartbeat ages beyond the limit while the gate is open, well before the ball.
    Row(
        "heartbeat lost, gate open",
        [(SEEN, says(1)), (AT_GATE - WINDOW - LEAD - 1400, sets(beat=False))],
        Side.REJECT,
        Cause.HEARTBEAT,
    ),
    # A new session while the part is under way.
    Row(
        "new session",
        [(SEEN, says(1)), (SEEN + 100, writes(session_nonce=6))],
        Side.REJECT,
        Cause.STALE_EPOCH,
    ),
    # No air: the gate cannot be held.
    Row("air low", [(SEEN, says(1)), (SEEN + 1, sets(air_low=True))], Side.REJECT, Cause.NOT_READY),
    # A full bin is said, and changes nothing for the part.
    Row("bin full", [(SEEN, says(1)), (SEEN + 1, sets(bin_full=True))], Side.ACCEPT, Cause.PROVEN),
    # E-stop with the part in flight; the belt coasts on.
    Row("e-stop", [(SEEN, says(1)), (SEEN + 100, sets(e_stop=True))], Side.REJECT, Cause.STOP),
    # Guard opened.
    Row("guard", [(SEEN, says(1)), (SEEN + 100, sets(guard_open=True))], Side.REJECT, Cause.STOP),
    # The station asks for a stop.
    Row("stop request", [(SEEN, says(1)), (SEEN + 100, writes(stop_request=1))], Side.REJECT, Cause.STOP),
    # Eye pulses were lost: identities in flight are unsure.
    Row("edges lost", [(SEEN, says(1)), (SEEN + 100, sets(edges_lost=3))], Side.REJECT, Cause.PULSE),
]


@pytest.mark.parametrize("row", ROWS, ids=[row.comment for row in ROWS])
@pytest.mark.parametrize("start", [0, 60_000], ids=["", "over the encoder's wrap"])
def test_what_becomes_of_one_part(row: Row, start: int) -> None:
    rig = ready_rig(start=start)
    rig.ball(RISE)
    rig.play(row.acts)
    rig.run_to(RISE + GATE + CONFIRM + 2000)
    [outcome] = rig.outcomes
    assert (Side(outcome.side), Cause(outcome.cause)) == (row.side, row.cause)
    assert outcome.confirm == outcome.side, "eye and side have the same numbers"
    assert outcome.trigger_seq == 1
    assert outcome.trigger_encoder_count == (RISE + start) % 65536
    assert outcome.pulse_counts == 320
    assert rig.header("accepted_total") == (row.side is Side.ACCEPT)
    assert rig.header("rejected_total") == (row.side is Side.REJECT)
    assert rig.header("confirmed_total") == 1
    if row.side is Side.REJECT and row.cause not in (Cause.HEARTBEAT, Cause.CONFLICT):
        assert rig.gate_changes == [], "the gate moved for a part without proof"


PULSES = [
    # comment, balls (rising, pulse), causes in the order of the triggers
    ("a ball's pulse", [(1000, 320)], [Cause.PROVEN]),
    ("shortest allowed", [(1000, 240)], [Cause.PROVEN]),
    ("longest allowed", [(1000, 384)], [Cause.PROVEN]),
    # A pulse that is too short is a part all the same.
    ("short", [(1000, 239)], [Cause.PULSE]),
    # Two balls that touch: one long pulse, one part.
    ("long", [(1000, 640)], [Cause.PULSE]),
    # Just far enough apart.
    ("at the spacing", [(1000, 320), (1000 + SPACING, 320)], [Cause.PROVEN, Cause.PROVEN]),
    # One count nearer: both.
    ("too close", [(1000, 320), (999 + SPACING, 320)], [Cause.TOO_CLOSE, Cause.TOO_CLOSE]),
    # Three in a row: the middle one drags both others along.
    (
        "chain of three",
        [(1000, 320), (1600, 320), (2200, 320)],
        [Cause.TOO_CLOSE, Cause.TOO_CLOSE, Cause.TOO_CLOSE],
    ),
    # A false short pulse right behind a ball rejects it too.
    ("bounce", [(1000, 320), (1400, 20)], [Cause.TOO_CLOSE, Cause.PULSE]),
    # Neighbours within min_spacing of the long pulse's extent, not only of its centre.
    (
        "long with neighbours",
        [(1000, 320), (1880, 640), (2900, 320)],
        [Cause.TOO_CLOSE, Cause.PULSE, Cause.TOO_CLOSE],
    ),
    # Neighbours outside that extent: rejected only where the gate could not move in between.
    (
        "long with distant neighbours",
        [(1000, 320), (2300, 640), (4200, 320)],
        [Cause.PROVEN, Cause.PULSE, Cause.PROVEN],
    ),
]


@pytest.mark.parametrize(("balls", "causes"), [row[1:] for row in PULSES], ids=[row[0] for row in PULSES])
def test_pulse_and_spacing(balls: list[tuple[int, int]], causes: list[Cause]) -> None:
    rig = ready_rig()
    for number, (rising, pulse) in enumerate(balls, start=1):
        rig.ball(rising, pulse)
        rig.say(rising + 2500, number)
    rig.run_to(balls[-1][0] + GATE + CONFIRM + 3000)
    assert [Cause(o.cause) for o in rig.outcomes] == causes
    assert [t.pulse_counts for t in rig.triggers] == [pulse for _, pulse in balls]
    assert [t.trigger_seq for t in rig.triggers] == list(range(1, len(balls) + 1))
    assert rig.header("mismatch_total") == 0


CLEAR = WINDOW + LEAD + 160
NEIGHBOURS = [
    # comment, spacing, first's verdict, second's verdict, causes
    ("two goods may touch", SPACING, 1, 1, (Cause.PROVEN, Cause.PROVEN)),
    # The gate for the first would still be open when the second comes.
    ("bad one behind", CLEAR - 1, 1, 2, (Cause.TOO_CLOSE, Cause.VERDICT_REJECT)),
    # The gate for the second would open while the first is in it.
    ("bad one before", CLEAR - 1, 2, 1, (Cause.VERDICT_REJECT, Cause.TOO_CLOSE)),
    # Far enough apart for the flap to move in between.
    ("bad one behind, clear", CLEAR, 1, 2, (Cause.PROVEN, Cause.VERDICT_REJECT)),
    ("bad one before, clear", CLEAR, 2, 1, (Cause.VERDICT_REJECT, Cause.PROVEN)),
    # What nobody judged yet counts as bad.
    ("unjudged behind", CLEAR - 1, 1, None, (Cause.TOO_CLOSE, Cause.NO_VERDICT)),
]


@pytest.mark.parametrize(
    ("spacing", "first", "second", "causes"), [r[1:] for r in NEIGHBOURS], ids=[r[0] for r in NEIGHBOURS]
)
def test_an_open_gate_covers_no_unproven_neighbour(
    spacing: int, first: int, second: int | None, causes: tuple[Cause, Cause]
) -> None:
    rig = ready_rig()
    for number, verdict in enumerate((first, second)):
        rising = RISE + number * spacing
        rig.ball(rising)
        if verdict is not None:
            rig.say(rising + 2300, number + 1, verdict)
    rig.run_to(END)
    assert tuple(Cause(o.cause) for o in rig.outcomes) == causes
    assert rig.header("mismatch_total") == 0
    changes = [at for at, _ in rig.gate_changes]
    for opens, drops in zip(changes[::2], changes[1::2], strict=True):
        for number, cause in enumerate(causes):
            if cause is not Cause.PROVEN:
                # From the switch until one lead after the drop the flap may be anywhere;
                # valve_lead_ms has room for the scan in which the drop is seen.
                leading = RISE + number * spacing + GATE
                assert leading + 320 <= opens or drops + LEAD - 49 <= leading


def test_the_gate_is_energised_by_count_not_by_time() -> None:
    rig = ready_rig()
    rig.ball(RISE)
    rig.say(SEEN, 1)
    rig.run_to(END)
    (on, first), (off, last) = rig.gate_changes
    assert (first, last) == (True, False)
    scan = SPEED * 0.005
    assert AT_GATE - WINDOW - LEAD <= on < AT_GATE - WINDOW - LEAD + scan
    assert AT_GATE + WINDOW < off <= AT_GATE + WINDOW + scan + 1
    assert rig.named("decision")[0]["position"] < on - MARGIN + 2 * scan


def test_the_lead_follows_the_speed() -> None:
    rig = ready_rig(speed=SPEED / 2)
    rig.ball(RISE)
    rig.say(SEEN, 1)
    rig.run_to(END)
    assert AT_GATE - WINDOW - LEAD // 2 <= rig.gate_changes[0][0] < AT_GATE - WINDOW - LEAD // 2 + 24
    assert rig.outcomes[0].side == Side.ACCEPT


LATE_SCANS = [
    # counts that pass unseen up to this distance of the centre before the gate, cause
    (WINDOW + LEAD - 60, Cause.PROVEN),  # some counts late: the window is wider than the ball
    (160 + LEAD - 90, Cause.PROVEN),  # two scans late: valve_lead_ms has that much room
    (160 + LEAD - 140, Cause.LATE),  # the flap would still be moving under the ball
    (100, Cause.LATE),
    (-100, Cause.LATE),  # the ball is past
]


@pytest.mark.parametrize(("distance", "cause"), LATE_SCANS)
def test_a_late_scan_does_not_switch_the_gate_under_the_ball(distance: int, cause: Cause) -> None:
    rig = ready_rig()
    rig.ball(RISE)
    rig.say(SEEN, 1)
    rig.run_to(AT_GATE - WINDOW - LEAD - MARGIN - 100)
    missed_s = (AT_GATE - distance - rig.position) / SPEED - 0.005  # one scan follows
    rig.now_ns += round(missed_s * 1e9)
    rig.position += missed_s * SPEED
    rig.run_to(END)
    assert [Cause(o.cause) for o in rig.outcomes] == [cause]
    assert bool(rig.gate_changes) is (cause is Cause.PROVEN)
    assert rig.header("mismatch_total") == 0


@pytest.mark.parametrize("offset", range(0, 48, 5))
def test_scans_fall_where_they_like(offset: int) -> None:
    values = {name: getattr(SETTINGS, name) for name in SETTINGS.__dataclass_fields__}
    rig = ready_rig(PlcSettings(**values | {"gate_window_counts": 192}))
    rig.ball(RISE + offset)
    rig.say(SEEN, 1)
    rig.run_to(END)
    assert [Cause(o.cause) for o in rig.outcomes] == [Cause.PROVEN]


def test_a_belt_that_stands_loses_nothing() -> None:
    rig = ready_rig()
    rig.ball(RISE)
    rig.say(SEEN, 1)
    rig.run_to(AT_GATE - WINDOW)
    assert rig.gate_open()
    rig.speed = 0.0
    rig.wait(3000)
    assert rig.gate_open()
    rig.speed = SPEED
    rig.run_to(END)
    assert [o.cause for o in rig.outcomes] == [Cause.PROVEN]


DROPS = [
    # comment, action before the scan, cause of the outcome
    ("e-stop", sets(e_stop=True), Cause.STOP),
    ("guard", sets(guard_open=True), Cause.STOP),
    ("air low", sets(air_low=True), Cause.NOT_READY),
    ("station stops the belt", writes(stop_request=1), Cause.STOP),
    ("new session", writes(session_nonce=9), Cause.STALE_EPOCH),
]


@pytest.mark.parametrize(("action", "cause"), [row[1:] for row in DROPS], ids=[row[0] for row in DROPS])
def test_an_open_gate_drops_at_once(action: Act, cause: Cause) -> None:
    rig = ready_rig()
    rig.ball(RISE)
    rig.say(SEEN, 1)
    rig.run_to(AT_GATE - WINDOW - LEAD + 60)
    assert rig.gate_open()
    action(rig)
    rig.step()
    assert not rig.gate_open()
    rig.run_to(END)
    assert rig.outcomes[0].cause == cause


def test_a_gate_that_drops_under_the_ball_leaves_the_side_to_the_eye() -> None:
    for chute, side, cause in (
        ("accept", Side.ACCEPT, Cause.PROVEN),  # the drop came too late for the flap
        ("reject", Side.REJECT, Cause.STOP),
    ):
        rig = ready_rig()
        rig.ball(RISE, chute=chute)
        rig.say(SEEN, 1)
        rig.play([(AT_GATE - 200, sets(e_stop=True))])
        rig.run_to(END)
        [outcome] = rig.outcomes
        assert (outcome.side, outcome.cause, outcome.confirm) == (side, cause, int(side))
        assert rig.header("mismatch_total") == 0
        assert rig.named("outcome")[0]["doubt"]


def test_a_gap_between_scans_leaves_the_side_to_the_eye() -> None:
    """The output module drops an open gate in the gap; the program learns the side from the eye."""
    for gap_ms, chute, side in ((40, "reject", Side.REJECT), (40, "accept", Side.ACCEPT)):
        rig = ready_rig()
        rig.ball(RISE, chute=chute)
        rig.say(SEEN, 1)
        rig.run_to(AT_GATE - 400)
        rig.now_ns += gap_ms * 10**6
        rig.position += gap_ms / 1000 * SPEED
        rig.run_to(END)
        assert [o.side for o in rig.outcomes] == [side]
        assert rig.named("outcome")[0]["doubt"]
        assert rig.header("mismatch_total") == 0


def test_a_gate_that_drops_after_the_ball_changes_nothing() -> None:
    rig = ready_rig()
    rig.ball(RISE)
    rig.say(SEEN, 1)
    rig.play([(AT_GATE + 220, sets(e_stop=True))])
    rig.run_to(END)
    assert (rig.outcomes[0].side, rig.outcomes[0].cause) == (Side.ACCEPT, Cause.PROVEN)


def test_the_heartbeat_is_younger_than_its_limit_as_the_ball_passes() -> None:
    """However the heartbeat's end falls, no ball that meets an open gate meets it later than 200 ms."""
    for stop_at in range(AT_GATE - 4000, AT_GATE, 96):
        rig = ready_rig()
        rig.ball(RISE)
        rig.say(SEEN, 1)
        rig.play([(stop_at, sets(beat=False))])
        rig.run_to(AT_GATE + 2 * WINDOW)
        if not rig.gate_changes:
            continue
        drop = rig.gate_changes[-1][0]
        # The flap is surely back one lead after the drop; 48 counts are one scan.
        assert drop + LEAD <= stop_at + 0.200 * SPEED + 2 * 48 or drop > AT_GATE + WINDOW
