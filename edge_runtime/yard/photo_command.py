"""`ferrogate rail photos`: a folder of photos of a wagon or a pile in, findings and drawn photos out.

Neighbours: `photos` looks at them, `edge_runtime.commands.rail` is the command.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from edge_runtime.models import SHIPPED_PREFIX
from edge_runtime.overlay_rail import draw_rail_overlay
from edge_runtime.yard.map_folder import GRADE_FILE, MAP_FILE, whole_map, write_json
from edge_runtime.yard.map_run import map_tools
from edge_runtime.yard.photos import LookedAt, PhotoLook, PhotoSet, look_at_photos, photo_files, photo_map
from vision.errors import ImageError
from vision.types import Decision, Detections
from vision.yard.grade import findings_of
from vision.yard.photos import grade_photos
from vision.yard.types import TypedFacts

PHOTOS_FILE, DRAWN = "photos.json", "drawn"
_QUALITY = 90
_EPILOG = f"""examples:
  ferrogate rail photos wagon_5512/ --out wagon_5512_found/
  ferrogate rail photos pile/ --out found/ --json --replace

DIR gets {PHOTOS_FILE} (each photo: marks in its pixels, whether a rail stands out in it, or why it
could not be read), {MAP_FILE} and {GRADE_FILE} as of a rail without a scale, and the photos with their
marks in {DRAWN}/. It appears whole or not at all.

A photo has no scale: nothing is in millimetres. The grade is always 'human': a photo shows what lies on top.

exit codes: 0 all were looked at; 2 arguments or recipe cannot be used; 3 a file could not be read, or in none
of the photos a rail stands out; 4 the model; 5 the provider; 14 the folder cannot be written."""


def register(actions: Any) -> None:
    """Add the action `photos`."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "photos",
        help="look at photos of a wagon or a pile: marks without millimetres, always for a person",
        description="Look for marks on rails in photos of a wagon or a pile.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="of the photos of one wagon or pile")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--replace", action="store_true", help="replace what this command wrote to --out before"
    )
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="yard recipe (default: yard_default)")
    parser.add_argument("--model", metavar="FILE", help="ONNX model (default: the one in ferrogate-models)")
    parser.add_argument("--provider", default="cpu", help="execution provider: cpu, cuda, ... (default: cpu)")
    parser.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look at all of them.

    Returns:
        0, or 3 when a file could not be read or no rail stands out in any of them.

    Raises:
        FerrogateError: nothing was written.
    """
    # OpenCV's decoders write to stderr on their own; every error is reported by us.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    files = photo_files(args.folder)
    tools = map_tools(args.model or f"{SHIPPED_PREFIX}rail", args.recipe, provider=args.provider)
    detector = tools.detector
    columns = (TextColumn("photos"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with (
        whole_map(args.out, replace=args.replace) as part,
        Progress(*columns, console=console, disable=args.json, transient=True) as bar,
    ):
        (part / DRAWN).mkdir()
        task = bar.add_task("photos", total=len(files))

        def told(seen: LookedAt | PhotoLook, number: int) -> None:
            if isinstance(seen, LookedAt):
                _draw(part / DRAWN / f"{number:03d}_{Path(seen.look.file).stem}.jpg", seen)
            bar.update(task, completed=number + 1)

        photos = look_at_photos(args.folder.resolve().name, files, detector, detector.sha256, told)
        if photos.state == "failed":
            raise ImageError(photos.what, where=str(args.folder), todo=photos.todo)
        found = photo_map(photos, dict(detector.contract.thresholds))
        grade = grade_photos(found, findings_of(found, tools.recipe), TypedFacts(), tools.recipe)
        write_json(part / PHOTOS_FILE, photos)
        write_json(part / MAP_FILE, found)
        write_json(part / GRADE_FILE, grade)
    _print(photos, args.out, as_json=args.json)
    sound = not any(look.error for look in photos.photos) and any(look.rail_found for look in photos.photos)
    return 0 if sound else ImageError.exit_code


def _draw(path: Path, seen: LookedAt) -> None:
    boxes = seen.findings.detections
    labels = boxes.labels
    kept = [
        index
        for index in range(len(boxes))
        if any(
            mark.label == labels[int(boxes.class_id[index])]
            and mark.score == round(float(boxes.score[index]), 4)
            for mark in seen.look.marks
        )
    ]
    shown = Detections(boxes.xyxy_px[kept], boxes.score[kept], boxes.class_id[kept], labels)
    words = () if seen.look.rail_found else ("no rail stands out in this photo",)
    drawn = draw_rail_overlay(seen.image, shown, seen.findings, Decision.REVIEW, words)
    done, packed = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise ImageError("the drawn photo cannot be packed", where=seen.look.file, todo="shrink the photo")
    path.write_bytes(packed.tobytes())


def _print(photos: PhotoSet, out: Path, *, as_json: bool) -> None:
    counts = Counter(mark.label for look in photos.photos for mark in look.marks)
    no_rail = [look.file for look in photos.readable if not look.rail_found]
    unread = {look.file: look.error for look in photos.photos if look.error}
    if as_json:
        facts = {
            "out": str(out),
            "photos": len(photos.photos),
            "marks": dict(sorted(counts.items())),
            "no_rail": no_rail,
            "unread": unread,
            "grade": photos.grade,
            "mm": None,
            "model_sha256": photos.model_sha256,
        }
        print(json.dumps(facts, ensure_ascii=False))
        return
    marks = ", ".join(f"{label} {count}" for label, count in sorted(counts.items())) or "no mark"
    print(f"{len(photos.photos)} photos: {marks}; grade: human, no millimetres (a photo has no scale)")
    for file in no_rail:
        print(f"{file}: no rail stands out in this photo; its marks are hints at best")
    for file, why in unread.items():
        print(f"{file}: not looked at: {why}")
    print(f"{out / PHOTOS_FILE}, {out / DRAWN}/")
