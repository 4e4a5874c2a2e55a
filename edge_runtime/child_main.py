"""How a process that the supervisor starts begins and ends: arguments, signals, priority, errors.

    python -m edge_runtime.SOMETHING STATION.yaml

Recorder, both pages and the yard's worker begin alike; the ball line's station has rules of its own.
Neighbours: `edge_runtime.station.child` starts them, `edge_runtime.logs` writes what they say.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_runtime.heap import keep_low, tidy_up_now_and_then
from edge_runtime.logs import log_error, setup_logging
from vision.errors import FerrogateError


@dataclass(frozen=True, slots=True)
class ChildLife:
    """What a child needs to know of its life.

    Attributes:
        station: the station file.
        parent_pid: of who started it.
        stop: set when it is told to end.
    """

    station: Path
    parent_pid: int
    stop: threading.Event = field(default_factory=threading.Event)

    def ended(self) -> bool:
        """Told to end, or the parent is gone."""
        return self.stop.is_set() or os.getppid() != self.parent_pid


def run_child(
    name: str,
    module: str,
    about: str | None,
    niceness: int,
    work: Callable[[ChildLife], None],
    arguments: Sequence[str] | None = None,
) -> int:
    """Run a child's work until it is over; returns the exit code.

    Args:
        name: in the log.
        module: that was run, for its help.
        about: the module's docstring.
        niceness: added to the process's.
        work: reads the station file and does what there is to do; ends soon after `stop` is set.
        arguments: of the command line; None: this process's.
    """
    parent_pid = os.getppid()  # at once: it may die while we import
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=about)
    parser.add_argument("station", type=Path, metavar="STATION.yaml")
    life = ChildLife(parser.parse_args(arguments).station, parent_pid)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: life.stop.set())
    # The supervisor holds them back until somebody listens.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
    os.nice(niceness)
    keep_low()
    setup_logging(name)
    threading.Thread(target=tidy_up_now_and_then, args=(life.stop,), name="heap", daemon=True).start()
    try:
        work(life)
    except FerrogateError as error:
        log_error(error)
        return error.exit_code
    finally:
        life.stop.set()
    return 0
