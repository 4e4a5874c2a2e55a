"""A twin line to be commissioned: its processes, and a draft that knows nothing of what it must measure.

The draft names station, recipe, PLC, cameras and where they stand; distances, speeds, marks and places in the
pictures are left out, lens and lamp are off. Neighbours: `twin_hands` turns what a technician turns,
`edge_runtime.twin` is the line itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from edge_runtime.twin.demo import DemoError, free_port
from edge_runtime.twin.demo_files import write_files
from edge_runtime.twin.field import Field, Word
from edge_runtime.twin.knobs import knob
from edge_runtime.twin.settings import (
    CAMERAS,
    COUNTS_PER_D,
    LineSettings,
    save_line_settings,
    with_physics,
)

DRAFT_FILE = "draft.yaml"
#: balls lie far apart, as a technician feeds them, at the belt speed of 10 balls a second
PITCH_D = 8.5
TOP_SPEED_COUNTS_PER_S = 9600.0
#: how lens and lamp are off at the start: 0.1 px of blur, thousandths of the light
BLUR_X10, LAMP_OFF_PERMILLE = 30, -250
_BALLS = 1_000_000
_START_S = 60.0
#: what only the line can tell; the draft has none of it
_MEASURED = ("fov_start_counts", "px_per_count", "direction", "lane_y_px", "width_px", "height_px")


@dataclass(slots=True)
class TwinBench:
    """A running twin line without a station.

    Attributes:
        settings: the truth.
        draft: what the wizard is given.
        field: the wires that people's hands move.
    """

    settings: LineSettings
    draft: Path
    field: Field


def bench_settings(folder: Path, seed: int, *, ideal: bool = False, **changes: Any) -> LineSettings:
    """Settings of a line as hard to measure on as a plant, with good balls far apart."""
    unique = f"ferrogate-c{os.getpid()}"
    settings = LineSettings(
        n_balls=_BALLS,
        balls_per_s=TOP_SPEED_COUNTS_PER_S / (PITCH_D * COUNTS_PER_D),
        pitch_d=PITCH_D,
        defect_share=0.0,
        seed=seed,
        run_dir=folder.resolve(),
        field_name=f"{unique}-field",
        ring_prefix=unique,
        plc_port=free_port(),
        **changes,
    )
    return settings if ideal else with_physics(settings)


def write_draft(settings: LineSettings) -> Path:
    """The twin's files, and the draft in place of its station file."""
    run = write_files(settings)
    data = yaml.safe_load(run.station_file.read_text(encoding="utf-8"))
    run.station_file.unlink()
    for key in ("line", "lot", "shift", "page"):
        data.pop(key, None)
    for camera in data["cameras"]:
        for key in ("fiducials", "reference_background", "exposure"):
            camera.pop(key, None)
        for key in _MEASURED:
            camera["geometry"].pop(key, None)
    path = settings.run_dir / DRAFT_FILE
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return path


@contextmanager
def twin_bench(settings: LineSettings, plc: LineSettings | None = None) -> Iterator[TwinBench]:
    """The twin line and its PLC, stopped on leaving whatever happens.

    Args:
        settings: of the line.
        plc: other settings for the PLC, where its numbers are to be wrong.

    Raises:
        DemoError: a process ended at its start.
    """
    draft = write_draft(settings)
    line_file, plc_file = settings.run_dir / "line.json", settings.run_dir / "plc.json"
    save_line_settings(plc or settings, plc_file)
    log_path = settings.run_dir / "processes.log"
    processes: list[subprocess.Popen[bytes]] = []
    with log_path.open("ab") as log:

        def start(module: str, file: Path) -> None:
            command = [sys.executable, "-m", module, str(file)]
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))

        try:
            start("edge_runtime.twin.line_main", line_file)
            start("edge_runtime.twin.plc_main", plc_file)
            field = _open_field(settings, processes, log_path)
            try:
                for camera in CAMERAS:
                    field.set(knob(Word.KNOB_BLUR_X10, camera), BLUR_X10)
                    field.set(knob(Word.KNOB_LAMP_OFF_PERMILLE, camera), LAMP_OFF_PERMILLE)
                field.set(Word.START_REQUEST, 1)
                yield TwinBench(settings, draft, field)
            finally:
                field.close()
        finally:
            for process in reversed(processes):
                process.terminate()
            for process in processes:
                try:
                    process.wait(10.0)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _open_field(settings: LineSettings, processes: list[subprocess.Popen[bytes]], log_path: Path) -> Field:
    """The field wiring, once line and PLC live.

    Raises:
        DemoError: one of them ended.
    """
    field = Field.open(settings.field_name, timeout_s=_START_S)
    end = time.monotonic() + _START_S
    while field.get(Word.PLC_HEARTBEAT) == 0:
        if any(process.poll() is not None for process in processes) or time.monotonic() > end:
            field.close()
            raise DemoError(
                "the twin line did not start", where=str(log_path), todo="read the last lines of this file"
            )
        time.sleep(0.05)
    return field
