"""The prose of docs/plc_registers.md: rules of the talk, the program in pseudo code.

`map_doc` puts it together with the tables; `<NAME>` stands for a figure of the map.
The rules are those that `edge_runtime.twin.plc_logic` follows, whose tests name them
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
}
CAUSE_TEXTS = {
    "PROVEN": "fresh proof: the only cause of side ACCEPT",
    "VERDICT_REJECT": "the station said reject or review",
    "NO_VERDICT": "no verdict at the decision, none later",
    "LATE": "no verdict at the decision, one came later; or a scan came too late to switch the gate",
    "STALE_EPOCH": "the part's epoch is no longer in force",
    "HEARTBEAT": "the station's heartbeat was too old to open the gate, or to keep it open",
    "NOT_READY": "the station was not trusted, or there was no air",
    "TOO_CLOSE": "too close to another part, or to one that is not proven good",
    "CONFLICT": "two verdicts that differ",
    "IDENTITY": "a verdict named the part's number with another encoder count",
    "STOP": "in flight when the belt was latched",
    "REVERSE": "in flight when the belt ran back beyond the jog limit",
    "PULSE": "eye pulse too short or too long, or eye pulses were lost",
    "RING_FULL": "its trigger found the ring full",
}

INTRODUCTION = """
Map version <VERSION>; the station refuses a PLC that holds another one (version 2 added
`ball_temperature_x10`). Modbus TCP, holding registers, unit <UNIT>; the PLC is the server. Register numbers
count from 0 (register 0 is "400001" in other books). u32 values take two registers, high word first. The
station uses function codes 3 (at most <READ_MAX> registers) and 16 (at most <WRITE_MAX>) only, one request
at a time on each connection, and needs two connections. The server offers at least registers 0..<LAST> and
refuses writes below <STATION> (exception 2).

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
passes.
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
   session, at heartbeat loss and at a stop reset. All parts in flight are then of an older epoch and
   rejected (STALE_EPOCH).
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
    these that fails, in this order, is the part's `cause`.
15. **Neighbours.** The flap may be on its way from the switch until one lead after the drop. A neighbour
    (before or behind) that is not itself proven good must have its centre at least `gate_window + lead +
    half its pulse` away, else the part is rejected (TOO_CLOSE). Two proven parts may be as near as
    `min_spacing_counts`; the gate then stays energised between them.
16. **Valve.** Energised from `at - gate_window - lead` to `at + gate_window` of an accepted part. In every
    scan of that time: no stop latched, air, the part not rejected since, and the heartbeat not older than
    `heartbeat_timeout_ms - valve_lead_ms`, so that the flap is back before the heartbeat counts as lost. If
    one fails the valve drops at once and is not energised again for this part. Nor is it energised when a
    late scan finds the part's leading edge nearer to the gate than one lead less the travel of two scans:
    the part is rejected (LATE).
17. **Side** is how the gate stood from one lead before the part's leading edge reached the gate until its
    trailing edge was past. When the valve changed in that time under a part with proof (or scans were so
    far apart that the output module may have dropped it), the confirm eye tells the side (ACCEPT: with
    cause PROVEN, the drop came too late for the flap). A part without proof is always REJECT.

### Confirm eyes and outcome
18. The part's leading edge is expected at the confirm eyes at rising edge + `eye_to_gate` +
    `gate_to_confirm`. It is the part that was seen when an eye's rising edge lies within half of
    `min_spacing_counts` of that (the widest window in which parts that are far enough apart cannot be
    mistaken for each other); for an over-long pulse the window is longer by the pulse. The nearest part
    that has not been seen takes the edge.
19. The outcome is written when an eye has seen the part, or when its window is past (`confirm` = 0).
    Outcome ring full: `outcome_overflow` counts; the totals count every part all the same.
20. The other eye, or none, is a mismatch. Two in a row latch the belt (MISMATCH), and so does a single part
    on the reject side that the accept eye saw. A part seen as expected ends the row.
21. A ball where no part is expected: at the accept eye the belt is latched at once (UNPROVEN_ACCEPT) and
    `unproven_accepts` counts; at the reject eye `stray_rejects` counts and the belt runs on.

### Stops
22. E-stop, open guard, a rising `stop_request`, rules 20 and 21 latch the belt: drive off, gates off, all
    parts in flight rejected (STOP). The latch is retentive. It is reset by the reset key alone, and only
    while E-stop and guard are clear: then the epoch goes up and the belt runs.
23. Belt back by more than `jog_limit_counts` from its farthest point: all parts in flight are rejected
    (REVERSE). Back by less: nothing is lost.

### Temperature
24. A hot ball is larger than at 20 degC, so the station needs its temperature. `ball_temperature_x10` holds
    the pyrometer's reading of the ball that passed the photo-eye last, and 0x8000 from PLC start until the
    first one, while the pyrometer is broken, and when a ball passed without a reading: never an older
    ball's value, and never 0 for "none". Write it before the trigger of that ball, in the same scan.
    Without a pyrometer it stays 0x8000. No part is judged by it here.
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
        "outputs off, parts in flight forgotten (they fall to reject: `stray_rejects`), epoch up",
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
)

