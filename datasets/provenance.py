"""The commands that make a model anew, from pictures to weights, as far as its records name them.

A set says in `DataSet.info` by which command it was made, a run in its manifest; weights that a run began
with bring their own run's commands along. What no record names is said to be unknown, never guessed.
Neighbours: `datasets.build` and the renderers note the commands of sets, `training` those of runs,
`export` prints them on the model card.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from datasets.records import COCO_FILE, data_sha256, read_coco
from datasets.training_run import MANIFEST_FILE, TrainingManifest, joined_sha256, read_manifest
from vision.errors import ConfigError

COMMAND_KEY = "command"
"""Key of `DataSet.info`: the command that makes the set."""


def commands_of(manifest: TrainingManifest, here: Path) -> tuple[str, ...]:
    """Commands in the order in which they are given, each once; a line that begins with # is a remark.

    Args:
        manifest: of the run.
        here: folder that the commands were given in: their paths begin there.

    Raises:
        DataError: a picture of a set that is still there cannot be read.
    """
    return tuple(dict.fromkeys(_commands(manifest, here)))


def noted(command: str) -> dict[str, object]:
    """The part of `DataSet.info` that names the command; empty where none is known."""
    return {COMMAND_KEY: command} if command else {}


def option_of(command: str, option: str) -> str | None:
    """The value of an option in a command line, None where it is not given."""
    words = shlex.split(command)
    return words[words.index(option) + 1] if option in words[:-1] else None


def _commands(manifest: TrainingManifest, here: Path) -> list[str]:
    weights = option_of(manifest.command, "--pretrained")
    before: list[str] = []
    if weights is not None:
        run = _run_before(manifest, (here / weights).parent)
        gone = f"# began with {weights}, whose run is no longer there: its commands are not known"
        before = [gone] if run is None else _commands(run, here)
    return [*before, *_set_commands(manifest), manifest.command]


def _run_before(manifest: TrainingManifest, folder: Path) -> TrainingManifest | None:
    """The run whose weights this one began with; None where its folder is gone or is another's now."""
    if not (folder / MANIFEST_FILE).is_file():
        return None
    before = read_manifest(folder)
    return before if before.data_sha256 == manifest.pretraining_sha256 else None


def _set_commands(manifest: TrainingManifest) -> list[str]:
    told = {name: _command_in(info) for name, info in manifest.data_info.items()}
    if not all(told.values()):
        # Made before its builder noted the command; made anew since, with the very same content?
        told |= _commands_of_folder(manifest)
    silent = sorted(name for name, command in told.items() if not command)
    remark = [f"# the command that made this set is not recorded: {', '.join(silent)}"] if silent else []
    return [*remark, *(command for command in told.values() if command)]


def _commands_of_folder(manifest: TrainingManifest) -> dict[str, str]:
    """Commands of the last stage's sets where they lay while training, if these are still the same sets."""
    root = Path(manifest.data_dir)
    names = [source.folder for source in manifest.settings.stages[-1].sources]
    if not all((root / name / COCO_FILE).is_file() for name in names):
        return {}
    try:
        sets = {name: read_coco(root / name) for name in names}
    except ConfigError:
        return {}
    hashes = [data_sha256(root / name, data) for name, data in sets.items()]
    if joined_sha256(hashes) != manifest.data_sha256:
        return {}
    return {name: _command_in(data.info) for name, data in sets.items()}


def _command_in(info: object) -> str:
    command = info.get(COMMAND_KEY) if isinstance(info, Mapping) else None
    return command if isinstance(command, str) else ""
