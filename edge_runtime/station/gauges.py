"""The station as a gauge: scale of each camera, temperature of each ball, what its views have covered.

Neighbours: `edge_runtime.calibrations` reads and checks the cameras' files, the core asks here for
every part, `vision.fusion` puts its views together.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from edge_runtime.calibrations import (
    checks_path,
    last_check,
    last_valid_day,
    load_calibration,
    require_fits,
    require_fresh,
    require_passed,
)
from edge_runtime.config import CameraConfig, CameraGeometry, StationConfig
from edge_runtime.parts import DueView, Part
from edge_runtime.temperature import ball_temperature
from vision.ball_outline import Gauge
from vision.errors import CalibrationError
from vision.fusion import fuse, mean_diameter_mm
from vision.metrology.calibration import CameraCalibration, Pinhole, TypedScale
from vision.metrology.coverage import coverage_of, rolled_axes
from vision.recipe import BallRecipe
from vision.types import Coverage, Inspection, ViewFault, ViewFindings

Scale = CameraCalibration | TypedScale


def load_scale(camera: CameraConfig, today: date) -> Scale | None:
    """The scale of one camera: its calibration file, else the number of the station file, else none.

    Raises:
        CalibrationError: the file cannot be read, was changed, is stale, is of another camera or
            picture size, or its last check with a certified ball failed.
    """
    geometry = camera.geometry
    if geometry.calibration is None:
        return None if geometry.mm_per_px is None else TypedScale(geometry.mm_per_px, geometry.u_scale_share)
    calibration = load_calibration(geometry.calibration)
    require_fits(calibration, camera.name, geometry.width_px, geometry.height_px)
    require_fresh(calibration, today)
    require_passed(geometry.calibration, calibration)
    return calibration


def _file_state(path: Path) -> tuple[int, int]:
    """Size and time of change of a file, (0, 0) where there is none."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return 0, 0
    return state.st_size, state.st_mtime_ns


@dataclass(frozen=True, slots=True)
class _Seen:
    """One healthy view with its findings."""

    due: DueView
    found: ViewFindings


@dataclass(frozen=True, slots=True)
class ScaleFacts:
    """What is to be said of one camera's scale at start.

    Attributes:
        camera: its name.
        mm_per_px: None: the camera measures nothing.
        calibration_sha256, date, valid_to, days_left, certificates: of the calibration file; '' , 0 and ()
            for a typed scale.
        unverified: figures in the file that nobody has compared with their source.
        checked_utc: when it was last checked with a certified ball; '' for never.
    """

    camera: str
    mm_per_px: float | None
    calibration_sha256: str = ""
    date: str = ""
    valid_to: str = ""
    days_left: int = 0
    certificates: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()
    checked_utc: str = ""

    def text(self) -> str:
        """One line for people."""
        if self.mm_per_px is None:
            return f"camera {self.camera}: no scale, nothing is measured in mm and no ball accepted"
        if not self.calibration_sha256:
            return (
                f"camera {self.camera}: scale {self.mm_per_px:.6g} mm/px typed into the station file, "
                "traceable to no certificate"
            )
        text = (
            f"camera {self.camera}: calibration of {self.date}, valid to {self.valid_to} "
            f"({self.days_left} days left), certificates {', '.join(self.certificates)}, "
            f"last check with a ball {self.checked_utc or 'never'}, sha256 {self.calibration_sha256[:12]}"
        )
        return f"{text}; NOT VERIFIED: {', '.join(self.unverified)}" if self.unverified else text


def _facts(camera: CameraConfig, scale: Scale | None, today: date) -> ScaleFacts:
    if scale is None:
        return ScaleFacts(camera.name, None)
    if isinstance(scale, TypedScale):
        return ScaleFacts(camera.name, scale.mm_per_px)
    valid_to = last_valid_day(scale)
    path = camera.geometry.calibration
    check = None if path is None else last_check(path, scale)
    return ScaleFacts(
        camera.name,
        scale.model.mm_per_px,
        calibration_sha256=scale.content_sha256(),
        date=scale.date,
        valid_to=valid_to.isoformat(),
        days_left=(valid_to - today).days,
        certificates=tuple(dict.fromkeys(sphere.certificate for sphere in scale.spheres)),
        unverified=scale.unverified(),
        checked_utc=check.utc if check else "",
    )


