"""What is shipped: the wheels' contents, the pins, and that the bare install has no training packages."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {"vision", "training", "datasets", "export", "edge_runtime"}
NOT_SOURCE = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "build", "dist", "runs", "node_modules", "*.log"
)


def _pins() -> dict[str, str]:
    """Exact versions of constraints.txt by canonical name."""
    pins: dict[str, str] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, version = line.split("==")
            pins[canonicalize_name(name)] = version
    return pins


def _project() -> dict[str, object]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    assert isinstance(project, dict)
    return project


def _build(source: Path, folder: Path) -> zipfile.ZipFile:
    """Build a wheel with the setuptools of this environment, without a network."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"),
            *("--disable-pip-version-check", "--wheel-dir", str(folder), str(source)),
        ],
        capture_output=True, text=True, check=False, timeout=170,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree, so that nothing is written into it and no old build leaks in."""
    copy = tmp_path_factory.mktemp("source") / "ferrogate"
    shutil.copytree(ROOT, copy, ignore=NOT_SOURCE)
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return _build(source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def models_wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return _build(source / "models", tmp_path_factory.mktemp("models-wheel"))


def _metadata(wheel: zipfile.ZipFile) -> str:
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return wheel.read(name).decode()


def test_the_wheel_holds_the_rooms_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == ROOMS


def test_no_tests_and_no_models_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    wrong = [
        name
        for name in wheel.namelist()
        if name.endswith((".onnx", ".pt")) or re.search(r"(^|/)(tests?|models)/", name)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "pattern",
    [
        r"datasets/synthetic/data/ball_bank/bank\.json",
        r"datasets/synthetic/data/ball_bank/.*\.webp",
        r"datasets/synthetic/settings/.*\.yaml",
        r"edge_runtime/recipes/.*\.yaml",
        r"edge_runtime/ledger/migrations/env\.py",
        r"edge_runtime/ledger/migrations/versions/.*\.py",
        r"vision/py\.typed",
        r"edge_runtime/py\.typed",
        r"ferrogate-.*\.dist-info/licenses/LICENSE",
    ],
)
def test_the_wheel_holds_what_the_code_reads(pattern: str, wheel: zipfile.ZipFile) -> None:
    assert [name for name in wheel.namelist() if re.fullmatch(pattern, name)]


def test_every_data_file_of_the_tree_is_in_the_wheel(wheel: zipfile.ZipFile, source: Path) -> None:
    names = set(wheel.namelist())
    missing = [
        str(path.relative_to(source))
        for room in sorted(ROOMS)
        for path in (source / room).rglob("*")
        if path.is_file() and path.suffix != ".md" and str(path.relative_to(source)) not in names
    ]
    assert missing == []


def test_the_wheel_is_light(wheel: zipfile.ZipFile) -> None:
    assert sum(item.compress_size for item in wheel.infolist()) < 22_000_000  # the bank alone may have 20 MB


def test_licences_are_stated(wheel: zipfile.ZipFile, models_wheel: zipfile.ZipFile) -> None:
    assert "License-Expression: Apache-2.0" in _metadata(wheel)
    assert "License-Expression: AGPL-3.0" in _metadata(models_wheel)


def test_models_are_a_distribution_of_their_own(models_wheel: zipfile.ZipFile) -> None:
    names = models_wheel.namelist()
    assert [name for name in names if name.endswith(".onnx")]
    assert [name for name in names if "/licenses/" in name and "LICENSE" in name]
    assert not ROOMS & {name.split("/")[0] for name in names}
    assert "Name: ferrogate-models" in _metadata(models_wheel)


def test_the_bare_install_does_not_ask_for_training_packages(wheel: zipfile.ZipFile) -> None:
    asked = [line.removeprefix("Requires-Dist: ") for line in _metadata(wheel).splitlines()]
    asked = [line for line in asked if re.match(r"(torch|ultralytics|albumentations|mitsuba|onnx\b)", line)]
    assert asked
    assert all(Requirement(line).marker is not None for line in asked)


def test_the_installed_wheel_runs_away_from_the_tree(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """What users get: imported from the wheel's files alone, in another folder."""
    place = tmp_path / "site"
    wheel.extractall(place)
    code = (
        "import sys, pathlib\n"
        "from datasets.synthetic.bank import BallBank\n"
        "from edge_runtime import cli\n"
        "assert pathlib.Path(cli.__file__).is_relative_to(sys.argv[1]), cli.__file__\n"
        "ball = BallBank().index.balls[0]; print(len(BallBank().views(ball)))\n"
        "raise SystemExit(cli.main(['plc-map']))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(place)],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(place)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "epoch" in done.stdout


def test_every_direct_requirement_is_pinned_and_fits() -> None:
    project = _project()
    extras = project["optional-dependencies"]
    direct = project["dependencies"]
    assert isinstance(extras, dict)
    assert isinstance(direct, list)
    pins = _pins()
    wrong = []
    for line in [*direct, *(line for lines in extras.values() for line in lines)]:
        item = Requirement(line)
        version = pins.get(canonicalize_name(item.name))
        if version is None or version not in item.specifier:
            wrong.append(f"{line}: pinned to {version}")
    assert wrong == []


def test_pins_are_what_is_installed_here() -> None:
    """The tests prove something of the pinned versions only when they run on them."""
    wrong = []
    for name, version in _pins().items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # of the other environment
        if installed != version:
            wrong.append(f"{name}: pinned {version}, installed {installed}")
    assert wrong == []


def test_both_opencv_builds_are_pinned_to_one_version() -> None:
    pins = _pins()
    assert pins["opencv-python"] == pins["opencv-python-headless"]


@pytest.mark.train
def test_both_opencv_builds_are_installed_and_one_version() -> None:
    """ultralytics wants the one, albumentations the other; both write cv2/."""
    pinned = _pins()["opencv-python"]
    assert metadata.version("opencv-python") == pinned
    assert metadata.version("opencv-python-headless") == pinned
    assert pinned.startswith(importlib.import_module("cv2").__version__)


@pytest.mark.train
@pytest.mark.parametrize("name", ["torch", "torchvision", "ultralytics", "albumentations", "onnx", "mitsuba"])
def test_the_training_extra_is_complete(name: str) -> None:
    assert importlib.import_module(name).__name__ == name


def test_versions_of_both_distributions_agree() -> None:
    with (ROOT / "models" / "pyproject.toml").open("rb") as file:
        models = tomllib.load(file)["project"]
    assert models["version"] == _project()["version"]
    assert f"[{models['version']}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
