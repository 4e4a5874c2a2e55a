"""Takes exported files into the package `ferrogate_models`, and decides which one is its default.

The default is INT8 where there is one (then it passed its gate) and it ran faster than FP32; else FP32.
Neighbours: `export.export_run` made the files, `ferrogate_models` finds them by `shipped.json`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from export.export_run import Station, card_path, variant_path
from export.whole_file import write_whole
from vision.contract import ModelContract
from vision.detector import Detector
from vision.errors import ConfigError, ContractError

INDEX = "shipped.json"


@dataclass(frozen=True, slots=True)
class Shipped:
    """What lies in the package now for one station: the default precision, and bytes per file."""

    default: str
    files: dict[str, int]


def ship(station: Station, model: Path, package: Path) -> Shipped:
    """Copy a station's files and card, and note them in `shipped.json`, all at once.

    Args:
        station: whose model it is.
        model: the FP32 file; INT8 and card lie beside it, as 'ferrogate export' writes them.
        package: folder of the package `ferrogate_models`.

    Raises:
        ConfigError: a file is missing, or the folder is not the package.
        ContractError: a file is of another station, or INT8 was not made from this FP32 file.
    """
    index = _read_index(package)
    content = _read(model)
    Detector(content, str(model), station=station)
    files = {package / f"{station}.onnx": content}
    entry = {"default": "fp32", "fp32": f"{station}.onnx"}
    lower = package / f"{station}_int8.onnx"
    source = variant_path(model, "int8")
    if source.exists():
        files[lower] = _read(source)
        contract = Detector(files[lower], str(source), station=station).contract
        entry["int8"] = lower.name
        if _gate_ratio(contract, content, source) > 1.0:
            entry["default"] = "int8"
    files[package / f"MODEL_CARD_{station}.md"] = _read(card_path(model))
    whole = dict(sorted((index | {station: entry}).items()))
    files[package / INDEX] = (json.dumps(whole, indent=2) + "\n").encode()
    write_whole(files, () if source.exists() else (lower,))
    return Shipped(entry["default"], {path.name: len(data) for path, data in files.items()})


def _gate_ratio(contract: ModelContract, fp32: bytes, where: Path) -> float:
    gate = contract.gate
    if gate is None or gate.fp32_sha256 != hashlib.sha256(fp32).hexdigest():
        raise ContractError(
            "the INT8 file was not made from this FP32 file", where=str(where), todo="export both again"
        )
    return gate.speed_ratio


def _read_index(package: Path) -> dict[str, dict[str, str]]:
    path = package / INDEX
    try:
        index: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"this is not the package ferrogate_models: {error}",
            where=str(path),
            todo="give models/ferrogate_models of a checkout with --to",
        ) from error
    return index


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the file cannot be read: {error.strerror or error}",
            where=str(path),
            todo="export it first with 'ferrogate export'",
        ) from error
