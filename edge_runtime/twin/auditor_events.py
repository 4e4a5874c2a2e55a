"""What went wrong on the safe side, and whether the PLC did its own duty: named, never hidden.

Refused and lost verdicts, gates that did not obey, parts without a ball and balls
without a part, belt stops that had to come. Neighbours: `auditor` collects.
"""

from __future__ import annotations

from edge_runtime.twin.auditor_checks import ACCEPT_CHUTE, REJECT_CHUTE, Named, Views, precedes
from edge_runtime.twin.auditor_join import WHOLE, Join, Stretch
from edge_runtime.twin.auditor_plc import Event, LoggedVerdict, PlcPart, Span
from edge_runtime.twin.auditor_report import AuditFinding, Kind, Severity
from edge_runtime.twin.auditor_truth import TruthBall
from edge_runtime.twin.settings import LineSettings
from vision.types import Decision

#: the PLC latches in the scan that sees the cause; this many scans are granted
LATCH_SCANS = 4
MISMATCHES_TO_LATCH = 2
_CHUTE_OF_SIDE = {"ACCEPT": ACCEPT_CHUTE, "REJECT": REJECT_CHUTE, "BYPASS": ACCEPT_CHUTE}
_CHUTE_OF_EYE = {"ACCEPT_EYE": ACCEPT_CHUTE, "REJECT_EYE": REJECT_CHUTE}
_REFUSED = {
    "stale_epoch": Kind.STALE_EPOCH_VERDICTS,
    "identity": Kind.IDENTITY_REFUSED,
    "conflict": Kind.CONFLICT_REFUSED,
    "unknown_part": Kind.UNKNOWN_PART_VERDICT,
    "unknown_verdict": Kind.UNKNOWN_PART_VERDICT,
}


def is_late(part: PlcPart) -> bool:
    """A first verdict came past its deadline (one that takes back an earlier verdict is a conflict)."""
    return part.held is None and any(verdict.why == "late" for verdict in part.verdicts)


def ball_findings(
    join: Join, settings: LineSettings, ball: TruthBall, part: PlcPart | None, views: Views | None
) -> list[Named]:
    """Everything to be named about one ball besides the invariant."""
    who = f"ball {ball.ball} ({ball.label})"
    if part is None:
        parts = join.parts_of[ball.ball]
        if not parts:
            return [(Kind.BALL_UNTRIGGERED, f"{who} caused no part")]
        if len(parts) > 1:
            return [(Kind.DUPLICATE_TRIGGER, f"{who} caused {len(parts)} parts")]
        return [(Kind.SHARED_TRIGGER, f"{who} shares part {parts[0].key.trigger_seq}")]
    who = f"{who}, part {part.epoch}-{part.key.lane}-{part.key.trigger_seq}"
    found = [_refused(part, verdict, who) for verdict in part.verdicts if verdict.why not in ("", "repeat")]
    found += _early(ball, part, views, who)
    nothing = part.decision is not None and part.decision.cause == "NO_VERDICT" and not part.verdicts
    if nothing and views is not None and views.healthy:
        found.append((Kind.LOST_VERDICT, f"{who}: its views were healthy, and the PLC never got a verdict"))
    if ball.chute in (ACCEPT_CHUTE, REJECT_CHUTE):
        found += _gate(join, settings, ball, part, who)
        found += _witness(ball, part, who)
    return found


def _refused(part: PlcPart, verdict: LoggedVerdict, who: str) -> Named:
    if verdict.why == "late":
        kind = Kind.LATE_VERDICT if part.held is None else Kind.CONFLICT_REFUSED
    else:
        kind = _REFUSED[verdict.why]
    return kind, f"{who}: verdict {verdict.verdict} of epoch {verdict.epoch} was refused ({verdict.why})"


def _early(ball: TruthBall, part: PlcPart, views: Views | None, who: str) -> list[Named]:
    """An ACCEPT that came before the last view, for a ball that was rejected for another reason."""
    if views is None or ball.chute == ACCEPT_CHUTE:
        return []
    for verdict in part.verdicts:
        behind = sum(precedes(verdict, view) for view in views.got)
        if verdict.verdict == Decision.ACCEPT and behind:
            return [
                (Kind.EARLY_ACCEPT, f"{who}: it got an ACCEPT before {behind} of its views were handed over")
            ]
    return []


