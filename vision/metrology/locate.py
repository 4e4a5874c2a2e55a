"""The one ball of a picture: where it is, how large, and whether it is dark or bright; or why there is none.

Neighbours: `measure` asks `check_picture` and `locate_alone` first and hands the place to
`outline.trace_outline`; the line knows its places and calls that directly.

The background is a smooth surface through the picture's border, so uneven light and vignettes
do not matter; regions that differ from it are asked by `round_shape` whether they are balls.
Marks and belts are not round, or too small, and do not count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from vision.metrology.polar import median
from vision.metrology.round_shape import Round, find_circle
from vision.metrology.types import Float64Array, MeasureLimits, Refusal, Refused
from vision.types import Float32Array, UInt8Array

FloatArray = npt.NDArray[np.floating]

#: Smallest side of a picture that can hold anything, px.
_SIDE_MIN_PX = 16
#: The picture is halved while its shorter side keeps this many pixels, to a quarter at most.
_SMALL_SIDE_PX, _SHRINK_MAX = 85, 4
#: A difference from the background: standard deviations of its noise, grey levels, share of the contrast.
_DIFFERS_SD, _DIFFERS_GREY, _DIFFERS_SHARE = 6.0, 5.0, 0.35
#: Sides of the border that differ by less than this are evenly lit, grey levels.
_EVEN_GREY = 4.0
#: Pixels of objects from which their usual contrast is known.
_USUAL_PIXELS = 100
#: Places along each side of the border that the background is taken from.
_BORDER_POINTS = 48
#: Regions looked at, largest first; a region is drawn anew at about this size, px.
_REGIONS_MAX, _REGION_PX = 6, 260.0
#: In the small picture a contour of at least this size, px, is fine enough as it is.
_FINE_PX = 70.0
#: A contour runs through middles of pixels that lie this share of a pixel inside of the level it is drawn
#: at, and that level, for an edge of usual blur, so many px outside of the half level.
_CONTOUR_INSIDE, _LEVEL_OUTSIDE_PX = 0.39, 0.4
#: What is smaller than this share of the smallest diameter is a mark.
_MARK_SHARE = 0.5
#: Share of the circle that a ball's contour follows, at least; the rest is a neck, a flat or a neighbour.
_FOLLOWS_MIN = 0.70
#: A second ball: radius over the first one's, diameter over the smallest that is measured, share of its
#: circle that is seen, and the length of contour outside the first one that makes it worth a look.
_SECOND_RADIUS, _SECOND_DIAMETER, _SECOND_SEEN, _SECOND_CONTOUR = 0.2, 0.75, 0.35, 0.12
#: Share of its own circle that a second ball in one region follows, at least.
_SECOND_FOLLOWS = 0.5
#: Longest contour outside of the ball's circle, share of that circle: more is no neck.
_JOINED_MAX = 0.6
#: Level from which a picture is white.
_WHITE = 254


@dataclass(frozen=True, slots=True)
class Located:
    """One ball in a picture.

    Attributes:
        centre_xy_px, radius_px: right to about two hundredths of the radius.
        dark_on_bright: whether it is darker than its background.
        background_level: level of the background about the ball, 0..255 as in the picture.
    """

    centre_xy_px: tuple[float, float]
    radius_px: float
    dark_on_bright: bool
    background_level: float


def check_picture(image: npt.NDArray[np.generic]) -> UInt8Array | Refused:
    """The picture as (H, W) uint8, or why it is none that can be measured.

    Colour is refused even when its channels are equal: the lens bends colours apart, and a
    Bayer mosaic's edges are no edges.
    """
    if image.ndim == 3:
        return Refused(Refusal.COLOUR, f"picture has {image.shape[2]} channels, one (grey) is needed")
    if image.ndim != 2 or min(image.shape) < _SIDE_MIN_PX:
        return Refused(
            Refusal.TOO_SMALL, f"picture of shape {image.shape}, {_SIDE_MIN_PX} px a side is the least"
        )
    if image.dtype != np.uint8:
        return Refused(Refusal.BIT_DEPTH, f"picture of {image.dtype}, 8 bits (uint8) are needed")
    return np.asarray(image, np.uint8)


def locate_alone(grey: UInt8Array, limits: MeasureLimits) -> Located | Refused:
    """Find the one ball in a picture.

    Args:
        grey: (H, W) uint8, from `check_picture`.
        limits: smallest contrast, share of the outline and diameters.

    Returns:
        Its place, or why there is not exactly one ball.
    """
    scene = _scene(grey)
    if scene is None:
        return _nothing(grey)
    balls: list[Round] = []
    largest: tuple[_Region, Round | None] | None = None
    for region in _regions(scene, limits):
        circle = _circle(scene, region)
        if largest is None:
            largest = region, circle
        if circle is not None and _is_ball(circle, limits):
            balls.append(circle)
    if not balls:
        return _no_ball(scene, largest, limits)
    ball = balls[0]
    second = _second(scene, ball, balls[1:], limits)
    if second is not None:
        return second
    refused = _refused(scene, ball, limits)
    if refused is not None:
        return refused
    x, y = ball.centre_xy_px
    level = scene.surface(x, y)
    return Located(
        (x, y), ball.radius_px, scene.dark_on_bright, level if scene.dark_on_bright else 255.0 - level
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """A picture, upright (objects darker), and its smooth background.

    `fall`: how far the picture, averaged down by `shrink`, lies below the surface; `factors` of the
    surface over x and y in -1..1; `differs`: what an object differs by at least; `contrast`: by how
    much objects usually do.
    """

    upright: UInt8Array
    fall: Float32Array
    shrink: int
    factors: Float64Array
    differs: float
    contrast: float
    dark_on_bright: bool

    def surface(self, x_px: float, y_px: float) -> float:
        """Level of the background at a place in the picture."""
        height, width = self.upright.shape
        u, v = 2.0 * x_px / width - 1.0, 2.0 * y_px / height - 1.0
        a, b, c, d = self.factors
        return float(a + b * u + c * v + d * (u * u + v * v))


@dataclass(frozen=True, slots=True, eq=False)
class _Region:
    """One region: its box in picture pixels, and its contour (M, 2) in those of the small picture."""

    xyxy_px: tuple[int, int, int, int]
    contour: npt.NDArray[np.int32]

    @property
    def size_px(self) -> float:
        """Longer side."""
        return float(max(self.xyxy_px[2] - self.xyxy_px[0], self.xyxy_px[3] - self.xyxy_px[1]))


def _scene(grey: UInt8Array) -> _Scene | None:
    """The picture's background and what differs from it; None when nothing does."""
    height, width = grey.shape
    part, shrink = grey, 1
    # OpenCV halves in a tenth of the time of any other scale.
    while min(part.shape) >= 2 * _SMALL_SIDE_PX and shrink < _SHRINK_MAX:
        half = (part.shape[1] // 2, part.shape[0] // 2)
        even = part[: 2 * half[1], : 2 * half[0]]
        part, shrink = np.asarray(cv2.resize(even, half, interpolation=cv2.INTER_AREA), np.uint8), 2 * shrink
    size = (part.shape[1], part.shape[0])
    small = cv2.medianBlur(part, 3).astype(np.float32)
    x = ((np.arange(size[0]) + 0.5) * shrink / width * 2.0 - 1.0).astype(np.float32)
    y = ((np.arange(size[1]) + 0.5) * shrink / height * 2.0 - 1.0).astype(np.float32)
    factors, noise = _fit_border(small, x, y)
    a, b, c, d = (np.float32(value) for value in factors)
    fall = (a + b * x + d * x * x)[None, :] + (c * y + d * y * y)[:, None] - small
    differs = max(_DIFFERS_SD * noise, _DIFFERS_GREY)
    # OpenCV cuts and sums in a quarter of the time that boolean masks take.
    dark_sum = cv2.sumElems(cv2.threshold(fall, differs, 0.0, cv2.THRESH_TOZERO)[1])[0]
    bright_sum = -cv2.sumElems(cv2.threshold(fall, -differs, 0.0, cv2.THRESH_TOZERO_INV)[1])[0]
    if max(dark_sum, bright_sum) <= 0.0:
        return None
    dark_on_bright = dark_sum >= bright_sum
    upright = grey
    if not dark_on_bright:
        upright = np.asarray(cv2.bitwise_not(grey), np.uint8)
        fall, factors = -fall, np.array([255.0, 0.0, 0.0, 0.0]) - factors
    usual = _usual(fall, differs)
    least = max(differs, _DIFFERS_SHARE * usual)
    return _Scene(upright, fall, shrink, factors, least, usual, dark_on_bright)


def _usual(fall: Float32Array, differs: float) -> float:
    """Median of what differs from the background; of every ninth pixel where that is many."""
    few = fall[::3, ::3]
    values = few[few > differs]
    if len(values) < _USUAL_PIXELS:
        values = fall[fall >= differs]
    return median(values)


def _fit_border(small: Float32Array, x: Float32Array, y: Float32Array) -> tuple[Float64Array, float]:
    """Smooth surface a + b x + c y + d (x^2 + y^2) through the border, and the noise about it."""
    across, down = _thinned(len(x)), _thinned(len(y))
    even = _even_border(small, across, down)
    if even is not None:
        return even
    rows, columns = np.array([[0], [1], [-2], [-1]]), np.array([0, 1, -2, -1])
    level = np.concatenate([small[rows, across].ravel(), small[down[:, None], columns].ravel()])
    level = level.astype(np.float64)
    u = np.concatenate([np.tile(x[across], 4), np.tile(x[columns], len(down))])
    v = np.concatenate([np.repeat(y[rows[:, 0]], len(across)), np.repeat(y[down], 4)])
    table = np.stack([np.ones_like(u), u, v, u * u + v * v], axis=1).astype(np.float64)
    factors = np.array([median(level), 0.0, 0.0, 0.0])
    spread = median(np.abs(level - factors[0]))
    for order in (3, 4, 4):
        off = np.abs(level - table @ factors)
        near = off <= max(4.0 * spread, 2.0)
        part = table[near, :order]
        normal = part.T @ part + 1e-3 * len(part) * np.diag([0.0, 1.0, 1.0, 1.0][:order])
        factors = np.zeros(4)
        factors[:order] = np.linalg.solve(normal, part.T @ level[near])
        spread = median(np.abs(level[near] - table[near] @ factors))
    return factors, spread / 0.6745


def _even_border(
    small: Float32Array, across: npt.NDArray[np.int64], down: npt.NDArray[np.int64]
) -> tuple[Float64Array, float] | None:
    """The surface and the noise where the light is even: all four sides have the same level."""
    sides = (small[0, across], small[-1, across], small[down, 0], small[down, -1])
    levels = [median(side) for side in sides]
    if max(levels) - min(levels) > _EVEN_GREY:
        return None
    level = sum(levels) / 4.0
    spread = median(np.abs(np.concatenate(sides) - np.float32(level)))
    return np.array([level, 0.0, 0.0, 0.0]), spread / 0.6745


def _thinned(count: int) -> npt.NDArray[np.int64]:
    """About _BORDER_POINTS numbers of 0..count - 1, evenly spread."""
    return np.arange(0, count, max(1, count // _BORDER_POINTS))


def _regions(scene: _Scene, limits: MeasureLimits) -> list[_Region]:
    """Regions darker than the background, largest first."""
    shrink = scene.shrink
    mask = np.asarray(scene.fall > scene.differs, np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    least = 0.25 * limits.diameter_min_px / shrink
    found = [(cv2.boundingRect(contour), contour) for contour in contours if len(contour) >= 8]
    found = [item for item in found if max(item[0][2], item[0][3]) >= least]
    found.sort(key=lambda item: item[0][2] * item[0][3], reverse=True)
    return [
        _Region(
            (x * shrink, y * shrink, (x + w) * shrink, (y + h) * shrink),
            np.asarray(contour, np.int32).reshape(-1, 2),
        )
        for (x, y, w, h), contour in found[:_REGIONS_MAX]
    ]


def _mask(scene: _Scene, levels: Float32Array, x_px: FloatArray, y_px: FloatArray) -> UInt8Array:
    height, width = scene.upright.shape
    u = (2.0 * x_px / width - 1.0).astype(np.float32)
    v = (2.0 * y_px / height - 1.0).astype(np.float32)
    a, b, c, d = (np.float32(value) for value in scene.factors)
    limit = (a + b * u + d * u * u - np.float32(scene.differs))[None, :] + (c * v + d * v * v)[:, None]
    return np.asarray(levels < limit, np.uint8)


def _circle(scene: _Scene, region: _Region) -> Round | None:
    """The circle of a region; from a contour drawn anew where the small picture's is coarse."""
    if region.size_px >= _FINE_PX * scene.shrink:
        return _circle_of(scene, (region.contour + 0.5) * scene.shrink, float(scene.shrink))
    height, width = scene.upright.shape
    margin = 2 * scene.shrink + 2
    x0, y0 = max(0, region.xyxy_px[0] - margin), max(0, region.xyxy_px[1] - margin)
    x1, y1 = min(width, region.xyxy_px[2] + margin), min(height, region.xyxy_px[3] + margin)
    scale = min(_REGION_PX / region.size_px, 6.0)
    size = (max(4, round((x1 - x0) * scale)), max(4, round((y1 - y0) * scale)))
    way = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR
    part = cv2.resize(scene.upright[y0:y1, x0:x1], size, interpolation=way)
    sx, sy = (x1 - x0) / size[0], (y1 - y0) / size[1]
    levels = cv2.GaussianBlur(part, (0, 0), max(0.8, 0.8 * scale)).astype(np.float32)
    mask = _mask(scene, levels, x0 + (np.arange(size[0]) + 0.5) * sx, y0 + (np.arange(size[1]) + 0.5) * sy)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    contour = max(contours, key=cv2.contourArea).reshape(-1, 2) + 0.5
    return _circle_of(scene, np.array([x0, y0]) + contour * np.array([sx, sy]), max(sx, sy))


def _circle_of(scene: _Scene, points: FloatArray, pixel: float) -> Round | None:
    """The circle of a contour without what lies on the picture's border; `pixel`: of the contour's grid."""
    height, width = scene.upright.shape
    edge = 1.5 * max(pixel, 1.0)
    low, high = points.min(axis=0), points.max(axis=0)
    if low.min() <= edge or high[0] >= width - edge or high[1] >= height - edge:
        away = (points > edge) & (points < np.array([width - edge, height - edge]))
        points = points[away.all(axis=1)]
    circle = find_circle(np.asarray(points, np.float64), float(width), float(height))
    if circle is None:
        return None
    return replace(circle, radius_px=circle.radius_px + _CONTOUR_INSIDE * pixel - _LEVEL_OUTSIDE_PX)


def _is_ball(circle: Round, limits: MeasureLimits) -> bool:
    # What is far smaller than any ball is a mark or a crumb.
    large = 2.0 * circle.radius_px >= _MARK_SHARE * limits.diameter_min_px
    return large and circle.follows_share >= _FOLLOWS_MIN and circle.inside_share >= 0.2


def _second(scene: _Scene, ball: Round, others: list[Round], limits: MeasureLimits) -> Refused | None:
    """Whether there is a second ball, apart or in one region with the first, or something else joined."""
    least = max(_SECOND_RADIUS * ball.radius_px, _SECOND_DIAMETER * limits.diameter_min_px / 2.0)
    height, width = scene.upright.shape
    for other in others:
        if other.radius_px >= least and other.inside_share >= _SECOND_SEEN:
            return _two(ball, other, "apart")
    rest = ball.outside_xy_px
    if len(rest) * ball.contour_px < _SECOND_CONTOUR * 2.0 * math.pi * ball.radius_px:
        return None
    joined = find_circle(rest, float(width), float(height))
    if (
        joined is not None
        and joined.radius_px >= least
        and joined.follows_share * joined.inside_share >= _SECOND_SEEN
        and joined.follows_share >= _SECOND_FOLLOWS
    ):
        return _two(ball, joined, "joined")
    share = len(rest) * ball.contour_px / (2.0 * math.pi * ball.radius_px)
    if share > _JOINED_MAX:
        return Refused(
            Refusal.NOT_A_BALL,
            f"a ball joined to something else: contour outside of its circle {share:.2f} times the "
            f"circle's, {_JOINED_MAX:.2f} is the most for a neck",
        )
    return None


def _two(ball: Round, other: Round, how: str) -> Refused:
    return Refused(
        Refusal.TWO_BALLS,
        f"two balls, {how}: diameters {2.0 * ball.radius_px:.0f} and {2.0 * other.radius_px:.0f} px",
    )


def _refused(scene: _Scene, ball: Round, limits: MeasureLimits) -> Refused | None:
    diameter = 2.0 * ball.radius_px
    if ball.inside_share < limits.outline_share_min:
        return Refused(
            Refusal.CLIPPED,
            f"{ball.inside_share:.0%} of the outline lies in the picture, "
            f"{limits.outline_share_min:.0%} needed",
        )
    if scene.contrast < limits.contrast_min:
        return Refused(
            Refusal.CONTRAST, f"contrast {scene.contrast:.0f} grey levels, limit {limits.contrast_min:.0f}"
        )
    if diameter < limits.diameter_min_px:
        return Refused(
            Refusal.TOO_SMALL, f"diameter {diameter:.0f} px, limit {limits.diameter_min_px:.0f} px"
        )
    if diameter > limits.diameter_max_px:
        return Refused(
            Refusal.TOO_LARGE, f"diameter {diameter:.0f} px, limit {limits.diameter_max_px:.0f} px"
        )
    return None


def _nothing(grey: UInt8Array) -> Refused:
    white = float((grey >= _WHITE).mean())
    if white > 0.9:
        return Refused(Refusal.SATURATED, f"{white:.0%} of the picture is clipped")
    return Refused(Refusal.NO_BALL, "nothing differs from the background")


def _no_ball(scene: _Scene, largest: tuple[_Region, Round | None] | None, limits: MeasureLimits) -> Refused:
    if largest is None:
        return _nothing(scene.upright if scene.dark_on_bright else np.asarray(255 - scene.upright, np.uint8))
    region, circle = largest
    if scene.contrast < limits.contrast_min or region.size_px < _MARK_SHARE * limits.diameter_min_px:
        return Refused(
            Refusal.NO_BALL,
            f"largest region {region.size_px:.0f} px, contrast {scene.contrast:.0f} grey levels: no ball",
        )
    follows = 0.0 if circle is None else circle.follows_share
    return Refused(
        Refusal.NOT_A_BALL,
        f"the outline follows {follows:.0%} of a circle, {_FOLLOWS_MIN:.0%} is the least for a ball",
    )
