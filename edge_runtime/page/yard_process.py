"""The page's process of a rail yard, until it is stopped or its parent is gone.

    python -m edge_runtime.page.yard_process STATION.yaml

It reads the books and the pictures of mapped rails and needs no worker to be alive. Neighbours: `process` is
the ball line's and serves both, `yard_app` is what is served, `station_supervisor` of the yard starts it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.logs import log_error, setup_logging
from edge_runtime.page.process import NICENESS, bind, say_where, serve_app
from edge_runtime.yard.yard_config import RailStationConfig, load_rail_station
from vision.errors import ConfigError, FerrogateError

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
    from edge_runtime.people.accounts import Accounts
    from edge_runtime.people.sign_in import SignIn

    page = config.page
    if page is None:
        raise ConfigError(
            "the station file says that there is no page",
            where="page",
            todo="take 'page: null' out of it, or do not start the page",
        )
    config.storage.folder.mkdir(parents=True, exist_ok=True)
    accounts = Accounts.open(config.storage.folder)
    try:
        sign_in = SignIn(accounts, page.idle_minutes, page.session_hours)
        context = YardContext(config, page, accounts, sign_in, station_file, mode="yard")
        context.need_recipe()
        try:
            yield context
        finally:
            context.close()
    finally:
        accounts.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parent_pid = os.getppid()  # at once: it may die while we import
    parser = argparse.ArgumentParser(prog="python -m edge_runtime.page.yard_process", description=__doc__)
    parser.add_argument("station", type=Path, metavar="STATION.yaml")
    options = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # The supervisor holds them back until somebody listens.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
    os.nice(NICENESS)
    setup_logging("page")
    try:
        config = load_rail_station(options.station)
        setup_logging("page", config.name)
        with yard_page_context(config, options.station) as context:
            listener = bind(context.page)
            say_where(context, listener, options.station)
            from edge_runtime.page.yard_app import build_yard_app

            serve_app(
                build_yard_app(context),
                context,
                listener,
                lambda: stop.is_set() or os.getppid() != parent_pid,
            )
    except FerrogateError as error:
        log_error(error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
