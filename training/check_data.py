"""What must be right with the data before a training begins: looked at whole, before a folder is made.

A training takes hours; a set without a class, a label file without its pictures or a picture that is
cut off shall not come up in the middle of it. Neighbours: `training.train` calls this first;
`ferrogate data audit` looks for what is wrong in subtler ways (leaks, boxes outside, drift).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

from datasets.records import COCO_FILE, DataSet, read_coco
from datasets.scoring.pictures import read_sample
from datasets.synthetic.progress import tracked
from datasets.training_run import StageSettings, Station, TrainSettings
from vision.contract import BALL_LABELS, RAIL_LABELS
from vision.errors import ConfigError, FerrogateError


def labels_of(station: Station, stage: StageSettings, sets: dict[str, DataSet]) -> tuple[str, ...]:
    """Class order of a stage: the station's own, or for steel that of its set."""
    if stage.kind == "steel":
        return sets[stage.sources[0].folder].labels
    return RAIL_LABELS if station == "rail" else BALL_LABELS


def read_sets(station: Station, data: Path, settings: TrainSettings) -> dict[str, DataSet]:
    """The sets that the stages name, by folder.

    Raises:
        ConfigError: a set is missing, cannot be read, has no train picture or a label that its stage does
            not know; or a label of a stage is shown by no train picture of it.
    """
    built = "rail" if station == "steel" else station
    sets: dict[str, DataSet] = {}
    for stage in settings.stages:
        for source in stage.sources:
            folder = data / source.folder
            if not (folder / COCO_FILE).is_file():
                raise ConfigError(
                    "there is no data set here",
                    where=str(folder),
                    todo=f"make it with 'ferrogate data build {built}', or name its folder with --data",
                )
            sets[source.folder] = read_coco(folder)
    for stage in settings.stages:
        _check_stage(stage, labels_of(station, stage, sets), sets, data)
    return sets


def check_pictures(data: Path, sets: dict[str, DataSet], *, show: bool) -> None:
    """Read every train picture once.

    Raises:
        DataError: one is missing, cut off, or of another size than its record says.
    """
    for name, content in sets.items():
        samples = content.of_split("train")
        for sample in tracked(samples, f"reading {name}", total=len(samples), show=show):
            read_sample(data / name, sample)


def check_weights(path: Path | None) -> str | None:
    """Hash of the weights that a training starts from; None where it starts from none.

    Raises:
        FerrogateError: they cannot be read, or are something else.
    """
    if path is None:
        return None
    import pickle

    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, dict) or not all(
            isinstance(value, torch.Tensor) for value in state.values()
        ):
            raise TypeError("not a network's arrays by name")
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (
        OSError,
        RuntimeError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
        pickle.UnpicklingError,
    ) as error:
        text = (str(error).splitlines() or [type(error).__name__])[0]
        raise FerrogateError(
            f"the weights to start from cannot be read: {text}",
            where=str(path),
            todo="name the weights.pt of a finished run",
        ) from error


def _check_stage(stage: StageSettings, labels: tuple[str, ...], sets: dict[str, DataSet], data: Path) -> None:
    shown: Counter[str] = Counter()
    for source in stage.sources:
        content, where = sets[source.folder], str(data / source.folder)
        train = content.of_split("train")
        if not train:
            raise ConfigError("the train split is empty", where=where, todo="build a larger set")
        shown.update(box.label for sample in train for box in sample.boxes)
        strangers = sorted({box.label for sample in train for box in sample.boxes} - set(labels))
        if strangers:
            raise ConfigError(
                f"the set has labels that are not trained: {', '.join(strangers)}",
                where=where,
                todo=f"labels are: {', '.join(labels)}",
            )
    missing = [label for label in labels if not shown[label]]
    if missing:
        places = ", ".join(str(data / source.folder) for source in stage.sources)
        raise ConfigError(
            f"no train picture shows {', '.join(missing)}: a detector cannot learn it",
            where=places,
            todo="label pictures of it, or split the set so that train has some (whole groups at a time)",
        )
