"""`ferrogate inspect`: pictures in, one JSON object per picture out.

Neighbours: `edge_runtime.images` reads the pictures, `vision.ball.inspect_image` looks for
ball and defects, `vision.judge.judge_picture` judges what a single picture can show. The
output file appears whole or not at all.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import cv2
from rich.console import Console
from rich.progress import track

from edge_runtime.calibrations import load_calibration, require_fresh, require_passed, require_size
from edge_runtime.config import load_recipe
from edge_runtime.images import expand_paths, read_image
from edge_runtime.models import SHIPPED_PREFIX, read_model
from edge_runtime.overlay import draw_overlay
from edge_runtime.recipes import default_recipe_path
from edge_runtime.whole_file import whole_file
from vision.ball import NO_PART, inspect_image
from vision.ball_outline import Gauge
from vision.detector import Detector
from vision.errors import CalibrationError, ConfigError, FerrogateError, ImageError
from vision.fusion import fuse
from vision.judge import judge_picture, require_labels, scores
from vision.metrology.calibration import CameraCalibration, TypedScale
from vision.metrology.size import ROOM, check_temperature
from vision.metrology.types import Temperature
from vision.recipe import BallRecipe
from vision.types import Detections, UInt8Array, Verdict, ViewFindings

NAME = "inspect"
HELP = "look for defects in picture files and write one JSON object per picture"
EPILOG = """examples:
  ferrogate inspect --station ball pictures/ --jsonl found.jsonl
  ferrogate inspect --station ball one.png two.jpg --jsonl found.jsonl --overlays drawn/ --min-score 0.1
  ferrogate inspect --station ball ball.png --jsonl found.jsonl --mm-per-px 0.25 --recipe my_ball_40.yaml
  ferrogate inspect --station ball hot/ --jsonl found.jsonl --calibration left.yaml --temperature 110

