"""Scans of a rendered rail become maps: strips pixel by pixel, ends, unseen stretches, odd scans."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.vision.rail_map.scans import GEOMETRY, STEP, frames, noisy, picture, rendered
from vision.errors import ConfigError
from vision.rail_map.map import MappedRail, RailMapper, build_map
from vision.rail_map.types import LeftOut, Note, ScanCamera, ScanFrame, ScanGeometry, Unseen
from vision.types import UInt8Array

#: Rows: 300 of ground, 3000 of rail, 300 of ground.
RAIL = (300, 3300)


@pytest.fixture(scope="module")
def whole() -> UInt8Array:
    return picture(rendered())


def mapped(scan: list[ScanFrame], geometry: ScanGeometry = GEOMETRY) -> MappedRail:
    return build_map("rail", geometry, scan, None)


def shows(made: MappedRail, whole: UInt8Array, camera: str = "top") -> np.ndarray:
    """Rows of the strip that are the rail's own, pixel by pixel."""
    strip = made.strips[camera]
    wide = strip.pixels.shape[1]
    true = whole[: len(strip.pixels), strip.left_px : strip.left_px + wide]
    return np.asarray((strip.pixels == true).all(axis=1))


def unseen(made: MappedRail) -> list[tuple[float, float, str, str]]:
    return [(one.first_row, one.last_row, one.cause, one.frames) for one in made.map.unseen]


def test_a_whole_scan_is_the_rail_pixel_by_pixel(whole: UInt8Array) -> None:
    made = mapped(frames(whole))
    assert made.map.rows == 3600
    assert shows(made, whole).all()
    assert made.map.start.seen
    assert made.map.start.row == pytest.approx(RAIL[0], abs=3)
    assert made.map.end.seen
    assert made.map.end.row == pytest.approx(RAIL[1], abs=3)
    assert made.map.length_m == pytest.approx(1.5, abs=0.003)
    assert not made.map.length_is_least
    assert not made.map.unseen
    assert not made.map.notes
    assert made.map.position_m(made.map.start.row) == 0.0


def test_the_head_is_followed_as_the_rail_wanders(whole: UInt8Array) -> None:
    rail = rendered()
    strip = mapped(frames(whole)).strips["top"]
    assert strip.head is not None
    rows = np.arange(*RAIL, 50)
    true = rail.offset_px[rows] + rail.flank_px
    assert np.abs(strip.head.start_px(rows) + strip.left_px - true).max() < 6.0
    assert strip.head.width_px(rows) == pytest.approx(rail.settings.head_px, rel=0.06)


def test_the_wrap_of_the_encoder_leaves_no_seam(whole: UInt8Array) -> None:
    made = mapped(frames(whole, start=65_000))
    assert shows(made, whole).all()
    assert not made.map.notes


def test_an_encoder_that_counts_down_is_no_way_back(whole: UInt8Array) -> None:
    down = [replace(one, first_count=(7 - (one.first_count or 0)) % 65_536) for one in frames(whole)]
    made = mapped(down)
    assert shows(made, whole).all()
    assert not made.map.notes


def test_frames_out_of_order_and_doubled_ones(whole: UInt8Array) -> None:
    scan = frames(whole)
    again = replace(scan[4], image=noisy(whole[4 * STEP : 5 * STEP], 1), file="again.png")
    made = mapped([scan[0], scan[3], scan[1], scan[2], *scan[4:7], again, *scan[7:]])
    assert shows(made, whole).all()
    assert made.map.cameras[0].left_out == (LeftOut(file="again.png", why=Note(code="doubled")),)
    assert made.map.cameras[0].frames == len(scan) + 1
    assert Note(code="out_of_order", values={"camera": "top", "frames": "1-2"}) in made.map.notes
    assert Note(code="doubled_frames", values={"camera": "top", "count": 1}) in made.map.notes


def test_a_doubled_frame_stands_in_for_one_that_could_not_be_read(whole: UInt8Array) -> None:
    scan = frames(whole)
    made = mapped([*scan[:4], replace(scan[4], image=None, file="broken.png"), *scan[4:]])
    assert shows(made, whole).all()
    assert not made.map.unseen


