"""The commissioning report: one page that a technician and a foreman sign, or are told not to.

Every step with what was measured, beside what PLC and recipe say; skipped and red steps first, in red.
Neighbours: `edge_runtime.reports` draws it, `view` has the forms of facts.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.cli import version
from edge_runtime.commission.draft import Draft
from edge_runtime.commission.engine import StepPlan, plan
from edge_runtime.commission.limits import CommissionLimits, Sourced, load_limits
from edge_runtime.commission.shown import Fact as StepFact
from edge_runtime.commission.shown import StepResult
from edge_runtime.commission.state import SavedState
from edge_runtime.commission.station_file import balls_used
from edge_runtime.commission.view import (
    fact_label,
    fact_plc,
    fact_todo,
    fact_value,
    step_title,
    uncertainty_digits,
)
from edge_runtime.commission.words import load_words
from edge_runtime.reports.document import (
    Block,
    Column,
    Fact,
    Figure,
    Notice,
    Report,
    Section,
    Signature,
    Table,
)
from edge_runtime.reports.words import Language, Words

#: facts that the one page leaves out; they are in the measurements and on the wizard's screen
_LEFT_OUT = frozenset(
    {
        "plc.address",
        "plc.map",
        "plc.lanes",
        "plc.scan",
        "camera.exposure",
        "camera.rest",
        "camera.every",
        "eye.spacing",
        "timing.top_speed",
        "write.station",
    }
)
_CURVE_POINTS = 120
#: with more than so many things not in order the page has no room for the curve
_NOTICES_BESIDE_CURVE = 2


def commission_report(state: SavedState, draft: Draft, language: Language) -> Report:
    """The report of a commissioning, finished or not.

    Args:
        state: all results.
        draft: what it began with.
        language: of the texts.
    """
    zone = draft.page.utc_offset_hours if draft.page is not None else None
    words = load_words(language, zone)
    steps = plan(draft)
    notices = _notices(state, steps, words)
    sections = [Section("", notices)] if notices else []
    sections.append(Section(words("report.section"), _results(state, steps, words)))
    end: list[Block] = []
    curve = _curve(state, words) if len(notices) <= _NOTICES_BESIDE_CURVE else None
    if curve is not None:
        end.append(curve)
    count = _unverified(load_limits())
    if count:
        end.append(Notice(words("report.unverified", count=count), "warning"))
    sections.append(Section("", tuple(end)))
    people = sorted({item.by for item in state.results if item.by})
    in_order = not notices
    return Report(
        title=words("report.title"),
        subtitle=f"{words('report.station')} {state.station}",
        language=language,
        facts=_facts(state, draft, people, words),
        sections=tuple(sections),
        watermark=None if in_order else words("report.not_in_order"),
        signatures=(
            (Signature(words("report.technician"), ", ".join(people)), Signature(words("report.foreman")))
            if in_order
            else ()
        ),
        made=words.clock(state.saved_utc_ns),
    )


def _facts(state: SavedState, draft: Draft, people: Sequence[str], words: Words) -> tuple[Fact, ...]:
    begun, ended = words.clock(state.begun_utc_ns), words.clock(state.saved_utc_ns)
    until = f"{ended:%H:%M}" if begun.date() == ended.date() else words.time(ended)
    return (
        Fact(words("report.done"), f"{words.time(begun)} – {until}, {', '.join(people) or '–'}"),
        Fact(words("report.recipe"), f"{draft.recipe.product} ({draft.recipe_name})"),
        Fact(words("report.balls"), f"{words.number(balls_used(state))}, ferrogate {version()}"),
    )


def _notices(state: SavedState, steps: Sequence[StepPlan], words: Words) -> tuple[Block, ...]:
    """Everything that is not in order, in red, before anything else."""
    found: list[Block] = []
    for item in steps:
        result, title = state.result(item.step), step_title(item, words)
        if result is None:
            found.append(Notice(words("report.open_notice", step=title), "error"))
        elif result.status == "skipped":
            text = words("report.skipped_notice", step=title, by=result.by or "–", reason=result.reason)
            found.append(Notice(text, "error"))
        elif result.status == "failed":
            found.append(Notice(words("report.failed_notice", step=title), "error"))
        if result is not None and result.status != "passed":
            found += [Notice(text, "error") for text in _todos(result, words)]
    return tuple(found)


def _todos(result: StepResult, words: Words) -> list[str]:
    """Red facts with what to do."""
    red = [fact for fact in result.facts if fact.ok is False]
    return [f"{fact_label(fact, words)}. {fact_todo(fact, words)}".strip() for fact in red]


def _results(state: SavedState, steps: Sequence[StepPlan], words: Words) -> tuple[Block, ...]:
    """One table for the line, one for all cameras side by side."""
    rows = []
    for item in steps:
        result, title = state.result(item.step), step_title(item, words)
        if result is None or item.kind == "camera":
            continue
        for fact in result.facts:
            if fact.key not in _LEFT_OUT and not _of_camera(fact, state):
                told, u = _value(fact, words), _uncertainty(fact, words)
                row = (title, fact_label(fact, words), told, u, fact_plc(fact, words), _ok(fact.ok, words))
                rows.append(row)
                title = ""
    columns = (
        Column("", width=1.3),
        Column(words("report.what"), width=2.3),
        Column(words("report.measured"), width=1.3),
        Column(words("report.uncertainty"), width=0.65),
        Column(words("report.plc"), width=1.0),
        Column(words("report.ok"), width=0.55),
    )
    return Table(columns, tuple(rows)), *_cameras(state, steps, words)


def _cameras(state: SavedState, steps: Sequence[StepPlan], words: Words) -> tuple[Block, ...]:
    """Rows are what was measured, columns the cameras."""
    found = {item.subject: state.result(item.step) for item in steps if item.kind == "camera"}
    timing = state.result("timing")
    by_key: dict[str, dict[str, StepFact]] = {}
    for name, result in found.items():
        told = () if result is None else result.facts
        told += tuple(fact for fact in (timing.facts if timing else ()) if fact.subject == name)
        for fact in told:
            if fact.key not in _LEFT_OUT:
                by_key.setdefault(fact.key, {})[name] = fact
    if not by_key:
        return ()
    rows = []
    for facts in by_key.values():
        cells = []
        for name in found:
            seen = facts.get(name)
            u = "" if seen is None else _uncertainty(seen, words)
            cells.append("" if seen is None else _value(seen, words) + (f" ± {u}" if u else ""))
        oks = [fact.ok for fact in facts.values()]
        ok = False if False in oks else True if True in oks else None
        rows.append((fact_label(next(iter(facts.values())), words, named=False), *cells, _ok(ok, words)))
    heads = (Column(f"{words('step.camera')} {name}", width=1.4) for name in found)
    columns = (Column(words("report.what"), width=2.3), *heads, Column(words("report.ok"), width=0.6))
    return (Table(columns, tuple(rows)),)


def _of_camera(fact: StepFact, state: SavedState) -> bool:
    """A fact of another step that stands in a camera's column."""
    return fact.key == "timing.margin" and state.result(f"camera:{fact.subject}") is not None


