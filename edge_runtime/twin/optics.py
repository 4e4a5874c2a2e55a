"""What a camera sees: backlight, fiducial marks, and balls of the bank at their true size.

Pure picture making, no clock and no files but the bank. With telecentric cameras the
centre of a ball is at x = (count - centre count - fov start) * px per count, y on the
lane's centre line (origin: corner of the top-left pixel); with pinhole cameras `lens`
says where and how large it looks. `camera_configs` gives the demo the cameras' part of
the station file, so that both sides share one geometry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from datasets.synthetic.bank import BallBank, ViewTruth
from edge_runtime.twin.balls import PlannedBall, nearest_view
from edge_runtime.twin.dirt import view_axes, with_flakes, with_specks
from edge_runtime.twin.lens import Lens, Seen
from edge_runtime.twin.settings import CAMERAS, LineSettings

UInt8Array = npt.NDArray[np.uint8]

BACKGROUND_GREY = 200.0
MARK_GREY = 35.0
TILT_DEG = {"left": 45.0, "right": -45.0}
#: x_px, y_px, radius_px; no two of the cameras' marks lie near each other
MARKS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "left": (
        (60.0, 11.0, 6.0),
        (250.0, 11.0, 6.0),
        (590.0, 11.0, 6.0),
        (160.0, 229.0, 6.0),
        (480.0, 229.0, 6.0),
    ),
    "right": (
        (120.0, 11.0, 6.0),
        (420.0, 11.0, 6.0),
        (40.0, 229.0, 6.0),
        (330.0, 229.0, 6.0),
        (560.0, 229.0, 6.0),
    ),
}
_MARKS_HEIGHT_PX = 240
FRAME_FIRST = 1
FRAME_WRAP = 1 << 16
"""Frame numbers run 1..65535 and start again at 1, as GigE Vision 1.x block ids do."""
#: the rim that grazing light brightens, and the surface beside it that says how dark it is without, patch px
_RIM_PX, _BESIDE_PX, _BESIDE_WINDOW_PX = 8.0, 3.0, 25
_NOISE_VARIANTS = 12
_GRADIENT_STEPS = 16
_GRADIENT_SLOWER = 2.7
"""The light's slope swings this much slower than its level, so that the two never keep step."""


def marks(camera: str, height_px: int) -> list[tuple[float, float, float]]:
    """A camera's marks in a picture of this height; the lower row keeps its distance to the border."""
    return [
        (x, y if y < _MARKS_HEIGHT_PX / 2.0 else y + height_px - _MARKS_HEIGHT_PX, r)
        for x, y, r in MARKS[camera]
    ]


def lens(settings: LineSettings, camera: str) -> Lens:
    """The camera's optics."""
    return Lens(
        tilt_rad=math.radians(TILT_DEG[camera]),
        mm_per_px=settings.mm_per_px,
        width_px=settings.width_px,
        height_px=settings.height_px,
        nominal_radius_mm=settings.diameter_mm / 2.0,
        distance_mm=settings.camera_distance_mm,
    )


