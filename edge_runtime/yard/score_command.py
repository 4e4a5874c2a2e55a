"""`ferrogate rail score`: what maps are worth, beside the truth of rendered rails or the labels of frames.

Neighbours: `map_truth` and `map_labels` count; here are the words of the command line and the tables.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from edge_runtime.yard.map_folder import read_maps
from edge_runtime.yard.map_labels import RecordingScore, read_labelled, score_recording
from edge_runtime.yard.map_match import SAME_IOU, Share
from edge_runtime.yard.map_truth import Spread, TruthScore, score_rendered
from edge_runtime.yard.scan_rendered import read_rendered
from vision.errors import ConfigError

#: Figures are never cut, also where no terminal says its width.
_WIDTH = 132
_EPILOG = """examples:
  ferrogate rail score maps/ --truth data/rail/rendered
  ferrogate rail score maps/ --frames data/rail/frames --split val --json

--truth: rendered rails. Differences along the rail in mm over the marks found, marks that came out in
pieces, recall and false alarms per metre by label. --frames: frames that people labelled; recall and
precision by label. A finding is a mark's where both have one label and overlap by IoU 0.3 (--iou for
frames). Bounds are exact, at 95 %.

exit codes: 0 scored, 2 nothing to compare, 14 a map that cannot be read."""


def register(actions: Any) -> None:
    """Add the action `score`."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "score",
        help="compare maps with the truth of rendered rails, or with labelled frames",
        description="Say what maps are worth: places, merging, recall, false alarms.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("maps", nargs="+", type=Path, metavar="DIR", help="what 'ferrogate rail map' wrote")
    known = parser.add_mutually_exclusive_group(required=True)
    known.add_argument("--truth", type=Path, metavar="PATH", help="rails.json, or the folder that holds it")
    known.add_argument("--frames", type=Path, metavar="PATH", help="coco.json, or the folder that holds it")
    parser.add_argument("--split", default="val", help="of the labelled frames (default: val)")
    parser.add_argument(
        "--iou", type=float, default=SAME_IOU, metavar="X", help="with --frames (default 0.3)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score maps; returns 0.

    Raises:
        FerrogateError: a map or what it is compared with cannot be used.
    """
    if not 0.0 < args.iou <= 1.0:
        raise ConfigError(f"{args.iou} is no overlap", where="--iou", todo="give a number above 0, at most 1")
    maps = read_maps(args.maps)
    score: TruthScore | RecordingScore
    if args.truth is not None:
        score = score_rendered(maps, read_rendered(args.truth).rails)
    else:
        score = score_recording(maps, read_labelled(args.frames), args.split, args.iou)
    if args.json:
        print(json.dumps(asdict(score), ensure_ascii=False))
    elif isinstance(score, TruthScore):
        _print_truth(score)
    else:
        _print_recording(score, args.split)
    return 0


def _print_truth(score: TruthScore) -> None:
    print(f"{score.rails} rails, {score.metres:g} m, {score.found} of {score.marks} marks found, "
          f"{score.unseen_m:.3f} m not seen")  # fmt: skip
    table = _table("mm over the marks found", "p50", "p95", "largest", "mean")
    for name, spread in (
        ("place along the rail (middle)", score.place_mm),
        ("its beginning", score.begin_mm),
        ("its end", score.end_mm),
        ("place across the head", score.across_mm),
        ("length of the rail", score.length_mm),
    ):
        table.add_row(name, *_spread(spread))
    Console(width=_WIDTH).print(table)
    merge = score.merge
    print(f"marks found in pieces: {_share(merge.in_pieces)}")
    print(f"  one behind another, as a border would cut them: {_share(merge.one_behind_another)}")
    print(f"  in pieces, of marks that a frame's border cuts: {_share(merge.across_frames)}")
    print(f"marks found together with another: {_share(merge.together)}")
    table = _table("label", "limit", "recall", "false per m", "on other", "on unknown")
    for one in score.labels:
        false = one.false
        table.add_row(
            one.label,
            "-" if one.threshold is None else f"{one.threshold:.3f}",
            _share(one.recall),
            f"{false.rate:.3f} ({false.low:.3f} to {false.high:.3f}, {false.count})",
            str(one.on_other),
            str(one.on_unknown),
        )
    Console(width=_WIDTH).print(table)


def _print_recording(score: RecordingScore, split: str) -> None:
    print(f"{score.rails} rails, {score.frames} labelled frames of split {split}, {score.unseen} not seen")
    table = _table("label", "limit", "recall", "precision", "on other")
    for one in score.labels:
        limit = "-" if one.threshold is None else f"{one.threshold:.3f}"
        table.add_row(one.label, limit, _share(one.recall), _share(one.precision), str(one.on_other))
    Console(width=_WIDTH).print(table)


def _table(first: str, *heads: str) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False)
    table.add_column(first, no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _spread(spread: Spread | None) -> tuple[str, ...]:
    if spread is None:
        return ("-",) * 4
    return tuple(f"{value:.2f}" for value in (spread.p50, spread.p95, spread.largest, spread.signed))


def _share(one: Share) -> str:
    if one.value is None:
        return "none to count"
    return f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f}, {one.hits} of {one.total})"
