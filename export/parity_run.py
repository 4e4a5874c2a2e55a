"""`ferrogate parity`: do network, FP32 file and INT8 file say the same, on this machine?

Neighbours: `export.parity` compares numbers, `export.golden` verdicts, `export.export_run` made the files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from datasets.extra import require_training
from export.export_run import PARITY_PICTURES, Station, variant_path
from export.golden import (
    GOLDEN_PICTURES,
    NetworkLooks,
    Verdicts,
    flips,
    golden_sha256,
    most_flips,
    verdicts_of,
)
from export.machine import this_machine
from export.network import load_network, run_network
from export.parity import Parity, compare
from export.quantise import open_session
from export.run_data import draw_pictures, open_data, open_run
from vision.contract import ModelContract
from vision.detector import Detector
from vision.errors import ConfigError, ContractError
from vision.preprocess import preprocess
from vision.providers import choose_provider
from vision.types import Float32Array


@dataclass(frozen=True, slots=True)
class FileVerdicts:
    """One file's verdicts on the golden set: flips against the network, and against the FP32 file."""

    file: str
    precision: str
    flips_to_network: int
    flips_to_fp32: int
    allowed: int


@dataclass(frozen=True, slots=True)
class ParityReport:
    """What was compared, on what machine, and what is off.

    Attributes:
        machine: processor, ONNX Runtime, provider that ran.
        numbers: network against the FP32 file, on equal tensors.
        golden_pictures: size of the golden set.
        golden_as_exported: it has the very pixels it had at export (another JPEG decoder gives others).
        files: verdicts of each file.
        off: sentences on what is beyond its tolerance; empty: all is well.
    """

    machine: str
    numbers: Parity
    golden_pictures: int
    golden_as_exported: bool
    files: tuple[FileVerdicts, ...]
    off: tuple[str, ...]


def run_parity(
    station: Station,
    run: Path,
    model: Path,
    data_folder: Path | None = None,
    *,
    provider: str = "cpu",
) -> ParityReport:
    """Compare a run's network with the files exported from it.

    Args:
        station: whose run it is.
        run: folder of 'ferrogate train'.
        model: the FP32 file; forms of lower precision beside it are compared, too.
        data_folder: the run's data; None: where it lay while training.
        provider: that runs the files.

    Raises:
        ConfigError: run, data or file cannot be used.
        ContractError: a file is broken, or of another run.
        ProviderError: the provider is not there.
    """
    require_training("torch", "ultralytics", "onnx", "onnxslim")
    manifest = open_run(run, station)
    content = _read(model)
    detector = Detector(content, str(model), station=station, provider=provider)
    contract = detector.contract
    if contract.training_sha256 != manifest.sha256():
        raise ContractError(
            "this file was not exported from this run",
            where=str(model),
            todo=f"export it with 'ferrogate export {station} --run {run}', or name its own run",
        )
    network = load_network(run, manifest)
    golden = draw_pictures(open_data(manifest, data_folder), "val", contract, GOLDEN_PICTURES)
    tensors = [preprocess(picture.pixels, contract.input)[0] for picture in golden[:PARITY_PICTURES]]
    rows = [run_network(network, tensor) for tensor in tensors]
    numbers = _numbers(content, contract, tensors, rows, provider)
    by_network = verdicts_of(NetworkLooks(partial(run_network, network), contract), golden)
    by_fp32 = verdicts_of(detector, golden)
    files = [_file_verdicts(model, contract, by_fp32, by_network, by_fp32, allowed=0)]
    for path, lower in _lower_files(model, content, station, provider):
        verdicts = verdicts_of(lower, golden)
        allowed = most_flips(len(golden))
        files.append(_file_verdicts(path, lower.contract, verdicts, by_network, by_fp32, allowed=allowed))
    return ParityReport(
        machine=this_machine(detector.provider),
        numbers=numbers,
        golden_pictures=len(golden),
        golden_as_exported=golden_sha256(golden) == contract.golden_sha256,
        files=tuple(files),
        off=_off(numbers, files),
    )


def _numbers(
    content: bytes,
    contract: ModelContract,
    tensors: Sequence[Float32Array],
    rows: Sequence[Float32Array],
    provider: str,
) -> Parity:
    session = open_session(content, choose_provider(provider, allow_fallback=False).ort_names)
    names, feed = [contract.output.name], contract.input.name
    return compare(
        (row, session.run(names, {feed: tensor})[0]) for tensor, row in zip(tensors, rows, strict=False)
    )


def _lower_files(model: Path, fp32: bytes, station: Station, provider: str) -> list[tuple[Path, Detector]]:
    found = []
    for precision in ("int8", "bf16"):
        path = variant_path(model, precision)
        if not path.exists():
            continue
        detector = Detector(_read(path), str(path), station=station, provider=provider)
        gate = detector.contract.gate
        if gate is None or gate.fp32_sha256 != hashlib.sha256(fp32).hexdigest():
            raise ContractError(
                f"this file was not made from {model.name}", where=str(path), todo="export both again"
            )
        found.append((path, detector))
    return found


def _file_verdicts(
    path: Path,
    contract: ModelContract,
    verdicts: Verdicts,
    by_network: Verdicts,
    by_fp32: Verdicts,
    *,
    allowed: int,
) -> FileVerdicts:
    return FileVerdicts(
        str(path), contract.precision, flips(verdicts, by_network), flips(verdicts, by_fp32), allowed
    )


def _off(numbers: Parity, files: Sequence[FileVerdicts]) -> tuple[str, ...]:
    off = [] if numbers.agrees else [f"the FP32 file differs from the network: {numbers.in_words}"]
    off += [
        f"{one.file}: {one.flips_to_fp32} verdicts differ from the FP32 file's, at most {one.allowed} may"
        for one in files
        if one.flips_to_fp32 > one.allowed
    ]
    off += [
        f"{one.file}: {one.flips_to_network} verdicts differ from the network's"
        for one in files
        if one.precision == "fp32" and one.flips_to_network
    ]
    return tuple(off)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the model cannot be read: {error.strerror or error}",
            where=str(path),
            todo="export it first with 'ferrogate export', or name it with --model",
        ) from error
