"""The real line and the real PLC program on injected time, with a station that knows the answers.

No process, socket or wall clock: a run of a hundred balls takes seconds, and leaves
truth.jsonl and plc.jsonl exactly as a demo does. The station is an oracle: it reads
triggers and writes verdicts through the registers, at the count at which the last due
view has been seen, and knows from the plan which balls are good.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from datasets.synthetic.bank import BallBank
from edge_runtime.encoder import Unwrapper
from edge_runtime.plc.records import TriggerRecord, VerdictRecord, pack, pack_slot, unpack, unpack_slot
from edge_runtime.plc.registers import (
    PLC_HEADER,
    SERVICE,
    STATION_HEADER,
    TRIGGER_RING,
    VERDICT_RING,
    KeySwitch,
    StationState,
)
from edge_runtime.twin.balls import OVERSIZE, UNDERSIZE, PlannedBall, plan_balls
from edge_runtime.twin.field import EdgeReader, Field, LineState, Word
from edge_runtime.twin.line import Line
from edge_runtime.twin.plc_logic import PlcLogic
from edge_runtime.twin.plc_main import plc_settings
from edge_runtime.twin.plc_memory import AREA_WORDS
from edge_runtime.twin.plc_parts import PlcInputs, Retained
from edge_runtime.twin.settings import COUNTS_PER_D, LineSettings
from edge_runtime.twin.truth import TruthLog
from tests.twin.sabotage import Saboteur
from vision.reasons import reason_number
from vision.types import Decision

TICK_NS = 1_000_000
SCAN_TICKS = 5
#: a PLC needs this long from power off to its first scan
RESTART_NS = 400_000_000
#: from the last due view to the verdict
INSPECTION_COUNTS = 60
_SIZE_REASONS = {UNDERSIZE: "diameter_low", OVERSIZE: "diameter_high"}


#: seconds from the start, a word of the field wiring, and what somebody sets it to
PlantAct = tuple[float, int, int]
#: in the place of a word: the station tries the gate, opening it so many counts behind each rising edge
TRIAL = -1


class Oracle:
    """A station without eyes: it knows the plan."""

    def __init__(self, settings: LineSettings, registers: list[int], first_centre: float) -> None:
        plan = plan_balls(settings, BallBank(settings.bank_dir).index)
        self._balls = [(first_centre + ball.offset_counts, ball) for ball in plan]
        self._lanes = {lane: [b for b in self._balls if b[1].lane == lane] for lane in settings.lane_numbers}
        self._settings = settings
        self._registers = registers
        self._belt = Unwrapper()
        self._due: list[tuple[float, VerdictRecord]] = []
        self._tail = 0
        self._beat = 0
        self._verdicts = 0
        self._plc_boot_id = 0
        self._nonce = 0
        self.saboteur: Saboteur | None = None
        self.written_ns: dict[int, int] = {}

    def step(self, now_ns: int) -> None:
        """One look at the registers."""
        header = unpack(PLC_HEADER, self._registers[PLC_HEADER.address :])
        if header["plc_boot_id"] != self._plc_boot_id:
            # Another PLC life: its rings are empty, a new session begins.
            self._plc_boot_id = header["plc_boot_id"]
            self._tail = self._verdicts = 0
            self._nonce += 1
            self._due.clear()
        position = self._belt(header["encoder_count"])
        for trigger in self._triggers(header["trigger_head"]):
            if self.saboteur is not None:
                self._write(self.saboteur.on_trigger(trigger), now_ns)
            self._judge(trigger)
        ready = [record for at, record in self._due if at <= position]
        self._due = [item for item in self._due if item[0] > position]
        for record in ready:
            self._write([record] if self.saboteur is None else self.saboteur.on_verdict(record), now_ns)
        self._beat += 1
        values = {
            "station_heartbeat": self._beat & 0xFFFF,
            "station_state": int(StationState.READY),
            "trigger_tail": self._tail & 0xFFFF,
            "outcome_tail": header["outcome_head"],
            "epoch_ack": header["epoch"],
            "session_nonce": self._nonce,
        }
        words = pack(STATION_HEADER, values)
        self._registers[STATION_HEADER.address : STATION_HEADER.address + len(words)] = words

    def _triggers(self, head: int) -> Iterable[TriggerRecord]:
        while self._tail & 0xFFFF != head:
            address = TRIGGER_RING.slot_address(self._tail)
            slot = unpack_slot(TRIGGER_RING, self._tail, self._registers[address : address + 8])
            assert slot is not None
            self._tail += 1
            yield TriggerRecord(**slot)

    def _judge(self, trigger: TriggerRecord) -> None:
        settings = self._settings
        centre = self._belt.peek(trigger.encoder_count) + trigger.pulse_counts // 2
        last = centre + settings.fov_start_counts + (settings.fov_length_d - 0.5) * COUNTS_PER_D
        reason = self._reason(centre, trigger)
        record = VerdictRecord(
            trigger.epoch,
            trigger.lane,
            trigger.trigger_seq,
            trigger.encoder_count,
            int(Decision.REJECT if reason else Decision.ACCEPT),
            reason_number(reason),
        )
        self._due.append((last + INSPECTION_COUNTS, record))

    def _reason(self, centre: float, trigger: TriggerRecord) -> str:
        near: list[PlannedBall] = [
            ball for at, ball in self._lanes[trigger.lane] if abs(at - centre) % 65536 < COUNTS_PER_D // 2
        ]
        if trigger.pulse_counts > self._settings.pulse_max_counts:
            return "pulse_long"
        if not near:
            return "view_unhealthy"
        return "" if near[0].good else _SIZE_REASONS.get(near[0].label, near[0].label)

    def _write(self, records: Iterable[VerdictRecord], now_ns: int) -> None:
        for record in records:
            address = VERDICT_RING.slot_address(self._verdicts)
            words = pack_slot(VERDICT_RING, self._verdicts, record)
            self._registers[address : address + len(words)] = words
            self.written_ns[self._verdicts % VERDICT_RING.slots] = now_ns
            self._verdicts += 1


class ClockedLoop:
    """Line, PLC program and oracle, moved on together."""

    def __init__(
        self, settings: LineSettings, saboteur: Saboteur | None = None, acts: Sequence[PlantAct] = ()
    ) -> None:
        self._acts = sorted(acts)
        self._trials = 0
        settings.run_dir.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.now_ns = 1_000_000_000
        self._field = Field.create(settings.field_name)
        self._truth = TruthLog(settings.truth_path)
        self._line = Line(settings, self._field, self._truth, self.now_ns)
        self._registers = [0] * AREA_WORDS
        self._retained = [Retained()]
        self._boots = 0
        self._dead_until_ns = 0
        self._plc = self._boot()
        self._log: TextIO = settings.plc_log_path.open("w", encoding="utf-8")
        first = self._line.encoder_start + settings.settle_d * COUNTS_PER_D
        self._oracle = Oracle(settings, self._registers, first)
        self._oracle.saboteur = saboteur

    def _boot(self) -> PlcLogic:
        """Power on: empty registers, trigger numbers from 1, only the retentive memory is left."""
        self._registers[:] = [0] * AREA_WORDS
        self._eyes = EdgeReader(self._field)
        self._boots += 1
        settings = plc_settings(self.settings)
        return PlcLogic(settings, self._registers, self._retained[-1], self._retained.append, self._boots)

    def _restart_plc(self) -> bool:
        """Carry out a restart that the line asks for; true while the PLC is dead."""
        if self._field.get(Word.PLC_RESTART_REQUEST) == self._boots:
            self._dead_until_ns = self.now_ns + RESTART_NS
            self._plc = self._boot()
        if self.now_ns < self._dead_until_ns:
            self._eyes.take()
            return True
        return False

    def run(self, seconds: float = 60.0) -> None:
        """Until the line has ended.

        Raises:
            TimeoutError: it has not after this many seconds of its own time.
        """
        field = self._field
        try:
            for tick in range(round(seconds * 1e9 / TICK_NS)):
                self.now_ns += TICK_NS
                if tick == 100:
                    field.set(Word.START_REQUEST, 1)
                while self._acts and self._acts[0][0] * 1e9 <= tick * TICK_NS:
                    _, word, value = self._acts.pop(0)
                    self._act(word, value)
                self._line.advance(self.now_ns)
                if tick % SCAN_TICKS == 0:
                    self._scan()
                if self._line.state == LineState.ENDED:
                    return
            raise TimeoutError("the line did not end")
        finally:
            self.close()

    def _act(self, word: int, value: int) -> None:
        if word != TRIAL:
            self._field.set(word, value)
            return
        # Open from this count on until well behind the gate.
        names = ("open_after_counts", "close_after_counts", "service_seq")
        self._trials += 1
        values = dict(zip(names, (value, value + 1200, self._trials), strict=True))
        self._registers[SERVICE.address : SERVICE.address + SERVICE.words] = pack(SERVICE, values)

    def _scan(self) -> None:
        field = self._field
        if self._restart_plc():
            return
        self._oracle.step(self.now_ns)
        for slot, written_ns in self._oracle.written_ns.items():
            self._plc.memory.verdict_written_ns[slot] = written_ns
        inputs = PlcInputs(
            encoder_count=field.get(Word.ENCODER),
            edges=tuple(self._eyes.take()),
            e_stop=field.get(Word.E_STOP) != 0,
            guard_open=field.get(Word.GUARD_OPEN) != 0,
            air_low=field.get(Word.AIR_LOW) != 0,
            operator_reset=field.get(Word.OPERATOR_RESET),
            key_switch=KeySwitch(field.get(Word.KEY_SWITCH)),
        )
        outputs = self._plc.scan(self.now_ns, inputs)
        for lane in self.settings.lane_numbers:
            if (field.get(Word.GATE_ENERGISED + lane) != 0) != outputs.gates[lane]:
                field.set(Word.GATE_CHANGED_NS + lane, self.now_ns)
                field.set(Word.GATE_ENERGISED + lane, int(outputs.gates[lane]))
        field.set(Word.BELT_ENABLE, int(outputs.belt_enable))
        field.set(Word.STOP_LATCHED, int(outputs.stop_latched))
        field.scanned(self.now_ns, round(self.settings.gate_watchdog_ms * 1e6))
        self._log.writelines(json.dumps(event) + "\n" for event in outputs.events)

    def close(self) -> None:
        """Write the last rows and remove the shared memory."""
        self._line.close(self.now_ns)
        self._truth.close()
        self._field.close()
        self._log.close()


def run_clocked(
    settings: LineSettings, saboteur: Saboteur | None = None, acts: Sequence[PlantAct] = ()
) -> None:
    """One whole run; `acts`: what people at the plant do."""
    ClockedLoop(settings, saboteur, acts).run(20.0 + 1.5 * settings.n_balls / settings.balls_per_s)


def clocked_settings(run_dir: Any, bank_dir: Any, **changes: Any) -> LineSettings:
    """Settings of a short run."""
    base = {
        "run_dir": run_dir,
        "bank_dir": bank_dir,
        "field_name": f"fg-audit-{run_dir.name}-field",
        "ring_prefix": f"fg-audit-{run_dir.name}",
        "n_balls": 40,
        "settle_d": 6.0,
        "defect_share": 0.25,
        "seed": 3,
    }
    return LineSettings.model_validate(base | changes)
