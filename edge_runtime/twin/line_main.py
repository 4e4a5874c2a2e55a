"""The line process: `python -m edge_runtime.twin.line_main SETTINGS.json`.

Creates the field wiring and the frame rings, moves the line on in ticks of about a
millisecond of real time, ends by itself when the last ball has left (or at SIGTERM)
and removes its shared memory.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import cv2

from edge_runtime.priority import TWIN, ask_for_priority
from edge_runtime.twin.field import Field, LineState, Word
from edge_runtime.twin.line import Line, first_encoder_count
from edge_runtime.twin.settings import LineSettings, load_line_settings
from edge_runtime.twin.truth import TruthLog
from vision.errors import FerrogateError

TICK_S = 0.001
#: the belt must not stand while a thread reads a ball's pictures: the interpreter's own 5 ms are 50 counts
SWITCH_S = 0.0002
LINGER_S = 30.0
"""The process stays this long after the end, for the station to book its last parts while its
cameras still stand; END_REQUEST or SIGTERM end it at once."""


def run_line(settings: LineSettings, stop: threading.Event) -> dict[str, float]:
    """Run the line in real time until its end or until `stop` is set.

    Returns:
        Figures of the process: longest tick in ms, processor time over wall time.

    Raises:
        FerrogateError: the settings or the ball bank do not serve.
    """
    ask_for_priority(TWIN)
    sys.setswitchinterval(SWITCH_S)
    field = Field.create(settings.field_name, first_encoder_count(settings))
    try:
        truth = TruthLog(settings.truth_path, settings.log_segment_mb)
        try:
            return _loop(settings, field, truth, stop)
        finally:
            truth.close()
    finally:
        field.set(Word.LINE_STATE, LineState.ENDED)
        field.close()


def _loop(settings: LineSettings, field: Field, truth: TruthLog, stop: threading.Event) -> dict[str, float]:
    line = Line(settings, field, truth, time.monotonic_ns())
    field.set(Word.LINE_PID, os.getpid())
    field.set(Word.LINE_STATE, LineState.WAITING)
    # What is there now lives as long as the process: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    begun_ns, begun_cpu = time.monotonic_ns(), time.process_time()
    last_ns, longest_ns = begun_ns, 0
    ended_ns: int | None = None
    parent_pid = os.getppid()
    try:
        while not stop.is_set() and os.getppid() == parent_pid:
            now_ns = time.monotonic_ns()
            longest_ns = max(longest_ns, now_ns - last_ns)
            last_ns = now_ns
            line.advance(now_ns)
            if line.state == LineState.ENDED:
                ended_ns = ended_ns or now_ns
                asked = field.get(Word.END_REQUEST) != 0
                if asked or now_ns - ended_ns > LINGER_S * 1e9:
                    break
            time.sleep(TICK_S)
    finally:
        line.close(time.monotonic_ns())
    wall_s = max((time.monotonic_ns() - begun_ns) / 1e9, 1e-9)
    return {
        "longest_tick_ms": round(longest_ns / 1e6, 2),
        "cpu_share": round((time.process_time() - begun_cpu) / wall_s, 3),
    }


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="edge_runtime.twin.line_main", description="the twin line's process"
    )
    parser.add_argument("settings", type=Path, help="settings file (JSON)")
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    try:
        figures = run_line(load_line_settings(args.settings), stop)
    except FerrogateError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps({"line": figures}), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
