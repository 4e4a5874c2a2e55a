"""`ferrogate export free`: files exported for one picture, rewritten for any number of them.

Neighbours: `export.batch` frees a graph; `export.export_run` writes free files from the start.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from export.batch import check_company, freed_file
from export.export_run import variant_path
from export.whole_file import write_whole
from vision.detector import Detector
from vision.errors import ConfigError, ContractError
from vision.preprocess import preprocess

#: drawn pictures that each file is tried on
_DRAWN = 4


def free_files(model: Path) -> dict[Path, int]:
    """Free an exported FP32 file and the INT8 file beside it, in place; their sizes in bytes.

    Raises:
        ConfigError: a file cannot be read or written.
        ContractError: one has no contract, or cannot be freed; nothing was written then.
    """
    before = _read(model)
    fp32 = freed_file(before)
    files = {model: fp32}
    lower = variant_path(model, "int8")
    if lower.exists():
        content = _read(lower)
        gate = Detector(content, str(lower)).contract.gate
        if gate is None or gate.fp32_sha256 != hashlib.sha256(before).hexdigest():
            raise ContractError(
                f"this file was not made from {model.name}", where=str(lower), todo="export both again"
            )
        files[lower] = freed_file(content, fp32)
    for path, content in files.items():
        spec = Detector(content, str(path)).contract.input
        rng = np.random.default_rng(0)
        shape = (spec.height_px, spec.width_px)
        drawn = [rng.integers(0, 256, shape, np.uint8) for _ in range(_DRAWN)]
        check_company(content, [preprocess(picture, spec)[0] for picture in drawn])
    write_whole(files)
    return {path: len(content) for path, content in files.items()}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the file cannot be read: {error.strerror or error}",
            where=str(path),
            todo="give an exported file",
        ) from error
