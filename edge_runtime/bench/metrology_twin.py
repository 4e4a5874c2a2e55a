"""The measurement end to end on the twin: a gauge study, and the uncertainty it states checked by drawing.

The plant of the study: two cameras over a belt, calibrated with certified spheres, balls up to 10 mm
off the lane's middle and 60-160 degC warm (known to 10 K), scale flakes on them, lamps that drift.
Neighbours: `edge_runtime.twin.gauge` runs the passages, `vision.statistics.gauge` works the study out,
`vision.metrology.drawn_size` draws; `metrology_table` holds the results.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from edge_runtime.bench.metrology_table import GRR_BAND_MM, TwinGaugeResult, UncertaintyResult
from edge_runtime.cli import version
from edge_runtime.twin.dirt import view_axes
from edge_runtime.twin.gauge import StudyRow, twin_study
from edge_runtime.twin.reference_scale import calibrate_twin
from edge_runtime.twin.settings import CAMERAS
from edge_runtime.twin.study_parts import StudySettings, draw_parts
from edge_runtime.twin.study_pictures import Light, draw_view
from vision.errors import FerrogateError
from vision.metrology.calibration import CameraCalibration
from vision.metrology.drawn_size import compare_size
from vision.metrology.measure import measure_at
from vision.metrology.types import Refused, Temperature
from vision.statistics.gauge import SPREAD_SIGMAS, gauge_rr
from vision.statistics.studies import Reading, crossed

PARTS, ORIENTATIONS, TRIALS = 10, 3, 3
PASSAGES = PARTS * ORIENTATIONS * TRIALS
#: The twin has no calendar; its calibrations are used at once.
_DATE = "2026-01-01"


def twin_calibrations(settings: StudySettings, seed: int) -> dict[str, CameraCalibration]:
    """Calibrate every camera of the study's plant with certified spheres."""
    return {
        camera: calibrate_twin(
            settings.lens(camera), camera, seed=seed, date=_DATE, software_version=version()
        )
        for camera in CAMERAS
    }


def run_study(
    settings: StudySettings,
    calibrations: Mapping[str, CameraCalibration],
    seed: int,
    step: Callable[[], None],
) -> list[StudyRow]:
    """Ten balls in three orientations, three passages each; `step` is called after every passage."""
    return twin_study(
        parts=PARTS,
        orientations=ORIENTATIONS,
        trials=TRIALS,
        seed=seed,
        settings=settings,
        calibrations=calibrations,
        progress=lambda _done, _all: step(),
    )


def gauge_of(rows: Sequence[StudyRow]) -> TwinGaugeResult:
    """The study's %GRR on a band of +/- 1 mm, and what the station's diameters differ from the truth."""
    readings = [
        Reading(str(row.part), str(row.orientation), str(row.trial), row.value_mm, row.reference_mm)
        for row in rows
    ]
    study = gauge_rr(crossed(readings), GRR_BAND_MM)
    error = np.array([row.value_mm - row.reference_mm for row in rows])
    form = np.array([row.roundness_mm - row.roundness_reference_mm for row in rows])
    return TwinGaugeResult(
        passages=len(rows),
        views=sum(row.views for row in rows),
        refused_views=sum(len(row.refused) for row in rows),
        grr_percent=_percent_of_band(study.grr_sd_mm),
        grr_upper_percent=_percent_of_band(study.grr_upper_sd_mm),
        ndc=study.ndc,
        bias_mm=float(error.mean()),
        sd_mm=float(error.std(ddof=1)),
        roundness_bias_mm=float(form.mean()),
        roundness_sd_mm=float(form.std(ddof=1)),
        stated_u_mm=math.sqrt(float(np.mean([row.u_mm**2 for row in rows]))),
    )


def _percent_of_band(sd_mm: float) -> float:
    return 100.0 * SPREAD_SIGMAS * sd_mm / GRR_BAND_MM


def check_uncertainty(
    settings: StudySettings, calibrations: Mapping[str, CameraCalibration], seed: int
) -> UncertaintyResult:
    """The budget of one view of a warm ball, beside the whole way from outline to mm drawn anew.

    Raises:
        FerrogateError: the twin's own view was refused.
    """
    camera = CAMERAS[0]
    lens, calibration = settings.lens(camera), calibrations[camera]
    solid = draw_parts(settings, 1, seed)[0]
    celsius = sum(settings.celsius) / 2.0
    place = (0.25 * lens.width_px * lens.mm_per_px, settings.lateral_mm / 2.0)
    gain = 1.0 + settings.expansion_per_k * (celsius - 20.0)
    rng = np.random.default_rng([seed, 0xB0D6])
    view = draw_view(solid, lens, camera, place, view_axes(lens.tilt_rad, 0.0), gain, (), Light(), rng)
    seen = lens.see(*place, solid.diameter_mm / 2.0)
    left, top = view.origin_xy_px
    middle = (seen.centre_xy_px[0] - left, seen.centre_xy_px[1] - top)
    radius_px = math.sqrt(abs(float(np.linalg.det(seen.axes_px))))
    found = measure_at(view.image, middle, radius_px, background_level=view.background_level)
    if isinstance(found, Refused):
        raise FerrogateError(
            f"the twin's view was refused: {found.detail}",
            where="the uncertainty's check",
            todo="please report this",
        )
    comparison = compare_size(
        found,
        calibration,
        Temperature(celsius, settings.pyrometer_error_k / math.sqrt(3.0)),
        seed=seed,
        origin_xy_px=(float(left), float(top)),
    )
    return UncertaintyResult(
        gum_u_mm=comparison.budget_u_mm,
        monte_carlo_u_mm=comparison.drawn.u_mm,
        draws=comparison.drawn.draws,
        ratio=comparison.ratio,
    )
