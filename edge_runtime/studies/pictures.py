"""A gauge study on picture files: every picture is one reading, measured as `ferrogate measure` does it.

Neighbours: `tables` reads the list of pictures, `vision.metrology.measure` and `size` measure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, get_args

from edge_runtime.calibrations import require_size
from edge_runtime.images import IMAGE_SUFFIXES, read_stored
from edge_runtime.studies.tables import PictureRow, read_pictures
from vision.errors import ConfigError
from vision.metrology.calibration import CameraCalibration, TypedScale
from vision.metrology.measure import measure_picture
from vision.metrology.size import size_ball
from vision.metrology.sized import SizedBall
from vision.metrology.types import Refused, Temperature
from vision.statistics.studies import Reading, StudyError

#: Which diameter is studied: of the least-squares circle, or a caliper width.
Value = Literal["ls", "feret-mean", "feret-min", "feret-max"]
VALUES: tuple[Value, ...] = get_args(Value)
_NAMED_MAX = 5


def list_pictures(place: Path) -> list[PictureRow]:
    """Pictures of a study: a CSV names them, or the files of a folder say it, PART_ORIENTATION_TRIAL.png.

    Raises:
        ConfigError: the table cannot be used; the folder holds no picture, or one whose name does not say.
    """
    if not place.is_dir():
        return read_pictures(place)
    rows = []
    for path in sorted(place.iterdir()):
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        words = path.stem.split("_")
        if len(words) != 3 or not all(words):
            raise ConfigError(
                "the picture's name does not say part, orientation and trial",
                where=str(path),
                todo="name it like 07_east_2.png, or list them in a CSV: part, orientation, trial, path",
            )
        rows.append(PictureRow(words[0], words[1], words[2], path, None))
    if not rows:
        raise ConfigError(
            "the folder holds no picture", where=str(place), todo="name pictures like 07_east_2.png"
        )
    return rows


def measure_pictures(
    rows: Iterable[PictureRow],
    scale: CameraCalibration | TypedScale,
    temperature: Temperature | None,
    value: Value,
    *,
    where: str,
) -> tuple[list[Reading], list[float]]:
    """Measure every picture.

    Returns:
        The readings, and the standard uncertainty stated for each (mm).

    Raises:
        StudyError: a picture gives no number; all such pictures are counted, the first ones named.
        ImageError: a file cannot be read.
        ConfigError: the calibration is of another picture size; a temperature that no ball has.
    """
    readings, stated, refused = [], [], []
    for row in rows:
        image = read_stored(row.path)
        if isinstance(scale, CameraCalibration):
            require_size(scale, image.shape[1], image.shape[0], where=str(row.path))
        found = measure_picture(image)
        if isinstance(found, Refused):
            refused.append(f"{row.path.name}: {found.reason.value}, {found.detail}")
            continue
        sized = size_ball(found, scale, temperature)
        number = diameter_mm(sized, value)
        readings.append(Reading(row.part, row.orientation, row.trial, number, row.reference_mm))
        stated.append(sized.u_diameter_mm)
    if refused:
        raise StudyError(
            f"{len(refused)} of {len(refused) + len(readings)} pictures give no number: {_named(refused)}",
            where=where,
            todo="take these pictures again: a study must be complete",
        )
    return readings, stated


def diameter_mm(sized: SizedBall, value: Value) -> float:
    """The diameter that is studied, mm."""
    return {
        "ls": sized.diameter_ls_mm,
        "feret-mean": sized.feret_mean_mm,
        "feret-min": sized.feret_min_mm,
        "feret-max": sized.feret_max_mm,
    }[value]


def _named(refused: Sequence[str]) -> str:
    more = f" and {len(refused) - _NAMED_MAX} more" if len(refused) > _NAMED_MAX else ""
    return "; ".join(refused[:_NAMED_MAX]) + more
