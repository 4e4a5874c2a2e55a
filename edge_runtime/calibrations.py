"""Calibration files: written with their hash inside, read, and refused when they do not count.

A file is YAML: `content_sha256` and the figures. Who changes a figure by hand breaks the hash, and the
file is refused: figures come from spheres, not from an editor. Beside `left.calibration.yaml` lies
`left.calibration.checks.jsonl`, one line for every check with a certified ball. Neighbours:
`vision.metrology.calibration` for the types, `ferrogate calibrate` writes, station and bench read.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_runtime import strict_yaml
from edge_runtime.plain_file import read_plain
from edge_runtime.whole_file import whole_file
from vision.errors import CalibrationDateError, CalibrationError
from vision.metrology.calibration import CameraCalibration, Lens

_KindT = TypeVar("_KindT", CameraCalibration, Lens)
#: Files are a few kB; anything much larger is something else.
_BYTES_MAX = 1_000_000
_HASH, _CALIBRATION, _LENS = "content_sha256", "calibration", "lens"
#: A camera's clock and an office's may lie in two time zones.
_AHEAD_MAX = timedelta(days=1)


class CheckRecord(BaseModel):
    """One check with a certified ball.

    `en` is abs(error) / sqrt(U^2 + U_certified^2), both for k = 2; up to 1 the error is explained.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    schema_version: Literal[1] = 1
    utc: str = Field(min_length=10)
    camera: str
    calibration_sha256: str
    certificate: str
    certified_mm: Annotated[float, Field(gt=0.0)]
    u_certified_mm: Annotated[float, Field(ge=0.0, description="k = 1")]
    celsius: float
    pictures: Annotated[int, Field(ge=1)]
    measured_mm: float = Field(description="mean of the pictures")
    spread_mm: float = Field(description="largest minus smallest")
    u_mm: float = Field(description="standard uncertainty of one picture's diameter, k = 1")
    worst_error_mm: float = Field(description="of the picture that is farthest off")
    en: float
    limit_mm: float | None = Field(description="largest error that was asked for; none: en alone decides")
    passed: bool
    operator: str


def save_calibration(calibration: CameraCalibration, path: Path) -> None:
    """Write a calibration whole, or not at all.

    Raises:
        CalibrationError: it cannot be written.
    """
    _save(calibration, _CALIBRATION, path)


def save_lens(lens: Lens, path: Path) -> None:
    """Write a lens whole, or not at all.

    Raises:
        CalibrationError: it cannot be written.
    """
    _save(lens, _LENS, path)


def load_calibration(path: Path) -> CameraCalibration:
    """Read a calibration.

    Raises:
        CalibrationError: unreadable, no calibration, an impossible figure, or changed since it was written.
    """
    return _load(CameraCalibration, _CALIBRATION, path)


def load_lens(path: Path) -> Lens:
    """Read a lens; errors as for `load_calibration`."""
    return _load(Lens, _LENS, path)


def require_fits(calibration: CameraCalibration, camera: str, width_px: int, height_px: int) -> None:
    """Refuse the calibration of another camera or picture size.

    Raises:
        CalibrationError: it is.
    """
    if calibration.camera != camera:
        raise CalibrationError(
            f"the calibration belongs to camera '{calibration.camera}', not to '{camera}'",
            where=f"camera '{camera}'",
            todo="name this camera's own file, or calibrate it: 'ferrogate calibrate scale'",
        )
    require_size(calibration, width_px, height_px, where=f"camera '{camera}'")


def require_size(calibration: CameraCalibration, width_px: int, height_px: int, *, where: str) -> None:
    """Refuse pictures of another size than that of the calibration.

    Raises:
        CalibrationError: they are.
    """
    if (calibration.width_px, calibration.height_px) != (width_px, height_px):
        raise CalibrationError(
            f"the calibration holds for pictures of {calibration.width_px}x{calibration.height_px} px, "
            f"not for {width_px}x{height_px} px",
            where=where,
            todo="set the camera back to that picture size (no cropping, no binning), or calibrate it again",
        )


def require_fresh(calibration: CameraCalibration, today: date) -> None:
    """Refuse a stale calibration, or one of the future.

    Raises:
        CalibrationDateError: it is older than its `valid_days`, or its date has not come yet.
    """
    where = f"calibration of camera '{calibration.camera}'"
    made, last = _made(calibration), last_valid_day(calibration)
    if today > last:
        raise CalibrationDateError(
            f"the calibration is stale: made on {made}, valid until {last}, today is {today}",
            where=where,
            todo="calibrate again: 'ferrogate calibrate scale'",
        )
    if made > today + _AHEAD_MAX:
        raise CalibrationDateError(
            f"the calibration was made on {made}, today is {today}",
            where=where,
            todo="set this machine's clock right, or calibrate again",
        )


