"""`ferrogate calibrate`: lens, scale and daily check of one camera.

Only the command line is here. Neighbours: `edge_runtime.calibrate_boards` for lens and board,
`edge_runtime.calibrate_spheres` for scale and check, `edge_runtime.calibrations` for the files.
"""

from __future__ import annotations

import argparse
import json
from datetime import date
from pathlib import Path

from edge_runtime import calibrate_boards, calibrate_spheres
from edge_runtime.calibrations import (
    last_check,
    last_valid_day,
    load_calibration,
    require_fresh,
    require_passed,
)
from vision.errors import CalibrationError
from vision.metrology.boards import DICTIONARIES
from vision.metrology.calibration import U_DRIFT_SHARE, U_EDGE_BIAS_PX, CameraCalibration, Pinhole
from vision.metrology.calibration_input import SIZES_MIN

NAME = "calibrate"
HELP = "calibrate a camera with a board and certified spheres, and check it every day"
EPILOG = """\
examples, in the order in which a camera is calibrated:
  ferrogate calibrate board --out board.pdf                      print it at 100 %, measure the pitch
  ferrogate calibrate lens board/*.png --board charuco --model telecentric --out left.lens.yaml
  ferrogate calibrate scale --camera left --sphere 30.000:0.001:CERT-12:spheres/30/ \\
      --sphere 40.000:0.001:CERT-13:spheres/40/ --sphere 60.000:0.001:CERT-14:spheres/60/ \\
      --lens left.lens.yaml --operator "A. Serik" --temperature 22.5 --valid-days 180 \\
      --out left.calibration.yaml
  ferrogate calibrate scale ... --model pinhole --distance-mm 800 --u-distance-mm 2
  ferrogate calibrate check --calibration left.calibration.yaml --sphere 40.000:0.001:CERT-13 today/*.png
  ferrogate calibrate show left.calibration.yaml

A sphere is DIAMETER:U:CERTIFICATE:PATH in mm, with U as certificates state it (expanded, k = 2) and
PATH a picture or a folder of pictures of this sphere alone. Give the option once for each sphere.
'check' leaves with exit code 1 when the camera does not measure the ball as its certificate says.
"""
EXIT_CHECK_FAILED = 1


def register(parser: argparse.ArgumentParser) -> None:
    """Add the actions and their arguments."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    def action(name: str, text: str) -> argparse.ArgumentParser:
        added = actions.add_parser(
            name,
            help=text,
            description=f"{text[:1].upper()}{text[1:]}.",
            formatter_class=parser.formatter_class,
        )
        added.add_argument("--json", action="store_true", help="print one JSON object")
        return added

    _board(action("board", "draw a board for the printer"))
    _lens(action("lens", "find a lens's distortion from pictures of a board"))
    _scale(action("scale", "find mm per pixel from certified spheres or rings of three or more sizes"))
    _check(action("check", "measure a certified ball and compare: once a day"))
    show = action("show", "print what a calibration says and until when")
    show.add_argument("file", type=Path, metavar="FILE", help="calibration file")
    show.set_defaults(act=_show)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do the action.

    Returns:
        0, or EXIT_CHECK_FAILED when a check failed.

    Raises:
        CalibrationError, ConfigError, ImageError: nothing was written.
    """
    code: int = args.act(args)
    return code


def _board_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--board", choices=("charuco", "dots"), default="charuco", help="kind of board (default: charuco)"
    )
    parser.add_argument("--columns", type=int, default=11, metavar="N", help="squares or dots across (11)")
    parser.add_argument("--rows", type=int, default=8, metavar="N", help="squares or dots down (8)")
    parser.add_argument("--pitch-mm", type=float, default=10.0, metavar="MM", help="square, dot to dot (10)")
    parser.add_argument(
        "--mark-mm",
        type=float,
        default=None,
        metavar="MM",
        help="mark in a square, or diameter of a dot (0.65 or 0.5 of the pitch)",
    )
    parser.add_argument(
        "--dictionary", default="4x4_250", choices=DICTIONARIES, metavar="SET", help="marks (4x4_250)"
    )


def _board(parser: argparse.ArgumentParser) -> None:
    _board_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .png or .pdf file")
    parser.add_argument(
        "--dpi",
        type=int,
        default=600,
        metavar="N",
        help="dots per inch, nearly: a pitch is a whole number of dots (600)",
    )
    parser.set_defaults(act=calibrate_boards.write_board)


