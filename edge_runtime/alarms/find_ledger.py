"""What the last minutes in the ledger show: late verdicts, full rings, losses, odd shares and sizes."""

from __future__ import annotations

from collections.abc import Iterator

from edge_runtime.alarms.condition import Condition, Key, Standing, above, figure
from edge_runtime.alarms.facts import LedgerFacts, Look
from vision.statistics.control_charts import p_limits

#: late verdicts are told from so many and such a share of the window's parts on, and until one of these
LATE_PARTS, LATE_SHARE, LATE_CLEAR_SHARE = 3, 0.005, 0.002
#: this many starts of the station in one window are no accident
RESTARTS = 3
#: the recorder writes the station's totals every 2 s: what is older than this is behind
BEHIND_S, BEHIND_CLEAR_S = 15.0, 8.0
#: a share of rejects is compared from so many parts on, before and now, and so many rejects now
BEFORE_PARTS, NOW_PARTS, NOW_REJECTED = 200, 100, 8
#: width of the p-chart's limits while it is watched; for an alarm that stands the narrower ones count
P_SIGMAS, P_CLEAR_SIGMAS = 3.0, 2.0
#: fault codes behind one alarm
_FAULTS: dict[str, tuple[str, ...]] = {
    "trigger_ring_full": ("plc_trigger_overflow", "plc_trigger_ring_full"),
    "outcome_ring_full": ("plc_outcome_overflow", "plc_outcome_ring_full"),
    "unproven_accepts": ("plc_unproven_accepts",),
    "stray_rejects": ("plc_stray_rejects",),
    "untriggered": ("untriggered",),
    "sequence_back": ("sequence_back",),
    "no_temperature": ("no_temperature",),
    "plc_restarted": ("plc_restart",),
    "inspection_errors": ("inspection_error",),
    "journal_damaged": ("journal_damaged",),
    "pictures_lost": ("picture_lost", "picture_too_large"),
}
_WITHOUT_COUNT = {
    "day_lost": ("day_gap",),
    "day_not_kept": ("day_file",),
    "desk_closed": ("desk_closed",),
}
_NS_PER_S = 1_000_000_000


def find_ledger(look: Look, standing: Standing) -> Iterator[Condition]:
    """Conditions of the window, where the ledger could be read."""
    if look.ledger_trouble:
        yield Condition("ledger_unreadable", values={"detail": look.ledger_trouble})
    facts = look.ledger
    if facts is None:
        return
    yield from _faults(facts)
    yield from _late(facts, Key("verdicts_late", "") in standing)
    yield from _behind(look, facts, Key("recorder_behind", "") in standing)
    yield from _rejects(facts, Key("rejects_high", "") in standing)
    if facts.wrong_chute:
        yield Condition("wrong_chute", values={"count": facts.wrong_chute})
    if facts.sessions >= RESTARTS:
        yield Condition("station_restarts", values={"count": facts.sessions})
    if facts.books == "unbalanced":
        detail = "; ".join(facts.problems[:3])
        yield Condition("books_unbalanced", values={"count": max(1, len(facts.problems)), "detail": detail})
    if facts.drift is not None and facts.drift.alarm:
        values = {"mean_mm": figure(facts.drift.ewma_mm, 3), "target_mm": figure(facts.drift.target_mm, 3)}
        yield Condition("size_drift", values=values)


def _faults(facts: LedgerFacts) -> Iterator[Condition]:
    for code, names in _FAULTS.items():
        if count := facts.count(*names):
            yield Condition(code, values={"count": count})
    for code, names in _WITHOUT_COUNT.items():
        if facts.count(*names):
            yield Condition(code)
    # verdict_<cause>: a verdict that never reached the PLC
    if count := facts.count_prefix("verdict_"):
        yield Condition("verdicts_lost", values={"count": count})
    lost: dict[str, int] = {}
    for (code, camera), count in facts.faults.items():
        if code.startswith("frames_"):
            lost[camera] = lost.get(camera, 0) + count
    for camera, count in sorted(lost.items()):
        if count:
            yield Condition("frames_lost", camera, {"camera": camera or "–", "count": count})


def _late(facts: LedgerFacts, stands: bool) -> Iterator[Condition]:
    if not facts.parts or not facts.late:
        return
    share = facts.late / facts.parts
    many = facts.late >= LATE_PARTS and share >= LATE_SHARE
    if many or (stands and share >= LATE_CLEAR_SHARE):
        values = {"count": facts.late, "share_percent": round(100.0 * min(1.0, share), 1)}
        yield Condition("verdicts_late", values=values)


def _behind(look: Look, facts: LedgerFacts, stands: bool) -> Iterator[Condition]:
    behind_s = recorder_behind_s(look)
    if above(behind_s, BEHIND_S, BEHIND_CLEAR_S, stands=stands):
        yield Condition("recorder_behind", values={"seconds": figure(behind_s)})


def recorder_behind_s(look: Look) -> float | None:
    """How far the ledger is behind the running station; None while that cannot be told.

    The station writes its totals down every few seconds: the newest that reached the ledger, against the
    clock by which the same station dated its status.
    """
    facts, status = look.ledger, look.status
    if facts is None or status is None or look.status_age_s is None or look.status_age_s > BEHIND_CLEAR_S:
        return None
    newest_ns = max(facts.newest_counters_utc_ns or 0, status.started_utc_ns)
    return max(0.0, (status.written_utc_ns - newest_ns) / _NS_PER_S)


def _rejects(facts: LedgerFacts, stands: bool) -> Iterator[Condition]:
    """The share of rejects has left what chance explains about the share of the shift so far (p-chart)."""
    (now, rejected), (before, rejected_before) = facts.rejects_now, facts.rejects_before
    if now < NOW_PARTS or before < BEFORE_PARTS or not 0 <= rejected <= now:
        return
    if not 0 <= rejected_before <= before or (rejected < NOW_REJECTED and not stands):
        return
    # Laplace's rule: a shift without a reject so far does not promise that there will be none.
    usual = (rejected_before + 1) / (before + 2)
    _, upper = p_limits(usual, now, P_CLEAR_SIGMAS if stands else P_SIGMAS)
    share = rejected / now
    if share > upper:
        values = {"share_percent": round(100.0 * share, 1), "usual_percent": round(100.0 * usual, 1)}
        yield Condition("rejects_high", values=values)
