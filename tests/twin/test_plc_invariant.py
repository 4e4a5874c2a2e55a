"""Whatever comes, in whatever order: no ball falls into the accept chute without a fresh proof."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_runtime.plc.registers import Cause, Confirm, KeySwitch, Side, StationState
from tests.twin.plc_rig import CONFIRM, GATE, Act, Rig, ready_rig, says, sets, writes
from vision.types import Decision

UNTRIGGERED_CLEAR = 600


@dataclass(frozen=True)
class BallPlan:
    """One ball: distance to the one before, pulse, seen by the trigger eye, verdict and when it comes."""

    gap: int
    pulse: int
    triggered: bool
    verdict: int
    verdict_after: int
    wrong_encoder: bool


BALLS = st.lists(
    st.builds(
        BallPlan,
        gap=st.integers(400, 2000),
        pulse=st.sampled_from((320, 320, 320, 318, 335, 200, 390)),
        triggered=st.sampled_from((True, True, True, True, False)),
        verdict=st.sampled_from((1, 1, 1, 2, 3, 0)),
        verdict_after=st.integers(400, 5000),
        wrong_encoder=st.sampled_from((False, False, False, False, True)),
    ),
    min_size=2,
    max_size=12,
)


def _reconnect(rig: Rig) -> None:
    rig.station["session_nonce"] = rig.station["session_nonce"] % 60_000 + 1


def _press_reset(rig: Rig) -> None:
    rig.resets += 1


def _acknowledge(rig: Rig) -> None:
    rig.ready()


TROUBLES: tuple[tuple[str, Act], ...] = (
    ("heartbeat stops", sets(beat=False)),
    ("heartbeat is back", sets(beat=True)),
    ("station works in the new epoch", _acknowledge),
    ("station not ready", writes(station_state=int(StationState.NOT_READY))),
    ("new session", _reconnect),
    ("e-stop", sets(e_stop=True)),
    ("e-stop released", sets(e_stop=False)),
    ("reset", _press_reset),
    ("air low", sets(air_low=True)),
    ("air back", sets(air_low=False)),
    ("key to bypass", sets(key=KeySwitch.BYPASS)),
    ("key to service", sets(key=KeySwitch.SERVICE)),
    ("key to auto", sets(key=KeySwitch.AUTO)),
    ("a trial of the gate", lambda rig: rig.trial(GATE - 600, GATE + 600, rig.header("service_echo") + 1)),
    ("belt slower", sets(speed=5000.0)),
    ("belt faster", sets(speed=9600.0)),
)
EVENTS = st.lists(
    st.tuples(st.integers(0, 16_000), st.sampled_from(TROUBLES)).map(lambda e: (e[0], e[1][0], e[1][1])),
    max_size=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(balls=BALLS, events=EVENTS)
def test_no_ball_is_accepted_without_a_fresh_proof(
    balls: list[BallPlan], events: list[tuple[int, str, Act]]
) -> None:
    rig = ready_rig()
    rising, number, clear = 500, 0, 0
    numbers: dict[int, BallPlan] = {}
    for ball in balls:
        # An untriggered ball keeps clear of the others: what lies next to it is the camera's to see.
        rising += ball.gap + clear + (0 if ball.triggered else UNTRIGGERED_CLEAR)
        clear = 0
        if not ball.triggered:
            clear = UNTRIGGERED_CLEAR
            rig.untriggered(rising, ball.pulse)
            continue
        number += 1
        numbers[number] = ball
        rig.ball(rising, ball.pulse)
        if ball.verdict:
            act = says(number, ball.verdict, encoder=1) if ball.wrong_encoder else says(number, ball.verdict)
            rig.play([(rising + ball.verdict_after, act)])
    rig.play([(position, act) for position, _, act in events])
    turned = any(name.startswith("key to ") for _, name, _ in events)
    rig.run_to(rising + GATE + CONFIRM + 1500)

    for outcome in rig.outcomes:
        ball = numbers[outcome.trigger_seq]
        assert (outcome.side == Side.ACCEPT) == (outcome.cause == Cause.PROVEN)
        if outcome.side == Side.BYPASS:
            assert turned, "nobody touched the key"
            assert outcome.cause in (Cause.BYPASS, Cause.SERVICE)
        elif outcome.confirm == Confirm.ACCEPT_EYE:
            assert ball.verdict == outcome.verdict == Decision.ACCEPT
            assert not ball.wrong_encoder
            assert 240 <= ball.pulse <= 384
            assert outcome.side == Side.ACCEPT
    if not turned:
        assert rig.header("unproven_accepts") == 0, "an untriggered ball fell into the accept chute"
    assert [o.trigger_seq for o in sorted(rig.outcomes, key=lambda o: o.trigger_seq)] == sorted(numbers)
    totals = {name: rig.header(f"{name}_total") for name in ("accepted", "rejected", "bypassed")}
    assert sum(totals.values()) == len(numbers)
    assert totals["bypassed"] == sum(outcome.side == Side.BYPASS for outcome in rig.outcomes)
    said = {line["trigger_seq"]: line for line in rig.named("verdict") if line["accepted"]}
    decided = {line["trigger_seq"]: line for line in rig.named("decision")}
    for seq, line in decided.items():
        if line["side"] == "ACCEPT":
            assert said[seq]["epoch"] == line["epoch"]
            assert said[seq]["t_ns"] <= line["t_ns"]
