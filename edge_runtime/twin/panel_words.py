"""Words of the plant panel in three languages; what balls are rejected for is called as in the reports."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from edge_runtime.reports.words import LANGUAGES, load_words
from edge_runtime.twin.balls import GOOD, OVERSIZE, UNDERSIZE
from edge_runtime.twin.challenge_balls import KINDS

_FOLDER = Path(__file__).parent / "panel_page"
_REASONS = {UNDERSIZE: "diameter_low", OVERSIZE: "diameter_high"}


@cache
def panel_texts(language: str) -> dict[str, str]:
    """Dotted key -> text.

    Raises:
        ConfigError: there is no such language.
    """
    words = load_words(language)
    tree = yaml.safe_load((_FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    texts: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            texts |= {f"{key}.{name}": str(text) for name, text in value.items()}
        else:
            texts[key] = str(value)
    for kind in KINDS:
        if kind != GOOD:
            text = words(f"reason.{_REASONS.get(kind, kind)}")
            texts[f"kind.{kind}"] = text[:1].upper() + text[1:]
    return texts


__all__ = ["LANGUAGES", "panel_texts"]
