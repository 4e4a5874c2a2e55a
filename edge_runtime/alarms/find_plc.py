"""What the PLC tells: link, stops, inputs, keys. The latch is the PLC's: no software resets it."""

from __future__ import annotations

from collections.abc import Iterator

from edge_runtime.alarms.condition import Condition
from edge_runtime.live.status import StationStatus

#: stop causes with words of their own
_CAUSES = ("e_stop", "guard", "mismatch", "unproven_accept", "station_request", "power")
#: the input that, while it is on, says all that the latch of its cause would say
_INPUT_OF_CAUSE = {"e_stop": "e_stop", "guard": "guard_open"}


def find_plc(status: StationStatus) -> Iterator[Condition]:
    """Conditions of link and PLC; while the link is down the PLC's facts are those last read."""
    plc = status.plc
    if not plc.connected:
        yield Condition("plc_lost", values={"detail": plc.detail or status.holds.get("plc", "")})
    elif not plc.trusted and status.ready:
        yield Condition("plc_untrusted", values={"detail": plc.detail})
    if "geometry" in status.holds:
        yield Condition("plc_geometry", values={"detail": status.holds["geometry"]})
    for name in ("e_stop", "guard_open", "air_low", "bin_full"):
        if name in plc.inputs:
            yield Condition(name)
    if plc.latched and _INPUT_OF_CAUSE.get(plc.stop_cause) not in plc.inputs:
        if plc.stop_cause in _CAUSES:
            yield Condition(f"latched_{plc.stop_cause}")
        else:
            yield Condition("latched_other", values={"cause": plc.stop_cause})
    if plc.key_switch == "bypass":
        yield Condition("bypass")
    elif plc.key_switch == "service":
        yield Condition("service_key")
