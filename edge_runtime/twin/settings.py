"""Settings of the twin: one JSON file read by the line process and by the PLC process.

All lengths follow from the ball diameter d: 320 encoder counts and 160 pixels to one
d, so that one geometry serves every product. Neighbours: `line_main` and `plc_main`
read the file; the demo writes it and takes the cameras' part of the station file from
`edge_runtime.twin.optics.camera_configs`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from datasets.synthetic.bank import BANK_DIR
from edge_runtime.encoder import COUNT_MODULUS
from edge_runtime.plc.registers import LANES_MAX
from edge_runtime.twin.faults import PlannedFault
from vision.errors import ConfigError

COUNTS_PER_D = 320
PX_PER_D = 160
REFERENCE_D_MM = 40.0
BALLS_PER_S_MAX = 30.0
CAMERAS = ("left", "right")
"""The sides from which each lane is looked at; the cameras of the first lane bear these names."""
_PERSPECTIVE_ROOM = 1.05
_VIEW_D = 1.6
PHYSICS: dict[str, Any] = {
    "camera_distance_d": 20.0,
    "ball_celsius": (60.0, 160.0),
    "pyrometer_error_k": 10.0,
    "flakes_max": 3,
    "lamp_drift_share": 0.03,
    "lamp_gradient_share": 0.03,
}
"""A plant as it is: pinhole cameras, hot balls, scale flakes, lamps that drift."""
AIR_JETS: dict[str, Any] = {
    "valve_ms": 4.0,
    "valve_sd_ms": 0.3,
    "flap_ms": 8.0,
    "valve_lead_margin_ms": 10.0,
}
"""Air jets in the place of flaps, for more than 10 balls a second. Half of a flap's way makes up for a scan
that comes late by as much as the PLC admits (two of 5 ms); a jet's does not, so the margin has to."""
FAST_LANES: dict[str, Any] = AIR_JETS | {
    "px_per_d": 200,
    "fov_length_d": 4.25,
    "exposure_every_counts": 512,
    "late_after_ms": 40.0,
    "ball_celsius": (95.0, 125.0),
    "pyrometer_error_k": 20.0,
}
"""Lanes for small balls at speed: two exposures of each camera, views of 320 px, air jets in the place of
flaps, and one pyrometer for all lanes, which knows a ball only as well as its neighbours."""


@dataclass(frozen=True, slots=True)
class CameraPlace:
    """One camera: its name in the station file, the side from which it looks, its lane, its number from 0."""

    name: str
    side: str
    lane: int
    number: int


