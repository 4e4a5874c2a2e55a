"""What every route of the page shares, and who asks: `PageContext`, `viewer`, `looking`, `require`.

`PageBase` is what the ball line's page and the rail yard's have in common (`yard_context` is the other one).

One context per process, at `app.state.context`. A route takes what it needs by FastAPI's `Depends`:

    def router(context: PageContext) -> APIRouter:
        routes = APIRouter()

        @routes.get("/api/rejects", dependencies=[Depends(looking)])
        def rejects(limit: int = 24) -> dict[str, Any]: ...

        @routes.post("/api/alarms/{alarm}/acknowledge")
        def acknowledge(alarm: int, by: Annotated[Viewer, Depends(require("acknowledge"))]) -> ...: ...

        return routes

Dependencies that are plain functions run in a worker thread, and so do routes that are: a query or a file
never holds up the event loop, on which the live pictures run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from fastapi import Depends
from starlette.requests import HTTPConnection

from edge_runtime.config import StationConfig
from edge_runtime.day_config import PageConfig
from edge_runtime.page.errors import PageError, signed_out
from edge_runtime.people.accounts import Accounts
from edge_runtime.people.roles import Permission, may
from edge_runtime.people.sign_in import SignIn, Viewer
from edge_runtime.reports.words import Language
from vision.errors import LedgerError

if TYPE_CHECKING:
    import sqlalchemy as sa

#: largest row number of a ledger
ROW_MAX = (1 << 63) - 1
#: how long a ledger that could not be opened is left alone
_LEDGER_RETRY_S = 2.0


def row_number(number: int) -> int:
    """A number that a book can be asked for: one beyond what any can hold becomes the nearest that it can."""
    return max(0, min(number, ROW_MAX))


class AnyStation(Protocol):
    """A station file, of whatever kind, as far as every page needs it."""

    @property
    def name(self) -> str:
        """The station's name."""


@dataclass(slots=True)
class PageBase:
    """What the routes of any station's page share.

    Attributes:
        config: the station; `station_file` where it was read from.
        page: its part about the page.
        accounts, sign_in: who there is, and who is signed in.
        utc_ns, mono_ns: the clocks; a test sets its own.
        services: run as long as the page does, entered at its start in this order (see `serve_while`).
        books_state: word of `/api/state` for the books, set by whoever balances them.
        mode: 'line', 'commission' when the wizard serves the page, 'yard' for a rail yard.
        shared: one object per class, for modules whose routers are made apart (`state.keeper_of`).
        streams: paths below which a route takes its body as it comes (see `security`); none on a line.
    """

    config: AnyStation
    page: PageConfig
    accounts: Accounts
    sign_in: SignIn
    station_file: Path | None = None
    utc_ns: Callable[[], int] = time.time_ns
    mono_ns: Callable[[], int] = time.monotonic_ns
    services: list[Callable[[], AbstractAsyncContextManager[None]]] = field(default_factory=list)
    books_state: Callable[[], str] = lambda: "unknown"
    mode: str = "line"
    shared: dict[type[Any], Any] = field(default_factory=dict)
    failure: BaseException | None = None
    streams: tuple[str, ...] = ()

    @property
    def station(self) -> str:
        """The station's name."""
        return self.config.name

    @property
    def language(self) -> Language:
        """Of the page until a reader chooses another one."""
        return self.page.language

    def fail(self, error: BaseException) -> None:
        """A service broke off by a fault of ours: the process ends with it, and is started again."""
        self.failure = self.failure or error

    def close(self) -> None:
        """Let go of the accounts."""
        self.accounts.close()


