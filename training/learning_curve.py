"""The learning curve of the rail detector: how good it gets with how many labelled pictures.

Every point is a training of its own: so many labelled frames, drawn in blocks, from random or from
pretrained weights, all with the same number of steps, the same picture variation and no composed
pictures (those are made from all train frames and would tell a small set what it has not seen).
Each is scored on the val frames through the product's own route. A point that is finished is not
trained again; one that was stopped goes on from its last epoch.
Neighbours: `datasets.subsets` draws, `training.train` trains, `training.evaluation` scores,
`training.learning_curve_figure` draws the figure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from datasets.folders import place_file, whole_folder
from datasets.records import DataSet, data_sha256, read_coco, write_coco
from datasets.training_run import (
    MANIFEST_FILE,
    SourceSettings,
    TrainingManifest,
    TrainSettings,
    read_manifest,
)
from training.plans import default_settings
from training.train import EpochReport, read_fingerprint, train
from vision.errors import ConfigError, FerrogateError

CURVE_JSON = "curve.json"
CURVE_SVG = "curve.svg"
_POINT_FILE = "point.json"
_FRAMES = "frames"
#: A curve's training has this many epochs, however many steps: the learning rate falls by epoch.
_EPOCHS = 10

Start = Literal["scratch", "pretrained"]
Say = Callable[[str], None]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bounds(_Strict):
    """A figure 0..1 with its 95 % bounds by groups of val frames; None: not defined."""

    value: float | None
    low: float | None
    high: float | None


class Point(_Strict):
    """One training. `asked`: of the frames; `frames`, `boxes`: what it saw, boxes by label.

    `map50`, `ap50`: on the val frames. `seconds`: of training on this machine, `steps` steps.
    """

    asked: str
    frames: int
    groups: int
    boxes: dict[str, int]
    start: Start
    seed: int
    steps: int
    batch: int
    seconds: float
    map50: Bounds
    ap50: dict[str, Bounds]
    weights_sha256: str
    key: str = Field(description="hash of data, settings and first weights")


class Curve(_Strict):
    """All points, and what they have in common."""

    version: Literal[1] = 1
    data_sha256: str
    val_frames: int
    val_groups: int
    budget: str
    pretrained_sha256: str | None
    command: str
    points: tuple[Point, ...]


class CurveSettings(_Strict):
    """What is drawn. `counts`: numbers of frames, 0 for all of them."""

    counts: tuple[Annotated[int, Field(ge=0)], ...] = Field(default=(25, 100, 0), min_length=1)
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(default=(1,), min_length=1)
    starts: tuple[Start, ...] = Field(default=("scratch", "pretrained"), min_length=1)
    steps: Annotated[int, Field(ge=_EPOCHS)] = 600
    batch: Annotated[int, Field(ge=2)] = 16
    input_px: Annotated[int, Field(ge=64, le=1280, multiple_of=32)] | None = None
    device: str = "cpu"
    threads: Annotated[int, Field(ge=0)] = 0
    resamples: Annotated[int, Field(ge=2)] = 500


@dataclass(frozen=True, slots=True)
class _Job:
    folder: Path
    frames: int
    start: Start
    seed: int


def learning_curve(
    data: Path,
    out: Path,
    settings: CurveSettings,
    pretrained: Path | None,
    command: str,
    say: Say,
    report: EpochReport,
) -> Curve:
    """Train and score all points, and write `curve.json` and `curve.svg` into `out`.

    Args:
        data: folder of `ferrogate data build rail`, or of the frames alone.
        out: folder of the curve; each point has a folder of its own in `points/`.
        settings: what is drawn.
        pretrained: weights that the start "pretrained" begins with.
        command: as typed, for `curve.json`.
        say: told of each point.
        report: told of each epoch.

    Raises:
        ConfigError: the data cannot be used, there are fewer frames than asked for, weights are missing,
            or a point in `out` is of other data or settings.
        FerrogateError: a training, the draft or the evaluation fails, or a file cannot be written.
    """
    folder = data / _FRAMES if (data / _FRAMES).is_dir() else data
    whole = read_coco(folder)
    _check(whole, folder, settings, pretrained)
    jobs = [
        _Job(out / "points" / f"{count or 'all'}-{start}-seed{seed}", count, start, seed)
        for count in settings.counts
        for start in settings.starts
        for seed in settings.seeds
    ]
    points = []
    for number, job in enumerate(jobs, start=1):
        say(f"point {number} of {len(jobs)}: {job.frames or 'all'} frames, {job.start}, seed {job.seed}")
        weights = pretrained if job.start == "pretrained" else None
        points.append(_point(job, whole, folder, settings, weights, command, report))
    val = whole.of_split("val")
    curve = Curve(
        data_sha256=data_sha256(folder, whole),
        val_frames=len(val),
        val_groups=len({sample.group for sample in val}),
        budget=budget_words(settings),
        pretrained_sha256=None if pretrained is None else _sha256(pretrained),
        command=command,
        points=tuple(points),
    )
    from training.learning_curve_figure import curve_svg

    _write(out / CURVE_SVG, curve_svg(curve))
    _write(out / CURVE_JSON, curve.model_dump_json(indent=2) + "\n")
    return curve


def budget_words(settings: CurveSettings) -> str:
    """What every point may spend, for the figure and the docs."""
    plan = point_settings(settings, seed=0)
    return (
        f"{settings.steps} steps of {settings.batch} tiles of {plan.input_px} px at every point, "
        f"{len(settings.seeds)} seed{'s' if len(settings.seeds) > 1 else ''}, no composed pictures"
    )


def point_settings(settings: CurveSettings, seed: int) -> TrainSettings:
    """The rail plan's last stage on frames alone, at the curve's budget."""
    plan = default_settings("rail", epochs=_EPOCHS, pretrain_epochs=0)
    stage = plan.stages[-1].model_copy(
        update={
            "sources": (SourceSettings(folder=_FRAMES, share=1.0),),
            "samples_per_epoch": settings.steps // _EPOCHS * settings.batch,
        }
    )
    changed = {"stages": (stage,), "batch": settings.batch, "seed": seed, "device": settings.device}
    if settings.input_px is not None:
        changed["input_px"] = settings.input_px
    return TrainSettings.model_validate({**plan.model_dump(), **changed, "threads": settings.threads})


def _check(whole: DataSet, folder: Path, settings: CurveSettings, pretrained: Path | None) -> None:
    frames = len(whole.of_split("train"))
    todo = "build the set with 'ferrogate data build rail'"
    if not frames or not whole.of_split("val"):
        raise ConfigError("a learning curve needs frames in train and in val", where=str(folder), todo=todo)
    most = max(settings.counts)
    if most > frames:
        raise ConfigError(
            f"{most} frames are asked for, the train split has {frames}",
            where="--counts",
            todo=f"ask for at most {frames}, or 'all'",
        )
    if settings.steps % _EPOCHS:
        raise ConfigError(
            f"{settings.steps} steps cannot be shared out evenly over {_EPOCHS} epochs",
            where="--steps",
            todo=f"give a multiple of {_EPOCHS}",
        )
    if "pretrained" in settings.starts and (pretrained is None or not pretrained.is_file()):
        raise ConfigError(
            "there are no pretrained weights to start from",
            where=str(pretrained),
            todo="make them with 'ferrogate train steel', name them with --pretrained, "
            "or give --starts scratch",
        )


def _point(
    job: _Job,
    whole: DataSet,
    folder: Path,
    settings: CurveSettings,
    weights: Path | None,
    command: str,
    report: EpochReport,
) -> Point:
    plan = point_settings(settings, job.seed)
    data = _drawn(job, whole, folder)
    key = _key(data_sha256(job.folder / "data" / _FRAMES, data), plan, weights, settings.resamples)
    done = job.folder / _POINT_FILE
    if done.exists():
        return _read_point(done, key)
    run = job.folder / "run"
    if (run / MANIFEST_FILE).exists():
        _check_run(run, plan, weights)
    else:
        train(
            "rail",
            job.folder / "data",
            run,
            plan,
            command,
            report,
            resume=(run / "fingerprint.json").exists(),
            start_weights=weights,
        )
    point = _scored(job, run, data, whole, folder, settings, key)
    _write(done, point.model_dump_json(indent=2) + "\n")
    return point


def _check_run(run: Path, plan: TrainSettings, weights: Path | None) -> None:
    """A point that was stopped before it was scored has a finished run: is it of these settings?

    Raises:
        ConfigError: it is of others, or began with other weights.
    """
    begun_with = read_fingerprint(run)["start"]
    same = read_manifest(run).settings.model_copy(update={"device": plan.device, "threads": plan.threads})
    if same != plan or begun_with != (None if weights is None else _sha256(weights)):
        raise ConfigError(
            "this point was trained with other settings or weights",
            where=str(run),
            todo="give another --out, or remove the point's folder",
        )


def _drawn(job: _Job, whole: DataSet, folder: Path) -> DataSet:
    """The frames of a point, as a data set of train frames alone in the point's folder."""
    from datasets.subsets import draw_blocks

    drawn = draw_blocks(whole, job.frames, job.seed) if job.frames else whole
    data = drawn.model_copy(update={"samples": drawn.of_split("train")})
    place = job.folder / "data" / _FRAMES
    if place.is_dir():
        if read_coco(place) != data:
            raise ConfigError(
                "this point was begun with other frames",
                where=str(place),
                todo="give another --out, or remove the point's folder",
            )
        return data
    job.folder.joinpath("data").mkdir(parents=True, exist_ok=True)
    with whole_folder(place) as part:
        for sample in data.samples:
            place_file(folder / sample.file, part / sample.file)
        write_coco(data, part)
    return data


