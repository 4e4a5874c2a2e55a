"""Steps 6 and 7: the first run of the new file with good and challenge balls, and writing it all down."""

from __future__ import annotations

from collections.abc import Generator, Mapping

from edge_runtime.commission.context import Context, wait_key
from edge_runtime.commission.shown import Fact, Found, Show, StepFailed, StepRun
from edge_runtime.commission.station_file import compose
from edge_runtime.day.acts import BeginChallenge, OpenShift
from edge_runtime.live.status import StationStatus
from edge_runtime.plc.registers import KeySwitch
from vision.errors import FerrogateError

#: a first run has this long to become Ready, by the host's clock
_READY_S = 90.0
_SHIFT = "commissioning"


def first_run_step(context: Context) -> StepRun:
    """A real station on the new file: good balls are accepted, challenge balls are not.

    Raises:
        StepFailed: it does not start, ends, does not get Ready, or refuses the challenge.
    """
    yield from wait_key(context, KeySwitch.AUTO, "gate.key_auto")
    run = context.ports.first_run
    context.ports.plc.close()
    found = Found()
    try:
        try:
            run.start(compose(context.draft, context.results))
        except FerrogateError as error:
            raise StepFailed("first_run.ended", detail=str(error)) from error
        yield from _ready(context)
        yield from _good_balls(context, found)
        yield from _challenge(context, found)
    finally:
        run.stop()
        context.watch.lost = "first run"
        context.ports.plc.open()
    return found


def _status(context: Context) -> StationStatus | None:
    """What the station says.

    Raises:
        StepFailed: it has ended.
    """
    ended = context.ports.first_run.ended()
    if ended:
        raise StepFailed("first_run.ended", detail=ended)
    return context.ports.first_run.status()


def _trouble(status: StationStatus) -> Show | None:
    """The line's own trouble, by the station's words."""
    if status.plc.latched:
        return Show("trouble.latched", {"cause": status.plc.stop_cause}, waiting=True)
    return None


def _ready(context: Context) -> Generator[Show, None, None]:
    begun_ns = context.ports.clock.mono_ns()
    while True:
        status = _status(context)
        if status is not None and status.ready:
            return
        holds = "" if status is None else ", ".join(sorted(status.holds))
        if context.ports.clock.mono_ns() - begun_ns > _READY_S * 1e9:
            raise StepFailed("first_run.not_ready", holds=holds or "-")
        yield Show("first_run.starting", {"holds": holds})


def _good_balls(context: Context, found: Found) -> Generator[Show, None, None]:
    """Good balls go through until enough have their outcome."""
    wanted = context.limits.first_run.good_balls.value
    before: dict[str, int] | None = None
    left = 0
    while True:
        status = _status(context)
        if status is None:
            yield Show("first_run.starting", {"holds": ""})
            continue
        totals = status.plc.totals
        if before is None:
            # What was on its way before the station was Ready is rejected, and says nothing of it.
            before, left = dict(totals), totals["triggers_total"] - _decided(totals)
        if left > 0 and _decided(totals) - _decided(before) >= left:
            before, left = dict(totals), 0
        accepted = totals["accepted_total"] - before["accepted_total"]
        done = 0 if left else _decided(totals) - _decided(before)
        if done >= wanted:
            break
        yield _trouble(status) or Show(
            "first_run.good", {"balls": wanted}, progress=(done, wanted), waiting=True
        )
    least = context.limits.first_run.good_accept_min_share.value
    found.values |= {"good_balls": done, "good_accepted": accepted}
    ok = accepted / done >= least
    found.facts.append(
        Fact(
            key="first_run.accepted",
            value=f"{accepted} / {done}",
            ok=ok,
            todo="" if ok else "first_run.accepted_todo",
        )
    )


def _decided(totals: Mapping[str, int]) -> int:
    """Balls that have left the gate, by the PLC."""
    return sum(totals[f"{side}_total"] for side in ("accepted", "rejected", "bypassed"))


def _challenge(context: Context, found: Found) -> Generator[Show, None, None]:
    """Reject balls that were announced: every one must be rejected, and seen in the reject chute."""
    wanted = context.limits.first_run.challenge_balls.value
    run = context.ports.first_run
    while context.answer("done") is None:
        status = _status(context)
        trouble = None if status is None else _trouble(status)
        yield trouble or Show("first_run.before", {"balls": wanted}, asks=("done",), waiting=True)
    try:
        before = run.act(OpenShift(name=_SHIFT)).last_challenge_utc_ns
        day = run.act(BeginChallenge(balls=wanted))
    except FerrogateError as error:
        raise StepFailed("first_run.refused", detail=error.what) from error
    while day.challenge is not None or day.last_challenge_utc_ns == before:
        status = _status(context)
        if status is not None and status.day.revision >= day.revision:
            day = status.day  # an older one does not know of the challenge yet
        waits = day.challenge is not None and day.challenge.waiting
        done = 0 if day.challenge is None else day.challenge.triggered
        yield Show(
            "first_run.wait_empty" if waits else "first_run.challenge",
            {"balls": wanted},
            progress=(done, wanted),
            waiting=True,
        )
    result = day.last_challenge_result
    found.values["challenge"] = result
    found.facts.append(
        Fact(
            key="first_run.result",
            value=f"challenge.{result}",
            ok=result == "passed",
            todo="" if result == "passed" else "first_run.result_todo",
        )
    )


def write_step(context: Context) -> StepRun:
    """Check the file once more, the way the station will; the engine then writes everything.

    Raises:
        StepFailed: it would be refused.
    """
    yield Show("write.checking")
    data = compose(context.draft, context.results)
    try:
        config = context.ports.files.check_station(data)
    except FerrogateError as error:
        raise StepFailed("timing.refused", {"file": data}, detail=error.what) from error
    found = Found()
    found.facts.append(Fact(key="write.station", value=config.name, ok=True))
    return found
