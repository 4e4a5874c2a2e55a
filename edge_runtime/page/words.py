"""The page's texts: its own catalogue, with the reports' reasons and faults and the alarms' words beside it.

One YAML file per language in `messages/`, in the form of `edge_runtime.reports.words`: dotted keys, places
`{name}`. What stands in another catalogue already is taken from there, so that a reason is called the same
on the page and on paper. Neighbours: `messages_api` serves them, `static/lib/words.js` fills the places.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from edge_runtime import strict_yaml
from edge_runtime.alarms.words import alarm_texts
from edge_runtime.reports.words import LANGUAGES, Words
from edge_runtime.reports.words import load_words as load_report_words
from vision.errors import ConfigError

_FOLDER = Path(__file__).parent / "messages"
#: keys of the reports' catalogue that the page shows, too
_SHARED_PREFIXES = ("reason.", "fault.", "yard_")
#: a ball line's page is sent none of these
_YARD_PREFIXES = ("yard.", "yard_", "refused.yard_")


@cache
def page_texts(language: str) -> dict[str, str]:
    """All texts of the page in a language, dotted key to text. Not to be changed by the caller.

    Raises:
        ConfigError: there is no such language.
    """
    if language not in LANGUAGES:
        raise ConfigError(
            f"there is no language '{language}'", where="page", todo=f"one of {', '.join(LANGUAGES)}"
        )
    shared = load_report_words(language).texts
    texts = {key: text for key, text in shared.items() if key.startswith(_SHARED_PREFIXES)}
    return texts | dict(alarm_texts(language)) | own_texts(language)


def own_texts(language: str) -> dict[str, str]:
    """Those of the page's own file."""
    tree = strict_yaml.load((_FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    assert isinstance(tree, Mapping)
    return dict(_flat(tree, ""))


def load_words(language: str) -> Words:
    """The page's texts with the forms of their language, for whoever writes them on this side.

    Raises:
        ConfigError: there is no such language.
    """
    texts = page_texts(language)
    return Words(next(name for name in LANGUAGES if name == language), texts)


@cache
def served_texts(language: str, mode: str) -> dict[str, str]:
    """The texts that the page of a kind of station is sent: the rail yard's go to a rail yard only.

    Raises:
        ConfigError: there is no such language.
    """
    texts = page_texts(language)
    if mode == "yard":
        return texts
    return {key: text for key, text in texts.items() if not key.startswith(_YARD_PREFIXES)}


@cache
def texts_hash(language: str, mode: str = "line") -> str:
    """A short hash of a language's texts: another one as soon as a word changes."""
    text = json.dumps(served_texts(language, mode), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]


def _flat(tree: Mapping[object, object], before: str) -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        else:
            yield name, str(value)
