"""The prose of docs/plc_registers.md: what the numbers mean, and the rules of the talk.

`map_doc` puts it together with the tables and with `map_program`; `<NAME>` stands for a figure of the
map. The rules are those that `edge_runtime.twin.plc_logic` follows, whose tests name them
one by one; who changes a rule there changes it here.
"""

from __future__ import annotations

STATUS_TEXTS = {
    "BELT_RUN": "the belt is enabled",
    "BELT_LATCHED": "the belt is latched, a person has to reset; see `stop_cause`",
    "E_STOP": "E-stop pressed",
    "GUARD_OPEN": "guard open",
    "AIR_LOW": "no compressed air: no gate can be energised, every part is rejected",
    "BIN_FULL": "the reject bin is full; said, nothing else",
    "STATION_TRUSTED": "session, epoch, state and heartbeat of the station are in order",
    "REVERSING": "the belt stands behind the farthest point it has reached",
    "TRIGGER_RING_FULL": "the station has not taken enough triggers",
    "OUTCOME_RING_FULL": "the station has not taken enough outcomes",
    "BYPASS": "the key is on BYPASS: the gates are held open, nothing is inspected",
    "SERVICE": "the key is on SERVICE: the gates are moved for commissioning",
}
KEY_TEXTS = {
    "AUTO": "a gate opens for a fresh proof and for nothing else",
    "BYPASS": "the gates are held open without a proof",
    "SERVICE": "the gates follow the service block",
}
SIDE_TEXTS = {
    "ACCEPT": "accept chute, with a fresh proof",
    "REJECT": "reject chute",
    "BYPASS": "accept chute by key, without a proof; never counted as accepted",
}
STATE_TEXTS = {
    "STARTING": "not there yet",
    "READY": "verdicts count",
    "NOT_READY": "something is missing (model, camera, geometry); verdicts do not count",
    "STOPPING": "leaving",
}
STOP_TEXTS = {
    "NONE": "not latched",
    "E_STOP": "E-stop",
    "GUARD": "guard opened",
    "MISMATCH": "two parts in a row not seen by the confirm eye that was expected, or one rejected part "
    "seen in the accept chute",
    "UNPROVEN_ACCEPT": "a ball in the accept chute where no part was expected",
    "STATION_REQUEST": "`stop_request` went from 0 to 1",
    "POWER": "the PLC was without power, or its program was started anew",
}
CAUSE_TEXTS = {
    "PROVEN": "fresh proof: the only cause of side ACCEPT",
    "VERDICT_REJECT": "the station said reject or review",
    "NO_VERDICT": "no verdict at the decision, none later",
    "LATE": "no verdict at the decision, one came later; or a scan came too late to switch the gate",
    "STALE_EPOCH": "the part's epoch is no longer in force",
    "HEARTBEAT": "the station's heartbeat was too old to open the gate, or to keep it open",
    "NOT_READY": "the station was not trusted, or the gate could not be held open (no air)",
    "TOO_CLOSE": "too close to another part, or to one that is not proven good",
    "CONFLICT": "two verdicts that differ",
    "IDENTITY": "a verdict named the part's number with another encoder count",
    "STOP": "in flight when the belt was latched",
    "REVERSE": "in flight when the belt ran back beyond the jog limit",
    "PULSE": "eye pulse too short or too long, or eye pulses were lost",
    "RING_FULL": "its trigger found the ring full",
    "BYPASS": "the key held the gate open",
    "SERVICE": "a trial of the gate with the key on SERVICE",
}

