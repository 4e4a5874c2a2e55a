"""What a camera sees: backlight, fiducial marks, and balls of the bank at their true size.

Pure picture making, no clock and no files but the bank. Orthographic cameras; the
centre of a ball is at x = (count - centre count - fov start) * px per count, y on the
lane's centre line (origin: corner of the top-left pixel). `camera_configs` gives the
demo the cameras' part of the station file, so that both sides share one geometry.
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
from edge_runtime.twin.settings import CAMERAS, PX_PER_D, LineSettings

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
FRAME_FIRST = 1
FRAME_WRAP = 1 << 16
"""Frame numbers run 1..65535 and start again at 1, as GigE Vision 1.x block ids do."""
_NOISE_VARIANTS = 12
_DRIFT_SHARE = 0.012
_DRIFT_PERIOD_S = 23.0


def background(camera: str, width_px: int, height_px: int) -> UInt8Array:
    """(H, W) uint8: a camera's empty backlight with its marks, without noise."""
    x = (np.arange(width_px) + 0.5) / width_px * 2.0 - 1.0
    y = (np.arange(height_px) + 0.5) / height_px * 2.0 - 1.0
    xx, yy = np.meshgrid(x, y)
    tilt = 0.025 if camera == "left" else -0.02
    level = 1.03 - 0.07 * xx**2 - 0.05 * yy**2 + tilt * xx + 0.008 * np.sin(7.0 * xx + 2.0 * yy)
    grey = BACKGROUND_GREY * level
    px, py = np.meshgrid(np.arange(width_px) + 0.5, np.arange(height_px) + 0.5)
    for mark_x, mark_y, radius in MARKS[camera]:
        cover = np.clip(0.5 + (radius - np.hypot(px - mark_x, py - mark_y)) / 1.8, 0.0, 1.0)
        grey = grey * (1.0 - cover) + MARK_GREY * cover
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def camera_configs(settings: LineSettings) -> list[dict[str, Any]]:
    """The `cameras` part of the station file that fits this line; see `edge_runtime.config.CameraConfig`."""
    configs = []
    for camera in CAMERAS:
        empty = background(camera, settings.width_px, settings.height_px)
        configs.append(
            {
                "name": camera,
                "source": {"type": "shm", "name": settings.ring_name(camera)},
                "geometry": {
                    "width_px": settings.width_px,
                    "height_px": settings.height_px,
                    "pixel_format": "mono8",
                    "fov_start_counts": settings.fov_start_counts,
                    "px_per_count": settings.px_per_count,
                    "direction": 1,
                    "lane_y_px": {settings.lane: settings.height_px / 2.0},
                    "mm_per_px": settings.mm_per_px,
                    # The twin's scale is exact; what remains is the pitch of its pixels.
                    "u_scale_share": 0.002,
                },
                "exposure": {
                    "every_counts": settings.exposure_every_counts,
                    "phase_counts": settings.exposure_phase_counts(camera),
                },
                "frame_wrap": FRAME_WRAP,
                "frame_first": FRAME_FIRST,
                "fiducials": [list(mark) for mark in MARKS[camera]],
                "reference_background": float(np.median(empty)),
            }
        )
    return configs


@dataclass(frozen=True, slots=True)
class BallPictures:
    """A ball's views, ready to paste: (T, T, 2) uint8 of grey times cover, and cover."""

    patches: tuple[UInt8Array, ...]


def load_pictures(bank: BallBank, ball: PlannedBall) -> BallPictures:
    """Read a ball's sheet and apply its brightness.

    Raises:
        ConfigError: the sheet cannot be read.
    """
    patches = []
    for view in bank.views(ball.bank):
        grey = cv2.multiply(view.grey, view.alpha, scale=ball.light_gain / 255.0)
        patches.append(np.dstack([np.minimum(grey, view.alpha), view.alpha]).astype(np.uint8))
    return BallPictures(tuple(patches))


@dataclass(frozen=True, slots=True)
class Shown:
    """One ball in one picture, frame pixels; `whole`: its outline lies inside the picture along x."""

    ball: int
    view: ViewTruth
    x_px: float
    y_px: float
    diameter_px: float
    whole: bool


