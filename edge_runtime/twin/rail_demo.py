"""`ferrogate demo --station rail`: a whole rail yard on this machine, and what became of every rail.

Starts the rail twin and a rail station with its page, by the same `ferrogate run` that a yard uses, waits
until every rail that went past is in the books or put aside, and stops both in order. Neighbours:
`rail_figures` compares the books with the truth, `rail_demo_command` is what people type and read.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import yaml

from edge_runtime.reports.words import Language
from edge_runtime.twin.demo import DemoError
from edge_runtime.twin.rail_settings import SIDE, SIDE_OFFSET_MM, TOP, RailTwinSettings
from edge_runtime.yard.station_intake import ASIDE, DONE
from edge_runtime.yard.station_status import YardStatus, read_status

STATION_FILE, SETTINGS_FILE, LOG_FILE = "rail_station.yaml", "twin.json", "processes.log"
#: the station may take so long for one rail on a busy machine
PATIENCE_S = 600.0
POLL_S = 0.2
_GRACE_S = 30.0
#: a demo's rails are worth little disk; a yard asks for more
_MIN_FREE_MB = 100


@dataclass(slots=True)
class RailDemo:
    """One run: its folder, the twin's settings, the page's port (None: no page)."""

    run_dir: Path
    settings: RailTwinSettings
    page_port: int | None
    stopped_early: bool = False
    wall_s: float = 0.0

    @property
    def station_file(self) -> Path:
        """What `ferrogate run` is given."""
        return self.run_dir / STATION_FILE

    @property
    def storage(self) -> Path:
        """The station's books and pictures."""
        return self.run_dir / "station"

    @property
    def log(self) -> Path:
        """What the processes said."""
        return self.run_dir / LOG_FILE

    def through(self) -> tuple[int, int]:
        """(scans in the books, scans put aside) by now."""
        done, aside = (len(list((self.storage / name).glob("*.json"))) for name in (DONE, ASIDE))
        return done, aside


def write_rail_files(
    run_dir: Path, settings: RailTwinSettings, *, model: str, page_port: int | None, language: Language
) -> RailDemo:
    """Write station file and the twin's settings into the run's folder.

    Args:
        run_dir: there already.
        settings: of the twin; its `out` is what the station watches.
        model: ONNX file, or the name of a shipped one.
        page_port: where the station's page listens on loopback; None: no page.
        language: of the page, until a reader chooses another one.
    """
    cameras: list[dict[str, object]] = [{"name": TOP, "element": "head", "mm_per_px": settings.mm_per_px}]
    if settings.side_camera:
        side = {"name": SIDE, "element": "web", "mm_per_px": settings.mm_per_px}
        cameras.append({**side, "offset_mm": SIDE_OFFSET_MM, "inspected": False})
    station = {
        "schema_version": 1,
        "station": "rail",
        "name": f"rail-demo-{os.getpid()}",
        "cameras": cameras,
        "encoder": {"counts_per_mm": settings.counts_per_mm, "bits": settings.count_bits},
        "detector": {"model": model},
        "scans": [{"type": "watch", "path": os.path.relpath(settings.out, run_dir), "marker": True}],
        "storage": {"folder": "station", "min_free_mb": _MIN_FREE_MB},
        "second_look": {"share": 0.2},
        "page": None if page_port is None else {"port": page_port, "language": language},
    }
    settings.out.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(station, sort_keys=False, allow_unicode=True)
    (run_dir / STATION_FILE).write_text(text, encoding="utf-8")
    (run_dir / SETTINGS_FILE).write_text(settings.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return RailDemo(run_dir, settings, page_port)


def play_rails(demo: RailDemo, told: Callable[[int, YardStatus | None], None], stop: threading.Event) -> None:
    """Run all rails through the station.

    Args:
        demo: from `write_rail_files`; `stopped_early` and `wall_s` are set.
        told: a few times a second, with the rails that are through and the station's status.
        stop: once set no more rails come, and those that did are finished.

    Raises:
        DemoError: a process died, or a rail took too long.
    """
    began = last_move = time.monotonic()
    with demo.log.open("ab") as log:
        station = _start(log, ["-m", "edge_runtime", "run", "--with-parent", str(demo.station_file)])
        twin = _start(log, ["-m", "edge_runtime.twin.rail_main", str(demo.run_dir / SETTINGS_FILE)])
        try:
            through = -1
            while True:
                now = sum(demo.through())
                told(now, read_status(demo.storage))
                if now != through:
                    through, last_move = now, time.monotonic()
                if stop.is_set() and twin.poll() is None:
                    demo.stopped_early = True
                    _end(twin)
                if twin.poll() is not None and now >= _scanned(demo):
                    break
                _check(demo, station, twin, time.monotonic() - last_move)
                time.sleep(POLL_S)
        finally:
            _end(twin)
            _end(station)
    demo.wall_s = time.monotonic() - began


def _scanned(demo: RailDemo) -> int:
    """Rails that went past: the twin writes a truth for each, before it hands the scan over."""
    return len(list(demo.settings.truth.glob("*.json")))


def _start(log: BinaryIO, words: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *words],
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, "FERROGATE_LOG": "text"},
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _check(
    demo: RailDemo, station: subprocess.Popen[bytes], twin: subprocess.Popen[bytes], quiet_s: float
) -> None:
    """Raise when a process that must run has ended, or nothing has moved for too long."""
    where, todo = str(demo.log), "read its last lines"
    for name, process in (("station", station), ("rail twin", twin)):
        code = process.poll()
        if code is not None and not (name == "rail twin" and code == 0):
            words = demo.log.read_text(encoding="utf-8", errors="replace").splitlines()[-4:]
            last = " | ".join(line.strip() for line in words if line.strip())
            raise DemoError(f"the {name} ended with code {code}: {last}", where=where, todo=todo)
    if quiet_s > PATIENCE_S:
        raise DemoError(f"no rail came through for {quiet_s:.0f} s", where=where, todo=todo)
