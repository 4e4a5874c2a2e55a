"""The page's words: alike in all languages, there for every code the line can show, none that nobody uses."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import get_args

import pytest

from edge_runtime.alarms.codes import LEVELS
from edge_runtime.day.acts import Act
from edge_runtime.day.refusals import REFUSALS
from edge_runtime.day.state import ChallengeResult
from edge_runtime.live.status import KeySwitch
from edge_runtime.page import shell, words
from edge_runtime.people.roles import ROLES
from edge_runtime.plc.registers import Cause, Confirm, Side, StopCause
from edge_runtime.reports.words import LANGUAGES, Language
from vision.errors import ConfigError
from vision.reasons import REASON_NUMBERS
from vision.types import Decision, FrameFault, ViewFault

STATIC = Path(shell.__file__).parent / "static"
_PLACE = re.compile(r"\{(\w+)\}")
#: a dotted string that is neither the tag of an element nor a text that the server sent
_KEY = re.compile(r"(?<!el\()(?<!texts\[)\"([a-z_]+(?:\.[a-z0-9_]+)+)\"")
#: a template that begins like a key
_KEY_MADE = re.compile(r"(?<!el\()`([a-z_]+\.[^`\n]*)`")
#: endings of what is no key but a file's name
_FILES = (".js", ".css", ".html", ".svg")
#: words that are written alike in Russian and Kazakh
SAME_IN_RU_AND_KK = 60


def _scripts() -> list[Path]:
    return [path for path in sorted(STATIC.rglob("*.js")) if path.parent.name != "vendor"]


def _source() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in _scripts())


def _keys_made() -> list[re.Pattern[str]]:
    """Keys that are put together, as patterns: what stands in `${...}` is one word."""
    found = [text for text in _KEY_MADE.findall(_source()) if not text.endswith(_FILES)]
    templates = {re.sub(r"\$\{[^}]*\}", "*", text) for text in found}
    return [re.compile(re.escape(text).replace(r"\*", r"\w+")) for text in templates]


def _named(kind: type[Enum]) -> list[str]:
    return [member.name.lower() for member in kind]


def test_languages_have_the_same_keys_and_places() -> None:
    english = words.own_texts("en")
    for language in LANGUAGES:
        texts = words.own_texts(language)
        assert list(texts) == list(english), language
        differ = [
            key for key in english if set(_PLACE.findall(texts[key])) != set(_PLACE.findall(english[key]))
        ]
        assert differ == [], language
        assert [key for key, text in texts.items() if not text.strip() or "None" in text] == []


def test_russian_and_kazakh_are_not_each_other() -> None:
    russian, kazakh, english = (words.own_texts(language) for language in ("ru", "kk", "en"))
    same = [key for key in russian if russian[key] == kazakh[key]]
    assert len(same) < SAME_IN_RU_AND_KK, same
    letters = "".join(kazakh.values())
    assert all(letter in letters for letter in "әғқңөұүі")
    # Nothing was left in English: what is longer than a unit or a name has Cyrillic letters.
    for texts in (russian, kazakh):
        latin = [
            key
            for key, text in texts.items()
            if len(text) > 8 and not re.search("[а-яё]", text, re.IGNORECASE)
        ]
        assert [key for key in latin if texts[key] != english[key]] == []
        assert len(latin) < 5, latin


@pytest.mark.parametrize(
    ("prefix", "codes"),
    [
        ("reason", [code for code in REASON_NUMBERS if code]),
        ("frame", [fault.value for fault in FrameFault] + ["silent"]),
        ("shot", [fault.value for fault in ViewFault]),
        ("stop_cause", _named(StopCause)),
        ("cause", _named(Cause)),
        ("side", _named(Side)),
        ("confirm", _named(Confirm)),
        ("decision", _named(Decision)),
        ("key", get_args(KeySwitch)),
        ("input", ["e_stop", "guard_open", "air_low", "bin_full"]),
        ("role", ROLES),
        ("alarm.level", LEVELS),
        ("act", [kind.model_fields["kind"].default for kind in get_args(get_args(Act)[0])]),
        ("act", ["changeover_done", "challenge_done", "session"]),
        ("challenge.result", [result for result in get_args(ChallengeResult) if result]),
    ],
)  # fmt: skip
def test_every_code_has_words(prefix: str, codes: list[str]) -> None:
    for language in LANGUAGES:
        texts = words.page_texts(language)
        assert codes
        assert [code for code in codes if f"{prefix}.{code}" not in texts] == [], language


HOLDS = (
    "plc", "geometry", "journal", "disk", "books", "calibration", "changeover", "challenge", "challenge_due",
    "key", "recipe", "lot_recipe",
)  # fmt: skip


def test_every_hold_has_words_and_none_is_new() -> None:
    texts = words.page_texts("en")
    missing = [
        f"hold.{name}.{part}"
        for name in (*HOLDS, "camera")
        for part in ("what", "todo")
        if f"hold.{name}.{part}" not in texts
    ]
    assert missing == []
    station = STATIC.parents[1] / "station"
    held = {
        name
        for path in station.glob("*.py")
        for name in re.findall(r"\bhold\(\s*\"([a-z_]+)\"", path.read_text(encoding="utf-8"))
    }
    assert held
    assert held - set(HOLDS) == set()


def test_refusals_have_words_with_their_own_places() -> None:
    for language in LANGUAGES:
        texts = words.page_texts(language)
        for code, english in REFUSALS.items():
            assert set(_PLACE.findall(texts[f"refused.{code}"])) <= set(_PLACE.findall(english)), code


def test_errors_of_the_page_have_words() -> None:
    room = STATIC.parents[1]
    pattern = re.compile(
        r"PageError\(\s*\d{3},\s*\"([a-z_]+)\"|AccountError\(\s*\"([a-z_]+)\"|SignInRefused\(\s*\"([a-z_]+)\""
    )
    codes = {
        code
        for folder in ("page", "people")
        for path in sorted((room / folder).glob("*.py"))
        for found in pattern.findall(path.read_text(encoding="utf-8"))
        for code in found
        if code
    }
    assert {"signed_out", "wrong_name_or_password", "not_found", "name_taken"} <= codes
    texts = words.page_texts("ru")
    assert [code for code in sorted(codes) if f"refused.{code}" not in texts] == []


def test_every_key_of_the_scripts_has_words() -> None:
    texts = words.page_texts("ru")
    heads = {key.split(".")[0] for key in texts}
    found = {key for key in _KEY.findall(_source()) if not key.endswith(_FILES)}
    keys = {key for key in found if key.split(".")[0] in heads}
    assert len(keys) > 200
    assert sorted(key for key in keys if key not in texts) == []
    made = [pattern for pattern in _keys_made() if pattern.pattern.split("\\.")[0] in heads]
    assert len(made) > 20
    assert [pattern.pattern for pattern in made if not any(map(pattern.fullmatch, texts))] == []


def test_every_word_is_used() -> None:
    plain, made = set(_KEY.findall(_source())), _keys_made()
    unused = [
        key
        for key in words.own_texts("en")
        if key not in plain and not any(pattern.fullmatch(key) for pattern in made)
    ]
    assert unused == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_other_catalogues_come_along(language: Language) -> None:
    texts = words.page_texts(language)
    assert texts["reason.crack"]
    assert any(key.startswith("alarm.") and key.endswith(".todo") for key in texts)
    assert words.load_words(language)("button.close") == texts["button.close"]


def test_hash_tells_languages_apart() -> None:
    assert len({words.texts_hash(language) for language in LANGUAGES}) == len(LANGUAGES)


def test_no_such_language_is_said() -> None:
    with pytest.raises(ConfigError, match="no language 'de'"):
        words.page_texts("de")


@pytest.mark.parametrize(
    "forbidden",
    [
        r"\.(inner|outer)HTML\s*\+?=[^=]", r"insertAdjacentHTML", r"document\.write", r"\beval\(",
        r"new Function\b", r"setAttribute\(\s*[\"']style", r"[\"']https?://(?!www\.w3\.org/)",
    ],
)  # fmt: skip
def test_scripts_make_no_html_and_load_nothing_from_afar(forbidden: str) -> None:
    wrong = [
        path.name for path in _scripts() if re.search(forbidden, path.read_text(encoding="utf-8")) is not None
    ]
    assert wrong == []
    assert len(_scripts()) > 15


def test_styles_load_nothing_from_afar() -> None:
    wrong = [
        path.name
        for path in STATIC.glob("*.css")
        if re.search(r"url\(|@import", path.read_text(encoding="utf-8"))
    ]
    assert wrong == []