def _gate(join: Join, settings: LineSettings, ball: TruthBall, part: PlcPart, who: str) -> list[Named]:
    if part.decision is None or part.under_key:
        # What the key does with the gate is told by the outcome, see `_witness`.
        return []
    found: list[Named] = []
    to_accept = part.side == "ACCEPT"
    if to_accept:
        at = part.centre + settings.eye_to_gate_counts
        spans = join.log.energised.get(part.key.lane, [])
        if not any(span.start <= at + settings.gate_window_counts and span.end >= at for span in spans):
            found.append(
                (Kind.GATE_DISOBEYED, f"{who}: it was to be accepted, and its valve was never energised")
            )
    if part.drop is None and _CHUTE_OF_SIDE[part.side] != ball.chute:
        found.append(
            (Kind.GATE_DISOBEYED, f"{who}: {part.side} was decided, it is in the {ball.chute} chute")
        )
    return found


def _witness(ball: TruthBall, part: PlcPart, who: str) -> list[Named]:
    if part.outcome is None:
        return [(Kind.PART_WITHOUT_OUTCOME, f"{who}: it left the line, and the PLC has no outcome of it")]
    found: list[Named] = []
    if _CHUTE_OF_SIDE[part.outcome.side] != ball.chute:
        found.append(
            (Kind.WRONG_CHUTE, f"{who}: the PLC reported {part.outcome.side}, it is in {ball.chute}")
        )
    if _CHUTE_OF_EYE.get(part.outcome.confirm) != ball.chute:
        found.append(
            (
                Kind.CONFIRM_WRONG,
                f"{who}: it is in {ball.chute}, the confirm eyes told {part.outcome.confirm}",
            )
        )
    return found


def log_findings(join: Join, settings: LineSettings, stretch: Stretch = WHOLE) -> list[AuditFinding]:
    """What is to be named about parts and verdicts that are no ball's, and about belt stops."""
    found = []
    for part in join.parts_without_ball():
        if not stretch.has_count(part.centre):
            continue
        false_pulse = join.is_false_pulse(part)
        found.append(
            AuditFinding(
                Kind.DUPLICATE_TRIGGER if false_pulse else Kind.TRIGGER_WITHOUT_BALL,
                Severity.FINDING,
                f"part {part.epoch}-{part.key.lane}-{part.key.trigger_seq} is no ball",
                lane=part.key.lane,
                epoch=part.epoch,
                trigger_seq=part.key.trigger_seq,
                explained_by="duplicate_trigger" if false_pulse else "",
            )
        )
    for verdict in join.log.strays:
        if not stretch.has_time(verdict.taken_ns):
            continue
        kind = _REFUSED.get(verdict.why, Kind.UNKNOWN_PART_VERDICT)
        text = (
            f"a verdict for number {verdict.trigger_seq} of epoch {verdict.epoch} was refused ({verdict.why})"
        )
        found.append(
            AuditFinding(kind, Severity.FINDING, text, epoch=verdict.epoch, trigger_seq=verdict.trigger_seq)
        )
    return found + _belt_stops(join, settings, stretch)


def _belt_stops(join: Join, settings: LineSettings, stretch: Stretch) -> list[AuditFinding]:
    """A ball that only the accept chute's eye saw, and two mismatches in a row, must latch the belt."""
    latched = _latched(join.log.events)
    grace_ns = round(LATCH_SCANS * settings.plc_scan_ms * 1e6)
    found = []
    for event in join.log.events:
        if not stretch.has_time(event.t_ns):
            continue
        if event.name == "confirm" and event.row["stray"] and event.row["eye"] == "ACCEPT_EYE":
            count = int(event.row["edge_position"]) + event.shift
            if join.truth.key.excuses_stray(event.t_ns, count, settings):
                continue
            why = "a ball without a part in the accept chute"
        elif event.name == "mismatch" and event.row.get("trial"):
            if join.truth.key.in_service(event.t_ns, int(event.row["position"]) + event.shift, settings):
                continue
            why = "a mismatch that the PLC took for a trial of the gate, with the key elsewhere"
        elif event.name == "mismatch" and (
            event.row["confirm"] == "ACCEPT_EYE" or int(event.row["run"]) >= MISMATCHES_TO_LATCH
        ):
            why = f"mismatch {event.row['run']} in a row, confirm {event.row['confirm']}"
        else:
            continue
        if not any(span.start <= event.t_ns + grace_ns and span.end >= event.t_ns for span in latched):
            found.append(
                AuditFinding(
                    Kind.BELT_NOT_STOPPED, Severity.VIOLATION, f"the belt was not stopped after {why}"
                )
            )
    return found


def _latched(events: list[Event]) -> list[Span]:
    spans: list[Span] = []
    since: int | None = None
    for event in events:
        if event.name == "latch" or (event.name == "plc_start" and event.row["stop_cause"] != "NONE"):
            since = since if since is not None else event.t_ns
        elif event.name == "reset" and event.row["done"] and since is not None:
            spans.append(Span(since, event.t_ns))
            since = None
    if since is not None:
        spans.append(Span(since, 1 << 62))
    return spans