def _scored(
    job: _Job,
    run: Path,
    data: DataSet,
    whole: DataSet,
    folder: Path,
    settings: CurveSettings,
    key: str,
) -> Point:
    from datasets.scoring.bootstrap import Interval
    from datasets.scoring.pictures import score_pictures
    from training.evaluation.detection import detection_figures
    from training.evaluation.rail import rail_look
    from training.evaluation.subject import open_subject

    detector = open_subject("rail", run, None, settings.threads or 2).detector
    labels = detector.contract.labels
    scored = score_pictures(whole, ("val",), folder, rail_look(detector), labels)
    found = detection_figures(scored, detector.contract.thresholds, resamples=settings.resamples, seed=0)

    def bounds(one: Interval) -> Bounds:
        value, low, high = (
            None if number != number else round(number, 4) for number in (one.value, one.low, one.high)
        )
        return Bounds(value=value, low=low, high=high)

    counts = dict.fromkeys(labels, 0)
    for sample in data.samples:
        for box in sample.boxes:
            counts[box.label] += 1
    manifest = read_manifest(run)
    return Point(
        asked=str(job.frames or "all"),
        frames=len(data.samples),
        groups=len({sample.group for sample in data.samples}),
        boxes=counts,
        start=job.start,
        seed=job.seed,
        steps=settings.steps,
        batch=settings.batch,
        seconds=_seconds(manifest),
        map50=bounds(found.map50),
        ap50={one.label: bounds(one.ap50) for one in found.labels},
        weights_sha256=manifest.weights_sha256,
        key=key,
    )


def _seconds(manifest: TrainingManifest) -> float:
    """Of all epochs, whether or not they were trained in one go."""
    epochs = manifest.metrics["epochs"]
    return round(sum(float(epoch["seconds"]) for epoch in epochs), 1) if isinstance(epochs, list) else 0.0


def _key(data: str, plan: TrainSettings, weights: Path | None, resamples: int) -> str:
    """What a point's figures depend on; device and threads do not count."""
    content = plan.model_dump(mode="json", exclude={"device", "threads"})
    first = None if weights is None else _sha256(weights)
    text = json.dumps([data, content, first, resamples], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _read_point(path: Path, key: str) -> Point:
    todo = "give another --out, or remove the point's folder"
    try:
        point = Point.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise ConfigError(f"the point cannot be read: {error}", where=str(path), todo=todo) from error
    if point.key != key:
        raise ConfigError("this point is of other data, settings or weights", where=str(path), todo=todo)
    return point


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise FerrogateError(
            f"the file cannot be written: {error}", where=str(path), todo="make room on the disk"
        ) from error
