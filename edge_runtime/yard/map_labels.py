"""Maps of recorded rails beside frames that people labelled: precision and recall by label.

The frames stand in a data set's `coco.json` (`ferrogate data build rail`), with `sequence` the rail's name
and `frame` its number. Labels are laid onto the map by the frames' places; a box that a frame's border
cuts, and goes on in the next frame, is one mark. What is found on other frames is not counted. Neighbours:
`map_match` pairs, `score_command` prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from edge_runtime.yard.map_folder import FramePlace, MapFolder
from edge_runtime.yard.map_match import Patch, Share, matched, overlaps, share
from vision.errors import ConfigError
from vision.rail_map.frames import PlacedFrame
from vision.rail_map.types import MapFinding

COCO_FILE = "coco.json"
#: A labelled box this near to its frame's border may go on in the next one, rows.
_AT_BORDER_PX = 8.0


class _Known(BaseModel):
    """Keys that are read; others of the file are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Category(_Known):
    id: int
    name: str


class _Image(_Known):
    id: int
    file_name: str
    height: int
    split: str
    sequence: str | None = None
    frame: int | None = None


class _Annotation(_Known):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]


class LabelledFrames(_Known):
    """The part of a data set's `coco.json` that is needed here."""

    categories: tuple[_Category, ...]
    images: tuple[_Image, ...]
    annotations: tuple[_Annotation, ...]


@dataclass(frozen=True, slots=True)
class LabelledScore:
    """One label: how many of the labelled marks were found, how many of the findings are such marks."""

    label: str
    threshold: float | None
    recall: Share
    precision: Share
    on_other: int
    """Findings that are none of this label's marks and touch a mark of another label."""


@dataclass(frozen=True, slots=True)
class RecordingScore:
    """All that maps of recorded rails are worth on labelled frames; `unseen`: frames that proved nothing."""

    rails: int
    frames: int
    unseen: int
    labels: tuple[LabelledScore, ...]


@dataclass(frozen=True, slots=True)
class _Rail:
    marks: tuple[Patch, ...]
    findings: tuple[Patch, ...]
    pairs: Mapping[int, int]


def read_labelled(path: Path) -> LabelledFrames:
    """Read `coco.json`, the file or the folder that holds it.

    Raises:
        ConfigError: it is missing or broken.
    """
    path = path / COCO_FILE if path.is_dir() else path
    try:
        return LabelledFrames.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigError(
            f"the labelled frames cannot be read: {error}",
            where=str(path),
            todo="make them with 'ferrogate data build rail'",
        ) from error


def score_recording(
    maps: Sequence[MapFolder], labelled: LabelledFrames, split: str, least_iou: float
) -> RecordingScore:
    """Compare maps with the labels of the frames of one split.

    Args:
        maps: their rails' names are sequences of the set.
        labelled: the set.
        split: `val`, `train` or `guard`.
        least_iou: a finding is a mark's where they agree so far.

    Raises:
        ConfigError: a map of which the set has no frame in this split.
    """
    names = {category.id: category.name for category in labelled.categories}
    rails, frames, unseen = [], 0, 0
    for one in maps:
        images = {
            image.frame: image
            for image in labelled.images
            if image.frame is not None and (image.sequence, image.split) == (one.map.rail, split)
        }
        places = {place.frame_number: place for place in one.frames if place.frame_number in images}
        if not places:
            raise ConfigError(
                f"the set has no frame of rail '{one.map.rail}' in split '{split}'",
                where=str(one.path),
                todo="map the recording that was labelled",
            )
        frames += len(places)
        unseen += sum(bool(place.fault) for place in places.values())
        marks = _marks(labelled, images, places, names)
        findings = _findings(one, [place.placed() for place in places.values()])
        rails.append(_Rail(marks, findings, matched(marks, findings, least_iou)))
    thresholds = maps[0].map.thresholds if maps else {}
    return RecordingScore(
        len(rails), frames, unseen, tuple(_label(name, rails, thresholds) for name in sorted(names.values()))
    )


def _marks(
    labelled: LabelledFrames,
    images: Mapping[int, _Image],
    places: Mapping[int, FramePlace],
    names: Mapping[int, str],
) -> tuple[Patch, ...]:
    """Labelled boxes in map rows and frame columns, those that a border cuts joined."""
    frames = {images[number].id: number for number in places}
    marks: list[Patch] = []
    open_below: dict[int, list[int]] = {}
    boxes = [one for one in labelled.annotations if one.image_id in frames]
    placed = {number: place.placed() for number, place in places.items()}
    for box in sorted(boxes, key=lambda one: (frames[one.image_id], one.bbox[1])):
        number = frames[box.image_id]
        place = places[number]
        x, y, width, height = box.bbox
        first, last = sorted((placed[number].to_map(y), placed[number].to_map(y + height)))
        label = names[box.category_id]
        patch = Patch(f"{place.file}:{len(marks)}", label, first, last, x, x + width)
        before = _goes_on(patch, marks, open_below.get(number - 1, [])) if y < _AT_BORDER_PX else None
        if before is None:
            marks.append(patch)
            before = len(marks) - 1
        else:
            old = marks[before]
            marks[before] = replace(
                old,
                last=max(old.last, last),
                left=min(old.left, patch.left),
                right=max(old.right, patch.right),
            )
        if y + height > place.rows - _AT_BORDER_PX:
            open_below.setdefault(number, []).append(before)
    return tuple(marks)


def _goes_on(patch: Patch, marks: Sequence[Patch], above: Sequence[int]) -> int | None:
    """The mark of the frame before that this box goes on with."""
    for index in above:
        mark = marks[index]
        common = min(mark.right, patch.right) - max(mark.left, patch.left)
        if mark.label == patch.label and common > 0.5 * min(mark.right - mark.left, patch.right - patch.left):
            return index
    return None


def _findings(one: MapFolder, places: Sequence[PlacedFrame]) -> tuple[Patch, ...]:
    """Findings whose middle lies on one of the frames."""
    left = {camera.camera: camera.frame_left_px for camera in one.strips.cameras}
    found = []
    for finding in one.map.findings:
        middle = (finding.first_row + finding.last_row) / 2.0
        if any(place.first_row <= middle < place.last_row for place in places):
            found.append(_patch(finding, left))
    return tuple(found)


def _patch(finding: MapFinding, left: Mapping[str, int]) -> Patch:
    """A finding in map rows and columns of the frames, as its first camera saw it."""
    box = finding.boxes[0]
    x1, y1, x2, y2 = box.xyxy_px
    return Patch(
        finding.id, finding.label, y1, y2, x1 + left[box.camera], x2 + left[box.camera], finding.score
    )


def _label(label: str, rails: Sequence[_Rail], thresholds: Mapping[str, float]) -> LabelledScore:
    marks = hits = found = on_other = 0
    for rail in rails:
        marks += sum(mark.label == label for mark in rail.marks)
        hits += sum(rail.marks[mark].label == label for mark in rail.pairs)
        found += sum(one.label == label for one in rail.findings)
        right = set(rail.pairs.values())
        wrong = [one for index, one in enumerate(rail.findings) if one.label == label and index not in right]
        others = [mark for mark in rail.marks if mark.label != label]
        on_other += int((overlaps(wrong, others) > 0.0).any(axis=1).sum())
    return LabelledScore(label, thresholds.get(label), share(hits, marks), share(hits, found), on_other)
