"""The decision loop's brain: events in, verdicts and entries out.

One `StationCore` runs in one thread (edge_runtime/station/process.py feeds it from an
inbox). It owns the part tracker and the detector; the PLC link, the journal and the
picture ring are handed in. Nothing here waits, and nothing here is accepted without
`vision.judge` having seen every due view.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence

from edge_runtime.config import CameraConfig
from edge_runtime.encoder import wrap
from edge_runtime.entries import CountersEntry, EpochEntry, FaultEntry
from edge_runtime.parts import Part
from edge_runtime.plc.events import EpochAgreed, OutcomesRead
from edge_runtime.plc.records import TriggerRecord
from edge_runtime.station.asked import ActAsked
from edge_runtime.station.beside import Beside
from edge_runtime.station.day_keeper import DayKeeper, DayPorts, DayStart
from edge_runtime.station.gauges import Gauges
from edge_runtime.station.holds import Holds
from edge_runtime.station.intake import Healthy, Intake
from edge_runtime.station.known import KnownTriggers, TriggerNumbers
from edge_runtime.station.latency import LatencyRing
from edge_runtime.station.line_watch import LineWatch
from edge_runtime.station.look import Asked, Looker, in_turn
from edge_runtime.station.outcomes import Outcomes
from edge_runtime.station.ports import Outputs, Tracker
from edge_runtime.station.rows import InForce, Stamp, gap_entry, judged_entry, unjudged_entry, verdict_record
from vision.detector import Detector
from vision.judge import judge
from vision.recipe import BallRecipe
from vision.types import Decision, Frame, Inspection, PartId, Verdict, View


class StationCore:
    """Judges every part once.

    Args:
        cameras: the station's cameras.
        tracker: assigns regions to parts.
        recipe, detector, gauges, in_force: what is in force now.
        out: link, journal, pictures.
        boot_id: this boot of the machine, for the stamps.
        known: what the books of an earlier run know of trigger numbers.
        lanes: lanes of the station file.
        beside: runs the detector while outlines are measured.
        day: what the day begins with; default: nothing is open, nothing is due.

    Attributes:
        line: what the PLC says of the line.
        day: shift, lot, changeover, challenge.
        latency: of the last balls, from last view to verdict.
        intake: health of the cameras, and the views that their newest frames gave.
    """

    def __init__(
        self,
        cameras: tuple[CameraConfig, ...],
        tracker: Tracker,
        recipe: BallRecipe,
        detector: Detector,
        gauges: Gauges,
        in_force: InForce,
        out: Outputs,
        boot_id: str,
        known: KnownTriggers,
        lanes: frozenset[int] = frozenset({0}),
        beside: Beside | None = None,
        day: DayStart | None = None,
    ) -> None:
        self.tracker = tracker
        self._recipe = recipe
        self._detector = detector
        self._looker = Looker(recipe, detector, gauges, beside)
        self._gauges = gauges
        self._out = out
        self._boot_id = boot_id
        self._numbers = TriggerNumbers(known)
        self._lanes = lanes
        self._views: dict[PartId, list[View]] = {}
        self._at_trigger: dict[PartId, InForce] = {}
        self.epoch = 0
        self.plc_boot_id: int | None = None
        self.counts: Counter[str] = Counter()
        self._outcomes = Outcomes(out.journal, self.counts)
        self.latency = LatencyRing()
        self._holds = Holds(out.link.set_state, self.fault, {"plc": "no epoch agreed with the PLC yet"})
        self.intake = Intake(cameras, tracker, self._holds, self.counts, self.fault)
        self.line = LineWatch(out.link, self.fault)
        ports = DayPorts(
            out.journal,
            out.durable,
            self._holds,
            self.fault,
            self.line.ask_stop,
            self._newest_position,
            tracker.in_zone,
        )
        self.day = DayKeeper(day or DayStart(), in_force, ports, boot_id)

    # -- small helpers ------------------------------------------------------------------------

    @property
    def holds(self) -> dict[str, str]:
        """Reasons why the station is not Ready; empty means Ready."""
        return self._holds.reasons

    @property
    def ready(self) -> bool:
        """Verdicts may count."""
        return self._holds.ready

    @property
    def header(self) -> dict[str, int]:
        """The PLC's header as last read."""
        return self.line.header

    def stamp(self) -> Stamp:
        """Wall clock, for people only."""
        return Stamp(time.time_ns(), self._boot_id)

    def fault(self, code: str, detail: str = "", count: int = 1, camera: str | None = None) -> None:
        """Name a fault in the books."""
        self.counts[f"fault_{code}"] += count
        now = self.tracker.now
        self._out.journal(
            FaultEntry(
                code,
                detail,
                count,
                time.time_ns(),
                self._boot_id,
                camera=camera,
                encoder_count=None if now is None else wrap(now),
            )
        )

    def hold(self, name: str, why: str) -> None:
        """Not Ready, for this reason."""
        self._holds.hold(name, why)

    def release(self, name: str) -> None:
        """This reason is gone; Ready when it was the last."""
        self._holds.release(name)

    def _newest_position(self) -> int | None:
        """Where the belt is by the newest that anybody knows (endless count); None: nothing moves yet."""
        now, newest = self.tracker.now, self._out.link.encoder_count
        if newest is None:
            return now
        return max(self.tracker.position(newest), now if now is not None else 0)

    # -- PLC ----------------------------------------------------------------------------------

    def on_epoch(self, agreed: EpochAgreed) -> None:
        """A new epoch: what is in flight can no longer be accepted."""
        stamp = self.stamp()
        for part in self.tracker.clear():
            in_force = self._at_trigger.get(part.part_id)
            self._out.journal(unjudged_entry(part.trigger, "stale_epoch", in_force, stamp))
            self.counts["parts"] += 1
        self._views.clear()
        self._at_trigger.clear()
        self.intake.clear()
        if "encoder_count" in agreed.header:
            # Positions begin anew: the PLC's counter may have, too.
            self.tracker.on_encoder(agreed.header["encoder_count"])
        self._numbers.begin(agreed.plc_boot_id)
        same_plc_life = agreed.plc_boot_id == self.plc_boot_id
        if not same_plc_life:
            self._outcomes.clear()
            if self.plc_boot_id is not None:
                self.fault("plc_restart", f"PLC boot {agreed.plc_boot_id:#x}")
        self.plc_boot_id = agreed.plc_boot_id
        self.epoch = agreed.epoch
        self.line.begin(agreed.header, same_plc_life=same_plc_life)
        self._out.journal(EpochEntry(agreed.epoch, agreed.plc_boot_id, agreed.cause, stamp.utc_ns))
        self._out.journal(self.counters_entry())
        self._out.link.ack_epoch(agreed.epoch)
        self.day.on_epoch(agreed.plc_boot_id)
        self._watch_key()
        self.release("plc")

    def on_link_down(self, reason: str) -> None:
        """No PLC."""
        self.line.lost(reason)
        self.hold("plc", reason)

    def _watch_key(self) -> None:
        """While the key is not on AUTO the gate is not the station's, and nothing is accepted."""
        why = self.line.key_hold
        if why != self.holds.get("key", ""):
            self._holds.settle(("key",), {"key": why} if why else {})

    def on_status(self, header: dict[str, int]) -> None:
        """One poll of the header: belt position, faults that the PLC counts."""
        self.tracker.on_encoder(header["encoder_count"])
        self.line.read(header)
        self._watch_key()
        self._watch_cameras()
        self._close_what_is_due()

    def _watch_cameras(self) -> None:
        if self.tracker.now is not None:
            for name in self.intake.silent(self.tracker.now):
                self.intake.down(name, "no frame although the belt moves")
        if not self.line.belt_runs:
            self.intake.belt_stands()

    def on_triggers(self, records: Iterable[TriggerRecord]) -> None:
        """New parts, or parts of an epoch that is over."""
        for trigger in records:
            self._check_sequence(trigger)
            self.counts["triggers"] += 1
            if trigger.lane not in self._lanes:
                self.fault("unknown_lane", f"lane {trigger.lane}, trigger {trigger.trigger_seq}")
                self._book_unjudged(trigger, "no_vision")
            elif trigger.epoch != self.epoch or self.tracker.now is None:
                ours = trigger.epoch == self.epoch or self.counts["judged"]
                self._book_unjudged(trigger, "stale_epoch" if ours else "no_vision")
            else:
                self._begin_part(trigger)
        self._close_what_is_due()

    def _book_unjudged(self, trigger: TriggerRecord, cause: str) -> None:
        # Its place on the belt is of another epoch or not known: it belongs to what is open now.
        self._out.journal(unjudged_entry(trigger, cause, self.day.in_force, self.stamp()))
        self.counts["parts"] += 1

    def _begin_part(self, trigger: TriggerRecord) -> None:
        part, views = self.tracker.on_trigger(trigger)
        self._at_trigger[part.part_id] = self.day.force_of(
            part.part_id, self.tracker.position(trigger.encoder_count)
        )
        if self._gauges.take_temperature(part, self.header):
            self.fault("no_temperature", f"from part {part.part_id} on: the pyrometer gives no reading")
        # Judged later: another trigger of the same batch may be too near.
        deque(self._inspected([Asked(part, due, view, fault) for due, view, fault in views]), maxlen=0)
        for other in list(self.tracker.parts.values()):
            if other.accepted and other.marks:
                self._revoke(other, other.marks[0])

    def _check_sequence(self, trigger: TriggerRecord) -> None:
        try:
            missing = self._numbers.take(trigger.lane, trigger.trigger_seq)
        except ValueError as error:
            self.fault("sequence_back", str(error))
            return
        if missing is not None:
            self._out.journal(gap_entry(trigger, missing, self.header, self.stamp()))
            self.counts["gap_parts"] += missing[1] - missing[0] + 1
            self.day.on_missing_triggers(trigger.lane, f"triggers {missing[0]} to {missing[1]} were not read")

    def on_outcomes(self, event: OutcomesRead) -> None:
        """What the PLC did; acknowledged once it is on disk."""
        for entry in self._outcomes.take(event, self.stamp()):
            self.day.on_outcome(entry)
        if self._outcomes.broken:
            self.hold("books", "the journal dropped outcomes: restart the station once the disk is writable")

    # -- pictures -----------------------------------------------------------------------------

    def on_frame(self, frame: Frame) -> None:
        """One exposure: health, views of the parts due in it, strays."""
        self.on_frames([frame])

    def on_frames(self, frames: Sequence[Frame]) -> None:
        """Exposures that came one after the other: their views are looked at together."""
        asked, healthy = self.intake.take(frames)
        # The part nearest to its gate first: its verdict is due first.
        asked.sort(key=lambda one: one.part.deadline)
        # A station that has fallen behind does not inspect what can no longer be accepted.
        asked = [one for one in asked if not one.part.judged and not self._past(one.part)]
        for group in in_turn(asked):
            for part in self._inspected(group):
                if part.complete and not part.judged:
                    self._judge(part)
        self._close_what_is_due()
        for found in healthy:
            self._look_for_strays(found)

    def _look_for_strays(self, found: Healthy) -> None:
        strays = self.intake.strays(found)
        for ball in strays:
            self.fault("untriggered", f"ball at count {wrap(ball.centre)}", camera=found.frame.camera)
        if strays:
            for part in list(self.tracker.parts.values()):
                if part.accepted and self.tracker.near_untriggered(part):
                    self._revoke(part, "near_untriggered")

    def _inspected(self, asked: Sequence[Asked]) -> Iterator[Part]:
        """Have views inspected; the part of each, as soon as it is done."""
        for one, findings, trouble in self._looker.look(asked):
            self.counts["views"] += 1
            one.due.findings = findings
            if trouble:
                self.fault("inspection_error", trouble, camera=one.view.camera)
            self._views.setdefault(one.part.part_id, []).append(one.view)
            yield one.part

    # -- verdicts -----------------------------------------------------------------------------

    def _past(self, part: Part) -> bool:
        """The part's deadline is over, by the newest position that anybody knows."""
        now = self._newest_position()
        return now is not None and now >= part.deadline

    def _close_what_is_due(self) -> None:
        for part in list(self.tracker.parts.values()):
            if part.judged:
                continue
            if self._past(part):
                self.tracker.lose_pending(part, "deadline")
                part.mark("late")
            if part.complete:
                self._judge(part)

    def _judge(self, part: Part) -> None:
        if self.tracker.near_untriggered(part):
            part.mark("near_untriggered")
        in_force = self._at_trigger.pop(part.part_id, None) or self.day.in_force
        held = not (self.ready and self.day.may_accept(in_force))
        # What passes by key is told by what was found on it: only a good ball is named by the hold.
        if held and set(self.holds) != {"key"}:
            part.mark("not_ready")
        inspection, verdict = self._verdict(part, in_force)
        if held and verdict.decision is Decision.ACCEPT:
            part.mark("not_ready")
            inspection, verdict = self._verdict(part, in_force)
        self._out.link.send_verdict(verdict_record(part, verdict.decision, verdict.first_reason))
        part.judged = True
        part.accepted = verdict.decision is Decision.ACCEPT
        part.decision, part.reason = verdict.decision.name.lower(), verdict.first_reason
        entry = judged_entry(part, inspection, verdict, in_force, time.monotonic_ns(), self.stamp())
        self._out.journal(entry)
        self.latency.add(entry)
        if in_force.challenge:
            self.day.on_verdict(part.part_id, part.decision, [reason.code for reason in verdict.reasons])
        self.counts["parts"] += 1
        self.counts["judged"] += 1
        self.counts[f"verdict_{verdict.decision.name.lower()}"] += 1
        self.counts["views_due"] += inspection.views_due
        self.counts["views_lost"] += len(inspection.lost)
        not_kept = self._out.pictures(part, verdict, self._views.pop(part.part_id, []))
        if not_kept:
            self.fault("picture_too_large", f"part {part.part_id}", not_kept)

    def _verdict(self, part: Part, in_force: InForce) -> tuple[Inspection, Verdict]:
        inspection = self._gauges.fused(part)
        hashes = {"model_sha256": in_force.model_sha256, "recipe_sha256": in_force.recipe_sha256}
        return inspection, judge(inspection, self._recipe, self._detector.contract, **hashes)

    def _revoke(self, part: Part, reason: str) -> None:
        """An accept that newer knowledge takes back: a second verdict, which the PLC treats as reject."""
        part.accepted = False
        self.counts["revoked"] += 1
        self.fault("revoked", f"part {part.part_id}: {reason}")
        self._out.link.send_verdict(verdict_record(part, Decision.REJECT, reason))

    # -- after every batch of events ----------------------------------------------------------

    def after_events(self, forget_counts: int) -> None:
        """Acknowledge what is on disk, forget what has passed, show progress to the PLC."""
        self.day.tick()
        entry = self.line.entry_if_new(self.holds, self.day.open_lot, self.day.open_shift, self.stamp)
        if entry is not None:
            self._out.journal(entry)
        tail = self._outcomes.due(self._out.durable())
        if tail is not None and self.plc_boot_id is not None:
            self._out.link.ack_outcomes(self.plc_boot_id, tail)
        self.tracker.forget_before(forget_counts)
        self._out.link.beat()

    def counters_entry(self) -> CountersEntry:
        """Totals of station and PLC, for the books."""
        totals = {f"station_{name}": count for name, count in sorted(self.counts.items())}
        totals |= self.header
        return CountersEntry(self.plc_boot_id or 0, totals, time.time_ns())

    def on_act(self, asked: ActAsked) -> None:
        """A person wants something done."""
        self.day.on_act(asked)
