"""Renders the training set of ball crops: COCO and PNG pictures.

Balls are shared out among processes of one thread each. What a process has finished is
kept in `parts/`, so that a set that was interrupted goes on where it stopped.
Neighbour: `ball_samples.py` makes the crops of one ball.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

from pydantic import TypeAdapter

from datasets.records import COCO_FILE, DataSet, SampleRecord, write_coco
from datasets.synthetic.ball_samples import VIEWS_PER_BALL, BallSampler
from datasets.synthetic.mitsuba_backend import load_denoiser, load_mitsuba, set_threads
from datasets.synthetic.progress import tracked
from datasets.synthetic.settings import RenderSettings
from vision.contract import BALL_LABELS
from vision.errors import ConfigError

_SAMPLES = TypeAdapter(list[SampleRecord])
_sampler: BallSampler | None = None


def render_training_set(
    out: Path,
    settings: RenderSettings,
    count: int,
    seed: int,
    command: str,
    *,
    jobs: int = 1,
    show_progress: bool,
) -> DataSet:
    """Render about `count` crops (whole balls; views that show too little of a defect are left out).

    Args:
        out: folder of the set; one that was interrupted, with the same settings and seed, is completed.
        settings: of the renderer.
        count: crops to render, rounded up to whole balls.
        seed: of every random choice.
        command: the command line, kept in the set.
        jobs: processes; 1 renders in this one.
        show_progress: a bar on stderr.

    Raises:
        ConfigError: the settings are not for training, or the folder holds another data set.
        FerrogateError: the renderer is missing, or a picture cannot be written.
    """
    info = _info(settings, seed, command)
    parts = _prepare(out, settings, count, jobs, info)
    numbers = range(-(-count // VIEWS_PER_BALL))
    todo = [number for number in numbers if not _part(parts, number).exists()]
    if todo:
        load_mitsuba()
        load_denoiser()
    for number, samples in tracked(
        _rendered(out, settings, seed, todo, jobs), "rendering balls", total=len(todo), show=show_progress
    ):
        _part(parts, number).write_bytes(_SAMPLES.dump_json(samples))
    samples = [
        sample for number in numbers for sample in _SAMPLES.validate_json(_part(parts, number).read_bytes())
    ]
    data = DataSet(labels=BALL_LABELS, info=info, samples=tuple(samples))
    write_coco(data, out)
    return data


def _info(settings: RenderSettings, seed: int, command: str) -> dict[str, object]:
    text = json.dumps(settings.model_dump(mode="json"), sort_keys=True)
    return {
        "description": "rendered grinding balls, crops before a backlight",
        "command": command,
        "seed": seed,
        "settings": settings.name,
        "settings_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


def _part(parts: Path, number: int) -> Path:
    return parts / f"{number:06d}.json"


def _prepare(out: Path, settings: RenderSettings, count: int, jobs: int, info: dict[str, object]) -> Path:
    """Check the request, make the folders; returns the folder of parts."""
    if not settings.training_allowed:
        raise ConfigError(
            f"the settings '{settings.name}' are kept for evaluation and never trained on",
            where="--settings",
            todo="use the settings 'train', or write your own file with training_allowed: true",
        )
    for option, value in (("--count", count), ("--jobs", jobs)):
        if value < 1:
            raise ConfigError("a number of at least 1 is needed", where=option, todo="give a larger number")
    if (out / COCO_FILE).exists():
        raise ConfigError(
            "there is a data set already", where=str(out), todo="give another --out, or remove it"
        )
    parts, mark = out / "parts", out / "parts" / "origin.json"
    origin = json.dumps({key: info[key] for key in ("seed", "settings_sha256")}, sort_keys=True)
    if mark.exists() and mark.read_text(encoding="utf-8") != origin:
        raise ConfigError(
            "an interrupted set of another seed or other settings lies here",
            where=str(out),
            todo="give another --out, or remove it",
        )
    (out / "images").mkdir(parents=True, exist_ok=True)
    parts.mkdir(exist_ok=True)
    mark.write_text(origin, encoding="utf-8")
    return parts


def _rendered(
    out: Path, settings: RenderSettings, seed: int, numbers: list[int], jobs: int
) -> Iterator[tuple[int, list[SampleRecord]]]:
    """Samples of each ball, in the order in which they are finished."""
    if not numbers:
        return
    if jobs == 1:
        sampler = BallSampler(out, settings, seed)
        for number in numbers:
            yield number, sampler.samples(number)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(jobs, len(numbers)), _start_worker, (out, settings, seed)) as pool:
        yield from pool.imap_unordered(_work, numbers)


def _start_worker(out: Path, settings: RenderSettings, seed: int) -> None:
    global _sampler
    # Two pools of as many threads as cores would spend their time waiting for each other.
    set_threads(1)
    _sampler = BallSampler(out, settings, seed)


def _work(number: int) -> tuple[int, list[SampleRecord]]:
    if _sampler is None:
        raise RuntimeError("the worker was not started by _start_worker")
    return number, _sampler.samples(number)
