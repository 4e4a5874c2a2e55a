"""What the station writes down: the entries of the journal, which the recorder turns into ledger rows.

One frozen dataclass per kind; `to_json` and `from_json` are exact inverses. The
journal stores them in the order in which things became known; the ledger joins them
by part. Wall-clock times are for people: nothing is ordered or fired by them.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

from vision.types import PartId


@dataclass(frozen=True, slots=True)
class SessionEntry:
    """A station process came up."""

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
    """One view of a part; lost ones have `fault` = cause and no figures."""

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

    @property
    def part_id(self) -> PartId:
        """Its name."""
        return PartId(self.epoch, self.lane, self.trigger_seq)


@dataclass(frozen=True, slots=True)
class OutcomeEntry:
    """What the PLC did with a part; words as in `edge_runtime.plc.registers` enums, lower case."""

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


Entry = SessionEntry | EpochEntry | PartEntry | OutcomeEntry | GapEntry | FaultEntry | CountersEntry
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
    data = json.loads(line)
    if not isinstance(data, dict) or data.get("kind") not in _KINDS:
        raise ValueError(f"unknown journal entry: {line[:80]!r}")
    kind = _KINDS[data.pop("kind")]
    if kind is PartEntry:
        data["reasons"] = tuple(ReasonRow(**row) for row in data["reasons"])
        data["views"] = tuple(_view_row(row) for row in data["views"])
    try:
        entry: Entry = kind(**data)
    except TypeError as error:
        raise ValueError(f"journal entry does not fit: {error}") from error
    return entry


def _view_row(row: dict[str, Any]) -> ViewRow:
    findings = tuple(
        FindingRow(item["label"], item["score"], tuple(item["xyxy_px"])) for item in row.pop("findings")
    )
    return ViewRow(**row, findings=findings)
