"""`ferrogate evaluate`: its options and what it prints. Heavy packages are imported only when it runs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.evaluation.targets import Target

_EXAMPLES = """examples:
  ferrogate evaluate rail
  ferrogate evaluate rail --run runs/rail --baseline
  ferrogate evaluate rail --model rail.onnx --data data/rail --out report --json
  ferrogate evaluate ball --run runs/ball
  ferrogate evaluate ball --model ball.onnx --bank

A run is evaluated as a draft of its ONNX file, made on the fly, at thresholds chosen from costs; a model
file at the thresholds in its contract. The report shows your pictures: keep it where they may be seen.
"""


def register(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands of `ferrogate evaluate` to its parser."""
    parser.description = "Measure a detector on pictures it has not seen, and write a report."
    parser.epilog = _EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(title="whose detector", metavar="STATION", required=True)
    rail = _station(commands, "rail", "whole frames through the edge's own route; boxes in frame pixels")
    rail.add_argument(
        "--rendered", type=Path, help="whole rendered rails (default: DATA/rendered where it exists)"
    )
    ball = _station(commands, "ball", "crops rendered with settings never trained on; by box, view and ball")
    ball.add_argument(
        "--bank",
        nargs="?",
        type=Path,
        const=Path(),
        metavar="FOLDER",
        help="measure on the bank of rendered balls instead (default FOLDER: the package's); needs no data",
    )


def _station(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], station: str, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        station,
        help=text,
        description=f"Evaluate a {station} detector: {text}. Writes report.html and report.json.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    size = 640 if station == "rail" else 160
    parser.add_argument(
        "--run",
        type=Path,
        default=Path("runs") / station,
        dest="run_folder",
        help=f"folder of the training run (default runs/{station})",
    )
    parser.add_argument("--model", type=Path, help="an ONNX file, instead of the run's network")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("data") / station,
        help=f"folder of 'ferrogate data build {station}', or one data set (default data/{station})",
    )
    parser.add_argument("--out", type=Path, help="folder of the report (default RUN/evaluation)")
    parser.add_argument("--costs", type=Path, help="YAML file of the costs of mistakes (default: built in)")
    parser.add_argument(
        "--baseline",
        action="store_true",
        help="train the stock recipe on the same pictures into OUT/baseline, or find it there, and compare",
    )
    parser.add_argument("--baseline-epochs", type=int, default=40, help="of the stock recipe (default 40)")
    parser.add_argument(
        "--baseline-imgsz", type=int, default=size, help=f"input of the stock recipe (default {size})"
    )
    parser.add_argument("--baseline-seed", type=int, default=0, help="of the stock recipe (default 0)")
    parser.add_argument("--resamples", type=int, default=500, help="of groups, for the bounds (default 500)")
    parser.add_argument("--seed", type=int, default=0, help="of resampling, folds and noise (default 0)")
    parser.add_argument("--device", default="cpu", help="of the stock recipe: cpu, 0 (default cpu)")
    parser.add_argument("--threads", type=int, default=2, help="of ONNX Runtime (default 2)")
    parser.add_argument(
        "--mlflow-uri",
        metavar="URI",
        help="add the result to the log of the training there (default: MLFLOW_TRACKING_URI, else nowhere)",
    )
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=_evaluate, station=station, bank=None, rendered=None)
    return parser


def _evaluate(args: argparse.Namespace) -> int:
    _check(args)
    if args.bank is not None:
        return _bank(args)
    from datasets.extra import require_training

    require_training("faster_coco_eval")
    if args.baseline:
        from training.environment import restart_with_fast_environment

        require_training("torch", "ultralytics")
        restart_with_fast_environment()
    from training.evaluation.run import evaluate_station

    result = evaluate_station(args)
    if args.json:
        print(json.dumps(result.figures))
    else:
        _print_targets(result.targets)
        print(f"report: {result.page}")
    return 0


def _check(args: argparse.Namespace) -> None:
    from vision.errors import ConfigError

    for name, least in (
        ("resamples", 10),
        ("threads", 1),
        ("baseline_epochs", 1),
        ("baseline_imgsz", 32),
        ("seed", 0),
        ("baseline_seed", 0),
    ):
        value = getattr(args, name)
        if value < least:
            option = f"--{name.replace('_', '-')}"
            raise ConfigError(f"{value} is less than {least}", where=option, todo="correct this option")


def _print_targets(targets: list[Target]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for head in ("figure", "asked", "measured", ""):
        table.add_column(head, overflow="fold")
    for one in targets:
        verdict = {True: "met", False: "missed", None: "–"}[one.met]
        table.add_row(one.name, one.asked, one.measured, verdict)
    Console().print(table)


def _bank(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from datasets.synthetic.bank import BANK_DIR, BallBank
    from training.evaluation.ball_bank import evaluate_bank, summary
    from training.evaluation.subject import open_subject
    from vision.errors import ConfigError

    subject = open_subject("ball", args.run_folder, args.model, args.threads)
    if subject.draft:
        raise ConfigError(
            "the network of a run has no thresholds of its own, and the bank is too small to choose them on",
            where=str(args.run_folder),
            todo="export it first, and give the file with --model",
        )
    folder = BANK_DIR if args.bank == Path() else args.bank
    report = evaluate_bank(subject.detector, BallBank(folder), args.seed)
    print(json.dumps(asdict(report)) if args.json else summary(report))
    return 0