def background(camera: str, width_px: int, height_px: int) -> UInt8Array:
    """(H, W) uint8: a camera's empty backlight with its marks, without noise."""
    x = (np.arange(width_px) + 0.5) / width_px * 2.0 - 1.0
    y = (np.arange(height_px) + 0.5) / height_px * 2.0 - 1.0
    xx, yy = np.meshgrid(x, y)
    tilt = 0.025 if camera == "left" else -0.02
    level = 1.03 - 0.07 * xx**2 - 0.05 * yy**2 + tilt * xx + 0.008 * np.sin(7.0 * xx + 2.0 * yy)
    grey = BACKGROUND_GREY * level
    px, py = np.meshgrid(np.arange(width_px) + 0.5, np.arange(height_px) + 0.5)
    for mark_x, mark_y, radius in marks(camera, height_px):
        cover = np.clip(0.5 + (radius - np.hypot(px - mark_x, py - mark_y)) / 1.8, 0.0, 1.0)
        grey = grey * (1.0 - cover) + MARK_GREY * cover
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def camera_configs(settings: LineSettings) -> list[dict[str, Any]]:
    """The `cameras` part of the station file that fits this line; see `edge_runtime.config.CameraConfig`.

    Telecentric cameras have their scale in it, pinhole cameras the name of a calibration file beside it.
    """
    configs = []
    for place in settings.camera_places:
        camera = place.side
        empty = background(camera, settings.width_px, settings.height_px)
        configs.append(
            {
                "name": place.name,
                "source": {"type": "shm", "name": settings.ring_name(place.name)},
                "geometry": {
                    "width_px": settings.width_px,
                    "height_px": settings.height_px,
                    "pixel_format": "mono8",
                    "fov_start_counts": settings.fov_start_counts,
                    "px_per_count": settings.px_per_count,
                    "direction": 1,
                    "lane_y_px": {place.lane: settings.height_px / 2.0},
                    "view_tilt_deg": TILT_DEG[camera],
                    "rolling": True,
                }
                | _scale(settings, place.name),
                "exposure": {
                    "every_counts": settings.exposure_every_counts,
                    "phase_counts": settings.exposure_phase_counts(camera),
                }
                | _late_after(settings),
                "frame_wrap": FRAME_WRAP,
                "frame_first": FRAME_FIRST,
                "fiducials": [list(mark) for mark in marks(camera, settings.height_px)],
                "reference_background": float(np.median(empty)),
            }
        )
    return configs


def _late_after(settings: LineSettings) -> dict[str, int]:
    if not settings.late_after_ms:
        return {}
    return {"late_after_counts": round(settings.late_after_ms / 1000.0 * settings.max_speed_counts_per_s)}


def calibration_name(camera: str) -> str:
    """Name of a pinhole camera's calibration file, in the folder of the station file."""
    return f"calibration-{camera}.yaml"


def _scale(settings: LineSettings, camera: str) -> dict[str, Any]:
    if settings.camera_distance_mm is not None:
        return {"calibration": calibration_name(camera)}
    # The twin's scale is exact; what remains is the pitch of its pixels.
    return {"mm_per_px": settings.mm_per_px, "u_scale_share": 0.002}


@dataclass(frozen=True, slots=True)
class BallPictures:
    """A ball's views, ready to paste: (T, T, 2) uint8 of grey times cover, and cover."""

    patches: tuple[UInt8Array, ...]


def load_pictures(bank: BallBank, ball: PlannedBall, *, rim_light_max: float | None = 1.0) -> BallPictures:
    """Read a ball's sheet and apply its brightness.

    Args:
        bank: rendered before a wide backlight.
        ball: which of its balls.
        rim_light_max: see `LineSettings`.

    Raises:
        ConfigError: the sheet cannot be read.
    """
    patches = []
    for view in bank.views(ball.bank):
        seen = view.grey
        if rim_light_max is not None:
            seen = with_less_rim_light(view.grey, view.alpha, rim_light_max)
        grey = cv2.multiply(seen, view.alpha, scale=ball.light_gain / 255.0)
        patches.append(np.dstack([np.minimum(grey, view.alpha), view.alpha]).astype(np.uint8))
    return BallPictures(tuple(patches))


def with_less_rim_light(grey: UInt8Array, alpha: UInt8Array, at_most: float) -> UInt8Array:
    """A patch as a smaller backlight shows it: grazing light brightens its rim only so far.

    Args:
        grey, alpha: (T, T) uint8 picture and cover of a ball.
        at_most: of the level of the surface beside the rim, at the very edge; it falls inwards as the square.
    """
    depth = cv2.distanceTransform((alpha > 127).astype(np.uint8), cv2.DIST_L2, 5)
    beside = ((depth >= _RIM_PX) & (depth < _RIM_PX + _BESIDE_PX)).astype(np.float32)
    window = (_BESIDE_WINDOW_PX, _BESIDE_WINDOW_PX)
    weight = cv2.blur(beside, window)
    level = cv2.blur(grey * beside, window) / np.maximum(weight, 1e-6)
    limit = level * (1.0 + at_most * np.clip(1.0 - depth / _RIM_PX, 0.0, 1.0) ** 2)
    rim = (depth < _RIM_PX) & (weight > 1e-6)
    return np.where(rim, np.minimum(grey, limit), grey).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Shown:
    """One ball in one picture, frame pixels.

    `diameter_px` is its mean as it looks, hot and through the lens; `mm_per_px` the scale at its middle;
    `whole`: its outline lies inside the picture along x.
    """

    ball: int
    view: ViewTruth
    x_px: float
    y_px: float
    diameter_px: float
    mm_per_px: float
    whole: bool


