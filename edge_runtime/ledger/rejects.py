"""Single parts for people: the newest rejects, a page of them at a time, and one part with all there is.

A reject is a part that the station judged bad or that the gate rejected; a challenge ball is one too, and
says so. Paged by row number, so that a page stays what it was while the line goes on. Neighbours:
`queries` lists parts for the terminal, `day_counts` counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from edge_runtime.ledger.models import REFUSED, PartRow, PictureRow, ReasonTableRow
from edge_runtime.ledger.queries import show_part
from edge_runtime.ledger.statements import by_lane
from edge_runtime.ledger.tallies import gravest_reason, gravest_reason_column
from vision.types import PartId


@dataclass(frozen=True, slots=True)
class RejectFilter:
    """Which rejects; None chooses all. `reason`: gravest or any other of its reasons."""

    reason: str | None = None
    lot: str | None = None
    shift_id: int | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of a verdict: what was found, and the limit it broke; units are those of the code."""

    code: str
    text: str
    value: float | None
    limit: float | None
    uncertainty: float | None
    camera: str | None
    view_index: int | None


@dataclass(frozen=True, slots=True)
class Picture:
    """A view's picture; `path` within the storage folder."""

    camera: str
    view_index: int
    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Reject:
    """One part.

    Attributes:
        id: row number, for paging and for `part_in_full`.
        decision: what the station sent, None when nothing; `verdict`: what counts.
        reason: the gravest one, the PLC's where the station has none; '' for a part that was accepted.
        reasons: the station's, the gravest first.
        side, cause, confirm: what the PLC did; None while it is not known.
    """

    id: int
    part: PartId
    utc_ns: int
    decision: str | None
    verdict: str
    reason: str
    reasons: tuple[Reason, ...]
    diameter_mean_mm: float | None
    lot: str | None
    shift: str | None
    side: str | None
    cause: str | None
    confirm: str | None
    challenge: str | None
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of a view; box in frame pixels."""

    label: str
    score: float
    xyxy_px: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class PartView:
    """One view of a part, see `entries.ViewRow`; `picture`: path within the storage folder."""

    camera: str
    view_index: int
    fault: str
    detail: str
    frame_number: int | None
    encoder_count: int
    diameter_min_mm: float | None
    diameter_max_mm: float | None
    diameter_mean_mm: float | None
    u_diameter_mm: float | None
    roundness_mm: float | None
    outline_share: float | None
    picture: str | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class PartInFull:
    """One part with all that hangs on it; `facts` are the columns of its row by name."""

    reject: Reject
    facts: dict[str, Any]
    views: tuple[PartView, ...]


_COLUMNS = (
    "id", "epoch", "lane", "trigger_seq", "utc_ns", "decision", "verdict", "reason", "null_cause",
    "plc_reason", "diameter_mean_mm", "lot", "shift", "side", "cause", "confirm", "challenge",
)  # fmt: skip


def list_rejects(
    connection: sa.Connection, wanted: RejectFilter, *, limit: int = 24, before: int | None = None
) -> tuple[list[Reject], bool]:
    """The newest rejects.

    Args:
        connection: of the ledger.
        wanted: which ones.
        limit: at most so many, at least 1.
        before: only parts of a smaller row number: the `id` of the last one of the page before.

    Returns:
        They, the newest first, and whether there are more.

    Raises:
        ValueError: the limit is below 1.
    """
    if limit < 1:
        raise ValueError(f"a page of {limit} rejects holds none")
    query = sa.select(*(PartRow.__table__.c[name] for name in _COLUMNS)).where(REFUSED)
    if before is not None:
        query = query.where(PartRow.id < before)
    if wanted.lot is not None:
        query = query.where(PartRow.lot == wanted.lot)
    if wanted.shift_id is not None:
        query = query.where(PartRow.shift_id == wanted.shift_id)
    if wanted.reason is not None:
        of_part = sa.and_(ReasonTableRow.part_id == PartRow.id, ReasonTableRow.code == wanted.reason)
        has_it = sa.exists().where(of_part).correlate(PartRow)
        query = query.where(sa.or_(gravest_reason_column() == wanted.reason, has_it))
    rows = connection.execute(query.order_by(PartRow.id.desc()).limit(limit + 1)).mappings().all()
    return _rejects(connection, rows[:limit]), len(rows) > limit


def part_in_full(connection: sa.Connection, part_row_id: int) -> PartInFull | None:
    """One part, of any verdict; None when there is no such row."""
    query = sa.select(PartRow.__table__).where(PartRow.id == part_row_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    (reject,) = _rejects(connection, [row])
    shown = show_part(connection, reject.part)
    assert shown is not None, "its row was there in the same state of the ledger"
    names = PartView.__slots__
    views = tuple(
        PartView(**{name: view[name] for name in names if name != "findings"}, findings=_findings(view))
        for view in shown["views"]
    )
    return PartInFull(reject, dict(row), views)


def _findings(view: dict[str, Any]) -> tuple[Finding, ...]:
    return tuple(Finding(item["label"], item["score"], tuple(item["xyxy_px"])) for item in view["findings"])


def _rejects(connection: sa.Connection, rows: Iterable[sa.RowMapping]) -> list[Reject]:
    found = list(rows)
    parts = [PartId(row["epoch"], row["lane"], row["trigger_seq"]) for row in found]
    reasons = _reasons(connection, [row["id"] for row in found])
    pictures = _pictures(connection, parts)
    same = (
        "id",
        "utc_ns",
        "decision",
        "verdict",
        "diameter_mean_mm",
        "lot",
        "shift",
        "side",
        "cause",
        "confirm",
    )
    return [
        Reject(
            **{name: row[name] for name in (*same, "challenge")},
            part=part,
            reason="" if row["side"] == row["verdict"] == "accept" else gravest_reason(dict(row)),
            reasons=tuple(reasons.get(row["id"], ())),
            pictures=tuple(pictures.get(part, ())),
        )
        for row, part in zip(found, parts, strict=True)
    ]


def _reasons(connection: sa.Connection, numbers: list[int]) -> dict[int, list[Reason]]:
    query = sa.select(ReasonTableRow.part_id, *(getattr(ReasonTableRow, name) for name in Reason.__slots__))
    query = query.where(ReasonTableRow.part_id.in_(numbers))
    reasons: dict[int, list[Reason]] = {}
    for number, *fields in connection.execute(query.order_by(ReasonTableRow.part_id, ReasonTableRow.place)):
        reasons.setdefault(number, []).append(Reason(*fields))
    return reasons


def _pictures(connection: sa.Connection, parts: list[PartId]) -> dict[PartId, list[Picture]]:
    pictures: dict[PartId, list[Picture]] = {}
    columns = [getattr(PictureRow, name) for name in Picture.__slots__]
    for (epoch, lane), seqs in by_lane(parts).items():
        query = (
            sa.select(PictureRow.trigger_seq, *columns)
            .where(PictureRow.epoch == epoch, PictureRow.lane == lane, PictureRow.trigger_seq.in_(seqs))
            .order_by(PictureRow.camera, PictureRow.view_index)
        )
        for seq, *fields in connection.execute(query):
            pictures.setdefault(PartId(epoch, lane, seq), []).append(Picture(*fields))
    return pictures
