"""Runs a soak from its plan to its result; what ran is reported however it ended.

Neighbours: `plan` made the settings, `edge_runtime.twin.demo` runs the processes, `watch` looks on.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from edge_runtime.bench.machine import this_machine
from edge_runtime.cli import version
from edge_runtime.config import load_recipe
from edge_runtime.ledger.books import balance
from edge_runtime.ledger.store import ledger_url, open_to_read, reading
from edge_runtime.models import read_model
from edge_runtime.soak.growth import drift, growths, memory_growth_mb
from edge_runtime.soak.plan import SoakPlan, line_of
from edge_runtime.soak.result import Origin, SoakResult
from edge_runtime.soak.watch import Watch
from edge_runtime.twin.demo import DemoError, DemoRun, free_port, play, write_files
from vision.errors import LedgerError

_GIT_S = 10.0


def run_soak(
    plan: SoakPlan,
    progress: Callable[[int, Watch], None],
    stop: threading.Event,
    *,
    page: bool = True,
    station_command: list[str] | None = None,
) -> SoakResult:
    """Run it.

    Args:
        plan: what to run.
        progress: called often with the balls that have left the line, and the watch.
        stop: once set no more balls come and the belt runs empty; the watch sets it when the line is stuck.
        page: run the page, and keep one open.
        station_command: another way to start the station, behind which its file goes (tests).

    Raises:
        ConfigError, ContractError: plan or model cannot be used.
    """
    settings = line_of(plan)
    origin = _origin(plan.model)
    run = write_files(settings, model=plan.model, page_port=free_port() if page else None)
    size = load_recipe(run.recipe_file).size
    watch = Watch(settings, (size.d_min_mm, size.d_max_mm), stop)
    error = ""
    began_s = time.monotonic()
    try:
        play(
            run,
            lambda placed: progress(placed, watch),
            None if station_command is None else [*station_command, str(run.station_file)],
            stop=stop,
            beside=watch.beside,
        )
    except DemoError as failed:
        error = f"{failed.what} ({failed.where})"
    wall_s = time.monotonic() - began_s
    watch.finish()
    if watch.failed is not None:
        raise watch.failed
    return _result(plan, origin, run, watch, wall_s, error)


def _origin(model: str) -> Origin:
    return Origin(
        version=version(),
        revision=revision(),
        model=model,
        model_sha256=read_model(model).sha256,
        machine=this_machine(),
    )


def revision() -> str:
    """Revision of the source, with a plus when it was changed since; '' where it is no repository."""
    git = shutil.which("git")
    if git is None:
        return ""
    found = []
    for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no")):
        done = subprocess.run(
            [git, "-C", str(Path(__file__).resolve().parent), *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=_GIT_S,
        )
        if done.returncode != 0:
            return ""
        found.append(done.stdout.strip())
    return found[0] + ("+" if found[1] else "")


def _result(
    plan: SoakPlan, origin: Origin, run: DemoRun, watch: Watch, wall_s: float, error: str
) -> SoakResult:
    books_balanced, books_text = _books(run)
    found = growths(watch.samples)
    idle_cut_s = watch.idle_cut / run.settings.speed_counts_per_s
    belt_s = 0.0
    if watch.belt_ns is not None and watch.ended_ns is not None:
        end_ns = watch.belt_ns[1] if watch.complete else watch.ended_ns
        belt_s = max(end_ns - watch.belt_ns[0], 0) / 1e9
    return SoakResult(
        plan=plan,
        origin=origin,
        tally=watch.tally,
        faults=watch.windows.faults,
        disturbances=watch.windows.disturbances,
        began_ns=watch.began_ns,
        line_s=belt_s + idle_cut_s,
        wall_s=wall_s,
        idle_cut_s=idle_cut_s,
        growths=found,
        drift=drift(watch.tally.latencies),
        memory_growth_mb=memory_growth_mb(found, belt_s / 3600.0),
        samples=watch.samples,
        disk_mb=watch.disk_mb,
        books_balanced=books_balanced,
        books_text=books_text,
        ledger_mb=_ledger_mb(run.storage),
        belt_length_m=watch.windows.belt_length * run.settings.um_per_count / 1e6,
        wraps=watch.wraps,
        scans_late=watch.scans_late,
        page_pictures=watch.page.pictures if watch.page is not None else 0,
        page_broken=watch.page.broken if watch.page is not None else 0,
        stopped_early=run.stopped_early and not watch.stuck,
        stuck=watch.stuck,
        error=error,
    )


def _books(run: DemoRun) -> tuple[bool, str]:
    """Whether the station's books balance; balls left on the belt of a run that was ended may be open."""
    try:
        engine = open_to_read(ledger_url(run.storage))
    except LedgerError as error:
        return False, error.what
    try:
        with reading(engine) as connection:
            books = balance(connection)
    finally:
        engine.dispose()
    return books.balanced and (books.settled or run.stopped_early), books.text()


def _ledger_mb(storage: Path) -> float:
    """Size of the ledger's files."""
    return sum(path.stat().st_size for path in storage.glob("ledger.sqlite*")) / 1e6
