"""Watches for the station's first Ready: what was in force then is kept; what does not get there is said.

Part of the supervisor; reads the status that the station shows. Neighbour: `last_good` keeps and offers.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

from edge_runtime.config import StationConfig
from edge_runtime.live.mailbox import MailboxReader, status_box_name
from edge_runtime.shm_ring import RingError
from edge_runtime.station.last_good import fingerprint, keep, kept
from vision.errors import FerrogateError

log = logging.getLogger(__name__)

LOOK_S = 1.0
#: a new configuration that is not Ready after so long is told, with what may be done
TOLD_AFTER_S = 60.0


class ReadyWatch:
    """Looks until the station was Ready once.

    Args:
        config, station_file: in force.
        now_s: monotonic time.
    """

    def __init__(self, config: StationConfig, station_file: Path, now_s: float) -> None:
        self._config = config
        self._file = station_file
        self._began_s = now_s
        self._next_s = 0.0
        self._told = False
        self.was_ready = False

    def look(self, now_s: float) -> None:
        """Keep the configuration once it is Ready; say once that a new one does not get there."""
        if self.was_ready or now_s < self._next_s:
            return
        self._next_s = now_s + LOOK_S
        if self._ready():
            self.was_ready = True
            self._keep()
        elif not self._told and now_s - self._began_s > TOLD_AFTER_S:
            self._told = True
            self.offer("new_configuration_not_ready")

    def offer(self, event: str) -> None:
        """Log what was Ready last, where that is another configuration than this one."""
        before = kept(self._config.storage.folder)
        if before is None or self.was_ready:
            return
        try:
            if fingerprint(self._config) == before.fingerprint:
                return
        except FerrogateError:
            pass  # a file of it is missing: it surely is another one
        log.error(event, extra={"todo": before.offer})

    def _ready(self) -> bool:
        try:
            box = MailboxReader(status_box_name(self._config.name))
        except RingError:
            return False
        try:
            data = box.read()
            status = json.loads(data) if data else {}
        except ValueError:
            return False
        finally:
            box.close()
        return isinstance(status, dict) and status.get("ready") is True

    def _keep(self) -> None:
        try:
            found = keep(self._config, self._file, datetime.now(UTC))
        except FerrogateError as error:
            log.warning("configuration_not_kept", extra={"why": str(error)})
            return
        log.info("configuration_kept", extra={"path": str(found.station_file), "since": found.utc})
