"""The wizard in the terminal: what to do now, live figures with bars, results of the steps.

Drawn with rich from the same `view` as the page. A person answers by whole lines (Enter: done), read
beside the drawing, so that figures go on moving. Without a person (`attendant`) only the events are told.
Neighbours: `driver` moves the engine on in its own thread.
"""

from __future__ import annotations

import json
import select
import sys
from collections.abc import Callable
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table

from edge_runtime.commission.engine import ActionRefused, Engine
from edge_runtime.commission.view import view
from edge_runtime.reports.words import Words

_DRAW_S = 0.2
_BAR_WIDTH = 30
_MARKS = {True: "[green]✓[/green]", False: "[red]✗[/red]", None: " "}
_STATUS_STYLE = {"passed": "green", "failed": "red", "skipped": "red", "running": "bold", "open": "dim"}


def drawn(told: dict[str, Any], words: Words) -> RenderableType:
    """The whole picture of a view."""
    parts: list[RenderableType] = [_steps(told)]
    running = told["running"]
    if running is not None:
        parts.append(_running(running, words))
    else:
        done = [step for step in told["steps"] if step["status"] in ("passed", "failed", "skipped")]
        if done:
            parts.append(_result(done[-1]))
    return Group(*parts)


def _steps(told: dict[str, Any]) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2))
    for number, step in enumerate(told["steps"], 1):
        style = _STATUS_STYLE[step["status"]]
        table.add_row(str(number), escape(step["title"]), f"[{style}]{escape(step['status_text'])}[/{style}]")
    return table


def _running(running: dict[str, Any], words: Words) -> Panel:
    figures = Table(show_header=False, box=None, padding=(0, 2))
    for figure in running["figures"]:
        bar: RenderableType = ""
        if figure["share"] is not None:
            bar = ProgressBar(total=1.0, completed=figure["share"], width=_BAR_WIDTH)
        value = escape(figure["value"])
        figures.add_row(
            _MARKS[figure["ok"]],
            escape(figure["label"]),
            value,
            escape(figure["limits"]),
            figure["best"],
            bar,
        )
    parts: list[RenderableType] = [f"[bold]{escape(running['text'])}[/bold]"]
    if running["detail"]:
        parts.append(f"[dim]{escape(running['detail'])}[/dim]")
    if running["figures"]:
        parts.append(figures)
    if running["progress"] is not None:
        done, total = running["progress"]
        line = Table(show_header=False, box=None, padding=(0, 2))
        bar = ProgressBar(total=total, completed=done, width=_BAR_WIDTH)
        line.add_row(bar, words("page.progress", done=done, total=total))
        parts.append(line)
    if running["asks"]:
        parts.append(f"[dim]{escape(words('terminal.keys'))}[/dim]")
    return Panel(Group(*parts), border_style="red" if running["trouble"] else "blue")


def _result(step: dict[str, Any]) -> RenderableType:
    table = Table(show_header=False, box=None, padding=(0, 2))
    for fact in step["facts"]:
        table.add_row(_MARKS[fact["ok"]], escape(fact["label"]), escape(fact["value"]), escape(fact["plc"]))
        if fact["todo"]:
            table.add_row("", f"[red]{escape(fact['todo'])}[/red]", "", "")
    if step["reason"]:
        table.add_row("", f"[red]{escape(step['reason'])}[/red]", "", "")
    return Panel(table, title=escape(step["title"]), title_align="left")