@dataclass(slots=True)
class PageContext(PageBase):
    """What the routes of a ball line's page share: its ledger beside all that any page has."""

    config: StationConfig
    _engine: sa.Engine | None = None
    _retry_ns: int = 0
    _ledger_trouble: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def storage(self) -> Path:
        """The station's storage folder."""
        return self.config.storage.folder

    @property
    def ledger_trouble(self) -> str:
        """Why there is no ledger; '' once there is."""
        return self._ledger_trouble

    def ledger(self) -> sa.Engine | None:
        """The ledger, for `store.reading` and `store.writing`; None while there is none (yet).

        May wait for a disk: call it in a worker thread.
        """
        # Imported late: alembic takes a third of a second, and the page answers before it is needed.
        from edge_runtime.ledger.store import ledger_url, open_to_read

        with self._lock:
            if self._engine is None and self.mono_ns() >= self._retry_ns:
                storage = self.config.storage
                try:
                    self._engine = open_to_read(ledger_url(storage.folder, storage.database_url))
                    self._ledger_trouble = ""
                except LedgerError as error:
                    self._ledger_trouble = str(error)
                    self._retry_ns = self.mono_ns() + int(_LEDGER_RETRY_S * 1e9)
            return self._engine

    def need_ledger(self) -> sa.Engine:
        """The ledger.

        Raises:
            PageError: there is none yet (503, code 'no_ledger').
        """
        engine = self.ledger()
        if engine is None:
            raise PageError(503, "no_ledger", self._ledger_trouble, {"detail": self._ledger_trouble})
        return engine

    def close(self) -> None:
        """Let go of ledger and accounts."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None
        PageBase.close(self)


def context_of(connection: HTTPConnection) -> PageBase:
    """The page's context of a request or WebSocket."""
    context: PageBase = connection.app.state.context
    return context


def cookie_name(context: PageBase) -> str:
    """Of the session's cookie: two stations' pages on one machine share a cookie jar, not a sign-in."""
    prefix = "__Host-" if context.page.behind_proxy else ""
    return f"{prefix}ferrogate-{context.station}"


def token_of(connection: HTTPConnection) -> str | None:
    """The session token that a request or WebSocket brings."""
    return connection.cookies.get(cookie_name(context_of(connection)))


def viewer(connection: HTTPConnection) -> Viewer | None:
    """Who is signed in, or None. Asks the accounts every time: a disabled person is out at once."""
    token = token_of(connection)
    return None if token is None else context_of(connection).sign_in.viewer(token)


def looking(connection: HTTPConnection, who: Annotated[Viewer | None, Depends(viewer)]) -> Viewer | None:
    """Who looks: anybody where the station file lets anybody look, else somebody signed in.

    Raises:
        PageError: 401 signed_out, 403 password_must_change.
    """
    if context_of(connection).page.view_without_sign_in:
        return who
    return _settled(who)


def signed_in(who: Annotated[Viewer | None, Depends(viewer)]) -> Viewer:
    """Somebody who is signed in and has a password of their own.

    Raises:
        PageError: 401 signed_out, 403 password_must_change.
    """
    return _settled(who)


def require(permission: Permission) -> Callable[[Viewer], Viewer]:
    """A dependency: somebody signed in who may do this.

    It raises `PageError`: 401 signed_out, 403 password_must_change or not_allowed.
    """

    def allowed(who: Annotated[Viewer, Depends(signed_in)]) -> Viewer:
        check_may(who, permission)
        return who

    return allowed


def check_may(who: Viewer, permission: Permission) -> None:
    """Where only the body of a request says what is asked for.

    Raises:
        PageError: 403 not_allowed.
    """
    if not may(who.role, permission):
        raise PageError(
            403, "not_allowed", f"the role '{who.role}' may not do this ({permission})", {"role": who.role}
        )


def _settled(who: Viewer | None) -> Viewer:
    if who is None:
        raise signed_out()
    if who.must_change:
        raise PageError(403, "password_must_change", "choose a password of your own first")
    return who


async def run_services(context: PageBase) -> AsyncIterator[None]:
    """Enter the context's services, wait, leave them in reverse."""
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as stack:
        for service in context.services:
            await stack.enter_async_context(service())
        yield
