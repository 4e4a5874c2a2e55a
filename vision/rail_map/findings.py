"""The strips of all inspected cameras searched, their boxes joined, each mark a finding.

Neighbours: `search` looks along one strip, `join` puts boxes together, `map` calls this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vision.rail import RailDetector, rail_spec
from vision.rail_map.frames import PlacedFrame
from vision.rail_map.join import StripBox, join_boxes, make_findings
from vision.rail_map.rail_strips import RailOnStrip
from vision.rail_map.search import Stretch, count_tiles, plan, search_strip
from vision.rail_map.types import MapFinding, RailEnd, ScanCamera
from vision.types import Detections

#: (tiles looked at, tiles in all)
Progress = Callable[[int, int], None]

#: The label of what cuts the rail through; this near to an end that is seen (head widths) it is the end.
_GAP, _END_REACH = "gap", 0.25
#: What ends this near to it (head widths, some 4 mm) is the sawn edge, which is uneven.
_RIM = 0.06
#: No score reaches it: of labels without a threshold nothing is kept.
_NEVER = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class SearchedCamera:
    """A camera to be searched: its strip with the rail, and its frames."""

    camera: ScanCamera
    on_strip: RailOnStrip
    frames: Sequence[PlacedFrame]


def find_marks(
    cameras: Sequence[SearchedCamera],
    ends: tuple[RailEnd, RailEnd],
    row_mm: float | None,
    detector: RailDetector,
    *,
    thresholds: Mapping[str, float],
    min_score: float,
    progress: Progress | None,
) -> tuple[MapFinding, ...]:
    """Search all cameras' strips.

    Args:
        cameras: that are inspected and show a rail.
        ends: start and end of the rail.
        row_mm: height of a row, None without a scale.
        detector: of the rail station.
        thresholds: by label, from which findings are kept; labels that are not named are left out.
        min_score: boxes below it are not looked at when marks are put together.
        progress: called with (tiles looked at, tiles in all).

    Raises:
        ContractError: the model is for no rail, failed, or gave rubbish.
    """
    spec, tile_px = rail_spec(detector.contract)
    planned: list[tuple[SearchedCamera, tuple[Stretch, ...], float]] = []
    for one in cameras:
        track = one.on_strip.strip.head
        if track is not None:
            aspect = _aspect(one.camera, row_mm)
            planned.append((one, plan(track, one.on_strip.stretches, spec, tile_px, aspect), aspect))
    total = sum(count_tiles(stretches, spec, tile_px) for _, stretches, _ in planned)
    done = 0

    def tile_done() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    lowest = min([min_score, *thresholds.values()])
    boxes: list[StripBox] = []
    for one, stretches, aspect in planned:
        found = search_strip(
            one.on_strip.strip,
            stretches,
            detector,
            aspect=aspect,
            min_score=lowest,
            thresholds=thresholds,
            tile_done=tile_done,
        )
        for index in range(len(found)):
            if float(found.score[index]) >= thresholds.get(found.label(index), _NEVER):
                box = _strip_box(one, found, index)
                if not _is_end(box, ends):
                    boxes.append(box)
    return make_findings(join_boxes(boxes), ends[0].row, row_mm)


def _aspect(camera: ScanCamera, row_mm: float | None) -> float:
    """Height of a row over the width of a pixel; 1 where it is not known."""
    return 1.0 if row_mm is None or camera.mm_per_px is None else row_mm / camera.mm_per_px


def _strip_box(one: SearchedCamera, found: Detections, index: int) -> StripBox:
    track = one.on_strip.strip.head
    assert track is not None
    x1, y1, x2, y2 = (float(value) for value in found.xyxy_px[index])
    rows = (y1 + y2) / 2.0
    return StripBox(
        camera=one.camera.name,
        element=one.camera.element,
        label=found.label(index),
        score=min(1.0, float(found.score[index])),
        xyxy_px=(x1, y1, x2, y2),
        head_px=(float(track.start_px(rows)), float(track.width_px(rows))),
        mm_per_px=one.camera.mm_per_px,
        files=_files(one.frames, y1, y2),
    )


def _files(frames: Sequence[PlacedFrame], first: float, last: float) -> tuple[str, ...]:
    """Files of the frames whose pixels the strip shows between two rows."""
    return tuple(frame.file for frame in frames if any(a < last and b > first for a, b in frame.shown))


def _is_end(box: StripBox, ends: tuple[RailEnd, RailEnd]) -> bool:
    """Whether a box is but the rail's own end: its sawn edge, or the gap that begins there."""
    wide = box.head_px[1]
    first, last = box.rows
    start, end = ends
    if box.label == _GAP:
        reach = _END_REACH * wide
        return (start.seen and first - start.row < reach) or (end.seen and end.row - last < reach)
    rim = _RIM * wide
    return (start.seen and last - start.row < rim) or (end.seen and end.row - first < rim)
