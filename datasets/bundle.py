"""The capture bundle: pictures that travel back from a station, with what the station thought of them.

A folder with `bundle.json` (which station, recipe and model), `bundle.csv` (one row for each picture) and
the pictures; docs/datasets.md describes it. The two sides share this form, never code. A finding becomes a
box with the attributes `score` and `from` = "model": a person corrects it before anything learns from it.
Version 2 brings what people said at the station: boxes that a person has seen are `from` = "inspector", and
`truth` says whether somebody has gone through the whole picture, and what was corrected.
Neighbours: `importers.assemble`, `datasets.label_studio`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from datasets.errors import DataError
from datasets.importers.labelled import Labelled, snapped
from datasets.importers.walk import named
from datasets.pictures import list_pictures, read_picture
from datasets.records import BoxRecord

HEADER_FILE = "bundle.json"
TABLE_FILE = "bundle.csv"
COLUMNS = ("file", "part", "camera", "view", "utc", "verdict", "reasons", "findings")
SECOND_COLUMNS = (*COLUMNS, "labelled", "gain", "corrections")
_TODO = "copy the whole bundle again, or write it again at the station"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BundleHeader(_Strict):
    """`bundle.json`; `labels`: what the model can find, in its order."""

    format: Literal["ferrogate-capture-bundle"]
    version: Literal[1, 2]
    station: Literal["ball", "rail"]
    station_name: str
    made_utc: str
    labels: Annotated[tuple[str, ...], Field(min_length=1)]
    model_sha256: str = ""
    recipe_name: str = ""
    recipe_sha256: str = ""


class BundleFinding(_Strict):
    """One entry of the column `findings`; `xyxy_px` in the stored picture.

    Version 2 adds the finding's id, its class in the plant's recipe, and what a person has said of it; a
    finding that a person added has no score.
    """

    label: str
    score: Annotated[float, Field(ge=0.0, le=1.0)] | None
    xyxy_px: tuple[float, float, float, float]
    finding: str = ""
    kind: str = ""
    state: Literal["unconfirmed", "confirmed", "corrected", "added"] = "unconfirmed"

    @model_validator(mode="after")
    def _scored(self) -> Self:
        if self.score is None and self.state != "added":
            raise ValueError("only a finding that a person added has no score")
        return self


class BundleMark(_Strict):
    """What a finding was, or became, in this picture."""

    label: str
    kind: str = ""
    xyxy_px: tuple[float, float, float, float]


class BundleCorrection(_Strict):
    """One entry of the column `corrections`: who said what when; None: there was nothing, or nothing is."""

    finding: str
    kind: Literal["confirm", "dismiss", "correct", "add"]
    by: str
    role: str
    utc: str
    before: BundleMark | None
    after: BundleMark | None
    reason: str = ""


class BundleRow(_Strict):
    """One row of `bundle.csv`; `findings` None: the station cannot say where they lie in the picture.

    `labelled`: a person has gone through the whole picture. `gain`: how many times brighter than the camera
    gave it the picture is.
    """

    file: Annotated[str, Field(min_length=1)]
    part: Annotated[str, Field(min_length=1)]
    camera: str
    view: Annotated[int, Field(ge=0)]
    utc: str
    verdict: Literal["accept", "review", "reject", ""]
    reasons: tuple[str, ...] = ()
    findings: tuple[BundleFinding, ...] | None = ()
    labelled: bool = False
    gain: Annotated[float, Field(gt=0.0)] = 1.0
    corrections: tuple[BundleCorrection, ...] = ()


_FINDINGS = TypeAdapter(tuple[BundleFinding, ...])
_CORRECTIONS = TypeAdapter(tuple[BundleCorrection, ...])


def read_bundle(folder: Path) -> tuple[BundleHeader, list[BundleRow]]:
    """Read a bundle's header and table.

    Raises:
        DataError: one is missing or broken, or a row does not fit.
    """
    path = folder / HEADER_FILE
    try:
        header = BundleHeader.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"the bundle cannot be read: {error}", where=str(path), todo=_TODO) from error
    path = folder / TABLE_FILE
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            columns = COLUMNS if header.version == 1 else SECOND_COLUMNS
            if tuple(reader.fieldnames or ()) != columns:
                raise DataError(f"the columns are not {', '.join(columns)}", where=str(path), todo=_TODO)
            return header, [_row(row, f"{path}, line {reader.line_num}") for row in reader]
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"the table cannot be read: {error}", where=str(path), todo=_TODO) from error


def _row(row: Mapping[str, str], where: str) -> BundleRow:
    try:
        findings = _FINDINGS.validate_python(json.loads(row["findings"])) if row["findings"] else None
        reasons = tuple((row["reasons"] or "").split())
        known: dict[str, object] = {**row, "reasons": reasons, "findings": findings}
        if "corrections" in row:
            known["corrections"] = _CORRECTIONS.validate_python(json.loads(row["corrections"]))
        return BundleRow.model_validate(known)
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"the row does not fit: {error}", where=where, todo=_TODO) from error


def import_bundle(folder: Path) -> tuple[list[Labelled], list[str]]:
    """Read a bundle; returns its pictures, grouped by part, and the model's labels.

    Raises:
        DataError: something is missing or broken, a picture is not in the table or the other way round, or
            is a link that leads out of the bundle, a finding's label is none of the model's.
    """
    header, rows = read_bundle(folder)
    files = {row.file for row in rows}
    present = {path.relative_to(folder).as_posix(): path for path in list_pictures(folder)}
    home = folder.resolve()
    links = [path for path in present.values() if not path.resolve().is_relative_to(home)]
    if links:
        # A station writes plain files: a link would carry a picture of this machine into the data set.
        raise DataError(f"{named(links)} leads out of the bundle", where=str(folder), todo=_TODO)
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
        truth: dict[str, object] = {
            "station_verdict": row.verdict,
            "station_reasons": " ".join(row.reasons),
            "station_findings_known": row.findings is not None,
            "utc": row.utc,
        }
        if header.version == 2:
            said = [entry.model_dump(mode="json") for entry in row.corrections]
            truth |= {
                "station_labelled": row.labelled,
                "station_gain": row.gain,
                "station_corrections": json.dumps(said, ensure_ascii=False),
            }
        fields: dict[str, object] = {
            "group": f"{header.station_name}/{row.part}",
            "sensor": f"{header.station_name} {row.camera}",
            "truth": truth,
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
    seen = finding.state != "unconfirmed"
    attributes: dict[str, str | float | bool] = {"from": "inspector" if seen else "model"}
    if finding.score is not None:
        attributes["score"] = finding.score
    if header.version == 2:
        attributes |= {"state": finding.state, "finding": finding.finding}
    fine = finding.kind or None
    return BoxRecord(label=finding.label, xyxy_px=edges, area_px=area, fine=fine, attributes=attributes)


def bundle_info(header: BundleHeader) -> dict[str, object]:
    """What of the header is kept in the data set."""
    return {"bundle": header.model_dump(exclude={"format", "version", "labels"})}
