"""What the station writes down: the entries of the journal, which the recorder turns into ledger rows.

One frozen dataclass per kind; `to_json` and `from_json` are exact inverses. The
journal stores them in the order in which things became known; the ledger joins them
by part. Wall-clock times are for people: nothing is ordered or fired by them.
A field that a later version added stands at the end and has a default, so that a
journal which an older version left behind can still be read.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

from vision.types import PartId


@dataclass(frozen=True, slots=True)
class SessionEntry:
    """A station process came up.

    `calibrations` holds one object per camera that has a calibration file, `calibration_sha256`
    is the hash of them all ('' without any).
    """

    KIND: ClassVar[str] = "session"
    session: str
    station: str
    boot_id: str
    utc_ns: int
    mono_ns: int
    recipe_sha256: str
    recipe: dict[str, Any]
    model_sha256: str
    model_contract: dict[str, Any]
    provider: str
    version: str
    calibration_sha256: str = ""
    calibrations: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EpochEntry:
    """An epoch was agreed with the PLC; `plc_boot_id` tells PLC starts apart."""

    KIND: ClassVar[str] = "epoch"
    epoch: int
    plc_boot_id: int
    cause: str
    utc_ns: int


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding of one view, frame pixels."""

    label: str
    score: float
    xyxy_px: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class ViewRow:
    """One view of a part; lost ones have `fault` = cause and no figures.

    Diameters in mm at 20 degC; `u_diameter_mm`: standard uncertainty (k = 1) of this view's;
    `roundness_mm`: RONt, minimum zone, 1-50 UPR; `outline_share`: 0..1.
    """

    camera: str
    view_index: int
    frame_number: int | None
    encoder_count: int
    arrived_ns: int | None
    fault: str
    detail: str = ""
    diameter_min_mm: float | None = None
    diameter_max_mm: float | None = None
    diameter_mean_mm: float | None = None
    picture: str | None = None
    findings: tuple[FindingRow, ...] = ()
    roundness_mm: float | None = None
    outline_share: float | None = None
    u_diameter_mm: float | None = None


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """One reason of a verdict."""

    code: str
    text: str = ""
    value: float | None = None
    limit: float | None = None
    uncertainty: float | None = None
    camera: str | None = None
    view_index: int | None = None


@dataclass(frozen=True, slots=True)
class PartEntry:
    """A part was judged, or is known to have passed without a judgement (`decision` None).

    Attributes:
        epoch, lane, trigger_seq: the part.
        trigger_encoder_count, pulse_counts: of its trigger; None when only its number is known.
        lot, shift, recipe_sha256, model_sha256: in force at its trigger.
        views_due, views_got, views_lost: `views_due == views_got + views_lost`.
        decision: 'accept', 'reject', 'review'; None when no verdict was sent.
        null_cause: why there is no verdict: '', 'no_vision', 'crash', 'stale_epoch' ...
        diameter_min_mm, diameter_max_mm, diameter_mean_mm: over the healthy views, at 20 degC; these,
            roundness and speck are those of `vision.types.Inspection`, coverage is its `Coverage`.
        u_diameter_mm, u_diameter_mean_mm: standard uncertainty (k = 1) of the extremes and of the mean.
        temperature_celsius, u_temperature_celsius: of the ball while it was measured.
        calibration_sha256: of all cameras' calibrations together, see `SessionEntry`; None without any.
        challenge: id of the challenge whose ball this was, '' for production.
        last_view_arrived_ns, decided_ns: host's monotonic clock; valid within `boot_id`.
    """

    KIND: ClassVar[str] = "part"
    epoch: int
    lane: int
    trigger_seq: int
    trigger_encoder_count: int | None
    pulse_counts: int | None
    lot: str
    shift: str
    recipe_sha256: str | None
    model_sha256: str | None
    views_due: int
    views_got: int
    views_lost: int
    decision: str | None
    null_cause: str
    diameter_min_mm: float | None
    diameter_max_mm: float | None
    diameter_mean_mm: float | None
    u_diameter_mm: float | None
    last_view_arrived_ns: int | None
    decided_ns: int | None
    deadline_count: int | None
    utc_ns: int
    boot_id: str
    reasons: tuple[ReasonRow, ...] = ()
    views: tuple[ViewRow, ...] = ()
    u_diameter_mean_mm: float | None = None
    roundness_mm: float | None = None
    u_roundness_mm: float | None = None
    speck_mm: float | None = None
    coverage_surface_share: float | None = None
    coverage_p_flat: float | None = None
    coverage_p_neck: float | None = None
    coverage_p_crack: float | None = None
    temperature_celsius: float | None = None
    u_temperature_celsius: float | None = None
    calibration_sha256: str | None = None
    challenge: str = ""

    @property
    def part_id(self) -> PartId:
        """Its name."""
        return PartId(self.epoch, self.lane, self.trigger_seq)


@dataclass(frozen=True, slots=True)
class OutcomeEntry:
    """What the PLC did with a part; words as in `edge_runtime.plc.registers` enums, lower case.

    `side` is 'accept', 'reject' or 'bypass' (the gate stood open by key, without a proof);
    `confirm_encoder_count` latched at its confirm eye, None when none saw it.
    """

    KIND: ClassVar[str] = "outcome"
    epoch: int
    lane: int
    trigger_seq: int
    trigger_encoder_count: int
    pulse_counts: int
    side: str
    cause: str
    confirm: str
    verdict: str | None
    reason: str
    utc_ns: int
    boot_id: str
    confirm_encoder_count: int | None = None

    @property
    def part_id(self) -> PartId:
        """The part."""
        return PartId(self.epoch, self.lane, self.trigger_seq)


