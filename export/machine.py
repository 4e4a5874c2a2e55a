"""What a figure was measured on: processor, ONNX Runtime, provider; and how much faster a file is."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from export.quantise import open_session
from vision.types import Float32Array

_CPU_INFO = Path("/proc/cpuinfo")


def processor() -> str:
    """The processor's name, and whether it multiplies 8-bit numbers natively (VNNI)."""
    name, flags = platform.processor() or platform.machine(), ""
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return name
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            name = value.strip()
        elif key.strip() in ("flags", "Features"):
            flags = value
    return f"{name}, {'with' if 'vnni' in flags or 'asimddp' in flags else 'without'} 8-bit products"


def this_machine(provider: str = "cpu") -> str:
    """Processor, ONNX Runtime's version and the provider, in one line."""
    return f"{processor()}; ONNX Runtime {onnxruntime.__version__}, {provider}"


def speed_ratio(before: bytes, after: bytes, tensors: Sequence[Float32Array], rounds: int = 60) -> float:
    """Time of the first model over the second's on one thread, run in turns, so that load hits both.

    Args:
        before: ONNX file.
        after: ONNX file with the same input.
        tensors: inputs, taken in turn.
        rounds: runs of each; their lower quartiles are compared, which other programs disturb least.
    """
    sessions = [open_session(before), open_session(after)]
    feed = sessions[0].get_inputs()[0].name
    times: list[list[float]] = [[], []]
    for number in range(rounds + 3):
        for index, session in enumerate(sessions):
            tensor = tensors[number % len(tensors)]
            began = time.perf_counter()
            session.run(None, {feed: tensor})
            if number >= 3:  # the first runs pay for lazy set-up
                times[index].append(time.perf_counter() - began)
    return float(np.percentile(times[0], 25) / np.percentile(times[1], 25))
