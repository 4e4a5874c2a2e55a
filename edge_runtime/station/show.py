"""What the running station shows of itself: its status a few times a second, its pictures to who looks.

Written by the decision loop into one-slot mailboxes in shared memory (`edge_runtime.live`): nothing is
encoded, nothing is waited for, and without a viewer no picture is copied. Neighbours: the core holds what
is shown; the page and `ferrogate status` read it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from edge_runtime.config import CameraConfig, StationConfig
from edge_runtime.entries import SessionEntry
from edge_runtime.journal import JournalWriter
from edge_runtime.live.mailbox import MailboxWriter, picture_box_name, status_box_name
from edge_runtime.live.pictures import DrawnBall, DrawnFinding, LivePicture, pack_picture
from edge_runtime.live.status import ModelFacts, RecipeFacts, StationStatus
from edge_runtime.parts import DueView, Part
from edge_runtime.station.core import StationCore
from edge_runtime.station.day_start import RecipeAtStart
from edge_runtime.station.rows import finding_rows
from edge_runtime.station.session import OpenedModel
from vision.types import Frame, View, ViewFindings

#: between two status messages, and between two pictures of one camera
STATUS_PERIOD_NS = 200_000_000
PICTURE_PERIOD_NS = 150_000_000
#: a day with all the names of closed lots that it remembers, and all else many times over
_STATUS_BYTES = 1 << 19
#: header of a picture: some hundred balls with some findings each
_HEADER_BYTES = 1 << 16
#: events that may wait for the loop while a picture is still copied: inspection goes first
BUSY_EVENTS = 8


@dataclass(frozen=True, slots=True)
class ShownFacts:
    """What does not change while a station process lives."""

    session: str
    started_utc_ns: int
    recipe: RecipeFacts
    model: ModelFacts


def shown_facts(session: SessionEntry, chosen: RecipeAtStart, model: OpenedModel) -> ShownFacts:
    """What is shown of a session, its recipe and its model."""
    recipe, contract = chosen.recipe, model.detector.contract
    size = recipe.size
    return ShownFacts(
        session.session,
        session.utc_ns,
        RecipeFacts(
            name=chosen.name,
            product=recipe.product,
            sha256=session.recipe_sha256,
            d_nominal_mm=size.d_nominal_mm,
            d_min_mm=size.d_min_mm,
            d_max_mm=size.d_max_mm,
            unverified=recipe.unverified(),
        ),
        ModelFacts(
            name=model.path.name,
            sha256=model.sha256,
            provider=model.detector.provider,
            labels=contract.labels,
            licence=contract.licence,
        ),
    )


class Show:
    """The station's mailboxes.

    Args:
        config: names and picture sizes.
        facts: for every status.
    """

    def __init__(self, config: StationConfig, facts: ShownFacts) -> None:
        self._station = config.name
        self._facts = facts
        self._spare_mb = config.storage.journal_segment_mb
        self._version = version("ferrogate")
        self._next_status_ns = 0
        self._next_picture_ns = dict.fromkeys((camera.name for camera in config.cameras), 0)
        self._status = MailboxWriter(status_box_name(config.name), _STATUS_BYTES)
        self._pictures = {
            camera.name: MailboxWriter(picture_box_name(config.name, camera.name), _picture_bytes(camera))
            for camera in config.cameras
        }

    def close(self) -> None:
        """Remove the mailboxes."""
        self._status.close()
        for box in self._pictures.values():
            box.close()

    # -- status -------------------------------------------------------------------------------

    def status_if_due(self, core: StationCore, journal: JournalWriter) -> None:
        """Write the status when its time has come."""
        now_ns = time.monotonic_ns()
        if now_ns >= self._next_status_ns:
            self._next_status_ns = now_ns + STATUS_PERIOD_NS
            self._status.write(self.status(core, journal, now_ns).model_dump_json().encode("utf-8"))

    def status(self, core: StationCore, journal: JournalWriter, now_ns: int) -> StationStatus:
        """The status now."""
        p50, p99 = core.latency.percentiles_ms()
        facts = self._facts
        return StationStatus(
            station=self._station,
            session=facts.session,
            version=self._version,
            started_utc_ns=facts.started_utc_ns,
            written_utc_ns=time.time_ns(),
            written_mono_ns=now_ns,
            ready=core.ready,
            holds=dict(core.holds),
            day=core.day.state,
            recipe=facts.recipe,
            model=facts.model,
            cameras=tuple(
                eyes.status(core.holds.get(f"camera_{name}")) for name, eyes in core.intake.eyes.items()
            ),
            plc=core.line.facts(),
            counts=dict(core.counts),
            in_zone=core.tracker.in_zone(),
            journal_waiting=journal.pending_count,
            journal_error=journal.error,
            journal_spares=journal.reserve.standing,
            journal_spares_wanted=journal.reserve.wanted,
            journal_spare_mb=self._spare_mb,
            loop_ms_p50=p50,
            loop_ms_p99=p99,
        )

    # -- pictures -----------------------------------------------------------------------------

    def picture_if_wanted(self, core: StationCore, frame: Frame, events_waiting: int) -> None:
        """Hand out a frame that the core has just handled, when somebody looks and the loop is not behind."""
        box = self._pictures[frame.camera]
        if not box.wanted or events_waiting > BUSY_EVENTS:
            return
        now_ns = time.monotonic_ns()
        if now_ns < self._next_picture_ns[frame.camera]:
            return
        image = np.ascontiguousarray(frame.image)
        header = pack_picture(_live_picture(core, frame, now_ns))
        if len(header) + image.nbytes > box.capacity:
            return  # of another shape than the station file says: the frame's health names it
        self._next_picture_ns[frame.camera] = now_ns + PICTURE_PERIOD_NS
        box.write(header, image.data.cast("B"))


def _picture_bytes(camera: CameraConfig) -> int:
    geometry = camera.geometry
    channels = 3 if geometry.pixel_format == "bgr8" else 1
    return geometry.width_px * geometry.height_px * channels + _HEADER_BYTES


def _live_picture(core: StationCore, frame: Frame, now_ns: int) -> LivePicture:
    height, width = frame.image.shape[:2]
    return LivePicture(
        camera=frame.camera,
        width_px=width,
        height_px=height,
        channels=1 if frame.image.ndim == 2 else frame.image.shape[2],
        frame_number=frame.frame_number,
        arrived_mono_ns=frame.arrived_ns,
        arrived_utc_ns=time.time_ns() - (now_ns - frame.arrived_ns),
        fault=core.intake.eyes[frame.camera].newest.fault.value,
        balls=tuple(_balls(core.intake.in_frame.get(frame.camera, ()))),
    )


def _balls(in_frame: Iterable[tuple[Part, DueView, View]]) -> Iterable[DrawnBall]:
    for part, due, view in in_frame:
        found = due.findings
        yield DrawnBall(
            part=str(part.part_id),
            xyxy_px=_box(view, found),
            state=part.decision or "open",
            reason=part.reason,
            diameter_mm=None if found is None else found.diameter_mean_mm,
            findings=()
            if found is None
            else tuple(DrawnFinding(row.label, row.score, row.xyxy_px) for row in finding_rows(found)),
        )


def _box(view: View, found: ViewFindings | None) -> tuple[float, float, float, float]:
    """The silhouette's box where there is one, else the place where the ball must be."""
    if found is not None and found.outline is not None:
        left, top, right, bottom = found.outline.box_xyxy_px
        return round(left, 1), round(top, 1), round(right, 1), round(bottom, 1)
    x, y = view.centre_xy_px
    half = view.diameter_px / 2.0
    return round(x - half, 1), round(y - half, 1), round(x + half, 1), round(y + half, 1)
