"""Label Studio: the round trip loses nothing, corrections arrive, and real exports are read."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datasets.records import DataSet, read_coco
from edge_runtime.cli import main
from tests.datasets.outside_sets import picture
from tests.datasets.rich_set import HEIGHT_PX, WIDTH_PX, rich_set

TERMS = ("--licence", "x", "--sensor", "y", "--source", "z", "--group-by", "field")


def exported(folder: Path, out: Path, *more: str) -> list[dict[str, Any]]:
    assert main(["data", "export", "label-studio", str(folder), "--out", str(out), *more]) == 0
    tasks: list[dict[str, Any]] = json.loads((out / "tasks.json").read_text(encoding="utf-8"))
    return tasks


def back(tasks: object, images: Path, folder: Path, *more: str, terms: tuple[str, ...] = TERMS) -> int:
    folder.mkdir(exist_ok=True)
    file = folder / "project-1-at-2026-11-22.json"
    file.write_text(json.dumps(tasks), encoding="utf-8")
    words = ("--images", str(images), "--out", str(folder / "set"), *terms, *more)
    return main(["data", "import", "label-studio", str(file), *words])


def as_label_studio_gives_it(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same tasks with what Label Studio adds and changes: its own numbers, dates, users, counts."""
    for number, task in enumerate(tasks):
        task |= {"id": 4711 + number, "project": 1, "created_at": "2026-11-22T10:00:00Z", "drafts": []}
        for annotation in task["annotations"]:
            annotation |= {
                "id": 99,
                "completed_by": 1,
                "lead_time": 3.2,
                "task": task["id"],
                "result_count": 1,
            }
    return tasks


def test_the_round_trip_loses_nothing(tmp_path: Path) -> None:
    data = rich_set(tmp_path / "data")
    tasks = as_label_studio_gives_it(exported(tmp_path / "data", tmp_path / "tasks"))
    assert back(tasks, tmp_path / "data", tmp_path / "back") == 0
    again = read_coco(tmp_path / "back" / "set")
    assert again.samples == data.samples
    assert again.labels == data.labels
    assert exported(tmp_path / "back" / "set", tmp_path / "tasks2") == exported(
        tmp_path / "data", tmp_path / "tasks"
    )


def test_what_is_written_is_label_studios_form(tmp_path: Path) -> None:
    rich_set(tmp_path / "data")
    tasks = exported(tmp_path / "data", tmp_path / "tasks", "--prefix", "/data/local-files/?d=rails/")
    task = tasks[0]
    assert task["data"]["image"] == "/data/local-files/?d=rails/images/run 1/a.png"
    results = task["annotations"][0]["result"]
    box = results[0]
    assert (box["type"], box["to_name"], box["value"]["rectanglelabels"]) == (
        "rectanglelabels",
        "image",
        ["crack"],
    )
    assert (box["original_width"], box["original_height"], box["image_rotation"]) == (WIDTH_PX, HEIGHT_PX, 0)
    assert box["value"]["x"] == pytest.approx(100 * 10.123 / WIDTH_PX)
    assert box["value"]["width"] == pytest.approx(100 * (101.789 - 10.123) / WIDTH_PX)
    assert box["value"]["rotation"] == 0
    # Each result's control is in the interface, with its label or choice.
    root = ElementTree.fromstring((tmp_path / "tasks" / "labeling_interface.xml").read_text(encoding="utf-8"))
    controls = {element.get("name"): element for element in root}
    for result in (result for task in tasks for result in task["annotations"][0]["result"]):
        control = controls[result["from_name"]]
        assert control.tag.lower() == result["type"]
        words = result["value"].get(result["type"], [])
        if isinstance(words, list):
            assert set(words) <= {child.get("value") for child in control}


