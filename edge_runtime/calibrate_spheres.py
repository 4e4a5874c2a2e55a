"""Certified spheres for `ferrogate calibrate`: the scale of a camera, and its daily check.

Neighbours: `edge_runtime.commands.calibrate` reads the command line, `vision.metrology.measure`
measures the pictures, `calibration_fit` solves the scale, `edge_runtime.calibrations` keeps the files.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from datetime import date

from pydantic import ValidationError

from edge_runtime.calibrate_boards import refuse_to_replace, watched
from edge_runtime.calibrate_inputs import (
    K_CERTIFICATE,
    Certified,
    Size,
    certified,
    expansion,
    measured,
    merged,
    observe,
)
from edge_runtime.calibrations import (
    CheckRecord,
    append_check,
    last_valid_day,
    load_calibration,
    load_lens,
    require_fresh,
    require_size,
    save_calibration,
    utc_now,
)
from edge_runtime.cli import version
from edge_runtime.images import expand_paths
from vision.errors import CalibrationError, ConfigError
from vision.metrology.calibration import (
    CameraCalibration,
    Expansion,
    Lens,
    Pinhole,
)
from vision.metrology.calibration_fit import ScaleFit, fit_scale
from vision.metrology.calibration_input import PinholePlan
from vision.metrology.size import ROOM, check_temperature, size_ball
from vision.metrology.types import Temperature


def fit_and_save_scale(args: argparse.Namespace) -> int:
    """`ferrogate calibrate scale`.

    Raises:
        CalibrationError: too few sizes, a picture that gives no number, or figures that do not fit.
        ConfigError, ImageError: an argument or a picture cannot be used.
    """
    refuse_to_replace(args.out, replace=args.replace)
    spheres = merged(
        [certified(text, "sphere", with_path=True) for text in args.sphere]
        + [certified(text, "ring", with_path=True) for text in args.ring]
    )
    ball_expansion = expansion(args.ball_expansion, "--ball-expansion")
    sphere_expansion = expansion(args.sphere_expansion, "--sphere-expansion")
    temperature = check_temperature(Temperature(args.temperature, args.u_temperature))
    lens = None if args.lens is None else load_lens(args.lens)
    _check_plan(args)
    observed, size = observe(spheres)
    fit = fit_scale(
        observed,
        pinhole=_plan(args, spheres, lens, size) if args.model == "pinhole" else None,
        lens=lens,
        temperature=temperature,
        expansion=sphere_expansion,
        residual_max_mm=args.residual_max_mm,
    )
    calibration = _calibration(args, fit, lens, size, sphere_expansion, ball_expansion)
    save_calibration(calibration, args.out)
    if args.json:
        about = {
            "file": str(args.out),
            "content_sha256": calibration.content_sha256(),
            "valid_until": last_valid_day(calibration).isoformat(),
            "unverified": list(calibration.unverified()),
            "chi2_per_freedom": fit.chi2_per_freedom,
            "calibration": calibration.model_dump(mode="json"),
        }
        print(json.dumps(about, ensure_ascii=False))
        return 0
    print(calibration_text(calibration))
    print(f"written:    {args.out}")
    return 0


def check(args: argparse.Namespace) -> bool:
    """`ferrogate calibrate check`: whether the camera measures the ball as its certificate says.

    Raises:
        CalibrationError: the calibration is stale, changed or of another picture size, or a picture
            gives no number.
        ConfigError, ImageError: an argument or a picture cannot be used.
    """
    ball = certified(args.sphere, "sphere", with_path=False)
    calibration = load_calibration(args.calibration)
    require_fresh(calibration, date.today())
    temperature = ROOM if args.temperature is None else Temperature(args.temperature, args.u_temperature)
    check_temperature(temperature)
    if args.limit_mm is not None and not 0.0 < args.limit_mm < math.inf:
        raise ConfigError(
            f"a limit of {args.limit_mm} mm cannot be", where="--limit-mm", todo="give mm, above 0"
        )
    names = list(expand_paths(args.pictures))
    # The certified ball is not of the steel that is rolled.
    own = calibration.model_copy(update={"ball_expansion": calibration.sphere_expansion})
    sized = []
    for name in watched(names, "measuring the check ball"):
        silhouette, size = measured(name)
        require_size(calibration, *size, where=name)
        sized.append(size_ball(silhouette, own, temperature))
    found = [each.diameter_ls_mm for each in sized]
    worst = max(sized, key=lambda each: abs(each.diameter_ls_mm - ball.diameter_mm))
    error_mm = worst.diameter_ls_mm - ball.diameter_mm
    en = abs(error_mm) / (K_CERTIFICATE * math.hypot(worst.u_diameter_mm, ball.u_mm))
    record = CheckRecord(
        utc=utc_now(),
        camera=calibration.camera,
        calibration_sha256=calibration.content_sha256(),
        certificate=ball.certificate,
        certified_mm=ball.diameter_mm,
        u_certified_mm=ball.u_mm,
        celsius=temperature.celsius,
        pictures=len(found),
        measured_mm=sum(found) / len(found),
        spread_mm=max(found) - min(found),
        u_mm=worst.u_diameter_mm,
        worst_error_mm=error_mm,
        en=en,
        limit_mm=args.limit_mm,
        passed=en <= 1.0 and (args.limit_mm is None or abs(error_mm) <= args.limit_mm),
        operator=args.operator,
    )
    log = append_check(args.calibration, record)
    if args.json:
        print(json.dumps({**record.model_dump(mode="json"), "log": str(log)}, ensure_ascii=False))
        return record.passed
    print(
        f"{'PASSED' if record.passed else 'FAILED'}: {record.measured_mm:.4f} mm in {len(found)} pictures "
        f"(spread {record.spread_mm:.4f}), certified {ball.diameter_mm:.4f} mm"
    )
    limit = "" if args.limit_mm is None else f", limit {args.limit_mm:g} mm"
    print(
        f"largest error {error_mm:+.4f} mm, U {K_CERTIFICATE * worst.u_diameter_mm:.4f} mm, certificate's U "
        f"{K_CERTIFICATE * ball.u_mm:.4f} mm, En {en:.2f} (up to 1 is explained){limit}"
    )
    sizes = [sphere.diameter_mm for sphere in calibration.spheres]
    if not min(sizes) <= ball.diameter_mm <= max(sizes):
        print(
            f"note: the ball lies outside the spheres of the calibration, {min(sizes):g} to {max(sizes):g} mm"
        )
    print(f"added to {log}")
    return record.passed


def calibration_text(calibration: CameraCalibration) -> str:
    """The figures of a calibration for people."""
    model = calibration.model
    lines = [
        f"camera:     {calibration.camera} {calibration.camera_serial}".rstrip()
        + f", {calibration.width_px}x{calibration.height_px} px, {model.type}",
        f"scale:      {model.mm_per_px:.7f} mm per px, u {calibration.u_mm_per_px:.2g}",
        f"edge:       {calibration.edge_offset_px:+.4f} px on a diameter, u "
        f"{calibration.u_edge_offset_px:.2g}; light and focus u {calibration.u_edge_px:g} px",
    ]
    if isinstance(model, Pinhole):
        lines.append(f"distance:   {model.distance_mm:.2f} mm, u {calibration.u_distance_mm:.2g}")
    lines.append(
        "spheres:    certificate            diameter_mm   u_mm (k=1)  pictures  measured_px  residual_mm"
    )
    for sphere in calibration.spheres:
        lines.append(
            f"  {sphere.kind:<9} {sphere.certificate:<20} {sphere.diameter_mm:13.4f} {sphere.u_mm:12.5f} "
            f"{sphere.pictures:9d} {sphere.measured_px:12.3f} {sphere.residual_mm:+12.5f}"
        )
    lines += [
        f"residuals:  {calibration.residual_rms_mm:.5f} mm rms, degrees of freedom "
        f"{calibration.degrees_of_freedom}",
        f"made:       {calibration.date} by {calibration.operator} at {calibration.celsius:g} degC, "
        f"valid until {last_valid_day(calibration)}",
        f"hash:       {calibration.content_sha256()}",
    ]
    if names := calibration.unverified():
        lines.append(f"NOT VERIFIED against a source: {', '.join(names)}")
    return "\n".join(lines)


def _check_plan(args: argparse.Namespace) -> None:
    """Options that only a pinhole has must not be given for nothing, and those given must be possible."""
    given = [
        name
        for name, value, nothing in (
            ("--distance-mm", args.distance_mm, None),
            ("--u-distance-mm", args.u_distance_mm, 0.0),
            ("--reference-mm", args.reference_mm, None),
            ("--rise", args.rise, 1.0),
            ("--tilt-x-deg", args.tilt_x_deg, 0.0),
            ("--tilt-y-deg", args.tilt_y_deg, 0.0),
            ("--u-place-mm", args.u_place_mm, 0.0),
        )
        if value != nothing
    ]
    if args.model == "telecentric" and given:
        raise ConfigError(
            f"a telecentric lens has no {', '.join(given)}",
            where="--model",
            todo="add --model pinhole, or drop it",
        )
    if args.distance_mm is None and args.u_distance_mm != 0.0:
        raise ConfigError(
            "an uncertainty without a distance", where="--u-distance-mm", todo="give --distance-mm too"
        )
    if args.residual_max_mm is not None and not 0.0 < args.residual_max_mm < math.inf:
        raise ConfigError(
            f"a limit of {args.residual_max_mm} mm cannot be",
            where="--residual-max-mm",
            todo="give mm, above 0",
        )


def _plan(
    args: argparse.Namespace, spheres: Sequence[Certified], lens: Lens | None, size: Size
) -> PinholePlan:
    middle = (size[0] / 2.0, size[1] / 2.0) if lens is None else (lens.cx_px, lens.cy_px)
    mean_mm = sum(sphere.diameter_mm for sphere in spheres) / len(spheres)
    return PinholePlan(
        principal_point_xy_px=middle,
        reference_diameter_mm=round(mean_mm, 3) if args.reference_mm is None else args.reference_mm,
        distance_mm=args.distance_mm,
        u_distance_mm=args.u_distance_mm,
        rise_per_radius=args.rise,
        tilt_x_rad=math.radians(args.tilt_x_deg),
        tilt_y_rad=math.radians(args.tilt_y_deg),
        u_place_mm=args.u_place_mm,
    )


def _calibration(
    args: argparse.Namespace,
    fit: ScaleFit,
    lens: Lens | None,
    size: Size,
    sphere_expansion: Expansion,
    ball_expansion: Expansion,
) -> CameraCalibration:
    try:
        return CameraCalibration(
            camera=args.camera,
            camera_serial=args.camera_serial,
            width_px=size[0],
            height_px=size[1],
            model=fit.model,
            lens=lens,
            edge_offset_px=fit.edge_offset_px,
            covariance=fit.covariance,
            u_scale_share=args.u_scale_share,
            u_edge_px=args.u_edge_px,
            spheres=fit.spheres,
            residual_rms_mm=fit.residual_rms_mm,
            degrees_of_freedom=fit.degrees_of_freedom,
            date=date.today().isoformat(),
            valid_days=args.valid_days,
            operator=args.operator,
            celsius=args.temperature,
            u_celsius=args.u_temperature,
            sphere_expansion=sphere_expansion,
            ball_expansion=ball_expansion,
            software_version=version(),
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise CalibrationError(
            f"{'.'.join(str(part) for part in first['loc']) or 'calibration'}: {first['msg']}",
            where="command line of 'ferrogate calibrate scale'",
            todo="correct the option of this name ('ferrogate calibrate scale --help')",
        ) from error
