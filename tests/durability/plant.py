"""What stands around the station and is never killed: the twin's PLC and the belt, as processes of their own.

The PLC's own log is the witness: what it took, what it did. Neighbours: `belt`, `kills`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from edge_runtime.plc import registers as reg
from edge_runtime.plc.modbus import Registers
from edge_runtime.plc.records import unpack
from edge_runtime.recipes import default_recipe_path
from edge_runtime.shm_ring import memory_path, picture_ring_name
from edge_runtime.twin.field import Field, Word
from edge_runtime.twin.settings import LineSettings, save_line_settings
from tests.vision.pictures import MARKS
from tests.vision.small_models import darkest_model

BALLS_PER_S = 8.0
PATIENCE_S = 30.0
PartKey = tuple[int, int, int]


def free_port() -> int:
    """A TCP port of the loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class PlcOutcome:
    """What the PLC did with a part, in the words of its log."""

    part: PartKey
    side: str
    cause: str
    verdict: int
    ring_full: bool


class PlcLog:
    """The PLC's log, read on as it grows.

    Attributes:
        outcomes: in the order of the outcome ring.
        verdicts: part -> number of the verdict that the PLC has taken and holds.
        epochs: in their order.
        triggers: parts in their order.
        latches, sessions: how often the belt was latched, and a station began a session.
        decided: sides in the order in which the PLC decided on them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self.outcomes: list[PlcOutcome] = []
        self.verdicts: dict[PartKey, int] = {}
        self.epochs: list[int] = []
        self.triggers: list[PartKey] = []
        self.decided: list[str] = []
        self.latches = 0
        self.sessions = 0

    def read(self) -> None:
        """Take what was written since the last call."""
        with self._path.open("rb") as file:
            file.seek(self._at)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        for line in whole.splitlines():
            self._take(json.loads(line))

    def _take(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "trigger":
                self.triggers.append(_key(event))
            case "verdict" if event["accepted"]:
                self.verdicts[_key(event)] = event["verdict"]
            case "outcome":
                self.outcomes.append(
                    PlcOutcome(
                        _key(event), event["side"], event["cause"], event["verdict"], event["ring_full"]
                    )
                )
            case "decision":
                self.decided.append(event["side"])
            case "epoch":
                self.epochs.append(event["epoch"])
            case "session":
                self.sessions += 1
            case "latch":
                self.latches += 1


def _key(event: dict[str, Any]) -> PartKey:
    return event["epoch"], event["lane"], event["trigger_seq"]


class Plant:
    """PLC and belt of one campaign.

    Args:
        folder: of all files; made when missing.
        operator_comes: somebody resets a latched belt.
    """

    def __init__(self, folder: Path, *, operator_comes: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"fg-kill-{os.getpid()}-{time.monotonic_ns() % 1_000_000}"
        self.settings = LineSettings(
            run_dir=folder,
            field_name=f"{name}-field",
            ring_prefix=name,
            plc_port=free_port(),
            balls_per_s=BALLS_PER_S,
            pitch_d=4.0,
            # The machine may be busy; how soon a dead station is noticed is not what is tested here.
            heartbeat_timeout_ms=1000,
            operator_comes=operator_comes,
        )
        self.station = name
        self.station_file = folder / "station.yaml"
        self.storage = folder / "books"
        self.log = PlcLog(self.settings.plc_log_path)
        self._line_file = folder / "line.json"
        save_line_settings(self.settings, self._line_file)
        self._write_station(folder)
        self.field = Field.create(self.settings.field_name, self.settings.encoder_start)
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start both, and the belt; also once more after a power cut."""
        self._processes.clear()
        self.field.set(Word.LINE_PID, 0)
        scans = self.field.get(Word.PLC_HEARTBEAT)
        for module in ("edge_runtime.twin.plc_main", "tests.durability.belt"):
            command = [sys.executable, "-m", module, str(self._line_file)]
            # The server of the PLC tells at length of every connection that breaks off.
            with (self._line_file.parent / f"{module}.txt").open("ab") as said:
                self._processes.append(subprocess.Popen(command, stdout=said, stderr=said))
        self.wait(lambda: self.field.get(Word.LINE_PID) and self.field.get(Word.PLC_HEARTBEAT) > scans)
        self.field.set(Word.START_REQUEST, 1)

    def wait(self, true: Any, patience_s: float = PATIENCE_S) -> None:
        """Wait until something is so.

        Raises:
            TimeoutError: it never is.
        """
        end = time.monotonic() + patience_s
        while not true():
            if time.monotonic() > end or any(process.poll() is not None for process in self._processes):
                raise TimeoutError("the plant does not do what is waited for, or is gone")
            time.sleep(0.01)

    def acknowledged(self) -> int:
        """Outcomes that the station has acknowledged, as it wrote it into the PLC, modulo 2^16."""
        return self._read(reg.STATION_HEADER)["outcome_tail"]

    def _read(self, block: reg.Block) -> dict[str, int]:
        registers = Registers("127.0.0.1", self.settings.plc_port, reg.UNIT_ID, 2000)
        registers.connect()
        try:
            return unpack(block, registers.read(block.address, block.words))
        finally:
            registers.close()

    def cut_power(self) -> None:
        """Both are gone from one instant to the next; outputs fall off."""
        for process in self._processes:
            process.kill()
            process.wait(PATIENCE_S)
        self.field.set_gate(self.settings.lane, False)
        self.field.set(Word.BELT_ENABLE, 0)

    def header(self) -> dict[str, int]:
        """What the PLC says of itself."""
        return self._read(reg.PLC_HEADER)

    def close(self) -> None:
        """End both and take away what lies in shared memory."""
        self.field.set(Word.END_REQUEST, 1)
        for number, process in reversed(list(enumerate(self._processes))):
            if number == 0:
                process.send_signal(signal.SIGTERM)  # the PLC; the belt obeys END_REQUEST
            process.wait(PATIENCE_S)
        self.field.close()
        memory_path(picture_ring_name(self.station)).unlink(missing_ok=True)

    def _write_station(self, folder: Path) -> None:
        settings = self.settings
        shutil.copy(default_recipe_path("40"), folder / "recipe.yaml")
        recipe = yaml.safe_load((folder / "recipe.yaml").read_text(encoding="utf-8"))
        recipe["views"]["views_min"] = 3
        (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
        (folder / "small.onnx").write_bytes(darkest_model())
        camera = {
            "name": "left",
            "source": {"type": "shm", "name": settings.ring_name("left")},
            "geometry": {
                "width_px": settings.width_px,
                "height_px": settings.height_px,
                "fov_start_counts": settings.fov_start_counts,
                "px_per_count": settings.px_per_count,
                "lane_y_px": {0: settings.height_px / 2.0},
                "mm_per_px": settings.mm_per_px,
                "u_scale_share": 0.002,
                "view_tilt_deg": 45.0,
                "rolling": True,
            },
            "exposure": {"every_counts": settings.exposure_every_counts},
            "fiducials": [list(mark) for mark in MARKS],
        }
        lane = {
            "lane": settings.lane,
            "eye_to_gate_counts": settings.eye_to_gate_counts,
            "gate_to_confirm_counts": settings.gate_to_confirm_counts,
        }
        station = {
            "schema_version": 1,
            "name": self.station,
            "recipe": "recipe.yaml",
            "cameras": [camera],
            "line": {
                "um_per_count": settings.um_per_count,
                "max_speed_counts_per_s": settings.max_speed_counts_per_s,
                "pulse_min_counts": settings.pulse_min_counts,
                "pulse_max_counts": settings.pulse_max_counts,
                "min_spacing_counts": settings.min_spacing_counts,
                "valve_lead_ms": settings.valve_lead_ms,
                "gate_window_counts": settings.gate_window_counts,
                "decision_margin_counts": settings.decision_margin_counts,
                "lanes": [lane],
            },
            "plc": {"type": "modbus_tcp", "port": settings.plc_port},
            "temperature": {"source": "constant", "celsius": 20.0, "u_celsius": 2.0},
            "detector": {"model": str(folder / "small.onnx")},
            "storage": {"folder": "books", "journal_segment_mb": 1, "journal_reserve_segments": 1},
            "page": None,
        }
        self.station_file.write_text(yaml.safe_dump(station), encoding="utf-8")
