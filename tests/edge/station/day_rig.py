"""A core at the belt whose people act: acts straight into the loop, outcomes out of the PLC's mouth."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from edge_runtime.day.acts import Act
from edge_runtime.day.refusals import ActRefused
from edge_runtime.day.rules import RecipeChoice
from edge_runtime.day.state import DayState
from edge_runtime.day.wire import Request
from edge_runtime.day_config import ChallengeConfig
from edge_runtime.encoder import wrap
from edge_runtime.entries import ActEntry, ChallengeEntry, LineStateEntry
from edge_runtime.plc.events import OutcomesRead
from edge_runtime.plc.records import OutcomeRecord
from edge_runtime.plc.registers import Cause, Confirm, Side
from edge_runtime.station.asked import ActAsked, ActDone
from edge_runtime.station.challenges import ChallengeRun
from edge_runtime.station.day_keeper import DayStart
from tests.edge.core_rig import LINE, RECIPE, Rig, ready

_ACTS: TypeAdapter[Act] = TypeAdapter(Act)
GATE = LINE.lanes[0].eye_to_gate_counts
OVERSIZE_PX = 180.0


class DayRig(Rig):
    """A ready core; its journal is on disk at once unless `out.durable` is set by hand."""

    def __init__(
        self,
        state: DayState | None = None,
        *,
        challenge: ChallengeConfig | None = None,
        run: ChallengeRun | None = None,
        recipe_trouble: str = "",
    ) -> None:
        start = DayStart(
            state=state or DayState(),
            challenge=challenge,
            run=run,
            recipe_trouble=recipe_trouble,
            product=RECIPE.product,
            labels=frozenset({"half", "crack"}),
        )
        super().__init__(day=start)
        self.outcomes = 0
        ready(self)
        self.turn()

    @property
    def day(self) -> DayState:
        return self.core.day.state

    def restarts(self) -> bool:
        return self.core.day.restart_due

    def is_ready(self) -> bool:
        return self.core.ready

    def turn(self) -> None:
        """One round of the loop, with everything on disk."""
        self.out.durable = len(self.out.entries)
        self.core.after_events(2560)

    def ask(
        self,
        kind: str,
        *,
        by: str = "Aigul",
        role: str = "foreman",
        revision: int | None = None,
        **fields: Any,
    ) -> DayState:
        """Carry out an act between two events; raises what it is refused with."""
        choice = fields.pop("choice", None)
        self.out.encoder_count = wrap(self.now)
        act = _ACTS.validate_python({"kind": kind} | fields)
        asked = ActAsked(Request(act=act, by=by, role=role, revision=revision), choice=choice)
        self.core.on_act(asked)
        answer = asked.answer.get_nowait()
        if isinstance(answer, ActRefused):
            raise answer
        assert isinstance(answer, ActDone)
        self.turn()
        return answer.state

    def change_recipe(self) -> DayState:
        return self.ask(
            "change_recipe", recipe="gost:45", choice=RecipeChoice("gost:45", "Ball 45", "b" * 64)
        )

    def ball(self, seq: int, *, oversize: bool = False) -> None:
        """A ball comes, is seen and judged; the belt stops before it reaches the gate."""
        centre = self.now + 400
        if oversize:
            self.odd_px[centre] = OVERSIZE_PX
        self.balls.append(centre)
        self.run_to(centre + 200)
        self.trigger(centre, seq)
        self.run_to(centre + 2000)
        self.turn()

    def clear_zone(self) -> None:
        """The belt runs until nothing is between eye and gate."""
        self.run_to(self.now + GATE + LINE.gate_window_counts + 256)
        self.turn()

    def outcome(
        self,
        seq: int,
        side: Side = Side.REJECT,
        cause: Cause = Cause.VERDICT_REJECT,
        confirm: Confirm = Confirm.REJECT_EYE,
        epoch: int = 1,
    ) -> None:
        """What the PLC says of a part."""
        self.outcomes += 1
        record = OutcomeRecord(epoch, 0, seq, 900, 320, side, cause, 0, 0, confirm, 5900)
        self.core.on_outcomes(OutcomesRead((record,), self.outcomes))
        self.turn()

    def acts(self) -> list[str]:
        return [entry.act for entry in self.out.entries if isinstance(entry, ActEntry)]

    def challenges(self) -> list[ChallengeEntry]:
        return [entry for entry in self.out.entries if isinstance(entry, ChallengeEntry)]

    def line_states(self) -> list[LineStateEntry]:
        return [entry for entry in self.out.entries if isinstance(entry, LineStateEntry)]
