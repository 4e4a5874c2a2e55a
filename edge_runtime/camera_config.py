"""The cameras' part of the station file: where their pictures come from, where they look, how they measure.

Neighbours: `edge_runtime.config` holds the whole file and hands these types on.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edge_runtime.encoder import COUNT_MODULUS, MAX_SPAN_COUNTS


class Strict(BaseModel):
    """Unknown keys are typos; values are fixed once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ShmCameraSource(Strict):
    """Frames from another process on this machine, through a shared-memory ring (the twin line)."""

    type: Literal["shm"] = "shm"
    name: str = Field(min_length=1, description="name of the ring")


class FolderCameraSource(Strict):
    """Pictures of a folder, in the order of their names, as one recording."""

    type: Literal["folder"] = "folder"
    path: Path
    pattern: str = "*"
    frames_per_s: Annotated[float, Field(gt=0.0, le=10_000.0)] = 30.0
    realtime: bool = Field(default=True, description="false: as fast as the loop takes them, none dropped")
    counts_per_frame: Annotated[int, Field(ge=1, le=4096)] = 1


class OpenCvCameraSource(Strict):
    """Anything OpenCV's VideoCapture opens: device number, RTSP address, video file."""

    type: Literal["opencv"] = "opencv"
    device: str = Field(description="device number as text, address or path")
    width_px: Annotated[int, Field(ge=16)] | None = None
    height_px: Annotated[int, Field(ge=16)] | None = None
    open_timeout_ms: Annotated[int, Field(ge=100, le=60_000)] = 3000
    read_timeout_ms: Annotated[int, Field(ge=50, le=60_000)] = 1000

    @property
    def is_file(self) -> bool:
        """A video file: a recording, with a beginning and an end."""
        return not self.device.isdigit() and "://" not in self.device

    @property
    def shown_device(self) -> str:
        """The device as messages name it: an address without user and password."""
        return re.sub(r"(?<=://)[^/?#]*@", "", self.device)


CameraSource = Annotated[
    ShmCameraSource | FolderCameraSource | OpenCvCameraSource, Field(discriminator="type")
]


class CameraGeometry(Strict):
    """Where a camera looks, in encoder counts behind the photo-eye and in its own pixels.

    A part whose centre passed the eye at count c has its centre at
    `x_px = (count - c - fov_start_counts) * px_per_count` (mirrored when `direction` is -1).
    """

    width_px: Annotated[int, Field(ge=32, le=16384)]
    height_px: Annotated[int, Field(ge=32, le=16384)]
    pixel_format: Literal["mono8", "bgr8"] = "mono8"
    fov_start_counts: Annotated[int, Field(ge=0, lt=MAX_SPAN_COUNTS)]
    px_per_count: Annotated[float, Field(gt=0.0)]
    direction: Literal[1, -1] = 1
    lane_y_px: dict[int, float] = Field(description="centre line of each lane in the picture")
    calibration: Path | None = Field(
        default=None, description="file that 'ferrogate calibrate' wrote for this camera"
    )
    mm_per_px: Annotated[float, Field(gt=0.0, lt=100.0)] | None = Field(
        default=None,
        description="scale in the object plane, where there is no calibration; with neither nothing is "
        "measured and no ball accepted",
    )
    u_scale_share: Annotated[float, Field(ge=0.0, le=0.5)] = Field(
        default=0.005, description="relative standard uncertainty of mm_per_px"
    )
    view_tilt_deg: Annotated[float, Field(ge=-180.0, le=180.0)] | None = Field(
        default=None,
        description="where the camera stands: angle from straight above, about the belt's direction, "
        "positive to the left of the travel; none: what its views cover is not known",
    )
    rolling: bool = Field(
        default=False,
        description="true: balls roll without slip past this camera, so every view shows another side; "
        "false: they lie still on the belt",
    )
    margin_px: Annotated[float, Field(ge=0.0)] = 2.0

    @model_validator(mode="after")
    def _has_one_scale(self) -> CameraGeometry:
        if self.calibration is not None and self.mm_per_px is not None:
            raise ValueError("calibration and mm_per_px both give a scale: leave one out")
        return self

    @property
    def measures(self) -> bool:
        """This camera's views are turned into mm."""
        return self.calibration is not None or self.mm_per_px is not None

    @property
    def fov_end_counts(self) -> int:
        """Counts behind the eye at which the picture ends."""
        return self.fov_start_counts + round(self.width_px / self.px_per_count)


class Exposure(Strict):
    """Exposures on encoder counts: count % every_counts == phase_counts."""

    every_counts: Annotated[int, Field(ge=1, le=MAX_SPAN_COUNTS)]
    phase_counts: Annotated[int, Field(ge=0)] = 0
    late_after_counts: Annotated[int, Field(ge=1)] = Field(
        default=128, description="a due frame that is not here this long after its count is late"
    )

    @model_validator(mode="after")
    def _divides_the_wrap(self) -> Exposure:
        if COUNT_MODULUS % self.every_counts:
            raise ValueError(f"every_counts must divide {COUNT_MODULUS}, got {self.every_counts}")
        if self.phase_counts >= self.every_counts:
            raise ValueError("phase_counts must be below every_counts")
        return self


class FrameLimits(Strict):
    """When a whole frame is healthy. Grey levels 0..255; see `vision.health`."""

    background_min: float = 110.0
    background_max: float = 250.0
    background_drop_share: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        default=0.25, description="lamp: largest drop of the background against the reference"
    )
    shift_max_px: Annotated[float, Field(gt=0.0)] = Field(
        default=6.0, description="moved: largest shift of the fiducial marks"
    )
    contrast_min: float = Field(
        default=25.0, description="contrast of the fiducial marks against the background"
    )
    focus_max_px: Annotated[float, Field(gt=0.0)] = Field(
        default=6.0, description="out of focus: largest 10-90 % width of the marks' edges"
    )


class CameraConfig(Strict):
    """One camera."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    source: CameraSource
    geometry: CameraGeometry
    exposure: Exposure
    frame_wrap: Annotated[int, Field(ge=2)] = Field(
        default=1 << 32, description="the camera's frame number goes back to frame_first after frame_wrap - 1"
    )
    frame_first: Annotated[int, Field(ge=0)] = 0
    limits: FrameLimits = FrameLimits()
    fiducials: tuple[tuple[float, float, float], ...] = Field(
        default=(), description="dark round marks on the frame: x_px, y_px, radius_px; tells the camera apart"
    )
    reference_background: Annotated[float, Field(ge=0.0, le=255.0)] | None = Field(
        default=None, description="background level at commissioning"
    )
    reference_bgr: tuple[float, float, float] | None = Field(
        default=None,
        description="background levels per channel at commissioning, for bgr8; tells swapped colours",
    )
