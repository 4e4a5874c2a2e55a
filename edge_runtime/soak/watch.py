"""Watches a running line: audits what is through, samples the processes, keeps the logs short.

A thread of its own beside the line. A log's file that is wholly audited is removed; where its stretch held a
violation it is kept, for whoever looks for the cause. Neighbours: `run` starts it beside the line, `rolling`,
`windows`, `tally` and `probe` do the parts.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge_runtime.soak.open_page import OpenPage
from edge_runtime.soak.probe import Probe, Sample, folder_mb
from edge_runtime.soak.rolling import STRETCH_BALLS, RollingAudit
from edge_runtime.soak.tally import Tally
from edge_runtime.soak.windows import FaultWindows
from edge_runtime.twin.demo import Line
from edge_runtime.twin.field import LineState, Word
from edge_runtime.twin.segments import SegmentReader, segment_path
from edge_runtime.twin.settings import LineSettings

#: how often rows are read and processes looked at
LOOK_S = 5.0
#: the folder's size is taken this often
DISK_S = 60.0
#: a line that is not sound for so long will not be; the soak ends
STUCK_S = 240.0
#: log files with a violation in them that are kept
EVIDENCE_MAX = 20
SAMPLES_NAME = "samples.csv"
#: rows that say how the line stood, and how far the belt has come
_TELLING = frozenset({"fault", "belt", "trust", "plc_start", "ball_entered", "ball"})


class Watch:
    """Everything that is known of a soak while it runs.

    Args:
        settings: of the line.
        band_mm: diameters between which a ball is good.
        stop: set when the line is stuck, or the watch itself failed.
        stretch_balls: balls that are audited together, about.

    Attributes:
        tally, windows, samples: what came out so far.
        disk_mb: (seconds, MB) of the run's folder.
        began_ns: monotonic time from which `samples` and `disk_mb` count.
        belt_ns: monotonic times at which the belt first and last began to run or to stand.
        ended_ns: when the line was taken down; complete: it had run empty by then.
        idle_cut: counts of free belt that were left out.
        wraps: times the encoder wrapped.
        scans_late: (ms late) of the twin PLC's scans: a machine too busy to play a plant.
        stuck: the line did not get sound any more.
        failed: what broke the watch itself.
    """

    def __init__(
        self,
        settings: LineSettings,
        band_mm: tuple[float, float],
        stop: threading.Event,
        stretch_balls: int = STRETCH_BALLS,
    ) -> None:
        self._settings = settings
        self._stop = stop
        self._audit = RollingAudit(settings, band_mm, stretch_balls)
        self._truth = SegmentReader(settings.truth_path)
        self._plc = SegmentReader(settings.plc_log_path)
        self._waiting: list[tuple[int, int, float, dict[str, Any]]] = []
        self._order = 0
        self._removed = {settings.truth_path: 0, settings.plc_log_path: 0}
        self._read_before = dict(self._removed)
        self._unsound_since_s: float | None = None
        self.tally = Tally()
        self.windows = FaultWindows(settings)
        self.samples: list[Sample] = []
        self.disk_mb: list[tuple[float, float]] = []
        self.began_ns = time.monotonic_ns()
        self.belt_ns: tuple[int, int] | None = None
        self.ended_ns: int | None = None
        self.complete = False
        self.idle_cut = 0
        self.wraps = 0
        self.scans_late: list[float] = []
        self.page: OpenPage | None = None
        self.stuck = False
        self.failed: Exception | None = None

    # -- beside the line ----------------------------------------------------------------------

    @contextmanager
    def beside(self, line: Line) -> Iterator[None]:
        """Watch as long as the block runs."""
        done = threading.Event()
        thread = threading.Thread(target=self._run, args=(line, done), name="soak-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.ended_ns = time.monotonic_ns()
            done.set()
            thread.join()

    def _run(self, line: Line, done: threading.Event) -> None:
        probe = Probe(line, self._settings.run_dir / SAMPLES_NAME)
        self.samples = probe.samples
        port = line.run.page_port
        self.page = OpenPage(port, self._settings.camera_places[0].name) if port is not None else None
        self.began_ns = time.monotonic_ns()
        disk_due_s = 0.0
        try:
            while not done.wait(LOOK_S):
                at_s = (time.monotonic_ns() - self.began_ns) / 1e9
                probe.look(at_s)
                self.idle_cut = line.field.get(Word.IDLE_CUT)
                if self.page is not None and line.run.page_answered:
                    self.page.keep_open()
                if at_s >= disk_due_s:
                    self.disk_mb.append((round(at_s, 1), round(folder_mb(self._settings.run_dir), 1)))
                    disk_due_s += DISK_S
                self.read()
                self._look_stuck(at_s, LineState(line.field.get(Word.LINE_STATE)))
        except Exception as error:  # also handed to whoever waits for the line, which is ended
            self.failed = error
            self._stop.set()
            raise
        finally:
            if self.page is not None:
                self.page.close()
            probe.close()

    def _look_stuck(self, at_s: float, state: LineState) -> None:
        if self.windows.sound or state not in (LineState.RUNNING, LineState.EMPTYING):
            self._unsound_since_s = None
            return
        self._unsound_since_s = at_s if self._unsound_since_s is None else self._unsound_since_s
        if at_s - self._unsound_since_s > STUCK_S:
            self.stuck = True
            self._stop.set()

    # -- rows ---------------------------------------------------------------------------------

    def read(self) -> None:
        """Take the rows that have come, and audit what is through."""
        for row in self._truth.rows():
            self._audit.take_truth(row)
            self._note(row, float(row["encoder"]))
            if row["event"] == "encoder_wrap":
                self.wraps += 1
            elif row["event"] == "end":
                self.complete = bool(row["complete"])
        for row in self._plc.rows():
            self._note(row, self._audit.take_plc(row))
            if row["event"] == "scan_late":
                self.scans_late.append(float(row["late_ms"]))
        while (audited := self._audit.step()) is not None:
            self._tell_windows(audited.stretch.last_ns)
            self.tally.add(audited, self.windows)
            self.windows.forget(audited.stretch.last_count)
            self._tidy(spoilt=bool(audited.report.violations))
        self._tell_windows(time.monotonic_ns() - 2_000_000_000)

    def finish(self) -> None:
        """Audit the rest, when all processes have ended."""
        self.read()
        self._tell_windows(float("inf"))
        self.windows.end(ran_empty=self.complete)
        audited = self._audit.step(last=True)
        if audited is not None:
            self.tally.add(audited, self.windows)

    def _note(self, row: dict[str, Any], count: float) -> None:
        if row["event"] not in _TELLING:
            return
        t_ns = int(row["t_ns"])
        if self.ended_ns is not None and t_ns > self.ended_ns:
            return  # the line is being taken down
        if row["event"] == "belt":
            self.belt_ns = (self.belt_ns[0] if self.belt_ns else t_ns, t_ns)
        self._order += 1
        heapq.heappush(self._waiting, (t_ns, self._order, count, row))

    def _tell_windows(self, upto_ns: float) -> None:
        """Hand over, in order of time, what is too old to be overtaken."""
        while self._waiting and self._waiting[0][0] <= upto_ns:
            _, _, count, row = heapq.heappop(self._waiting)
            self.windows.take(row, count)

    # -- files --------------------------------------------------------------------------------

    def _tidy(self, *, spoilt: bool) -> None:
        """Remove log files that the stretch before had read to their ends already.

        A stretch with a violation keeps all of its files as evidence, up to `EVIDENCE_MAX` of each log.
        """
        readers = {self._settings.truth_path: self._truth, self._settings.plc_log_path: self._plc}
        for first, reader in readers.items():
            if spoilt and len(self._evidence(first)) < EVIDENCE_MAX:
                for number in range(self._removed[first], reader.number + 1):
                    self._keep(segment_path(first, number))
            for number in range(self._removed[first], self._read_before[first]):
                segment_path(first, number).unlink(missing_ok=True)
            self._removed[first] = self._read_before[first]
            self._read_before[first] = reader.number

    def _evidence(self, first: Path) -> list[Path]:
        return sorted(first.parent.glob(f"evidence-{first.stem}*"))

    @staticmethod
    def _keep(path: Path) -> None:
        """Give a log file a second name, which stays when the first one goes."""
        second = path.with_name(f"evidence-{path.name}")
        if path.exists() and not second.exists():
            second.hardlink_to(path)