def last_valid_day(calibration: CameraCalibration) -> date:
    """The last day on which it counts."""
    return _made(calibration) + timedelta(days=calibration.valid_days)


def _made(calibration: CameraCalibration) -> date:
    try:
        return date.fromisoformat(calibration.date)
    except ValueError as error:
        raise CalibrationError(
            f"the date {calibration.date} is none",
            where=f"calibration of camera '{calibration.camera}'",
            todo="calibrate again: 'ferrogate calibrate scale'",
        ) from error


def checks_path(calibration_path: Path) -> Path:
    """Where the checks of a calibration file are kept."""
    return calibration_path.with_name(f"{calibration_path.stem}.checks.jsonl")


def append_check(calibration_path: Path, record: CheckRecord) -> Path:
    """Add one line to the checks, on the disk when this returns.

    Raises:
        CalibrationError: it cannot be written.
    """
    path = checks_path(calibration_path)
    try:
        with path.open("a", encoding="utf-8") as out:
            out.write(record.model_dump_json() + "\n")
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise _not_written("record of the check", path, error) from error
    return path


def read_checks(calibration_path: Path) -> tuple[CheckRecord, ...]:
    """All checks beside a calibration file, oldest first; none when there is no such file.

    Raises:
        CalibrationError: unreadable, or a line is no check.
    """
    path = checks_path(calibration_path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise CalibrationError(
            f"the checks cannot be read: {error}", where=str(path), todo="check the file and its rights"
        ) from error
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            records.append(CheckRecord.model_validate_json(line))
        except ValidationError as error:
            raise CalibrationError(
                f"line {number} is no check: {error.errors()[0]['msg']}",
                where=str(path),
                todo="move the file away; the next check starts a new one",
            ) from error
    return tuple(records)


def last_check(calibration_path: Path, calibration: CameraCalibration) -> CheckRecord | None:
    """The newest check of exactly this calibration; None when it was never checked."""
    sha256 = calibration.content_sha256()
    mine = [record for record in read_checks(calibration_path) if record.calibration_sha256 == sha256]
    return mine[-1] if mine else None


def require_passed(calibration_path: Path, calibration: CameraCalibration) -> None:
    """Refuse a calibration whose newest check with a certified ball failed.

    Raises:
        CalibrationError: it did, or the checks cannot be read.
    """
    check = last_check(calibration_path, calibration)
    if check is not None and not check.passed:
        raise CalibrationError(
            f"the last check of camera '{calibration.camera}' with a certified ball failed: {check.utc}, "
            f"{check.worst_error_mm:+.3f} mm on {check.certified_mm:g} mm",
            where=str(calibration_path),
            todo="clean the camera and check again ('ferrogate calibrate check'), or calibrate it anew",
        )


def utc_now() -> str:
    """Now, ISO 8601, for a record."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _save(figures: CameraCalibration | Lens, key: str, path: Path) -> None:
    document = {_HASH: figures.content_sha256(), key: figures.model_dump(mode="json")}
    text = (
        "# Written by 'ferrogate calibrate'. A figure changed by hand breaks the hash: the file is refused.\n"
        + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    )
    try:
        with whole_file(path) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _not_written(f"{key} file", path, error) from error


def _load(kind: type[_KindT], key: str, path: Path) -> _KindT:
    def refuse(why: str, todo: str = "write it again: 'ferrogate calibrate'") -> CalibrationError:
        return CalibrationError(f"the {key} file cannot be used: {why}", where=str(path), todo=todo)

    try:
        document = strict_yaml.load(read_plain(path, _BYTES_MAX).decode("utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise refuse(str(reason or error), "check the path and the file's rights") from error
    except yaml.YAMLError as error:
        raise refuse(f"it is not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(document, dict) or set(document) != {_HASH, key}:
        raise refuse(f"it must hold '{_HASH}' and '{key}', nothing else")
    try:
        # The figures pass through JSON, where a list is as good as a tuple and nothing is guessed.
        figures = kind.model_validate_json(json.dumps(document[key], default=str))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise refuse(f"{name or key}: {first['msg']}") from error
    except (TypeError, ValueError) as error:
        raise refuse(str(error)) from error
    if figures.content_sha256() != document[_HASH]:
        raise refuse("it was changed after it was written (its hash does not fit)")
    return figures


def _not_written(what: str, path: Path, error: OSError) -> CalibrationError:
    return CalibrationError(
        f"the {what} cannot be written: {error.strerror or error}",
        where=str(path),
        todo="check that the folder exists, can be written and has room",
    )
