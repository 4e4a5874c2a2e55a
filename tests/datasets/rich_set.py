"""A data set that uses every field of the schema, for the round trips through labelling tools."""

from __future__ import annotations

from pathlib import Path

from datasets.records import BoxRecord, DataSet, SampleRecord, write_coco
from tests.datasets.outside_sets import picture

WIDTH_PX, HEIGHT_PX = 333, 217


def rich_set(folder: Path) -> DataSet:
    """Three pictures: boxes with everything, outlines in two pieces, and none."""
    crack = BoxRecord(
        label="crack",
        xyxy_px=(10.123, 20.456, 101.789, 60.001),
        area_px=777,
        fine="quench",
        origin="procedural",
        width_mm=0.31,
        length_mm=7.25,
        attributes={"sure": True, "depth_um": 120.5, "who": "anna", "code": "3"},
    )
    pit = BoxRecord(
        label="pit",
        xyxy_px=(50.0, 50.0, 120.5, 90.0),
        area_px=900,
        polygons_px=((50.0, 50.0, 80.0, 52.5, 60.0, 90.0), (100.25, 60.0, 120.5, 60.0, 110.0, 75.125)),
        attributes={"sure": False},
    )
    edge = BoxRecord(label="crack", xyxy_px=(0.0, 0.0, float(WIDTH_PX), float(HEIGHT_PX)), area_px=5)
    common = {"width_px": WIDTH_PX, "height_px": HEIGHT_PX, "licence": "own pictures", "sensor": "line scan"}
    samples = (
        SampleRecord(
            file="images/run 1/a.png", group="ball-1", source="plant", label="crack", split="train",
            boxes=(crack, pit, edge), origin="real", mm_per_px=0.125, sequence="run1", frame=7,
            truth={"diameter_mean_mm": 39.94, "good": False, "form": "oval", "none": None}, **common,
        ),
        SampleRecord(
            file="images/b.png", group="ball-2", source="plant", label="flat", split="val", origin="composed",
            **common,
        ),
        SampleRecord(
            file="images/c.png", group="ball-3", source="plant", label="pit", split="guard", boxes=(pit,),
            origin="rendered", **common,
        ),
    )  # fmt: skip
    data = DataSet(labels=("pit", "crack", "lap"), info={"seed": 3}, samples=samples)
    for number, sample in enumerate(samples):
        picture(folder / sample.file, number, WIDTH_PX, HEIGHT_PX)
    write_coco(data, folder)
    return data
