"""Options of `ferrogate bench peers`, found by the entry point group `ferrogate.bench`.

Heavy packages are imported only when it runs. Neighbours: `same_file`, `line_task`, `stock`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress

from vision.errors import ConfigError, ContractError

if TYPE_CHECKING:
    from training.evaluation.baseline import BaselineSettings
    from training.peers.result import Compared

EXIT_MISSED = 9
_STOCK = Path("runs/stock_line")
_SIZES_PX = (160, 320, 640)
_FIRST_GUESS = 3
_EPILOG = """examples:
  ferrogate bench peers --train-stock --run runs/ball           train what (b) compares with; then compare
  ferrogate bench peers                                         both comparisons
  ferrogate bench peers --only a --threads 1 --json | tail -1   the same file alone, on one thread

(a) One ONNX file, the same number of threads, pictures at the model's size: at least 1.15 times ultralytics'
frames/s, at most 0.87 of its processor time a frame, equal findings. Several threads spin while they wait, as
ultralytics' do; ours as at the line, where they sleep, is printed beside it. (b) Whole line frames of 640 px,
ultralytics with a model of its own and its stock export, ours by the whole route: at least 2.5 times the
frames/s, at most half the processor time a frame, mAP50 in frame pixels not lower by more than 0.005.

Exit code 0: every target was met; 9: one was missed, or could not be measured.
"""


def register(parts: Any) -> None:
    """Add the part to `ferrogate bench`."""
    parser = parts.add_parser(
        "peers",
        help="ours beside ultralytics: the same file, and the same task on line frames (training extra)",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", choices=("a", "b"), help="one of the two")
    parser.add_argument(
        "--model",
        default="ferrogate-models:ball",
        metavar="FILE",
        help="(b) of ours (default: the shipped ball model)",
    )
    parser.add_argument(
        "--size",
        action="append",
        type=int,
        metavar="PX",
        help="(a) of the shipped networks resized to it; again for more (default 160, 320, 640)",
    )
    parser.add_argument(
        "--threads", type=int, metavar="N", help="of both sides (default: as many as there are cores)"
    )
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="default: 10")
    parser.add_argument("--frames", type=int, default=1000, metavar="N", help="(b) scored (default 1000)")
    parser.add_argument(
        "--data", type=Path, default=Path("data/ball"), help="(b) of 'ferrogate data build ball'"
    )
    parser.add_argument("--stock", type=Path, default=_STOCK, help=f"(b) the stock recipe (default {_STOCK})")
    parser.add_argument(
        "--train-stock", action="store_true", help="(b) train it there first, or go on with it"
    )
    parser.add_argument(
        "--run",
        type=Path,
        default=Path("runs/ball"),
        dest="run_folder",
        help="--train-stock: as long as this run of ours took in all its stages",
    )
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--hours", type=float, metavar="H", help="--train-stock: so long instead")
    budget.add_argument("--epochs", type=int, metavar="N", help="--train-stock: so many epochs instead")
    parser.add_argument("--device", default="cpu", help="--train-stock: cpu, 0 (default cpu)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="default: 1")
    parser.add_argument("--json", action="store_true", help="print one object as the last line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare, print; exit code 0 or 9.

    Raises:
        ConfigError, ContractError, DataError: an argument, a model or a data set cannot be used.
        FerrogateError: the training extra is missing.
    """
    threads = args.threads if args.threads is not None else len(os.sched_getaffinity(0))
    counts = (threads, args.rounds, args.frames, 1 if args.epochs is None else args.epochs)
    if min(counts) < 1 or args.seed < 0 or (args.hours is not None and not 0 < args.hours < math.inf):
        raise ConfigError(
            "threads, rounds, frames and epochs must be at least 1, the seed 0, and the hours more than 0",
            where="command line of 'ferrogate bench peers'",
            todo="correct these options",
        )
    from datasets.extra import require_training

    require_training("torch", "ultralytics", "onnx", "faster_coco_eval")
    if args.train_stock and args.only != "a":
        from training.environment import restart_with_fast_environment

        restart_with_fast_environment()
    from training.peers.result import PeersResult, print_result

    machine = _machine(threads)
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        compared: list[Compared] = []
        notes: list[str] = []
        if args.only != "b":
            compared += _same_file(args, threads, progress)
        if args.only != "a":
            compared += _line_task(args, threads, progress, notes)
    packages = ("onnxruntime", "ultralytics", "torch", "numpy", "opencv-python")
    versions = {name: metadata.version(name) for name in packages}
    result = PeersResult(machine, versions, args.rounds, tuple(compared), tuple(notes))
    if args.json:
        print(json.dumps(result.to_json(), allow_nan=False))
    else:
        print_result(result, Console(highlight=False, width=None if sys.stdout.isatty() else 120))
    return 0 if result.met else EXIT_MISSED


