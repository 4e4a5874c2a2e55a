"""Corrected Label Studio tasks as labelled pictures. Neighbours: `label_studio.write`, `datasets.carried`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlparse

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from datasets.carried import Attribute, Carried, CarriedSample, from_text, hull, restore, restored_label
from datasets.errors import DataError
from datasets.importers.labelled import Labelled, check_size, snapped
from datasets.importers.walk import Unlabelled
from datasets.label_studio.write import IMAGE
from datasets.pictures import list_pictures, read_picture
from datasets.records import BoxRecord

_SHAPES = ("rectanglelabels", "polygonlabels")
_UPLOAD = re.compile(r"^[0-9a-f]{8}-")
_TODO = "export the tasks again from Label Studio as 'JSON'"


class _Loose(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Result(_Loose):
    type: str
    id: str = ""
    from_name: str = ""
    value: dict[str, object] = {}
    original_width: int | None = None
    original_height: int | None = None
    image_rotation: float = 0.0


class _Answer(_Loose):
    result: list[_Result]
    was_cancelled: bool = False
    ground_truth: bool = False


class _Own(_Loose):
    labels: tuple[str, ...]
    sample: CarriedSample
    boxes: dict[str, Carried] = {}


class _Task(_Loose):
    id: int | None = None
    data: dict[str, object]
    annotations: list[_Answer] = []
    predictions: list[_Answer] = []


_TASKS = TypeAdapter(list[_Task])


def import_label_studio(
    file: Path,
    images: Path,
    unlabelled: Unlabelled,
    *,
    predictions: bool = False,
) -> tuple[list[Labelled], list[str]]:
    """Read tasks; returns the pictures and the labels (in the exported set's order, else by name).

    Args:
        file: JSON as Label Studio exports it, or as it imports it.
        images: folder of the pictures.
        unlabelled: what a task is that nobody annotated.
        predictions: take the predictions of a model in place of the annotations of people.

    Raises:
        DataError: broken JSON, a missing or resized picture, a rotated box, a shape that is no box or
            outline, several annotations of one task of which none is the ground truth.
    """
    try:
        tasks = _TASKS.validate_python(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"the tasks cannot be read: {error}", where=str(file), todo=_TODO) from error
    by_name = {path.name: path for path in list_pictures(images)}
    found: list[Labelled] = []
    labels: list[str] = []
    for number, task in enumerate(tasks, 1):
        where = f"{file}, task {task.id if task.id is not None else number}"
        own = _own(task, where)
        answer = _answer(task, predictions, where)
        if answer is None and unlabelled == "refuse":
            raise DataError(
                "nobody annotated this task",
                where=where,
                todo="finish it, or give --unlabelled skip, or --unlabelled clean (a picture without marks)",
            )
        if answer is None and unlabelled == "skip":
            continue
        path = _picture(task, own, images, by_name, where)
        found.append(_labelled(answer, own, path, images, where))
        labels += [label for label in (own.labels if own else ()) if label not in labels]
    drawn = {box.label for picture in found for box in picture.boxes}
    return found, [*labels, *sorted(drawn - set(labels))]


def _own(task: _Task, where: str) -> _Own | None:
    """What this project wrote into the task, if it comes from here."""
    if "ferrogate" not in task.data:
        return None
    try:
        return _Own.model_validate(task.data["ferrogate"])
    except ValidationError as error:
        raise DataError(f"data.ferrogate was changed: {error}", where=where, todo=_TODO) from error


def _answer(task: _Task, predictions: bool, where: str) -> _Answer | None:
    given = task.predictions if predictions else task.annotations
    answers = [one for one in given if not one.was_cancelled]
    if len(answers) > 1:
        answers = [one for one in answers if one.ground_truth]
        if len(answers) != 1:
            raise DataError(
                "the task has several answers, and not one of them is the ground truth",
                where=where,
                todo="mark one as ground truth in Label Studio",
            )
    return answers[0] if answers else None


def _picture(task: _Task, own: _Own | None, images: Path, by_name: Mapping[str, Path], where: str) -> Path:
    names: list[str] = []
    if own is not None:
        names.append(str(own.sample.fields.get("file", "")))
    address = task.data.get(IMAGE) or next(
        (value for value in task.data.values() if isinstance(value, str)), ""
    )
    parts = urlparse(str(address))
    local = parse_qs(parts.query).get("d", [])
    names.append(unquote(local[0] if local else parts.path))
    for name in names:
        bare = PurePosixPath(name).name
        for place in (images / name.lstrip("/"), by_name.get(bare), by_name.get(_UPLOAD.sub("", bare))):
            if name and ".." not in name and place is not None and place.is_file():
                return place
    raise DataError(f"the picture of {address} is missing", where=where, todo="give its folder with --images")


def _labelled(answer: _Answer | None, own: _Own | None, path: Path, images: Path, where: str) -> Labelled:
    height_px, width_px = read_picture(path).shape[:2]
    results = answer.result if answer is not None else []
    shapes = [result for result in results if result.type in _SHAPES]
    ids = {shape.id for shape in shapes}
    for result in results:
        _check(result, ids, width_px, height_px, where)
    gathered: dict[str, list[_Result]] = {}
    for shape in shapes:
        # b3.0 and b3.1 are two outlines of the box b3; any other name is one shape of its own.
        key = shape.id.rpartition(".")[0]
        carried = own is not None and key in own.boxes and shape.type == "polygonlabels"
        gathered.setdefault(key if carried else shape.id, []).append(shape)
    boxes = []
    for key, members in gathered.items():
        was = own.boxes.get(key) if own is not None else None
        extra = [
            result
            for result in results
            if result.type not in _SHAPES and result.id in {m.id for m in members}
        ]
        boxes.append(_box(members, was, _attributes(extra, was, where), width_px, height_px, where))
    fields: dict[str, object] = dict(own.sample.fields) if own is not None else {}
    if own is not None:
        fields["label"] = restored_label(own.sample, boxes)
    name = str(fields.get("file") or path.relative_to(images).as_posix())
    return Labelled(path, name, width_px, height_px, tuple(boxes), fields)


def _check(result: _Result, ids: set[str], width_px: int, height_px: int, where: str) -> None:
    where = f"{where}, region {result.id or '(none)'}"
    if result.type not in _SHAPES and (result.type not in _READ or result.id not in ids):
        raise DataError(
            f"a result of type '{result.type}' is no box, no outline and no attribute of one",
            where=where,
            todo="use rectangles, polygons and per-region choices, numbers and texts",
        )
    turned = result.value.get("rotation") or 0
    if turned or result.image_rotation:
        raise DataError(
            f"the box is rotated by {turned or result.image_rotation:g} degrees; boxes here are upright",
            where=where,
            todo="draw it upright, or as a polygon; switch rotation off in the labelling interface",
        )
    if result.type in _SHAPES:
        check_size((result.original_width, result.original_height), width_px, height_px, where)


def _box(
    members: Sequence[_Result],
    was: Carried | None,
    attributes: Mapping[str, Attribute],
    width_px: int,
    height_px: int,
    where: str,
) -> BoxRecord:
    value, kind = members[0].value, members[0].type
    named = value.get(kind)
    if not isinstance(named, list) or len(named) != 1:
        raise DataError(
            "a shape needs exactly one label", where=f"{where}, region {members[0].id}", todo="choose one"
        )
    try:
        if kind == "polygonlabels":
            outlines = tuple(_outline(member.value, width_px, height_px) for member in members)
            edges = snapped(hull(outlines), width_px, height_px)
        else:
            outlines = ()
            x, y, width, height = (float(str(value[key])) for key in ("x", "y", "width", "height"))
            corners = (x * width_px, y * height_px, (x + width) * width_px, (y + height) * height_px)
            edges = snapped([corner / 100 for corner in corners], width_px, height_px)
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"the shape cannot be read: {error!r}", where=f"{where}, region {members[0].id}", todo=_TODO
        ) from error
    return restore(was, str(named[0]), edges, outlines, attributes)


def _outline(value: Mapping[str, object], width_px: int, height_px: int) -> tuple[float, ...]:
    points = value["points"]
    if not isinstance(points, list) or len(points) < 3:
        raise ValueError("an outline needs three points or more")
    return tuple(
        round(float(share) * size / 100, 6)
        for x, y in points
        for share, size in ((x, width_px), (y, height_px))
    )


#: Per-region controls and the key of their content.
_READ = {"choices": "choices", "number": "number", "textarea": "text", "rating": "rating"}


def _attributes(results: Sequence[_Result], was: Carried | None, where: str) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {}
    for result in results:
        content = result.value.get(_READ[result.type])
        words = content if isinstance(content, list) else [content]
        if len(words) != 1 or words[0] is None:
            raise DataError(
                f"'{result.from_name}' needs exactly one answer",
                where=f"{where}, region {result.id}",
                todo="choose one",
            )
        if isinstance(words[0], int | float) and not isinstance(words[0], bool):
            found[result.from_name] = float(words[0])
            continue
        kind = was.kinds.get(result.from_name, "text") if was is not None else "text"
        try:
            found[result.from_name] = from_text(str(words[0]), kind)
        except ValueError as error:
            raise DataError(
                f"'{result.from_name}': {error}", where=f"{where}, region {result.id}", todo="correct it"
            ) from error
    return found
