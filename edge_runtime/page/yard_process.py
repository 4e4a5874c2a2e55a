"""The page's process of a rail yard, until it is stopped or its parent is gone.

    python -m edge_runtime.page.yard_process STATION.yaml

It reads the books and the pictures of mapped rails and needs no worker to be alive. Neighbours: `process` is
the ball line's and serves both, `yard_app` is what is served, `station_supervisor` of the yard starts it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.child_main import ChildLife, run_child
from edge_runtime.logs import setup_logging
from edge_runtime.page.process import NICENESS, bind, page_people, say_where, serve_app
from edge_runtime.yard.yard_config import RailStationConfig, load_rail_station

if TYPE_CHECKING:
    from edge_runtime.page.yard_context import YardContext


@contextlib.contextmanager
def yard_page_context(config: RailStationConfig, station_file: Path | None) -> Iterator[YardContext]:
    """What the page's routes share, with the station's accounts opened and its recipe read.

    Raises:
        ConfigError: the station file has no page, or a recipe that cannot be used.
        AccountError: the accounts cannot be used.
    """
    from edge_runtime.page.yard_context import YardContext

    config.storage.folder.mkdir(parents=True, exist_ok=True)
    with page_people(config.page, config.storage.folder) as (page, accounts, sign_in):
        context = YardContext(config, page, accounts, sign_in, station_file, mode="yard")
        context.need_recipe()
        try:
            yield context
        finally:
            context.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_child("page", "edge_runtime.page.yard_process", __doc__, NICENESS, _serve, arguments)


def _serve(life: ChildLife) -> None:
    config = load_rail_station(life.station)
    setup_logging("page", config.name)
    with yard_page_context(config, life.station) as context:
        listener = bind(context.page)
        say_where(context, listener, life.station)
        from edge_runtime.page.yard_app import build_yard_app

        serve_app(build_yard_app(context), context, listener, life.ended)


if __name__ == "__main__":
    sys.exit(main())
