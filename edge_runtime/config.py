"""The station file: one YAML file, typed, unknown keys forbidden.

`load_station` reads and checks it; `load_recipe` reads the product's recipe that it
names. Everything that could make the line wait, miss or guess is checked here, before
anything starts: geometry, deadlines, scales, names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edge_runtime.encoder import COUNT_MODULUS, MAX_SPAN_COUNTS
from vision.errors import ConfigError
from vision.recipe import BallRecipe

ModelT = TypeVar("ModelT", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ShmCameraSource(_Strict):
    """Frames from another process on this machine, through a shared-memory ring (the twin line)."""

    type: Literal["shm"] = "shm"
    name: str = Field(min_length=1, description="name of the ring")


class FolderCameraSource(_Strict):
    """Pictures of a folder, in the order of their names, as one recording."""

    type: Literal["folder"] = "folder"
    path: Path
    pattern: str = "*"
    frames_per_s: Annotated[float, Field(gt=0.0, le=10_000.0)] = 30.0
    realtime: bool = Field(default=True, description="false: as fast as the loop takes them, none dropped")
    counts_per_frame: Annotated[int, Field(ge=1, le=4096)] = 1


class OpenCvCameraSource(_Strict):
    """Anything OpenCV's VideoCapture opens: device number, RTSP address, video file."""

    type: Literal["opencv"] = "opencv"
    device: str = Field(description="device number as text, address or path")
    width_px: Annotated[int, Field(ge=16)] | None = None
    height_px: Annotated[int, Field(ge=16)] | None = None
    open_timeout_ms: Annotated[int, Field(ge=100, le=60_000)] = 3000
    read_timeout_ms: Annotated[int, Field(ge=50, le=60_000)] = 1000


CameraSource = Annotated[
    ShmCameraSource | FolderCameraSource | OpenCvCameraSource, Field(discriminator="type")
]


class CameraGeometry(_Strict):
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
    mm_per_px: Annotated[float, Field(gt=0.0)] | None = Field(
        default=None, description="scale in the object plane; none: nothing is measured, no ball accepted"
    )
    u_scale_share: Annotated[float, Field(ge=0.0, le=0.5)] = Field(
        default=0.005, description="relative standard uncertainty of the scale"
    )
    margin_px: Annotated[float, Field(ge=0.0)] = 2.0

    @property
    def fov_end_counts(self) -> int:
        """Counts behind the eye at which the picture ends."""
        return self.fov_start_counts + round(self.width_px / self.px_per_count)


class Exposure(_Strict):
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


class FrameLimits(_Strict):
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


class CameraConfig(_Strict):
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


class LaneGeometry(_Strict):
    """What the station believes of the PLC's geometry; a difference keeps it not Ready."""

    lane: Annotated[int, Field(ge=0, le=7)] = 0
    eye_to_gate_counts: Annotated[int, Field(gt=0, lt=MAX_SPAN_COUNTS)]
    gate_to_confirm_counts: Annotated[int, Field(gt=0, lt=MAX_SPAN_COUNTS)]


class ModbusPlc(_Strict):
    """A PLC that holds the register map, by Modbus TCP."""

    type: Literal["modbus_tcp"] = "modbus_tcp"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 502
    unit_id: Annotated[int, Field(ge=0, le=255)] = 1
    poll_ms: Annotated[float, Field(ge=1.0, le=100.0)] = 5.0
    timeout_ms: Annotated[int, Field(ge=10, le=1000)] = 100


class VirtualEye(_Strict):
    """No PLC: a photo-eye made of the picture's centre line, and a gate that always rejects.

    For recordings and bench trials. Nothing is ever sent to accept.
    """

    type: Literal["virtual_eye"] = "virtual_eye"
    camera: str
    line_x_share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5


PlcConfig = Annotated[ModbusPlc | VirtualEye, Field(discriminator="type")]


class LineGeometry(_Strict):
    """The belt as the station sees it, in encoder counts."""

    um_per_count: Annotated[float, Field(gt=0.0, le=6000.0)]
    max_speed_counts_per_s: Annotated[float, Field(gt=0.0)]
    pulse_min_counts: Annotated[int, Field(ge=1)]
    pulse_max_counts: Annotated[int, Field(ge=1)]
    min_spacing_counts: Annotated[int, Field(ge=1)]
    inspection_ms: Annotated[float, Field(gt=0.0)] = Field(
        default=60.0, description="time allowed from the last view to the verdict in the PLC"
    )
    valve_lead_ms: Annotated[float, Field(gt=0.0)]
    gate_window_counts: Annotated[int, Field(ge=1)]
    decision_margin_counts: Annotated[int, Field(ge=0)] = 0
    lanes: tuple[LaneGeometry, ...] = Field(min_length=1)

    @property
    def switch_lead_counts(self) -> int:
        """Counts before the gate at which the PLC needs the verdict, at top speed."""
        lead = self.valve_lead_ms / 1000.0 * self.max_speed_counts_per_s
        return self.gate_window_counts + self.decision_margin_counts + round(lead)


class DetectorConfig(_Strict):
    """Which model runs where."""

    model: str = Field(
        default="ferrogate-models:ball",
        description="path of an ONNX file, or 'ferrogate-models:ball' for the one shipped",
    )
    provider: str = Field(default="cpu", description="cpu, cuda, openvino or an ONNX Runtime provider name")
    allow_fallback: bool = Field(default=False, description="true: a missing provider is said and CPU taken")
    threads: Annotated[int, Field(ge=1, le=64)] = 1


