"""The decision loop's brain, fed by hand: drawn frames, real tracker, detector, inspector and judge."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from edge_runtime.config import CameraConfig, LineGeometry, load_recipe
from edge_runtime.encoder import wrap
from edge_runtime.entries import Entry, EpochEntry, FaultEntry, GapEntry, OutcomeEntry, PartEntry
from edge_runtime.parts import Part, PartTracker
from edge_runtime.plc.events import EpochAgreed, OutcomesRead
from edge_runtime.plc.records import OutcomeRecord, TriggerRecord, VerdictRecord
from edge_runtime.plc.registers import PLC_HEADER, Cause, Confirm, Side, StationState
from edge_runtime.recipes import default_recipe_path
from edge_runtime.station.core import SILENT_EXPOSURES, StationCore
from edge_runtime.station.known import KnownTriggers
from edge_runtime.station.ports import Outputs
from edge_runtime.station.rows import InForce
from tests.vision.pictures import MARKS, line_frame
from tests.vision.small_models import darkest_model
from vision.detector import Detector
from vision.errors import ContractError
from vision.reasons import reason_word
from vision.types import Detections, Frame, UInt8Array, Verdict, View

LINE = LineGeometry.model_validate(
    {
        "um_per_count": 125.0,
        "max_speed_counts_per_s": 9900.0,
        "pulse_min_counts": 240,
        "pulse_max_counts": 384,
        "min_spacing_counts": 736,
        "valve_lead_ms": 52.0,
        "gate_window_counts": 180,
        "decision_margin_counts": 96,
        "lanes": [{"lane": 0, "eye_to_gate_counts": 4800, "gate_to_confirm_counts": 1280}],
    }
)
CAMERA = CameraConfig.model_validate(
    {
        "name": "left",
        "source": {"type": "shm", "name": "left"},
        "geometry": {
            "width_px": 640,
            "height_px": 240,
            "fov_start_counts": 800,
            "px_per_count": 0.5,
            "lane_y_px": {0: 120.0},
            "mm_per_px": 0.25,
            "u_scale_share": 0.002,
        },
        "exposure": {"every_counts": 256},
        "fiducials": MARKS,
    }
)


class Recorder:
    """The far side of the core's outputs: keeps what it is given, and plays the disk."""

    def __init__(self) -> None:
        self.verdicts: list[VerdictRecord] = []
        self.states: list[StationState] = []
        self.epochs: list[int] = []
        self.acks: list[int] = []
        self.beats = 0
        self.entries: list[Entry] = []
        self.durable = 0
        self.kept: list[tuple[Part, Verdict, list[View]]] = []
        self.encoder_count: int | None = None

    def send_verdict(self, record: VerdictRecord) -> None:
        self.verdicts.append(record)

    def beat(self) -> None:
        self.beats += 1

    def set_state(self, state: StationState) -> None:
        self.states.append(state)

    def ack_epoch(self, epoch: int) -> None:
        self.epochs.append(epoch)

    def ack_outcomes(self, plc_boot_id: int, tail: int) -> None:
        self.acks.append(tail)

    def append(self, entry: Entry) -> int:
        self.entries.append(entry)
        return len(self.entries)

    def keep(self, part: Part, verdict: Verdict, views: list[View]) -> int:
        self.kept.append((part, verdict, views))
        return 0

    def of(self, kind: type[Entry]) -> list[Entry]:
        return [entry for entry in self.entries if isinstance(entry, kind)]

    def parts(self) -> list[PartEntry]:
        return [entry for entry in self.entries if isinstance(entry, PartEntry)]

    def faults(self) -> set[str]:
        return {entry.code for entry in self.entries if isinstance(entry, FaultEntry)}


