"""What a day in the rail yard leaves behind: books, papers, corrections that the data team can take in.

Neighbour: `test_yard_day_in_the_browser`.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import pypdf
from openpyxl import load_workbook

from datasets.records import read_coco
from edge_runtime.ledger.store import ledger_url
from edge_runtime.yard.recipe_file import load_yard_recipe
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.store_grading import RecipeGrading
from tests.edge.page.day_driver import PERSON
from tests.edge.page.yard_day_driver import RAILS, Inspector, Station, ferrogate

#: dangerous wherever it is taken for HTML
SUPPLIER = '<b onclick="x">«Ұлы жол»</b> <img src=x onerror="document.title=\'owned\'">'
CONTRACT, VEHICLE, RECEIVER = "№ 17/Қ от 01.11.2026", "61 234 567", "ТОО «Шар»"
REASON = "Көрінбеген жері көзбен қаралды <i>бәрі</i>"
PRINTED_NAME = "Ә. Ғаниқызы, қабылдаушы"
#: corrections of the first rail that are about findings
_OF_FINDINGS = {"confirm": 1, "correct": 2, "dismiss": 1, "add": 1}


def books_tell(station: Station, person: Inspector) -> None:
    """The books hold what was done, in its order, with the name of who did it."""
    storage = station.storage
    recipe = load_yard_recipe()
    store = YardStore.open(storage, ledger_url(storage), RecipeGrading(recipe))
    try:
        views = {name: store.rail(_known(store.rail_named(name))) for name in RAILS}
        wagon = store.wagon(1)
        acts = store.acts(wagon_id=1)
        looks = store.looks(open_only=False, limit=1000)
    finally:
        store.close()
    for name, view in views.items():
        corrections = [entry for entry in view.corrections if entry.role != "scan_file"]
        assert [entry.kind for entry in corrections] == [kind for rail, kind in person.done if rail == name]
        assert {(entry.by, entry.role) for entry in corrections} == {(PERSON, "inspector")}
        assert view.decision is not None
        assert (view.decision.grade, view.decision.reason, view.decision.holds) == (
            "downgraded",
            REASON,
            True,
        )
        assert view.facts.section == "R65"
        assert view.facts.length_m == 12.5
        assert view.wagon_id == 1
    first = views[RAILS[0]]
    states = [finding.state for finding in first.findings]
    assert {state: states.count(state) for state in ("confirmed", "corrected", "dismissed", "added")} == {
        "confirmed": 1, "corrected": 2, "dismissed": 1, "added": 1,
    }  # fmt: skip
    changed = next(entry for entry in first.corrections if entry.kind == "correct")
    assert changed.after is not None
    assert changed.after["kind"] == "attachment"
    assert (wagon.fields.supplier, wagon.fields.gross_kg, wagon.by) == (SUPPLIER, 92_400.5, PERSON)
    assert [(act.signed_by, act.act.number, act.superseded_by) for act in acts] == [(PERSON, 1, None)]
    answered = [look for look in looks if look.answer]
    assert [(look.answer, look.by) for look in answered] == [("clear", PERSON)] * bool(person.looked)
    told = json.loads(ferrogate("act", station.file, "list", "--json"))["acts"]
    assert [(line["signed_by"], line["vehicle"]) for line in told] == [(PERSON, VEHICLE)]


def _known(rail_id: int | None) -> int:
    assert rail_id is not None
    return rail_id


def act_papers_tell(papers: dict[str, Path], person: Inspector) -> None:
    """The act says the same as PDF, CSV and XLSX; what no camera saw is in it."""
    pages = pypdf.PdfReader(papers["pdf"]).pages
    close = _close("".join(page.extract_text() for page in pages))
    sheets = load_workbook(papers["xlsx"], read_only=True)
    cells = _close("".join(str(value) for row in _rows(sheets) for value in row if value is not None))
    table = papers["csv"].read_text(encoding="utf-8-sig")
    rows = list(csv.reader(io.StringIO(table), delimiter="," if person.language == "en" else ";"))
    lines = _close("".join(cell for row in rows for cell in row))
    # Of a long text in a narrow cell a PDF gives other cells' lines between its own.
    typed = (SUPPLIER, CONTRACT, VEHICLE, RECEIVER, "Р-12/26", "В-7", PRINTED_NAME, REASON.split()[0])
    assert ("68,400.5" if person.language == "en" else "68400,5") in close  # net, as it was weighed
    for text in (*typed, PERSON, *RAILS):
        for form, said in (("pdf", close), ("xlsx", cells), ("csv", lines)):
            assert _close(text) in said, (form, text)


def _rows(book: object) -> list[tuple[object, ...]]:
    return [row for sheet in book for row in sheet.iter_rows(values_only=True)]  # type: ignore[attr-defined]


def _close(text: str) -> str:
    """Without blanks: a paper breaks its lines where it must."""
    return "".join(text.split())


def bundle_tells(packed: Path, folder: Path) -> None:
    """The corrections are in the bundle with who, when, before and after; the data team takes it in."""
    with zipfile.ZipFile(packed) as file:
        file.extractall(folder / "bundle")
    (bundle,) = (folder / "bundle").iterdir()
    rows = list(csv.DictReader(io.StringIO((bundle / "bundle.csv").read_text(encoding="utf-8"))))
    assert {row["part"] for row in rows} == set(RAILS)
    assert all(row["labelled"] == "yes" for row in rows), "both rails were gone through"
    said = [(row, entry) for row in rows for entry in json.loads(row["corrections"])]
    # What lies on the border of two pictures is told in both.
    for kind, count in _OF_FINDINGS.items():
        found = {entry["finding"] for _, entry in said if entry["kind"] == kind}
        assert len(found) == count, (kind, found)
    for row, entry in said:
        assert row["part"] == RAILS[0]
        assert (entry["by"], entry["role"]) == (PERSON, "inspector")
        assert entry["utc"].startswith("20")
        assert (entry["before"] is None) == (entry["kind"] == "add")
        assert (entry["after"] is None) == (entry["kind"] == "dismiss")
    (changed,) = (
        entry for _, entry in said if entry["kind"] == "correct" and entry["after"]["kind"] == "attachment"
    )
    assert changed["before"]["kind"] != "attachment"
    assert changed["reason"] == "Бұл бекіткіш"
    words = (
        "--group-by",
        "field",
        "--licence",
        "own pictures",
        "--sensor",
        "yard_line_scan",
        "--source",
        "yard",
    )
    ferrogate("data", "import", "bundle", bundle, "--out", folder / "set", *words)
    taken = read_coco(folder / "set")
    assert len(taken.samples) == len(rows)
    marks = sum(len(sample.boxes) for sample in taken.samples)
    assert marks == sum(len(json.loads(row["findings"])) for row in rows)
