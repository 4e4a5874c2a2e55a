"""A shift with ten thousand rejects: bounded pages for people, every ball for machines."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from pypdf import PdfReader

from edge_runtime.cli import main
from edge_runtime.day.acts import CloseShift, OpenLot, OpenShift
from edge_runtime.entries import PartEntry
from tests.edge.shifts.shift_samples import REASONS, Line, recipe, store

pytestmark = pytest.mark.long

REJECTS = 10_000


@pytest.fixture(scope="module")
def long_shift(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long")
    line = Line(recipe())
    line.stands()
    line.do(OpenShift(name="long"))
    line.do(OpenLot(name="lot 7", product=line.recipe.product))
    line.balls(REJECTS, every_s=0.5, bad_every=1)
    line.balls(500, every_s=0.5, bad_every=1000)
    line.do(CloseShift())
    line.pictured = line.pictured[:400]
    store(line, folder)
    for path in list((folder / "pictures").rglob("*.jpg"))[::2]:
        path.unlink()  # as the size budget does
    assert sum(isinstance(entry, PartEntry) for entry in line.entries) == REJECTS + 500
    return folder


def _write(folder: Path, out: Path, *more: str) -> None:
    words = ["shift", str(folder), "report", "long", "--out", str(out), "--language", "en", *more]
    assert main([*words, "--utc-offset", "5"]) == 0


def test_paper_has_few_pages_and_says_where_the_rest_is(long_shift: Path, tmp_path: Path) -> None:
    _write(long_shift, tmp_path / "long.pdf")
    pages = [page.extract_text() for page in PdfReader(tmp_path / "long.pdf").pages]
    assert len(pages) <= 12
    flat = " ".join(" ".join(pages).split())
    assert "10,000 balls were not accepted. The table shows 50 of them" in flat
    assert "are in the CSV of this report" in flat
    assert "Pictures of 24 of 400 rejects that have one" in flat
    assert "are not in the storage any more" in flat
    assert sum(len(page.images) for page in PdfReader(tmp_path / "long.pdf").pages) >= 24
    assert (tmp_path / "long.pdf").stat().st_size < 2_000_000


def test_page_is_small(long_shift: Path, tmp_path: Path) -> None:
    _write(long_shift, tmp_path / "long.html")
    page = (tmp_path / "long.html").read_text("utf-8")
    assert page.count("data:image/jpeg") == 24
    assert page.count("<tr>") < 250
    assert len(page) < 3_000_000


@pytest.mark.parametrize("excel", [False, True])
def test_csv_is_complete(long_shift: Path, tmp_path: Path, excel: bool) -> None:
    _write(long_shift, tmp_path / "long.csv", *(["--excel"] if excel else []))
    text = (tmp_path / "long.csv").read_text("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    start = rows.index(["All balls that were not accepted"])
    head = rows[start + 1]
    listed = rows[start + 2 : start + 2 + REJECTS]
    assert [row[0] for row in listed] == [f"1-0-{number}" for number in range(1, REJECTS + 1)]
    code = head.index("Code")
    assert {row[code] for row in listed} == set(REASONS)
    assert len(rows[start + 2 + REJECTS :]) < 20  # lines to sign on, and nothing of a ball
