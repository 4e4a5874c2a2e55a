"""`ferrogate msa`: gauge studies and attribute studies, as figures and as a report with plots.

Neighbours: `edge_runtime.studies` reads tables, measures pictures and makes the reports,
`vision.statistics` computes.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, track

from edge_runtime.calibrations import load_calibration, require_fresh, require_passed
from edge_runtime.reports.document import Fact, Report, Section
from edge_runtime.reports.write import check_suffix, write_report
from edge_runtime.studies import attribute_report, gauge_report, type1_report
from edge_runtime.studies.pictures import VALUES, list_pictures, measure_pictures
from edge_runtime.studies.tables import (
    PictureRow,
    read_attribute,
    read_gauge,
    read_limits,
    read_type1,
)
from vision.errors import ConfigError, FerrogateError
from vision.metrology.calibration import CameraCalibration, TypedScale
from vision.metrology.drawn_size import DRAWS, DRAWS_MIN
from vision.metrology.size import check_temperature
from vision.metrology.types import Temperature
from vision.statistics.attribute import agreement
from vision.statistics.limits import Word
from vision.statistics.linearity import type1
from vision.statistics.studies import Reading, crossed

NAME = "msa"
HELP = "study a gauge: repeatability, orientation, bias, linearity, and agreement of decisions"
EPILOG = """\
examples:
  ferrogate msa gauge readings.csv --tolerance-mm 2 --out study.pdf
      columns part, appraiser (or orientation, lane, shift), trial, value_mm, and reference_mm if known
  ferrogate msa gauge one_ball.csv --type1 --tolerance-mm 2
      one part read 25 to 50 times: value_mm and reference_mm give Cg and Cgk
  ferrogate msa pictures taken/ --calibration left.calibration.yaml --tolerance-mm 2 --out study.html
      pictures named PART_ORIENTATION_TRIAL.png, or a CSV: part, orientation, trial, path, reference_mm
  ferrogate msa attribute decisions.csv --out agreement.html
      columns part, appraiser, trial, verdict and reference: accept (good, ok, pass) or reject (bad, nok ...)
  ferrogate msa twin --tolerance-mm 2 --out twin.pdf
      the study on the simulated line: ten balls, three orientations, three passages each

