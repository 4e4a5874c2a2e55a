"""Step 4, once per camera: lens, lamp, where it looks, its marks and its scale, all from its own pictures.

The technician turns ring and lamp by live figures. Then balls that pass tell where the camera looks
(`tracks`), pictures without balls where its marks are and how bright it is (`picture_figures`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any

from edge_runtime.commission.camera_region import find_region
from edge_runtime.commission.context import Context, line_trouble
from edge_runtime.commission.draft import CameraDraft
from edge_runtime.commission.picture_figures import (
    LightFigures,
    Mark,
    MarkFigures,
    background_bgr,
    empty_picture,
    find_marks,
    light_figures,
    mark_figures,
)
from edge_runtime.commission.ports import CameraPort
from edge_runtime.commission.scale_fact import calibration_facts
from edge_runtime.commission.shown import Fact, Figure, Found, Show, StepRun
from edge_runtime.encoder import COUNT_MODULUS, signed_diff
from vision.types import Frame, UInt8Array

#: marks and light are looked for anew so often while something is turned, in so many of the pictures
_REFRESH_NS, _REFRESH_PICTURES = 700_000_000, 9
#: the figures of so many pictures are averaged, so that noise does not hide a turn of the ring
_SMOOTH_FRAMES = 5


@dataclass(slots=True)
class _Eye:
    """What is known of one camera's pictures by now."""

    port: CameraPort
    pictures: deque[Frame]
    edges: deque[float] = field(default_factory=lambda: deque(maxlen=_SMOOTH_FRAMES))
    counts: list[int] = field(default_factory=list)
    exposures_us: deque[float] = field(default_factory=lambda: deque(maxlen=100))
    marks: tuple[Mark, ...] = ()
    light: LightFigures | None = None
    now: MarkFigures | None = None
    best_edge_px: float | None = None
    _refreshed_ns: int = 0

    def take(self, frames: list[Frame], now_ns: int) -> None:
        """New pictures; figures and marks are brought up to date."""
        for frame in frames:
            if self.pictures and self.pictures[-1].image.shape != frame.image.shape:
                self.pictures.clear()
            self.pictures.append(frame)
            self.counts.append(frame.encoder_count)
            self.exposures_us.append(frame.exposure_us)
        del self.counts[:-200]
        if frames and self.full and now_ns - self._refreshed_ns > _REFRESH_NS:
            self._refreshed_ns = now_ns
            self.refresh(_REFRESH_PICTURES)
        if frames and self.marks:
            self.now = mark_figures(frames[-1].image, self.marks)
            if self.now.edge_px is not None:
                self.edges.append(float(self.now.edge_px))
        if frames:
            self.port.show(frames[-1], "ok", [])

    def refresh(self, most: int | None = None) -> UInt8Array:
        """Marks and light anew, from the pictures at hand or, quicker, from `most` of them."""
        images = [frame.image for frame in self.pictures]
        step = 1 if most is None else max(1, len(images) // most)
        empty = empty_picture(images[::step])
        self.marks = find_marks(empty)
        self.light = light_figures(empty, self.marks)
        return empty

    @property
    def full(self) -> bool:
        """Enough pictures for a median without balls."""
        return len(self.pictures) == self.pictures.maxlen

    @property
    def edge_px(self) -> float | None:
        """Edge width of the marks, a little smoothed."""
        return median(self.edges) if self.edges else None

    def forget(self) -> None:
        """Something was turned: older pictures tell nothing any more."""
        self.pictures.clear()
        self.edges.clear()


def camera_step(camera: CameraDraft, context: Context) -> StepRun:
    """One camera from lens to scale.

    Raises:
        StepFailed: no pictures, or balls that lie on no line.
    """
    port = context.ports.cameras[camera.name]
    eye = _Eye(port, deque(maxlen=context.limits.camera.empty_frames.value))
    port.open()
    try:
        yield from _pictures(context, camera, eye)
        yield from _turn(context, camera, eye, "camera.focus", partial(_focus_figures, context, camera, eye))
        yield from _turn(context, camera, eye, "camera.lamp", partial(_lamp_figures, context, camera, eye))
        eye.forget()
        yield from _pictures(context, camera, eye)
        found = Found()
        _light_and_marks(context, camera, eye, eye.refresh(), found)
        _exposure(context, camera, eye, found)
        yield from find_region(context, camera, port, found)
        yield from calibration_facts(context, camera, found)
        return found
    finally:
        port.close()


def _take(context: Context, camera: CameraDraft, eye: _Eye) -> None:
    eye.take(context.frames.get(camera.name, []), context.ports.clock.mono_ns())


def _pictures(context: Context, camera: CameraDraft, eye: _Eye) -> Generator[Show, None, None]:
    """Until there are enough pictures for figures."""
    wanted = eye.pictures.maxlen or 0
    while not eye.full:
        _take(context, camera, eye)
        trouble = line_trouble(context)
        if trouble is None and eye.port.trouble:
            trouble = Show(
                "trouble.camera", {"camera": camera.name, "detail": eye.port.trouble}, waiting=True
            )
        yield trouble or Show(
            "camera.wait",
            {"camera": camera.name},
            progress=(len(eye.pictures), wanted),
            camera=camera.name,
            waiting=True,
        )
    if not eye.marks:
        eye.refresh()


def _turn(
    context: Context, camera: CameraDraft, eye: _Eye, text: str, figures: Any
) -> Generator[Show, None, None]:
    """Live figures until the technician is content."""
    while context.answer("done") is None:
        _take(context, camera, eye)
        yield line_trouble(context) or Show(
            text, {"camera": camera.name}, figures(), asks=("done",), camera=camera.name, waiting=True
        )


def _focus_limit(context: Context, camera: CameraDraft) -> float:
    return camera.limits.focus_max_px * context.limits.camera.focus_room_share.value


def _focus_figures(context: Context, camera: CameraDraft, eye: _Eye) -> tuple[Figure, ...]:
    edge = eye.edge_px
    if edge is not None and (eye.best_edge_px is None or edge < eye.best_edge_px):
        eye.best_edge_px = edge
    limit = _focus_limit(context, camera)
    share = None if edge is None or eye.best_edge_px is None else min(eye.best_edge_px / max(edge, 1e-6), 1.0)
    return (
        Figure("figure.edge", edge, 2, "px", high=limit, best=eye.best_edge_px, share=share),
        _marks_figure(context, eye),
    )


def _marks_figure(context: Context, eye: _Eye) -> Figure:
    return Figure("figure.marks", float(len(eye.marks)), 0, low=float(context.limits.camera.marks_min.value))


def _lamp_figures(context: Context, camera: CameraDraft, eye: _Eye) -> tuple[Figure, ...]:
    limits, light = context.limits.camera, eye.light
    low, high = _lamp_band(context, camera)
    level = None if light is None else light.background
    return (
        Figure("figure.background", level, 0, low=low, high=high, share=_centred(level, low, high)),
        Figure(
            "figure.evenness",
            None if light is None else 100.0 * light.evenness_share,
            0,
            "percent",
            high=100.0 * limits.evenness_max_share.value,
        ),
        Figure(
            "figure.clipped", None if light is None else 100.0 * light.clipped_share, 1, "percent", high=1.0
        ),
    )


def _lamp_band(context: Context, camera: CameraDraft) -> tuple[float, float]:
    """The tighter of the wizard's band and what the draft lets a frame have."""
    limits, frame = context.limits.camera, camera.limits
    return max(limits.background_min.value, frame.background_min), min(
        limits.background_max.value, frame.background_max
    )


def _centred(value: float | None, low: float, high: float) -> float | None:
    """1 in the middle of a band, 0 one half width outside it."""
    if value is None:
        return None
    return max(0.0, 1.0 - abs(value - (low + high) / 2.0) / (high - low))


def _light_and_marks(
    context: Context, camera: CameraDraft, eye: _Eye, empty: UInt8Array, found: Found
) -> None:
    limits, light = context.limits.camera, eye.light
    assert light is not None  # `_pictures` has looked
    low, high = _lamp_band(context, camera)
    edge, edge_max = eye.edge_px, _focus_limit(context, camera)
    checks = (
        (
            "camera.background",
            light.background,
            0,
            "",
            low <= light.background <= high,
            "camera.background_todo",
        ),
        (
            "camera.evenness",
            100.0 * light.evenness_share,
            0,
            "percent",
            light.evenness_share <= limits.evenness_max_share.value,
            "camera.evenness_todo",
        ),
        (
            "camera.marks",
            len(eye.marks),
            None,
            "",
            len(eye.marks) >= limits.marks_min.value,
            "camera.marks_todo",
        ),
        ("camera.edge", edge, 2, "px", edge is not None and edge <= edge_max, "camera.edge_todo"),
    )
    for key, value, digits, unit, ok, todo in checks:
        found.facts.append(
            Fact(
                key=key,
                value=value,
                digits=digits,
                unit=unit,
                ok=ok,
                subject=camera.name,
                todo="" if ok else todo,
                todo_values={} if ok else {"low": low, "high": high, "limit": round(edge_max, 1)},
            )
        )
    frame = eye.pictures[-1]
    bgr = background_bgr(empty)
    found.values |= {
        "width_px": frame.image.shape[1],
        "height_px": frame.image.shape[0],
        "pixel_format": frame.pixel_format,
        "fiducials": [[round(value, 2) for value in mark] for mark in eye.marks],
        "reference_background": round(light.background, 1),
        "reference_bgr": None if bgr is None else [round(level, 1) for level in bgr],
    }
    found.raw |= {
        "background": light.background,
        "evenness_share": light.evenness_share,
        "clipped_share": light.clipped_share,
        "edge_px": edge,
        "best_edge_px": eye.best_edge_px,
        "marks": [list(mark) for mark in eye.marks],
    }


def _exposure(context: Context, camera: CameraDraft, eye: _Eye, found: Found) -> None:
    """Every how many counts the camera exposes, and at which phase; both from its own pictures."""
    steps = [signed_diff(later, earlier) for earlier, later in zip(eye.counts, eye.counts[1:], strict=False)]
    forward = [step for step in steps if step > 0]
    every = min(forward, default=0)
    phases = {count % every for count in eye.counts} if every else set()
    ok = every > 0 and COUNT_MODULUS % every == 0 and len(phases) == 1
    found.facts.append(
        Fact(
            key="camera.every",
            value=every * context.um_per_count / 1000.0,
            unit="mm",
            digits=1,
            ok=ok,
            subject=camera.name,
            todo="" if ok else "camera.every_todo",
        )
    )
    if ok:
        found.values["exposure"] = {"every_counts": every, "phase_counts": phases.pop()}
    if eye.exposures_us:
        found.facts.append(
            Fact(
                key="camera.exposure",
                value=median(eye.exposures_us),
                unit="us",
                digits=0,
                subject=camera.name,
            )
        )
        found.raw["exposure_us"] = median(eye.exposures_us)
