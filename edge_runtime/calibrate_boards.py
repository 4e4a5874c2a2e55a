"""Boards and lenses for `ferrogate calibrate`: draws a board, finds it in pictures, writes the lens.

Neighbours: `edge_runtime.commands.calibrate` reads the command line, `vision.metrology.boards` and
`lens_fit` do the arithmetic, `edge_runtime.calibrations` the file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from edge_runtime.calibrations import save_lens
from edge_runtime.images import expand_paths, read_image
from vision.errors import CalibrationError, ConfigError
from vision.metrology.boards import Board, draw_board, find_board
from vision.metrology.lens_fit import BoardView, distortion_max_px, fit_lens
from vision.types import UInt8Array

_MM_PER_INCH = 25.4
_MARGIN_MM = 12.0
#: Side of a mark by the pitch, where nobody says.
_MARK_SHARE = {"charuco": 0.65, "dots": 0.5}
#: A board larger than this would make a picture of hundreds of megapixels.
_PIXELS_MAX = 120_000_000


def board_of(args: argparse.Namespace) -> Board:
    """The board that the command line describes.

    Raises:
        ConfigError: it cannot be.
    """
    mark_mm = args.pitch_mm * _MARK_SHARE[args.board] if args.mark_mm is None else args.mark_mm
    return Board(args.board, args.columns, args.rows, args.pitch_mm, mark_mm, args.dictionary)


def refuse_to_replace(path: Path, *, replace: bool) -> None:
    """Keep a file that is there already.

    Raises:
        ConfigError: it is there and `replace` was not asked for.
    """
    if path.exists() and not replace:
        raise ConfigError(
            "the file is there already", where=str(path), todo="name another file, or add --replace"
        )


def watched(names: Sequence[str], what: str) -> Iterable[str]:
    """Pictures to work through, with a progress bar where a person is watching."""
    if not sys.stderr.isatty():
        return names
    return track(names, what, console=Console(stderr=True), transient=True)


def write_board(args: argparse.Namespace) -> int:
    """`ferrogate calibrate board`.

    Raises:
        ConfigError: an impossible board, another suffix than .png and .pdf, or it cannot be written.
    """
    board, out = board_of(args), args.out
    suffix = out.suffix.lower()
    if suffix not in (".png", ".pdf"):
        raise ConfigError(f"'{suffix}' is no form of picture", where=str(out), todo="end it in .png or .pdf")
    pitch_px = max(1, round(args.dpi / _MM_PER_INCH * board.pitch_mm))
    width_mm, height_mm = (side + 2.0 * _MARGIN_MM for side in board.size_mm)
    if not 50 <= args.dpi <= 2400 or width_mm * height_mm * (pitch_px / board.pitch_mm) ** 2 > _PIXELS_MAX:
        raise ConfigError(
            f"a board of {width_mm:g} x {height_mm:g} mm at {args.dpi} dpi cannot be drawn",
            where="--dpi",
            todo="give 50 to 2400 dpi and a board that a printer can take",
        )
    drawn, px_per_mm = draw_board(board, pitch_px), pitch_px / board.pitch_mm
    try:
        if suffix == ".png":
            _write_png(
                np.pad(drawn, round(_MARGIN_MM * px_per_mm), constant_values=255),
                out,
                px_per_mm * _MM_PER_INCH,
            )
        else:
            _write_pdf(drawn, board, out)
    except OSError as error:
        raise ConfigError(
            f"the board cannot be written: {error.strerror or error}",
            where=str(out),
            todo="check that the folder exists and can be written",
        ) from error
    if args.json:
        print(json.dumps({"file": str(out), "board": board.text(), "size_mm": list(board.size_mm)}))
    else:
        print(f"{out}: {board.text()}")
        print("print it at 100 %, glue it on glass, and measure the pitch: what counts is the printed one")
    return 0


def _write_png(picture: UInt8Array, out: Path, dpi: float) -> None:
    from PIL import Image

    Image.fromarray(picture).save(out, dpi=(dpi, dpi))


def _write_pdf(picture: UInt8Array, board: Board, out: Path) -> None:
    from fpdf import FPDF
    from PIL import Image

    width_mm, height_mm = board.size_mm
    page = FPDF(unit="mm", format=(width_mm + 2.0 * _MARGIN_MM, height_mm + 2.0 * _MARGIN_MM))
    page.set_auto_page_break(False)
    page.set_margin(0)
    page.add_page()
    page.image(Image.fromarray(picture), x=_MARGIN_MM, y=_MARGIN_MM, w=width_mm, h=height_mm)
    page.set_font("Helvetica", size=8)
    page.set_xy(_MARGIN_MM, height_mm + _MARGIN_MM + 3.0)
    page.cell(width_mm, 4.0, f"{board.text()} - print at 100 %")
    out.write_bytes(bytes(page.output()))


def fit_and_save_lens(args: argparse.Namespace) -> int:
    """`ferrogate calibrate lens`.

    Raises:
        CalibrationError: a picture shows no board, pictures differ in size, or no lens fits.
        ConfigError, ImageError: an argument or a picture cannot be used.
    """
    board = board_of(args)
    refuse_to_replace(args.out, replace=args.replace)
    views, (width_px, height_px) = _views(list(expand_paths(args.pictures)), board)
    lens = fit_lens(
        views,
        width_px=width_px,
        height_px=height_px,
        kind=args.model,
        board=board.text(),
        date=date.today().isoformat(),
    )
    save_lens(lens, args.out)
    moved_px = distortion_max_px(lens)
    if args.json:
        about = {"file": str(args.out), "content_sha256": lens.content_sha256()}
        print(json.dumps({**about, "distortion_max_px": moved_px, "lens": lens.model_dump(mode="json")}))
        return 0
    print(f"{args.out}: {len(views)} pictures, {lens.points} points, {lens.rms_px:.3f} px rms about the fit")
    print(
        f"k1 {lens.k1:.6g}, k2 {lens.k2:.6g}, p1 {lens.p1:.6g}, p2 {lens.p2:.6g}; "
        f"moves points by up to {moved_px:.2f} px"
    )
    if args.model == "pinhole":
        print(f"focal length {lens.fx_px:.1f} px, optical axis at ({lens.cx_px:.1f}, {lens.cy_px:.1f}) px")
    return 0


def _views(names: list[str], board: Board) -> tuple[tuple[BoardView, ...], tuple[int, int]]:
    views: list[BoardView] = []
    without: list[str] = []
    size: tuple[int, int] | None = None
    for name in watched(names, "looking for the board"):
        image = read_image(Path(name)).image
        here = (image.shape[1], image.shape[0])
        size = size or here
        require_one_size(size, here, name)
        view = find_board(image, board)
        if view is None:
            without.append(name)
        else:
            views.append(view)
    if without or size is None:
        raise CalibrationError(
            f"no board ({board.text()}) is found in {len(without)} of {len(names)} pictures",
            where=", ".join(without),
            todo="check the board's kind, columns, rows and marks, light and focus; leave these out",
        )
    return tuple(views), size


def require_one_size(first: tuple[int, int], here: tuple[int, int], name: str) -> None:
    """All pictures of one calibration have one size (width, height in px).

    Raises:
        CalibrationError: this one differs from the first.
    """
    if first != here:
        raise CalibrationError(
            f"this picture has {here[0]}x{here[1]} px, the first has {first[0]}x{first[1]} px",
            where=name,
            todo="take all pictures with one camera and one setting",
        )
