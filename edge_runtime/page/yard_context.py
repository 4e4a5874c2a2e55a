"""What the routes of a rail yard's page share: books, recipe, and refusals as answers.

Neighbours: `context` has what every page shares, `yard_app` puts the routes together,
`edge_runtime.yard.store` are the books.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.day.rules import Who
from edge_runtime.page.context import PageBase
from edge_runtime.page.errors import PageError
from edge_runtime.people.sign_in import Viewer
from edge_runtime.yard.recipe_file import load_yard_recipe
from edge_runtime.yard.store_errors import YardConflict, YardRefused
from edge_runtime.yard.yard_config import RailStationConfig
from vision.errors import LedgerError
from vision.yard.recipe import YardRecipe

if TYPE_CHECKING:
    from edge_runtime.yard.store import YardStore
    from edge_runtime.yard.store_types import Correction

#: how long books that could not be opened are left alone
_BOOKS_RETRY_S = 2.0
#: what a person did who was faster, as far as another one is told
_SINCE_SHOWN = 20
_STATUS = {"not_allowed": 403, "bad_value": 422, "unknown_kind": 422, "box_outside": 422}


@dataclass(slots=True)
class YardContext(PageBase):
    """What the routes of a rail yard's page share; `recipe` is the one that rails are graded by."""

    config: RailStationConfig
    recipe: YardRecipe | None = None
    _store: YardStore | None = None
    _retry_ns: int = 0
    _trouble: str = ""
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def storage(self) -> Path:
        """The station's storage folder."""
        return self.config.storage.folder

    def need_recipe(self) -> YardRecipe:
        """The recipe of the station file.

        Raises:
            ConfigError: it cannot be used.
        """
        with self._lock:
            if self.recipe is None:
                self.recipe = load_yard_recipe(self.config.recipe)
            return self.recipe

    def need_store(self) -> YardStore:
        """The books. May wait for a disk: call it in a worker thread.

        Raises:
            PageError: they cannot be opened now (503, code 'no_books').
        """
        with self._lock:
            if self._store is None and self.mono_ns() >= self._retry_ns:
                try:
                    self._store = self._open()
                    self._trouble = ""
                except LedgerError as error:
                    self._trouble = str(error)
                    self._retry_ns = self.mono_ns() + int(_BOOKS_RETRY_S * 1e9)
            if self._store is None:
                raise PageError(503, "yard_no_books", self._trouble, {"detail": self._trouble})
            return self._store

    def _open(self) -> YardStore:
        # Imported late: alembic takes a third of a second, and the page answers before it is needed.
        from edge_runtime.ledger.store import ledger_url
        from edge_runtime.yard.second_look import LookRule
        from edge_runtime.yard.store import YardStore
        from edge_runtime.yard.store_grading import RecipeGrading

        storage = self.config.storage
        return YardStore.open(
            storage.folder,
            ledger_url(storage.folder, storage.database_url),
            RecipeGrading(self.need_recipe()),
            LookRule(share=self.config.second_look.share),
            utc_ns=self.utc_ns,
            zone=timezone(timedelta(hours=self.page.utc_offset_hours)),
        )

    def close(self) -> None:
        """Let go of books and accounts."""
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = None
        PageBase.close(self)


def who_of(viewer: Viewer) -> Who:
    """Somebody signed in, as the books write it down."""
    return Who(viewer.name, viewer.role)


@contextmanager
def refusals() -> Iterator[None]:
    """What the books refuse leaves as an answer of the page: codes `yard_...` of its catalogue.

    Raises:
        PageError: 404 for what is not there, 403, 422, and 409 for all that others or the rules forbid;
            of a conflict its values say who did what (`since`).
    """
    try:
        yield
    except YardConflict as error:
        values = {**error.values, "since": [since_json(entry) for entry in error.since[-_SINCE_SHOWN:]]}
        raise PageError(409, f"yard_{error.code}", str(error), values) from error
    except YardRefused as error:
        missing = error.code.startswith("no_such")
        status = 404 if missing else _STATUS.get(error.code, 409)
        raise PageError(status, f"yard_{error.code}", str(error), error.values) from error


def since_json(entry: Correction) -> dict[str, object]:
    """One correction as the page lists it."""
    return {
        "number": entry.number,
        "kind": entry.kind,
        "finding": entry.finding,
        "before": entry.before,
        "after": entry.after,
        "reason": entry.reason,
        "by": entry.by,
        "role": entry.role,
        "utc_ms": entry.utc_ns // 1_000_000,
        "undoes": entry.asked.get("correction"),
    }