def _lens(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pictures", nargs="+", metavar="PICTURE", help="picture file, or folder of pictures")
    _board_arguments(parser)
    parser.add_argument(
        "--model",
        choices=("telecentric", "pinhole"),
        default="telecentric",
        help="kind of lens (telecentric)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="lens file to write")
    parser.add_argument("--replace", action="store_true", help="write over a file that exists")
    parser.set_defaults(act=calibrate_boards.fit_and_save_lens)


def _temperature_arguments(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument(
        "--temperature",
        type=float,
        required=required,
        metavar="C",
        help="of the spheres, degC" + ("" if required else " (not given: a room of 20 +- 5 degC)"),
    )
    parser.add_argument(
        "--u-temperature", type=float, default=1.0, metavar="K", help="its standard uncertainty, K (1)"
    )


def _scale(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--camera", required=True, metavar="NAME", help="the camera's name in the station file")
    add("--camera-serial", default="", metavar="TEXT", help="serial number as on the camera")
    add(
        "--sphere",
        action="append",
        default=[],
        metavar="D:U:CERT:PATH",
        help=f"a certified sphere and its pictures; {SIZES_MIN} sizes at least",
    )
    add(
        "--ring",
        action="append",
        default=[],
        metavar="D:U:CERT:PATH",
        help="the same for a certified ring or disc (telecentric lenses only)",
    )
    add("--lens", type=Path, metavar="FILE", help="lens file of 'calibrate lens' (none: no distortion)")
    add("--model", choices=("telecentric", "pinhole"), default="telecentric", help="(default: telecentric)")
    add(
        "--distance-mm",
        type=float,
        metavar="MM",
        help="pinhole: entrance pupil to the centre of the reference ball; not given: found from the "
        "spheres, which takes one size more",
    )
    add(
        "--u-distance-mm",
        type=float,
        default=0.0,
        metavar="MM",
        help="its standard uncertainty; 0: taken as it is (0)",
    )
    add(
        "--reference-mm",
        type=float,
        metavar="MM",
        help="pinhole: diameter of the reference ball; 0: the belt itself (mean of the spheres)",
    )
    add(
        "--rise",
        type=float,
        default=1.0,
        metavar="R",
        help="pinhole: by how much a centre comes nearer per mm of radius: 1 on a flat belt under the "
        "camera, 0 when centres are guided, 1/sin(half angle) in a V groove (1)",
    )
    add(
        "--tilt-x-deg",
        type=float,
        default=0.0,
        metavar="DEG",
        help="pinhole: balls further right are further",
    )
    add(
        "--tilt-y-deg", type=float, default=0.0, metavar="DEG", help="pinhole: balls further down are further"
    )
    add(
        "--u-place-mm",
        type=float,
        default=0.0,
        metavar="MM",
        help="pinhole: how much the distance varies from ball to ball (belt flutter), standard uncertainty",
    )
    _temperature_arguments(parser, required=True)
    for body, what in (("ball", "balls that are made"), ("sphere", "certified spheres")):
        add(
            f"--{body}-expansion",
            metavar="A:U:SOURCE",
            help=f"expansion of the {what}: 1/K, its uncertainty, document (common steel, not verified)",
        )
    add(
        "--u-scale-share",
        type=float,
        default=U_DRIFT_SHARE,
        metavar="X",
        help=f"relative drift until the next calibration ({U_DRIFT_SHARE})",
    )
    add(
        "--u-edge-px",
        type=float,
        default=U_EDGE_BIAS_PX,
        metavar="PX",
        help=f"what light and focus leave on a diameter ({U_EDGE_BIAS_PX})",
    )
    add("--residual-max-mm", type=float, metavar="MM", help="largest residual of a sphere (a quarter pixel)")
    add("--operator", required=True, metavar="NAME", help="who calibrates")
    add("--valid-days", type=int, default=180, metavar="N", help="stale after this many days (180)")
    add("--out", type=Path, required=True, metavar="FILE", help="calibration file to write")
    add("--replace", action="store_true", help="write over a file that exists")
    parser.set_defaults(act=calibrate_spheres.fit_and_save_scale)


def _check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--calibration", type=Path, required=True, metavar="FILE", help="calibration file")
    parser.add_argument("--sphere", required=True, metavar="D:U:CERT", help="the certified ball")
    parser.add_argument("pictures", nargs="+", metavar="PICTURE", help="picture file, or folder of pictures")
    _temperature_arguments(parser, required=False)
    parser.add_argument(
        "--limit-mm",
        type=float,
        metavar="MM",
        help="fail also beyond this error (without: only when the error is not explained, En above 1)",
    )
    parser.add_argument("--operator", default="", metavar="NAME", help="who checks")
    parser.set_defaults(act=_checked)


def _checked(args: argparse.Namespace) -> int:
    return 0 if calibrate_spheres.check(args) else EXIT_CHECK_FAILED


def _show(args: argparse.Namespace) -> int:
    calibration = load_calibration(args.file)
    try:
        require_fresh(calibration, date.today())
        require_passed(args.file, calibration)
        state = "valid"
    except CalibrationError as error:
        state = f"NOT TO BE USED: {error.what}"
    checked = last_check(args.file, calibration)
    if args.json:
        about = {
            "file": str(args.file),
            "content_sha256": calibration.content_sha256(),
            "state": state,
            "valid_until": last_valid_day(calibration).isoformat(),
            "unverified": list(calibration.unverified()),
            "last_check": None if checked is None else checked.model_dump(mode="json"),
            "calibration": calibration.model_dump(mode="json"),
        }
        print(json.dumps(about, ensure_ascii=False))
        return 0
    print(calibrate_spheres.calibration_text(calibration))
    print(_optics_text(calibration))
    print(f"state:      {state}")
    if checked is None:
        print("last check: never")
    else:
        told = "passed" if checked.passed else "FAILED"
        print(f"last check: {told} on {checked.utc}, {checked.certificate}, {checked.worst_error_mm:+.4f} mm")
    return 0


def _optics_text(calibration: CameraCalibration) -> str:
    lens, model = calibration.lens, calibration.model
    lines = ["lens:       no distortion known"]
    if lens is not None:
        lines = [
            f"lens:       k1 {lens.k1:.5g}, k2 {lens.k2:.5g}, p1 {lens.p1:.5g}, p2 {lens.p2:.5g}; "
            f"{lens.points} points, rms {lens.rms_px:.3f} px, {lens.date}"
        ]
    if isinstance(model, Pinhole):
        lines.append(
            f"pinhole:    reference ball {model.reference_diameter_mm:g} mm, rise {model.rise_per_radius:g}, "
            f"focal length {model.focal_px:.1f} px"
            + ("" if lens is None or lens.model != "pinhole" else f" (by the board {lens.fx_px:.1f} px)")
        )
    return "\n".join(lines)