PROGRAM = """
## The program

One call per scan, in this order. `pos`, `far`: endless belt position and its farthest value (32 bits, from
the 16-bit counter). `P`: a part; each lane keeps its parts in a small array, oldest first.

```pascal
// 1. position
pos := pos + INT(counter - last_counter);            // signed difference of 16 bits
speed := MAX(0, (pos - pos_50ms_ago) / 0.05);
lead := CEIL(valve_lead_ms / 1000.0 * speed);
IF pos < far THEN jog_mark := far; END_IF;
IF far - pos > jog_limit_counts THEN RejectAll(REVERSE); END_IF;

// 2. stops and reset
IF e_stop THEN Latch(E_STOP); END_IF;
IF guard_open THEN Latch(GUARD); END_IF;
IF RISING(reset_key) AND latched AND NOT e_stop AND NOT guard_open THEN
    stop_cause := NONE; mismatch_run := 0; NewEpoch(0);
END_IF;

// 3. station
IF session_nonce <> 0 AND session_nonce <> session_echo THEN
    session_echo := session_nonce; heartbeat_age := T#0ms; alive := TRUE; NewEpoch(epoch_floor);
ELSIF station_heartbeat <> last_heartbeat THEN
    heartbeat_age := T#0ms; alive := TRUE;
ELSIF alive AND heartbeat_age > heartbeat_timeout THEN
    alive := FALSE; NewEpoch(0);
END_IF;
last_heartbeat := station_heartbeat;
IF RISING(stop_request) THEN Latch(STATION_REQUEST); END_IF;
trusted := alive AND session_nonce <> 0 AND session_nonce = session_echo
           AND epoch_ack = epoch AND station_state = READY;
fresh := alive AND heartbeat_age <= heartbeat_timeout - valve_lead;

// 4. eye edges latched since the last scan, oldest first; c: latched count made endless
FOR EACH edge DO
    IF c > jog_mark AND c > last_edge[eye] THEN
        last_edge[eye] := c;
        CASE eye OF
            trigger, rising:  IF open THEN NewPart(open_count, open_epoch, c - open_count); END_IF;
                              open := TRUE; open_count := c; open_epoch := epoch;
            trigger, falling: IF open THEN NewPart(open_count, open_epoch, c - open_count); END_IF;
                              open := FALSE;
            confirm, rising:  Confirm(eye, c);
        END_CASE;
    END_IF;
END_FOR;
IF edges were lost THEN RejectAll(PULSE); END_IF;
IF edges were lost THEN RejectAll(PULSE); END_IF;
IF open AND pos - open_count > pulse_max_counts THEN
    reject (TOO_CLOSE) every P with P.centre > open_count - min_spacing_counts;
END_IF;
far := MAX(far, pos);

// 5. verdicts; V: slot at <VERDICTS> + (verdict_tail MOD <SLOTS>) * <VERDICT_WORDS>
WHILE V.slot_seq = WORD(verdict_tail + 1) DO
    verdict_tail := verdict_tail + 1;
    P := part of V.lane with number V.trigger_seq;
    IF V.epoch <> epoch OR P not found OR P.epoch <> V.epoch THEN refuse;
    ELSIF V.trigger_encoder_count <> WORD(P.rising) THEN refuse; P.proof := FALSE; Reject(P, IDENTITY);
    ELSIF V.verdict < 1 OR V.verdict > 3 THEN refuse;
    ELSIF P.verdict = V.verdict THEN ;                                   // the same again
    ELSIF P.decided THEN refuse;                                         // late
        IF P.cause = NO_VERDICT THEN P.cause := LATE; END_IF;
        IF P.accepted THEN P.proof := FALSE; Reject(P, CONFLICT); END_IF;
    ELSIF P.verdict = 0 THEN P.verdict := V.verdict; P.reason := V.reason;
    ELSE refuse; Reject(P, CONFLICT);
    END_IF;
END_WHILE;

// 6. gate, for every lane
FOR EACH P DO                                          // how the gate stood since the last scan
    lead_edge := P.rising + eye_to_gate; trail_edge := lead_edge + P.pulse;
    IF NOT P.passed AND pos > lead_edge - lead THEN
        IF gate THEN P.seen_open := TRUE; IF scan_gap > watchdog THEN P.seen_closed := TRUE; END_IF;
        ELSIF P.seen_open OR pos > lead_edge THEN P.seen_closed := TRUE; END_IF;
        IF pos > trail_edge THEN
            P.passed := TRUE; P.side := REJECT;
            IF P.proof AND P.seen_open THEN
                IF P.seen_closed THEN P.side := ASK_CONFIRM_EYE; ELSE P.side := ACCEPT; END_IF;
            END_IF;
        END_IF;
    END_IF;
END_FOR;
FOR EACH P NOT decided WITH pos >= P.at - gate_window - lead - decision_margin DO
    P.decided := TRUE;
    IF P.rejected_for <> 0 THEN P.cause := P.rejected_for;
    ELSIF latched THEN P.cause := STOP;
    ELSIF NOT fresh THEN P.cause := HEARTBEAT;
    ELSIF NOT trusted OR air_low THEN P.cause := NOT_READY;
    ELSIF P.verdict = 0 THEN P.cause := NO_VERDICT;
    ELSIF P.verdict <> ACCEPT THEN P.cause := VERDICT_REJECT;
    ELSE
        P.proof := TRUE; P.cause := PROVEN;
        FOR EACH other Q of the lane WITH ABS(Q.centre - P.centre) < gate_window + lead + (Q.pulse + 1) / 2 DO
            good := (Q.decided AND Q.proof)
                    OR (NOT Q.decided AND Q.rejected_for = 0 AND Q.verdict = ACCEPT);
            IF NOT good THEN P.cause := TOO_CLOSE; END_IF;
        END_FOR;
        IF open AND open_count - P.centre < gate_window + lead THEN P.cause := TOO_CLOSE; END_IF;
    END_IF;
    P.accepted := P.cause = PROVEN;
END_FOR;
gate := FALSE;
FOR EACH P WITH accepted AND rejected_for = 0 AND pos <= P.at + gate_window
           AND (P.opened OR pos >= P.at - gate_window - lead) DO
    IF NOT P.opened AND pos > P.rising + eye_to_gate - lead + travel_of_2_scans THEN Reject(P, LATE);
    ELSIF latched THEN Reject(P, STOP);
    ELSIF NOT fresh THEN Reject(P, HEARTBEAT);
    ELSIF air_low THEN Reject(P, NOT_READY);
    ELSE P.opened := TRUE; gate := TRUE;
    END_IF;
END_FOR;

// 7. parts that no eye saw, then outputs, then the PLC header
IF a ball passed the photo-eye THEN
    IF pyrometer_valid THEN ball_temperature_x10 := INT_TO_WORD(pyrometer_0_1_degC);
    ELSE ball_temperature_x10 := 16#8000; END_IF;
END_IF;
FOR EACH P WITH pos > end of its confirm window DO Finish(P); END_FOR;
IF latched THEN gate := FALSE; END_IF;
belt := NOT latched;

// --- helpers
NewEpoch(floor):  epoch := MAX(epoch, floor) + 1;      // never 0; retentive, stored first
                  RejectAll(STALE_EPOCH);
Latch(why):       IF NOT latched THEN stop_cause := why; RejectAll(STOP); END_IF;   // retentive
Reject(P, why):   IF NOT P.passed AND P.rejected_for = 0 THEN
                      P.rejected_for := why; IF P.accepted THEN P.cause := why; END_IF; END_IF;
RejectAll(why):   Reject(P, why) for every P; the part under the eye inherits it when it is born;
NewPart(c, e, n): number it; P.rising := c; P.pulse := n;
                  P.centre := c + n / 2; P.at := P.centre + eye_to_gate;
                  rules 3, 4; latched: Reject(P, STOP); e <> epoch: Reject(P, STALE_EPOCH);
                  ring full: overflow + 1, Reject(P, RING_FULL); else write the slot, head + 1;
Confirm(eye, c):  P := nearest unseen part in whose window c lies (an over-long part may be seen again);
                  none, or seen again by the accept eye:
                      accept eye: unproven_accepts + 1, Latch(UNPROVEN_ACCEPT); reject eye: stray_rejects + 1;
                  else P.confirm := eye; IF NOT over-long THEN Finish(P); END_IF;
Finish(P):        P.side = ASK_CONFIRM_EYE: if the accept eye saw it ACCEPT, P.cause := PROVEN; else REJECT;
                  totals; outcome slot (full: outcome_overflow + 1); remove P;
                  expected eye: confirmed_total + 1, mismatch_run := 0;
                  else mismatch_total + 1, mismatch_run + 1,
                       IF accept eye OR mismatch_run >= 2 THEN Latch(MISMATCH); END_IF;
```
"""

SIMATIC = """
## Notes for a SIMATIC S7-1200/1500

- One global data block without optimized access, `ARRAY[0..7999] OF WORD`, as the holding register area of
  two `MB_SERVER` instances (one for each connection of the station). Keep epoch and `stop_cause` retentive.
- Call both instances at the start of the cyclic program, then the program above, then copy outputs. A
  request is carried out inside the call, so a scan never sees half of one; still, take a slot only by its
  `slot_seq`.
- Write a slot's fields first and `slot_seq` last, then count the head up.
- `MB_SERVER` lets a client write anywhere: keep PLC values in a block of their own and copy them into
  0..3999 every scan, so that a stray write lasts one scan at most.
- Encoder on a high-speed counter. Latch its count at every eye edge (capture input, or a hardware interrupt
  that reads the counter): at 1.2 m/s a scan of 5 ms is 6 mm of belt.
- Outputs to the valves through a module that drops them when the CPU stops, before the next ball: within
  about 25 ms at 10 balls of 40 mm a second. E-stop and guard act on drive and air by their own safety
  circuit; the inputs here only tell the program.
- The scan time in `scan_ms` is the longest one, not the mean; `decision_margin_counts` covers it at top
  speed.
"""