def test_a_missing_frame_is_not_seen(whole: UInt8Array) -> None:
    scan = frames(whole)
    made = mapped([*scan[:3], *scan[5:]])
    assert unseen(made) == [(3 * STEP, 5 * STEP, "missing_frame", "3-4")]
    away = made.map.unseen[0]
    start = made.map.start.row
    assert (away.start_m, away.end_m) == pytest.approx(((1200 - start) / 2000, (2000 - start) / 2000))
    good = shows(made, whole)
    assert good[: 3 * STEP].all()
    assert good[5 * STEP :].all()
    assert not made.strips["top"].seen[3 * STEP : 5 * STEP].any()


@pytest.mark.parametrize(
    ("image", "fault"),
    [
        (None, "unreadable"),
        (np.full((STEP, 512), 2, np.uint8), "black"),
        (np.full((STEP, 512), 255, np.uint8), "saturated"),
        (np.zeros((STEP, 512), np.uint16), "shape_bits"),
        (np.full((STEP, 200), 90, np.uint8), "black"),
    ],
    ids=["none", "black", "clipped", "16 bit", "one grey"],
)
def test_a_picture_that_proves_nothing_is_not_seen(
    whole: UInt8Array, image: UInt8Array | None, fault: str
) -> None:
    scan = frames(whole)
    mapper = RailMapper("rail", GEOMETRY)
    said = [mapper.add(replace(one, image=image) if one.frame_number == 4 else one) for one in scan]
    made = mapper.finish(None)
    assert said[4] is not None
    assert said[4].code == fault
    assert not any(said[:4] + said[5:])
    assert unseen(made) == [(4 * STEP, 5 * STEP, "unhealthy_frame", "4")]
    assert made.map.unseen[0].detail == (said[4],)
    assert made.map.cameras[0].left_out[0] == LeftOut(file="top_004.png", why=said[4])


def test_another_shape_and_a_frozen_picture_prove_nothing(whole: UInt8Array) -> None:
    scan = frames(whole)
    scan[3] = replace(scan[3], image=np.ascontiguousarray(scan[3].image[:, :300]))  # type: ignore[index]
    scan[6] = replace(scan[6], image=scan[5].image)
    made = mapped(scan)
    assert unseen(made) == [
        (3 * STEP, 4 * STEP, "unhealthy_frame", "3"),
        (6 * STEP, 7 * STEP, "unhealthy_frame", "6"),
    ]
    assert made.map.unseen[0].detail == (Note(code="shape_width", values={"width": 300, "usual": 512}),)
    assert made.map.unseen[1].detail == (Note(code="frozen"),)


def test_a_camera_that_gives_no_frame_at_all_saw_nothing(whole: UInt8Array) -> None:
    cameras = (*GEOMETRY.cameras, ScanCamera(name="side", element="web", mm_per_px=0.5))
    made = mapped(frames(whole), GEOMETRY.model_copy(update={"cameras": cameras}))
    assert [(one.name, one.frames) for one in made.map.cameras] == [("top", 9), ("side", 0)]
    (dead,) = made.map.unseen
    assert (dead.camera, dead.cause, dead.detail) == ("side", "missing_frame", (Note(code="no_frame"),))
    assert (dead.first_row, dead.last_row) == (made.map.start.row, made.map.end.row)
    assert dead.end_m == made.map.length_m
    assert list(made.strips) == ["top"]


def test_a_hand_before_the_camera_is_not_seen(whole: UInt8Array) -> None:
    covered = whole.copy()
    rng = np.random.default_rng(1)
    covered[1600:2400] = rng.integers(0, 12, (800, whole.shape[1]), np.uint8)
    made = mapped(frames(covered))
    assert [one.cause for one in made.map.unseen] == ["unhealthy_frame"]
    assert made.map.unseen[0].first_row == pytest.approx(1600, abs=4)
    assert made.map.unseen[0].last_row == pytest.approx(2400, abs=4)


def test_a_stopped_conveyor_shows_each_place_once(whole: UInt8Array) -> None:
    line = noisy(np.repeat(whole[1199:1200], STEP, axis=0), 1)
    scan = frames(whole, [(0, 400), (400, 800), (800, 1200)])
    scan += [ScanFrame("top", 3 + k, 1200, None, f"still{k}.png", noisy(line, k)) for k in range(3)]
    scan += [
        replace(one, frame_number=one.frame_number + 6)
        for one in frames(whole, [(row, row + 400) for row in range(1200, 3600, 400)])
    ]
    made = mapped(scan)
    assert made.map.rows == 3600
    assert shows(made, whole).all()
    assert not made.map.unseen
    assert Note(code="stood", values={"camera": "top", "frames": "3-5"}) in made.map.notes


