"""What the page knows of the line, kept up to date beside the requests: one per page process.

The event loop looks at the station's status twice a second and makes the one state message that all browsers
get. Worker threads look at ledger, machine and alarms, each at its own pace and never two of a kind at
once; a ledger that is slow is asked less often, one that hangs holds up nothing else.
Neighbours: `state` (routes), `live` (the socket), `edge_runtime.alarms` (what is wrong).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from edge_runtime.alarms.conditions import find_conditions, known_sources
from edge_runtime.alarms.desk import AlarmDesk
from edge_runtime.alarms.facts import Limits, Look, MachineFacts
from edge_runtime.alarms.find_ledger import recorder_behind_s
from edge_runtime.alarms.steady import Memory, adopt, settle
from edge_runtime.config import StationConfig
from edge_runtime.live.status import StationStatus
from edge_runtime.page.context import PageContext
from edge_runtime.page.encode import json_text
from edge_runtime.page.ledger_watch import LedgerView, LedgerWatch
from edge_runtime.page.machine_watch import MachineWatch
from edge_runtime.page.mailboxes import SeenStatus, StatusBox
from vision.errors import LedgerError

_LOG = logging.getLogger(__name__)
TICK_S = 0.5
ALARMS_S = 0.5
LEDGER_S, MACHINE_S = 1.0, 2.0
#: a look that takes long is repeated after so many times its duration at the earliest
REST_FACTOR = 8.0
#: the rate of balls is taken over so long
RATE_S = 10.0


class Keeper:
    """Keeps the page's knowledge.

    Args:
        context: of the page.

    Attributes:
        seen: the station's newest status.
        number, text: the newest state message and its number, from 1.
        on_state: called in the event loop after every new message.
        on_tick: called in the event loop at every tick.
    """

    def __init__(self, context: PageContext) -> None:
        self._context = context
        self._box = StatusBox(context.station)
        self._ledger_watch = LedgerWatch()
        self._machine_watch = MachineWatch(context.config, context.utc_ns, context.mono_ns)
        self._ledger_view = LedgerView()
        self._machine: MachineFacts | None = None
        self._limits = limits_of(context.config)
        self._memory = Memory()
        self._alarms: list[dict[str, Any]] = []
        self._rate = RateMeter()
        self.desk = AlarmDesk(context.ledger, context.utc_ns, context.mono_ns)
        self.seen = SeenStatus()
        self.number = 0
        self.text = ""
        self.on_state: list[Callable[[], None]] = []
        self.on_tick: list[Callable[[], None]] = []
        context.books_state = lambda: self._ledger_view.books
        context.services.append(self.running)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep everything up to date until the page ends."""
        loops: list[Callable[[], Coroutine[None, None, None]]] = [
            self._tick_loop,
            self._ledger_loop,
            self._machine_loop,
        ]
        if self._context.mode == "line":
            loops.append(self._alarm_loop)
        self._tick()
        tasks = [asyncio.create_task(loop(), name=loop.__name__) for loop in loops]
        for task in tasks:
            task.add_done_callback(self._ended)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._box.close()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Without one of its loops the page would stand still: the process ends and is started again."""
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("service_broke_off", extra={"service": task.get_name()}, exc_info=error)
            self._context.fail(error)

    # -- event loop -------------------------------------------------------------------------------

    async def _tick_loop(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._tick()

    def _tick(self) -> None:
        self.seen = self._box.look()
        if self.seen.status is not None:
            self._rate.take(self.seen.status)
        self.text = json_text({"type": "state", **self.snapshot()})
        self.number += 1
        for tell in (*self.on_tick, *self.on_state):
            tell()

    def snapshot(self) -> dict[str, Any]:
        """All that every viewer may see; `/api/state` adds who looks. Cheap: nothing is read here."""
        context, seen, view = self._context, self.seen, self._ledger_view
        mono_ns, utc_ns = context.mono_ns(), context.utc_ns()
        alive = seen.alive(mono_ns)
        page, challenge = context.page, context.config.challenge
        return {
            "status": _for_browsers(seen.plain),
            "status_age_ms": seen.age_ms(mono_ns),
            "status_trouble": seen.trouble,
            "station_seen": seen.status is not None,
            "station_alive": alive,
            "alarms": self._alarms,
            "alarms_stored": self.desk.stored,
            "books": view.books_json(),
            "counts": view.counts_json(),
            "rate_balls_per_s": self._rate.balls_per_s() if alive else None,
            "machine": machine_json(self._machine),
            "recorder": {
                "behind_s": recorder_behind_s(self._look()),
                "running": None if self._machine is None else self._machine.recorder_running,
            },
            "ledger": {"ok": view.facts is not None, "detail": view.trouble},
            "page": {
                "language": page.language,
                "utc_offset_hours": page.utc_offset_hours,
                "version": version("ferrogate"),
                "station": context.station,
                "mode": context.mode,
                "challenge_balls": None if challenge is None else challenge.balls,
                "challenge_grace_s": 0.0 if challenge is None else challenge.grace_minutes * 60.0,
            },
            "server_utc_ms": utc_ns // 1_000_000,
        }

    def _look(self) -> Look:
        seen, view = self.seen, self._ledger_view
        age_ms = seen.age_ms(self._context.mono_ns())
        return Look(
            utc_ns=self._context.utc_ns(),
            status=seen.status,
            status_age_s=None if age_ms is None else age_ms / 1e3,
            status_trouble=seen.trouble,
            machine=self._machine,
            ledger=view.facts,
            ledger_trouble=view.trouble or self.desk.trouble,
            limits=self._limits,
        )

    # -- worker threads ---------------------------------------------------------------------------

    async def _ledger_loop(self) -> None:
        await self._repeat(self._read_ledger, LEDGER_S)

    async def _machine_loop(self) -> None:
        await self._repeat(self._look_at_machine, MACHINE_S)

    async def _alarm_loop(self) -> None:
        await self._repeat(self._watch_alarms, ALARMS_S)

    async def _repeat(self, work: Callable[[], None], period_s: float) -> None:
        clock = asyncio.get_running_loop()
        while True:
            begun_s = clock.time()
            await asyncio.to_thread(work)
            took_s = clock.time() - begun_s
            await asyncio.sleep(max(period_s, REST_FACTOR * took_s))

    def _read_ledger(self) -> None:
        context = self._context
        try:
            engine = context.ledger()
            if engine is None:
                self._ledger_view = LedgerView(trouble=context.ledger_trouble)
                return
            self._ledger_view = self._ledger_watch.look(engine, self.seen.status, context.utc_ns())
        except LedgerError as error:
            self._ledger_view = LedgerView(trouble=str(error))

    def _look_at_machine(self) -> None:
        self._machine = self._machine_watch.look()

    def _watch_alarms(self) -> None:
        """One look: what is wrong, what of it stands, and the ledger's table in step with it."""
        now_s = self._context.mono_ns() / 1e9
        left = self.desk.left_standing()
        if left is not None:
            self._memory = adopt(self._memory, left, now_s)
        look = self._look()
        found = find_conditions(look, self._memory.keys)
        self._memory = settle(self._memory, found, known_sources(look), now_s)
        standing = [seen.condition for seen in self._memory.standing.values()]
        self.desk.step(standing)
        self.show_alarms()

    def show_alarms(self) -> None:
        """Take over what the desk shows now, after a step or an acknowledgement."""
        standing = [seen.condition for seen in self._memory.standing.values()]
        self._alarms = self.desk.shown(standing)


