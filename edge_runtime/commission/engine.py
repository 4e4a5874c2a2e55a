"""The wizard's state machine: which step runs, what it shows, what it left. No input or output of its own.

`tick` is called some twenty times a second by `driver` (or by a test with a clock of its own); `act` takes
what the technician does at the terminal or on the page; `view` says how things stand. All under one lock,
for the page asks from threads of its own. After every step the state is saved, so that a crash costs
that step at most. Neighbours: the `steps_*`, `ports`, `view`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from edge_runtime.commission.context import Context
from edge_runtime.commission.draft import Draft
from edge_runtime.commission.limits import CommissionLimits
from edge_runtime.commission.ports import Ports
from edge_runtime.commission.shown import Fact, Found, Show, StepFailed, StepResult, StepRun
from edge_runtime.commission.state import SavedState
from edge_runtime.commission.steps_camera import camera_step
from edge_runtime.commission.steps_eye import eye_step
from edge_runtime.commission.steps_gate import gate_step
from edge_runtime.commission.steps_last import first_run_step, write_step
from edge_runtime.commission.steps_plc import plc_step
from edge_runtime.commission.steps_timing import timing_step
from vision.errors import FerrogateError

#: an instruction that nobody follows fails the step after this long, where nobody is there to be asked
PATIENCE_S = 180.0


class ActionRefused(FerrogateError):  # noqa: N818 - named by what is the case
    """The technician asked for something that cannot be done now (exit code 12).

    `code` and `values` are for the page's catalogue: `commission.refused.<code>`.
    """

    exit_code = 12

    def __init__(self, code: str, what: str, **values: Any) -> None:
        super().__init__(what, where="commissioning", todo="look at the step that is under way")
        self.code = code
        self.values = values


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step: its id, the kind whose texts it has, its subject (a camera), and how it is begun."""

    step: str
    kind: str
    subject: str
    begin: Callable[[Context], StepRun]


def plan(draft: Draft) -> tuple[StepPlan, ...]:
    """The steps of a commissioning, in order."""
    cameras = tuple(
        StepPlan(f"camera:{camera.name}", "camera", camera.name, partial(camera_step, camera))
        for camera in draft.cameras
    )
    return (
        StepPlan("plc", "plc", "", plc_step),
        StepPlan("eye", "eye", "", eye_step),
        StepPlan("gate", "gate", "", gate_step),
        *cameras,
        StepPlan("timing", "timing", "", timing_step),
        StepPlan("first_run", "first_run", "", first_run_step),
        StepPlan("write", "write", "", write_step),
    )


@dataclass(slots=True)
class _Running:
    """The step under way."""

    plan: StepPlan
    run: StepRun
    by: str
    begun_utc_ns: int
    show: Show
    since_ns: int
    raw: dict[str, Any] = field(default_factory=dict)