def test_a_conveyor_that_goes_back_neither_tears_nor_doubles(whole: UInt8Array) -> None:
    way = [(0, 400), (400, 800), (800, 1200), (1200, 1600), (1600, 1200), (1200, 800), (800, 1200)]
    way += [(1200, 1600), *((row, row + 400) for row in range(1600, 3600, 400))]
    made = mapped(frames(whole, way, with_last=True))
    assert made.map.rows == 3600
    assert shows(made, whole).all()
    assert not made.map.unseen
    assert Note(code="went_back", values={"camera": "top", "frames": "4-5"}) in made.map.notes


def test_what_only_the_way_back_shows_is_laid_the_right_way_round(whole: UInt8Array) -> None:
    way = [(0, 400), (400, 800), (800, 1200), (1200, 1600), (1600, 1200), (1200, 800), (800, 1200)]
    way += [(1200, 1600), *((row, row + 400) for row in range(1600, 3600, 400))]
    scan = frames(whole, way, with_last=True)
    # Of rows 1200 to 1600 only the frame that went back is healthy.
    broken = [replace(one, image=None) if one.frame_number in (3, 7) else one for one in scan]
    made = mapped(broken)
    assert shows(made, whole).all()
    assert not made.map.unseen


def test_a_stop_within_a_frame_is_found_in_its_picture(whole: UInt8Array) -> None:
    still = noisy(np.repeat(whole[1000:1001], 200, axis=0), 2)
    scan = frames(whole, [(0, 400), (400, 800)])
    scan.append(ScanFrame("top", 2, 800, None, "stops.png", np.concatenate([whole[800:1000], still])))
    later = frames(whole, [(row, row + 400) for row in range(1000, 3400, 400)])
    scan += [replace(one, frame_number=one.frame_number + 3) for one in later]
    made = mapped(scan)
    strip = made.strips["top"]
    away = np.abs(
        strip.pixels[700:1100].astype(int)
        - whole[700:1100, strip.left_px : strip.left_px + strip.pixels.shape[1]].astype(int)
    )
    assert not made.map.unseen
    assert made.map.end.row == pytest.approx(RAIL[1], abs=3)
    # The stop is found to some rows; an even stretch of 200 rows over 400 would be off by up to 100.
    parts = made.frames[2].parts
    assert parts[1].first_y == pytest.approx(200, abs=8)
    assert away.mean() < 4.0


def test_a_turn_within_a_frame_is_found_in_its_picture(whole: UInt8Array) -> None:
    scan = frames(whole, [(0, 400), (400, 800)])
    there_and_back = np.concatenate([whole[800:1050], whole[900:1050][::-1]])
    scan.append(ScanFrame("top", 2, 800, 900, "turns.png", there_and_back))
    later = frames(
        whole, [*((row, row + 400) for row in range(900, 3300, 400)), (3300, 3600)], with_last=True
    )
    scan += [replace(one, frame_number=one.frame_number + 3) for one in later]
    made = mapped(scan)
    assert not made.map.unseen
    assert made.map.end.row == pytest.approx(RAIL[1], abs=3)
    parts = made.frames[2].parts
    assert len(parts) == 2
    assert parts[0].last_row == pytest.approx(1050, abs=1)
    assert shows(made, whole).mean() > 0.99


def test_an_encoder_that_stops_while_the_rail_runs_is_no_proof_of_place(whole: UInt8Array) -> None:
    scan = frames(whole)
    dead = [
        replace(one, first_count=(one.first_count or 0) if k < 4 else 4 * STEP) for k, one in enumerate(scan)
    ]
    made = mapped(dead)
    # The pictures are laid by their rows, so nothing is lost, and nothing of it is taken for proven.
    assert made.map.rows == 3600
    assert shows(made, whole).all()
    assert [one.cause for one in made.map.unseen] == ["no_encoder"]
    assert made.map.unseen[0].first_row == 4 * STEP
    assert made.map.unseen[0].frames == "4-8"
    assert Note(code="encoder_stood_still", values={"camera": "top", "frames": "4-8"}) in made.map.notes


def test_a_rail_that_goes_on_beyond_the_scan_has_no_ends(whole: UInt8Array) -> None:
    made = mapped(frames(whole[800:2800]))
    assert (made.map.start.seen, made.map.end.seen) == (False, False)
    assert made.map.length_is_least
    assert made.map.length_m == pytest.approx(1.0)
    assert not made.map.unseen


