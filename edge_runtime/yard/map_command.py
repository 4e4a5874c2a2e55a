"""`ferrogate rail map`: a folder with a scan in, a folder with each rail's map out.

Neighbours: `scan_files` reads the scan, `map_run` does the work; here are the words of the command line, the
progress bars and the summary.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import cv2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from edge_runtime.models import SHIPPED_PREFIX
from edge_runtime.reports.words import load_words
from edge_runtime.yard import map_run
from edge_runtime.yard.map_folder import REPORT_FILE, check_free, whole_map
from edge_runtime.yard.map_run import MappedScan, fill_map, map_scan, map_tools
from edge_runtime.yard.note_words import note_text
from edge_runtime.yard.scan import ONE_CAMERA, Scan
from edge_runtime.yard.scan_files import PATTERNS, chosen, read_scans
from vision.errors import ConfigError, ImageError
from vision.rail_map.types import Note, ScanCamera, ScanGeometry
from vision.yard.types import Section, TypedFacts

_EPILOG = f"""examples:
  ferrogate rail map scan/ --out map/ --section R65
  ferrogate rail map scan/ --out map/ --recipe my_yard.yaml --language ru --replace
  ferrogate rail map pictures/ --pattern '(?P<camera>[a-z]+)_(?P<frame>\\d+)' --mm-per-px 0.5 --out map/
  ferrogate rail map rail400/images --pattern rail400 --rail 14564701 --rail 14564802 --out maps/

RUN is one of:
  a folder with scan.csv (columns camera, frame_number, first_count, last_count, file; counts may be empty)
    and, if there is one, scan.yaml (rail, section, geometry of the scanner);
  a folder of pictures whose names say the frame (--pattern: {", ".join(PATTERNS)}, or a regular expression
    with the groups frame, and camera and rail where names say them);
  what 'ferrogate data render-rails' writes.
One rail: --out becomes its map. Several: --out gets a folder for each. Either appears whole or not at all.
Without a scale (scan.yaml, --mm-per-px) places are rows and frames, and there are no millimetres.
What no healthy picture shows is reported as not seen; a rail with such stretches is never clear.

exit codes: 0 mapped; 2 arguments, scan or recipe cannot be used; 3 mapped, but a picture is missing or
cannot be read, or no rail was found (the map says where); 4 the model; 5 the provider; 14 the folder cannot
be written."""


def register(actions: Any) -> None:
    """Add the action `map`."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "map",
        help="map the rails of a scan: strip pictures, findings, grade, cut list, report",
        description="Lay a scan's frames along the rail, look for marks, grade the rail, place the cuts.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scan", type=Path, metavar="RUN", help="folder of the scan")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder to write")
    parser.add_argument("--replace", action="store_true", help="replace maps that lie in --out")
    parser.add_argument("--rail", action="append", default=[], metavar="NAME", help="this rail only (repeat)")
    parser.add_argument("--pattern", metavar="P", help="what the names of pictures say, where no table does")
    parser.add_argument("--mm-per-px", type=float, metavar="X", help="scale, where scan.yaml gives none")
    parser.add_argument("--counts-per-mm", type=float, metavar="N", help="of the encoder, with --mm-per-px")
    parser.add_argument("--section", choices=get_args(Section), help="of the rail, as somebody read it")
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="yard recipe (default: yard_default)")
    parser.add_argument("--model", metavar="FILE", help="ONNX model (default: the one in ferrogate-models)")
    parser.add_argument("--provider", default="cpu", help="execution provider: cpu, cuda, ... (default: cpu)")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="of the detector (default: 2)")
    parser.add_argument("--language", default="en", help="of the report: ru, kk or en (default)")
    parser.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Map all rails of a scan.

    Returns:
        0, or 3 when a picture was missing or unreadable, or no rail was found.

    Raises:
        FerrogateError: nothing was written.
    """
    if not 1 <= args.threads <= 64:
        raise ConfigError(f"{args.threads} threads", where="--threads", todo="give 1 to 64")
    words = load_words(args.language)
    check_free(args.out, replace=args.replace)
    # OpenCV's decoders write to stderr on their own; every error is reported by us.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    scans = _scans(args)
    tools = map_tools(
        args.model or f"{SHIPPED_PREFIX}rail", args.recipe, provider=args.provider, threads=args.threads
    )
    summaries: list[dict[str, Any]] = []
    with whole_map(args.out, replace=args.replace) as part, _bars(show=not args.json) as bars:
        for scan in scans:
            facts = None if args.section is None else TypedFacts(section=args.section)
            mapped = map_scan(scan, tools, facts, bars(scan.rail))
            folder = part if len(scans) == 1 else part / scan.rail
            folder.mkdir(exist_ok=True)
            begin = time.monotonic()
            fill_map(folder, mapped, tools.recipe, words, datetime.now().astimezone(), bars(scan.rail))
            place = args.out if len(scans) == 1 else args.out / scan.rail
            summaries.append(_summary(mapped, place, time.monotonic() - begin))
    _print(summaries, args.out, as_json=args.json)
    return ImageError.exit_code if any(one["unread"] or not one["rail_found"] for one in summaries) else 0


def _scans(args: argparse.Namespace) -> tuple[Scan, ...]:
    scans = chosen(read_scans(args.scan, pattern=args.pattern), args.rail, args.scan)
    if args.mm_per_px is None:
        if args.counts_per_mm is not None:
            raise ConfigError(
                "counts alone give no scale across the rail", where="--counts-per-mm", todo="add --mm-per-px"
            )
        return scans
    for name, value in (("--mm-per-px", args.mm_per_px), ("--counts-per-mm", args.counts_per_mm)):
        if value is not None and not 1e-4 <= value <= 1e4:
            raise ConfigError(f"{value} is no scale", where=name, todo="give a number above 0")
    if any(scan.geometry.row_mm or scan.geometry.counts_per_mm for scan in scans):
        raise ConfigError(
            "the scan has a scale of its own",
            where="--mm-per-px",
            todo="leave it out, or correct the scan's scan.yaml",
        )
    return chosen(
        read_scans(args.scan, pattern=args.pattern, geometry=_typed_geometry(args, scans)),
        args.rail,
        args.scan,
    )


def _typed_geometry(args: argparse.Namespace, scans: Sequence[Scan]) -> ScanGeometry:
    """The cameras that the scan names, all at the scale that was typed."""
    if args.mm_per_px > 10.0:
        raise ConfigError(f"{args.mm_per_px} mm/px", where="--mm-per-px", todo="give at most 10")
    names = dict.fromkeys(camera.name for scan in scans for camera in scan.geometry.cameras) or {
        ONE_CAMERA: None
    }
    return ScanGeometry(
        counts_per_mm=args.counts_per_mm,
        row_mm=args.mm_per_px,
        cameras=tuple(ScanCamera(name=name, mm_per_px=args.mm_per_px) for name in names),
    )


@contextmanager
def _bars(*, show: bool) -> Iterator[Any]:
    """Gives a function from a rail's name to a `map_run.Progress` that moves bars on the terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not (show and sys.stderr.isatty())
    ) as bars:

        def of_rail(rail: str) -> map_run.Progress:
            tasks: dict[str, Any] = {}

            def tell(what: str, done: int, total: int) -> None:
                if what not in tasks:
                    tasks[what] = bars.add_task(f"{rail}: {what}", total=total)
                bars.update(tasks[what], completed=done, total=total)

            return tell

        yield of_rail