class Rig:
    """A core with one camera at the belt; balls lie where their centres passed the eye."""

    def __init__(self, known: dict[int, dict[int, int]] | None = None) -> None:
        self.out = Recorder()
        recipe = load_recipe(default_recipe_path("40"))
        recipe = recipe.model_copy(update={"views": recipe.views.model_copy(update={"views_min": 3})})
        outputs = Outputs(self.out, self.out.append, lambda: self.out.durable, self.out.keep)
        self.core = StationCore(
            (CAMERA,),
            PartTracker((CAMERA,), LINE, recipe.size.d_nominal_mm),
            recipe,
            Detector(darkest_model(), "drawn", station="ball"),
            InForce("lot 1", "day", recipe.sha256(), "m" * 64),
            outputs,
            "boot",
            KnownTriggers(known or {}),
        )
        self.balls: list[int] = []
        self.number = 0
        self.now = 0

    def agree(self, epoch: int = 1, boot: int = 7) -> None:
        self.core.on_epoch(EpochAgreed(epoch, boot, "test", self.header()))

    def header(self, **values: int) -> dict[str, int]:
        fields = {field.name: 0 for field in PLC_HEADER.fields}
        return fields | {"encoder_count": wrap(self.now)} | values

    def trigger(self, centre: int, seq: int, *, epoch: int = 1, pulse: int = 320) -> None:
        record = TriggerRecord(epoch, 0, seq, wrap(centre - pulse // 2), pulse)
        self.core.on_triggers([record])

    def picture(self) -> UInt8Array:
        places = [((self.now - centre - 800) * 0.5, 120.0, 160.0) for centre in self.balls]
        self.number += 1
        return line_frame([ball for ball in places if -80 < ball[0] < 720], seed=self.number)

    def run_to(self, count: int, *, skip: Sequence[int] = (), blind: Sequence[int] = ()) -> None:
        """Move the belt; expose every 256 counts unless skipped; `blind` exposures are black."""
        while self.now < count:
            step = min(256 - self.now % 256, count - self.now)
            self.now += step
            self.core.on_status(self.header())
            if self.now % 256 == 0 and self.now not in skip:
                image = self.picture()
                frame = Frame("left", self.number, wrap(self.now), self.now, None, 40.0, image)
                if self.now in blind:
                    frame = Frame("left", self.number, wrap(self.now), self.now, None, 40.0, image * 0)
                self.core.on_frame(frame)

    def verdicts(self) -> list[tuple[int, int, str]]:
        return [(v.trigger_seq, v.verdict, reason_word(v.reason)) for v in self.out.verdicts]


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.agree()
    rig.core.on_status(rig.header())
    return rig


def _pass_ball(rig: Rig, centre: int = 1000, seq: int = 1) -> None:
    rig.balls.append(centre)
    rig.run_to(centre + 200)
    rig.trigger(centre, seq)


def test_a_good_ball_is_accepted_when_its_last_view_is_in(rig: Rig) -> None:
    _pass_ball(rig)
    rig.run_to(2560)
    assert rig.verdicts() == []
    rig.run_to(2816)
    assert rig.verdicts() == [(1, 1, "")]
    (part,) = rig.out.parts()
    assert (part.decision, part.views_due, part.views_got, part.views_lost) == ("accept", 4, 4, 0)
    assert part.diameter_mean_mm == pytest.approx(40.0, abs=0.15)
    assert (part.lot, part.trigger_encoder_count) == ("lot 1", 840)
    assert part.last_view_arrived_ns == 2816


@pytest.mark.parametrize(
    ("skip", "blind", "reason"),
    [
        ([2304], [], "view_missing"),  # a frame that never came
        ([], [2304], "frame_unhealthy"),  # a black frame
    ],
)
def test_a_view_that_proves_nothing_rejects(rig: Rig, skip: list[int], blind: list[int], reason: str) -> None:
    _pass_ball(rig)
    rig.run_to(3200, skip=skip, blind=blind)
    ((seq, verdict, word),) = rig.verdicts()
    assert (seq, verdict, word) == (1, 2, reason)
    (part,) = rig.out.parts()
    assert part.views_due == part.views_got + part.views_lost


def test_no_verdict_waits_beyond_its_deadline(rig: Rig) -> None:
    _pass_ball(rig)
    # The camera goes silent: nothing completes the part but the deadline.
    deadline = 1000 + 4800 - LINE.switch_lead_counts
    rig.run_to(2304)
    rig.now = deadline + 1
    rig.core.on_status(rig.header())
    assert [verdict for _, verdict, _ in rig.verdicts()] == [2]
    assert {reason.code for reason in rig.out.parts()[0].reasons} >= {"late", "view_missing"}


def test_a_station_that_fell_behind_does_not_inspect_what_is_lost(rig: Rig) -> None:
    _pass_ball(rig)
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


def test_not_ready_rejects(rig: Rig) -> None:
    rig.core.hold("journal", "disk full")
    _pass_ball(rig)
    rig.run_to(2816)
    assert rig.verdicts() == [(1, 2, "not_ready")]


def test_a_ball_without_trigger_shadows_its_neighbour(rig: Rig) -> None:
    rig.balls.append(1500)
    _pass_ball(rig)
    rig.run_to(2816)
    assert rig.verdicts() == [(1, 2, "near_untriggered")]
    assert "untriggered" in rig.out.faults()


def test_an_accept_is_taken_back_when_a_stray_shows_up_later(rig: Rig) -> None:
    _pass_ball(rig)
    rig.run_to(2816)
    assert rig.verdicts() == [(1, 1, "")]
    rig.balls.append(1600)  # put on the belt by hand, close behind
    rig.run_to(3072)
    assert rig.verdicts() == [(1, 1, ""), (1, 2, "near_untriggered")]


def test_a_new_epoch_drops_what_is_in_flight(rig: Rig) -> None:
    _pass_ball(rig)
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
    _pass_ball(rig)
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


def test_a_model_that_gives_nonsense_rejects_the_ball_and_not_the_station(rig: Rig) -> None:
    rig.core._detector = Detector(darkest_model(), "drawn", station="ball")

    def nonsense(image: UInt8Array, min_score: float = 0.05) -> Detections:
        raise ContractError("the model gives no numbers")

    rig.core._detector.detect = nonsense  # type: ignore[method-assign]
    _pass_ball(rig)
    rig.run_to(2816)
    assert rig.verdicts() == [(1, 2, "frame_unhealthy")]
    assert "inspection_error" in rig.out.faults()
