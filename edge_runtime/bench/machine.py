"""What a figure of time was measured on. Neighbours: the parts of `ferrogate bench`."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

_CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Machine:
    """This computer: processor, cores this process may use, their load at the start, and the libraries."""

    processor: str
    cores: int
    load_1_min: float
    system: str
    python: str
    numpy: str
    opencv: str

    def to_json(self) -> dict[str, object]:
        """All of it."""
        return asdict(self)


def this_machine() -> Machine:
    """Facts of this computer."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        load_1_min=round(os.getloadavg()[0], 2),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        numpy=np.__version__,
        opencv=cv2.__version__,
    )


def _processor() -> str:
    """Name of the processor as the kernel tells it; the architecture where it tells none (ARM)."""
    if _CPUINFO.is_file():
        for line in _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.machine()