class Gauges:
    """What turns the station's views into mm.

    Args:
        config: the station file.
        recipe: nominal diameter, and what it asks of coverage.
        today: calibrations must be valid on this day.

    Raises:
        CalibrationError: see `load_scale`.
    """

    def __init__(self, config: StationConfig, recipe: BallRecipe, today: date) -> None:
        self._config = config
        self._recipe = recipe
        self._geometry = {camera.name: camera.geometry for camera in config.cameras}
        self._scales = {camera.name: load_scale(camera, today) for camera in config.cameras}
        self._um_per_count = None if config.line is None else config.line.um_per_count
        self._today = today
        self._had_temperature = True
        self._looked_at: dict[Path, tuple[tuple[int, int], str]] = {}

    @property
    def calibrations(self) -> dict[str, CameraCalibration]:
        """Calibration files in force, by camera name."""
        return {name: scale for name, scale in self._scales.items() if isinstance(scale, CameraCalibration)}

    def facts(self) -> tuple[ScaleFacts, ...]:
        """What is to be said of each camera at start."""
        return tuple(
            _facts(camera, self._scales[camera.name], self._today) for camera in self._config.cameras
        )

    def content_sha256(self) -> str:
        """One hash of all calibrations in force, '' without any."""
        hashes = {name: found.content_sha256() for name, found in sorted(self.calibrations.items())}
        return hashlib.sha256(json.dumps(hashes).encode("utf-8")).hexdigest() if hashes else ""

    def stale(self, today: date) -> str:
        """Why a calibration no longer counts (too old, a check failed), '' while all of them do."""
        for name, calibration in self.calibrations.items():
            try:
                require_fresh(calibration, today)
            except CalibrationError as error:
                return error.what
            path = self._geometry[name].calibration
            if path is not None and (why := self._failed(path, calibration)):
                return why
        return ""

    def _failed(self, path: Path, calibration: CameraCalibration) -> str:
        """What the last check beside a calibration says against it; read anew only when it changed."""
        checks = checks_path(path)
        try:
            state = _file_state(checks)
            told, why = self._looked_at.get(checks, ((-1, 0), ""))
            if told == state:
                return why
            why = ""
            require_passed(path, calibration)
        except CalibrationError as error:
            why = error.what
        except OSError as error:
            return f"the checks of a calibration cannot be looked at: {error}"
        self._looked_at[checks] = (state, why)
        return why

    # -- one part -----------------------------------------------------------------------------

    def take_temperature(self, part: Part, header: Mapping[str, int]) -> bool:
        """Note how warm a part is that has just passed the photo-eye; true when readings have ceased now."""
        part.temperature = ball_temperature(self._config.temperature, header)
        had, self._had_temperature = self._had_temperature, part.temperature is not None
        ceased = had and not self._had_temperature
        return ceased and self._config.temperature is not None

    def of(self, part: Part, camera: str) -> Gauge | None:
        """Scale and temperature for one view; None where one of them is not known."""
        scale = self._scales[camera]
        if scale is None or part.temperature is None:
            return None
        extra = self._config.gauge
        return Gauge(scale, part.temperature, extra.scale_flake_mm, extra.u_repeat_mm)

    def fused(self, part: Part) -> Inspection:
        """All that is known of a part whose views are in or lost."""
        views = tuple(due.findings for due in part.due if due.findings is not None)
        lost = tuple(due.lost for due in part.due if due.findings is None and due.lost is not None)
        no_temperature = part.temperature is None and all(self._scales[due.camera] for due in part.due)
        return fuse(
            part.part_id,
            len(part.due),
            views,
            lost,
            tuple(part.marks),
            unsized="no_temperature" if no_temperature else "no_scale",
            coverage=self._coverage(part),
        )

    def _coverage(self, part: Part) -> Coverage | None:
        """What the healthy views have covered; None where it is not known how one of them stood."""
        seen = [
            _Seen(due, due.findings)
            for due in part.due
            if due.findings is not None and due.findings.fault is ViewFault.OK
        ]
        tilts = [self._geometry[view.due.camera].view_tilt_deg for view in seen]
        known = [tilt for tilt in tilts if tilt is not None]
        if self._um_per_count is None or len(known) < len(seen):
            return None
        diameter_mm = mean_diameter_mm(view.found for view in seen) or self._recipe.size.d_nominal_mm
        poses = rolled_axes(
            self._travel_mm(part, seen, self._um_per_count),
            diameter_mm,
            np.radians(np.asarray(known, np.float64)),
            np.array([self._lead_rad(view) for view in seen]),
        )
        shares = [1.0 if view.found.outline is None else view.found.outline.outline_share for view in seen]
        return coverage_of(poses, diameter_mm, self._recipe.coverage_ask, np.array(shares))

    def _travel_mm(self, part: Part, seen: Sequence[_Seen], um_per_count: float) -> np.ndarray:
        """(n,) how far the ball had rolled at each view; nothing past cameras where it does not roll."""
        return np.array(
            [
                (view.due.exposure - part.centre) * um_per_count / 1000.0
                if self._geometry[view.due.camera].rolling
                else 0.0
                for view in seen
            ]
        )

    def _lead_rad(self, view: _Seen) -> float:
        """Angle by which a pinhole camera sees the ball from ahead: it stands where its axis points."""
        scale, outline = self._scales[view.due.camera], view.found.outline
        if (
            not isinstance(scale, CameraCalibration)
            or not isinstance(scale.model, Pinhole)
            or outline is None
        ):
            return 0.0
        geometry: CameraGeometry = self._geometry[view.due.camera]
        ahead_px = (scale.model.principal_point_xy_px[0] - outline.centre_xy_px[0]) * geometry.direction
        return math.atan2(ahead_px, scale.model.focal_px)
