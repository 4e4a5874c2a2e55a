"""A station core with one camera at a belt, and the far side of its outputs; balls are drawn discs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from edge_runtime.config import CameraConfig, LineGeometry, StationConfig, load_recipe
from edge_runtime.encoder import wrap
from edge_runtime.entries import Entry, FaultEntry, PartEntry
from edge_runtime.parts import Part, PartTracker
from edge_runtime.plc.events import EpochAgreed
from edge_runtime.plc.records import TriggerRecord, VerdictRecord
from edge_runtime.plc.registers import NO_TEMPERATURE, PLC_HEADER, StationState
from edge_runtime.recipes import default_recipe_path
from edge_runtime.station.core import StationCore
from edge_runtime.station.day_keeper import DayStart
from edge_runtime.station.gauges import Gauges
from edge_runtime.station.known import KnownTriggers
from edge_runtime.station.ports import Outputs
from edge_runtime.station.rows import InForce
from tests.vision.pictures import MARKS, line_frame
from tests.vision.small_models import darkest_model
from vision.detector import Detector
from vision.metrology.calibration import CameraCalibration
from vision.reasons import reason_word
from vision.recipe import BallRecipe
from vision.types import Frame, UInt8Array, Verdict, View

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
            "view_tilt_deg": 45.0,
            "rolling": True,
        },
        "exposure": {"every_counts": 256},
        "fiducials": MARKS,
    }
)
CONSTANT = {"source": "constant", "celsius": 20.0, "u_celsius": 2.0}
PYROMETER = {"source": "plc", "u_celsius": 10.0, "min_celsius": 40.0, "max_celsius": 200.0}
TODAY = date(2026, 3, 1)


def station(camera: CameraConfig = CAMERA, **changes: Any) -> StationConfig:
    """A station with one camera."""
    data = {
        "name": "line-1",
        "recipe": "recipe.yaml",
        "cameras": [camera.model_dump(mode="json")],
        "line": LINE.model_dump(mode="json"),
        "plc": {"type": "modbus_tcp"},
        "storage": {"folder": "books"},
        "temperature": CONSTANT,
    }
    return StationConfig.model_validate(data | changes)


EXPANSION = {
    "rows": [{"to_celsius": 1000.0, "mean_per_k": 12e-6}],
    "u_per_k": 1e-6,
    "source": "data sheet of the test",
    "verified": True,
}
SPHERE = {
    "certificate": "K-17",
    "diameter_mm": 40.0,
    "u_mm": 0.001,
    "pictures": 5,
    "measured_px": 159.6,
    "u_measured_px": 0.01,
    "residual_mm": 0.001,
}


def calibration(**changes: Any) -> CameraCalibration:
    """A telecentric camera whose dark balls bloom by 0.4 px, at 0.25 mm a pixel."""
    data = {
        "camera": "left",
        "width_px": 640,
        "height_px": 240,
        "model": {"type": "telecentric", "mm_per_px": 0.25},
        "edge_offset_px": 0.4,
        "covariance": [[1e-8, 0.0, 0.0], [0.0, 1e-4, 0.0], [0.0, 0.0, 0.0]],
        "spheres": [SPHERE] * 3,
        "residual_rms_mm": 0.001,
        "degrees_of_freedom": 1,
        "date": TODAY.isoformat(),
        "valid_days": 30,
        "operator": "A. Tester",
        "celsius": 21.0,
        "sphere_expansion": EXPANSION,
        "ball_expansion": EXPANSION,
        "software_version": "0.0",
    }
    return CameraCalibration.model_validate(data | changes)


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
        self.stop_requests = 0
        self.stop_withdrawn = 0

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

    def request_stop(self) -> None:
        self.stop_requests += 1

    def withdraw_stop(self) -> None:
        self.stop_withdrawn += 1

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


def _with_three_views() -> BallRecipe:
    recipe = load_recipe(default_recipe_path("40"))
    return recipe.model_copy(update={"views": recipe.views.model_copy(update={"views_min": 3})})


RECIPE = _with_three_views()


class Rig:
    """A core with one camera at the belt; balls lie where their centres passed the eye."""

    def __init__(
        self,
        known: dict[int, dict[int, int]] | None = None,
        config: StationConfig | None = None,
        recipe: BallRecipe | None = None,
        day: DayStart | None = None,
    ) -> None:
        self.out = Recorder()
        recipe = RECIPE if recipe is None else recipe
        config = station() if config is None else config
        gauges = Gauges(config, recipe, TODAY)
        outputs = Outputs(self.out, self.out.append, lambda: self.out.durable, self.out.keep)
        self.core = StationCore(
            config.cameras,
            PartTracker(config.cameras, LINE, recipe.size.d_nominal_mm),
            recipe,
            Detector(darkest_model(), "drawn", station="ball"),
            gauges,
            InForce("lot 1", "day", recipe.sha256(), "m" * 64, gauges.content_sha256()),
            outputs,
            "boot",
            KnownTriggers(known or {}),
            day=day,
        )
        self.balls: list[int] = []
        #: diameters of odd balls by their place, px
        self.odd_px: dict[int, float] = {}
        self.number = 0
        self.now = 0
        self.pyrometer = NO_TEMPERATURE

    def agree(self, epoch: int = 1, boot: int = 7) -> None:
        self.core.on_epoch(EpochAgreed(epoch, boot, "test", self.header()))

    def header(self, **values: int) -> dict[str, int]:
        fields = {field.name: 0 for field in PLC_HEADER.fields}
        now = {"encoder_count": wrap(self.now), "ball_temperature_x10": self.pyrometer}
        return fields | now | values

    def trigger(self, centre: int, seq: int, *, epoch: int = 1, pulse: int = 320) -> None:
        record = TriggerRecord(epoch, 0, seq, wrap(centre - pulse // 2), pulse)
        self.core.on_triggers([record])

    def picture(self) -> UInt8Array:
        places = [
            ((self.now - centre - 800) * 0.5, 120.0, self.odd_px.get(centre, 160.0)) for centre in self.balls
        ]
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


def ready(rig: Rig) -> Rig:
    """Agree on an epoch and read the PLC once."""
    rig.agree()
    rig.core.on_status(rig.header())
    return rig


def pass_ball(rig: Rig, centre: int = 1000, seq: int = 1) -> None:
    """Put a ball on the belt and let it break the beam of the eye."""
    rig.balls.append(centre)
    rig.run_to(centre + 200)
    rig.trigger(centre, seq)
