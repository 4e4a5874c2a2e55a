"""A stretch of a ball line drawn beforehand, as the station gets it: frames and triggers in their order.

The twin's optics draw it without its processes and without a clock, so that two runs of a bench see the same
pixels. Neighbours: `ferrogate bench stages` feeds it to the station's own parts; `optics` draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from datasets.synthetic.bank import BallBank
from edge_runtime.config import StationConfig, load_recipe, load_station
from edge_runtime.encoder import wrap
from edge_runtime.parts import DueView, Part, PartTracker
from edge_runtime.plc.records import TriggerRecord
from edge_runtime.station.gauges import Gauges
from edge_runtime.twin.balls import plan_balls
from edge_runtime.twin.demo_files import write_files
from edge_runtime.twin.optics import Composer, load_pictures
from edge_runtime.twin.settings import COUNTS_PER_D, LineSettings, with_fast_lanes, with_physics
from vision.health import background_level
from vision.metrology.types import Temperature
from vision.recipe import BallRecipe
from vision.types import Frame, View

#: reading of the pyrometer for every ball: in the middle of what the twin's balls have
_CELSIUS, _U_CELSIUS = 110.0, 6.0


@dataclass(frozen=True, slots=True, eq=False)
class StoredView:
    """One view, with the part that it shows and the frame that it was cut from."""

    part: Part
    due: DueView
    view: View
    frame: Frame


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """What was drawn: the line's files, read, and all frames with the views in them."""

    config: StationConfig
    recipe: BallRecipe
    gauges: Gauges
    frames: tuple[Frame, ...]
    views: tuple[StoredView, ...]
    parts: tuple[Part, ...]


def draw(settings: LineSettings, *, model: str) -> Recorded:
    """Draw all balls of a run past all cameras.

    Args:
        settings: of the line; `run_dir` gets its files.
        model: ONNX file, or the name of a shipped one.

    Raises:
        ConfigError: the ball bank does not serve.
        ContractError: the model cannot be read.
    """
    run = write_files(settings, model=model)
    config, recipe = load_station(run.station_file), load_recipe(run.recipe_file)
    assert config.line is not None  # the twin's station file has one
    events = sorted(_frames(settings) + _triggers(settings), key=lambda item: item[0])
    tracker = PartTracker(config.cameras, config.line, recipe.size.d_nominal_mm)
    tracker.on_encoder(wrap(settings.encoder_start))
    frames: list[Frame] = []
    views: list[StoredView] = []
    parts: list[Part] = []
    for _, event in events:
        if isinstance(event, TriggerRecord):
            part, _ = tracker.on_trigger(event)
            part.temperature = Temperature(_CELSIUS, _U_CELSIUS)
            parts.append(part)
            continue
        frames.append(event)
        for part, due, view in tracker.on_frame(event, background_level(event.image)):
            views.append(StoredView(part, due, view, event))
    gauges = Gauges(config, recipe, date.today())
    return Recorded(config, recipe, gauges, tuple(frames), tuple(views), tuple(parts))


def _first_centre(settings: LineSettings) -> float:
    return settings.encoder_start + settings.settle_d * COUNTS_PER_D


def _triggers(settings: LineSettings) -> list[tuple[float, Frame | TriggerRecord]]:
    """Each ball's record at the count at which it leaves the photo-eye."""
    found: list[tuple[float, Frame | TriggerRecord]] = []
    numbers = dict.fromkeys(settings.lane_numbers, 0)
    for ball in plan_balls(settings, BallBank(settings.bank_dir).index):
        numbers[ball.lane] += 1
        centre = _first_centre(settings) + ball.offset_counts
        ahead, behind = ball.extent_counts(0.0, settings)
        pulse = round(ahead + behind)
        rising = wrap(round(centre - ahead))
        record = TriggerRecord(1, ball.lane, numbers[ball.lane], rising, pulse)
        found.append((centre + behind, record))
    return found


def _frames(settings: LineSettings) -> list[tuple[float, Frame | TriggerRecord]]:
    """Every exposure in which a ball is to be seen."""
    bank = BallBank(settings.bank_dir)
    balls = [
        (
            ball,
            _first_centre(settings) + ball.offset_counts,
            load_pictures(bank, ball, rim_light_max=settings.rim_light_max),
        )
        for ball in plan_balls(settings, bank.index)
    ]
    near = settings.fov_start_counts - 2 * COUNTS_PER_D
    far = settings.fov_start_counts + (settings.fov_length_d + 2.0) * COUNTS_PER_D
    found: list[tuple[float, Frame | TriggerRecord]] = []
    every = settings.exposure_every_counts
    first_ball, last_ball = min(item[1] for item in balls), max(item[1] for item in balls)
    for place in settings.camera_places:
        composer = Composer(settings, place.side, place.number)
        mine = [item for item in balls if item[0].lane == place.lane]
        first = round(first_ball) + settings.fov_start_counts
        first += (settings.exposure_phase_counts(place.side) - first) % every
        for number, count in enumerate(range(first, round(last_ball + far), every), 1):
            seen = [item for item in mine if near < count - item[1] < far]
            image, _ = composer.compose(count, count / settings.speed_counts_per_s, seen)
            found.append(
                (count, Frame(place.name, number, wrap(count), 0, None, settings.exposure_us, image))
            )
    return found


def line_settings(folder: Path, balls: int, seed: int, *, diameter_mm: float, lanes: int = 1) -> LineSettings:
    """Settings of a line as hard to measure on as a plant; several lanes: those for small balls at speed."""
    settings = with_physics(
        LineSettings(
            n_balls=balls,
            seed=seed,
            diameter_mm=diameter_mm,
            run_dir=folder,
            field_name="ferrogate-bench-field",
            ring_prefix="ferrogate-bench",
        )
    )
    return settings if lanes == 1 else with_fast_lanes(settings, lanes)
