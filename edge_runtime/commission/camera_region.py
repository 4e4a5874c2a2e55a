"""Where a camera looks: gathers balls in its pictures until one line through them is sure.

Neighbours: `steps_camera` comes here once lens and lamp are right, `tracks` fits the line.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from edge_runtime.commission.context import Context, line_trouble
from edge_runtime.commission.draft import CameraDraft
from edge_runtime.commission.ports import CameraPort
from edge_runtime.commission.shown import Fact, Found, Show, StepFailed
from edge_runtime.commission.tracks import Sighting, Track, fit_track, refusal, sightings

#: more balls than this times the needed ones do not make a bad line good
_PATIENCE = 4
#: the fit is tried again after so many more balls
_RETRY_BALLS = 4
#: pictures of whole balls from which their size is taken
_SIZE_FROM = 12
_SIZE_BAND = (0.6, 1.6)
#: a line may rest on this many balls less than were waited for: the first and last are half seen
_HALF_SEEN = 2


@dataclass(slots=True)
class _Gathered:
    """Balls seen by the camera, and their size once it is known."""

    seen: list[Sighting] = field(default_factory=list)
    diameter_px: float | None = None

    def add(self, here: list[Sighting]) -> None:
        self.seen += here
        if self.diameter_px is None and len(self.seen) >= _SIZE_FROM:
            size = median(item.diameter_px for item in self.seen)
            low, high = _SIZE_BAND
            self.seen = [item for item in self.seen if low * size < item.diameter_px < high * size]
            self.diameter_px = size

    @property
    def raw(self) -> dict[str, Any]:
        return {"sightings": [[item.count, round(item.x_px, 2), round(item.y_px, 2)] for item in self.seen]}


def find_region(
    context: Context, camera: CameraDraft, port: CameraPort, found: Found
) -> Generator[Show, None, None]:
    """Balls through the pictures until a line is sure, or hopeless; the result goes into `found`.

    Raises:
        StepFailed: no line that can be believed, after many balls.
    """
    limits, watch = context.limits.camera, context.watch
    background, width_px = float(found.values["reference_background"]), int(found.values["width_px"])
    gathered = _Gathered()
    first, wanted, last = watch.position, limits.track_balls.value, _PATIENCE * limits.track_balls.value
    while True:
        for frame in context.frames.get(camera.name, []):
            count = watch.endless(frame.encoder_count)
            here = sightings(frame.image, count, background, gathered.diameter_px)
            gathered.add(here)
            port.show(frame, "ok", [_box(item) for item in here])
        lanes = {
            lane: [ball.centre for ball in watch.balls if ball.lane == lane and ball.rising > first]
            for lane in context.lanes
        }
        done = max((len(centres) for centres in lanes.values()), default=0)
        if done >= wanted and gathered.diameter_px is not None:
            tracks = {
                lane: fit_track(gathered.seen, centres, width_px, context.ball_counts)
                for lane, centres in lanes.items()
            }
            why = {lane: _refused(context, track) for lane, track in tracks.items()}
            good = {lane: track for lane, track in tracks.items() if track is not None and not why[lane]}
            if good and (len(good) == len(tracks) or done >= last):
                _keep(camera, good, found)
                found.raw |= gathered.raw
                return
            if done >= last:
                raise StepFailed(next(iter(why.values())), gathered.raw, camera=camera.name, balls=done)
            wanted = done + _RETRY_BALLS
        if gathered.diameter_px is None and done >= last:
            raise StepFailed("track.none", gathered.raw, camera=camera.name, balls=done)
        yield line_trouble(context) or Show(
            "camera.balls",
            {"camera": camera.name},
            progress=(min(done, wanted), wanted),
            camera=camera.name,
            waiting=True,
        )


def _refused(context: Context, track: Track | None) -> str:
    limits = context.limits.camera
    return refusal(
        track,
        limits.track_balls.value - _HALF_SEEN,
        limits.track_rms_max_px.value,
        limits.track_explained_min_share.value,
        limits.track_rival_max_share.value,
    )


def _box(item: Sighting) -> tuple[float, float, float, float]:
    half = item.diameter_px / 2.0
    return item.x_px - half, item.y_px - half, item.x_px + half, item.y_px + half


def _keep(camera: CameraDraft, tracks: dict[int, Track], found: Found) -> None:
    """The best lane's line gives scale and start; every lane its own place across."""
    best = max(tracks.values(), key=lambda track: track.pictures)
    found.values["geometry"] = {
        "fov_start_counts": round(best.fov_start_counts),
        "px_per_count": round(best.px_per_count, 6),
        "direction": best.direction,
        "lane_y_px": {str(lane): round(track.lane_y_px, 1) for lane, track in sorted(tracks.items())},
    }
    found.values["track"] = {
        "px_per_count": best.px_per_count,
        "u_px_per_count": best.u_px_per_count,
        "fov_start_counts": best.fov_start_counts,
        "u_fov_start_counts": best.u_fov_start_counts,
        "diameter_px": best.diameter_px,
        "rms_px": best.rms_px,
        "balls": best.balls,
        "pictures": best.pictures,
    }
    start, u_start = best.fov_start_counts, best.u_fov_start_counts
    scale, u_scale = best.px_per_count, best.u_px_per_count
    name = camera.name
    found.facts += [
        Fact(key="camera.start", value=start, u=u_start, unit="counts", digits=0, ok=True, subject=name),
        Fact(key="camera.px_per_count", value=scale, u=u_scale, digits=4, ok=True, subject=name),
        Fact(key="camera.rest", value=best.rms_px, unit="px", digits=2, ok=True, subject=name),
    ]
