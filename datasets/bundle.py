"""The capture bundle: pictures that travel back from a station, with what the station thought of them.

A folder with `bundle.json` (which station, recipe and model), `bundle.csv` (one row for each picture) and
the pictures; docs/datasets.md describes it. The two sides share this form, never code. A finding becomes a
box with the attributes `score` and `from` = "model": a person corrects it before anything learns from it.
Neighbours: `importers.assemble`, `datasets.label_studio`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from datasets.errors import DataError
from datasets.importers.labelled import Labelled, snapped
from datasets.importers.walk import named
from datasets.pictures import list_pictures, read_picture
from datasets.records import BoxRecord

HEADER_FILE = "bundle.json"
TABLE_FILE = "bundle.csv"
COLUMNS = ("file", "part", "camera", "view", "utc", "verdict", "reasons", "findings")
_TODO = "copy the whole bundle again, or write it again at the station"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BundleHeader(_Strict):
    """`bundle.json`; `labels`: what the model can find, in its order."""

    format: Literal["ferrogate-capture-bundle"]
    version: Literal[1]
    station: Literal["ball", "rail"]
    station_name: str
    made_utc: str
    labels: Annotated[tuple[str, ...], Field(min_length=1)]
    model_sha256: str = ""
    recipe_name: str = ""
    recipe_sha256: str = ""


class BundleFinding(_Strict):
    """One entry of the column `findings`; `xyxy_px` in the stored picture."""

    label: str
    score: Annotated[float, Field(ge=0.0, le=1.0)]
    xyxy_px: tuple[float, float, float, float]


class BundleRow(_Strict):
    """One row of `bundle.csv`; `findings` None: the station cannot say where they lie in the picture."""

    file: Annotated[str, Field(min_length=1)]
    part: Annotated[str, Field(min_length=1)]
    camera: str
    view: Annotated[int, Field(ge=0)]
    utc: str
    verdict: Literal["accept", "review", "reject", ""]
    reasons: tuple[str, ...] = ()
    findings: tuple[BundleFinding, ...] | None = ()


_FINDINGS = TypeAdapter(tuple[BundleFinding, ...])


def read_bundle(folder: Path) -> tuple[BundleHeader, list[BundleRow]]:
    """Read a bundle's header and table.

    Raises:
        DataError: one is missing or broken, or a row does not fit.
    """
    path = folder / HEADER_FILE
    try:
        header = BundleHeader.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, ValidationError) as error:
        raise DataError(f"the bundle cannot be read: {error}", where=str(path), todo=_TODO) from error
    path = folder / TABLE_FILE
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise DataError(f"the columns are not {', '.join(COLUMNS)}", where=str(path), todo=_TODO)
            return header, [_row(row, f"{path}, line {reader.line_num}") for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"the table cannot be read: {error}", where=str(path), todo=_TODO) from error


def _row(row: Mapping[str, str], where: str) -> BundleRow:
    try:
        findings = _FINDINGS.validate_python(json.loads(row["findings"])) if row["findings"] else None
        reasons = tuple((row["reasons"] or "").split())
        return BundleRow.model_validate({**row, "reasons": reasons, "findings": findings})
    except (json.JSONDecodeError, ValidationError, TypeError) as error:
        raise DataError(f"the row does not fit: {error}", where=where, todo=_TODO) from error


def import_bundle(folder: Path) -> tuple[list[Labelled], list[str]]:
    """Read a bundle; returns its pictures, grouped by part, and the model's labels.

    Raises:
        DataError: something is missing or broken, a picture is not in the table or the other way round, a
            finding's label is none of the model's.
    """
    header, rows = read_bundle(folder)
    files = {row.file for row in rows}
    present = {path.relative_to(folder).as_posix(): path for path in list_pictures(folder)}
    strangers = [path for name, path in present.items() if name not in files]
    if strangers or len(files) != len(rows):
        what = (
            f"the table does not name {named(strangers)}" if strangers else "the table names a picture twice"
        )
        raise DataError(what, where=str(folder / TABLE_FILE), todo=_TODO)
    found = []
    for row in rows:
        path = folder / PurePosixPath(row.file)
        if row.file not in present:
            raise DataError("a picture of the bundle is missing", where=str(path), todo=_TODO)
        height_px, width_px = read_picture(path).shape[:2]
        boxes = tuple(_box(finding, header, width_px, height_px, path) for finding in row.findings or ())
        fields: dict[str, object] = {
            "group": f"{header.station_name}/{row.part}",
            "sensor": f"{header.station_name} {row.camera}",
            "truth": {
                "station_verdict": row.verdict,
                "station_reasons": " ".join(row.reasons),
                "station_findings_known": row.findings is not None,
                "utc": row.utc,
            },
        }
        found.append(Labelled(path, row.file, width_px, height_px, boxes, fields))
    return found, list(header.labels)


def _box(
    finding: BundleFinding, header: BundleHeader, width_px: int, height_px: int, path: Path
) -> BoxRecord:
    if finding.label not in header.labels:
        raise DataError(f"the model has no label '{finding.label}'", where=str(path), todo=_TODO)
    edges = snapped(finding.xyxy_px, width_px, height_px)
    area = max(0, round((edges[2] - edges[0]) * (edges[3] - edges[1])))
    attributes: dict[str, str | float | bool] = {"score": finding.score, "from": "model"}
    return BoxRecord(label=finding.label, xyxy_px=edges, area_px=area, attributes=attributes)


def bundle_info(header: BundleHeader) -> dict[str, object]:
    """What of the header is kept in the data set."""
    return {"bundle": header.model_dump(exclude={"format", "version", "labels"})}
