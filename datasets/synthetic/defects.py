"""The labelled defects: each function cuts one kind into a sound ball and marks its vertices.

One entry of `DEFECTS` per label of `vision.contract.BALL_LABELS`. Looks and causes:
cross- and skew-rolled grinding balls (stubs at the poles, ring or lap near the equator
from an overfilled groove, offset halves from axial misphase, quench cracks, spalls).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from datasets.synthetic.settings import RADIUS_MM40, DefectRanges, draw, draw_count
from datasets.synthetic.sphere import (
    COLUMNS,
    ROWS,
    Ball,
    FloatArray,
    GrooveLine,
    NoiseFields,
    random_unit,
    smoothstep,
)

DefectMaker = Callable[[Ball, DefectRanges, NoiseFields, np.random.Generator], None]
VERTEX_STEP_RAD = np.pi / ROWS
RIM_RAD = np.radians(3.0)
"""A cut face is marked with this rim, so that a face seen edge-on still shows pixels."""


def _walk(
    start: FloatArray, heading: FloatArray, arc_rad: float, sway_rad: float, rng: np.random.Generator
) -> FloatArray:
    """A random path on the unit sphere, (K, 3) points 1.5 degrees apart."""
    step = np.radians(1.5)
    point, points, bend = start.astype(np.float64), [], 0.0
    tangent = heading - point * (heading @ point)
    tangent /= np.linalg.norm(tangent)
    for _ in range(max(2, round(arc_rad / step))):
        points.append(point)
        bend = 0.7 * bend + rng.normal(0.0, sway_rad)
        side = np.cross(point, tangent)
        tangent = np.cos(bend) * tangent + np.sin(bend) * side
        point = np.cos(step) * point + np.sin(step) * tangent
        tangent = tangent - point * (tangent @ point)
        point, tangent = point / np.linalg.norm(point), tangent / np.linalg.norm(tangent)
    return np.array(points, np.float32)


def _distance_to(directions: FloatArray, path: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Angle from each vertex to a path in rad, and where along the path (0..1) it is nearest."""
    half = float(len(path)) * np.radians(1.5) / 2.0 + 0.12
    near = np.flatnonzero(directions @ path[len(path) // 2] > np.cos(min(np.pi, half)))
    # Points between the path's knots: 1.5 degrees is wider than a crack.
    fine = np.concatenate([path[:-1] + (path[1:] - path[:-1]) * t for t in (0.0, 0.25, 0.5, 0.75)])
    order = np.concatenate([np.arange(len(path) - 1) + t for t in (0.0, 0.25, 0.5, 0.75)])
    fine /= np.linalg.norm(fine, axis=1, keepdims=True)
    distance = np.full(len(directions), np.float32(np.pi))
    along = np.zeros(len(directions), np.float32)
    for begin in range(0, len(near), 20000):
        part = near[begin : begin + 20000]
        cosine = directions[part] @ fine.T
        best = cosine.argmax(axis=1)
        distance[part] = np.arccos(np.clip(cosine[np.arange(len(part)), best], -1.0, 1.0))
        along[part] = order[best] / len(path)
    return distance, along


def _groove(ball: Ball, path: FloatArray, width_rad: float, darkness: float, taper: float) -> FloatArray:
    """Cut a dark groove along a path; returns its cover (V,) 0..1."""
    distance, along = _distance_to(ball.directions, path)
    profile = np.clip(1.0 - np.abs(2.0 * along - 1.0) ** 3 * taper, 0.15, 1.0)
    half = np.maximum(width_rad * profile / 2.0, 0.35 * VERTEX_STEP_RAD)
    edge = (half + 0.5 * VERTEX_STEP_RAD - distance) / VERTEX_STEP_RAD
    cover: FloatArray = np.clip(edge, 0.0, 1.0).astype(np.float32)
    ball.albedo *= 1.0 - np.float32(1.0 - darkness) * cover
    ball.roughness += (0.9 - ball.roughness) * cover
    ball.positions *= (1.0 - np.float32(min(1.5 * width_rad, 0.03)) * cover)[:, None]
    ball.defect |= cover > 0.4
    place = np.arange(len(path)) / len(path)
    opening = width_rad * np.clip(1.0 - np.abs(2.0 * place - 1.0) ** 3 * taper, 0.15, 1.0)
    ball.lines.append(GrooveLine(path, np.maximum(opening, 0.7 * VERTEX_STEP_RAD).astype(np.float32)))
    return cover


def crack(ball: Ball, ranges: DefectRanges, noise: NoiseFields, rng: np.random.Generator) -> None:
    """Quench crack: thin, dark, about meridional, often with a branch."""
    start = random_unit(rng)
    heading = np.array([0.0, 0.0, 1.0 if rng.random() < 0.5 else -1.0]) + 0.35 * rng.standard_normal(3)
    width = draw(rng, ranges.crack_width_mm40) / RADIUS_MM40
    arc = np.radians(draw(rng, ranges.crack_arc_deg))
    dark = draw(rng, ranges.groove_albedo)
    path = _walk(start, heading.astype(np.float32), arc, np.radians(5.0), rng)
    _groove(ball, path, width, dark, taper=0.85)
    if rng.random() < ranges.crack_branch_chance:
        fork = int(rng.integers(len(path) // 4, max(len(path) // 4 + 1, 3 * len(path) // 4)))
        ahead = path[min(fork + 1, len(path) - 1)] - path[max(fork - 1, 0)]
        side = np.cross(path[fork], ahead) * (1.0 if rng.random() < 0.5 else -1.0)
        branch = _walk(
            path[fork],
            ahead + rng.uniform(0.5, 1.2) * side,
            arc * rng.uniform(0.25, 0.5),
            np.radians(6.0),
            rng,
        )
        _groove(ball, branch, width * 0.8, dark, taper=0.6)


def lap(ball: Ball, ranges: DefectRanges, noise: NoiseFields, rng: np.random.Generator) -> None:
    """Rolled-over fin: a dark curved line about parallel to the equator with a raised tongue on one side."""
    latitude, longitude = rng.uniform(-0.6, 0.6), rng.uniform(0.0, 2.0 * np.pi)
    start = np.array(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)]
    )
    heading = np.array([-np.sin(longitude), np.cos(longitude), 0.35 * rng.standard_normal()])
    arc = np.radians(draw(rng, ranges.lap_arc_deg))
    path = _walk(start.astype(np.float32), heading.astype(np.float32), arc, np.radians(3.5), rng)
    _groove(ball, path, draw(rng, ranges.lap_width_mm40) / RADIUS_MM40, draw(rng, ranges.groove_albedo), 0.4)
    distance, along = _distance_to(ball.directions, path)
    index = np.minimum((along * len(path)).astype(np.int64), len(path) - 2)
    across = np.cross(path[index], path[index + 1] - path[index])
    side = (ball.directions - path[index]) * across
    tongue_rad = np.radians(rng.uniform(4.0, 9.0))
    lip = np.exp(-(((distance - 0.35 * tongue_rad) / (0.5 * tongue_rad)) ** 2)) * (side.sum(axis=1) > 0)
    lip = (lip * smoothstep(1.0 - np.abs(2.0 * along - 1.0), 0.0, 0.35)).astype(np.float32)
    ball.positions *= (1.0 + np.float32(draw(rng, ranges.lap_lip_share)) * lip)[:, None]
    ball.albedo *= 1.0 + np.float32(rng.uniform(-0.1, 0.25)) * lip
    ball.defect |= lip > 0.5


def seam(ball: Ball, ranges: DefectRanges, noise: NoiseFields, rng: np.random.Generator) -> None:
    """Raised equatorial ring, or a part of one."""
    latitude = np.arcsin(np.clip(ball.directions[:, 2], -1.0, 1.0)) + 0.012 * noise.field(0, rng)
    width = np.radians(draw(rng, ranges.seam_width_deg))
    window = np.ones(len(latitude), np.float32)
    if rng.random() >= ranges.seam_full_chance:
        longitude = np.arctan2(ball.directions[:, 1], ball.directions[:, 0])
        turned = np.abs((longitude - rng.uniform(-np.pi, np.pi) + np.pi) % (2.0 * np.pi) - np.pi)
        reach = np.radians(rng.uniform(45.0, 130.0))
        window = smoothstep(turned.astype(np.float32), reach, reach - 0.35)
    ragged = np.clip(1.0 + 0.2 * noise.field(2, rng), 0.4, 1.6)
    ring = np.exp(-((latitude / width) ** 2)) * window * ragged
    ball.positions *= (1.0 + np.float32(draw(rng, ranges.seam_height_share)) * ring)[:, None]
    foot = np.exp(-(((np.abs(latitude) - 1.7 * width) / (0.6 * width)) ** 2)) * window
    ball.albedo *= (1.0 - 0.35 * foot).astype(np.float32)
    ball.albedo *= (1.0 + rng.uniform(0.0, 0.35) * np.minimum(ring, 1.0)).astype(np.float32)
    ball.defect |= (np.abs(latitude) < 1.9 * width) & (window > 0.25)


def _cut(ball: Ball, axis: FloatArray, plane: FloatArray | float) -> FloatArray:
    """Cut the ball by a plane, perhaps bumpy; returns the cosine to the axis. Marks the face and its rim."""
    cosine = ball.directions @ axis
    height = np.broadcast_to(np.asarray(plane, np.float32), cosine.shape)
    reach = ball.positions @ axis
    over = reach > height
    ball.positions[over] *= (height[over] / reach[over])[:, None]
    ball.defect |= np.arccos(np.clip(cosine, -1.0, 1.0)) < np.arccos(np.clip(height, -1.0, 1.0)) + RIM_RAD
    return cosine


def flat(ball: Ball, ranges: DefectRanges, noise: NoiseFields, rng: np.random.Generator) -> None:
    """Underfilled side: a flat patch under the same oxide."""
    plane = np.float32(draw(rng, ranges.flat_plane_share)) + 0.003 * noise.field(1, rng)
    cosine = _cut(ball, random_unit(rng), plane)
    face = smoothstep(cosine, float(plane.mean()) - 0.01, float(plane.mean()) + 0.02)
    ball.albedo *= 1.0 + np.float32(rng.uniform(-0.2, 0.2)) * face
    ball.roughness = np.clip(ball.roughness + np.float32(rng.uniform(-0.12, 0.12)) * face, 0.15, 0.95)


def spall(ball: Ball, ranges: DefectRanges, noise: NoiseFields, rng: np.random.Generator) -> None:
    """Missing cap: a bright, grainy fracture without oxide."""
    plane = (
        np.float32(draw(rng, ranges.spall_plane_share))
        + 0.028 * noise.field(0, rng)
        + 0.014 * noise.field(1, rng)
    )
    axis = random_unit(rng)
    cosine = _cut(ball, axis, plane)
    face = (cosine > plane).astype(np.float32)
    grain = 1.0 + 0.10 * noise.field(2, rng) + 0.12 * noise.field(3, rng) + 0.10 * noise.field(4, rng)
    ball.positions *= (1.0 + 0.006 * face * noise.field(2, rng) + 0.003 * face * noise.field(3, rng))[:, None]
    bright = np.clip(draw(rng, ranges.spall_albedo) * grain, 0.05, 0.95)
    ball.albedo = (ball.albedo * (1.0 - face) + bright * face).astype(np.float32)
    ball.roughness = (ball.roughness * (1.0 - face) + rng.uniform(0.3, 0.55) * face).astype(np.float32)


def half(ball: Ball, ranges: DefectRanges, noise: NoiseFields, rng: np.random.Generator) -> None:
    """End crop: about half a ball with a torn face; the whole piece is the defect."""
    height = draw(rng, ranges.half_plane_share)
    theta = np.arccos(np.clip(ball.directions[:, 2], -1.0, 1.0))
    limit = np.arccos(height)
    over = theta < limit
    radius = np.sqrt(1.0 - height**2) * theta[over] / limit
    around = np.arctan2(ball.directions[over, 1], ball.directions[over, 0])
    bump = (
        0.03 * noise.field(1, rng)[over]
        + 0.015 * noise.field(2, rng)[over]
        + 0.008 * noise.field(3, rng)[over]
    )
    bump *= np.clip((limit - theta[over]) / 0.15, 0.0, 1.0)
    ball.positions[over] = np.stack(
        [radius * np.cos(around), radius * np.sin(around), height + bump], axis=-1
    )
    grain = 1.0 + 0.12 * noise.field(2, rng)[over] + 0.12 * noise.field(3, rng)[over]
    ball.albedo[over] *= np.clip(rng.uniform(0.7, 1.7) * grain, 0.3, 2.2)
    ball.roughness[over] = np.float32(rng.uniform(0.5, 0.85))
    ball.defect |= theta < limit + RIM_RAD
    ball.positions[:, 2] -= np.float32((height - 1.0) / 2.0)


def neck(ball: Ball, ranges: DefectRanges, noise: NoiseFields, rng: np.random.Generator) -> None:
    """Stubs of the torn bridge at both poles."""
    radius = draw(rng, ranges.neck_radius_share)
    for sign in (1.0, -1.0):
        theta = np.arccos(np.clip(np.float32(sign) * ball.directions[:, 2], -1.0, 1.0))
        wobble = theta * (1.0 + 0.08 * noise.field(1, rng))
        stub = smoothstep(wobble, radius + 0.05, radius - 0.03)
        length = np.float32(draw(rng, ranges.neck_length_share) * rng.uniform(0.6, 1.0))
        torn = np.clip(1.0 + 0.12 * noise.field(2, rng) + 0.08 * noise.field(3, rng), 0.5, 1.4)
        ball.positions[:, 2] += np.float32(sign) * length * stub * torn
        tip = smoothstep(wobble, radius, radius - 0.05)
        ball.albedo *= 1.0 + tip * (np.float32(rng.uniform(-0.5, 0.3)) + 0.15 * noise.field(3, rng))
        ball.defect |= wobble < radius + 0.08


def mismatch(ball: Ball, ranges: DefectRanges, noise: NoiseFields, rng: np.random.Generator) -> None:
    """Two halves offset across the pole axis: a step at the equator."""
    offset = np.float32(draw(rng, ranges.mismatch_share) / 2.0)
    turn = rng.uniform(0.0, 2.0 * np.pi)
    upper = np.where(ball.directions[:, 2] > 0.0, offset, -offset)
    ball.positions[:, 0] += upper * np.float32(np.cos(turn))
    ball.positions[:, 1] += upper * np.float32(np.sin(turn))
    latitude = np.abs(np.arcsin(np.clip(ball.directions[:, 2], -1.0, 1.0)))
    line = np.exp(-((latitude / np.radians(1.2)) ** 2))
    ball.albedo *= (1.0 - rng.uniform(0.25, 0.6) * line).astype(np.float32)
    ball.defect |= latitude < np.radians(4.0)


def scale_pit(ball: Ball, ranges: DefectRanges, noise: NoiseFields, rng: np.random.Generator) -> None:
    """Rolled-in scale: a cluster of dark scabs and pits."""
    centre = random_unit(rng)
    spread = np.radians(rng.uniform(8.0, 24.0))
    wobble = 1.0 + 0.28 * noise.field(2, rng) + 0.18 * noise.field(3, rng)
    deepest = draw(rng, ranges.pit_albedo)
    for _ in range(draw_count(rng, ranges.pit_count)):
        middle = centre + spread * 0.6 * rng.standard_normal(3)
        middle /= np.linalg.norm(middle)
        radius = draw(rng, ranges.pit_radius_mm40) / RADIUS_MM40
        distance = np.arccos(np.clip(ball.directions @ middle.astype(np.float32), -1.0, 1.0)) * wobble
        cover = smoothstep(distance, radius + VERTEX_STEP_RAD, radius - VERTEX_STEP_RAD)
        height = np.float32(rng.uniform(-0.022, 0.006))
        ball.positions *= (1.0 + height * cover)[:, None]
        ball.albedo *= 1.0 - np.float32(1.0 - deepest * rng.uniform(0.8, 1.25)) * cover
        ball.roughness += (0.85 - ball.roughness) * cover
        ball.defect |= cover > 0.4


def double(ball: Ball, ranges: DefectRanges, noise: NoiseFields, rng: np.random.Generator) -> None:
    """Two balls joined by an uncut bridge; the whole piece is the defect.

    The grid's rows run along the outline: ball, bridge, ball (centres at z = +1 and -1).
    """
    bridge = draw(rng, ranges.double_bridge_share)
    opening = np.arcsin(bridge)
    rows = np.arange(ROWS)
    upper = rows < ROWS // 2
    share = np.where(upper, rows, ROWS - 1 - rows) / (ROWS // 2 - 1)
    theta = (share * 0.999 + 0.001) * (np.pi - opening)
    radius, z = np.sin(theta), 1.0 + np.cos(theta)
    radius = np.repeat(radius, COLUMNS).astype(np.float32)
    z = np.repeat(np.where(upper, z, -z), COLUMNS).astype(np.float32)
    around = np.tile(np.arange(COLUMNS) / COLUMNS * 2.0 * np.pi, ROWS)
    form = np.linalg.norm(ball.positions, axis=1)
    ball.positions = np.stack([radius * np.cos(around) * form, radius * np.sin(around) * form, z], -1).astype(
        np.float32
    )
    ball.defect[:] = True


DEFECTS: dict[str, DefectMaker] = {
    "crack": crack,
    "lap": lap,
    "seam": seam,
    "flat": flat,
    "neck": neck,
    "mismatch": mismatch,
    "scale_pit": scale_pit,
    "spall": spall,
    "half": half,
    "double": double,
}
WHOLE_PIECE = ("half", "double")
"""Labels whose defect is the whole piece: its box is the silhouette's."""
