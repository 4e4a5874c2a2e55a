"""The first run: `ferrogate run` on the new file, in a folder of the commissioning, without a page.

Neighbours: `steps_last` says what to do, the station's status comes from its mailbox, acts go to its desk.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_runtime.commission.files import rebased
from edge_runtime.commission.station_file import station_text
from edge_runtime.day.acts import Act
from edge_runtime.day.client import send_act
from edge_runtime.day.state import DayState
from edge_runtime.live.mailbox import MailboxReader, status_box_name
from edge_runtime.live.status import StationStatus
from edge_runtime.shm_ring import RingError

_STALE_NS = 3_000_000_000
_STOP_S = 40.0
_LAST_WORDS = 4


class StationRun:
    """See `ports.FirstRunPort`.

    Args:
        station: its name.
        start: folder that relative paths of the draft count from.
        folder: where its file, books and messages go; one sub-folder for each start.
        by: who commissions; the acts are theirs.
    """

    def __init__(self, station: str, start: Path, folder: Path, by: str) -> None:
        self._station = station
        self._start = start
        self._folder = folder
        self._by = by or "commissioning"
        self._process: subprocess.Popen[bytes] | None = None
        self._box: MailboxReader | None = None
        self._log = folder / "messages.log"

    def start(self, data: Mapping[str, Any]) -> None:
        """Start `ferrogate run` on a station file's data.

        Raises:
            FerrogateError: it cannot be started.
        """
        self.stop()
        folder = self._folder / time.strftime("first-run-%Y%m%d-%H%M%S", time.gmtime())
        folder.mkdir(parents=True, exist_ok=True)
        trial = rebased(data, self._start, None)
        # The wizard's page, if there is one, has the port; the books of the trial are not the line's.
        trial |= {"page": None, "storage": dict(trial["storage"]) | {"folder": str(folder / "books")}}
        path = folder / "station.yaml"
        comments = ("First run of the commissioning; not the station file of the line.",)
        path.write_text(station_text(trial, comments), encoding="utf-8")
        self._log = folder / "messages.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "edge_runtime", "run", "--with-parent", str(path)],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def status(self) -> StationStatus | None:
        """What the station says of itself."""
        if self._box is not None and self._box.replaced:
            self._box.close()
            self._box = None
        if self._box is None:
            try:
                self._box = MailboxReader(status_box_name(self._station))
            except RingError:
                return None
        data = self._box.read()
        if data is None:
            return None
        status = StationStatus.model_validate_json(data)
        return status if time.monotonic_ns() - status.written_mono_ns < _STALE_NS else None

    def ended(self) -> str:
        """How it ended, with its last words."""
        code = None if self._process is None else self._process.poll()
        if code is None:
            return ""
        text = self._log.read_text(encoding="utf-8", errors="replace")
        words = [line.strip() for line in text.splitlines() if line.strip()]
        return " | ".join([f"exit code {code}", *words[-_LAST_WORDS:]])

    def act(self, act: Act) -> DayState:
        """Have an act carried out."""
        return send_act(self._station, act, self._by, "foreman")

    def stop(self) -> None:
        """Stop it."""
        if self._box is not None:
            self._box.close()
            self._box = None
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
