"""A photo-eye without a PLC: the picture's own line triggers, the gate always rejects.

For recordings and bench trials. Triggers, verdicts and outcomes are the same records as
those of a real link (`edge_runtime.plc.records`); nothing is ever sent to accept.
Neighbours: `vision.crossing` sees the balls, the station's loop feeds frames and verdicts.
No threads, no clock.
"""

from __future__ import annotations

from edge_runtime.config import VirtualEye
from edge_runtime.plc.records import OutcomeRecord, TriggerRecord, VerdictRecord
from edge_runtime.plc.registers import Cause, Confirm, Side
from vision.crossing import Crossing, CrossingDetector, find_balls
from vision.errors import LinkError
from vision.types import Decision, Frame, PartId

LANE = 0
#: an eye's pulse has no length where counts are picture numbers
PULSE_COUNTS = 1


class VirtualEyeLink:
    """Triggers out of pictures, outcomes out of verdicts.

    Args:
        config: camera and line.
        epoch: written into every record, from 1.
    """

    def __init__(self, config: VirtualEye, *, epoch: int = 1) -> None:
        self.config = config
        self.epoch = epoch
        self.frames_seen = 0
        self.frames_without_ball = 0
        self._detector = CrossingDetector(line_x_share=config.line_x_share)
        self._crossings: tuple[Crossing, ...] = ()
        self._pending: dict[PartId, TriggerRecord] = {}
        self._triggers = 0

    @property
    def crossings(self) -> tuple[Crossing, ...]:
        """Where the balls of the last `observe` were, in the order of its triggers."""
        return self._crossings

    @property
    def pending(self) -> tuple[PartId, ...]:
        """Parts without an outcome, oldest first."""
        return tuple(self._pending)

    def observe(self, frame: Frame) -> list[TriggerRecord]:
        """Look at a picture; one trigger for each ball that went across the line, either way.

        Pictures of other cameras trigger nothing.

        Raises:
            ImageError: the picture is not a colour picture.
        """
        self._crossings = ()
        if frame.camera != self.config.camera:
            return []
        balls = find_balls(frame.image)
        self.frames_seen += 1
        self.frames_without_ball += not balls
        self._crossings = tuple(self._detector.update(balls, frame.image.shape[1]))
        triggers = []
        for _ in self._crossings:
            self._triggers += 1
            trigger = TriggerRecord(self.epoch, LANE, self._triggers, frame.encoder_count, PULSE_COUNTS)
            self._pending[PartId(self.epoch, LANE, self._triggers)] = trigger
            triggers.append(trigger)
        return triggers

    def take_verdict(self, verdict: VerdictRecord) -> OutcomeRecord:
        """What becomes of a part: the reject side, whatever the verdict says.

        An accept cannot be carried out here and ends as cause NOT_READY, never as PROVEN.

        Raises:
            LinkError: no such part waits for a verdict (unknown, of another epoch, or judged before).
        """
        part = PartId(verdict.epoch, verdict.lane, verdict.trigger_seq)
        trigger = self._take(part)
        if trigger.encoder_count != verdict.trigger_encoder_count:
            self._pending[part] = trigger
            raise LinkError(
                f"the verdict for part {part} names encoder count {verdict.trigger_encoder_count}, "
                f"its trigger {trigger.encoder_count}",
                where="virtual photo-eye",
                todo="the verdict belongs to another part: report this",
            )
        cause = Cause.NOT_READY if verdict.verdict == Decision.ACCEPT else Cause.VERDICT_REJECT
        return _outcome(trigger, cause, verdict.verdict, verdict.reason)

    def give_up(self, part: PartId) -> OutcomeRecord:
        """Outcome of a part that gets no verdict.

        Raises:
            LinkError: no such part waits for a verdict.
        """
        return _outcome(self._take(part), Cause.NO_VERDICT, 0, 0)

    def _take(self, part: PartId) -> TriggerRecord:
        trigger = self._pending.pop(part, None)
        if trigger is None:
            raise LinkError(
                f"part {part} does not wait for a verdict",
                where="virtual photo-eye",
                todo="it was never triggered, or has its outcome already: report this",
            )
        return trigger


def _outcome(trigger: TriggerRecord, cause: Cause, verdict: int, reason: int) -> OutcomeRecord:
    return OutcomeRecord(
        epoch=trigger.epoch,
        lane=trigger.lane,
        trigger_seq=trigger.trigger_seq,
        trigger_encoder_count=trigger.encoder_count,
        pulse_counts=trigger.pulse_counts,
        side=Side.REJECT,
        cause=cause,
        verdict=verdict,
        reason=reason,
        # There are no confirm eyes on a bench.
        confirm=Confirm.NONE,
        confirm_encoder_count=0,
    )
