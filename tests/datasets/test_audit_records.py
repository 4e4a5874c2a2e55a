"""What the audit says of records alone: boxes, labels, classes, groups, neighbouring frames, backgrounds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from datasets.audit.labels import check_records, class_drift
from datasets.audit.splits import check_splits, neighbour_limit
from datasets.records import BoxRecord, DataSet, SampleRecord, Split
from datasets.terms import states_terms
from tests.datasets.small_sets import box, good_samples, sample

HERE = Path("set")


def _codes(
    samples: list[SampleRecord], labels: tuple[str, ...] = ("defect", "dirt")
) -> list[tuple[str, str]]:
    data = DataSet(labels=labels, samples=tuple(samples))
    found = [*check_records(HERE, data), *check_splits([(HERE, data)])]
    return sorted((finding.code, finding.level) for finding in found)


def _with(boxes: tuple[BoxRecord, ...]) -> list[SampleRecord]:
    return [*good_samples(), sample("extra", boxes=boxes)]


def test_a_good_set_has_no_finding() -> None:
    assert _codes(good_samples()) == []


@pytest.mark.parametrize(
    ("boxes", "code", "level"),
    [
        ((box("rust"),), "unknown_label", "fail"),
        ((box(xyxy_px=(30, 30, 30, 60)),), "box_empty", "fail"),  # no width
        ((box(xyxy_px=(60, 30, 20, 60)),), "box_empty", "fail"),  # corners swapped
        ((box(xyxy_px=(float("nan"), 30, 40, 60)),), "box_empty", "fail"),
        ((box(xyxy_px=(-1, 30, 40, 60)),), "box_outside", "fail"),
        ((box(xyxy_px=(20, 30, 60, 161)),), "box_outside", "fail"),  # below a picture of 160 rows
        ((box(), box()), "box_twice", "fail"),
        ((box(), box(xyxy_px=(20, 30, 60, 69.5))), "box_twice", "warning"),  # nearly the same
    ],
)
def test_a_wrong_box_is_named(boxes: tuple[BoxRecord, ...], code: str, level: str) -> None:
    assert (code, level) in _codes(_with(boxes))


@pytest.mark.parametrize(
    "boxes",
    [
        (box(xyxy_px=(-0.4, 0, 200.4, 160)),),  # rounding at the border
        (box("defect"), box("dirt")),  # two labels on one place: a person's judgement
        (box(), box(xyxy_px=(30, 30, 70, 70))),  # overlapping objects
    ],
)
def test_an_odd_but_right_box_is_left_alone(boxes: tuple[BoxRecord, ...]) -> None:
    assert _codes(_with(boxes)) == []


def test_classes_must_be_in_every_used_split() -> None:
    samples = [sample("a", boxes=(box(), box("dirt"))), sample("b", split="val")]
    assert ("class_missing", "fail") in _codes(samples)
    # A guard picture is used by nobody, so its classes do not count.
    assert ("class_missing", "fail") in _codes([*samples, sample("g", split="guard", boxes=(box("dirt"),))])
    assert _codes([sample("a"), sample("b", split="val")]) == [("label_without_boxes", "warning")]


@pytest.mark.parametrize(
    ("train", "val", "expected"),
    [
        ((90, 10), (45, 5), []),  # equal shares
        ((90, 10), (4, 1), []),  # too few boxes to say
        ((90, 10), (35, 15), [("class_drift", "warning")]),  # distance 0.2
        ((90, 10), (20, 80), [("class_drift", "fail")]),  # distance 0.7
    ],
)
def test_drift_of_classes(
    train: tuple[int, int], val: tuple[int, int], expected: list[tuple[str, str]]
) -> None:
    def boxes(counts: tuple[int, int]) -> tuple[BoxRecord, ...]:
        labels = ["defect"] * counts[0] + ["dirt"] * counts[1]
        return tuple(
            box(label, (n % 15 * 12, n // 15 * 12, n % 15 * 12 + 9, n // 15 * 12 + 9))
            for n, label in enumerate(labels)
        )

    samples = [sample("t", boxes=boxes(train)), sample("v", split="val", boxes=boxes(val))]
    assert _codes(samples) == expected


def test_drift_is_total_variation() -> None:
    distance, p = class_drift(Counter(a=80, b=20), Counter(a=50, b=50))
    assert distance == pytest.approx(0.3)
    assert p < 1e-4


def test_a_group_in_two_splits_fails_also_across_data_sets() -> None:
    assert ("group_in_two_splits", "fail") in _codes([*good_samples(), sample("x", group="t0", split="val")])
    one = DataSet(labels=("defect",), samples=(sample("a", group="ball 7"),))
    two = DataSet(labels=("defect",), samples=(sample("b", group="ball 7", split="test"),))
    assert [f.code for f in check_splits([(Path("one"), one), (Path("two"), two)])] == ["group_in_two_splits"]
    other = two.model_copy(update={"samples": (two.samples[0].model_copy(update={"source": "elsewhere"}),)})
    assert check_splits([(Path("one"), one), (Path("two"), other)]) == []


@pytest.mark.parametrize(
    ("frames", "leak"),
    [
        ([(10, "train"), (11, "val")], True),
        ([(10, "train"), (13, "val")], True),
        ([(10, "train"), (14, "val")], False),  # far enough
        ([(10, "train"), (11, "guard"), (12, "val")], False),  # a guard frame between
        ([(10, "train"), (11, "guard"), (12, "train"), (13, "test")], True),  # the guard stands elsewhere
        ([(10, "val"), (11, "val")], False),
        ([(n, "train") for n in range(0, 40, 4)] + [(40, "val")], True),  # every fourth frame was kept
    ],
)
def test_neighbouring_frames_in_two_splits(frames: list[tuple[int, Split]], leak: bool) -> None:
    samples = [sample(f"f{n}", split=split, sequence="run 1", frame=n) for n, split in frames]
    codes = [
        finding.code
        for finding in check_splits([(HERE, DataSet(labels=("defect",), samples=tuple(samples)))])
    ]
    assert codes == (["neighbours_in_two_splits"] if leak else [])


def test_neighbour_limit_grows_with_the_step_but_not_without_end() -> None:
    assert neighbour_limit([5]) == 3
    assert neighbour_limit([1, 2, 3, 5, 8]) == 3
    assert neighbour_limit([0, 5, 10, 15]) == 3  # too few to tell a step
    assert neighbour_limit(range(0, 50, 5)) == 5
    assert neighbour_limit(range(0, 500, 50)) == 8


@pytest.mark.parametrize(
    ("named", "split", "code"),
    [
        ("v0.png", "train", "leak_background"),  # made of a val picture
        ("frames/images/v0.png", "train", "leak_background"),
        ("g0", "train", "leak_background"),  # a guard frame is nobody's background
        ("t0.png", "train", None),
        ("v0.png", "val", None),
        ("q9.png", "train", "unknown_background"),
    ],
)
def test_backgrounds_of_composed_pictures(named: str, split: str, code: str | None) -> None:
    frames = DataSet(labels=("defect", "dirt"), samples=(*good_samples(), sample("g0", split="guard")))
    made = sample("c0", origin="composed", split=split, truth={"background": named})
    found = check_splits(
        [(Path("frames"), frames), (Path("composed"), frames.model_copy(update={"samples": (made,)}))]
    )
    assert [finding.code for finding in found] == ([code] if code else [])


def test_a_patch_cut_from_a_val_picture_leaks() -> None:
    patch = box().model_copy(update={"attributes": {"patch_of": "v1.png"}, "origin": "patch"})
    made = sample("c0", origin="composed", boxes=(patch,), truth={"background": "t0.png"})
    data = DataSet(labels=("defect", "dirt"), samples=(*good_samples(), made))
    assert [finding.code for finding in check_splits([(HERE, data)])] == ["leak_background"]


@pytest.mark.parametrize(
    ("licence", "stated"),
    [
        ("CC BY 4.0", True),
        ("Apache-2.0", True),
        ("", False),
        ("none stated", False),
        ("LGPL-3.0 file in its repository, no terms for the data", False),
    ],
)
def test_terms(licence: str, stated: bool) -> None:
    assert states_terms(licence) is stated
    codes = _codes([one.model_copy(update={"licence": licence}) for one in good_samples()])
    assert codes == ([] if stated else [("no_terms", "note")])


def test_an_empty_set_and_a_picture_listed_twice_fail() -> None:
    assert _codes([]) == [("empty", "fail")]
    assert ("listed_twice", "fail") in _codes([*good_samples(), good_samples()[0]])