INTRODUCTION = """
Map version <VERSION>; the station refuses a PLC that holds another one. Version 2 added
`ball_temperature_x10`. Version 3 added the key: `key_switch`, `bypassed_total`, `service_echo`, side BYPASS,
causes BYPASS and SERVICE, two bits of `plc_status`, the service block; and `confirm_encoder_count`, which
makes an outcome's slot one register longer.

Modbus TCP, holding registers, unit <UNIT>; the PLC is the server. Register numbers count from 0 (register 0
is "400001" in other books). u32 values take two registers, high word first. The station uses function codes
3 (at most <READ_MAX> registers) and 16 (at most <WRITE_MAX>) only, one request at a time on each connection,
and needs two connections. The server offers at least registers 0..<LAST> and refuses writes below <STATION>
(exception 2).

**One writer each.** The PLC writes 0..3999, the station <STATION>..7999; nobody writes the other's half.

**Data first, sequence last.** A ring slot is written field by field, its last register `slot_seq` last. Its
reader knows which entry comes next and takes the slot when `slot_seq` is that entry's, never before. Heads
and tails in the headers are counters modulo 65536: head minus tail is the number of entries that wait.

**The PLC owns** photo-eyes, encoder, part numbers, distances, valve lead, gate and belt. **The station
owns** verdicts, and nothing else. It compares the geometry block with its own file and stays not Ready when
they differ.

**Reject unless proven good.** The gate is de-energised to reject. It is energised for one part at a time,
and only for a fresh proof: an ACCEPT of the epoch in force, for this lane, number and trigger count, in the
PLC before the part's decision, from a station that is Ready, with a heartbeat that is alive as the part
passes. Only a person's key at the PLC can hold it open otherwise, and nothing that passes then counts as
accepted.
"""

