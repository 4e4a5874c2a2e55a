"""What a rendered rail is like: length, scale, camera, marks. Millimetres and pixels in the names.

Neighbours: `rail` draws by it, `rail_set` keeps it beside the truth.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from datasets.synthetic.rails.catalogue import DRAWERS

#: Not drawn on a rail seen from above: bolt holes lie in the web.
NOT_ON_TOP = frozenset({"bolt_hole"})


#: A head of more pixels than this would take gigabytes of memory.
_MOST_PX = 1.0e8


class RailSettings(BaseModel):
    """Settings of whole rendered rails."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    length_m: Annotated[float, Field(ge=0.1, le=120.0)] = 25.0
    mm_per_px: Annotated[float, Field(ge=0.1, le=2.0)] = 0.5
    """Along the rail and across it."""
    marks: Annotated[int, Field(ge=0, le=2000)] = 40
    """Marks to lay; fewer come out where the rail is full."""
    kinds: tuple[str, ...] = tuple(name for name in DRAWERS if name not in NOT_ON_TOP)
    head_mm: Annotated[float, Field(ge=40.0, le=90.0)] = 72.0
    frame_rows: Annotated[int, Field(ge=64, le=8192)] = 2000
    frame_width_px: Annotated[int, Field(ge=64, le=8192)] = 512
    beyond_mm: Annotated[float, Field(ge=0.0, le=2000.0)] = 150.0
    """What the camera shows before the rail's first and behind its last end."""
    wander_mm: Annotated[float, Field(ge=0.0, le=50.0)] = 6.0
    """How far the rail moves sideways under the camera, to each side."""
    counts_per_mm: Annotated[float, Field(gt=0.0, le=100.0)] = 1.0
    """Encoder counts per millimetre of rail; the count wraps at 2^16."""

    @model_validator(mode="after")
    def _fits(self) -> RailSettings:
        strange = sorted(set(self.kinds) - set(DRAWERS))
        if strange or not self.kinds:
            raise ValueError(f"kinds of marks: {strange or 'none'}; known are {', '.join(DRAWERS)}")
        needed = (1.5 * self.head_mm + 2.0 * self.wander_mm) / self.mm_per_px
        if self.frame_width_px < needed:
            raise ValueError(
                f"a frame {self.frame_width_px} px wide cannot hold a head of {self.head_mm} mm that wanders "
                f"{self.wander_mm} mm at {self.mm_per_px} mm/px; it needs {needed:.0f} px"
            )
        if self.head_mm / self.mm_per_px < 40.0:
            raise ValueError("the head is narrower than 40 px; make mm_per_px smaller")
        pixels = self.rail_rows * self.head_px
        if pixels > _MOST_PX:
            raise ValueError(
                f"a rail of {self.length_m} m at {self.mm_per_px} mm/px has {pixels:.1e} pixels, "
                f"more than the {_MOST_PX:.0e} that are drawn in one piece"
            )
        return self

    @property
    def head_px(self) -> int:
        """Width of the head, pixels."""
        return round(self.head_mm / self.mm_per_px)

    @property
    def start_row(self) -> int:
        """Row, counted through all frames, at which the rail begins."""
        return round(self.beyond_mm / self.mm_per_px)

    @property
    def rail_rows(self) -> int:
        """Rows of the rail itself."""
        return round(self.length_m * 1000.0 / self.mm_per_px)

    @property
    def rows(self) -> int:
        """Rows of all frames together."""
        return self.rail_rows + 2 * self.start_row
