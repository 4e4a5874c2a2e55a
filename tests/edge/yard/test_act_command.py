"""`ferrogate act`: acts that were signed in real books, listed, shown, written, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from pypdf import PdfReader

from edge_runtime.cli import main
from edge_runtime.ledger.store import ledger_url
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.store_types import parse_wagon
from tests.edge.yard.yard_books import AIGUL, UTC_NS, WAGON, Clock, open_store, ready_wagon

NAME = '=HYPERLINK("http://example.org")<b>ТОО</b>'


@pytest.fixture
def store(tmp_path: Path) -> Iterator[YardStore]:
    books = open_store(tmp_path)
    yield books
    books.close()


def _sign(store: YardStore, wagon_id: int, **how: Any) -> None:
    draft = store.draft_act(wagon_id, **how)
    store.sign_act(wagon_id, AIGUL, seen_sha256=draft.sha256, name="Әйгүл Нұрғалиева", **how)


@pytest.fixture
def books(store: YardStore, tmp_path: Path) -> Path:
    """Acts 1 and 2 of 2027: the second supersedes the first; and wagon 2 without an act."""
    wagon = ready_wagon(store)
    _sign(store, wagon)
    fields = parse_wagon({**WAGON, "supplier": NAME})
    store.change_wagon(wagon, fields, AIGUL, seen_revision=store.wagon(wagon).revision)
    _sign(store, wagon, supersedes=store.acts()[0].act, reason="wrong supplier")
    store.add_wagon(parse_wagon({"vehicle": "777", "supplier": "Б"}), AIGUL)
    return tmp_path


def _json(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["act", *words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def _refused(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> str:
    assert main(["act", *words]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 3
    return said.err


def test_list_tells_acts_and_drafts(books: Path, capsys: pytest.CaptureFixture[str]) -> None:
    acts = _json(capsys, str(books), "list")["acts"]
    assert [(row["act"], row["supersedes"], row["superseded_by"], row["supplier"]) for row in acts] == [
        ("2/2027", "1/2027", None, NAME),
        ("1/2027", None, "2/2027", "ТОО «Темір»"),
    ]
    assert acts[0]["signed_by"] == "Әйгүл"
    drafts = _json(capsys, str(books), "list", "--drafts")["drafts"]
    assert [(row["draft"], row["vehicle"], row["rails"]) for row in drafts] == [("draft:2", "777", 0)]
    assert main(["act", str(books), "list"]) == 0
    assert "2/2027" in capsys.readouterr().out


def test_show_tells_an_act_in_short_and_whole(books: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["act", str(books), "show", "1"]) == 0
    text = capsys.readouterr().out
    assert "signed by Әйгүл Нұрғалиева" in text
    assert "SUPERSEDED by 2/2027" in text
    assert "R-118 2027-01-14" in text
    whole = _json(capsys, str(books), "show", "2/2027")
    assert whole["superseded_by"] is None
    assert whole["content"]["supersedes_reason"] == "wrong supplier"
    assert whole["grades"] == {"downgraded": 1}
    assert whole["net_kg"] == pytest.approx(59_200.0)
    assert len(whole["sha256"]) == 64


@pytest.mark.parametrize(
    ("suffix", "language"), [(".pdf", "ru"), (".html", "kk"), (".csv", "en"), (".xlsx", "kk")]
)
def test_export_writes_every_form(
    books: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, suffix: str, language: str
) -> None:
    out = tmp_path / f"act{suffix}"
    told = _json(capsys, str(books), "export", "2/2027", "--out", str(out), "--language", language)
    assert (told["file"], told["signed"], told["missing"]) == (str(out), True, [])
    sha256 = _json(capsys, str(books), "show", "2/2027")["sha256"]
    if suffix == ".pdf":
        text = " ".join(page.extract_text() for page in PdfReader(out).pages)
        assert "2/2027" in text
        assert NAME in text
        assert sha256[:40] in text
    elif suffix == ".xlsx":
        book = openpyxl.load_workbook(out)
        values = [cell.value for row in book.worksheets[0].iter_rows() for cell in row]
        assert NAME in values
        assert 59_200.0 in values
        assert sha256 in values
    else:
        text = out.read_text("utf-8")
        assert sha256 in text
        assert "<b>ТОО" not in text if suffix == ".html" else f"'{NAME[:11]}" in text


def test_superseded_act_and_draft_are_marked(
    books: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    old, draft = tmp_path / "old.pdf", tmp_path / "draft.pdf"
    told = _json(capsys, str(books), "export", "1/2027", "--out", str(old))
    assert told["superseded_by"] == "2/2027"
    pages = [page.extract_text() for page in PdfReader(old).pages]
    assert all("ЗАМЕНЁН АКТОМ № 2/2027" in page for page in pages)
    told = _json(capsys, str(books), "export", "draft:2", "--out", str(draft), "--language", "kk")
    assert told["act"] is None
    assert "radiation" in told["missing"]
    assert "rails" in told["missing"]
    assert all("ЖОБА" in page.extract_text() for page in PdfReader(draft).pages)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("show", "9/2027"), 12, "9/2027"),
        (("show", "draft:99"), 12, "99"),
        (("show", "7"), 2, "there is no act 7"),
        (("show", "twelve"), 2, "names no act"),
        (("export", "1/2027", "--out", "act.docx"), 13, ".xlsx"),
        (("export", "1/2027", "--out", "no/such/folder/act.pdf"), 13, "cannot be written"),
        (("export", "1/2027", "--out", "act.pdf", "--language", "de"), 2, "invalid choice"),
        (("list", "--limit", "0"), 2, "between 1 and 10000"),
    ],
)
def test_what_cannot_be_is_refused(
    books: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(books)
    assert message in _refused(capsys, code, str(books), *words)
    assert not list(books.glob("act.*"))


def test_number_of_two_years_must_be_told_apart(
    books: Path, store: YardStore, capsys: pytest.CaptureFixture[str]
) -> None:
    store.utc_ns = Clock(UTC_NS + 366 * 86_400 * 1_000_000_000)
    _sign(store, ready_wagon(store, "rail-2"))
    assert "of the years 2027, 2028" in _refused(capsys, 2, str(books), "show", "1")


def test_damaged_act_is_not_printed(
    books: Path, store: YardStore, capsys: pytest.CaptureFixture[str]
) -> None:
    with store.engine.begin() as connection:
        named = sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'yard_act'")
        for (trigger,) in list(connection.execute(named)):  # somebody with the file and a database tool
            connection.execute(sa.text(f"DROP TRIGGER {trigger}"))
        connection.execute(sa.text("UPDATE yard_act SET content = json_set(content, '$.gross_kg', 99999.0)"))
    said = _refused(capsys, 12, str(books), "export", "2/2027", "--out", str(books / "act.pdf"))
    assert "is not what was signed" in said
    assert not (books / "act.pdf").exists()


def test_folder_without_a_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = _refused(capsys, 8, str(tmp_path), "list")
    assert "no ledger" in said
    assert str(ledger_url(tmp_path))[-10:] in said
