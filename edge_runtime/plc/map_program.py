"""The second half of docs/plc_registers.md: the PLC's program in pseudo code, and notes for one make.

The program is that of `edge_runtime.twin.plc_logic`; who changes a rule there changes it here and in
`map_rules`. `<NAME>` stands for a figure of the map, put in by `map_doc`.
"""

from __future__ import annotations

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

// 2. stops and reset; the first scan after the PLC's start goes up an epoch before
IF first_scan AND epoch > 1 THEN Latch(POWER); END_IF;  // not when the retentive memory was empty
IF e_stop THEN Latch(E_STOP); END_IF;
IF guard_open THEN Latch(GUARD); END_IF;
IF RISING(reset_key) AND latched AND NOT e_stop AND NOT guard_open THEN
    stop_cause := NONE; mismatch_run := 0; NewEpoch(0);
END_IF;
IF key <> last_key THEN                              // AUTO unless exactly one other contact is closed
    last_key := key; trial_open := 0; trial_close := 0;
    seq_seen := service_seq; service_echo := 0; NewEpoch(0);
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
IF key = SERVICE AND service_seq <> 0 AND service_seq <> seq_seen THEN
    seq_seen := service_seq; service_echo := service_seq;
    trial_open := open_after_counts; trial_close := close_after_counts;
END_IF;

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
        IF keyed <> 0 THEN P.keyed := keyed; END_IF;   // BYPASS or SERVICE, as the gate was last set
        IF NOT gate THEN P.shut := TRUE; END_IF;
        IF gate THEN P.seen_open := TRUE; IF scan_gap > watchdog THEN P.seen_closed := TRUE; END_IF;
        ELSIF P.seen_open OR pos > lead_edge THEN P.seen_closed := TRUE; END_IF;
        IF pos > trail_edge THEN
            P.passed := TRUE; P.side := REJECT;
            trial := P.cause = SERVICE AND P.rejected_for = 0;
            IF P.keyed <> 0 OR trial THEN
                IF trial OR P.seen_closed OR P.shut THEN P.side := ASK_CONFIRM_EYE;
                ELSE P.side := BYPASS; END_IF;
            ELSIF P.proof AND P.seen_open THEN
                IF P.seen_closed THEN P.side := ASK_CONFIRM_EYE; ELSE P.side := ACCEPT; END_IF;
            END_IF;
        END_IF;
    END_IF;
END_FOR;
FOR EACH P NOT decided WITH pos >= P.at - gate_window - lead - decision_margin DO
    P.decided := TRUE;
    IF P.rejected_for <> 0 THEN P.cause := P.rejected_for;
    ELSIF latched THEN P.cause := STOP;
    ELSIF key = SERVICE THEN P.cause := SERVICE;
    ELSIF key = BYPASS THEN IF air_low THEN P.cause := NOT_READY; ELSE P.cause := BYPASS; END_IF;
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
keyed := 0;
IF NOT latched AND NOT air_low THEN
    IF key = BYPASS THEN keyed := BYPASS; END_IF;
    IF key = SERVICE THEN
        FOR EACH P WITH rejected_for = 0 AND P.trial_open > 0 DO
            n := pos - P.rising;
            IF P.trial_open <= n AND n < P.trial_close THEN keyed := SERVICE; END_IF;
        END_FOR;
    END_IF;
END_IF;
IF keyed <> 0 THEN
    IF last_keyed = 0 THEN keyed_from := pos; END_IF;
    keyed_to := pos;
END_IF;
last_keyed := keyed;
gate := keyed <> 0;
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
IF latched THEN gate := FALSE; keyed := 0; last_keyed := 0; END_IF;
belt := NOT latched;

// --- helpers
NewEpoch(floor):  epoch := MAX(epoch, floor) + 1;      // never 0; retentive, stored first
                  RejectAll(STALE_EPOCH);
Latch(why):       IF NOT latched THEN stop_cause := why; RejectAll(STOP); END_IF;   // retentive
Reject(P, why):   IF NOT P.passed AND P.rejected_for = 0 THEN
                      P.rejected_for := why; IF P.accepted THEN P.cause := why; END_IF; END_IF;
RejectAll(why):   Reject(P, why) for every P; the part under the eye inherits it when it is born;
NewPart(c, e, n): number it; P.rising := c; P.pulse := n;
                  P.trial_open := trial_open; P.trial_close := trial_close;
                  P.centre := c + n / 2; P.at := P.centre + eye_to_gate;
                  rules 3, 4; latched: Reject(P, STOP); e <> epoch: Reject(P, STALE_EPOCH);
                  ring full: overflow + 1, Reject(P, RING_FULL); else write the slot, head + 1;
Confirm(eye, c):  P := nearest unseen part in whose window c lies (an over-long part may be seen again);
                  none, or seen again by the accept eye:
                      reject eye: stray_rejects + 1;
                      accept eye: unproven_accepts + 1;
                          at_gate := c - gate_to_confirm;
                          IF NOT (key = SERVICE OR (keyed_from <= at_gate
                              AND at_gate <= keyed_to + lead + min_spacing / 2)) THEN
                              Latch(UNPROVEN_ACCEPT); END_IF;
                  else P.confirm := eye; P.confirm_count := c; IF NOT over-long THEN Finish(P); END_IF;
Finish(P):        by_key := P.keyed; IF by_key = 0 AND P.cause = SERVICE AND P.rejected_for = 0 THEN
                      by_key := SERVICE; END_IF;
                  P.side = ASK_CONFIRM_EYE: if the accept eye saw it: ACCEPT, or BYPASS when by_key <> 0;
                      else REJECT;
                  ACCEPT: P.cause := PROVEN; BYPASS: P.cause := by_key;
                  REJECT with P.cause = BYPASS, or SERVICE and P.rejected_for <> 0:
                      P.cause := P.rejected_for, or NOT_READY when that is 0;
                  totals; outcome slot (full: outcome_overflow + 1); remove P;
                  expected eye: confirmed_total + 1, mismatch_run := 0;
                  else mismatch_total + 1;
                       key = SERVICE, or P.cause = SERVICE: nothing more;
                       mismatch_run + 1,
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
