"""Ask the kernel for a better place in its queue: what runs by the millisecond asks, the rest does not.

An ordinary user may not; then everything runs as before, only later on a busy machine.
A plant's service file grants it (`Nice=` or `CPUSchedulingPolicy=` of systemd).
"""

from __future__ import annotations

import os

#: a PLC and a belt are not held up by other programs; the twins of both ask for the same
TWIN = -20
#: the station's decision loop
STATION = -15


def ask_for_real_time(priority: int = 10) -> bool:
    """Serve this thread before all that is not real-time; False when the kernel refuses.

    For what needs little time and is on a processor of its own in a plant, such as the PLC.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(priority))
    except PermissionError:
        return False
    return True


def ask_for_priority(niceness: int) -> bool:
    """Set this process's niceness (-20 first served .. 19 last); False when the kernel refuses."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
    except PermissionError:
        return False
    return True
