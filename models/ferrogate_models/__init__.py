"""Where the trained model files lie. Data only: this package imports nothing of ferrogate.

The files are licensed AGPL-3.0-only (see LICENSE and the model cards beside them).
"""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def ball_model_path() -> Path:
    """The ball detector's ONNX file; its contract is in its metadata, its card beside it."""
    return _HERE / "ball.onnx"
