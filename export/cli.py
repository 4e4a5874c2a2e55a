"""`ferrogate export` and `ferrogate parity`. Heavy packages are imported only when a command runs."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from export.export_run import ExportReport

Station = Literal["rail", "ball"]

_EXAMPLES = """examples:
  ferrogate export rail
  ferrogate export ball --run runs/ball --out runs/ball/ball.onnx --json
  ferrogate export rail --draft --out draft.onnx
  ferrogate export ship rail --model runs/rail/rail.onnx
  ferrogate export free --model models/ferrogate_models/ball.onnx
  ferrogate export resize --model models/ferrogate_models/rail.onnx --side 640 --out rail_640.onnx
  ferrogate export adopt yolox yolox_nano.onnx --labels coco --out yolox.onnx
"""
_PARITY_EXAMPLES = """examples:
  ferrogate parity rail
  ferrogate parity ball --run runs/ball --model models/ferrogate_models/ball.onnx --json
"""


def register(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands of `ferrogate export` to its parser."""
    parser.description = "Make a model file that carries its contract."
    parser.epilog = _EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(title="what to do", metavar="COMMAND", required=True)
    for station in ("rail", "ball"):
        _register_station(commands, station)
    _register_adopt(commands)
    _register_ship(commands)
    _register_free(commands)
    _register_resize(commands)


