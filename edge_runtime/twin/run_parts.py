"""What commands that run the twin have in common: a folder, a seed, a model, and an end by Ctrl-C.

Neighbours: `edge_runtime.commands.demo` and `edge_runtime.commands.soak`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from edge_runtime.models import read_model
from vision.errors import ConfigError


def seed_or_drawn(seed: int | None) -> int:
    """The seed that was given, or a drawn one."""
    return seed if seed is not None else int.from_bytes(os.urandom(3), "big")


def empty_run_dir(out: Path | None, kind: str) -> Path:
    """The run's folder, made and empty; without `out` runs/<kind>-<time>.

    Raises:
        ConfigError: it cannot be made, or holds something.
    """
    run_dir = (out or Path("runs") / time.strftime(f"{kind}-%Y%m%d-%H%M%S", time.gmtime())).resolve()
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        used = any(run_dir.iterdir())
    except OSError as error:
        what = f"the run's folder cannot be made: {error.strerror or error}"
        raise ConfigError(what, where=str(run_dir), todo="give another --out") from error
    if used:
        raise ConfigError("the folder is not empty", where=str(run_dir), todo="give another --out")
    return run_dir


def known_model(spec: str) -> str:
    """The model to use, looked at before anything starts; a path is made absolute.

    Raises:
        ConfigError: there is no such model.
    """
    path = read_model(spec).path
    return spec if spec.startswith("ferrogate-models:") else str(path.resolve())


@contextlib.contextmanager
def ended_by_ctrl_c(words: str = "The belt runs empty, then the line ends.") -> Iterator[threading.Event]:
    """Set by the first Ctrl-C (or SIGTERM); the second one stops at once."""
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        # Straight to the terminal: a handler must not wait for anybody's lock.
        os.write(2, f"\n{words} Ctrl-C once more stops at once.\n".encode())

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
