"""Step 5: is there time? From the last picture to the gate at top speed, for every camera and lane."""

from __future__ import annotations

from edge_runtime.commission.context import Context
from edge_runtime.commission.shown import Fact, Found, Show, StepFailed, StepRun
from edge_runtime.commission.station_file import compose
from edge_runtime.config import StationConfig
from vision.errors import FerrogateError


def timing_step(context: Context) -> StepRun:
    """Compose the file so far and look at its margins.

    Raises:
        StepFailed: the file would be refused.
    """
    yield Show("timing.checking")
    data = compose(context.draft, context.results)
    try:
        config = context.ports.files.check_station(data)
    except FerrogateError as error:
        raise StepFailed("timing.refused", {"file": data}, detail=error.what) from error
    found = Found()
    for number, lane in enumerate(config.line.lanes if config.line is not None else ()):
        found.facts += _lane(config, number)
        found.values[f"lane{lane.lane}"] = {"margin_ms": min(_margins_ms(config, number).values())}
    found.facts.append(_span(config))
    return found


def _margins_ms(config: StationConfig, number: int) -> dict[str, float]:
    """Time left over for every camera that sees the lane, ms at top speed."""
    line = config.line
    assert line is not None  # a station with a PLC has one
    lane = line.lanes[number]
    left = {}
    for camera in config.cameras:
        if lane.lane in camera.geometry.lane_y_px:
            room = lane.eye_to_gate_counts - line.switch_lead_counts - camera.geometry.fov_end_counts
            left[camera.name] = room / line.max_speed_counts_per_s * 1e3 - line.inspection_ms
    return left


def _lane(config: StationConfig, number: int) -> list[Fact]:
    line = config.line
    assert line is not None
    return [
        Fact(
            key="timing.margin",
            value=margin_ms,
            unit="ms",
            digits=0,
            ok=margin_ms >= 0.0,
            subject=camera if len(line.lanes) == 1 else f"{camera}, {line.lanes[number].lane}",
        )
        for camera, margin_ms in _margins_ms(config, number).items()
    ]


def _span(config: StationConfig) -> Fact:
    """Top speed that the file is made for."""
    line = config.line
    assert line is not None
    metres = line.max_speed_counts_per_s * line.um_per_count / 1e6
    return Fact(key="timing.top_speed", value=metres, unit="m_per_s", digits=3)
