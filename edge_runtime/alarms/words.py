"""The words of the alarms, one catalogue per language; the page merges them into its own.

Places are `{name}`, filled from the alarm's values. Neighbour: `codes` names all alarms there are.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from edge_runtime.reports.words import Language

_FOLDER = Path(__file__).parent / "messages"


@cache
def alarm_texts(language: Language) -> dict[str, str]:
    """Texts by key: 'alarm.<code>.what', 'alarm.<code>.todo', 'alarm.level.<level>'.

    Raises:
        FileNotFoundError: there is no such language (a programming error).
    """
    tree = yaml.safe_load((_FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    return {
        f"alarm.{code}.{part}": text for code, parts in tree["alarm"].items() for part, text in parts.items()
    }
