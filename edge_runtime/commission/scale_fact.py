"""The scale of a camera: its calibration file, checked against belt and pictures.

Without one the step says where it comes from (`ferrogate calibrate`) and is red: nothing would be
measured and no ball accepted. Neighbours: `steps_camera` calls it last.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

from edge_runtime.commission.context import Context
from edge_runtime.commission.draft import CameraDraft
from edge_runtime.commission.shown import Fact, Found, Show
from vision.errors import FerrogateError


def calibration_facts(context: Context, camera: CameraDraft, found: Found) -> Generator[Show, None, None]:
    """Take the draft's calibration or scale, or ask for a file."""
    typed = camera.known.get("mm_per_px")
    if typed is not None and camera.calibration is None:
        _compare(context, camera, float(typed), "", found)
        return
    path, detail = camera.calibration, ""
    while True:
        if path is not None:
            facts = _checked(context, camera, path, found)
            if isinstance(facts, dict):
                found.values["calibration"] = path
                _compare(context, camera, float(facts["mm_per_px"]), str(facts.get("date", "")), found)
                return
            path, detail = None, facts
        values = {"camera": camera.name, "detail": detail}
        yield Show(
            "camera.calibration", dict(values), asks=("path", "without"), camera=camera.name, waiting=True
        )
        answer = context.answer("path")
        if answer is not None and answer.get("value"):
            path = str(answer["value"])
        elif context.answer("without") is not None:
            break
    found.facts.append(Fact(key="camera.scale", ok=False, subject=camera.name, todo="camera.scale_todo"))


def _checked(context: Context, camera: CameraDraft, path: str, found: Found) -> dict[str, Any] | str:
    """Facts of the file, or why it cannot be used."""
    whole = str((context.draft.folder / Path(path)).resolve())
    try:
        return dict(
            context.ports.files.check_calibration(
                camera.name, whole, int(found.values["width_px"]), int(found.values["height_px"])
            )
        )
    except FerrogateError as error:
        return str(error)


def _compare(context: Context, camera: CameraDraft, mm_per_px: float, date: str, found: Found) -> None:
    """Belt, pictures and calibration each say how long a count is in the picture: they must agree."""
    expected = context.um_per_count / 1000.0 / mm_per_px
    seen = float(found.values["track"]["px_per_count"])
    off = seen / expected - 1.0
    ok = abs(off) <= context.limits.camera.scale_agreement_share.value
    found.facts.append(
        Fact(
            key="camera.scale",
            value=mm_per_px,
            unit="mm_per_px",
            digits=4,
            ok=ok,
            subject=f"{camera.name} {date}".strip(),
            todo="" if ok else "camera.scale_off_todo",
            todo_values={} if ok else {"off": round(100.0 * off, 1)},
        )
    )
