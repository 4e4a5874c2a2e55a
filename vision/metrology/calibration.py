"""What is known about one camera: scale, lens, edge offset, the spheres that say so, and for how long.

Types and their arithmetic only. Neighbours: `rectify` and `size` apply a calibration to an outline,
`calibration_fit` solves one, `edge_runtime.calibrations` keeps it as a file, refuses a stale one and
one of another camera.

Coordinates are those of `types`: continuous, the centre of pixel (0, 0) lies at (0.5, 0.5). A camera
matrix here is in these coordinates too, so its principal point is half a pixel more than OpenCV's.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vision.errors import ConfigError

#: Standard uncertainty that an edge's place leaves on a diameter, px, where nobody has studied the camera.
#: One twentieth of a pixel is what sub-pixel edge methods reach on real pictures; on drawn silhouettes
#: with uneven light, noise and dust ('ferrogate bench metrology', the hard set) ours stays below it.
U_EDGE_BIAS_PX = 0.05
#: The same, added in quadrature, where light grazes the rim (`Outline.shaded`): on rendered balls the
#: mean diameter comes out 0.1 to 0.2 px too large, on balls drawn with a steep rim as much too small.
U_SHADED_PX = 0.2
#: Relative standard uncertainty that a scale gains between two calibrations (mount and belt settle).
U_DRIFT_SHARE = 0.0002
_DATE = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"

Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Row3 = tuple[float, float, float]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class TypedScale:
    """A scale that somebody typed: no lens, no perspective, no certificate.

    Raises:
        ConfigError: not a finite number above 0, or an uncertainty below 0.
    """

    mm_per_px: float
    u_scale_share: float

    def __post_init__(self) -> None:
        if not 0.0 < self.mm_per_px < 100.0:
            raise ConfigError(
                f"a scale of {self.mm_per_px} mm per pixel cannot be",
                where="mm per pixel",
                todo="give a number above 0 and below 100",
            )
        if not 0.0 <= self.u_scale_share < 1.0:
            raise ConfigError(
                f"a relative uncertainty of {self.u_scale_share} cannot be",
                where="uncertainty of the scale",
                todo="give a share from 0 up to 1, for instance 0.005",
            )


class Telecentric(_Strict):
    """All rays are parallel: the scale is the same wherever the ball is."""

    type: Literal["telecentric"] = "telecentric"
    mm_per_px: Positive


class Pinhole(_Strict):
    """Rays meet in the entrance pupil: the scale depends on the ball's distance.

    Camera coordinates (mm): origin in the entrance pupil, Z along the optical axis, X and Y as in the
    picture. The centres of all balls of `reference_diameter_mm` lie in the plane
    Z = distance_mm + tan(tilt_x_rad) X + tan(tilt_y_rad) Y. A ball whose radius is larger by dR has its
    centre nearer to the camera by rise_per_radius * dR along that plane's normal. The focal length is
    distance_mm / mm_per_px, in px.
    """

    type: Literal["pinhole"] = "pinhole"
    mm_per_px: Positive = Field(description="on the optical axis, at distance_mm")
    distance_mm: Positive = Field(description="entrance pupil to the reference plane, on the optical axis")
    reference_diameter_mm: NotNegative = Field(description="ball whose centre lies in the reference plane")
    principal_point_xy_px: tuple[float, float] = Field(description="where the optical axis meets the picture")
    rise_per_radius: float = Field(
        default=1.0,
        ge=-3.0,
        le=3.0,
        description="1: balls rest on a flat belt under the camera; 0: centres are guided, or the camera "
        "looks along the belt; 1/sin(half angle): in a V groove under the camera",
    )
    tilt_x_rad: float = Field(default=0.0, ge=-1.0, le=1.0)
    tilt_y_rad: float = Field(default=0.0, ge=-1.0, le=1.0)
    u_place_mm: NotNegative = Field(
        default=0.0, description="standard uncertainty of a ball's distance from ball to ball (belt flutter)"
    )

    @model_validator(mode="after")
    def _is_far_enough(self) -> Pinhole:
        if self.distance_mm <= self.reference_diameter_mm:
            raise ValueError(
                f"distance_mm {self.distance_mm} is not above reference_diameter_mm "
                f"{self.reference_diameter_mm}"
            )
        return self

    @property
    def focal_px(self) -> float:
        """Focal length in px."""
        return self.distance_mm / self.mm_per_px

    @property
    def rise(self) -> float:
        """What a centre comes nearer along Z, at one (X, Y), for each mm of radius."""
        return self.rise_per_radius * math.hypot(1.0, math.tan(self.tilt_x_rad), math.tan(self.tilt_y_rad))

    @property
    def level_mm(self) -> float:
        """Where on the optical axis a ball of no size would lie."""
        return self.distance_mm + self.rise * self.reference_diameter_mm / 2.0


class Lens(_Strict):
    """Distortion of one lens at one focus setting: OpenCV's model (Brown-Conrady), for points in px.

    For a telecentric lens `fx_px` and `fy_px` only set the unit of the coefficients.
    """

    model: Literal["telecentric", "pinhole"] = Field(description="how the board was taken to be drawn")
    width_px: Annotated[int, Field(ge=16)]
    height_px: Annotated[int, Field(ge=16)]
    fx_px: Positive
    fy_px: Positive
    cx_px: float
    cy_px: float
    k1: float
    k2: float
    p1: float
    p2: float
    k3: float = 0.0
    rms_px: NotNegative = Field(description="of the board's points about the fit")
    pictures: Annotated[int, Field(ge=1)]
    points: Annotated[int, Field(ge=1)]
    board: str = Field(min_length=1, description="what was photographed")
    date: str = Field(pattern=_DATE)

    def content_sha256(self) -> str:
        """Content hash, whatever the file's layout."""
        return _sha256(self)


