"""`ferrogate inspect`: pictures in, one JSON object per picture out.

Neighbours: `edge_runtime.images` lists the pictures, `edge_runtime.inspect_ball` and
`edge_runtime.inspect_rail` look at one of them. The output file appears whole or not at all.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import cv2
from rich.console import Console
from rich.progress import track

from edge_runtime.images import expand_paths
from edge_runtime.inspect_ball import ball_pictures
from edge_runtime.inspect_parts import PictureStation, check_min_score, make_folder, not_written
from edge_runtime.inspect_rail import rail_pictures
from edge_runtime.models import SHIPPED_PREFIX, read_model
from edge_runtime.whole_file import whole_file
from vision.errors import CalibrationError, ConfigError, ImageError

NAME = "inspect"
HELP = "look for defects in picture files and write one JSON object per picture"
EPILOG = """examples:
  ferrogate inspect --station ball pictures/ --jsonl found.jsonl
  ferrogate inspect --station ball one.png two.jpg --jsonl found.jsonl --overlays drawn/ --min-score 0.1
  ferrogate inspect --station ball ball.png --jsonl found.jsonl --mm-per-px 0.25 --recipe my_ball_40.yaml
  ferrogate inspect --station ball hot/ --jsonl found.jsonl --calibration left.yaml --temperature 110
  ferrogate inspect --station rail scan/ --jsonl found.jsonl --overlays drawn/
  ferrogate inspect --station rail strip.png --jsonl found.jsonl --mm-per-px 0.4 --recipe my_rail.yaml

Ball: one picture cannot prove a whole ball good: the verdict says what this picture shows. Without
--mm-per-px or --calibration nothing is measured and a ball is 'review', reason 'no_scale', never
accepted. Sizes are those at 20 degC; without --temperature the balls are taken to lie in a
room.
Rail: the head is found by itself, whichever way the rail runs; a picture in which none stands out is
searched as it is, reason 'rail_not_found'. A picture's verdict is its worst finding's action in the
recipe; with no finding it is 'review', reason 'single_picture', never accepted. With --mm-per-px each
finding has its length along the rail and its width across it.
Exit code 3: at least one picture could not be read (its object says why), the rest is done."""


def register(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="picture file, or folder (with all below it)"
    )
    parser.add_argument("--station", required=True, choices=("ball", "rail"), help="what the pictures show")
    parser.add_argument("--jsonl", required=True, type=Path, metavar="OUT", help="file to write")
    parser.add_argument(
        "--overlays", type=Path, metavar="DIR", help="draw what was found into PNG files there"
    )
    parser.add_argument(
        "--min-score",
        type=float,
        metavar="S",
        help="list detections from this score on, 0..1; changes the list only, never the verdict "
        "(default: each label's own threshold)",
    )
    scale = parser.add_mutually_exclusive_group()
    scale.add_argument("--mm-per-px", type=float, metavar="X", help="scale of the pictures; none: no sizes")
    scale.add_argument(
        "--calibration", type=Path, metavar="FILE", help="calibration of the camera that took them"
    )
    parser.add_argument(
        "--temperature", type=float, metavar="C", help="of the ball, degC (default: a room, 20 +/- 5)"
    )
    parser.add_argument(
        "--u-temperature", type=float, metavar="K", help="its standard uncertainty, K (default: 5)"
    )
    parser.add_argument(
        "--recipe", type=Path, metavar="FILE", help="limits (default: the 40 mm ball's, the default rail's)"
    )
    parser.add_argument("--model", metavar="FILE", help="ONNX model (default: the one in ferrogate-models)")
    parser.add_argument("--provider", default="cpu", help="execution provider: cpu, cuda, ... (default: cpu)")
    parser.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Inspect all pictures.

    Returns:
        0, or 3 when at least one picture could not be read.

    Raises:
        ConfigError, ContractError, ProviderError: nothing was written.
    """
    station = _prepare(args)
    names = list(expand_paths(args.paths))
    # OpenCV's decoders write to stderr on their own; every error is reported by us.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    counts: Counter[str] = Counter()
    if args.jsonl.resolve() in {Path(name).resolve() for name in names}:
        raise ConfigError(
            "the output would replace a picture", where=str(args.jsonl), todo="name another file for --jsonl"
        )
    with _whole_file(args.jsonl) as out:
        for record in _records(names, station):
            counts["error" if "error" in record else str(record["verdict"])] += 1
            out.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
    _summary(args, station, len(names), counts)
    return ImageError.exit_code if counts["error"] else 0


def _prepare(args: argparse.Namespace) -> PictureStation:
    check_min_score(args.min_score)
    make = ball_pictures if args.station == "ball" else rail_pictures
    station: PictureStation = make(args, read_model(args.model or f"{SHIPPED_PREFIX}{args.station}"))
    if args.overlays is not None:
        make_folder(args.overlays)
    return station


def _records(names: Sequence[str], station: PictureStation) -> Iterator[dict[str, object]]:
    """One object per picture, with a progress bar where a person is watching."""
    watched = sys.stderr.isatty()
    listed = track(names, "inspecting", console=Console(stderr=True), transient=True) if watched else names
    for number, name in enumerate(listed):
        try:
            yield station.record(name, number)
        except (ImageError, CalibrationError) as error:
            yield {
                "image": name,
                "error": error.what,
                "where": error.where,
                "todo": error.todo,
                "model_sha256": station.detector.sha256,
                "recipe_sha256": station.recipe_sha256,
            }


@contextmanager
def _whole_file(path: Path) -> Iterator[TextIO]:
    """A text file that appears under its name when all is written, and not at all after an error."""
    if path.is_dir():
        raise ConfigError("the output is a folder", where=str(path), todo="name a file for --jsonl")
    if path.exists() and not path.is_file():
        # A device or pipe would be replaced by a file.
        raise ConfigError("the output is no plain file", where=str(path), todo="name a file for --jsonl")
    try:
        # A file name that is no UTF-8 is written as JSON escapes, which give the same name when read.
        with whole_file(path) as part, part.open("w", encoding="utf-8", errors="backslashreplace") as out:
            yield out
    except OSError as error:
        raise not_written("output", path, error) from error


def _summary(args: argparse.Namespace, station: PictureStation, pictures: int, counts: Counter[str]) -> None:
    figures = {key: counts[key] for key in ("accept", "review", "reject", "error")}
    if args.json:
        about = {
            "images": pictures,
            **figures,
            "jsonl": str(args.jsonl),
            "overlays": None if args.overlays is None else str(args.overlays),
            "provider": station.detector.provider,
            "model_sha256": station.detector.sha256,
            "recipe_sha256": station.recipe_sha256,
        }
        print(json.dumps(about))
        return
    print(f"{pictures} pictures: " + ", ".join(f"{number} {key}" for key, number in figures.items()))
    print(f"one object per picture: {args.jsonl}")
    if args.overlays is not None:
        print(f"drawn pictures: {args.overlays}")
    if station.hint():
        print(station.hint())