def _value(fact: StepFact, words: Words) -> str:
    return fact_value(fact.model_copy(update={"u": None}), words)


def _uncertainty(fact: StepFact, words: Words) -> str:
    return "" if fact.u is None else words.number(fact.u, uncertainty_digits(fact.digits, fact.u))


def _ok(ok: bool | None, words: Words) -> str:
    return "" if ok is None else words(f"report.{'yes' if ok else 'no'}")


def _unverified(limits: CommissionLimits) -> int:
    """Limits that nobody has compared with their source."""
    groups = (limits.eye, limits.gate, limits.camera, limits.first_run)
    found = [getattr(group, name) for group in groups for name in type(group).model_fields]
    return sum(isinstance(item, Sourced) and not item.verified for item in found)


def _curve(state: SavedState, words: Words) -> Figure | None:
    """Balls to accept against the place of the command, and the curve through them; None without trials."""
    gate = state.result("gate")
    plc = state.result("plc")
    if gate is None or plc is None:
        return None
    series = [
        item
        for name, lane in sorted(gate.raw.items())
        if name.startswith("lane") and isinstance(lane, list)
        for item in lane
        if item["edge"] == "opening"
    ]
    if not series:
        return None
    import numpy as np
    from scipy.stats import norm

    from edge_runtime.reports.plots import SERIES, canvas, figure, reader_ticks

    mm = float(plc.values["line"]["um_per_count"]) / 1000.0
    ends: list[float] = []
    with canvas(6.8, 1.2) as (drawing, (axes,)):
        for colour, item in zip(SERIES, series, strict=False):
            places: dict[int, list[bool]] = {}
            for trial in item["trials"]:
                places.setdefault(int(trial["open"]), []).append(bool(trial["accept"]))
            x = np.array(sorted(places)) * mm
            y = np.array([100.0 * np.mean(places[place]) for place in sorted(places)])
            sizes = np.array([6.0 + 4.0 * len(places[place]) for place in sorted(places)])
            axes.scatter(x, y, s=sizes, color=colour, alpha=0.7, linewidths=0)
            middle, spread = item["threshold_counts"] * mm, max(item["spread_counts"] * mm, 1e-6)
            line = np.linspace(middle - 8.0 * spread, middle + 8.0 * spread, _CURVE_POINTS)
            ends += [float(line[0]), float(line[-1])]
            speed = words.number(item["speed_counts_per_s"] * mm / 1000.0, 2)
            axes.plot(
                line,
                100.0 * norm.cdf((middle - line) / spread),
                color=colour,
                label=words("report.at_speed", speed=speed),
            )
        axes.set_xlim(min(ends), max(ends))
        axes.set_xlabel(words("report.curve_axis"))
        axes.set_ylabel(words("report.curve_share"))
        axes.legend(loc="lower left")
        reader_ticks(axes, words.language)
        return figure(drawing, words("report.curve_caption"))