def _summary(mapped: MappedScan, place: Path, write_s: float) -> dict[str, Any]:
    rail_map, grade = mapped.rail_map, mapped.grade
    return {
        "rail": rail_map.rail,
        "folder": str(place),
        "report": str(place / REPORT_FILE),
        "rail_found": any(strip.strip.head is not None for strip in mapped.strips.values()),
        "rows": rail_map.rows,
        "length_m": rail_map.length_m,
        "length_is_least": rail_map.length_is_least,
        "frames": sum(camera.frames for camera in rail_map.cameras),
        "left_out": sum(len(camera.left_out) for camera in rail_map.cameras),
        "unread": len(mapped.unread),
        "findings": dict(sorted(Counter(one.label for one in rail_map.findings).items())),
        "unseen": len(rail_map.unseen),
        "unseen_m": grade.unseen_m,
        "grade": grade.grade,
        "usable_length_m": grade.usable_length_m,
        "yield_share": grade.yield_share,
        "notes": [note.model_dump(mode="json") for note in rail_map.notes],
        "map_s": round(mapped.seconds, 2),
        "write_s": round(write_s, 2),
    }


def _print(summaries: Sequence[dict[str, Any]], out: Path, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"out": str(out), "rails": list(summaries)}, ensure_ascii=False))
        return
    words = load_words("en")  # as the rest of what the terminal says
    for one in summaries:
        length = "no scale" if one["length_m"] is None else f"{one['length_m']:.3f} m"
        least = "at least " if one["length_is_least"] and one["length_m"] is not None else ""
        found = ", ".join(f"{count} {label}" for label, count in one["findings"].items()) or "no findings"
        print(f"{one['rail']}: {least}{length}, {one['frames']} frames, {found}, grade {one['grade']}")
        if one["unseen"]:
            metres = "" if one["unseen_m"] is None else f", {one['unseen_m']:.3f} m"
            print(f"  not seen: {one['unseen']} stretches{metres}")
        for note in one["notes"][:5]:
            print(f"  note: {note_text(Note.model_validate(note), words)}")
        if len(one["notes"]) > 5:
            print(f"  and {len(one['notes']) - 5} more notes: {one['folder']}/map.json")
        print(f"  mapped in {one['map_s']:.1f} s, report: {one['report']}")
