"""Capture bundles from anybody: paths that lead out, links, absurd figures; a data set or one error.

Whatever a bundle says, nothing is written but the data set that was asked for, and that whole or not at all.
"""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.bundle import import_bundle, read_bundle
from datasets.errors import DataError
from datasets.records import read_coco
from edge_runtime.cli import main
from tests.datasets.outside_sets import picture
from tests.datasets.test_bundle import HEADER, TERMS, rows_of, write
from tests.fuzz.strategies import DEEP_JSON, LONG_NUMBER, TEXTS, fuzzed, mutants, one_answer, torn
from vision.errors import FerrogateError


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    write(folder, HEADER, rows_of(folder))
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place")


def fresh(whole: Path, place: Path) -> Path:
    """A copy of the whole bundle to spoil, alone in its folder."""
    shutil.rmtree(place / "bundle", ignore_errors=True)
    shutil.rmtree(place / "set", ignore_errors=True)
    return Path(shutil.copytree(whole, place / "bundle"))


def take(folder: Path) -> list[Any] | FerrogateError:
    found = one_answer(lambda: import_bundle(folder)[0])
    if isinstance(found, FerrogateError):
        assert isinstance(found, DataError)
        return found
    for item in found:
        assert item.path.resolve().is_relative_to(folder.resolve())
        assert ".." not in item.name
    return found


def cells(folder: Path) -> list[dict[str, Any]]:
    with (folder / "bundle.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@fuzzed(50)
@given(header=mutants(HEADER))
def test_any_header(whole: Path, place: Path, header: Any) -> None:
    folder = fresh(whole, place)
    (folder / "bundle.json").write_text(json.dumps(header), encoding="utf-8")
    take(folder)


@fuzzed(50)
@given(data=st.data())
def test_any_cells(whole: Path, place: Path, data: st.DataObject) -> None:
    folder = fresh(whole, place)
    rows = cells(folder)
    for _ in range(data.draw(st.integers(1, 3))):
        row = data.draw(st.sampled_from(rows))
        name = data.draw(st.sampled_from(sorted(row)))
        if name == "findings" and row[name]:
            row[name] = json.dumps(data.draw(mutants(json.loads(row[name]))))
        else:
            row[name] = data.draw(TEXTS).encode("utf-8", "replace").decode()
        if len(row["findings"]) > 3 and not row["findings"].startswith("["):
            row["findings"] = ""
    write(folder, HEADER, rows)
    take(folder)


@fuzzed(50)
@given(data=st.data(), name=st.sampled_from(["bundle.json", "bundle.csv", "pictures/0.png"]))
def test_torn_files(whole: Path, place: Path, data: st.DataObject, name: str) -> None:
    folder = fresh(whole, place)
    file = folder / name
    file.write_bytes(data.draw(torn(file.read_bytes())))
    take(folder)


@pytest.mark.parametrize(
    "text", [*DEEP_JSON, LONG_NUMBER, '{"version": ' + LONG_NUMBER + "}", "\0", "\ufeff{}"]
)
def test_texts_that_break_a_parser(whole: Path, place: Path, text: str) -> None:
    folder = fresh(whole, place)
    (folder / "bundle.json").write_text(text, encoding="utf-8")
    assert isinstance(take(folder), DataError)
    folder = fresh(whole, place)
    rows = cells(folder)
    rows[0]["findings"] = text
    write(folder, HEADER, rows)
    assert isinstance(take(folder), DataError)


@pytest.mark.parametrize(
    "name",
    ["../outside.png", "/etc/hostname", "pictures/../../outside.png", "pictures/0.png/../../../x", "a\0b"],
)
def test_paths_that_lead_out(whole: Path, place: Path, name: str) -> None:
    folder = fresh(whole, place)
    picture(place / "outside.png", 5)
    rows = cells(folder)
    rows[0]["file"] = name
    write(folder, HEADER, rows)
    assert isinstance(take(folder), DataError)


def test_a_link_that_leads_out_is_refused(whole: Path, place: Path) -> None:
    picture(place / "private.png", 5)
    folder = fresh(whole, place)
    (folder / "pictures" / "0.png").unlink()
    (folder / "pictures" / "0.png").symlink_to(place / "private.png")
    found = take(folder)
    assert isinstance(found, DataError)
    assert "leads out" in found.what
    # A folder that is a link is not gone into.
    folder = fresh(whole, place)
    shutil.move(folder / "pictures", place / "elsewhere")
    (folder / "pictures").symlink_to(place / "elsewhere")
    assert isinstance(take(folder), DataError)
    shutil.rmtree(place / "elsewhere")


def test_a_table_of_a_million_rows_names_pictures_that_are_not_there(whole: Path, place: Path) -> None:
    folder = fresh(whole, place)
    line = (folder / "bundle.csv").read_text(encoding="utf-8").splitlines()[-1]
    with (folder / "bundle.csv").open("a", encoding="utf-8") as file:
        file.write((line + "\n") * 20_000)
    assert isinstance(take(folder), DataError)
    with (folder / "bundle.csv").open("a", encoding="utf-8") as file:
        file.write('"' + "x" * 1_000_000)
    assert isinstance(one_answer(lambda: read_bundle(folder)), DataError)


@fuzzed(12)
@given(data=st.data())
def test_the_command_writes_the_set_or_nothing(
    whole: Path, place: Path, data: st.DataObject, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = fresh(whole, place)
    before = {path for path in place.rglob("*") if path.is_relative_to(folder) is False}
    name = data.draw(st.sampled_from(["bundle.json", "bundle.csv"]))
    (folder / name).write_bytes(data.draw(torn((folder / name).read_bytes())))
    code = main(["data", "import", "bundle", str(folder), "--out", str(place / "set"), *TERMS])
    capsys.readouterr()
    after = {path for path in place.rglob("*") if path.is_relative_to(folder) is False}
    if code == 0:
        assert read_coco(place / "set").samples
        assert all(path.is_relative_to(place / "set") for path in after - before)
    else:
        assert code == DataError.exit_code
        assert after == before
