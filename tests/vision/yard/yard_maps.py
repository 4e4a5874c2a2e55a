"""Maps and findings by hand, for tests of the yard: a rail of some metres at 0.5 mm a row."""

from __future__ import annotations

from typing import Any

from edge_runtime.yard.recipe_file import load_yard_recipe
from vision.rail_map.types import MapBox, MapCamera, MapFinding, RailEnd, RailMap, Unseen
from vision.yard.recipe import YardRecipe
from vision.yard.types import TypedFacts, YardFinding

RECIPE: YardRecipe = load_yard_recipe()
ROW_MM = 0.5
#: Rows of dark before the rail.
LEAD = 200.0
THRESHOLDS = {"defect": 0.5, "dirt": 0.5, "gap": 0.5}
CLEAR = TypedFacts(section="R65", rows=dict.fromkeys(RECIPE.rows, "clear"), wear_mm=5.0)
ALL_CAMERAS = (("top", "head", True), ("left", "web", True), ("right", "web", True), ("low", "foot", True))


def rail(
    *findings: MapFinding,
    length_m: float = 12.5,
    unseen: tuple[Unseen, ...] = (),
    cameras: tuple[tuple[str, Any, bool], ...] = (("top", "head", True),),
    **changes: Any,
) -> RailMap:
    """A whole rail, both ends seen; `changes` are fields of the map."""
    rows = length_m * 1000.0 / ROW_MM
    fields: dict[str, Any] = {
        "rail": "a rail",
        "rows": round(rows + 2 * LEAD),
        "row_mm": ROW_MM,
        "start": RailEnd(row=LEAD, seen=True),
        "end": RailEnd(row=LEAD + rows, seen=True),
        "length_m": length_m,
        "length_is_least": False,
        "cameras": tuple(
            MapCamera(name=name, element=element, inspected=on, width_px=200, mm_per_px=0.5, frames=13)
            for name, element, on in cameras
        ),
        "findings": findings,
        "unseen": unseen,
        "thresholds": THRESHOLDS,
        "model_sha256": "0" * 64,
    }
    return RailMap(**(fields | changes))


def mark(
    start_m: float, length_mm: float, width_mm: float = 10.0, label: str = "defect", number: int = 1
) -> MapFinding:
    """A finding of the map."""
    first = LEAD + start_m * 1000.0 / ROW_MM
    last = first + length_mm / ROW_MM
    return MapFinding(
        id=f"f{number}",
        label=label,
        score=0.9,
        element="head",
        first_row=first,
        last_row=last,
        start_m=start_m,
        end_m=start_m + length_mm / 1000.0,
        length_mm=length_mm,
        across_mm=20.0,
        width_mm=width_mm,
        boxes=(MapBox(camera="top", xyxy_px=(40.0, first, 60.0, last), score=0.9, files=("a.png",)),),
    )


def finding(kind: str, start_m: float = 6.0, length_mm: float = 20.0, **changes: Any) -> YardFinding:
    """A finding as a person added it."""
    first = LEAD + start_m * 1000.0 / ROW_MM
    fields: dict[str, Any] = {
        "id": "a1",
        "label": "",
        "kind": kind,
        "element": "head",
        "origin": "inspector",
        "state": "added",
        "score": None,
        "first_row": first,
        "last_row": first + length_mm / ROW_MM,
        "start_m": start_m,
        "end_m": start_m + length_mm / 1000.0,
        "length_mm": length_mm,
        "across_mm": 20.0,
        "width_mm": 10.0,
    }
    return YardFinding(**(fields | changes))


def hole(start_m: float, end_m: float, camera: str = "top") -> Unseen:
    """A stretch that a camera did not see; may lie off the rail."""
    return Unseen(
        camera=camera,
        first_row=LEAD + start_m * 1000.0 / ROW_MM,
        last_row=LEAD + end_m * 1000.0 / ROW_MM,
        start_m=start_m,
        end_m=end_m,
        cause="missing_frame",
        frames="5",
    )


def facts(**changes: Any) -> TypedFacts:
    """Everything typed and clear but what `changes` say; `rows` are changes of the rows."""
    rows = {**CLEAR.rows, **changes.pop("rows", {})}
    return TypedFacts(**(CLEAR.model_dump() | {"rows": rows} | changes))
