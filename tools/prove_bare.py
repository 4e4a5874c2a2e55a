"""Proves that the edge box needs nothing of the training extra.

Run with the Python of a bare install. First no package of the training extra may be
importable there; then every module of `vision` and `edge_runtime`, and those of
`datasets` that the simulator uses, must import all the same, without the test tools
that may be installed beside them.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from importlib import metadata
from importlib.util import find_spec

TRAINING_ONLY = ("torch", "torchvision", "ultralytics", "albumentations", "mitsuba", "drjit", "onnxslim")
TEST_TOOLS = ("pytest", "hypothesis", "onnx")
EDGE_PACKAGES = ("vision", "edge_runtime")
EDGE_MODULES = ("datasets", "datasets.synthetic", "datasets.synthetic.bank")


def main() -> int:
    """Exit code: 0 proven, 1 with one line for each thing that is wrong."""
    wrong = [
        f"{name} can be imported: this environment is not bare; remove it and run make again"
        for name in TRAINING_ONLY
        if find_spec(name) is not None
    ]
    names = list(EDGE_MODULES)
    for package in EDGE_PACKAGES:
        names.append(package)
        path = importlib.import_module(package).__path__
        names += [module.name for module in pkgutil.walk_packages(path, f"{package}.")]
    names = [name for name in names if not name.endswith("__main__") and ".migrations." not in name]
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            wrong.append(f"{name} does not import here: {error}")
    wrong += [f"the edge imports the test tool {name}" for name in TEST_TOOLS if name in sys.modules]
    for line in wrong:
        print(f"prove_bare: {line}", file=sys.stderr)
    if not wrong:
        installed = len(list(metadata.distributions()))
        print(f"prove_bare: {len(names)} modules of the edge import, {installed} packages, none of training")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
