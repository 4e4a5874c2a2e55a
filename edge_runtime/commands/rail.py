"""`ferrogate rail`: whole rails mapped from scans, and maps scored against what is known.

Neighbours: `edge_runtime.yard.map_command`, `photo_command`, `bundle_command` and `score_command` do what the
actions say.
"""

from __future__ import annotations

import argparse
import importlib

NAME = "rail"
HELP = "map whole rails from scans: findings, grade, cut list, report; photos; corrections; score maps"
EPILOG = """examples:
  ferrogate rail map scan/ --out map/ --section R65
  ferrogate rail map data/rail/rendered --out maps/ --json
  ferrogate rail map rail400/images --pattern rail400 --rail 14564701 --rail 14564802 --out maps/
  ferrogate rail score maps/ --truth data/rail/rendered
  ferrogate rail photos wagon_5512/ --out wagon_5512_found/
  ferrogate rail corrections rail_station.yaml --out usb/corrections
  ferrogate rail score maps/ --frames data/rail/frames --split val

'ferrogate rail ACTION --help' explains an action; docs/rail_map.md says what a scan and a map are."""
#: Actions and the modules that add them, in the order in which they are listed.
_ACTIONS = (
    "edge_runtime.yard.map_command",
    "edge_runtime.yard.score_command",
    "edge_runtime.yard.photo_command",
    "edge_runtime.yard.bundle_command",
)


def register(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for module in _ACTIONS:
        importlib.import_module(module).register(actions)


def run(arguments: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    done: int = arguments.run(arguments)
    return done