def test_a_lamp_that_fails_is_no_end_of_the_rail(whole: UInt8Array) -> None:
    dark = whole.copy()
    rng = np.random.default_rng(1)
    dark[2100:] = np.abs(rng.normal(0.0, 0.4, dark[2100:].shape)).astype(np.uint8)
    made = mapped(frames(dark))
    assert made.map.start.seen
    assert not made.map.end.seen
    assert made.map.length_is_least
    assert made.map.end.row == pytest.approx(2100, abs=3)
    last = made.map.unseen[-1]
    assert last.last_row == 3600
    assert made.map.unseen[0].first_row == pytest.approx(2100, abs=3)


def test_ground_before_and_behind_the_rail_is_not_unseen(whole: UInt8Array) -> None:
    rng = np.random.default_rng(2)
    ground = np.abs(rng.normal(3.0, 1.0, (800, whole.shape[1]))).astype(np.uint8)
    made = mapped(frames(np.concatenate([ground, whole, ground])))
    assert made.map.start.row == pytest.approx(1100, abs=3)
    assert made.map.end.seen
    assert not made.map.unseen


def test_a_scan_without_a_rail_is_a_map_of_nothing_seen() -> None:
    rng = np.random.default_rng(2)
    ground = np.abs(rng.normal(6.0, 3.0, (1200, 512))).astype(np.uint8)
    made = mapped(frames(ground))
    assert not made.map.start.seen
    assert not made.map.end.seen
    assert made.map.length_m is None
    assert sum(one.last_row - one.first_row for one in made.map.unseen) == 1200
    assert Note(code="no_rail") in made.map.notes


def test_without_a_scale_there_are_rows_and_no_millimetres(whole: UInt8Array) -> None:
    scan = [replace(one, first_count=None) for one in frames(whole) if one.frame_number not in (4, 5)]
    made = mapped(scan, ScanGeometry(cameras=(ScanCamera(name="top"),)))
    assert made.map.row_mm is None
    assert made.map.length_m is None
    assert made.map.rows == 3600
    assert unseen(made) == [(4 * STEP, 6 * STEP, "missing_frame", "4-5")]
    assert made.map.unseen[0].start_m is None
    assert shows(made, whole)[: 4 * STEP].all()


def test_several_cameras_lie_on_one_map(whole: UInt8Array) -> None:
    cameras = (
        ScanCamera(name="top", mm_per_px=0.5),
        ScanCamera(name="ahead", mm_per_px=0.5, offset_mm=100.0),
        ScanCamera(name="web", element="web", mm_per_px=0.5, inspected=False),
    )
    geometry = ScanGeometry(counts_per_mm=2.0, cameras=cameras)
    # What the camera ahead shows at a count lies 200 rows further along the rail.
    scan = frames(whole[:3400])
    scan += [replace(one, camera="ahead") for one in frames(whole[200:])]
    scan += [replace(one, camera="web") for one in frames(noisy(whole[:3400], 1)[:, :300])]
    made = mapped(scan, geometry)
    assert made.map.rows == 3600
    strip = made.strips["ahead"]
    assert shows(made, whole, "ahead")[200:].all()
    assert not strip.seen[:200].any()
    assert made.strips["web"].pixels.shape[1] == 300
    assert made.strips["web"].head is None
    by_camera: dict[str, list[Unseen]] = {}
    for one in made.map.unseen:
        by_camera.setdefault(one.camera, []).append(one)
    # Before 200 there is no rail yet, and behind row 3400 there is none any more.
    assert "ahead" not in by_camera or all(one.last_row > 300 for one in by_camera["ahead"])


def test_a_camera_that_came_late_was_out_of_view(whole: UInt8Array) -> None:
    cameras = (ScanCamera(name="top", mm_per_px=0.5), ScanCamera(name="side", mm_per_px=0.5))
    scan = frames(whole) + [replace(one, camera="side") for one in frames(whole) if one.frame_number >= 3]
    made = mapped(scan, ScanGeometry(counts_per_mm=2.0, cameras=cameras))
    assert [(one.camera, one.cause, one.last_row) for one in made.map.unseen] == [
        ("side", "out_of_view", 3.0 * STEP)
    ]


def test_a_camera_nobody_named_is_one_clear_error(whole: UInt8Array) -> None:
    with pytest.raises(ConfigError, match="camera 'foot'"):
        mapped([replace(frames(whole)[0], camera="foot")])