def _same_file(args: argparse.Namespace, threads: int, progress: Progress) -> list[Compared]:
    from training.peers.files import resized, shipped
    from training.peers.same_file import SameFilePlan, compare_same_file

    sizes = args.size or _SIZES_PX
    step = _step(progress, "the same file", len(sizes) * args.rounds)
    compared = []
    for side_px in sizes:
        # A ball's size of the ball network, pictures' sizes of the rail's.
        name = "ball_fp32" if side_px <= _SIZES_PX[0] else "rail_fp32"
        plan = SameFilePlan(
            resized(shipped(name), side_px), f"{name} at {side_px} px", threads, 24, args.rounds, args.seed
        )
        compared.append(compare_same_file(plan, step))
    return compared


def _line_task(
    args: argparse.Namespace, threads: int, progress: Progress, notes: list[str]
) -> list[Compared]:
    from training.peers.files import model_file
    from training.peers.line_task import LineTaskPlan, compare_line_task
    from training.peers.stock import read_stock, train_stock

    if args.train_stock:
        settings = _budget(args)
        train_stock(
            args.data / "train",
            args.stock,
            settings,
            step=_step(progress, "laying frames out", None),
            report=_said(quiet=args.json),
        )
    stock = read_stock(args.stock)
    if stock is None:
        notes.append(
            f"(b) not compared: no stock recipe in {args.stock}; "
            "'ferrogate bench peers --train-stock' trains it"
        )
        return []
    file = model_file(args.model)
    plan = LineTaskPlan(
        model=file.read_bytes(),
        model_name=args.model,
        whole=_whole(args.model, file, notes),
        ball_set=args.data / "test",
        stock=stock,
        frames=args.frames,
        threads=threads,
        rounds=args.rounds,
        seed=args.seed,
    )
    return [compare_line_task(plan, _step(progress, "line frames", 4 * args.frames + args.rounds))]


def _whole(name: str, file: Path, notes: list[str]) -> bytes | None:
    """Our network at the frames' size as ultralytics can run it; of a shipped model its FP32 file."""
    from training.peers.files import resized, shipped
    from training.peers.line_frames import SIDE_PX
    from training.peers.same_file import for_both

    source = shipped("ball_fp32") if name.startswith("ferrogate-models:ball") else file
    try:
        return for_both(resized(source, SIDE_PX), str(source))[0]
    except ContractError as error:
        notes.append(f"our own network was not tried on whole frames: {error}")
        return None


def _budget(args: argparse.Namespace) -> BaselineSettings:
    from training.evaluation.baseline import BaselineSettings
    from training.peers.line_frames import SIDE_PX
    from training.peers.stock import hours_of

    if args.epochs:
        return BaselineSettings(args.epochs, SIDE_PX, args.seed, args.device)
    hours = args.hours or hours_of(args.run_folder)
    # Ultralytics counts its epochs anew after the first one, as many as fit in.
    return BaselineSettings(_FIRST_GUESS, SIDE_PX, args.seed, args.device, hours)


def _step(progress: Progress, what: str, total: int | None) -> Callable[[], object]:
    return partial(progress.advance, progress.add_task(what, total=total))


def _said(*, quiet: bool) -> Callable[[int, int], None]:
    def report(done: int, epochs: int) -> None:
        if not quiet:
            print(f"stock recipe: epoch {done}/{epochs}", file=sys.stderr, flush=True)

    return report


def _machine(threads: int) -> dict[str, object]:
    """This computer, its load before anything is measured, and the threads of both sides."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    return {
        "processor": processor,
        "cores": len(os.sched_getaffinity(0)),
        "load_1_min": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "threads": threads,
    }
