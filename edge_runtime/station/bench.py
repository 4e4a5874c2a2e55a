"""Tracker and link for a station without a PLC: the virtual photo-eye in place of both.

The same core judges the same way; only where triggers come from and where verdicts
go differs. Nothing is ever sent to accept, and without a scale nothing is measured.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable

from edge_runtime.config import VirtualEye
from edge_runtime.encoder import COUNT_MODULUS
from edge_runtime.parts import ROI_HALF_SHARE, DueView, Part, Region, Untriggered
from edge_runtime.plc.events import EpochAgreed, LinkEvent, OutcomesRead, TriggersRead
from edge_runtime.plc.records import TriggerRecord, VerdictRecord
from edge_runtime.plc.registers import StationState
from edge_runtime.plc.virtual_eye import VirtualEyeLink
from vision.crossing import Crossing
from vision.types import Frame, FrameFault, LostView, PartId, View


class BenchTracker:
    """One view per part: the picture in which the ball had crossed the line."""

    def __init__(self, config: VirtualEye, epoch: int) -> None:
        self.eye = VirtualEyeLink(config, epoch=epoch)
        self.sink: Callable[[LinkEvent], None] | None = None
        self.parts: dict[PartId, Part] = {}
        self.now: int | None = None
        self.out_of_order = 0
        self._seen: dict[int, tuple[Frame, Crossing, FrameFault | None]] = {}

    def diameter_px(self, camera: str) -> float | None:
        """Not known before a ball is seen."""
        return None

    def clear(self) -> list[Part]:
        """Forget everything in flight; returns the parts that had no verdict."""
        left = [part for part in self.parts.values() if not part.judged]
        self.parts.clear()
        self._seen.clear()
        return left

    def position(self, count: int) -> int:
        """Pictures count here."""
        return count

    def on_encoder(self, count: int) -> None:
        """Pictures count here, not an encoder."""

    def on_frame(
        self, frame: Frame, background_level: float | None, fault: FrameFault | None = None
    ) -> list[tuple[Part, DueView, View]]:
        """Look for crossings; each becomes a trigger that comes back through the inbox."""
        self.now = frame.encoder_count
        if frame.pixel_format != "bgr8":
            return []  # frame health has refused it already
        triggers = self.eye.observe(frame)
        for trigger, crossing in zip(triggers, self.eye.crossings, strict=True):
            self._seen[trigger.trigger_seq] = (frame, crossing, fault)
        if triggers and self.sink is not None:
            self.sink(TriggersRead(tuple(triggers)))
        return []

    def on_trigger(
        self, trigger: TriggerRecord
    ) -> tuple[Part, list[tuple[DueView, View, FrameFault | None]]]:
        """A new part with its one view."""
        frame, crossing, fault = self._seen.pop(trigger.trigger_seq)
        part_id = PartId(trigger.epoch, trigger.lane, trigger.trigger_seq)
        due = DueView(frame.camera, trigger.encoder_count, 0, taken=True)
        # Nothing waits behind a virtual eye, so nothing can be late.
        part = Part(part_id, trigger, trigger.encoder_count, trigger.encoder_count + COUNT_MODULUS, [due])
        self.parts[part_id] = part
        return part, [(due, self._cut(part_id, frame, crossing), fault)]

    def _cut(self, part_id: PartId, frame: Frame, crossing: Crossing) -> View:
        x, y = crossing.ball.centre_xy_px
        half = ROI_HALF_SHARE * crossing.ball.diameter_px
        height, width = frame.image.shape[:2]
        x1, y1 = max(0, int(x - half)), max(0, int(y - half))
        x2, y2 = min(width, int(x + half) + 1), min(height, int(y + half) + 1)
        return View(
            part_id=part_id,
            camera=frame.camera,
            index=0,
            frame_number=frame.frame_number,
            encoder_count=frame.encoder_count,
            arrived_ns=frame.arrived_ns,
            roi_xyxy_px=(x1, y1, x2, y2),
            centre_xy_px=(x, y),
            diameter_px=crossing.ball.diameter_px,
            image=frame.image[y1:y2, x1:x2],
        )

    def strays(self, frame: Frame, regions: Iterable[Region]) -> list[Untriggered]:
        """The eye is the picture: there is nothing that it did not see."""
        return []

    def near_untriggered(self, part: Part) -> bool:
        """Never, see `strays`."""
        return False

    def lose_pending(self, part: Part, cause: str) -> None:
        """Give up what has not come."""
        for view in part.due:
            if view.findings is None and view.lost is None:
                view.lost = LostView(view.camera, view.exposure, cause)

    def in_zone(self, lane: int | None = None) -> int:
        """Parts that wait for their verdict: there is no way from an eye to a gate here."""
        return sum(not part.judged for part in self.parts.values())

    def forget_before(self, behind_gate_counts: int) -> None:
        """Drop what has been judged."""
        self.parts = {part_id: part for part_id, part in self.parts.items() if not part.judged}


class BenchLink:
    """Outcomes out of verdicts, at once and always to reject."""

    def __init__(self, tracker: BenchTracker, sink: Callable[[LinkEvent], None]) -> None:
        self._tracker = tracker
        self._sink = sink
        self._outcomes = 0
        self.encoder_count: int | None = None
        tracker.sink = sink

    def start(self) -> None:
        """Agree on an epoch with itself."""
        boot_id = secrets.randbelow(1 << 31) + 1
        self._sink(EpochAgreed(self._tracker.eye.epoch, boot_id, "virtual_eye", {}))

    def stop(self) -> None:
        """Nothing runs here."""

    @property
    def alive(self) -> bool:
        """Nothing here can break off."""
        return True

    def send_verdict(self, record: VerdictRecord) -> None:
        """The outcome of this verdict."""
        self._outcomes += 1
        self._sink(OutcomesRead((self._tracker.eye.take_verdict(record),), self._outcomes))

    def beat(self) -> None:
        """Nobody listens."""

    def set_state(self, state: StationState) -> None:
        """Nobody listens."""

    def ack_epoch(self, epoch: int) -> None:
        """Nobody listens."""

    def ack_outcomes(self, plc_boot_id: int, tail: int) -> None:
        """Nobody listens."""

    def request_stop(self) -> None:
        """There is no belt (the day's rules refuse to stop one)."""

    def withdraw_stop(self) -> None:
        """See `request_stop`."""
