"""The PLC's own log as the auditor reads it: boots, epochs, parts, verdicts, decisions, gates.

Every position is shifted onto the twin's endless count (the PLC counts from 0 to 65535
at its start and goes on from there). Neighbours: `plc_logic` and its rules write the
rows, `auditor_join` ties the parts to balls.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from edge_runtime.encoder import COUNT_MODULUS
from vision.errors import FerrogateError

Row = Mapping[str, Any]


class AuditError(FerrogateError):
    """The run's records cannot be read (exit code 12)."""

    exit_code = 12


class PartKey(NamedTuple):
    """Names a part for good: which PLC start (from 0), lane, trigger number."""

    boot: int
    lane: int
    trigger_seq: int


@dataclass(frozen=True, slots=True)
class LoggedVerdict:
    """One entry taken from the verdict ring. `why` is the PLC's cause for not holding it, '' when held."""

    epoch: int
    trigger_seq: int
    echo: int
    verdict: int
    reason: int
    written_ns: int
    taken_ns: int
    why: str


@dataclass(frozen=True, slots=True)
class LoggedDecision:
    """The gate decision of a part, or its withdrawal (`drop`)."""

    t_ns: int
    side: str
    cause: str


@dataclass(frozen=True, slots=True)
class LoggedOutcome:
    """The end of a part in the PLC's books."""

    side: str
    cause: str
    confirm: str


@dataclass(slots=True)
class PlcPart:
    """One part as the PLC knew it; positions are endless counts of the twin."""

    key: PartKey
    epoch: int
    rising: int
    pulse: int
    encoder_count: int
    verdicts: list[LoggedVerdict] = field(default_factory=list)
    decision: LoggedDecision | None = None
    drop: LoggedDecision | None = None
    outcome: LoggedOutcome | None = None

    @property
    def centre(self) -> int:
        """Position at which the station believes its centre passed the eye."""
        return self.rising + self.pulse // 2

    @property
    def end(self) -> int:
        """Position of the falling edge."""
        return self.rising + self.pulse

    @property
    def side(self) -> str:
        """The PLC's last word before the gate: 'ACCEPT', 'REJECT', '' when it never decided.

        'BYPASS' where its outcome says that the key took over.
        """
        if self.outcome is not None and self.outcome.side == "BYPASS":
            return "BYPASS"
        if self.decision is None:
            return ""
        return "REJECT" if self.drop is not None else self.decision.side

    @property
    def under_key(self) -> bool:
        """The PLC says that the key had its hand in it."""
        causes = {self.decision.cause if self.decision else "", self.outcome.cause if self.outcome else ""}
        return bool(causes & {"BYPASS", "SERVICE"})

    @property
    def cause(self) -> str:
        """Cause of `side`; the outcome's where there is one (a verdict past the decision makes it LATE)."""
        if self.outcome is not None:
            return self.outcome.cause
        last = self.drop or self.decision
        return last.cause if last is not None else ""

    @property
    def held(self) -> LoggedVerdict | None:
        """The verdict that the PLC held."""
        return next((verdict for verdict in self.verdicts if not verdict.why), None)


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to `end`: time in ns, or counts."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Event:
    """A row without a part of its own: `epoch`, `latch`, `reset`, `confirm`, `mismatch`, ...

    `shift` brings positions in its row onto the twin's endless count.
    """

    name: str
    t_ns: int
    row: Row
    shift: int = 0


@dataclass(slots=True)
class PlcLog:
    """All of plc.jsonl, sorted by part."""

    parts: dict[PartKey, PlcPart] = field(default_factory=dict)
    #: verdicts for numbers that no part had
    strays: list[LoggedVerdict] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    #: (t_ns, epoch): in force from then on
    epochs: list[tuple[int, int]] = field(default_factory=list)
    #: times in which the PLC took the station's heartbeat for lost
    silent: list[Span] = field(default_factory=list)
    #: endless counts between which a lane's gate valve was energised
    energised: dict[int, list[Span]] = field(default_factory=dict)

    def epoch_at(self, t_ns: int) -> int:
        """Epoch in force at a time, 0 before the first."""
        index = bisect_right(self.epochs, (t_ns, 1 << 62))
        return self.epochs[index - 1][1] if index else 0

    def silent_at(self, t_ns: int) -> bool:
        """Whether the heartbeat counted as lost then."""
        return any(span.start <= t_ns < span.end for span in self.silent)

    def named(self, name: str) -> list[Event]:
        """Events of one name."""
        return [event for event in self.events if event.name == name]


def read_rows(path: Path) -> list[Row]:
    """Rows of a JSON-lines file; what a killed writer left half written is left out.

    Raises:
        AuditError: no such file, or a line before the last that is no JSON object.
    """
    todo = "give the folder of a finished 'ferrogate demo' run; it holds truth.jsonl and plc.jsonl"
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise AuditError(f"the record cannot be read: {error}", where=str(path), todo=todo) from error
    rows: list[Row] = []
    for number, line in enumerate(lines, start=1):
        # A writer that was killed leaves a torn line; the next one writes on behind it.
        torn_at = line.rfind('{"event"')
        try:
            row = json.loads(line[max(torn_at, 0) :])
        except json.JSONDecodeError as error:
            if number == len(lines):
                break
            raise AuditError(f"line {number} is not JSON", where=str(path), todo=todo) from error
        if not isinstance(row, dict) or "event" not in row:
            raise AuditError(f"line {number} is no record", where=str(path), todo=todo)
        rows.append(row)
    return rows


