"""`ferrogate export`: model files. Heavy packages are imported only when a command runs."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

_EXAMPLES = """examples:
  ferrogate export ball --run runs/ball --out ball.onnx
  ferrogate export evaluate --model ball.onnx
"""


def register(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands of `ferrogate export` to its parser."""
    parser.description = "Make a model file that carries its contract, and measure one."
    parser.epilog = _EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(title="what to do", metavar="COMMAND", required=True)
    ball = commands.add_parser(
        "ball",
        help="export a trained ball detector to ONNX",
        description="Export a run of 'ferrogate train ball': checks that file and network agree, chooses "
        "thresholds on the val split, and writes one ONNX file with its contract.",
        epilog="example:\n  ferrogate export ball --run runs/ball --out ball.onnx\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    ball.add_argument("--run", type=Path, required=True, dest="run_folder", help="folder of the training run")
    ball.add_argument("--out", type=Path, required=True, help="the ONNX file to write")
    ball.add_argument("--data", type=Path, help="the run's data (default: where it lay while training)")
    ball.add_argument("--json", action="store_true", help="print the result as one JSON object")
    ball.set_defaults(run=_export_ball)
    evaluate = commands.add_parser(
        "evaluate",
        help="measure a ball model on the bank of rendered balls",
        description="Measure a ball model on the bank, whose renderer settings are never trained on.",
        epilog="example:\n  ferrogate export evaluate --model ball.onnx --json\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    evaluate.add_argument("--model", type=Path, required=True, help="the ONNX file")
    evaluate.add_argument("--bank", type=Path, help="folder of the bank (default: the package's)")
    evaluate.add_argument("--seed", type=int, default=1, help="of noise and choice of views (default 1)")
    evaluate.add_argument("--json", action="store_true", help="print the result as one JSON object")
    evaluate.set_defaults(run=_evaluate)


def _export_ball(args: argparse.Namespace) -> int:
    from datasets.extra import require_training

    require_training("torch", "ultralytics", "onnx", "onnxslim")
    from export.export_ball import export_ball

    report = export_ball(args.run_folder, args.out, args.data)
    val, parity = report.val, report.parity
    if args.json:
        result = {"file": str(report.file), "bytes": report.size_bytes, "parity": asdict(parity)}
        print(json.dumps(result | {"thresholds": report.contract.thresholds, "val": asdict(val)}))
        return 0
    print(f"{report.file}: {report.size_bytes / 1e6:.1f} MB")
    print(
        f"agrees with the network on {parity.boxes} boxes of {parity.pictures} pictures: "
        f"score within {parity.score_difference:.1g}, box within {parity.box_difference_px:.1g} px"
    )
    print(f"val split: {val.false_alarms} false alarms in {val.clean_views} clean views")
    for label, recall in val.view_recall.items():
        threshold = report.contract.thresholds[label]
        print(f"  {label:10} threshold {threshold:.2f}  found in {recall:6.1%} of {val.views[label]} views")
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    from datasets.synthetic.bank import BANK_DIR, BallBank
    from export.evaluate_bank import evaluate_bank
    from vision.detector import Detector
    from vision.errors import ContractError

    try:
        content = args.model.read_bytes()
    except OSError as error:
        raise ContractError(
            f"the model cannot be read: {error}", where=str(args.model), todo="give an ONNX file"
        ) from error
    detector = Detector(content, str(args.model), station="ball", threads=2)
    report = evaluate_bank(detector, BallBank(args.bank or BANK_DIR), args.seed)
    if args.json:
        print(json.dumps(asdict(report)))
        return 0
    print(
        f"sound balls: {report.false_rejects} of {report.sound_balls} rejected; "
        f"false alarms in {report.false_alarms} of {report.sound_views} views {report.false_alarm_labels}"
    )
    for label, found in report.labels.items():
        share = found.views_found / found.views if found.views else 0.0
        print(
            f"  {label:10} found in {share:6.1%} of {found.views} views that show it "
            f"({found.views_named} by its name); of {found.balls} balls "
            f"{found.escapes} escaped, {found.hidden} hidden"
        )
    print(
        "view recall by visible pixels:",
        ", ".join(f"{k}+ px {v:.0%}" for k, v in report.recall_by_visible_px.items()),
    )
    return 0
