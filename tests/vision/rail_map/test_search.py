"""Marks along a whole rail: each found once, at its place, whatever borders it crosses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.models import read_model
from tests.vision.rail_map.scans import GEOMETRY, STEP, frames, noisy, picture, rendered
from tests.vision.rails import SpotDetector
from tests.vision.small_models import rail_contract
from vision.contract import RAIL_LABELS, InputSpec, RailSpec
from vision.detector import Detector
from vision.rail_map.map import MappedRail, build_map
from vision.rail_map.types import MapFinding, ScanCamera, ScanFrame, ScanGeometry
from vision.types import Detections, UInt8Array

SIDE = 224
CONTRACT = rail_contract(
    input=InputSpec(width_px=SIDE, height_px=SIDE),
    rail=RailSpec(head_px=160, overlap_px=64, views=1),
    thresholds=dict.fromkeys(RAIL_LABELS, 0.3),
)
#: first row, rows, millimetres from the head's left edge, millimetres wide
Mark = tuple[int, int, float, float]


def marked(*marks: Mark) -> UInt8Array:
    """The rail's picture with dark marks on its head."""
    rail = rendered()
    whole = picture(rail)
    for first, rows, across_mm, width_mm in marks:
        for row in range(first, first + rows):
            left = rail.offset_px[row] + rail.flank_px + across_mm * 2.0
            whole[row, round(left) : round(left + width_mm * 2.0)] = 1
    return whole


def searched(scan: list[ScanFrame], geometry: ScanGeometry = GEOMETRY) -> MappedRail:
    return build_map("rail", geometry, scan, SpotDetector(CONTRACT), model_sha256="ab" * 32)


def rows_of(findings: tuple[MapFinding, ...]) -> list[tuple[float, float]]:
    return [(one.first_row, one.last_row) for one in findings]


def test_a_mark_has_its_place_and_size_in_millimetres() -> None:
    made = searched(frames(marked((1500, 60, 20.0, 15.0))))
    assert len(made.map.findings) == 1
    mark = made.map.findings[0]
    assert (mark.id, mark.label, mark.element) == ("f1", "defect", "head")
    start = made.map.start.row
    assert mark.start_m == pytest.approx((1500 - start) * 0.0005, abs=0.002)
    assert mark.end_m == pytest.approx((1560 - start) * 0.0005, abs=0.002)
    assert mark.length_mm == pytest.approx(30.0, abs=2.5)
    assert mark.across_mm == pytest.approx(20.0, abs=3.0)
    assert mark.width_mm == pytest.approx(15.0, abs=2.0)
    box = mark.boxes[0]
    strip = made.strips["top"]
    x1, y1, x2, y2 = (round(value) for value in box.xyxy_px)
    # The box lies round the mark in the strip as it is shown.
    assert (strip.pixels[y1 + 4 : y2 - 4, x1 + 4 : x2 - 4] == 1).mean() > 0.95
    assert box.files == ("top_003.png",)
    assert made.map.model_sha256 == "ab" * 32
    assert made.map.thresholds["defect"] == 0.3


def test_marks_are_one_finding_wherever_they_lie() -> None:
    """Over frames' borders, over tiles' borders, longer than a tile: one finding each, in their order."""
    marks = [(first, 50, 8.0 + 5.0 * (k % 7), 10.0) for k, first in enumerate(range(380, 3200, 87))]
    long = (700, 700, 55.0, 6.0)
    made = searched(frames(marked(*marks, long)))
    expected = sorted([(first, first + rows) for first, rows, _, _ in [*marks, long]])
    found = rows_of(made.map.findings)
    assert len(found) == len(expected)
    np.testing.assert_allclose(found, expected, atol=5.0)
    assert [one.id for one in made.map.findings] == [f"f{k}" for k in range(1, len(expected) + 1)]
    crossing = next(one for one in made.map.findings if one.first_row < STEP < one.last_row)
    assert crossing.boxes[0].files == ("top_000.png", "top_001.png")


def test_the_border_of_what_is_not_seen_is_no_mark_and_neither_are_the_ends() -> None:
    scan = [one for one in frames(marked((1500, 40, 20.0, 20.0))) if one.frame_number not in (2, 5)]
    made = searched(scan)
    assert rows_of(made.map.findings) == [pytest.approx((1500, 1540), abs=3)]
    assert len(made.map.unseen) == 2


class EverythingIsAGap(SpotDetector):
    """Calls whatever is dark across the head a gap, its surroundings' ground, too."""

    def detect(self, image: UInt8Array, min_score: float = 0.05) -> Detections:
        """A gap wherever a row's middle is dark."""
        dark = np.flatnonzero((image[:, 60:164] < 40).mean(axis=1) > 0.8)
        if not len(dark):
            return Detections.empty(self.contract.labels)
        box = np.array([[32.0, dark[0], 192.0, dark[-1] + 1.0]], np.float32)
        return Detections(box, np.array([0.9], np.float32), np.array([2]), self.contract.labels)