RULES = """
## Rules

All counts are encoder counts. `at` is the belt position at which the part's centre is at the gate: `count
at the rising edge + pulse / 2 + eye_to_gate`. `lead` is `valve_lead_ms` times the belt speed measured over
the last 50 ms, rounded up. The encoder has 16 bits; compare counts by their difference modulo 65536, taken
as a signed number. No distance in flight may reach 32768.

### Parts
1. Eye edges are latched with the encoder count by hardware. Only edges beyond the farthest point the belt
   had reached before it ran back are new; what the eye shows twice on a jogging belt is not. Edges that
   were lost (more than the card can hold) reject all parts in flight (PULSE). A rising edge after a rising
   edge ends the pulse before it.
2. The part gets its number at the falling edge: `trigger_seq` counts per lane from 1 at PLC start, without
   gaps. Its record bears the count and the epoch of the **rising** edge and the pulse's length.
3. A pulse below `pulse_min_counts` or above `pulse_max_counts` is a part too; it is rejected (PULSE).
   Above: every part whose centre lies nearer than `min_spacing_counts` to the pulse's extent is rejected
   (TOO_CLOSE), as soon as the pulse is too long, not at its end.
4. Two parts whose centres are nearer than `min_spacing_counts` are both rejected (TOO_CLOSE).
5. Trigger ring full: the part is followed and rejected (RING_FULL), `trigger_overflow` counts it.

### Epoch and session
6. The epoch is retentive: it is stored before it is in force. It goes up by 1 at PLC start, at a new
   session, at heartbeat loss, at a stop reset and at a turn of the key. All parts in flight are then of an
   older epoch and rejected (STALE_EPOCH).
7. **Session.** At its start, and after every lost connection, the station writes its header whole, with a
   `session_nonce` that is new and not 0. The PLC sees a nonce that differs from `session_echo`, sets epoch
   = max(epoch, `epoch_floor`) + 1 and `session_echo` = nonce. The station waits for the echo, then takes
   `epoch` and answers with `epoch_ack`. Ring indexes go on: the next verdict has the index `verdict_tail`
   that the PLC shows; triggers and outcomes are taken on from the station's own tails (0 after a PLC
   start).
8. **Heartbeat.** `station_heartbeat` has to change within `heartbeat_timeout_ms`. If it does not, the epoch
   goes up once; when it comes back, the station has to answer with the new `epoch_ack`.
9. **Trusted** is a station with `station_state` = READY, `epoch_ack` = `epoch`, `session_echo` =
   `session_nonce` and not 0, and a heartbeat in time.

### Verdicts
10. Every scan, while the slot of index `verdict_tail` holds its `slot_seq`: take it and count
    `verdict_tail` up.
11. Refuse it, and count `refused_verdicts`, when its epoch is not in force or not the part's, when the part
    is not known, when the part's decision is taken (late), or when the verdict is none of 1, 2, 3.
12. A `trigger_encoder_count` other than the part's: refuse, and reject the part (IDENTITY).
13. A second verdict: the same again changes nothing. A different one rejects the part (CONFLICT); after the
    decision it is refused as late, and an accepted part that is not past the gate loses its gate.

### Gate
14. **Decision** once, when the belt is at `at - gate_window - lead - decision_margin`. Accept when nothing
    has rejected the part before, no stop is latched, the heartbeat is young enough (rule 16), the station
    is trusted, there is air, the verdict is ACCEPT, and no neighbour is in the way (rule 15). The first of
    these that fails, in this order, is the part's `cause`. With
    the key off AUTO rule 28 decides.
15. **Neighbours.** The flap may be on its way from the switch until one lead after the drop. A neighbour
    (before or behind) that is not itself proven good must have its centre at least `gate_window + lead +
    half its pulse` away, else the part is rejected (TOO_CLOSE). Two proven parts may be as near as
    `min_spacing_counts`; the gate then stays energised between them.
16. **Valve.** Energised from `at - gate_window - lead` to `at + gate_window` of an accepted part. In every
    scan of that time: no stop latched, air, the part not rejected since, and the heartbeat not older than
    `heartbeat_timeout_ms - valve_lead_ms`, so that the flap is back before the heartbeat counts as lost. If
    one fails the valve drops at once and is not energised again for this part. Nor is it energised when a
    late scan finds the part's leading edge nearer to the gate than one lead less the travel of two scans:
    the part is rejected (LATE). Set the output module to drop the valve when the PLC has not scanned for a
    time: at most `(min_spacing - gate_window - half a ball) / belt speed` less the valve's and half the
    flap's time, or a PLC that stands still leaves the gate open for the next ball. That is 18 ms for air
    jets at 14 balls of 40 mm a second on one lane. Where it is under three scans, which a module needs, run
    fewer balls a second.
17. **Side** is how the gate stood from one lead before the part's leading edge reached the gate until its
    trailing edge was past. When the valve changed in that time under a part with proof (or scans were so
    far apart that the output module may have dropped it), the confirm eye tells the side (ACCEPT: with
    cause PROVEN, the drop came too late for the flap). A part without proof is REJECT (but see rule 29).

### Confirm eyes and outcome
18. The part's leading edge is expected at the confirm eyes at rising edge + `eye_to_gate` +
    `gate_to_confirm`. It is the part that was seen when an eye's rising edge lies within half of
    `min_spacing_counts` of that (the widest window in which parts that are far enough apart cannot be
    mistaken for each other); for an over-long pulse the window is longer by the pulse. The nearest part
    that has not been seen takes the edge.
19. The outcome is written when an eye has seen the part, with the count latched at that edge
    (`confirm_encoder_count`), or when its window is past (`confirm` = 0).
    Outcome ring full: `outcome_overflow` counts; the totals count every part all the same.
20. The other eye, or none, is a mismatch. Two in a row latch the belt (MISMATCH), and so does a single part
    on the reject side that the accept eye saw. A part seen as expected ends the row.
21. A ball where no part is expected: at the accept eye the belt is latched at once (UNPROVEN_ACCEPT) and
    `unproven_accepts` counts; at the reject eye `stray_rejects` counts and the belt runs on.

### Stops
22. E-stop, open guard, a rising `stop_request`, rules 20 and 21 latch the belt: drive off, gates off, all
    parts in flight rejected (STOP). The latch is retentive. It is reset by the reset key alone, and only
    while E-stop and guard are clear: then the epoch goes up and the belt runs. A PLC that starts while the
    belt is not latched latches it (POWER): nobody knows what lies on a belt after a power cut, and none may
    start to move by itself. Only the very first start, with an empty retentive memory, leaves it free.
23. Belt back by more than `jog_limit_counts` from its farthest point: all parts in flight are rejected
    (REVERSE). Back by less: nothing is lost.

### Temperature
24. A hot ball is larger than at 20 degC, so the station needs its temperature. `ball_temperature_x10` holds
    the pyrometer's reading of the ball that passed the photo-eye last, and 0x8000 from PLC start until the
    first one, while the pyrometer is broken, and when a ball passed without a reading: never an older
    ball's value, and never 0 for "none". Write it before the trigger of that ball, in the same scan.
    Without a pyrometer it stays 0x8000. No part is judged by it here.

### Key
25. A key switch with three places. Contacts that contradict each other, or none, are AUTO. `key_switch`
    shows it, two bits of `plc_status` repeat it. Every turn is a new epoch: what is in flight is no longer
    accepted, and a verdict given for the old place of the key is refused. Stops, air, belt, numbers and
    rings work as ever.
26. **BYPASS.** The gates are energised while no stop is latched and there is air: no verdict, no station
    and no heartbeat is needed, and none is asked for.
27. **SERVICE.** The gate is energised for each part of its own from `open_after_counts` to
    `close_after_counts` behind its rising edge (open 0: never), while no stop is latched, there is air and
    nothing has rejected the part. A part takes the two values that are in force when it gets its number.
    New values are in force once `service_seq` is neither 0 nor the number seen last, and `service_echo`
    shows it then. At a turn of the key both values and the echo become 0 and the number that lies there
    counts as seen: values from before the turn are never honoured.
28. **Decision** with the key off AUTO (rule 14): the cause is what rejected the part, else STOP, else
    SERVICE or BYPASS by the key (BYPASS without air: NOT_READY). It is never accepted.
29. **Side.** A part for which the gate stood energised by key, from one lead before its leading edge
    reached the gate until its trailing edge was past, is BYPASS, whatever rejected it, and with the key's
    cause. When the gate was also de-energised in that time the confirm eye tells: the accept eye BYPASS,
    else REJECT. So it does for every part of cause SERVICE that nothing has rejected. `bypassed_total`
    counts BYPASS, `accepted_total` never does. A part decided for BYPASS or SERVICE that is REJECT all the
    same bears what rejected it since, else NOT_READY (no air) or SERVICE.
30. **Witnesses.** BYPASS is expected at the accept eye; rule 20 holds. A ball at the accept eye where no
    part is expected counts by rule 21, but does not latch when it was at the gate while the key held it
    open, or within one lead and half of `min_spacing_counts` after that. With the key on SERVICE mismatches
    count in `mismatch_total` alone, and nothing the confirm eyes see latches the belt.
"""

