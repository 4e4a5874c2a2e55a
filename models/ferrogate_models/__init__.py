"""Where the trained model files lie. Data only: this package imports nothing of ferrogate.

`shipped.json` names each station's files by precision, and the one that is taken where nothing else
is asked for. 'ferrogate export ship' writes it. The files are licensed AGPL-3.0-only (see LICENSE and
the model cards beside them).
"""

from __future__ import annotations

import json
from pathlib import Path

_HERE = Path(__file__).parent


def shipped() -> dict[str, dict[str, str]]:
    """Per station: 'default' (a precision), and file name by precision ('fp32', 'int8')."""
    text = (_HERE / "shipped.json").read_text(encoding="utf-8")
    stations: dict[str, dict[str, str]] = json.loads(text)
    return stations


def model_path(name: str) -> Path:
    """The ONNX file of a name: 'ball', 'ball_fp32', 'ball_int8', 'rail', ...

    Raises:
        KeyError: no such file is shipped.
    """
    station, _, precision = name.partition("_")
    files = shipped()[station]
    return _HERE / files[precision or files["default"]]


def ball_model_path() -> Path:
    """The ball detector's ONNX file; its contract is in its metadata, its card beside it."""
    return model_path("ball")


def rail_model_path() -> Path:
    """The rail detector's ONNX file; its contract is in its metadata, its card beside it."""
    return model_path("rail")
