"""What the PLC makes of the station: session, heartbeat, trust, verdicts.

Neighbours: `plc_logic` calls `watch_station` and `take_verdicts` in every scan;
`plc_gate` asks `Watch` whether the station may be believed now.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.encoder import wrap
from edge_runtime.plc.records import VerdictRecord
from edge_runtime.plc.registers import Cause, StationState, StopCause
from edge_runtime.twin.plc_parts import Part, PlcState
from vision.types import Decision

#: verdicts taken in one scan at most, so that a scan stays short
VERDICTS_PER_SCAN = 32
_MS = 1_000_000


@dataclass(slots=True)
class Watch:
    """What is known of the station; `session_echo` is 0 until a session is in force."""

    session_echo: int = 0
    heartbeat: int = 0
    changed_ns: int = 0
    alive: bool = False
    stop_request: bool = False
    trusted: bool = False
    fresh_for_gate: bool = False


def watch_station(state: PlcState, watch: Watch) -> None:
    """Session, heartbeat, stop request; then whether the station is trusted in this scan."""
    memory = state.memory
    nonce = memory.station("session_nonce")
    heartbeat = memory.station("station_heartbeat")
    if nonce not in (0, watch.session_echo):
        # The station writes its nonce last: floor and tails of this session are in place.
        watch.session_echo = nonce
        state.emit("session", nonce=nonce, verdict_tail=memory.verdict_tail)
        _alive(state, watch, heartbeat)
        state.new_epoch("session", memory.station("epoch_floor"))
    elif heartbeat != watch.heartbeat:
        _alive(state, watch, heartbeat)
    elif watch.alive and state.now_ns - watch.changed_ns > state.settings.heartbeat_timeout_ms * _MS:
        watch.alive = False
        state.emit("heartbeat_lost", age_ms=round((state.now_ns - watch.changed_ns) / _MS, 3))
        state.new_epoch("heartbeat_lost")
    stop_request = memory.station("stop_request") == 1
    if stop_request and not watch.stop_request:
        state.latch(StopCause.STATION_REQUEST)
    watch.stop_request = stop_request
    before = watch.trusted
    watch.trusted = (
        watch.alive
        and nonce != 0
        and nonce == watch.session_echo
        and memory.station("epoch_ack") == state.epoch
        and memory.station("station_state") == StationState.READY
    )
    if watch.trusted != before:
        state.emit("trust", trusted=watch.trusted)
    # The flap needs its lead to fall: with this earlier limit it is back before the heartbeat is too old.
    limit_ms = state.settings.heartbeat_timeout_ms - state.settings.valve_lead_ms
    watch.fresh_for_gate = watch.alive and state.now_ns - watch.changed_ns <= limit_ms * _MS


def _alive(state: PlcState, watch: Watch, heartbeat: int) -> None:
    if not watch.alive:
        state.emit("heartbeat_back")
    watch.alive = True
    watch.heartbeat = heartbeat
    watch.changed_ns = state.now_ns


def take_verdicts(state: PlcState) -> None:
    """Take the verdicts that are whole in the ring, in order."""
    for _ in range(VERDICTS_PER_SCAN):
        taken = state.memory.take_verdict()
        if taken is None:
            return
        record, index, written_ns = taken
        refused = _take(state, record)
        if refused not in ("", "repeat"):
            state.refused_verdicts += 1
        state.emit(
            "verdict",
            index=index,
            written_ns=written_ns,
            epoch=record.epoch,
            lane=record.lane,
            trigger_seq=record.trigger_seq,
            trigger_encoder_count=record.trigger_encoder_count,
            verdict=record.verdict,
            reason=record.reason,
            accepted=not refused,
            why=refused,
        )


def _take(state: PlcState, record: VerdictRecord) -> str:
    """Hold the verdict for its part; '' when it is held, else why not."""
    if record.epoch != state.epoch:
        return "stale_epoch"
    lane = state.lanes.get(record.lane)
    if lane is None or not 1 <= record.trigger_seq <= lane.last_seq:
        return "unknown_part"
    part = next((p for p in lane.parts if p.trigger_seq == record.trigger_seq), None)
    if part is None:
        return "late"
    if part.epoch != record.epoch:
        return "stale_epoch"
    if record.trigger_encoder_count != wrap(part.rising):
        part.proof = False
        state.block(part, Cause.IDENTITY)
        return "identity"
    if record.verdict not in (Decision.ACCEPT, Decision.REJECT, Decision.REVIEW):
        return "unknown_verdict"
    if part.decided:
        return _take_late(state, part, record)
    if part.verdict == 0:
        part.verdict, part.reason = record.verdict, record.reason
        return ""
    if part.verdict == record.verdict:
        return "repeat"
    state.block(part, Cause.CONFLICT)
    return "conflict"


def _take_late(state: PlcState, part: Part, record: VerdictRecord) -> str:
    if part.verdict == record.verdict:
        return "repeat"
    if part.verdict == 0 and part.cause is Cause.NO_VERDICT:
        part.cause = Cause.LATE
    if part.accepted and not part.passed:
        # Its decision stands no more, but the gate can still fall.
        part.proof = False
        state.block(part, Cause.CONFLICT)
    return "late"
