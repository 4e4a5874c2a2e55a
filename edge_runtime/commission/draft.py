"""The draft: a station file that still lacks what only the line can tell.

It must name the station, its recipe, its PLC, its cameras and where the books lie. What is measured may
be missing or wrong. Unknown keys are refused here already: a typo would else be found an hour later.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError, create_model

from edge_runtime import strict_yaml
from edge_runtime.camera_config import CameraConfig, CameraGeometry, CameraSource, Exposure, FrameLimits
from edge_runtime.catalogue import is_name
from edge_runtime.config import LineGeometry, ModbusPlc, StationConfig, StorageConfig, load_recipe
from edge_runtime.day_config import PageConfig
from vision.errors import ConfigError
from vision.recipe import BallRecipe

#: the station's name as the station file wants it
_NAMED = create_model("_NAMED", name=(str, StationConfig.model_fields["name"]))
_NEEDED = ("name", "recipe", "cameras", "plc", "storage")


@dataclass(frozen=True, slots=True)
class CameraDraft:
    """A camera of the draft; `known` is its geometry as far as the draft has it."""

    name: str
    source: CameraSource
    known: Mapping[str, Any]
    limits: FrameLimits
    frame_wrap: int = 1 << 32
    frame_first: int = 0

    @property
    def calibration(self) -> str | None:
        """Calibration file that the draft names."""
        path = self.known.get("calibration")
        return None if path is None else str(path)


@dataclass(frozen=True, slots=True)
class Draft:
    """A checked draft. `data` is the file as it was read; relative paths start at `folder`."""

    path: Path
    data: Mapping[str, Any]
    plc: ModbusPlc
    storage: Path
    cameras: tuple[CameraDraft, ...]
    recipe: BallRecipe
    recipe_name: str
    page: PageConfig | None

    @property
    def folder(self) -> Path:
        """Folder of the draft."""
        return self.path.parent

    @property
    def name(self) -> str:
        """Name of the station."""
        return str(self.data["name"])

    @property
    def d_nominal_mm(self) -> float:
        """Nominal diameter of the balls that the recipe is for."""
        return self.recipe.size.d_nominal_mm

    def copy(self) -> dict[str, Any]:
        """The draft's data, free to be changed."""
        return copy.deepcopy(dict(self.data))


def load_draft(path: Path) -> Draft:
    """Read and check a draft.

    Raises:
        ConfigError: unreadable, unknown keys, or something is missing that nobody can measure.
    """
    path = path.resolve()
    try:
        data = strict_yaml.load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise _refused(path, f"it cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if not isinstance(data, dict):
        raise _refused(path, "it holds no settings")
    problems = [f"'{key}' is missing" for key in _NEEDED if key not in data]
    problems += _unknown_keys(data)
    if problems:
        raise _refused(path, "; ".join(problems))
    try:
        return _checked(path, data)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'value'}: {item['msg']}" for item in error.errors()
        )
        raise _refused(path, wrong) from error


def _refused(path: Path, what: str) -> ConfigError:
    return ConfigError(
        f"the draft of the station file cannot be used: {what}",
        where=str(path),
        todo="correct it; 'ferrogate run --schema station' prints what a station file may hold",
    )


def _checked(path: Path, data: dict[str, Any]) -> Draft:
    plc = data["plc"]
    if isinstance(plc, Mapping) and plc.get("type", "modbus_tcp") != "modbus_tcp":
        raise _refused(path, "only a line with a PLC can be commissioned (plc.type modbus_tcp)")
    _NAMED.model_validate({"name": data["name"]})
    storage = StorageConfig.model_validate(data["storage"])
    recipe = str(data["recipe"])
    page = data.get("page", {})
    return Draft(
        path=path,
        data=data,
        plc=ModbusPlc.model_validate(plc),
        storage=path.parent / storage.folder,
        cameras=_cameras(path, data["cameras"]),
        recipe=load_recipe(Path(recipe) if is_name(recipe) else path.parent / recipe),
        recipe_name=recipe,
        page=None if page is None else PageConfig.model_validate(page),
    )


def _cameras(path: Path, items: object) -> tuple[CameraDraft, ...]:
    if not isinstance(items, list) or not items:
        raise _refused(path, "'cameras' must list at least one camera")
    found = []
    for item in items:
        if not isinstance(item, Mapping) or "name" not in item or "source" not in item:
            raise _refused(path, "every camera needs a name and a source")
        source: CameraSource = TypeAdapter(CameraSource).validate_python(item["source"])
        if source.type != "shm":
            raise _refused(
                path,
                f"camera '{item['name']}': a source of type '{source.type}' gives no encoder count; with a "
                "PLC only 'shm' sources can be used",
            )
        known = dict(item.get("geometry") or {})
        limits = FrameLimits.model_validate(item.get("limits") or {})
        numbers = {key: int(item[key]) for key in ("frame_wrap", "frame_first") if key in item}
        found.append(CameraDraft(str(item["name"]), source, known, limits, **numbers))
    names = [camera.name for camera in found]
    if len(set(names)) != len(names):
        raise _refused(path, f"camera names repeat: {names}")
    return tuple(found)


def _unknown_keys(data: Mapping[str, Any]) -> list[str]:
    problems = _unknown(data, StationConfig, "")
    problems += _unknown(data.get("line"), LineGeometry, "line.")
    cameras = data.get("cameras")
    for number, camera in enumerate(cameras if isinstance(cameras, list) else []):
        place = f"cameras[{number}]."
        problems += _unknown(camera, CameraConfig, place)
        if isinstance(camera, Mapping):
            problems += _unknown(camera.get("geometry"), CameraGeometry, f"{place}geometry.")
            problems += _unknown(camera.get("exposure"), Exposure, f"{place}exposure.")
    return problems


def _unknown(data: object, model: type[BaseModel], place: str) -> list[str]:
    if not isinstance(data, Mapping):
        return []
    return [f"unknown key '{place}{key}' (a typo?)" for key in data if key not in model.model_fields]
