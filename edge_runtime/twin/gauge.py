"""The twin as a gauge: balls of known size and form through both cameras, again and again.

One trial is one passage of one ball: a new place across the belt, a new temperature (which the
pyrometer knows only roughly), new scale flakes, another state of the lamps. Every exposure that
shows the whole ball is measured by the station's own path (`vision.ball_outline`, the camera's
calibration, `vision.fusion`), and the mean diameter with its uncertainty is compared with the
truth. Neighbours: `solid` and `study_pictures` draw, `reference_scale` calibrates the cameras,
`ferrogate msa twin` makes the report.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from edge_runtime.recipes import recipe_for_diameter
from edge_runtime.twin.balls import CERTIFIED_C
from edge_runtime.twin.dirt import view_axes
from edge_runtime.twin.settings import CAMERAS, PX_PER_D
from edge_runtime.twin.study_parts import (
    STEP_PX,
    Passage,
    StudySettings,
    TrueView,
    draw_parts,
    draw_passage,
    random_turn,
    true_view,
)
from edge_runtime.twin.study_pictures import StudyView, draw_view
from vision.ball_outline import Gauge, find_ball, in_mm, outline_of
from vision.errors import FerrogateError
from vision.fusion import fuse
from vision.metrology.calibration import CameraCalibration
from vision.metrology.types import Temperature
from vision.recipe import ViewLimits
from vision.types import Detections, PartId, ViewFault, ViewFindings


class StudyError(FerrogateError):
    """A study on the twin could not be made (exit code 11)."""

    exit_code = 11


@dataclass(frozen=True, slots=True)
class StudyRow:
    """One passage.

    Attributes:
        part, orientation, trial: from 0.
        value_mm: mean diameter at 20 degC, fused over the views.
        reference_mm: true mean width over all directions.
        u_mm: standard uncertainty that the station states for `value_mm`.
        roundness_mm: largest roundness over the views (minimum zone, 1-50 UPR).
        roundness_reference_mm: truth of the same views.
        views: how many were measured; refused: how many were not, with the reasons.
        celsius, lateral_mm: of the ball.
    """

    part: int
    orientation: int
    trial: int
    value_mm: float
    reference_mm: float
    u_mm: float
    roundness_mm: float
    roundness_reference_mm: float
    views: int
    refused: tuple[str, ...]
    celsius: float
    lateral_mm: float


@dataclass(frozen=True, slots=True)
class ViewCheck:
    """One view's figures beside the truth of the same view, all at 20 degC.

    Of each pair the first is measured; `speck_mm` is what was left out as a flake.
    """

    camera: str
    feret_min_mm: tuple[float, float]
    feret_max_mm: tuple[float, float]
    feret_mean_mm: tuple[float, float]
    roundness_mm: tuple[float, float]
    u_mm: float
    speck_mm: float


@dataclass(slots=True)
class Measured:
    """What came out of each view of one passage; a refused view has findings but no check."""

    findings: list[ViewFindings] = field(default_factory=list)
    checks: list[ViewCheck] = field(default_factory=list)


class TwinGauge:
    """Measures drawn balls as the station does.

    Args:
        settings: balls and plant.
        calibrations: one per camera ('left', 'right'), see `reference_scale.calibrate_twin`.
    """

    def __init__(self, settings: StudySettings, calibrations: Mapping[str, CameraCalibration]) -> None:
        self._settings = settings
        self._calibrations = calibrations
        self._lenses = {camera: settings.lens(camera) for camera in CAMERAS}
        self._limits: ViewLimits = recipe_for_diameter(settings.diameter_mm).views

    def pass_through(self, passage: Passage, rng: np.random.Generator) -> Measured:
        """Expose and measure one passage; `rng`: of the pictures' noise."""
        measured = Measured()
        gain = 1.0 + self._settings.expansion_per_k * (passage.celsius - CERTIFIED_C)
        # Evenly spread over +- its error.
        u_k = self._settings.pyrometer_error_k / math.sqrt(3.0)
        temperature = Temperature(passage.pyrometer_celsius, u_k)
        radius_mm = passage.solid.diameter_mm / 2.0
        for camera, x_mm in self._exposures(passage, radius_mm):
            fixed = self._lenses[camera]
            lens = replace(fixed, mm_per_px=fixed.mm_per_px / passage.scale_gain)
            roll = passage.roll_rad + x_mm / radius_mm
            axes = view_axes(lens.tilt_rad, roll) @ passage.turn
            view = draw_view(
                passage.solid,
                lens,
                camera,
                (x_mm, passage.lateral_mm),
                axes,
                gain,
                passage.flakes,
                passage.lights[camera],
                rng,
            )
            expected = lens.see(x_mm, 0.0, self._settings.diameter_mm / 2.0).centre_xy_px
            self._measure(measured, camera, view, expected, temperature, true_view(passage.solid, axes))
        return measured

    def _exposures(self, passage: Passage, radius_mm: float) -> list[tuple[str, float]]:
        """Camera and place along the belt of every exposure that shows the ball whole."""
        found = []
        for number, camera in enumerate(CAMERAS):
            lens = self._lenses[camera]
            x_px = (passage.first_px + number * STEP_PX / 2.0) % STEP_PX
            while x_px < lens.width_px:
                x_mm = (x_px - lens.width_px / 2.0) * lens.mm_per_px
                seen = lens.see(x_mm, passage.lateral_mm, radius_mm)
                reach_px = float(np.abs(seen.axes_px[0]).sum()) + 3.0
                if reach_px < seen.centre_xy_px[0] < lens.width_px - reach_px:
                    found.append((camera, x_mm))
                x_px += STEP_PX
        return found

    def _measure(
        self,
        measured: Measured,
        camera: str,
        view: StudyView,
        expected_xy_px: tuple[float, float],
        temperature: Temperature,
        true: TrueView,
    ) -> None:
        left, top = view.origin_xy_px
        expected = (expected_xy_px[0] - left, expected_xy_px[1] - top)
        found = find_ball(view.image, expected, float(PX_PER_D), view.background_level, self._limits)
        empty = _nothing_found(camera, len(measured.findings), found.fault, found.detail)
        if found.silhouette is None or found.fault is not ViewFault.OK:
            measured.findings.append(empty)
            return
        sized = in_mm(found.silhouette, Gauge(self._calibrations[camera], temperature), view.origin_xy_px)
        ball = sized.ball
        measured.findings.append(
            replace(
                empty,
                outline=outline_of(found.silhouette, left, top),
                diameter_min_mm=ball.feret_min_mm,
                diameter_max_mm=ball.feret_max_mm,
                diameter_mean_mm=ball.feret_mean_mm,
                u_diameter_mm=ball.u_diameter_mm,
                u_random_mm=sized.u_random_mm,
                roundness_mm=ball.roundness_mm.mzci,
                u_roundness_mm=ball.u_roundness_mm,
                speck_mm=ball.speck_mm,
            )
        )
        measured.checks.append(
            ViewCheck(
                camera=camera,
                feret_min_mm=(ball.feret_min_mm, true.feret_min_mm),
                feret_max_mm=(ball.feret_max_mm, true.feret_max_mm),
                feret_mean_mm=(ball.feret_mean_mm, true.feret_mean_mm),
                roundness_mm=(ball.roundness_mm.mzci, true.roundness_mm),
                u_mm=ball.u_diameter_mm,
                speck_mm=ball.speck_mm,
            )
        )


