"""A data set as Label Studio tasks, with the labelling interface that belongs to them.

A box becomes a region `b<number>` of type rectanglelabels; one with outlines becomes a polygonlabels region
`b<number>.<outline>` for each. Attributes become per-region controls. Neighbour: `label_studio.read`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import quoteattr

from datasets.carried import Attribute, carry, carry_sample, to_text
from datasets.errors import DataError
from datasets.folders import whole_folder
from datasets.records import BoxRecord, DataSet, SampleRecord

TASKS_FILE = "tasks.json"
INTERFACE_FILE = "labeling_interface.xml"
#: Names of the controls in the interface.
BOX, OUTLINE, IMAGE = "box", "outline", "image"
DEFAULT_PREFIX = "/data/local-files/?d="


def export_label_studio(
    data: DataSet, out: Path, *, prefix: str = DEFAULT_PREFIX, predictions_of: str | None = None
) -> Path:
    """Write `tasks.json` and `labeling_interface.xml` into the folder `out`; returns the tasks' path.

    Args:
        data: the data set; its pictures are not copied.
        out: a folder that is not there yet, or holds an earlier export.
        prefix: put before a picture's name to make the address under which Label Studio finds it.
        predictions_of: name and version of a model: the boxes go out as its predictions, which a person
            accepts or corrects, and not as annotations.

    Raises:
        DataError: an attribute is called like a control, or the files cannot be written.
    """
    if not data.samples:
        raise DataError("the data set holds no picture", where=str(out), todo="give one that does")
    tasks = [
        _task(number, sample, data, prefix, predictions_of) for number, sample in enumerate(data.samples, 1)
    ]
    with whole_folder(out, marker=TASKS_FILE) as folder:
        (folder / TASKS_FILE).write_text(json.dumps(tasks, indent=1) + "\n", encoding="utf-8")
        (folder / INTERFACE_FILE).write_text(interface(data), encoding="utf-8")
    return out / TASKS_FILE


def _task(
    number: int, sample: SampleRecord, data: DataSet, prefix: str, predictions_of: str | None
) -> dict[str, object]:
    boxes = {f"b{place}": box for place, box in enumerate(sample.boxes)}
    result = [part for key, box in boxes.items() for part in _regions(key, box, sample)]
    carried = {
        "labels": list(data.labels),
        "sample": carry_sample(sample).model_dump(mode="json"),
        "boxes": {key: carry(box).model_dump(mode="json") for key, box in boxes.items()},
    }
    task: dict[str, object] = {"id": number, "data": {IMAGE: prefix + sample.file, "ferrogate": carried}}
    if predictions_of is not None:
        scores = [value for box in sample.boxes if isinstance(value := box.attributes.get("score"), float)]
        prediction: dict[str, object] = {"model_version": predictions_of, "result": result}
        if scores:
            prediction["score"] = min(scores)
        return task | {"annotations": [], "predictions": [prediction]}
    annotation = {"id": number, "result": result, "was_cancelled": False, "ground_truth": False}
    return task | {"annotations": [annotation], "predictions": []}


def _regions(key: str, box: BoxRecord, sample: SampleRecord) -> Iterator[dict[str, object]]:
    width, height = sample.width_px, sample.height_px
    common: dict[str, object] = {
        "to_name": IMAGE, "original_width": width, "original_height": height, "image_rotation": 0,
    }  # fmt: skip
    shapes: list[tuple[str, str, str, dict[str, object]]] = []
    if box.polygons_px:
        for place, outline in enumerate(box.polygons_px):
            points = [
                [100 * x / width, 100 * y / height] for x, y in zip(outline[0::2], outline[1::2], strict=True)
            ]
            value: dict[str, object] = {"points": points, "closed": True, "polygonlabels": [box.label]}
            shapes.append((f"{key}.{place}", OUTLINE, "polygonlabels", value))
    else:
        x1, y1, x2, y2 = box.xyxy_px
        value = {
            "x": 100 * x1 / width, "y": 100 * y1 / height,
            "width": 100 * (x2 - x1) / width, "height": 100 * (y2 - y1) / height,
            "rotation": 0, "rectanglelabels": [box.label],
        }  # fmt: skip
        shapes.append((key, BOX, "rectanglelabels", value))
    for name, control, kind, value in shapes:
        yield {"id": name, "from_name": control, "type": kind, **common, "value": value, "origin": "manual"}
    first, geometry = shapes[0][0], {k: v for k, v in shapes[0][3].items() if not k.endswith("labels")}
    for attribute, content in box.attributes.items():
        kind, field = _control(content)
        # Label Studio repeats the region's geometry in what belongs to the region.
        yield {"id": first, "from_name": attribute, "type": kind, **common, "value": geometry | field}


def _control(content: Attribute) -> tuple[str, dict[str, object]]:
    if isinstance(content, float) and not isinstance(content, bool):
        return "number", {"number": content}
    return "choices", {"choices": [to_text(content)]}


def interface(data: DataSet) -> str:
    """The labelling interface: one box and one outline control, and one control for each attribute.

    Raises:
        DataError: an attribute is called like a control.
    """
    values: dict[str, set[str]] = defaultdict(set)
    numbers: set[str] = set()
    for box in (box for sample in data.samples for box in sample.boxes):
        for name, content in box.attributes.items():
            if name in (BOX, OUTLINE, IMAGE):
                raise DataError(
                    f"an attribute is called '{name}', which is a control here", todo="rename the attribute"
                )
            if isinstance(content, float) and not isinstance(content, bool):
                numbers.add(name)
            else:
                values[name] |= {"true", "false"} if isinstance(content, bool) else {content}
    labels = "".join(f"    <Label value={quoteattr(label)}/>\n" for label in data.labels)
    lines = [
        "<View>",
        f'  <Image name="{IMAGE}" value="${IMAGE}" zoom="true"/>',
        f'  <RectangleLabels name="{BOX}" toName="{IMAGE}" canRotate="false">\n{labels}  </RectangleLabels>',
        f'  <PolygonLabels name="{OUTLINE}" toName="{IMAGE}">\n{labels}  </PolygonLabels>',
    ]
    for name in sorted(numbers):
        lines.append(f'  <Number name={quoteattr(name)} toName="{IMAGE}" perRegion="true" step="any"/>')
    for name in sorted(values):
        choices = "".join(f"    <Choice value={quoteattr(value)}/>\n" for value in sorted(values[name]))
        lines.append(
            f'  <Choices name={quoteattr(name)} toName="{IMAGE}" perRegion="true">\n{choices}  </Choices>'
        )
    return "\n".join([*lines, "</View>", ""])
