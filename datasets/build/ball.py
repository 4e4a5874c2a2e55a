"""`ferrogate data build ball`: rendered sets to train and to measure on, and real balls as a check.

Rendering takes long: each set is kept as soon as it is whole, an interrupted one goes on where it
stopped, and one that is already there with the same seed, count and settings is not made again.
Neighbours: `datasets.synthetic.render_balls` renders, `ball_real.py` cuts the real pictures,
`datasets.audit` judges all three together, `datasets.card` shows them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from datasets.audit import audit_sets
from datasets.build.ball_real import build_real
from datasets.build.rail import AUDIT_FILE, CARD_FILE, Built, build_command
from datasets.errors import DataError
from datasets.folders import check_replaceable
from datasets.records import COCO_FILE, DataSet, read_coco
from datasets.synthetic.render_balls import identity, render_set
from datasets.synthetic.settings import SETTINGS_DIR, RenderSettings, load_settings

TRAIN_COUNT = 9600
TEST_COUNT = 9000


def build_ball(
    source: Path,
    out: Path,
    seed: int,
    *,
    count: int | None = None,
    test_count: int | None = None,
    jobs: int = 1,
    settings_dir: Path = SETTINGS_DIR,
    show_progress: bool = False,
) -> Built:
    """Build the ball station's data sets below `out`: `train`, `test` and `real`.

    Args:
        source: the folder of real pictures.
        out: each of the three appears there when all are whole and the audit passed.
        seed: of everything rendered and cut.
        count: rendered crops to train on (default TRAIN_COUNT).
        test_count: rendered crops to measure on (default TEST_COUNT).
        jobs: rendering processes of one thread each.
        settings_dir: where `train.yaml` and `test.yaml` lie.
        show_progress: bars on stderr.

    Raises:
        DataError: the real pictures are missing or broken, or something cannot be written.
        ConfigError: a count or the settings cannot be used.
        FerrogateError: the renderer is missing.
        AuditError: the audit failed; what is new lies in `.NAME.part` beside `out`, to be looked at.
    """
    from datasets.card import write_card

    for option, value in (("--count", count), ("--test-count", test_count), ("--jobs", jobs)):
        if value is not None and value < 1:
            raise DataError("a number of at least 1 is needed", where=option, todo="give a larger number")
    part = out.with_name(f".{out.name}.part")
    counts = {"train": count or TRAIN_COUNT, "test": test_count or TEST_COUNT}
    command = build_command("ball", out, seed, count=counts["train"], test_count=counts["test"])
    makers: dict[str, Callable[[Path], DataSet]] = {
        "real": lambda folder: build_real(source, folder, seed, command)
    }
    wanted: dict[str, dict[str, object]] = {}
    for name, number in counts.items():
        settings = load_settings(settings_dir / f"{name}.yaml")
        wanted[name] = identity(settings, number, seed)
        makers[name] = _renderer(settings, number, seed, command, jobs, show_progress)
    places = {name: _made(name, make, out, part, wanted.get(name)) for name, make in makers.items()}
    report = audit_sets([place for place, _ in places.values()], progress=show_progress)
    report.raise_if_failed(part)
    report = report.moved(str(part), str(out))
    for name, (place, _) in places.items():
        write_card(place, place / CARD_FILE, report)
        _settle(place, out / name)
    _written(out / AUDIT_FILE, report.model_dump_json(indent=1) + "\n")
    shutil.rmtree(part, ignore_errors=True)
    return Built({name: data for name, (_, data) in places.items()}, report)


def _renderer(
    settings: RenderSettings, count: int, seed: int, command: str, jobs: int, show_progress: bool
) -> Callable[[Path], DataSet]:
    test = not settings.training_allowed
    return lambda folder: render_set(
        folder, settings, count, seed, command, test=test, jobs=jobs, show_progress=show_progress
    )


def _made(
    name: str,
    make: Callable[[Path], DataSet],
    out: Path,
    part: Path,
    wanted: dict[str, object] | None,
) -> tuple[Path, DataSet]:
    """Where the set lies, and its records: in place already, finished by an earlier run, or made now."""
    check_replaceable(out / name)
    for folder in (out / name, part / name):
        if wanted is not None and (folder / COCO_FILE).is_file():
            data = read_coco(folder)
            if {key: data.info.get(key) for key in wanted} == wanted:
                return folder, data
    if (part / name).exists():
        shutil.rmtree(part / name)
    part.mkdir(parents=True, exist_ok=True)
    return part / name, make(part / name)


def _settle(place: Path, target: Path) -> None:
    """Move a finished set to its name; the one that was there goes."""
    if place == target:
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            shutil.rmtree(target)
        place.replace(target)
    except OSError as error:
        raise DataError(
            f"the data set cannot be put in place: {error}",
            where=str(target),
            todo="check rights and free space, then build again",
        ) from error


def _written(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, path)
    except OSError as error:
        raise DataError(
            f"the audit cannot be written: {error}", where=str(path), todo="check rights and free space"
        ) from error
