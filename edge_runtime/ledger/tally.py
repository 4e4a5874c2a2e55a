"""What the books are made of: counts of rows by PLC start and lane, the PLC's totals, named faults.

Part numbers run on through the epochs of one PLC start, so everything is counted per
`plc_boot_id`. Neighbour: `edge_runtime.ledger.books` compares what is counted here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from edge_runtime.journal import JournalPosition
from edge_runtime.ledger.epochs import boots_of_epochs
from edge_runtime.ledger.models import CountersRow, EpochRow, FaultRow, PartRow, ViewTableRow
from edge_runtime.ledger.tallies import count_rows, unlike_counts
from edge_runtime.plc.registers import RING_SLOTS

#: a lane cannot hold more parts than the PLC's ring has room for
IN_FLIGHT_MAX = RING_SLOTS
#: outcomes of one lane may overtake each other by this many parts
OVERTAKING_PARTS = 2
#: a part with a fresh proof under a gate that began to move for one of these: its confirm eye tells the side
DOUBT_CAUSES = ("heartbeat", "too_close", "stop", "reverse")
_NAMES_MAX = 20

#: what lets a part through with the gate held open: the key, never a verdict
BYPASS_CAUSES = ("bypass", "service")

_CONFIRMED = (("accept", "accept_eye"), ("reject", "reject_eye"), ("bypass", "accept_eye"))


@dataclass(slots=True)
class Lane:
    """Rows of one lane in one PLC start.

    `missing` and `doubles` are numbers; `unnamed` says how many rows are too few (above 0) or too many where
    the numbers were not looked for.
    """

    rows: int = 0
    unnamed: int = 0
    first_seq: int = 0
    last_seq: int = 0
    last_outcome_seq: int = 0
    missing: list[int] = field(default_factory=list)
    doubles: list[int] = field(default_factory=list)
    without_outcome: list[tuple[int, int]] = field(default_factory=list)  # epoch, number


@dataclass(slots=True)
class Start:
    """One PLC start: its lanes, and the first and last totals it told."""

    plc_boot_id: int | None
    newest: bool
    epochs: list[int] = field(default_factory=list)  # that have parts
    lanes: dict[int, Lane] = field(default_factory=dict)
    first_totals: dict[str, int] = field(default_factory=dict)
    last_totals: dict[str, int] = field(default_factory=dict)
    told: Counter[str] = field(
        default_factory=Counter
    )  # rows at the last totals: accept, reject, bypass, confirmed, gap

    @property
    def before_ledger(self) -> int:
        """Parts that the PLC had counted before this ledger's first part, as its first totals prove."""
        below = sum(lane.first_seq - 1 for lane in self.lanes.values())
        return below if 0 < below <= self.first_totals.get("triggers_total", 0) else 0

    @property
    def triggers(self) -> int:
        """Parts triggered since this ledger began, by the PLC's total or by the highest numbers."""
        highest = sum(lane.last_seq for lane in self.lanes.values())
        return max(self.last_totals.get("triggers_total", 0), highest) - self.before_ledger

    @property
    def without_row(self) -> int:
        """Parts that the PLC has counted beyond the highest number in the ledger."""
        highest = sum(lane.last_seq for lane in self.lanes.values())
        return max(0, self.last_totals.get("triggers_total", 0) - highest)

    def total(self, name: str) -> int:
        """A total of the PLC, since this ledger began."""
        base = self.first_totals.get(name, 0) if self.before_ledger else 0
        return self.last_totals.get(name, 0) - base


@dataclass(slots=True)
class Tally:
    """All counts.

    `verdicts` are the station's, of the parts that the gate sorted; `bypassed` those that passed by key, of
    whatever verdict; `undecided` parts without a verdict, by cause.
    """

    starts: list[Start]
    bypassed: int
    verdicts: Counter[str]
    undecided: Counter[str]
    sides: Counter[str]
    confirms: Counter[str]
    views_due: int
    views_got: int
    views_lost: Counter[str]
    faults: Counter[str]
    problems: list[str]


def empty_tally() -> Tally:
    """Nothing counted yet."""
    return Tally([], 0, Counter(), Counter(), Counter(), Counter(), 0, 0, Counter(), Counter(), [])