@dataclass(frozen=True, slots=True)
class GapEntry:
    """Parts that passed while no station took their records: rows `reject, no_vision` for each number.

    The PLC's totals prove that none of them was accepted (`proof`).
    """

    KIND: ClassVar[str] = "gap"
    epoch: int
    lane: int
    first_seq: int
    last_seq: int
    cause: str
    proof: str
    utc_ns: int
    boot_id: str


@dataclass(frozen=True, slots=True)
class FaultEntry:
    """Something went wrong, with a name; `count` of them since the last entry of this code."""

    KIND: ClassVar[str] = "fault"
    code: str
    detail: str
    count: int
    utc_ns: int
    boot_id: str
    camera: str | None = None
    lane: int | None = None
    encoder_count: int | None = None


@dataclass(frozen=True, slots=True)
class CountersEntry:
    """The station's and the PLC's totals, written every few seconds and at the end, for the books."""

    KIND: ClassVar[str] = "counters"
    plc_boot_id: int
    totals: dict[str, int] = field(default_factory=dict)
    utc_ns: int = 0


@dataclass(frozen=True, slots=True)
class ActEntry:
    """A person told the line to do something, and it was done.

    Attributes:
        revision: of the day's state after it.
        act: kind of `edge_runtime.day.acts`, or 'changeover_done', 'session' for what followed by itself.
        by, role: who; '' and 'station' for what followed by itself.
        asked: the act as it was asked.
        before, after: what it changed of the day's state (changed fields only).
    """

    KIND: ClassVar[str] = "act"
    revision: int
    act: str
    by: str
    role: str
    asked: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]
    utc_ns: int
    boot_id: str


@dataclass(frozen=True, slots=True)
class ChallengeEntry:
    """A challenge is over.

    Attributes:
        challenge: its id; the parts' own entries name it.
        result: 'passed', 'missed', 'inconclusive', 'cancelled'.
        expected: what the balls were to be rejected for.
        balls, rejected, accepted, unproven: announced; rejected for it and seen by the reject eye; seen or
            sent elsewhere; rejected for another cause.
        by, lot, shift: who announced it, and when it belonged to.
    """

    KIND: ClassVar[str] = "challenge"
    challenge: str
    result: str
    expected: str
    balls: int
    rejected: int
    accepted: int
    unproven: int
    by: str
    lot: str
    shift: str
    lane: int
    detail: str
    begun_utc_ns: int
    utc_ns: int
    boot_id: str


@dataclass(frozen=True, slots=True)
class LineStateEntry:
    """How the line stands, written whenever one of these changes, and at a session's start.

    Attributes:
        connected: a PLC session is in force; the rest is as last read otherwise.
        running: the belt is enabled. latched, stop_cause: why not ('none').
        ready: verdicts count; holds: names of what speaks against it.
        key_switch: 'auto', 'bypass', 'service'.
        inputs: of 'e_stop', 'guard_open', 'air_low', 'bin_full', those that are on.
        lot, shift: open now.
    """

    KIND: ClassVar[str] = "line_state"
    connected: bool
    running: bool
    latched: bool
    stop_cause: str
    ready: bool
    holds: tuple[str, ...]
    key_switch: str
    inputs: tuple[str, ...]
    lot: str
    shift: str
    utc_ns: int
    boot_id: str


Entry = (
    SessionEntry
    | EpochEntry
    | PartEntry
    | OutcomeEntry
    | GapEntry
    | FaultEntry
    | CountersEntry
    | ActEntry
    | ChallengeEntry
    | LineStateEntry
)
_KINDS: dict[str, Any] = {
    kind.KIND: kind
    for kind in (
        SessionEntry,
        EpochEntry,
        PartEntry,
        OutcomeEntry,
        GapEntry,
        FaultEntry,
        CountersEntry,
        ActEntry,
        ChallengeEntry,
        LineStateEntry,
    )
}


def to_json(entry: Entry) -> bytes:
    """One line of JSON, without the line end."""
    data = {"kind": entry.KIND} | dataclasses.asdict(entry)
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def from_json(line: bytes) -> Entry:
    """The entry of one line.

    Raises:
        ValueError: not JSON, unknown kind, or fields that do not fit.
    """
    try:
        data = json.loads(line)
    except RecursionError as error:
        raise ValueError("journal entry is nested too deeply") from error
    if not isinstance(data, dict) or not isinstance(data.get("kind"), str) or data["kind"] not in _KINDS:
        raise ValueError(f"unknown journal entry: {line[:80]!r}")
    kind = _KINDS[data.pop("kind")]
    try:
        if kind is PartEntry:
            data["reasons"] = tuple(ReasonRow(**row) for row in data["reasons"])
            data["views"] = tuple(_view_row(row) for row in data["views"])
        elif kind is LineStateEntry:
            data |= {"holds": tuple(data["holds"]), "inputs": tuple(data["inputs"])}
        entry: Entry = kind(**data)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"journal entry does not fit: {error}") from error
    return entry


def _view_row(row: dict[str, Any]) -> ViewRow:
    findings = tuple(
        FindingRow(item["label"], item["score"], tuple(item["xyxy_px"])) for item in row.pop("findings")
    )
    return ViewRow(**row, findings=findings)
