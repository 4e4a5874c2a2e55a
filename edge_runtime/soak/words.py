"""Texts of the soak's report: one catalogue per language, in the form of `edge_runtime.reports.words`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from edge_runtime import strict_yaml
from edge_runtime.reports.words import Words
from edge_runtime.reports.words import load_words as load_report_words

_FOLDER = Path(__file__).parent / "messages"


@cache
def load_words(language: str) -> Words:
    """The texts with the forms of their language.

    Raises:
        ConfigError: there is no such language.
    """
    words = load_report_words(language)
    tree = strict_yaml.load((_FOLDER / f"{words.language}.yaml").read_text(encoding="utf-8"))
    assert isinstance(tree, Mapping)
    return replace(words, texts=dict(_flat(tree, "")))


def _flat(tree: Mapping[str, object], before: str) -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        else:
            yield name, str(value)
