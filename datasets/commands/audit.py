"""`ferrogate data audit`, `data version` and `data card`: their options and what they print.

Neighbours: `datasets.cli` registers them; the work is done in `datasets.audit`, `datasets.versions`
and `datasets.card`, imported when a command runs.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

#: Findings of one code that are printed; --json gives all.
_PRINTED = 8

_AUDIT = """Check data sets before anything is trained on them or measured with them.

Fails on: the same picture, a copy of it (mirrored, turned, brighter, shifted, composed) or a group in two
splits; neighbouring frames of a sequence in two splits with no guard frame between; missing, broken or
empty pictures; sizes that differ from the record; boxes that are empty, outside or there twice; labels
outside the list; a class missing in a split; class shares that drift. Data sets given together are
checked against each other. Exit code 0: passed, 1: failed, 2: no data set there."""
_AUDIT_EXAMPLES = """examples:
  ferrogate data audit data/rail
  ferrogate data audit data/rail/frames data/rail/composed --json
  ferrogate data audit data/rail/frames --probe
"""
_CARD_EXAMPLES = """examples:
  ferrogate data card data/rail/frames --out data/rail/frames/card.html
  ferrogate data card data/ball/train --out card.html --with data/ball/test
"""
_VERSION_EXAMPLES = """examples:
  ferrogate data version data/rail/frames
  ferrogate data version data/rail --json
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `audit`, `card` and `version` to the subcommands of `ferrogate data`."""
    audit = _parser(commands, "audit", "look for leaks, broken files, wrong boxes", _AUDIT, _AUDIT_EXAMPLES)
    audit.add_argument(
        "folders", type=Path, nargs="+", metavar="DIR", help="data sets, or folders that hold some"
    )
    audit.add_argument(
        "--probe",
        action="store_true",
        help="instead: copy some pictures (mirrored, brighter, ...) and measure which copies are found",
    )
    audit.set_defaults(run=_audit)
    card = _parser(
        commands,
        "card",
        "one HTML page that shows a data set",
        "Write the card of a data set: one self-contained HTML file with counts, sizes, terms, examples, "
        "the audit's result and the version.",
        _CARD_EXAMPLES,
    )
    card.add_argument("folder", type=Path, metavar="DIR", help="the data set")
    card.add_argument("--out", type=Path, help="the file to write (default: DIR/card.html)")
    card.add_argument(
        "--with",
        dest="others",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="audit together with these",
    )
    card.set_defaults(run=_card)
    version = _parser(
        commands,
        "version",
        "the version of a data set, a hash of its content",
        "Print the version of data sets: a hash of records and pictures, the same wherever the folder lies.",
        _VERSION_EXAMPLES,
    )
    version.add_argument(
        "folders", type=Path, nargs="+", metavar="DIR", help="data sets, or folders that hold some"
    )
    version.set_defaults(run=_version)


def _parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    short: str,
    description: str,
    examples: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=short,
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    return parser


def _audit(args: argparse.Namespace) -> int:
    from datasets.audit import audit_sets

    if args.probe:
        return _probe(args)
    report = audit_sets(args.folders, progress=not args.json)
    if args.json:
        print(json.dumps({"failed": report.failed, **report.model_dump(mode="json")}))
        return int(report.failed)
    for one in report.sets:
        print(
            f"{one.folder}: {one.pictures} pictures, {one.boxes} boxes, version {one.version[:16] or 'none'}"
        )
    printed: Counter[str] = Counter()
    for finding in report.findings:
        printed[finding.code] += 1
        if printed[finding.code] > _PRINTED:
            continue
        print(f"{finding.level.upper()} {finding.code}: {finding.what}")
        print(f"  where: {finding.where}")
        print(f"  what to do: {finding.todo}")
    for code, count in printed.items():
        if count > _PRINTED:
            print(f"... and {count - _PRINTED} more of {code} (--json gives all)")
    verdict = "FAILED" if report.failed else "passed"
    print(f"audit {verdict}: {report.count('fail')} failures, {report.count('warning')} warnings")
    return int(report.failed)


def _probe(args: argparse.Namespace) -> int:
    from datasets.audit import data_folders
    from datasets.audit.limits import ALIKE
    from datasets.audit.probe import probe
    from datasets.records import read_coco

    results = {
        str(folder): probe(folder, read_coco(folder, check_groups=False), progress=not args.json)
        for folder in data_folders(args.folders)
    }
    if args.json:
        print(json.dumps({folder: asdict(result) for folder, result in results.items()}))
        return 0
    for folder, result in results.items():
        print(f"{folder}: {result.copied} of {result.pool} pictures copied; copies found at {ALIKE}:")
        for kind, count in result.found.items():
            print(f"  {kind:26s} {count:3d}  {count / result.copied:5.0%}")
        print(
            f"  different groups: {len(result.strangers)} of {result.pairs} pairs reach the limit", end="; "
        )
        print(f"the next has {result.next_best:.2f}")
        for score, one, other in result.strangers[:_PRINTED]:
            print(f"    {score:.2f} {one} {other}")
    return 0


def _card(args: argparse.Namespace) -> int:
    from datasets.audit import audit_sets
    from datasets.card import write_card

    report = audit_sets([args.folder, *args.others], progress=not args.json)
    out = write_card(args.folder, args.out or args.folder / "card.html", report)
    if args.json:
        versions = {one.folder: one.version for one in report.sets}
        print(
            json.dumps(
                {
                    "out": str(out),
                    "bytes": out.stat().st_size,
                    "audit_failed": report.failed,
                    "versions": versions,
                }
            )
        )
    else:
        print(f"{out}: {out.stat().st_size / 1e6:.1f} MB; audit {'FAILED' if report.failed else 'passed'}")
    return 0


def _version(args: argparse.Namespace) -> int:
    from datasets.audit import data_folders
    from datasets.versions import version_of

    versions = {str(folder): version_of(folder) for folder in data_folders(args.folders)}
    if args.json:
        print(json.dumps(versions))
    else:
        for folder, version in versions.items():
            print(f"{version}  {folder}")
    return 0
