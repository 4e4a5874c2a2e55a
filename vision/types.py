"""The words of the house as types: frame, view, detections, findings, inspection, verdict.

Neighbours: cameras make `Frame`, the part tracker cuts `View`, the inspectors
(`vision.ball`, `vision.rail`) turn views into `ViewFindings` and fuse them into an
`Inspection`, and `vision.judge` turns that into a `Verdict`. All are frozen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]
PixelFormat = Literal["mono8", "bgr8"]


class PartId(NamedTuple):
    """Names one part for good: epoch (u32, from 1), lane (0..7), trigger number (u32, from 1)."""

    epoch: int
    lane: int
    trigger_seq: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.lane}-{self.trigger_seq}"


@dataclass(frozen=True, slots=True)
class Frame:
    """One exposure of one camera.

    Attributes:
        camera: name in the station file.
        frame_number: the camera's own count, with its wrap.
        encoder_count: 0..65535, latched at the exposure.
        arrived_ns: host's monotonic clock when the picture was whole in memory.
        camera_ns: the camera's clock, None where it has none.
        exposure_us: exposure time, microseconds.
        image: (H, W) for mono8, (H, W, 3) for bgr8, uint8.
        pixel_format: which of the two.
    """

    camera: str
    frame_number: int
    encoder_count: int
    arrived_ns: int
    camera_ns: int | None
    exposure_us: float
    image: UInt8Array
    pixel_format: PixelFormat = "mono8"


@dataclass(frozen=True, slots=True)
class View:
    """One region of one frame, assigned to one part.

    Attributes:
        part_id: the part it belongs to.
        camera: camera name.
        index: number of this view among the part's views of all cameras, from 0.
        frame_number, encoder_count, arrived_ns: of its frame.
        roi_xyxy_px: region cut out, in frame pixels, whole numbers, inside the frame.
        centre_xy_px: predicted centre of the part, frame pixels (origin: corner of the top-left pixel).
        diameter_px: nominal diameter in frame pixels.
        image: the pixels of the region, (h, w) or (h, w, 3) uint8, a view on the frame.
        background_level: grey level (0..255) of the frame's empty background, None when not measured.
    """

    part_id: PartId
    camera: str
    index: int
    frame_number: int
    encoder_count: int
    arrived_ns: int
    roi_xyxy_px: tuple[int, int, int, int]
    centre_xy_px: tuple[float, float]
    diameter_px: float
    image: UInt8Array
    background_level: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Boxes found in one image.

    Attributes:
        xyxy_px: (N, 4) float32, in pixels of the image given to the detector, before any resize.
        score: (N,) float32, 0..1, falling.
        class_id: (N,) int, index into `labels`.
        labels: class names of the model.

    Raises:
        ValueError: shapes do not fit each other, or a class index is out of range.
    """

    xyxy_px: Float32Array
    score: Float32Array
    class_id: npt.NDArray[np.int64]
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        n = len(self.score)
        if self.xyxy_px.shape != (n, 4):
            raise ValueError(f"xyxy_px must have shape ({n}, 4), but got {self.xyxy_px.shape}")
        if self.class_id.shape != (n,):
            raise ValueError(f"class_id must have shape ({n},), but got {self.class_id.shape}")
        if n and not (0 <= int(self.class_id.min()) and int(self.class_id.max()) < len(self.labels)):
            raise ValueError(f"class_id must lie in 0..{len(self.labels) - 1}, but got {self.class_id}")

    def __len__(self) -> int:
        return len(self.score)

    @classmethod
    def empty(cls, labels: tuple[str, ...]) -> Detections:
        """No box at all."""
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64), labels)

    def label(self, index: int) -> str:
        """Class name of one box."""
        return self.labels[int(self.class_id[index])]

    def shifted(self, dx_px: float, dy_px: float) -> Detections:
        """The same boxes in a picture whose origin lies (dx, dy) up and left of this one's."""
        offset = np.array([dx_px, dy_px, dx_px, dy_px], np.float32)
        return Detections(self.xyxy_px + offset, self.score, self.class_id, self.labels)


@dataclass(frozen=True, slots=True)
class Finding:
    """One detection or measurement out of limits, in one view (frame pixels)."""

    label: str
    score: float
    xyxy_px: tuple[float, float, float, float] | None
    camera: str
    view_index: int


class ViewFault(StrEnum):
    """Why a view proves nothing."""

    OK = "ok"
    NO_BALL = "no_ball"
    MISPLACED = "misplaced"
    OVERLAPPING = "overlapping"
    OUTLINE = "outline"
    CONTRAST = "contrast"
    FOCUS = "focus"
    BACKGROUND = "background"
    FRAME = "frame"


