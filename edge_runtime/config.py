"""The station file: one YAML file, typed, unknown keys forbidden.

`load_station` reads and checks it; `load_recipe` reads the product's recipe that it
names. Everything that could make the line wait, miss or guess is checked here, before
anything starts: geometry, deadlines, scales, names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from edge_runtime import strict_yaml
from edge_runtime.camera_config import (
    CameraConfig,
    CameraGeometry,
    CameraSource,
    Exposure,
    FolderCameraSource,
    FrameLimits,
    OpenCvCameraSource,
    ShmCameraSource,
    Strict,
)
from edge_runtime.catalogue import is_name, named
from edge_runtime.day_config import ChallengeConfig, PageConfig
from edge_runtime.encoder import MAX_SPAN_COUNTS
from edge_runtime.temperature import PlcTemperature, TemperatureConfig
from vision.errors import ConfigError
from vision.rail_recipe import RailRecipe
from vision.recipe import BallRecipe
from vision.yard.recipe import YardRecipe

__all__ = [
    "CameraConfig",
    "CameraGeometry",
    "CameraSource",
    "ChallengeConfig",
    "DetectorConfig",
    "Exposure",
    "FolderCameraSource",
    "FrameLimits",
    "GaugeConfig",
    "LaneGeometry",
    "LineGeometry",
    "ModbusPlc",
    "OpenCvCameraSource",
    "PageConfig",
    "PlcConfig",
    "ShmCameraSource",
    "StationConfig",
    "StorageConfig",
    "VirtualEye",
    "load_recipe",
    "load_station",
    "read_settings",
    "station_kind",
    "validated",
]

ModelT = TypeVar("ModelT", bound=BaseModel)


class LaneGeometry(Strict):
    """What the station believes of the PLC's geometry; a difference keeps it not Ready."""

    lane: Annotated[int, Field(ge=0, le=7)] = 0
    eye_to_gate_counts: Annotated[int, Field(gt=0, lt=MAX_SPAN_COUNTS)]
    gate_to_confirm_counts: Annotated[int, Field(gt=0, lt=MAX_SPAN_COUNTS)]


class ModbusPlc(Strict):
    """A PLC that holds the register map, by Modbus TCP."""

    type: Literal["modbus_tcp"] = "modbus_tcp"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 502
    unit_id: Annotated[int, Field(ge=0, le=255)] = 1
    poll_ms: Annotated[float, Field(ge=1.0, le=100.0)] = 5.0
    timeout_ms: Annotated[int, Field(ge=10, le=1000)] = 100


class VirtualEye(Strict):
    """No PLC: a photo-eye made of the picture's centre line, and a gate that always rejects.

    For recordings and bench trials. Nothing is ever sent to accept.
    """

    type: Literal["virtual_eye"] = "virtual_eye"
    camera: str
    line_x_share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5


PlcConfig = Annotated[ModbusPlc | VirtualEye, Field(discriminator="type")]


class LineGeometry(Strict):
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


class DetectorConfig(Strict):
    """Which model runs where."""

    model: str = Field(
        default="ferrogate-models:ball",
        description="path of an ONNX file, or 'ferrogate-models:ball' for the one shipped",
    )
    provider: str = Field(default="cpu", description="cpu, cuda, openvino or an ONNX Runtime provider name")
    allow_fallback: bool = Field(default=False, description="true: a missing provider is said and CPU taken")
    threads: Annotated[int, Field(ge=1, le=64)] = 1


class GaugeConfig(Strict):
    """What the uncertainty of a diameter holds beside scale, edge and temperature."""

    scale_flake_mm: Annotated[float, Field(ge=0.0, le=5.0)] = Field(
        default=0.0, description="oxide scale may add up to twice this to a diameter (half width)"
    )
    u_repeat_mm: Annotated[float, Field(ge=0.0, le=5.0)] = Field(
        default=0.0, description="repeatability by a gauge study ('ferrogate msa'), standard deviation"
    )
    source: str = Field(default="", description="report of the study that these figures are from")

    @model_validator(mode="after")
    def _says_where_from(self) -> GaugeConfig:
        if (self.scale_flake_mm or self.u_repeat_mm) and not self.source.strip():
            raise ValueError("source: name the study or report that these figures are from")
        return self


class StorageConfig(Strict):
    """Where the station keeps its books."""

    folder: Path
    database_url: str | None = Field(default=None, description="default: SQLite in the folder")
    accept_picture_every: Annotated[int, Field(ge=0)] = Field(
        default=50, description="keep the pictures of every Nth accepted part; 0: none"
    )
    pictures_max_mb: Annotated[int, Field(ge=1)] = 2000
    journal_segment_mb: Annotated[int, Field(ge=1, le=1024)] = 16
    journal_reserve_segments: Annotated[int, Field(ge=0, le=64)] = Field(
        default=4, description="segments kept free for the day the disk is full; 0: none"
    )


