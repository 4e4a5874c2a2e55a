"""Imports of the training extra, made quiet and offline, with one clear error when it is missing.

Neighbours: whatever in `training` and `export` needs torch or ultralytics calls
`require_training` first.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from pathlib import Path

from vision.errors import FerrogateError

_OFFLINE = {
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
    # Its import asks a server on the internet for a newer version.
    "NO_ALBUMENTATIONS_UPDATE": "1",
}


def require_training(*modules: str) -> None:
    """Import `modules`, or say how to install them; keeps them off the network.

    Raises:
        FerrogateError: one of them is missing.
    """
    for name, value in _OFFLINE.items():
        os.environ.setdefault(name, value)
    if "YOLO_CONFIG_DIR" not in os.environ:
        folder = Path(tempfile.gettempdir()) / f"ferrogate-ultralytics-{os.getuid()}"
        folder.mkdir(exist_ok=True)
        os.environ["YOLO_CONFIG_DIR"] = str(folder)
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise FerrogateError(
                f"this command needs the training extra: {error}",
                where=f"package {module}",
                todo="pip install 'ferrogate[train]'",
            ) from error
