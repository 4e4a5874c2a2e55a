"""What is evaluated: a model file, or the network of a training run as a draft.

A draft comes from the command `ferrogate export STATION --draft`, through the entry point of that room:
this room imports nothing of it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from datasets.scoring.calibration import Station
from datasets.training_run import TrainingManifest, read_manifest
from vision.detector import Detector
from vision.errors import ConfigError, ContractError, FerrogateError

_GROUP = "ferrogate.commands"


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A model ready to look; `draft`: its thresholds are placeholders."""

    detector: Detector
    draft: bool
    name: str


def open_subject(station: Station, run: Path, model: Path | None, threads: int) -> Subject:
    """Open the model to evaluate.

    Args:
        station: it must be made for.
        run: folder of a finished training run; used where no model is given.
        model: an ONNX file, or None.
        threads: of ONNX Runtime.

    Raises:
        ConfigError: the run is not finished or of another station.
        ContractError: the file cannot be read, is no model with a contract, or is of another station.
        FerrogateError: the draft could not be made.
    """
    if model is not None:
        try:
            content = model.read_bytes()
        except OSError as error:
            raise ContractError(
                f"the model cannot be read: {error.strerror or error}",
                where=str(model),
                todo="give an ONNX file with --model, or a training run with --run",
            ) from error
        return Subject(Detector(content, str(model), station=station, threads=threads), False, str(model))
    manifest = run_manifest(station, run)
    name = f"{run} (draft, {manifest.weights_sha256[:12]})"
    content = draft_bytes(station, run)
    return Subject(Detector(content, name, station=station, threads=threads), True, name)


def run_manifest(station: Station, run: Path) -> TrainingManifest:
    """The manifest of a finished run of this station.

    Raises:
        ConfigError: there is none, or it is of another station.
    """
    manifest = read_manifest(run)
    if manifest.station != station:
        raise ConfigError(
            f"this run trained a {manifest.station} model, not one of the {station} station",
            where=str(run),
            todo=f"give a run of 'ferrogate train {station}' with --run",
        )
    return manifest


def draft_bytes(station: Station, run: Path) -> bytes:
    """The run's network as an ONNX file's content.

    Raises:
        FerrogateError: the export room is not installed, or could not export it.
    """
    points = [point for point in metadata.entry_points(group=_GROUP) if point.name == "export"]
    if not points:
        raise FerrogateError(
            "the command 'ferrogate export', which makes the draft, is not installed",
            where=f"entry points {_GROUP}",
            todo="pip install 'ferrogate[train]', or give an exported file with --model",
        )
    parser = argparse.ArgumentParser(prog="ferrogate export")
    points[0].load()(parser)
    with tempfile.TemporaryDirectory(prefix="ferrogate-draft-") as folder:
        out = Path(folder) / "draft.onnx"
        words = [station, "--run", str(run), "--out", str(out), "--draft", "--json"]
        args = parser.parse_args(words)
        with contextlib.redirect_stdout(io.StringIO()):
            code = args.run(args)
        if code or not out.is_file():
            raise FerrogateError(
                f"the draft was not made (exit code {code})",
                where=str(run),
                todo=f"try 'ferrogate export {station} --run {run} --draft --out draft.onnx'",
            )
        return out.read_bytes()
