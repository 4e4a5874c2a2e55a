"""Codes of the ledger in the reader's words: causes of standing, faults, acts, challenges.

A code that the catalogue does not know is shown as it is: nothing is left out for want of a word.
"""

from __future__ import annotations

from string import Formatter
from typing import Any

from edge_runtime.alarms.words import alarm_texts
from edge_runtime.ledger.alarms import AlarmFacts
from edge_runtime.ledger.day_queries import ActFacts, ChallengeFacts
from edge_runtime.lots.lot_plots import reason_text
from edge_runtime.reports.words import Words

#: Kinds of fault whose code goes on with a name or cause of its own.
_FAMILIES = ("hold_", "frames_", "frame_", "verdict_")
_CAMERA = "hold_camera_"


def cause_text(cause: str, words: Words) -> str:
    """Why the line stood."""
    if cause.startswith(_CAMERA):
        return words("cause.hold_camera", name=cause.removeprefix(_CAMERA))
    if f"cause.{cause}" in words.texts:
        return words(f"cause.{cause}")
    if cause.startswith("hold_"):
        return words("cause.hold", name=cause.removeprefix("hold_"))
    return cause


def fault_text(code: str, words: Words) -> str:
    """A fault of the line."""
    if f"fault.{code}" in words.texts:
        return words(f"fault.{code}")
    if code.startswith("hold_"):
        return words("fault.hold", name=cause_text(code, words))
    for family in _FAMILIES:
        if code.startswith(family):
            return words(f"fault.{family.rstrip('_')}", name=code.removeprefix(family))
    return code


def alarm_text(alarm: AlarmFacts, words: Words) -> str:
    """What an alarm said, and where; its code where the alarms' catalogue has no such one."""
    text = alarm_texts(words.language).get(f"alarm.{alarm.code}.what", alarm.code)
    places = {name for _, name, _, _ in Formatter().parse(text) if name}
    shown = {name: _shown(alarm.values.get(name), words) for name in places}
    what = text.format(**shown)
    return what if alarm.subject in what else f"{what} · {alarm.subject}"


def _shown(value: object, words: Words) -> str:
    if isinstance(value, float):
        return words.number(value, 0 if value.is_integer() else 2)
    return words.number(value) if isinstance(value, int) else str(value if value is not None else "–")


def alarm_level(alarm: AlarmFacts, words: Words) -> str:
    """How grave an alarm is."""
    return alarm_texts(words.language).get(f"alarm.level.{alarm.level}", alarm.level)


def expected_text(expected: str, words: Words) -> str:
    """What challenge balls were to be rejected for."""
    return words(f"challenge.{expected}") if expected in ("any", "size") else reason_text(expected, words)


def result_text(challenge: ChallengeFacts, words: Words) -> str:
    """How a challenge ended."""
    return words.known(f"challenge.{challenge.result}_word", challenge.result)


def role_text(role: str, words: Words) -> str:
    """A role."""
    return words.known(f"role.{role}", role)


def act_text(act: ActFacts, words: Words) -> str:
    """What somebody did, in one sentence."""
    key = f"act.{act.act}"
    if key not in words.texts:
        return act.act
    return words(key, **_act_values(act.asked, words))


def _act_values(asked: dict[str, Any], words: Words) -> dict[str, str]:
    """The act's own values, in the reader's form; a dash for what an act does not say."""
    values = dict.fromkeys(("name", "product", "recipe", "balls", "expected", "reason", "result"), "–")
    values |= {name: str(value) for name, value in asked.items() if name in values}
    if "expected" in asked:
        values["expected"] = expected_text(str(asked["expected"]), words)
    if "result" in asked:
        values["result"] = words.known(f"challenge.{asked['result']}_word", str(asked["result"]))
    return values
