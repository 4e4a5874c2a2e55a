"""The station file that comes out: the draft with what was measured in the places of what was believed.

Neighbours: `steps_timing` and `steps_last` compose it, `files` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import yaml

from edge_runtime.commission.draft import CameraDraft, Draft
from edge_runtime.commission.shown import StepResult
from edge_runtime.commission.state import SavedState

#: keys of a camera's geometry that its step measures
_SIZE = ("width_px", "height_px", "pixel_format")
_SCALE_KEYS = ("calibration", "mm_per_px", "u_scale_share")


def compose(draft: Draft, results: Mapping[str, StepResult]) -> dict[str, Any]:
    """The station file's data by the draft and the results so far; skipped steps leave the draft's values."""
    data = draft.copy()
    line = dict(data.get("line") or {})
    plc = results.get("plc")
    if plc is not None and plc.values:
        line |= plc.values["line"]
        line["lanes"] = plc.values["lanes"]
    eye = results.get("eye")
    if eye is not None and "max_speed_counts_per_s" in eye.values:
        believed = float(line.get("max_speed_counts_per_s", 0.0) or 0.0)
        # A draft that expects more than was run keeps its word: it only asks for more room.
        line["max_speed_counts_per_s"] = max(float(eye.values["max_speed_counts_per_s"]), believed)
    data["line"] = line
    cameras = {str(item["name"]): item for item in data["cameras"]}
    for camera in draft.cameras:
        result = results.get(f"camera:{camera.name}")
        if result is not None and result.values:
            _camera(cameras[camera.name], camera, result.values)
    return data


def _camera(item: dict[str, Any], camera: CameraDraft, values: Mapping[str, Any]) -> None:
    geometry = dict(item.get("geometry") or {})
    geometry |= {key: values[key] for key in _SIZE if key in values}
    measured = dict(values.get("geometry", {}))
    if measured:
        # JSON knows only text as keys: a state that was read back has its lanes as text.
        measured["lane_y_px"] = {int(lane): y_px for lane, y_px in measured["lane_y_px"].items()}
    geometry |= measured
    if "calibration" in values:
        for key in _SCALE_KEYS:
            geometry.pop(key, None)
        geometry["calibration"] = values["calibration"]
    item["geometry"] = geometry
    if "exposure" in values:
        item["exposure"] = dict(item.get("exposure") or {}) | dict(values["exposure"])
    item["fiducials"] = values.get("fiducials", item.get("fiducials", []))
    for key in ("reference_background", "reference_bgr"):
        if values.get(key) is not None:
            item[key] = values[key]


def station_text(data: Mapping[str, Any], comments: tuple[str, ...]) -> str:
    """The file's text, comments first."""
    head = "".join(f"# {line}\n" for comment in comments for line in comment.splitlines())
    return head + yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True)


def comments(state: SavedState, when: datetime, version: str) -> tuple[str, ...]:
    """What stands at the top of the file: when, who, with what, and what was left out.

    Args:
        state: all results. when: on the plant's clock. version: of ferrogate.
    """
    people = sorted({item.by for item in state.results if item.by})
    balls = balls_used(state)
    lines = [
        f"Station file of '{state.station}', written by 'ferrogate commission' (ferrogate {version}),",
        f"{when:%Y-%m-%d %H:%M} {when:%Z}, by {', '.join(people) or 'nobody named'}, with {balls} balls.",
        "Measured: line; of each camera size, region, marks, background, exposure. The rest is the draft's.",
    ]
    lines += [
        f"NOT IN ORDER: step '{item.step}': {item.reason or 'it ended red'}" for item in state.not_in_order
    ]
    return tuple(lines)


def balls_used(state: SavedState) -> int:
    """Balls that the gate's figures rest on."""
    gate = state.result("gate")
    lanes = [] if gate is None else [value for name, value in gate.values.items() if name.startswith("lane")]
    return sum(int(lane["balls"]) for lane in lanes if isinstance(lane, dict))