def twin_study(
    *,
    parts: int = 10,
    orientations: int = 3,
    trials: int = 3,
    seed: int = 0,
    settings: StudySettings | None = None,
    calibrations: Mapping[str, CameraCalibration],
    progress: Callable[[int, int], None] | None = None,
) -> list[StudyRow]:
    """A gauge study on the twin: every part in every orientation, several passages each.

    Args:
        parts: balls, their true sizes spread evenly over the settings' range.
        orientations: how each ball lies as it enters; the study's appraisers.
        trials: passages per part and orientation.
        seed: of everything that is drawn.
        settings: balls and plant; default: a plant as it is.
        calibrations: one per camera.
        progress: called with passages done and in all.

    Returns:
        One row per passage, in the order part, orientation, trial.

    Raises:
        StudyError: a passage left no view to measure.
    """
    settings = settings or StudySettings()
    gauge = TwinGauge(settings, calibrations)
    rows = []
    solids = draw_parts(settings, parts, seed)
    for part, solid in enumerate(solids):
        turns = np.random.default_rng([seed, 0x0A1E, part])
        for orientation in range(orientations):
            turn = random_turn(turns)
            for trial in range(trials):
                rng = np.random.default_rng([seed, 0x7A55, part, orientation, trial])
                passage = draw_passage(settings, solid, turn, rng)
                rows.append(_row(part, orientation, trial, passage, gauge.pass_through(passage, rng)))
                if progress is not None:
                    progress(len(rows), parts * orientations * trials)
    return rows


def _row(part: int, orientation: int, trial: int, passage: Passage, measured: Measured) -> StudyRow:
    findings = tuple(measured.findings)
    healthy = [view for view in findings if view.fault is ViewFault.OK]
    inspection = fuse(PartId(1, 0, 1), len(findings), findings)
    value, u, form = inspection.diameter_mean_mm, inspection.u_diameter_mean_mm, inspection.roundness_mm
    if value is None or u is None or form is None:
        why = "; ".join(sorted({view.detail for view in findings if view.detail}))
        raise StudyError(
            f"part {part}, orientation {orientation}, trial {trial}: no view was measured: {why}",
            where="twin study",
            todo="use milder settings, or look at the pictures",
        )
    return StudyRow(
        part=part,
        orientation=orientation,
        trial=trial,
        value_mm=value,
        reference_mm=passage.solid.diameter_mm,
        u_mm=u,
        roundness_mm=form,
        roundness_reference_mm=max(check.roundness_mm[1] for check in measured.checks),
        views=len(healthy),
        refused=tuple(view.detail for view in findings if view.fault is not ViewFault.OK),
        celsius=passage.celsius,
        lateral_mm=passage.lateral_mm,
    )


def _nothing_found(camera: str, index: int, fault: ViewFault, detail: str) -> ViewFindings:
    return ViewFindings(
        part_id=PartId(1, 0, 1),
        camera=camera,
        index=index,
        frame_number=index,
        encoder_count=0,
        arrived_ns=0,
        fault=fault,
        detail=detail,
        outline=None,
        diameter_min_mm=None,
        diameter_max_mm=None,
        diameter_mean_mm=None,
        detections=Detections.empty(()),
    )
