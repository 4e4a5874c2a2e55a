"""Parts of `ferrogate bench` that live in other rooms: found by entry points, loaded when 'bench' is called.

`ferrogate bench peers` needs the training extra; what cannot be loaded is a part all the same, which says why
when it is asked for, and spoils no other. Neighbour: `edge_runtime.commands.bench`.
"""

from __future__ import annotations

import argparse
from importlib import metadata
from typing import Any, NoReturn

from vision.errors import FerrogateError

GROUP = "ferrogate.bench"


def register_parts(parts: Any) -> None:
    """Add them to the parser's parts, sorted by name."""
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda item: item.name):
        try:
            register = point.load()
        except (ImportError, AttributeError) as error:
            _register_broken(parts, point.name, f"{point.value}: {error}")
            continue
        register(parts)


def _register_broken(parts: Any, name: str, why: str) -> None:
    parser = parts.add_parser(name, help="cannot be loaded here")
    parser.add_argument("--json", action="store_true")

    def run(_args: argparse.Namespace) -> NoReturn:
        raise FerrogateError(
            f"the part '{name}' of 'ferrogate bench' cannot be loaded",
            where=why,
            todo="it belongs to the data team's tools: pip install 'ferrogate[train]'",
        )

    parser.set_defaults(run=run)
