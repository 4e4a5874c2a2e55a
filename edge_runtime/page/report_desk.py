"""The page's desk for reports: one is made at a time, in a process of its own, and kept while it holds.

A report takes seconds of a processor that the line needs; so it runs at the lowest priority, few may wait,
and what was made once of a closed shift or lot is handed out again as long as nothing of it has changed.
Neighbours: `report_job` is the process, `reports_api` the routes.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_runtime.page.errors import PageError
from edge_runtime.page.report_order import ReportJob

_LOG = logging.getLogger(__name__)
#: reports that wait for the one being made; the next is told to come again
WAITING_MAX = 3
#: files that are kept; the one that was asked for longest ago goes first
KEPT_MAX = 32
TIMEOUT_S = 180.0
RETRY_AFTER_S = 10
#: a report is one thread's work, whatever its libraries think
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
COMMAND = (sys.executable, "-m", "edge_runtime.page.report_job")


@dataclass(frozen=True, slots=True)
class MadeReport:
    """A report's file; one that is not kept is the caller's to delete."""

    path: Path
    is_kept: bool


class ReportDesk:
    """Makes and keeps reports; all methods are for worker threads.

    Args:
        command: starts the process that makes one.
        timeout_s: after which a process is given up.
    """

    def __init__(self, command: tuple[str, ...] = COMMAND, timeout_s: float = TIMEOUT_S) -> None:
        self._command, self._timeout_s = command, timeout_s
        self._one_at_a_time = threading.Lock()
        self._state = threading.Lock()
        self._in_line = 0
        self._number = 0
        self._process: subprocess.Popen[str] | None = None
        self._folder: TemporaryDirectory[str] | None = None
        self._closed = False

    def report(self, job: ReportJob, suffix: str, content: str | None) -> MadeReport:
        """The report's file, made now or kept from before.

        Args:
            job: what to make; its `out` is chosen here.
            suffix: .html, .pdf or .csv.
            content: a hash of what the report says; None for one that is still changing, and not kept.

        Raises:
            PageError: too many wait already (503), or it could not be made (500, 504).
        """
        path = self._place(job, suffix, content)
        if content is not None and self._is_there(path):
            return MadeReport(path, is_kept=True)
        with self._turn():
            if content is None or not self._is_there(path):  # somebody else may have asked for it before
                self._make(job.model_copy(update={"out": path}))
        if content is not None:
            self._forget_oldest()
        return MadeReport(path, is_kept=content is not None)

    def close(self) -> None:
        """End what is being made, and delete all files."""
        with self._state:
            self._closed = True
            if self._process is not None:
                self._process.kill()
        with self._one_at_a_time:
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None

    def _place(self, job: ReportJob, suffix: str, content: str | None) -> Path:
        with self._state:
            if self._folder is None:
                self._folder = TemporaryDirectory(prefix="ferrogate-reports-")
            self._number += 1
            what = [job.kind, job.name, job.language, job.excel, content or self._number]
            key = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]
            return Path(self._folder.name) / f"{key}{suffix}"

    @staticmethod
    def _is_there(path: Path) -> bool:
        try:
            os.utime(path)  # asked for just now
        except FileNotFoundError:
            return False
        return True

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for the turn, unless too many do.

        Raises:
            PageError: 503 reports_busy.
        """
        with self._state:
            if self._in_line > WAITING_MAX:
                headers = {"Retry-After": str(RETRY_AFTER_S)}
                text = "several reports are being made already: try again in a moment"
                raise PageError(503, "reports_busy", text, headers=headers)
            self._in_line += 1
        try:
            with self._one_at_a_time:
                yield
        finally:
            with self._state:
                self._in_line -= 1

    def _make(self, job: ReportJob) -> None:
        with self._state:
            if self._closed:
                raise PageError(503, "reports_busy", "the page is being stopped")
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                env=os.environ | _ENVIRONMENT,
            )
        with self._process as process:
            try:
                answer, complaint = process.communicate(job.model_dump_json(), timeout=self._timeout_s)
            except subprocess.TimeoutExpired as error:
                process.kill()
                text = f"the report was not ready after {self._timeout_s:.0f} s"
                raise PageError(504, "report_failed", text, {"detail": text}) from error
            finally:
                with self._state:
                    self._process = None
        _check(answer, complaint, process.returncode)

    def _forget_oldest(self) -> None:
        with self._state:
            if self._folder is None:
                return
            files = sorted(Path(self._folder.name).iterdir(), key=_asked_ns)
        for path in files[: max(0, len(files) - KEPT_MAX)]:
            path.unlink(missing_ok=True)


def _asked_ns(path: Path) -> int:
    """When a file was last asked for; 0 for one that is gone: what is not kept goes once it is sent."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _check(answer: str, complaint: str, code: int) -> None:
    """What the process said of its work.

    Raises:
        PageError: 500 report_failed.
    """
    if code == 0:
        return
    try:
        said = json.loads(answer)
        detail = f"{said['what']} ({said['where']}): {said['todo']}"
    except (ValueError, KeyError, TypeError):
        detail = f"the process that makes reports ended with code {code}"
    _LOG.error("report_failed", extra={"detail": detail, "exit_code": code, "complaint": complaint[-4000:]})
    raise PageError(500, "report_failed", detail, {"detail": detail})