def register_parity(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ferrogate parity` to its parser."""
    parser.description = (
        "Compare the trained network with the files exported from it, on this machine: numbers on equal "
        "input (score within 1e-4, box within 0.02 px), and verdicts on the golden set. "
        "Leaves with exit code 1 when something is off."
    )
    parser.epilog = _PARITY_EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("station", choices=("rail", "ball"), help="whose model")
    parser.add_argument(
        "--run", type=Path, dest="run_folder", help="folder of the training run (default runs/STATION)"
    )
    parser.add_argument("--model", type=Path, help="the FP32 file (default RUN/STATION.onnx)")
    parser.add_argument("--data", type=Path, help="the run's data (default: where it lay while training)")
    parser.add_argument("--provider", default="cpu", help="that runs the files: cpu, cuda, ... (default cpu)")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=_parity)


def _register_station(commands: argparse._SubParsersAction[argparse.ArgumentParser], station: str) -> None:
    parser = commands.add_parser(
        station,
        help=f"export a trained {station} detector to ONNX",
        description=f"Export a run of 'ferrogate train {station}': checks that file and network agree, "
        "chooses thresholds from costs on the val split, tries INT8 behind a gate, and writes the files "
        f"with their contract, and the model card: {station}.onnx, {station}_int8.onnx, "
        f"MODEL_CARD_{station}.md.",
        epilog=f"example:\n  ferrogate export {station} --run runs/{station}\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--run",
        type=Path,
        default=Path("runs") / station,
        dest="run_folder",
        help=f"folder of the training run (default runs/{station})",
    )
    parser.add_argument("--out", type=Path, help=f"the ONNX file to write (default RUN/{station}.onnx)")
    parser.add_argument("--data", type=Path, help="the run's data (default: where it lay while training)")
    parser.add_argument("--costs", type=Path, help="YAML file of the costs of mistakes (default: built in)")
    parser.add_argument("--no-int8", action="store_true", help="leave out the INT8 file")
    parser.add_argument("--bf16", action="store_true", help="try a bf16 file, too")
    parser.add_argument(
        "--draft",
        action="store_true",
        help="write the network alone, with thresholds of 0.05, to be measured; needs no data",
    )
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=_export, station=station)


def _register_adopt(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    adopt = commands.add_parser(
        "adopt",
        help="make a foreign detector keep the contract",
        description="Add decoding, suppression of duplicates and the contract to a YOLOX file (raw head, as "
        "its tools/export_onnx.py writes it). The result is of station 'other': it can be run, compared "
        "and measured, and no station takes it.",
        epilog="example:\n  ferrogate export adopt yolox yolox_nano.onnx --labels coco --out yolox.onnx\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    adopt.add_argument("kind", choices=("yolox",), help="whose head it has")
    adopt.add_argument("model", type=Path, help="the ONNX file")
    adopt.add_argument("--labels", default="coco", help="'coco', or a text file with one a line")
    adopt.add_argument("--out", type=Path, required=True, help="the ONNX file to write")
    adopt.add_argument("--threshold", type=float, default=0.25, help="of every label, 0..1 (default 0.25)")
    adopt.add_argument("--iou", type=float, default=0.65, help="overlap of duplicates, 0..1 (default 0.65)")
    adopt.add_argument("--licence", default="not stated", help="of the file, for its contract")
    adopt.add_argument("--json", action="store_true", help="print the result as one JSON object")
    adopt.set_defaults(run=_adopt)


def _register_ship(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "ship",
        help="take exported files into the package ferrogate-models",
        description="Copy a station's files and card into the package, and make INT8 its default where that "
        "passed its gate and ran faster.",
        epilog="example:\n  ferrogate export ship rail --model runs/rail/rail.onnx\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("station", choices=("rail", "ball"), help="whose model")
    parser.add_argument("--model", type=Path, help="the FP32 file (default runs/STATION/STATION.onnx)")
    parser.add_argument(
        "--to", type=Path, default=Path("models/ferrogate_models"), help="the package's folder"
    )
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=_ship)


def _register_free(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "free",
        help="let files exported for one picture take several in one run",
        description="Rewrite an FP32 file, and the INT8 file beside it, so that a run takes any number of "
        "pictures. Weights, contract and the rows of a picture stay as they are, which is tried on drawn "
        "pictures before anything is written. Files of 'ferrogate export' are free already.",
        epilog="example:\n  ferrogate export free --model models/ferrogate_models/ball.onnx\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", type=Path, required=True, help="the FP32 file")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=_free)


def _register_resize(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "resize",
        help="make an FP32 file take pictures of another size, to time it",
        description="Rewrite an exported FP32 file for square pictures of another size. It was not trained "
        "for them: the file is of station 'other', for 'ferrogate bench', and no station takes it.",
        epilog="example:\n  ferrogate export resize --model models/ferrogate_models/rail.onnx --side 640 "
        "--out rail_640.onnx\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", type=Path, required=True, help="the exported FP32 file")
    parser.add_argument("--side", type=int, required=True, metavar="PX", help="a multiple of 32")
    parser.add_argument("--out", type=Path, required=True, help="the ONNX file to write")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=_resize)


def _resize(args: argparse.Namespace) -> int:
    from datasets.extra import require_training

    require_training("onnx")
    from export.resize import resize

    size = resize(args.model, args.side, args.out)
    if args.json:
        print(json.dumps({"file": str(args.out), "bytes": size, "side_px": args.side}))
    else:
        print(f"{args.out}: {size / 1e6:.2f} MB, pictures of {args.side} px, station 'other'")
    return 0


def _free(args: argparse.Namespace) -> int:
    from datasets.extra import require_training

    require_training("onnx")
    from export.free_run import free_files

    files = free_files(args.model)
    if args.json:
        print(json.dumps({"files": {str(path): size for path, size in files.items()}}))
        return 0
    for path, size in files.items():
        print(f"{path}: {size / 1e6:.2f} MB, takes any number of pictures")
    return 0


def _ship(args: argparse.Namespace) -> int:
    from export.ship import ship

    model = args.model or Path("runs") / args.station / f"{args.station}.onnx"
    shipped = ship(args.station, model, args.to)
    if args.json:
        print(json.dumps(asdict(shipped)))
        return 0
    for name, size in shipped.files.items():
        print(f"{args.to / name}: {size / 1e6:.2f} MB")
    print(f"default of 'ferrogate-models:{args.station}': {shipped.default}")
    return 0


def _export(args: argparse.Namespace) -> int:
    from datasets.extra import require_training

    station: Station = args.station
    out: Path = args.out or args.run_folder / f"{station}.onnx"
    require_training("torch", "ultralytics", "onnx", "onnxslim")
    from export.export_run import export_run, write_draft

    if args.draft:
        size = write_draft(station, args.run_folder, out)
        print(json.dumps({"file": str(out), "bytes": size}) if args.json else f"{out}: {size / 1e6:.1f} MB")
        return 0
    report = export_run(
        station,
        args.run_folder,
        out,
        args.data,
        costs=args.costs,
        int8=not args.no_int8,
        bf16=args.bf16,
        command=_command(args, out),
        say=_said(quiet=args.json),
        progress=not args.json,
    )
    if args.json:
        print(json.dumps(_as_json(report)))
    else:
        _print_report(report)
    return 0


def _command(args: argparse.Namespace, out: Path) -> str:
    words = ["ferrogate", "export", args.station, "--run", str(args.run_folder), "--out", str(out)]
    if args.costs is not None:
        words += ["--costs", str(args.costs)]
    words += [f"--{name}" for name in ("no-int8", "bf16") if getattr(args, name.replace("-", "_"))]
    return shlex.join(words)


def _said(*, quiet: bool) -> Any:
    def say(what: str) -> None:
        if not quiet:
            print(what, file=sys.stderr, flush=True)

    return say


def _as_json(report: ExportReport) -> dict[str, Any]:
    contract = report.contract
    return {
        "file": str(report.file),
        "files": report.files,
        "machine": report.machine,
        "parity": asdict(report.parity),
        "map50": report.map50,
        "labels": {
            label: {
                "boxes": figure.objects,
                "ap50": None if figure.objects == 0 else figure.ap50,
                "ap50_95": None if figure.objects == 0 else figure.ap50_95,
                "threshold": contract.thresholds[label],
            }
            for label, figure in report.figures.items()
        },
        "notes": list(report.chosen.notes),
        "evaluation_only": contract.evaluation_only,
        "variants": [
            {
                "precision": variant.precision,
                "kept": variant.content is not None,
                "why": variant.why,
                "gate": None if variant.gate is None else variant.gate.model_dump(),
                "float_blocks": list(variant.float_blocks),
                "attempts": [asdict(attempt) for attempt in variant.attempts],
                "losses": [asdict(loss) for loss in variant.losses],
            }
            for variant in report.variants
        ],
    }


def _print_report(report: ExportReport) -> None:
    for path, size in report.files.items():
        print(f"{path}: {size / 1e6:.2f} MB")
    parity = report.parity
    print(
        f"agrees with the network on {parity.boxes} boxes of {parity.pictures} pictures: "
        f"score within {parity.score_difference:.1g}, box within {parity.box_difference_px:.1g} px"
    )
    print(f"val split, {report.val_pictures} pictures: mAP50 {report.map50:.3f}")
    for label, figure in report.figures.items():
        shown = f"AP50 {figure.ap50:.3f} of {figure.objects} boxes" if figure.objects else "not in the split"
        print(f"  {label:10} threshold {report.contract.thresholds[label]:.2f}  {shown}")
    for note in report.chosen.notes:
        print(f"  {note}")
    for variant in report.variants:
        gate = variant.gate
        if gate is None:
            print(f"{variant.precision}: refused, not written: {variant.why}")
            continue
        print(
            f"{variant.precision}: mAP50 {gate.map50:.3f} (FP32 {gate.map50_fp32:.3f}), "
            f"{gate.verdict_flips} of {gate.golden_pictures} verdicts flip, "
            f"{gate.speed_ratio:.2f} times as fast; "
            f"in float: {', '.join(variant.float_blocks) or 'no block'}"
        )


def _adopt(args: argparse.Namespace) -> int:
    from pydantic import ValidationError

    from export.yolox import AdoptSettings, adopt_yolox, read_labels
    from vision.errors import ConfigError

    for name in ("threshold", "iou"):
        if not 0.0 < getattr(args, name) <= 1.0:
            raise ConfigError("it must lie in 0..1", where=f"--{name}", todo="correct this option")
    settings = AdoptSettings(read_labels(args.labels), args.threshold, args.iou, args.licence)
    try:
        contract = adopt_yolox(args.model, args.out, settings)
    except ValidationError as error:
        raise ConfigError(str(error.errors()[0]["msg"]), where=args.labels, todo="correct it") from error
    size = args.out.stat().st_size
    if args.json:
        print(json.dumps({"file": str(args.out), "bytes": size, "labels": len(contract.labels)}))
    else:
        print(f"{args.out}: {size / 1e6:.1f} MB, {len(contract.labels)} labels, station 'other'")
    return 0


def _parity(args: argparse.Namespace) -> int:
    from datasets.extra import require_training

    require_training("torch", "ultralytics", "onnx", "onnxslim")
    from export.parity_run import run_parity

    run = args.run_folder or Path("runs") / args.station
    model = args.model or run / f"{args.station}.onnx"
    report = run_parity(args.station, run, model, args.data, provider=args.provider)
    if args.json:
        print(json.dumps(asdict(report) | {"agrees": not report.off}))
        return 1 if report.off else 0
    print(report.machine)
    print(f"network and FP32 file, {report.numbers.pictures} pictures: {report.numbers.in_words}")
    if not report.golden_as_exported:
        print("the golden set has other pixels here than at export (another JPEG decoder?)")
    for one in report.files:
        print(
            f"{one.precision}: of {report.golden_pictures} verdicts {one.flips_to_network} differ from the "
            f"network's, {one.flips_to_fp32} from FP32's (at most {one.allowed} may)"
        )
    for sentence in report.off:
        print(f"OFF: {sentence}", file=sys.stderr)
    return 1 if report.off else 0
