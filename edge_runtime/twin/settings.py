"""Settings of the twin: one JSON file read by the line process and by the PLC process.

All lengths follow from the ball diameter d: 320 encoder counts and 160 pixels to one
d, so that one geometry serves every product. Neighbours: `line_main` and `plc_main`
read the file; the demo writes it and takes the cameras' part of the station file from
`edge_runtime.twin.optics.camera_configs`.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from datasets.synthetic.bank import BANK_DIR
from edge_runtime.encoder import COUNT_MODULUS
from edge_runtime.twin.faults import PlannedFault
from vision.errors import ConfigError

COUNTS_PER_D = 320
PX_PER_D = 160
REFERENCE_D_MM = 40.0
CAMERAS = ("left", "right")
_PERSPECTIVE_ROOM = 1.05
PHYSICS: dict[str, Any] = {
    "camera_distance_d": 20.0,
    "ball_celsius": (60.0, 160.0),
    "pyrometer_error_k": 10.0,
    "flakes_max": 3,
    "lamp_drift_share": 0.03,
    "lamp_gradient_share": 0.03,
}
"""A plant as it is: pinhole cameras, hot balls, scale flakes, lamps that drift."""


class LineSettings(BaseModel):
    """The twin's settings; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Product and run.
    n_balls: Annotated[int, Field(ge=0, le=10_000_000)] = 200
    balls_per_s: Annotated[float, Field(gt=0.0, le=30.0)] = 10.0
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
    lane: Annotated[int, Field(ge=0, le=7)] = 0

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
        return self.diameter_mm / PX_PER_D

    @property
    def px_per_count(self) -> float:
        """Pixels a ball moves per encoder count."""
        return PX_PER_D / COUNTS_PER_D

    @property
    def width_px(self) -> int:
        """Width of the pictures."""
        return round(self.fov_length_d * PX_PER_D)

    @property
    def height_px(self) -> int:
        """Height of the pictures; the lane's centre line is in the middle.

        240 up to 1 mm off the centre line (on a ball of 40 mm); beyond, the marks move outwards.
        """
        further_mm40 = max(self.lateral_mm40 - 1.0, 0.0)
        return 240 + 8 * math.ceil(2.0 * further_mm40 * _PERSPECTIVE_ROOM * PX_PER_D / REFERENCE_D_MM / 8.0)

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
        return self.balls_per_s * self.pitch_d * COUNTS_PER_D

    @property
    def max_speed_counts_per_s(self) -> float:
        """Top speed the geometry has to serve: nominal and 3 % for noise."""
        return self.speed_counts_per_s * 1.03

    @property
    def valve_lead_ms(self) -> float:
        """Lead at which the PLC switches the gate: valve, flap travel, margin."""
        return self.valve_ms + self.flap_ms + self.valve_lead_margin_ms

    @property
    def truth_path(self) -> Path:
        """The line's own record."""
        return self.run_dir / "truth.jsonl"

    @property
    def plc_log_path(self) -> Path:
        """The PLC's own record."""
        return self.run_dir / "plc.jsonl"

    def ring_name(self, camera: str) -> str:
        """Name of a camera's frame ring."""
        return f"{self.ring_prefix}-{camera}"

    def exposure_phase_counts(self, camera: str) -> int:
        """Exposures are at count % exposure_every_counts == phase; the second camera lies half way."""
        return CAMERAS.index(camera) * self.exposure_every_counts // len(CAMERAS)


def with_physics(settings: LineSettings) -> LineSettings:
    """The same line with `PHYSICS` on."""
    return LineSettings.model_validate(settings.model_dump() | PHYSICS)


def load_line_settings(path: Path) -> LineSettings:
    """Read a settings file.

    Raises:
        ConfigError: unreadable, not JSON, or values that do not fit.
    """
    try:
        return LineSettings.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, ValidationError) as error:
        raise ConfigError(
            f"the twin's settings cannot be used: {error}",
            where=str(path),
            todo="'ferrogate demo' writes this file; start it again, or correct the value named above",
        ) from error


def save_line_settings(settings: LineSettings, path: Path) -> None:
    """Write a settings file that `load_line_settings` reads."""
    path.write_text(settings.model_dump_json(indent=2), encoding="utf-8")
