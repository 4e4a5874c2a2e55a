"""The twin line as a whole: belt, balls, eyes, cameras and gate, moved on by one call.

`Line.advance` takes the line to a point in time; it has no clock of its own, so tests
run it faster than real time. `line_main` is the process around it. Its neighbours on
the other side of the field wiring are the PLC process and the demo parent.
"""

from __future__ import annotations

from dataclasses import dataclass

from datasets.synthetic.bank import BallBank
from edge_runtime.encoder import COUNT_MODULUS, wrap
from edge_runtime.twin.balls import plan_balls
from edge_runtime.twin.belt import Belt, Segment
from edge_runtime.twin.eyes import BeamEdge
from edge_runtime.twin.fault_board import FaultBoard
from edge_runtime.twin.faults import FaultName, PlannedFault
from edge_runtime.twin.feed import Feed
from edge_runtime.twin.field import NO_READING, Eye, Field, LineState, Word
from edge_runtime.twin.gate import ACCEPT_FROM
from edge_runtime.twin.lane import TwinLane, draw_ahead
from edge_runtime.twin.line_people import BUTTONS, Buttons, Operator
from edge_runtime.twin.settings import COUNTS_PER_D, LineSettings
from edge_runtime.twin.shots import Shots
from edge_runtime.twin.supply import Supplied
from edge_runtime.twin.truth import BallRecord, TruthLog, form_mm
from edge_runtime.twin.twin_camera import BallInView, Exposed, FrameOutlet

LEAVE_COUNTS = 2.5 * COUNTS_PER_D
"""It has left this far behind the confirm eyes (further than any jog)."""
EMPTY_COUNTS = 8.0 * COUNTS_PER_D
"""The belt runs on this far when the last ball has left, so that the PLC closes its books."""
STALL_NS = 15_000_000
"""Longest piece of time the belt moves in one go; a busy machine makes the belt slip, not jump."""
_JOG_D = 1.0
_FALSE_PULSE_AT_D, _FALSE_PULSE_HALF_D = 1.5, 0.45
_SLOW_FACTOR, _SLOW_NS = 0.5, 1_000_000_000
_REQUESTS = {
    FaultName.PLC_RESTART: Word.PLC_RESTART_REQUEST,
    FaultName.STATION_KILL: Word.STATION_KILL_REQUEST,
    FaultName.DISK_FULL: Word.DISK_FULL_REQUEST,
    FaultName.LATE_VERDICT: Word.STATION_FREEZE_REQUEST,
}
_LEVELS = {
    FaultName.PLC_LINK_CUT: Word.MODBUS_LINK_CUT,
    FaultName.DISK_FULL: Word.DISK_FULL,
}


@dataclass(slots=True)
class _LiveBall:
    record: BallRecord
    supplied: Supplied
    gate_count: float
    leave_count: float

    def in_view(self) -> BallInView:
        return self.supplied.ball, self.record.centre_count, self.supplied.pictures.result()


def first_encoder_count(settings: LineSettings) -> int:
    """Count the belt starts at: the settings', or the one that lets the wrap fall on a planned ball.

    Raises:
        ConfigError: the bank cannot be read.
    """
    at = [fault.ball for fault in settings.faults if fault.name == FaultName.ENCODER_WRAP]
    if not at:
        return settings.encoder_start
    for ball in plan_balls(settings, BallBank(settings.bank_dir).index):
        if ball.number == at[0]:
            travel = settings.settle_d * COUNTS_PER_D + ball.offset_counts + settings.fov_start_counts
            travel += settings.fov_length_d * COUNTS_PER_D / 2.0
            return -round(travel) % COUNT_MODULUS
    return settings.encoder_start


