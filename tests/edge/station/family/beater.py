"""A child that beats until it is killed, and says once that it does."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from edge_runtime.pulse import Pulse

if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    pulse = Pulse.of_this_process()
    end_s = time.monotonic() + 60.0
    while time.monotonic() < end_s:
        pulse.beat()
        (Path(sys.argv[1]).parent / "beats").touch()
        time.sleep(0.02)
