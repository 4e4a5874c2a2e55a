"""The part tracker: where each ball is expected, what is lost, what is marked. Pure counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from edge_runtime.config import CameraConfig, LineGeometry
from edge_runtime.encoder import wrap
from edge_runtime.parts import Part, PartTracker
from edge_runtime.plc.records import TriggerRecord
from vision.types import Frame, FrameFault

EVERY = 256
FOV_START = 800
D_COUNTS = 320
PX_PER_COUNT = 0.5


def _camera(name: str, phase: int, direction: int = 1) -> CameraConfig:
    return CameraConfig.model_validate(
        {
            "name": name,
            "source": {"type": "shm", "name": name},
            "geometry": {
                "width_px": 640,
                "height_px": 240,
                "fov_start_counts": FOV_START,
                "px_per_count": PX_PER_COUNT,
                "direction": direction,
                "lane_y_px": {0: 120.0},
                "mm_per_px": 0.25,
            },
            "exposure": {"every_counts": EVERY, "phase_counts": phase},
        }
    )


LINE = LineGeometry.model_validate(
    {
        "um_per_count": 125.0,
        "max_speed_counts_per_s": 9900.0,
        "pulse_min_counts": 240,
        "pulse_max_counts": 384,
        "min_spacing_counts": 736,
        "valve_lead_ms": 52.0,
        "gate_window_counts": 240,
        "lanes": [{"lane": 0, "eye_to_gate_counts": 4800, "gate_to_confirm_counts": 1280}],
    }
)


def _tracker(*cameras: CameraConfig) -> PartTracker:
    tracker = PartTracker(cameras or (_camera("left", 0), _camera("right", 128)), LINE, 40.0)
    tracker.on_encoder(0)
    return tracker


def _trigger(centre: int, seq: int = 1, pulse: int = D_COUNTS, epoch: int = 1) -> TriggerRecord:
    return TriggerRecord(epoch, 0, seq, wrap(centre - pulse // 2), pulse)


def _frame(camera: str, count: int, number: int = 0) -> Frame:
    return Frame(camera, number, wrap(count), 1, None, 40.0, np.zeros((240, 640), np.uint8))


@dataclass(frozen=True)
class _Region:
    centre_xy_px: tuple[float, float]
    xyxy_px: tuple[float, float, float, float]


def _ball_at(x_px: float) -> _Region:
    return _Region((x_px, 120.0), (x_px - 80, 40.0, x_px + 80, 200.0))


def _expose(tracker: PartTracker, camera: str, count: int) -> list[tuple[float, float]]:
    return [view.centre_xy_px for _, _, view in tracker.on_frame(_frame(camera, count), 200.0)]


def test_due_views_are_those_in_which_the_ball_is_whole() -> None:
    tracker = _tracker()
    part, early = tracker.on_trigger(_trigger(1000))
    assert early == []
    # x = (count - 1000 - 800) / 2; whole between 82 and 558 px, that is counts 1964..2916.
    assert [(view.camera, view.exposure) for view in part.due] == [
        ("left", 2048), ("right", 2176), ("left", 2304), ("right", 2432),
        ("left", 2560), ("right", 2688), ("left", 2816),
    ]  # fmt: skip
    assert [view.index for view in part.due] == list(range(7))
    assert part.deadline == 1000 + 4800 - LINE.switch_lead_counts


@pytest.mark.parametrize("offset", [0, 65536 - 2300, 65536 - 900, 3 * 65536 - 1])
def test_the_wrap_changes_nothing(offset: int) -> None:
    tracker = _tracker()
    tracker.belt(wrap(offset))
    base = offset - offset % EVERY
    part, _ = tracker.on_trigger(_trigger(base + 1000))
    tracker_offset = part.centre - 1000
    seen = []
    for view in list(part.due):
        seen += _expose(tracker, view.camera, base + (view.exposure - tracker_offset))
    assert seen == [(124.0, 120.0), (188.0, 120.0), (252.0, 120.0), (316.0, 120.0), (380.0, 120.0),
                    (444.0, 120.0), (508.0, 120.0)]  # fmt: skip


def test_mirrored_camera() -> None:
    tracker = _tracker(_camera("left", 0, direction=-1))
    tracker.on_trigger(_trigger(1000))
    assert _expose(tracker, "left", 2048) == [(640 - 124.0, 120.0)]


def test_two_balls_in_one_frame_are_two_views() -> None:
    tracker = _tracker(_camera("left", 0))
    tracker.on_trigger(_trigger(1000, seq=1))
    tracker.on_trigger(_trigger(1800, seq=2))
    views = tracker.on_frame(_frame("left", 2816), 200.0)
    assert {(part.part_id.trigger_seq, view.centre_xy_px[0]) for part, _, view in views} == {
        (1, 508.0),
        (2, 108.0),
    }


def _states(part: Part) -> list[str]:
    return ["taken" if view.taken else view.lost.cause if view.lost else "pending" for view in part.due]


def test_a_frame_that_never_comes_is_a_loss_with_a_cause() -> None:
    tracker = _tracker(_camera("left", 0))
    part, _ = tracker.on_trigger(_trigger(1000))
    _expose(tracker, "left", 2048)
    _expose(tracker, "left", 2560)  # 2304 was skipped
    tracker.on_encoder(2816 + 129)  # 2816 is overdue
    assert _states(part) == ["taken", "frame_lost", "taken", "frame_late"]
    # The late frame is not taken any more.
    assert _expose(tracker, "left", 2816) == []


def test_a_frame_out_of_order_is_not_used() -> None:
    tracker = _tracker(_camera("left", 0))
    tracker.on_trigger(_trigger(1000))
    _expose(tracker, "left", 2304)
    assert _expose(tracker, "left", 2048) == []


def test_a_trigger_after_its_first_frames_finds_them() -> None:
    tracker = _tracker(_camera("left", 0))
    for count in (1792, 2048, 2304):
        _expose(tracker, "left", count)
    part, early = tracker.on_trigger(_trigger(1000))
    assert [view.centre_xy_px[0] for _, view, _ in early] == [124.0, 252.0]
    assert _states(part) == ["taken", "taken", "pending", "pending"]


@pytest.mark.parametrize(
    ("centres", "pulses", "marks"),
    [
        ((1000, 1960), (320, 320), [[], []]),  # the usual pitch
        ((1000, 1700), (320, 320), [["too_close"], ["too_close"]]),  # closer than the gate can part
        ((1000, 1100), (320, 320), [["duplicate"], ["duplicate"]]),  # one ball seen twice
        ((1000, 1960), (640, 320), [["pulse_long"], []]),  # touching balls, the next one far enough
        (
            (1000, 1880),
            (640, 320),
            [["pulse_long", "too_close"], ["too_close"]],
        ),  # within reach of the long pulse
        ((1000, 1960), (100, 320), [["pulse_short"], []]),  # not a ball's pulse
    ],
)
def test_marks_on_neighbours(
    centres: tuple[int, int], pulses: tuple[int, int], marks: list[list[str]]
) -> None:
    tracker = _tracker()
    parts = [
        tracker.on_trigger(_trigger(centre, seq, pulse))[0]
        for seq, (centre, pulse) in enumerate(zip(centres, pulses, strict=True), start=1)
    ]
    assert [sorted(part.marks) for part in parts] == marks


def test_the_same_number_twice_marks_both() -> None:
    tracker = _tracker()
    first, _ = tracker.on_trigger(_trigger(1000, seq=5))
    second, _ = tracker.on_trigger(_trigger(3000, seq=5))
    assert "duplicate" in first.marks
    assert "duplicate" in second.marks


def test_a_ball_without_trigger_is_a_stray_once_and_shadows_its_neighbours() -> None:
    tracker = _tracker(_camera("left", 0))
    near, _ = tracker.on_trigger(_trigger(1000, seq=1))
    far, _ = tracker.on_trigger(_trigger(3000, seq=2))
    frame = _frame("left", 2560)
    tracker.on_frame(frame, 200.0)
    # Part 1 at 380 px; a stray 500 counts behind it at 130 px.
    regions = [_ball_at(380.0), _ball_at(130.0)]
    strays = tracker.strays(frame, regions)
    assert [ball.centre for ball in strays] == [1500]
    assert tracker.strays(frame, regions) == []
    assert tracker.near_untriggered(near)
    assert not tracker.near_untriggered(far)


def test_a_region_cut_by_the_border_is_no_stray_yet() -> None:
    tracker = _tracker(_camera("left", 0))
    frame = _frame("left", 2560)
    tracker.on_frame(frame, 200.0)
    assert tracker.strays(frame, [_Region((20.0, 120.0), (0.0, 40.0, 100.0, 200.0))]) == []


def test_a_late_trigger_claims_its_stray() -> None:
    tracker = _tracker(_camera("left", 0))
    frame = _frame("left", 2304)
    tracker.on_frame(frame, 200.0)
    assert len(tracker.strays(frame, [_ball_at(252.0)])) == 1
    part, early = tracker.on_trigger(_trigger(1000))
    assert [view.centre_xy_px[0] for _, view, _ in early] == [252.0]
    assert not tracker.near_untriggered(part)
    # The frame before the kept ones never came: said, not hidden.
    assert _states(part)[0] == "before_trigger"


def test_a_new_epoch_gives_back_what_had_no_verdict() -> None:
    tracker = _tracker()
    judged, _ = tracker.on_trigger(_trigger(1000, seq=1))
    judged.judged = True
    open_part, _ = tracker.on_trigger(_trigger(2000, seq=2))
    assert tracker.clear() == [open_part]
    assert tracker.parts == {}


def test_judged_parts_are_forgotten_behind_the_gate() -> None:
    tracker = _tracker()
    part, _ = tracker.on_trigger(_trigger(1000))
    part.judged = True
    tracker.on_encoder(1000 + 4800)
    tracker.forget_before(1280)
    assert tracker.parts
    tracker.on_encoder(1000 + 4800 + 1281)
    tracker.forget_before(1280)
    assert not tracker.parts


def test_jogging_back_does_not_age_views() -> None:
    tracker = _tracker(_camera("left", 0))
    part, _ = tracker.on_trigger(_trigger(1000))
    tracker.on_encoder(2040)
    tracker.on_encoder(1990)
    assert _states(part) == ["pending"] * 4
    assert tracker.now == 2040


def test_a_late_trigger_inherits_its_frames_fault() -> None:
    tracker = _tracker(_camera("left", 0))
    tracker.on_frame(_frame("left", 2048), 200.0, FrameFault.LAMP)
    tracker.on_frame(_frame("left", 2304), 200.0)
    _, early = tracker.on_trigger(_trigger(1000))
    assert [fault for _, _, fault in early] == [FrameFault.LAMP, None]


def test_lanes_do_not_claim_each_others_strays() -> None:
    data = _camera("left", 0).model_dump(mode="json")
    data["geometry"]["lane_y_px"] = {0: 60.0, 1: 180.0}
    tracker = _tracker(CameraConfig.model_validate(data))
    part, _ = tracker.on_trigger(_trigger(1000))
    frame = _frame("left", 2560)
    tracker.on_frame(frame, 200.0)
    beside = _Region((380.0, 180.0), (340.0, 140.0, 420.0, 220.0))
    strays = tracker.strays(frame, [beside])
    assert [(ball.lane, ball.centre) for ball in strays] == [(1, 1000)]
    assert not tracker.near_untriggered(part)


def test_positions_begin_anew_with_an_epoch() -> None:
    tracker = _tracker(_camera("left", 0))
    _expose(tracker, "left", 20480)
    tracker.clear()
    tracker.on_encoder(0)
    part, _ = tracker.on_trigger(_trigger(1000))
    assert _expose(tracker, "left", 2048) == [(124.0, 120.0)]
    assert tracker.out_of_order == 0
    assert _states(part)[0] == "taken"
