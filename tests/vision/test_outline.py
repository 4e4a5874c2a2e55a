"""The sub-pixel outline against drawn silhouettes whose truth is known."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from edge_runtime.bench.silhouettes import Exposure, Shape, draw
from tests.vision.silhouette_shapes import Inside, disc, necked, picture, together
from vision.metrology.form import analyse_form
from vision.metrology.outline import trace_outline
from vision.metrology.types import Float64Array, MeasureLimits, MotionBlur, Outline, Refusal, Refused
from vision.metrology.widths import caliper_widths

CENTRE = (170.3, 149.8)


def traced(
    image: np.ndarray, centre: tuple[float, float] = CENTRE, radius: float = 80.0, **keys: object
) -> Outline:
    outline = trace_outline(image, centre, radius, **keys)  # type: ignore[arg-type]
    assert isinstance(outline, Outline), outline
    return outline


def figures(radius: Float64Array) -> Float64Array:
    """Diameter, largest and smallest width, RONt of a profile at even angles about its centre."""
    widths = caliper_widths(radius)
    return np.array([2.0 * radius.mean(), widths.maximum, widths.minimum, analyse_form(radius).lsci.ront])


def truth(shape: Shape) -> Float64Array:
    """Ovals and lobes of even angles are centred already (their first harmonic is nil)."""
    return figures(shape.radius_px(np.linspace(0.0, 2.0 * np.pi, 3600, endpoint=False)))


@cache
def errors(hard: bool) -> Float64Array:
    """(n, 4) errors on balls of 160-480 px, clean or under all that makes it hard."""
    rng = np.random.default_rng(20 + hard)
    rows = []
    for _ in range(12):
        diameter = float(rng.uniform(160.0, 480.0))
        side = int(1.06 * diameter) + 40
        middle = side / 2.0 + rng.uniform(-0.5, 0.5, 2)
        shape = Shape(
            (float(middle[0]), float(middle[1])),
            diameter,
            float(rng.uniform(0.0, 8.0)),
            float(rng.uniform(0.0, 2.4)),
            float(rng.uniform(0.0, np.pi)),
            float(rng.uniform(0.0, 2.0)),
        )
        exposure = Exposure()
        if hard:
            exposure = Exposure(
                blur_sigma_px=float(rng.uniform(0.5, 2.5)),
                noise_sd=float(rng.uniform(0.0, 8.0)),
                gradient_share=0.3,
                gradient_rad=float(rng.uniform(0.0, 6.28)),
                dust_share=0.05,
            )
        outline = traced(draw(shape, side, side, exposure, rng), shape.centre_xy_px, diameter / 2.0)
        rows.append(figures(outline.radius_px) - truth(shape))
    return np.array(rows)


@pytest.mark.parametrize("times", [1.0, 3.0], ids=["clean", "hard"])
def test_targets_are_kept(times: float) -> None:
    """Bias and standard deviation, px; hard: blur 0.5-2.5, noise to 8, a gradient, dust on 5 %."""
    error = errors(times > 1.0)
    bias, sd = error.mean(axis=0), error.std(axis=0)
    assert abs(bias[0]) <= 0.003 * times
    assert sd[0] <= 0.004 * times
    assert np.abs(bias[1:3]).max() <= 0.02 * times
    assert abs(bias[3]) <= 0.02 * times
    assert sd[3] <= 0.02 * times


@pytest.mark.parametrize("diameter", [41.0, 90.0, 600.0, 1500.0])
def test_sizes(diameter: float) -> None:
    side = int(diameter) + 50
    shape = Shape((side / 2.0 + 0.2, side / 2.0 - 0.4), diameter)
    image = draw(shape, side, side, Exposure(), np.random.default_rng(5))
    outline = traced(image, (side / 2.0, side / 2.0), diameter / 2.0)
    assert len(outline.radius_px) % 2 == 0
    assert 360 <= len(outline.radius_px) <= 2048
    assert 2.0 * outline.radius_px.mean() == pytest.approx(diameter, abs=0.02)
    assert outline.centre_xy_px == pytest.approx(shape.centre_xy_px, abs=0.02)
    assert outline.seen.all()
    assert outline.speck_px == 0.0


@pytest.mark.parametrize("blur", [0.5, 1.0, 2.0, 3.5])
def test_blur_moves_no_edge(blur: float) -> None:
    """A blurred disc's half level lies inwards; the reported blur holds the pixel and interpolation."""
    outline = traced(picture(disc(*CENTRE, 160.0), blur_px=blur, noise_sd=1.0))
    assert 2.0 * outline.radius_px.mean() == pytest.approx(160.0, abs=0.015)
    assert outline.blur_sigma_px == pytest.approx(np.sqrt(blur**2 + 1 / 12 + 1 / 6), rel=0.05)


