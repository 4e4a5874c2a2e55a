"""An act on paper, in three languages: what it must say; drafts, superseded acts, very long ones."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import openpyxl
import pytest
from pypdf import PdfReader

from edge_runtime.reports.document import Fact, KeyValues, LongTable, Report, Table
from edge_runtime.reports.words import LANGUAGES, Language, load_words
from edge_runtime.reports.write import report_bytes
from edge_runtime.yard.act_content import ActContent, PictureKind, VehicleKind
from edge_runtime.yard.act_document import act_report, missing_lines
from edge_runtime.yard.act_words import reason_text
from edge_runtime.yard.note_words import note_text
from edge_runtime.yard.store_types import SCAN_FILE
from tests.edge.yard.act_samples import act, finding, photos, rail
from vision.rail_map.notes import NOTE_CODES
from vision.rail_map.types import Element, Note, UnseenCause
from vision.yard.coverage import NOT_INSPECTED_CODES
from vision.yard.reasons import REASON_CODES
from vision.yard.recipe_rules import RANKS
from vision.yard.types import (
    Action,
    CutReason,
    FactWord,
    FindingState,
    GradeReason,
    GradeWord,
    Section,
    SeenBy,
)

WORDS = load_words("en", 5)


@dataclass(frozen=True)
class Newer:
    year: int = 2026
    number: int = 15


def _report(content: ActContent, language: Language = "en", **more: Any) -> Report:
    return act_report(content, load_words(language, 5), **{"sha256": content.sha256(), **more})


def _pages(report: Report) -> list[str]:
    reader = PdfReader(io.BytesIO(report_bytes(report, ".pdf")))
    return [re.sub(r"\s+", " ", page.extract_text()) for page in reader.pages]


def _facts(report: Report) -> Iterator[Fact]:
    yield from report.facts
    for section in report.sections:
        for block in section.blocks:
            if isinstance(block, KeyValues):
                yield from block.facts


def _table(report: Report, key: str) -> Table | LongTable:
    title = WORDS(key)
    return next(
        block
        for section in report.sections
        for block in section.blocks
        if isinstance(block, Table | LongTable) and (block.title or section.title) == title
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_signed_act_says_all_that_intake_asks_for(language: Language) -> None:
    report = _report(act(photos=(photos(),)), language)
    text, page = " ".join(_pages(report)), report_bytes(report, ".html").decode()
    typed = (
        *(
            "12/2026",
            "ТОО «Шар прокат»",
            "ТОО «Павлодар Вторчермет»",
            "Қасымов Ғ. Ө.",
            "№ 17/26 от 12.01.2026",
        ),
        *("52 341 877", "3А", "№ 3 — рельсы изношенные", "РК-0456", "«Сәуле» зертханасы", "ВБ-91"),
    )
    point = "." if language == "en" else ","
    masses = (
        ("84,350", "22,800", "61,550", "60,627")
        if language == "en"
        else ("84 350", "22 800", "61 550", "60 627")
    )
    figures = (*masses, f"1{point}50 %", f"12{point}50", f"11{point}7", "675", f"9{point}80")
    codes = ("11.1-2", "2222", "26.3", "421", "20.1-2", "211", "L-1456-01", "cdcdcd", "ababab", "aigul")
    missing = [item for item in (*typed, *figures, *codes) if item not in text]
    assert missing == []
    assert act().sha256()[:32] not in text  # the act with photos has another hash
    words = load_words(language)
    for key in ("yard_grade.feed_with_cuts", "yard_seen.not_seen", "yard_not_inspected.inner_cracks"):
        assert words(key) in page  # on paper a cell's words may stand on several lines
    assert "yard_" not in text
    assert "yard_" not in page


@pytest.mark.parametrize(("language", "net"), [("ru", "61 550,5 кг"), ("en", "61,550.5 kg")])
def test_a_mass_is_told_as_it_was_weighed(language: Language, net: str) -> None:
    text = " ".join(_pages(_report(act(gross_kg=84_350.5), language)))
    assert net in text
    assert net.replace("61", "84").replace("550", "350") in text
    assert net.replace(",5 ", ",50 ").replace(".5 ", ".50 ") not in text


def test_signature_of_the_receiver_is_an_account_and_the_deliverer_has_a_line() -> None:
    report = _report(act())
    assert [(line.role, line.name) for line in report.signatures] == [("Delivered by", "Қасымов Ғ. Ө.")]
    signed = next(fact.value for fact in _facts(report) if fact.label.startswith("Received by"))
    assert signed == "Әйгүл Қуанышқызы Нұрғалиева, 2026-03-01\u00a017:00\naccount: aigul"


@pytest.mark.parametrize(("language", "mark"), [("ru", "ПРОЕКТ"), ("kk", "ЖОБА"), ("en", "DRAFT")])
def test_draft_is_marked_on_every_page_and_says_what_it_lacks(language: Language, mark: str) -> None:
    rails = tuple(
        rail(f"R-{number}", decided=None if number == 3 else "feed_with_cuts") for number in range(30)
    )
    content = act(signed=False, act_date=None, radiation=None, rails=rails)
    report = _report(content, language)
    pages = _pages(report)
    assert len(pages) > 3
    assert [mark in page for page in pages] == [True] * len(pages)
    assert report.signatures == ()
    words = load_words(language)
    assert words("yard_missing.radiation") in pages[0]
    assert f"{words('yard_missing.decision')}: R-3" in pages[0]


def test_superseded_act_names_its_successor_on_every_page() -> None:
    report = _report(act(rails=tuple(rail(f"R-{number}") for number in range(40))), superseded_by=Newer())
    pages = _pages(report)
    assert len(pages) > 3
    assert all("SUPERSEDED BY ACT No. 15/2026" in page for page in pages)
    assert report.signatures == ()
    assert "Қасымов Ғ. Ө." in pages[-1]


def test_act_that_supersedes_says_which_and_why() -> None:
    content = act(supersedes=3, supersedes_year=2025, supersedes_reason="wrong tare")
    text = _pages(_report(content))[0]
    assert "in place of act No. 3/2025" in text
    assert "Reason: wrong tare" in text


def test_what_people_decided_and_why_is_printed() -> None:
    bad = rail("R-9", decided="rejected", why="A closed <b>vessel</b> under the foot")
    report = _report(act(rails=(rail(), bad)))
    rows = _table(report, "yard_act.decisions_section").rows
    assert list(rows) == [
        (
            "R-9",
            "feed after cutting",
            "rejected",
            "Әйгүл Қуанышқызы Нұрғалиева, 2026-03-01\u00a017:00",
            "A closed <b>vessel</b> under the foot",
        )
    ]
    assert "&lt;b&gt;vessel&lt;/b&gt;" in report_bytes(report, ".html").decode()


def test_rejected_rails_yield_nothing_and_undecided_ones_are_not_counted() -> None:
    rails = (rail("A"), rail("B", decided="rejected", why="x"), rail("C", grade="human", decided="human"))
    facts = {fact.label: fact.value for fact in _facts(_report(act(rails=rails)))}
    assert facts["Usable length (known of 2 of 3)"] == pytest.approx(11.735)
    assert facts["Usable mass (known of 2 of 3)"] == pytest.approx(758.7)
    assert facts["Yield by length"] == pytest.approx(100 * 11.735 / 25.0)
    assert facts["Value of the usable mass (known of 2 of 3)"] == pytest.approx(151_740.0)


def test_figures_that_nobody_knows_are_dashes_never_zero() -> None:
    bare = rail("A", bolt_holes=None)
    grade = bare.grade.model_copy(update={"length_m": None, "usable_length_m": None, "cut_list": None})
    report = _report(act(rails=(bare.model_copy(update={"grade": grade}),)))
    facts = {fact.label: fact.value for fact in _facts(report)}
    assert facts["Bolt holes"] is None
    assert facts["Usable length"] is None
    assert _table(report, "yard_act.pieces_section").rows[0] == (  # type: ignore[index]  # a tuple here
        "R65",
        1,
        None,
        808.1,
        "length known of 0 of 1",
    )


def test_defects_are_counted_by_code_without_the_dismissed() -> None:
    report = _report(act(rails=(rail("A"), rail("B", state="unconfirmed")), photos=(photos(),)))
    assert list(_table(report, "yard_act.defects_section").rows) == [
        ("11.1-2", "2222", "spalling of the head", 2, 1, 2, 0),
        ("26.3", "421", "weld", 3, 2, 3, 2),
    ]
    listed = list(_table(report, "yard_act.all_findings").rows)
    assert len(listed) == 7
    assert sum("dismissed by a person" in row for row in listed) == 2


def test_nobody_looked_is_said_for_each_code() -> None:
    rows = {row[2]: row[3:] for row in _table(_report(act()), "yard_act.coverage").rows}
    assert rows == {
        "spalling of the head": ("model", None),
        "weld": ("inspector", "found: 1"),
        "closed vessel": ("inspector", "none: 1"),
        "inner crack": ("nobody", "not filled in: 1"),
    }


def test_formula_for_a_supplier_stays_text_in_every_form() -> None:
    name = '=HYPERLINK("http://example.org","<i>click</i>")'
    report = _report(act(supplier=name, rails=(rail(name),)))
    book = openpyxl.load_workbook(io.BytesIO(report_bytes(report, ".xlsx")))
    cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
    assert sum(cell.value == name for cell in cells) > 3
    assert not any(cell.data_type == "f" or cell.hyperlink for cell in cells)
    fields = [
        field for row in csv.reader(io.StringIO(report_bytes(report, ".csv").decode())) for field in row
    ]
    assert not any(field.startswith("=") for field in fields)
    assert f"'{name}" in fields
    assert "<i>" not in report_bytes(report, ".html").decode()


def test_two_hundred_rails_lose_none_and_long_lists_go_to_the_table_files() -> None:
    found = tuple(finding(f"f{number}", "spall", 0.2 * number) for number in range(5))
    rails = tuple(rail(f"R{number:03d}", findings=found) for number in range(200))
    report = _report(act(rails=rails, supplier="Ж" * 400), "kk")
    text = " ".join(_pages(report))
    assert [f"R{number:03d}" in text for number in range(200)] == [True] * 200
    book = openpyxl.load_workbook(io.BytesIO(report_bytes(report, ".xlsx")), read_only=True)
    rows = {sheet.title: sum(1 for _ in sheet.iter_rows()) for sheet in book.worksheets}
    assert rows["Барлық табылғандар"] == 2 + 1000
    assert rows["Рельстер толығымен"] == 2 + 200
    assert rows["Кесіп алынсын"] == 2 + 400


def test_without_a_scale_places_are_rows_and_sizes_dashes() -> None:
    report = _report(act(rails=(rail(findings=(finding("f1", "weld", None),)),)))
    row = next(iter(_table(report, "yard_act.findings_section").rows))
    assert row[4:7] == ("rows 100–160", None, None)
    reason = GradeReason(
        code="finding",
        action="cut",
        values={"kind": "weld", "start_m": None, "length_mm": None},
        finding="f1",
    )
    assert (
        reason_text(reason, act(), WORDS) == "weld; without a scale, place and size in metres are not known"
    )


def test_codes_of_an_older_recipe_are_shown_as_they_are() -> None:
    reason = GradeReason(code="old_rule", action="cut", values={"kind": "weld", "depth_mm": 2.5})
    assert reason_text(reason, act(), WORDS) == "old_rule: kind weld, depth_mm 2.5"
    assert missing_lines(("supplier", "human:A", "human:B", "new_field"), WORDS) == (
        "supplier",
        "new_field",
        "a person's decision on rails: A, B",
    )


_GROUPS: dict[str, Any] = {
    "yard_grade": get_args(GradeWord),
    "yard_action": get_args(Action),
    "yard_state": get_args(FindingState),
    "yard_seen": get_args(SeenBy),
    "yard_fact": get_args(FactWord),
    "yard_cut": get_args(CutReason),
    "yard_section": get_args(Section),
    "yard_element": get_args(Element),
    "yard_unseen": get_args(UnseenCause),
    "yard_picture": get_args(PictureKind),
    "yard_rank": RANKS,
    "yard_reason": REASON_CODES,
    "yard_not_inspected": NOT_INSPECTED_CODES,
    "yard_act": [f"vehicle_{kind}" for kind in get_args(VehicleKind)],
    "yard_note": NOTE_CODES,
    "yard_role": [SCAN_FILE.role],
    "yard_missing": [
        "in_act",
        *ActContent(made_utc_ns=1).missing(),
        "act_date",
        "decision",
        "human",
        "supersedes_reason",
    ],
}


@pytest.mark.parametrize("group", _GROUPS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_words(language: Language, group: str) -> None:
    words = load_words(language)
    assert [code for code in _GROUPS[group] if f"{group}.{code}" not in words.texts] == []


@pytest.mark.parametrize("code", REASON_CODES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_words_of_a_reason_ask_only_for_figures_that_it_has(language: Language, code: str) -> None:
    words = load_words(language)
    for key in (f"yard_reason.{code}", f"yard_reason.{code}_no_scale"):
        places = set(re.findall(r"{(\w+)}", words.known(key, "")))
        assert places <= set(REASON_CODES[code])


def test_a_rail_that_a_person_took_against_the_recipe_is_not_counted_as_nothing() -> None:
    """The recipe gives nothing of it; what its cut list would give is what the act goes by."""
    taken = rail("R-1", grade="rejected", decided="downgraded", why="cut by hand")
    zero = {
        "usable_length_m": 0.0,
        "usable_mass_kg": 0.0,
        "ball_mass_kg": 0.0,
        "value": 0.0,
        "kg_per_m": 64.0,
    }
    taken = taken.model_copy(update={"grade": taken.grade.model_copy(update=zero)})
    assert (taken.usable_length_m, taken.usable_mass_kg) == (11.735, 11.735 * 64.0)
    assert (taken.ball_mass_kg, taken.value) == (None, None)
    refused = rail("R-2", grade="feed", decided="rejected", why="split")
    assert (refused.usable_length_m, refused.usable_mass_kg, refused.value) == (0.0, 0.0, 0.0)
    waits = rail("R-3", grade="human", decided=None)
    assert (waits.usable_length_m, waits.usable_mass_kg) == (None, None)
    content = act(rails=(taken, refused))
    text = " ".join(report_bytes(_report(content, "en"), ".csv").decode("utf-8-sig").split())
    assert "11.735" in text


@pytest.mark.parametrize("language", ["ru", "kk", "en"])
def test_remarks_on_the_scans_speak_the_acts_language(language: Language) -> None:
    words = load_words(language)
    odd = Note(code="went_back", values={"camera": "top", "frames": "4-5"})
    dark = Note(code="black", values={"greys": 3})
    one = rail("R-1", notes=(odd,))
    stretch = one.unseen[0].model_copy(update={"detail": (dark,)})
    content = act(rails=(one.model_copy(update={"unseen": (stretch,)}),))
    text = report_bytes(_report(content, language), ".html").decode()
    assert words("yard_act.notes_section") in text
    assert note_text(odd, words) in text
    assert note_text(dark, words) in text
    assert ("the conveyor went back" in text) is (language == "en")
