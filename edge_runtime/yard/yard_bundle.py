"""Capture bundles of corrected labels: what inspectors said, with its pictures, for the data team.

The form is version 2 of the bundle that docs/datasets.md describes and `ferrogate data import bundle` reads;
the two sides share the form, never code. Pictures are pieces of the strips, or photos as they came. Only what
a person has gone through is `labelled`; around single corrections elsewhere a piece is cut that is not.
Neighbours: `yard_bundle_cuts` says which rows, `edge_runtime.bundles` writes those of balls.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np

from edge_runtime.bundles import COLUMNS as FIRST_COLUMNS
from edge_runtime.day.rules import Who
from edge_runtime.images import read_image
from edge_runtime.ledger.queries import utc_text
from edge_runtime.yard.corrections import standing
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.store_db import check_role, no_such
from edge_runtime.yard.store_errors import YardRefused
from edge_runtime.yard.store_types import Correction, RailView, StripPart
from edge_runtime.yard.yard_bundle_cuts import Cut, cuts_of
from vision.errors import ConfigError, LedgerError
from vision.types import UInt8Array

COLUMNS = (*FIRST_COLUMNS, "labelled", "gain", "corrections")
_HEADER_FILE, _TABLE_FILE, _FOLDER = "bundle.json", "bundle.csv", "pictures"
_LABELS = frozenset({"confirm", "dismiss", "correct", "add"})
#: a box's part that is smaller, after a picture's border cut it, shows nothing
_LEAST_PX = 1.0
_Row = dict[str, Any]


@dataclass(slots=True)
class YardBundleCount:
    """What went into a bundle: rails, pictures, those of them that a person has gone through, boxes,
    corrections.
    """

    rails: int = 0
    pictures: int = 0
    labelled: int = 0
    boxes: int = 0
    corrections: int = 0


def write_yard_bundle(
    store: YardStore,
    out: Path,
    who: Who | None,
    *,
    rails: Sequence[str] | None = None,
    since_utc_ns: int | None = None,
    station_name: str = "yard",
    progress: Callable[[int, int], None] | None = None,
) -> YardBundleCount:
    """Write a bundle, whole or not at all.

    Args:
        store: the yard's books.
        out: a folder that is not there yet.
        who: asks for it, and needs the permission `yard_export`; None: somebody with the files at hand.
        rails: names of the rails and photo sets; None: all of which somebody said something.
        since_utc_ns: only rails of which somebody said something since then.
        station_name: for the header; groups of pictures are named by it.
        progress: told (rails done, rails in all).

    Raises:
        YardRefused: 'not_allowed', 'no_such_rail', or 'nothing_to_export'.
        ConfigError: `out` is there already.
        ImageError: a strip's picture is missing or broken.
        LedgerError: the books or the bundle refuse.
    """
    if who is not None:
        check_role(who, "yard_export")
    if out.exists():
        raise ConfigError("there is something here already", where=str(out), todo="give another name")
    part = out.with_name(f".{out.name}.part")
    count = YardBundleCount()
    try:
        shutil.rmtree(part, ignore_errors=True)
        (part / _FOLDER).mkdir(parents=True)
        rows, header = _fill(store, part, _chosen(store, rails, since_utc_ns), count, progress)
        if not rows:
            raise YardRefused(
                "nothing_to_export",
                "nobody has gone through a rail of these, or corrected one",
                where=str(store.storage),
                todo="correct some, and say what was gone through",
            )
        with (part / _TABLE_FILE).open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(rows)
        text = json.dumps({**header, "station_name": station_name}, indent=1, ensure_ascii=False)
        (part / _HEADER_FILE).write_text(text + "\n", encoding="utf-8")
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


def _chosen(store: YardStore, rails: Sequence[str] | None, since_utc_ns: int | None) -> list[int]:
    """Numbers of the rails that are wanted and that somebody spoke of."""
    corrected = store.corrected_rails(since_utc_ns=since_utc_ns)
    if rails is None:
        return corrected
    known = {name: store.rail_named(name) for name in rails}
    for name, number in known.items():
        if number is None:
            raise no_such("no_such_rail", "rail", name)
    return [number for number in corrected if number in known.values()]


def _fill(
    store: YardStore,
    folder: Path,
    rails: Sequence[int],
    count: YardBundleCount,
    progress: Callable[[int, int], None] | None,
) -> tuple[list[_Row], dict[str, object]]:
    rows: list[_Row] = []
    labels: dict[str, None] = {}
    models: set[str] = set()
    for done, number in enumerate(rails):
        if progress is not None:
            progress(done, len(rails))
        view = store.rail(number)
        source = _Source(store.storage / view.folder, view.strips)
        before = len(rows)
        for index, cut in enumerate(cuts_of(view)):
            name, box = _write_picture(source, view, cut, index, folder)
            row = _row(view, cut, index, name, box, source.gain(cut.camera))
            labels |= dict.fromkeys(view.rail_map.thresholds)
            labels |= dict.fromkeys(entry["label"] for entry in row["findings"])
            count.boxes += len(row["findings"])
            count.corrections += len(row["corrections"])
            count.labelled += cut.labelled
            rows.append({**row, **{key: json.dumps(row[key]) for key in ("findings", "corrections")}})
        if len(rows) > before:
            count.rails += 1
            models.add(view.rail_map.model_sha256)
    count.pictures = len(rows)
    header: dict[str, object] = {
        "format": "ferrogate-capture-bundle",
        "version": 2,
        "station": "rail",
        "made_utc": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "labels": list(labels),
        "model_sha256": models.pop() if len(models) == 1 else "",
        "recipe_name": "",
        "recipe_sha256": store.grading.recipe_sha256,
    }
    return rows, header


class _Source:
    """The pictures of a rail; of each camera the one read last is kept."""

    def __init__(self, folder: Path, strips: Sequence[StripPart]) -> None:
        self._folder = folder
        self._strips = strips
        self._last: tuple[str, UInt8Array] | None = None

    def parts(self, camera: str) -> list[StripPart]:
        """Of one camera, from the first row on."""
        return sorted(
            (part for part in self._strips if part.camera == camera), key=lambda part: part.first_row
        )

    def gain(self, camera: str) -> float:
        """How many times brighter than the frames its pictures are."""
        return self.parts(camera)[0].gain

    def file(self, camera: str) -> Path:
        """Of a photo."""
        return self._folder / self.parts(camera)[0].file

    def rows(self, cut: Cut) -> UInt8Array:
        """The pixels of a cut, pieced together where it spans two pictures."""
        found = []
        for part in self.parts(cut.camera):
            first = max(cut.first_row, part.first_row) - part.first_row
            last = min(cut.last_row, part.first_row + part.rows) - part.first_row
            if last > first:
                found.append(self._picture(part)[first:last])
        return np.concatenate(found)

    def _picture(self, part: StripPart) -> UInt8Array:
        if self._last is None or self._last[0] != part.file:
            self._last = (part.file, read_image(self._folder / part.file).image)
        return self._last[1]


def _write_picture(
    source: _Source, view: RailView, cut: Cut, index: int, folder: Path
) -> tuple[str, tuple[float, float, float, float]]:
    """Write one picture; returns its name and what it shows of the strip: x1, y1, x2, y2 in strip pixels."""
    if view.kind == "photos":
        path = source.file(cut.camera)
        pixels = read_image(path).image
        name = f"{_FOLDER}/{view.rail_id}_{index:04d}{PurePosixPath(path.name).suffix.lower()}"
        shutil.copyfile(path, folder / name)
        return name, (0.0, 0.0, float(pixels.shape[1]), float(pixels.shape[0]))
    pixels = source.rows(cut)
    name = f"{_FOLDER}/{view.rail_id}_{index:04d}.png"
    _, data = cv2.imencode(".png", pixels)
    (folder / name).write_bytes(data.tobytes())
    left = source.parts(cut.camera)[0].left_px
    return name, (float(left), float(cut.first_row), float(left + pixels.shape[1]), float(cut.last_row))


def _row(
    view: RailView,
    cut: Cut,
    index: int,
    name: str,
    shown: tuple[float, float, float, float],
    gain: float,
) -> _Row:
    findings = []
    for finding in view.findings:
        box = _in_picture(finding.model_dump(mode="json"), cut.camera, shown)
        if box is not None and finding.state != "dismissed":
            findings.append(
                {
                    "label": finding.label,
                    "score": finding.score,
                    "xyxy_px": box,
                    "finding": finding.id,
                    "kind": finding.kind,
                    "state": finding.state,
                }
            )
    return {
        "file": name,
        "part": view.name,
        "camera": cut.camera,
        "view": index,
        "utc": utc_text(view.scanned_utc_ns),
        "verdict": "",
        "reasons": "",
        "findings": findings,
        "labelled": "yes" if cut.labelled else "no",
        "gain": f"{gain:g}",
        "corrections": [
            said
            for entry in standing(view.corrections)
            if entry.kind in _LABELS and (said := _said(entry, cut.camera, shown)) is not None
        ],
    }


def _said(entry: Correction, camera: str, shown: tuple[float, float, float, float]) -> dict[str, Any] | None:
    """A correction of something in this picture, boxes in its pixels; None where it is of nothing in it."""
    before, after = _brief(entry.before, camera, shown), _brief(entry.after, camera, shown)
    if before is None and after is None:
        return None
    return {
        "finding": entry.finding,
        "kind": entry.kind,
        "by": entry.by,
        "role": entry.role,
        "utc": utc_text(entry.utc_ns),
        "before": before,
        "after": None if entry.kind == "dismiss" else after,
        "reason": entry.reason,
    }


def _brief(
    finding: dict[str, Any] | None, camera: str, shown: tuple[float, float, float, float]
) -> dict[str, Any] | None:
    box = None if finding is None else _in_picture(finding, camera, shown)
    if finding is None or box is None:
        return None
    return {"label": finding["label"], "kind": finding["kind"], "xyxy_px": box}


def _in_picture(
    finding: dict[str, Any], camera: str, shown: tuple[float, float, float, float]
) -> list[float] | None:
    """The box of a finding in a picture's pixels, clipped to it; None where it does not show there."""
    for entry in finding["boxes"]:
        if entry["camera"] == camera:
            x1, y1, x2, y2 = entry["xyxy_px"]
            box = (max(x1, shown[0]), max(y1, shown[1]), min(x2, shown[2]), min(y2, shown[3]))
            if box[2] - box[0] < _LEAST_PX or box[3] - box[1] < _LEAST_PX:
                return None
            left, top = shown[0], shown[1]
            return [round(edge, 3) for edge in (box[0] - left, box[1] - top, box[2] - left, box[3] - top)]
    return None
