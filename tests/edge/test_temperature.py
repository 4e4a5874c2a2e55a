"""How warm the balls are: constant, from the PLC, or not known."""

from __future__ import annotations

import pytest

from edge_runtime.plc.records import temperature_word
from edge_runtime.temperature import ConstantTemperature, PlcTemperature, ball_temperature
from vision.metrology.types import Temperature

CONSTANT = ConstantTemperature(celsius=25.0, u_celsius=3.0)
PLC = PlcTemperature(u_celsius=10.0, min_celsius=40.0, max_celsius=200.0)

CASES = [
    # what the file says, what the PLC holds, what is known
    (None, {"ball_temperature_x10": 1000}, None),
    (CONSTANT, {}, Temperature(25.0, 3.0)),
    (CONSTANT, {"ball_temperature_x10": 1000}, Temperature(25.0, 3.0)),
    (PLC, {"ball_temperature_x10": temperature_word(99.9)}, Temperature(99.9, 10.0)),
    (PLC, {"ball_temperature_x10": temperature_word(40.0)}, Temperature(40.0, 10.0)),  # on the limit
    (PLC, {"ball_temperature_x10": temperature_word(200.0)}, Temperature(200.0, 10.0)),
    (PLC, {"ball_temperature_x10": temperature_word(39.9)}, None),
    (PLC, {"ball_temperature_x10": temperature_word(200.1)}, None),
    (PLC, {"ball_temperature_x10": temperature_word(None)}, None),
    (PLC, {}, None),  # no header was read yet
]


@pytest.mark.parametrize(("config", "header", "known"), CASES)
def test_temperature(
    config: ConstantTemperature | PlcTemperature | None, header: dict[str, int], known: Temperature | None
) -> None:
    assert ball_temperature(config, header) == known
