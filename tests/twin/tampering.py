"""A run's two logs, free to be tampered with, and the table of tamperings with the names they must get.

Neighbours: `test_auditor` takes the record of a healthy run, tampers, audits.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_runtime.twin.auditor import audit
from edge_runtime.twin.auditor_report import AuditReport, Kind, Severity
from edge_runtime.twin.settings import LineSettings

Rows = list[dict[str, Any]]
FAR_NS = 10**10


class Record:
    """The two logs of one run, free to be tampered with; `ball`, `seq`: a good ball that was accepted."""

    def __init__(self, truth: Rows, plc: Rows) -> None:
        self.truth = truth
        self.plc = plc
        accepted = [row for row in truth if row["event"] == "ball" and row["place"] == "accept"]
        self.ball = int(accepted[len(accepted) // 2]["ball"])
        self.seq = self.ball + 1

    def copy(self) -> Record:
        return Record(copy.deepcopy(self.truth), copy.deepcopy(self.plc))

    def final(self, ball: int) -> dict[str, Any]:
        return next(row for row in self.truth if row["event"] == "ball" and row["ball"] == ball)

    def of(self, event: str, seq: int) -> dict[str, Any]:
        return next(row for row in self.plc if row["event"] == event and row.get("trigger_seq") == seq)

    def without(self, event: str, seq: int) -> None:
        self.plc = [row for row in self.plc if not (row["event"] == event and row.get("trigger_seq") == seq)]

    def before(self, row: dict[str, Any], new: dict[str, Any]) -> None:
        self.plc.insert(self.plc.index(row), new)

    def due(self, ball: int) -> dict[str, Any]:
        """An exposure in the middle of the ball's way through the picture: due beyond doubt."""
        exposures: Rows = self.final(ball)["exposures"]
        return exposures[len(exposures) // 2]

    def audit(self, folder: Path, settings: LineSettings) -> AuditReport:
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in (("truth", self.truth), ("plc", self.plc)):
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
        return audit(folder, settings)


def no_trigger(record: Record) -> None:
    for event in ("trigger", "verdict", "decision", "outcome"):
        record.without(event, record.seq)


def shared_trigger(record: Record) -> None:
    # The pulse reaches over the ball behind as well, whose own part is gone.
    behind = record.of("trigger", record.seq + 1)
    row = record.of("trigger", record.seq)
    row["pulse_counts"] = behind["rising_position"] + behind["pulse_counts"] - row["rising_position"]
    record.without("trigger", record.seq + 1)


def two_triggers(record: Record) -> None:
    row = record.of("trigger", record.seq)
    record.before(row, row | {"trigger_seq": 900})


def long_pulse(record: Record) -> None:
    record.of("trigger", record.seq)["pulse_counts"] += 80


def rejected_by_decision(record: Record) -> None:
    record.of("decision", record.seq).update(side="REJECT", cause="VERDICT_REJECT")


def rejected_for_its_neighbour(record: Record) -> None:
    record.of("decision", record.seq).update(side="REJECT", cause="TOO_CLOSE")


def rejected_for_its_neighbour_and_unproven(record: Record) -> None:
    rejected_for_its_neighbour(record)
    lost_view(record)


def undecided(record: Record) -> None:
    record.without("decision", record.seq)


def dropped_early(record: Record) -> None:
    row = record.of("decision", record.seq)
    drop = row | {
        "event": "drop",
        "cause": "CONFLICT",
        "t_ns": record.final(record.ball)["placed_ns"] - FAR_NS,
    }
    record.plc.insert(record.plc.index(row) + 1, drop)


def dropped_in_transit(record: Record) -> None:
    row = record.of("decision", record.seq)
    placed_ns = record.final(record.ball)["placed_ns"]
    drop = row | {"event": "drop", "cause": "STOP", "t_ns": placed_ns - 20_000_000}
    record.plc.insert(record.plc.index(row) + 1, drop)


def no_accept(record: Record) -> None:
    record.without("verdict", record.seq)


def wrong_echo(record: Record) -> None:
    row = record.of("verdict", record.seq)
    row["trigger_encoder_count"] = (row["trigger_encoder_count"] + 1) % 65536


def verdict_of_old_epoch(record: Record) -> None:
    record.of("verdict", record.seq)["epoch"] -= 1


def new_epoch_before_decision(record: Record) -> None:
    row = record.of("decision", record.seq)
    record.before(row, row | {"event": "epoch", "epoch": row["epoch"] + 1, "cause": "session"})


def conflict(record: Record) -> None:
    row = record.of("verdict", record.seq)
    record.before(row, row | {"verdict": 2})


def late_accept(record: Record) -> None:
    row = record.of("verdict", record.seq)
    row["written_ns"] = record.of("decision", record.seq)["t_ns"] + 1


def accept_before_last_view(record: Record) -> None:
    # Written 1 ns before its last due view was handed over.
    last = max(item["delivered_ns"] for item in record.final(record.ball)["exposures"])
    for item in record.final(record.ball)["exposures"]:
        item["delivered_ns"] = last
    record.of("verdict", record.seq)["written_ns"] = last - 1


def lost_view(record: Record) -> None:
    record.due(record.ball).update(delivered_ns=None, fault="lost_frame")


def never_exposed(record: Record) -> None:
    record.final(record.ball)["exposures"].remove(record.due(record.ball))


def never_seen(record: Record) -> None:
    record.final(record.ball)["exposures"].clear()


def spoilt(fault: str, **more: Any) -> Callable[[Record], None]:
    def tamper(record: Record) -> None:
        record.due(record.ball).update(fault=fault, **more)

    tamper.__name__ = f"spoilt_{fault}"
    return tamper


def heartbeat_lost_at_decision(record: Record) -> None:
    row = record.of("decision", record.seq)
    record.before(row, row | {"event": "heartbeat_lost", "age_ms": 201.0})


def heartbeat_lost_as_it_passed(record: Record) -> None:
    row = record.of("decision", record.seq)
    placed_ns = record.final(record.ball)["placed_ns"]
    record.before(row, row | {"event": "heartbeat_lost", "t_ns": placed_ns - 1})


def untriggered_neighbour(record: Record) -> None:
    """A ball without a part, seven hundred counts behind an accepted one."""
    row = copy.deepcopy(record.final(record.ball))
    row.update(ball=900, centre_count=row["centre_count"] + 700.0, place="reject")
    record.truth.insert(record.truth.index(record.final(record.ball)), row)


def part_nearby_is_no_ball(record: Record) -> None:
    row = record.of("trigger", record.seq)
    record.before(row, row | {"trigger_seq": 900, "rising_position": row["rising_position"] + 480})


def vanished(record: Record) -> None:
    record.truth.remove(record.final(record.ball))


def gate_sent_it_wrong(record: Record) -> None:
    record.final(record.ball)["place"] = "reject"


def valve_never_moved(record: Record) -> None:
    record.plc = [row for row in record.plc if row["event"] != "gate"]


def eye_saw_the_other_chute(record: Record) -> None:
    record.of("outcome", record.seq)["confirm"] = "REJECT_EYE"


def no_outcome(record: Record) -> None:
    record.without("outcome", record.seq)


def no_verdict_at_all(record: Record) -> None:
    record.without("verdict", record.seq)
    record.of("decision", record.seq).update(side="REJECT", cause="NO_VERDICT")
    record.of("outcome", record.seq).update(side="REJECT", cause="NO_VERDICT", confirm="REJECT_EYE")
    record.final(record.ball)["place"] = "reject"


def refused(why: str) -> Callable[[Record], None]:
    def tamper(record: Record) -> None:
        no_verdict_at_all(record)
        decision = record.of("decision", record.seq)
        verdict = {
            "verdict": 1,
            "reason": 0,
            "written_ns": decision["t_ns"] + 1,
            "why": why,
            "accepted": False,
        }
        record.plc.insert(record.plc.index(decision) + 1, decision | verdict | {"event": "verdict"})

    tamper.__name__ = f"refused_{why}"
    return tamper


def stray_verdict(record: Record) -> None:
    row = record.of("verdict", record.seq)
    record.before(row, row | {"trigger_seq": 9000, "why": "unknown_part", "accepted": False})


def ghost_part(record: Record) -> None:
    # Far behind the last ball, so that it is nobody's neighbour.
    last = [row for row in record.plc if row["event"] == "trigger"][-1]
    record.plc.append(last | {"trigger_seq": 900, "rising_position": last["rising_position"] + 5000})


def ghost_part_of_the_fault_plan(record: Record) -> None:
    ghost_part(record)
    part = record.plc[-1]
    shift = record.final(record.ball)["centre_count"] - record.of("trigger", record.seq)["rising_position"]
    count = part["rising_position"] + round(shift / 65536) * 65536
    record.truth.append(record.truth[-1] | {"event": "false_pulse", "eye": "trigger", "encoder": count})


def stray_ball_and_no_stop(record: Record) -> None:
    row = record.of("outcome", record.seq)
    stray = {"event": "confirm", "eye": "ACCEPT_EYE", "stray": True, "edge_position": row["position"]}
    record.before(row, row | stray)


def two_mismatches_and_no_stop(record: Record) -> None:
    row = record.of("outcome", record.seq)
    record.before(row, row | {"event": "mismatch", "confirm": "NONE", "run": 2})


VIOLATION, FINDING = Severity.VIOLATION, Severity.FINDING
TAMPERING: list[tuple[Callable[[Record], None], Kind, Severity]] = [
    # no part of its own
    (no_trigger, Kind.ACCEPT_WITHOUT_TRIGGER, VIOLATION),
    (shared_trigger, Kind.ACCEPT_SHARED_TRIGGER, VIOLATION),
    (two_triggers, Kind.ACCEPT_ON_DUPLICATE_TRIGGER, VIOLATION),
    (long_pulse, Kind.ACCEPT_ON_ODD_PULSE, VIOLATION),
    # the gate was to reject it
    (rejected_by_decision, Kind.ACCEPT_ON_REJECT, VIOLATION),
    (undecided, Kind.ACCEPT_ON_REJECT, VIOLATION),
    # ... for its neighbour's sake only: its own proof is whole, or is not
    (rejected_for_its_neighbour, Kind.PROVEN_BUT_REJECTED, FINDING),
    (rejected_for_its_neighbour_and_unproven, Kind.ACCEPT_OF_LOST_VIEW, VIOLATION),
    (dropped_early, Kind.ACCEPT_ON_REJECT, VIOLATION),
    # ... but so late that no flap could follow: its proof was whole, so no breach
    (dropped_in_transit, Kind.ACCEPT_IN_TRANSIT, FINDING),
    # the verdict is none, another's, an older epoch's, contradicted, or late
    (no_accept, Kind.ACCEPT_WITHOUT_VERDICT, VIOLATION),
    (wrong_echo, Kind.ACCEPT_ON_WRONG_IDENTITY, VIOLATION),
    (verdict_of_old_epoch, Kind.ACCEPT_ON_STALE_EPOCH, VIOLATION),
    (new_epoch_before_decision, Kind.ACCEPT_ON_STALE_EPOCH, VIOLATION),
    (conflict, Kind.ACCEPT_ON_CONFLICT, VIOLATION),
    (late_accept, Kind.ACCEPT_ON_LATE_VERDICT, VIOLATION),
    # the verdict came before the last picture
    (accept_before_last_view, Kind.ACCEPT_WITHOUT_PROOF, VIOLATION),
    # pictures that never came, and pictures that prove nothing
    (lost_view, Kind.ACCEPT_OF_LOST_VIEW, VIOLATION),
    (never_exposed, Kind.ACCEPT_OF_LOST_VIEW, VIOLATION),
    (never_seen, Kind.ACCEPT_OF_LOST_VIEW, VIOLATION),
    (spoilt("black_frame"), Kind.ACCEPT_OF_BLIND_VIEWS, VIOLATION),
    (spoilt("frozen_frame"), Kind.ACCEPT_OF_BLIND_VIEWS, VIOLATION),
    (spoilt("late_frame"), Kind.ACCEPT_OF_BLIND_VIEWS, VIOLATION),
    (spoilt("oil_film"), Kind.ACCEPT_OF_BLIND_VIEWS, VIOLATION),
    (spoilt("camera_knock"), Kind.ACCEPT_OF_BLIND_VIEWS, VIOLATION),
    (spoilt("cameras_swapped"), Kind.ACCEPT_OF_BLIND_VIEWS, VIOLATION),
    (spoilt("lamp_fade", lamp=0.4), Kind.ACCEPT_OF_BLIND_VIEWS, VIOLATION),
    # the station was dead
    (heartbeat_lost_at_decision, Kind.ACCEPT_WITHOUT_HEARTBEAT, VIOLATION),
    (heartbeat_lost_as_it_passed, Kind.ACCEPT_WITHOUT_HEARTBEAT, VIOLATION),
    # nearer to something unproven than the gate can tell apart
    (untriggered_neighbour, Kind.NEIGHBOUR_ACCEPTED, VIOLATION),
    (part_nearby_is_no_ball, Kind.NEIGHBOUR_ACCEPTED, VIOLATION),
    # books and belt stops
    (vanished, Kind.BALL_UNACCOUNTED, VIOLATION),
    (stray_ball_and_no_stop, Kind.BELT_NOT_STOPPED, VIOLATION),
    (two_mismatches_and_no_stop, Kind.BELT_NOT_STOPPED, VIOLATION),
    # the safe side, named
    (gate_sent_it_wrong, Kind.GATE_DISOBEYED, FINDING),
    (gate_sent_it_wrong, Kind.WRONG_CHUTE, FINDING),
    (valve_never_moved, Kind.GATE_DISOBEYED, FINDING),
    (eye_saw_the_other_chute, Kind.CONFIRM_WRONG, FINDING),
    (no_outcome, Kind.PART_WITHOUT_OUTCOME, FINDING),
    (no_verdict_at_all, Kind.LOST_VERDICT, FINDING),
    (refused("late"), Kind.LATE_VERDICT, FINDING),
    (refused("stale_epoch"), Kind.STALE_EPOCH_VERDICTS, FINDING),
    (refused("identity"), Kind.IDENTITY_REFUSED, FINDING),
    (stray_verdict, Kind.UNKNOWN_PART_VERDICT, FINDING),
    (ghost_part, Kind.TRIGGER_WITHOUT_BALL, FINDING),
    (ghost_part_of_the_fault_plan, Kind.DUPLICATE_TRIGGER, FINDING),
]
