"""Whole rendered rails: truth in millimetres, frames, boxes and encoder counts agree."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from datasets.errors import DataError
from datasets.pictures import read_picture
from datasets.records import DataSet, read_coco
from datasets.synthetic.rails.rail import render_rail
from datasets.synthetic.rails.rail_set import RailsFile, read_rails, render_rails
from datasets.synthetic.rails.rail_settings import RailSettings
from edge_runtime.cli import main

SMALL = RailSettings(
    length_m=2.0,
    mm_per_px=1.0,
    marks=14,
    frame_rows=300,
    frame_width_px=160,
    beyond_mm=50.0,
    counts_per_mm=90.0,
)


@pytest.fixture(scope="module")
def rails(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DataSet, RailsFile]:
    out = tmp_path_factory.mktemp("rendered") / "rails"
    data, truth = render_rails(out, 2, 5, SMALL)
    return out, data, truth


def test_frames_cover_the_rail_without_gap_or_overlap(rails: tuple[Path, DataSet, RailsFile]) -> None:
    out, data, file = rails
    assert len(file.rails) == 2
    assert read_rails(out) == file
    for stored, made in zip(read_coco(out).samples, data.samples, strict=True):
        assert stored.model_copy(update={"boxes": ()}) == made.model_copy(update={"boxes": ()})
        # COCO keeps corner and size, so a far corner comes back rounded.
        assert np.allclose([b.xyxy_px for b in stored.boxes], [b.xyxy_px for b in made.boxes], atol=1e-6)
    for rail in file.rails:
        assert rail.length_mm == 2000.0
        assert rail.head_mm == 72.0
        assert [frame.first_row for frame in rail.frames] == [300 * n for n in range(len(rail.frames))]
        assert sum(frame.rows for frame in rail.frames) == 2100
        for frame in rail.frames:
            assert frame.begin_mm == frame.first_row - 50.0
            # 90 counts a millimetre: the count wraps on the way.
            assert frame.encoder_count == (frame.first_row * 90) % 65536
            assert read_picture(out / frame.file).shape == (frame.rows, 160)
    assert max(f.first_row * 90 for f in file.rails[0].frames) > 65536
    for sample in data.samples:
        assert sample.split == "test"
        assert sample.mm_per_px == 1.0
        assert sample.group == sample.sequence


def test_truth_in_mm_agrees_with_the_boxes_in_pixels(rails: tuple[Path, DataSet, RailsFile]) -> None:
    _, data, file = rails
    marks = {mark.id: (rail, mark) for rail in file.rails for mark in (*rail.marks, *rail.ends)}
    boxes = [(sample, box) for sample in data.samples for box in sample.boxes]
    assert len(marks) > 10
    assert len(boxes) > 10
    seen = set()
    for sample, box in boxes:
        rail, mark = marks[str(box.attributes["mark"])]
        seen.add(mark.id)
        begin_mm = float(sample.truth["begin_mm"] or 0.0)
        x1, y1, x2, y2 = box.xyxy_px
        assert (box.label, box.fine, sample.group) == (mark.label, mark.fine, rail.id)
        # The part of the mark that lies in this frame, to the row.
        assert begin_mm + y1 == pytest.approx(max(mark.position_mm, begin_mm))
        end_mm = min(mark.position_mm + mark.length_mm, begin_mm + sample.height_px)
        assert begin_mm + y2 == pytest.approx(end_mm)
        # Across, a wandering rail widens a long box a little, never makes it narrower.
        assert mark.width_mm - 0.01 <= x2 - x1 <= mark.width_mm + 3.0
        assert (box.width_mm, box.length_mm) == (mark.width_mm, mark.length_mm)
    known = {name for name, (_, mark) in marks.items() if mark.label is not None}
    assert seen == known


def test_every_mark_lies_on_the_head_and_off_the_ends(rails: tuple[Path, DataSet, RailsFile]) -> None:
    for rail in rails[2].rails:
        for mark in rail.marks:
            assert mark.position_mm >= 20.0
            assert mark.position_mm + mark.length_mm <= rail.length_mm - 20.0
            if mark.fine in ("gap", "weld"):
                assert mark.position_mm >= 400.0
            if mark.fine != "gap":
                assert mark.across_mm >= 0.0
                assert mark.across_mm + mark.width_mm <= rail.head_mm


def test_only_the_marks_change_the_rail() -> None:
    marked = render_rail(9, SMALL)
    clean = render_rail(9, SMALL.model_copy(update={"marks": 0}))
    changed = marked.straight != clean.straight
    assert marked.laid
    assert not clean.laid
    for laid in marked.laid:
        x1, y1, x2, y2 = laid.xyxy_px
        part = changed[y1:y2, x1:x2]
        assert part[0].any()
        assert part[-1].any()
        assert part[:, 0].any()
        assert part[:, -1].any()
        changed[y1:y2, x1:x2] = False
    assert not changed.any()


def test_a_gap_is_where_the_truth_says_in_the_picture() -> None:
    settings = SMALL.model_copy(update={"marks": 3, "kinds": ("gap",), "wander_mm": 12.0})
    rail = render_rail(2, settings)
    dark = 0
    for view in rail.views():
        pixels = rail.frame(view).astype(np.float32)
        for laid in rail.laid:
            box = rail.box_in_frame(laid.xyxy_px, view)
            if box is None or box[3] - box[1] < laid.xyxy_px[3] - laid.xyxy_px[1]:
                continue
            head = rail.offset_px[view.first_row + int(box[1])] + rail.flank_px
            middle = pixels[:, int(head) + 10 : int(head) + 60].mean(axis=1)
            inside = middle[int(box[1]) : int(box[3])]
            around = np.concatenate(
                [middle[max(0, int(box[1]) - 20) : int(box[1])], middle[int(box[3]) :][:20]]
            )
            if len(around) >= 20:
                assert inside.min() < 0.75 * around.mean()
                dark += 1
    assert dark >= 1


def test_beyond_its_ends_there_is_no_rail() -> None:
    rail = render_rail(4, SMALL)
    frames = [rail.frame(view).astype(np.float32) for view in rail.views()]
    column = slice(60, 100)
    head = frames[1][:, column].mean()
    assert frames[0][:45, column].mean() < 0.2 * head < frames[0][60:, column].mean()
    assert frames[-1][-45:, column].mean() < 0.2 * head


def test_the_ends_of_a_rail_are_half_gaps(rails: tuple[Path, DataSet, RailsFile]) -> None:
    for rail in rails[2].rails:
        places = [(end.label, end.position_mm, end.position_mm + end.length_mm) for end in rail.ends]
        assert places == [("gap", -11.0, 4.0), ("gap", 1996.0, 2011.0)]
        assert all(end.across_mm == 0.0 and end.width_mm == rail.head_mm for end in rail.ends)
    boxes = [box for sample in rails[1].samples for box in sample.boxes if box.fine == "rail_end"]
    assert len(boxes) == 4
    # Where the frames show nothing beyond the rail, nobody can see that it ends.
    assert render_rail(1, SMALL.model_copy(update={"beyond_mm": 0.0})).ends_px() == ()


def test_the_rail_wanders_and_its_boxes_go_with_it() -> None:
    settings = RailSettings(
        length_m=12.0, mm_per_px=1.0, marks=0, frame_rows=400, frame_width_px=200, wander_mm=20.0
    )
    rail = render_rail(6, settings)
    assert float(np.ptp(rail.offset_px)) > 8.0
    assert float(np.abs(np.diff(rail.offset_px)).max()) < 0.2
    for view in list(rail.views())[:-1]:
        lit = np.median(rail.frame(view)[160:].astype(np.float32), axis=0)
        columns = np.flatnonzero(lit > 0.4 * lit.max())
        expected = float(np.median(rail.offset_px[view.first_row + 160 : view.first_row + view.rows]))
        assert abs(columns[0] - (expected + rail.flank_px)) < 4.0


def test_same_seed_same_bytes(rails: tuple[Path, DataSet, RailsFile], tmp_path: Path) -> None:
    render_rails(tmp_path / "again", 1, 5, SMALL)
    for frame in rails[2].rails[0].frames:
        assert (tmp_path / "again" / frame.file).read_bytes() == (rails[0] / frame.file).read_bytes()
    assert rails[2].rails[0].marks != rails[2].rails[1].marks


def test_the_command_renders_and_says_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demo"
    words = ["data", "render-rails", "--count", "1", "--seed", "3", "--out", str(out), "--length-m", "1.5"]
    words += ["--marks", "5", "--mm-per-px", "1", "--frame-rows", "400", "--frame-width", "160"]
    assert main([*words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    file = read_rails(out)
    assert said["rails"] == 1
    assert said["metres"] == 1.5
    assert said["frames"] == len(file.rails[0].frames)
    assert sum(said["marks"].values()) == len(file.rails[0].marks)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--count", "0", "--seed", "1"], "0 rails"),
        (["--count", "1", "--seed", "-1"], "seed"),
        (["--count", "1", "--seed", "1", "--length-m", "-2"], "length_m"),
        (["--count", "1", "--seed", "1", "--frame-width", "100"], "cannot hold a head"),
        (
            [
                "--count",
                "1",
                "--seed",
                "1",
                "--length-m",
                "100",
                "--mm-per-px",
                "0.1",
                "--frame-width",
                "2048",
            ],
            "in one",
        ),
    ],
)
def test_bad_options_are_one_clear_error(
    options: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["data", "render-rails", *options, "--out", str(out)]) == 2
    assert says in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_broken_truth_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="truth of rendered rails"):
        read_rails(tmp_path)
    (tmp_path / "rails.json").write_text('{"schema_version": 2}')
    with pytest.raises(DataError, match="truth of rendered rails"):
        read_rails(tmp_path)
