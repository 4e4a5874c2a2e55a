"""The arrows of the house, and a few rules every file keeps. Reads the source, runs nothing of it."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("vision", "training", "datasets", "export", "edge_runtime")
HEAVY = frozenset(
    {
        "torch", "torchvision", "ultralytics", "albumentations", "mitsuba", "mitsuba_oidn", "drjit",
        "faster_coco_eval",
    }
)  # fmt: skip
#: What `vision` must not touch: files, clocks, threads, processes, sockets, databases.
OUTSIDE_WORLD = frozenset(
    {
        "asyncio", "concurrent", "datetime", "glob", "io", "mmap", "multiprocessing", "os", "pathlib",
        "pymodbus", "queue", "select", "selectors", "shutil", "signal", "socket", "sqlalchemy", "sqlite3",
        "subprocess", "tempfile", "threading", "time",
    }
)  # fmt: skip
#: Rooms that a room may import, itself included.
ARROWS = {
    "vision": {"vision"},
    "datasets": {"datasets", "vision"},
    "training": {"training", "datasets", "vision"},
    "export": {"export", "datasets", "vision"},
    "edge_runtime": {"edge_runtime", "vision"},
}
#: The renderer's side of datasets/synthetic; the simulator may not touch it.
LIGHT_MODULES = frozenset(
    {"datasets.synthetic.bank"}
    | {f"datasets.synthetic.rails.{name}" for name in ("rail", "rail_set", "rail_settings")}
)
LIGHT_SYNTHETIC = LIGHT_MODULES | {"datasets.synthetic"}
#: Third parties and parts of the standard library that a room must not import.
FORBIDDEN = {
    "vision": HEAVY | {"onnx", "onnxslim"} | OUTSIDE_WORLD,
    "edge_runtime": HEAVY | {"onnx", "onnxslim"},
}
LINES_MAX = 400


def _tracked() -> list[Path]:
    """Files under version control or about to be: what a clone would hold."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed, so it is unknown which files belong to the repository")
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.skip(f"not a git checkout, so it is unknown which files belong to it: {done.stderr.strip()}")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def _sources(room: str) -> list[Path]:
    return sorted(path for path in (ROOT / room).rglob("*.py") if "__pycache__" not in path.parts)


@lru_cache(maxsize=2048)
def _parsed(text: str) -> ast.Module:
    """A source's tree: several tests look at the same files."""
    return ast.parse(text)


def _last_name(func: ast.expr) -> str:
    """`c` of a call `a.b.c(...)`."""
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""


def imports(text: str) -> Iterator[tuple[str, bool]]:
    """Every module a source text imports by `import`, `from` or importlib, and whether at load time."""
    todo: list[tuple[ast.AST, bool]] = [(_parsed(text), True)]
    while todo:
        node, at_load = todo.pop()
        inside = at_load and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        todo += [(child, inside) for child in ast.iter_child_nodes(node)][::-1]
        if isinstance(node, ast.Import):
            yield from ((alias.name, at_load) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module, at_load
            yield from ((f"{node.module}.{alias.name}", at_load) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or ""), at_load
        elif (
            isinstance(node, ast.Call)
            and _last_name(node.func).endswith(("import_module", "__import__"))
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, str)
        ):
            yield node.args[0].value, at_load


def against_the_arrows(room: str, text: str, *, in_twin: bool = False) -> list[str]:
    """What a source text of a room imports and must not."""
    wrong = []
    for module, at_load in imports(text):
        top = module.split(".")[0]
        if module.startswith("."):
            wrong.append(f"{module} (relative)")
        elif top in ROOMS and top not in ARROWS[room]:
            if top == "datasets" and in_twin:
                light = module in LIGHT_SYNTHETIC or module.rpartition(".")[0] in LIGHT_MODULES
                if light:
                    continue
            elif module == "datasets" and room == "edge_runtime" and not at_load:
                continue  # `doctor` looks whose package it is, and uses nothing of it
            wrong.append(module)
        elif top in FORBIDDEN.get(room, ()):
            wrong.append(module)
    return wrong


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_point_down(room: str) -> None:
    sources = _sources(room)
    wrong = []
    for path in sources:
        in_twin = path.is_relative_to(ROOT / "edge_runtime" / "twin")
        found = against_the_arrows(room, path.read_text(encoding="utf-8"), in_twin=in_twin)
        wrong += [f"{path.relative_to(ROOT)} imports {name}" for name in found]
    assert sources or room in ("training", "export")
    assert wrong == []


