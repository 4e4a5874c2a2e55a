"""A night shift from journal entries to paper: what happened stands in every form, and the numbers add up."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from pypdf import PdfReader

from edge_runtime.day.acts import CloseShift, OpenShift
from edge_runtime.day_config import ChallengeConfig
from edge_runtime.entries import CountersEntry, FaultEntry
from edge_runtime.ledger.apply import Applier
from edge_runtime.ledger.models import PartRow
from edge_runtime.ledger.store import ledger_url, open_ledger, reading
from edge_runtime.lots.plant import Plant
from edge_runtime.reports.csv_tables import csv_bytes
from edge_runtime.reports.document import Fact, Gallery, KeyValues, LongTable, Notice, Report, Section, Table
from edge_runtime.reports.html import html_text
from edge_runtime.reports.pdf import pdf_bytes
from edge_runtime.reports.plots import drawn_for
from edge_runtime.reports.words import LANGUAGES, Language, load_words
from edge_runtime.shifts.data import ShiftData, find_shift, read_shift_data
from edge_runtime.shifts.shift_report import shift_report
from tests.edge.ledger_samples import BOOT, PLC_BOOT, UTC_NS, placed
from tests.edge.shifts.shift_samples import FOREMAN, LOTS, S_NS, SHIFT, Line, make_shift, recipe, store
from vision.errors import LedgerError

NOBODY_KNOWS = Plant(5.0, None, known=False)
TERMS = ("accepted", "rejected", "bypassed", "open", "challenge")
#: an hour after the night
LATER_NS = UTC_NS + 3 * 3600 * S_NS


@contextmanager
def _shift(folder: Path, name: str = "1", plant: Plant = NOBODY_KNOWS) -> Iterator[ShiftData]:
    engine = open_ledger(ledger_url(folder))
    try:
        with reading(engine) as connection:
            summary = find_shift(connection, name)
            yield read_shift_data(connection, summary, folder, plant, LATER_NS)
    finally:
        engine.dispose()


def _report(shift: ShiftData, language: Language = "en", form: str = ".csv") -> Report:
    """The report, its plots drawn for one form; of a `.csv` none is."""
    words = load_words(language, 5.0)
    with drawn_for(form):
        return shift_report(shift, words, words.clock(LATER_NS))


def _section(report: Report, title: str) -> Section:
    return next(section for section in report.sections if section.title == title)


def _notices(report: Report, level: str) -> list[str]:
    return [
        block.text
        for section in report.sections
        for block in section.blocks
        if isinstance(block, Notice) and block.level == level
    ]


def _pdf_text(report: Report) -> str:
    pages = PdfReader(io.BytesIO(pdf_bytes(report))).pages
    return "\n".join(page.extract_text().replace("\u00a0", " ") for page in pages)


def test_the_numbers_add_up(night_folder: Path) -> None:
    with _shift(night_folder) as shift:
        counts = shift.summary.counts
        assert counts.parts == sum(getattr(counts, term) for term in TERMS) == 1280
        assert (counts.bypassed, counts.bypassed_bad, counts.open, counts.challenge) == (9, 1, 2, 9)
        assert sum(counts.reasons.values()) == counts.rejected == shift.rejects.count
        assert shift.balls is not None
        own = shift.balls.counts
        for term in (*TERMS, "contained"):
            assert getattr(own, term) == getattr(counts, term), term
        assert [lot.lot for lot in shift.lots] == list(LOTS)
        for term in ("accepted", "rejected", "bypassed", "open", "contained"):
            assert sum(getattr(lot, term) for lot in shift.lots) == getattr(counts, term), term
        assert sum(lot.parts for lot in shift.lots) == counts.parts - counts.challenge
        assert sum(used.balls.counts.balls for used in shift.recipes) == counts.parts - counts.challenge
        found = shift.happenings.downtime
        assert found.total_s == pytest.approx(4450.0)
        assert found.up_s + sum(found.by_cause_s.values()) == pytest.approx(found.total_s)
        assert found.by_cause_s["e_stop"] == pytest.approx(240.0)
        assert found.by_cause_s["bypass"] == pytest.approx(36.0)
        assert shift.happenings.books.balanced


def test_counts_in_the_report_are_those_of_the_ledger(night_folder: Path) -> None:
    with _shift(night_folder) as shift:
        counts = shift.summary.counts
        block = _section(_report(shift), "Counts").blocks[0]
        assert isinstance(block, KeyValues)
        shown = {fact.label: fact.value for fact in block.facts}
        assert shown["Balls in all"] == counts.parts
        assert shown["Accepted"] == "1,155 (91.67 %)"  # of what was inspected: 1155 and 105
        assert shown["Rejected"] == "105 (8.33 %)"
        assert shown["Passed in bypass, not inspected"] == 9
        assert shown["Challenge balls"] == 9
        total = next(fact for fact in block.facts if fact.label.startswith("Accepted + rejected"))
        assert total == Fact(total.label, counts.parts)


def test_what_must_be_seen_is_loud(night_folder: Path) -> None:
    with _shift(night_folder) as shift:
        alarms = _notices(_report(shift), "alarm")
        contained = shift.summary.counts.contained
    assert len(alarms) == 3
    assert alarms[0].startswith("BYPASS: 9 balls")
    assert "found 1 of them bad" in alarms[0]
    assert alarms[1].startswith(f"IN DOUBT: {contained:,} accepted balls")
    assert alarms[2].startswith("MISSED: in challenge C-9")
    assert "1 of 3 challenge balls were not rejected" in alarms[2]


def test_people_acts_alarms_faults_and_recipes(night_folder: Path) -> None:
    with _shift(night_folder) as shift:
        text = _pdf_text(_report(shift, "ru", ".pdf"))
    flat = " ".join(text.split())
    for said in (
        FOREMAN, "Нұрлан", "Ғалым", f"открыл(а) смену «{SHIFT}»", "закрыл(а) смену", "ПРОПУСК",
        "Нажата кнопка аварийного останова", "кнопка у <конвейера>", "пока никто", "made_up_code",
        "кадр непригоден (black)", recipe("40").sha256()[:12], recipe("50").sha256()[:12],
        "аварийный останов", "байпас, без контроля", "Готовность линии", "Учёт сходится; шаров в пути: 2",
        "Мастер смены", "21.09.2026 19:13 UTC+05:00", "шары = принятые + забракованные + в обход",
    ):  # fmt: skip
        assert said in flat, said


@pytest.mark.parametrize(
    "language", [pytest.param(one, marks=() if one == "kk" else pytest.mark.long) for one in LANGUAGES]
)
def test_each_language_in_each_form(night_folder: Path, language: Language) -> None:
    words = load_words(language)
    with _shift(night_folder) as shift:
        report = _report(shift, language, "")
        text, page = _pdf_text(report), html_text(report)
        rows = list(csv.reader(io.StringIO(csv_bytes(report).decode("utf-8"))))
    for word in ("Ночная <b>әіңғүұқөһ</b>", "Айгүл <i>Ә.</i>", "Нұрлан", "=ҚАЗ-1 & Ко"):
        assert word in text, word
    titles = [section.title for section in report.sections if section.title]
    assert len(titles) == 14
    for title in titles:
        assert title in text.replace("\n", " "), title
    # No reason code, no key of the catalogue and no unfilled place is left in what a person reads.
    assert not re.search(r"\{[a-z_]+\}|\b(shift|counts|challenge|downtime|cause|fault)\.[a-z_]+\b", text)
    assert "<b>" not in page
    assert "<i>" not in page
    assert "<script" not in page
    assert "&lt;b&gt;әіңғүұқөһ&lt;/b&gt;" in page
    assert page.count("<svg") == 7
    assert [words("rejects.full_list")] in rows
    assert [row for row in rows if row and row[0].startswith(("=", "+", "-", "@"))] == []
    assert "'=ҚАЗ-1 & Ко" in {row[0] for row in rows if row}


def test_csv_holds_every_reject_once(night_folder: Path) -> None:
    with _shift(night_folder) as shift:
        rows = list(csv.reader(io.StringIO(csv_bytes(_report(shift)).decode("utf-8"))))
        engine = open_ledger(ledger_url(night_folder))
        with reading(engine) as connection:
            query = sa.select(PartRow.epoch, PartRow.lane, PartRow.trigger_seq).where(
                PartRow.side == "reject", PartRow.challenge.is_(None)
            )
            expected = {f"{epoch}-{lane}-{seq}" for epoch, lane, seq in connection.execute(query)}
        engine.dispose()
    start = rows.index(["All balls that were not accepted"])
    head, listed = rows[start + 1], [row for row in rows[start + 2 :] if re.match(r"\d+-\d+-\d+$", row[0])]
    assert {row[0] for row in listed} == expected
    assert len(listed) == len(expected) == 105
    by_code = Counter(row[head.index("Code")] for row in listed)
    assert by_code == Counter(shift.summary.counts.reasons)
    assert all(row[head.index("Picture")].startswith("pictures/") for row in listed)


def test_pictures_stand_in_the_gallery(night_folder: Path) -> None:
    with _shift(night_folder) as shift:
        report = _report(shift)
    galleries = [block for block in _section(report, "Rejects").blocks if isinstance(block, Gallery)]
    assert [len(gallery.pictures) for gallery in galleries] == [24]
    reasons = Counter(picture.caption.split("\n")[0] for picture in galleries[0].pictures)
    assert len(reasons) == 8
    assert set(reasons.values()) == {3}


@pytest.mark.parametrize(
    ("verified", "close", "watermark"),
    [
        (True, True, None),
        (True, False, "INTERIM"),
        (False, True, "NOT VERIFIED"),
        (False, False, "INTERIM · NOT VERIFIED"),
    ],
)
def test_what_cannot_be_signed_says_so(
    tmp_path: Path, verified: bool, close: bool, watermark: str | None
) -> None:
    make_shift(tmp_path, verified=verified, balls=40, close=close, pictures=False)
    with _shift(tmp_path) as shift:
        report = _report(shift, form=".pdf")
    assert report.watermark == watermark
    assert bool(report.signatures) == (watermark is None)
    warnings = _notices(report, "warning")
    assert any(text.startswith("INTERIM: the shift is still open") for text in warnings) == (not close)
    assert any("Nobody has compared" in text for text in warnings) == (not verified)
    if watermark:
        for page in PdfReader(io.BytesIO(pdf_bytes(report))).pages:
            assert watermark in page.extract_text()


def test_books_that_do_not_balance_are_loud(tmp_path: Path) -> None:
    line = make_shift(tmp_path, balls=40, pictures=False)
    totals = next(entry for entry in reversed(line.entries) if isinstance(entry, CountersEntry)).totals
    engine = open_ledger(ledger_url(tmp_path))
    more = {"triggers_total": totals["triggers_total"] + 500}  # more than can be in flight
    Applier(engine).apply(placed([CountersEntry(PLC_BOOT, totals | more, UTC_NS)], segment=2))
    engine.dispose()
    with _shift(tmp_path) as shift:
        report = _report(shift)
    assert any(text.startswith("THE BOOKS DO NOT BALANCE") for text in _notices(report, "alarm"))
    problems = [text for text in _notices(report, "error") if text.startswith("What does not fit")]
    assert len(problems) == 1
    assert "500 triggers" in problems[0]


@pytest.mark.parametrize(
    ("plant", "level", "said"),
    [
        # the first was due at the opening and passed after half a minute, the second never: the shift is over
        (
            Plant(5.0, ChallengeConfig(every_minutes=30.0, grace_minutes=5.0), known=True),
            "warning",
            "passed late",
        ),
        (Plant(5.0, ChallengeConfig(every_minutes=1000.0), known=True), "", ""),
        (Plant(5.0, None, known=True), "", ""),
    ],
)
def test_challenges_that_were_owed(night_folder: Path, plant: Plant, level: str, said: str) -> None:
    with _shift(night_folder, plant=plant) as shift:
        report = _report(shift)
    found = [text for kind in ("alarm", "warning") for text in _notices(report, kind) if "due at" in text]
    assert len(found) == int(bool(said))
    if said:
        assert said in found[0]
        assert found[0] in _notices(report, level)


def _short(folder: Path, *, balls: int = 30) -> Line:
    line = Line(recipe())
    line.stands()
    line.do(OpenShift(name="7"))
    line.balls(balls, every_s=1.0)
    line.wait(1000.0)
    line.do(CloseShift())
    store(line, folder, pictures=False)
    return line


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (Plant(5.0, ChallengeConfig(), known=True), "The challenge due at 2026-09-21 19:13:20 was NOT DONE."),
        (NOBODY_KNOWS, "NO CHALLENGE WAS PASSED"),
    ],
)
def test_a_shift_without_a_challenge_is_told(tmp_path: Path, plant: Plant, said: str) -> None:
    _short(tmp_path)
    with _shift(tmp_path, plant=plant) as shift:
        assert any(text.startswith(said) for text in _notices(_report(shift), "alarm"))


def test_a_shift_without_a_ball_has_a_report(tmp_path: Path) -> None:
    _short(tmp_path, balls=0)
    with _shift(tmp_path) as shift:
        report = _report(shift, form="")
        assert "No ball came through in this shift." in _pdf_text(report)
        assert "No ball came through in this shift." in html_text(report)
    assert not any(isinstance(block, LongTable) for section in report.sections for block in section.blocks)


def test_a_thousand_faults_and_acts_stay_readable(tmp_path: Path) -> None:
    line = _short(tmp_path)
    engine = open_ledger(ledger_url(tmp_path))
    faults = [FaultEntry(f"odd_{number}", "", 1, UTC_NS + S_NS, BOOT) for number in range(300)]
    Applier(engine).apply(placed([], segment=2), faults=faults)
    engine.dispose()
    assert line.entries
    with _shift(tmp_path) as shift:
        report = _report(shift, form=".pdf")
        table = next(block for block in _section(report, "Faults").blocks if isinstance(block, Table))
        assert len(table.rows) == 40
        assert "260 more kinds" in _pdf_text(report).replace("\n", " ")


def test_shifts_are_found_by_number_then_by_name(tmp_path: Path) -> None:
    _short(tmp_path)
    engine = open_ledger(ledger_url(tmp_path))
    with reading(engine) as connection:
        assert find_shift(connection, "1").name == "7"
        assert find_shift(connection, "7").id == 1
        for name in ("2", "eight", "", "-1"):
            with pytest.raises(LedgerError, match=f"no shift '{name}'"):
                find_shift(connection, name)
    engine.dispose()
