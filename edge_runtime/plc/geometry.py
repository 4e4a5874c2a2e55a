"""Does the PLC's geometry fit the station file? The PLC owns the distances; who differs is not Ready.

Neighbours: `link` asks at every session's start, `ferrogate doctor` before the first one.
"""

from __future__ import annotations

from edge_runtime.config import LineGeometry
from edge_runtime.plc import registers as reg


def geometry_differences(line: LineGeometry, plc: dict[str, int]) -> tuple[str, ...]:
    """Where the PLC's geometry block and the station file differ, in words; empty when they agree."""
    expected = {
        "um_per_count_x10": round(line.um_per_count * 10),
        "pulse_min_counts": line.pulse_min_counts,
        "pulse_max_counts": line.pulse_max_counts,
        "min_spacing_counts": line.min_spacing_counts,
        "gate_window_counts": line.gate_window_counts,
        "valve_lead_ms": round(line.valve_lead_ms),
        "decision_margin_counts": line.decision_margin_counts,
    }
    for lane in line.lanes:
        expected[f"lane{lane.lane}_eye_to_gate_counts"] = lane.eye_to_gate_counts
        expected[f"lane{lane.lane}_gate_to_confirm_counts"] = lane.gate_to_confirm_counts
    ours = {lane.lane for lane in line.lanes}
    for number in range(reg.LANES_MAX):
        name = f"lane{number}_eye_to_gate_counts"
        if number not in ours and name in plc:
            # A lane that the PLC uses and the station does not know would run without eyes.
            expected[name] = 0
    return tuple(
        f"{name}: PLC {plc[name]}, station file {value}"
        for name, value in expected.items()
        if plc[name] != value
    )
