"""The part tracker: which region of which frame belongs to which part.

A trigger says where a part's centre lies on the belt; geometry says at which
exposures of which camera it must be seen whole, and where. Everything is done in
encoder counts: no clock, no thread, no picture processing. The station's core feeds
it with triggers, frames and belt positions and takes out views and finished parts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Protocol

from edge_runtime.config import CameraConfig, LineGeometry
from edge_runtime.encoder import Unwrapper, wrap
from edge_runtime.plc.records import TriggerRecord
from vision.metrology.types import Temperature
from vision.types import Frame, FrameFault, LostView, PartId, View, ViewFindings

#: frames kept per camera so that a trigger that comes late still finds its first views
FRAMES_KEPT = 12
#: half sides of a view's region, in nominal diameters: room for a misplaced or odd-shaped ball
ROI_HALF_SHARE = 0.8
#: a region whose centre lies this near (nominal diameters) to a part's predicted centre is that part's
CLAIM_SHARE = 0.6
#: two triggers nearer than this (nominal diameters) are one ball that the eye saw twice
DUPLICATE_SHARE = 0.5


class Region(Protocol):
    """A dark region found in a frame, frame pixels."""

    @property
    def centre_xy_px(self) -> tuple[float, float]:
        """Centre of the region."""

    @property
    def xyxy_px(self) -> tuple[float, float, float, float]:
        """Its box."""


@dataclass(slots=True)
class DueView:
    """One view that geometry promises: exposure (endless count), where, and what became of it."""

    camera: str
    exposure: int
    index: int
    findings: ViewFindings | None = None
    lost: LostView | None = None
    taken: bool = False

    @property
    def pending(self) -> bool:
        """Neither a frame nor a loss is known."""
        return not self.taken and self.lost is None


@dataclass(slots=True)
class Part:
    """One part between its trigger and its verdict. Counts are endless (unwrapped).

    `temperature`: of the ball as it passed the photo-eye; None: nobody knows it. `decision` and `reason`
    (gravest) are the verdict's words, '' before there is one.
    """

    part_id: PartId
    trigger: TriggerRecord
    centre: int
    deadline: int
    due: list[DueView]
    marks: list[str] = field(default_factory=list)
    judged: bool = False
    accepted: bool = False
    temperature: Temperature | None = None
    decision: str = ""
    reason: str = ""

    def mark(self, word: str) -> None:
        """Note a reason found outside the pictures, once."""
        if word not in self.marks:
            self.marks.append(word)

    @property
    def views_open(self) -> int:
        """Due views that are neither inspected nor lost."""
        return sum(view.findings is None and view.lost is None for view in self.due)

    @property
    def complete(self) -> bool:
        """Every due view is inspected or lost."""
        return self.views_open == 0


@dataclass(frozen=True, slots=True)
class Untriggered:
    """A ball that no trigger claims: its lane, its centre on the belt (endless count), who saw it first."""

    lane: int
    centre: int
    camera: str


@dataclass(slots=True)
class _KeptFrame:
    exposure: int
    frame: Frame
    background_level: float | None
    fault: FrameFault | None


class PartTracker:
    """Assigns regions of frames to parts.

    Args:
        cameras: cameras with their geometry; names are unique.
        line: belt geometry of the station file.
        d_nominal_mm: nominal diameter of the recipe; scales regions when a camera has no mm scale
            through the belt's own scale (um_per_count and px_per_count).
    """

    def __init__(self, cameras: Sequence[CameraConfig], line: LineGeometry, d_nominal_mm: float) -> None:
        self._cameras = {camera.name: camera for camera in cameras}
        self._line = line
        self._gates = {lane.lane: lane.eye_to_gate_counts for lane in line.lanes}
        self.d_counts = d_nominal_mm * 1000.0 / line.um_per_count
        self.belt = Unwrapper()
        self.now: int | None = None
        self.parts: dict[PartId, Part] = {}
        self._kept: dict[str, deque[_KeptFrame]] = {name: deque(maxlen=FRAMES_KEPT) for name in self._cameras}
        self._newest: dict[str, int] = {}
        self.untriggered: list[Untriggered] = []
        #: frames that came behind a newer one of their camera and were not used
        self.out_of_order = 0

    def diameter_px(self, camera: str) -> float:
        """Nominal diameter in pixels of a camera."""
        return self.d_counts * self._cameras[camera].geometry.px_per_count

    def clear(self) -> list[Part]:
        """Forget everything in flight (a new epoch); returns the parts that had no verdict.

        Positions begin anew, too: with nothing in flight there is nothing to compare them with, and
        the belt's counter may have been reset meanwhile.
        """
        left = [part for part in self.parts.values() if not part.judged]
        self.parts.clear()
        self.untriggered.clear()
        for kept in self._kept.values():
            kept.clear()
        self._newest.clear()
        self.belt, self.now = Unwrapper(), None
        return left

    # -- belt ---------------------------------------------------------------------------------

    def position(self, count: int) -> int:
        """Endless position of a count near the belt's, without moving the belt there."""
        return self.belt.peek(count)

    def on_encoder(self, count: int) -> None:
        """The belt is at `count` (0..65535); due frames that are too late become lost views."""
        position = self.belt(count)
        if self.now is not None and position <= self.now:
            return
        self.now = position
        for part in self.parts.values():
            for view in part.due:
                late_after = self._cameras[view.camera].exposure.late_after_counts
                if view.pending and position - view.exposure > late_after:
                    self._lose(view, "frame_late")

    def in_zone(self, lane: int | None = None) -> int:
        """Parts between photo-eye and gate, all or those of one lane; the gate's window belongs to it."""
        if self.now is None:
            return 0
        window = self._line.gate_window_counts
        return sum(
            self.now - part.centre <= self._gates[part.part_id.lane] + window
            for part in self.parts.values()
            if lane in (None, part.part_id.lane)
        )

    def forget_before(self, behind_gate_counts: int) -> None:
        """Drop judged parts and stray balls that have passed the gate by more than this."""
        if self.now is None:
            return
        far = max(self._gates.values()) + behind_gate_counts
        self.parts = {
            part_id: part
            for part_id, part in self.parts.items()
            if not (part.judged and self.now - part.centre > far)
        }
        self.untriggered = [ball for ball in self.untriggered if self.now - ball.centre <= far]

    # -- triggers -----------------------------------------------------------------------------

    def on_trigger(
        self, trigger: TriggerRecord
    ) -> tuple[Part, list[tuple[DueView, View, FrameFault | None]]]:
        """A new part: its due views, marks on it and its neighbours, and views already in kept frames.

        Such a view comes with the fault of its frame, None for a healthy one.
        """
        rising = self.belt.peek(trigger.encoder_count)
        centre = rising + trigger.pulse_counts // 2
        part_id = PartId(trigger.epoch, trigger.lane, trigger.trigger_seq)
        gate = self._gates[trigger.lane]
        part = Part(
            part_id=part_id,
            trigger=trigger,
            centre=centre,
            deadline=centre + gate - self._line.switch_lead_counts,
            due=self._due_views(centre, trigger.lane),
        )
        twin = self.parts.get(part_id)
        if twin is not None:
            # The same number twice: neither can be told from the other.
            twin.mark("duplicate")
            part.mark("duplicate")
        self._mark_neighbours(part)
        self.parts[part_id] = part
        self.untriggered = [
            ball
            for ball in self.untriggered
            if ball.lane != trigger.lane or abs(ball.centre - centre) > CLAIM_SHARE * self.d_counts
        ]
        return part, list(self._views_in_kept_frames(part))

    def _due_views(self, centre: int, lane: int) -> list[DueView]:
        found: list[tuple[int, str]] = []
        for camera in self._cameras.values():
            geometry = camera.geometry
            if lane not in geometry.lane_y_px:
                continue
            half_px = self.diameter_px(camera.name) / 2.0 + geometry.margin_px
            start = centre + geometry.fov_start_counts
            first = start + half_px / geometry.px_per_count
            last = start + (geometry.width_px - half_px) / geometry.px_per_count
            every, phase = camera.exposure.every_counts, camera.exposure.phase_counts
            earliest = ceil(first)
            exposure = earliest + (phase - earliest) % every
            while exposure <= last:
                found.append((exposure, camera.name))
                exposure += every
        found.sort()
        return [DueView(camera, exposure, index) for index, (exposure, camera) in enumerate(found)]

    def _mark_neighbours(self, part: Part) -> None:
        pulse = part.trigger.pulse_counts
        if pulse < self._line.pulse_min_counts:
            part.mark("pulse_short")
        long = pulse > self._line.pulse_max_counts
        if long:
            part.mark("pulse_long")
        for other in self.parts.values():
            if other.part_id.lane != part.part_id.lane:
                continue
            distance = abs(other.centre - part.centre)
            # The outermost ball of a long pulse lies half a ball inside the pulse's end.
            touching = long or "pulse_long" in other.marks
            reach = (max(pulse, other.trigger.pulse_counts) - self.d_counts) / 2.0 if touching else 0.0
            if distance < DUPLICATE_SHARE * self.d_counts:
                part.mark("duplicate")
                other.mark("duplicate")
            elif distance < self._line.min_spacing_counts + reach:
                part.mark("too_close")
                other.mark("too_close")

    def _views_in_kept_frames(self, part: Part) -> Iterator[tuple[DueView, View, FrameFault | None]]:
        for view in part.due:
            newest = self._newest.get(view.camera)
            if newest is None or view.exposure > newest:
                continue
            kept = next((item for item in self._kept[view.camera] if item.exposure == view.exposure), None)
            if kept is None:
                self._lose(view, "before_trigger")
            else:
                view.taken = True
                yield view, self._cut(part, view, kept.frame, kept.background_level), kept.fault

    # -- frames -------------------------------------------------------------------------------

    def on_frame(
        self, frame: Frame, background_level: float | None, fault: FrameFault | None = None
    ) -> list[tuple[Part, DueView, View]]:
        """Views of the parts that are due in this frame; `fault` is kept for triggers that come later.

        A frame older than the newest of its camera came too late: it gives no views.
        """
        exposure = self.belt.peek(frame.encoder_count)
        newest = self._newest.get(frame.camera)
        if newest is not None and exposure <= newest:
            self.out_of_order += 1
            return []
        self._newest[frame.camera] = exposure
        self._kept[frame.camera].append(_KeptFrame(exposure, frame, background_level, fault))
        views = []
        for part in self.parts.values():
            for view in part.due:
                if view.camera != frame.camera or not view.pending:
                    continue
                if view.exposure == exposure:
                    view.taken = True
                    views.append((part, view, self._cut(part, view, frame, background_level)))
                elif view.exposure < exposure:
                    self._lose(view, "frame_lost")
        self.on_encoder(frame.encoder_count)
        return views

    def strays(self, frame: Frame, regions: Iterable[Region]) -> list[Untriggered]:
        """Regions wholly in the frame that no part claims; each ball is reported once."""
        geometry = self._cameras[frame.camera].geometry
        exposure = self.belt.peek(frame.encoder_count)
        new = []
        for region in regions:
            left, _, right, _ = region.xyxy_px
            if left <= 1 or right >= geometry.width_px - 1:
                continue
            x = region.centre_xy_px[0]
            along = x if geometry.direction == 1 else geometry.width_px - x
            centre = round(exposure - geometry.fov_start_counts - along / geometry.px_per_count)
            y = region.centre_xy_px[1]
            lane = min(geometry.lane_y_px, key=lambda number: abs(geometry.lane_y_px[number] - y))
            if self._claimed(lane, centre):
                continue
            ball = Untriggered(lane, centre, frame.camera)
            self.untriggered.append(ball)
            new.append(ball)
        return new

    def _claimed(self, lane: int, centre: int) -> bool:
        """A part, or a stray that is known already, stands for a ball at this place."""
        return any(
            part.part_id.lane == lane and abs(part.centre - centre) <= self._claim_counts(part)
            for part in self.parts.values()
        ) or any(
            ball.lane == lane and abs(ball.centre - centre) <= CLAIM_SHARE * self.d_counts
            for ball in self.untriggered
        )

    def _claim_counts(self, part: Part) -> float:
        """How far from its centre a part claims regions; one with an over-long pulse claims all of it."""
        overhang = max(0.0, part.trigger.pulse_counts - self.d_counts) / 2.0
        return CLAIM_SHARE * self.d_counts + overhang

    def near_untriggered(self, part: Part) -> bool:
        """An unclaimed ball of its lane lies within the spacing that the gate needs."""
        return any(
            ball.lane == part.part_id.lane and abs(ball.centre - part.centre) < self._line.min_spacing_counts
            for ball in self.untriggered
        )

    def _lose(self, view: DueView, cause: str) -> None:
        view.lost = LostView(view.camera, wrap(view.exposure), cause)

    def lose_pending(self, part: Part, cause: str) -> None:
        """Give up what has not come: the deadline is near."""
        for view in part.due:
            if view.findings is None and view.lost is None:
                self._lose(view, cause)

    def _cut(self, part: Part, due: DueView, frame: Frame, background_level: float | None) -> View:
        geometry = self._cameras[frame.camera].geometry
        along = (due.exposure - part.centre - geometry.fov_start_counts) * geometry.px_per_count
        x = along if geometry.direction == 1 else geometry.width_px - along
        y = geometry.lane_y_px[part.part_id.lane]
        diameter = self.diameter_px(frame.camera)
        half = ROI_HALF_SHARE * diameter
        height, width = frame.image.shape[:2]
        x1, y1 = max(0, int(x - half)), max(0, int(y - half))
        x2, y2 = min(width, int(x + half) + 1), min(height, int(y + half) + 1)
        return View(
            part_id=part.part_id,
            camera=frame.camera,
            index=due.index,
            frame_number=frame.frame_number,
            encoder_count=frame.encoder_count,
            arrived_ns=frame.arrived_ns,
            roi_xyxy_px=(x1, y1, x2, y2),
            centre_xy_px=(x, y),
            diameter_px=diameter,
            image=frame.image[y1:y2, x1:x2],
            background_level=background_level,
        )
