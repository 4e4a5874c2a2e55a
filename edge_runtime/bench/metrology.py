"""`ferrogate bench metrology`: our measurement beside OpenCV and scikit-image on drawn silhouettes.

Two sets of shapes with known truth: `clean` (blur 1 px, noise 2 levels) and `hard` (blur 0.5-2.5 px,
noise up to 8 levels, a light gradient of 30 %, dust on 5 % of the outline). Then the time for a
ball of 300 px, the methods in turn on the same pictures. Truth goes through the same filter as the
measurement. Neighbours: `silhouettes` draws, `rivals` are the others, `vision.metrology.measure`
is what is judged, `edge_runtime.commands.bench` prints.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, fields

import cv2
import numpy as np

from edge_runtime.bench.metrology_table import (
    BALL_PX,
    HARD_FACTOR,
    LIMITS,
    METHODS,
    Limit,
    Row,
    SetResult,
    Spread,
    Times,
)
from edge_runtime.bench.rivals import (
    Contour,
    Figures,
    RivalMissingError,
    circle_of,
    figures_of,
    opencv_contour,
    skimage_contour,
)
from edge_runtime.bench.silhouettes import Exposure, Shape, draw
from vision.metrology.circles import NotRoundError
from vision.metrology.form import analyse_form, least_squares_diameter, unit_vectors
from vision.metrology.measure import measure_picture
from vision.metrology.sized import Silhouette
from vision.metrology.types import Float64Array, Refused
from vision.metrology.widths import caliper_widths
from vision.types import UInt8Array

PX_PER_MM = 8.0
NAMES = tuple(field.name for field in fields(Figures))
_MARGIN_PX = 30
_TRUTH_POINTS = 4096
_TIMED_PICTURES = 8
_WARM_UP = 5

Method = Callable[[UInt8Array], Figures | str]


def methods() -> tuple[dict[str, Method | None], tuple[str, ...]]:
    """Every method by name, None for one whose package is missing; and what is to be said about those."""
    said: tuple[str, ...] = ()
    skimage: Method | None = None
    try:
        skimage = _rival(skimage_contour())
    except RivalMissingError as error:
        said = (str(error),)
    return {"opencv": _rival(opencv_contour), "skimage": skimage, "ours": _ours}, said


def run_set(
    name: str, shapes: int, seed: int, by_name: dict[str, Method | None], step: Callable[[], None]
) -> SetResult:
    """Measure `shapes` drawn balls with every method.

    Args:
        name: "clean" or "hard".
        shapes: how many, at least 2.
        seed: the same seed gives the same pictures.
        by_name: the methods; None where one is missing.
        step: called after every shape.
    """
    errors: dict[str, list[Float64Array]] = {method: [] for method in by_name}
    refused: dict[str, dict[str, int]] = {method: {} for method in by_name}
    for shape, picture in _pictures(name, shapes, seed):
        truth = np.array(astuple(truth_of(shape)))
        for method, measure in by_name.items():
            if measure is None:
                continue
            figures = measure(picture)
            if isinstance(figures, str):
                refused[method][figures] = refused[method].get(figures, 0) + 1
            else:
                errors[method].append(np.array(astuple(figures)) - truth)
        step()
    factor = HARD_FACTOR if name == "hard" else 1.0
    rows = tuple(
        Row(figure, {method: _spread(errors[method], at) for method in by_name}, _limit(figure, factor))
        for at, figure in enumerate(NAMES)
    )
    return SetResult(name, shapes, rows, refused)


def run_times(by_name: dict[str, Method | None], rounds: int, seed: int) -> Times:
    """Median time of every method on the same balls of 300 px, in turn; one thread of OpenCV.

    Args:
        by_name: the methods; None where one is missing.
        rounds: how often each picture is measured by each method.
        seed: for the pictures.
    """
    rng = np.random.default_rng([seed, 300])
    pictures = []
    for _ in range(_TIMED_PICTURES):
        shape = _random_shape(BALL_PX, rng)
        pictures.append(draw(shape, *_size(shape), Exposure(), rng))
    tasks: dict[str, Callable[[UInt8Array], object]] = {
        method: measure for method, measure in by_name.items() if measure is not None
    }
    tasks["opencv circle"] = _circle_task(opencv_contour)
    if by_name["skimage"] is not None:
        tasks["skimage circle"] = _circle_task(skimage_contour())
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        taken = _taken_ms(tasks, pictures, rounds)
    finally:
        cv2.setNumThreads(threads)
    return Times(
        all_ms={method: taken.get(method) for method in METHODS},
        circle_ms={method: taken.get(f"{method} circle") for method in ("opencv", "skimage")},
    )


def truth_of(shape: Shape) -> Figures:
    """What the shape itself comes to, from many noiseless points."""
    angle: Float64Array = np.arange(_TRUTH_POINTS, dtype=np.float64) * (2.0 * np.pi / _TRUTH_POINTS)
    return _figures(shape.radius_px(angle))


def _figures(radius: Float64Array) -> Figures:
    form, widths = analyse_form(radius), caliper_widths(radius)
    return Figures(
        ls_diameter=least_squares_diameter(radius),
        feret_max=widths.maximum,
        feret_min=widths.minimum,
        roundness_unfiltered=_unfiltered(radius),
        roundness_lsci=form.lsci.ront,
        roundness_mzci=form.mzci.ront,
        roundness_mcci=form.mcci.ront,
        roundness_mici=form.mici.ront,
    )


def _of_silhouette(found: Silhouette) -> Figures:
    form, widths, outline = found.form, found.widths, found.outline
    return Figures(
        ls_diameter=found.diameter_ls_px,
        feret_max=widths.maximum,
        feret_min=widths.minimum,
        roundness_unfiltered=_unfiltered(outline.radius_px, outline.seen),
        roundness_lsci=form.lsci.ront,
        roundness_mzci=form.mzci.ront,
        roundness_mcci=form.mcci.ront,
        roundness_mici=form.mici.ront,
    )


def _unfiltered(radius: Float64Array, seen: np.ndarray | None = None) -> float:
    """RONt about the least-squares circle, of the outline as it is."""
    points = (radius * unit_vectors(len(radius))).T
    cx, cy, _ = circle_of(points)
    distance = np.hypot(points[:, 0] - cx, points[:, 1] - cy)
    return float(np.ptp(distance if seen is None else distance[seen]))


def _ours(picture: UInt8Array) -> Figures | str:
    found = measure_picture(picture)
    return found.reason.value if isinstance(found, Refused) else _of_silhouette(found)


def _rival(contour: Contour) -> Method:
    def measure(picture: UInt8Array) -> Figures | str:
        points = contour(picture)
        if points is None:
            return "no_contour"
        try:
            return figures_of(points)
        except NotRoundError:
            return "not_round"

    return measure


def _circle_task(contour: Contour) -> Callable[[UInt8Array], object]:
    def task(picture: UInt8Array) -> object:
        points = contour(picture)
        return None if points is None else circle_of(points)

    return task


def _pictures(name: str, shapes: int, seed: int) -> Iterator[tuple[Shape, UInt8Array]]:
    hard = name == "hard"
    for number in range(shapes):
        rng = np.random.default_rng([seed, int(hard), number])
        shape = _random_shape(float(rng.uniform(20.0, 60.0)) * PX_PER_MM, rng)
        exposure = Exposure()
        if hard:
            exposure = Exposure(
                blur_sigma_px=float(rng.uniform(0.5, 2.5)),
                noise_sd=float(rng.uniform(0.0, 8.0)),
                gradient_share=0.3,
                gradient_rad=float(rng.uniform(0.0, 2.0 * np.pi)),
                dust_share=0.05,
            )
        yield shape, draw(shape, *_size(shape), exposure, rng)


def _random_shape(diameter_px: float, rng: np.random.Generator) -> Shape:
    middle = (diameter_px + 2 * _MARGIN_PX) / 2.0
    return Shape(
        centre_xy_px=(middle + float(rng.uniform(-0.5, 0.5)), middle + float(rng.uniform(-0.5, 0.5))),
        diameter_px=diameter_px,
        oval_px=float(rng.uniform(0.0, 1.0)) * PX_PER_MM,
        lobe3_px=float(rng.uniform(0.0, 0.3)) * PX_PER_MM,
        oval_phase_rad=float(rng.uniform(0.0, np.pi)),
        lobe3_phase_rad=float(rng.uniform(0.0, 2.0 * np.pi / 3.0)),
    )


def _size(shape: Shape) -> tuple[int, int]:
    side = round(shape.diameter_px) + 2 * _MARGIN_PX
    return side, side


def _spread(errors: Sequence[Float64Array], at: int) -> Spread | None:
    if len(errors) < 2:
        return None
    column = np.array([error[at] for error in errors])
    return Spread(float(column.mean()), float(column.std(ddof=1)))


def _limit(figure: str, factor: float) -> Limit | None:
    limit = LIMITS.get(figure)
    if limit is None:
        return None
    return Limit(
        round(limit.bias_px * factor, 9), None if limit.sd_px is None else round(limit.sd_px * factor, 9)
    )


def _taken_ms(
    tasks: dict[str, Callable[[UInt8Array], object]], pictures: Sequence[UInt8Array], rounds: int
) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for turn in range(_WARM_UP + rounds):
        for picture in pictures:
            for name, task in tasks.items():
                start_ns = time.perf_counter_ns()
                task(picture)
                if turn >= _WARM_UP:
                    taken[name].append((time.perf_counter_ns() - start_ns) / 1e6)
    return {name: statistics.median(values) for name, values in taken.items()}