class Composer:
    """Makes the pictures of one camera.

    Args:
        settings: the line.
        camera: 'left' or 'right'.
    """

    def __init__(self, settings: LineSettings, camera: str) -> None:
        self._settings = settings
        self.camera = camera
        self._empty = background(camera, settings.width_px, settings.height_px)
        self._rng = np.random.default_rng([settings.seed, 0x0971C5, CAMERAS.index(camera)])
        shape = (_NOISE_VARIANTS, settings.height_px, settings.width_px)
        noise = self._rng.normal(0.0, settings.noise_sd_grey, shape)
        self._noise = np.rint(noise).astype(np.int16)
        self._variant = 0

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
            lamp: share of the light that is left, 0..1.
            glass: what the light goes through before it meets the sensor and its noise.

        Returns:
            (H, W) uint8 and what is to be seen in it.
        """
        drift = 1.0 + _DRIFT_SHARE * math.sin(2.0 * math.pi * t_s / _DRIFT_PERIOD_S)
        frame: UInt8Array = cv2.convertScaleAbs(self._empty, alpha=drift)  # type: ignore[assignment]
        shown = []
        for ball, centre_count, pictures in balls:
            x_px = (
                encoder_count - centre_count - self._settings.fov_start_counts
            ) * self._settings.px_per_count
            if -2.0 * PX_PER_D < x_px < self._settings.width_px + 2.0 * PX_PER_D:
                shown.append(self._show(frame, ball, encoder_count - centre_count, x_px, pictures))
        if lamp < 1.0:
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
        scale = ball.size_mm / settings.diameter_mm * PX_PER_D / ball.bank.nominal_px
        y_px = settings.height_px / 2.0 - ball.lateral_mm / settings.mm_per_px
        patch = (
            self._dusty(ball, pictures.patches[index], view.roll_deg)
            if ball.specks
            else pictures.patches[index]
        )
        paste(frame, patch, x_px, y_px, scale)
        middle = ball.bank.tile_px / 2.0
        left = x_px + (view.silhouette_xyxy_px[0] - middle) * scale
        right = x_px + (view.silhouette_xyxy_px[2] - middle) * scale
        whole = left >= 0.0 and right <= settings.width_px
        diameter_px = ball.d_mean_mm / settings.mm_per_px
        return Shown(ball.number, view, x_px, y_px, diameter_px, whole)

    def _dusty(self, ball: PlannedBall, patch: UInt8Array, roll_deg: float) -> UInt8Array:
        """The patch with the specks of dust that face the camera; they roll with the ball."""
        tilt, roll = math.radians(TILT_DEG[self.camera]), math.radians(roll_deg)
        radius_px = ball.bank.nominal_px / 2.0
        middle = ball.bank.tile_px / 2.0 - 0.5
        dusty = patch.copy()
        grey = np.ascontiguousarray(patch[..., 0])
        for sx, sy, sz, size_px, step in ball.specks:
            x = sx * math.cos(roll) + sz * math.sin(roll)
            z = sz * math.cos(roll) - sx * math.sin(roll)
            y_up = sy * math.cos(tilt) - z * math.sin(tilt)
            towards = sy * math.sin(tilt) + z * math.cos(tilt)
            if towards < 0.3:
                continue
            at = (round((middle + x * radius_px) * 16), round((middle - y_up * radius_px) * 16))
            level = int(grey[at[1] >> 4, at[0] >> 4]) + step
            cv2.circle(grey, at, round(size_px * 16), max(level, 0.0), -1, cv2.LINE_AA, 4)
        dusty[..., 0] = np.minimum(grey, patch[..., 1])
        return dusty


def paste(frame: UInt8Array, patch: UInt8Array, x_px: float, y_px: float, scale: float) -> None:
    """Blend a patch into a frame, its middle at (x_px, y_px), with sub-pixel shift and scale."""
    height, width = frame.shape
    tile = patch.shape[0]
    reach = tile * scale / 2.0 + 1.0
    x0, x1 = max(math.floor(x_px - reach), 0), min(math.ceil(x_px + reach), width)
    y0, y1 = max(math.floor(y_px - reach), 0), min(math.ceil(y_px + reach), height)
    if x0 >= x1 or y0 >= y1:
        return
    # Pixel i covers i .. i + 1, OpenCV counts pixel middles: hence the halves.
    shift = scale * (0.5 - tile / 2.0) - 0.5
    matrix = np.array([[scale, 0.0, x_px - x0 + shift], [0.0, scale, y_px - y0 + shift]])
    moved = cv2.warpAffine(patch, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
    grey, cover = cv2.split(moved)
    region = frame[y0:y1, x0:x1]
    cv2.add(cv2.multiply(region, cv2.bitwise_not(cover), scale=1.0 / 255.0), grey, dst=region)
