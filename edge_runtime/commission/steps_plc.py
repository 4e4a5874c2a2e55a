"""Step 1: the PLC answers, holds the right map, and says its geometry, which is measured later."""

from __future__ import annotations

from edge_runtime.commission.context import Context, until
from edge_runtime.commission.shown import Fact, Found, Show, StepFailed, StepRun
from edge_runtime.plc.registers import MAGIC, MAP_VERSION

#: what the station file holds of the geometry block beside the lanes
_SHARED = (
    "valve_lead_ms",
    "gate_window_counts",
    "min_spacing_counts",
    "pulse_min_counts",
    "pulse_max_counts",
    "decision_margin_counts",
)
_MUST_BE_SET = ("um_per_count_x10", "heartbeat_timeout_ms", "scan_ms", *_SHARED[:5])


def plc_step(context: Context) -> StepRun:
    """Wait for the PLC, then read and look at its numbers.

    Raises:
        StepFailed: another register map, or a geometry block without numbers.
    """
    # A geometry that was corrected is only seen over a new connection.
    context.ports.plc.close()
    context.ports.plc.open()
    context.watch.header = {}
    yield Show("plc.wait", waiting=True)
    yield from until(context, lambda: bool(context.geometry), lambda: Show("plc.wait", waiting=True))
    header, geometry = context.watch.header, context.geometry
    if header["magic"] != MAGIC or header["map_version"] != MAP_VERSION:
        raise StepFailed("plc.other_map", version=header["map_version"], wanted=MAP_VERSION)
    found = Found()
    draft = context.draft
    found.facts.append(Fact(key="plc.address", value=f"{draft.plc.host}:{draft.plc.port}", ok=True))
    found.facts.append(Fact(key="plc.map", value=MAP_VERSION, ok=True))
    empty = [name for name in _MUST_BE_SET if geometry[name] == 0]
    if not context.lanes:
        empty.append("lane0_eye_to_gate_counts")
    if empty:
        raise StepFailed("plc.empty", names=", ".join(empty))
    found.facts.append(Fact(key="plc.lanes", value=", ".join(map(str, context.lanes))))
    found.facts.append(Fact(key="plc.scan", value=geometry["scan_ms"], unit="ms"))
    found.facts.append(_timeout(geometry["heartbeat_timeout_ms"], geometry["valve_lead_ms"]))
    found.facts.append(Fact(key="plc.um_per_count", value=context.um_per_count, digits=1, unit="um"))
    found.values["line"] = {"um_per_count": context.um_per_count} | {name: geometry[name] for name in _SHARED}
    found.values["lanes"] = [
        {
            "lane": lane,
            "eye_to_gate_counts": geometry[f"lane{lane}_eye_to_gate_counts"],
            "gate_to_confirm_counts": geometry[f"lane{lane}_gate_to_confirm_counts"],
        }
        for lane in context.lanes
    ]
    found.raw["geometry"] = dict(geometry)
    return found


def _timeout(timeout_ms: int, lead_ms: int) -> Fact:
    """The gate must have time to fall before the heartbeat counts as lost."""
    ok = timeout_ms > lead_ms
    return Fact(
        key="plc.heartbeat",
        value=timeout_ms,
        unit="ms",
        ok=ok,
        todo="" if ok else "plc.heartbeat_todo",
        todo_values={} if ok else {"least": 2 * lead_ms},
    )