class PlcReader:
    """Builds a `PlcLog` out of rows, in order.

    Args:
        shift_of_boot: from `boot_shifts`.
    """

    def __init__(self, shift_of_boot: Mapping[int, int]) -> None:
        self._shift_of_boot = shift_of_boot
        self.log = PlcLog()
        self._boot = -1
        self._shift = 0
        self._silent_since: int | None = None
        self._gate_since: dict[int, int] = {}
        self._last_ns = 0
        self._last_position = 0

    def read(self, rows: Iterable[Row]) -> PlcLog:
        """The whole log."""
        for row in rows:
            self.take(row)
        self._end_of_boot()
        return self.so_far()

    def so_far(self) -> PlcLog:
        """What has been read, with a silence that is not over yet."""
        silent = self.log.silent
        if self._silent_since is not None:
            silent = [*silent, Span(self._silent_since, 1 << 62)]
        return replace(self.log, silent=silent)

    @property
    def shift(self) -> int:
        """What brings positions of the PLC's newest start onto the twin's endless count."""
        return self._shift

    def take(self, row: Row) -> None:
        """One more row of a growing log; at a `plc_start` its shift must be known."""
        name = str(row["event"])
        if name == "plc_start":
            self._end_of_boot()
            self._boot += 1
            self._shift = self._shift_of_boot.get(self._boot, 0)
            # Nobody is alive to a PLC that has just started.
            self._silent_since = self._silent_since or int(row["t_ns"])
        self._last_ns = int(row["t_ns"])
        if "position" in row:
            self._last_position = int(row["position"]) + self._shift
        match name:
            case "trigger":
                self._trigger(row)
            case "verdict":
                self._verdict(row)
            case "decision" | "drop":
                self._decision(name, row)
            case "outcome":
                self._outcome(row)
            case "gate":
                self._gate(int(row["lane"]), bool(row["energised"]))
            case "epoch":
                self.log.epochs.append((self._last_ns, int(row["epoch"])))
                self._event(name, row)
            case "heartbeat_lost":
                self._silent_since = self._last_ns
            case "heartbeat_back":
                if self._silent_since is not None:
                    self.log.silent.append(Span(self._silent_since, self._last_ns))
                self._silent_since = None
            case _:
                self._event(name, row)

    def _event(self, name: str, row: Row) -> None:
        self.log.events.append(Event(name, self._last_ns, row, self._shift))

    def _end_of_boot(self) -> None:
        for lane in list(self._gate_since):
            self._gate(lane, False)

    def _key(self, row: Row) -> PartKey:
        return PartKey(self._boot, int(row["lane"]), int(row["trigger_seq"]))

    def _trigger(self, row: Row) -> None:
        key = self._key(row)
        self.log.parts[key] = PlcPart(
            key=key,
            epoch=int(row["epoch"]),
            rising=int(row["rising_position"]) + self._shift,
            pulse=int(row["pulse_counts"]),
            encoder_count=int(row["trigger_encoder_count"]),
        )

    def _verdict(self, row: Row) -> None:
        verdict = LoggedVerdict(
            epoch=int(row["epoch"]),
            trigger_seq=int(row["trigger_seq"]),
            echo=int(row["trigger_encoder_count"]),
            verdict=int(row["verdict"]),
            reason=int(row["reason"]),
            written_ns=int(row["written_ns"]) or self._last_ns,
            taken_ns=self._last_ns,
            why=str(row["why"]),
        )
        part = self.log.parts.get(self._key(row))
        if part is None:
            self.log.strays.append(verdict)
        else:
            part.verdicts.append(verdict)

    def _decision(self, name: str, row: Row) -> None:
        part = self.log.parts.get(self._key(row))
        if part is None:
            self._event(name, row)
            return
        if name == "decision":
            part.decision = LoggedDecision(self._last_ns, str(row["side"]), str(row["cause"]))
        else:
            part.drop = LoggedDecision(self._last_ns, "REJECT", str(row["cause"]))

    def _outcome(self, row: Row) -> None:
        part = self.log.parts.get(self._key(row))
        if part is None:
            self._event("outcome", row)
            return
        part.outcome = LoggedOutcome(str(row["side"]), str(row["cause"]), str(row["confirm"]))

    def _gate(self, lane: int, energised: bool) -> None:
        since = self._gate_since.pop(lane, None)
        if since is not None:
            # Said again while it is energised: it goes on for another reason, the key's or a proof's.
            self.log.energised.setdefault(lane, []).append(Span(since, self._last_position))
        if energised:
            self._gate_since[lane] = self._last_position


def boot_shifts(rows: Iterable[Row], twin_position: Mapping[int, float]) -> dict[int, int]:
    """Per PLC start, what brings its positions onto the twin's endless count: a multiple of 2^16.

    Args:
        rows: plc.jsonl.
        twin_position: monotonic ns -> the twin's endless count, any number of readings.
    """
    times = sorted(twin_position)
    shifts: dict[int, int] = {}
    boot = -1
    for row in rows:
        if row["event"] == "plc_start":
            boot += 1
            index = min(max(bisect_right(times, int(row["t_ns"])) - 1, 0), len(times) - 1)
            if times:
                shifts[boot] = boot_shift(row, twin_position[times[index]])
    return shifts


def boot_shift(plc_start: Row, twin_position: float) -> int:
    """The shift of one PLC start; `twin_position` is the twin's endless count about then."""
    return round((twin_position - int(plc_start["position"])) / COUNT_MODULUS) * COUNT_MODULUS
