"""The balls of a run: drawn beforehand from the seed, one behind another.

`plan_balls` gives every ball its label, size, place on the belt, pose and light; the
pictures come later from the bank (`optics`). Two runs with the same settings have the
same balls, whatever the machine's speed.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from datasets.synthetic.bank import BallTruth, BankIndex
from edge_runtime.twin.dirt import Flake, Speck
from edge_runtime.twin.faults import FaultName
from edge_runtime.twin.settings import COUNTS_PER_D, LineSettings
from vision.contract import BALL_LABELS
from vision.errors import ConfigError

UNDERSIZE, OVERSIZE, OVAL, GOOD = "undersize", "oversize", "oval", "good"
DEFECT_KINDS = (*BALL_LABELS, OVAL, UNDERSIZE, OVERSIZE)
#: pieces whose outline is no circle: their extent along the belt is read from the pictures
SHAPED = frozenset({"half", "double", "neck"})
SIZE_CLIP_SD = 3.0
CERTIFIED_C = 20.0
_FLAKE_LENGTH_MM, _FLAKE_WIDTH_MM = (0.8, 3.0), (0.5, 1.5)


class _HeatAndScale(TypedDict):
    celsius: float
    pyrometer_celsius: float
    hot_gain: float
    flakes: tuple[Flake, ...]


@dataclass(frozen=True, slots=True)
class PlannedBall:
    """One ball.

    Attributes:
        number: from 0.
        label: 'good', 'oval', 'undersize', 'oversize' or a ball label.
        bank: which ball of the bank it looks like.
        size_mm: the diameter that the bank's nominal diameter is scaled to.
        offset_counts: belt travel from the first ball's centre to this one's.
        roll0_deg: roll angle as its centre passes the photo-eye.
        lateral_mm: off the lane's centre line, positive to the left of the travel.
        light_gain: its brightness.
        specks: (N, 5): unit vector, radius in px, grey step of dust on it.
        celsius: its temperature at the cameras.
        pyrometer_celsius: what the pyrometer says of it.
        hot_gain: its size at that temperature over its size at 20 degC.
        flakes: scale that stands out of its surface.
        challenge: somebody dropped it to try the line.
        lane: on which it comes.
        look: balls of one look are the same ball come again; its own number where none repeat.
    """

    number: int
    label: str
    bank: BallTruth
    size_mm: float
    offset_counts: float
    roll0_deg: float
    lateral_mm: float
    light_gain: float
    specks: tuple[Speck, ...]
    celsius: float = CERTIFIED_C
    pyrometer_celsius: float = CERTIFIED_C
    hot_gain: float = 1.0
    flakes: tuple[Flake, ...] = ()
    challenge: bool = False
    lane: int = 0
    look: int = -1

    @property
    def d_min_mm(self) -> float:
        """Smallest true width, as all true sizes at 20 degC and without flakes."""
        return self.size_mm * self.bank.d_min_share

    @property
    def d_max_mm(self) -> float:
        """Largest true width."""
        return self.size_mm * self.bank.d_max_share

    @property
    def d_mean_mm(self) -> float:
        """Mean of smallest and largest width."""
        return (self.d_min_mm + self.d_max_mm) / 2.0

    @property
    def good(self) -> bool:
        """Whether it belongs into the accept chute."""
        return self.label == GOOD

    def roll_deg(self, travel_counts: float, um_per_count: float) -> float:
        """Roll angle `travel_counts` behind the photo-eye (rolling without slip), degrees 0..360."""
        radius_mm = self.size_mm / 2.0
        return (self.roll0_deg + math.degrees(travel_counts * um_per_count / 1000.0 / radius_mm)) % 360.0

    def extent_counts(self, travel_counts: float, settings: LineSettings) -> tuple[float, float]:
        """Counts from its centre to the ends that cover a beam on the lane's centre line: (ahead, behind).

        A round ball covers the chord 2 sqrt(r^2 - y^2) at its lateral offset y.
        """
        counts_per_mm = COUNTS_PER_D / settings.diameter_mm
        if self.label not in SHAPED:
            radius_mm = self.d_mean_mm / 2.0
            half = math.sqrt(max(radius_mm**2 - self.lateral_mm**2, 0.0)) * counts_per_mm
            return half, half
        view = nearest_view(self.bank, "left", self.roll_deg(travel_counts, settings.um_per_count))
        x1, _, x2, _ = self.bank.views[view].silhouette_xyxy_px
        centre = self.bank.tile_px / 2.0
        counts_per_px = self.size_mm / self.bank.nominal_px * counts_per_mm
        return max(x2 - centre, 1.0) * counts_per_px, max(centre - x1, 1.0) * counts_per_px


def nearest_view(bank: BallTruth, camera: str, roll_deg: float) -> int:
    """Index of the camera's view whose roll angle lies nearest.

    Raises:
        ConfigError: the bank has no view of that camera.
    """
    best, best_off = -1, 361.0
    for index, view in enumerate(bank.views):
        if view.camera == camera:
            off = abs((view.roll_deg - roll_deg + 180.0) % 360.0 - 180.0)
            if off < best_off:
                best, best_off = index, off
    if best < 0:
        raise ConfigError(
            f"ball {bank.ball} of the bank has no view of camera '{camera}'",
            where=bank.sheet,
            todo="rebuild the bank with 'ferrogate data bank'",
        )
    return best


def plan_balls(settings: LineSettings, bank: BankIndex) -> Iterator[PlannedBall]:
    """All balls of a run, in order.

    Raises:
        ConfigError: the bank lacks a kind of ball that the run needs.
    """
    by_label = _by_label(bank)
    needed = {GOOD, *BALL_LABELS, OVAL} if settings.defect_share > 0.0 else {GOOD}
    missing = sorted(needed - set(by_label))
    if missing:
        raise ConfigError(
            f"the ball bank has no ball of: {', '.join(missing)}",
            where=str(settings.bank_dir),
            todo="rebuild the bank with 'ferrogate data bank', or run with --defect-share 0",
        )
    touching = {fault.ball for fault in settings.faults if fault.name == FaultName.TOUCHING_BALLS}
    if settings.repeat_balls:
        yield from _repeated(settings, by_label, touching)
    else:
        yield from _drawn(settings, by_label, touching, settings.n_balls)


def _repeated(
    settings: LineSettings, by_label: dict[str, list[BallTruth]], touching: set[int]
) -> Iterator[PlannedBall]:
    """The first balls again and again. Their stretch of belt is a whole number of exposures."""
    once = list(_drawn(settings, by_label, touching, settings.repeat_balls))
    pitch = settings.pitch_d * COUNTS_PER_D
    longest = max(ball.offset_counts for ball in once) + pitch
    # Wraps of the counter must not shift the exposures either: every_counts divides them.
    stretch = math.ceil(longest / settings.exposure_every_counts) * settings.exposure_every_counts
    for number in range(settings.n_balls):
        turn, at = divmod(number, len(once))
        ball = once[at]
        yield dataclasses.replace(ball, number=number, offset_counts=ball.offset_counts + turn * stretch)


def _drawn(
    settings: LineSettings, by_label: dict[str, list[BallTruth]], touching: set[int], balls: int
) -> Iterator[PlannedBall]:
    """Balls one behind another on each lane; each comes onto the lane that has waited longest."""
    rng = np.random.default_rng([settings.seed, 0xBA11])
    lanes = settings.lane_numbers
    apart = settings.pitch_d * COUNTS_PER_D / len(lanes)
    last = {lane: (at * apart, 0.0) for at, lane in enumerate(lanes)}
    started: set[int] = set()
    for number in range(balls):
        ball = _draw_ball(settings, by_label, rng, number)
        pitch = float(rng.normal(1.0, settings.pitch_sd_share)) * settings.pitch_d * COUNTS_PER_D
        if settings.train_balls and number and number % settings.train_balls == 0:
            gap = settings.train_gap_d * COUNTS_PER_D
            last = {each: (at + gap, before_mm) for each, (at, before_mm) in last.items()}
        lane = lanes[number] if number < len(lanes) else min(lanes, key=lambda item: last[item][0])
        offset, before_mm = last[lane]
        contact = (before_mm + ball.d_mean_mm) / 2.0 / settings.diameter_mm * COUNTS_PER_D
        if lane in started:
            offset += contact if number in touching else max(pitch, contact)
        started.add(lane)
        last[lane] = (offset, ball.d_mean_mm)
        yield dataclasses.replace(ball, offset_counts=offset, lane=lane, look=number)


def _by_label(bank: BankIndex) -> dict[str, list[BallTruth]]:
    found: dict[str, list[BallTruth]] = {}
    for ball in bank.balls:
        found.setdefault(ball.label, []).append(ball)
    return found


def _draw_ball(
    settings: LineSettings, by_label: dict[str, list[BallTruth]], rng: np.random.Generator, number: int
) -> PlannedBall:
    scale = settings.d_scale
    label = GOOD
    if rng.random() < settings.defect_share:
        label = DEFECT_KINDS[int(rng.integers(len(DEFECT_KINDS)))]
    sd = float(np.clip(rng.standard_normal(), -SIZE_CLIP_SD, SIZE_CLIP_SD))
    off_mm40 = sd * settings.diameter_sd_mm40
    reject_mm40 = float(rng.uniform(*settings.size_reject_mm40))
    if label == UNDERSIZE:
        off_mm40 = -reject_mm40
    elif label == OVERSIZE:
        off_mm40 = reject_mm40
    wear_mm = settings.roll_wear_um_per_1000_balls * number * 1e-6
    looks = by_label[GOOD if label in (UNDERSIZE, OVERSIZE) else label]
    return PlannedBall(
        number=number,
        label=label,
        bank=looks[int(rng.integers(len(looks)))],
        size_mm=settings.diameter_mm + off_mm40 * scale + wear_mm,
        offset_counts=0.0,
        roll0_deg=float(rng.uniform(0.0, 360.0)),
        lateral_mm=float(rng.uniform(-1.0, 1.0)) * settings.lateral_mm40 * scale,
        light_gain=float(np.clip(rng.normal(1.0, settings.light_sd_share), 0.7, 1.3)),
        specks=_draw_specks(settings, rng),
        **_draw_heat_and_scale(settings, number),
    )


def _draw_heat_and_scale(settings: LineSettings, number: int) -> _HeatAndScale:
    """From a generator of its own, so that the rest of the plan is the same with and without."""
    rng = np.random.default_rng([settings.seed, 0x4EA7, number])
    celsius = float(rng.uniform(*settings.ball_celsius))
    error_k = float(rng.uniform(-1.0, 1.0)) * settings.pyrometer_error_k
    return {
        "celsius": celsius,
        "pyrometer_celsius": celsius + error_k,
        "hot_gain": 1.0 + settings.expansion_per_k * (celsius - CERTIFIED_C),
        "flakes": draw_flakes(rng, settings.flakes_max, settings.flake_thickness_mm),
    }


def draw_flakes(
    rng: np.random.Generator, at_most: int, thickness_mm: tuple[float, float]
) -> tuple[Flake, ...]:
    """0 to `at_most` flakes at random places."""
    flakes = []
    for _ in range(int(rng.integers(at_most + 1))):
        x, y, z = rng.standard_normal(3)
        norm = math.sqrt(x * x + y * y + z * z) or 1.0
        flakes.append(
            Flake(
                normal=(float(x / norm), float(y / norm), float(z / norm)),
                thickness_mm=float(rng.uniform(*thickness_mm)),
                length_mm=float(rng.uniform(*_FLAKE_LENGTH_MM)),
                width_mm=float(rng.uniform(*_FLAKE_WIDTH_MM)),
                turn_rad=float(rng.uniform(0.0, math.pi)),
            )
        )
    return tuple(flakes)


def _draw_specks(settings: LineSettings, rng: np.random.Generator) -> tuple[Speck, ...]:
    specks = []
    for _ in range(int(rng.integers(settings.dust_specks_max + 1))):
        x, y, z = rng.standard_normal(3)
        norm = math.sqrt(x * x + y * y + z * z) or 1.0
        step = float(rng.uniform(8.0, 30.0)) * (1.0 if rng.random() < 0.7 else -1.0)
        specks.append((float(x / norm), float(y / norm), float(z / norm), float(rng.uniform(0.5, 1.4)), step))
    return tuple(specks)
