"""Cameras: silent ones, frames that prove nothing, and lamps and lenses that are on their way there."""

from __future__ import annotations

from collections.abc import Iterator

from edge_runtime.alarms.codes import CODES
from edge_runtime.alarms.condition import Condition, Key, Standing, above, below, figure
from edge_runtime.alarms.facts import Look
from edge_runtime.live.status import CameraStatus, StationStatus

#: a lamp that has used up so much of its allowed drop is told, and no longer below the second share
LAMP_USED_SHARE, LAMP_GOOD_SHARE = 0.6, 0.5
#: the same for the width of the marks' edges (lens) and for their shift (mount)
LENS_USED_SHARE, LENS_GOOD_SHARE = 0.8, 0.7
SHIFT_USED_SHARE, SHIFT_GOOD_SHARE = 0.7, 0.6
#: allowed drop where the station file says nothing of this camera
_DROP_SHARE = 0.25


def find_camera(look: Look, status: StationStatus, standing: Standing) -> Iterator[Condition]:
    """Conditions of all cameras; the subject is the camera's name."""
    for camera in status.cameras:
        name = camera.name
        held = status.holds.get(f"camera_{name}")
        if camera.fault == "silent" or held is not None:
            yield Condition("camera_silent", name, {"camera": name, "detail": held or camera.detail})
        elif camera.fault != "ok":
            yield _fault(camera)
        else:
            drop_share = look.limits.background_drop_share.get(name, _DROP_SHARE)
            yield from _lamp(camera, drop_share, standing)
            yield from _lens(camera, standing)
            yield from _mount(camera, standing)


def _fault(camera: CameraStatus) -> Condition:
    code = f"camera_{camera.fault}"
    values = {"camera": camera.name, "detail": camera.detail}
    if code in CODES:
        return Condition(code, camera.name, values)
    return Condition("camera_fault", camera.name, values | {"fault": camera.fault})


def _lamp(camera: CameraStatus, drop_share: float, standing: Standing) -> Iterator[Condition]:
    """The background on its way from what it was at commissioning to where frames prove nothing."""
    reference, level = camera.reference_background, camera.background
    if reference is None or level is None:
        return
    limit = max(reference * (1.0 - drop_share), camera.background_min or 0.0)
    room = reference - limit
    if not room > 0.0:
        return
    stands = Key("lamp_fading", camera.name) in standing
    raise_at, clear_at = reference - LAMP_USED_SHARE * room, reference - LAMP_GOOD_SHARE * room
    if below(level, raise_at, clear_at, stands=stands):
        yield Condition(
            "lamp_fading",
            camera.name,
            {"camera": camera.name, "level": figure(level), "limit": figure(limit)},
        )


def _lens(camera: CameraStatus, standing: Standing) -> Iterator[Condition]:
    limit = camera.focus_max_px
    if limit is None:
        return
    stands = Key("lens_drifting", camera.name) in standing
    if above(camera.focus_px, LENS_USED_SHARE * limit, LENS_GOOD_SHARE * limit, stands=stands):
        values = {"camera": camera.name, "width_px": figure(camera.focus_px, 1), "limit_px": figure(limit, 1)}
        yield Condition("lens_drifting", camera.name, values)


def _mount(camera: CameraStatus, standing: Standing) -> Iterator[Condition]:
    limit = camera.shift_max_px
    if limit is None:
        return
    stands = Key("camera_shifting", camera.name) in standing
    if above(camera.shift_px, SHIFT_USED_SHARE * limit, SHIFT_GOOD_SHARE * limit, stands=stands):
        values = {"camera": camera.name, "shift_px": figure(camera.shift_px, 1), "limit_px": figure(limit, 1)}
        yield Condition("camera_shifting", camera.name, values)