class FrameFault(StrEnum):
    """Why a whole frame proves nothing."""

    OK = "ok"
    BLACK = "black"
    SATURATED = "saturated"
    FROZEN = "frozen"
    SHAPE = "shape"
    COLOURS = "colours"
    LATE = "late"
    FOCUS = "focus"
    LAMP = "lamp"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class BallOutline:
    """The ball's silhouette in one view: what the measurement says of it, in pixels.

    Attributes:
        centre_xy_px: least-squares centre, in frame pixels.
        diameter_mean_px, diameter_min_px, diameter_max_px: caliper (Feret) widths over all directions.
        outline_share: share of the outline that was seen against the background, 0..1.
        contrast: background level minus level just inside the outline, grey levels.
        focus: edge sharpness: 10-90 % width of the outline's edge, px (small is sharp).
        box_xyxy_px: box of the silhouette, frame pixels.
    """

    centre_xy_px: tuple[float, float]
    diameter_mean_px: float
    diameter_min_px: float
    diameter_max_px: float
    outline_share: float
    contrast: float
    focus: float
    box_xyxy_px: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class ViewFindings:
    """What one view showed. `fault` other than OK: it proves nothing.

    All mm at 20 degC, None where the outline was refused or scale or temperature are not known.

    Attributes:
        part_id, camera, index, frame_number, encoder_count, arrived_ns: of its `View`.
        fault, detail: whether it proves anything, and why not, in words.
        outline: of the ball, None when it was refused.
        diameter_min_mm, diameter_max_mm, diameter_mean_mm: caliper (Feret) widths.
        detections: boxes in frame pixels.
        u_diameter_mm: standard uncertainty (k = 1) of each of these diameters.
        u_random_mm: the part of it that differs from view to view (noise), so that means lessen it.
        roundness_mm, u_roundness_mm: RONt about the minimum-zone circles, 1-50 UPR.
        speck_mm: largest deviation of the outline that was left out as dust or a flake.
    """

    part_id: PartId
    camera: str
    index: int
    frame_number: int
    encoder_count: int
    arrived_ns: int
    fault: ViewFault
    detail: str
    outline: BallOutline | None
    diameter_min_mm: float | None
    diameter_max_mm: float | None
    diameter_mean_mm: float | None
    detections: Detections
    u_diameter_mm: float | None = None
    u_random_mm: float | None = None
    roundness_mm: float | None = None
    u_roundness_mm: float | None = None
    speck_mm: float | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of one ball its healthy views have seen.

    Attributes:
        views: healthy views that counted.
        surface_share: share of the ball's surface that faced a camera within the recipe's angle, 0..1.
        p_flat, p_neck, p_crack: probability (0..1) that a flat, neck or crack of the size that the recipe
            asks for, at a place drawn at random, was seen at least once; None where it asks for none.
    """

    views: int
    surface_share: float
    p_flat: float | None = None
    p_neck: float | None = None
    p_crack: float | None = None


@dataclass(frozen=True, slots=True)
class LostView:
    """A view that was due and is not there; `cause` is one of the journal's words for losses."""

    camera: str
    encoder_count: int
    cause: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """All that is known of one part when its last due view is in.

    Attributes:
        part_id: the part.
        views_due: views that geometry promised.
        views: those that came.
        lost: those that did not, with causes; `views_due == len(views) + len(lost)`.
        marks: reasons found outside the pictures (`late`, `duplicate`, `near_untriggered` ...).
        diameter_min_mm, diameter_max_mm, diameter_mean_mm: smallest, largest and mean width over the
            healthy views at 20 degC; None, and `unsized` says why, where they are not known.
        u_diameter_mm: standard uncertainty (k = 1) of the smallest and the largest width: the largest of the
            healthy views'.
        u_diameter_mean_mm: likewise of the mean.
        roundness_mm: largest RONt (minimum zone, 1-50 UPR) over the healthy views.
        u_roundness_mm: its standard uncertainty.
        speck_mm: largest deviation of the outline that was left out as dust or a flake.
        coverage: what share of the ball was seen; None where the poses of the views are not known.
        unsized: reason word for missing sizes ('no_scale', 'no_temperature'), '' when there are sizes.
    """

    part_id: PartId
    views_due: int
    views: tuple[ViewFindings, ...]
    lost: tuple[LostView, ...]
    marks: tuple[str, ...] = ()
    diameter_min_mm: float | None = None
    diameter_max_mm: float | None = None
    diameter_mean_mm: float | None = None
    u_diameter_mm: float | None = None
    roundness_mm: float | None = None
    u_roundness_mm: float | None = None
    speck_mm: float | None = None
    coverage: Coverage | None = None
    u_diameter_mean_mm: float | None = None
    unsized: str = ""


class Decision(IntEnum):
    """What the station says of a part; the numbers travel to the PLC. Review goes to the reject chute."""

    ACCEPT = 1
    REJECT = 2
    REVIEW = 3


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of a verdict: the code, what was found, the limit it broke and where that limit is from."""

    code: str
    text: str = ""
    value: float | None = None
    limit: float | None = None
    uncertainty: float | None = None
    camera: str | None = None
    view_index: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judge's word on one part, with every reason; the first reason travels to the PLC."""

    part_id: PartId
    decision: Decision
    reasons: tuple[Reason, ...] = ()
    recipe_sha256: str = ""
    model_sha256: str = ""

    @property
    def first_reason(self) -> str:
        """Code of the gravest reason, '' for a clean accept."""
        return self.reasons[0].code if self.reasons else ""


@dataclass(frozen=True, slots=True)
class FrameHealth:
    """State of one frame, with the figures behind it."""

    fault: FrameFault
    detail: str = ""
    figures: dict[str, float] = field(default_factory=dict)
