"""Settings of the rail twin: rails, conveyor, scanner and faults, as one JSON file.

Neighbours: `rail_main` reads it, `rail_motion` moves the conveyor by it, `rail_demo` writes it.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from datasets.synthetic.rails.rail_settings import RailSettings
from vision.errors import ConfigError

#: The side camera looks this far ahead of the top camera.
SIDE_OFFSET_MM = 120.0
TOP, SIDE = "top", "side"
#: What a side picture shows: no class of the detector, so that nothing there has a box.
SIDE_KINDS = ("bolt_hole",)


class RailFault(StrEnum):
    """What can go wrong between a rail and its pictures."""

    CONVEYOR_STOP = "conveyor_stop"
    CONVEYOR_REVERSE = "conveyor_reverse"
    ENCODER_STOP = "encoder_stop"
    FRAMES_LOST = "frames_lost"
    FRAMES_DOUBLED = "frames_doubled"
    FRAMES_OUT_OF_ORDER = "frames_out_of_order"
    BLACK_FRAME = "black_frame"


class RailTwinSettings(BaseModel):
    """The rail twin's settings; unknown keys are refused.

    `faults`: one tuple per rail, in turn; () for none. `speed_up`: times faster than a yard; None: as fast
    as rails can be drawn. `backlog`: finished scans that may lie in the folder before the conveyor waits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    out: Path
    truth: Path
    count: Annotated[int, Field(ge=1, le=10_000_000)] = 3
    seed: Annotated[int, Field(ge=0)] = 0
    length_m: Annotated[float, Field(ge=0.5, le=30.0)] = 3.0
    marks: Annotated[int, Field(ge=0, le=400)] = 6
    mm_per_px: Annotated[float, Field(ge=0.2, le=1.0)] = 0.5
    frame_rows: Annotated[int, Field(ge=64, le=8192)] = 1000
    counts_per_mm: Annotated[float, Field(gt=0.0, le=100.0)] = 4.0
    count_bits: Annotated[int, Field(ge=12, le=32)] = 16
    rails_per_hour: Annotated[float, Field(ge=1.0, le=60.0)] = 12.0
    speed_up: Annotated[float, Field(gt=0.0)] | None = None
    backlog: Annotated[int, Field(ge=1, le=1000)] = 4
    side_camera: bool = False
    faults: tuple[tuple[RailFault, ...], ...] = ()

    @model_validator(mode="after")
    def _is_a_rail(self) -> RailTwinSettings:
        self.rail_settings()  # refuses what cannot be drawn
        if self.frame_rows <= self.side_settings().start_row:
            raise ValueError(
                f"frame_rows: the first frame must reach the rail, more than {self.side_settings().start_row}"
            )
        rows = self.length_m * 1000.0 / self.mm_per_px
        if any(self.faults) and rows < 4 * self.frame_rows:
            raise ValueError(
                f"a rail of {self.length_m:g} m has fewer than four frames of {self.frame_rows} rows: "
                "there is no middle for a fault; make it longer"
            )
        return self

    def rail_settings(self) -> RailSettings:
        """What is drawn for the top camera."""
        return RailSettings(
            length_m=self.length_m,
            mm_per_px=self.mm_per_px,
            marks=self.marks,
            frame_rows=self.frame_rows,
            frame_width_px=round(256.0 / self.mm_per_px),
            counts_per_mm=self.counts_per_mm,
        )

    def side_settings(self) -> RailSettings:
        """What is drawn for the side camera: more before and behind the rail, as it looks ahead."""
        top = self.rail_settings()
        return top.model_copy(
            update={
                "kinds": SIDE_KINDS,
                "marks": round(self.length_m / 2.0),
                "beyond_mm": top.beyond_mm + SIDE_OFFSET_MM,
            }
        )

    def faults_of(self, number: int) -> tuple[RailFault, ...]:
        """Faults of one rail, counted from 0."""
        return self.faults[number % len(self.faults)] if self.faults else ()


def parse_rail_faults(text: str) -> tuple[RailFault, ...]:
    """Names with commas between them, or 'all'.

    Raises:
        ConfigError: a name is not known, or stands twice.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == ["all"]:
        return tuple(RailFault)
    known = {fault.value: fault for fault in RailFault}
    for name in names:
        if name not in known or names.count(name) > 1:
            what = "stands twice" if name in known else "is no fault of the rail twin"
            raise ConfigError(
                f"'{name}' {what}", where="--faults", todo=f"choose from {', '.join(known)} or 'all'"
            )
    return tuple(known[name] for name in names)


def load_twin_settings(path: Path) -> RailTwinSettings:
    """Read the settings.

    Raises:
        ConfigError: missing, or not of this form.
    """
    try:
        return RailTwinSettings.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigError(
            f"the twin's settings cannot be used: {error}",
            where=str(path),
            todo="let 'ferrogate demo' write them",
        ) from error
