"""What the rail and ball evaluations count beside precision, on boxes made by hand (no training extra)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.records import BoxRecord, DataSet, SampleRecord, write_coco
from datasets.scoring.calibration import evidence
from datasets.scoring.matching import match_all
from datasets.scoring.pictures import Scored, scored_picture
from datasets.scoring.rates import alarms
from tests.training.scored import LABELS, Found, Truth, found_boxes, random_scored, sample, scored
from training.evaluation.ball import crack_proofs
from training.evaluation.ball_real import real_checks
from training.evaluation.detection import size_name
from training.evaluation.gallery import make_gallery
from training.evaluation.page import Section, Table, counted, plain, write_report
from training.evaluation.plots import false_alarm_svg, precision_recall_svg, reliability_svg
from training.evaluation.rail import dirt_on_defect, rails_per_metre
from training.evaluation.targets import against_baseline, at_least, compared
from vision.errors import ConfigError
from vision.statistics.attribute import rate
from vision.types import Detections, UInt8Array

A, B, FAR = (10.0, 10.0, 50.0, 50.0), (100.0, 100.0, 160.0, 140.0), (300.0, 300.0, 340.0, 340.0)
LIMITS = dict.fromkeys(LABELS, 0.5)


def test_dirt_is_counted_at_the_defect_threshold() -> None:
    rows: list[tuple[str, list[Truth], list[Found]]] = [
        ("a", [("dirt", A), ("dirt", B)], [("defect", A, 0.6), ("defect", B, 0.4)]),
        ("b", [("dirt", A)], [("dirt", A, 0.9)]),
    ]
    dirt = dirt_on_defect(scored(rows), LIMITS)
    assert dirt is not None
    assert (dirt.boxes.hits, dirt.boxes.n, dirt.threshold) == (1, 3, 0.5)
    assert dirt.by_group.low <= 1 / 3 <= dirt.by_group.high
    assert dirt_on_defect(scored([("a", [("defect", A)], [])]), LIMITS) is None


def _rails(mm_per_px: float | None) -> Scored:
    truth: list[Truth] = [("defect", A), ("defect", B), ("gap", FAR)]
    found: list[Found] = [
        ("defect", A, 0.9),
        ("defect", (200.0, 10.0, 240.0, 50.0), 0.6),
        ("defect", B, 0.55),
        ("gap", FAR, 0.3),
    ]
    record = sample(truth, "rail1", mm_per_px=mm_per_px, height_px=5000)
    return Scored(LABELS, (scored_picture(record, found_boxes(found)),) * 2)


def test_rails_are_counted_per_metre() -> None:
    figures = rails_per_metre(_rails(0.5), LIMITS)
    assert (figures.rails, figures.metres) == (1, 5.0)
    defect, gap = figures.labels
    assert (defect.label, defect.objects, defect.recall.hits) == ("defect", 4, 4)
    assert defect.false_per_metre == 2 / 5
    # 0.1 a metre allows none on five metres: only what lies above the false ones; 0.5 allows both
    assert defect.recall_at == (0.5, 1.0, 1.0)
    assert (gap.recall.hits, gap.false_per_metre, gap.recall_at) == (0, 0.0, (1.0, 1.0, 1.0))
    with pytest.raises(ConfigError, match="no scale"):
        rails_per_metre(_rails(None), LIMITS)


def _crack_view(number: int, width_px: float, score: float) -> tuple[SampleRecord, list[Found]]:
    record = sample([("crack", A)], f"ball{number // 2}", truth={"crack_width_px": width_px})
    return record, [("crack", A, score)]


def test_cracks_at_one_false_alarm_per_thousand() -> None:
    """2,000 good views allow two false alarms; the third highest score sets the threshold."""
    labels = ("crack", "lap")
    rows: list[tuple[SampleRecord, list[Found]]] = []
    for number in range(2000):
        score = {0: 0.9, 1: 0.8, 2: 0.7}.get(number, 0.1)
        rows.append((sample([], f"good{number // 8}"), [("lap" if number == 1 else "crack", A, score)]))
    rows += [_crack_view(number, 4.0, 0.71 if number < 9 else 0.69) for number in range(10)]
    rows += [_crack_view(20, 2.9, 0.2)]  # narrower than asked: not counted
    views = Scored(labels, tuple(scored_picture(one, found_boxes(found, labels)) for one, found in rows))
    good = np.array([not one.boxes for one, _ in rows])
    rejected = alarms(views, {"crack": 0.75, "lap": 0.75})
    any_label, crack_alone, own = crack_proofs(views, good, rejected)
    assert any_label.threshold == pytest.approx(0.7, abs=1e-6)
    assert (any_label.recall.hits, any_label.recall.n) == (9, 10)
    assert (any_label.false.hits, any_label.false.n) == (2, 2000)
    # the lap's false alarm does not count against a finding of crack, so one more may pass
    assert (crack_alone.recall.hits, crack_alone.false.hits) == (10, 2)
    assert (own.threshold, own.recall.hits, own.false.hits) == (None, 0, 2)
    assert any_label.by_ball.low < 0.9 < any_label.by_ball.high
    assert crack_proofs(views, np.zeros(len(rows), np.bool_), rejected) == ()


def test_real_pictures_are_counted_by_source_whatever_their_labels(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    samples = []
    for number in range(4):
        grey = np.full((64, 64), 40 if number % 2 else 200, np.uint8)
        cv2.imwrite(str(tmp_path / f"images/{number}.png"), grey)
        boxes = (BoxRecord(label="pitting", xyxy_px=(0, 0, 20, 20), area_px=400),) if number >= 2 else ()
        record = sample([], f"g{number}", file=f"images/{number}.png", width_px=64, height_px=64)
        source = "bsdata" if number >= 2 else "steelball_k230"
        samples.append(record.model_copy(update={"boxes": boxes, "source": source, "split": "test"}))
    data = DataSet(labels=("pitting",), samples=tuple(samples))

    def look(image: UInt8Array) -> Detections:
        """Finds the dark pictures, at the corner where the pitting is."""
        return found_boxes(
            [("lap", (0.0, 0.0, 18.0, 20.0), 0.9)] if image.mean() < 100 else [], ("crack", "lap")
        )

    checks = {
        one.source: one
        for one in real_checks(data, tmp_path, look, ("crack", "lap"), {"crack": 0.1, "lap": 0.5})
    }
    good, pitted = checks["steelball_k230"], checks["bsdata"]
    assert good.false is not None
    assert (good.false.hits, good.false.n, good.seen, good.boxes) == (1, 2, None, None)
    assert pitted.seen is not None
    assert pitted.boxes is not None
    assert (pitted.seen.hits, pitted.boxes.hits, pitted.boxes.n, pitted.false) == (1, 1, 2, None)
    assert pitted.by_label == {"lap": 1}


@pytest.mark.parametrize(
    ("width", "height", "name"),
    [
        (10, 10, "under 16 px"),
        (16, 16, "16 to 32 px"),
        (4, 1024, "64 to 128 px"),
        (200, 200, "128 px and more"),
    ],
)
def test_size_names(width: float, height: float, name: str) -> None:
    assert size_name(BoxRecord(label="defect", xyxy_px=(0, 0, width, height), area_px=1)) == name


def test_gallery_shows_the_worst_first(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    rows: list[tuple[str, list[Truth], list[Found]]] = [
        ("a", [("defect", A)], [("defect", A, 0.4), ("defect", FAR, 0.7)]),
        ("b", [("defect", A), ("defect", B)], [("defect", FAR, 0.9)]),
    ]
    pictures = scored(rows)
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"images/p{number}.png"), np.full((400, 400), 12, np.uint8))
    gallery = make_gallery(pictures, tmp_path, LIMITS, per_label=2)
    misses = [one.text for one in gallery.misses]
    assert len(misses) == 2
    assert all("nothing found" in text for text in misses)  # the one found at 0.4 is less bad
    assert [one.text.split(",")[0] for one in gallery.false] == ["defect 0.90", "defect 0.70"]
    assert all(one.picture.startswith("data:image/jpeg;base64,") for one in gallery.misses + gallery.false)


def test_curves_are_drawings_of_the_same_text_each_time() -> None:
    pictures = random_scored(9, 20)
    matched = match_all(pictures, 0.5)
    drawn = precision_recall_svg(matched)
    assert drawn.startswith("<svg")
    assert drawn == precision_recall_svg(matched)
    assert all(label in drawn for label in LABELS)
    assert "false findings per picture" in false_alarm_svg(matched, 20)
    assert reliability_svg({}) == ""
    assert len(evidence(pictures, 0, "rail").score) == len(matched["defect"].score)


def test_report_is_whole_and_escapes_what_it_is_given(tmp_path: Path) -> None:
    section = Section("<b>", ("a & b",), (Table(("x",), (("met",), ("1 < 2",))),), ("<svg></svg>",))
    page, numbers = write_report(
        tmp_path / "out", "T", "S", [section], {"nan": float("nan"), "r": rate(1, 2)}
    )
    text = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;" in text
    assert "a &amp; b" in text
    assert '<td class="met">met</td>' in text
    assert "<svg></svg>" in text
    assert numbers.read_text(encoding="utf-8").startswith('{\n "nan": null')
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.html", "report.json"]
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="report cannot be written"):
        write_report(blocked, "T", "S", [section], {})


def test_words_of_figures() -> None:
    assert counted(rate(1, 2)).endswith("1 of 2")
    assert counted(None) == "–"
    assert plain({1: (float("inf"), 2.0)}) == {"1": [None, 2.0]}
    assert at_least("x", 0.7, 0.7).met
    assert not at_least("x", 0.69, 0.7).met
    assert at_least("x", None, 0.7).met is None


@pytest.mark.parametrize(
    ("ours", "stock", "met"),
    [
        (0.61, 0.4, True),  # 1.5 times
        (0.59, 0.4, False),  # neither
        (0.8, 0.6, True),  # 1.33 times, but half of the rest
        (0.5, 0.0, True),
    ],
)
def test_against_the_stock_recipe(ours: float, stock: float, met: bool) -> None:
    assert against_baseline(ours, stock).met is met
    assert against_baseline(ours, None).met is None
    assert compared(0.8, 0.6) == pytest.approx((4 / 3, 0.5))


def test_written_sets_keep_what_the_evaluation_reads(tmp_path: Path) -> None:
    from datasets.records import read_coco

    record = sample([("defect", A)], "g", truth={"crack_width_px": 3.5, "surface": "bright"}, sensor="cam")
    write_coco(DataSet(labels=LABELS, samples=(record,)), tmp_path)
    assert read_coco(tmp_path).samples[0] == record
