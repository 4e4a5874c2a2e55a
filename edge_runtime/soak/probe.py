"""Looks at the processes of a running line: memory, open handles, threads; every look one line of a CSV file.

Judged is the memory that is in no file: anonymous pages, and a share of shared memory. Pages of libraries
come and go with whatever else runs on the machine. Neighbours: `watch` looks now and then, `growth` judges.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import psutil

from edge_runtime.twin.demo import Line

_MB = 1024.0
#: of `ferrogate run`: what a plant has on its machine, too
OURS = ("supervisor", "station", "recorder", "page")


@dataclass(frozen=True, slots=True)
class Sample:
    """One process at one moment.

    Attributes:
        at_s: since the first look.
        name, pid: which process, in which of its lives.
        memory_mb: anonymous memory, and its share of shared memory (frame rings), MiB.
        pss_mb, rss_mb: proportional and resident set size, library pages included, MiB.
        handles: open file descriptors. threads: of the process. cpu_s: processor time so far.
    """

    at_s: float
    name: str
    pid: int
    memory_mb: float
    pss_mb: float
    rss_mb: float
    handles: int
    threads: int
    cpu_s: float


class Probe:
    """Takes samples and keeps them, in memory and in a file.

    Args:
        line: running.
        path: of the CSV file.
    """

    def __init__(self, line: Line, path: Path) -> None:
        self._line = line
        self._file = path.open("w", encoding="utf-8", newline="")
        self._csv = csv.writer(self._file)
        self._csv.writerow([item.name for item in fields(Sample)])
        self.samples: list[Sample] = []

    def look(self, at_s: float) -> None:
        """One sample of every process that is there."""
        for name, pid in self._processes().items():
            sample = take_sample(at_s, name, pid) if pid is not None else None
            if sample is not None:
                self.samples.append(sample)
                self._csv.writerow([getattr(sample, item.name) for item in fields(Sample)])
        self._file.flush()

    def _processes(self) -> Mapping[str, int | None]:
        line = self._line
        inner = {name: line.station_pid(name) for name in OURS[1:]}
        return {"supervisor": line.station.pid} | inner | {"twin": line.line.pid, "plc": line.plc.pid}

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def take_sample(at_s: float, name: str, pid: int) -> Sample | None:
    """A process now; None when it has ended, or ends while we look."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            rolled = _rolled_up_mb(pid)
            times = process.cpu_times()
            sample = Sample(
                at_s=round(at_s, 2),
                name=name,
                pid=pid,
                memory_mb=round(rolled["Anonymous"] + rolled.get("Pss_Shmem", 0.0), 3),
                pss_mb=round(rolled["Pss"], 3),
                rss_mb=round(rolled["Rss"], 3),
                handles=process.num_fds(),
                threads=process.num_threads(),
                cpu_s=round(times.user + times.system, 2),
            )
    except (psutil.Error, OSError, KeyError):
        return None
    return sample if sample.rss_mb > 0.0 else None


def _rolled_up_mb(pid: int) -> dict[str, float]:
    """Sums over a process's memory maps as the kernel names them (Rss, Pss, Anonymous ...), MiB.

    Empty when it has ended, and nobody has asked for its exit code yet.
    """
    found = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]:
        name, _, value = line.partition(":")
        found[name] = float(value.split()[0]) / _MB
    return found


def folder_mb(folder: Path) -> float:
    """Disk space that a folder's files take, MB; files that go meanwhile count for nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_blocks * 512
        except OSError:
            continue
    return total / 1e6