class StationConfig(Strict):
    """One station file."""

    schema_version: Literal[1] = 1
    station: Literal["ball"] = "ball"
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    recipe: Path
    cameras: tuple[CameraConfig, ...] = Field(min_length=1)
    line: LineGeometry | None = None
    plc: PlcConfig
    detector: DetectorConfig = DetectorConfig()
    temperature: TemperatureConfig | None = Field(
        default=None, description="of the balls in front of the cameras; needed where a camera has a scale"
    )
    gauge: GaugeConfig = GaugeConfig()
    storage: StorageConfig
    lot: str = Field(default="no lot", description="what parts belong to while no lot is open")
    shift: str = Field(default="no shift", description="what parts belong to while no shift is open")
    page: PageConfig | None = Field(default=PageConfig(), description="null: no page")
    challenge: ChallengeConfig | None = Field(default=None, description="null: never due by themselves")
    recipes: Path | None = Field(
        default=None,
        description="folder of the recipes that a changeover may choose from, beside the catalogue",
    )

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
    def _balls_roll_or_not(self) -> StationConfig:
        standing = [camera.geometry for camera in self.cameras if camera.geometry.view_tilt_deg is not None]
        if len({geometry.rolling for geometry in standing}) > 1:
            raise ValueError(
                "rolling differs between the cameras: a ball that rolls past some of them only cannot be "
                "followed"
            )
        return self

    @model_validator(mode="after")
    def _temperature_is_known(self) -> StationConfig:
        if self.temperature is None and any(camera.geometry.measures for camera in self.cameras):
            raise ValueError(
                "temperature: a diameter in mm needs it; for instance "
                "{source: constant, celsius: 20, u_celsius: 3} for cold balls"
            )
        if isinstance(self.temperature, PlcTemperature) and isinstance(self.plc, VirtualEye):
            raise ValueError("temperature.source 'plc': a virtual eye has no pyrometer, use 'constant'")
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


def read_settings(path: Path, what: str) -> object:
    """What a YAML file holds; `what` is its word in messages ('station file', 'recipe').

    Raises:
        ConfigError: unreadable, or not YAML.
    """
    try:
        with path.open(encoding="utf-8") as file:  # a device has no end
            text = file.read(strict_yaml.MAX_CHARACTERS + 1)
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, or a name that no file can have
        raise ConfigError(
            f"the {what} cannot be read: {getattr(error, 'strerror', None) or error}",
            where=str(path),
            todo="check the path and the file's rights",
        ) from error
    try:
        return strict_yaml.load(text)
    except yaml.YAMLError as error:
        raise ConfigError(
            f"the {what} is not YAML: {error}", where=str(path), todo="mend the line named above"
        ) from error


#: Commands that print what a file may hold, where `run --schema` does not.
_SCHEMAS: dict[type[BaseModel], str] = {
    BallRecipe: "ferrogate recipe schema ball",
    RailRecipe: "ferrogate recipe schema rail",
    YardRecipe: "ferrogate recipe schema yard",
}


def validated(model: type[ModelT], data: object, path: Path, what: str) -> ModelT:
    """Data of a file as its type.

    Raises:
        ConfigError: an unknown key, a value that is missing or cannot be.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = []
        for item in error.errors():
            key = ".".join(str(part) for part in item["loc"]) or "file"
            hint = " (unknown key: a typo?)" if item["type"] == "extra_forbidden" else ""
            lines.append(f"{key}: {item['msg'].removeprefix('Value error, ')}{hint}")
        schema = _SCHEMAS.get(model) or f"ferrogate run --schema {what.split()[0]}"
        raise ConfigError(
            f"the {what} cannot be used: " + "; ".join(lines),
            where=str(path),
            todo=f"correct it; '{schema}' prints what a {what} may hold",
        ) from error
    except OverflowError as error:
        raise ConfigError(
            f"the {what} cannot be used: numbers in it are out of all proportion ({error})",
            where=str(path),
            todo="look for a length, scale or count that is far too small or too large",
        ) from error


def station_kind(path: Path) -> Literal["ball", "rail"]:
    """What a station file is of, by its key `station`: balls where it says nothing.

    Raises:
        ConfigError: unreadable, or not YAML.
    """
    data = read_settings(path, "station file")
    return "rail" if isinstance(data, dict) and data.get("station") == "rail" else "ball"


def load_station(path: Path) -> StationConfig:
    """Read and check a station file; relative paths in it are taken from its folder.

    Raises:
        ConfigError: unreadable, not YAML, unknown keys, impossible geometry.
    """
    data = read_settings(path, "station file")
    if isinstance(data, dict) and data.get("station") == "rail":
        raise ConfigError(
            "this is the station file of a rail yard, and a ball line's is wanted here",
            where=f"{path}, key 'station'",
            todo="'ferrogate run' takes both kinds; give this command the ball line's file",
        )
    config = validated(StationConfig, data, path, "station file")
    base = path.resolve().parent
    storage = config.storage.model_copy(update={"folder": base / config.storage.folder})
    cameras = tuple(_with_paths_from(base, camera) for camera in config.cameras)
    recipe = config.recipe if is_name(str(config.recipe)) else base / config.recipe
    recipes = None if config.recipes is None else base / config.recipes
    return config.model_copy(
        update={"recipe": recipe, "storage": storage, "cameras": cameras, "recipes": recipes}
    )


def _with_paths_from(base: Path, camera: CameraConfig) -> CameraConfig:
    update: dict[str, BaseModel] = {}
    if isinstance(camera.source, FolderCameraSource):
        update["source"] = camera.source.model_copy(update={"path": base / camera.source.path})
    if camera.geometry.calibration is not None:
        path = base / camera.geometry.calibration
        update["geometry"] = camera.geometry.model_copy(update={"calibration": path})
    return camera.model_copy(update=update)


def load_recipe(path: Path) -> BallRecipe:
    """Read and check a recipe: a file, or the name of one in the catalogue.

    Raises:
        ConfigError: unreadable, not YAML, a limit missing or impossible.
    """
    if is_name(str(path)):
        return named(str(path))
    return validated(BallRecipe, read_settings(path, "recipe"), path, "recipe")


def load_rail_recipe(path: Path) -> RailRecipe:
    """Read and check a recipe of the rail station.

    Raises:
        ConfigError: unreadable, not YAML, for another station, a rule missing or impossible.
    """
    return validated(RailRecipe, read_settings(path, "recipe"), path, "recipe")