@pytest.mark.parametrize(
    ("room", "in_twin", "text", "expected"),
    [
        # allowed: down the arrows, and third parties that are light
        ("edge_runtime", False, "import numpy\nfrom vision.types import Frame", []),
        ("training", False, "import torch\nimport datasets.bundle", []),
        ("edge_runtime", True, "from datasets.synthetic.bank import BallBank", []),
        ("edge_runtime", True, "import datasets.synthetic.bank", []),
        ("edge_runtime", True, "from datasets.synthetic.rails.rail import render_rail", []),
        # up or across
        ("vision", False, "import datasets", ["datasets"]),
        ("datasets", False, "def f():\n    from training import x", ["training", "training.x"]),
        ("edge_runtime", False, "from export import x", ["export", "export.x"]),
        ("export", False, "import edge_runtime.config", ["edge_runtime.config"]),
        # the simulator's window on datasets is not for the others, nor for the renderer behind it
        ("edge_runtime", False, "import datasets.synthetic.bank", ["datasets.synthetic.bank"]),
        ("edge_runtime", True, "import datasets.synthetic.render", ["datasets.synthetic.render"]),
        ("edge_runtime", True, "import datasets.synthetic.rails.x", ["datasets.synthetic.rails.x"]),
        # nothing heavy on the edge, hidden in a function or not
        ("edge_runtime", False, "def f():\n    import torch", ["torch"]),
        ("edge_runtime", True, "import importlib\nimportlib.import_module('mitsuba')", ["mitsuba"]),
        # vision has no world outside
        ("vision", False, "import threading\nimport pathlib", ["threading", "pathlib"]),
        # relative imports hide where they lead
        ("vision", False, "from . import types", ["."  " (relative)"]),
        # only doctor's look, inside a function
        ("edge_runtime", False, "def f():\n    importlib.import_module('datasets')", []),
        ("edge_runtime", False, "import datasets", ["datasets"]),
    ],
)  # fmt: skip
def test_the_arrow_check_sees(room: str, in_twin: bool, text: str, expected: list[str]) -> None:
    assert against_the_arrows(room, text, in_twin=in_twin) == expected


#: Last name of a call -> the whole call that opens a file.
FILE_CALLS = {"open": "open", "imread": "cv2.imread", "imwrite": "cv2.imwrite", "load": "np.load"}


def test_vision_opens_no_files() -> None:
    wrong = []
    for path in _sources("vision"):
        for node in ast.walk(_parsed(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or _last_name(node.func) not in FILE_CALLS:
                continue
            if ast.unparse(node.func) in FILE_CALLS.values():
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert wrong == []


def test_files_are_short() -> None:
    long = []
    for path in _tracked():
        if path.suffix in (".py", ".sh"):
            count = len(path.read_text(encoding="utf-8").splitlines())
            if count > LINES_MAX:
                long.append(f"{path.relative_to(ROOT)}: {count} lines")
    assert long == []


#: Sources without either cannot catch everything, and need not be parsed.
_MAY_CATCH_ALL = re.compile(r"\bexcept\s*\*?\s*:|Exception\b")


def test_nothing_swallows_errors() -> None:
    """No bare except, and nothing that catches every exception and goes on."""
    wrong = []
    for path in _tracked():
        if path.suffix != ".py":
            continue
        text = path.read_text(encoding="utf-8")
        if not _MAY_CATCH_ALL.search(text):
            continue
        for node in ast.walk(_parsed(text)):
            if isinstance(node, ast.ExceptHandler):
                kinds = ast.unparse(node.type) if node.type is not None else "everything"
                if re.search(r"\b(everything|Exception|BaseException)\b", kinds):
                    raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
                    if not raises:
                        wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} catches {kinds}")
    assert wrong == []


#: Homes of one machine: paths that would work for whoever wrote them and for nobody else.
MACHINE_PATH = re.compile(r"/(?:wo" r"rk|ro" r"ot|home|Users)/[A-Za-z.]")


def test_no_path_of_one_machine() -> None:
    wrong = []
    for path in _tracked():
        if path.suffix in (".webp", ".onnx", ".png", ".jpg"):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if MACHINE_PATH.search(line):
                wrong.append(f"{path.relative_to(ROOT)}:{number}")
    assert wrong == []


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_are_typed(room: str) -> None:
    assert (ROOT / room / "py.typed").is_file()
