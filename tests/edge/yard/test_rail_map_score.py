"""What maps are worth: pairing, merging, bounds, and labels laid onto a recording."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.yard.map_folder import (
    CameraPictures,
    FramePlace,
    FrameStretch,
    MapFolder,
    StripIndex,
    read_maps,
)
from edge_runtime.yard.map_labels import read_labelled, score_recording
from edge_runtime.yard.map_match import Patch, lying_on, matched, per_metre, quantiles, share
from edge_runtime.yard.map_truth import score_rendered
from edge_runtime.yard.scan_rendered import RenderedFrame, RenderedMark, RenderedRail
from vision.errors import ConfigError
from vision.rail_map.types import MapBox, MapCamera, MapFinding, RailEnd, RailMap
from vision.yard.types import RailGrade

GRADE = RailGrade(
    grade="human", reasons=(), coverage=(), not_inspected=(), cut_list=None, unseen_m=0.25, length_m=None,
    usable_length_m=None, mass_kg=None, usable_mass_kg=None, yield_share=None, value=None,
)  # fmt: skip


def patch(name: str, first: float, last: float, label: str = "defect", score: float = 1.0) -> Patch:
    return Patch(name, label, first, last, 10.0, 20.0, score)


def finding(
    number: int, start_mm: float, end_mm: float, *, label: str = "defect", score: float = 0.5,
    across: tuple[float, float] = (10.0, 20.0),
) -> MapFinding:  # fmt: skip
    left, right = across
    return MapFinding(
        id=f"f{number}", label=label, score=score, element="head",
        first_row=2.0 * start_mm + 100.0, last_row=2.0 * end_mm + 100.0,
        start_m=start_mm / 1000.0, end_m=end_mm / 1000.0, length_mm=end_mm - start_mm,
        across_mm=left, width_mm=right - left,
        boxes=(MapBox(camera="top", score=score, files=("a.png",),
                      xyxy_px=(left * 2, start_mm * 2 + 100, right * 2, end_mm * 2 + 100)),),
    )  # fmt: skip


def folder(*findings: MapFinding, rail: str = "r", frames: tuple[FramePlace, ...] = ()) -> MapFolder:
    camera_of = MapCamera(name="top", element="head", inspected=True, width_px=200, mm_per_px=0.5, frames=2)
    rail_map = RailMap(
        rail=rail, rows=4200, row_mm=0.5, start=RailEnd(row=100, seen=True), end=RailEnd(row=4098, seen=True),
        length_m=1.999, length_is_least=False,
        cameras=(camera_of,),
        findings=findings, unseen=(), thresholds={"defect": 0.3, "dirt": 0.3}, model_sha256="",
    )  # fmt: skip
    camera = CameraPictures(
        camera="top", left_px=3, frame_left_px=40, width_px=100, gain=1.0, pictures=(), overview="",
        overview_width_px=1, overview_height_px=1,
    )  # fmt: skip
    return MapFolder(
        Path(rail), rail_map, GRADE, StripIndex(rows=4200, cameras=(camera,), findings=()), frames
    )


def mark(
    name: str,
    position: float,
    length: float,
    label: str | None = "defect",
    across: tuple[float, float] = (10, 20),
) -> RenderedMark:
    return RenderedMark(
        id=name, label=label, fine="drawn", position_mm=position, length_mm=length, across_mm=across[0],
        width_mm=across[1] - across[0],
    )  # fmt: skip


def rail(*marks: RenderedMark) -> RenderedRail:
    frames = tuple(
        RenderedFrame(number=at, file="", rows=2000, begin_mm=1000.0 * at, encoder_count=0) for at in range(2)
    )
    return RenderedRail(id="r", length_mm=2000.0, head_mm=70.0, frames=frames, marks=marks, ends=())


def test_the_surest_finding_takes_the_mark_it_fits_best() -> None:
    marks = [patch("a", 0, 10), patch("b", 8, 18), patch("c", 50, 60, "dirt")]
    findings = [patch("1", 0, 11, score=0.4), patch("2", 2, 12, score=0.9), patch("3", 50, 60, score=0.8)]
    assert matched(marks, findings) == {0: 1}  # 1 fits only a, which 2 took; 3 is of another label
    assert matched(marks, findings[:1]) == {0: 0}
    assert matched([], findings) == {}
    assert matched(marks, []) == {}


def test_lying_on_counts_the_smaller_box_whole() -> None:
    big, small, beside = patch("big", 0, 100), patch("small", 90, 105), patch("beside", 98, 110)
    assert lying_on([small, beside], [big]).tolist() == [[True], [False]]
    assert lying_on([big], [small]).tolist() == [[False]]


def test_bounds() -> None:
    """Clopper and Pearson: 0 of 10 gives 1 - 0.025 ** (1 / 10); Poisson: 0 events give -ln(0.025)."""
    assert share(0, 10).high == pytest.approx(1.0 - 0.025**0.1)
    assert share(10, 10).low == pytest.approx(0.025**0.1)
    assert (share(0, 0).value, share(0, 0).low) == (None, None)
    none = per_metre(0, 100.0)
    assert (none.rate, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(3.6889 / 100.0, rel=1e-4)
    ten = per_metre(10, 100.0)
    assert ten.low == pytest.approx(0.04795, rel=1e-3)
    assert ten.high == pytest.approx(0.18390, rel=1e-3)
    assert quantiles([]) is None
    assert quantiles([1.0, 3.0]) == pytest.approx((2.0, 2.9, 3.0))


def test_rendered_rails() -> None:
    truth = rail(
        mark("hit", 100, 20),
        mark("missed", 300, 20),
        mark("dirty", 500, 20, "dirt"),
        mark("weld", 700, 20, None),
    )
    found = folder(
        finding(1, 102, 124),
        finding(2, 500, 520),  # dirt called a defect
        finding(3, 700, 720),  # a weld called a defect
        finding(4, 900, 920, label="dirt"),  # nothing there
        finding(5, 1992, 1999, label="gap"),  # the rail's end
    )
    score = score_rendered([found], [truth])
    assert (score.rails, score.metres, score.marks, score.found, score.unseen_m) == (1, 2.0, 3, 1, 0.25)
    assert score.place_mm is not None
    assert score.place_mm.largest == pytest.approx(3.0)
    assert score.begin_mm is not None
    assert score.begin_mm.signed == pytest.approx(2.0)
    assert score.length_mm is not None
    assert score.length_mm.signed == pytest.approx(-1.0)
    defect, dirt = score.labels
    assert (defect.label, defect.recall.hits, defect.recall.total, defect.false.count) == ("defect", 1, 2, 2)
    assert (defect.on_other, defect.on_unknown, defect.threshold) == (1, 1, 0.3)
    assert (dirt.recall.hits, dirt.recall.total, dirt.false.count, dirt.on_other) == (0, 1, 1, 0)
    assert dirt.false.rate == pytest.approx(0.5)


def test_marks_in_pieces_and_together() -> None:
    truth = rail(
        mark("cut", 980, 40), mark("a", 300, 20), mark("b", 330, 20), mark("wide", 600, 20, across=(0, 40))
    )
    found = folder(
        finding(1, 980, 1002, score=0.9),
        finding(2, 1004, 1020),  # behind it, on the other side of the frames' border
        finding(3, 300, 350),  # a and b
        finding(4, 600, 620, across=(0, 19), score=0.9),
        finding(5, 600, 620, across=(21, 40)),  # beside it
    )
    merge = score_rendered([found], [truth]).merge
    assert (merge.in_pieces.hits, merge.in_pieces.total) == (2, 3)
    assert merge.one_behind_another.hits == 1
    assert (merge.across_frames.hits, merge.across_frames.total) == (1, 1)
    assert merge.together.hits == 1


def test_maps_that_do_not_fit_the_truth() -> None:
    with pytest.raises(ConfigError, match="no rail 'other'"):
        score_rendered([folder(rail="other")], [rail()])
    unscaled = folder()
    unscaled = MapFolder(
        unscaled.path, unscaled.map.model_copy(update={"row_mm": None}), GRADE, unscaled.strips, ()
    )
    with pytest.raises(ConfigError, match="no scale"):
        score_rendered([unscaled], [rail()])


def place(number: int, first_row: float, fault: str = "") -> FramePlace:
    stretch = FrameStretch(first_y=0, last_y=2000, first_row=first_row, last_row=first_row + 2000)
    return FramePlace(
        camera="top", frame_number=number, file=f"{number}.jpg", rows=2000, stretches=(stretch,), fault=fault
    )


def write_labels(path: Path, boxes: list[tuple[int, int, list[float]]], **changes: Any) -> Path:
    """Frames 1 and 2 of rail r in split val, frame 3 in train; boxes: (frame, category, x y w h)."""
    images = [
        {"id": 10 * at, "file_name": f"{at}.jpg", "height": 2000, "width": 400,
         "split": "train" if at == 3 else "val", "sequence": "r", "frame": at}
        for at in (1, 2, 3)
    ]  # fmt: skip
    annotations = [
        {"id": index, "image_id": 10 * frame, "category_id": category, "bbox": box}
        for index, (frame, category, box) in enumerate(boxes)
    ]
    categories = [{"id": 1, "name": "defect"}, {"id": 2, "name": "dirt"}]
    path.write_text(
        json.dumps({"categories": categories, "images": images, "annotations": annotations, **changes})
    )
    return path


def test_labelled_frames(tmp_path: Path) -> None:
    """Frame columns are strip columns + 40; frame 2 begins at map row 2000; row = 2 * mm + 100."""
    labels = read_labelled(
        write_labels(
            tmp_path / "coco.json",
            [
                (1, 1, [60, 300, 20, 40]),  # rows 300 to 340: finding 1
                (1, 2, [60, 1980, 20, 20]),  # goes on in frame 2: one mark, finding 2
                (2, 2, [60, 0, 20, 20]),
                (2, 1, [60, 900, 20, 40]),  # missed
                (3, 1, [60, 100, 20, 40]),  # another split
            ],
        )
    )
    found = folder(
        finding(1, 100, 120),
        finding(2, 940, 960, label="dirt"),
        finding(3, 1200, 1210),  # nothing labelled there
        finding(4, 2010, 2030),  # on frame 3
        frames=(place(1, 0), place(2, 2000, "black: too dark"), place(3, 4000)),
    )
    score = score_recording([found], labels, "val", 0.3)
    assert (score.rails, score.frames, score.unseen) == (1, 2, 1)
    defect, dirt = score.labels
    assert (defect.recall.hits, defect.recall.total) == (1, 2)
    assert (defect.precision.hits, defect.precision.total) == (1, 2)
    assert (dirt.recall.hits, dirt.recall.total, dirt.precision.total) == (1, 1, 1)
    with pytest.raises(ConfigError, match="no frame of rail 'r' in split 'guard'"):
        score_recording([found], labels, "guard", 0.3)


def test_labels_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="labelled frames"):
        read_labelled(tmp_path)
    with pytest.raises(ConfigError, match="labelled frames"):
        read_labelled(write_labels(tmp_path / "coco.json", [], images="none"))
    with pytest.raises(ConfigError, match="no map here"):
        read_maps([tmp_path])