class Person:
    """A technician at the terminal.

    Args:
        engine: the commissioning, ticked elsewhere.
        words: of the reader.
        by: who sits there.
        console: where to draw.
        check: raises what went wrong elsewhere.
    """

    def __init__(
        self, engine: Engine, words: Words, by: str, console: Console, check: Callable[[], None]
    ) -> None:
        self._engine = engine
        self._words = words
        self._by = by
        self._console = console
        self._check = check

    def lead(self) -> bool:
        """Through all steps; False when the technician leaves before the end."""
        while (following := self._engine.next_step()) is not None:
            if self._engine.running is None and not self._between(following):
                self._console.print(self._words("terminal.saved"))
                return False
            self._watch()
        self._console.print(drawn(view(self._engine, self._words), self._words))
        return True

    def _between(self, following: str) -> bool:
        """Ask what comes next; False to leave."""
        told = view(self._engine, self._words)
        self._console.print(drawn(told, self._words))
        step = next(item for item in told["steps"] if item["step"] == following)
        if step["status"] == "failed":
            question = self._words("terminal.repeat_or_skip")
        else:
            self._console.print(f"[dim]{escape(step['about'])}[/dim]")
            question = self._words("terminal.next", step=step["title"])
        answer = self._console.input(f"{escape(question)} ").strip().lower()
        if answer.startswith("q"):
            return False
        try:
            if answer.startswith("s"):
                reason = self._console.input(f"{escape(self._words('terminal.reason'))} ")
                self._engine.act(following, "skip", {"reason": reason}, self._by)
            else:
                self._engine.act(following, "begin", {}, self._by)
        except ActionRefused as refused:
            self._console.print(f"[red]{escape(self._words(f'refused.{refused.code}'))}[/red]")
        return True

    def _watch(self) -> None:
        """Draw the step under way until it ends, and hand lines on to it."""
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while self._engine.running is not None:
                self._check()
                live.update(drawn(view(self._engine, self._words), self._words), refresh=True)
                ready, _, _ = select.select([sys.stdin], [], [], _DRAW_S)
                if ready:
                    self._take(sys.stdin.readline())

    def _take(self, line: str) -> None:
        """One line of the technician; it counts for what is asked now."""
        running = self._engine.running
        if running is None:
            return
        step, show = running
        text = line.strip()
        try:
            if text.lower() == "c" or not line:
                self._engine.act(step, "cancel", {}, self._by)
            elif "path" in show.asks:
                name = "path" if text else "without"
                self._engine.act(step, "answer", {"name": name, "value": text}, self._by)
            elif "done" in show.asks:
                self._engine.act(step, "answer", {"name": "done"}, self._by)
        except ActionRefused:
            # The step has moved on while the line was typed: what it shows now counts.
            return


class Teller:
    """Tells what happens, one line each: for runs without a person, and for machines.

    Args:
        engine: the commissioning.
        words: of the reader.
        as_json: one JSON object per event.
    """

    def __init__(self, engine: Engine, words: Words, *, as_json: bool) -> None:
        self._engine = engine
        self._words = words
        self._as_json = as_json
        self._told_show = ""
        self._told: dict[str, int] = {}

    def tell(self) -> None:
        """Whatever is new since the last call."""
        told = view(self._engine, self._words)
        for step in told["steps"]:
            result = self._engine.results.get(step["step"])
            if result is None or self._told.get(step["step"]) == result.ended_utc_ns:
                continue
            self._told[step["step"]] = result.ended_utc_ns
            self._step(step)
        running = told["running"]
        key = "" if running is None else f"{running['step']}|{running['text']}"
        if running is not None and key != self._told_show:
            event = {"event": "show", "step": running["step"], "text": running["text"]}
            self._say(event, f"  {running['text']}")
        self._told_show = key

    def _step(self, step: dict[str, Any]) -> None:
        event = {"event": "step"} | {name: step[name] for name in ("step", "status", "facts", "reason", "by")}
        lines = [f"{step['title']}: {step['status_text']}{': ' + step['reason'] if step['reason'] else ''}"]
        for fact in step["facts"]:
            mark = {True: "+", False: "!", None: " "}[fact["ok"]]
            beside = f"  ({fact['plc']})" if fact["plc"] else ""
            lines.append(f"  {mark} {fact['label']}: {fact['value']}{beside}")
            if fact["todo"]:
                lines.append(f"      {fact['todo']}")
        self._say(event, "\n".join(lines))

    def end(self) -> None:
        """The last word: the files."""
        written = self._engine.written
        self._say(
            {"event": "end", "written": list(written), "next": self._engine.next_step()},
            "\n".join([self._words("page.files"), *written]) if written else self._words("terminal.saved"),
        )

    def _say(self, event: dict[str, Any], text: str) -> None:
        print(json.dumps(event, ensure_ascii=False) if self._as_json else text, flush=True)
