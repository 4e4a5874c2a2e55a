"""Finds Mitsuba 3 and its LLVM library, or says clearly what to install."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from datasets.synthetic.sphere import FloatArray
from vision.errors import FerrogateError

VARIANT = "llvm_ad_mono"
_LLVM_PATTERNS = (
    "/usr/lib/*-linux-gnu/libLLVM.so.19*",
    "/usr/lib/*-linux-gnu/libLLVM-19.so*",
    "/usr/lib/llvm-19/lib/libLLVM*.so*",
)


def find_llvm() -> Path | None:
    """The LLVM 19 library of this machine (Dr.Jit refuses 14 and aborts with 15 and 16)."""
    for pattern in _LLVM_PATTERNS:
        found = sorted(Path("/").glob(pattern.lstrip("/")))
        if found:
            return found[0]
    return None


def load_mitsuba() -> Any:
    """The `mitsuba` module with the renderer's variant set.

    Raises:
        FerrogateError: mitsuba or the LLVM library is missing.
    """
    if "DRJIT_LIBLLVM_PATH" not in os.environ:
        library = find_llvm()
        if library is None:
            raise FerrogateError(
                "the renderer needs LLVM 19, and none was found",
                where=", ".join(_LLVM_PATTERNS),
                todo="install it ('apt-get install libllvm19'), or set DRJIT_LIBLLVM_PATH to libLLVM.so.19",
            )
        os.environ["DRJIT_LIBLLVM_PATH"] = str(library)
    elif not Path(os.environ["DRJIT_LIBLLVM_PATH"]).is_file():
        raise FerrogateError(
            "DRJIT_LIBLLVM_PATH names no file",
            where=os.environ["DRJIT_LIBLLVM_PATH"],
            todo="unset it, or point it to libLLVM.so.19",
        )
    try:
        import mitsuba
    except ImportError as error:
        raise FerrogateError(
            f"the renderer is not installed: {error}",
            where="package mitsuba",
            todo="pip install 'ferrogate[train]'",
        ) from error
    mitsuba.set_variant(VARIANT)
    return mitsuba


def set_threads(count: int) -> None:
    """Limit the renderer's threads (the denoiser shares them); call it before the first render."""
    load_mitsuba()
    import drjit

    drjit.set_thread_count(count)


def load_denoiser() -> Callable[[FloatArray, FloatArray, FloatArray], FloatArray]:
    """OIDN as `denoise(colour, albedo, normal)`, three (H, W, 3) float32 pictures to one.

    The small network: with noise-free albedo and normals it looks like the large one
    at a quarter of its cost.

    Raises:
        FerrogateError: the denoiser is missing.
    """
    try:
        import mitsuba_oidn as oidn
    except ImportError as error:
        raise FerrogateError(
            f"the renderer's denoiser is not installed: {error}",
            where="package mitsuba-oidn",
            todo="pip install 'ferrogate[train]'",
        ) from error

    def denoise(colour: FloatArray, albedo: FloatArray, normal: FloatArray) -> FloatArray:
        clean = oidn.denoise(colour, albedo, normal, hdr=True, clean_aux=True, quality=oidn.Quality.Fast)
        return np.asarray(clean, np.float32)

    return denoise
