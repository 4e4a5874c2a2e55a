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
#: Names after the prefix, and the function of the package that knows the path.
_SHIPPED = {"ball": "ball_model_path", "rail": "rail_model_path"}


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One model file in memory. `name` is what error texts call it."""

    name: str
    path: Path
    data: bytes
    sha256: str


def model_path(spec: str) -> Path:
    """Path of a model: `spec` itself, or the shipped one for 'ferrogate-models:ball'.

    Raises:
        ConfigError: the package is not installed, or ships no model of that name.
    """
    if not spec.startswith(SHIPPED_PREFIX):
        return Path(spec)
    kind = spec.removeprefix(SHIPPED_PREFIX)
    if kind not in _SHIPPED:
        raise ConfigError(
            f"no model '{kind}' is shipped",
            where=spec,
            todo=f"use {' or '.join(SHIPPED_PREFIX + name for name in sorted(_SHIPPED))}, or a path",
        )
    try:
        package = importlib.import_module("ferrogate_models")
    except ModuleNotFoundError as error:
        raise ConfigError(
            "the package ferrogate-models is not installed",
            where=spec,
            todo="pip install ferrogate-models (in a checkout: pip install ./models), or name a model file",
        ) from error
    find: Callable[[], Path] | None = getattr(package, _SHIPPED[kind], None)
    if find is None:
        raise ConfigError(
            f"the installed ferrogate-models ships no {kind} model",
            where=spec,
            todo=f"update ferrogate-models, or name a {kind} model file of your own",
        )
    return Path(find())


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
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the model cannot be read: {error.strerror or error}",
            where=str(path),
            todo="check the path and the file's rights; 'ferrogate-models:ball' is the model that is shipped",
        ) from error
    if not data:
        raise ContractError(
            "the model file is empty (0 bytes)", where=str(path), todo="copy or export the model again"
        )
    return ModelFile(name=str(path), path=path, data=data, sha256=hashlib.sha256(data).hexdigest())
