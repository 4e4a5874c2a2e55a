"""The rail twin: what its frames show, what its encoder says, what its scans look like to a station."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from edge_runtime.twin.rail_main import run_yard
from edge_runtime.twin.rail_motion import Passage, pass_rail, unseen_rows
from edge_runtime.twin.rail_scanner import draw_rail, scan_rail
from edge_runtime.twin.rail_settings import (
    SIDE,
    SIDE_OFFSET_MM,
    TOP,
    RailFault,
    RailTwinSettings,
    parse_rail_faults,
)
from edge_runtime.yard.scan_files import read_scans
from vision.errors import ConfigError
from vision.rail_map.frames import PlacedFrame
from vision.rail_map.map import build_map
from vision.rail_map.types import ScanCamera, ScanFrame, ScanGeometry

ROWS, FRAME, COUNTS, MODULUS = 10_000, 1000, 2.0, 2**16


def _passage(*faults: RailFault, seed: int = 1) -> Passage:
    return pass_rail(ROWS, FRAME, COUNTS, MODULUS, faults, np.random.default_rng(seed))


def _settings(folder: Path, **changed: object) -> RailTwinSettings:
    values = {"out": folder / "scans", "truth": folder / "truth", "length_m": 1.5, "marks": 2, "seed": 3}
    return RailTwinSettings.model_validate({**values, "frame_rows": 700, **changed})


def test_a_rail_without_faults_is_shown_once_from_end_to_end() -> None:
    passage = _passage()
    assert [frame.first_row for frame in passage.frames] == list(range(0, ROWS, FRAME))
    assert unseen_rows(passage, 0, ROWS) == 0
    for before, after in zip(passage.frames, passage.frames[1:], strict=False):
        assert before.last_count == after.first_count
        assert (before.last_count - before.first_count) % MODULUS == FRAME * COUNTS
    # It wraps on the way: 20,000 counts from a start anywhere do for some seeds.
    starts = [_passage(seed=seed).frames[0].first_count for seed in range(20)]
    assert any(start > MODULUS - ROWS * COUNTS for start in starts)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("fault", "unseen"),
    [
        # what the conveyor does costs nothing; what happens to a frame costs that frame
        (RailFault.CONVEYOR_STOP, 0),
        (RailFault.CONVEYOR_REVERSE, 0),
        (RailFault.FRAMES_DOUBLED, 0),
        (RailFault.FRAMES_OUT_OF_ORDER, 0),
        (RailFault.FRAMES_LOST, FRAME),
        (RailFault.BLACK_FRAME, FRAME),
    ],
)
def test_what_each_fault_costs(fault: RailFault, unseen: int, seed: int) -> None:
    assert unseen_rows(_passage(fault, seed=seed), 0, ROWS) == unseen


def test_a_conveyor_that_stands_closes_the_frame() -> None:
    passage = _passage(RailFault.CONVEYOR_STOP)
    short = [frame for frame in passage.frames[:-1] if frame.rows < FRAME]
    assert len(short) == 1
    assert len(passage.frames) == ROWS // FRAME + 1


def test_a_conveyor_that_goes_back_shows_rows_again_backwards() -> None:
    passage = _passage(RailFault.CONVEYOR_REVERSE)
    (back,) = [frame for frame in passage.frames if frame.backwards]
    travelled = (back.first_count - back.last_count) % MODULUS
    assert travelled == back.rows * COUNTS
    again = passage.frames[back.number + 1]
    assert (again.first_row, again.first_count) == (back.first_row, back.last_count)


def test_a_dead_encoder_says_one_count_and_proves_no_place() -> None:
    passage = _passage(RailFault.ENCODER_STOP)
    dead = [frame for frame in passage.frames if not passage.proven(frame)]
    assert {frame.first_count for frame in dead} == {frame.last_count for frame in dead}
    assert unseen_rows(passage, 0, ROWS) == sum(frame.rows for frame in dead) > 0


def test_faults_of_the_table() -> None:
    doubled = _passage(RailFault.FRAMES_DOUBLED)
    assert sum(frame.doubled for frame in doubled.frames) == 1
    mixed = _passage(RailFault.FRAMES_OUT_OF_ORDER)
    assert list(mixed.table) != sorted(mixed.table)
    assert sorted(mixed.table) == list(range(len(mixed.frames)))
    lost = _passage(RailFault.FRAMES_LOST)
    assert len(lost.table) == len(lost.frames) - 1


def test_fault_names() -> None:
    assert parse_rail_faults("all") == tuple(RailFault)
    assert parse_rail_faults("") == ()
    assert parse_rail_faults("black_frame, encoder_stop") == (RailFault.BLACK_FRAME, RailFault.ENCODER_STOP)
    for text in ("gate_stick", "black_frame,black_frame"):
        with pytest.raises(ConfigError, match=text.partition(",")[0]):
            parse_rail_faults(text)


def test_settings_that_cannot_be_drawn_are_refused(tmp_path: Path) -> None:
    for changed in ({"length_m": 0.1}, {"frame_rows": 100}, {"speed_up": 0.0}, {"rails_per_hour": 100}):
        with pytest.raises(ValidationError):
            _settings(tmp_path, **changed)
    with pytest.raises(ValidationError, match="no middle for a fault"):
        _settings(tmp_path, length_m=1.0, faults=((RailFault.BLACK_FRAME,),))


def test_a_scan_is_whole_and_reads_as_any_other(tmp_path: Path) -> None:
    settings = _settings(tmp_path, count=2, side_camera=True, faults=((), (RailFault.FRAMES_LOST,)))
    assert run_yard(settings, threading.Event()) == 2
    folders = sorted(settings.out.iterdir())
    assert [folder.name for folder in folders] == ["rail-3-0001", "rail-3-0002"]
    assert all((folder / "scan.done").is_file() for folder in folders)
    for folder, lost in zip(folders, (0, 1), strict=True):
        (scan,) = read_scans(folder)
        cameras = [entry.camera for entry in scan.entries]
        assert cameras.count(TOP) == cameras.count(SIDE) == 6 - lost
        assert all(entry.path is not None for entry in scan.entries)
    assert sorted(path.name for path in settings.truth.iterdir()) == ["rail-3-0001.json", "rail-3-0002.json"]


def test_the_side_camera_looks_ahead(tmp_path: Path) -> None:
    settings = _settings(tmp_path, side_camera=True)
    rail = draw_rail(settings, 0)
    scan_rail(settings, rail, 0.0, threading.Event())
    lit = {}
    for camera in (TOP, SIDE):
        image = cv2.imread(str(settings.out / rail.name / f"{camera}_0000.png"), cv2.IMREAD_GRAYSCALE)
        assert image is not None
        rows = np.asarray(image, np.float64).mean(axis=1)
        lit[camera] = int(np.argmax(rows > rows.max() / 2.0))
    ahead_mm = (lit[TOP] - lit[SIDE]) * settings.mm_per_px
    assert ahead_mm == pytest.approx(SIDE_OFFSET_MM, abs=5.0)


def test_a_stopped_twin_leaves_no_half_scan(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    stop = threading.Event()
    rail = draw_rail(settings, 0)
    stop.set()
    with pytest.raises(InterruptedError):
        scan_rail(settings, rail, 0.0, stop)
    assert list(settings.out.iterdir()) == []
    assert not settings.truth.exists()


@pytest.mark.parametrize("fault", [None, *RailFault])
def test_the_map_never_calls_seen_what_no_picture_proves(fault: RailFault | None) -> None:
    """Frames as the twin plans them, laid out by the map: stretches without a proof are not seen."""
    rows, frame_rows = 3600, 360
    faults = () if fault is None else (fault,)
    passage = pass_rail(rows, frame_rows, COUNTS, MODULUS, faults, np.random.default_rng(1))
    shown = [frame for frame in passage.frames if not frame.lost]
    # Coarse enough to be steel and not the noise of a sensor, which a standing rail would show as well.
    coarse = np.random.default_rng(2).integers(40, 140, (rows // 12, 8)).astype(np.uint8)
    texture = np.asarray(cv2.resize(coarse, (64, rows), interpolation=cv2.INTER_CUBIC), np.uint8)

    def frames() -> list[ScanFrame]:
        found = []
        for frame in shown:
            image = texture[frame.first_row : frame.first_row + frame.rows]
            image = image[::-1] if frame.backwards else image
            image = np.zeros_like(image) if frame.black else np.ascontiguousarray(image)
            one = ScanFrame(TOP, frame.number, frame.first_count, frame.last_count, f"{frame.number}", image)
            found += [one] * (2 if frame.doubled else 1)
        return found

    geometry = ScanGeometry(
        counts_per_mm=4.0, count_bits=16, row_mm=0.5, cameras=(ScanCamera(name=TOP, mm_per_px=0.5),)
    )
    mapped = build_map("r", geometry, frames(), None)
    unseen = sum(gap.last_row - gap.first_row for gap in mapped.map.unseen if gap.camera == TOP)
    truly_seen = rows - unseen_rows(passage, 0, rows)
    assert mapped.map.rows - unseen == pytest.approx(truly_seen, abs=20)
    placed: dict[int, PlacedFrame] = {one.frame_number: one for one in mapped.frames}
    for frame in shown:
        if frame.shows and passage.proven(frame) and frame.rows > 50:
            assert placed[frame.number].first_row == pytest.approx(frame.first_row, abs=2.0)
            assert placed[frame.number].flipped == frame.backwards