class LineSettings(BaseModel):
    """The twin's settings; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Product and run.
    n_balls: Annotated[int, Field(ge=0, le=10_000_000)] = 200
    balls_per_s: Annotated[float, Field(gt=0.0, le=240.0)] = Field(default=10.0, description="over all lanes")
    diameter_mm: Annotated[float, Field(ge=10.0, le=150.0)] = 40.0
    defect_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.03
    seed: Annotated[int, Field(ge=0)] = 0
    faults: tuple[PlannedFault, ...] = ()

    # Names and places.
    run_dir: Path
    bank_dir: Path = BANK_DIR
    field_name: str = Field(min_length=1, description="shared memory of the field wiring")
    ring_prefix: str = Field(min_length=1, description="frame rings are '<prefix>-left', '<prefix>-right'")
    ring_slots: Annotated[int, Field(ge=4, le=256)] = 32
    plc_host: str = "127.0.0.1"
    plc_port: Annotated[int, Field(ge=1, le=65535)] = 5020
    lane: Annotated[int, Field(ge=0, le=7)] = Field(default=0, description="number of the first lane")
    lanes: Annotated[int, Field(ge=1, le=8)] = Field(
        default=1, description="lanes side by side, each with eye, gate, confirm eyes and a pair of cameras"
    )
    repeat_balls: Annotated[int, Field(ge=0, le=10_000)] = Field(
        default=0,
        description="the plan begins anew after that many balls, and its pictures are drawn once; 0: never",
    )
    train_balls: Annotated[int, Field(ge=0, le=100_000)] = Field(
        default=0, description="balls come in trains of that many, free belt between; 0: without end"
    )
    train_gap_d: Annotated[float, Field(ge=0.0, le=1e6)] = Field(
        default=0.0, description="free belt between two trains, in diameters"
    )
    idle_speed: Annotated[float, Field(ge=1.0, le=1000.0)] = Field(
        default=1.0, description="with nothing on the line the free belt is over that many times sooner"
    )
    log_segment_mb: Annotated[float, Field(ge=0.0, le=10_000.0)] = Field(
        default=0.0, description="truth and PLC log go on in a new file after that many MB; 0: never"
    )

    # Belt.
    pitch_d: Annotated[float, Field(ge=1.5, le=20.0)] = 3.0
    pitch_sd_share: Annotated[float, Field(ge=0.0, le=0.2)] = 0.05
    speed_noise_share: Annotated[float, Field(ge=0.0, le=0.05)] = 0.005
    ramp_up_s: Annotated[float, Field(gt=0.0, le=10.0)] = 0.5
    ramp_down_s: Annotated[float, Field(gt=0.0, le=10.0)] = 0.4
    e_stop_ramp_s: Annotated[float, Field(gt=0.0, le=10.0)] = 0.2
    encoder_start: Annotated[int, Field(ge=0, lt=COUNT_MODULUS)] = 49152
    settle_d: Annotated[float, Field(ge=0.0)] = Field(
        default=30.0, description="belt travel before the first ball reaches the eye, in diameters"
    )
    slow_down_every_balls: Annotated[int, Field(ge=0)] = Field(
        default=0, description="the belt runs at half speed for a second every that many balls; 0: never"
    )

    # Balls; *_mm40 are millimetres on a ball of 40 mm and grow with d.
    diameter_sd_mm40: Annotated[float, Field(ge=0.0, le=5.0)] = 0.4
    size_reject_mm40: tuple[float, float] = Field(
        default=(2.6, 4.2), description="how far undersize and oversize balls lie off nominal"
    )
    lateral_mm40: Annotated[float, Field(ge=0.0, le=10.0)] = 1.0
    light_sd_share: Annotated[float, Field(ge=0.0, le=0.3)] = 0.04
    noise_sd_grey: Annotated[float, Field(ge=0.0, le=30.0)] = 2.0
    dust_specks_max: Annotated[int, Field(ge=0, le=50)] = 3
    rim_light_max: Annotated[float, Field(ge=0.0, le=10.0)] | None = Field(
        default=1.0,
        description="grazing light brightens a ball's rim by at most this share of the surface beside it: "
        "0 with a collimated backlight, 1 with a panel that is masked to the field of view; "
        "null: a wide panel, as the bank was rendered",
    )

    # What makes measuring hard; all off here, `with_physics` turns them on.
    camera_distance_d: Annotated[float, Field(ge=8.0, le=200.0)] | None = Field(
        default=None, description="pinhole to a nominal ball's middle, in diameters; null: telecentric lenses"
    )
    ball_celsius: tuple[float, float] = Field(
        default=(20.0, 20.0), description="each ball's temperature lies in this range, degC"
    )
    pyrometer_error_k: Annotated[float, Field(ge=0.0, le=100.0)] = Field(
        default=0.0, description="the pyrometer reads off by up to this much, evenly spread"
    )
    expansion_per_k: Annotated[float, Field(ge=0.0, le=1e-4)] = 12e-6
    flakes_max: Annotated[int, Field(ge=0, le=50)] = Field(
        default=0, description="a ball carries up to this many flakes of scale"
    )
    flake_thickness_mm: tuple[float, float] = (0.1, 0.3)
    lamp_drift_share: Annotated[float, Field(ge=0.0, le=0.2)] = 0.012
    lamp_drift_period_s: Annotated[float, Field(gt=0.0)] = 23.0
    lamp_gradient_share: Annotated[float, Field(ge=0.0, le=0.3)] = Field(
        default=0.0, description="the light's slope over half a picture swings by this share to both sides"
    )
    roll_wear_um_per_1000_balls: Annotated[float, Field(ge=-5000.0, le=5000.0)] = Field(
        default=0.0, description="the mean diameter grows by this much as the mill's rolls wear"
    )

    # Gate mechanics.
    valve_ms: Annotated[float, Field(ge=0.0, le=1000.0)] = 12.0
    valve_sd_ms: Annotated[float, Field(ge=0.0, le=100.0)] = 1.0
    flap_ms: Annotated[float, Field(gt=0.0, le=1000.0)] = 35.0
    flap_sd_share: Annotated[float, Field(ge=0.0, le=0.5)] = 0.02
    gate_stick_position: Literal["reject", "accept"] = "reject"

    # Geometry in diameters.
    fov_start_d: float = 2.5
    fov_length_d: float = 4.0
    gate_d: float = 15.0
    confirm_d: float = 4.0
    exposure_every_counts: Annotated[int, Field(ge=1)] = 256
    exposure_us: float = 40.0
    px_per_d: Annotated[int, Field(ge=120, le=400)] = Field(
        default=PX_PER_D, description="pixels to one diameter"
    )
    late_after_ms: Annotated[float, Field(ge=0.0, le=200.0)] = Field(
        default=0.0, description="a frame counts as late this long after its exposure; 0: after 128 counts"
    )

    # PLC.
    plc_scan_ms: Annotated[float, Field(ge=1.0, le=100.0)] = 5.0
    heartbeat_timeout_ms: Annotated[int, Field(ge=20, le=10_000)] = 200
    valve_lead_margin_ms: Annotated[float, Field(ge=0.0)] = 5.0
    gate_window_counts: Annotated[int, Field(ge=1)] = 192
    min_spacing_counts: Annotated[int, Field(ge=1)] = 736
    pulse_min_counts: Annotated[int, Field(ge=1)] = 240
    pulse_max_counts: Annotated[int, Field(ge=1)] = 384
    jog_limit_counts: Annotated[int, Field(ge=1)] = 64
    decision_margin_counts: Annotated[int, Field(ge=0)] = 96
    gate_watchdog_ms: Annotated[float, Field(ge=5.0)] = Field(
        default=25.0,
        description="the gate's output module drops out when the PLC's heartbeat stands for this long: "
        "before the next ball reaches a gate that the dead PLC left open",
    )
    output_watchdog_ms: Annotated[float, Field(ge=10.0)] = Field(
        default=250.0, description="the belt's drive drops out when the PLC's heartbeat stands for this long"
    )

    # The twin's people.
    operator_comes: bool = Field(
        default=True, description="an operator clears a stop and resets by himself; else only the panel's key"
    )
    operator_reset_after_s: Annotated[float, Field(ge=0.0)] = 1.5

    @model_validator(mode="after")
    def _lanes_are_possible(self) -> LineSettings:
        if self.lane + self.lanes > LANES_MAX:
            raise ValueError(
                f"lanes {self.lane}..{self.lane + self.lanes - 1}: numbers run up to {LANES_MAX - 1}"
            )
        if self.balls_per_s > BALLS_PER_S_MAX * self.lanes:
            raise ValueError(f"balls_per_s: at most {BALLS_PER_S_MAX:g} on a lane")
        if self.faults and self.repeat_balls:
            raise ValueError("faults: pictures that are drawn once cannot show them; set repeat_balls to 0")
        return self

    @property
    def d_scale(self) -> float:
        """Diameter over 40 mm."""
        return self.diameter_mm / REFERENCE_D_MM

    @property
    def um_per_count(self) -> float:
        """Belt travel per count, micrometres."""
        return self.diameter_mm * 1000.0 / COUNTS_PER_D

    @property
    def mm_per_px(self) -> float:
        """Scale of the pictures in the object plane."""
        return self.diameter_mm / self.px_per_d

    @property
    def px_per_count(self) -> float:
        """Pixels a ball moves per encoder count."""
        return self.px_per_d / COUNTS_PER_D

    @property
    def width_px(self) -> int:
        """Width of the pictures."""
        return round(self.fov_length_d * self.px_per_d)

    @property
    def height_px(self) -> int:
        """Height of the pictures; the lane's centre line is in the middle.

        240 up to 1 mm off the centre line (on a ball of 40 mm); beyond, the marks move outwards. With other
        pixels to a diameter than 160 as high as a view.
        """
        further_mm40 = max(self.lateral_mm40 - 1.0, 0.0)
        further_px = 2.0 * further_mm40 * _PERSPECTIVE_ROOM * self.px_per_d / REFERENCE_D_MM
        base_px = 240 if self.px_per_d == PX_PER_D else 8 * math.ceil(_VIEW_D * self.px_per_d / 8.0)
        return base_px + 8 * math.ceil(further_px / 8.0)

    @property
    def camera_distance_mm(self) -> float | None:
        """From the pinhole to a nominal ball's middle; None for telecentric lenses."""
        return None if self.camera_distance_d is None else self.camera_distance_d * self.diameter_mm

    @property
    def fov_start_counts(self) -> int:
        """Counts from the photo-eye to the left edge of the pictures."""
        return round(self.fov_start_d * COUNTS_PER_D)

    @property
    def eye_to_gate_counts(self) -> int:
        """Counts from the photo-eye to the gate's tip."""
        return round(self.gate_d * COUNTS_PER_D)

    @property
    def gate_to_confirm_counts(self) -> int:
        """Counts from the gate's tip to both confirm eyes."""
        return round(self.confirm_d * COUNTS_PER_D)

    @property
    def speed_counts_per_s(self) -> float:
        """Nominal belt speed."""
        return self.balls_per_s / self.lanes * self.pitch_d * COUNTS_PER_D

    @property
    def max_speed_counts_per_s(self) -> float:
        """Top speed the geometry has to serve: nominal and 3 % for noise."""
        return self.speed_counts_per_s * 1.03

    @property
    def valve_lead_ms(self) -> float:
        """Lead at which the PLC switches the gate: valve, flap travel, margin."""
        return self.valve_ms + self.flap_ms + self.valve_lead_margin_ms

    @property
    def shut_after_counts(self) -> int:
        """From the centre of a ball that the gate let pass to that of the next one it is sure to be shut for.

        It is held one window long, then valve and half of the flap's way take their time, with three standard
        deviations of both. A ball that is nearer and that the eye missed could pass with the one before it,
        and no PLC would know.
        """
        half_flap_ms = self.flap_ms / 2.0 * (1.0 + 3.0 * self.flap_sd_share)
        shuts_ms = self.valve_ms + 3.0 * self.valve_sd_ms + half_flap_ms + self.plc_scan_ms
        travel = shuts_ms / 1000.0 * self.max_speed_counts_per_s
        return self.gate_window_counts + math.ceil(travel) + COUNTS_PER_D // 2

    @property
    def truth_path(self) -> Path:
        """The line's own record."""
        return self.run_dir / "truth.jsonl"

    @property
    def plc_log_path(self) -> Path:
        """The PLC's own record."""
        return self.run_dir / "plc.jsonl"

    @property
    def lane_numbers(self) -> tuple[int, ...]:
        """Numbers of the lanes."""
        return tuple(range(self.lane, self.lane + self.lanes))

    @property
    def camera_places(self) -> tuple[CameraPlace, ...]:
        """All cameras; those of the first lane come first and are called by their side alone."""
        return tuple(
            CameraPlace(side if not at else f"{side}_{at}", side, lane, at * len(CAMERAS) + which)
            for at, lane in enumerate(self.lane_numbers)
            for which, side in enumerate(CAMERAS)
        )

    def ring_name(self, camera: str) -> str:
        """Name of a camera's frame ring."""
        return f"{self.ring_prefix}-{camera}"

    def exposure_phase_counts(self, side: str) -> int:
        """Exposures are at count % exposure_every_counts == phase; the second camera lies half way."""
        return CAMERAS.index(side) * self.exposure_every_counts // len(CAMERAS)


