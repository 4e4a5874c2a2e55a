"""The model files that are compared: the shipped ones by name, and one resized by 'ferrogate export resize'.

The way to the export room is its command: this room imports nothing of it.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import tempfile
from importlib import metadata
from pathlib import Path

from vision.errors import ConfigError, FerrogateError

_PREFIX = "ferrogate-models:"


def shipped(name: str) -> Path:
    """Path of a shipped model's file: 'ball', 'ball_fp32', 'rail_int8', ...

    Raises:
        ConfigError: the package is not installed, or ships no such model.
    """
    try:
        return Path(importlib.import_module("ferrogate_models").model_path(name))
    except (ImportError, KeyError, OSError, ValueError) as error:
        raise ConfigError(
            f"the shipped model '{name}' cannot be found: {error}",
            where=_PREFIX + name,
            todo="pip install ferrogate-models (in a checkout: pip install ./models)",
        ) from error


def model_file(spec: str) -> Path:
    """Path of a model: `spec` itself, or the shipped one for 'ferrogate-models:ball'.

    Raises:
        ConfigError: there is no such file.
    """
    path = shipped(spec.removeprefix(_PREFIX)) if spec.startswith(_PREFIX) else Path(spec)
    if not path.is_file():
        raise ConfigError(
            "there is no such model file", where=str(path), todo="give an ONNX file with --model"
        )
    return path


def resized(model: Path, side_px: int) -> bytes:
    """The same network for pictures of another size.

    Raises:
        ConfigError: a size that cannot be.
        ContractError: a file that cannot be resized.
        FerrogateError: the export room is not installed.
    """
    points = [point for point in metadata.entry_points(group="ferrogate.commands") if point.name == "export"]
    if not points:
        raise FerrogateError(
            "the command 'ferrogate export' is not installed",
            where="entry points ferrogate.commands",
            todo="pip install 'ferrogate[train]'",
        )
    parser = argparse.ArgumentParser(prog="ferrogate export")
    points[0].load()(parser)
    with tempfile.TemporaryDirectory(prefix="ferrogate-bench-") as folder:
        out = Path(folder) / "resized.onnx"
        args = parser.parse_args(
            ["resize", "--model", str(model), "--side", str(side_px), "--out", str(out), "--json"]
        )
        with contextlib.redirect_stdout(io.StringIO()):
            args.run(args)
        return out.read_bytes()
