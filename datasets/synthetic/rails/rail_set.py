"""Rendered rails as a data set of frames, with `rails.json`: every rail and mark in millimetres.

Millimetres count from the rail's first end along it, and from the head's left edge across it.
Neighbours: `rail` draws, `command` is `ferrogate data render-rails`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
from pydantic import BaseModel, ConfigDict, ValidationError

from datasets.errors import DataError
from datasets.folders import whole_folder
from datasets.records import BoxRecord, DataSet, SampleRecord, write_coco
from datasets.synthetic.progress import tracked
from datasets.synthetic.rails.canvas import Box
from datasets.synthetic.rails.compose import SOURCE
from datasets.synthetic.rails.mark import LABELS
from datasets.synthetic.rails.rail import RailView, WholeRail, render_rail
from datasets.synthetic.rails.rail_settings import RailSettings

RAILS_FILE = "rails.json"
SENSOR = "synthetic_rail"
#: A mark cut by a frame's border is no object of that frame where less than this share of it, ...
_LEAST_SHARE = 0.25
#: ... and less than this length is in it.
_LEAST_MM = 25.0


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MarkView(_Strict):
    """A mark in one frame; `labelled` False: too little of it is there for a box in the data set."""

    frame: int
    xyxy_px: tuple[float, float, float, float]
    labelled: bool


class MarkTruth(_Strict):
    """One mark: `position_mm` where it begins along the rail, `across_mm` from the head's left edge.

    `label` None: the detector does not know it. What cuts the rail through reaches beyond the head,
    so that `across_mm` is below 0.
    """

    id: str
    label: str | None
    fine: str
    element: Literal["head"] = "head"
    position_mm: float
    length_mm: float
    across_mm: float
    width_mm: float
    contrast: float
    """Mean change of its pixels over the head's grey."""
    views: tuple[MarkView, ...]


class FrameTruth(_Strict):
    """One frame: `begin_mm` is where its first row lies on the rail (below 0: before its end)."""

    number: int
    file: str
    first_row: int
    rows: int
    begin_mm: float
    encoder_count: int


class RailTruth(_Strict):
    """One rail from end to end."""

    id: str
    length_mm: float
    head_mm: float
    frames: tuple[FrameTruth, ...]
    marks: tuple[MarkTruth, ...]
    ends: tuple[MarkTruth, ...]
    """Both ends, label `gap`: half a joint each. None where the frames show nothing beyond them."""


class RailsFile(_Strict):
    """`rails.json`."""

    schema_version: Literal[1] = 1
    seed: int
    settings: RailSettings
    rails: tuple[RailTruth, ...]


def read_rails(folder: Path) -> RailsFile:
    """Read the truth of a set of rendered rails.

    Raises:
        DataError: it is missing, broken or of another version.
    """
    path = folder / RAILS_FILE
    try:
        return RailsFile.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise DataError(
            f"the truth of rendered rails cannot be read: {error}",
            where=str(path),
            todo="render them again with 'ferrogate data render-rails'",
        ) from error


def render_rails(
    out: Path,
    count: int,
    seed: int,
    settings: RailSettings | None = None,
    *,
    show_progress: bool = False,
) -> tuple[DataSet, RailsFile]:
    """Render rails into a data set (split test) with their truth.

    Args:
        out: becomes the data set, whole or not at all.
        count: rails.
        seed: of every choice; the same seed and settings give the same bytes.
        settings: None: 25 m at 0.5 mm/px with 40 marks each.
        show_progress: show a bar.

    Raises:
        DataError: the count makes no sense, or the set cannot be written.
    """
    if count < 1:
        raise DataError(f"{count} rails cannot be rendered", where="count", todo="ask for 1 or more")
    settings = RailSettings() if settings is None else settings
    samples: list[SampleRecord] = []
    rails: list[RailTruth] = []
    with whole_folder(out) as part:
        (part / "images").mkdir()
        for number in tracked(range(count), "rails", total=count, show=show_progress):
            rail = render_rail(seed, settings, number)
            truth = rail_truth(rail)
            for view, frame in zip(rail.views(), truth.frames, strict=True):
                _write_png(part / frame.file, rail, view)
                samples.append(_sample(rail, truth, view, frame))
            rails.append(truth)
        data = DataSet(
            labels=LABELS,
            info={
                "description": "whole rails drawn by formulas; truth in millimetres in rails.json",
                "seed": seed,
                "rails": count,
                "settings": settings.model_dump(mode="json"),
            },
            samples=tuple(samples),
        )
        file = RailsFile(seed=seed, settings=settings, rails=tuple(rails))
        (part / RAILS_FILE).write_text(file.model_dump_json(indent=1) + "\n", encoding="utf-8")
        write_coco(data, part)
    return data, file


