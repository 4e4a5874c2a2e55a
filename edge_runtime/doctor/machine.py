"""Checks of this computer: Python, packages, OpenCV, ONNX Runtime, memory, processors, clock.

Facts come in as arguments where that lets a test hand over any machine; `all_checks`
gathers them from the one it runs on.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement

from edge_runtime.doctor.report import Check, fail, ok, warn

DISTRIBUTION = "ferrogate"
PYTHON_MIN = (3, 11)
OPENCV_BUILDS = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
SHARED_MEMORY = Path("/dev/shm")
#: Two cameras of the twin take about 20 MB of rings; containers often start with 64 MB in all.
SHARED_MEMORY_MIN_MB = 64
SHARED_MEMORY_GOOD_MB = 256
#: No computer has been installed with this software before this day; a clock that says so was never set.
CLOCK_FLOOR_UTC_S = 1_735_689_600  # 2025-01-01
_CLOCK_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)


def check_python(version: Sequence[int] = sys.version_info[:3]) -> Check:
    """Python's version (major, minor, micro)."""
    text = ".".join(str(part) for part in version)
    if tuple(version[:2]) < PYTHON_MIN:
        return fail("python", text, "install Python 3.11 or newer and make the environment again")
    return ok("python", f"{text} on {platform.system()} {platform.machine()}")


def bare_requirements() -> list[Requirement]:
    """What the bare install of ferrogate asks for, extras left out; empty when it is not installed."""
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []
    found = [Requirement(line) for line in lines]
    return [item for item in found if item.marker is None or item.marker.evaluate({"extra": ""})]


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Version of each distribution of `names` that is installed."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # its absence is the finding
    return found


def check_packages(requirements: Sequence[Requirement], installed: Mapping[str, str]) -> list[Check]:
    """One line for each package of the bare install."""
    if not requirements:
        return [fail("packages", "ferrogate itself is not installed here", "pip install ferrogate")]
    checks = []
    for item in requirements:
        name = f"package {item.name}"
        version = installed.get(item.name)
        todo = f"pip install -c constraints.txt '{item.name}{item.specifier}'"
        if version is None:
            checks.append(fail(name, "not installed", todo))
        elif not item.specifier.contains(version, prereleases=True):
            checks.append(fail(name, f"{version} does not fit {item.specifier}", todo))
        else:
            checks.append(ok(name, version))
    return checks


def check_datasets_is_ours() -> Check:
    """The import name `datasets` is also that of an unrelated, widely used package."""
    try:
        module = importlib.import_module("datasets")
    except ImportError as error:
        return fail("datasets", f"cannot be imported: {error}", "install ferrogate again")
    place = str(getattr(module, "__file__", None) or "a folder without __init__.py")
    if getattr(module, "FERROGATE_PACKAGE", False) is True:
        return ok("datasets", f"ours, {Path(place).parent}")
    return fail(
        "datasets",
        f"'datasets' is another package: {place}",
        "pip uninstall datasets, then install ferrogate again; or give ferrogate an environment of its own",
    )


def check_opencv_import(load: Callable[[], str] | None = None) -> Check:
    """OpenCV loads; `load` returns its version or raises ImportError."""
    try:
        version = (load or (lambda: str(importlib.import_module("cv2").__version__)))()
    except ImportError as error:
        if "lib" in str(error) and ".so" in str(error):
            return fail(
                "opencv",
                f"a system library is missing: {error}",
                "sudo apt-get install libgl1 libglib2.0-0",
            )
        return fail(
            "opencv", f"cv2 cannot be imported: {error}", "pip install -c constraints.txt opencv-python"
        )
    return ok("opencv", f"cv2 {version} loads")


def check_opencv_builds(installed: Mapping[str, str]) -> Check:
    """All OpenCV distributions write the same folder cv2/: they must be of one version."""
    builds = {name: installed[name] for name in OPENCV_BUILDS if name in installed}
    text = ", ".join(f"{name} {version}" for name, version in builds.items())
    if len(set(builds.values())) > 1:
        return fail(
            "opencv builds",
            f"different versions share one folder: {text}",
            f"pip uninstall {' '.join(builds)}, then pip install -c constraints.txt " + " ".join(builds),
        )
    if not builds:
        return fail("opencv builds", "none installed", "pip install -c constraints.txt opencv-python")
    return ok("opencv builds", text)


def check_training_extra(present: bool | None = None) -> Check:
    """Whether torch is here; the edge needs none, so both are well."""
    if present is None:
        present = find_spec("torch") is not None
    return ok(
        "training extra", "torch is installed" if present else "torch is not installed; the edge needs none"
    )


def check_onnxruntime() -> Check:
    """ONNX Runtime loads; the execution providers of this build."""
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError as error:
        return fail(
            "onnxruntime", f"cannot be imported: {error}", "pip install -c constraints.txt onnxruntime"
        )
    return ok(
        "onnxruntime", f"{runtime.__version__}, providers: {', '.join(runtime.get_available_providers())}"
    )


def check_shared_memory(free_mb: float | None = None) -> Check:
    """Room for the frame rings, MB free on /dev/shm."""
    if free_mb is None:
        if not SHARED_MEMORY.is_dir():
            return fail("shared memory", f"there is no {SHARED_MEMORY}", "run on Linux with /dev/shm mounted")
        free_mb = shutil.disk_usage(SHARED_MEMORY).free / 1e6
    text = f"{free_mb:.0f} MB free in {SHARED_MEMORY}"
    todo = "mount it larger (containers: --shm-size=1g), or remove what other programs left there"
    if free_mb < SHARED_MEMORY_MIN_MB:
        return fail("shared memory", text, todo)
    if free_mb < SHARED_MEMORY_GOOD_MB:
        return warn("shared memory", text, todo)
    return ok("shared memory", text)


def check_processors(count: int | None = None) -> Check:
    """Processors this process may use."""
    if count is None:
        count = len(os.sched_getaffinity(0))
    if count < 2:
        return warn(
            "processors",
            f"{count} usable",
            "give it two: inspection and capture share one now, and verdicts will be late at speed",
        )
    return ok("processors", f"{count} usable")


def clock_is_synchronised() -> bool | None:
    """What the kernel says of the wall clock (adjtimex, read only); None when it does not say."""
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    if adjtimex is None:
        return None
    # struct timex, 208 bytes on 64-bit Linux; all zero (modes = 0) asks and changes nothing.
    state = adjtimex(ctypes.create_string_buffer(512))
    return None if state < 0 else state != _CLOCK_UNSYNCHRONISED


def check_clock(now_utc_s: float, synchronised: bool | None) -> Check:
    """Wall clock: orders nothing on the line, but dates the ledger and the pictures."""
    text = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now_utc_s))
    if now_utc_s < CLOCK_FLOOR_UTC_S:
        return fail("clock", f"{text}: never set", "set it (timedatectl set-time), or install chrony")
    if synchronised is False:
        return warn(
            "clock",
            f"{text}, not synchronised",
            "install chrony or enable systemd-timesyncd: ledger and pictures are dated by this clock",
        )
    return ok("clock", text + (", synchronised" if synchronised else ""))


def all_checks() -> list[Check]:
    """Every check of this machine."""
    requirements = bare_requirements()
    return [
        check_python(),
        *check_packages(requirements, installed_versions(item.name for item in requirements)),
        check_datasets_is_ours(),
        check_opencv_import(),
        check_opencv_builds(installed_versions(OPENCV_BUILDS)),
        check_training_extra(),
        check_onnxruntime(),
        check_shared_memory(),
        check_processors(),
        check_clock(time.time(), clock_is_synchronised()),
    ]