def test_bright_ball_on_dark() -> None:
    image = picture(disc(*CENTRE, 160.0))
    dark = traced(image)
    bright = traced(np.asarray(cv2.bitwise_not(image), np.uint8), dark_on_bright=False)
    assert not bright.dark_on_bright
    assert bright.centre_xy_px == pytest.approx(dark.centre_xy_px, abs=0.002)
    assert bright.radius_px.mean() == pytest.approx(dark.radius_px.mean(), abs=0.002)


def test_wrong_place_is_put_right() -> None:
    image = picture(disc(*CENTRE, 160.0))
    outline = traced(image, (CENTRE[0] + 6.0, CENTRE[1] - 5.0), 74.0)
    assert outline.centre_xy_px == pytest.approx(CENTRE, abs=0.01)
    assert 2.0 * outline.radius_px.mean() == pytest.approx(160.0, abs=0.01)


def test_known_motion_is_taken_out() -> None:
    shape = Shape(CENTRE, 160.0)
    image = draw(shape, 300, 340, Exposure(motion_px=5.0), np.random.default_rng(7))
    outline = traced(image, motion=MotionBlur(5.0, 0.0))
    widths = caliper_widths(outline.radius_px)
    assert 2.0 * outline.radius_px.mean() == pytest.approx(160.0, abs=0.02)
    assert widths.maximum - widths.minimum < 0.1
    assert outline.blur_sigma_px == pytest.approx(1.12, abs=0.1)


def test_noise_does_not_draw_out_the_form() -> None:
    """A perfect disc under heavy noise; without the shrinkage its RONt is about 0.15 px."""
    outline = traced(picture(disc(*CENTRE, 160.0), noise_sd=8.0))
    assert analyse_form(outline.radius_px).lsci.ront < 0.04
    assert outline.u_radius_px < 0.03


@pytest.mark.parametrize("depth", [1.0, 2.0, 4.0, 8.0, 16.0])
@pytest.mark.parametrize("noise", [2.0, 8.0])
def test_flats_stay(depth: float, noise: float) -> None:
    shape = Shape(CENTRE, 160.0, flat_depth_px=depth, flat_phase_rad=0.4)
    image = draw(shape, 300, 340, Exposure(noise_sd=noise), np.random.default_rng(9))
    outline = traced(image)
    assert outline.outline_share == 1.0
    assert outline.speck_px == 0.0
    assert caliper_widths(outline.radius_px).minimum == pytest.approx(160.0 - depth, abs=0.08 + 0.015 * noise)


@pytest.mark.parametrize(
    ("wide", "high"),
    [
        (48.0, 16.0),  # 6 mm wide, 2 mm high at 8 px per mm
        (60.0, 6.0),  # low and long
        (24.0, 8.0),  # narrow, but higher than dust may be
    ],
)
def test_necks_stay(wide: float, high: float) -> None:
    outline = traced(picture(necked(*CENTRE, 160.0, wide, high)))
    assert outline.speck_px == 0.0
    # From the ball's far side to the stub's corners, which the blur rounds.
    across = 80.0 + np.hypot(wide / 2.0, 80.0 + high)
    assert caliper_widths(outline.radius_px).maximum == pytest.approx(across, abs=1.0)


@pytest.mark.parametrize("level", [10.0, 60.0, 120.0, 235.0])
@pytest.mark.parametrize("radius", [1.5, 3.0])
def test_specks_are_left_out(level: float, radius: float) -> None:
    """Dark, grey and bright ones, more or less far outside the edge, one floating off it."""
    specks = [
        (CENTRE[0] + reach * np.cos(angle), CENTRE[1] + reach * np.sin(angle), radius, level)
        for angle, reach in (
            (0.3, 80.0),
            (1.5, 80.0 + 0.4 * radius),
            (2.2, 80.0 - 0.5 * radius),
            (4.4, 83.0 + 2.0 * radius),
        )
    ]
    outline = traced(picture(disc(*CENTRE, 160.0), specks=specks))
    widths = caliper_widths(outline.radius_px)
    assert 2.0 * outline.radius_px.mean() == pytest.approx(160.0, abs=0.03)
    assert widths.maximum == pytest.approx(160.0, abs=0.2)
    assert widths.minimum == pytest.approx(160.0, abs=0.2)
    assert outline.outline_share > 0.8


