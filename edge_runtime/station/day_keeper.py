"""The day in the decision loop: acts are carried out here, and what follows from them by itself.

Nothing here waits or touches a file: a change is handed to the journal, and the desk's thread writes the
day's file once it is durable. Neighbours: the core asks what is in force at a trigger and whether a part may
be accepted, and tells verdicts, outcomes and epochs; `edge_runtime.day` holds the rules.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from edge_runtime.day.follow import (
    CHALLENGE_DONE,
    CHANGEOVER_DONE,
    SESSION,
    act_entry,
    challenge_over,
    changeover_done,
)
from edge_runtime.day.holds import DAY_HOLDS, HoldFacts, day_holds, only_challenge_balls
from edge_runtime.day.refusals import ActRefused
from edge_runtime.day.rules import CHALLENGE_HOLDS, Facts, Who, apply
from edge_runtime.day.state import Challenge, DayState
from edge_runtime.day_config import ChallengeConfig
from edge_runtime.entries import ChallengeEntry, Entry, OutcomeEntry
from edge_runtime.station.asked import ActAsked, ActDone
from edge_runtime.station.challenges import ChallengeRun
from edge_runtime.station.forces import Forces
from edge_runtime.station.holds import Holds
from edge_runtime.station.rows import InForce
from vision.types import PartId

#: how often time alone may change something (a challenge becomes overdue)
LOOK_EVERY_NS = 200_000_000


@dataclass(frozen=True, slots=True)
class DayStart:
    """What a station begins its day with.

    Attributes:
        state: as it was last written down.
        by, act: the last change to it.
        challenge: when challenge balls are due.
        run: a challenge that was under way, put together again from the journal.
        recipe_trouble: why the recipe that the state names is not the one in force; '' when it is.
        product: of the recipe in force.
        labels, lanes, belt: see `edge_runtime.day.rules.Facts`.
    """

    state: DayState = field(default_factory=DayState)
    by: str = ""
    act: str = ""
    challenge: ChallengeConfig | None = None
    run: ChallengeRun | None = None
    recipe_trouble: str = ""
    product: str = ""
    labels: frozenset[str] = frozenset()
    lanes: frozenset[int] = frozenset({0})
    belt: bool = True


@dataclass(frozen=True, slots=True)
class DayPorts:
    """What the keeper needs of the station around it.

    `journal` and `durable` as in `ports.Outputs`; `position` is the belt's newest endless count, None while
    nothing moves; `in_zone` counts the parts between eye and gate, of one lane or (None) of all.
    """

    journal: Callable[[Entry], int | None]
    durable: Callable[[], int]
    holds: Holds
    fault: Callable[[str, str], None]
    ask_stop: Callable[[], None]
    position: Callable[[], int | None]
    in_zone: Callable[[int | None], int]


class DayKeeper:
    """Keeps the day's state.

    Args:
        start: what the day begins with.
        in_force: hashes in force, and the names of lot and shift for parts while none is open.
        ports: the station around it.
        boot_id: of the machine, for the entries.

    Attributes:
        state: now, with the progress of a challenge.
        written: the state after the last journaled change, and its entry's number.
    """

    def __init__(self, start: DayStart, in_force: InForce, ports: DayPorts, boot_id: str) -> None:
        self._start = start
        self._ports = ports
        self._boot_id = boot_id
        self._no_lot, self._no_shift = in_force.lot, in_force.shift
        self._forces = Forces(in_force)
        self._last = (start.by, start.act)
        self._run = start.run
        self._restart_number: int | None = None
        self._plc_boot_id: int | None = None
        self._only_challenge_balls = False
        self._next_look_ns = 0
        self.state = start.state
        self.written = (start.state, 0)
        self._take_force()

    # -- what the core asks -------------------------------------------------------------------

    @property
    def open_lot(self) -> str:
        """Name of the open lot, '' for none."""
        return self.state.lot.name if self.state.lot is not None else ""

    @property
    def open_shift(self) -> str:
        """Name of the open shift, '' for none."""
        return self.state.shift.name if self.state.shift is not None else ""

    @property
    def in_force(self) -> InForce:
        """For what is triggered from now on."""
        return self._forces.newest

    def in_force_at(self, position: int | None) -> InForce:
        """At a trigger's position (endless count)."""
        return self._forces.at(position)

    def force_of(self, part_id: PartId, position: int) -> InForce:
        """What is in force for a new part; it names the challenge when the part is one of its balls."""
        found = self._forces.at(position)
        run = self._run
        if run is None or not run.take(part_id, position):
            return found
        self._show_progress(run)
        return replace(found, challenge=run.challenge.challenge)

    def may_accept(self, in_force: InForce) -> bool:
        """Not for production while a miss is unanswered, or a challenge is overdue and that holds.

        A challenge ball only while its challenge is under way: there, an accept is a miss.
        """
        if in_force.challenge:
            return self._run is not None and self._run.challenge.challenge == in_force.challenge
        return not self._only_challenge_balls

    @property
    def restart_due(self) -> bool:
        """A changeover is done and on disk: the station starts anew with the other recipe."""
        return self._restart_number is not None and self._ports.durable() >= self._restart_number

    # -- what the core tells ------------------------------------------------------------------

    def on_verdict(self, part_id: PartId, decision: str, codes: list[str]) -> None:
        """The station's word on a challenge ball."""
        if self._run is not None:
            self._run.on_verdict(part_id, decision, codes)
            self._watch_run(self._run)

    def on_outcome(self, outcome: OutcomeEntry) -> None:
        """What the PLC did with a part."""
        if self._run is not None:
            self._run.on_outcome(outcome)
            self._watch_run(self._run)

    def on_epoch(self, plc_boot_id: int) -> None:
        """A new epoch: positions begin anew."""
        self._forces.forget_positions()
        self._plc_boot_id = plc_boot_id
        if self._run is not None:
            self._run.on_epoch(plc_boot_id)
            self._watch_run(self._run)
        # Now: the core is about to release the hold that a station comes up with.
        self._look(time.monotonic_ns())

    def on_missing_triggers(self, lane: int, what: str) -> None:
        """Triggers that nobody read: one of them may have been a challenge ball."""
        run = self._run
        if run is not None and not run.challenge.waiting and run.challenge.lane == lane:
            run.break_off(what)
            self._watch_run(run)

    def tick(self) -> None:
        """After every batch of events: what waits for the empty zone, and for time to pass."""
        if self._run is not None:
            self._begin_run(self._run)
            self._watch_run(self._run)
        if self.state.changeover is not None and not self._ports.in_zone(None):
            self._finish_changeover()
        now_ns = time.monotonic_ns()
        if now_ns >= self._next_look_ns:
            self._look(now_ns)

    # -- acts ---------------------------------------------------------------------------------

    def on_act(self, asked: ActAsked) -> None:
        """Carry out an act and answer it; microseconds."""
        if not asked.claim():
            return
        try:
            asked.answer.put(self._carry_out(asked))
        except ActRefused as refused:
            asked.answer.put(refused)

    def _carry_out(self, asked: ActAsked) -> ActDone:
        request, before = asked.request, self.state
        if self._restart_number is not None:
            raise ActRefused("changeover_running", {"recipe": before.recipe})
        if request.revision is not None and request.revision != before.revision:
            by, act = self._last
            raise ActRefused("changed_meanwhile", {"by": by or "ferrogate", "act": act})
        trouble = self._ports.holds.reasons.get("journal")
        # A stop is carried out whatever the disk does; its entry waits for the disk with all others.
        if trouble is not None and request.act.kind != "stop_line":
            raise ActRefused("journal", {"detail": trouble})
        after = apply(before, request.act, Who(request.by, request.role), self._facts(asked))
        asked_for = request.act.model_dump(mode="json")
        number = self._write(before, after, request.act.kind, (request.by, request.role), asked_for)
        if number is None:
            raise ActRefused("journal", {"detail": "too many entries wait for the disk"})
        self._follow_act(request.act.kind, request.by)
        return ActDone(self.state, number)

    def _facts(self, asked: ActAsked) -> Facts:
        in_force = self._forces.newest
        return Facts(
            utc_ns=time.time_ns(),
            product=self._start.product,
            recipe_sha256=in_force.recipe_sha256,
            choice=asked.choice,
            challenge=self._start.challenge,
            labels=self._start.labels,
            lanes=self._start.lanes,
            holds=tuple(self._ports.holds.reasons),
            reserved_lots=frozenset({self._no_lot}),
            reserved_shifts=frozenset({self._no_shift}),
            lot_on_file=asked.lot_on_file,
            belt=self._start.belt,
        )

    def _follow_act(self, kind: str, by: str) -> None:
        """What an act sets going, once it is handed to the journal."""
        if kind == "stop_line":
            self._ports.fault("stop_asked", f"by {by}")
            self._ports.ask_stop()
        elif kind == "begin_challenge":
            assert self.state.challenge is not None
            force = self._forces.newest
            self._run = ChallengeRun(self.state.challenge, force.lot, force.shift)
        elif kind == "cancel_challenge" and self._run is not None:
            self._run.give_up(f"cancelled by {by}")
            self._watch_run(self._run)

    def note_recipe(self, old_sha256: str, new_sha256: str) -> None:
        """Put a start with another recipe than the last session had ('': there was none) on record."""
        if not old_sha256 or old_sha256 == new_sha256:
            return
        after = self.state.model_copy(update={"revision": self.state.revision + 1})
        entry = act_entry(
            self.state,
            after,
            act=SESSION,
            by="",
            role="station",
            asked={},
            utc_ns=time.time_ns(),
            boot_id=self._boot_id,
        )
        entry = replace(entry, before={"recipe_sha256": old_sha256}, after={"recipe_sha256": new_sha256})
        number = self._ports.journal(entry)
        if number is not None:
            self._adopt(after, number, ("", SESSION))

    def _write(
        self, before: DayState, after: DayState, act: str, who: tuple[str, str], asked: dict[str, Any]
    ) -> int | None:
        """Journal a change and put it in force; None, and nothing is changed, when the journal is full."""
        entry = act_entry(
            before,
            after,
            act=act,
            by=who[0],
            role=who[1],
            asked=asked,
            utc_ns=time.time_ns(),
            boot_id=self._boot_id,
        )
        number = self._ports.journal(entry)
        if number is not None:
            self._adopt(after, number, (who[0], act))
        return number

    def _adopt(self, state: DayState, number: int, last: tuple[str, str]) -> None:
        self.state, self._last = state, last
        self.written = (state, number)
        self._take_force()
        self._look(time.monotonic_ns())

    def _take_force(self) -> None:
        names = {"lot": self.open_lot or self._no_lot, "shift": self.open_shift or self._no_shift}
        self._forces.change(self._ports.position(), names)

    def _look(self, now_ns: int) -> None:
        """Hold and release for what the state says now."""
        self._next_look_ns = now_ns + LOOK_EVERY_NS
        utc_ns, start = time.time_ns(), self._start
        sha256 = self._forces.newest.recipe_sha256
        restarting = self._restart_number is not None
        facts = HoldFacts(sha256, start.recipe_trouble, restarting, start.challenge)
        # First who may be accepted, then Ready: the other way round a ball might slip through between.
        self._only_challenge_balls = only_challenge_balls(self.state, utc_ns, start.challenge)
        self._ports.holds.settle(DAY_HOLDS, day_holds(self.state, utc_ns, facts))

    # -- what follows by itself ---------------------------------------------------------------

    def _finish_changeover(self) -> None:
        before = self.state
        assert before.changeover is not None
        if "journal" in self._ports.holds.reasons:
            return
        asked = before.changeover.model_dump(mode="json")
        # Held as restarting from before the state says that no changeover waits any more.
        self._restart_number = 0
        number = self._write(before, changeover_done(before), CHANGEOVER_DONE, ("", "station"), asked)
        self._restart_number = number

    def _begin_run(self, run: ChallengeRun) -> None:
        """The challenge's balls may come once nothing is between eye and gate, and nothing else holds."""
        now = run.challenge
        if not now.waiting or self._ports.in_zone(now.lane) or run.result:
            return
        if set(self._ports.holds.reasons) - CHALLENGE_HOLDS:
            return
        run.begin(self._ports.position(), self._plc_boot_id)
        self._show_progress(run)
        self._look(time.monotonic_ns())

    def _show_progress(self, run: ChallengeRun) -> None:
        """In the state that people see, without a revision: a ball that passes refuses nobody's act."""
        self.state = self.state.model_copy(update={"challenge": run.challenge})

    def _watch_run(self, run: ChallengeRun) -> None:
        if self.state.challenge is not run.challenge and self.state.challenge is not None:
            self._show_progress(run)
        result = run.result
        if not result:
            return
        self._run = None
        if result == "missed":
            # The belt first: the ball may not have reached the gate yet.
            self._ports.ask_stop()
            self._ports.fault("challenge_missed", "; ".join(run.detail))
        utc_ns, now = time.time_ns(), run.challenge
        if not run.told:
            self._ports.journal(self._challenge_entry(run, utc_ns))
        if self.state.challenge is None:
            return  # cancelled before its first ball: the act itself has ended it
        before = self.state
        after = challenge_over(before, result, utc_ns, self._start.challenge)
        asked = {"challenge": now.challenge, "result": result}
        if self._write(before, after, CHALLENGE_DONE, ("", "station"), asked) is None:
            # A miss must hold whether or not it can be written; the journal itself names what it dropped.
            self._adopt(after, 0, ("", CHALLENGE_DONE))

    def _challenge_entry(self, run: ChallengeRun, utc_ns: int) -> ChallengeEntry:
        now: Challenge = run.challenge
        return ChallengeEntry(
            challenge=now.challenge,
            result=run.result,
            expected=now.expected,
            balls=run.announced,
            rejected=now.rejected,
            accepted=now.accepted,
            unproven=now.unproven,
            by=now.announced_by,
            lot=run.lot,
            shift=run.shift,
            lane=now.lane,
            detail="; ".join(run.detail),
            begun_utc_ns=now.announced_utc_ns,
            utc_ns=utc_ns,
            boot_id=self._boot_id,
        )
