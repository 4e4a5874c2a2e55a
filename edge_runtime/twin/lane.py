"""One lane of the twin line: its three photo-eyes, its gate, its pair of cameras.

Neighbours: `line` owns the belt under all lanes and moves them on; what no lane has of its own (faults,
people, the feed) is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from datasets.synthetic.bank import BallBank
from edge_runtime.twin.balls import plan_balls
from edge_runtime.twin.belt import Segment
from edge_runtime.twin.eyes import Beam, BeamEdge
from edge_runtime.twin.fault_board import FaultBoard
from edge_runtime.twin.field import Eye, Field, Word
from edge_runtime.twin.gate import Gate
from edge_runtime.twin.knobs import NEUTRAL, CameraKnobs, read_knobs
from edge_runtime.twin.optics import load_pictures
from edge_runtime.twin.settings import CAMERAS, COUNTS_PER_D, CameraPlace, LineSettings
from edge_runtime.twin.shots import Shots
from edge_runtime.twin.twin_camera import TwinCamera


class TwinLane:
    """Eyes, gate and cameras of one lane.

    Args:
        settings: the run.
        number: of the lane.
        board: faults; they touch the cameras of the first lane only.
        field: field wiring, for the knobs of the first lane's cameras.
        encoder_start: count at which the belt starts.
        shots: pictures drawn once, None where every picture is drawn anew.
    """

    def __init__(
        self,
        settings: LineSettings,
        number: int,
        board: FaultBoard,
        field: Field,
        encoder_start: int,
        shots: Shots | None = None,
    ) -> None:
        self.number = number
        self.gate = Gate(settings, settings.seed + number - settings.lane)
        self.beams = {eye: Beam() for eye in Eye}
        self._dropped_ns = field.get(Word.GATES_DROPPED_NS)
        self.cameras = [
            TwinCamera(settings, place, board, encoder_start, _knobs(field, place), shots)
            for place in settings.camera_places
            if place.lane == number
        ]

    def command(self, field: Field, now_ns: int, due_ns: int) -> None:
        """Take the PLC's output over; it drops out at `due_ns` without another scan, an I/O watchdog."""
        energised, changed_ns = field.gate(self.number)
        dropped_ns = field.get(Word.GATES_DROPPED_NS)
        if dropped_ns != self._dropped_ns:
            # The PLC is back; whether the gap was seen here or not, the valve had no current in it.
            self._dropped_ns = dropped_ns
            self.gate.command(False, dropped_ns)
            changed_ns = max(changed_ns, field.get(Word.GATES_BACK_NS))
        elif now_ns > due_ns:
            energised, changed_ns = False, due_ns
        self.gate.command(energised, min(changed_ns, now_ns) if changed_ns else now_ns)

    def edges(self, segment: Segment) -> list[tuple[BeamEdge, Eye]]:
        """Edges of all eyes in one piece of motion, in order of time."""
        found = [(edge, eye) for eye, beam in self.beams.items() for edge in beam.edges(segment)]
        return sorted(found, key=lambda item: item[0].t_ns)


def draw_ahead(settings: LineSettings, lanes: Iterable[TwinLane], first_centre: float) -> None:
    """Draw the pictures of one turn of a plan that repeats, so that none is drawn while the line runs.

    Args:
        settings: the run; `repeat_balls` is not 0.
        lanes: of the line.
        first_centre: count at which the first ball's centre passes the photo-eye.

    Raises:
        ConfigError: the ball bank does not serve.
    """
    bank = BallBank(settings.bank_dir)
    turns = settings.model_copy(update={"n_balls": 3 * settings.repeat_balls})
    balls = list(plan_balls(turns, bank.index))
    pictures = {
        ball.look: load_pictures(bank, ball, rim_light_max=settings.rim_light_max)
        for ball in balls[: settings.repeat_balls]
    }
    # Of three turns the middle one has its neighbours on both sides.
    first = round(first_centre + balls[settings.repeat_balls].offset_counts) + settings.fov_start_counts
    stretch = round(balls[settings.repeat_balls].offset_counts - balls[0].offset_counts)
    near = settings.fov_start_counts - 2 * COUNTS_PER_D
    far = settings.fov_start_counts + (settings.fov_length_d + 2.0) * COUNTS_PER_D
    for lane in lanes:
        mine = [
            (ball, first_centre + ball.offset_counts, pictures[ball.look])
            for ball in balls
            if ball.lane == lane.number
        ]
        for camera in lane.cameras:
            for count in camera.exposures(first, first + stretch):
                camera.draw(count, 0, [item for item in mine if near < count - item[1] < far])
            camera.draw(first, 0, [])


def _knobs(field: Field, place: CameraPlace) -> Callable[[], CameraKnobs]:
    """People turn the cameras of the first lane; the others stand as they were built."""
    return partial(read_knobs, field, place.name) if place.name in CAMERAS else lambda: NEUTRAL
