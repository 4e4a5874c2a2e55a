"""`ferrogate train`: training commands. Heavy packages are imported only when one runs."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from training.learning_curve_command import register_curve

if TYPE_CHECKING:
    from datasets.training_run import SourceSettings, Station, TrainSettings

_EXAMPLES = """examples:
  ferrogate train rail
  ferrogate train rail --data data/rail --out runs/rail --seed 1 --threads 2
  ferrogate train rail --resume
  ferrogate train rail --pretrained runs/steel/weights.pt --epochs 60 --device 0

A run that was stopped goes on with --resume. Several GPUs: --device 0,1 (see docs/training.md).
"""


def register(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands of `ferrogate train` to its parser."""
    parser.description = "Train a detector on labelled folders (see 'ferrogate data build')."
    parser.epilog = _EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(title="what to train", metavar="STATION", required=True)
    _register_station(
        commands, "rail", "the rail detector: steel photographs first, then frames and composed"
    )
    _register_station(
        commands, "ball", "the ball detector: rendered crops, at 160 px first, then at the size it runs at"
    )
    _register_station(commands, "steel", "the steel stage alone, for --pretrained of both others")
    register_curve(commands)


def _register_station(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    station: Station,
    text: str,
) -> None:
    built = "rail" if station == "steel" else station
    parser = commands.add_parser(
        station,
        help=text,
        description=f"Train {text}. No download; CPU by default.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("data") / built,
        help=f"folder of 'ferrogate data build {built}' (default data/{built})",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs") / station, help=f"folder of the run (default runs/{station})"
    )
    parser.add_argument("--architecture", choices=("yolo26n", "yolo26s"), default="yolo26n")
    parser.add_argument("--imgsz", type=int, help="input side in pixels (default: rail 224, ball 128)")
    parser.add_argument("--epochs", type=int, help="of the last stage (default: the plan's)")
    parser.add_argument(
        "--pretrain-epochs",
        type=int,
        help="of the stage before the last (rail: steel; ball: 160 px); 0: none (default: the plan's)",
    )
    parser.add_argument("--samples", type=int, help="tiles or crops per epoch of the last stage")
    parser.add_argument(
        "--sources",
        metavar="SETS",
        help="sets of the last stage below --data, with their shares of the samples: 'frames', "
        "'frames:0.6,composed:0.4' (default: the plan's)",
    )
    parser.add_argument(
        "--pretrained",
        type=Path,
        metavar="WEIGHTS",
        help="start from these weights; leaves out the stage before the last",
    )
    parser.add_argument("--batch", type=int, default=16, help="samples per step (default 16)")
    parser.add_argument("--seed", type=int, default=1, help="of weights, order and variation (default 1)")
    parser.add_argument("--device", default="cpu", help="cpu, 0, or 0,1 for two GPUs (default cpu)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: one per core)")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    parser.add_argument(
        "--mlflow-uri",
        metavar="URI",
        help="log the run there, too (default: MLFLOW_TRACKING_URI, else nowhere)",
    )
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=_train, station=station)


def _train(args: argparse.Namespace) -> int:
    from pydantic import ValidationError

    from datasets.extra import require_training
    from training.environment import restart_with_fast_environment
    from vision.errors import ConfigError

    try:
        settings = _settings(args)
    except ValidationError as error:
        first = error.errors()[0]
        key = {"input_px": "imgsz", "samples_per_epoch": "samples"}.get(
            str(first["loc"][-1]), str(first["loc"][-1])
        )
        raise ConfigError(first["msg"], where=f"--{key}", todo="correct this option") from error
    if args.pretrained is not None and not args.pretrained.is_file():
        raise ConfigError("there are no such weights", where=str(args.pretrained), todo="name a weights.pt")
    require_training("torch", "ultralytics", "albumentations")
    restart_with_fast_environment()
    from training.tracking import tracking_uri
    from training.train import train

    def report(stage: str, epoch: int, epochs: int, losses: dict[str, float]) -> None:
        text = ", ".join(f"{name} {value:g}" for name, value in losses.items())
        print(f"{stage} epoch {epoch}/{epochs}: {text}", file=sys.stderr, flush=True)

    manifest = train(
        args.station,
        args.data,
        args.out,
        settings,
        _command(args),
        report,
        resume=args.resume,
        start_weights=args.pretrained,
        mlflow_uri=tracking_uri(args.mlflow_uri),
    )
    if args.json:
        print(json.dumps({"run": str(args.out), "training_sha256": manifest.sha256(), **manifest.metrics}))
    else:
        print(f"trained: {args.out}")
        print(f"next: ferrogate evaluate {args.station} --run {args.out}")
    return 0


def _settings(args: argparse.Namespace) -> TrainSettings:
    from datasets.training_run import StageSettings, TrainSettings
    from training.plans import default_settings

    pretrain = 0 if args.pretrained is not None else args.pretrain_epochs
    plan = default_settings(args.station, epochs=args.epochs, pretrain_epochs=pretrain)
    stages = list(plan.stages)
    if args.samples is not None:
        stages[-1] = stages[-1].model_copy(update={"samples_per_epoch": args.samples})
    if args.sources is not None:
        stages[-1] = stages[-1].model_copy(update={"sources": _sources(args.sources)})
    changed = plan.model_dump() | {
        "architecture": f"{args.architecture}.yaml",
        "stages": [StageSettings.model_validate(stage.model_dump()) for stage in stages],
        "batch": args.batch,
        "seed": args.seed,
        "device": args.device,
        "threads": args.threads,
    }
    if args.imgsz is not None:
        changed["input_px"] = args.imgsz
    return TrainSettings.model_validate(changed)


def _sources(text: str) -> tuple[SourceSettings, ...]:
    """Sets and shares from `frames:0.6,composed:0.4`; a set alone has all samples."""
    from datasets.training_run import SourceSettings
    from vision.errors import ConfigError

    found = []
    for part in text.split(","):
        folder, _, share = part.partition(":")
        try:
            found.append(SourceSettings(folder=folder.strip(), share=float(share or 1.0)))
        except ValueError as error:
            raise ConfigError(
                f"'{part}' names no set and share",
                where="--sources",
                todo="give 'frames', or 'frames:0.6,composed:0.4' with shares above 0, up to 1",
            ) from error
    if any(not one.folder for one in found) or len({one.folder for one in found}) < len(found):
        raise ConfigError("a set is named twice, or not at all", where="--sources", todo="name each once")
    return tuple(found)


def _command(args: argparse.Namespace) -> str:
    """The command that makes this run anew; options left at their defaults are left out."""
    words = ["ferrogate", "train", args.station, "--data", str(args.data), "--out", str(args.out)]
    named = {
        "architecture": "yolo26n",
        "imgsz": None,
        "epochs": None,
        "pretrain_epochs": None,
        "samples": None,
        "sources": None,
        "pretrained": None,
        "batch": 16,
        "device": "cpu",
        "threads": 0,
    }
    for name, default in named.items():
        value = getattr(args, name)
        if value != default:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join([*words, "--seed", str(args.seed)])
