"""The gauge study on the twin line's optics, where the truth is known: is the stated uncertainty right?

It is checked twice: against the errors that were made, and against drawing (JCGM 101) through the
whole way from outline to mm. Neighbours: `edge_runtime.twin.gauge` takes the balls through the cameras,
`vision.metrology.drawn_size` draws, `gauge_report` reports the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edge_runtime.reports.document import Column, Fact, KeyValues, Paragraph, Section, Table
from edge_runtime.studies.gauge_plots import stated_plot
from edge_runtime.twin.balls import CERTIFIED_C
from edge_runtime.twin.dirt import view_axes
from edge_runtime.twin.gauge import StudyRow, twin_study
from edge_runtime.twin.reference_scale import calibrate_twin
from edge_runtime.twin.settings import CAMERAS
from edge_runtime.twin.study_parts import Passage, StudySettings, draw_parts, draw_passage, random_turn
from edge_runtime.twin.study_pictures import draw_view
from vision.metrology.calibration import CameraCalibration
from vision.metrology.drawn_size import DRAWS, compare_size
from vision.metrology.measure import measure_at
from vision.metrology.montecarlo import Comparison
from vision.metrology.types import Refused, Temperature
from vision.statistics.studies import Reading, StudyError

#: Balls that the budget is compared with drawing on, one passage each through both cameras.
_COMPARED_PARTS = 3


@dataclass(frozen=True, slots=True)
class Compared:
    """One view of one ball: the budget's u beside the drawn one."""

    camera: str
    diameter_mm: float
    celsius: float
    found: Comparison


@dataclass(frozen=True, slots=True, eq=False)
class TwinResult:
    """What the twin adds to a gauge study.

    Attributes:
        rows: every passage.
        compared: budget and draws.
    """

    rows: tuple[StudyRow, ...]
    compared: tuple[Compared, ...]

    @property
    def errors_mm(self) -> np.ndarray:
        """(N,) measured minus true."""
        return np.array([row.value_mm - row.reference_mm for row in self.rows])

    @property
    def stated_u_mm(self) -> np.ndarray:
        """(N,) standard uncertainty as the station states it."""
        return np.array([row.u_mm for row in self.rows])

    @property
    def stated_over_observed(self) -> float:
        """Root mean square of the stated u over that of the errors; above 1: careful, below: bold."""
        return float(np.sqrt(np.mean(self.stated_u_mm**2) / np.mean(self.errors_mm**2)))

    @property
    def within_2u(self) -> float:
        """Share of the passages whose error lies within 2 u, 0..1."""
        return float(np.mean(np.abs(self.errors_mm) <= 2.0 * self.stated_u_mm))

    @property
    def budget_over_drawn(self) -> tuple[float, float]:
        """Smallest and largest ratio of the budget's u to the drawn one."""
        ratios = [item.found.ratio for item in self.compared]
        return min(ratios), max(ratios)

    def readings(self) -> list[Reading]:
        """The passages as readings; orientations are the appraisers."""
        return [
            Reading(
                str(row.part + 1),
                str(row.orientation + 1),
                str(row.trial + 1),
                row.value_mm,
                row.reference_mm,
            )
            for row in self.rows
        ]


def run_twin_study(
    *,
    parts: int,
    orientations: int,
    trials: int,
    seed: int,
    date: str,
    software_version: str,
    settings: StudySettings | None = None,
    draws: int = DRAWS,
    progress: Callable[[int, int], None] | None = None,
) -> TwinResult:
    """Calibrate the twin's cameras, take the balls through them, compare budget and draws.

    Args:
        parts, orientations, trials: size of the study.
        seed: of everything that is drawn.
        date, software_version: kept in the calibrations.
        settings: balls and plant; default: a plant as it is.
        draws: of each comparison.
        progress: called with passages done and in all.
    """
    settings = settings or StudySettings()
    calibrations = {
        camera: calibrate_twin(
            settings.lens(camera), camera, seed=seed, date=date, software_version=software_version
        )
        for camera in CAMERAS
    }
    rows = twin_study(
        parts=parts,
        orientations=orientations,
        trials=trials,
        seed=seed,
        settings=settings,
        calibrations=calibrations,
        progress=progress,
    )
    return TwinResult(tuple(rows), tuple(_compare(settings, calibrations, seed, draws)))


def _compare(
    settings: StudySettings, calibrations: Mapping[str, CameraCalibration], seed: int, draws: int
) -> list[Compared]:
    rng = np.random.default_rng([seed, 0x6C0B])
    found = []
    for solid in draw_parts(settings, _COMPARED_PARTS, seed):
        passage = draw_passage(settings, solid, random_turn(rng), rng)
        for camera in CAMERAS:
            found.append(_compare_view(settings, calibrations[camera], camera, passage, rng, draws))
    return found


