"""How warm the balls are: what the station file says of it, and what the PLC's pyrometer reads.

A ball that comes hot from the mill is larger than at 20 degC, where its limits hold. Without a
temperature its diameter has no uncertainty, so nothing is measured then. Neighbours:
`edge_runtime.config` holds the settings, the station's core asks once per trigger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from edge_runtime.camera_config import Strict
from edge_runtime.plc.records import celsius_of
from vision.metrology.size import CELSIUS_MAX, CELSIUS_MIN
from vision.metrology.types import Temperature

Celsius = Annotated[float, Field(ge=CELSIUS_MIN, le=CELSIUS_MAX)]
Kelvin = Annotated[float, Field(gt=0.0, le=200.0)]


class ConstantTemperature(Strict):
    """Every ball has the same temperature within its uncertainty: cold balls, or a line that soaks them."""

    source: Literal["constant"] = "constant"
    celsius: Celsius
    u_celsius: Kelvin = Field(description="standard uncertainty of a ball's temperature, K")


class PlcTemperature(Strict):
    """The pyrometer at the photo-eye, through the PLC's register `ball_temperature_x10`."""

    source: Literal["plc"] = "plc"
    u_celsius: Kelvin = Field(
        description="standard uncertainty of a reading as the temperature of a ball's body, K: emissivity, "
        "scale, and how much a ball differs from the one before it"
    )
    min_celsius: Celsius = Field(description="a reading below is none: the pyrometer saw the belt")
    max_celsius: Celsius = Field(description="a reading above is none: the pyrometer saw a flame")

    @model_validator(mode="after")
    def _range_is_open(self) -> PlcTemperature:
        if not self.min_celsius < self.max_celsius:
            raise ValueError("min_celsius is not below max_celsius")
        return self


TemperatureConfig = Annotated[ConstantTemperature | PlcTemperature, Field(discriminator="source")]


def ball_temperature(
    config: ConstantTemperature | PlcTemperature | None, header: Mapping[str, int]
) -> Temperature | None:
    """Temperature of the ball that has just passed the photo-eye; None: nobody knows it.

    Args:
        config: of the station file.
        header: the PLC's newest header by field name; without the field there is no reading.
    """
    if config is None:
        return None
    if isinstance(config, ConstantTemperature):
        return Temperature(config.celsius, config.u_celsius)
    word = header.get("ball_temperature_x10")
    celsius = None if word is None else celsius_of(word)
    if celsius is None or not config.min_celsius <= celsius <= config.max_celsius:
        return None
    return Temperature(celsius, config.u_celsius)