class Composer:
    """Makes the pictures of one camera.

    Args:
        settings: the line.
        camera: 'left' or 'right': the side from which it looks.
        number: of the camera among all; its noise is its own. None: that of the first lane's.
    """

    def __init__(self, settings: LineSettings, camera: str, number: int | None = None) -> None:
        self._settings = settings
        self.camera = camera
        self._empty = background(camera, settings.width_px, settings.height_px)
        seed = CAMERAS.index(camera) if number is None else number
        self._rng = np.random.default_rng([settings.seed, 0x0971C5, seed])
        shape = (_NOISE_VARIANTS, settings.height_px, settings.width_px)
        noise = self._rng.normal(0.0, settings.noise_sd_grey, shape)
        self._noise = np.rint(noise).astype(np.int16)
        self._variant = 0
        self._lens = lens(settings, camera)
        self._lights = self._sloped()

    def _sloped(self) -> list[UInt8Array]:
        """The empty backlight over one swing of its slope."""
        share = self._settings.lamp_gradient_share
        if share == 0.0:
            return [self._empty]
        x = (np.arange(self._settings.width_px) + 0.5) / self._settings.width_px * 2.0 - 1.0
        swing = np.sin(2.0 * np.pi * np.arange(_GRADIENT_STEPS) / _GRADIENT_STEPS)
        lights = [self._empty * (1.0 + share * at * x) for at in swing]
        return [np.clip(np.rint(light), 0, 255).astype(np.uint8) for light in lights]

    def _backlight(self, t_s: float) -> UInt8Array:
        """(H, W) uint8: the empty picture at a time, a copy."""
        settings = self._settings
        turn = t_s / settings.lamp_drift_period_s
        light = self._lights[int(turn / _GRADIENT_SLOWER * len(self._lights)) % len(self._lights)]
        drift = 1.0 + settings.lamp_drift_share * math.sin(2.0 * math.pi * turn)
        drifted: UInt8Array = cv2.convertScaleAbs(light, alpha=drift)  # type: ignore[assignment]
        return drifted

    def compose(
        self,
        encoder_count: int,
        t_s: float,
        balls: Sequence[tuple[PlannedBall, float, BallPictures]],
        lamp: float = 1.0,
        glass: Callable[[UInt8Array], UInt8Array] | None = None,
    ) -> tuple[UInt8Array, list[Shown]]:
        """One exposure.

        Args:
            encoder_count: endless count of the exposure.
            t_s: time, for the slow drift of the light.
            balls: ball, count at which its centre passed the photo-eye, pictures.
            lamp: share of the light as built; what is too bright saturates.
            glass: what the light goes through before it meets the sensor and its noise.

        Returns:
            (H, W) uint8 and what is to be seen in it.
        """
        frame = self._backlight(t_s)
        shown = []
        for ball, centre_count, pictures in balls:
            x_px = (
                encoder_count - centre_count - self._settings.fov_start_counts
            ) * self._settings.px_per_count
            if (
                -2.0 * self._settings.px_per_d
                < x_px
                < self._settings.width_px + 2.0 * self._settings.px_per_d
            ):
                shown.append(self._show(frame, ball, encoder_count - centre_count, x_px, pictures))
        if lamp != 1.0:
            frame = cv2.convertScaleAbs(frame, alpha=lamp)  # type: ignore[assignment]
        return self._with_noise(frame if glass is None else glass(frame)), shown

    def black(self) -> UInt8Array:
        """(H, W) uint8: an exposure without any light."""
        return self._with_noise(np.full_like(self._empty, 2))

    def _with_noise(self, frame: UInt8Array) -> UInt8Array:
        # Never the same twice in a row: a camera that repeats its noise is frozen.
        step = 1 + int(self._rng.integers(_NOISE_VARIANTS - 1))
        self._variant = (self._variant + step) % _NOISE_VARIANTS
        noise = self._noise[self._variant]
        noisy: UInt8Array = cv2.add(frame, noise, dtype=cv2.CV_8U)  # type: ignore[assignment]
        return noisy

    def _show(
        self, frame: UInt8Array, ball: PlannedBall, travel: float, x_px: float, pictures: BallPictures
    ) -> Shown:
        settings = self._settings
        roll_deg = ball.roll_deg(travel, settings.um_per_count)
        index = nearest_view(ball.bank, self.camera, roll_deg)
        view = ball.bank.views[index]
        seen = self._see(ball, x_px)
        half_px = ball.bank.nominal_px / 2.0
        axes_px = seen.axes_px / half_px
        paste(frame, self._dirty(ball, pictures.patches[index], view.roll_deg), seen.centre_xy_px, axes_px)
        box = np.array(view.silhouette_xyxy_px) - ball.bank.tile_px / 2.0
        left, right = seen.centre_xy_px[0] + box[[0, 2]] * axes_px[0, 0]
        whole = bool(left >= 0.0 and right <= settings.width_px)
        diameter_px = float(np.trace(seen.axes_px)) * ball.d_mean_mm / ball.size_mm
        return Shown(ball.number, view, *seen.centre_xy_px, diameter_px, seen.mm_per_px, whole)

    def _see(self, ball: PlannedBall, x_px: float) -> Seen:
        """Where it is and how large; `x_px`: where a telecentric lens has its middle."""
        settings = self._settings
        radius_mm = ball.size_mm * ball.hot_gain / 2.0
        if self._lens.distance_mm is not None:
            x_mm = (x_px - settings.width_px / 2.0) * settings.mm_per_px
            return self._lens.see(x_mm, ball.lateral_mm, radius_mm)
        y_px = settings.height_px / 2.0 - ball.lateral_mm / settings.mm_per_px
        return Seen((x_px, y_px), np.eye(2) * (radius_mm / settings.mm_per_px), settings.mm_per_px, math.inf)

    def _dirty(self, ball: PlannedBall, patch: UInt8Array, roll_deg: float) -> UInt8Array:
        """The patch with the dust and the flakes that can be seen; they roll with the ball."""
        if not ball.specks and not ball.flakes:
            return patch
        axes = view_axes(math.radians(TILT_DEG[self.camera]), math.radians(roll_deg))
        dirty = patch.copy()
        radius_px = ball.bank.nominal_px / 2.0
        with_specks(dirty, ball.specks, radius_px, axes)
        with_flakes(dirty, ball.flakes, ball.size_mm / 2.0, radius_px, axes)
        return dirty


