"""Marks drawn by formulas, and how they are laid: exact boxes, on the head, apart from each other."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.synthetic.rails.canvas import RailCanvas, box_record
from datasets.synthetic.rails.catalogue import DRAWERS, LABEL_OF, SHARES, draw_mark
from datasets.synthetic.rails.mark import Mark
from vision.rail_strip import RailHead
from vision.types import Float32Array

GREY = 100.0


def _canvas(seed: int = 0, *, rows: int = 1500, slope: float = 0.0) -> RailCanvas:
    """A head of 144 px between columns 60 and 204, grainy; dark beside it."""
    rng = np.random.default_rng(seed)
    grey = np.full((rows, 280), 8.0, np.float32)
    y = np.arange(rows)[:, None]
    x = np.arange(280)[None]
    start = 60.0 + slope * y
    on_head = (x >= start) & (x < start + 144)
    grain = GREY + 6.0 * rng.standard_normal(grey.shape)
    grey = np.where(on_head, grain, grey).round().astype(np.float32)
    return RailCanvas(grey, RailHead(60.0, slope, 144.0, GREY, found=True))


@pytest.mark.parametrize("px_per_mm", [0.8, 2.0, 5.0])
@pytest.mark.parametrize("name", sorted(DRAWERS))
def test_every_mark_is_drawn_at_every_scale(name: str, px_per_mm: float) -> None:
    mark = draw_mark(name, px_per_mm, 72.0 * px_per_mm, np.random.default_rng(5))
    assert mark.gain.dtype == mark.cover.dtype == np.float32
    assert mark.gain.shape == mark.cover.shape
    assert np.isfinite(mark.gain).all()
    assert mark.gain.min() >= 0.0
    assert mark.gain.max() <= 4.0
    assert mark.cover.min() >= 0.0
    assert mark.cover.max() <= 1.0
    # Cut to what changes: each border holds some of it.
    changed = mark.changed()
    assert changed[0].any()
    assert changed[-1].any()
    assert changed[:, 0].any()
    assert changed[:, -1].any()
    assert mark.fine == name
    assert mark.label == LABEL_OF[name]


def test_the_same_seed_draws_the_same_mark() -> None:
    first, again, other = (draw_mark("spalling", 2.0, 144.0, np.random.default_rng(s)) for s in (3, 3, 4))
    assert np.array_equal(first.gain, again.gain)
    assert first.gain.shape != other.gain.shape or not np.array_equal(first.gain, other.gain)


def test_labels_and_shares_cover_the_catalogue() -> None:
    assert set(SHARES) == set(LABEL_OF) == set(DRAWERS)
    assert {label for label in LABEL_OF.values() if label} == {"defect", "dirt", "gap"}
    # What is neither damage nor dirt nor gap is no object of the detector.
    assert {name for name, label in LABEL_OF.items() if label is None} == {"weld", "bolt_hole"}


@pytest.mark.parametrize("name", sorted(DRAWERS))
def test_nothing_changes_outside_the_box_and_each_side_touches_a_change(name: str) -> None:
    rng = np.random.default_rng(11)
    for _ in range(6):  # by lot a mark may be too faint; one of six is not
        canvas = _canvas(1)
        before = canvas.pixels()
        laid = canvas.try_lay(draw_mark(name, 2.0, 144.0, rng), rng)
        if laid is not None:
            break
        assert np.array_equal(canvas.pixels(), before)
    else:
        pytest.fail(f"{name} was never laid")
    changed = canvas.pixels() != before
    x1, y1, x2, y2 = laid.xyxy_px
    inside = changed[y1:y2, x1:x2]
    assert changed.sum() == inside.sum() == laid.area_px
    assert inside[0].any()
    assert inside[-1].any()
    assert inside[:, 0].any()
    assert inside[:, -1].any()


@pytest.mark.parametrize("slope", [0.0, 0.04])
def test_no_mark_leaves_the_head_but_what_cuts_it_through(slope: float) -> None:
    canvas = _canvas(2, slope=slope)
    before = canvas.pixels()
    rng = np.random.default_rng(7)
    names = [name for name in DRAWERS if name != "gap"]
    for number in range(30):
        canvas.try_lay(draw_mark(names[number % len(names)], 2.0, 144.0, rng), rng)
    assert len(canvas.laid) > 10
    rows, columns = np.nonzero(canvas.pixels() != before)
    start = 60.0 + slope * (rows + 0.5)
    assert (columns >= start - 1e-6).all()
    assert (columns + 1 <= start + 144.0 + 1e-6).all()


def test_a_gap_goes_past_both_edges() -> None:
    canvas = _canvas(3)
    laid = canvas.try_lay(draw_mark("gap", 2.0, 144.0, np.random.default_rng(1)), np.random.default_rng(1))
    assert laid is not None
    assert laid.xyxy_px[0] < 60
    assert laid.xyxy_px[2] > 204


def test_marks_keep_off_what_is_taken_and_off_each_other() -> None:
    canvas = _canvas(4)
    canvas.taken = [(0, 0, 280, 500), (0, 900, 280, 1500)]
    rng = np.random.default_rng(8)
    for _ in range(40):
        canvas.try_lay(draw_mark("spalling", 2.0, 144.0, rng), rng)
    boxes = [laid.xyxy_px for laid in canvas.laid]
    assert len(boxes) >= 5
    assert all(box[1] >= 500 and box[3] <= 900 for box in boxes)
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
            assert apart, (one, other)


def _plain(gain: float, side: int = 20) -> Mark:
    field: Float32Array = np.full((side, side), gain, np.float32)
    return Mark(field, np.zeros_like(field), "defect", "test")


@pytest.mark.parametrize(
    ("mark", "left", "top"),
    [
        (_plain(0.98), 100, 100),  # hardly to be seen
        (_plain(0.3, side=3), 100, 100),  # smaller than anybody sees in a tile
        (_plain(0.3), 55 - 12, 100),  # mostly off the head
        (_plain(0.3), 100, -1),  # leaves the picture
        (_plain(0.3), 100, 1490),
    ],
)
def test_what_does_not_do_is_not_laid_and_changes_nothing(mark: Mark, left: int, top: int) -> None:
    canvas = _canvas(5)
    before = canvas.grey.copy()
    assert canvas.lay_at(mark, left, top) is None
    assert np.array_equal(canvas.grey, before)
    assert not canvas.laid
    assert not canvas.taken


def test_a_mark_multiplies_and_so_fits_any_exposure() -> None:
    mark = draw_mark("squat", 2.0, 144.0, np.random.default_rng(2))
    bright, dark = _canvas(6), _canvas(6)
    dark.grey *= np.float32(0.25)
    dark.head = RailHead(60.0, 0.0, 144.0, GREY / 4.0, found=True)
    one, two = bright.lay_at(mark, 100, 300), dark.lay_at(mark, 100, 300)
    assert one is not None
    assert two is not None
    assert two.contrast == pytest.approx(one.contrast, rel=0.1)


def test_the_record_says_where_a_mark_comes_from_and_how_large_it_is() -> None:
    canvas = _canvas(7)
    laid = canvas.lay_at(_plain(0.3), 100, 200)
    assert laid is not None
    record = box_record(laid, 0.5)
    assert record is not None
    assert record.xyxy_px == (100.0, 200.0, 120.0, 220.0)
    assert record.area_px == 400
    assert (record.width_mm, record.length_mm) == (10.0, 10.0)
    assert (record.label, record.fine, record.origin) == ("defect", "test", "procedural")
    weld = _canvas(8).try_lay(
        draw_mark("weld", 2.0, 144.0, np.random.default_rng(3)), np.random.default_rng(3)
    )
    assert weld is None or box_record(weld) is None