class Line:
    """The line.

    Args:
        settings: the run.
        field: field wiring, created by the caller.
        truth: the twin's own record.
        start_ns: monotonic time of the start.

    Raises:
        ConfigError: the ball bank does not serve.
    """

    def __init__(self, settings: LineSettings, field: Field, truth: TruthLog, start_ns: int) -> None:
        self._settings = settings
        self._field = field
        self._truth = truth
        self.encoder_start = first_encoder_count(settings)
        first_centre = self.encoder_start + settings.settle_d * COUNTS_PER_D
        self._feed = Feed(settings, field, first_centre, self._refuse_challenge)
        self._board = FaultBoard(settings)
        self.belt = Belt(settings, start_ns, self.encoder_start, settings.seed)
        shots = Shots() if settings.repeat_balls else None
        self._lanes = {
            number: TwinLane(settings, number, self._board, field, self.encoder_start, shots)
            for number in settings.lane_numbers
        }
        if shots is not None:
            draw_ahead(settings, self._lanes.values(), first_centre)
        #: of the first lane: the one that faults and people touch
        self.gate = self._lanes[settings.lane].gate
        self._outlet = FrameOutlet(settings, self._board)
        self._operator = Operator(settings)
        self._now_ns = start_ns
        self._buttons = Buttons(field, self._note)
        self._e_stop_fault = False
        self._live: dict[int, _LiveBall] = {}
        self._first_scan_ns = field.get(Word.PLC_SCAN_NS)
        self._slow_until_ns = 0
        self._was_running = False
        self._wraps = self.encoder_start // COUNT_MODULUS
        self._end_at: float | None = None
        self.state = LineState.WAITING
        self.counts = {"entered": 0, "accept": 0, "reject": 0}
        self._write_start(start_ns)

    def _write_start(self, now_ns: int) -> None:
        settings = self._settings
        self._field.set(Word.ENCODER, self.encoder_start)
        self._field.set(Word.PYROMETER_X10, NO_READING)
        self._truth.write(
            "start",
            now_ns,
            self.encoder_start,
            seed=settings.seed,
            n_balls=settings.n_balls,
            diameter_mm=settings.diameter_mm,
            balls_per_s=settings.balls_per_s,
            defect_share=settings.defect_share,
            lane=settings.lane,
            lanes=settings.lanes,
            eye_to_gate_counts=settings.eye_to_gate_counts,
            gate_to_confirm_counts=settings.gate_to_confirm_counts,
            faults=[fault.model_dump(mode="json") for fault in settings.faults],
        )

    @property
    def _done(self) -> bool:
        return self._end_at is not None and self.belt.position >= self._end_at

    @property
    def _no_more(self) -> bool:
        return bool(self._field.get(Word.END_REQUEST) or self._field.get(Word.EMPTY_REQUEST))

    def advance(self, now_ns: int) -> None:
        """Move everything on to `now_ns` and write inputs to the field."""
        self._now_ns = now_ns
        alive = self._plc_alive(now_ns)
        self._buttons.look()
        self._read_outputs(now_ns, alive)
        self.belt.stand_until(now_ns - STALL_NS)
        for segment in self.belt.advance(now_ns):
            self._enter_balls(segment)
            self._move(segment, now_ns)
        self._faults(now_ns)
        self._outlet.send_late(now_ns)
        self._people(now_ns, alive)
        self._leave(now_ns)
        self._write_inputs(now_ns)
        self._truth.flush_due(now_ns)

    def close(self, now_ns: int) -> None:
        """Write the last rows (balls still on the belt included) and remove the frame rings."""
        on_belt = len(self._live)
        for live in self._live.values():
            self._truth.write("ball", now_ns, self.belt.encoder_count, **live.record.final_row())
        self._live.clear()
        self._truth.write(
            "end",
            now_ns,
            self.belt.encoder_count,
            complete=self.state == LineState.ENDED,
            on_belt=on_belt,
            frames=self._outlet.delivered,
            **self.counts,
        )
        self._feed.close()
        self._outlet.close()

    def _plc_alive(self, now_ns: int) -> bool:
        scan_ns = self._field.get(Word.PLC_SCAN_NS)
        return scan_ns != self._first_scan_ns and now_ns - scan_ns <= self._settings.output_watchdog_ms * 1e6

    def _read_outputs(self, now_ns: int, alive: bool) -> None:
        """Take the PLC's outputs over; they drop out with a dead PLC, as an I/O watchdog does."""
        due_ns = self._field.get(Word.PLC_SCAN_NS) + round(self._settings.gate_watchdog_ms * 1e6)
        for lane in self._lanes.values():
            lane.command(self._field, now_ns, due_ns)
        started = self._field.get(Word.START_REQUEST) != 0 and not self._done
        # A plant's safety circuit takes the torque away by itself; the PLC is only told.
        held = self._buttons.on(Word.E_STOP) or self._buttons.on(Word.GUARD_OPEN)
        self.belt.e_stop = self._e_stop_fault or held
        self.belt.run = started and alive and self._field.get(Word.BELT_ENABLE) != 0
        slow = _SLOW_FACTOR if now_ns < self._slow_until_ns else 1.0
        self.belt.factor = slow * self._buttons.speed_factor
        if self.belt.run and self.state == LineState.WAITING:
            self.state = LineState.RUNNING
        running = self.belt.run and not self.belt.e_stop
        if running != self._was_running:
            self._was_running = running
            self._truth.write("belt", now_ns, self.belt.encoder_count, run=running, plc_alive=alive)

    def _enter_balls(self, segment: Segment) -> None:
        if self._no_more:
            return
        while (due := self._feed.next(segment.p1, empty=not self._live)) is not None:
            self._enter(*due, segment.t1_ns)

    def _enter(self, supplied: Supplied, centre: float, t_ns: int) -> None:
        settings, ball = self._settings, supplied.ball
        record = BallRecord(ball, centre, t_ns)
        ahead, behind = ball.extent_counts(settings.eye_to_gate_counts, settings)
        gate_count = centre + settings.eye_to_gate_counts - ahead
        leave = centre + settings.eye_to_gate_counts + settings.gate_to_confirm_counts + LEAVE_COUNTS
        self._live[ball.number] = _LiveBall(record, supplied, gate_count, leave + behind)
        self.counts["entered"] += 1
        self._truth.write("ball_entered", t_ns, self.belt.encoder_count, **record.entered_row())
        special = self._board.enter(ball.number, centre)
        trigger = self._lanes[ball.lane].beams[Eye.TRIGGER]
        ahead, behind = ball.extent_counts(0.0, settings)
        if FaultName.MISSING_TRIGGER not in special:
            trigger.add(centre - ahead, centre + behind, ball.number)
        if FaultName.DUPLICATE_TRIGGER in special:
            middle = centre + _FALSE_PULSE_AT_D * COUNTS_PER_D
            half = _FALSE_PULSE_HALF_D * COUNTS_PER_D
            trigger.add(middle - half, middle + half, -1)
        every = settings.slow_down_every_balls
        if every and ball.number and not ball.challenge and ball.number % every == 0:
            self._slow_until_ns = t_ns + _SLOW_NS

    def _move(self, segment: Segment, now_ns: int) -> None:
        edges = [(lane, *found) for lane in self._lanes.values() for found in lane.edges(segment)]
        for live in self._live.values():
            if not live.record.place and live.gate_count <= segment.p1:
                self._pass_gate(live, segment)
        for lane, edge, eye in edges:
            self._edge(lane, edge, eye)
        for lane in self._lanes.values():
            for camera in lane.cameras:
                for count in camera.due(segment):
                    seen = self._in_view(lane.number, count)
                    exposed = camera.expose(count, segment.time_at(count), seen)
                    self._outlet.send(exposed, now_ns)
                    self._remember(exposed, camera.name, now_ns)

    def _remember(self, exposed: Exposed, camera: str, now_ns: int) -> None:
        """Write an exposure down with each ball that is whole in it."""
        for shown in exposed.shown:
            if not shown.whole:
                continue
            self._live[shown.ball].record.exposures.append(
                {
                    "camera": camera,
                    "frame": exposed.frame_number,
                    "encoder": exposed.encoder_count,
                    "x_px": round(shown.x_px, 2),
                    "defect_px": shown.view.defect_px,
                    "fault": exposed.fault,
                    "lamp": round(exposed.lamp, 3),
                    "delivered_ns": max(exposed.deliver_ns, now_ns) if exposed.picture else None,
                }
                | form_mm(self._live[shown.ball].supplied.ball, shown.view.form)
            )

    def _in_view(self, lane: int, count: int) -> list[BallInView]:
        start = self._settings.fov_start_counts - 2 * COUNTS_PER_D
        end = self._settings.fov_start_counts + (self._settings.fov_length_d + 2.0) * COUNTS_PER_D
        return [
            live.in_view()
            for live in self._live.values()
            if live.supplied.ball.lane == lane and start < count - live.record.centre_count < end
        ]

    def _pass_gate(self, live: _LiveBall, segment: Segment) -> None:
        t_ns = segment.time_at(live.gate_count) if segment.crosses(live.gate_count) else segment.t1_ns
        record, settings = live.record, self._settings
        lane = self._lanes[live.supplied.ball.lane]
        record.flap = lane.gate.position(t_ns)
        record.place = "accept" if record.flap >= ACCEPT_FROM else "reject"
        record.placed_ns = t_ns
        record.placed_encoder = int(live.gate_count)
        self.counts[record.place] += 1
        eye = Eye.CONFIRM_ACCEPT if record.place == "accept" else Eye.CONFIRM_REJECT
        travel = settings.eye_to_gate_counts + settings.gate_to_confirm_counts
        ahead, behind = live.supplied.ball.extent_counts(travel, settings)
        middle = record.centre_count + travel
        lane.beams[eye].add(middle - ahead, middle + behind, live.supplied.ball.number)

    def _edge(self, lane: TwinLane, edge: BeamEdge, eye: Eye) -> None:
        if eye == Eye.TRIGGER and edge.rising:
            self._field.set(Word.PYROMETER_X10, self._pyrometer_x10(edge))
        self._field.push_edge(lane.number, eye, edge.rising, edge.encoder_count, edge.t_ns)
        if not edge.rising:
            return
        for number in edge.blocking.balls:
            live = self._live.get(number)
            if live is None:
                self._truth.write("false_pulse", edge.t_ns, edge.encoder_count, eye=eye.name.lower())
            elif eye == Eye.TRIGGER:
                live.record.eye_pulses += 1
            else:
                live.record.confirm_pulses += 1

    def _pyrometer_x10(self, edge: BeamEdge) -> int:
        """What the pyrometer at the trigger eye says; nothing when no ball lies there."""
        seen = [self._live[number] for number in edge.blocking.balls if number in self._live]
        return round(seen[-1].supplied.ball.pyrometer_celsius * 10.0) if seen else NO_READING

    def _faults(self, now_ns: int) -> None:
        begun, ended = self._board.update(self.belt.position, now_ns)
        for fault in begun:
            self._begin(fault, now_ns)
        for fault in ended:
            self._end(fault, now_ns)

    def _note(self, event: str, **fields: object) -> None:
        """One row of the truth, now."""
        self._truth.write(event, self._now_ns, self.belt.encoder_count, **fields)

    def _refuse_challenge(self, kind: str) -> None:
        self._note("challenge_refused", kind=kind)

    def _note_fault(self, fault: PlannedFault, phase: str) -> None:
        self._note("fault", name=str(fault.name), phase=phase, ball=fault.ball, camera=fault.camera)

    def _begin(self, fault: PlannedFault, now_ns: int) -> None:
        self._note_fault(fault, "begin")
        if fault.name in _REQUESTS:
            self._field.add(_REQUESTS[fault.name])
        if fault.name in _LEVELS:
            self._field.set(_LEVELS[fault.name], 1)
        if fault.name == FaultName.E_STOP:
            self._e_stop_fault = True
        elif fault.name == FaultName.REVERSE_JOG:
            self.belt.jog_back(_JOG_D * COUNTS_PER_D)
        elif fault.name == FaultName.GATE_STICK:
            self.gate.stick(1.0 if self._settings.gate_stick_position == "accept" else 0.0, now_ns)

    def _end(self, fault: PlannedFault, now_ns: int) -> None:
        if fault.name in _LEVELS:
            self._field.set(_LEVELS[fault.name], 0)
        if fault.name == FaultName.E_STOP:
            self._e_stop_fault = False
        elif fault.name == FaultName.GATE_STICK:
            self.gate.free(now_ns)
        self._note_fault(fault, "end")

    def _people(self, now_ns: int, alive: bool) -> None:
        started = self._field.get(Word.START_REQUEST) != 0 and self.state in (
            LineState.RUNNING,
            LineState.EMPTYING,
        )
        latched = self._field.get(Word.STOP_LATCHED) != 0 or self._field.get(Word.BELT_ENABLE) == 0
        stopped = started and alive and not self.belt.e_stop and latched
        pressed = self._buttons.reset_pressed()
        if self._operator.presses(now_ns, stopped=stopped) or pressed:
            self._board.finish(FaultName.GATE_STICK, now_ns)
            self._field.add(Word.OPERATOR_RESET)
            self._note("operator_reset")

    def _leave(self, now_ns: int) -> None:
        position = self.belt.position
        for number, live in list(self._live.items()):
            if live.leave_count > position:
                break
            del self._live[number]
            self._truth.write("ball", now_ns, self.belt.encoder_count, **live.record.final_row())
        if self.state == LineState.RUNNING and (self._feed.empty or self._no_more):
            self.state = LineState.EMPTYING
        if self.state == LineState.EMPTYING and not self._live and not self._board.timed:
            if self._end_at is None:
                self._end_at = position + EMPTY_COUNTS
            elif self._done and self.belt.standing:
                self.state = LineState.ENDED

    def _write_inputs(self, now_ns: int) -> None:
        field = self._field
        count = self.belt.encoder_count
        if count // COUNT_MODULUS != self._wraps:
            self._wraps = count // COUNT_MODULUS
            self._truth.write("encoder_wrap", now_ns, count, shown=wrap(count))
        for word in BUTTONS:
            on = self._buttons.on(word) or (word is Word.E_STOP and self._e_stop_fault)
            field.set(word, int(on))
        field.set(Word.ENCODER, count)
        field.set(Word.BALLS_ENTERED, self.counts["entered"])
        field.set(Word.BALLS_PLACED, self.counts["entered"] - len(self._live))
        field.set(Word.LINE_STATE, self.state)
        field.add(Word.LINE_HEARTBEAT)
