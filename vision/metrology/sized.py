"""One ball's silhouette as it was measured: in pixels, and in mm at 20 degC.

What costs time and not everybody asks for, the form and its four circles, is worked out when it is
asked for and kept. Neighbours: `measure` makes silhouettes, `size` turns them into mm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from vision.metrology.form import Form, analyse_form
from vision.metrology.types import Outline, RoundnessMm, Widths


@dataclass(frozen=True, eq=False)
class Silhouette:
    """One measured silhouette, in pixels.

    Attributes:
        diameter_ls_px: diameter of the least-squares circle of the unfiltered outline.
        upr_max: cut-off of the form's filter, undulations per revolution.
    """

    outline: Outline
    diameter_ls_px: float
    widths: Widths
    upr_max: int

    @cached_property
    def form(self) -> Form:
        """Its roundness; see `analyse_form` for the errors."""
        seen = self.outline.seen
        return analyse_form(self.outline.radius_px, self.upr_max, None if seen.all() else seen)


@dataclass(frozen=True, slots=True)
class SizedBall:
    """One silhouette in mm at 20 degC.

    Attributes:
        diameter_ls_mm: least-squares circle.
        feret_min_mm, feret_max_mm, feret_mean_mm: caliper widths, unfiltered.
        form, mm_by_form: its form, and mm at 20 degC for one unit of it.
        u_diameter_mm: standard uncertainty (k = 1) of every one of these diameters.
        u_roundness_mm: standard uncertainty (k = 1) of the roundness.
        centre_xy_px: where the ball lies in the picture.
        outline_share: share of the outline that was seen, 0..1.
        speck_mm: largest deviation that was left out as dust or a flake; 0 when none.
        mm_per_px: scale at the ball's place.
    """

    diameter_ls_mm: float
    feret_min_mm: float
    feret_max_mm: float
    feret_mean_mm: float
    form: Form
    mm_by_form: float
    u_diameter_mm: float
    u_roundness_mm: float
    centre_xy_px: tuple[float, float]
    outline_share: float
    speck_mm: float
    mm_per_px: float

    @property
    def roundness_mm(self) -> RoundnessMm:
        """RONt after the Gaussian filter, about all four circles."""
        form, scale = self.form, self.mm_by_form
        return RoundnessMm(
            form.lsci.ront * scale, form.mzci.ront * scale, form.mcci.ront * scale, form.mici.ront * scale
        )

    @property
    def minimum_zone_mm(self) -> float:
        """RONt after the Gaussian filter, about the minimum zone."""
        return self.form.mzci.ront * self.mm_by_form
