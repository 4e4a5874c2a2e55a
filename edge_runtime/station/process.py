"""The station process: capture threads, inspection, judge, PLC link, journal, nothing else.

`python -m edge_runtime.station.process STATION.yaml`, started by `ferrogate run`. One
inbox, one decision loop. Pictures and database live in the recorder process. What people
want done comes in by the desk; what they see goes out by the mailboxes of `show`.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import cv2

from edge_runtime.cameras.base import (
    CameraDownEvent,
    CameraEndedEvent,
    CameraReopenedEvent,
    CaptureEvent,
    FrameEvent,
    LostFramesEvent,
)
from edge_runtime.config import ModbusPlc, StationConfig, VirtualEye, load_station
from edge_runtime.day.client import desk_path
from edge_runtime.day.files import day_file
from edge_runtime.day.state import DayState
from edge_runtime.entries import FaultEntry
from edge_runtime.heap import GarbageRounds
from edge_runtime.journal import JournalWriter
from edge_runtime.logs import log_error, setup_logging
from edge_runtime.parts import PartTracker
from edge_runtime.plc.events import (
    EpochAgreed,
    GeometryDiffers,
    LinkDown,
    LinkEvent,
    OutcomesRead,
    StatusRead,
    TriggersRead,
    VerdictsLost,
)
from edge_runtime.plc.link import PlcLink
from edge_runtime.priority import STATION, ask_for_priority
from edge_runtime.pulse import Pulse
from edge_runtime.station import RESTART
from edge_runtime.station.asked import ActAsked
from edge_runtime.station.bench import BenchLink, BenchTracker
from edge_runtime.station.beside import BesideThread
from edge_runtime.station.captures import Captures
from edge_runtime.station.child import may_go_on
from edge_runtime.station.core import StationCore
from edge_runtime.station.day_file import DayFile
from edge_runtime.station.day_start import day_start, find_day, recipe_at_start
from edge_runtime.station.desk import Desk
from edge_runtime.station.gauges import Gauges
from edge_runtime.station.ports import Outputs
from edge_runtime.station.prepare import Preparer
from edge_runtime.station.rows import InForce
from edge_runtime.station.session import (
    SessionFacts,
    books_so_far,
    forget_after_counts,
    journal_folder,
    lanes_of,
    machine_boot_id,
    open_detector,
    session_entry,
)
from edge_runtime.station.shots import PictureSender
from edge_runtime.station.show import Show, shown_facts
from edge_runtime.station.start_marks import MARKS
from vision.errors import CameraError, FerrogateError
from vision.types import Frame

log = logging.getLogger(__name__)

#: longest wait for an event; the heartbeat advances at least this often
IDLE_S = 0.02
#: events taken in one go before acknowledgements are looked at
BATCH = 16
#: frames looked at together at most: each waits for the slowest of them
FRAMES_TOGETHER = 8
COUNTERS_PERIOD_S = 2.0
#: a detector that has not run for this long is run once, so that its caches stay warm
KEEP_WARM_S = 1.0

Event = CaptureEvent | LinkEvent | ActAsked


class Station:
    """One station, from opened cameras to the last entry.

    Args:
        config: its station file.
        supervised: somebody else removes the picture ring once the recorder is through with it.

    Raises:
        FerrogateError: anything that is wrong at start.
    """

    def __init__(self, config: StationConfig, *, supervised: bool = False) -> None:
        self.config = config
        self._supervised = supervised
        self._parent_pid = os.getppid()
        self._pulse = Pulse.of_this_process()
        self._inbox: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._boot_id = machine_boot_id()
        self.stopping = threading.Event()
        model = open_detector(config.detector)
        MARKS.reached("station file, model")
        self.detector = model.detector
        contract = self.detector.contract
        if self.detector.provider_note:
            log.warning("provider_fallback", extra={"detail": self.detector.provider_note})
        books = books_so_far(config.storage)
        found = find_day(config, books.last)
        chosen = recipe_at_start(config, found.state, contract)
        recipe = chosen.recipe
        self._gauges = Gauges(config, recipe, _today())
        facts = SessionFacts(config, recipe, model, self._gauges, self._boot_id)
        self.journal = JournalWriter(
            journal_folder(config.storage),
            config.storage.journal_segment_mb,
            boot_id=self._boot_id,
            reserve_segments=config.storage.journal_reserve_segments,
        )
        self._pictures = PictureSender(config, recipe.size.d_nominal_mm)
        tracker: PartTracker | BenchTracker
        if isinstance(config.plc, VirtualEye):
            bench = BenchTracker(config.plc, books.epoch + 1)
            tracker = bench
            self._link: PlcLink | BenchLink = BenchLink(bench, self._inbox.put)
        else:
            assert isinstance(config.plc, ModbusPlc)
            assert config.line is not None  # the station file was checked for it
            tracker = PartTracker(config.cameras, config.line, recipe.size.d_nominal_mm)
            self._link = PlcLink(config.plc, config.line, self._inbox.put, books.epoch)
        in_force = InForce(
            config.lot, config.shift, recipe.sha256(), model.sha256, self._gauges.content_sha256()
        )
        out = Outputs(
            self._link, self.journal.append, lambda: self.journal.durable_count, self._pictures.send
        )
        self._beside = BesideThread()
        self.core = StationCore(
            config.cameras,
            tracker,
            recipe,
            self.detector,
            self._gauges,
            in_force,
            out,
            self._boot_id,
            books.known,
            lanes_of(config),
            self._beside,
            day_start(config, found, books.last, chosen, contract.labels, lanes_of(config)),
        )
        self._captures = Captures(config.cameras, self._inbox, self.stopping)
        self._ended: set[str] = set()
        session = session_entry(facts)
        self.journal.append(session)
        if found.gap:
            self.core.fault("day_gap", found.gap)
        self.core.day.note_recipe(books.last.recipe_sha256, session.recipe_sha256)
        self._show = Show(config, shown_facts(session, chosen, model))
        self._day_file = DayFile(
            day_file(config.storage.folder), self._written_day, self._durable, self._fault_of_day
        )
        self._desk = Desk(
            desk_path(config.name),
            self._inbox.put,
            self.journal.wait_durable,
            Preparer(config, contract, lambda: self.core.day.state, _today),
            self._day_file,
            self._fault_of_day,
        )
        self._forget_counts = forget_after_counts(config)

    def run(self) -> int:
        """Until `stopping` is set, every recording is over, or a changeover is done; the exit code."""
        MARKS.reached("books")
        self.detector.warm_up()
        try:
            # The epoch first: a frame before it could belong to no part.
            self._link.start()
            self._captures.start()
            self._desk.start()
            MARKS.said("warm-up, threads")
            self._loop()
        finally:
            # Whatever ended the loop: a capture thread that waits for room in the inbox must let go.
            self.stopping.set()
            self._link.stop()
            self._captures.stop()
            self._desk.close()
            self._drain()
            self._beside.close()
            self.journal.append(self.core.counters_entry())
            self.journal.close()
            self._day_file.keep()
            self._pictures.close(leave=self._supervised)
            self._show.close()
        return RESTART if self.core.day.restart_due else 0

    def _written_day(self) -> tuple[DayState, int]:
        return self.core.day.written

    def _durable(self) -> int:
        return self.journal.durable_count

    def _fault_of_day(self, code: str, detail: str) -> None:
        """From the desk's thread: the journal takes entries from everywhere, the core's counts do not."""
        self.journal.append(FaultEntry(code, detail, 1, time.time_ns(), self._boot_id))

    def _orphaned(self) -> bool:
        """The supervisor is gone: nobody books what this station would judge."""
        return self._supervised and os.getppid() != self._parent_pid

    def _check_workers(self) -> None:
        """A station whose link or camera thread broke off is started again, not left half alive."""
        dead = self._captures.dead()
        # Looked at only now: a thread that was dead above has put its recording's end in here before.
        if not self._inbox.empty():
            return
        broken = [name for name in dead if name not in self._ended]
        if broken or not self._link.alive:
            raise CameraError(
                f"a worker thread broke off: {', '.join(broken) or 'PLC link'}",
                where=self.config.name,
                todo="see the messages above; the supervisor starts the station again",
            )

    # -- loop ---------------------------------------------------------------------------------

    def _loop(self) -> None:
        next_counters = time.monotonic() + COUNTERS_PERIOD_S
        garbage = GarbageRounds()
        last_frame = time.monotonic()
        while not self.stopping.is_set() and not self._orphaned():
            handled = self._handle_batch()
            now = time.monotonic()
            if handled:
                last_frame = now
            elif now - last_frame > KEEP_WARM_S:
                self.detector.warm_up(1)
                last_frame = now
            self._watch_journal()
            self.core.after_events(self._forget_counts)
            self._beat()
            self._show.status_if_due(self.core, self.journal)
            if self.core.day.restart_due:
                return
            if now >= next_counters:
                next_counters = now + COUNTERS_PERIOD_S
                self.journal.append(self.core.counters_entry())
                self._check_workers()
                self._watch_calibrations()
                # Collected here, between events, instead of in the middle of an inspection.
                garbage.collect(now)
            if len(self._ended) == len(self._captures) and self._inbox.empty():
                return

    def _beat(self) -> None:
        """To the supervisor: parts that the PLC has counted, and those that this loop has taken."""
        core = self.core
        taken = core.counts["triggers"] + core.counts["gap_parts"]
        self._pulse.beat(taken, core.header.get("triggers_total", 0))

    def _handle_batch(self) -> bool:
        """Handle what waits; true when a frame was among it."""
        try:
            event = self._inbox.get(timeout=IDLE_S)
        except queue.Empty:
            return False
        events = [event]
        while len(events) < BATCH:
            try:
                events.append(self._inbox.get_nowait())
            except queue.Empty:
                break
        frames: list[Frame] = []
        for event in events:
            if isinstance(event, FrameEvent):
                frames.append(event.frame)
                continue
            # Frames and what the PLC says stay in their order.
            self._look_at(frames)
            frames = []
            self._handle(event)
        self._look_at(frames)
        return any(isinstance(event, FrameEvent) for event in events)

    def _look_at(self, frames: Sequence[Frame]) -> None:
        """Frames that wait are looked at together: their views share runs of the detector."""
        for first in range(0, len(frames), FRAMES_TOGETHER):
            together = frames[first : first + FRAMES_TOGETHER]
            self.core.on_frames(together)
            for frame in together:
                self._show.picture_if_wanted(self.core, frame, self._inbox.qsize())

    def _drain(self) -> None:
        """Books what the PLC still told before the end; frames are no longer inspected."""
        while not self._inbox.empty():
            if isinstance(event := self._inbox.get_nowait(), OutcomesRead | TriggersRead | StatusRead):
                self._handle(event)

    def _watch_journal(self) -> None:
        error = self.journal.error
        if error:
            self.core.hold("journal", error)
        elif "journal" in self.core.holds:
            self.core.release("journal")
        if self.journal.reserve.spent:
            self.core.hold("disk", "the disk is full and the journal's reserve is spent")
        elif "disk" in self.core.holds:
            self.core.release("disk")

    def _watch_calibrations(self) -> None:
        """A calibration that ends or fails a check while the station runs ends its proofs, too."""
        why = self._gauges.stale(_today())
        if why:
            self.core.hold("calibration", why)
        elif "calibration" in self.core.holds:
            self.core.release("calibration")

    def _handle(self, event: Event) -> None:
        core = self.core
        match event:
            case StatusRead(header=header):
                core.on_status(header)
            case TriggersRead(records=records):
                core.on_triggers(records)
            case OutcomesRead():
                core.on_outcomes(event)
            case EpochAgreed():
                core.on_epoch(event)
                core.release("geometry")
            case LinkDown(reason=reason):
                core.on_link_down(reason)
            case GeometryDiffers(differences=differences):
                core.hold("geometry", "the PLC's geometry differs: " + "; ".join(differences))
            case VerdictsLost(count=count, cause=cause):
                core.fault(f"verdict_{cause}", "the PLC rejects these parts by default", count)
            case LostFramesEvent(camera=camera, count=count, cause=cause, detail=detail):
                core.fault(f"frames_{cause}", detail, count, camera=camera)
            case CameraDownEvent(camera=camera, reason=reason):
                core.intake.down(camera, reason)
            case CameraReopenedEvent(camera=camera):
                core.intake.reopened(camera)
            case CameraEndedEvent(camera=camera):
                self._ended.add(camera)
            case ActAsked():
                core.on_act(event)


def _today() -> date:
    """The day on which calibrations must be valid; UTC, as all dates in the books."""
    return datetime.now(UTC).date()


def main(argv: list[str] | None = None) -> int:
    """Run one station process."""
    parser = argparse.ArgumentParser(prog="ferrogate station process")
    parser.add_argument("station", type=Path)
    args = parser.parse_args(argv)
    if not may_go_on():
        return 0
    setup_logging("station")
    ask_for_priority(STATION)
    # The loop shares its interpreter with I/O threads: a verdict on its way to the PLC asks for it often.
    sys.setswitchinterval(0.0002)
    cv2.setNumThreads(1)
    try:
        config = load_station(args.station)
        setup_logging("station", config.name)
        station = Station(config, supervised=True)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: station.stopping.set())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
        gc.freeze()
        gc.disable()
        return station.run()
    except FerrogateError as error:
        log_error(error)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
