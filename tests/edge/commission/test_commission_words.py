"""The catalogues: same keys, same places, and a text for everything that the steps can say."""

from __future__ import annotations

import ast
import string
from pathlib import Path

import pytest

import edge_runtime.commission as package
from edge_runtime.commission.words import commission_texts, filled, load_words

FOLDER = Path(package.__file__).parent


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", ["ru", "kk"])
def test_catalogues_are_alike(language: str) -> None:
    english, other = commission_texts("en"), commission_texts(language)
    assert set(other) == set(english)
    assert {key: _places(other[key]) for key in other} == {key: _places(english[key]) for key in english}


def _literals(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """First text argument (or `key=`, `todo=`) of every call of these names, and the file."""
    found = []
    for path in sorted(FOLDER.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id not in names:
                continue
            values = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "key")]
            for value in values:
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    found.append((value.value, path.name))
    return found


def test_everything_shown_has_words() -> None:
    texts = commission_texts("en")
    shown = _literals(("Show", "Telling"))
    assert len(shown) > 20
    for key, where in shown:
        known = key if key.startswith("trouble.") else f"do.{key}"
        assert known in texts, f"{where}: no text for {key}"
    for key, where in _literals(("Fact",)):
        assert f"fact.{key}" in texts, f"{where}: no text for fact {key}"
    for key, where in _literals(("StepFailed",)):
        assert f"fact.{key}" in texts, f"{where}: no text for {key}"
        assert f"todo.{key}_todo" in texts, f"{where}: nothing to do for {key}"
    for key, where in _literals(("Figure",)):
        assert key in texts, f"{where}: no text for {key}"


def test_numbers_are_in_the_readers_form() -> None:
    values = {"low": 1, "high": 12345.5, "limit": 2}
    assert "12\u00a0345,5" in filled(load_words("ru"), "todo.camera.background_todo", values)
    assert "12,345.5" in filled(load_words("en"), "todo.camera.background_todo", values)


def test_a_stop_cause_is_told_in_words() -> None:
    text = filled(load_words("ru"), "trouble.latched", {"cause": "e_stop"})
    assert "аварийный останов" in text
