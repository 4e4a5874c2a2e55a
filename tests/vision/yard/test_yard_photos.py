"""Photos of a wagon: counted by label, no millimetres, always for a person."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vision.yard.yard_maps import CLEAR, RECIPE, THRESHOLDS, facts, finding, rail
from vision.errors import ConfigError
from vision.rail_map.types import MapBox, MapCamera, MapFinding, RailEnd, RailMap, Unseen
from vision.yard.grade import findings_of
from vision.yard.photos import grade_photos, photo_counts


def photos(*labels: str, **changes: Any) -> RailMap:
    """Two photos with one box for each label, all in the first."""
    found = tuple(
        MapFinding(
            id=f"f{number}",
            label=label,
            score=0.8,
            element="head",
            first_row=10.0 * number,
            last_row=10.0 * number + 8.0,
            start_m=None,
            end_m=None,
            length_mm=None,
            across_mm=None,
            width_mm=None,
            boxes=(MapBox(camera="a.jpg", xyxy_px=(1.0, 2.0, 3.0, 4.0), score=0.8, files=("a.jpg",)),),
        )
        for number, label in enumerate(labels)
    )
    fields: dict[str, Any] = {
        "rail": "wagon 1",
        "rows": 480,
        "row_mm": None,
        "start": RailEnd(row=0.0, seen=False),
        "end": RailEnd(row=480.0, seen=False),
        "length_m": None,
        "length_is_least": False,
        "cameras": tuple(
            MapCamera(name=name, element="head", inspected=True, width_px=640, mm_per_px=None, frames=1)
            for name in ("a.jpg", "b.jpg")
        ),
        "findings": found,
        "unseen": (),
        "thresholds": THRESHOLDS,
        "model_sha256": "0" * 64,
    }
    return RailMap(**(fields | changes))


def test_photos_without_a_finding_are_for_a_person() -> None:
    grade = grade_photos(photos(), (), CLEAR, RECIPE)
    assert grade.grade == "human"
    assert [(reason.code, reason.values) for reason in grade.reasons] == [("photos", {"photos": 2})]
    assert grade.cut_list is None
    assert [grade.length_m, grade.value, grade.mass_kg, grade.unseen_m] == [None] * 4
    assert set(grade.not_inspected) >= {"sizes", "hidden_in_pile", "web", "foot", "rail_ends"}


def test_findings_are_counted_by_label_and_each_is_a_reason() -> None:
    photo_map = photos("defect", "dirt", "defect", "gap")
    found = findings_of(photo_map, RECIPE)
    assert photo_counts(found) == {"defect": 2, "dirt": 1, "gap": 1}
    gone = (found[0].model_copy(update={"state": "dismissed"}), *found[1:])
    assert photo_counts(gone) == {"defect": 1, "dirt": 1, "gap": 1}
    grade = grade_photos(photo_map, gone, CLEAR, RECIPE)
    assert sorted(reason.finding for reason in grade.reasons if reason.code == "finding") == [
        "f1",
        "f2",
        "f3",
    ]
    assert {row.kind: row.found for row in grade.coverage if row.found} == {
        "surface_damage": 1,
        "dirt": 1,
        "break": 1,
    }


def test_what_was_typed_of_the_load_stands_and_is_still_for_a_person() -> None:
    grade = grade_photos(
        photos(), (finding("closed_vessel"),), facts(rows={"closed_vessel": "found"}), RECIPE
    )
    assert grade.grade == "human"
    assert [reason.action for reason in grade.reasons][:2] == ["reject", "reject"]


def test_a_photo_that_could_not_be_read_is_said() -> None:
    bad = Unseen(camera="b.jpg", first_row=0, last_row=480, start_m=None, end_m=None, cause="unhealthy_frame")
    grade = grade_photos(photos(unseen=(bad,)), (), CLEAR, RECIPE)
    assert ("unseen", 1) in [(reason.code, reason.values.get("stretches")) for reason in grade.reasons]


def test_a_rail_is_no_set_of_photos() -> None:
    with pytest.raises(ConfigError, match="no set of photos"):
        grade_photos(rail(), (), CLEAR, RECIPE)
