"""Execution providers of ONNX Runtime: short names, what is there, and what to say of a fallback.

Neighbour: `vision.detector`. A provider that is asked for and missing is an error unless
the caller allows a fallback, and then the fallback is put into words, never left silent.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnxruntime as ort

from vision.errors import ProviderError

CPU = "CPUExecutionProvider"
PROVIDER_NAMES: dict[str, str] = {
    "cpu": CPU,
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
    "armnn": "ArmNNExecutionProvider",
    "acl": "ACLExecutionProvider",
    "xnnpack": "XnnpackExecutionProvider",
    "qnn": "QNNExecutionProvider",
}
_SHORT = {long: short for short, long in PROVIDER_NAMES.items()}


@dataclass(frozen=True, slots=True)
class ProviderChoice:
    """Which providers to hand to ONNX Runtime, and what to say aloud ('' when nothing)."""

    ort_names: tuple[str, ...]
    note: str = ""


def ort_name(provider: str) -> str:
    """ONNX Runtime's name of a provider: 'cuda' and 'CUDAExecutionProvider' mean the same.

    Raises:
        ProviderError: no such name.
    """
    if provider in _SHORT:
        return provider
    name = PROVIDER_NAMES.get(provider.lower())
    if name is not None:
        return name
    if provider.endswith("ExecutionProvider"):
        # A provider of a private build: whether it is there is checked next.
        return provider
    raise ProviderError(
        f"there is no execution provider '{provider}'",
        where="detector.provider",
        todo=f"use one of: {', '.join(sorted(PROVIDER_NAMES))}",
    )


def short_name(name: str) -> str:
    """'cpu' for 'CPUExecutionProvider'; an unknown one keeps its long name."""
    return _SHORT.get(name, name)


def available_providers() -> tuple[str, ...]:
    """Short names of the providers built into this machine's ONNX Runtime."""
    return tuple(short_name(name) for name in ort.get_available_providers())


def choose_provider(provider: str, *, allow_fallback: bool) -> ProviderChoice:
    """Check that a provider is built in, or fall back to CPU where that is allowed.

    Raises:
        ProviderError: it is not there and no fallback is allowed.
    """
    wanted = ort_name(provider)
    if wanted in ort.get_available_providers():
        return ProviderChoice((wanted,) if wanted == CPU else (wanted, CPU))
    if not allow_fallback:
        raise missing_provider(wanted, "it is not built into this onnxruntime")
    return ProviderChoice((CPU,), fallback_note(wanted, "it is not built into this onnxruntime"))


def missing_provider(wanted: str, why: str) -> ProviderError:
    """The error for a provider that cannot be used."""
    return ProviderError(
        f"execution provider '{short_name(wanted)}' cannot be used: {why}; "
        f"here are: {', '.join(available_providers())}",
        where="detector.provider",
        todo="install the onnxruntime package that brings it (for CUDA: onnxruntime-gpu), set provider: cpu, "
        "or set allow_fallback: true",
    )


def fallback_note(wanted: str, why: str) -> str:
    """What to say aloud when CPU is taken in place of the provider asked for."""
    return f"provider '{short_name(wanted)}' was asked for, but {why}; running on cpu"
