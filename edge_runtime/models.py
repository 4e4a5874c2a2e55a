"""Finding and reading a model file: by path, or the one shipped in the package ferrogate-models.

Neighbours: the station and the commands hand `ModelFile.data` to `vision.detector.Detector`,
which checks the contract; here only the file is found and read.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vision.errors import ConfigError, ContractError

SHIPPED_PREFIX = "ferrogate-models:"
#: Names after the prefix: a station's default file, or that of one precision.
SHIPPED_NAMES = ("ball", "ball_fp32", "ball_int8", "rail", "rail_fp32", "rail_int8")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One model file in memory. `name` is what error texts call it."""

    name: str
    path: Path
    data: bytes
    sha256: str


def model_path(spec: str) -> Path:
    """Path of a model: `spec` itself, or the shipped one for 'ferrogate-models:ball'.

    'ferrogate-models:ball' is the file that the package takes by default (INT8 where that passed its
    gate and is faster), 'ferrogate-models:ball_fp32' and 'ferrogate-models:ball_int8' are those two.

    Raises:
        ConfigError: the package is not installed, or ships no model of that name.
    """
    if not spec.startswith(SHIPPED_PREFIX):
        return Path(spec)
    name = spec.removeprefix(SHIPPED_PREFIX)
    if name not in SHIPPED_NAMES:
        raise ConfigError(
            f"no model '{name}' is shipped",
            where=spec,
            todo=f"use {SHIPPED_PREFIX} with one of {', '.join(SHIPPED_NAMES)}, or a path",
        )
    try:
        package = importlib.import_module("ferrogate_models")
    except ModuleNotFoundError as error:
        raise ConfigError(
            "the package ferrogate-models is not installed",
            where=spec,
            todo="pip install ferrogate-models (in a checkout: pip install ./models), or name a model file",
        ) from error
    find: Callable[[str], Path] | None = getattr(package, "model_path", None)
    try:
        if find is None:
            raise KeyError(name)
        return Path(find(name))
    except KeyError as error:
        raise ConfigError(
            f"the installed ferrogate-models ships no {name} model",
            where=spec,
            todo=f"update ferrogate-models, or name a {name.partition('_')[0]} model file of your own",
        ) from error
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the installed ferrogate-models is broken: {error}",
            where=spec,
            todo="install ferrogate-models again",
        ) from error


def read_model(spec: str) -> ModelFile:
    """Find and read a model file.

    Args:
        spec: a path, or 'ferrogate-models:ball'.

    Raises:
        ConfigError: the package is not installed or ships no such model, or the file cannot be read.
        ContractError: the file is empty.
    """
    path = model_path(spec)
    try:
        if not path.is_file() and path.exists():  # a pipe would be waited for, and a device has no end
            raise OSError("it is no plain file")
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise ConfigError(
            f"the model cannot be read: {getattr(error, 'strerror', None) or error}",
            where=str(path),
            todo="check the path and the file's rights; 'ferrogate-models:ball' is the model that is shipped",
        ) from error
    if not data:
        raise ContractError(
            "the model file is empty (0 bytes)", where=str(path), todo="copy or export the model again"
        )
    return ModelFile(name=str(path), path=path, data=data, sha256=hashlib.sha256(data).hexdigest())
