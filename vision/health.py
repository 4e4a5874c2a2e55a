"""Is this frame a picture of the line as it was set up? Pure functions, state passed in and out.

Neighbours: the station keeps one `FrameMemory` per camera, calls `frame_health` for every
frame and hands `figures["background"]` on to the views. A frame that fails proves nothing;
faults are looked for in the order of `FrameFault` as far as a picture can show them, since
a black frame is also out of place and out of focus. `late` is the station's to say.

Only the marks, the margins and a thin subsample are looked at, so the cost does not grow with
the picture.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, hypot, pi, sqrt
from statistics import median

import numpy as np
import numpy.typing as npt

from vision.silhouette import as_grey
from vision.types import Float32Array, FrameFault, FrameHealth, PixelFormat, UInt8Array

#: A subsample whose 99th percentile is below this shows no light at all (dark level of any sensor).
_BLACK_LEVEL = 16
#: Level from which a pixel counts as clipped, and the share of clipped pixels that a good frame may have.
_CLIPPED_LEVEL, _CLIPPED_SHARE_MAX = 254, 0.5
#: Below this share of the required contrast a mark is not dim but gone.
_MARK_GONE_SHARE = 0.4
#: Area of a mark over that of its disc: outside, something else lies in the window.
_MARK_AREA_MIN, _MARK_AREA_MAX = 0.5, 1.8
#: Difference of the background's channels (grey levels) from which their order can be told.
_COLOUR_STEP_MIN = 12.0
#: 10-90 % width of a Gaussian edge over its 25-75 % width.
_EDGE_10_90_OVER_25_75 = 1.9


@dataclass(frozen=True, slots=True)
class FrameExpectation:
    """What a frame of one camera should look like. Grey levels 0..255, shares 0..1.

    Attributes:
        width_px, height_px, pixel_format: the camera's picture.
        fiducials: dark round marks: x_px, y_px, radius_px; () switches the checks on marks off.
        reference_background: background level at commissioning; None: only the absolute limits hold.
        reference_bgr: background's levels per channel at commissioning, for bgr8 cameras; None: not checked.
        background_min, background_max: absolute limits of the background level.
        background_drop_share: largest drop against the reference.
        shift_max_px: largest distance of a mark from its place.
        contrast_min: smallest contrast of a mark, grey levels.
        focus_max_px: largest 10-90 % width of the marks' edges.
        check_frozen: False for recordings, which may repeat a picture.
    """

    width_px: int
    height_px: int
    pixel_format: PixelFormat = "mono8"
    fiducials: tuple[tuple[float, float, float], ...] = ()
    reference_background: float | None = None
    reference_bgr: tuple[float, float, float] | None = None
    background_min: float = 110.0
    background_max: float = 250.0
    background_drop_share: float = 0.25
    shift_max_px: float = 6.0
    contrast_min: float = 25.0
    focus_max_px: float = 6.0
    check_frozen: bool = True


@dataclass(frozen=True, slots=True)
class FrameMemory:
    """What must be remembered of the previous frame of the same camera: a digest of its subsample."""

    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class MarkReading:
    """One fiducial mark as found. `edge_px` is None without contrast, `shift_px` also without a mark's area.

    `covered`: something much larger than the mark lies there, a ball for instance.
    """

    contrast: float
    shift_px: float | None = None
    edge_px: float | None = None
    covered: bool = False


def frame_health(
    image: UInt8Array, pixel_format: PixelFormat, expected: FrameExpectation, memory: FrameMemory
) -> tuple[FrameHealth, FrameMemory]:
    """Judge one frame.

    Args:
        image: (H, W) for mono8, (H, W, 3) for bgr8; whatever else arrives is a fault of shape.
        pixel_format: what the camera says it is.
        expected: what it should be.
        memory: of the previous frame of this camera; `FrameMemory()` for the first.

    Returns:
        The health, with every figure that was measured (`background`, `clipped_share`, `mark_shift_px`,
        `mark_contrast`, `mark_edge_px`), and the memory for the next frame.
    """
    wrong = _shape_fault(image, pixel_format, expected)
    if wrong:
        return FrameHealth(FrameFault.SHAPE, wrong), FrameMemory()
    thin = np.ascontiguousarray(image[2::11, 1::7])
    digest = hashlib.blake2b(thin.tobytes(), digest_size=16).digest()
    after = FrameMemory(digest)
    background = background_level(image)
    clipped = float(np.count_nonzero(thin >= _CLIPPED_LEVEL)) / thin.size
    figures = {"background": background, "clipped_share": clipped}
    fault, detail = _light_fault(thin, background, clipped, expected)
    if fault is FrameFault.OK and expected.check_frozen and digest == memory.digest:
        fault, detail = FrameFault.FROZEN, "the picture is the previous one, noise included"
    if fault is FrameFault.OK:
        fault, detail = _colour_fault(image, expected)
    if fault is FrameFault.OK:
        fault, detail = _lamp_fault(background, expected)
    if fault is FrameFault.OK and expected.fiducials:
        fault, detail, marks = _mark_fault(image, background, expected)
        figures.update(marks)
    return FrameHealth(fault, detail, figures), after


def background_level(image: UInt8Array) -> float:
    """Grey level of the empty background: the median of strips along the upper and lower edge.

    Balls roll along the middle; the few marks and grains of dust in the strips do not move a median.
    """
    strip = max(2, image.shape[0] // 16)
    step = max(1, image.shape[1] // 160)
    margins = np.concatenate([image[:strip:2, ::step].ravel(), image[-strip::2, ::step].ravel()])
    # np.median costs ten times as much; half a grey level does not matter here.
    middle = margins.size // 2
    return float(np.partition(margins, middle)[middle])


def _shape_fault(image: UInt8Array, pixel_format: PixelFormat, expected: FrameExpectation) -> str:
    shape: tuple[int, ...] = (expected.height_px, expected.width_px)
    if expected.pixel_format == "bgr8":
        shape = (*shape, 3)
    if pixel_format != expected.pixel_format:
        return f"pixel format is {pixel_format}, the station file says {expected.pixel_format}"
    if image.shape != shape or image.dtype != np.uint8:
        return f"the picture is {image.dtype} {image.shape}, the station file says uint8 {shape}"
    return ""


def _light_fault(
    thin: UInt8Array, background: float, clipped: float, expected: FrameExpectation
) -> tuple[FrameFault, str]:
    if np.count_nonzero(thin >= _BLACK_LEVEL) * 100 < thin.size:
        return FrameFault.BLACK, f"99 % of the picture is darker than {_BLACK_LEVEL}"
    if clipped > _CLIPPED_SHARE_MAX:
        return FrameFault.SATURATED, f"{clipped:.0%} of the picture is clipped"
    if background > expected.background_max:
        return FrameFault.SATURATED, f"background {background:.0f} is above {expected.background_max:.0f}"
    return FrameFault.OK, ""


def _colour_fault(image: UInt8Array, expected: FrameExpectation) -> tuple[FrameFault, str]:
    """Blue and red swapped: the background fits its reference better the other way round."""
    reference = expected.reference_bgr
    if image.ndim != 3 or reference is None or abs(reference[0] - reference[2]) < _COLOUR_STEP_MIN:
        return FrameFault.OK, ""
    blue, red = background_level(image[..., 0]), background_level(image[..., 2])
    # The lamp may have faded, so the sign of the difference is asked, not its size.
    if (red - blue) * (reference[2] - reference[0]) < 0 and abs(red - blue) >= _COLOUR_STEP_MIN / 2:
        return FrameFault.COLOURS, (
            f"background is blue {blue:.0f}, red {red:.0f}; "
            f"at commissioning blue {reference[0]:.0f}, red {reference[2]:.0f}"
        )
    return FrameFault.OK, ""


def _lamp_fault(background: float, expected: FrameExpectation) -> tuple[FrameFault, str]:
    if background < expected.background_min:
        return FrameFault.LAMP, f"background {background:.0f} is below {expected.background_min:.0f}"
    reference = expected.reference_background
    if reference is not None and background < reference * (1.0 - expected.background_drop_share):
        return FrameFault.LAMP, (
            f"background {background:.0f} is {1.0 - background / reference:.0%} below the {reference:.0f} "
            f"of commissioning, limit {expected.background_drop_share:.0%}"
        )
    return FrameFault.OK, ""


def _mark_fault(
    image: UInt8Array, background: float, expected: FrameExpectation
) -> tuple[FrameFault, str, dict[str, float]]:
    """Marks gone or shifted (moved, cameras swapped), dim (film on the glass) or soft (out of focus)."""
    marks = read_marks(image, expected.fiducials, background, expected.shift_max_px)
    contrasts = [mark.contrast for mark in marks]
    shifts = [mark.shift_px for mark in marks if mark.shift_px is not None]
    edges = [mark.edge_px for mark in marks if mark.edge_px is not None]
    figures = {"mark_contrast": median(contrasts)}
    if shifts:
        figures["mark_shift_px"] = max(shifts)
    if edges:
        figures["mark_edge_px"] = median(edges)
    least = expected.contrast_min * _MARK_GONE_SHARE
    gone = [mark.contrast < least or mark.edge_px is None for mark in marks]
    if any(gone):
        text = f"{sum(gone)} of {len(marks)} marks are not at their places"
        return FrameFault.MOVED, text, figures
    if figures["mark_contrast"] < expected.contrast_min:
        text = f"contrast of the marks {figures['mark_contrast']:.0f} is below {expected.contrast_min:.0f}"
        return FrameFault.FOCUS, text, figures
    # Before the places: blur swells a mark out of its area.
    if figures["mark_edge_px"] > expected.focus_max_px:
        width, limit = figures["mark_edge_px"], expected.focus_max_px
        text = f"edges of the marks are {width:.1f} px wide, limit {limit:.1f} px"
        return FrameFault.FOCUS, text, figures
    # An odd piece may lie over a mark; as long as most others are seen they hold the place.
    covered = sum(mark.covered for mark in marks)
    if len(shifts) + covered < len(marks) or 2 * covered > len(marks):
        text = f"{len(marks) - len(shifts)} of {len(marks)} marks are shifted or covered"
        return FrameFault.MOVED, text, figures
    if max(shifts, default=0.0) > expected.shift_max_px:
        text = f"a mark is {max(shifts):.1f} px from its place, limit {expected.shift_max_px:.1f} px"
        return FrameFault.MOVED, text, figures
    return FrameFault.OK, "", figures


def read_mark(
    image: UInt8Array, mark: tuple[float, float, float], background: float, shift_max_px: float
) -> MarkReading:
    """Measure one dark disc near its place; arguments and result as for `read_marks`."""
    return read_marks(image, [mark], background, shift_max_px)[0]


def read_marks(
    image: UInt8Array,
    marks: Sequence[tuple[float, float, float]],
    background: float,
    shift_max_px: float,
) -> list[MarkReading]:
    """Measure dark discs near their places.

    Args:
        image: (H, W) mono8 or (H, W, 3) bgr8.
        marks: x_px, y_px, radius_px of their places at commissioning.
        background: level around them, 0..255.
        shift_max_px: how far to look around.

    Returns:
        Contrast, edge width, and distance of the centroid from its place; the last is None where
        less than half or more than 1.8 times the disc's area is dark.
    """
    found: list[MarkReading] = [MarkReading(0.0)] * len(marks)
    # Windows of one size and discs of one radius are measured at once.
    alike: dict[tuple[int, int, float], list[tuple[int, int, int]]] = {}
    for number, (x_px, y_px, radius_px) in enumerate(marks):
        reach = radius_px + shift_max_px + 2.0
        x0, x1 = max(0, int(x_px - reach)), min(image.shape[1], ceil(x_px + reach))
        y0, y1 = max(0, int(y_px - reach)), min(image.shape[0], ceil(y_px + reach))
        if x1 - x0 >= 3 and y1 - y0 >= 3:
            alike.setdefault((y1 - y0, x1 - x0, radius_px), []).append((number, x0, y0))
    for (height, width, radius_px), windows in alike.items():
        cut = np.stack([as_grey(image[y0 : y0 + height, x0 : x0 + width]) for _, x0, y0 in windows])
        depth: Float32Array = np.float32(background) - cut.astype(np.float32)
        places = [(marks[number][0] - x0, marks[number][1] - y0) for number, x0, y0 in windows]
        for (number, _, _), reading in zip(windows, _read_alike(depth, places, radius_px), strict=True):
            found[number] = reading
    return found


def _read_alike(
    depth: Float32Array, places_px: Sequence[tuple[float, float]], radius_px: float
) -> Iterator[MarkReading]:
    """Readings of discs of one radius in windows of one size.

    Args:
        depth: (M, h, w) how far each pixel lies below the background.
        places_px: (x, y) of each disc in its window.
        radius_px: of the discs.
    """
    number, height, width = depth.shape
    size = height * width
    # A mark's own level: the median of as many of the darkest pixels as half its disc has.
    count = min(size - 1, max(4, int(0.5 * np.pi * radius_px**2)))
    rank = size - count + count // 2
    contrasts = np.partition(depth.reshape(number, size), rank, axis=1)[:, rank]
    share = depth / np.maximum(contrasts, 1e-3)[:, None, None]
    weight: npt.NDArray[np.float32] = np.minimum(np.maximum((share - 0.25) * 2.0, 0.0), 1.0)
    areas = weight.sum(axis=(1, 2))
    # 4w(1-w) over a linear ramp has the mean 2/3: its sum is 2/3 of the ramp's area, a ring of the disc.
    rings = (weight * (1.0 - weight)).sum(axis=(1, 2)) * 6.0
    across, down = weight.sum(axis=1), weight.sum(axis=2)
    x_sums, y_sums = across @ (np.arange(width) + 0.5), down @ (np.arange(height) + 0.5)
    for at, (x_px, y_px) in enumerate(places_px):
        contrast, area = float(contrasts[at]), float(areas[at])
        if contrast < 4.0:
            yield MarkReading(max(0.0, contrast))
            continue
        edge = float(rings[at]) / (2.0 * sqrt(pi * area)) * _EDGE_10_90_OVER_25_75
        area_share = area / (pi * radius_px**2)
        if not _MARK_AREA_MIN <= area_share <= _MARK_AREA_MAX:
            yield MarkReading(contrast, edge_px=edge, covered=area_share > _MARK_AREA_MAX)
            continue
        shift = hypot(float(x_sums[at]) / area - x_px, float(y_sums[at]) / area - y_px)
        yield MarkReading(contrast, shift, edge)
