"""`ferrogate data`: making, importing, checking and showing data sets.

Neighbours: each module of `datasets.commands` registers the commands of one duty; heavy packages are
imported only when a command runs.
"""

from __future__ import annotations

import argparse

from datasets.commands import audit, balls, build, convert
from datasets.synthetic.rails import command as rails

_EXAMPLES = """examples:
  ferrogate data build rail
  ferrogate data import voc shots/ --out data/own --group-by folder --licence own --sensor cam --source yard
  ferrogate data export yolo data/own --out yolo/
  ferrogate data audit data/rail
  ferrogate data render-balls --count 4000 --seed 1 --out data/balls
  ferrogate data render-rails --count 4 --seed 1 --out data/rail/rendered
"""


def register(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands of `ferrogate data` to its parser."""
    parser.description = "Make, import, export, check and show data sets."
    parser.epilog = _EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(title="what to do", metavar="COMMAND", required=True)
    build.register(commands)
    convert.register(commands)
    audit.register(commands)
    balls.register(commands)
    rails.register(commands)
