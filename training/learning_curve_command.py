"""`ferrogate train curve rail`: its options and what it prints. Heavy packages come in when it runs."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.learning_curve import Curve, CurveSettings

_EXAMPLES = """examples:
  ferrogate train curve rail
  ferrogate train curve rail --counts 25,100,all --seeds 1,2,3 --steps 1200
  ferrogate train curve rail --starts scratch --out runs/curve --json

Stopped? The same command goes on: finished points are kept, a point in training is resumed.
"""
_ALL = "all"


def register_curve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `curve` to the subcommands of `ferrogate train`."""
    parser = commands.add_parser(
        "curve",
        help="how good the rail detector gets with how many labelled frames",
        description="Train with 25, 100 and all labelled frames, from scratch and pretrained, at one budget "
        "of steps; score each on the val frames; write curve.json and curve.svg.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("station", choices=("rail",), help="whose detector")
    parser.add_argument(
        "--data", type=Path, default=Path("data/rail"), help="folder of 'ferrogate data build rail'"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/curve"), help="default runs/curve")
    parser.add_argument("--counts", default="25,100,all", help="labelled frames (default 25,100,all)")
    parser.add_argument("--seeds", default="1", help="of draw and training, each a point (default 1)")
    parser.add_argument("--starts", default="scratch,pretrained", help="default scratch,pretrained")
    parser.add_argument(
        "--pretrained",
        type=Path,
        metavar="WEIGHTS",
        default=Path("runs/steel/weights.pt"),
        help="weights of 'ferrogate train steel' (default runs/steel/weights.pt)",
    )
    parser.add_argument("--steps", type=int, default=600, help="of every point, by tens (default 600)")
    parser.add_argument("--batch", type=int, default=16, help="tiles per step (default 16)")
    parser.add_argument("--imgsz", type=int, help="side of a tile in pixels (default 224)")
    parser.add_argument("--device", default="cpu", help="cpu or 0 (default cpu)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: one per core)")
    parser.add_argument("--resamples", type=int, default=500, help="of groups, for the bounds (default 500)")
    parser.add_argument("--json", action="store_true", help="print curve.json")
    parser.set_defaults(run=_curve)


def _curve(args: argparse.Namespace) -> int:
    from datasets.extra import require_training
    from training.environment import restart_with_fast_environment

    settings = _settings(args)
    require_training("torch", "ultralytics", "albumentations", "faster_coco_eval", "matplotlib")
    restart_with_fast_environment()
    from training.learning_curve import learning_curve

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def report(stage: str, epoch: int, epochs: int, losses: dict[str, float]) -> None:
        say(f"  epoch {epoch}/{epochs}: " + ", ".join(f"{name} {value:g}" for name, value in losses.items()))

    pretrained = args.pretrained if "pretrained" in settings.starts else None
    curve = learning_curve(args.data, args.out, settings, pretrained, _command(args), say, report)
    if args.json:
        print(json.dumps(curve.model_dump(mode="json")))
    else:
        print(_table(curve))
        print(f"written: {args.out}/curve.json, {args.out}/curve.svg ({curve.budget})")
    return 0


def _settings(args: argparse.Namespace) -> CurveSettings:
    from pydantic import ValidationError

    from training.learning_curve import CurveSettings
    from vision.errors import ConfigError

    names = {"input_px": "imgsz"}
    try:
        return CurveSettings(
            counts=_numbers(args.counts, "--counts", {_ALL: 0}),
            seeds=_numbers(args.seeds, "--seeds", {}),
            starts=tuple(args.starts.split(",")),
            steps=args.steps,
            batch=args.batch,
            input_px=args.imgsz,
            device=args.device,
            threads=args.threads,
            resamples=args.resamples,
        )
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        raise ConfigError(
            first["msg"], where=f"--{names.get(key, key)}", todo="correct this option"
        ) from error


def _numbers(text: str, option: str, words: dict[str, int]) -> tuple[int, ...]:
    """Numbers of at least 1 between commas, each once; `words` stand for others."""
    from vision.errors import ConfigError

    found = []
    for part in text.split(","):
        if part in words:
            found.append(words[part])
        elif part.isascii() and part.isdigit() and int(part) > 0:
            found.append(int(part))
        else:
            raise ConfigError(
                f"'{part}' is not a number",
                where=option,
                todo="give whole numbers from 1, between commas"
                + "".join(f", or '{word}'" for word in words),
            )
    if len(set(found)) < len(found):
        raise ConfigError("a number comes twice", where=option, todo="give each once")
    return tuple(found)


def _table(curve: Curve) -> str:
    lines = [f"{'frames':>7} {'start':<11} {'seed':>4}  {'mAP50':<18} {'defect AP50':<18} {'seconds':>7}"]
    for point in curve.points:
        cells = []
        for one in (point.map50, point.ap50["defect"]):
            known = one.value is not None and one.low is not None
            cells.append(f"{one.value:.3f} ({one.low:.2f}-{one.high:.2f})" if known else "not defined")
        lines.append(
            f"{point.frames:>7} {point.start:<11} {point.seed:>4}  {cells[0]:<18} {cells[1]:<18} "
            f"{point.seconds:>7.0f}"
        )
    return "\n".join(lines)


def _command(args: argparse.Namespace) -> str:
    words = ["ferrogate", "train", "curve", args.station, "--data", str(args.data), "--out", str(args.out)]
    words += ["--counts", args.counts, "--seeds", args.seeds, "--starts", args.starts]
    words += ["--steps", str(args.steps), "--batch", str(args.batch)]
    return shlex.join(words)
