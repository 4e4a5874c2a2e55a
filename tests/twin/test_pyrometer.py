"""The pyrometer's way: from the ball at the trigger eye through the field wiring into the PLC's header."""

from __future__ import annotations

from edge_runtime.plc.records import celsius_of
from edge_runtime.plc.registers import NO_TEMPERATURE
from tests.twin.plc_rig import RISE, ready_rig


def test_header_holds_the_reading_of_the_last_ball_at_the_eye() -> None:
    rig = ready_rig()
    rig.ball(RISE)
    rig.ball(RISE + 1000)
    rig.ball(RISE + 2000)
    rig.pyrometer_celsius = 123.4
    rig.run_to(RISE - 100)
    # no ball at the eye yet: the belt's warmth is nobody's
    assert rig.header("ball_temperature_x10") == NO_TEMPERATURE
    rig.run_to(RISE + 400)
    assert celsius_of(rig.header("ball_temperature_x10")) == 123.4
    assert len(rig.triggers) == 1
    # between two balls the register keeps the last one's
    rig.pyrometer_celsius = None
    rig.run_to(RISE + 900)
    assert celsius_of(rig.header("ball_temperature_x10")) == 123.4
    # a ball that passes without a reading leaves none
    rig.run_to(RISE + 1400)
    assert rig.header("ball_temperature_x10") == NO_TEMPERATURE
    # cold is a reading too, and no zero
    rig.pyrometer_celsius = -12.5
    rig.run_to(RISE + 2400)
    assert celsius_of(rig.header("ball_temperature_x10")) == -12.5