class Engine:
    """One commissioning.

    Args:
        draft, limits, ports: what it works on.
        saved: state of an earlier start of the same commissioning.
        on_written: writes file, measurements and report once the last step has passed; returns the paths.
        patience_s: an instruction that nobody follows for so long fails the step; None: a person is there.
    """

    def __init__(
        self,
        draft: Draft,
        limits: CommissionLimits,
        ports: Ports,
        *,
        saved: SavedState | None = None,
        on_written: Callable[[SavedState], tuple[str, ...]],
        patience_s: float | None = None,
    ) -> None:
        self.draft = draft
        self.limits = limits
        self.plan = plan(draft)
        self._context = Context(draft, limits, ports)
        self._ports = ports
        self._on_written = on_written
        self._patience_s = patience_s
        self._lock = threading.RLock()
        self._running: _Running | None = None
        self._written: tuple[str, ...] = ()
        self._revision = 0
        self._begun_utc_ns = ports.clock.utc_ns()
        if saved is not None:
            self._begun_utc_ns = saved.begun_utc_ns
            known = {item.step for item in self.plan}
            self._context.results = {item.step: item for item in saved.results if item.step in known}

    # -- time ---------------------------------------------------------------------------------

    def tick(self) -> None:
        """Take what came from PLC and cameras, and move the step under way on."""
        with self._lock:
            context = self._context
            for event in self._ports.plc.take():
                context.watch.feed(event)
            running = self._running
            if running is None:
                return
            context.frames = {name: camera.take() for name, camera in self._ports.cameras.items()}
            self._advance(running)

    def _advance(self, running: _Running) -> None:
        try:
            show = next(running.run)
        except StopIteration as stop:
            self._end(running, stop.value)
            return
        except StepFailed as failed:
            self._fail(running, failed)
            return
        now_ns = self._ports.clock.mono_ns()
        if show.text != running.show.text or show.progress != running.show.progress or not show.waiting:
            running.since_ns = now_ns
        running.show = show
        if self._patience_s is not None and now_ns - running.since_ns > self._patience_s * 1e9:
            running.run.close()
            self._fail(running, StepFailed("failed.waited", text=show.text))

    def _end(self, running: _Running, found: Found) -> None:
        self._close(running, "passed" if found.ok else "failed", found)

    def _fail(self, running: _Running, failed: StepFailed) -> None:
        subject = str(failed.values.get("lane") or "")
        todo = f"{failed.key}_todo"
        fact = Fact(key=failed.key, ok=False, subject=subject, todo=todo, todo_values=failed.values)
        self._close(running, "failed", Found([fact], {}, failed.raw))

    def _close(self, running: _Running, status: Any, found: Found) -> None:
        clock = self._ports.clock
        self._context.results[running.plan.step] = StepResult(
            step=running.plan.step,
            status=status,
            facts=tuple(found.facts),
            values=found.values,
            raw=found.raw,
            by=running.by,
            begun_utc_ns=running.begun_utc_ns,
            ended_utc_ns=clock.utc_ns(),
        )
        self._forget_later(running.plan.step)
        self._running = None
        self._context.answers.clear()
        self._revision += 1
        self._written = ()
        if running.plan.kind == "write" and status == "passed":
            self._write(running)
        self._save()

    def _write(self, running: _Running) -> None:
        """The last step has passed: leave everything on disk."""
        try:
            self._written = self._on_written(self.saved())
        except FerrogateError as error:
            failed = StepFailed("write.failed", detail=str(error))
            self._context.results.pop(running.plan.step)
            fact = Fact(key=failed.key, ok=False, todo="write.failed_todo", todo_values=failed.values)
            self._context.results["write"] = StepResult(
                step="write",
                status="failed",
                facts=(fact,),
                by=running.by,
                begun_utc_ns=running.begun_utc_ns,
                ended_utc_ns=self._ports.clock.utc_ns(),
            )

    def _forget_later(self, step: str) -> None:
        """Timing, first run and file rest on all that comes before: a step made anew opens them again."""
        order = [item.step for item in self.plan]
        later = order[order.index(step) + 1 :]
        for name in ("timing", "first_run", "write"):
            if name in later:
                self._context.results.pop(name, None)

    def _save(self) -> None:
        text = self.saved().model_dump_json(indent=1)
        self._ports.files.save_state(text, finished=bool(self._written))

    def saved(self) -> SavedState:
        """All results so far."""
        with self._lock:
            return SavedState(
                station=self.draft.name,
                draft=str(self.draft.path),
                begun_utc_ns=self._begun_utc_ns,
                saved_utc_ns=self._ports.clock.utc_ns(),
                results=tuple(
                    self._context.results[item.step]
                    for item in self.plan
                    if item.step in self._context.results
                ),
            )

    # -- people -------------------------------------------------------------------------------

    def act(self, step: str, action: str, values: Mapping[str, Any], by: str) -> None:
        """What a technician does.

        Args:
            step: id of the step it is for.
            action: 'begin' (also to repeat), 'answer', 'cancel', 'skip'.
            values: 'answer': {'name': ..., 'value': ...}; 'skip': {'reason': ...}.
            by: who.

        Raises:
            ActionRefused: not possible now.
        """
        with self._lock:
            item = next((item for item in self.plan if item.step == step), None)
            if item is None:
                raise ActionRefused("unknown_step", f"there is no step '{step}'", step=step)
            if action == "begin":
                self._begin(item, by)
            elif action == "answer":
                self._answer(item, values)
            elif action == "cancel":
                self._cancel(item)
            elif action == "skip":
                self._skip(item, str(values.get("reason", "")).strip(), by)
            else:
                raise ActionRefused("unknown_action", f"there is no action '{action}'", action=action)
            self._revision += 1

    def _begin(self, item: StepPlan, by: str) -> None:
        if self._running is not None:
            running = self._running.plan.step
            raise ActionRefused("running", f"step '{running}' is under way", step=running)
        before = self._before(item)
        missing = [name for name in before if not self._settled(name)]
        if missing:
            raise ActionRefused("earlier", f"step '{missing[0]}' comes first", step=missing[0])
        clock = self._ports.clock
        self._ports.plc.open()
        self._context.results.pop(item.step, None)
        self._context.answers.clear()
        self._running = _Running(
            item, item.begin(self._context), by, clock.utc_ns(), Show("step.beginning"), clock.mono_ns()
        )

    def _before(self, item: StepPlan) -> list[str]:
        """Steps that must be passed or skipped first; the last three want all before them."""
        order = [plan.step for plan in self.plan]
        if item.kind in ("timing", "first_run", "write"):
            return order[: order.index(item.step)]
        return {"plc": [], "eye": ["plc"], "gate": ["plc", "eye"]}.get(item.kind, ["plc"])

    def _settled(self, step: str) -> bool:
        result = self._context.results.get(step)
        return result is not None and result.status in ("passed", "skipped")

    def _answer(self, item: StepPlan, values: Mapping[str, Any]) -> None:
        running = self._running
        name = values.get("name")
        if running is None or running.plan is not item or name not in running.show.asks:
            raise ActionRefused("not_asked", "nothing of that kind is asked now", step=item.step)
        self._context.answers.append({"name": str(name), "value": values.get("value")})

    def _cancel(self, item: StepPlan) -> None:
        running = self._running
        if running is None or running.plan is not item:
            raise ActionRefused("not_running", f"step '{item.step}' is not under way", step=item.step)
        self._running = None
        running.run.close()
        self._context.answers.clear()

    def _skip(self, item: StepPlan, reason: str, by: str) -> None:
        if item.kind in ("plc", "write"):
            raise ActionRefused("needed", f"step '{item.step}' cannot be skipped", step=item.step)
        if not reason:
            raise ActionRefused("no_reason", "say why it is skipped", step=item.step)
        if self._running is not None and self._running.plan is item:
            self._cancel(item)
        elif self._running is not None:
            running = self._running.plan.step
            raise ActionRefused("running", f"step '{running}' is under way", step=running)
        now = self._ports.clock.utc_ns()
        # What a red step has found is kept: the report shows it beside the reason.
        before = self._context.results.get(item.step)
        self._context.results[item.step] = StepResult(
            step=item.step,
            status="skipped",
            reason=reason,
            by=by,
            facts=before.facts if before is not None else (),
            values=before.values if before is not None else {},
            raw=before.raw if before is not None else {},
            begun_utc_ns=now,
            ended_utc_ns=now,
        )
        self._forget_later(item.step)
        self._save()

    # -- view ---------------------------------------------------------------------------------

    @property
    def running(self) -> tuple[str, Show] | None:
        """The step under way and what it shows."""
        with self._lock:
            return None if self._running is None else (self._running.plan.step, self._running.show)

    @property
    def results(self) -> dict[str, StepResult]:
        """Results by step."""
        with self._lock:
            return dict(self._context.results)

    @property
    def written(self) -> tuple[str, ...]:
        """Files that were written at the end; empty before."""
        return self._written

    @property
    def revision(self) -> int:
        """Goes up with every step that ends and every act."""
        return self._revision

    def next_step(self) -> str | None:
        """The first step that is neither passed nor skipped; None at the end."""
        with self._lock:
            return next((item.step for item in self.plan if not self._settled(item.step)), None)

    def close(self) -> None:
        """End the step under way and let go of everything; its results are kept."""
        with self._lock:
            running, self._running = self._running, None
            if running is not None:
                running.run.close()
        for camera in self._ports.cameras.values():
            camera.close()
        self._ports.plc.close()
        self._ports.first_run.stop()