def test_the_rails_end_is_no_gap_and_a_joint_is_one() -> None:
    made = build_map(
        "rail", GEOMETRY, frames(marked((1500, 20, -5.0, 82.0))), EverythingIsAGap(CONTRACT), model_sha256=""
    )
    assert [one.label for one in made.map.findings] == ["gap"]
    assert rows_of(made.map.findings) == [pytest.approx((1500, 1520), abs=4)]


def test_cameras_that_see_one_mark_make_one_finding() -> None:
    whole = marked((1500, 60, 20.0, 15.0), (2000, 30, 40.0, 10.0))
    cameras = (
        ScanCamera(name="top", mm_per_px=0.5),
        ScanCamera(name="other", mm_per_px=0.5, offset_mm=100.0),
        ScanCamera(name="web", element="web", mm_per_px=0.5),
    )
    scan = frames(whole)
    scan += [replace(one, camera="other", file=f"o{one.file}") for one in frames(noisy(whole[200:], 1))]
    scan += [replace(one, camera="web", file=f"w{one.file}") for one in frames(noisy(whole, 2))]
    made = searched(scan, ScanGeometry(counts_per_mm=2.0, cameras=cameras))
    places = [(one.element, [box.camera for box in one.boxes]) for one in made.map.findings]
    assert sorted((element, sorted(names)) for element, names in places) == [
        ("head", ["other", "top"]),
        ("head", ["other", "top"]),
        ("web", ["web"]),
        ("web", ["web"]),
    ]


def test_a_camera_that_is_only_shown_is_not_searched() -> None:
    cameras = (ScanCamera(name="top", mm_per_px=0.5, inspected=False),)
    made = searched(frames(marked((1500, 60, 20.0, 15.0))), ScanGeometry(counts_per_mm=2.0, cameras=cameras))
    assert made.map.findings == ()
    assert not made.map.cameras[0].inspected
    assert (made.map.start.seen, made.map.end.seen) == (False, False)


def test_without_a_scale_findings_have_rows_only() -> None:
    scan = [replace(one, first_count=None) for one in frames(marked((1500, 60, 20.0, 15.0)))]
    made = searched(scan, ScanGeometry(cameras=(ScanCamera(name="top"),)))
    mark = made.map.findings[0]
    assert rows_of(made.map.findings) == [pytest.approx((1500, 1560), abs=3)]
    assert (mark.start_m, mark.end_m, mark.length_mm, mark.across_mm, mark.width_mm) == (None,) * 5


def test_rows_of_another_height_than_the_pixels_are_searched_square() -> None:
    """Every second row left out: marks keep their shape for the detector, and their place on the rail."""
    whole = marked((1500, 60, 20.0, 15.0))
    counts = [(row, row + 800) for row in range(0, 3200, 800)]
    scan = [
        replace(one, image=np.ascontiguousarray(one.image[::2]))  # type: ignore[index]
        for one in frames(whole, [*counts, (3200, 3600)], with_last=True)
    ]
    coarse = ScanGeometry(counts_per_mm=2.0, row_mm=1.0, cameras=(ScanCamera(name="top", mm_per_px=0.5),))
    made = searched(scan, coarse)
    assert made.map.rows == 1800
    assert made.map.length_m == pytest.approx(1.5, abs=0.006)
    mark = made.map.findings[0]
    assert rows_of(made.map.findings) == [pytest.approx((750, 780), abs=3)]
    assert mark.length_mm == pytest.approx(30.0, abs=3.0)
    assert mark.width_mm == pytest.approx(15.0, abs=2.0)


def test_progress_counts_every_tile_once() -> None:
    seen: list[tuple[int, int]] = []
    detector = SpotDetector(CONTRACT)
    build_map(
        "rail",
        GEOMETRY,
        frames(picture(rendered())),
        detector,
        progress=lambda done, total: seen.append((done, total)),
    )
    total = len(detector.tiles)
    assert seen == [(done, total) for done in range(1, total + 1)]


def test_the_shipped_model_finds_gaps_at_their_places() -> None:
    rail = rendered(1.5, 6, 11)
    model = read_model("ferrogate-models:rail")
    detector = Detector(model.data, "rail", station="rail")
    made = build_map("rail", GEOMETRY, frames(picture(rail)), detector, model_sha256=model.sha256)
    assert made.map.thresholds == detector.contract.thresholds
    begin = rail.settings.start_row
    marks = [laid for laid in rail.laid if laid.mark.label is not None]
    places = [(laid.xyxy_px[1] + begin, laid.xyxy_px[3] + begin) for laid in marks]
    hits = [
        one
        for one in made.map.findings
        if any(one.first_row < last + 10 and one.last_row > first - 10 for first, last in places)
    ]
    # What the model is worth is measured elsewhere; here only that most of what it finds is there.
    assert len(hits) >= 2
    assert len(hits) >= 0.6 * len(made.map.findings)
