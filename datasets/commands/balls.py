"""`ferrogate data bank` and `data render-balls`: rendered balls. Heavy packages load when a command runs."""

from __future__ import annotations

import argparse
import json
import shlex
from collections import Counter
from pathlib import Path


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both commands to the subcommands of `ferrogate data`."""
    _register_bank(commands)
    _register_render(commands)


def _register_bank(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    bank = commands.add_parser(
        "bank",
        help="the bank of rendered balls for the twin line",
        description="Render the bank of balls that the twin line rolls past its cameras. Its settings are "
        "kept for evaluation: the training renderer refuses them.",
        epilog="example:\n  ferrogate data bank --seed 2026 --out datasets/synthetic/data/ball_bank\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    bank.add_argument("--seed", type=int, required=True, help="seed of every random choice")
    bank.add_argument("--out", type=Path, required=True, help="folder for bank.json and the sheets")
    bank.add_argument("--balls", type=int, default=224, help="number of balls (default 224)")
    bank.add_argument("--per-label", type=int, default=11, help="balls of each defect label (default 11)")
    bank.add_argument("--oval", type=int, default=8, help="oval balls (default 8)")
    bank.add_argument("--settings", type=Path, help="renderer settings (default: the package's bank.yaml)")
    bank.add_argument("--json", action="store_true", help="print the result as one JSON object")
    bank.set_defaults(run=_bank)


def _register_render(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    render = commands.add_parser(
        "render-balls",
        help="a training set of rendered ball crops (COCO and PNG)",
        description="Render crops of balls as the edge box cuts them, with boxes, masks and true sizes: "
        "before a backlight, on a belt, in a chute or a groove. Pictures of one ball share a group, and "
        "a group is never parted between train and val. An interrupted set goes on where it stopped.",
        epilog="examples:\n  ferrogate data render-balls --count 4000 --seed 1 --out data/balls\n"
        "  ferrogate data render-balls --count 9000 --seed 1 --out data/ball/test --test\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    render.add_argument(
        "--count", type=int, required=True, help="crops to render (rounded up to whole balls)"
    )
    render.add_argument("--seed", type=int, required=True, help="seed of every random choice")
    render.add_argument("--out", type=Path, required=True, help="folder for coco.json and images/")
    render.add_argument(
        "--settings", type=Path, help="renderer settings (default: the package's train.yaml, or test.yaml)"
    )
    render.add_argument("--test", action="store_true", help="a set to measure on (split test)")
    render.add_argument("--jobs", type=int, default=2, help="processes, of one thread each (default 2)")
    render.add_argument("--json", action="store_true", help="print the result as one JSON object")
    render.set_defaults(run=_render_balls)


def _command(args: argparse.Namespace, name: str, options: tuple[str, ...]) -> str:
    words = ["ferrogate", "data", name]
    for option in options:
        value = getattr(args, option.replace("-", "_"))
        if value is not None:
            words += [f"--{option}", str(value)]
    return shlex.join(words)


def _bank(args: argparse.Namespace) -> int:
    from datasets.synthetic.render_bank import build_bank, plan_labels
    from datasets.synthetic.settings import SETTINGS_DIR, load_settings

    settings = load_settings(args.settings or SETTINGS_DIR / "bank.yaml")
    labels = plan_labels(args.balls, args.per_label, args.oval, args.seed)
    command = _command(args, "bank", ("seed", "out", "balls", "per-label", "oval", "settings"))
    index = build_bank(args.out, settings, labels, args.seed, command, show_progress=not args.json)
    size = sum(path.stat().st_size for path in args.out.iterdir())
    counts = Counter(ball.label for ball in index.balls)
    if args.json:
        print(json.dumps({"out": str(args.out), "balls": len(index.balls), "labels": counts, "bytes": size}))
    else:
        print(f"{len(index.balls)} balls, {size / 1e6:.1f} MB: {args.out}")
        print(", ".join(f"{label} {count}" for label, count in sorted(counts.items())))
    return 0


def _render_balls(args: argparse.Namespace) -> int:
    from datasets.synthetic.render_balls import render_set
    from datasets.synthetic.settings import SETTINGS_DIR, load_settings

    settings = load_settings(args.settings or SETTINGS_DIR / ("test.yaml" if args.test else "train.yaml"))
    command = _command(args, "render-balls", ("count", "seed", "out", "settings"))
    data = render_set(
        args.out,
        settings,
        args.count,
        args.seed,
        command + (" --test" if args.test else ""),
        test=args.test,
        jobs=args.jobs,
        show_progress=not args.json,
    )
    views = Counter(
        box.label for sample in data.samples for box in {b.label: b for b in sample.boxes}.values()
    )
    splits = Counter(sample.split for sample in data.samples)
    if args.json:
        print(json.dumps({"out": str(args.out), **splits, "views_with_label": views}))
    else:
        print(", ".join(f"{split} {count} crops" for split, count in splits.items()) + f": {args.out}")
        print("views that show each label:", ", ".join(f"{k} {n}" for k, n in sorted(views.items())))
    return 0
