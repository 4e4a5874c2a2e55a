"""The decision loop's brain, fed by hand: drawn frames, real tracker, detector, inspector and judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from edge_runtime.entries import EpochEntry, FaultEntry, GapEntry, OutcomeEntry
from edge_runtime.plc.events import OutcomesRead
from edge_runtime.plc.records import OutcomeRecord, TriggerRecord
from edge_runtime.plc.registers import Cause, Confirm, PlcStatus, Side, StationState
from edge_runtime.station.look import Asked, Looked
from edge_runtime.station.silence import SILENT_EXPOSURES
from tests.edge.core_rig import LINE, Rig, pass_ball, ready
from tests.vision.small_models import darkest_model
from vision.detector import Detector
from vision.errors import CalibrationError, ContractError
from vision.types import Detections


@pytest.fixture
def rig() -> Rig:
    return ready(Rig())


def test_a_good_ball_is_accepted_when_its_last_view_is_in(rig: Rig) -> None:
    pass_ball(rig)
    rig.run_to(2560)
    assert rig.verdicts() == []
    rig.run_to(2816)
    assert rig.verdicts() == [(1, 1, "")]
    (part,) = rig.out.parts()
    assert (part.decision, part.views_due, part.views_got, part.views_lost) == ("accept", 4, 4, 0)
    assert part.diameter_mean_mm == pytest.approx(40.0, abs=0.01)
    assert part.roundness_mm == pytest.approx(0.0, abs=0.04)
    assert part.u_diameter_mm == pytest.approx(0.002 * 40.0, rel=0.05)
    assert (part.temperature_celsius, part.u_temperature_celsius) == (20.0, 2.0)
    assert part.calibration_sha256 is None
    assert [view.outline_share for view in part.views] == [1.0] * 4
    assert (part.lot, part.trigger_encoder_count) == ("lot 1", 840)
    assert part.last_view_arrived_ns == 2816
    # A camera at 45 degrees, 32 mm of travel from view to view, a radius of 20 mm.
    assert part.coverage_surface_share == pytest.approx(_seen_share(4, 32.0 / 20.0), abs=0.02)


def _seen_share(views: int, step_rad: float) -> float:
    """Share of points drawn on a sphere that lie within 60 degrees of one of the rolled directions."""
    points = np.random.default_rng(0).normal(size=(20_000, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    turn = step_rad * np.arange(views)
    half = np.sqrt(0.5)
    towards = np.stack([-half * np.sin(turn), np.full(views, half), half * np.cos(turn)])
    return float(((points @ towards).max(axis=1) >= 0.5).mean())


@pytest.mark.parametrize(
    ("skip", "blind", "reason"),
    [
        ([2304], [], "view_missing"),  # a frame that never came
        ([], [2304], "frame_unhealthy"),  # a black frame
    ],
)
def test_a_view_that_proves_nothing_rejects(rig: Rig, skip: list[int], blind: list[int], reason: str) -> None:
    pass_ball(rig)
    rig.run_to(3200, skip=skip, blind=blind)
    ((seq, verdict, word),) = rig.verdicts()
    assert (seq, verdict, word) == (1, 2, reason)
    (part,) = rig.out.parts()
    assert part.views_due == part.views_got + part.views_lost


def test_no_verdict_waits_beyond_its_deadline(rig: Rig) -> None:
    pass_ball(rig)
    # The camera goes silent: nothing completes the part but the deadline.
    deadline = 1000 + 4800 - LINE.switch_lead_counts
    rig.run_to(2304)
    rig.now = deadline + 1
    rig.core.on_status(rig.header())
    assert [verdict for _, verdict, _ in rig.verdicts()] == [2]
    assert {reason.code for reason in rig.out.parts()[0].reasons} >= {"late", "view_missing"}


def test_a_station_that_fell_behind_does_not_inspect_what_is_lost(rig: Rig) -> None:
    pass_ball(rig)
    rig.run_to(2304)
    # The belt is past the deadline already, the frames of long ago still wait in the inbox.
    rig.out.encoder_count = 1000 + 4800 - LINE.switch_lead_counts
    seen = rig.core.counts["views"]
    rig.run_to(2816)
    assert rig.core.counts["views"] == seen
    assert rig.verdicts() == [(1, 2, "late")]
    (part,) = rig.out.parts()
    assert part.views_due == part.views_got + part.views_lost


def test_a_silent_camera_holds_the_station(rig: Rig) -> None:
    rig.run_to(512)
    assert rig.core.holds == {}
    rig.run_to(512 + (SILENT_EXPOSURES + 1) * 256, skip=range(513, 9999))
    assert list(rig.core.holds) == ["camera_left"]
    assert rig.out.states[-1] is StationState.NOT_READY
    rig.run_to(rig.now + 256)
    assert rig.core.holds == {}


def test_a_camera_opened_again_is_trusted_while_the_belt_stands_else_with_a_frame(
    rig: Rig,
) -> None:
    running = rig.header(plc_status=PlcStatus.BELT_RUN)
    rig.core.on_status(running)
    rig.core.intake.down("left", "unplugged")
    rig.core.intake.reopened("left")
    rig.core.on_status(running)
    assert rig.core.holds == {"camera_left": "unplugged"}
    rig.core.on_status(rig.header(plc_status=PlcStatus.BELT_LATCHED))
    assert rig.core.holds == {}
    assert rig.out.states[-1] is StationState.READY
    # Away again before any picture came: nothing releases that but a new opening or a frame.
    rig.core.intake.down("left", "unplugged")
    rig.core.on_status(rig.header(plc_status=PlcStatus.BELT_LATCHED))
    assert rig.core.holds == {"camera_left": "unplugged"}


def test_not_ready_rejects(rig: Rig) -> None:
    rig.core.hold("journal", "disk full")
    pass_ball(rig)
    rig.run_to(2816)
    assert rig.verdicts() == [(1, 2, "not_ready")]


def test_a_ball_without_trigger_shadows_its_neighbour(rig: Rig) -> None:
    rig.balls.append(1500)
    pass_ball(rig)
    rig.run_to(2816)
    assert rig.verdicts() == [(1, 2, "near_untriggered")]
    assert "untriggered" in rig.out.faults()


def test_an_accept_is_taken_back_when_a_stray_shows_up_later(rig: Rig) -> None:
    pass_ball(rig)
    rig.run_to(2816)
    assert rig.verdicts() == [(1, 1, "")]
    rig.balls.append(1600)  # put on the belt by hand, close behind
    rig.run_to(3072)
    assert rig.verdicts() == [(1, 1, ""), (1, 2, "near_untriggered")]


def test_a_new_epoch_drops_what_is_in_flight(rig: Rig) -> None:
    pass_ball(rig)
    rig.run_to(2304)
    rig.agree(epoch=2)
    rig.run_to(3200)
    assert rig.verdicts() == []
    (part,) = rig.out.parts()
    assert (part.decision, part.null_cause, part.epoch) == (None, "stale_epoch", 1)
    assert rig.out.epochs == [1, 2]


def test_a_trigger_of_an_old_epoch_gets_a_row_and_no_verdict(rig: Rig) -> None:
    rig.trigger(1000, 1, epoch=9)
    assert rig.verdicts() == []
    assert [part.null_cause for part in rig.out.parts()] == ["no_vision"]


@pytest.mark.parametrize(
    ("known", "first_seq", "gap"),
    [
        ({}, 57, None),  # no books yet: nobody counted before
        ({7: {0: 40}}, 57, (40, 56)),  # the same PLC life: 17 balls went by unseen
        ({7: {0: 40}}, 40, None),  # exactly the next one
        ({3: {0: 40}}, 5, (1, 4)),  # another PLC life numbers from 1
    ],
)
def test_numbers_that_nobody_read_are_a_gap(
    known: dict[int, dict[int, int]], first_seq: int, gap: tuple[int, int] | None
) -> None:
    rig = Rig(known)
    rig.agree(boot=7)
    rig.core.on_status(rig.header())
    rig.trigger(1000, first_seq)
    found = [(entry.first_seq, entry.last_seq) for entry in rig.out.entries if isinstance(entry, GapEntry)]
    assert found == ([gap] if gap else [])


def test_a_restarted_plc_numbers_anew(rig: Rig) -> None:
    rig.trigger(1000, 1)
    rig.agree(epoch=2, boot=8)
    rig.trigger(3000, 1, epoch=2)
    assert rig.out.of(GapEntry) == []
    assert "plc_restart" in rig.out.faults()
    assert [entry.plc_boot_id for entry in rig.out.entries if isinstance(entry, EpochEntry)] == [7, 8]


def _outcome(seq: int) -> OutcomeRecord:
    return OutcomeRecord(1, 0, seq, 840, 320, Side.REJECT, Cause.NO_VERDICT, 0, 0, Confirm.REJECT_EYE)


def test_outcomes_are_acknowledged_once_they_are_on_disk(rig: Rig) -> None:
    rig.core.on_outcomes(OutcomesRead((_outcome(1), _outcome(2)), 2))
    rig.core.on_outcomes(OutcomesRead((_outcome(3),), 3))
    rig.core.after_events(100)
    assert rig.out.acks == []
    rig.out.durable = rig.out.entries.index(rig.out.of(OutcomeEntry)[1]) + 1
    rig.core.after_events(100)
    assert rig.out.acks == [2]
    rig.out.durable = len(rig.out.entries)
    rig.core.after_events(100)
    assert rig.out.acks == [2, 3]


def test_an_outcome_with_unknown_numbers_is_written_down_as_such(rig: Rig) -> None:
    record = OutcomeRecord(1, 0, 1, 840, 320, 9, 99, 7, 999, 5)
    rig.core.on_outcomes(OutcomesRead((record,), 1))
    (entry,) = (entry for entry in rig.out.entries if isinstance(entry, OutcomeEntry))
    assert (entry.side, entry.cause, entry.verdict) == ("unknown_9", "unknown_99", "unknown_7")


def test_views_are_handed_on_with_the_verdict(rig: Rig) -> None:
    pass_ball(rig)
    rig.run_to(2816)
    ((part, _, views),) = rig.out.kept
    assert part.part_id == (1, 0, 1)
    assert [view.index for view in views] == [0, 1, 2, 3]


def test_every_step_of_a_plc_fault_counter_is_in_the_books(rig: Rig) -> None:
    rig.core.on_status(rig.header())
    rig.core.on_status(rig.header(stray_rejects=2, unproven_accepts=1))
    counts = {entry.code: entry.count for entry in rig.out.entries if isinstance(entry, FaultEntry)}
    assert counts == {"plc_stray_rejects": 2, "plc_unproven_accepts": 1}


def test_a_lane_that_the_station_does_not_know_gets_a_row_and_no_verdict(rig: Rig) -> None:
    rig.core.on_triggers([TriggerRecord(1, 5, 1, 900, 320)])
    assert rig.verdicts() == []
    assert [(part.lane, part.decision) for part in rig.out.parts()] == [(5, None)]
    assert "unknown_lane" in rig.out.faults()


@pytest.mark.parametrize(
    "error",
    [
        ContractError("the model gives no numbers"),
        IndexError("index 5 is out of bounds"),  # a picture that no formula was made for
        ZeroDivisionError("division by zero"),
        CalibrationError("no ball of this calibration's plane can be seen there"),
    ],
)
def test_a_view_that_cannot_be_inspected_rejects_the_ball_and_not_the_station(
    rig: Rig, error: Exception
) -> None:
    detector = rig.core._looker._detector = Detector(darkest_model(), "drawn", station="ball")

    def nonsense(image: object, min_score: float = 0.05) -> list[Detections]:
        raise error

    detector.detect = detector.detect_many = nonsense  # type: ignore[method-assign, assignment]
    pass_ball(rig)
    rig.run_to(2816)
    assert rig.verdicts() == [(1, 2, "frame_unhealthy")]
    assert "inspection_error" in rig.out.faults()


def test_a_verdict_does_not_wait_for_the_next_balls_view_in_the_same_frame(rig: Rig) -> None:
    pass_ball(rig, 1000, 1)
    pass_ball(rig, 1740, 2)
    looked: list[list[tuple[int, int]]] = []
    look = rig.core._looker.look

    def kept(asked: Sequence[Asked]) -> Iterator[Looked]:
        looked.append([(one.part.part_id.trigger_seq, one.due.exposure) for one in asked])
        return look(asked)

    rig.core._looker.look = kept  # type: ignore[method-assign]
    rig.run_to(4096)
    assert rig.verdicts() == [(1, 1, ""), (2, 1, "")]
    ((_, last),) = [group for group in looked if group and group[0][0] == 1][-1]
    assert looked[looked.index([(1, last)]) + 1] == [(2, last)]
    assert sum(map(len, looked)) == rig.core.counts["views"]
