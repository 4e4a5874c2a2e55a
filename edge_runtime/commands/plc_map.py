"""`ferrogate plc-map`: the register map between station and PLC, for PLC programmers."""

from __future__ import annotations

import argparse
import json
from typing import Any

from edge_runtime.plc import registers as reg
from edge_runtime.plc.map_doc import render

NAME = "plc-map"
HELP = "print the register map between station and PLC"
EPILOG = """examples:
  ferrogate plc-map                  tables, rules and program, as Markdown
  ferrogate plc-map > map.md         the same into a file
  ferrogate plc-map --json           the addresses as one JSON object
"""


def register(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print the addresses as one JSON object")
    parser.set_defaults(run=run)


def _block(block: reg.Block) -> dict[str, Any]:
    return {
        "address": block.address,
        "words": block.words,
        "writer": block.writer,
        "fields": {field.name: {"offset": field.offset, "words": field.words} for field in block.fields},
    }


def _map() -> dict[str, Any]:
    return {
        "magic": reg.MAGIC,
        "map_version": reg.MAP_VERSION,
        "unit_id": reg.UNIT_ID,
        "registers": reg.REGISTERS_TOTAL,
        "blocks": {block.name: _block(block) for block in reg.BLOCKS},
        "rings": {ring.slot.name: _block(ring.slot) | {"slots": ring.slots} for ring in reg.RINGS},
    }


def run(args: argparse.Namespace) -> int:
    """Print it; exit code 0."""
    print(json.dumps(_map()) if args.json else render(), end="\n" if args.json else "")
    return 0