class ExpansionRow(_Strict):
    """Mean coefficient of thermal expansion from 20 degC to `to_celsius`."""

    to_celsius: Annotated[float, Field(gt=20.0, le=1400.0)]
    mean_per_k: Annotated[float, Field(ge=0.0, le=1e-4)]


class Expansion(_Strict):
    """Thermal expansion of a body; between rows the coefficient is interpolated, outside it stays."""

    rows: tuple[ExpansionRow, ...] = Field(min_length=1)
    u_per_k: Annotated[float, Field(ge=0.0, le=1e-4)] = Field(description="standard uncertainty")
    source: str = Field(min_length=3)
    verified: bool

    @model_validator(mode="after")
    def _rows_rise(self) -> Expansion:
        steps = [row.to_celsius for row in self.rows]
        if any(low >= high for low, high in pairwise(steps)):
            raise ValueError("rows must be sorted by to_celsius, each once")
        return self

    def per_k(self, celsius: float) -> float:
        """Mean coefficient between 20 degC and `celsius`, 1/K."""
        low = self.rows[0]
        if celsius <= low.to_celsius:
            return low.mean_per_k
        for high in self.rows[1:]:
            if celsius <= high.to_celsius:
                share = (celsius - low.to_celsius) / (high.to_celsius - low.to_celsius)
                return low.mean_per_k + share * (high.mean_per_k - low.mean_per_k)
            low = high
        return low.mean_per_k


#: Steel as commonly quoted; replace by the data sheet of the rail steel that is rolled.
STEEL = Expansion(
    rows=(
        ExpansionRow(to_celsius=100.0, mean_per_k=12.0e-6),
        ExpansionRow(to_celsius=950.0, mean_per_k=14.5e-6),
    ),
    u_per_k=0.5e-6,
    source="carbon steel as commonly quoted, not compared with a data sheet",
    verified=False,
)


