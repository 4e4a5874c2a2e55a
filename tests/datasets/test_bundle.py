"""Capture bundles: what a station sends becomes a data set to correct; a torn one is one clear error."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datasets.records import read_coco
from edge_runtime.cli import main
from tests.datasets.outside_sets import picture

TERMS = (
    "--licence",
    "own pictures",
    "--sensor",
    "ball station",
    "--source",
    "plant-3",
    "--group-by",
    "field",
)
HEADER = {
    "format": "ferrogate-capture-bundle", "version": 1, "station": "ball", "station_name": "line 2",
    "made_utc": "2026-11-22T10:00:00Z", "labels": ["crack", "lap"], "model_sha256": "ab" * 32,
    "recipe_name": "gost-40", "recipe_sha256": "cd" * 32,
}  # fmt: skip


def write(folder: Path, header: object, rows: list[dict[str, Any]]) -> None:
    (folder / "bundle.json").write_text(json.dumps(header), encoding="utf-8")
    with (folder / "bundle.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """Three views of two balls, pictures and all."""
    finding = [{"label": "crack", "score": 0.75, "xyxy_px": [10.5, 5, 30, 20]}]
    rows: list[dict[str, Any]] = []
    for number, (part, found) in enumerate((("7-0-12", finding), ("7-0-12", []), ("7-0-13", []))):
        name = f"pictures/{number}.png"
        picture(folder / name, number)
        rows.append(
            {
                "file": name, "part": part, "camera": "cam0", "view": number,
                "utc": "2026-11-22T09:59:00.123Z",
                "verdict": "reject" if found else "accept", "reasons": "defect" if found else "",
                "findings": json.dumps(found),
            }
        )  # fmt: skip
    return rows


def bundle(folder: Path) -> Path:
    write(folder, HEADER, rows_of(folder))
    return folder


def test_a_bundle_becomes_a_data_set_grouped_by_part(tmp_path: Path) -> None:
    src = bundle(tmp_path)
    assert main(["data", "import", "bundle", str(src), "--out", str(tmp_path / "set"), *TERMS]) == 0
    data = read_coco(tmp_path / "set")
    assert data.labels == ("crack", "lap")
    assert [sample.group for sample in data.samples] == ["line 2/7-0-12"] * 2 + ["line 2/7-0-13"]
    first = data.samples[0]
    assert first.boxes[0].xyxy_px == (10.5, 5.0, 30.0, 20.0)
    assert first.boxes[0].attributes == {"score": 0.75, "from": "model"}
    assert first.truth["station_verdict"] == "reject"
    kept = data.info["bundle"]
    assert isinstance(kept, dict)
    assert kept["model_sha256"] == "ab" * 32


Change = Callable[[Path, dict[str, Any], list[dict[str, Any]]], object]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda folder, header, rows: header.update(version=3), "bundle.json"),
        # the second version has more columns than this one
        (lambda folder, header, rows: header.update(version=2), "the columns are not"),
        (lambda folder, header, rows: header.update(station="bolt"), "bundle.json"),
        (lambda folder, header, rows: (folder / "pictures" / "1.png").unlink(), "is missing"),
        (lambda folder, header, rows: picture(folder / "pictures" / "9.png"), "does not name 9.png"),
        (lambda folder, header, rows: rows[1].update(file="pictures/0.png"), "does not name"),
        (lambda folder, header, rows: rows[0].update(findings="[{"), "line 2"),
        (lambda folder, header, rows: rows[0].update(findings='[{"label": "crack"}]'), "line 2"),
        (lambda folder, header, rows: rows[0].update(verdict="perhaps"), "line 2"),
        (lambda folder, header, rows: header.update(labels=["lap"]), "no label 'crack'"),
        (lambda folder, header, rows: [row.pop("utc") for row in rows], "the columns are not"),
    ],
)
def test_a_torn_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Change, says: str) -> None:
    rows, header = rows_of(tmp_path), dict(HEADER)
    change(tmp_path, header, rows)
    write(tmp_path, header, rows)
    assert main(["data", "import", "bundle", str(tmp_path), "--out", str(tmp_path / "set"), *TERMS]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "set").exists()