The tolerance is the full width of the band: 2 for +/-1 mm. --out ends in .html, .pdf, .csv or .xlsx.
Exit code 0: acceptable or marginal; 9: unacceptable."""
EXIT_UNACCEPTABLE = 9
#: Relative standard uncertainty of a typed scale, and standard uncertainty of a typed temperature (K).
_U_TYPED_SCALE_SHARE, _U_TYPED_TEMPERATURE_K = 0.005, 5.0


def register(parser: argparse.ArgumentParser) -> None:
    """Add the four studies and their arguments."""
    studies = parser.add_subparsers(title="studies", metavar="STUDY", dest="study", required=True)

    def add(name: str, text: str) -> argparse.ArgumentParser:
        study = studies.add_parser(name, help=text, description=f"{text[:1].upper()}{text[1:]}.")
        study.add_argument(
            "--out", type=Path, metavar="FILE", help="write the report: .html, .pdf, .csv or .xlsx"
        )
        study.add_argument("--limits", type=Path, metavar="FILE", help="limits (default: those of ferrogate)")
        study.add_argument("--json", action="store_true", help="one JSON object")
        return study

    gauge = add("gauge", "a gauge study on readings of a table")
    gauge.add_argument("table", type=Path, metavar="STUDY.csv")
    gauge.add_argument("--type1", action="store_true", help="one part read again and again: Cg and Cgk")
    _add_tolerance(gauge)
    _add_pictures(add("pictures", "a gauge study on pictures, measured here"))
    attribute = add("attribute", "how well accept and reject agree with the truth and with each other")
    attribute.add_argument("table", type=Path, metavar="STUDY.csv")
    twin = add("twin", "the gauge study on the simulated line")
    for option, default in (("--parts", 10), ("--orientations", 3), ("--trials", 3), ("--seed", 0)):
        twin.add_argument(option, type=int, default=default, metavar="N", help=f"default: {default}")
    twin.add_argument(
        "--draws", type=int, default=DRAWS, metavar="N", help=f"of each Monte Carlo check (default: {DRAWS})"
    )
    _add_tolerance(twin, default=2.0)
    _add_readings(twin)
    parser.set_defaults(run=run)


def _add_tolerance(parser: argparse.ArgumentParser, default: float | None = None) -> None:
    note = "without it only shares of the total variation are told" if default is None else f"{default:g}"
    parser.add_argument(
        "--tolerance-mm", type=float, default=default, metavar="T", help=f"full width of the band ({note})"
    )


def _add_readings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--readings", type=Path, metavar="OUT.csv", help="write the readings down too")


def _add_pictures(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("place", type=Path, metavar="FOLDER_OR_LIST.csv")
    scale = parser.add_mutually_exclusive_group(required=True)
    scale.add_argument("--mm-per-px", type=float, metavar="X", help="scale at the ball, typed")
    scale.add_argument("--calibration", type=Path, metavar="FILE", help="of the camera")
    parser.add_argument("--value", choices=VALUES, default="ls", help="diameter to study (default: ls)")
    parser.add_argument("--temperature", type=float, metavar="C", help="of the balls (default: 20 +/- 5)")
    _add_tolerance(parser)
    _add_readings(parser)


def run(args: argparse.Namespace) -> int:
    """Make the study.

    Returns:
        0, or 9 when the gauge is unacceptable.

    Raises:
        ConfigError: an argument, table or study that cannot be used.
        ImageError: a picture cannot be read.
    """
    if args.out is not None:
        check_suffix(args.out)
    if args.study != "attribute":
        _check_tolerance(args.tolerance_mm)
    made = datetime.now(UTC)
    study = {"gauge": _gauge, "pictures": _pictures, "attribute": _attribute, "twin": _twin}[args.study]
    word, figures, lines, report = study(args, made)
    if args.out is not None:
        write_report(report, args.out)
        lines.append(f"report: {args.out}")
    if args.json:
        about = {"study": args.study, **figures, "report": None if args.out is None else str(args.out)}
        print(json.dumps(about, ensure_ascii=False, allow_nan=False))
    else:
        print("\n".join(lines))
    return EXIT_UNACCEPTABLE if word is Word.UNACCEPTABLE else 0


_Outcome = tuple[Word, dict[str, Any], list[str], Report]


def _gauge(args: argparse.Namespace, made: datetime) -> _Outcome:
    if args.type1:
        return _type1(args, made)
    table = read_gauge(args.table)
    return _crossed(args, made, table.readings, head=table.head, source=str(args.table))


def _type1(args: argparse.Namespace, made: datetime) -> _Outcome:
    if args.tolerance_mm is None:
        raise ConfigError(
            "Cg compares the gauge with a tolerance, and there is none",
            where="command line of 'ferrogate msa gauge --type1'",
            todo="give --tolerance-mm, the full width of the band",
        )
    limits = read_limits(args.limits).gauge
    values, reference = read_type1(args.table)
    found = type1(
        values,
        reference,
        args.tolerance_mm,
        tolerance_share=limits.type1_tolerance_share.value,
        spread_sigmas=limits.type1_spread_sigmas.value,
    )
    report = type1_report.type1_report(
        found, values, args.tolerance_mm, limits, source=str(args.table), made=made
    )
    figures = type1_report.type1_json(found, args.tolerance_mm, limits)
    return type1_report.type1_word(found, limits), figures, type1_report.type1_lines(found, limits), report


def _crossed(
    args: argparse.Namespace,
    made: datetime,
    readings: Sequence[Reading],
    *,
    head: str,
    source: str,
    title: str = "Gauge study",
    more: tuple[Section, ...] = (),
) -> _Outcome:
    limits = read_limits(args.limits).gauge
    result = gauge_report.analyse(crossed(readings), args.tolerance_mm, limits, head)
    report = gauge_report.gauge_report(result, title=title, source=source, made=made, more=more)
    return result.word, gauge_report.as_json(result), gauge_report.as_lines(result), report


def _pictures(args: argparse.Namespace, made: datetime) -> _Outcome:
    rows = list_pictures(args.place)
    scale: CameraCalibration | TypedScale
    if args.calibration is not None:
        scale = load_calibration(args.calibration)
        require_fresh(scale, made.date())
        require_passed(args.calibration, scale)
    else:
        scale = TypedScale(args.mm_per_px, _U_TYPED_SCALE_SHARE)
    temperature = None
    if args.temperature is not None:
        temperature = check_temperature(Temperature(args.temperature, _U_TYPED_TEMPERATURE_K))
    readings, stated = measure_pictures(_watched(rows), scale, temperature, args.value, where=str(args.place))
    _save(args.readings, readings)
    word, figures, lines, report = _crossed(
        args, made, readings, head="orientation", source=f"{args.place}, {args.value} diameter"
    )
    u_mm = max(stated)
    figures |= {"pictures": len(readings), "value": args.value, "u_stated_max_mm": u_mm}
    lines.append(f"{len(readings)} pictures, largest stated u {u_mm:.4f} mm (k = 1)")
    return word, figures, lines, report


def _attribute(args: argparse.Namespace, made: datetime) -> _Outcome:
    limits = read_limits(args.limits).attribute
    found = agreement(read_attribute(args.table))
    report = attribute_report.attribute_report(found, limits, source=str(args.table), made=made)
    return (
        attribute_report.study_word(found, limits),
        attribute_report.as_json(found, limits),
        attribute_report.as_lines(found, limits),
        report,
    )


def _twin(args: argparse.Namespace, made: datetime) -> _Outcome:
    for name, least in (("parts", 2), ("orientations", 2), ("trials", 2), ("seed", 0), ("draws", DRAWS_MIN)):
        if getattr(args, name) < least:
            raise ConfigError(
                f"{getattr(args, name)} {name} cannot be", where=f"--{name}", todo=f"give {least} or more"
            )
    # The twin is not loaded for studies of tables: a station need not have it.
    from edge_runtime.cli import version
    from edge_runtime.studies import twin
    from edge_runtime.twin.study_parts import StudySettings

    settings = StudySettings()
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("balls through the cameras", total=None)
        result = twin.run_twin_study(
            parts=args.parts,
            orientations=args.orientations,
            trials=args.trials,
            seed=args.seed,
            date=made.date().isoformat(),
            software_version=version(),
            settings=settings,
            draws=args.draws,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    readings = result.readings()
    _save(args.readings, readings)
    facts = [*twin.setting_facts(settings), Fact("Seed", args.seed)]
    word, figures, lines, report = _crossed(
        args,
        made,
        readings,
        head="orientation",
        source=f"simulated line, seed {args.seed}",
        title="Gauge study on the simulated line",
        more=(twin.section(result, facts),),
    )
    return word, {**figures, "twin": twin.as_json(result)}, [*lines, *twin.as_lines(result)], report


def _check_tolerance(tolerance_mm: float | None) -> None:
    """Refuse an empty tolerance before long work rather than after it."""
    if tolerance_mm is not None and not 0.0 < tolerance_mm < math.inf:
        raise ConfigError(
            f"the tolerance is empty: {tolerance_mm} mm",
            where="--tolerance-mm",
            todo="give the full width of the band in mm, 2 for +/-1 mm",
        )


def _watched(rows: list[PictureRow]) -> Iterable[PictureRow]:
    """The pictures, with a progress bar where a person is watching."""
    if not sys.stderr.isatty():
        return rows
    return track(rows, "measuring", console=Console(stderr=True), transient=True)


def _save(path: Path | None, readings: Sequence[Reading]) -> None:
    """Write the readings down, as 'ferrogate msa gauge' reads them."""
    if path is None:
        return
    try:
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(("part", "orientation", "trial", "value_mm", "reference_mm"))
            for row in readings:
                reference = "" if row.reference_mm is None else f"{row.reference_mm:.6f}"
                writer.writerow((row.part, row.appraiser, row.trial, f"{row.value_mm:.6f}", reference))
    except OSError as error:
        raise FerrogateError(
            f"the readings cannot be written: {error.strerror or error}",
            where=str(path),
            todo="check the folder, its rights and the disk's space",
        ) from error