def test_speck_is_named() -> None:
    outline = traced(picture(disc(*CENTRE, 160.0), specks=[(CENTRE[0] + 80.0, CENTRE[1], 3.0, 20.0)]))
    assert outline.speck_px == pytest.approx(3.0, abs=0.5)
    assert not outline.seen[0]
    assert outline.seen[len(outline.seen) // 2]


@pytest.mark.parametrize(
    ("inside", "lowest", "highest"),
    [
        (disc(70.0, 150.0, 160.0), 0.75, 0.9),  # cut by the picture's border
        (together(disc(70.0, 150.0, 140.0), disc(210.0, 150.0, 140.0)), 0.75, 0.99),  # a neighbour touches
    ],
)
def test_what_is_not_seen_is_said(inside: Inside, lowest: float, highest: float) -> None:
    diameter = 160.0 if highest == 0.9 else 140.0
    outline = traced(picture(inside), (70.0, 150.0), diameter / 2.0)
    assert lowest <= outline.outline_share <= highest
    assert 2.0 * outline.radius_px.mean() == pytest.approx(diameter, abs=0.05)
    assert outline.centre_xy_px == pytest.approx((70.0, 150.0), abs=0.05)


def test_shadow_leaves_rays_unseen() -> None:
    light = np.full((300, 340), 230.0)
    light[:, 235:] = 40.0
    outline = traced(picture(disc(*CENTRE, 160.0), background=light))
    assert 0.7 < outline.outline_share < 0.9
    assert outline.radius_px[outline.seen].mean() == pytest.approx(80.0, abs=0.1)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (picture(None), Refusal.CONTRAST),  # nothing there
        (picture(disc(*CENTRE, 160.0), blur_px=6.0), Refusal.BLURRED),
        (picture(disc(*CENTRE, 160.0), background=300.0), Refusal.SATURATED),  # backlight clipped
        (picture(disc(*CENTRE, 160.0), background=60.0, ball=46.0), Refusal.CONTRAST),
        (picture(disc(340.0, 150.0, 160.0)), Refusal.CLIPPED),  # half outside
    ],
)
def test_refusals(image: np.ndarray, reason: Refusal) -> None:
    centre = (340.0, 150.0) if reason is Refusal.CLIPPED else CENTRE
    result = trace_outline(image, centre, 80.0)
    assert isinstance(result, Refused), result
    assert result.reason is reason, result.detail


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (MeasureLimits(diameter_min_px=170.0), Refusal.TOO_SMALL),
        (MeasureLimits(diameter_max_px=150.0), Refusal.TOO_LARGE),
        (MeasureLimits(contrast_min=230.0), Refusal.CONTRAST),
        (MeasureLimits(blur_sigma_max_px=1.0), Refusal.BLURRED),
    ],
)
def test_limits_are_kept(limits: MeasureLimits, reason: Refusal) -> None:
    result = trace_outline(picture(disc(*CENTRE, 160.0)), CENTRE, 80.0, limits=limits)
    assert isinstance(result, Refused), result
    assert result.reason is reason


@pytest.mark.parametrize(
    ("width_px", "height_px", "said_px"),
    [
        (6, 4, 3.0),  # low and thin
        (6, 9, 5.0),  # higher than the window across the edge: at least as far as that reaches
        (3, 9, 3.0),  # a hair
    ],
)
def test_a_thin_fin_is_said(width_px: int, height_px: int, said_px: float) -> None:
    """No edge can be fitted on its rays, so it is left out of the widths: never without a word."""
    image = picture(disc(*CENTRE, 160.0))
    x, y = round(CENTRE[0]), round(CENTRE[1] - 80.0)
    image[y - height_px : y + 6, x - width_px // 2 : x - width_px // 2 + width_px] = 23
    outline = traced(image)
    assert outline.speck_px > said_px or 2.0 * outline.radius_px.max() > 160.0 + said_px


def test_missing_outline_is_refused() -> None:
    light = np.full((300, 340), 230.0)
    light[:, 180:] = 40.0
    result = trace_outline(picture(disc(*CENTRE, 160.0), background=light), CENTRE, 80.0)
    assert isinstance(result, Refused), result
    assert result.reason is Refusal.OUTLINE_MISSING


def test_stated_noise_is_the_noise() -> None:
    """The scatter of a radius over pictures is what the outline says, within a third."""
    discs = [traced(picture(disc(*CENTRE, 160.0), noise_sd=6.0, seed=seed)) for seed in range(8)]
    mean_sd = float(np.std([outline.radius_px.mean() for outline in discs]))
    assert mean_sd < discs[0].u_radius_px * 1.5
