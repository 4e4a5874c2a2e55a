"""`ferrogate measure`: pictures of balls in, diameters and roundness in mm with their uncertainty out.

Neighbours: `edge_runtime.images` reads the pictures, `vision.metrology.measure` measures in pixels,
`vision.metrology.size` brings them to mm at 20 degC, `edge_runtime.measure_overlay` draws.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from edge_runtime.calibrations import load_calibration, require_fresh, require_passed, require_size
from edge_runtime.images import expand_paths, read_stored
from edge_runtime.measure_overlay import draw_measured, draw_refused
from vision.errors import ConfigError, FerrogateError, ImageError
from vision.metrology.calibration import CameraCalibration, TypedScale
from vision.metrology.form import UPR_CHOICES
from vision.metrology.measure import measure_picture
from vision.metrology.size import check_temperature, size_ball
from vision.metrology.sized import SizedBall
from vision.metrology.types import MotionBlur, Refused, Temperature

NAME = "measure"
HELP = "measure balls in picture files: diameters and roundness in mm, with uncertainty"
EPILOG = """examples:
  ferrogate measure pictures/ --calibration cam0.json --temperature 120
  ferrogate measure ball.png --mm-per-px 0.125 --json
  ferrogate measure pictures/ --mm-per-px 0.125 --overlays drawn/ --filter 150

One ball in each picture, 8 bits, grey, lit from behind. All lengths are brought to 20 degC. With --json
every picture gives one line:
  image, ls_diameter_mm, feret_min_mm, feret_max_mm, feret_mean_mm,
  roundness_mm {lsci, mzci, mcci, mici}: RONt (ISO 12181-1) after the Gaussian filter,
  u_diameter_mm (standard uncertainty, k = 1), centre_px [x, y], outline_share (seen, 0..1),
  reason (null when measured; else the numbers are null), detail (the reason in words).

Exit code 0: every picture was looked at; one that cannot be measured is a result, its reason says why.
Exit code 3: at least one file could not be read (reason "unreadable"), the rest is done."""

#: Columns of the table that hold diameters (the others hold small lengths).
_LONG = ("min", "max", "mean")
UNREADABLE = "unreadable"
#: Relative standard uncertainty of a typed scale when none is given.
_U_SCALE_SHARE = 0.005
#: Standard uncertainty of a typed temperature when none is given, K.
_U_TEMPERATURE_K = 5.0


@dataclass(frozen=True, slots=True)
class _Job:
    """All that stays the same from picture to picture."""

    scale: TypedScale | CameraCalibration
    calibration_path: Path | None
    temperature: Temperature | None
    motion: MotionBlur | None
    upr_max: int
    overlays: Path | None


def register(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="picture file, or folder (with all below it)"
    )
    scale = parser.add_mutually_exclusive_group(required=True)
    scale.add_argument("--mm-per-px", type=float, metavar="X", help="scale at the ball, typed")
    scale.add_argument(
        "--calibration", type=Path, metavar="FILE", help="of the camera that took the pictures"
    )
    parser.add_argument("--json", action="store_true", help="print one object per picture and line")
    parser.add_argument("--overlays", type=Path, metavar="DIR", help="draw what was measured into PNGs there")
    parser.add_argument(
        "--temperature", type=float, metavar="C", help="of the ball, degC (default: a room, 20 +/- 5)"
    )
    parser.add_argument(
        "--u-temperature",
        type=float,
        metavar="K",
        help=f"its standard uncertainty (default: {_U_TEMPERATURE_K:g})",
    )
    parser.add_argument(
        "--u-scale-share",
        type=float,
        metavar="S",
        help=f"relative standard uncertainty of --mm-per-px (default: {_U_SCALE_SHARE:g})",
    )
    parser.add_argument(
        "--filter",
        type=int,
        choices=UPR_CHOICES,
        default=50,
        help="cut-off of the roundness filter, undulations per revolution (default: 50)",
    )
    parser.add_argument(
        "--motion-blur-px",
        type=float,
        default=0.0,
        metavar="B",
        help="known motion along the picture's rows during the exposure (default: 0)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure all pictures.

    Returns:
        0, or 3 when at least one file could not be read.

    Raises:
        ConfigError: an argument cannot be used; the calibration is stale or of another picture size.
    """
    job = _prepare(args)
    names = list(expand_paths(args.paths))
    # OpenCV's decoders write to stderr on their own; every error is reported by us.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    records: list[dict[str, Any]] = []
    for number, name in enumerate(_watched(names)):
        record = _measure_one(name, number, job)
        records.append(record)
        if args.json:
            print(json.dumps(record, ensure_ascii=False, allow_nan=False), flush=True)
    if not args.json:
        _print(records, job.upr_max, Console(highlight=False))
        if job.overlays is not None:
            print(f"drawn pictures: {job.overlays}")
    return ImageError.exit_code if any(record["reason"] == UNREADABLE for record in records) else 0


