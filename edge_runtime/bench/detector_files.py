"""The files that `ferrogate bench detector` measures: shipped ones, given ones, and one resized.

Resizing a graph needs the data team's tools (package onnx); it goes through their command, for the edge
imports nothing of them. Where they are missing that is said, and the rest is measured. Neighbour:
`export.resize`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from edge_runtime.models import ModelFile, read_model
from vision.errors import ConfigError, ContractError, FerrogateError

#: what is measured when nothing is named
SHIPPED = (
    "ferrogate-models:ball_fp32",
    "ferrogate-models:ball_int8",
    "ferrogate-models:rail_fp32",
    "ferrogate-models:rail_int8",
)
#: side -> the shipped file that is resized to it: a ball's size of the one, pictures' sizes of the other
SIZES_PX = {
    160: "ferrogate-models:ball_fp32",
    320: "ferrogate-models:rail_fp32",
    640: "ferrogate-models:rail_fp32",
}
_GROUP, _COMMAND = "ferrogate.commands", "export"


def find_files(specs: Sequence[str], sizes_px: Sequence[int]) -> tuple[tuple[ModelFile, ...], list[str]]:
    """Read the files, and resize one of them.

    Args:
        specs: paths or names of shipped models; none: all that are shipped.
        sizes_px: to resize to: the first file that is named, else what `SIZES_PX` says.

    Returns:
        The files, and what could not be had, in words.

    Raises:
        ConfigError, ContractError: a named file cannot be used.
    """
    files = [replace(read_model(spec), name=spec) for spec in specs or SHIPPED]
    notes = []
    for side_px in sizes_px:
        source = specs[0] if specs else SIZES_PX.get(side_px, SHIPPED[0])
        try:
            files.append(resized(replace(read_model(source), name=source), side_px))
        except (ConfigError, ContractError):
            raise
        except FerrogateError as error:
            notes.append(f"{side_px} px not measured: {error.what} ({error.todo})")
    return tuple(files), notes


def resized(model: ModelFile, side_px: int) -> ModelFile:
    """The same network for pictures of another size, by 'ferrogate export resize'.

    Raises:
        ConfigError: a size that cannot be.
        ContractError: a file that cannot be resized.
        FerrogateError: the data team's tools are not installed.
    """
    points = [point for point in metadata.entry_points(group=_GROUP) if point.name == _COMMAND]
    if not points:
        raise FerrogateError(
            f"'ferrogate {_COMMAND}' is not installed",
            where=f"entry points {_GROUP}",
            todo="pip install 'ferrogate[train]'",
        )
    parser = argparse.ArgumentParser(prog=f"ferrogate {_COMMAND}")
    try:
        points[0].load()(parser)
    except (ImportError, AttributeError) as error:
        raise FerrogateError(
            f"'ferrogate {_COMMAND}' cannot be loaded: {error}",
            where=points[0].value,
            todo="pip install 'ferrogate[train]'",
        ) from error
    with tempfile.TemporaryDirectory(prefix="ferrogate-bench-") as folder:
        out = Path(folder) / "resized.onnx"
        words = ["resize", "--model", str(model.path), "--side", str(side_px), "--out", str(out), "--json"]
        args = parser.parse_args(words)
        with contextlib.redirect_stdout(io.StringIO()):
            args.run(args)
        return replace(read_model(str(out)), name=f"{model.name} resized to {side_px} px")
