"""One evaluation from folders to report: finds model and sets, scores, compares, writes.

Neighbours: `command` reads the options, `rail` and `ball` score, `page_*` tell.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from datasets.records import COCO_FILE, DataSet, Split, read_coco
from datasets.scoring.costs import StationCosts, load_costs
from datasets.scoring.operating_point import choose_operating_points
from datasets.scoring.pictures import score_pictures
from datasets.scoring.sound_balls import score_sound_balls
from training.evaluation.ball import evaluate_ball
from training.evaluation.baseline import (
    CAUTION,
    BaselineFigures,
    BaselineSettings,
    baseline_look,
    recipe_words,
    train_baseline,
)
from training.evaluation.detection import detection_figures
from training.evaluation.gallery import make_gallery
from training.evaluation.logged import check_log, log_report
from training.evaluation.page import REPORT_HTML, Section, plain, write_report
from training.evaluation.page_ball import ball_sections, ball_targets
from training.evaluation.page_rail import rail_sections, rail_targets
from training.evaluation.rail import dirt_on_defect, evaluate_rail
from training.evaluation.subject import Subject, open_subject
from training.evaluation.targets import Target
from training.tracking import tracking_uri
from vision.errors import ConfigError

BASELINE_FOLDER = "baseline"


@dataclass(frozen=True, slots=True)
class Result:
    """What the command prints."""

    page: Path
    figures: dict[str, Any]
    targets: list[Target]


@dataclass(frozen=True, slots=True)
class _Sets:
    """Data sets with their folders: scored, fitted on, trained on (baseline), and the extra ones."""

    scored: tuple[DataSet, Path]
    splits: tuple[Split, ...]
    fitted: tuple[DataSet, Path] | None
    trained: tuple[DataSet, Path] | None
    real: tuple[DataSet, Path] | None
    rendered: tuple[DataSet, Path] | None


def evaluate_station(args: argparse.Namespace) -> Result:
    """Evaluate by the options of the command.

    Raises:
        ConfigError, ContractError, FerrogateError: of everything that it reads, runs and writes.
    """
    costs = load_costs(args.costs, args.station)
    logged = check_log(tracking_uri(args.mlflow_uri), args.run_folder if args.model is None else None)
    sets = _rail_sets(args.data, args.rendered) if args.station == "rail" else _ball_sets(args.data)
    subject = open_subject(args.station, args.run_folder, args.model, args.threads)
    out: Path = args.out or args.run_folder / "evaluation"
    sections, figures, targets = (_rail if args.station == "rail" else _ball)(args, subject, sets, costs, out)
    contract = subject.detector.contract
    head = {
        "station": args.station,
        "model": subject.name,
        "model_sha256": subject.detector.sha256,
        "draft": subject.draft,
        "training_sha256": contract.training_sha256,
        "precision": contract.precision,
        "provider": subject.detector.provider,
        "data": str(sets.scored[1]),
        "seed": args.seed,
        "resamples": args.resamples,
        "packages": {name: metadata.version(name) for name in ("onnxruntime", "faster-coco-eval", "numpy")},
        "targets": targets,
    }
    content = plain({**head, **figures})
    subtitle = f"{subject.name}, on {sets.scored[1]}"
    page, figures_file = write_report(out, f"Evaluation: {args.station}", subtitle, sections, content)
    if logged:
        log_report(args.run_folder, content, [page, figures_file])
    return Result(page, {**content, "report": str(out / REPORT_HTML)}, targets)


def _rail(
    args: argparse.Namespace, subject: Subject, sets: _Sets, costs: StationCosts, out: Path
) -> tuple[list[Section], dict[str, Any], list[Target]]:
    data, folder = sets.scored
    progress = not args.json
    evaluation = evaluate_rail(
        subject.detector,
        data,
        folder,
        splits=sets.splits,
        costs=costs,
        draft=subject.draft,
        rendered=sets.rendered,
        resamples=args.resamples,
        seed=args.seed,
        progress=progress,
    )
    baseline = _baseline(args, subject, sets, costs, out) if args.baseline else None
    gallery = make_gallery(evaluation.scored, folder, evaluation.figures.thresholds, per_label=12)
    sections = rail_sections(evaluation, costs, gallery, baseline)
    figures = {"figures": evaluation.figures, "baseline": baseline}
    return sections, figures, rail_targets(evaluation, baseline)


def _ball(
    args: argparse.Namespace, subject: Subject, sets: _Sets, costs: StationCosts, out: Path
) -> tuple[list[Section], dict[str, Any], list[Target]]:
    data, folder = sets.scored
    evaluation = evaluate_ball(
        subject.detector,
        data,
        folder,
        splits=sets.splits,
        val=sets.fitted,
        real=sets.real,
        costs=costs,
        draft=subject.draft,
        resamples=args.resamples,
        seed=args.seed,
        progress=not args.json,
    )
    baseline = _baseline(args, subject, sets, costs, out) if args.baseline else None
    gallery = make_gallery(evaluation.scored, folder, evaluation.figures.thresholds)
    sections = ball_sections(evaluation, costs, gallery, baseline)
    figures = {"figures": evaluation.figures, "baseline": baseline}
    return sections, figures, ball_targets(evaluation.figures, baseline)


def _baseline(
    args: argparse.Namespace, subject: Subject, sets: _Sets, costs: StationCosts, out: Path
) -> BaselineFigures:
    labels = subject.detector.contract.labels
    settings = BaselineSettings(args.baseline_epochs, args.baseline_imgsz, args.baseline_seed, args.device)
    if sets.trained is None:
        raise ConfigError(
            "there is no train set for the stock recipe",
            where=str(args.data),
            todo=f"make it with 'ferrogate data build {args.station}'",
        )
    data, folder = sets.trained
    weights = train_baseline(data, folder, labels, out / BASELINE_FOLDER, settings, _said(args))
    look = baseline_look(weights, labels, settings)
    progress = not args.json
    scored = score_pictures(sets.scored[0], sets.splits, sets.scored[1], look, labels, progress=progress)
    seen, more = scored, None
    if sets.fitted is not None:
        seen = score_pictures(sets.fitted[0], ("val",), sets.fitted[1], look, labels, progress=progress)
        more = score_sound_balls(*sets.fitted, look, labels, progress=progress)
    thresholds = choose_operating_points(seen, args.station, costs, more=more, seed=args.seed).thresholds
    dirt = dirt_on_defect(scored, thresholds, args.seed) if args.station == "rail" else None
    return BaselineFigures(
        recipe=recipe_words(settings),
        caution=CAUTION,
        settings=settings,
        thresholds=thresholds,
        detection=detection_figures(scored, thresholds, resamples=args.resamples, seed=args.seed),
        dirt_share=None if dirt is None else dirt.boxes.share,
    )


def _said(args: argparse.Namespace) -> Callable[[int, int], None]:
    def report(done: int, epochs: int) -> None:
        print(f"stock recipe: epoch {done}/{epochs}", file=sys.stderr, flush=True)

    return (lambda _done, _epochs: None) if args.json else report


def _rail_sets(folder: Path, rendered: Path | None) -> _Sets:
    frames = folder if (folder / COCO_FILE).is_file() else folder / "frames"
    rails = rendered or _where_it_is(folder / "rendered")
    data = _read(frames, "rail")
    return _Sets(
        scored=(data, frames),
        splits=("val",),
        fitted=None,
        trained=(data, frames),
        real=None,
        rendered=None if rails is None else (_read(rails, "rail"), rails),
    )


def _ball_sets(folder: Path) -> _Sets:
    test, real, train = folder / "test", _where_it_is(folder / "real"), _where_it_is(folder / "train")
    fitted = None if train is None else (_read(train, "ball"), train)
    return _Sets(
        scored=(_read(test, "ball"), test),
        splits=("test",),
        fitted=fitted,
        trained=fitted,
        real=None if real is None else (_read(real, "ball"), real),
        rendered=None,
    )


def _where_it_is(folder: Path) -> Path | None:
    return folder if (folder / COCO_FILE).is_file() else None


def _read(folder: Path, station: str) -> DataSet:
    if not (folder / COCO_FILE).is_file():
        raise ConfigError(
            "there is no data set here",
            where=str(folder),
            todo=f"make it with 'ferrogate data build {station}', or give its folder with --data",
        )
    data = read_coco(folder)
    if not data.samples:
        raise ConfigError(
            "the data set is empty",
            where=str(folder),
            todo=f"make it again: 'ferrogate data build {station}'",
        )
    return data
