"""Execution providers of ONNX Runtime: short names, what is there, and what to say of a fallback.

Neighbour: `vision.detector`. A provider that is asked for and missing is an error unless
the caller allows a fallback, and then the fallback is put into words, never left silent.

Most providers are built into ONNX Runtime. OpenVINO's comes in a package of its own beside it
(`ferrogate[openvino]`), as a library that is registered with the process when it is first asked for.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

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
#: Providers that a package beside onnxruntime brings: the package's module.
PLUGINS = {"OpenVINOExecutionProvider": "onnxruntime_ep_openvino"}
_REGISTERED_AS = "ferrogate-"


@dataclass(frozen=True, slots=True)
class ProviderChoice:
    """Which providers to hand to ONNX Runtime, and what to say aloud ('' when nothing).

    `plugin`: the first one comes from a registered library, and a session is opened on its devices.
    """

    ort_names: tuple[str, ...]
    note: str = ""
    plugin: bool = False


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
    """Short names of the providers that a session can be opened on here, those of plug-ins included."""
    names = list(ort.get_available_providers())
    names += [name for name in PLUGINS if name not in names and plugin_devices(name)]
    return tuple(short_name(name) for name in names)


@lru_cache(maxsize=len(PLUGINS))
def plugin_devices(name: str) -> tuple[Any, ...]:
    """Devices of a provider that a package of its own brings; empty where there is none.

    The library is registered with this process, once, and stays until the process ends.

    Args:
        name: ONNX Runtime's name of the provider.
    """
    if name not in PLUGINS:
        return ()
    try:
        package = importlib.import_module(PLUGINS[name])
        ort.register_execution_provider_library(_REGISTERED_AS + name, package.get_library_path())
    except (ImportError, OSError, AttributeError, ort_errors.Fail, ort_errors.RuntimeException):
        return ()  # `choose_provider` says what follows from it
    return tuple(
        device
        for device in ort.get_ep_devices()
        if device.ep_name == name and device.device.type == ort.OrtHardwareDeviceType.CPU
    )


def open_session(
    model: bytes, options: ort.SessionOptions, choice: ProviderChoice, threads: int, precision: str = "f32"
) -> ort.InferenceSession:
    """A session on the provider that was chosen; it may name another one where that does not start.

    Args:
        model: content of the ONNX file.
        options: of the session; a plug-in's devices are added.
        choice: from `choose_provider`.
        threads: of a plug-in's own pool; ONNX Runtime's own is set in `options`.
        precision: 'f32' or 'bf16', what a plug-in computes FP32 layers in. A station takes f32: what a model
            file promises was measured with it.

    Raises:
        Whatever ONNX Runtime raises for a model that it cannot open (`vision.detector.ORT_ERRORS`).
    """
    if not choice.plugin:
        return ort.InferenceSession(model, sess_options=options, providers=list(choice.ort_names))
    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads}
    settings |= {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1"}
    devices: Sequence[Any] = plugin_devices(choice.ort_names[0])
    options.add_provider_for_devices(list(devices), {"load_config": json.dumps({"CPU": settings})})
    # Without its own second try on CPU, which it would print to stdout.
    return ort.InferenceSession(model, sess_options=options, enable_fallback=0)


def choose_provider(provider: str, *, allow_fallback: bool) -> ProviderChoice:
    """Check that a provider is built in, or fall back to CPU where that is allowed.

    Raises:
        ProviderError: it is not there and no fallback is allowed.
    """
    wanted = ort_name(provider)
    if plugin_devices(wanted):
        return ProviderChoice((wanted, CPU), plugin=True)
    if wanted in ort.get_available_providers():
        return ProviderChoice((wanted,) if wanted == CPU else (wanted, CPU))
    why = "it is not built into this onnxruntime"
    if wanted in PLUGINS:
        why = f"its package ({PLUGINS[wanted].replace('_', '-')}) is not installed or does not start"
    if not allow_fallback:
        raise missing_provider(wanted, why)
    return ProviderChoice((CPU,), fallback_note(wanted, why))


def missing_provider(wanted: str, why: str) -> ProviderError:
    """The error for a provider that cannot be used."""
    return ProviderError(
        f"execution provider '{short_name(wanted)}' cannot be used: {why}; "
        f"here are: {', '.join(available_providers())}",
        where="detector.provider",
        todo="install the package that brings it (for OpenVINO: pip install 'ferrogate[openvino]', for CUDA: "
        "onnxruntime-gpu), set provider: cpu, or set allow_fallback: true",
    )


def fallback_note(wanted: str, why: str) -> str:
    """What to say aloud when CPU is taken in place of the provider asked for."""
    return f"provider '{short_name(wanted)}' was asked for, but {why}; running on cpu"
