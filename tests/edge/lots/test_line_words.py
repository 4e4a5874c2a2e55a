"""Codes in the reader's words: all that the line can say has some, and what is new is shown as it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

import edge_runtime
from edge_runtime.day.acts import Act
from edge_runtime.ledger.alarms import AlarmFacts
from edge_runtime.ledger.apply import Applier
from edge_runtime.ledger.books import balance
from edge_runtime.ledger.day_queries import ActFacts
from edge_runtime.ledger.store import ledger_url, open_ledger
from edge_runtime.lots.line_words import act_text, alarm_level, alarm_text, cause_text, fault_text
from edge_runtime.lots.proof_sections import formula_text
from edge_runtime.page.words import page_texts
from edge_runtime.plc.registers import StopCause
from edge_runtime.reports.words import LANGUAGES, load_words
from tests.edge.ledger_samples import counters, epoch, outcome, part, placed
from vision.types import FrameFault


def _act(kind: str, **asked: Any) -> ActFacts:
    return ActFacts(1, 1, kind, "A", "foreman", asked, {}, {}, 1)


ASKED: dict[str, dict[str, Any]] = {
    "open_shift": {"name": "night {x}"},
    "open_lot": {"name": "lot 7", "product": "ball 40"},
    "change_recipe": {"recipe": "50"},
    "begin_challenge": {"balls": 3, "expected": "size", "lane": 0},
    "stop_line": {"reason": "sparks"},
    "challenge_done": {"challenge": "C-2", "result": "missed"},
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_act_has_a_sentence(language: str) -> None:
    words = load_words(language)
    kinds = [member.model_fields["kind"].default for member in get_args(get_args(Act)[0])]
    for kind in (*kinds, "changeover_done", "challenge_done", "session"):
        asked = ASKED.get(kind, {})
        text = act_text(_act(kind, **asked), words)
        assert text != kind, (language, kind)
        for name in ("name", "product", "recipe", "balls", "reason"):
            if name in asked:
                assert str(asked[name]) in text
        assert "–" not in text.split(), (language, kind)
    assert act_text(_act("teleport"), words) == "teleport"
    assert "–" in act_text(_act("open_lot"), words)  # an act that does not say


def test_acts_tell_results_in_words() -> None:
    assert "ПРОПУСК" in act_text(_act("challenge_done", result="missed"), load_words("ru"))
    assert "размер" in act_text(_act("begin_challenge", balls=3, expected="size"), load_words("ru"))
    assert "трещина" in act_text(_act("begin_challenge", balls=3, expected="crack"), load_words("ru"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_cause_of_standing_has_words(language: str) -> None:
    words = load_words(language)
    stops = [cause.name.lower() for cause in StopCause if cause is not StopCause.NONE]
    inputs = ["guard_open", "air_low", "bin_full"]
    holds = ["plc", "geometry", "journal", "books", "calibration", "changeover", "challenge", "challenge_due",
             "key", "recipe", "lot_recipe"]  # fmt: skip
    plain = ["up", "unknown", "no_station", "not_connected", "bypass", "service", "belt_stopped", "not_ready",
             "latched"]  # fmt: skip
    for cause in (*stops, *inputs, *plain, *(f"hold_{name}" for name in holds)):
        assert f"cause.{cause}" in words.texts, (language, cause)
        assert cause_text(cause, words) != cause or language == "en"
    assert "top_1" in cause_text("hold_camera_top_1", words)
    assert "brand_new" in cause_text("hold_brand_new", words)
    assert cause_text("gremlins", words) == "gremlins"


@pytest.mark.parametrize("language", LANGUAGES)
def test_faults_have_words(language: str) -> None:
    words = load_words(language)
    codes = ["plc_restart", "plc_e_stop", "plc_bypass", "untriggered", "picture_lost", "challenge_missed",
             "hold_camera_left", "hold_plc", "frames_number_gap", "verdict_full"]  # fmt: skip
    codes += [f"frame_{fault.value}" for fault in FrameFault if fault is not FrameFault.OK]
    for code in codes:
        assert fault_text(code, words) != code, (language, code)
    assert fault_text("no_such_code", words) == "no_such_code"


def test_every_fault_that_the_code_names_has_words_on_paper_and_on_the_page() -> None:
    room = Path(edge_runtime.__file__).parent
    named = re.compile(r"(?:\bfault\(|_fault\(entry, |FaultEntry\(\s*)\"([a-z_]+)\"")
    codes = {code for path in room.rglob("*.py") for code in named.findall(path.read_text(encoding="utf-8"))}
    assert {"stop_asked", "untriggered", "journal_damaged", "lot_name_again"} <= codes
    for language in LANGUAGES:
        texts = load_words(language).texts
        assert [code for code in sorted(codes) if f"fault.{code}" not in texts] == [], language
        on_page = page_texts(language)
        # What only the PLC's words or a family's name say on paper is said on the page, too.
        missing = [key for key in texts if key.startswith("fault.") and key not in on_page]
        assert missing == [], language


def _alarm(code: str, subject: str = "", **values: Any) -> AlarmFacts:
    return AlarmFacts(1, code, subject, "error", values, 1, None, None, None, "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_alarms_say_what_and_where(language: str) -> None:
    words = load_words(language)
    text = alarm_text(_alarm("camera_silent", "left", camera="left"), words)
    assert text.count("left") == 1
    assert text != "camera_silent"
    assert alarm_text(_alarm("new_alarm", "lane 0"), words) == "new_alarm · lane 0"
    assert "–" in alarm_text(_alarm("camera_silent", "left"), words)  # a value that was not kept
    assert alarm_level(_alarm("x"), words) != "error" or language == "en"


def test_figures_in_alarms_are_the_readers() -> None:
    text = alarm_text(_alarm("station_gone", seconds=12345.5), load_words("ru"))
    assert "12\u00a0345,50" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_of_the_books_has_words(language: str, tmp_path: Any) -> None:
    engine = open_ledger(ledger_url(tmp_path))
    Applier(engine).apply(
        placed([epoch(), part(1), outcome(1, side="bypass", cause="bypass"), counters(0, 0)])
    )
    with engine.connect() as connection:
        formulas = [line.formula for line in balance(connection).lines]
    engine.dispose()
    assert any("bypassed_total" in formula for formula in formulas)
    assert len(formulas) >= 9
    for formula in formulas:
        assert formula_text(formula, load_words(language)) != formula, (language, formula)
    assert formula_text("a = b + c", load_words(language)) == "a = b + c"