def _first_box(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    box: dict[str, Any] = tasks[0]["annotations"][0]["result"][0]
    return box


def corrected(tmp_path: Path, change: Callable[[list[dict[str, Any]]], None]) -> tuple[DataSet, DataSet]:
    data = rich_set(tmp_path / "data")
    tasks = as_label_studio_gives_it(exported(tmp_path / "data", tmp_path / "tasks"))
    change(tasks)
    assert back(tasks, tmp_path / "data", tmp_path / "back") == 0
    return data, read_coco(tmp_path / "back" / "set")


def test_a_moved_box_keeps_what_does_not_depend_on_its_place(tmp_path: Path) -> None:
    def move(tasks: list[dict[str, Any]]) -> None:
        _first_box(tasks)["value"]["x"] += 100 * 5 / WIDTH_PX

    data, again = corrected(tmp_path, move)
    old, new = data.samples[0].boxes[0], again.samples[0].boxes[0]
    assert new.xyxy_px == pytest.approx((15.123, 20.456, 106.789, 60.001), abs=1e-3)
    assert (new.fine, new.origin, new.attributes) == (old.fine, old.origin, old.attributes)
    assert new.area_px == round((101.789 - 10.123) * (60.001 - 20.456))
    assert new.width_mm is None  # the true width was that of the mark in the old place
    assert again.samples[0].boxes[1:] == data.samples[0].boxes[1:]
    assert again.samples[1:] == data.samples[1:]


def test_another_label_another_attribute_a_deleted_and_a_new_box(tmp_path: Path) -> None:
    def change(tasks: list[dict[str, Any]]) -> None:
        results = tasks[0]["annotations"][0]["result"]
        _first_box(tasks)["value"]["rectanglelabels"] = ["lap"]
        next(r for r in results if r["from_name"] == "depth_um")["value"]["number"] = 80
        tasks[0]["annotations"][0]["result"] = [r for r in results if not r["id"].startswith("b2")]
        new = {
            "id": "Dx_aB91ISN", "type": "rectanglelabels", "from_name": "box", "to_name": "image",
            "original_width": WIDTH_PX, "original_height": HEIGHT_PX, "image_rotation": 0, "origin": "manual",
            "value": {"x": 0, "y": 0, "width": 10, "height": 10, "rotation": 0, "rectanglelabels": ["dent"]},
        }  # fmt: skip
        tasks[2]["annotations"][0]["result"] = [new]

    data, again = corrected(tmp_path, change)
    first = again.samples[0].boxes[0]
    assert (first.label, first.fine, first.attributes["depth_um"], first.attributes["code"]) == (
        "lap",
        None,
        80.0,
        "3",
    )
    assert again.samples[0].boxes[1] == data.samples[0].boxes[1]
    assert len(again.samples[0].boxes) == 2
    assert again.samples[0].label == "lap"  # it had been a box's label, and follows
    assert again.samples[1].label == "flat"  # no box says that: it stays
    assert again.labels == ("pit", "crack", "lap", "dent")
    (dent,) = again.samples[2].boxes
    assert (dent.label, dent.origin) == ("dent", "real")
    assert dent.xyxy_px == pytest.approx((0, 0, 33.3, 21.7))


def test_predictions_to_correct(tmp_path: Path) -> None:
    data = rich_set(tmp_path / "data")
    tasks = exported(tmp_path / "data", tmp_path / "tasks", "--predictions-of", "rail 1.2")
    assert all(task["annotations"] == [] for task in tasks)
    assert tasks[0]["predictions"][0]["model_version"] == "rail 1.2"
    assert back(tasks, tmp_path / "data", tmp_path / "unseen") == 2  # nobody looked at them yet
    assert back(tasks, tmp_path / "data", tmp_path / "back", "--predictions") == 0
    assert read_coco(tmp_path / "back" / "set").samples == data.samples


def foreign(folder: Path) -> list[dict[str, Any]]:
    """A project that did not come from here: uploaded pictures, per-region answers, no rotation key."""
    picture(folder / "upload" / "1" / "shot 1.png")
    region: dict[str, Any] = {"id": "a1", "to_name": "img", "original_width": 80, "original_height": 60}
    box = {"x": 12.5, "y": 50.0, "width": 25.0, "height": 50.0, "rectanglelabels": ["crack"]}
    result = [
        region | {"type": "rectanglelabels", "from_name": "tag", "value": box},
        region | {"type": "choices", "from_name": "sure", "value": box | {"choices": ["maybe"]}},
        region | {"type": "textarea", "from_name": "note", "value": box | {"text": ["near the weld"]}},
    ]
    cancelled = {"id": 2, "result": [], "was_cancelled": True}
    annotation = {"id": 1, "result": result, "was_cancelled": False, "ground_truth": False}
    image = "/data/upload/1/0f3a9b2c-shot%201.png"
    return [{"id": 1, "data": {"image": image}, "annotations": [cancelled, annotation], "predictions": []}]


FOREIGN_TERMS = (*TERMS[:-1], "file")


def test_a_project_that_did_not_come_from_here(tmp_path: Path) -> None:
    tasks = foreign(tmp_path / "data")
    assert back(tasks, tmp_path / "data", tmp_path / "back", terms=FOREIGN_TERMS) == 0
    (sample,) = read_coco(tmp_path / "back" / "set").samples
    assert sample.boxes[0].xyxy_px == (10.0, 30.0, 30.0, 60.0)
    assert sample.boxes[0].attributes == {"sure": "maybe", "note": "near the weld"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda task, result: result[0]["value"].update(rotation=12), "rotated by 12 degrees"),
        (lambda task, result: result[0].update(image_rotation=90), "rotated by 90 degrees"),
        (lambda task, result: result[0].update(type="ellipselabels"), "'ellipselabels' is no box"),
        (lambda task, result: result[0].update(original_width=40), "40 x 60 px"),
        (lambda task, result: result[0]["value"].update(rectanglelabels=["a", "b"]), "exactly one label"),
        (lambda task, result: result[0]["value"].pop("width"), "cannot be read"),
        (lambda task, result: result[0]["value"].update(x=90), "outside the picture"),
        (lambda task, result: result[1].update(id="of nothing"), "'choices' is no box"),
        (lambda task, result: task["data"].update(image="/data/upload/1/gone.png"), "gone.png is missing"),
        (lambda task, result: task["annotations"].pop(), "nobody annotated"),
        (lambda task, result: task["annotations"].append(task["annotations"][1]), "several answers"),
        (lambda task, result: task["data"].update(ferrogate={"labels": 3}), "data.ferrogate was changed"),
        (lambda task, result: task.pop("data"), "cannot be read"),
    ],
)
def test_what_is_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[dict[str, Any], list[dict[str, Any]]], None],
    says: str,
) -> None:
    tasks = foreign(tmp_path / "data")
    change(tasks[0], tasks[0]["annotations"][1]["result"])
    assert back(tasks, tmp_path / "data", tmp_path / "back", terms=FOREIGN_TERMS) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "back" / "set").exists()


def test_torn_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.json").write_text('[{"id": 1, "data"', encoding="utf-8")
    words = ("--out", str(tmp_path / "set"), *TERMS)
    assert main(["data", "import", "label-studio", str(tmp_path / "t.json"), *words]) == 2
    assert "t.json" in capsys.readouterr().err
