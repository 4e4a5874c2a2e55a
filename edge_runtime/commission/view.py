"""How a commissioning stands, in a reader's words: the one picture that terminal and page draw.

All numbers are text here already, in the reader's form; levels and shares stay numbers for bars and
colours. Neighbours: `engine` has the state, `terminal` and `edge_runtime.page.commission_api` show this.
"""

from __future__ import annotations

from typing import Any

from edge_runtime.commission.engine import Engine, StepPlan
from edge_runtime.commission.shown import Fact, Figure, Show, StepResult
from edge_runtime.commission.words import filled
from edge_runtime.reports.words import Words

_NO_BREAK = "\u00a0"
#: answers that are typed; all others are buttons
_TYPED = frozenset({"path"})
#: facts whose value is a key of the catalogue
_WORD_VALUES = frozenset({"first_run.result"})


def view(engine: Engine, words: Words) -> dict[str, Any]:
    """Everything that is to be seen, as JSON.

    Returns:
        'station', 'revision', 'next' (step id or None), 'written' (paths), 'steps' (see `_step`) and
        'running' (see `_running`) or None.
    """
    running, results = engine.running, engine.results
    return {
        "station": engine.draft.name,
        "revision": engine.revision,
        "next": engine.next_step(),
        "written": list(engine.written),
        "steps": [
            _step(item, results.get(item.step), None if running is None else running[0], words)
            for item in engine.plan
        ],
        "running": None if running is None else _running(running[0], running[1], words),
    }


def step_title(item: StepPlan, words: Words) -> str:
    """Name of a step, with its subject."""
    title = words(f"step.{item.kind}")
    return f"{title} {item.subject}" if item.subject else title


def _step(item: StepPlan, result: StepResult | None, running: str | None, words: Words) -> dict[str, Any]:
    status = "running" if running == item.step else "open" if result is None else result.status
    told = {
        "step": item.step,
        "kind": item.kind,
        "title": step_title(item, words),
        "about": words(f"about.{item.kind}"),
        "status": status,
        "status_text": words(f"status.{status}"),
        "can_skip": item.kind not in ("plc", "write"),
        "facts": [],
        "reason": "",
        "by": "",
    }
    if result is not None:
        told["facts"] = [_fact(fact, words) for fact in result.facts]
        told["reason"], told["by"] = result.reason, result.by
    return told


def _fact(fact: Fact, words: Words) -> dict[str, Any]:
    return {
        "label": fact_label(fact, words),
        "value": fact_value(fact, words),
        "plc": fact_plc(fact, words),
        "ok": fact.ok,
        "todo": fact_todo(fact, words),
    }


def fact_label(fact: Fact, words: Words, *, named: bool = True) -> str:
    """Name of a fact, with its subject unless that stands elsewhere."""
    label = filled(words, f"fact.{fact.key}", fact.todo_values)
    return f"{label} ({fact.subject})" if fact.subject and named else label


def fact_value(fact: Fact, words: Words) -> str:
    """What was found, with its uncertainty and unit."""
    if fact.value is None:
        return ""
    if isinstance(fact.value, str):
        shown = words(fact.value) if fact.key in _WORD_VALUES else fact.value
        return shown + unit_text(fact.unit, words)
    text = words.number(fact.value, fact.digits)
    if fact.u is not None:
        text += f" ± {words.number(fact.u, uncertainty_digits(fact.digits, fact.u))}"
    return text + unit_text(fact.unit, words)


def uncertainty_digits(digits: int | None, u: float) -> int:
    """An uncertainty shows one figure at least."""
    if u <= 0.0:
        return digits or 0
    needed = 0
    while u * 10**needed < 1.0 and needed < 6:
        needed += 1
    return max(digits or 0, needed)


def fact_plc(fact: Fact, words: Words) -> str:
    """What the PLC, the recipe or a limit says of it."""
    if fact.plc is None:
        return ""
    shown = fact.plc if isinstance(fact.plc, str) else words.number(fact.plc)
    return shown + unit_text(fact.unit, words)


def fact_todo(fact: Fact, words: Words) -> str:
    """What to do about it, '' for nothing."""
    return filled(words, f"todo.{fact.todo}", fact.todo_values) if fact.todo else ""


def unit_text(unit: str, words: Words) -> str:
    """A unit behind a number."""
    return f"{_NO_BREAK}{words(f'unit.{unit}')}" if unit else ""


def instruction(show: Show, words: Words) -> str:
    """What the technician is to do now."""
    key = show.text if show.text.startswith("trouble.") else f"do.{show.text}"
    text = filled(words, key, show.values)
    lane = show.values.get("lane")
    return text if lane in (None, "") else f"{words('page.lane', lane=lane)}: {text}"


def _running(step: str, show: Show, words: Words) -> dict[str, Any]:
    return {
        "step": step,
        "text": instruction(show, words),
        "trouble": show.text.startswith("trouble."),
        "detail": str(show.values.get("detail") or "") if show.text.startswith("trouble.") else "",
        "figures": [figure_view(figure, words) for figure in show.figures],
        "progress": None if show.progress is None else list(show.progress),
        "asks": [
            {"name": name, "label": words(f"ask.{name}"), "typed": name in _TYPED} for name in show.asks
        ],
        "camera": show.camera,
        "waiting": show.waiting,
    }


def figure_view(figure: Figure, words: Words) -> dict[str, Any]:
    """One live figure; `share` 0..1 or None for the bar, `ok` None where there is no limit."""
    return {
        "key": figure.key,
        "label": words(figure.key),
        "value": words.number(figure.value, figure.digits) + unit_text(figure.unit, words),
        "limits": _limits(figure, words),
        "best": ""
        if figure.best is None
        else words("figure.best", value=words.number(figure.best, figure.digits)),
        "share": figure.share,
        "ok": figure.ok,
    }


def _limits(figure: Figure, words: Words) -> str:
    low = None if figure.low is None else words.number(figure.low, figure.digits)
    high = None if figure.high is None else words.number(figure.high, figure.digits)
    if low is not None and high is not None:
        return words("figure.between", low=low, high=high)
    if low is not None:
        return words("figure.at_least", low=low)
    return "" if high is None else words("figure.at_most", high=high)
