"""The page beside a running line: what does an open page cost the gate, and how fresh is its picture?

One run of the twin line; stretches with the page open in browsers and stretches without it (closed, and
its process halted) alternate as A B B A, so that a drift of the machine meets both alike. The browsers
stand for other people's computers but run on this one, at the lowest priority.
Neighbours: `page_result` holds the figures; `edge_runtime.twin` is the line.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from edge_runtime.bench.machine import Machine, this_machine
from edge_runtime.bench.page_result import PageResult, Phase, Seen
from edge_runtime.twin.demo import DemoError, Line, free_port, running_line, write_files
from edge_runtime.twin.demo_files import DemoRun
from edge_runtime.twin.field import Word
from edge_runtime.twin.figures import collect
from edge_runtime.twin.settings import LineSettings, with_physics
from vision.errors import ConfigError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: after a change of phase: what was in flight belongs to neither
SETTLE_S = 3.0
#: balls before the first phase and after the last one
SPARE_S = 12.0
OPEN_TIMEOUT_MS = 20_000
_LOWEST = 19
#: notes when each picture was drawn; the page tells it by an event of its document
_LISTEN = """
window.__drawn = [];
document.addEventListener("ferrogate:picture-drawn", (event) => {
  const drawn = performance.timeOrigin + performance.now();
  const delay = drawn - event.detail.arrived_utc_ms;
  if (window.__drawn.length < 20000) window.__drawn.push([delay, performance.now()]);
});
"""


def run_page(
    *,
    browsers: int,
    pairs: int,
    phase_s: float,
    rate: float,
    seed: int,
    folder: Path,
    step: Callable[[], None],
) -> PageResult:
    """Run the line with the phases.

    Args:
        browsers: how many open the page at once.
        pairs: phases of each kind.
        phase_s: length of a phase.
        rate: balls a second.
        seed: of the twin.
        folder: empty, for the run's files.
        step: called after every phase.

    Raises:
        ConfigError: no browser, or playwright is not installed.
        DemoError: the line could not be run.
    """
    total_s = 2 * pairs * (phase_s + SETTLE_S) + SPARE_S
    port = free_port()
    settings = with_physics(
        LineSettings(
            n_balls=round(rate * total_s),
            balls_per_s=rate,
            seed=seed,
            run_dir=folder,
            field_name=f"ferrogate-{os.getpid()}-field",
            ring_prefix=f"ferrogate-{os.getpid()}",
            plc_port=free_port(),
        )
    )
    run = write_files(settings, page_port=port)
    machine = this_machine()
    seen = tuple(Seen() for _ in range(browsers))
    began_s = time.monotonic()
    with _playwright() as engine, running_line(run) as line:
        pages = [_open_browser(engine, one) for one in seen]
        line.wait_trusted()
        line.measure()
        line.field.set(Word.START_REQUEST, 1)
        time.sleep(SPARE_S / 2)
        phases = [
            _phase(line, pages, seen, f"http://127.0.0.1:{port}/", with_page, phase_s, step)
            for with_page in _order(pairs)
        ]
        line.measure()
        _resume(line)
        line.field.set(Word.END_REQUEST, 1)
        line.drain()
    wall_s = time.monotonic() - began_s
    return _result(run, seed, machine, phases, seen, wall_s)


def _result(
    run: DemoRun, seed: int, machine: Machine, phases: Sequence[Phase], seen: tuple[Seen, ...], wall_s: float
) -> PageResult:
    figures = collect(run)
    times = list(zip(figures.last_view_ns, figures.latencies_ms, strict=True))
    by_kind: dict[bool, list[float]] = {False: [], True: []}
    for seen_ns, latency_ms in times:
        for phase in phases:
            if seen_ns is not None and phase.begin_ns <= seen_ns < phase.end_ns:
                by_kind[phase.page].append(latency_ms)
    usage = {name: round(used.cpu_s / wall_s, 3) for name, used in run.usage.items()}
    return PageResult(seed, machine, len(times), tuple(by_kind[False]), tuple(by_kind[True]), seen, usage)


def _order(pairs: int) -> list[bool]:
    """False and True as A B B A A B B A ..."""
    order: list[bool] = []
    for number in range(pairs):
        order += [bool(number % 2), not number % 2]
    return order


def _phase(
    line: Line,
    pages: Sequence[Page],
    seen: Sequence[Seen],
    url: str,
    with_page: bool,
    phase_s: float,
    step: Callable[[], None],
) -> Phase:
    if with_page:
        _resume(line)
        for page, one in zip(pages, seen, strict=True):
            one.first_view_ms.append(_open_page(page, url))
    else:
        for page in pages:
            page.goto("about:blank")
        _signal_page(line, signal.SIGSTOP)
    line.check_alive()
    time.sleep(SETTLE_S)
    begin_ns = time.monotonic_ns()
    for page in pages:
        # The browser's own events are taken meanwhile; a plain sleep would let them pile up.
        page.wait_for_timeout(phase_s * 1000.0 / len(pages))
    end_ns = time.monotonic_ns()
    if with_page:
        for page, one in zip(pages, seen, strict=True):
            drawn = page.evaluate("window.__drawn")
            one.delays_ms += [float(delay) for delay, at_ms in drawn if at_ms > 1000.0 * SETTLE_S]
    step()
    return Phase(with_page, begin_ns, end_ns)


def _open_page(page: Page, url: str) -> float:
    """Open it; ms until the first picture was drawn."""
    page.goto(url, timeout=OPEN_TIMEOUT_MS)
    # Looked at from outside: the page's own policy forbids what wait_for_function needs.
    end_s = time.monotonic() + OPEN_TIMEOUT_MS / 1000.0
    while not page.evaluate("window.__drawn.length"):
        if time.monotonic() > end_s:
            raise DemoError(
                "the page shows no picture", where=url, todo="look at the page while the line runs"
            )
        page.wait_for_timeout(20.0)
    return round(float(page.evaluate("window.__drawn[0][1]")), 1)


def _signal_page(line: Line, number: signal.Signals) -> None:
    pid = line.station_pid("page")
    if pid is None:
        raise ConfigError("the line has no page process", where="station.yaml", todo="see processes.log")
    os.kill(pid, number)


def _resume(line: Line) -> None:
    _signal_page(line, signal.SIGCONT)


@contextmanager
def _playwright() -> Iterator[Playwright]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise ConfigError(
            "playwright is not installed", where="ferrogate bench page", todo="pip install 'ferrogate[bench]'"
        ) from error
    if not Path(CHROMIUM).exists():
        raise ConfigError(
            "there is no Chromium on this machine", where=CHROMIUM, todo="apt-get install chromium"
        )
    with sync_playwright() as engine:
        yield engine


def _open_browser(engine: Playwright, seen: Seen) -> Page:
    """A browser of its own with one empty page that notes what goes wrong."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    browser: Browser = engine.chromium.launch(
        executable_path=CHROMIUM, headless=True, args=list(CHROMIUM_FLAGS)
    )
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    for child in psutil.Process().children(recursive=True):
        if child.pid not in before:
            child.nice(_LOWEST)
    page.add_init_script(_LISTEN)
    page.on("console", lambda message: _note(seen, message.type, message.text))
    page.on("pageerror", lambda error: seen.console_errors.append(str(error)))
    return page


def _note(seen: Seen, kind: str, text: str) -> None:
    if kind == "error":
        seen.console_errors.append(text)
