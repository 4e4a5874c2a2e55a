"""The photo-eye without a PLC: records out of drawn strips, and a gate that never accepts."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.config import VirtualEye
from edge_runtime.plc.records import OutcomeRecord, TriggerRecord, VerdictRecord
from edge_runtime.plc.registers import Cause, Confirm, Side
from edge_runtime.plc.virtual_eye import VirtualEyeLink
from tests.strips import draw_strip
from vision.errors import ImageError, LinkError
from vision.types import Decision, Frame, PartId


def frame(count: int, centres_x: list[float], camera: str = "bench") -> Frame:
    return Frame(camera, count, count, 0, None, 0.0, draw_strip(centres_x, seed=count), "bgr8")


def link_with_one_part() -> tuple[VirtualEyeLink, TriggerRecord]:
    link = VirtualEyeLink(VirtualEye(camera="bench"), epoch=3)
    assert link.observe(frame(10, [200.0])) == []
    (trigger,) = link.observe(frame(14, [400.0]))
    return link, trigger


def verdict(trigger: TriggerRecord, decision: int = Decision.REJECT, **changes: int) -> VerdictRecord:
    values = {
        "epoch": trigger.epoch,
        "lane": trigger.lane,
        "trigger_seq": trigger.trigger_seq,
        "trigger_encoder_count": trigger.encoder_count,
        "verdict": decision,
        "reason": 54,
    }
    return VerdictRecord(**(values | changes))


def test_a_crossing_is_a_trigger_at_the_count_of_its_picture() -> None:
    link, trigger = link_with_one_part()
    assert trigger == TriggerRecord(epoch=3, lane=0, trigger_seq=1, encoder_count=14, pulse_counts=1)
    assert link.crossings[0].ball.centre_xy_px[0] == pytest.approx(400.0, abs=4.0)
    (second,) = link.observe(frame(18, [150.0]))
    assert (second.trigger_seq, second.encoder_count) == (2, 18)
    assert link.crossings[0].direction == -1
    assert link.pending == (PartId(3, 0, 1), PartId(3, 0, 2))
    assert link.observe(frame(22, [])) == []
    assert link.crossings == ()
    assert (link.frames_seen, link.frames_without_ball) == (4, 1)


def test_pictures_of_other_cameras_trigger_nothing() -> None:
    link, _ = link_with_one_part()
    assert link.observe(frame(15, [200.0], camera="other")) == []
    assert link.observe(frame(16, [410.0])) == []


def test_a_grey_picture_is_refused() -> None:
    link, _ = link_with_one_part()
    with pytest.raises(ImageError, match="colour"):
        link.observe(Frame("bench", 1, 1, 0, None, 0.0, np.zeros((60, 640), np.uint8)))


@pytest.mark.parametrize(
    ("decision", "cause"),
    [
        (Decision.REJECT, Cause.VERDICT_REJECT),  # as it says
        (Decision.REVIEW, Cause.VERDICT_REJECT),  # review goes to the reject side
        (Decision.ACCEPT, Cause.NOT_READY),  # there is no gate that could accept
    ],
)
def test_every_part_goes_to_the_reject_side(decision: Decision, cause: Cause) -> None:
    link, trigger = link_with_one_part()
    assert link.take_verdict(verdict(trigger, decision)) == OutcomeRecord(
        epoch=3,
        lane=0,
        trigger_seq=1,
        trigger_encoder_count=14,
        pulse_counts=1,
        side=Side.REJECT,
        cause=cause,
        verdict=decision,
        reason=54,
        confirm=Confirm.NONE,
    )
    assert link.pending == ()


def test_a_part_that_gets_no_verdict_is_rejected_for_that() -> None:
    link, trigger = link_with_one_part()
    outcome = link.give_up(PartId(trigger.epoch, trigger.lane, trigger.trigger_seq))
    assert (outcome.side, outcome.cause, outcome.verdict) == (Side.REJECT, Cause.NO_VERDICT, 0)
    with pytest.raises(LinkError, match="does not wait"):
        link.take_verdict(verdict(trigger))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"epoch": 2}, "does not wait"),  # of an older epoch
        ({"trigger_seq": 2}, "does not wait"),  # of a part that never was
        ({"lane": 1}, "does not wait"),  # of a lane that is not there
        ({"trigger_encoder_count": 13}, "encoder count"),  # of another ball
    ],
)
def test_a_verdict_for_another_part_is_refused(changes: dict[str, int], what: str) -> None:
    link, trigger = link_with_one_part()
    with pytest.raises(LinkError, match=what):
        link.take_verdict(verdict(trigger, **changes))
    assert link.pending == (PartId(3, 0, 1),)


def test_one_part_has_one_outcome() -> None:
    link, trigger = link_with_one_part()
    link.take_verdict(verdict(trigger))
    with pytest.raises(LinkError, match="does not wait"):
        link.take_verdict(verdict(trigger))
