"""Renders a data set of ball crops: COCO, PNG pictures and masks.

Balls are shared out among processes of one thread each. A set is made in `<out>.part` and gets
its name when it is complete; what was finished before a kill is kept there, and the same command
goes on with it. Neighbour: `ball_samples.py` makes the crops of one ball.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from datasets.records import DataSet, SampleRecord, write_coco
from datasets.synthetic.ball_plan import PlannedBall, plan_balls
from datasets.synthetic.ball_samples import LEAST_CONTRAST, LEAST_PX, VIEWS_PER_BALL, BallSampler
from datasets.synthetic.mitsuba_backend import load_denoiser, load_mitsuba, set_threads
from datasets.synthetic.progress import tracked
from datasets.synthetic.settings import RenderSettings
from vision.contract import BALL_LABELS
from vision.errors import ConfigError, FerrogateError

_sampler: BallSampler | None = None
Task = tuple[int, PlannedBall]


class _Part(BaseModel):
    """What is kept of one finished ball."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    samples: list[SampleRecord]
    left_out: dict[str, int]


def render_set(
    out: Path,
    settings: RenderSettings,
    count: int,
    seed: int,
    command: str,
    *,
    test: bool = False,
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
        test: a set to measure on (split test) instead of one to train on (train and val).
        jobs: processes; 1 renders in this one.
        show_progress: a bar on stderr.

    Raises:
        ConfigError: the settings are not for this purpose, or the folder holds another data set.
        FerrogateError: the renderer is missing, or a picture cannot be written.
    """
    _check_request(out, settings, count, jobs, test)
    plan = plan_balls(settings.labels, -(-count // VIEWS_PER_BALL), seed, test=test)
    info = _info(settings, seed, count, command, test)
    work = _prepare(out, info)
    todo = [(number, ball) for number, ball in enumerate(plan) if _read_part(work, number) is None]
    if todo:
        load_mitsuba()
        load_denoiser()
    for number, part in tracked(
        _rendered(work, settings, seed, todo, jobs), "rendering balls", total=len(todo), show=show_progress
    ):
        _replace(_part(work, number), part.model_dump_json())
    return _finish(out, work, info, len(plan))


def _finish(out: Path, work: Path, info: dict[str, object], balls: int) -> DataSet:
    """Put the balls together, and give the set its name."""
    samples: list[SampleRecord] = []
    left_out: Counter[str] = Counter()
    for number in range(balls):
        part = _read_part(work, number)
        if part is None:
            raise FerrogateError(
                f"ball {number} of the set is missing", where=str(work), todo="give the same command again"
            )
        samples += part.samples
        left_out.update(part.left_out)
    data = DataSet(
        labels=BALL_LABELS,
        info=info | {"views_left_out": dict(sorted(left_out.items()))},
        samples=tuple(samples),
    )
    write_coco(data, work)
    shutil.rmtree(work / "parts")
    work.rename(out)
    return data


def identity(settings: RenderSettings, count: int, seed: int) -> dict[str, object]:
    """What decides the pictures of a set; two sets with the same are the same."""
    text = json.dumps(settings.model_dump(mode="json"), sort_keys=True)
    return {"seed": seed, "count": count, "settings_sha256": hashlib.sha256(text.encode()).hexdigest()}


def _info(settings: RenderSettings, seed: int, count: int, command: str, test: bool) -> dict[str, object]:
    purpose = "to measure on, never trained on" if test else "to train on"
    return identity(settings, count, seed) | {
        "description": f"rendered grinding balls, crops as the edge box cuts them, {purpose}",
        "command": command,
        "settings": settings.name,
        "parameters": settings.model_dump(mode="json"),
        "least_visible_px_at_144_px": LEAST_PX,
        "least_contrast_over_noise": LEAST_CONTRAST,
    }


def _part(work: Path, number: int) -> Path:
    return work / "parts" / f"{number:06d}.json"


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, path)


def _read_part(work: Path, number: int) -> _Part | None:
    """A finished ball; None when it is not there."""
    path = _part(work, number)
    if not path.exists():
        return None
    try:
        return _Part.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigError(
            f"what was rendered before cannot be read: {error}",
            where=str(path),
            todo=f"remove {work} and render again",
        ) from error


def _check_request(out: Path, settings: RenderSettings, count: int, jobs: int, test: bool) -> None:
    if not test and not settings.training_allowed:
        raise ConfigError(
            f"the settings '{settings.name}' are kept for evaluation and never trained on",
            where="--settings",
            todo="use the settings 'train', or write your own file with training_allowed: true",
        )
    if test and settings.training_allowed:
        raise ConfigError(
            f"the settings '{settings.name}' may be trained on: a set made with them measures nothing",
            where="--settings",
            todo="use the settings 'test', or write your own file with training_allowed: false",
        )
    for option, value in (("--count", count), ("--jobs", jobs)):
        if value < 1:
            raise ConfigError("a number of at least 1 is needed", where=option, todo="give a larger number")
    if out.exists() and any(out.iterdir()):
        raise ConfigError(
            "there is a data set already", where=str(out), todo="give another --out, or remove it"
        )


def _prepare(out: Path, info: dict[str, object]) -> Path:
    """Make or take up the folder of the unfinished set; returns it."""
    work = out.with_name(out.name + ".part")
    mark = work / "parts" / "origin.json"
    origin = json.dumps({key: info[key] for key in ("seed", "count", "settings_sha256")}, sort_keys=True)
    if mark.exists() and mark.read_text(encoding="utf-8") != origin:
        raise ConfigError(
            "an interrupted set of another seed, count or other settings lies here",
            where=str(work),
            todo="give another --out, or remove it",
        )
    if out.exists():
        out.rmdir()
    for name in ("images", "masks", "parts"):
        (work / name).mkdir(parents=True, exist_ok=True)
    _replace(mark, origin)
    return work


def _rendered(
    work: Path, settings: RenderSettings, seed: int, tasks: list[Task], jobs: int
) -> Iterator[tuple[int, _Part]]:
    """Each ball, in the order in which they are finished."""
    if not tasks:
        return
    if jobs == 1:
        _start_worker(work, settings, seed)
        for task in tasks:
            yield _work(task)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(jobs, len(tasks)), _start_worker, (work, settings, seed)) as pool:
        yield from pool.imap_unordered(_work, tasks)


def _start_worker(work: Path, settings: RenderSettings, seed: int) -> None:
    global _sampler
    # Several pools of as many threads as cores would wait for each other; and the order in which
    # threads add up samples would show in the last bit: one thread gives the same bytes again.
    set_threads(1)
    _sampler = BallSampler(work, settings, seed)


def _work(task: Task) -> tuple[int, _Part]:
    if _sampler is None:
        raise RuntimeError("the worker was not started by _start_worker")
    number, planned = task
    result = _sampler.samples(number, planned)
    return number, _Part(samples=result.samples, left_out=dict(result.left_out))


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
    """`render_set` for a set to train on."""
    return render_set(out, settings, count, seed, command, jobs=jobs, show_progress=show_progress)