One picture cannot prove a whole ball good: the verdict says what this picture shows. Without
--mm-per-px or --calibration nothing is measured and a ball is 'review', reason 'no_scale', never
accepted. Sizes are those at 20 degC; without --temperature the balls are taken to lie in a
room.
Exit code 3: at least one picture could not be read (its object says why), the rest is done."""

#: Relative standard uncertainty of a scale typed on the command line.
_U_TYPED_SCALE_SHARE = 0.005


@dataclass(frozen=True, slots=True)
class _Job:
    """All that stays the same from picture to picture."""

    detector: Detector
    recipe: BallRecipe
    gauge: Gauge | None
    min_score: float | None
    lowest_score: float
    overlays: Path | None


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
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="limits (default: the 40 mm ball's)")
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
    job = _prepare(args)
    names = list(expand_paths(args.paths))
    # OpenCV's decoders write to stderr on their own; every error is reported by us.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    counts: Counter[str] = Counter()
    if args.jsonl.resolve() in {Path(name).resolve() for name in names}:
        raise ConfigError(
            "the output would replace a picture", where=str(args.jsonl), todo="name another file for --jsonl"
        )
    with _whole_file(args.jsonl) as out:
        for record in _records(names, job):
            counts["error" if "error" in record else str(record["verdict"])] += 1
            out.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
    _summary(args, job, len(names), counts)
    return ImageError.exit_code if counts["error"] else 0


def _prepare(args: argparse.Namespace) -> _Job:
    if args.min_score is not None and not 0.0 <= args.min_score <= 1.0:
        raise ConfigError(
            f"a score lies in 0..1, not {args.min_score}", where="--min-score", todo="give 0 to 1"
        )
    gauge = _gauge(args)
    model = read_model(args.model or f"{SHIPPED_PREFIX}{args.station}")
    if args.station != "ball":
        raise ConfigError(
            "pictures of rails cannot be inspected yet: this version knows the ball station only",
            where="--station rail",
            todo="use --station ball",
        )
    recipe = load_recipe(args.recipe or default_recipe_path())
    detector = Detector(model.data, model.name, station="ball", provider=args.provider)
    require_labels(recipe, detector.contract)
    counting = [
        scores(recipe.findings[label], threshold)[0]
        for label, threshold in detector.contract.thresholds.items()
    ]
    lowest = min(counting) if args.min_score is None else min(*counting, args.min_score)
    if args.overlays is not None:
        _make_folder(args.overlays)
    return _Job(detector, recipe, gauge, args.min_score, lowest, args.overlays)


def _gauge(args: argparse.Namespace) -> Gauge | None:
    """Scale and temperature as typed; None without a scale.

    Raises:
        ConfigError: a scale, a temperature or a calibration that cannot be used.
    """
    scale: CameraCalibration | TypedScale | None = None
    if args.calibration is not None:
        scale = load_calibration(args.calibration)
        require_fresh(scale, datetime.now(UTC).date())
        require_passed(args.calibration, scale)
    elif args.mm_per_px is not None:
        scale = TypedScale(args.mm_per_px, _U_TYPED_SCALE_SHARE)
    if args.temperature is None and args.u_temperature is not None:
        raise ConfigError(
            "an uncertainty of no temperature", where="--u-temperature", todo="give --temperature, too"
        )
    temperature = None
    if args.temperature is not None:
        u_celsius = ROOM.u_celsius if args.u_temperature is None else args.u_temperature
        temperature = check_temperature(Temperature(args.temperature, u_celsius))
    return None if scale is None else Gauge(scale, temperature)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the folder for overlays cannot be made: {error.strerror or error}",
            where=str(folder),
            todo="name a folder that can be written",
        ) from error


def _records(names: Sequence[str], job: _Job) -> Iterator[dict[str, object]]:
    """One object per picture, with a progress bar where a person is watching."""
    watched = sys.stderr.isatty()
    listed = track(names, "inspecting", console=Console(stderr=True), transient=True) if watched else names
    for number, name in enumerate(listed):
        try:
            yield _inspect_one(name, number, job)
        except (ImageError, CalibrationError) as error:
            yield {
                "image": name,
                "error": error.what,
                "where": error.where,
                "todo": error.todo,
                "model_sha256": job.detector.sha256,
                "recipe_sha256": job.recipe.sha256(),
            }


def _inspect_one(name: str, number: int, job: _Job) -> dict[str, object]:
    picture = read_image(Path(name))
    height, width = picture.image.shape[:2]
    if job.gauge is not None and isinstance(job.gauge.scale, CameraCalibration):
        # Which camera took a picture file nobody can tell; its size must be that camera's.
        require_size(job.gauge.scale, width, height, where=name)
    findings = inspect_image(picture.image, job.detector, job.recipe, job.gauge, min_score=job.lowest_score)
    inspection = fuse(NO_PART, 1, (findings,))
    contract = job.detector.contract
    verdict = judge_picture(inspection, job.recipe, contract, model_sha256=job.detector.sha256)
    listed = _listed(findings.detections, job)
    if job.overlays is not None:
        _write_overlay(job.overlays, name, number, picture.image, findings, listed, verdict)
    outline = findings.outline
    return {
        "image": name,
        "width": width,
        "height": height,
        "detections": [_detection(listed, index) for index in range(len(listed))],
        "verdict": verdict.decision.name.lower(),
        "reasons": list(dict.fromkeys(reason.code for reason in verdict.reasons)),
        "reason_details": [asdict(reason) for reason in verdict.reasons],
        "ball_xyxy_px": None if outline is None else [round(value, 2) for value in outline.box_xyxy_px],
        "view_fault": findings.fault.value,
        "diameter_min_mm": findings.diameter_min_mm,
        "diameter_max_mm": findings.diameter_max_mm,
        "diameter_mean_mm": findings.diameter_mean_mm,
        "u_diameter_mm": findings.u_diameter_mm,
        "roundness_mm": findings.roundness_mm,
        "u_roundness_mm": findings.u_roundness_mm,
        "speck_mm": findings.speck_mm,
        "outline_share": None if outline is None else outline.outline_share,
        "stored_bits": picture.stored_bits,
        "model_sha256": verdict.model_sha256,
        "recipe_sha256": verdict.recipe_sha256,
    }


def _listed(detections: Detections, job: _Job) -> Detections:
    """Detections to show: from --min-score on, else those that count for the verdict."""
    contract = job.detector.contract
    keep = []
    for index in range(len(detections)):
        label = detections.label(index)
        limit = job.min_score
        if limit is None:
            limit = scores(job.recipe.findings[label], contract.thresholds[label])[0]
        if float(detections.score[index]) >= limit:
            keep.append(index)
    return Detections(
        detections.xyxy_px[keep], detections.score[keep], detections.class_id[keep], detections.labels
    )


def _detection(detections: Detections, index: int) -> dict[str, object]:
    return {
        "label": detections.label(index),
        "score": round(float(detections.score[index]), 4),
        "xyxy_px": [round(float(value), 2) for value in detections.xyxy_px[index]],
    }


def _write_overlay(
    folder: Path,
    name: str,
    number: int,
    image: UInt8Array,
    findings: ViewFindings,
    listed: Detections,
    verdict: Verdict,
) -> None:
    """Draw one picture; the running number keeps pictures of one name in two folders apart."""
    codes = tuple(dict.fromkeys(reason.code for reason in verdict.reasons))
    drawn = draw_overlay(image, listed, findings, verdict.decision, codes)
    path = folder / f"{number:05d}_{Path(name).stem}.png"
    ok, data = cv2.imencode(".png", drawn)
    try:
        path.write_bytes(data.tobytes() if ok else b"")
    except OSError as error:
        raise _not_written("overlay", path, error) from error


def _not_written(what: str, path: Path, error: OSError) -> FerrogateError:
    return FerrogateError(
        f"the {what} cannot be written: {error.strerror or error}",
        where=str(path),
        todo="check that the folder exists, can be written and has room",
    )


@contextmanager
def _whole_file(path: Path) -> Iterator[TextIO]:
    """A text file that appears under its name when all is written, and not at all after an error."""
    if path.is_dir():
        raise ConfigError("the output is a folder", where=str(path), todo="name a file for --jsonl")
    try:
        with whole_file(path) as part, part.open("w", encoding="utf-8") as out:
            yield out
    except OSError as error:
        raise _not_written("output", path, error) from error


def _summary(args: argparse.Namespace, job: _Job, pictures: int, counts: Counter[str]) -> None:
    figures = {key: counts[key] for key in ("accept", "review", "reject", "error")}
    if args.json:
        about = {
            "images": pictures,
            **figures,
            "jsonl": str(args.jsonl),
            "overlays": None if job.overlays is None else str(job.overlays),
            "provider": job.detector.provider,
            "model_sha256": job.detector.sha256,
            "recipe_sha256": job.recipe.sha256(),
        }
        print(json.dumps(about))
        return
    print(f"{pictures} pictures: " + ", ".join(f"{number} {key}" for key, number in figures.items()))
    print(f"one object per picture: {args.jsonl}")
    if job.overlays is not None:
        print(f"drawn pictures: {job.overlays}")
    if job.gauge is None:
        print("neither --mm-per-px nor --calibration given: nothing was measured, so no ball is accepted")