def take_tally(connection: sa.Connection) -> Tally:
    """Count everything in one state of the ledger (`store.reading`), and compare the running counts."""
    tally = empty_tally()
    starts = _starts(connection)
    boots = boots_of_epochs(connection)
    for epoch, boot in boots.items():
        starts.setdefault(boot, Start(boot, newest=not starts)).epochs.append(epoch)
    counted = count_rows(connection)
    for row in counted:
        start = starts[boots[row["epoch"]]]
        count_group(tally, start, row)
        lane = start.lanes[row["lane"]]
        lane.first_seq = min(lane.first_seq or row["first"], row["first"])
        lane.last_seq = max(lane.last_seq, row["last"])
        if row["side"] is not None and not row["is_gap"]:
            lane.last_outcome_seq = max(lane.last_outcome_seq, row["last"])
    tally.starts = list(starts.values())
    for start in tally.starts:
        for number, lane in start.lanes.items():
            _find_missing(connection, start, number, lane)
            lane.without_outcome = _without_outcome(connection, start, number)
        start.told = _told_rows(connection, start)
    tally.views_due = sum(int(row["views_due"] or 0) for row in counted)
    _count_views(connection, tally)
    for code, count in connection.execute(
        sa.select(FaultRow.code, sa.func.sum(FaultRow.count)).group_by(FaultRow.code)
    ):
        tally.faults[code] = int(count)
    _find_wrong(connection, tally)
    tally.problems += unlike_counts(connection, counted)
    return tally


def ranges_text(numbers: Iterable[int]) -> str:
    """'3, 7-9' of rising numbers; many are cut short with their count."""
    runs: list[list[int]] = []
    count = 0
    for number in numbers:
        count += 1
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    texts = [f"{low}" if low == high else f"{low}-{high}" for low, high in runs[:_NAMES_MAX]]
    return ", ".join(texts) + (f" and more, {count} in all" if len(runs) > _NAMES_MAX else "")


def _starts(connection: sa.Connection) -> dict[int | None, Start]:
    """PLC starts, the newest last, with their totals."""
    newest_epoch = sa.func.max(EpochRow.epoch)
    query = sa.select(EpochRow.plc_boot_id).group_by(EpochRow.plc_boot_id).order_by(newest_epoch)
    boots = list(connection.execute(query).scalars())
    starts: dict[int | None, Start] = {boot: Start(boot, newest=boot == boots[-1]) for boot in boots}
    for start in starts.values():
        read_totals(connection, start)
    return starts


def read_totals(connection: sa.Connection, start: Start) -> None:
    """First and last totals that the PLC told in this start."""
    rows = sa.select(CountersRow.totals).where(CountersRow.plc_boot_id == start.plc_boot_id)
    first = connection.execute(rows.order_by(CountersRow.id).limit(1)).scalar_one_or_none()
    last = connection.execute(rows.order_by(CountersRow.id.desc()).limit(1)).scalar_one_or_none()
    start.first_totals, start.last_totals = first or {}, last or {}


def count_group(tally: Tally, start: Start, row: Mapping[str, Any]) -> None:
    """Count `rows` parts that stand in the books alike."""
    count = int(row["rows"])
    start.lanes.setdefault(row["lane"], Lane()).rows += count
    if row["side"] == "bypass" and (row["decision"] is not None or row["null_cause"]):
        tally.bypassed += count
    elif row["decision"] is not None:
        tally.verdicts[row["decision"]] += count
    else:
        tally.undecided[row["null_cause"]] += count
    if row["side"] is None:
        return
    tally.sides[f"{row['side']} ({row['cause']})"] += count
    tally.confirms[_confirm_word(row)] += count


def _confirm_word(row: Mapping[str, Any]) -> str:
    if row["is_gap"]:
        return "no_station"
    if (row["side"], row["confirm"]) in _CONFIRMED:
        return "confirmed"
    return {"none": "not_seen", "accept_eye": "wrong_chute", "reject_eye": "wrong_chute"}.get(
        row["confirm"] or "", ""
    )


def _of_start(start: Start, lane: int) -> list[sa.ColumnElement[bool]]:
    return [PartRow.lane == lane, PartRow.epoch.in_(start.epochs)]


def _find_missing(connection: sa.Connection, start: Start, number: int, lane: Lane) -> None:
    """Numbers without a row, and numbers with two; the list of all is read only when the counts say so."""
    first = lane.first_seq if start.before_ledger or start.plc_boot_id is None else 1
    unique = sa.select(sa.func.count(sa.distinct(PartRow.trigger_seq))).where(*_of_start(start, number))
    known = int(connection.execute(unique).scalar_one())
    if known == lane.rows == lane.last_seq - first + 1:
        return
    query = sa.select(PartRow.trigger_seq).where(*_of_start(start, number)).order_by(PartRow.trigger_seq)
    expected = first
    previous = 0
    for seq in connection.execute(query).scalars():
        if seq == previous:
            lane.doubles.append(seq)
        lane.missing.extend(range(expected, seq))
        expected, previous = seq + 1, seq