def rail_truth(rail: WholeRail) -> RailTruth:
    """Where everything on a drawn rail lies, in millimetres and in each of its frames."""
    settings = rail.settings
    name = f"rail_{rail.seed}_{rail.number:03d}"
    frames = tuple(
        FrameTruth(
            number=view.number,
            file=f"images/{name}_{view.number:03d}.png",
            first_row=view.first_row,
            rows=view.rows,
            begin_mm=round((view.first_row - settings.start_row) * settings.mm_per_px, 3),
            encoder_count=rail.encoder_count(view),
        )
        for view in rail.views()
    )
    marks = tuple(
        _mark(rail, laid.xyxy_px, f"{name}_m{index:04d}", laid.mark.label, laid.mark.fine, laid.contrast)
        for index, laid in enumerate(rail.laid)
    )
    ends = tuple(
        _mark(rail, box, f"{name}_end{index}", "gap", "rail_end", 1.0)
        for index, box in enumerate(rail.ends_px())
    )
    return RailTruth(
        id=name,
        length_mm=round(settings.rail_rows * settings.mm_per_px, 3),
        head_mm=round(settings.head_px * settings.mm_per_px, 3),
        frames=frames,
        marks=marks,
        ends=ends,
    )


def _mark(
    rail: WholeRail, xyxy_px: Box, name: str, label: str | None, fine: str, contrast: float
) -> MarkTruth:
    scale = rail.settings.mm_per_px
    x1, y1, x2, y2 = xyxy_px
    views = []
    for view in rail.views():
        box = rail.box_in_frame(xyxy_px, view)
        if box is not None:
            rows = box[3] - box[1]
            enough = rows >= _LEAST_SHARE * (y2 - y1) or rows * scale >= _LEAST_MM
            views.append(MarkView(frame=view.number, xyxy_px=box, labelled=enough))
    return MarkTruth(
        id=name,
        label=label,
        fine=fine,
        position_mm=round(y1 * scale, 3),
        length_mm=round((y2 - y1) * scale, 3),
        across_mm=round((x1 - rail.flank_px) * scale, 3),
        width_mm=round((x2 - x1) * scale, 3),
        contrast=round(contrast, 4),
        views=tuple(views),
    )


def _sample(rail: WholeRail, truth: RailTruth, view: RailView, frame: FrameTruth) -> SampleRecord:
    areas = [laid.area_px for laid in rail.laid]
    areas += [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in rail.ends_px()]
    boxes = [
        _box(mark, seen, area)
        for mark, area in zip((*truth.marks, *truth.ends), areas, strict=True)
        for seen in mark.views
        if seen.frame == view.number and seen.labelled and mark.label is not None
    ]
    return SampleRecord(
        file=frame.file,
        width_px=rail.settings.frame_width_px,
        height_px=view.rows,
        group=truth.id,
        source=SOURCE,
        label="marked" if boxes else "clean",
        split="test",
        boxes=tuple(boxes),
        licence="made by ferrogate",
        sensor=SENSOR,
        origin="rendered",
        mm_per_px=rail.settings.mm_per_px,
        sequence=truth.id,
        frame=view.number,
        truth={"encoder_count": float(frame.encoder_count), "begin_mm": frame.begin_mm},
    )


def _box(mark: MarkTruth, seen: MarkView, area_px: int) -> BoxRecord:
    """The record of a mark's part in one frame; its size in mm is the whole mark's."""
    x1, y1, x2, y2 = seen.xyxy_px
    whole_rows = sum(one.xyxy_px[3] - one.xyxy_px[1] for one in mark.views)
    return BoxRecord(
        label=str(mark.label),
        xyxy_px=(x1, y1, x2, y2),
        area_px=round(area_px * (y2 - y1) / whole_rows),
        fine=mark.fine,
        origin="procedural",
        width_mm=mark.width_mm,
        length_mm=mark.length_mm,
        attributes={"mark": mark.id},
    )


def _write_png(path: Path, rail: WholeRail, view: RailView) -> None:
    # Level 1: noise does not pack any better at more, which takes four times as long.
    done, packed = cv2.imencode(".png", rail.frame(view), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise DataError("the picture cannot be packed as PNG", where=str(path), todo="report this rail")
    path.write_bytes(packed.tobytes())