CASES = (
    (
        "the station is killed",
        "gates drop after heartbeat_timeout - valve_lead, epoch up at heartbeat_timeout, all rejected",
        "at its next start: outcomes in the ring, `trigger_head` has run on",
    ),
    (
        "the link is cut",
        "the same; triggers fill the ring, then RING_FULL",
        "a new session with a new nonce when it is back",
    ),
    (
        "PLC restarts",
        "outputs off, parts in flight forgotten (they fall to reject: `stray_rejects`), epoch up, "
        "belt latched (POWER) until a person resets it",
        "another `plc_boot_id`; numbers and ring counters begin anew",
    ),
    (
        "the PLC's retentive memory is lost",
        "epoch from 1",
        "its `epoch_floor` lifts the next epoch above the ledger's",
    ),
    ("the ledger is lost", "epoch goes on from its own", "takes what the PLC says"),
    (
        "the station is slow",
        "NO_VERDICT, then LATE; verdict refused",
        "`refused_verdicts`, cause in the outcome",
    ),
    ("the eye misses a ball", "gate stays off: `stray_rejects`", "the camera sees a ball without a part"),
    (
        "the pyrometer gives no reading",
        "`ball_temperature_x10` = 0x8000",
        "balls cannot be measured: `no_temperature`, unless its file states a constant temperature",
    ),
    ("the gate sticks", "mismatch; latched by rule 20", "`stop_cause`, `mismatch_total`"),
    (
        "the key is turned to BYPASS",
        "epoch up, gates open, sides BYPASS, cause BYPASS",
        "bit BYPASS, `key_switch`, `bypassed_total`; its verdicts change nothing",
    ),
    (
        "the PLC dies with the key on BYPASS",
        "outputs off: gates drop, the belt stops",
        "a new session; `key_switch` says where the key stands",
    ),
)
