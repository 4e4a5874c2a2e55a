"""The page's process: one station's page, until it is stopped or its parent is gone.

    python -m edge_runtime.page.process STATION.yaml

It runs at low priority and takes nothing from the station but a mailbox in shared memory; the line runs on
whatever happens here. Neighbours: `app` (what is served), `edge_runtime.station.supervisor` (starts it).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.child_main import ChildLife, run_child
from edge_runtime.config import StationConfig, load_station
from edge_runtime.day_config import PageConfig
from edge_runtime.logs import setup_logging
from edge_runtime.pulse import Pulse
from vision.errors import ConfigError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from edge_runtime.page.context import PageBase, PageContext
    from edge_runtime.people.accounts import Accounts
    from edge_runtime.people.sign_in import SignIn

_LOG = logging.getLogger("ferrogate.page")
NICENESS = 10
#: a query in a worker thread lets the live pictures through after so long at most
SWITCH_S = 0.002
#: open browsers and requests together; the next one is told to come again
CONNECTIONS_MAX = 100
_ENDED_POLL_S = 0.2
_BEAT_S = 1.0
_GRACE_S = 3
#: a browser that takes nothing of what was sent for so long is cut off, by the kernel
UNREAD_MS = 20_000
_BACKLOG = 64


def bind(page: PageConfig) -> socket.socket:
    """Listen at the page's address, before anything else is loaded.

    Raises:
        ConfigError: the port is taken, or the address is none of this machine's.
    """
    host = "127.0.0.1" if page.host == "localhost" else page.host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle's wait in force: 40 ms before the end of every answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
        listener.bind((host, page.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"the page cannot listen there: {error.strerror or error}",
            where=f"{page.host}:{page.port}",
            todo="in the station file give page.port a free port, or page.host an address of this machine",
        ) from error
    listener.setblocking(False)
    return listener


@contextlib.contextmanager
def page_context(config: StationConfig, station_file: Path | None) -> Iterator[PageContext]:
    """What the page's routes share, with the station's accounts opened.

    Raises:
        ConfigError: the station file has no page.
        AccountError: the accounts cannot be used.
    """
    from edge_runtime.page.context import PageContext

    with page_people(config.page, config.storage.folder) as (page, accounts, sign_in):
        context = PageContext(config, page, accounts, sign_in, station_file)
        try:
            yield context
        finally:
            context.close()


@contextlib.contextmanager
def page_people(page: PageConfig | None, storage: Path) -> Iterator[tuple[PageConfig, Accounts, SignIn]]:
    """(the page's settings, accounts, sign-in) of a station of either kind.

    Args:
        page: of the station file; None: it says that there is none.
        storage: folder of the station.

    Raises:
        ConfigError: the station file has no page.
        AccountError: the accounts cannot be used.
    """
    from edge_runtime.people.accounts import Accounts
    from edge_runtime.people.sign_in import SignIn

    if page is None:
        raise ConfigError(
            "the station file says that there is no page",
            where="page",
            todo="take 'page: null' out of it, or do not start the page",
        )
    accounts = Accounts.open(storage)
    try:
        yield page, accounts, SignIn(accounts, page.idle_minutes, page.session_hours)
    finally:
        accounts.close()


def serve(context: PageContext, listener: socket.socket, ended: Callable[[], bool]) -> None:
    """Serve the page at an open socket until `ended` says so; open WebSockets are closed then.

    Args:
        context: of the station.
        listener: from `bind`; closed at the end.
        ended: asked a few times a second.

    Raises:
        BaseException: what one of the page's services broke off with.
    """
    from edge_runtime.page.app import build_app

    serve_app(build_app(context), context, listener, ended)


def serve_app(app: FastAPI, context: PageBase, listener: socket.socket, ended: Callable[[], bool]) -> None:
    """Serve an application at an open socket until `ended` says so; see `serve`."""
    import uvicorn
    from anyio import to_thread

    from edge_runtime.page.patience import PatientProtocol

    pulse = Pulse.of_this_process()

    class Server(uvicorn.Server):
        """Leaves the process's signals alone: whoever started it handles them."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    settings = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="websockets-sansio",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=context.page.behind_proxy,
        forwarded_allow_ips=["127.0.0.1", "::1"],
        # Pictures are JPEG already, and what a browser sends is a few words.
        ws_per_message_deflate=False,
        ws_max_size=16_384,
        ws_max_queue=8,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=_GRACE_S,
        h11_max_incomplete_event_size=32_768,
    )
    server = Server(settings)

    async def beat() -> None:
        """The page lives while its loop turns and a request would still find a thread to work in."""
        while True:
            await to_thread.run_sync(pulse.beat)
            await asyncio.sleep(_BEAT_S)

    async def run() -> None:
        work = asyncio.create_task(server.serve(sockets=[listener]))
        beating = asyncio.create_task(beat())
        while not work.done():
            if ended() or context.failure is not None:
                server.should_exit = True
            await asyncio.wait([work], timeout=_ENDED_POLL_S)
        beating.cancel()
        await work

    asyncio.run(run())
    if context.failure is not None:
        raise context.failure


def say_where(context: PageBase, listener: socket.socket, station: Path) -> None:
    """Where the page is, and what is missing for people to work with it; `station` names it in commands."""
    page = context.page
    host, port = listener.getsockname()[:2]
    name = f"[{host}]" if ":" in host else host
    _LOG.info("serving", extra={"url": f"http://{name}:{port}/"})
    if context.accounts.is_empty():
        todo = f"ferrogate people {context.station_file or station} add NAME --role admin"
        level = logging.INFO if page.loopback else logging.WARNING
        _LOG.log(level, "no_accounts", extra={"todo": todo})
    if not page.loopback and not page.behind_proxy:
        _LOG.warning("plain_http", extra={"todo": "passwords cross the network: put a TLS proxy before it"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_child("page", "edge_runtime.page.process", __doc__, NICENESS, _serve_station, arguments)


def _serve_station(life: ChildLife) -> None:
    sys.setswitchinterval(SWITCH_S)
    config = load_station(life.station)
    setup_logging("page", config.name)
    with page_context(config, life.station) as context:
        listener = bind(context.page)
        say_where(context, listener, context.storage)
        serve(context, listener, life.ended)


if __name__ == "__main__":
    sys.exit(main())
