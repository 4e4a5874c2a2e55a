"""The marks of a test that needs the training extra: `train`, and a skip that says what is missing."""

from __future__ import annotations

import importlib.util

import pytest

from datasets.synthetic.mitsuba_backend import find_llvm

_NEEDED = ("torch", "ultralytics", "mitsuba", "mitsuba_oidn", "onnx", "onnxslim")
_MISSING = [name for name in _NEEDED if importlib.util.find_spec(name) is None]

needs_training = pytest.mark.skipif(
    bool(_MISSING),
    reason=f"the training extra is not installed (no {', '.join(_MISSING)}): pip install 'ferrogate[train]'",
)
needs_renderer = pytest.mark.skipif(
    bool(_MISSING) or find_llvm() is None,
    reason="the renderer needs the training extra and LLVM 19 ('apt-get install libllvm19')",
)
