"""The yard's books: rails and what people say of them, wagons, second looks, acts. What others call.

All of it lies in the station's ledger; each call is one transaction. Safe to use from several threads and
processes: a change names the revision that its author saw, and who was slower is told what the other did.
Neighbours: `store_rails`, `store_wagons`, `store_looks`, `acts` are the statements; `corrections` the rules.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Self

import sqlalchemy as sa

from edge_runtime.day.rules import Who
from edge_runtime.ledger.store import open_ledger, reading
from edge_runtime.yard import acts, store_looks, store_rails, store_wagons
from edge_runtime.yard.act_draft import draw_up
from edge_runtime.yard.acts import ActLine, ActNumber, Draft, SignedAct
from edge_runtime.yard.corrections import plan
from edge_runtime.yard.second_look import LookRule, MissRate
from edge_runtime.yard.store_changes import Assign, Change
from edge_runtime.yard.store_db import check_role, writing
from edge_runtime.yard.store_errors import YardConflict
from edge_runtime.yard.store_text import LINE_MAX, TEXT_MAX, clean_text, plain_line, plain_text
from edge_runtime.yard.store_types import (
    Grading,
    Look,
    LookAnswer,
    NewRail,
    RailLine,
    RailView,
    WagonFields,
    WagonView,
)


class YardStore:
    """The yard's part of a ledger.

    Args:
        engine: of the ledger, opened to write.
        storage: the folder that rails' folders lie under.
        grading: the recipe.
        look: how second looks are drawn.
        utc_ns: the wall clock.
        zone: of the plant, for the date of an act; None: the machine's.
    """

    def __init__(
        self,
        engine: sa.Engine,
        storage: Path,
        grading: Grading,
        look: LookRule | None = None,
        *,
        utc_ns: Callable[[], int] = time.time_ns,
        zone: tzinfo | None = None,
    ) -> None:
        self.engine = engine
        self.storage = storage
        self.grading = grading
        self.look = look or LookRule()
        self.utc_ns = utc_ns
        self.zone = zone

    @classmethod
    def open(
        cls,
        storage: Path,
        url: str,
        grading: Grading,
        look: LookRule | None = None,
        *,
        utc_ns: Callable[[], int] = time.time_ns,
        zone: tzinfo | None = None,
    ) -> Self:
        """Open the ledger of an address, made or migrated where that is needed.

        Raises:
            LedgerError: it cannot be opened, or is none of ours.
        """
        return cls(open_ledger(url), storage, grading, look, utc_ns=utc_ns, zone=zone)

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    # rails

    def has_rail(self, name: str) -> bool:
        """Whether a rail of this name is in the books."""
        return self.rail_named(name) is not None

    def rail_named(self, name: str) -> int | None:
        """The number of the rail of a name."""
        with reading(self.engine) as connection:
            return store_rails.rail_number(connection, name)

    def add_rail(self, new: NewRail) -> int:
        """Put a rail or a set of photos in, graded; second looks are drawn. Returns its number.

        Raises:
            YardRefused: 'name_taken', 'no_such_wagon' or 'bad_value'.
            LedgerError: the database refused.
        """
        with writing(self.engine) as connection:
            if new.wagon_id is not None:
                store_wagons.read_wagon(connection, new.wagon_id)
            return store_rails.insert_rail(connection, new, self.grading, self.look, self.utc_ns())

    def rails(
        self,
        *,
        wagon_id: int | None = None,
        unassigned: bool = False,
        limit: int = 50,
        before: int | None = None,
    ) -> list[RailLine]:
        """Rails, the newest first: of a wagon, of none, or all; `before` pages on by number."""
        with reading(self.engine) as connection:
            return store_rails.list_rails(
                connection, wagon_id=wagon_id, unassigned=unassigned, limit=limit, before=before
            )

    def corrected_rails(self, *, since_utc_ns: int | None = None) -> list[int]:
        """Numbers of the rails of which somebody said something, or took a second look, since then."""
        with reading(self.engine) as connection:
            return store_rails.corrected_rails(connection, since_utc_ns or 0)

    def rail(self, rail_id: int) -> RailView:
        """One rail with all that is known of it.

        Raises:
            YardRefused: 'no_such_rail'.
        """
        with reading(self.engine) as connection:
            return store_rails.read_rail(connection, rail_id, self.grading)

    def regrade(self) -> int:
        """Grade the rails anew that were graded by another recipe; returns how many.

        Lists show what is kept beside a rail: after a change of the recipe they must not show old grades, nor
        decisions that were made on them.

        Raises:
            LedgerError: the database refused; those before it are done.
        """
        with reading(self.engine) as connection:
            stale = store_rails.graded_by_another(connection, self.grading.recipe_sha256)
        for rail_id in stale:
            with writing(self.engine) as connection:
                store_rails.refresh_rail(connection, rail_id, self.grading)
        return len(stale)

    def correct(self, rail_id: int, change: Change, who: Who, *, seen_revision: int) -> RailView:
        """Write down what a person says of a rail; returns the rail as it then stands.

        Args:
            rail_id: which.
            change: what is said.
            who: says it; needs the permission `yard_inspect`.
            seen_revision: the rail's revision that the person had before the eyes.

        Raises:
            YardConflict: somebody said something else since; `since` tells what.
            YardRefused: 'not_allowed', 'no_such_rail', or what `corrections.plan` refuses.
            LedgerError: the database refused.
        """
        check_role(who, "yard_inspect")
        with writing(self.engine) as connection:
            view = store_rails.read_rail(connection, rail_id, self.grading, to_change=True)
            if view.revision != seen_revision:
                since = tuple(entry for entry in view.corrections if entry.number > seen_revision)
                raise YardConflict(f"rail '{view.name}'", seen_revision, view.revision, since)
            if isinstance(change, Assign):
                store_rails.assign(connection, rail_id, change.wagon_id)
            planned = plan(change, view, self.grading)
            store_rails.write_correction(connection, view, change, planned, who, self.utc_ns())
            return store_rails.refresh_rail(connection, rail_id, self.grading)

    # wagons

    def add_wagon(self, fields: WagonFields, who: Who) -> int:
        """Begin a wagon, truck or lot; returns its number.

        Raises:
            YardRefused: 'not_allowed'. LedgerError: the database refused.
        """
        check_role(who, "yard_inspect")
        with writing(self.engine) as connection:
            return store_wagons.insert_wagon(connection, fields, who, self.utc_ns())

    def change_wagon(self, wagon_id: int, fields: WagonFields, who: Who, *, seen_revision: int) -> WagonView:
        """Write a wagon's fields anew.

        Raises:
            YardConflict: somebody changed it since. YardRefused: 'not_allowed', 'no_such_wagon' or
                'nothing_new'. LedgerError: the database refused.
        """
        check_role(who, "yard_inspect")
        with writing(self.engine) as connection:
            return store_wagons.change_wagon(connection, wagon_id, fields, who, seen_revision, self.utc_ns())

    def wagon(self, wagon_id: int) -> WagonView:
        """One wagon.

        Raises:
            YardRefused: 'no_such_wagon'.
        """
        with reading(self.engine) as connection:
            return store_wagons.read_wagon(connection, wagon_id)

    def wagons(self, *, limit: int = 50, before: int | None = None) -> list[WagonView]:
        """Wagons, the newest first; `before` pages on by number."""
        with reading(self.engine) as connection:
            return store_wagons.list_wagons(connection, limit, before)

    # second looks

    def looks(self, *, rail_id: int | None = None, open_only: bool = True, limit: int = 100) -> list[Look]:
        """Stretches drawn for a second look, oldest first."""
        with reading(self.engine) as connection:
            return store_looks.looks_of(connection, rail_id=rail_id, open_only=open_only, limit=limit)

    def answer_look(self, look_id: int, answer: LookAnswer, who: Who, *, note: str = "") -> Look:
        """Write down what came of a second look. What was missed is added to the rail by `correct`.

        Raises:
            YardRefused: 'not_allowed', 'no_such_look', 'already_answered', 'bad_value'.
            LedgerError: the database refused.
        """
        check_role(who, "yard_inspect")
        clean = clean_text("note", note, TEXT_MAX, plain_text)
        with writing(self.engine) as connection:
            return store_looks.answer_look(connection, look_id, answer, clean, who, self.utc_ns())

    def miss_rate(self, *, since_utc_ns: int | None = None) -> MissRate:
        """The share of looked-at stretches in which something was missed, with its bounds."""
        with reading(self.engine) as connection:
            return store_looks.read_miss_rate(connection, since_utc_ns)

    # acts

    def draft_act(self, wagon_id: int, *, supersedes: ActNumber | None = None, reason: str = "") -> Draft:
        """The act of a wagon as it would be signed now.

        Raises:
            YardRefused: 'no_such_wagon', 'bad_value'.
        """
        clean = clean_text("reason", reason, TEXT_MAX, plain_text)
        with reading(self.engine) as connection:
            return self._draft(connection, wagon_id, supersedes, clean)

    def sign_act(
        self,
        wagon_id: int,
        who: Who,
        *,
        seen_sha256: str,
        name: str = "",
        supersedes: ActNumber | None = None,
        reason: str = "",
    ) -> SignedAct:
        """Sign the act of a wagon for the receiver; it gets the next number of its year.

        Args:
            wagon_id: whose act.
            who: signs; needs the permission `yard_sign`.
            seen_sha256: `Draft.sha256` of what the person had before the eyes.
            name: printed under the signature; '' for the account's.
            supersedes: the act that it takes the place of, with a reason.
            reason: why.

        Raises:
            YardRefused: 'not_allowed', 'no_such_wagon', 'already_signed', 'not_standing', 'draft_changed',
                'act_missing' (values: missing), 'bad_value'.
            LedgerError: the database refused; no number is lost.
        """
        check_role(who, "yard_sign")
        name = clean_text("name", name, LINE_MAX, plain_line)
        reason = clean_text("reason", reason, TEXT_MAX, plain_text)
        with writing(self.engine) as connection:
            draft = self._draft(connection, wagon_id, supersedes, reason)
            act = acts.sign(
                connection,
                wagon_id,
                draft,
                who,
                name=name,
                seen=seen_sha256,
                supersedes=supersedes,
                utc_ns=self.utc_ns(),
                zone=self.zone,
            )
            return acts.read_act(connection, act)

    def act(self, year: int, number: int) -> SignedAct:
        """One signed act.

        Raises:
            YardRefused: 'no_such_act' or 'act_damaged'.
        """
        with reading(self.engine) as connection:
            return acts.read_act(connection, ActNumber(year, number))

    def acts(
        self, *, wagon_id: int | None = None, limit: int = 50, before: ActNumber | None = None
    ) -> list[ActLine]:
        """Signed acts, the newest number first."""
        with reading(self.engine) as connection:
            return acts.list_acts(connection, wagon_id=wagon_id, limit=limit, before=before)

    def _draft(
        self, connection: sa.Connection, wagon_id: int, supersedes: ActNumber | None, reason: str
    ) -> Draft:
        wagon = store_wagons.read_wagon(connection, wagon_id, to_change=False)
        rails: Sequence[RailView] = store_rails.rails_of(connection, wagon_id, self.grading)
        content = draw_up(wagon.fields, rails, self.grading, self.storage, self.utc_ns())
        elsewhere = acts.accepted_elsewhere(connection, wagon_id, rails)
        return acts.as_draft(acts.superseding(content, supersedes, reason), elsewhere)
