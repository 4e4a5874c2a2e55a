"""Every alarm has its words in every language, and all their places are filled."""

from __future__ import annotations

import re
import string

import pytest

from edge_runtime.alarms.codes import CODES, LEVELS
from edge_runtime.alarms.words import alarm_texts
from edge_runtime.reports.words import LANGUAGES, Language

_CYRILLIC, _KAZAKH = re.compile(r"[А-Яа-яЁё]"), re.compile(r"[ӘәҒғҚқҢңӨөҰұҮүҺһІі]")


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_and_level_has_words_and_nothing_else_has(language: Language) -> None:
    wanted = {f"alarm.{code}.{part}" for code in CODES for part in ("what", "todo")}
    wanted |= {f"alarm.level.{level}" for level in LEVELS}
    texts = alarm_texts(language)
    assert set(texts) == wanted
    assert all(text.strip() == text and text for text in texts.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_places_are_those_of_the_code(language: Language) -> None:
    texts = alarm_texts(language)
    for code, rule in CODES.items():
        used = _places(texts[f"alarm.{code}.what"]) | _places(texts[f"alarm.{code}.todo"])
        assert used == set(rule.places), code


def test_the_places_are_the_same_in_every_language() -> None:
    english = {key: _places(text) for key, text in alarm_texts("en").items()}
    for language in LANGUAGES:
        assert {key: _places(text) for key, text in alarm_texts(language).items()} == english


def test_each_language_is_written_in_its_own_letters() -> None:
    for key, text in alarm_texts("en").items():
        assert not _CYRILLIC.search(text), key
    for key, text in alarm_texts("ru").items():
        assert _CYRILLIC.search(text), key
        assert not _KAZAKH.search(text), key
    for key, text in alarm_texts("kk").items():
        assert _CYRILLIC.search(text), key
    kazakh = sum(bool(_KAZAKH.search(text)) for text in alarm_texts("kk").values())
    assert kazakh > 0.9 * len(alarm_texts("kk"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_latched_belt_is_reset_at_the_plc(language: Language) -> None:
    name = {"en": "PLC", "ru": "ПЛК", "kk": "ПЛК"}[language]
    for code in CODES:
        if CODES[code].level == "stop":
            assert name in alarm_texts(language)[f"alarm.{code}.todo"], code
