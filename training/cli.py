"""`ferrogate train`: training commands. Heavy packages are imported only when one runs."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path

_EXAMPLES = """examples:
  ferrogate train ball --data data/balls --out runs/ball
  ferrogate train ball --data data/balls --out runs/ball --epochs 60 --device cuda:0
  ferrogate train ball --data data/balls --out runs/ball --resume
"""


def register(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands of `ferrogate train` to its parser."""
    parser.description = "Train a detector on a labelled folder (see 'ferrogate data')."
    commands = parser.add_subparsers(title="what to train", metavar="STATION", required=True)
    ball = commands.add_parser(
        "ball",
        help="the ball detector, YOLO26n from scratch on crops of balls",
        description="Train the ball detector from scratch; no download, CPU by default.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    ball.add_argument("--data", type=Path, required=True, help="folder with coco.json and its pictures")
    ball.add_argument("--out", type=Path, required=True, help="folder of the run (weights, manifest)")
    ball.add_argument("--epochs", type=int, default=30, help="passes over the data (default 30)")
    ball.add_argument("--imgsz", type=int, default=160, help="input side in pixels (default 160)")
    ball.add_argument("--batch", type=int, default=16, help="crops per step (default 16)")
    ball.add_argument("--seed", type=int, default=0, help="seed of weights, order and variation (default 0)")
    ball.add_argument("--device", default="cpu", help="torch device: cpu, cuda:0 (default cpu)")
    ball.add_argument(
        "--precision", choices=("bf16", "fp32"), default="fp32", help="of the forward pass (default fp32)"
    )
    ball.add_argument("--threads", type=int, default=0, help="CPU threads (default: one per core)")
    ball.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    ball.add_argument("--json", action="store_true", help="print the result as one JSON object")
    ball.set_defaults(run=_train_ball)


def _train_ball(args: argparse.Namespace) -> int:
    from pydantic import ValidationError

    from datasets.extra import require_training
    from datasets.training_run import TrainSettings
    from training.environment import restart_with_fast_environment
    from vision.errors import ConfigError

    try:
        settings = TrainSettings(
            input_px=args.imgsz,
            epochs=args.epochs,
            batch=args.batch,
            seed=args.seed,
            device=args.device,
            precision=args.precision,
            threads=args.threads,
        )
    except ValidationError as error:
        first = error.errors()[0]
        key = {"input_px": "imgsz"}.get(str(first["loc"][0]), str(first["loc"][0]))
        raise ConfigError(first["msg"], where=f"--{key}", todo="correct this option") from error
    require_training("torch", "ultralytics")
    restart_with_fast_environment()
    from training.train_ball import train_ball

    def report(epoch: int, losses: dict[str, float]) -> None:
        text = ", ".join(f"{name} {value:g}" for name, value in losses.items())
        print(f"epoch {epoch}/{settings.epochs}: {text}", file=sys.stderr, flush=True)

    manifest = train_ball(args.data, args.out, settings, _command(args), report, resume=args.resume)
    if args.json:
        print(json.dumps({"run": str(args.out), "training_sha256": manifest.sha256(), **manifest.metrics}))
    else:
        print(f"trained in {manifest.metrics['seconds']} s: {args.out}")
        print(f"next: ferrogate export ball --run {args.out} --out ball.onnx")
    return 0


def _command(args: argparse.Namespace) -> str:
    words = ["ferrogate", "train", "ball", "--data", str(args.data), "--out", str(args.out)]
    words += ["--epochs", str(args.epochs), "--imgsz", str(args.imgsz), "--batch", str(args.batch)]
    words += ["--seed", str(args.seed), "--device", args.device, "--precision", args.precision]
    words += ["--threads", str(args.threads)]
    return shlex.join(words)
