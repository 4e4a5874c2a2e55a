"""`ferrogate data import` and `data export`: their options and what they print.

Neighbours: `datasets.importers`, `exporters`, `label_studio`, `cvat` and `bundle` do the work.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from datasets.commands.formats import EXPORTS, IMPORTS
from datasets.importers.grouping import RULES

_IMPORT = f"""Make a data set of labelled pictures. Every picture gets a group, and a group is never parted
between train and val: pictures that show the same thing must share one. Nothing is clipped or left out
unless you say so, and then the number is printed.

formats: {", ".join(IMPORTS)}

rules for --group-by:
{RULES}
"""
_IMPORT_EXAMPLES = """examples:
  ferrogate data import voc shots/ --out data/own --group-by parts:1 \\
      --licence "own pictures" --sensor "line scan 2k" --source yard-7
  ferrogate data import masks tiles/ --out data/tiles --group-by csv:groups.csv --join-px 9 \\
      --unlabelled clean --licence "CC BY 4.0" --sensor "grey area camera" --source tiles
  ferrogate data import label-studio project-1.json --images data/own --out data/own-2 --group-by field \\
      --licence "own pictures" --sensor "line scan 2k" --source yard-7
  ferrogate data import bundle usb/2026-11-22/ --out data/shift --group-by field \\
      --licence "own pictures" --sensor "ball station" --source plant-3
"""
_EXPORT = f"""Write a data set in the form of another tool. Guard frames belong to no split: coco and yolo
leave them out. What Label Studio and CVAT have no place for travels along, and 'data import' puts it back.

formats: {", ".join(EXPORTS)}
"""
_EXPORT_EXAMPLES = """examples:
  ferrogate data export yolo data/rail/frames --out yolo/
  ferrogate data export label-studio data/shift --out tasks/ --predictions-of rail-1.2
  ferrogate data export cvat data/own --out cvat/
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `import` and `export` to the subcommands of `ferrogate data`."""
    _register_import(commands)
    _register_export(commands)


def _register_import(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "import",
        help="labelled pictures of another tool, or of a station",
        description=_IMPORT,
        epilog=_IMPORT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("format", choices=IMPORTS, metavar="FORMAT", help="see above")
    parser.add_argument("src", type=Path, metavar="SRC", help="folder of the set, or its file of labels")
    parser.add_argument("--out", type=Path, required=True, help="folder of the new data set")
    parser.add_argument("--group-by", required=True, metavar="RULE", help="see above")
    parser.add_argument("--licence", required=True, help="terms of the pictures, as their owner states them")
    parser.add_argument("--sensor", required=True, help="what took the pictures")
    parser.add_argument("--source", required=True, help="name of the set")
    parser.add_argument("--origin", choices=("real", "rendered", "composed"), default="real")
    parser.add_argument("--images", type=Path, help="folder of the pictures, where SRC is a file")
    parser.add_argument("--labels", help="class names in order, parted by commas (default: by name)")
    parser.add_argument(
        "--split",
        choices=("own", "share", "train", "val", "test"),
        default="own",
        help="the format's own split where it has one (default), one drawn by groups, or all in one",
    )
    parser.add_argument("--val-share", type=float, default=0.1, help="share of val, 0..1 (default 0.1)")
    parser.add_argument("--seed", type=int, default=1, help="of the drawn split (default 1)")
    parser.add_argument(
        "--unlabelled",
        choices=("refuse", "skip", "clean"),
        default="refuse",
        help="pictures without labels: an error (default), left out, or taken as pictures without marks",
    )
    parser.add_argument(
        "--outside",
        choices=("refuse", "clip"),
        default="refuse",
        help="boxes that reach over the picture's border: an error (default), or clipped and counted",
    )
    parser.add_argument(
        "--first-pixel", type=int, choices=(0, 1), default=1, help="voc: number of the first pixel"
    )
    parser.add_argument("--mask-label", help="masks: their label (default: the picture's folder)")
    parser.add_argument("--join-px", type=int, default=0, help="masks: pieces this close are one mark")
    parser.add_argument("--least-px", type=int, default=1, help="masks: pieces of fewer pixels are left out")
    parser.add_argument(
        "--predictions", action="store_true", help="label-studio: take a model's predictions, not annotations"
    )
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=_import)


def _register_export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "export",
        help="a data set for another tool",
        description=_EXPORT,
        epilog=_EXPORT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("format", choices=EXPORTS, metavar="FORMAT", help="see above")
    parser.add_argument("folder", type=Path, metavar="DIR", help="the data set")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument(
        "--prefix",
        default="/data/local-files/?d=",
        help="label-studio: put before a picture's name to make its address (default: local files)",
    )
    parser.add_argument(
        "--predictions-of",
        metavar="MODEL",
        help="label-studio: the boxes are this model's predictions, to be corrected",
    )
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=_export)


def _import(args: argparse.Namespace) -> int:
    from datasets.importers.assemble import ImportOptions, assemble
    from datasets.importers.grouping import grouping
    from vision.errors import ConfigError

    if not 0.0 <= args.val_share < 1.0:
        raise ConfigError("a share of at least 0 and below 1 is needed", where="--val-share", todo="give 0.1")
    group_of = grouping(args.group_by)
    outside = IMPORTS[args.format](args)
    options = ImportOptions(
        source=args.source,
        licence=args.licence,
        sensor=args.sensor,
        origin=args.origin,
        seed=args.seed,
        val_share=args.val_share,
        split=args.split,
        outside=args.outside,
        info={"imported_from": args.format, **outside.info},
    )
    done = assemble(
        outside.pictures, outside.labels, args.out, group_of, options, show_progress=not args.json
    )
    samples = done.data.samples
    figures = {
        "out": str(args.out),
        "pictures": dict(Counter(sample.split for sample in samples)),
        "boxes": dict(Counter(box.label for sample in samples for box in sample.boxes)),
        "groups": len({sample.group for sample in samples}),
        "clipped_boxes": done.clipped,
    }
    if args.json:
        print(json.dumps(figures))
    else:
        print(f"{args.out}: pictures {figures['pictures']} in {figures['groups']} groups")
        print(f"boxes {figures['boxes']}")
        if done.clipped:
            print(f"{done.clipped} boxes were clipped to their pictures")
    return 0


def _export(args: argparse.Namespace) -> int:
    from datasets.records import read_coco

    data = read_coco(args.folder)
    written = EXPORTS[args.format](data, args)
    if args.json:
        print(json.dumps({"out": str(written), "pictures": len(data.samples)}))
    else:
        print(f"{len(data.samples)} pictures: {written}")
    return 0