def _prepare(args: argparse.Namespace) -> _Job:
    if not (math.isfinite(args.motion_blur_px) and args.motion_blur_px >= 0.0):
        raise ConfigError(
            f"a motion of {args.motion_blur_px} px cannot be", where="--motion-blur-px", todo="give 0 or more"
        )
    scale: TypedScale | CameraCalibration
    if args.calibration is not None:
        if args.u_scale_share is not None:
            raise ConfigError(
                "a calibration brings its own uncertainty",
                where="--u-scale-share",
                todo="leave it out, or give --mm-per-px",
            )
        scale = load_calibration(args.calibration)
        require_fresh(scale, datetime.now(UTC).date())
        require_passed(args.calibration, scale)
    else:
        share = _U_SCALE_SHARE if args.u_scale_share is None else args.u_scale_share
        scale = TypedScale(args.mm_per_px, share)
    temperature = None
    if args.temperature is not None:
        u_celsius = _U_TEMPERATURE_K if args.u_temperature is None else args.u_temperature
        temperature = check_temperature(Temperature(args.temperature, u_celsius))
    elif args.u_temperature is not None:
        raise ConfigError(
            "an uncertainty needs a temperature", where="--u-temperature", todo="give --temperature too"
        )
    if args.overlays is not None:
        try:
            args.overlays.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"the folder for overlays cannot be made: {error.strerror or error}",
                where=str(args.overlays),
                todo="name a folder that can be written",
            ) from error
    motion = MotionBlur(args.motion_blur_px) if args.motion_blur_px > 0.0 else None
    return _Job(scale, args.calibration, temperature, motion, args.filter, args.overlays)


def _watched(names: list[str]) -> Iterable[str]:
    """The names, with a progress bar where a person is watching."""
    if not sys.stderr.isatty():
        return names
    return track(names, "measuring", console=Console(stderr=True), transient=True)


def _measure_one(name: str, number: int, job: _Job) -> dict[str, Any]:
    try:
        image = read_stored(Path(name))
    except ImageError as error:
        return _without_numbers(name, UNREADABLE, f"{error.what}; {error.todo}")
    if isinstance(job.scale, CameraCalibration):
        height, width = image.shape[:2]
        require_size(job.scale, width, height, where=f"{name} with {job.calibration_path}")
    found = measure_picture(image, motion=job.motion, upr_max=job.upr_max)
    if isinstance(found, Refused):
        if job.overlays is not None:
            lines = [f"not measured: {found.reason.value}", found.detail]
            _write(job.overlays, name, number, draw_refused(image, lines))
        return _without_numbers(name, found.reason.value, found.detail)
    sized = size_ball(found, job.scale, job.temperature)
    if job.overlays is not None:
        _write(job.overlays, name, number, draw_measured(image, found, _lines(sized, job.upr_max)))
    return _numbers(name, sized)