class CertifiedSphere(_Strict):
    """One certified sphere or ring: what the certificate says, what was measured, what is left over."""

    kind: Literal["sphere", "ring"] = "sphere"
    certificate: str = Field(min_length=1)
    diameter_mm: Positive = Field(description="at 20 degC")
    u_mm: Positive = Field(description="standard uncertainty, k = 1")
    pictures: Annotated[int, Field(ge=1)]
    measured_px: Positive = Field(description="mean least-squares diameter, before any correction")
    u_measured_px: NotNegative = Field(description="standard uncertainty of that mean")
    residual_mm: float = Field(description="by the calibration, minus by the certificate")


class CameraCalibration(_Strict):
    """Everything that turns pixels of one camera into mm."""

    schema_version: Literal[1] = 1
    kind: Literal["camera_calibration"] = "camera_calibration"
    camera: str = Field(min_length=1, description="the camera's name in the station file")
    camera_serial: str = Field(default="", description="serial number as on the camera")
    width_px: Annotated[int, Field(ge=16)]
    height_px: Annotated[int, Field(ge=16)]
    model: Annotated[Telecentric | Pinhole, Field(discriminator="type")]
    lens: Lens | None = Field(default=None, description="none: the distortion is taken as nothing")
    edge_offset_px: float = Field(
        default=0.0, ge=-10.0, le=10.0, description="added to a dark ball's diameter in px (light blooms)"
    )
    covariance: tuple[Row3, Row3, Row3] = Field(
        description="of (mm_per_px, edge_offset_px, distance_mm); zeros where one was not fitted"
    )
    u_scale_share: NotNegative = Field(
        default=U_DRIFT_SHARE, description="relative, added to what the spheres leave open: drift"
    )
    u_edge_px: NotNegative = Field(
        default=U_EDGE_BIAS_PX, description="standard uncertainty of a diameter from light and focus"
    )
    spheres: tuple[CertifiedSphere, ...] = Field(min_length=3)
    residual_rms_mm: NotNegative
    degrees_of_freedom: Annotated[int, Field(ge=1)]
    date: str = Field(pattern=_DATE, description="day of the calibration, ISO")
    valid_days: Annotated[int, Field(ge=1, le=3660)]
    operator: str = Field(min_length=1)
    celsius: Annotated[float, Field(ge=-60.0, le=100.0)] = Field(description="of the spheres, then")
    u_celsius: NotNegative = 1.0
    sphere_expansion: Expansion = STEEL
    ball_expansion: Expansion = STEEL
    software_version: str = Field(min_length=1)

    @model_validator(mode="after")
    def _hangs_together(self) -> CameraCalibration:
        if self.lens is not None and (self.lens.width_px, self.lens.height_px) != (
            self.width_px,
            self.height_px,
        ):
            raise ValueError(
                f"the lens was calibrated at {self.lens.width_px}x{self.lens.height_px} px, "
                f"the scale at {self.width_px}x{self.height_px} px"
            )
        if min(self.covariance[i][i] for i in range(3)) < 0.0:
            raise ValueError("a variance in covariance is below 0")
        if any(self.covariance[i][j] != self.covariance[j][i] for i in range(3) for j in range(i)):
            raise ValueError("covariance is not symmetric")
        return self

    @property
    def u_mm_per_px(self) -> float:
        """Standard uncertainty of the scale from the spheres."""
        return float(self.covariance[0][0] ** 0.5)

    @property
    def u_edge_offset_px(self) -> float:
        """Standard uncertainty of the edge offset from the spheres."""
        return float(self.covariance[1][1] ** 0.5)

    @property
    def u_distance_mm(self) -> float:
        """Standard uncertainty of the reference plane's distance; 0 for telecentric."""
        return float(self.covariance[2][2] ** 0.5)

    def unverified(self) -> tuple[str, ...]:
        """Names of the material figures that nobody has compared with their source."""
        both = {"sphere_expansion": self.sphere_expansion, "ball_expansion": self.ball_expansion}
        return tuple(name for name, expansion in both.items() if not expansion.verified)

    def content_sha256(self) -> str:
        """Content hash: the same figures give the same hash, whatever the file's layout."""
        return _sha256(self)


def _sha256(model: BaseModel) -> str:
    text = json.dumps(model.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