def with_physics(settings: LineSettings) -> LineSettings:
    """The same line with `PHYSICS` on."""
    return LineSettings.model_validate(settings.model_dump() | PHYSICS)


def with_fast_lanes(settings: LineSettings, lanes: int) -> LineSettings:
    """A line of as many lanes for small balls at speed, `FAST_LANES`, everything else as it is."""
    return LineSettings.model_validate(settings.model_dump() | FAST_LANES | {"lanes": lanes})


def check_gate(settings: LineSettings) -> LineSettings:
    """The same line, when its gate can follow its balls.

    Raises:
        ConfigError: a ball that its eye missed could pass with the one before it.
    """
    if settings.shut_after_counts > settings.min_spacing_counts:
        raise ConfigError(
            f"the gate is too slow for {settings.balls_per_s:g} balls a second on {settings.lanes} lane(s): "
            f"it is shut {settings.shut_after_counts} counts behind a ball that it let pass, and balls may "
            f"follow at {settings.min_spacing_counts}",
            where="balls_per_s",
            todo="run fewer balls a second, or a line with air jets in the place of flaps",
        )
    return settings


def load_line_settings(path: Path) -> LineSettings:
    """Read a settings file.

    Raises:
        ConfigError: unreadable, not JSON, or values that do not fit.
    """
    try:
        return LineSettings.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"the twin's settings cannot be used: {error}",
            where=str(path),
            todo="'ferrogate demo' writes this file; start it again, or correct the value named above",
        ) from error


def save_line_settings(settings: LineSettings, path: Path) -> None:
    """Write a settings file that `load_line_settings` reads."""
    path.write_text(settings.model_dump_json(indent=2), encoding="utf-8")
