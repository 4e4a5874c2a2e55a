"""The rail twin's process: `python -m edge_runtime.twin.rail_main SETTINGS.json`.

One rail after the other is drawn and goes past the scanner, at the pace of the yard times the speed-up,
until all are through, SIGTERM comes, or the process that started this one is gone.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

import cv2

from edge_runtime.twin.rail_scanner import draw_rail, scan_rail
from edge_runtime.twin.rail_settings import RailTwinSettings, load_twin_settings
from vision.errors import FerrogateError

NICENESS = 10
_POLL_S = 0.2


def run_yard(settings: RailTwinSettings, stop: threading.Event) -> int:
    """Let the rails go past; returns how many did.

    Raises:
        CameraError: a scan cannot be written.
    """
    parent_pid = os.getppid()
    settings.out.mkdir(parents=True, exist_ok=True)
    frames = max(1, round(settings.rail_settings().rows / settings.frame_rows))
    pace_s = 0.0
    if settings.speed_up is not None:
        pace_s = 3600.0 / settings.rails_per_hour / settings.speed_up / frames
    for number in range(settings.count):
        rail = draw_rail(settings, number)
        while _lying(settings.out) >= settings.backlog and not stop.wait(_POLL_S):
            if os.getppid() != parent_pid:
                return number
        try:
            scan_rail(settings, rail, pace_s, stop)
        except InterruptedError:
            return number
        if stop.is_set() or os.getppid() != parent_pid:
            return number + 1
    return settings.count


def _lying(folder: Path) -> int:
    """Finished scans that nobody has taken yet."""
    return sum(1 for path in folder.iterdir() if path.is_dir() and path.suffix != ".part")


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m edge_runtime.twin.rail_main", description="the rail twin's process"
    )
    parser.add_argument("settings", type=Path, help="settings file (JSON)")
    args = parser.parse_args(argv)
    os.nice(NICENESS)
    cv2.setNumThreads(1)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    try:
        rails = run_yard(load_twin_settings(args.settings), stop)
    except FerrogateError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps({"rails": rails}), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
