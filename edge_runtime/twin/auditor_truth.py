"""The twin's truth as the auditor reads it: balls, what each picture of them was worth, faults.

Neighbours: `truth` and `line` write the rows; `auditor_join` ties the balls to the parts
of the PLC's log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from edge_runtime.plc.registers import KeySwitch
from edge_runtime.twin.auditor_key import KeyTruth, KeyTurn
from edge_runtime.twin.auditor_plc import Row
from edge_runtime.twin.faults import FAULTS, FaultName
from edge_runtime.twin.knobs import FOCUS_OFF, SHIFTED, TOO_BRIGHT
from edge_runtime.twin.settings import COUNTS_PER_D, LineSettings
from vision.contract import BALL_LABELS

GOOD = "good"
#: labels of balls whose pictures are as wide as their truth says
ROUND = frozenset({GOOD, "undersize", "oversize"})
#: a picture touched by one of these shows nothing of the ball, whatever is in it
BLINDING: frozenset[str] = frozenset(
    {
        FaultName.LATE_FRAME,
        FaultName.FROZEN_FRAME,
        FaultName.BLACK_FRAME,
        FaultName.OIL_FILM,
        FaultName.CAMERA_KNOCK,
        FaultName.CAMERAS_SWAPPED,
        FOCUS_OFF,
        SHIFTED,
        TOO_BRIGHT,
    }
)
#: below this share of the light a picture is no proof (the frame limits name the lamp long before)
LAMP_MIN_SHARE = 0.7
#: rates above this spread a fault over more balls
SPOILS_AT_BALLS_PER_S = 10.0


@dataclass(frozen=True, slots=True)
class TruthView:
    """One exposure in which a ball was wholly visible.

    Attributes:
        camera, frame: which picture.
        count: endless count of the exposure.
        defect_px: pixels of the ball's defect to be seen in it.
        fault: what the twin did to the picture, '' for nothing.
        delivered_ns: monotonic, None when it never was.
        lamp: share of the light that was left.
    """

    camera: str
    frame: int
    count: int
    defect_px: int
    fault: str
    delivered_ns: int | None
    lamp: float

    @property
    def lost(self) -> bool:
        """It never reached the station."""
        return self.delivered_ns is None

    @property
    def blind(self) -> bool:
        """It reached the station, and proves nothing."""
        return self.fault in BLINDING or self.lamp < LAMP_MIN_SHARE


@dataclass(slots=True)
class TruthBall:
    """One ball. `chute` is 'accept', 'reject', 'on_belt', or '' when its last row is missing."""

    ball: int
    lane: int
    label: str
    d_min_mm: float
    d_max_mm: float
    centre: float
    chute: str = ""
    placed_ns: int | None = None
    placed_count: int | None = None
    views: tuple[TruthView, ...] = ()

    @property
    def is_good(self) -> bool:
        """The twin meant it to be good."""
        return self.label == GOOD

    @property
    def hidden(self) -> bool:
        """It has a defect, and no picture that reached the station showed a pixel of it."""
        if self.label not in BALL_LABELS:
            return False
        return all(view.defect_px == 0 for view in self.views if not (view.lost or view.blind))

    def defective(self, d_min_mm: float, d_max_mm: float) -> bool:
        """Any label but good, or a true width outside the band."""
        return not self.is_good or self.d_min_mm < d_min_mm or self.d_max_mm > d_max_mm


@dataclass(frozen=True, slots=True)
class TruthFault:
    """A fault that did begin, at which ball."""

    name: str
    ball: int


@dataclass(slots=True)
class Truth:
    """All of truth.jsonl."""

    balls: dict[int, TruthBall] = field(default_factory=dict)
    faults: list[TruthFault] = field(default_factory=list)
    #: endless counts of rising edges of the trigger eye that no ball caused
    false_pulses: list[int] = field(default_factory=list)
    key: KeyTruth = field(default_factory=KeyTruth)
    #: monotonic ns -> endless count, one reading a row
    position: dict[int, float] = field(default_factory=dict)
    rows: int = 0

    def in_order(self) -> list[TruthBall]:
        """Balls in the order in which they pass the photo-eye."""
        return sorted(self.balls.values(), key=lambda ball: ball.centre)

    def faults_at(self, ball: int, balls_per_s: float) -> tuple[str, ...]:
        """Names of the faults that may have touched a ball, in the order in which they began."""
        wider = max(balls_per_s / SPOILS_AT_BALLS_PER_S, 1.0)
        names = []
        for fault in self.faults:
            first, last = FAULTS[FaultName(fault.name)].spoils
            if fault.ball - ceil(-first * wider) <= ball <= fault.ball + ceil(last * wider):
                names.append(fault.name)
        return tuple(dict.fromkeys(names))


def read_truth(rows: Iterable[Row], settings: LineSettings) -> Truth:
    """Truth out of its rows."""
    truth = Truth()
    for row in rows:
        take_row(truth, row, settings)
    return truth


def take_row(truth: Truth, row: Row, settings: LineSettings) -> None:
    """One more row of a growing truth."""
    truth.rows += 1
    truth.position[int(row["t_ns"])] = float(row["encoder"])
    match row["event"]:
        case "ball_entered" | "ball":
            truth.balls[int(row["ball"])] = _ball(row, settings)
        case "fault" if row["phase"] == "begin":
            truth.faults.append(TruthFault(str(row["name"]), int(row["ball"])))
        case "key":
            turn = KeyTurn(int(row["t_ns"]), float(row["encoder"]), _key(int(row["key"])))
            truth.key.turns.append(turn)
        case "false_pulse" if row["eye"] == "trigger":
            truth.false_pulses.append(int(row["encoder"]))


def _ball(row: Row, settings: LineSettings) -> TruthBall:
    return TruthBall(
        ball=int(row["ball"]),
        lane=int(row.get("lane", settings.lane)),
        label=str(row["label"]),
        d_min_mm=float(row["d_min_mm"]),
        d_max_mm=float(row["d_max_mm"]),
        centre=float(row["centre_count"]),
        chute=str(row.get("place", "")),
        placed_ns=row.get("placed_ns"),
        placed_count=row.get("placed_encoder"),
        views=tuple(_view(item) for item in row.get("exposures", ())),
    )


def _key(contacts: int) -> KeySwitch:
    """Contacts that make no sense are AUTO, as for the PLC."""
    return KeySwitch(contacts) if contacts in set(KeySwitch) else KeySwitch.AUTO


def _view(item: Mapping[str, Any]) -> TruthView:
    return TruthView(
        camera=str(item["camera"]),
        frame=int(item["frame"]),
        count=int(item["encoder"]),
        defect_px=int(item["defect_px"]),
        fault=str(item["fault"]),
        delivered_ns=item["delivered_ns"],
        lamp=float(item["lamp"]),
    )


@dataclass(frozen=True, slots=True)
class DueView:
    """An exposure that must show a part whole, from geometry alone.

    `certain`: a ball as large as the truth says would be whole in it too, so that its
    absence from the truth means that the exposure was never made.
    """

    camera: str
    count: int
    certain: bool


def due_views(centre: int, ball: TruthBall, settings: LineSettings, margin_px: float = 2.0) -> list[DueView]:
    """Every exposure that finds the predicted box of a part with this centre inside the picture.

    The box is that of a ball of nominal diameter, with `margin_px` to both ends of the picture.
    """
    half = COUNTS_PER_D / 2.0 + margin_px / settings.px_per_count
    excess = abs(ball.centre - centre) + max(ball.d_max_mm / settings.diameter_mm - 1.0, 0.0) * COUNTS_PER_D
    start = centre + settings.fov_start_counts
    first, last = start + half, start + settings.width_px / settings.px_per_count - half
    found = []
    for camera in settings.camera_places:
        if camera.lane != ball.lane:
            continue
        every, phase = settings.exposure_every_counts, settings.exposure_phase_counts(camera.side)
        count = ceil(first) + (phase - ceil(first)) % every
        while count <= last:
            room = min(count - first, last - count) + margin_px / settings.px_per_count
            found.append(DueView(camera.name, count, ball.label in ROUND and room > excess + 1.0))
            count += every
    return sorted(found, key=lambda view: view.count)