def _numbers(name: str, sized: SizedBall) -> dict[str, Any]:
    form = sized.roundness_mm
    return {
        "image": name,
        "ls_diameter_mm": round(sized.diameter_ls_mm, 5),
        "feret_min_mm": round(sized.feret_min_mm, 5),
        "feret_max_mm": round(sized.feret_max_mm, 5),
        "feret_mean_mm": round(sized.feret_mean_mm, 5),
        "roundness_mm": {
            "lsci": round(form.lsci, 5),
            "mzci": round(form.mzci, 5),
            "mcci": round(form.mcci, 5),
            "mici": round(form.mici, 5),
        },
        "u_diameter_mm": round(sized.u_diameter_mm, 5),
        "centre_px": [round(value, 3) for value in sized.centre_xy_px],
        "outline_share": round(sized.outline_share, 4),
        "reason": None,
        "detail": None,
    }


def _without_numbers(name: str, reason: str, detail: str) -> dict[str, Any]:
    return {
        "image": name,
        "ls_diameter_mm": None,
        "feret_min_mm": None,
        "feret_max_mm": None,
        "feret_mean_mm": None,
        "roundness_mm": {"lsci": None, "mzci": None, "mcci": None, "mici": None},
        "u_diameter_mm": None,
        "centre_px": None,
        "outline_share": None,
        "reason": reason,
        "detail": detail,
    }


def _lines(sized: SizedBall, upr_max: int) -> list[str]:
    form = sized.roundness_mm
    return [
        f"diameter {sized.diameter_ls_mm:.3f} mm +/- {2.0 * sized.u_diameter_mm:.3f} mm (k = 2), "
        f"scale {sized.mm_per_px:.5f} mm/px",
        f"widths {sized.feret_min_mm:.3f} to {sized.feret_max_mm:.3f} mm, mean {sized.feret_mean_mm:.3f} mm",
        f"roundness RONt, 1-{upr_max} UPR: LSCI {form.lsci:.3f}, MZCI {form.mzci:.3f}, "
        f"MCCI {form.mcci:.3f}, MICI {form.mici:.3f} mm (u {sized.u_roundness_mm:.3f})",
        f"outline seen {sized.outline_share:.1%}"
        + (f", largest speck left out {sized.speck_mm:.2f} mm" if sized.speck_mm > 0.0 else ""),
    ]


def _write(folder: Path, name: str, number: int, drawn: np.ndarray) -> None:
    """The running number keeps pictures of one name in two folders apart."""
    path = folder / f"{number:05d}_{Path(name).stem}.png"
    _, data = cv2.imencode(".png", drawn)
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise FerrogateError(
            f"the overlay cannot be written: {error.strerror or error}",
            where=str(path),
            todo="check that the folder can be written and has room",
        ) from error


def _print(records: list[dict[str, Any]], upr_max: int, console: Console) -> None:
    """Measured pictures as a table, the others as lines below it."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False)
    table.add_column("picture", no_wrap=True, max_width=24)
    for head in ("diameter", "U", "min", "max", "mean", "MZ", "LS", "seen %"):
        # Figures are never cut: a narrow window cuts the names.
        table.add_column(head, justify="right", no_wrap=True, min_width=max(len(head), 5 + (head in _LONG)))
    for record in records:
        if record["reason"] is None:
            table.add_row(escape(Path(record["image"]).name), *_cells(record))
    if table.row_count:
        console.print(table)
        console.print(
            "mm at 20 degC: least-squares diameter and its U (k = 2); smallest, largest and\n"
            "mean width; "
            f"RONt (ISO 12181-1, Gaussian 1-{upr_max} UPR) by minimum zone and least squares"
        )
    for record in records:
        if record["reason"] is not None:
            console.print(
                f"{record['image']}: {record['reason']}: {record['detail']}", markup=False, style="red"
            )


def _cells(record: dict[str, Any]) -> list[str]:
    form = record["roundness_mm"]
    lengths = (
        record["ls_diameter_mm"],
        2.0 * record["u_diameter_mm"],
        record["feret_min_mm"],
        record["feret_max_mm"],
        record["feret_mean_mm"],
        form["mzci"],
        form["lsci"],
    )
    return [*(f"{value:.3f}" for value in lengths), f"{100.0 * record['outline_share']:.1f}"]
