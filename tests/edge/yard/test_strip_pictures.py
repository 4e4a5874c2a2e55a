"""Strips as people see them: the whole head on every line of report and act, however it wanders."""

from __future__ import annotations

import cv2
import numpy as np

from edge_runtime.reports.words import load_words
from edge_runtime.yard.map_report_strip import line_rows, rail_svg
from edge_runtime.yard.strip_pictures import ShownStrip, overview_picture, shown
from vision.rail_head import Look
from vision.rail_map.assemble import CameraStrip
from vision.rail_map.track import HeadTrack
from vision.rail_map.types import MapCamera, RailEnd, RailMap
from vision.types import UInt8Array

ROWS, WIDTH, HEAD = 6000, 400, 80
STEP = 1000
GREY = 120


def _head_at(row: int) -> int:
    """First column of the head: it wanders by three times its width from one end to the other."""
    return 30 + row * (WIDTH - HEAD - 60) // ROWS


def _strip(unseen: slice = slice(0, 0)) -> ShownStrip:
    pixels = np.full((ROWS, WIDTH), 6, np.uint8)
    for row in range(ROWS):
        pixels[row, _head_at(row) : _head_at(row) + HEAD] = GREY
    seen = np.ones(ROWS, bool)
    seen[unseen] = False
    at = np.linspace(0.0, ROWS - 1.0, 60)
    middle = np.array([_head_at(int(row)) + HEAD / 2 for row in at])
    flat = np.full_like(at, 1.0)
    track = HeadTrack(at, middle, flat * HEAD, flat * GREY, Look.WHOLE)
    return shown(CameraStrip("top", pixels, seen, head=track))


def _lines(picture: UInt8Array) -> list[UInt8Array]:
    """The drawn lines of an overview, white ground taken away."""
    dark = (picture < 250).mean(axis=1) > 0.5
    edges = np.flatnonzero(np.diff(np.concatenate(([0], dark.astype(np.int8), [0]))))
    return [picture[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]


def test_each_line_of_an_overview_is_cut_to_its_own_head() -> None:
    strip = _strip()
    lines = _lines(overview_picture(strip, STEP, str))
    assert len(lines) == ROWS // STEP
    for line in lines:
        bright = line > GREY / 2
        # The head is whole, with its ground above and below it, and takes most of the line's height.
        assert not bright[0].any()
        assert not bright[-1].any()
        share = bright.mean(axis=0)
        assert share.min() > 0.3
    # One crop for the whole rail would leave the head a fifth of the height.
    assert HEAD / strip.width_px < 0.25


def test_a_line_goes_by_what_was_seen_of_the_head() -> None:
    strip = _strip(unseen=slice(200, 1000))
    narrow, all_of_it = strip.narrowed(0, STEP), strip.narrowed(1000, 2000)
    assert narrow.width_px < all_of_it.width_px
    assert narrow.left_px <= _head_at(0)
    assert narrow.right_px >= _head_at(199) + HEAD
    nobody = _strip(unseen=slice(0, ROWS)).narrowed(0, STEP)  # hatched, where the head may lie
    assert nobody.width_px >= HEAD


def test_a_strip_without_a_head_is_shown_whole() -> None:
    strip = shown(CameraStrip("top", np.full((50, 30), 9, np.uint8), np.ones(50, bool)))
    assert (strip.narrowed(0, 50).left_px, strip.narrowed(0, 50).width_px) == (0, 30)


def _map() -> RailMap:
    camera = MapCamera(name="top", element="head", inspected=True, width_px=WIDTH, mm_per_px=0.5, frames=9)
    end = RailEnd(row=float(ROWS), seen=True)
    return RailMap(
        rail="R-1", rows=ROWS, row_mm=0.5, start=RailEnd(row=0.0, seen=True), end=end, length_m=3.0,
        length_is_least=False, cameras=(camera,), findings=(), unseen=(), thresholds={}, model_sha256="",
    )  # fmt: skip


def test_the_lines_of_the_report_show_the_head_too() -> None:
    import base64
    import re

    rail_map = _map()
    svg = rail_svg(rail_map, {"top": _strip()}, None, load_words("en"))
    pictures = re.findall(r'width="(\d+)" height="(\d+)"[^>]*base64,([^"]+)"', svg)
    assert len(pictures) == -(-ROWS // line_rows(rail_map))
    for _, _, data in pictures:
        line = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_GRAYSCALE)
        assert line is not None
        bright = line > GREY / 2
        assert bright.mean(axis=0).min() > 0.3
        assert not bright[[0, -1]].any()