def _compare_view(
    settings: StudySettings,
    calibration: CameraCalibration,
    camera: str,
    passage: Passage,
    rng: np.random.Generator,
    draws: int,
) -> Compared:
    """One exposure in the middle of the picture, measured, and its uncertainty both ways."""
    fixed = settings.lens(camera)
    lens = replace(fixed, mm_per_px=fixed.mm_per_px / passage.scale_gain)
    axes = view_axes(lens.tilt_rad, passage.roll_rad) @ passage.turn
    gain = 1.0 + settings.expansion_per_k * (passage.celsius - CERTIFIED_C)
    place = (0.0, passage.lateral_mm)
    light = passage.lights[camera]
    view = draw_view(passage.solid, lens, camera, place, axes, gain, passage.flakes, light, rng)
    seen = lens.see(*place, passage.solid.diameter_mm / 2.0)
    left, top = view.origin_xy_px
    middle = (seen.centre_xy_px[0] - left, seen.centre_xy_px[1] - top)
    radius_px = math.sqrt(abs(float(np.linalg.det(seen.axes_px))))
    silhouette = measure_at(view.image, middle, radius_px, background_level=view.background_level)
    if isinstance(silhouette, Refused):
        raise StudyError(
            f"a view of the twin gives no number: {silhouette.detail}",
            where=f"camera '{camera}' of the twin",
            todo="take another seed",
        )
    temperature = Temperature(passage.pyrometer_celsius, settings.pyrometer_error_k / math.sqrt(3.0))
    comparison = compare_size(
        silhouette,
        calibration,
        temperature,
        seed=int(rng.integers(2**31)),
        draws=draws,
        origin_xy_px=(float(left), float(top)),
    )
    return Compared(camera, passage.solid.diameter_mm, passage.celsius, comparison)


def as_json(result: TwinResult) -> dict[str, Any]:
    """What the twin adds, for machines."""
    low, high = result.budget_over_drawn
    return {
        "passages": len(result.rows),
        "error_mean_mm": float(result.errors_mm.mean()),
        "error_sd_mm": float(result.errors_mm.std(ddof=1)),
        "stated_u_rms_mm": float(np.sqrt(np.mean(result.stated_u_mm**2))),
        "stated_over_observed": result.stated_over_observed,
        "within_2u_share": result.within_2u,
        "budget_over_monte_carlo": {"min": low, "max": high},
        "views_refused": sum(len(row.refused) for row in result.rows),
        "compared": [
            {
                "camera": item.camera,
                "diameter_mm": item.diameter_mm,
                "celsius": item.celsius,
                "budget_u_mm": item.found.budget_u_mm,
                "drawn_u_mm": item.found.drawn.u_mm,
                "interval_mm": item.found.drawn.interval_mm,
                "ratio": item.found.ratio,
            }
            for item in result.compared
        ],
    }


def as_lines(result: TwinResult) -> list[str]:
    """What the twin adds, for a terminal."""
    low, high = result.budget_over_drawn
    return [
        f"errors against the truth: mean {result.errors_mm.mean():+.4f} mm, "
        f"sd {result.errors_mm.std(ddof=1):.4f} mm, {len(result.rows)} passages",
        f"stated u over observed error (root mean squares): {result.stated_over_observed:.2f}; "
        f"{100.0 * result.within_2u:.0f} % of the errors within 2 u",
        f"budget (GUM) over Monte Carlo, {len(result.compared)} views: {low:.3f} to {high:.3f}",
    ]


def section(result: TwinResult, settings: Sequence[Fact]) -> Section:
    """What the twin adds, for the report; `settings` is what was switched on."""
    columns = (
        Column("Camera"),
        Column("True diameter", "number", 3, "mm"),
        Column("Temperature", "number", 0, "°C"),
        Column("Budget u", "number", 4, "mm"),
        Column("Drawn u", "number", 4, "mm"),
        Column("Ratio", "number", 3),
    )
    rows = tuple(
        (
            item.camera,
            item.diameter_mm,
            item.celsius,
            item.found.budget_u_mm,
            item.found.drawn.u_mm,
            item.found.ratio,
        )
        for item in result.compared
    )
    draws = result.compared[0].found.drawn.draws
    first, second, third = as_lines(result)
    return Section(
        "Stated uncertainty",
        (
            Paragraph(f"{_sentence(first)} {_sentence(second)}"),
            stated_plot(result.errors_mm, result.stated_u_mm),
            Paragraph(
                f"{_sentence(third)} Each view was measured again with {draws} drawn sets of "
                "calibration, edge, temperature and expansion (JCGM 101)."
            ),
            Table(columns, rows),
            Paragraph("What was switched on:"),
            KeyValues(tuple(settings)),
        ),
    )


def setting_facts(settings: StudySettings) -> list[Fact]:
    """What the plant of the study was like."""
    low_c, high_c = settings.celsius
    thin, thick = settings.flake_thickness_mm
    return [
        Fact("Ball, nominal", settings.diameter_mm, 1, "mm"),
        Fact("Sizes spread over ±", settings.spread_mm, 2, "mm"),
        Fact("Out of round, up to", max(settings.oval_max_mm, settings.lobe_max_mm), 2, "mm"),
        Fact("Place across the belt ±", settings.lateral_mm, 1, "mm"),
        Fact("Temperature", f"{low_c:g} to {high_c:g}", unit="°C"),
        Fact("known to ±", settings.pyrometer_error_k, 0, "K"),
        Fact("Flakes of scale, up to", settings.flakes_max),
        Fact("their thickness", f"{thin:g} to {thick:g}", unit="mm"),
        Fact("Lamps drift by ±", 100.0 * settings.lamp_drift_share, 0, "%"),
        Fact("Scale drifts by (sd)", 100.0 * settings.scale_drift_share, 3, "%"),
        Fact("Edges drift by (sd)", settings.edge_drift_px, 3, "px"),
    ]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