def paste(
    frame: UInt8Array, patch: UInt8Array, centre_xy_px: tuple[float, float], axes: npt.NDArray[np.float64]
) -> None:
    """Blend a patch into a frame, its middle at a sub-pixel place; `axes` (2, 2): patch to frame pixels."""
    height, width = frame.shape
    tile = patch.shape[0]
    x_px, y_px = centre_xy_px
    reach_x, reach_y = np.abs(axes).sum(axis=1) * (tile / 2.0) + 1.0
    x0, x1 = max(math.floor(x_px - reach_x), 0), min(math.ceil(x_px + reach_x), width)
    y0, y1 = max(math.floor(y_px - reach_y), 0), min(math.ceil(y_px + reach_y), height)
    if x0 >= x1 or y0 >= y1:
        return
    # Pixel i covers i .. i + 1, OpenCV counts pixel middles: hence the halves.
    shift = axes @ np.full(2, 0.5 - tile / 2.0) - 0.5 + np.array([x_px - x0, y_px - y0])
    moved = cv2.warpAffine(patch, np.column_stack([axes, shift]), (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
    grey, cover = cv2.split(moved)
    region = frame[y0:y1, x0:x1]
    cv2.add(cv2.multiply(region, cv2.bitwise_not(cover), scale=1.0 / 255.0), grey, dst=region)