class RateMeter:
    """Balls per second over the last `RATE_S`, from the station's own count and clock."""

    def __init__(self) -> None:
        self._session = ""
        self._counts: deque[tuple[int, int]] = deque()

    def take(self, status: StationStatus) -> None:
        """Note the count of a status; a station that was started again begins anew."""
        if status.session != self._session:
            self._session = status.session
            self._counts.clear()
        now = (status.written_mono_ns, status.counts.get("triggers", 0))
        if not self._counts or now[0] > self._counts[-1][0]:
            self._counts.append(now)
        while len(self._counts) > 2 and now[0] - self._counts[1][0] >= RATE_S * 1e9:
            self._counts.popleft()

    def balls_per_s(self) -> float | None:
        """None before a second has been seen."""
        if len(self._counts) < 2:
            return None
        (first_ns, first), (last_ns, last) = self._counts[0], self._counts[-1]
        span_s = (last_ns - first_ns) / 1e9
        return round(max(0, last - first) / span_s, 2) if span_s >= 1.0 else None


def _for_browsers(status: dict[str, Any] | None) -> dict[str, Any] | None:
    """The status without the long list of closed lots, of which the station alone makes use."""
    if status is None:
        return None
    return status | {"day": {key: value for key, value in status["day"].items() if key != "closed_lots"}}


def limits_of(config: StationConfig) -> Limits:
    """What the alarms need of the station file."""
    return Limits(
        {camera.name: camera.limits.background_drop_share for camera in config.cameras},
        None if config.line is None else config.line.inspection_ms,
        0.0 if config.challenge is None else config.challenge.grace_minutes * 60.0,
    )


def machine_json(machine: MachineFacts | None) -> dict[str, Any]:
    """For `/api/state`; None where it is not known."""
    facts = machine or MachineFacts()
    return {
        "disk_free_mb": _rounded(facts.disk_free_mb, 0),
        "disk_free_share": _rounded(facts.disk_free_share, 4),
        "load": _rounded(facts.load, 2),
        "memory_free_mb": _rounded(facts.memory_free_mb, 0),
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def keeper_of(context: PageContext) -> Keeper:
    """The page's one keeper; made by whoever asks first."""
    keeper: Keeper = context.shared.get(Keeper) or Keeper(context)
    context.shared[Keeper] = keeper
    return keeper