def _without_outcome(connection: sa.Connection, start: Start, lane: int) -> list[tuple[int, int]]:
    query = (
        sa.select(PartRow.epoch, PartRow.trigger_seq)
        .where(*_of_start(start, lane), PartRow.side.is_(None))
        .order_by(PartRow.trigger_seq)
    )
    return [(row.epoch, row.trigger_seq) for row in connection.execute(query)]


def _told_rows(connection: sa.Connection, start: Start) -> Counter[str]:
    """Rows with an outcome that the ledger had when the PLC told its last totals."""
    if start.plc_boot_id is None or not start.last_totals:
        return Counter()
    last = last_told_at(connection, start.plc_boot_id)
    query = (
        sa.select(PartRow.side, PartRow.confirm, PartRow.is_gap, sa.func.count())
        .where(
            PartRow.epoch.in_(start.epochs),
            PartRow.side.is_not(None),
            sa.or_(
                PartRow.outcome_segment < last.segment,
                sa.and_(PartRow.outcome_segment == last.segment, PartRow.outcome_offset <= last.offset),
            ),
        )
        .group_by(PartRow.side, PartRow.confirm, PartRow.is_gap)
    )
    told: Counter[str] = Counter()
    for side, confirm, is_gap, count in connection.execute(query):
        add_told(told, side, confirm, is_gap=is_gap, count=count)
    return told


def last_told_at(connection: sa.Connection, plc_boot_id: int) -> JournalPosition:
    """Where in the journal the newest totals of a PLC start stand; there must be some."""
    of_start = sa.select(CountersRow.segment, CountersRow.offset).where(
        CountersRow.plc_boot_id == plc_boot_id
    )
    return JournalPosition(*connection.execute(of_start.order_by(CountersRow.id.desc()).limit(1)).one())


def add_told(told: Counter[str], side: str | None, confirm: str | None, *, is_gap: bool, count: int) -> None:
    """Count rows with an outcome for the comparison with the PLC's totals."""
    told[str(side)] += count
    told["gap"] += count if is_gap else 0
    told["confirmed"] += count if (side, confirm) in _CONFIRMED else 0


def _count_views(connection: sa.Connection, tally: Tally) -> None:
    """Views that came and views that were lost, by their own rows."""
    arrived = sa.select(sa.func.count(ViewTableRow.arrived_ns))
    tally.views_got = int(connection.execute(arrived).scalar_one())
    lost = (
        sa.select(ViewTableRow.fault, sa.func.count())
        .where(ViewTableRow.arrived_ns.is_(None))
        .group_by(ViewTableRow.fault)
    )
    for cause, count in connection.execute(lost):
        tally.views_lost[cause] = int(count)


def _find_wrong(connection: sa.Connection, tally: Tally) -> None:
    """Rows that must not be: accepted without proof, or with views that do not add up."""
    name = (PartRow.epoch, PartRow.lane, PartRow.trigger_seq)
    unproven = sa.and_(
        PartRow.side == "accept",
        sa.or_(
            PartRow.verdict != "accept",
            PartRow.plc_verdict.is_distinct_from("accept"),
            PartRow.cause.not_in(("proven", *DOUBT_CAUSES)),
        ),
    )
    keyless = sa.and_(
        PartRow.side == "bypass",
        sa.or_(PartRow.cause.is_(None), PartRow.cause.not_in(BYPASS_CAUSES)),
    )
    views = PartRow.views_due != PartRow.views_got + PartRow.views_lost
    for text, where in (
        ("sent to accept without a fresh proof", unproven),
        ("let through without the key", keyless),
        ("views due are not views got + views lost", views),
    ):
        found = connection.execute(sa.select(*name).where(where).limit(_NAMES_MAX + 1)).all()
        if found:
            more = " and more" if len(found) > _NAMES_MAX else ""
            parts = ", ".join(f"{row[0]}-{row[1]}-{row[2]}" for row in found[:_NAMES_MAX])
            tally.problems.append(f"{text}: part {parts}{more}")
