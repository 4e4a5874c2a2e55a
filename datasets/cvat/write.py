"""A data set as CVAT annotations, with the labels to paste into a new task ("Raw" in its constructor).

Boxes become `box`, outlines `polygon` (those of one box share a `group_id`). The text attribute `ferrogate`
of each shape, and of a tag of that name on each picture, carries what CVAT has no place for; its
declared attributes CVAT keeps. Neighbour: `cvat.read`.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

from datasets.carried import Carried, Kind, carry, carry_sample, to_text
from datasets.errors import DataError
from datasets.folders import whole_folder
from datasets.records import BoxRecord, DataSet, SampleRecord

ANNOTATIONS_FILE = "annotations.xml"
LABELS_FILE = "labels.json"
OWN = "ferrogate"
#: CVAT's longest attribute text; outlines that would not fit are left to CVAT's own two digits.
_LONGEST_TEXT = 4096
_INPUT: dict[Kind, tuple[str, str]] = {
    "flag": ("checkbox", "false"),
    "number": ("text", ""),
    "text": ("text", ""),
}


def export_cvat(data: DataSet, out: Path) -> Path:
    """Write `annotations.xml` and `labels.json` into the folder `out`; returns the annotations' path.

    Args:
        data: the data set; its pictures are not copied.
        out: a folder that is not there yet, or holds an earlier export.

    Raises:
        DataError: no picture, a label or attribute named `ferrogate`, or the files cannot be written.
    """
    if not data.samples:
        raise DataError("the data set holds no picture", where=str(out), todo="give one that does")
    kinds = _kinds(data)
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    task = ElementTree.SubElement(ElementTree.SubElement(root, "meta"), "task")
    for key, text in (("name", "ferrogate"), ("size", str(len(data.samples))), ("mode", "annotation")):
        ElementTree.SubElement(task, key).text = text
    _declare(ElementTree.SubElement(task, "labels"), data, kinds)
    for number, sample in enumerate(data.samples):
        _image(root, number, sample)
    ElementTree.indent(root)
    with whole_folder(out, marker=ANNOTATIONS_FILE) as folder:
        text = ElementTree.tostring(root, encoding="unicode")
        xml = f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'
        (folder / ANNOTATIONS_FILE).write_text(xml, encoding="utf-8")
        (folder / LABELS_FILE).write_text(json.dumps(_raw(data, kinds), indent=1) + "\n", encoding="utf-8")
    return out / ANNOTATIONS_FILE


def _kinds(data: DataSet) -> dict[str, dict[str, Kind]]:
    """The attributes of each label and what they hold; one that holds several kinds is a text."""
    kinds: dict[str, dict[str, Kind]] = defaultdict(dict)
    for box in (box for sample in data.samples for box in sample.boxes):
        for name, kind in carry(box).kinds.items():
            known = kinds[box.label].setdefault(name, kind)
            kinds[box.label][name] = kind if known == kind else "text"
    if OWN in data.labels or any(OWN in names for names in kinds.values()):
        raise DataError(f"a label or attribute is called '{OWN}', which is kept here", todo="rename it")
    return kinds


def _raw(data: DataSet, kinds: dict[str, dict[str, Kind]]) -> list[dict[str, object]]:
    """Labels as CVAT's raw constructor takes them."""

    def attribute(name: str, kind: Kind) -> dict[str, object]:
        input_type, default = _INPUT[kind]
        values = ["false", "true"] if kind == "flag" else [""]
        return {
            "name": name, "mutable": False, "input_type": input_type,
            "default_value": default, "values": values,
        }  # fmt: skip

    rows: list[dict[str, object]] = []
    for label in data.labels:
        named = [attribute(name, kind) for name, kind in sorted(kinds[label].items())]
        rows.append({"name": label, "type": "any", "attributes": [*named, attribute(OWN, "text")]})
    return [*rows, {"name": OWN, "type": "tag", "attributes": [attribute(OWN, "text")]}]


def _declare(parent: ElementTree.Element, data: DataSet, kinds: dict[str, dict[str, Kind]]) -> None:
    for row in _raw(data, kinds):
        label = ElementTree.SubElement(parent, "label")
        ElementTree.SubElement(label, "name").text = str(row["name"])
        ElementTree.SubElement(label, "type").text = str(row["type"])
        attributes = ElementTree.SubElement(label, "attributes")
        for declared in row["attributes"] if isinstance(row["attributes"], list) else ():
            attribute = ElementTree.SubElement(attributes, "attribute")
            for key, value in declared.items():
                text = "\n".join(value) if isinstance(value, list) else str(value)
                ElementTree.SubElement(attribute, key).text = text


def _image(root: ElementTree.Element, number: int, sample: SampleRecord) -> None:
    image = ElementTree.SubElement(
        root, "image", id=str(number), name=sample.file, subset=sample.split,
        width=str(sample.width_px), height=str(sample.height_px),
    )  # fmt: skip
    tag = ElementTree.SubElement(image, "tag", label=OWN, source="manual")
    _text(tag, OWN, carry_sample(sample).model_dump_json())
    for place, box in enumerate(sample.boxes, 1):
        for shape in _shapes(image, place, box):
            for name, value in box.attributes.items():
                _text(shape, name, to_text(value))
            _text(shape, OWN, _packed(carry(box)))


def _shapes(image: ElementTree.Element, place: int, box: BoxRecord) -> list[ElementTree.Element]:
    common = {"label": box.label, "source": "manual", "occluded": "0"}
    if box.polygons_px:
        return [
            ElementTree.SubElement(
                image, "polygon", common, z_order="0", group_id=str(place),
                points=";".join(f"{x!r},{y!r}" for x, y in zip(outline[0::2], outline[1::2], strict=True)),
            )
            for outline in box.polygons_px
        ]  # fmt: skip
    edges = dict(zip(("xtl", "ytl", "xbr", "ybr"), (repr(edge) for edge in box.xyxy_px), strict=True))
    return [ElementTree.SubElement(image, "box", common | edges, z_order="0")]


def _packed(carried: Carried) -> str:
    text = carried.model_dump_json(exclude_defaults=True)
    if len(text) <= _LONGEST_TEXT:
        return text
    # Without its outlines a shape counts as moved, and keeps what does not depend on its place.
    return carried.model_copy(update={"polygons_px": ()}).model_dump_json(exclude_defaults=True)


def _text(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, "attribute", name=name).text = text
