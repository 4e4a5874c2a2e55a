"""Capture bundles: pictures of chosen parts, with what the station thought of them, for the data team.

A folder with `bundle.json`, `bundle.csv` and the pictures; docs/datasets.md describes the form, `ferrogate
data import bundle` reads it. The two sides share the form, never code. The ledger keeps boxes in frame
pixels: where it is not known where a picture lay in its frame, `findings` stays empty, which is not "none".
Neighbours: `edge_runtime.commands.ledger`, `edge_runtime.page.crops`.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from edge_runtime.config import StationConfig
from edge_runtime.ledger.models import ModelRow, PartRow, RecipeRow, SessionRow
from edge_runtime.ledger.queries import PartFilter, Row, list_parts, utc_text
from edge_runtime.ledger.rejects import PartInFull, PartView, part_in_full
from edge_runtime.page.crops import Box, crops_of_part, on_picture
from vision.errors import ConfigError, LedgerError

COLUMNS = ("file", "part", "camera", "view", "utc", "verdict", "reasons", "findings")
_HEADER_FILE, _TABLE_FILE, _FOLDER = "bundle.json", "bundle.csv", "pictures"


@dataclass(frozen=True, slots=True)
class Station:
    """A station by its file: only with it boxes can be placed on pictures."""

    storage: Path
    config: StationConfig
    station_file: Path


@dataclass(slots=True)
class BundleCount:
    """What went into a bundle: pictures and their parts, pictures whose file was taken away to make
    room, pictures whose findings could not be placed.
    """

    pictures: int = 0
    parts: int = 0
    gone: int = 0
    not_placed: int = 0


def write_bundle(
    connection: sa.Connection, storage: Path, station: Station | None, wanted: PartFilter, out: Path
) -> BundleCount:
    """Write a bundle of the parts that fit, whole or not at all.

    Args:
        connection: of the ledger.
        storage: folder of the pictures.
        station: the station file's; None where there is none.
        wanted: which parts, the newest first.
        out: a folder that is not there yet.

    Raises:
        ConfigError: `out` is there already.
        LedgerError: no part that fits has a picture, or something cannot be written.
    """
    if out.exists():
        raise ConfigError("there is something here already", where=str(out), todo="give another --out")
    part = out.with_name(f".{out.name}.part")
    count = BundleCount()
    try:
        shutil.rmtree(part, ignore_errors=True)
        (part / _FOLDER).mkdir(parents=True)
        rows, facts = _rows(connection, storage, station, wanted, part, count)
        if not rows:
            raise LedgerError(
                "no part that fits has a picture", where=str(storage), todo="choose other parts"
            )
        with (part / _TABLE_FILE).open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(rows)
        header = json.dumps(_header(connection, facts), indent=1)
        (part / _HEADER_FILE).write_text(header + "\n", encoding="utf-8")
        part.replace(out)
    except OSError as error:
        raise LedgerError(
            f"the bundle cannot be written: {error.strerror or error}",
            where=str(out),
            todo="check the folder, its rights and the disk's space",
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return count


def _rows(
    connection: sa.Connection,
    storage: Path,
    station: Station | None,
    wanted: PartFilter,
    out: Path,
    count: BundleCount,
) -> tuple[list[Row], list[dict[str, Any]]]:
    """The table's rows, with their pictures copied, and the facts of the parts they belong to."""
    rows: list[Row] = []
    facts: list[dict[str, Any]] = []
    for full in _parts(connection, wanted):
        boxes = crops_of_part(station, connection, full) if station is not None else {}
        before = len(rows)
        for view in full.views:
            if view.picture is None:
                continue
            name = f"{_FOLDER}/{Path(view.picture).name}"
            try:
                shutil.copyfile(storage / view.picture, out / name)
            except FileNotFoundError:
                count.gone += 1
                continue
            box = boxes.get((view.camera, view.view_index))
            if view.findings and box is None:
                count.not_placed += 1
            rows.append(_row(full, view, name, box))
        if len(rows) > before:
            facts.append(full.facts)
    count.pictures, count.parts = len(rows), len(facts)
    return rows, facts


def _parts(connection: sa.Connection, wanted: PartFilter) -> Iterator[PartInFull]:
    """The parts that fit; their rows are read to the end first, for the ledger may grow meanwhile."""
    for row in list(list_parts(connection, wanted)):
        query = sa.select(PartRow.id).where(
            PartRow.epoch == row["epoch"],
            PartRow.lane == row["lane"],
            PartRow.trigger_seq == row["trigger_seq"],
        )
        full = part_in_full(connection, connection.execute(query).scalar_one())
        if full is not None:
            yield full


def _row(full: PartInFull, view: PartView, name: str, box: Box | None) -> Row:
    findings = [
        {
            "label": finding.label,
            "score": round(finding.score, 6),
            "xyxy_px": [round(edge, 3) for edge in on_picture(box, finding.xyxy_px) or ()],
        }
        for finding in view.findings
    ]
    return {
        "file": name,
        "part": str(full.reject.part),
        "camera": view.camera,
        "view": view.view_index,
        "utc": utc_text(full.reject.utc_ns),
        "verdict": full.reject.verdict,
        "reasons": " ".join(reason.code for reason in full.reject.reasons) or full.reject.reason,
        "findings": "" if findings and box is None else json.dumps(findings),
    }


def _header(connection: sa.Connection, facts: list[dict[str, Any]]) -> dict[str, object]:
    """The header; hashes are empty where the parts were judged by more than one recipe or model."""
    models = {fact["model_sha256"] for fact in facts} - {None}
    recipes = {fact["recipe_sha256"] for fact in facts} - {None}
    used = sa.select(ModelRow.contract).where(ModelRow.sha256.in_(models)).order_by(ModelRow.sha256)
    contracts = list(connection.execute(used).scalars())
    labels = list(dict.fromkeys(label for contract in contracts for label in contract["labels"]))
    (recipe,) = recipes if len(recipes) == 1 else (None,)
    content = connection.execute(sa.select(RecipeRow.recipe).where(RecipeRow.sha256 == recipe)).scalar()
    newest = sa.select(SessionRow.station).order_by(SessionRow.utc_ns.desc()).limit(1)
    name = connection.execute(newest).scalar()
    return {
        "format": "ferrogate-capture-bundle",
        "version": 1,
        "station": next((str(contract.get("station", "ball")) for contract in contracts), "ball"),
        "station_name": str(name or "station"),
        "made_utc": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "labels": labels,
        "model_sha256": models.pop() if len(models) == 1 else "",
        "recipe_name": str((content or {}).get("name") or (content or {}).get("product") or ""),
        "recipe_sha256": recipe or "",
    }
