"""The process a training step runs fastest in."""

from __future__ import annotations

import os
import sys

#: Read by glibc and OpenMP when a process starts. glibc hands freed memory back to the
#: system after every step by default and pays for it with page faults: without that a step
#: on two cores takes half the time. OpenMP's threads spin while they wait for each other,
#: which on a machine that does other work too makes a step many times slower.
FAST_ENVIRONMENT = {
    "MALLOC_TRIM_THRESHOLD_": "1000000000000",
    "MALLOC_MMAP_THRESHOLD_": "1000000000000",
    "MALLOC_TOP_PAD_": "200000000",
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",
}


def restart_with_fast_environment() -> None:
    """Start this process again with FAST_ENVIRONMENT set, unless it is.

    Only for a command's own process: it replaces the running program, with the same arguments.
    """
    if not sys.platform.startswith("linux") or all(name in os.environ for name in FAST_ENVIRONMENT):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **FAST_ENVIRONMENT})
