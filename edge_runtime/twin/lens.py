"""Where the twin's cameras see a ball, and how large: telecentric, or pinhole with its perspective.

World: x along the travel, y to the left of it, z up from the belt, mm; the origin lies on the lane's
centre line under the middle of the pictures. A camera is turned by its tilt about the travel axis
and looks at the middle of a nominal ball that lies there. A sphere of radius R whose middle lies at
distance l from a pinhole fills a cone of half angle a with sin a = R / l, so at the middle of the
picture it looks R / sqrt(1 - (R/l)^2) large; off the axis by the angle p the cone cuts the picture
in an ellipse (semi-axes f sin a cos a / (cos^2 p - sin^2 a) along the way out, and
f sin a / sqrt(cos^2 p - sin^2 a) across). Neighbours: `optics` pastes rendered balls there,
`gauge` draws exact shapes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The picture of one sphere.

    Attributes:
        centre_xy_px: middle of its outline, picture pixels (origin: corner of the top-left pixel).
        axes_px: (2, 2): a point of the outline lies at `centre + axes_px @ unit`, `unit` any unit vector
            of the plane across the view, x right and y down.
        mm_per_px: scale at the middle of the sphere.
        distance_mm: from the pinhole to the middle of the sphere; infinite for a telecentric lens.
    """

    centre_xy_px: tuple[float, float]
    axes_px: Float64Array
    mm_per_px: float
    distance_mm: float


@dataclass(frozen=True, slots=True)
class Lens:
    """One camera of the twin.

    Attributes:
        tilt_rad: from straight above, about the travel axis; positive: the camera stands to the left.
        mm_per_px: scale at the middle of a nominal ball on the lane's centre line.
        width_px, height_px: of its pictures.
        nominal_radius_mm: of the ball that it was set up for.
        distance_mm: from the pinhole to the middle of that ball; None: telecentric.
    """

    tilt_rad: float
    mm_per_px: float
    width_px: int
    height_px: int
    nominal_radius_mm: float
    distance_mm: float | None = None

    @property
    def focal_px(self) -> float:
        """Focal length in pixels; infinite for a telecentric lens."""
        return math.inf if self.distance_mm is None else self.distance_mm / self.mm_per_px

    def camera_xyz(self, x_mm: float, lateral_mm: float, radius_mm: float) -> tuple[float, float, float]:
        """Middle of a ball in the camera's axes, mm: right, down, and depth from the pinhole.

        A telecentric lens counts its depth from the nominal ball's middle.
        """
        higher = radius_mm - self.nominal_radius_mm
        sine, cosine = math.sin(self.tilt_rad), math.cos(self.tilt_rad)
        down = higher * sine - lateral_mm * cosine
        towards = lateral_mm * sine + higher * cosine
        return x_mm, down, (self.distance_mm or 0.0) - towards

    def see(self, x_mm: float, lateral_mm: float, radius_mm: float) -> Seen:
        """Picture of a sphere that lies on the belt.

        Args:
            x_mm: of its middle, from the middle of the picture along the travel.
            lateral_mm: off the lane's centre line, positive to the left.
            radius_mm: of the sphere.

        Raises:
            ValueError: the sphere reaches the pinhole.
        """
        x, y, depth = self.camera_xyz(x_mm, lateral_mm, radius_mm)
        middle = np.array([self.width_px / 2.0, self.height_px / 2.0])
        if self.distance_mm is None:
            at = middle + np.array([x, y]) / self.mm_per_px
            axes = np.eye(2) * (radius_mm / self.mm_per_px)
            return Seen((float(at[0]), float(at[1])), axes, self.mm_per_px, math.inf)
        far = math.hypot(x, y, depth)
        off = math.hypot(x, y)
        sine_a, cosine_p, sine_p = radius_mm / far, depth / far, off / far
        rest = cosine_p**2 - sine_a**2
        if depth <= 0.0 or rest <= 0.0:
            raise ValueError(f"a ball of radius {radius_mm} mm at {depth:.1f} mm reaches the camera")
        out = np.array([x, y]) / off if off > 0.0 else np.array([1.0, 0.0])
        across = np.array([-out[1], out[0]])
        along_px = self.focal_px * sine_a * math.sqrt(1.0 - sine_a**2) / rest
        across_px = self.focal_px * sine_a / math.sqrt(rest)
        axes = along_px * np.outer(out, out) + across_px * np.outer(across, across)
        at = middle + out * (self.focal_px * sine_p * cosine_p / rest)
        return Seen((float(at[0]), float(at[1])), axes, self.mm_per_px * depth / self.distance_mm, far)

    def lead_rad(self, x_mm: float, lateral_mm: float, radius_mm: float) -> float:
        """Angle by which the camera sees the ball from ahead (+x); 0 for a telecentric lens."""
        if self.distance_mm is None:
            return 0.0
        x, y, depth = self.camera_xyz(x_mm, lateral_mm, radius_mm)
        return -math.atan2(x, math.hypot(y, depth))
