"""Corrected CVAT annotations as labelled pictures. Neighbours: `cvat.write`, `datasets.carried`."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from datasets.carried import Attribute, Carried, CarriedSample, Kind, from_text, hull, restore, restored_label
from datasets.cvat.write import OWN
from datasets.errors import DataError
from datasets.importers.labelled import Labelled, check_size, snapped
from datasets.pictures import list_pictures, read_picture
from datasets.records import BoxRecord

_TODO = "export the task again from CVAT as 'CVAT for images 1.1'"
_T = TypeVar("_T", Carried, CarriedSample)
_SPLITS = {"train": "train", "val": "val", "validation": "val", "test": "test", "guard": "guard"}


def import_cvat(file: Path, images: Path) -> tuple[list[Labelled], list[str]]:
    """Read annotations; returns the pictures and the labels in the order in which the task declares them.

    Args:
        file: `annotations.xml`.
        images: folder of the pictures.

    Raises:
        DataError: broken XML, tracks of a video, a missing or resized picture, a rotated box, a shape
            that is no box or polygon, a label that the task does not declare.
    """
    try:
        root = ElementTree.fromstring(file.read_bytes())
    except (OSError, ElementTree.ParseError) as error:
        raise DataError(f"the annotations cannot be read: {error}", where=str(file), todo=_TODO) from error
    if root.tag != "annotations" or root.find("track") is not None:
        what = "tracks of a video" if root.tag == "annotations" else f"a root <{root.tag}>"
        raise DataError(f"the file holds {what}", where=str(file), todo=_TODO)
    declared = _declared(root)
    by_name = {path.name: path for path in list_pictures(images)}
    found = [_picture(image, declared, images, by_name, file) for image in root.iter("image")]
    return found, [label for label in declared if label != OWN]


def _declared(root: ElementTree.Element) -> dict[str, dict[str, Kind]]:
    """The task's (or project's) labels, and what each attribute holds."""
    kinds: dict[str, Kind] = {"checkbox": "flag", "number": "number"}
    labels: dict[str, dict[str, Kind]] = {}
    for label in root.iterfind("meta//labels/label"):
        labels[label.findtext("name") or ""] = {
            attribute.findtext("name") or "": kinds.get(attribute.findtext("input_type") or "", "text")
            for attribute in label.iterfind("attributes/attribute")
        }
    return labels


def _picture(
    image: ElementTree.Element,
    declared: Mapping[str, Mapping[str, Kind]],
    images: Path,
    by_name: Mapping[str, Path],
    file: Path,
) -> Labelled:
    name = image.get("name", "")
    where = f"{file}, image {name}"
    path = images / name
    if ".." in Path(name).parts or not path.is_file():
        path = by_name.get(Path(name).name, path)
    height_px, width_px = read_picture(path).shape[:2]
    try:
        stated = (int(image.get("width", "")), int(image.get("height", "")))
    except ValueError as error:
        raise DataError(f"the size cannot be read: {error}", where=where, todo=_TODO) from error
    check_size(stated, width_px, height_px, where)
    carried: CarriedSample | None = None
    gathered: dict[str, list[ElementTree.Element]] = {}
    for number, shape in enumerate(image):
        if shape.tag == "tag" and shape.get("label") == OWN:
            carried = _unpack(CarriedSample, _texts(shape).get(OWN, ""), where)
            continue
        _check(shape, declared, where)
        grouped = shape.tag == "polygon" and shape.get("group_id", "0") != "0"
        gathered.setdefault(f"group {shape.get('group_id')}" if grouped else f"shape {number}", []).append(
            shape
        )
    boxes = tuple(_box(members, declared, width_px, height_px, where) for members in gathered.values())
    fields: dict[str, object] = {}
    if carried is not None:
        fields = {**carried.fields, "label": restored_label(carried, boxes)}
    elif image.get("subset", "").lower() in _SPLITS:
        fields["split"] = _SPLITS[image.get("subset", "").lower()]
    return Labelled(path, str(fields.get("file") or name), width_px, height_px, boxes, fields)


def _check(shape: ElementTree.Element, declared: Mapping[str, object], where: str) -> None:
    label = shape.get("label", "")
    if shape.tag not in ("box", "polygon"):
        raise DataError(
            f"a <{shape.tag}> of label '{label}' is no box and no polygon",
            where=where,
            todo="label with rectangles and polygons",
        )
    if float(shape.get("rotation") or 0):
        raise DataError(
            f"a box of label '{label}' is rotated by {shape.get('rotation')} degrees; boxes here are upright",
            where=where,
            todo="draw it upright, or as a polygon",
        )
    if declared and label not in declared:
        raise DataError(f"the label '{label}' is not declared in <meta>", where=where, todo=_TODO)


def _box(
    members: list[ElementTree.Element],
    declared: Mapping[str, Mapping[str, Kind]],
    width_px: int,
    height_px: int,
    where: str,
) -> BoxRecord:
    first = members[0]
    label = first.get("label", "")
    if any(member.get("label") != label for member in members):
        raise DataError(
            f"the polygons of group {first.get('group_id')} have different labels",
            where=where,
            todo="give them one label, or take them out of the group",
        )
    texts = _texts(first)
    was = _unpack(Carried, texts.pop(OWN), where) if texts.get(OWN) else None
    texts.pop(OWN, None)
    kinds = {**declared.get(label, {}), **(was.kinds if was is not None else {})}
    attributes: dict[str, Attribute] = {}
    try:
        if first.tag == "polygon":
            outlines = tuple(_outline(member.get("points", "")) for member in members)
            edges = snapped(hull(outlines), width_px, height_px)
        else:
            outlines = ()
            corners = [float(first.get(key, "")) for key in ("xtl", "ytl", "xbr", "ybr")]
            edges = snapped(corners, width_px, height_px)
        for name, text in texts.items():
            # An attribute that the label has and this box had not comes back empty.
            if text or (was is not None and name in was.kinds):
                attributes[name] = from_text(text, kinds.get(name, "text"))
    except ValueError as error:
        raise DataError(
            f"a shape of label '{label}' cannot be read: {error}", where=where, todo=_TODO
        ) from error
    return restore(was, label, edges, outlines, attributes)


def _outline(text: str) -> tuple[float, ...]:
    values = tuple(float(value) for point in text.split(";") for value in point.split(","))
    if len(values) < 6 or len(values) % 2:
        raise ValueError("a polygon needs three points or more")
    return values


def _texts(shape: ElementTree.Element) -> dict[str, str]:
    return {item.get("name", ""): item.text or "" for item in shape.iterfind("attribute")}


def _unpack(kind: type[_T], text: str, where: str) -> _T:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise DataError(
            f"the attribute '{OWN}' was changed: {error}", where=where, todo="leave it as it was exported"
        ) from error
