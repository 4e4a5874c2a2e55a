"""`ledger bundle`: the pictures of chosen parts as the data team's importer reads them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import sqlalchemy as sa

from datasets.bundle import COLUMNS as READ_COLUMNS
from datasets.records import read_coco
from edge_runtime.bundles import COLUMNS, Station, write_bundle
from edge_runtime.cli import main
from edge_runtime.entries import Entry, FindingRow, ViewRow
from edge_runtime.ledger.apply import Applier
from edge_runtime.ledger.queries import PartFilter
from edge_runtime.ledger.statements import PictureRecord
from edge_runtime.ledger.store import ledger_url, open_ledger, reading
from edge_runtime.page.crops import crop_of
from tests.edge.core_rig import station
from tests.edge.ledger_samples import epoch, outcome, part, placed, session
from vision.errors import ConfigError, LedgerError
from vision.types import PartId

NAME = "pictures/2026-11-22/10/1-0-{}_left_0.jpg"


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    return tmp_path / "books"


@pytest.fixture
def ledger(storage: Path) -> Iterator[sa.Engine]:
    """Three parts: one with a crack, one good, and one whose picture was taken away."""
    storage.mkdir()
    box = crop_of(station(), "left", 0, 40.0, 0, 318, 1600)
    assert box is not None
    crack = FindingRow("crack", 0.75, (box[0] + 5.0, box[1] + 6.0, box[0] + 25.0, box[1] + 30.0))
    begun = session()
    object.__setattr__(begun, "recipe", {"product": "ball 40", "size": {"nominal_mm": {"value": 40.0}}})
    entries: list[Entry] = [begun, epoch()]
    pictures = []
    for seq, findings in ((1, (crack,)), (2, ()), (3, ())):
        view = ViewRow("left", 0, 100, 1600, 9000, "ok", findings=findings)
        decision = "reject" if findings else "accept"
        entries.append(
            part(seq, trigger_encoder_count=0, decision=decision, views=(view,), views_due=1, utc_ns=1 << 61)
        )
        entries.append(outcome(seq, verdict=decision))
        name = NAME.format(seq)
        pictures.append(PictureRecord(PartId(1, 0, seq), "left", 0, decision, name, 9, seq))
        if seq != 3:
            (storage / name).parent.mkdir(parents=True, exist_ok=True)
            shape = (box[3] - box[1], box[2] - box[0])
            assert cv2.imwrite(str(storage / name), np.full(shape, 80 + seq, np.uint8))
    engine = open_ledger(ledger_url(storage))
    Applier(engine).apply(placed(entries), pictures=pictures)
    yield engine
    engine.dispose()


def _station(storage: Path, tmp_path: Path) -> Station:
    file = tmp_path / "station.yaml"
    file.write_text("older than the parts\n", encoding="utf-8")
    return Station(storage, station(storage={"folder": str(storage)}), file)


def test_a_bundle_is_what_the_importer_reads(ledger: sa.Engine, storage: Path, tmp_path: Path) -> None:
    assert COLUMNS == READ_COLUMNS
    with reading(ledger) as connection:
        count = write_bundle(
            connection, storage, _station(storage, tmp_path), PartFilter(), tmp_path / "bundle"
        )
    assert (count.pictures, count.parts, count.gone, count.not_placed) == (2, 2, 1, 0)
    words = ["--licence", "own", "--sensor", "ball station", "--source", "line-1", "--group-by", "field"]
    assert (
        main(["data", "import", "bundle", str(tmp_path / "bundle"), "--out", str(tmp_path / "set"), *words])
        == 0
    )
    data = read_coco(tmp_path / "set")
    shown = {sample.group: sample for sample in data.samples}
    assert set(shown) == {"line-1/1-0-1", "line-1/1-0-2"}
    assert shown["line-1/1-0-1"].boxes[0].xyxy_px == (5.0, 6.0, 25.0, 30.0)  # from frame to picture
    assert shown["line-1/1-0-1"].truth["station_verdict"] == "reject"
    assert shown["line-1/1-0-2"].boxes == ()
    assert data.labels == ("crack",)


def test_without_the_station_file_findings_are_left_open(
    ledger: sa.Engine, storage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "ledger",
        str(storage),
        "bundle",
        "--verdict",
        "reject",
        "--out",
        str(tmp_path / "bundle"),
        "--json",
    ]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) | {"out": ""} == {
        "out": "", "pictures": 1, "parts": 1, "gone": 0, "not_placed": 1,
    }  # fmt: skip
    with (tmp_path / "bundle" / "bundle.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["part"], row["verdict"], row["findings"]) == ("1-0-1", "reject", "")
    header = json.loads((tmp_path / "bundle" / "bundle.json").read_text(encoding="utf-8"))
    assert (header["model_sha256"], header["recipe_name"], header["labels"]) == (
        "b" * 64,
        "ball 40",
        ["crack"],
    )


def test_nothing_to_send_and_a_place_that_is_taken(ledger: sa.Engine, storage: Path, tmp_path: Path) -> None:
    with reading(ledger) as connection:
        with pytest.raises(LedgerError, match="no part that fits"):
            write_bundle(connection, storage, None, PartFilter(epoch=9), tmp_path / "bundle")
        with pytest.raises(ConfigError, match="something here already"):
            write_bundle(connection, storage, None, PartFilter(), storage)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["books"]
    assert main(["ledger", str(storage), "bundle"]) == 2  # --out is missing
