"""`ferrogate data render-rails`: whole rails drawn by formulas. Heavy packages load when it runs."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the subcommands of `ferrogate data`."""
    parser = commands.add_parser(
        "render-rails",
        help="whole rendered rails with every mark's place in mm",
        description="Draw whole rails by formulas, frame by frame as a line scanner gives them, with the "
        "place and size of every mark in millimetres (rails.json). To measure recall and false alarms per "
        "metre; never to train on (split test).",
        epilog="examples:\n  ferrogate data render-rails --count 4 --seed 1 --out data/rail/rendered\n"
        "  ferrogate data render-rails --count 1 --seed 7 --length-m 3 --marks 6 --out demo_rail --json\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, required=True, help="rails to render")
    parser.add_argument("--seed", type=int, required=True, help="seed of every random choice, 0 or more")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for coco.json, rails.json and images/"
    )
    parser.add_argument("--length-m", type=float, default=25.0, help="length of a rail (default 25)")
    parser.add_argument("--marks", type=int, default=40, help="marks to lay on each (default 40)")
    parser.add_argument("--mm-per-px", type=float, default=0.5, help="scale, along and across (default 0.5)")
    parser.add_argument("--frame-rows", type=int, default=2000, help="rows of a frame (default 2000)")
    parser.add_argument("--frame-width", type=int, default=512, help="columns of a frame (default 512)")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=_render_rails)


def _render_rails(args: argparse.Namespace) -> int:
    from pydantic import ValidationError

    from datasets.errors import DataError
    from datasets.synthetic.rails.rail_set import render_rails
    from datasets.synthetic.rails.rail_settings import RailSettings

    if args.seed < 0:
        raise DataError(f"a seed cannot be {args.seed}", where="--seed", todo="give 0 or more")
    try:
        settings = RailSettings(
            length_m=args.length_m,
            marks=args.marks,
            mm_per_px=args.mm_per_px,
            frame_rows=args.frame_rows,
            frame_width_px=args.frame_width,
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "options"
        raise DataError(
            f"no such rail can be drawn: {first['msg']}",
            where=where,
            todo="see 'ferrogate data render-rails --help'",
        ) from error
    data, file = render_rails(args.out, args.count, args.seed, settings, show_progress=not args.json)
    marks = [mark for rail in file.rails for mark in rail.marks]
    labels = Counter(mark.label or f"unlabelled: {mark.fine}" for mark in marks)
    metres = sum(rail.length_mm for rail in file.rails) / 1000.0
    if args.json:
        summary = {
            "out": str(args.out), "rails": len(file.rails), "metres": metres,
            "frames": len(data.samples), "marks": dict(sorted(labels.items())),
        }  # fmt: skip
        print(json.dumps(summary))
    else:
        print(f"{len(file.rails)} rails, {metres:g} m, {len(data.samples)} frames: {args.out}")
        print(", ".join(f"{label} {count}" for label, count in sorted(labels.items())) or "no marks")
    return 0