class StorageConfig(_Strict):
    """Where the station keeps its books."""

    folder: Path
    database_url: str | None = Field(default=None, description="default: SQLite in the folder")
    accept_picture_every: Annotated[int, Field(ge=0)] = Field(
        default=50, description="keep the pictures of every Nth accepted part; 0: none"
    )
    pictures_max_mb: Annotated[int, Field(ge=1)] = 2000
    journal_segment_mb: Annotated[int, Field(ge=1, le=1024)] = 16


class StationConfig(_Strict):
    """One station file."""

    schema_version: Literal[1] = 1
    station: Literal["ball"] = "ball"
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    recipe: Path
    cameras: tuple[CameraConfig, ...] = Field(min_length=1)
    line: LineGeometry | None = None
    plc: PlcConfig
    detector: DetectorConfig = DetectorConfig()
    storage: StorageConfig
    lot: str = "no lot"
    shift: str = "no shift"

    @model_validator(mode="after")
    def _names_are_unique(self) -> StationConfig:
        names = [camera.name for camera in self.cameras]
        if len(set(names)) != len(names):
            raise ValueError(f"camera names repeat: {names}")
        if isinstance(self.plc, VirtualEye):
            if self.plc.camera not in names:
                raise ValueError(f"plc.camera '{self.plc.camera}' is not one of {names}")
            return self
        if self.line is None:
            raise ValueError("line: the belt's geometry is needed with a PLC")
        for camera in self.cameras:
            if not isinstance(camera.source, ShmCameraSource):
                # Parts are found by position: a picture that does not know its own belongs to nobody.
                raise ValueError(
                    f"camera '{camera.name}': pictures of a source of type '{camera.source.type}' give no "
                    "encoder count; with a PLC only 'shm' sources can be used"
                )
        return self

    @model_validator(mode="after")
    def _geometry_is_possible(self) -> StationConfig:
        if self.line is None:
            return self
        line = self.line
        numbers = [lane.lane for lane in line.lanes]
        if len(set(numbers)) != len(numbers):
            raise ValueError(f"line.lanes: lane numbers repeat: {numbers}")
        for number in numbers:
            if not any(number in camera.geometry.lane_y_px for camera in self.cameras):
                raise ValueError(f"line.lanes[{number}]: no camera's lane_y_px looks at this lane")
        if line.pulse_min_counts >= line.pulse_max_counts:
            raise ValueError("line: pulse_min_counts is not below pulse_max_counts")
        inspection = round(line.inspection_ms / 1000.0 * line.max_speed_counts_per_s)
        for lane in line.lanes:
            where = f"line.lanes[{lane.lane}]"
            span = lane.eye_to_gate_counts + lane.gate_to_confirm_counts + line.pulse_max_counts
            if span >= MAX_SPAN_COUNTS:
                raise ValueError(
                    f"{where}: {span} counts from eye to confirm eye, at most {MAX_SPAN_COUNTS - 1} can be "
                    "told apart"
                )
            for camera in self.cameras:
                if lane.lane not in camera.geometry.lane_y_px:
                    continue
                end = camera.geometry.fov_end_counts
                if lane.eye_to_gate_counts <= end:
                    raise ValueError(
                        f"{where}: the gate ({lane.eye_to_gate_counts} counts) lies before the end of camera "
                        f"'{camera.name}' ({end} counts)"
                    )
                room = lane.eye_to_gate_counts - line.switch_lead_counts - end
                if room < inspection:
                    raise ValueError(
                        f"{where}: {room} counts from the end of camera '{camera.name}' to the deadline, "
                        f"the inspection needs {inspection} at top speed"
                    )
        return self


def _read_yaml(path: Path, what: str) -> object:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the {what} cannot be read: {error}",
            where=str(path),
            todo="check the path and the file's rights",
        ) from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(
            f"the {what} is not YAML: {error}", where=str(path), todo="mend the line named above"
        ) from error


def _validated(model: type[ModelT], data: object, path: Path, what: str) -> ModelT:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = []
        for item in error.errors():
            key = ".".join(str(part) for part in item["loc"]) or "file"
            hint = " (unknown key: a typo?)" if item["type"] == "extra_forbidden" else ""
            lines.append(f"{key}: {item['msg'].removeprefix('Value error, ')}{hint}")
        raise ConfigError(
            f"the {what} cannot be used: " + "; ".join(lines),
            where=str(path),
            todo=f"correct it; 'ferrogate run --schema {what.split()[0]}' prints what a {what} may hold",
        ) from error


def load_station(path: Path) -> StationConfig:
    """Read and check a station file; relative paths in it are taken from its folder.

    Raises:
        ConfigError: unreadable, not YAML, unknown keys, impossible geometry.
    """
    config = _validated(StationConfig, _read_yaml(path, "station file"), path, "station file")
    base = path.resolve().parent
    storage = config.storage.model_copy(update={"folder": base / config.storage.folder})
    cameras = tuple(
        camera.model_copy(
            update={"source": camera.source.model_copy(update={"path": base / camera.source.path})}
        )
        if isinstance(camera.source, FolderCameraSource)
        else camera
        for camera in config.cameras
    )
    return config.model_copy(update={"recipe": base / config.recipe, "storage": storage, "cameras": cameras})


def load_recipe(path: Path) -> BallRecipe:
    """Read and check a recipe file.

    Raises:
        ConfigError: unreadable, not YAML, a limit missing or impossible.
    """
    return _validated(BallRecipe, _read_yaml(path, "recipe"), path, "recipe")
