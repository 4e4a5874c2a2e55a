"""Photos of a wagon or a pile: what the rail detector sees in each, as one set for the books.

A photo has no scale and shows what lies on top: findings have no millimetres, and nothing in a photo clears
a load. A set is kept as a map without a scale, one camera for each photo, so that it is corrected like a
rail. Neighbours: `vision.rail` looks, `vision.yard.photos` grades, `photo_command` and `photo_inbox` call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_runtime.images import IMAGE_SUFFIXES, read_image
from edge_runtime.yard.scan import picture_note
from edge_runtime.yard.store_types import StripPart
from vision.contract import ModelContract
from vision.errors import ConfigError, ImageError
from vision.rail import RailDetector, RailFindings, inspect_rail_image
from vision.rail_map.types import Frozen, MapBox, MapCamera, MapFinding, Note, RailEnd, RailMap
from vision.types import UInt8Array

#: Photos of one set; a load is a few dozen.
MOST_PHOTOS = 500


class PhotoMark(Frozen):
    """One mark: pixels of the photo as it is stored."""

    label: str
    score: float
    xyxy_px: tuple[float, float, float, float]


class PhotoLook(Frozen):
    """What one photo showed. `error`: it could not be read, and nothing else is known of it.

    `why`: the same as a note. `rail_found` False: no rail stands out in it; marks are hints at best.
    """

    file: str
    width_px: int = 0
    height_px: int = 0
    rail_found: bool = False
    marks: tuple[PhotoMark, ...] = ()
    error: str = ""
    why: Note | None = None


class PhotoSet(Frozen):
    """`photos.json`, and the answer to an upload. `state` failed: none of the files is a picture."""

    schema_version: Literal[1] = 1
    name: str
    state: Literal["done", "failed"]
    grade: Literal["human"] = "human"
    mm_per_px: None = None
    photos: tuple[PhotoLook, ...]
    model_sha256: str
    what: str = ""
    todo: str = ""

    @property
    def readable(self) -> tuple[PhotoLook, ...]:
        """Those that are pictures."""
        return tuple(photo for photo in self.photos if not photo.error)


@dataclass(frozen=True, slots=True)
class LookedAt:
    """One photo with its pixels, for drawing."""

    look: PhotoLook
    image: UInt8Array
    findings: RailFindings


def photo_files(folder: Path) -> list[Path]:
    """The files of a set, in the order of their names: pictures by their suffix.

    Raises:
        ConfigError: no folder, no such file in it, or more than are taken together.
    """
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    except OSError as error:
        raise ConfigError(
            f"the folder of photos cannot be read: {error.strerror or error}",
            where=str(folder),
            todo="name a folder with pictures",
        ) from error
    if not found:
        raise ConfigError(
            "the folder holds no picture",
            where=str(folder),
            todo=f"pictures end in {', '.join(sorted(IMAGE_SUFFIXES))}",
        )
    if len(found) > MOST_PHOTOS:
        raise ConfigError(
            f"{len(found)} photos are too many for one set, at most {MOST_PHOTOS}",
            where=str(folder),
            todo="a set is one wagon or one pile: put each into a folder of its own",
        )
    return found


def look_at_photo(path: Path, detector: RailDetector) -> LookedAt | PhotoLook:
    """Look at one file; a `PhotoLook` with `error` where it is no picture.

    Raises:
        ContractError: the model failed.
    """
    try:
        image = read_image(path).image
        thresholds = detector.contract.thresholds
        findings = inspect_rail_image(image, detector, min_score=min(thresholds.values()))
    except ImageError as error:
        return PhotoLook(file=path.name, error=error.what, why=picture_note(path.name, error))
    height_px, width_px = image.shape[:2]
    look = PhotoLook(
        file=path.name,
        width_px=width_px,
        height_px=height_px,
        rail_found=findings.found,
        marks=_marks(findings, detector.contract),
    )
    return LookedAt(look, image, findings)


def look_at_photos(
    name: str,
    files: Sequence[Path],
    detector: RailDetector,
    model_sha256: str,
    told: Callable[[LookedAt | PhotoLook, int], None] | None = None,
) -> PhotoSet:
    """Look at a whole set.

    Args:
        name: of the set.
        files: in order.
        detector: of the rail station, and `model_sha256` of its file.
        told: gets each photo with its number from 0, while its pixels are there; may raise to break off.
    """
    looks = []
    for number, path in enumerate(files):
        seen = look_at_photo(path, detector)
        looks.append(seen if isinstance(seen, PhotoLook) else seen.look)
        if told is not None:
            told(seen, number)
    if all(look.error for look in looks):
        what = (
            f"none of the {len(looks)} files is a picture that can be read; {looks[0].file}: {looks[0].error}"
        )
        todo = "take the photos anew, or save them as JPEG or PNG"
        return PhotoSet(
            name=name, state="failed", photos=tuple(looks), model_sha256=model_sha256, what=what, todo=todo
        )
    return PhotoSet(name=name, state="done", photos=tuple(looks), model_sha256=model_sha256)


def photo_map(photos: PhotoSet, thresholds: dict[str, float]) -> RailMap:
    """A set as a map without a scale: rows are rows of the photo, every figure in mm is None.

    Args:
        photos: of state 'done'.
        thresholds: scores from which the model's marks were kept, by label.
    """
    readable = photos.readable
    rows = max(look.height_px for look in readable)
    found = [(look, mark) for look in readable for mark in look.marks]
    notes = [look.why for look in photos.photos if look.why is not None]
    notes += [
        Note(code="photo_without_rail", values={"file": look.file})
        for look in readable
        if not look.rail_found
    ]
    return RailMap(
        rail=photos.name,
        rows=rows,
        row_mm=None,
        start=RailEnd(row=0.0, seen=False),
        end=RailEnd(row=float(rows), seen=False),
        length_m=None,
        length_is_least=False,
        cameras=tuple(
            MapCamera(
                name=look.file,
                element="head",
                inspected=True,
                width_px=look.width_px,
                mm_per_px=None,
                frames=1,
            )
            for look in readable
        ),
        findings=tuple(_finding(number, look, mark) for number, (look, mark) in enumerate(found, 1)),
        unseen=(),
        thresholds=thresholds,
        model_sha256=photos.model_sha256,
        notes=tuple(notes),
    )


def photo_parts(photos: Iterable[PhotoLook]) -> tuple[StripPart, ...]:
    """The pictures of a set as the books name them: each is its camera's whole strip."""
    return tuple(
        StripPart(camera=look.file, first_row=0, rows=look.height_px, file=look.file)
        for look in photos
        if not look.error
    )


def _marks(findings: RailFindings, contract: ModelContract) -> tuple[PhotoMark, ...]:
    boxes = findings.detections
    marks = []
    for index in range(len(boxes)):
        label = boxes.labels[int(boxes.class_id[index])]
        score = float(boxes.score[index])
        if score >= contract.thresholds[label]:
            x0, y0, x1, y1 = (round(float(value), 2) for value in boxes.xyxy_px[index])
            marks.append(PhotoMark(label=label, score=round(score, 4), xyxy_px=(x0, y0, x1, y1)))
    return tuple(marks)


def _finding(number: int, look: PhotoLook, mark: PhotoMark) -> MapFinding:
    box = MapBox(camera=look.file, xyxy_px=mark.xyxy_px, score=mark.score, files=(look.file,))
    return MapFinding(
        id=f"f{number}",
        label=mark.label,
        score=mark.score,
        element="head",
        first_row=mark.xyxy_px[1],
        last_row=mark.xyxy_px[3],
        start_m=None,
        end_m=None,
        length_mm=None,
        across_mm=None,
        width_mm=None,
        boxes=(box,),
    )
