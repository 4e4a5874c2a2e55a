"""What a labelling tool has no place for, carried along through it, and put back afterwards.

A tool moves, adds and deletes shapes, changes labels and fills in attributes. Everything else of a box
(finer class, origin, true sizes, exact area) is written beside the shape by the exporter. The
importer compares: a shape that was not touched gives back the very record, a moved one keeps what
does not depend on its place. Neighbours: `datasets.label_studio`, `datasets.cvat`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from datasets.importers.labelme import polygon_area_px
from datasets.records import BoxRecord, SampleRecord

#: CVAT writes two digits behind the point; a shape that moved by no more was not moved by a person.
SAME_PX = 0.0051
Attribute = str | float | bool
Kind = Literal["text", "number", "flag"]
Edges = tuple[float, float, float, float]


class Carried(BaseModel):
    """A box as it was when it was handed to the tool; `kinds`: what each attribute's text stands for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str
    xyxy_px: Edges
    hull_px: Edges
    area_px: int
    polygons_px: tuple[tuple[float, ...], ...] = ()
    fine: str | None = None
    origin: Literal["real", "rendered", "procedural", "patch"] = "real"
    width_mm: float | None = None
    length_mm: float | None = None
    kinds: dict[str, Kind] = {}


class CarriedSample(BaseModel):
    """A picture's own fields, and the labels of its boxes when it was handed to the tool."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: dict[str, object]
    box_labels: tuple[str, ...] = ()


def carry(box: BoxRecord) -> Carried:
    """What to write beside the shape of a box."""
    return Carried(
        label=box.label,
        xyxy_px=box.xyxy_px,
        hull_px=hull(box.polygons_px) if box.polygons_px else box.xyxy_px,
        area_px=box.area_px,
        polygons_px=box.polygons_px,
        fine=box.fine,
        origin=box.origin,
        width_mm=box.width_mm,
        length_mm=box.length_mm,
        kinds={key: _kind(value) for key, value in box.attributes.items()},
    )


def carry_sample(sample: SampleRecord) -> CarriedSample:
    """What to write beside a picture."""
    fields = sample.model_dump(mode="json", exclude={"boxes", "width_px", "height_px"}, exclude_defaults=True)
    # Its default is one kind among others here, and an importer has another one.
    fields["origin"] = sample.origin
    return CarriedSample(fields=fields, box_labels=tuple(sorted({box.label for box in sample.boxes})))


def restore(
    was: Carried | None,
    label: str,
    xyxy_px: Edges,
    polygons_px: tuple[tuple[float, ...], ...],
    attributes: Mapping[str, Attribute],
) -> BoxRecord:
    """The record of a shape that comes back from a tool.

    Args:
        was: what was carried beside it; None for a shape that a person drew.
        label: as it is now.
        xyxy_px: of the rectangle, or the outlines' hull.
        polygons_px: outlines; none for a rectangle.
        attributes: as they are now, of their own types.
    """
    area = sum(polygon_area_px(outline) for outline in polygons_px) if polygons_px else _area(xyxy_px)
    new = BoxRecord(
        label=label, xyxy_px=xyxy_px, area_px=area, polygons_px=polygons_px, attributes=dict(attributes)
    )
    if was is None:
        return new
    kept: dict[str, object] = {"origin": was.origin}
    if _same(was, xyxy_px, polygons_px):
        kept |= {"xyxy_px": was.xyxy_px, "area_px": was.area_px}
        kept |= {"width_mm": was.width_mm, "length_mm": was.length_mm}
        if was.polygons_px:
            kept["polygons_px"] = was.polygons_px
    if label == was.label:
        kept["fine"] = was.fine
    return new.model_copy(update=kept)


def restored_label(carried: CarriedSample, boxes: Sequence[BoxRecord]) -> str:
    """The picture's label after its boxes were corrected.

    A label that named one of the boxes follows them; any other (what a rendered ball has on its far
    side, say) stays.
    """
    old = str(carried.fields.get("label", "none"))
    now = {box.label for box in boxes}
    followed = old in carried.box_labels or (old == "none" and not carried.box_labels)
    if not followed or old in now:
        return old
    return boxes[0].label if boxes else "none"


def hull(polygons_px: Sequence[Sequence[float]]) -> Edges:
    """The upright box round outlines."""
    xs = [x for outline in polygons_px for x in outline[0::2]]
    ys = [y for outline in polygons_px for y in outline[1::2]]
    return min(xs), min(ys), max(xs), max(ys)


def to_text(value: Attribute) -> str:
    """An attribute as a tool's text field holds it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def from_text(text: str, kind: Kind) -> Attribute:
    """The value of a text field.

    Raises:
        ValueError: the text is not of that kind.
    """
    if kind == "text":
        return text
    if kind == "number":
        return float(text)
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _kind(value: Attribute) -> Kind:
    if isinstance(value, bool):
        return "flag"
    return "text" if isinstance(value, str) else "number"


def _area(xyxy_px: Edges) -> int:
    return max(0, round((xyxy_px[2] - xyxy_px[0]) * (xyxy_px[3] - xyxy_px[1])))


def _same(was: Carried, xyxy_px: Edges, polygons_px: tuple[tuple[float, ...], ...]) -> bool:
    if bool(was.polygons_px) != bool(polygons_px) or not _close(was.hull_px, xyxy_px):
        return False
    if len(was.polygons_px) != len(polygons_px):
        return False
    return all(_close(one, other) for one, other in zip(was.polygons_px, polygons_px, strict=True))


def _close(one: Sequence[float], other: Sequence[float]) -> bool:
    return len(one) == len(other) and all(
        abs(first - second) <= SAME_PX for first, second in zip(one, other, strict=True)
    )
